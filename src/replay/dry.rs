//! A dry run: what would be written for a ticket, in words. Reads both desks and the ledger, and writes nothing anywhere.

use crate::connectors::contract::Read;
use crate::connectors::http::{Priority, at_priority};
use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::{PersonId, TicketId};
use crate::desk::person::Person;
use crate::desk::policy::Unmapped;
use crate::desk::ticket::{Attachment, LinkKind, Presence, Ticket, Visibility};
use crate::ledger::pair::Pair;
use crate::merge::answer::answers;
use crate::merge::base::{Base, FieldWrite};
use crate::merge::plan::{Plan, Step, follow_end, plan};
use crate::merge::scene::Scene;
use crate::merge::thread::Draft;

use super::course::Course;
use super::dispute::read_clocks;
use super::fate::Result;
use super::house::House;
use super::lane::agreed;
use super::linked::shown;
use super::people::{Looked, look};
use super::recover::HalfDone;
use super::{ends, people};

/// What would be done about one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    pub source: TicketId,
    /// The target ticket, if it is there already.
    pub target: Option<TicketId>,
    pub lines: Vec<String>,
    /// Nothing would be written: a person has to decide something first.
    pub parked: bool,
}

/// Plans one ticket of the source. Errors: a desk or the ledger cannot be read.
pub async fn foresee(house: &House, course: &Course, ticket: &TicketId) -> Result<Foreseen> {
    at_priority(Priority::Backfill, plan_of(house, course, ticket)).await
}

async fn plan_of(house: &House, course: &Course, ticket: &TicketId) -> Result<Foreseen> {
    let only = |lines| Foreseen { source: ticket.clone(), target: None, lines, parked: false };
    let pair = pair_of(house, course, ticket).await?;
    let (mut lead, follow) = match both(course, ticket, pair.as_ref()).await? {
        Ok(both) => both,
        Err(why) => return Ok(only(vec![why])),
    };
    let base = pair.as_ref().map(|pair| agreed(course, pair, &HalfDone::default(), (&lead, follow.as_ref()))).unwrap_or_default();
    let linked = match &pair {
        Some(pair) => house.ledger.message_links(course.id, pair.id, &shown(Side::Source, &lead, follow.as_ref())).await?,
        None => Vec::new(),
    };
    people::introduce(course, Side::Source, &mut lead, &linked).await?;
    let before: Vec<&Value> = base.fields.values().map(|field| &field.source).collect();
    let Looked { mut people, new } = look(house, course, (Side::Source, &lead), &before).await?;
    // They stand under their own name until they are made.
    people.extend(new.iter().map(|person| (person.id.clone(), Some(PersonId::new(whom(person))))));
    let ends = ends::of(house, course, (Side::Source, &lead), &base).await?;
    let rulings = pair.as_ref().map_or(&[][..], |pair| &pair.rulings);
    let reapply = pair.as_ref().map(|pair| pair.reapply.clone()).unwrap_or_default();
    let mut scene = Scene {
        lead_side: Side::Source,
        lead: &lead,
        follow: follow.as_ref(),
        lead_can: course.source.capabilities(),
        follow_can: course.target.capabilities(),
        keys: &course.keys,
        part: pair.as_ref().map_or(0, |pair| pair.part),
        base: &base,
        linked: &linked,
        reapply: &reapply,
        people: &people,
        ends: &ends,
        mapping: &course.mapping,
        policy: &course.policy,
        rulings,
        clocks: None,
        now: house.clock.now(),
    };
    let mut planned = plan(&scene);
    if planned.wants_clocks {
        scene.clocks = Some(read_clocks(house, course, Side::Source).await?);
        planned = plan(&scene);
    }
    let mut foreseen = told(course, &scene, &base, &new, &planned);
    foreseen.lines.extend(back(house, course, &scene).await?);
    if foreseen.lines.is_empty() {
        foreseen.lines.push("nothing: both desks say the same".to_string());
    }
    Ok(foreseen)
}

