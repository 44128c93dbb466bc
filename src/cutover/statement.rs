//! What can be said about a mirror at one moment: what was compared, how much there is, who decided what. Plain data that is signed
//! ([`super::certificate`]) and printed ([`super::paper`]). It holds numbers, counts, digests and names of those who decided, and no
//! customer's text. Parts that nothing is known of are left out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::mirror::{Connection, MirrorConfig};
use crate::desk::Side;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::numbers::{self, Numbers};
use crate::ledger::retention::Purge;
use crate::ledger::statement::Extent;
use crate::ledger::switch::Kind;
use crate::ledger::tick::List;
use crate::ledger::verdict::Measure;
use crate::ledger::window::Part;
use crate::ledger::{self, Ledger};
use crate::mirror::{PairId, Phase};

use super::gate::Kept;
use super::parity::rules_of;
use super::report::{Acceptance, Report};
use super::sums;
use super::switch::{Step, gates_at};

/// The form of the data. A change that older programs cannot read raises it.
pub const FORM: u32 = 1;
/// Pairs that are held in memory at once.
const PAGE: i64 = 1_000;

/// A statement about a mirror or one of its windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    pub form: u32,
    pub made_at: DateTime<Utc>,
    /// The version of the program that made it.
    pub program: String,
    pub mirror: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    pub phase: String,
    pub source: End,
    pub target: End,
    /// The version of the mapping, a digest of it, and when it was last applied.
    pub mapping: String,
    pub applied_at: DateTime<Utc>,
    /// Start of the last read of the old desk that was carried whole: by the full copy, or by a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference_time: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<DateTime<Utc>>,
    /// Tickets by what became of them.
    pub tickets: BTreeMap<String, i64>,
    pub copied: i64,
    pub messages: i64,
    pub people: i64,
    /// Conflicts and parked tickets that nobody decided yet.
    pub undecided: i64,
    pub digests: Digests,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// Findings that somebody accepted before the copy.
    pub accepted: Vec<Accepted>,
    /// Differences of the comparison that somebody accepted as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences_accepted: Vec<Acceptance>,
    /// Fields that both desks had changed, and who decided.
    pub decided: Vec<Decided>,
    /// Switches that came about, and the end of the mirror; the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<Switch>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ticks: Vec<Tick>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destroyed: Option<Destroyed>,
}

/// A desk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct End {
    pub vendor: String,
    pub address: String,
}

/// Lower-case hex SHA-256.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digests {
    /// Of what `tidegate map MIRROR --csv` prints, for a whole mirror.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    /// Of one line for each pair in the same order, each with a line end: [`ledger::statement::Mark::line`].
    pub pairs: String,
}

/// What is known of both desks from the verdicts of `tidegate check` that stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// When the first and the last of the tickets were compared.
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    /// Digest of mapping, policy and scope that they were judged by.
    pub rules: String,
    pub at_parity: bool,
    pub tickets: u64,
    pub equal: u64,
    pub explained: u64,
    pub moving: u64,
    pub different: u64,
    /// They differ in nothing but what somebody accepted.
    pub accepted: u64,
    pub unread: u64,
    /// Changed since they were compared, or never compared.
    pub stale: u64,
    pub messages: u64,
    /// Files whose bytes were read at both desks and found the same, and their bytes.
    pub files: u64,
    pub bytes: u64,
    /// How often each explanation was needed.
    pub explanations: BTreeMap<String, u64>,
    /// How often something was forgiven because the target has no place for it.
    pub forgiven: BTreeMap<String, u64>,
    /// Fields that the target does not have, by tickets that hold something in them.
    pub not_compared: BTreeMap<String, u64>,
    /// Differences by kind.
    pub differences: BTreeMap<String, u64>,
}

/// A finding of `mirror check`, accepted as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    pub finding: String,
    pub who: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    pub at: DateTime<Utc>,
}

/// So many fields were decided so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// Which value stands: `source`, `target`, `value` (a third one).
    pub stands: String,
    /// A person, or the policy of the mirror file.
    pub by: String,
    pub count: i64,
}

/// A switch of who leads, or the end of the mirror.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    /// What came about.
    pub what: String,
    pub at: DateTime<Utc>,
    pub who: String,
    /// Why gates were to be passed by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Each gate as it was at the last look before; of the end of a mirror what spoke against it.
    pub gates: Vec<Kept>,
}

