//! From a scene to the writes that it asks for, in the order in which they have to happen.

use std::collections::BTreeMap;

use crate::desk::Side;
use crate::desk::capability::CreateTakes;
use crate::desk::field::{FieldKey, Fields, Value};
use crate::desk::id::{MessageId, TicketId};
use crate::desk::ticket::{Link, Presence};

use super::base::{Apart, FieldBase, FieldWrite, Held, LinkBase, MessageLink, Unheld};
use super::field::{Decision, Three, Winner, decide, decide_again};
use super::guard::{self, Pass};
use super::hand::{self, Hand};
use super::links::{self, Note};
use super::newest::said_at;
use super::reason::{Absence, LeftOut, Reason};
use super::ruling;
use super::scene::{Names, Scene, Wanted};
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

/// Both sides changed one field, or one did while the guard asks before each write.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldConflict {
    pub source: FieldKey,
    pub base: Option<FieldBase>,
    pub lead: Value,
    pub follow: Value,
    /// Who set `lead` and `follow`.
    pub hands: [Option<Hand>; 2],
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
    /// Fields that hold something and are not carried.
    pub left_out: Vec<LeftOut>,
    /// Every link that has no place at the following desk, told before or not.
    pub unheld: Vec<Unheld>,
    /// A file is still being scanned.
    pub pending: bool,
    /// Messages that the other desk cannot take, whose ticket is closed for good; those that were told before are left out.
    pub stays: Vec<MessageId>,
    /// Rulings that this plan carries out.
    pub obeyed: Vec<i64>,
    /// What the guard holds back.
    pub held: Option<Held>,
    /// A decision asks for the desks' clocks, which the scene does not have: it is to be planned again with them.
    pub wants_clocks: bool,
}

impl Plan {
    /// Whether nothing is decided yet about this field: the guard holds it back, or a person has to say.
    pub fn puts_off(&self, field: &FieldKey) -> bool {
        self.held.iter().any(|held| held.fields.contains(field))
            || self.conflicts.iter().any(|conflict| conflict.source == *field && conflict.winner.is_none())
    }
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
        let Some(names) = scene.names(key) else {
            leave_out(plan, key, lead, Absence::Ignored);
            continue;
        };
        // A merge ends a ticket in its own way; one that was closed before could not be merged any more.
        if *key == FieldKey::Status && matches!(scene.lead.presence, Presence::MergedInto(_)) {
            continue;
        }
        let wanted = match scene.wanted(&names.source, lead) {
            Wanted::Value(wanted) => wanted,
            Wanted::Unmapped(words) => {
                note_unmapped(scene, &names.source, lead, words, plan);
                continue;
            }
            Wanted::Unknown => {
                leave_out(plan, &names.source, lead, Absence::Nobody);
                continue;
            }
        };
        let at = said_at(scene.lead, key, scene.base.fields.get(&names.source));
        let write = FieldWrite {
            source: names.source,
            key: names.follow,
            lead: lead.clone(),
            before: Value::Empty,
            intended: wanted,
            why: Reason::Made,
            at,
            apart: None,
        };
        writes.extend(decided(scene, write, plan));
    }
    writes
}

/// An empty field that is not carried is not missed.
fn leave_out(plan: &mut Plan, field: &FieldKey, lead: &Value, why: Absence) {
    if *lead != Value::Empty {
        plan.left_out.push(LeftOut { field: field.clone(), why });
    }
}

/// An unmapped value matters only when it is news.
fn note_unmapped(scene: &Scene<'_>, key: &FieldKey, lead: &Value, words: Vec<String>, plan: &mut Plan) {
    leave_out(plan, key, lead, Absence::Unmapped(words.clone()));
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
        return no_place(scene, write, plan);
    };
    let write = FieldWrite { before: held.clone(), ..write };
    if let Some(owed) = scene.owed().filter(|owed| owed.write.source == write.source) {
        if owed.write.is_standing() {
            return Some(FieldWrite { before: write.before, ..owed.write.clone() });
        }
        // What stands there now is what our own messages did to it, not somebody's decision.
        let news = owed.write.lead != write.lead;
        let intended = if news { write.intended } else { owed.write.intended.clone() };
        return Some(FieldWrite { intended, why: Reason::Owed, ..write });
    }
    let (base, wanted_before) = agreed_before(scene, &write);
    // Only persons are protected: what the following desk's rules alone made of a field is not held against the leading one.
    let gives_way = hand::is_by_rules(follow, &write.key);
    let follow_before = |base| if gives_way { &write.before } else { FieldBase::of(base, scene.lead_side.other()) };
    let three = Three {
        base: base.map(|base| (base.of(scene.lead_side), follow_before(base))),
        lead: &write.lead,
        wanted: &write.intended,
        wanted_before: wanted_before.as_ref(),
        follow: &write.before,
        is_own: base.is_some_and(|base| base.apart == Some(Apart::ByPolicy)),
    };
    // What stands there by somebody's decision is not rewritten.
    let unchanged = base.is_some_and(|base| base.apart.is_none() && *base.of(scene.lead_side) == write.lead);
    let again = unchanged && scene.reapply.contains_key(&write.source);
    let decide = |winner: &mut dyn FnMut() -> Winner| if again { decide_again(three) } else { decide(three, winner) };
    if let Some(ruling) = ruling::about(scene, &write) {
        let intended = match decide(&mut || Winner::Lead) {
            Decision::Write(value) | Decision::Conflict { write: Some(value), .. } => value,
            _ => write.before.clone(),
        };
        return ruling::obey(scene, ruling, FieldWrite { intended, ..write }, plan);
    }
    if scene.base.fields.get(&write.source).is_some_and(|known| known.unknown && *known.of(scene.lead_side) == write.lead) {
        return still_unknown(scene, write, plan);
    }
    let mut wants_clocks = false;
    let decision = decide(&mut || {
        if gives_way {
            return Winner::Lead;
        }
        let winner = scene.winner(&write.source, &write.key);
        wants_clocks = winner.is_none();
        winner.unwrap_or(Winner::Ask)
    });
    plan.wants_clocks |= wants_clocks;
    let why = if again { Reason::Remapped } else { Reason::of(&three) };
    carry_out(scene, decision, FieldWrite { why, ..write }, plan)
}