/// The ticket as both desks show it. Errors in the answer: why nothing would be written for it, in words.
async fn both(
    course: &Course,
    ticket: &TicketId,
    pair: Option<&Pair>,
) -> Result<std::result::Result<(Ticket, Option<Ticket>), String>> {
    let lead = match course.source.read(ticket, None).await? {
        Read::Found(lead) | Read::Torn(lead) => *lead,
        Read::Missing => return Ok(Err("the old desk does not show it".to_string())),
    };
    if pair.is_some_and(|pair| pair.lead() == Side::Target) {
        return Ok(Err("nothing in the new desk: that one leads this ticket".to_string()));
    }
    let target = pair.and_then(|pair| pair.target_ticket.as_ref());
    if let Some(why) = not_copied(course, &lead, target.is_some()) {
        return Ok(Err(format!("nothing: {why}")));
    }
    let Some(target) = target else { return Ok(Ok((lead, None))) };
    Ok(match course.target.read(target, None).await? {
        Read::Found(follow) | Read::Torn(follow) => Ok((lead, Some(*follow))),
        Read::Missing => Err(format!("the new desk does not show {target}")),
    })
}

async fn pair_of(house: &House, course: &Course, ticket: &TicketId) -> Result<Option<Pair>> {
    match house.ledger.pair_of_source(course.id, ticket).await? {
        Some(id) => Ok(Some(house.ledger.pair(id).await?)),
        None => Ok(None),
    }
}

/// What would go into the old desk: the same scene with the roles changed.
async fn back(house: &House, course: &Course, scene: &Scene<'_>) -> Result<Vec<String>> {
    let side = scene.lead_side.other();
    let Some(mut follow) = scene.follow.cloned().filter(|_| course.policy.carries_back(side)) else { return Ok(Vec::new()) };
    people::introduce(course, side, &mut follow, scene.linked).await?;
    let people = people::authors(house, course, side, &follow, scene.linked).await?;
    let scene = Scene {
        lead_side: side,
        lead: &follow,
        follow: Some(scene.lead),
        lead_can: scene.follow_can,
        follow_can: scene.lead_can,
        people: &people,
        ..*scene
    };
    let plan = answers(&scene);
    let steps = plan.steps.iter().filter(|step| !matches!(step, Step::StatusLast(_)));
    let mut lines: Vec<String> =
        steps.flat_map(|step| words(&scene, step)).map(|line| format!("in the old desk: {line}")).collect();
    lines.extend(plan.stays.iter().map(|id| {
        format!(
            "message {id} of the new desk stays there: old {} is closed for good",
            scene.follow.map_or("", |here| here.id.as_str())
        )
    }));
    Ok(lines)
}

fn not_copied(course: &Course, lead: &Ticket, there: bool) -> Option<String> {
    match &lead.presence {
        _ if there => None,
        Presence::Deleted => Some("it is deleted".to_string()),
        Presence::MergedInto(into) => Some(format!("it was merged into {into}")),
        Presence::Present => course.scope.includes(lead).err().map(|why| format!("it is not in the scope: {why}")),
    }
}

fn told(course: &Course, scene: &Scene<'_>, base: &Base, new: &[Person], plan: &Plan) -> Foreseen {
    let mut lines: Vec<String> =
        new.iter().map(|person| format!("make the customer {}; nobody is mailed", whom(person))).collect();
    lines.extend(plan.steps.iter().flat_map(|step| words(scene, step)));
    let park = course.policy.unmapped == Unmapped::Park && !plan.unmapped.is_empty();
    let asked = plan.conflicts.iter().any(|conflict| conflict.winner.is_none());
    for (field, unknown) in &plan.unmapped {
        let what = if park { "PARK it" } else { "leave the field out" };
        lines.push(format!("{what}: the mapping has no word for `{}` in `{field}`", unknown.join("`, `")));
    }
    lines.extend(plan.conflicts.iter().map(|one| {
        let winner =
            one.winner.map_or("a person has to decide".to_string(), |side| format!("the {} desk's stands", side.as_str()));
        format!("conflict in `{}`: old `{}`, new `{}`; {winner}", one.source, one.lead, one.follow)
    }));
    lines.extend(plan.held.as_ref().map(|held| {
        let fields: Vec<String> = held.fields.iter().map(FieldKey::to_string).collect();
        format!(
            "later, not before {}: {}; somebody is at work on the new ticket",
            held.until.format("%H:%M:%S UTC"),
            fields.join(", ")
        )
    }));
    lines.extend(plan.waits_for.iter().map(|ticket| format!("later, once old {ticket} is copied: the link to it")));
    lines.extend(plan.pending.then(|| "later, once the old desk has scanned it: a message with a file".to_string()));
    let known = |one: &&crate::merge::base::Unheld| base.unheld.contains(one);
    let unheld = plan.unheld.iter().filter(|one| !known(one));
    lines.extend(unheld.map(|one| format!("not carried: the link to old {}: {}", one.link.to, one.why.sentence())));
    let target = scene.follow.map(|follow| follow.id.clone());
    Foreseen { source: scene.lead.id.clone(), target, lines, parked: park || asked }
}

