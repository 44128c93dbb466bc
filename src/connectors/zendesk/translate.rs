//! A ticket with its comments and audits, from Zendesk's JSON to the neutral one. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value as Json;

use crate::desk::body::Body;
use crate::desk::field::FieldKey;
use crate::desk::id::{AttachmentId, MessageId, PersonId, TicketId};
use crate::desk::person::{Person, Role};
use crate::desk::ticket::{Act, Actor, Attachment, AttachmentState, Link, LinkKind, Message, Presence, Ticket, Visibility};

use super::CAPABILITIES;
use super::fields::{Known, decode, key_of};
use super::html;
use super::wire;
use super::wire::Id;

/// Everything that was read of one ticket.
pub struct Parts {
    pub ticket: wire::Ticket,
    /// Oldest first.
    pub comments: Vec<wire::Comment>,
    /// Newest first, as far back as was read.
    pub audits: Vec<wire::Audit>,
    pub users: Vec<wire::User>,
    /// The desk's clock at the read.
    pub desk_time: Option<DateTime<Utc>>,
}

impl Parts {
    /// A ticket that the desk says is deleted: nothing else of it is read.
    pub fn gone(ticket: wire::Ticket, audits: Vec<wire::Audit>) -> Self {
        Self { ticket, comments: Vec::new(), audits, users: Vec::new(), desk_time: None }
    }
}

/// Under which name our key is kept in `metadata.custom` of an audit.
pub const KEY_NAME: &str = "tidegate";

/// Where system actions are attributed to nobody.
const SYSTEM: &str = "-1";

/// The whole ticket.
pub fn ticket(parts: &Parts, known: &Known<'_>) -> Ticket {
    let raw = &parts.ticket;
    let presence = presence(parts);
    let gone = presence == Presence::Deleted;
    Ticket {
        id: TicketId::new(&raw.id),
        stamp: stamp(&parts.audits).unwrap_or_else(|| feed_stamp(raw)),
        feed_stamp: Some(feed_stamp(raw)),
        presence,
        created_at: raw.created_at,
        updated_at: raw.updated_at,
        url: CAPABILITIES.page_of(&known.settings.address(), &TicketId::new(&raw.id)),
        fields: decode(raw, known),
        messages: if gone { Vec::new() } else { messages(parts, known) },
        links: links(raw),
        key: key_of(raw, known),
        people: parts.users.iter().filter_map(person).collect(),
        acts: acts(parts, known),
        immutable: raw.status == "closed",
    }
}

/// What the export shows for this state: `<updated_at>/<generated_timestamp>`. The second also moves when the system alone
/// changes something.
pub fn feed_stamp(ticket: &wire::Ticket) -> String {
    let generated = ticket.generated_timestamp.map(|stamp| stamp.to_string()).unwrap_or_default();
    format!("{}/{generated}", super::fields::time(ticket.updated_at))
}

/// The newest audit's id.
pub fn stamp(audits: &[wire::Audit]) -> Option<String> {
    audits.iter().map(|audit| &audit.id).max_by_key(|id| id.number()).map(Id::to_string)
}

/// A user as a person. `None`: the anonymous user, who is nobody.
pub fn person(user: &wire::User) -> Option<Person> {
    let role = if matches!(user.role.as_str(), "end-user" | "") { Role::Customer } else { Role::Agent };
    Some(Person {
        id: PersonId::new(user.id.as_ref()?),
        name: user.name.clone(),
        email: user.email.clone().filter(|email| !email.is_empty()),
        role,
        active: user.active.unwrap_or(true) && !user.suspended.unwrap_or(false),
    })
}

