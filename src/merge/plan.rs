//! From a scene to the writes that it asks for, in the order in which they have to happen.

use std::collections::BTreeMap;

use crate::desk::Side;
use crate::desk::capability::CreateTakes;
use crate::desk::field::{FieldKey, Fields, Value};
use crate::desk::id::TicketId;
use crate::desk::ticket::{Link, Presence};

use super::base::{FieldBase, FieldWrite, LinkBase, MessageLink, Unheld};
use super::field::{Decision, Three, decide, decide_again};
use super::links::{self, Note};
use super::scene::{Scene, Wanted};
use super::thread::{self, Draft, Restricted};

/// One step; each is one intent.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Restrict(Restricted),
    Create {
        fields: Vec<FieldWrite>,
        drafts: Vec<Draft>,
    },
    SetFields(Vec<FieldWrite>),
    AddMessage(Draft),
    AddLink(LinkBase),
    RemoveLink(LinkBase),
    /// Says which links have no place.
    Note(Note),
    /// The status, after the messages: a message reopens a ticket. Skipped where it stands already.
    StatusLast(FieldWrite),
}

/// Both sides changed one field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldConflict {
    pub source: FieldKey,
    pub base: Option<FieldBase>,
    pub lead: Value,
    pub follow: Value,
    /// `None`: a person decides.
    pub winner: Option<Side>,
}

/// What a scene asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// Fields on which both agree without a write.
    pub agreed: BTreeMap<FieldKey, FieldBase>,
    pub adopted: Vec<MessageLink>,
    pub conflicts: Vec<FieldConflict>,
    /// Words that no mapping knows, by the source's field.
    pub unmapped: BTreeMap<FieldKey, Vec<String>>,
    /// Writes into own fields that the following ticket does not show: nothing is concluded from that.
    pub absent: Vec<FieldWrite>,
    /// Leading tickets that have to be copied first.
    pub waits_for: Vec<TicketId>,
    /// Every link that has no place at the following desk, told before or not.
    pub unheld: Vec<Unheld>,
    /// A file is still being scanned.
    pub pending: bool,
}

/// Plans one round. Called again after its steps were performed, it plans nothing.
pub fn plan(scene: &Scene<'_>) -> Plan {
    let mut plan = Plan::default();
    let conversation = thread::plan(scene);
    plan.adopted = conversation.adopted;
    plan.pending = conversation.pending;
    plan.steps.extend(conversation.restricted.into_iter().map(Step::Restrict));
    let writes = field_writes(scene, &mut plan);
    match scene.follow {
        None => creation(scene, writes, conversation.drafts, &mut plan),
        Some(follow) => changes(scene, &follow.fields, writes, conversation.drafts, &mut plan),
    }
    if scene.follow.is_some() || plan.steps.iter().any(|step| matches!(step, Step::Create { .. })) {
        links::plan(scene, &mut plan);
    }
    plan
}

fn field_writes(scene: &Scene<'_>, plan: &mut Plan) -> Vec<FieldWrite> {
    let mut writes = Vec::new();
    for (key, lead) in &scene.lead.fields {
        let Some(target) = scene.mapping.field(key) else { continue };
        // A merge ends a ticket in its own way; one that was closed before could not be merged any more.
        if *key == FieldKey::Status && matches!(scene.lead.presence, Presence::MergedInto(_)) {
            continue;
        }
        let wanted = match scene.wanted(key, lead) {
            Wanted::Value(wanted) => wanted,
            Wanted::Unmapped(words) => {
                note_unmapped(scene, key, lead, words, plan);
                continue;
            }
            Wanted::Unknown => continue,
        };
        let write =
            FieldWrite { source: key.clone(), key: target.clone(), lead: lead.clone(), before: Value::Empty, intended: wanted };
        writes.extend(decided(scene, write, plan));
    }
    writes
}

/// An unmapped value matters only when it is news.
fn note_unmapped(scene: &Scene<'_>, key: &FieldKey, lead: &Value, words: Vec<String>, plan: &mut Plan) {
    let known = scene.base.fields.get(key).is_some_and(|base| base.of(scene.lead_side) == lead);
    if !known {
        plan.unmapped.insert(key.clone(), words);
    }
}

fn decided(scene: &Scene<'_>, write: FieldWrite, plan: &mut Plan) -> Option<FieldWrite> {
    let Some(follow) = scene.follow else {
        return (write.intended != Value::Empty).then_some(write);
    };
    let Some(held) = follow.fields.get(&write.key) else {
        let known = scene.base.fields.get(&write.source).is_some_and(|base| *base.of(scene.lead_side) == write.lead);
        if matches!(write.key, FieldKey::Custom(_)) && !known && write.intended != Value::Empty {
            plan.absent.push(write);
        }
        return None;
    };
    if let Some(owed) = scene.owed().filter(|owed| owed.write.source == write.source) {
        // What stands there now is what our own messages did to it, not somebody's decision.
        let news = owed.write.lead != write.lead;
        let intended = if news { write.intended } else { owed.write.intended.clone() };
        return Some(FieldWrite { before: held.clone(), intended, ..write });
    }
    let (base, wanted_before) = agreed_before(scene, &write, held);
    let three = Three {
        base: base.map(|base| (base.of(scene.lead_side), base.of(scene.lead_side.other()))),
        lead: &write.lead,
        wanted: &write.intended,
        wanted_before: wanted_before.as_ref(),
        follow: held,
    };
    let account = || FieldBase::from_lead(scene.lead_side, write.lead.clone(), held.clone());
    let decide = if scene.reapply.contains_key(&write.source) { decide_again } else { decide };
    match decide(three, scene.winner(&write.source)) {
        Decision::Leave => None,
        Decision::Agree => {
            plan.agreed.insert(write.source.clone(), account());
            None
        }
        Decision::Write(intended) => Some(FieldWrite { before: held.clone(), intended, ..write }),
        Decision::Conflict { write: chosen, undecided } => {
            let winner = match (&chosen, undecided) {
                (Some(_), _) => Some(scene.lead_side),
                (None, false) => Some(scene.lead_side.other()),
                (None, true) => None,
            };
            plan.conflicts.push(FieldConflict {
                source: write.source.clone(),
                base: base.cloned(),
                lead: write.lead.clone(),
                follow: held.clone(),
                winner,
            });
            if winner == Some(scene.lead_side.other()) {
                plan.agreed.insert(write.source.clone(), account());
            }
            chosen.map(|intended| FieldWrite { before: held.clone(), intended, ..write })
        }
    }
}

