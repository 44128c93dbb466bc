//! `tidegate status [MIRROR]`

use serde_json::json;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::desk::Side;
use crate::ledger::Ledger;
use crate::ledger::conflict::Conflict;
use crate::ledger::feed::Witness;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::status::{Feed, Status};

use super::open;

/// So many conflicts are shown to people; `--json` has all.
const CONFLICTS: usize = 5;

/// Options of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One mirror; all if not given
    pub mirror: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints where mirrors stand.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = print(&opened.ledger, &args).await;
    opened.close().await;
    done
}

async fn print(ledger: &Ledger, args: &Args) -> anyhow::Result<u8> {
    let mirrors = match &args.mirror {
        Some(name) => vec![ledger.mirror(name).await?],
        None => ledger.mirrors().await?,
    };
    let now = Clock::system().now();
    let mut all = Vec::new();
    for mirror in mirrors {
        let status = ledger.status(mirror.id, now).await?;
        let (source, target) = (ledger.witness(mirror.id, Side::Source).await?, ledger.witness(mirror.id, Side::Target).await?);
        let conflicts = ledger.conflicts(mirror.id).await?;
        if !args.json {
            for line in lines(&mirror, &status, [&source, &target]).into_iter().chain(conflict_lines(&conflicts)) {
                println!("{line}");
            }
        }
        all.push(json!({
            "mirror": mirror.name, "phase": mirror.phase, "paused": mirror.paused_why,
            "reference_time": mirror.reference_time, "status": status, "webhook": { "source": source, "target": target },
            "conflicts": conflicts,
        }));
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    Ok(0)
}

fn lines(mirror: &MirrorRow, status: &Status, [source, target]: [&Witness; 2]) -> Vec<String> {
    let mut lines = vec![match &mirror.paused_why {
        Some(why) => format!("{}: PAUSED: {why}", mirror.name),
        None => format!("{}: {}", mirror.name, mirror.phase.as_str()),
    }];
    lines.push(format!(
        "  {} tickets, {} copied, {} messages; {} waiting (oldest {:.0} s), {} parked, {} conflicts, {} not whole yet",
        status.tickets,
        status.copied,
        status.messages,
        status.waiting,
        status.oldest_seconds,
        status.parked,
        status.conflicts,
        status.incomplete
    ));
    lines.push(format!(
        "  lag p50 {:.2} s, p95 {:.2} s, p99 {:.2} s, longest {:.2} s over {} live changes",
        status.lag.p50, status.lag.p95, status.lag.p99, status.lag.max, status.lag.events
    ));
    if let Some(reference) = mirror.reference_time {
        lines.push(format!("  reference time {reference}: start of the last full copy that was read to its end"));
    }
    lines.extend(feed_lines("source", &status.source, source));
    lines.extend(feed_lines("target", &status.target, target));
    if status.missed > 0 {
        lines.push(format!("  {} changes were seen by a poll only, not by its webhook", status.missed));
    }
    if status.parked > 0 {
        lines.push(format!("  next: tidegate parked list {}", mirror.name));
    }
    lines
}

fn feed_lines(side: &str, feed: &Feed, witness: &Witness) -> Vec<String> {
    let mut lines = vec![match witness.last_delivery_at {
        Some(at) => format!("  {side} webhook: last genuine delivery {at}"),
        None if witness.registration.is_some() => format!("  {side} webhook: registered, nothing was delivered yet"),
        None => format!("  {side} webhook: none"),
    }];
    if feed.webhook_silent {
        lines.push(format!(
            "  ALARM: the {side} webhook is silent: the poll sees changes that it does not tell. Look at it in the {side} desk."
        ));
    }
    if let (Some(at), Some(why)) = (witness.last_rejection_at, &witness.last_rejection) {
        lines.push(format!("  {side} webhook: {} requests were refused, the last {at}: {why}", witness.rejections));
    }
    lines.push(match (feed.polled_at, &feed.poll_fault) {
        (_, Some(fault)) => format!("  ALARM: the {side} poll fails: {fault}"),
        (Some(at), None) => format!("  {side} poll: last {at}"),
        (None, None) => format!("  {side} poll: not started; run tidegate serve"),
    });
    lines
}

/// The latest first, with the value that lost.
fn conflict_lines(conflicts: &[Conflict]) -> Vec<String> {
    let mut lines: Vec<String> = conflicts.iter().take(CONFLICTS).map(conflict_line).collect();
    if conflicts.len() > CONFLICTS {
        lines.push(format!("  … and {} conflicts more; `--json` has them all", conflicts.len() - CONFLICTS));
    }
    lines
}

fn conflict_line(conflict: &Conflict) -> String {
    let ticket = |id: &Option<String>| id.clone().unwrap_or_else(|| "(none)".to_string());
    let ends = format!("source {} → target {}", ticket(&conflict.source_ticket), ticket(&conflict.target_ticket));
    let (source, target) = (&conflict.source, &conflict.target);
    let outcome = match conflict.winner.as_str() {
        "source" => format!("the source's `{source}` stands, the target's `{target}` is lost"),
        "target" => format!("the target's `{target}` stands, the source's `{source}` is lost"),
        _ => format!("the source says `{source}`, the target `{target}`: undecided"),
    };
    format!("  conflict: {ends}, `{}`: {outcome}", conflict.field)
}
