//! What a webhook is, in words.

use std::io::IsTerminal;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use crate::ledger::feed::Witness;
use crate::ledger::webhook::Refusal;
use crate::secret::Secret;

use super::Hook;

/// Clocks that differ by less are not told.
const CLOSE: i64 = 3;

/// A time to the second.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Prints address, secret, an admin's steps, and what came of it.
pub async fn show(hook: &Hook<'_>, as_json: bool) -> anyhow::Result<()> {
    let witness = hook.witness().await?;
    let refusals = hook.ledger.refusals(hook.row.id, hook.side).await?;
    let secret = hook.secret(&witness).await;
    if as_json {
        let shown = secret.ok().filter(|_| hook.show_secret).map(|secret| secret.expose().to_string());
        let told = json!({
            "mirror": hook.row.name, "side": hook.side, "desk": hook.desk.address(), "name": hook.name, "url": hook.url,
            "secret": shown, "webhook": witness, "refused": refusals,
        });
        println!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    let name = hook.desk.capabilities().name;
    println!("Webhook of the {} desk of {} ({name}, {}):", hook.side.as_str(), hook.row.name, hook.desk.address());
    println!("  URL: {}", hook.url);
    match &secret {
        Ok(secret) => println!("  secret: {}", shown(hook, secret)),
        Err(why) => println!("  secret: none yet; {why}"),
    }
    lines(&witness, &refusals).iter().for_each(|line| println!("  {line}"));
    println!("What an admin of the desk does:");
    steps(hook, hook.desk.webhook_steps().register, secret.as_ref().ok());
    Ok(())
}

/// What was delivered, refused and tried.
fn lines(witness: &Witness, refusals: &[Refusal]) -> Vec<String> {
    let mut lines = Vec::new();
    lines.push(match (&witness.removed_at, &witness.registration, witness.registered_at) {
        (Some(at), ..) => format!("taken away by the operator at {}", time(*at)),
        (None, Some(id), Some(at)) => format!("registered as {id} since {}", time(at)),
        _ => "not registered by the gateway".to_string(),
    });
    lines.push(match witness.last_delivery_at {
        Some(at) => format!("last genuine delivery: {}", time(at)),
        None => "no genuine delivery has come yet".to_string(),
    });
    if let (Some(at), true) = (witness.former_at, witness.newest_at.is_none()) {
        lines.push(format!(
            "the last one, at {}, was signed with the former secret: the desk has not got the present one yet",
            time(at)
        ));
    }
    lines.extend(refusals.iter().map(refused));
    if let (Some(at), Some(verdict), Some(why)) = (witness.tested_at, &witness.verdict, &witness.verdict_why) {
        lines.push(format!("last self-test, at {}: {verdict}: {why}", time(at)));
    }
    lines
}

/// A kind of refusal.
pub fn refused(refusal: &Refusal) -> String {
    format!("refused, {} ({} times, the last {}): {}", refusal.kind, refusal.times, time(refusal.last_at), refusal.line)
}

/// Prints steps for a person, filled in.
pub fn steps(hook: &Hook<'_>, steps: &[&str], secret: Option<&Secret>) {
    let secret = secret.map_or_else(|| "SECRET".to_string(), |secret| shown(hook, secret));
    for step in steps {
        println!("  {}", step.replace("{name}", &hook.name).replace("{url}", &hook.url).replace("{secret}", &secret));
    }
}

/// The secret, where nobody but the operator reads it.
pub fn shown(hook: &Hook<'_>, secret: &Secret) -> String {
    if hook.show_secret || std::io::stdout().is_terminal() {
        secret.expose().to_string()
    } else {
        "(hidden; print it with --show-secret)".to_string()
    }
}

/// Says if the desk's clock is another than ours: a delivery is refused when it is too far away.
pub async fn clocks(hook: &Hook<'_>) {
    let Ok(identity) = hook.desk.identify().await else { return };
    let Some(desk) = identity.desk_time else { return };
    let ahead = (desk - hook.clock.now()).num_seconds();
    if ahead.abs() > CLOSE {
        let way = if ahead > 0 { "ahead of" } else { "behind" };
        let limit = hook.settings.tolerance.as_secs();
        println!("The desk's clock is {} s {way} this machine's; deliveries may be {limit} s away.", ahead.abs());
    }
}
