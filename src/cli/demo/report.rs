//! What a demo run came to.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ledger::parked::Parked;
use crate::ledger::status::{Lag, Status};
use crate::sim::faults::Kind;
use crate::sim::judge::verdict::Verdict;

use super::Args;

/// The summary; with `--json` printed as it is.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub agrees: bool,
    pub seed: u64,
    pub faults: String,
    /// Things that people did, the past included.
    pub deeds: u64,
    pub tickets: u64,
    pub messages: u64,
    pub attachments: u64,
    pub attachment_bytes: u64,
    pub events: BTreeMap<String, i64>,
    pub calls: BTreeMap<String, i64>,
    pub calls_saved: i64,
    pub writes: i64,
    pub answers_found_again: i64,
    pub lag: Lag,
    pub missed_webhooks_healed: i64,
    pub conflicts: i64,
    pub parked: BTreeMap<String, usize>,
    pub parity_differences: usize,
    pub differences_by_kind: BTreeMap<String, usize>,
    /// The first ones, for people.
    pub differences: Vec<String>,
    pub kills: Vec<&'static str>,
    pub faults_happened: BTreeMap<String, u64>,
}

/// What went wrong on purpose.
pub struct Trouble {
    /// The steps at which the gateway was killed.
    pub kills: Vec<&'static str>,
    /// By side.
    pub faults: [(&'static str, BTreeMap<Kind, u64>); 2],
}

/// Puts the summary together.
pub fn summary(args: &Args, deeds: u64, verdict: Verdict, status: Status, parked: Vec<Parked>, trouble: Trouble) -> Summary {
    let figure = |name: &str| status.figures.get(name).copied().unwrap_or(0);
    let calls = status.figures.iter().filter_map(|(name, value)| Some((name.strip_prefix("calls: ")?.to_string(), *value)));
    let mut by_kind: BTreeMap<String, usize> = BTreeMap::new();
    for one in &parked {
        *by_kind.entry(one.kind.clone()).or_default() += 1;
    }
    let word = |kind: &dyn std::fmt::Debug| format!("{kind:?}");
    Summary {
        agrees: verdict.agrees(),
        seed: args.seed,
        faults: args.faults.clone(),
        deeds,
        tickets: verdict.tickets,
        messages: verdict.messages,
        attachments: verdict.attachments,
        attachment_bytes: verdict.bytes,
        calls: calls.collect(),
        calls_saved: figure("calls saved"),
        writes: figure("writes"),
        answers_found_again: figure("answers found again"),
        lag: status.lag,
        missed_webhooks_healed: status.missed,
        conflicts: status.conflicts,
        parked: by_kind,
        parity_differences: verdict.differences.len(),
        differences_by_kind: verdict.by_kind().into_iter().map(|(kind, count)| (word(&kind), count)).collect(),
        differences: verdict.differences.iter().take(30).map(ToString::to_string).collect(),
        kills: trouble.kills,
        faults_happened: trouble
            .faults
            .iter()
            .flat_map(|(side, happened)| happened.iter().map(move |(kind, count)| (format!("{side} {kind:?}"), *count)))
            .collect(),
        events: status.events,
    }
}

impl Summary {
    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!(
                "{} tickets, {} messages, {} files ({} bytes) are the same on both sides",
                self.tickets, self.messages, self.attachments, self.attachment_bytes
            ),
            format!("events: {}", pairs(&self.events)),
            format!(
                "{} writes; {} calls saved by coalescing; {} answers lost and found again",
                self.writes, self.calls_saved, self.answers_found_again
            ),
            format!(
                "lag: p50 {:.2} s, p95 {:.2} s, p99 {:.2} s, longest {:.2} s",
                self.lag.p50, self.lag.p95, self.lag.p99, self.lag.max
            ),
            format!(
                "{} changes that no webhook told were found by the poll; {} conflicts recorded",
                self.missed_webhooks_healed, self.conflicts
            ),
        ];
        if !self.kills.is_empty() {
            lines.push(format!("the gateway was killed {} times: {}", self.kills.len(), self.kills.join(", ")));
        }
        if !self.parked.is_empty() {
            lines.push(format!("parked for a person: {}", pairs(&self.parked)));
        }
        if self.agrees {
            lines.push("Both desks' own stores agree with the story's own log.".to_string());
        } else {
            lines.push(format!("{} DIFFERENCES between the desks and the story:", self.parity_differences));
            lines.extend(self.differences.iter().map(|difference| format!("  {difference}")));
        }
        lines
    }
}

fn pairs<T: std::fmt::Display>(map: &BTreeMap<String, T>) -> String {
    map.iter().map(|(name, value)| format!("{value} {name}")).collect::<Vec<_>>().join(", ")
}
