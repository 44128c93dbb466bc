//! The check of a mirror: what is asked for, what it is judged by, and the ways to ask. The verdicts are kept in the ledger.

use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::connectors::contract::Connector;
use crate::connectors::fault::Fault;
use crate::connectors::http::{Priority, at_priority};
use crate::desk::mapping::Mapping;
use crate::desk::policy::Policy;
use crate::desk::scope::Scope;
use crate::ledger::verdict::{Measure, Standing};
use crate::ledger::{self, Ledger};
use crate::mirror::{KeySpace, MirrorId, PairId};

use super::report::{Kind, Report};
use super::sums;
use super::walk::Walk;
use super::witness::Witness;
use super::{single, walk};

/// A mirror and what it is judged by.
pub struct Bench<'a> {
    pub ledger: &'a Ledger,
    pub source: &'a dyn Connector,
    pub target: &'a dyn Connector,
    pub mapping: &'a Mapping,
    pub policy: &'a Policy,
    pub scope: &'a Scope,
    pub keys: &'a KeySpace,
    pub mirror: MirrorId,
    pub clock: Clock,
}

impl Bench<'_> {
    /// Twelve hexadecimal digits that change when anything does that a verdict depends on besides the tickets.
    pub fn rules(&self) -> String {
        rules_of(self.mapping, self.policy, self.scope)
    }
}

/// As [`Bench::rules`], where no desk is connected.
pub fn rules_of(mapping: &Mapping, policy: &Policy, scope: &Scope) -> String {
    let Policy { deletion, unmapped, author_line, tags, replies_back, .. } = policy;
    let rules = json!([mapping.version(), deletion, unmapped, author_line, tags, replies_back, scope]);
    hex::encode(&Sha256::digest(rules.to_string())[..6])
}

/// Which tickets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Those without a verdict that stands, and those that were not equal when they were read last.
    Changed,
    /// Every one, whatever was found before.
    All,
    /// About so many, spread evenly over all, whatever was found before. Nothing is said about tickets without a pair.
    Sample(usize),
}

/// How thorough a check is.
#[derive(Debug, Clone)]
pub struct Options {
    pub which: Which,
    /// Only the tickets of these windows, and no look for strays.
    pub windows: Option<Vec<i64>>,
    /// Files are compared by their bytes, not by name and size alone.
    pub bytes: bool,
    /// Tickets that are read at the same time.
    pub concurrency: usize,
    /// Both desks' own lists are read for tickets that no pair stands for.
    pub completeness: bool,
    /// So often tickets are judged again that moved, changed since, or could not be read.
    pub rounds: u32,
    /// The wait before each of these rounds.
    pub pause: Duration,
    /// The report shows differences of this kind alone, and every one of them.
    pub kind: Option<Kind>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            which: Which::Changed,
            windows: None,
            bytes: true,
            concurrency: 8,
            completeness: true,
            rounds: 5,
            pause: Duration::from_secs(2),
            kind: None,
        }
    }
}

impl Options {
    /// What a verdict has to be to count. `rules`: [`Bench::rules`].
    pub fn measure<'a>(&'a self, mirror: MirrorId, rules: &'a str) -> Measure<'a> {
        Measure { mirror, windows: self.windows.as_deref(), rules, bytes: self.bytes, run: None }
    }

    /// Whether tickets without a pair are looked for.
    pub fn looks_for_strays(&self) -> bool {
        self.completeness && self.windows.is_none() && !matches!(self.which, Which::Sample(_))
    }
}

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    pub done: u64,
    /// Tickets to be looked at, as known at the start.
    pub total: u64,
    pub different: u64,
    /// To be looked at again.
    pub moving: u64,
}

/// Who is told of progress.
pub type Tell<'a> = &'a mut (dyn FnMut(Progress) + Send + Sync);

/// Why there is no report. A single ticket that cannot be read is no reason; it is in the report.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The credential is refused, or the list of tickets cannot be read.
    #[error(transparent)]
    Desk(#[from] Fault),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

/// What kept us from judging one ticket.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Desk(#[from] Fault),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

/// Compares both desks ticket by ticket, at the lowest priority of the shared budget, and keeps the verdicts. One that was stopped goes
/// on where it was. Writes nothing to a desk. Errors: also `Overtaken`, when another process goes on with it.
pub async fn check(
    bench: &Bench<'_>,
    options: Options,
    mut progress: impl FnMut(Progress) + Send + Sync,
) -> Result<Report, CheckError> {
    at_priority(Priority::Check, run(bench, &options, &mut progress)).await
}

async fn run(bench: &Bench<'_>, options: &Options, tell: Tell<'_>) -> Result<Report, CheckError> {
    let mut walk = Walk::begin(bench, options, tell).await?;
    walk::to_the_end(&mut walk).await?;
    Ok(sums::report(&walk).await?)
}

/// Judges these pairs now, whatever was found before, and keeps the verdicts. What was found about each is in the report.
pub async fn check_pairs(bench: &Bench<'_>, options: &Options, pairs: &[PairId]) -> Result<Report, CheckError> {
    at_priority(Priority::Check, single::report(bench, options, pairs)).await
}

/// How a mirror or one of its windows stands at this moment, for whoever has to decide on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ForGate {
    pub pairs: Standing,
    /// Tickets without a pair: source tickets that nobody told of, target tickets that our keys do not explain. Of a window too: those whose
    /// window nobody can tell are counted for each.
    pub strays: u64,
    /// Such tickets that were just made when they were looked at, or could not be read.
    pub strays_unsure: u64,
    /// Such tickets that somebody accepted as they are.
    pub strays_accepted: u64,
}

impl ForGate {
    /// Every ticket was compared as it is now, and nothing was found that is neither explained nor accepted.
    pub fn is_open(&self) -> bool {
        let Standing { moving, different, unread, stale, never, .. } = self.pairs;
        moving + different + unread + stale + never + self.strays + self.strays_unsure == 0
    }
}

/// How the verdicts stand as of now. One question to the ledger, none to a desk. `windows`: their pairs only.
pub async fn verdicts_for_gate(bench: &Bench<'_>, windows: Option<&[i64]>) -> ledger::Result<ForGate> {
    let rules = bench.rules();
    let measure = Measure { mirror: bench.mirror, windows, rules: &rules, bytes: true, run: None };
    let pairs = bench.ledger.standing(&measure).await?;
    let [strays, strays_unsure, strays_accepted] = bench.ledger.count_strays(bench.mirror, windows).await?;
    Ok(ForGate { pairs, strays, strays_unsure, strays_accepted })
}

/// Judges what has no verdict that stands, or moved, or could not be read: in rounds, until nothing is left or the rounds are used up.
/// What is there to be judged after hours of traffic is little, and a switch waits for it: its calls stand behind nobody's. Tells how all
/// stands afterwards.
pub async fn check_stale(
    bench: &Bench<'_>,
    options: &Options,
    mut progress: impl FnMut(Progress) + Send + Sync,
) -> Result<ForGate, CheckError> {
    at_priority(Priority::Live, single::stale(bench, options, &Witness::new(bench, true), &mut progress)).await?;
    Ok(verdicts_for_gate(bench, options.windows.as_deref()).await?)
}
