//! The independent judge: compares the two desks' own stores with the story's own log. It knows the agreement ([`Rules`]),
//! the story and the snapshots, and nothing of the code that carries tickets: the witness is not the accused.
//!
//! [`judge`] looks at every ticket of the story once; work within a ticket grows with the square of its messages, over all
//! tickets it is linear. It judges desks at rest: all traffic stopped and everything settled.
//!
//! A group is what the source merged into one ticket; mostly that is one ticket. Its messages are looked for in all target
//! tickets that stand for its members.

pub mod field;
pub mod group;
pub mod link;
pub mod normal;
pub mod own;
pub mod rules;
pub mod thread;
pub mod trial;
pub mod verdict;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use self::rules::Rules;
use self::verdict::{Place, Verdict};
use crate::sim::snapshot::{Mail, TicketState, TicketView};
use crate::sim::story::log::{Log, TicketLog};

/// What lies before the judge.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub log: &'a Log,
    /// The source's store.
    pub source: &'a [TicketView],
    /// The target's store.
    pub target: &'a [TicketView],
    /// What the target mailed.
    pub mails: &'a [Mail],
    /// Values of the target's agents that the source overrode, as the mirror recorded them.
    pub lost: &'a [Lost],
    /// Source tickets for which the mirror said that it cannot take back what was restricted.
    pub exposed: &'a BTreeSet<String>,
}

/// A recorded conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The target's ticket.
    pub ticket: String,
    /// The target's field, as in [`TicketView::fields`].
    pub field: String,
    /// The target's value that was overridden.
    pub value: Vec<String>,
}

/// Judges the desks by the story's log and the agreement.
pub fn judge(case: &Case<'_>, rules: &Rules) -> Verdict {
    let mut court = Court::new(*case, rules);
    for group in group::groups(&court) {
        court.try_group(&group);
    }
    court.look_at_own();
    court.verdict
}

/// Which target ticket stands for which source ticket, by the keys in the target's store. Live tickets only.
pub fn pairs(rules: &Rules, target: &[TicketView]) -> BTreeMap<String, String> {
    let prefix = rules.key_prefix();
    let live = target.iter().filter(|ticket| ticket.state == TicketState::Present);
    let keyed = live.filter_map(|ticket| Some((ticket.external_id.as_deref()?.strip_prefix(&prefix)?, &ticket.id)));
    keyed.map(|(source, target)| (source.to_string(), target.clone())).collect()
}

/// The case with its indices, and the verdict as it grows.
struct Court<'a> {
    case: Case<'a>,
    rules: &'a Rules,
    source: HashMap<&'a str, &'a TicketView>,
    target: HashMap<&'a str, &'a TicketView>,
    /// Target tickets by the source ticket that their key names.
    keyed: HashMap<&'a str, Vec<&'a TicketView>>,
    /// Target tickets whose conversation was compared.
    heard: BTreeSet<&'a str>,
    verdict: Verdict,
}

impl<'a> Court<'a> {
    fn new(case: Case<'a>, rules: &'a Rules) -> Self {
        let prefix = rules.key_prefix();
        let mut keyed: HashMap<&str, Vec<&TicketView>> = HashMap::new();
        for ticket in case.target {
            if let Some(source) = ticket.external_id.as_deref().and_then(|key| key.strip_prefix(&prefix)) {
                keyed.entry(source).or_default().push(ticket);
            }
        }
        Self {
            case,
            rules,
            source: case.source.iter().map(|ticket| (ticket.id.as_str(), ticket)).collect(),
            target: case.target.iter().map(|ticket| (ticket.id.as_str(), ticket)).collect(),
            keyed,
            heard: BTreeSet::new(),
            verdict: Verdict::default(),
        }
    }

    /// Where a source ticket ended up by the story's merges.
    fn root(&self, id: &'a str) -> &'a str {
        let merged_into = |id: &str| match self.case.log.source.get(id).map(|log| &log.state) {
            Some(TicketState::MergedInto(into)) => Some(into.as_str()),
            _ => None,
        };
        let mut root = id;
        for _ in 0..self.case.log.source.len() {
            match merged_into(root) {
                Some(into) => root = into,
                None => break,
            }
        }
        root
    }

    /// Where a target ticket ended up by merges in the target.
    fn target_root(&self, id: &'a str) -> &'a str {
        let mut root = id;
        for _ in 0..self.case.target.len() {
            match self.target.get(root).map(|ticket| &ticket.state) {
                Some(TicketState::MergedInto(into)) => root = into,
                _ => break,
            }
        }
        root
    }

    /// The one live target ticket of a source ticket.
    fn live(&self, source: &str) -> Option<&'a TicketView> {
        self.keyed.get(source)?.iter().find(|ticket| ticket.state == TicketState::Present).copied()
    }

    /// What the target's own people did to a mirrored ticket.
    fn agents_work(&self, target: &str) -> Option<&'a TicketLog> {
        self.case.log.target.get(target).filter(|log| !log.native)
    }
}

fn at<'a>(source: &'a str, target: Option<&'a TicketView>) -> Place<'a> {
    Place { source: Some(source), target: target.map(|ticket| ticket.id.as_str()) }
}
