//! The conversation the other way: what was written at the desk whose fields do not count, and what it does to the ticket's status.

use crate::desk::capability::Capabilities;
use crate::desk::field::{FieldKey, Value};

use super::base::FieldWrite;
use super::plan::{Plan, Step};
use super::reason::Reason;
use super::scene::{Scene, Wanted};
use super::thread::{self, Draft};

/// Plans the conversation the other way: the scene's leading desk is the one whose fields do not count. Messages and restrictions alone,
/// and the status that has to stand again after them.
pub fn answers(scene: &Scene<'_>) -> Plan {
    let conversation = thread::plan(scene);
    let (drafts, pending) = match scene.policy.carries_back(scene.lead_side) {
        true => (conversation.drafts, conversation.pending),
        false => (Vec::new(), false),
    };
    let mut plan = Plan { adopted: conversation.adopted, pending, ..Plan::default() };
    let closed = scene.follow.is_none_or(|follow| follow.immutable);
    plan.steps.extend(conversation.restricted.into_iter().map(|one| Step::Restrict(if closed { one.beyond_us() } else { one })));
    if closed {
        let ids = drafts.into_iter().map(|draft| draft.original);
        plan.stays = ids.filter(|id| !scene.base.stays.contains(id)).collect();
        return plan;
    }
    let status = reopened(scene, &drafts).or_else(|| stands_again(scene, !drafts.is_empty()));
    plan.steps.extend(drafts.into_iter().map(Step::AddMessage));
    plan.steps.extend(status.map(Step::StatusLast));
    plan
}

/// The status of a ticket that was done until its customer wrote at the other desk, which opened it there: whoever works on it has to see
/// that. An agent's answer opens nothing.
fn reopened(scene: &Scene<'_>, drafts: &[Draft]) -> Option<FieldWrite> {
    let (lead, names) = (scene.lead.fields.get(&FieldKey::Status)?, scene.names(&FieldKey::Status)?);
    let before = scene.follow?.fields.get(&names.follow)?.clone();
    let done = |can: &Capabilities, status: &Value| status.words().iter().any(|word| can.final_statuses.contains(word));
    if !done(scene.follow_can, &before) || done(scene.lead_can, lead) || !thread::has_customers_word(scene, drafts) {
        return None;
    }
    let Wanted::Value(intended) = scene.wanted(&names.source, lead) else { return None };
    let (why, lead) = (Reason::Answered, lead.clone());
    Some(FieldWrite { source: names.source, key: names.follow, lead, before, intended, why, at: None, apart: None })
}

/// The status of a desk that has a say in it: what our messages make of it is put back.
fn stands_again(scene: &Scene<'_>, adds_messages: bool) -> Option<FieldWrite> {
    let before = scene.follow?.fields.get(&FieldKey::Status)?.clone();
    if let Some(owed) = scene.owed() {
        return Some(FieldWrite { before, ..owed.write.clone() });
    }
    let (source, key, lead, intended) = (FieldKey::Status, FieldKey::Status, before.clone(), before.clone());
    adds_messages.then_some(FieldWrite { source, key, lead, before, intended, why: Reason::Stands, at: None, apart: None })
}