fn messages(parts: &Parts, known: &Known<'_>) -> Vec<Message> {
    let by_id: BTreeMap<&Id, &wire::Audit> = parts.audits.iter().map(|audit| (&audit.id, audit)).collect();
    let by_comment = comment_audits(&parts.audits);
    let raw = &parts.ticket;
    let to_message = |comment: &wire::Comment| {
        let audit = comment.audit_id.as_ref().and_then(|id| by_id.get(id)).or_else(|| by_comment.get(&comment.id)).copied();
        let by_us = comment.author_id.is_some() && comment.author_id == known.directory.me;
        // Nothing of ours can be put into what the desk itself says about a merge that we ordered.
        let of_merge = || {
            let vias = [comment.via.as_ref(), audit.and_then(|audit| audit.via.as_ref())];
            let merge = by_us && vias.into_iter().flatten().any(|via| via.is("merge", 19) || via.rel() == "merge");
            merge.then(|| format!("tidegate:{}:merge:{}", known.settings.mirror, comment.id))
        };
        let key = key_in(&comment.metadata).or_else(|| audit.and_then(|audit| key_in(&audit.metadata))).or_else(of_merge);
        let ours = key.is_some() || by_us || audit.is_some_and(|audit| is_ours(audit, raw, known));
        Message {
            id: MessageId::new(&comment.id),
            author: author(comment.author_id.as_ref()),
            visibility: if comment.public { Visibility::Public } else { Visibility::Internal },
            created_at: comment.created_at,
            body: body(comment),
            attachments: comment.attachments.iter().map(|file| attachment(file, comment, parts.desk_time)).collect(),
            key,
            ours,
        }
    };
    parts.comments.iter().map(to_message).collect()
}

/// The audit that made each comment; a comment has the id of the event that made it.
fn comment_audits(audits: &[wire::Audit]) -> BTreeMap<Id, &wire::Audit> {
    let comments = |audit: &wire::Audit| {
        audit.events.iter().filter(|event| event.kind == "Comment").filter_map(|event| Id::of(&event.id)).collect::<Vec<_>>()
    };
    audits.iter().flat_map(|audit| comments(audit).into_iter().map(move |id| (id, audit))).collect()
}

fn author(id: Option<&Id>) -> PersonId {
    PersonId::new(id.map_or(SYSTEM, Id::as_str))
}

fn body(comment: &wire::Comment) -> Body {
    match comment.html_body.as_deref().filter(|html| !html.is_empty()) {
        Some(html) => Body::Html(html::inline_to_neutral(html::without_wrapper(html), &comment.attachments)),
        None => Body::Text(comment.plain_body.clone().or_else(|| comment.body.clone()).unwrap_or_default()),
    }
}

/// A file that was scanned neither well nor badly is waited for so long after it came.
const SCAN_TIME: TimeDelta = TimeDelta::minutes(10);

fn attachment(file: &wire::Attachment, comment: &wire::Comment, desk_time: Option<DateTime<Utc>>) -> Attachment {
    let young = desk_time.is_some_and(|now| now - comment.created_at < SCAN_TIME);
    let redacted = file.file_name == "redacted.txt" && file.size == Some(0);
    let state = match file.malware_scan_result.as_deref() {
        _ if file.deleted || redacted => AttachmentState::Removed,
        Some("malware_found") if !file.malware_access_override => AttachmentState::Refused,
        Some("not_scanned") if young => AttachmentState::Pending,
        _ => AttachmentState::Ready,
    };
    Attachment {
        id: AttachmentId::new(&file.id),
        name: file.file_name.clone(),
        content_type: file.content_type.clone(),
        size: file.size,
        inline: file.inline,
        locator: file.content_url.clone(),
        state,
    }
}

/// Our key in the metadata of an audit or comment.
pub fn key_in(metadata: &Json) -> Option<String> {
    metadata.get("custom")?.get(KEY_NAME)?.as_str().map(str::to_string)
}

/// A problem of an incident, and the closed ticket that a follow-up was made of.
pub(super) fn links(ticket: &wire::Ticket) -> BTreeSet<Link> {
    let parent = ticket.id_at("problem_id").map(|id| Link { kind: LinkKind::Parent, to: TicketId::new(id) });
    let followed =
        ticket.via.as_ref().filter(|via| via.rel() == "follow_up").and_then(|via| ticket_in(&via.source.as_ref()?.from));
    let followed = followed.or_else(|| ticket.id_at("via_followup_source_id"));
    let followed = followed.map(|id| Link { kind: LinkKind::RefersTo, to: TicketId::new(id) });
    parent.into_iter().chain(followed).filter(|link| link.to.as_str() != ticket.id.as_str()).collect()
}