/// A tick of the checklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    pub what: String,
    pub who: String,
    pub at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// What was destroyed of what was known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Destroyed {
    pub rule: String,
    pub ordered_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done_at: Option<DateTime<Utc>>,
    pub rows: BTreeMap<String, i64>,
}

impl Comparison {
    fn of(report: Report, [from, to]: [DateTime<Utc>; 2], rules: String) -> Self {
        let many = |all: usize| u64::try_from(all).unwrap_or(u64::MAX);
        Self {
            from,
            to,
            rules,
            at_parity: report.at_parity(),
            tickets: report.tickets,
            equal: report.equal,
            explained: report.explained,
            moving: many(report.moving.len()),
            different: report.different,
            accepted: report.accepted,
            unread: many(report.unread.len()),
            stale: report.stale,
            messages: report.messages,
            files: report.attachments,
            bytes: report.bytes,
            explanations: report.explanations,
            forgiven: report.forgiven,
            not_compared: report.not_compared,
            differences: report.kinds,
        }
    }
}

/// What can be said now of a window; without one, of all of the mirror.
pub async fn state(ledger: &Ledger, row: &MirrorRow, window: Option<&Part>, now: DateTime<Utc>) -> ledger::Result<Statement> {
    let extent = Extent { mirror: row.id, window: window.map(|part| part.id) };
    let config = MirrorConfig::stored(&row.name, row.config.clone())
        .map_err(|why| ledger::Error::Unreadable { what: "a mirror".to_string(), why })?;
    let counts = ledger.counts(extent).await?;
    let (comparison, differences_accepted) = compared(ledger, extent, &config, now).await?.unzip();
    let keeping = ledger.keeping(row.id).await?;
    Ok(Statement {
        form: FORM,
        made_at: now,
        program: format!("tidegate {}", env!("CARGO_PKG_VERSION")),
        mirror: row.name.clone(),
        window: window.map(|part| part.name.clone()),
        phase: phase(row, window).as_str().to_string(),
        source: end(&config.source),
        target: end(&config.target),
        mapping: row.mapping_version.clone(),
        applied_at: row.applied_at,
        reference_time: ledger.reference(row.id, window.map(|part| part.id)).await?,
        retired_at: keeping.retired_at,
        tickets: counts.tickets,
        copied: counts.copied,
        messages: counts.messages,
        people: counts.people,
        undecided: counts.undecided,
        digests: digests(ledger, extent).await?,
        comparison,
        accepted: accepted(ledger, &row.name).await?,
        differences_accepted: differences_accepted.unwrap_or_default(),
        decided: decided(ledger, extent).await?,
        switches: switches(ledger, extent).await?,
        ticks: ticked(ledger, row, window).await?,
        destroyed: keeping.purge.map(destroyed),
    })
}

/// Of a window of a mirror that is switched in parts: the phase that it would be in by itself.
fn phase(row: &MirrorRow, window: Option<&Part>) -> Phase {
    match (row.phase, window.map(|part| part.leads)) {
        (Phase::PartlySwitched, Some(Side::Source)) => Phase::Mirroring,
        (Phase::PartlySwitched, Some(Side::Target)) => Phase::Switched,
        (phase, _) => phase,
    }
}

/// Each switch that came about, with what its gates were then.
async fn switches(ledger: &Ledger, extent: Extent) -> ledger::Result<Vec<Switch>> {
    let mut all = Vec::new();
    for run in ledger.switches(extent.mirror).await? {
        let end = run.kind == Kind::Retire && run.outcome.as_deref() == Some("done");
        let came_about = if end { run.ended_at } else { run.turned_at };
        let Some(at) = came_about.filter(|_| end || run.concerns(extent.window)) else { continue };
        let what = match run.kind {
            Kind::Rehearsal => continue,
            Kind::Go => "the new desk leads",
            Kind::Back => "the old desk leads again",
            Kind::Retire => "the mirror ends",
        };
        let of = if run.names.is_empty() { String::new() } else { format!(" ({})", run.names.join(", ")) };
        let gates = gates_at(&ledger.steps(&run).await?, Step::Verdicts);
        all.push(Switch { what: format!("{what}{of}"), at, who: run.who, reason: run.reason, gates });
    }
    Ok(all)
}

