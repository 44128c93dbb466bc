//! Links between tickets: made where the following desk can hold them, told where it cannot. Nothing is dropped without a word:
//! a link without a place is in the base, and a note in the ticket says so to its agents.

use std::collections::{BTreeMap, BTreeSet};

use crate::desk::Side;
use crate::desk::body::Body;
use crate::desk::field::FieldKey;
use crate::desk::id::TicketId;
use crate::desk::policy::Silence;
use crate::desk::ticket::{Link, LinkKind, Ticket};

use super::base::{LinkBase, Unheld, Why};
use super::plan::{Plan, Step, lead_end, link_base};
use super::scene::Scene;

/// How each note begins, by the side that leads.
fn opening(lead: Side) -> &'static str {
    match lead {
        Side::Source => "[Tidegate] Links of this ticket in the old desk that it does not have here:",
        Side::Target => "[Tidegate] Links of this ticket in the new desk that it does not have here:",
    }
}

/// What is known of the other ends of a ticket's links.
#[derive(Debug, Default)]
pub struct Ends {
    /// Leading ticket to following ticket; in neither this nor `lost`: not copied yet.
    pub tickets: BTreeMap<TicketId, TicketId>,
    /// Leading tickets that have no following ticket and will get none as things are: out of scope, or gone before.
    pub lost: BTreeSet<TicketId>,
    /// Following tickets that links not made yet ask to be parents, where the desk has rules about their type.
    pub parents: BTreeMap<TicketId, Ticket>,
}

/// An internal note about links that have no place.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    pub key: String,
    pub body: Body,
    pub links: Vec<Unheld>,
}

/// Adds to the plan what the links ask for. The ticket is there, or is made by the steps so far.
pub(super) fn plan(scene: &Scene<'_>, plan: &mut Plan) {
    let mut steps = Vec::new();
    for link in &scene.lead.links {
        if scene.base.links.iter().any(|base| lead_end(scene.lead_side, base) == link) {
            continue;
        }
        match end(scene, link, plan) {
            End::Awaited => plan.waits_for.push(link.to.clone()),
            End::Unheld(why) => plan.unheld.push(Unheld { link: link.clone(), why }),
            End::There(to) => {
                let following = Link { kind: link.kind, to: to.clone() };
                steps.push(Step::AddLink(link_base(scene.lead_side, link.clone(), following)));
            }
        }
    }
    let gone = |base: &&LinkBase| !scene.lead.links.contains(lead_end(scene.lead_side, base));
    steps.extend(scene.base.links.iter().filter(gone).cloned().map(Step::RemoveLink));
    place(scene, steps, plan);
}

/// After the last status nothing can be written to a ticket that it closes; and a ticket with open dependencies cannot be ended, so
/// otherwise the status comes before the links. A note is a message, and comes before the status as all messages do.
fn place(scene: &Scene<'_>, links: Vec<Step>, plan: &mut Plan) {
    let end = plan.steps.iter().position(|step| matches!(step, Step::StatusLast(_))).unwrap_or(plan.steps.len());
    let closes = plan.steps.iter().any(|step| {
        matches!(step, Step::StatusLast(write) if write.intended.words().first().copied() == scene.follow_can.immutable_status)
    });
    let at = if closes { end } else { plan.steps.len() };
    plan.steps.splice(at..at, links);
    plan.steps.splice(end..end, note(scene, &plan.unheld).map(Step::Note));
}

enum End<'a> {
    There(&'a TicketId),
    Awaited,
    Unheld(Why),
}

fn end<'a>(scene: &'a Scene<'_>, link: &Link, plan: &Plan) -> End<'a> {
    if scene.ends.lost.contains(&link.to) {
        return End::Unheld(Why::NotCarried);
    }
    // A link without a place waits too: the note can then name the other ticket as it is called here.
    let Some(to) = scene.ends.tickets.get(&link.to) else { return End::Awaited };
    if !scene.follow_can.links.contains(&link.kind) {
        End::Unheld(Why::NoSuchLink)
    } else if link.kind == LinkKind::Parent && types_refuse(scene, to, plan) {
        End::Unheld(Why::Types)
    } else {
        End::There(to)
    }
}

/// Whether one of the ends has a type that the desk refuses for a parent and its child. A ticket without a type can get one;
/// another type is a value of its own, and a link does not overwrite it.
fn types_refuse(scene: &Scene<'_>, to: &TicketId, plan: &Plan) -> bool {
    let can = scene.follow_can;
    let other = |word: &str, needed: Option<&str>| needed.is_some_and(|needed| word != needed);
    let parent = scene.ends.parents.get(to);
    let parent_refuses = parent.is_some_and(|parent| match type_of(parent) {
        "" => parent.immutable && can.parent_type.is_some(),
        word => other(word, can.parent_type),
    });
    let child = type_after(scene, plan);
    parent_refuses || (!child.is_empty() && other(&child, can.child_type))
}

fn type_of(ticket: &Ticket) -> &str {
    ticket.fields.get(&FieldKey::Type).and_then(|value| value.words().first().copied()).unwrap_or_default()
}

/// The type of this ticket at the following desk once the plan is done.
fn type_after(scene: &Scene<'_>, plan: &Plan) -> String {
    let writes = plan.steps.iter().flat_map(|step| match step {
        Step::Create { fields, .. } | Step::SetFields(fields) => fields.as_slice(),
        _ => &[],
    });
    let written = writes.into_iter().find(|write| write.key == FieldKey::Type);
    match written {
        Some(write) => write.intended.words().first().copied().unwrap_or_default().to_string(),
        None => scene.follow.map(type_of).unwrap_or_default().to_string(),
    }
}

/// A note about what was not told before. None where it could mail somebody, and none in a ticket that takes no messages: there the
/// ledger alone has it.
fn note(scene: &Scene<'_>, unheld: &[Unheld]) -> Option<Note> {
    let news: Vec<Unheld> = unheld.iter().filter(|one| !scene.base.unheld.contains(one)).cloned().collect();
    let closed = scene.follow.is_some_and(|follow| follow.immutable);
    let first = news.first()?;
    if closed || scene.policy.silence == Silence::MailAllowed {
        return None;
    }
    let key = format!("link:{}:{}:{}", scene.lead.id, word(first.link.kind).replace(' ', "_"), first.link.to);
    let lines: Vec<String> = news.iter().map(|one| line(scene, one)).collect();
    let body = Body::Text(format!("{}\n{}", opening(scene.lead_side), lines.join("\n")));
    Some(Note { key: scene.keys.message(scene.lead_side, &key), body, links: news })
}

fn line(scene: &Scene<'_>, unheld: &Unheld) -> String {
    let here = scene.ends.tickets.get(&unheld.link.to).map(|to| format!(" (#{to} here)")).unwrap_or_default();
    format!("- {} {}{here}: {}", word(unheld.link.kind), unheld.link.to, unheld.why.sentence())
}

/// The kind of a link as people say it.
fn word(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Parent => "belongs to",
        LinkKind::DependsOn => "depends on",
        LinkKind::RefersTo => "refers to",
    }
}
