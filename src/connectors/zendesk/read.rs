//! Reading one ticket: the ticket, its comments and its audits, and proof that nothing changed in between.

use reqwest::Method;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::connectors::contract::Read;
use crate::connectors::fault::Fault;
use crate::connectors::http::{Answer, Call};
use crate::desk::id::{PersonId, TicketId};
use crate::desk::person::Person;
use crate::desk::ticket::{Presence, Ticket};

use super::api::{about, general, page_of};
use super::fields::Known;
use super::translate::{self, Parts};
use super::wire::{Audit, Comment, DeletedTicket, Id, Named, User};
use super::{CAPABILITIES, Zendesk};

const TICKET: Call = general("read ticket");
const COMMENTS: Call = general("read comments");
const AUDITS: Call = general("read audits");
const PEOPLE: Call = general("read people");
const DELETED: Call = Call { kind: "read deleted tickets", class: super::api::DELETED };

/// A ticket that changes while it is read is read anew so often.
const TRIES: u32 = 3;
/// Audits are read at most so many pages back.
const AUDIT_PAGES: usize = 50;
/// The newest audits that are compared after the read.
const LAST_AUDITS: &str = "10";

#[derive(Deserialize)]
struct TicketAnswer {
    ticket: super::wire::Ticket,
    #[serde(default)]
    users: Vec<User>,
    #[serde(default)]
    organizations: Vec<Named>,
}

impl Zendesk {
    /// Four calls for a ticket with at most 100 comments and as many audits: audits, ticket, comments, and the newest
    /// audits once more; a fifth when somebody named by it did not come along.
    pub(super) async fn read_ticket(&self, id: &TicketId, since: Option<&str>) -> Result<Read, Fault> {
        for round in 1..TRIES {
            let read = self.read_once(id, since, round).await.map_err(about(format_args!("ticket {id}")))?;
            if !matches!(read, Read::Torn(_)) {
                return Ok(read);
            }
        }
        self.read_once(id, since, TRIES).await.map_err(about(format_args!("ticket {id}")))
    }

    /// One try. In the first one the ticket may not be newer than its audits, and in all but the last it has to show what they
    /// say; then it is taken as it is, because the two may differ for reasons of the desk's own.
    async fn read_once(&self, id: &TicketId, since: Option<&str>, round: u32) -> Result<Read, Fault> {
        let (mut audits, older) = self.first_audits(id).await?;
        let Some((answer, desk_time)) = self.ticket_with_people(id).await? else { return self.missing(id).await };
        self.remember_organisations(&answer.organizations);
        if answer.ticket.status == "deleted" {
            return self.found(Parts::gone(answer.ticket, audits)).await;
        }
        let (comments, mut users) = self.comments(id).await?;
        let whole = audits.clone();
        self.older_audits(id, &mut audits, older, |audits| !reads_on(audits, &comments, since)).await?;
        let unseen = |audit: &Audit| !whole.iter().any(|seen| seen.id == audit.id);
        let torn = self.newest_audits(id).await?.iter().any(unseen) || !shows_comments(&comments, &whole);
        let older = round == 1 && lag_behind(&whole, &answer.ticket);
        let torn = torn || older || !(round == TRIES || shows_changes(&answer.ticket, &whole));
        users.extend(answer.users);
        let seen = self.shown(Parts { ticket: answer.ticket, comments, audits, users, desk_time }).await?;
        Ok(if torn { Read::Torn(seen) } else { Read::Found(seen) })
    }

    async fn found(&self, parts: Parts) -> Result<Read, Fault> {
        Ok(Read::Found(self.shown(parts).await?))
    }

    async fn shown(&self, mut parts: Parts) -> Result<Box<Ticket>, Fault> {
        let mut directory = self.directory().await?;
        if !directory.knows(&parts.ticket) {
            directory = self.newer_directory().await?;
        }
        let organisation = match parts.ticket.id_at("organization_id") {
            Some(id) => self.organisation_of(&id).await?.map(|name| (id, name)),
            None => None,
        };
        let known = Known { settings: &self.settings, directory: &directory, organisation };
        let mut ticket = translate::ticket(&parts, &known);
        let missing = people_missing(&ticket);
        if !missing.is_empty() {
            parts.users = self.people_by_id(&missing).await?;
            ticket.people.extend(parts.users.iter().filter_map(translate::person));
        }
        ticket.people.sort_by(|a, b| a.id.cmp(&b.id));
        ticket.people.dedup_by(|a, b| a.id == b.id);
        Ok(Box::new(ticket))
    }