/// The ticks of a window's list; of all of a mirror those of every window, which is named with each.
async fn ticked(ledger: &Ledger, row: &MirrorRow, window: Option<&Part>) -> ledger::Result<Vec<Tick>> {
    let parts = ledger.parts(row.id).await?;
    let lists: Vec<(Option<i64>, Side, String)> = match window {
        Some(part) => vec![(Some(part.id), part.leads, String::new())],
        None if parts.is_empty() => vec![(None, row.leads, String::new())],
        None => parts.into_iter().map(|part| (Some(part.id), part.leads, format!(" ({})", part.name))).collect(),
    };
    let mut all = Vec::new();
    for (window, to, of) in lists {
        let ticks = ledger.ticks(&List { mirror: row.id, window, to }).await?.into_iter();
        all.extend(ticks.map(|tick| Tick {
            what: format!("{}{of}", tick.item),
            who: tick.who,
            at: tick.at,
            evidence: tick.evidence,
        }));
    }
    Ok(all)
}

fn end(connection: &Connection) -> End {
    End { vendor: connection.vendor.clone(), address: connection.url.clone() }
}

/// Verdicts that something was heard after, by other rules or without the bytes of files are no verdicts here.
async fn compared(
    ledger: &Ledger,
    extent: Extent,
    config: &MirrorConfig,
    now: DateTime<Utc>,
) -> ledger::Result<Option<(Comparison, Vec<Acceptance>)>> {
    let Some(times) = ledger.judged(extent).await? else { return Ok(None) };
    let rules = rules_of(&config.mapping, &config.policy, &config.scope);
    let windows = extent.window.as_ref().map(std::slice::from_ref);
    let measure = Measure { mirror: extent.mirror, windows, rules: &rules, bytes: true, run: None };
    let mut report = Report::begin(now);
    sums::add_pairs(&mut report, ledger, &measure).await?;
    if extent.window.is_none() {
        sums::add_strays(&mut report, ledger, extent.mirror, sums::STRAYS).await?;
    }
    let accepted = std::mem::take(&mut report.acceptances);
    Ok(Some((Comparison::of(report, times, rules), accepted)))
}

async fn digests(ledger: &Ledger, extent: Extent) -> ledger::Result<Digests> {
    let mut pairs = Sha256::new();
    let mut after = PairId(0);
    loop {
        let page = ledger.marks(extent, after, PAGE).await?;
        page.iter().for_each(|mark| pairs.update(format!("{}\n", mark.line)));
        let Some(last) = page.last() else { break };
        after = last.pair;
    }
    let map = match extent.window {
        Some(_) => None,
        None => Some(of_map(ledger, extent).await?),
    };
    Ok(Digests { map, pairs: hex::encode(pairs.finalize()) })
}

async fn of_map(ledger: &Ledger, extent: Extent) -> ledger::Result<String> {
    let mut map = Sha256::new_with_prefix(format!("{}\n", numbers::HEAD));
    let mut after = PairId(0);
    loop {
        let page: Vec<Numbers> = ledger.numbers(extent.mirror, after, PAGE).await?;
        page.iter().for_each(|one| map.update(format!("{}\n", one.csv())));
        let Some(last) = page.last() else { return Ok(hex::encode(map.finalize())) };
        after = last.pair;
    }
}

async fn accepted(ledger: &Ledger, mirror: &str) -> ledger::Result<Vec<Accepted>> {
    let all = ledger.acceptances(mirror).await?;
    Ok(all.into_iter().map(|one| Accepted { finding: one.finding, who: one.who, why: one.why, at: one.at }).collect())
}

async fn decided(ledger: &Ledger, extent: Extent) -> ledger::Result<Vec<Decided>> {
    let by = |who: Option<String>| who.unwrap_or_else(|| "the mirror file's policy".to_string());
    let all = ledger.decided(extent).await?;
    Ok(all.into_iter().map(|one| Decided { stands: one.winner, by: by(one.who), count: one.count }).collect())
}

fn destroyed(purge: Purge) -> Destroyed {
    Destroyed { rule: purge.rule, ordered_at: purge.ordered_at, done_at: purge.done_at, rows: purge.destroyed }
}
