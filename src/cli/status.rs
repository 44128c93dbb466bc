//! `tidegate status [MIRROR]`

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::clock::{Clock, delta};
use crate::config::mirror::MirrorConfig;
use crate::config::settings::Settings;
use crate::cutover::retention::limits;
use crate::cutover::voice::{self, voices};
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::ledger::Ledger;
use crate::ledger::check::PairRecord;
use crate::ledger::conflict::Conflict;
use crate::ledger::feed::Witness;
use crate::ledger::leak::{Leaks, Verdict};
use crate::ledger::mirror::MirrorRow;
use crate::ledger::pair::Pair;
use crate::ledger::retention::Keeping;
use crate::ledger::status::{Feed, Status};
use crate::ledger::switch::{Kind, Run};
use crate::ledger::webhook;
use crate::mirror::Phase;

use super::checked::Checked;
use super::conflicts::Names;
use super::run::status as runs_of;
use super::window::Stand;
use super::{open, purge};

/// So many conflicts are shown to people; `--json` has all.
const CONFLICTS: usize = 5;

/// Options of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One mirror; all if not given
    pub mirror: Option<String>,
    /// Look one ticket of the mirror up by its number, the old or the new one
    #[arg(long, value_name = "NUMBER", requires = "mirror")]
    pub ticket: Option<String>,
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
        Some(name) => vec![ledger.mirror_or_its_map(name).await?],
        None => ledger.mirrors().await?,
    };
    if let (Some(number), [mirror]) = (&args.ticket, mirrors.as_slice()) {
        return ticket(ledger, mirror, number, args.json).await;
    }
    let now = Clock::system().now();
    let mut all = Vec::new();
    for mirror in mirrors {
        let status = ledger.status(mirror.id, now).await?;
        let (source, target) = (ledger.witness(mirror.id, Side::Source).await?, ledger.witness(mirror.id, Side::Target).await?);
        let conflicts = ledger.conflicts(mirror.id).await?;
        let (keeping, check) = (ledger.keeping(mirror.id).await?, Checked::of(ledger, &mirror).await?);
        let switch = ledger.open_switch(mirror.id).await?;
        let windows = Stand::all(ledger, &mirror, now).await?;
        let voices = match MirrorConfig::stored(&mirror.name, mirror.config.clone()) {
            Ok(config) => voices(ledger, mirror.id, &config).await?,
            Err(_) => Vec::new(),
        };
        if !args.json && keeping.purge.is_some() {
            purge_lines(&mirror, &keeping).iter().for_each(|line| println!("{line}"));
        } else if !args.json {
            let runs = runs_of(ledger, &mirror, status.resting).await?;
            let switch = switch.as_ref().map(|run| switch_line(&mirror.name, run));
            let told =
                lines(&mirror, &status, [&source, &target]).into_iter().chain(switch).chain(kept_line(&mirror, &keeping, now));
            let told = told.chain(voices.iter().filter_map(voice::line).map(|line| format!("  {line}")));
            let told = told.chain(windows.iter().flat_map(Stand::lines)).chain(runs).chain(conflict_lines(&conflicts));
            told.chain(check.lines(&mirror.name, now)).for_each(|line| println!("{line}"));
        }
        all.push(json!({
            "mirror": mirror.name, "phase": mirror.phase, "paused": mirror.paused_why,
            "reference_time": mirror.reference_time, "recovered_at": mirror.recovered_at, "status": status,
            "webhook": { "source": source, "target": target }, "conflicts": conflicts, "check": check, "switch": switch,
            "retention": { "keeping": keeping, "until": keeping.until(delta(limits(&mirror).after_retirement)) },
            "windows": windows, "silence": voices,
        }));
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    }
    Ok(0)
}

/// What became of one ticket. Exit status 1 where the mirror knows no ticket of this number.
async fn ticket(ledger: &Ledger, mirror: &MirrorRow, number: &str, as_json: bool) -> anyhow::Result<u8> {
    let mut all = Vec::new();
    for pair in ledger.pairs_of_number(mirror.id, number).await? {
        let record = ledger.pair_record(&pair).await?;
        let survivor = match &pair.source_ticket {
            Some(source) => ledger.root_of(mirror.id, Side::Source, source).await?.map(|(_, ticket)| ticket),
            None => None,
        };
        all.push(Found { pair, record, survivor });
    }
    if as_json {
        println!("{}", serde_json::to_string_pretty(&all.iter().map(Found::json).collect::<Vec<_>>())?);
    } else {
        all.iter().flat_map(Found::lines).for_each(|line| println!("{line}"));
    }
    if all.is_empty() {
        eprintln!("Mirror `{}` knows no ticket {number}, neither old nor new.", mirror.name);
    }
    Ok(u8::from(all.is_empty()))
}