    async fn ticket_with_people(&self, id: &TicketId) -> Result<Option<(TicketAnswer, Option<DateTime<Utc>>)>, Fault> {
        let url = self.url(&format!("tickets/{id}"), &[("include", "users,organizations")]);
        let answer = self.send(TICKET, Method::GET, url, None, &[404]).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        Ok(Some((answer.json(TICKET)?, desk_time(&answer))))
    }

    /// The ticket alone. Errors: `Refused` when the desk does not show it.
    pub(super) async fn plain_ticket(&self, id: &TicketId) -> Result<super::wire::Ticket, Fault> {
        let answer: TicketAnswer = self.get(TICKET, &format!("tickets/{id}"), &[]).await?;
        Ok(answer.ticket)
    }

    /// All comments, oldest first, and the users that came along.
    pub(super) async fn comments(&self, id: &TicketId) -> Result<(Vec<Comment>, Vec<User>), Fault> {
        #[derive(Deserialize)]
        struct Page {
            comments: Vec<Comment>,
            #[serde(default)]
            users: Vec<User>,
            #[serde(default)]
            meta: super::wire::Meta,
        }
        let path = format!("tickets/{id}/comments");
        let (mut comments, mut users, mut after) = (Vec::new(), Vec::new(), None::<String>);
        loop {
            let mut query =
                vec![("include_inline_images", "true"), ("include", "users"), ("sort", "created_at"), ("page[size]", "100")];
            query.extend(after.as_deref().map(|after| ("page[after]", after)));
            let page: Page = self.get(COMMENTS, &path, &query).await?;
            comments.extend(page.comments);
            users.extend(page.users);
            match page.meta.after_cursor.filter(|_| page.meta.has_more) {
                Some(next) if after.as_ref() != Some(&next) => after = Some(next),
                _ => return Ok((comments, users)),
            }
        }
    }

    /// The newest page of audits; none where the desk does not show the ticket.
    pub(super) async fn first_audits(&self, id: &TicketId) -> Result<(Vec<Audit>, Option<String>), Fault> {
        let query = [("sort", "-created_at"), ("page[size]", "100")];
        let url = self.url(&format!("tickets/{id}/audits"), &query);
        let answer = self.send(AUDITS, Method::GET, url, None, &[404]).await?;
        if answer.status == 404 {
            return Ok((Vec::new(), None));
        }
        page_of(AUDITS, answer.json(AUDITS)?, "audits")
    }

    /// Adds older audits until there are `enough`. Returns where the next ones are.
    pub(super) async fn older_audits(
        &self,
        id: &TicketId,
        audits: &mut Vec<Audit>,
        mut next: Option<String>,
        enough: impl Fn(&[Audit]) -> bool,
    ) -> Result<Option<String>, Fault> {
        let path = format!("tickets/{id}/audits");
        for _ in 1..AUDIT_PAGES {
            let Some(after) = next.take_if(|_| !enough(audits)) else { break };
            let (more, then) = self.page::<Audit>(AUDITS, &path, &[("sort", "-created_at")], "audits", Some(&after)).await?;
            audits.extend(more);
            next = then;
        }
        Ok(next)
    }

    /// All audits of a ticket, newest first.
    pub(super) async fn all_audits(&self, id: &TicketId) -> Result<Vec<Audit>, Fault> {
        let (mut audits, next) = self.first_audits(id).await?;
        self.older_audits(id, &mut audits, next, |_| false).await?;
        Ok(audits)
    }

    /// The newest few audits.
    pub(super) async fn newest_audits(&self, id: &TicketId) -> Result<Vec<Audit>, Fault> {
        let query = [("sort", "-created_at"), ("page[size]", LAST_AUDITS)];
        Ok(self.page(AUDITS, &format!("tickets/{id}/audits"), &query, "audits", None).await?.0)
    }

    /// People by id, departed ones too.
    pub(super) async fn people_by_id(&self, ids: &[PersonId]) -> Result<Vec<User>, Fault> {
        let mut users = Vec::new();
        for some in ids.chunks(100) {
            let ids: Vec<&str> = some.iter().map(PersonId::as_str).collect();
            let query = [("ids", ids.join(",")), ("include_deleted", "true".to_string())];
            let query: Vec<(&str, &str)> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
            users.extend(self.list_at::<User>(PEOPLE, "users/show_many", &query, "users").await?);
        }
        Ok(users)
    }

    /// One person by id.
    pub(super) async fn read_person(&self, id: &PersonId) -> Result<Option<Person>, Fault> {
        let found = self.people_by_id(std::slice::from_ref(id)).await?;
        Ok(found.iter().filter_map(translate::person).find(|person| &person.id == id))
    }