fn whom(person: &Person) -> String {
    match &person.email {
        Some(email) => format!("{} <{email}>", person.name),
        None => format!("{} (without an address)", person.name),
    }
}

fn words(scene: &Scene<'_>, step: &Step) -> Vec<String> {
    match step {
        Step::Create { fields, drafts } => {
            let first = format!("make the ticket: {}", fields.iter().map(assignment).collect::<Vec<_>>().join(", "));
            let with = drafts.iter().map(|draft| format!("  with {}", message(scene, draft)));
            [first].into_iter().chain(with).collect()
        }
        Step::SetFields(fields) => vec![format!("set {}", fields.iter().map(change).collect::<Vec<_>>().join(", "))],
        Step::AddMessage(draft) => vec![format!("add {}", message(scene, draft))],
        Step::Restrict(one) => {
            let there = if scene.lead_side == Side::Source { "new" } else { "old" };
            let how = match one.how {
                Some(_) => format!("do the same in the {there} desk"),
                None => format!("PARK it urgently: the {there} desk cannot"),
            };
            vec![format!("{}: {how}", one.what)]
        }
        Step::AddLink(link) => vec![format!("link it: {}", linked(follow_end(scene.lead_side, link)))],
        Step::RemoveLink(link) => vec![format!("take the link away: {}", linked(follow_end(scene.lead_side, link)))],
        Step::Note(note) => vec![format!("add an internal note about {} links that have no place", note.links.len())],
        Step::StatusLast(write) => vec![format!("at the end set {}", assignment(write))],
    }
}

fn linked(link: &crate::desk::ticket::Link) -> String {
    let kind = match link.kind {
        LinkKind::Parent => "child of",
        LinkKind::DependsOn => "depends on",
        LinkKind::RefersTo => "refers to",
    };
    format!("{kind} new {}", link.to)
}

fn assignment(write: &FieldWrite) -> String {
    format!("{} = {}", write.key, value(&write.key, &write.intended))
}

fn change(write: &FieldWrite) -> String {
    format!("{} = {} (now {})", write.key, value(&write.key, &write.intended), value(&write.key, &write.before))
}

fn value(key: &FieldKey, value: &Value) -> String {
    match value {
        Value::Person(person) => person.to_string(),
        Value::People(people) => people.iter().map(PersonId::as_str).collect::<Vec<_>>().join(", "),
        Value::Text(text) if *key == FieldKey::Subject => format!("\"{text}\""),
        value => value.to_string(),
    }
}

fn message(scene: &Scene<'_>, draft: &Draft) -> String {
    let place = scene.lead.messages.iter().position(|message| message.id == draft.original).map_or(0, |place| place + 1);
    let visibility = if draft.visibility == Visibility::Public { "public" } else { "internal" };
    let author = scene.lead.messages.iter().find(|message| message.id == draft.original).map(|message| &message.author);
    let name =
        author.map_or_else(String::new, |id| scene.lead.person(id).map_or_else(|| id.to_string(), |person| person.name.clone()));
    let how = if draft.author.is_some() { "as the author" } else { "by our user, with a line that says who wrote it" };
    let files: Vec<String> = draft.files.iter().map(file).collect();
    let lost: Vec<String> = draft.lost.iter().map(|(name, why)| format!("{name} is not carried: {why}")).collect();
    let parts = [("files", files), ("but", lost)];
    let more: Vec<String> =
        parts.iter().filter(|(_, some)| !some.is_empty()).map(|(word, some)| format!("; {word}: {}", some.join(", "))).collect();
    let at = draft.created_at.format("%Y-%m-%d %H:%M:%S");
    format!("message {place}: {visibility}, {name}, {at}, {how}{}", more.concat())
}

fn file(file: &Attachment) -> String {
    file.size.map_or_else(|| file.name.clone(), |size| format!("{} ({size} bytes)", file.name))
}