/// A ticket that was asked for.
struct Found {
    pair: Pair,
    record: PairRecord,
    /// The target ticket in which its conversation goes on.
    survivor: Option<TicketId>,
}

impl Found {
    fn unheld(&self) -> impl Iterator<Item = String> {
        let unheld = self.pair.base.iter().flat_map(|base| &base.unheld);
        unheld.map(|one| format!("link to {} in the old desk: {}", one.link.to, one.why.sentence()))
    }

    fn held(&self) -> impl Iterator<Item = String> {
        let held = self.pair.base.iter().filter_map(|base| base.held.as_ref());
        held.map(|held| {
            let fields: Vec<String> = held.fields.iter().map(|field| format!("`{field}`")).collect();
            format!("{} wait until {}: people are at work on the new ticket", fields.join(", "), held.until.format("%F %T UTC"))
        })
    }

    fn lines(&self) -> Vec<String> {
        let Pair { source_ticket, target_ticket, state, incomplete_why, .. } = &self.pair;
        let number = |ticket: &Option<TicketId>| ticket.as_ref().map_or_else(|| "none".to_string(), TicketId::to_string);
        let mut lines = vec![format!("old {}, new {} ({state})", number(source_ticket), number(target_ticket))];
        lines.extend(self.record.formers.iter().map(|closed| format!("  new {closed} went before it and is closed")));
        let merged = self.survivor.iter().filter(|survivor| state == "merged" && target_ticket.as_ref() != Some(survivor));
        lines.extend(merged.map(|survivor| format!("  goes on in new {survivor}")));
        lines.extend(incomplete_why.iter().map(|why| format!("  not whole yet: {why}")));
        lines.extend(self.held().map(|held| format!("  {held}")));
        lines.extend(self.record.parked.iter().map(|kind| format!("  parked: {kind}")));
        lines.extend(self.unheld().map(|link| format!("  {link}")));
        lines
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "source_ticket": self.pair.source_ticket, "target_ticket": self.pair.target_ticket, "state": self.pair.state,
            "former_target_tickets": self.record.formers, "goes_on_in": self.survivor,
            "incomplete": self.pair.incomplete_why, "parked": self.record.parked,
            "held_back": self.pair.base.as_ref().and_then(|base| base.held.as_ref()),
            "links_not_held": self.unheld().collect::<Vec<_>>(),
        })
    }
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
    lines.extend(uncopied_line(mirror, status));
    lines.push(format!(
        "  lag p50 {:.2} s, p95 {:.2} s, p99 {:.2} s, longest {:.2} s over {} live changes",
        status.lag.p50, status.lag.p95, status.lag.p99, status.lag.max, status.lag.events
    ));
    if let Some(reference) = mirror.reference_time {
        lines.push(format!(
            "  reference time {reference}: start of the last read that was carried whole, by the full copy or by a run"
        ));
    }
    if let Some(at) = mirror.recovered_at {
        lines.push(format!(
            "  the ledger went back in time, found {at}: what is older is looked up in the target before it is made ({} found again)",
            status.figures.get("found again after a restore").unwrap_or(&0)
        ));
    }
    lines.extend(status.blind.iter().map(|blind| format!("  ALARM: since {}: {}", blind.since, blind.why)));
    lines.extend(leak_line(&status.leaks));
    lines.extend(feed_lines("source", &status.source, source));
    lines.extend(feed_lines("target", &status.target, target));
    if status.missed > 0 {
        lines.push(format!("  {} changes were seen by a poll only, not by its webhook", status.missed));
    }
    if let Some(links) = status.figures.get("links not held") {
        lines.push(format!("  {links} links between tickets have no place in the new desk; notes in its tickets say so"));
    }
    lines.extend(replies_line(status));
    if let Some(values) = status.figures.get("values not kept") {
        lines.push(format!(
            "  {values} values that were written stand empty in the new desk: our user lacks a right for the field, or a rule takes them \
             out; `tidegate explain {} TICKET` tells which, the log of `serve` names the tickets",
            mirror.name
        ));
    }
    if status.parked > 0 {
        lines.push(format!("  next: tidegate parked list {}", mirror.name));
    }
    lines
}