    /// A 404 alone is evidence of nothing. The export said that it was deleted, or the list of deleted tickets names it.
    async fn missing(&self, id: &TicketId) -> Result<Read, Fault> {
        if let Some(ticket) = self.deleted_in_export(id) {
            return self.found(Parts::gone(ticket, Vec::new())).await;
        }
        let query = [("sort_by", "deleted_at"), ("sort_order", "desc")];
        let deleted: Vec<DeletedTicket> = self.list_at(DELETED, "deleted_tickets", &query, "deleted_tickets").await?;
        let Some(found) = deleted.into_iter().find(|deleted| deleted.id.as_str() == id.as_str()) else {
            return Ok(Read::Missing);
        };
        let at = found.deleted_at.as_deref().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        let at = at.map(|at| at.to_utc()).unwrap_or_default();
        Ok(Read::Found(Box::new(tombstone(id, CAPABILITIES.page_of(&self.settings.address(), id), at))))
    }
}

/// What is left to tell of a ticket of which only the deletion is known.
fn tombstone(id: &TicketId, url: String, at: DateTime<Utc>) -> Ticket {
    Ticket {
        id: id.clone(),
        stamp: format!("deleted:{}", super::fields::time(at)),
        feed_stamp: None,
        presence: Presence::Deleted,
        created_at: at,
        updated_at: at,
        url,
        fields: Default::default(),
        messages: Vec::new(),
        links: Default::default(),
        key: None,
        people: Vec::new(),
        acts: Vec::new(),
        immutable: true,
    }
}

/// Whether the ticket was changed after the newest audit, by more than rounding: the audits may be of a lagging copy.
pub(super) fn lag_behind(audits: &[Audit], ticket: &super::wire::Ticket) -> bool {
    let newest = audits.iter().map(|audit| audit.created_at).max();
    newest.is_some_and(|newest| ticket.updated_at > newest + TimeDelta::seconds(1))
}

/// Whether every comment that the audits name is there; a list that was read from a lagging copy lacks the newest.
fn shows_comments(comments: &[Comment], audits: &[Audit]) -> bool {
    let made = audits.iter().flat_map(|audit| &audit.events).filter(|event| event.kind == "Comment");
    made.filter_map(|event| Id::of(&event.id)).all(|id| comments.iter().any(|comment| comment.id == id))
}

/// Whether the ticket shows the newest changes that its audits name; one that was read from a lagging copy does not.
fn shows_changes(ticket: &super::wire::Ticket, audits: &[Audit]) -> bool {
    const COMPARED: [&str; 5] = ["priority", "group_id", "assignee_id", "requester_id", "type"];
    let mut by_age: Vec<&Audit> = audits.iter().collect();
    by_age.sort_by_key(|audit| audit.id.number());
    let events = || by_age.iter().rev().flat_map(|audit| audit.events.iter().rev()).filter(|event| event.kind == "Change");
    let newest = |name: &str| events().find(|event| event.field_name.as_str() == Some(name)).map(|event| Id::of(&event.value));
    let same = |name: &str| newest(name).is_none_or(|value| value == ticket.id_at(name));
    let status = newest("status").is_none_or(|value| value.is_none_or(|word| word.as_str() == ticket.status));
    // A ticket that is no incident any more lost its problem by that.
    let problem = ticket.id_at("type").is_none_or(|kind| kind.as_str() != "incident") || same("problem_id");
    status && problem && COMPARED.iter().all(|name| same(name))
}

/// Whether older audits are worth a call: back to `since`, and as long as a comment's key could be in them.
fn reads_on(audits: &[Audit], comments: &[Comment], since: Option<&str>) -> bool {
    let oldest = audits.iter().map(|audit| audit.id.number()).min().unwrap_or(i64::MIN);
    let since = since.and_then(|since| since.parse::<i64>().ok());
    let unknown = |comment: &Comment| {
        let audit = comment.audit_id.as_ref().filter(|_| comment.metadata.get("custom").is_none());
        audit.is_some_and(|id| !audits.iter().any(|audit| &audit.id == id))
    };
    since.is_some_and(|since| oldest > since) || comments.iter().any(unknown)
}

fn people_missing(ticket: &Ticket) -> Vec<PersonId> {
    let in_fields = ticket.fields.values().flat_map(|value| value.persons());
    let in_messages = ticket.messages.iter().map(|message| &message.author);
    let mut named: Vec<PersonId> = in_fields.chain(in_messages).cloned().collect();
    named.sort();
    named.dedup();
    named.retain(|id| !id.as_str().starts_with('-') && ticket.person(id).is_none());
    named
}

/// The desk's clock as its answer tells.
pub(super) fn desk_time(answer: &Answer) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(answer.header("date")?).ok().map(|at| at.to_utc())
}
