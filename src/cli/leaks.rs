//! `tidegate leaks MIRROR`

use serde_json::json;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::gateway::connect::connected;
use crate::ledger::Ledger;
use crate::ledger::leak::{LeakRecord, LookRecord, Verdict};
use crate::ledger::mirror::MirrorRow;
use crate::replay::fate::Fate;
use crate::replay::leaks::LeakWatch;

use super::open;

/// So many looks and leaks are shown to people; `--json` has all.
const SHOWN: usize = 20;

/// Options of `leaks`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// Ask the desks at once about everything that was written in the last 96 hours; exit status 0 only if they are silent
    #[arg(long)]
    pub now: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints what the looks said, after one more with `--now`.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = show(&opened.ledger, &args).await;
    opened.close().await;
    done
}

async fn show(ledger: &Ledger, args: &Args) -> anyhow::Result<u8> {
    let row = ledger.mirror(&args.mirror).await?;
    let silent = if args.now { look(ledger, &row).await? } else { true };
    let row = ledger.mirror(&args.mirror).await?;
    let (looks, leaks) = (ledger.looks(row.id).await?, ledger.leaks(row.id).await?);
    if args.json {
        let all = json!({ "mirror": row.name, "paused": row.paused_why, "looks": looks, "leaks": leaks });
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        lines(&row, &looks, &leaks).iter().for_each(|line| println!("{line}"));
    }
    Ok(u8::from(!silent))
}

/// Whether the desks say that they told nobody.
async fn look(ledger: &Ledger, row: &MirrorRow) -> anyhow::Result<bool> {
    let clock = Clock::system();
    let desks = connected(row, ledger, &clock)?;
    let watch = LeakWatch { ledger: ledger.clone(), clock, course: desks.course.clone() };
    let findings = watch.look_now().await;
    desks.flush().await;
    match findings {
        Ok(found) => Ok(found.is_none_or(|found| found.verdict == Verdict::Silent)),
        Err(Fate::Ledger(error)) => Err(error.into()),
        Err(fate) => anyhow::bail!("the desks could not be asked: {fate}"),
    }
}

fn lines(row: &MirrorRow, looks: &[LookRecord], leaks: &[LeakRecord]) -> Vec<String> {
    let (done, open): (Vec<&LookRecord>, Vec<&LookRecord>) = looks.iter().partition(|look| look.done_at.is_some());
    let mut lines = Vec::new();
    lines.extend(row.paused_why.as_ref().map(|why| format!("{} is PAUSED: {why}", row.name)));
    if done.is_empty() {
        lines.push(format!("{}: the desks were not asked yet whether they told anybody because of us.", row.name));
    }
    lines.extend(done.iter().take(SHOWN).map(|look| look_line(look)));
    lines.extend((done.len() > SHOWN).then(|| format!("… and {} looks more; `--json` has them all", done.len() - SHOWN)));
    if let Some(next) = open.iter().map(|look| look.due_at).min() {
        lines.push(format!("{} looks are still to come, the next one {}", open.len(), next.format("%Y-%m-%d %H:%M UTC")));
    }
    lines.extend(leaks.iter().take(SHOWN).map(leak_line));
    lines.extend((leaks.len() > SHOWN).then(|| format!("… and {} more; `--json` has them all", leaks.len() - SHOWN)));
    lines
}

fn look_line(look: &LookRecord) -> String {
    let when = match look.hours {
        None => "asked by hand".to_string(),
        Some(0) => "after the batch".to_string(),
        Some(1) => "1 hour later".to_string(),
        Some(hours) => format!("{hours} hours later"),
    };
    let verdict = look.verdict.map_or("", Verdict::as_str);
    let (asked, tickets) = (look.asked.unwrap_or(0), look.tickets.unwrap_or(0));
    let sample = match asked == tickets {
        true => format!("all {tickets} tickets asked about"),
        false => format!("{asked} of {tickets} tickets asked about, those with public messages first"),
    };
    let why = look.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    let since = look.written_since.format("%Y-%m-%d %H:%M UTC");
    format!("{verdict:12} written since {since}, {when}, {sample}{why}")
}

fn leak_line(leak: &LeakRecord) -> String {
    let kinds = [(leak.customers, "customers"), (leak.agents, "agents"), (leak.others, "others")];
    let told: Vec<String> =
        kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{kind}: {count}")).collect();
    let told = if told.is_empty() { "somebody".to_string() } else { told.join(", ") };
    let kind = if leak.ours { "LEAK" } else { "unsure" };
    let at = leak.at.format("%Y-%m-%d %H:%M:%S UTC");
    format!("{kind:12} {} ticket {}, {at}: {} told {told}", leak.side.as_str(), leak.ticket, leak.rule)
}