fn ticket_in(place: &Json) -> Option<Id> {
    place.get("ticket_id").and_then(Id::of)
}

fn presence(parts: &Parts) -> Presence {
    if parts.ticket.status == "deleted" {
        return Presence::Deleted;
    }
    match merged_into(parts) {
        Some(into) => Presence::MergedInto(TicketId::new(into)),
        None => Presence::Present,
    }
}

/// The ticket that this one was merged into. Evidence that only the system makes has to be there: the via type `merge`
/// (19 in Zendesk's list), or the tag `closed_by_merge`. The other ticket's number is taken from the via object, else from the
/// one `#number` in the comment that closed this ticket. The surviving ticket has such vias too, but is not closed by it, and
/// they come *from* the other one.
fn merged_into(parts: &Parts) -> Option<Id> {
    let own = &parts.ticket.id;
    if parts.ticket.status != "closed" {
        return None;
    }
    let of_audits =
        parts.audits.iter().flat_map(|audit| audit.via.iter().chain(audit.events.iter().filter_map(|event| event.via.as_ref())));
    let of_comments = parts.comments.iter().filter_map(|comment| comment.via.as_ref());
    let vias: Vec<&wire::Via> = of_audits.chain(of_comments).filter(|via| via.is("merge", 19) || via.rel() == "merge").collect();
    let end =
        |place: fn(&wire::ViaSource) -> &Json, via: &wire::Via| via.source.as_ref().and_then(|source| ticket_in(place(source)));
    let into = vias.iter().find_map(|via| end(|source| &source.to, via).filter(|id| id != own));
    let outward = vias.iter().any(|via| end(|source| &source.from, via).is_none_or(|id| &id == own));
    let tagged = parts.ticket.tags.iter().flatten().any(|tag| tag == "closed_by_merge");
    into.or_else(|| if tagged || outward { number_in_last_comment(parts) } else { None })
}

fn number_in_last_comment(parts: &Parts) -> Option<Id> {
    let last = parts.comments.last()?;
    let text = last.plain_body.as_deref().or(last.body.as_deref())?;
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>();
    let numbers = text.split('#').skip(1).map(digits).filter(|number| !number.is_empty());
    let numbers: BTreeSet<String> = numbers.filter(|number| number != parts.ticket.id.as_str()).collect();
    match numbers.len() {
        1 => numbers.into_iter().next().map(Id::new),
        _ => None,
    }
}

/// Who did what, oldest first. An update in which a trigger acted as well is told as two acts with one id.
fn acts(parts: &Parts, known: &Known<'_>) -> Vec<Act> {
    let mut acts: Vec<Act> = parts.audits.iter().flat_map(|audit| acts_of(audit, &parts.ticket, known)).collect();
    acts.sort_by_key(|act| Id::new(act.id.as_str()).number());
    acts
}

/// Our mark is in the metadata, we are the author (which is who the comment is by, when we set one), or it is the creation of
/// a ticket that has our key.
pub(super) fn is_ours(audit: &wire::Audit, ticket: &wire::Ticket, known: &Known<'_>) -> bool {
    let by_us = audit.author_id.is_some() && audit.author_id == known.directory.me;
    let creation = || audit.events.iter().any(|event| event.kind == "Create");
    let our_ticket = || key_of(ticket, known).is_some_and(|key| key.starts_with("tidegate:"));
    key_in(&audit.metadata).is_some() || by_us || (creation() && our_ticket())
}