/// What was agreed on about a field, and what was wanted at the following desk then.
fn agreed_before<'a>(scene: &'a Scene<'_>, write: &FieldWrite, held: &Value) -> (Option<&'a FieldBase>, Option<Value>) {
    let base = scene.base.fields.get(&write.source).or_else(|| under_another_name(scene, &write.key, held));
    match scene.reapply.get(&write.source) {
        Some(None) => (None, None),
        Some(Some(before)) => (base, Some(scene.fitted(&write.source, before.clone()))),
        None => {
            let wanted = base.and_then(|base| match scene.wanted(&write.source, base.of(scene.lead_side)) {
                Wanted::Value(value) => Some(value),
                Wanted::Unmapped(_) | Wanted::Unknown => None,
            });
            (base, wanted)
        }
    }
}

/// What was agreed on under a name of the source's own field that it does not have any more and that the mapping does not lead here
/// now, if the following desk holds exactly that: the field was renamed, and the mirror file follows.
fn under_another_name<'a>(scene: &'a Scene<'_>, there: &FieldKey, held: &Value) -> Option<&'a FieldBase> {
    let gone = |key: &FieldKey| {
        matches!(key, FieldKey::Custom(_)) && !scene.lead.fields.contains_key(key) && scene.mapping.field(key) != Some(there)
    };
    let same = |agreed: &FieldBase| agreed.of(scene.lead_side.other()) == held && *held != Value::Empty;
    let mut found = scene.base.fields.iter().filter(|(key, agreed)| gone(key) && same(agreed)).map(|(_, agreed)| agreed);
    found.next().filter(|_| found.next().is_none())
}

fn is_status(write: &FieldWrite) -> bool {
    write.key == FieldKey::Status
}

fn creation(scene: &Scene<'_>, writes: Vec<FieldWrite>, mut drafts: Vec<Draft>, plan: &mut Plan) {
    if drafts.is_empty() {
        // The first message is not to be had yet; a ticket without its description would be half a ticket.
        return;
    }
    let rest = match scene.follow_can.create_takes {
        CreateTakes::AllMessages => Vec::new(),
        CreateTakes::FirstMessage => drafts.split_off(1),
    };
    let can = scene.follow_can;
    let status_after = |word: &str| {
        let refused = !can.statuses_at_creation.is_empty() && !can.statuses_at_creation.contains(&word);
        !rest.is_empty() || refused || can.immutable_status == Some(word)
    };
    let (last, first): (Vec<_>, Vec<_>) = writes
        .into_iter()
        .partition(|write| is_status(write) && status_after(write.intended.words().first().copied().unwrap_or_default()));
    plan.steps.push(Step::Create { fields: first, drafts });
    plan.steps.extend(rest.into_iter().map(Step::AddMessage));
    plan.steps.extend(last.into_iter().map(Step::StatusLast));
}

fn changes(scene: &Scene<'_>, held: &Fields, writes: Vec<FieldWrite>, drafts: Vec<Draft>, plan: &mut Plan) {
    let (status, fields): (Vec<_>, Vec<_>) = writes.into_iter().partition(is_status);
    if !fields.is_empty() {
        plan.steps.push(Step::SetFields(fields));
    }
    let adds_messages = !drafts.is_empty();
    plan.steps.extend(drafts.into_iter().map(Step::AddMessage));
    let mut status: Vec<FieldWrite> = status;
    if status.is_empty() && adds_messages {
        status.extend(standing_status(scene, held));
    }
    plan.steps.extend(status.into_iter().map(Step::StatusLast));
}

/// The status that has to stand after our messages although nobody asked for another one.
fn standing_status(scene: &Scene<'_>, held: &Fields) -> Option<FieldWrite> {
    let lead = scene.lead.fields.get(&FieldKey::Status)?;
    let key = scene.mapping.field(&FieldKey::Status)?;
    let before = held.get(key)?.clone();
    Some(FieldWrite { source: FieldKey::Status, key: key.clone(), lead: lead.clone(), intended: before.clone(), before })
}

/// The end of a carried link that stands in the leading desk.
pub fn lead_end(lead: Side, base: &LinkBase) -> &Link {
    match lead {
        Side::Source => &base.source,
        Side::Target => &base.target,
    }
}

/// The end of a carried link that stands in the following desk.
pub fn follow_end(lead: Side, base: &LinkBase) -> &Link {
    lead_end(lead.other(), base)
}

/// A carried link.
pub(super) fn link_base(lead: Side, leading: Link, following: Link) -> LinkBase {
    match lead {
        Side::Source => LinkBase { source: leading, target: following },
        Side::Target => LinkBase { source: following, target: leading },
    }
}