/// Both stay as they are until somebody decides, or says the same at both desks.
fn still_unknown(scene: &Scene<'_>, write: FieldWrite, plan: &mut Plan) -> Option<FieldWrite> {
    if write.before == write.intended {
        plan.agreed.insert(write.source.clone(), account(scene, &write, None));
    } else {
        tell(scene, &write, None, plan);
    }
    None
}

fn carry_out(scene: &Scene<'_>, decision: Decision, write: FieldWrite, plan: &mut Plan) -> Option<FieldWrite> {
    match decision {
        Decision::Leave => None,
        Decision::Agree => {
            // The leading desk says nothing, and the other one filled it in by itself.
            let flagged = write.intended == Value::Empty && write.before != Value::Empty && !write.before.is_set();
            plan.agreed.insert(write.source.clone(), FieldBase { flagged, ..account(scene, &write, None) });
            None
        }
        Decision::Write(intended) => guarded(scene, FieldWrite { intended, ..write }, None, plan),
        Decision::Conflict { write: Some(intended), .. } => {
            guarded(scene, FieldWrite { intended, why: Reason::Won, ..write }, Some(scene.lead_side), plan)
        }
        Decision::Conflict { write: None, undecided } => {
            let winner = Some(scene.lead_side.other()).filter(|_| !undecided);
            tell(scene, &write, winner, plan);
            if winner.is_some() {
                plan.agreed.insert(write.source.clone(), account(scene, &write, Some(Apart::ByPolicy)));
            }
            None
        }
    }
}

/// What both hold now is agreed on.
fn account(scene: &Scene<'_>, write: &FieldWrite, apart: Option<Apart>) -> FieldBase {
    FieldWrite { intended: write.before.clone(), apart, ..write.clone() }.agreed(scene.lead_side)
}

/// Lets a write through unless people are at work on the ticket; `winner`: of the conflict that it decides.
fn guarded(scene: &Scene<'_>, write: FieldWrite, winner: Option<Side>, plan: &mut Plan) -> Option<FieldWrite> {
    match guard::pass(scene, plan) {
        Pass::Free => {
            if winner.is_some() {
                tell(scene, &write, winner, plan);
            }
            Some(write)
        }
        Pass::After(until) => {
            let held = plan.held.get_or_insert_with(|| Held { fields: Vec::new(), until });
            held.fields.push(write.source);
            None
        }
        Pass::Ask => {
            tell(scene, &write, None, plan);
            None
        }
    }
}

fn tell(scene: &Scene<'_>, write: &FieldWrite, winner: Option<Side>, plan: &mut Plan) {
    plan.conflicts.push(FieldConflict {
        source: write.source.clone(),
        base: scene.base.fields.get(&write.source).filter(|base| !base.unknown).cloned(),
        lead: write.lead.clone(),
        follow: write.before.clone(),
        hands: [
            hand::last(scene.lead, scene.lead_key(&write.source)),
            scene.follow.and_then(|follow| hand::last(follow, &write.key)),
        ],
        winner,
    });
}

/// What was agreed on about a field, and what was wanted at the following desk then. Values that nobody explains are no base for a
/// change.
fn agreed_before<'a>(scene: &'a Scene<'_>, write: &FieldWrite) -> (Option<&'a FieldBase>, Option<Value>) {
    let base = match scene.base.fields.get(&write.source) {
        Some(known) => Some(known).filter(|known| !known.unknown),
        None => under_another_name(scene, &write.key, &write.before),
    };
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
    if scene.lead_side == Side::Target {
        return None;
    }
    let gone = |key: &FieldKey| {
        matches!(key, FieldKey::Custom(_)) && !scene.lead.fields.contains_key(key) && scene.mapping.field(key) != Some(there)
    };
    let same = |agreed: &FieldBase| agreed.of(scene.lead_side.other()) == held && *held != Value::Empty;
    let mut found = scene.base.fields.iter().filter(|(key, agreed)| gone(key) && same(agreed)).map(|(_, agreed)| agreed);
    found.next().filter(|_| found.next().is_none())
}

/// The following ticket does not show the field.
fn no_place(scene: &Scene<'_>, write: FieldWrite, plan: &mut Plan) -> Option<FieldWrite> {
    leave_out(plan, &write.source, &write.lead, Absence::NoPlace);
    let known = scene.base.fields.get(&write.source).is_some_and(|base| *base.of(scene.lead_side) == write.lead);
    if matches!(write.key, FieldKey::Custom(_)) && !known && write.intended != Value::Empty {
        plan.absent.push(write);
    }
    None
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

/// The status that has to stand after our messages although nobody asked for another one, or nobody decided on it yet.
fn standing_status(scene: &Scene<'_>, held: &Fields) -> Option<FieldWrite> {
    let lead = scene.lead.fields.get(&FieldKey::Status)?.clone();
    let Names { source, follow: key, .. } = scene.names(&FieldKey::Status)?;
    let before = held.get(&key)?.clone();
    let (intended, why) = (before.clone(), Reason::Stands);
    Some(FieldWrite { source, key, lead, before, intended, why, at: None, apart: None })
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