fn acts_of(audit: &wire::Audit, ticket: &wire::Ticket, known: &Known<'_>) -> Vec<Act> {
    let by_rule = |via: Option<&wire::Via>| via.is_some_and(is_rule);
    let whole = by_system(audit);
    let (rule, other): (Vec<_>, Vec<_>) = audit.events.iter().partition(|event| whole || by_rule(event.via.as_ref()));
    let fields = |events: &[&wire::Event]| events.iter().filter_map(|event| field_of(event, known)).collect::<BTreeSet<_>>();
    let ours = is_ours(audit, ticket, known);
    let act = |by, events: &[&wire::Event]| Act {
        id: audit.id.to_string(),
        actor: author(audit.author_id.as_ref()),
        by,
        at: audit.created_at,
        fields: fields(events),
        status: status_left(events, known),
    };
    let mut acts = Vec::new();
    if !whole {
        acts.push(act(if ours { Actor::Us } else { Actor::Person }, &other));
    }
    if whole || !fields(&rule).is_empty() {
        acts.push(act(Actor::Rule, &rule));
    }
    acts
}

/// The status that these events left.
fn status_left(events: &[&wire::Event], known: &Known<'_>) -> Option<String> {
    let value = |name: &str| {
        let is_it = |event: &&&wire::Event| {
            matches!(event.kind.as_str(), "Change" | "Create")
                && Id::of(&event.field_name).is_some_and(|field| field.as_str() == name)
        };
        events.iter().rev().find(is_it).map(|event| &event.value)
    };
    let custom = value("custom_status_id").and_then(Id::of);
    let category = value("status").and_then(Json::as_str);
    let word = known.directory.status_word(category.unwrap_or_default(), custom.as_ref());
    Some(word.to_string()).filter(|word| !word.is_empty())
}

/// Whether an update was nobody's: an automation's, or other work of the system.
pub(super) fn by_system(audit: &wire::Audit) -> bool {
    audit.via.as_ref().is_some_and(is_rule) || audit.author_id.as_ref().is_some_and(|id| id.as_str() == SYSTEM)
}

/// Triggers, automations and other work of the system (via type `rule`, 8 in Zendesk's list).
pub(super) fn is_rule(via: &wire::Via) -> bool {
    via.is("rule", 8) || matches!(via.rel(), "trigger" | "automation")
}

/// The field that an event changed, if it is one that is carried.
fn field_of(event: &wire::Event, known: &Known<'_>) -> Option<FieldKey> {
    match event.kind.as_str() {
        "EmailCcChange" => return Some(FieldKey::Cc),
        "FollowerChange" => return Some(FieldKey::Followers),
        "Change" | "Create" => {}
        _ => return None,
    }
    let name = Id::of(&event.field_name)?;
    Some(match name.as_str() {
        "subject" => FieldKey::Subject,
        "status" | "custom_status_id" => FieldKey::Status,
        "priority" => FieldKey::Priority,
        "type" => FieldKey::Type,
        "group_id" => FieldKey::Group,
        "brand_id" => FieldKey::Brand,
        "ticket_form_id" => FieldKey::Form,
        "assignee_id" => FieldKey::Assignee,
        "requester_id" => FieldKey::Requester,
        "organization_id" => FieldKey::Organisation,
        "due_at" => FieldKey::Due,
        "tags" if tags_changed(event, known) => FieldKey::Tags,
        _ => FieldKey::custom(&known.directory.fields.iter().find(|field| field.id == name)?.name),
    })
}

/// A tag that stands for a field's value, or is our own, is no change of the tags.
fn tags_changed(event: &wire::Event, known: &Known<'_>) -> bool {
    let free = |value: &Json| -> BTreeSet<String> {
        let tags: Vec<&str> = match value {
            Json::Array(items) => items.iter().filter_map(Json::as_str).collect(),
            Json::String(text) => text.split_whitespace().collect(),
            _ => Vec::new(),
        };
        let ours = |tag: &&str| known.settings.is_own_tag(tag) || known.directory.is_option(tag);
        tags.into_iter().filter(|tag| !ours(tag)).map(str::to_string).collect()
    };
    free(&event.value) != free(&event.previous_value)
}
