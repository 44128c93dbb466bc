//! `tidegate check MIRROR --accept …`: a person takes a difference as it is.

use anyhow::bail;

use crate::clock::Clock;
use crate::config::mirror::MirrorConfig;
use crate::cutover::parity::rules_of;
use crate::cutover::report::Kind;
use crate::ledger::Ledger;
use crate::ledger::accepted::{Which, Word};
use crate::ledger::verdict::Measure;

use super::operator;

/// A kind of difference by its word, or else a ticket by its number.
fn which(word: &str) -> Which {
    match Kind::of(word) {
        Some(kind) => Which::Kind(kind.stored().to_string()),
        None => Which::Ticket(word.to_string()),
    }
}

/// Accepts what the last check found. Asks no desk.
pub async fn accept(ledger: &Ledger, mirror: &str, what: &str, reason: &str) -> anyhow::Result<u8> {
    if reason.trim().is_empty() {
        bail!("a difference is accepted for a reason: --reason TEXT");
    }
    let row = ledger.mirror(mirror).await?;
    let config = MirrorConfig::stored(&row.name, row.config.clone()).map_err(anyhow::Error::msg)?;
    let rules = rules_of(&config.mapping, &config.policy, &config.scope);
    let measure = Measure { mirror: row.id, windows: None, rules: &rules, bytes: false, run: None };
    let word = Word { who: operator::name(), reason: reason.to_string(), at: Clock::system().now() };
    let [differences, tickets] = ledger.accept_differences(&measure, &which(what), &word).await?;
    if differences == 0 {
        bail!(
            "no check found a difference `{what}` that stands: it is a ticket's number, or a kind as `tidegate check {mirror}` tells it"
        );
    }
    println!("Accepted by {}: {differences} differences of {tickets} tickets.", word.who);
    println!(
        "This holds as long as a ticket differs in exactly this way. Back: tidegate check {mirror} --unaccept {}",
        quoted(what)
    );
    Ok(0)
}

/// Takes it back.
pub async fn unaccept(ledger: &Ledger, mirror: &str, what: &str) -> anyhow::Result<u8> {
    let row = ledger.mirror(mirror).await?;
    match ledger.unaccept_differences(row.id, &which(what)).await? {
        0 => bail!("nobody accepted `{what}` in mirror `{mirror}`"),
        count => println!("{count} differences are not accepted any more."),
    }
    Ok(0)
}

fn quoted(what: &str) -> String {
    if what.contains(' ') { format!("\"{what}\"") } else { what.to_string() }
}