/// What people wrote in the new desk and was carried into the old one.
fn replies_line(status: &Status) -> Option<String> {
    let replies = status.figures.get("replies carried back").filter(|replies| **replies > 0)?;
    let stays = match status.figures.get("messages that stay") {
        Some(stays) => format!("; {stays} stay there, because the old ticket is closed for good"),
        None => String::new(),
    };
    Some(format!("  {replies} messages that people wrote in the new desk were carried into the old one{stays}"))
}

/// A switch that has not ended: somebody waits for it, or its process ended.
fn switch_line(mirror: &str, run: &Run) -> String {
    let (go_on, who, at) = (run.options(), &run.who, run.began_at.format("%F %T UTC"));
    match (run.kind, run.turned_at) {
        (Kind::Go | Kind::Back, None) => format!(
            "  a switch was begun by {who} at {at} and has changed nothing yet: tidegate cutover {mirror} {go_on} goes on, --undo gives it up"
        ),
        (Kind::Go | Kind::Back, Some(_)) => format!(
            "  a switch was begun by {who} at {at} and has turned; tickets in the middle of something are turned when that is done \
             (tidegate cutover {mirror} {go_on} asks at once)"
        ),
        (Kind::Rehearsal | Kind::Retire, _) => format!("  {}: begun by {who} at {at}", run.kind.as_str()),
    }
}

/// A retired mirror counts its days.
fn kept_line(mirror: &MirrorRow, keeping: &Keeping, now: DateTime<Utc>) -> Option<String> {
    let (retired, until) = (keeping.retired_at?, keeping.until(delta(limits(mirror).after_retirement))?);
    let (day, name) = ("%F %H:%M UTC", &mirror.name);
    let days = (until - now).num_days().max(0);
    Some(format!(
        "  retired {}: what is known of its tickets is destroyed {} (in {days} days), but for their numbers; `tidegate extend {name} --keep` \
         keeps it longer",
        retired.format(day),
        until.format(day)
    ))
}

/// Of a mirror whose time is over.
fn purge_lines(mirror: &MirrorRow, keeping: &Keeping) -> Vec<String> {
    keeping.purge.iter().flat_map(|purge| purge::lines(&mirror.name, purge)).collect()
}

/// What is not carried before the full copy is ordered.
fn uncopied_line(mirror: &MirrorRow, status: &Status) -> Option<String> {
    let (name, Status { sample, resting, .. }) = (&mirror.name, status);
    match mirror.phase {
        Phase::Applied => Some(format!(
            "  nothing is carried before a copy is ordered; {resting} tickets changed and wait for it: `tidegate mirror check FILE`, then \
             `tidegate backfill {name}`"
        )),
        Phase::Rehearsing => Some(format!(
            "  rehearsal: a sample of {sample} tickets and what is in the new desk is carried, nothing else; {resting} other tickets \
             changed and wait for `tidegate backfill {name}`"
        )),
        _ => None,
    }
}

/// What the last leak check said.
fn leak_line(leaks: &Leaks) -> Option<String> {
    let (verdict, at) = (leaks.verdict?, leaks.done_at?);
    let why = leaks.why.as_deref().unwrap_or_default();
    Some(match verdict {
        Verdict::Leaked => format!("  ALARM: leaked: {why}; {} in all, asked {at}", leaks.leaks),
        Verdict::CannotTell => format!("  leak check: cannot tell ({why}), asked {at}"),
        Verdict::Silent if leaks.leaks > 0 => format!("  leak check: silent again at {at}; {} leaks before", leaks.leaks),
        Verdict::Silent => format!("  leak check: silent, asked {at}"),
    })
}

fn feed_lines(side: &str, feed: &Feed, witness: &Witness) -> Vec<String> {
    let mut lines = vec![match (witness.removed_at, witness.last_delivery_at) {
        (Some(at), _) => format!("  {side} webhook: taken away {at}; changes come by poll. `tidegate webhook` brings it back"),
        (None, Some(at)) => format!("  {side} webhook: last genuine delivery {at}"),
        (None, None) if witness.registration.is_some() => format!("  {side} webhook: registered, nothing was delivered yet"),
        (None, None) => format!("  {side} webhook: none"),
    }];
    if let (Some(at), Some(verdict), Some(why)) = (witness.tested_at, &witness.verdict, &witness.verdict_why) {
        let over = witness.removed_at.is_some() || witness.last_delivery_at > Some(at);
        let alarm = if webhook::Verdict::is_alarm(verdict) && !over { "ALARM: " } else { "" };
        lines.push(format!("  {alarm}{side} webhook: self-test {at}: {verdict}: {why}"));
    }
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
    let outcome = Names::default().outcome(conflict);
    format!("  conflict: {ends}, `{}`: {outcome}", conflict.field)
}
