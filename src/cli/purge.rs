//! `tidegate purge MIRROR`

use crate::clock::Clock;
use crate::config::mirror::{Auth, Connection, MirrorConfig};
use crate::config::secret::SecretRef;
use crate::config::settings::Settings;
use crate::cutover::retention::BATCH;
use crate::ledger::Ledger;
use crate::ledger::retention::Purge;

use super::{open, operator};

/// Options of `purge`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// The mirror's name again: what is known of its tickets is destroyed, but for their numbers
    #[arg(long, value_name = "MIRROR")]
    pub yes: String,
}

/// Destroys what is known of a retired mirror, now.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = purge(&opened.ledger, &args).await;
    opened.close().await;
    done
}

async fn purge(ledger: &Ledger, args: &Args) -> anyhow::Result<u8> {
    let row = ledger.mirror_or_its_map(&args.mirror).await?;
    let name = &row.name;
    anyhow::ensure!(args.yes == *name, "to destroy what is known of the mirror, name it again: --yes {name}");
    let keeping = ledger.keeping(row.id).await?;
    if keeping.retired_at.is_none() && keeping.purge.is_none() {
        anyhow::bail!(
            "{name} is not retired: customers may still write to the old desk. `tidegate retire {name}` ends it; `tidegate mirror remove \
             {name}` forgets a mirror that is given up, with the numbers of its tickets"
        );
    }
    let clock = Clock::system();
    ledger.order_purge(row.id, "ordered before its time", Some(&operator::name()), clock.now()).await?;
    while !ledger.destroy(row.id, BATCH, clock.now()).await? {}
    for line in ledger.keeping(row.id).await?.purge.iter().flat_map(|purge| lines(name, purge)) {
        println!("{line}");
    }
    for place in MirrorConfig::stored(name, row.config).iter().flat_map(places) {
        println!("  not in the ledger, and to be taken out of use by you: {place}");
    }
    Ok(0)
}

/// What was destroyed, by whom, and what stays.
pub fn lines(name: &str, purge: &Purge) -> Vec<String> {
    let by = purge.ordered_by.as_deref().map(|who| format!(" by {who}")).unwrap_or_default();
    let at = |at: chrono::DateTime<chrono::Utc>| at.format("%F %T UTC");
    let ended = purge.done_at.map_or("under way".to_string(), |done| format!("done {}", at(done)));
    let mut lines = vec![format!("What was known of {name} is destroyed: {}{by}, {}, {ended}", purge.rule, at(purge.ordered_at))];
    lines.extend(purge.destroyed.iter().map(|(what, count)| format!("  {count} {what}")));
    lines.push(format!(
        "  what stays: this record, counts, the numbers of the tickets (`tidegate map {name}`), and who decided what (`tidegate certificate \
         make {name}`)"
    ));
    lines
}

/// Where the secrets of both desks are.
fn places(config: &MirrorConfig) -> Vec<String> {
    let ends = [("source", &config.source), ("target", &config.target)];
    ends.into_iter().flat_map(|(side, end)| of_desk(end).into_iter().map(move |place| format!("{place} ({side} desk)"))).collect()
}

fn of_desk(end: &Connection) -> Vec<String> {
    let credential = match &end.auth {
        Auth::Oauth { client_secret, .. } => client_secret,
        Auth::ApiToken { token, .. } | Auth::Token { token } => token,
    };
    let hook = end.webhook.iter().flat_map(|hook| [&hook.secret, &hook.previous_secret]).flatten();
    [credential].into_iter().chain(hook).map(SecretRef::to_string).collect()
}
