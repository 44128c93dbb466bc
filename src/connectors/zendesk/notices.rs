//! Whom the account's rules told about a ticket: the notification events of its audits, and whose update they belong to.
//!
//! A trigger runs within the update that it answers, so its notification stands in that update's own audit. An automation runs by
//! the clock and makes an audit of its own, by nobody (author -1, via `rule`, rel `automation`). As documented in Zendesk's references
//! of ticket audit events and of via objects.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::connectors::fault::Fault;
use crate::desk::id::{PersonId, TicketId};
use crate::desk::notice::{After, Notice, Notices, Reached};
use crate::desk::person::{Person, Role};
use crate::desk::ticket::Actor;

use super::Zendesk;
use super::fields::Known;
use super::translate::{by_system, is_ours, is_rule, person};
use super::wire::{Audit, Event, Id, Ticket};

/// Event types that say that somebody was told something.
const NOTICES: [&str; 7] = [
    "Notification",
    "NotificationWithCcs",
    "SmsNotification",
    "Cc",
    "FollowerNotificationEvent",
    "OrganizationActivity",
    "SurveyOffered",
];

impl Zendesk {
    /// One call for a ticket about which nobody was told.
    pub(super) async fn notices_of(&self, id: &TicketId, since: DateTime<Utc>) -> Result<Notices, Fault> {
        let (mut audits, mut older) = self.first_audits(id).await?;
        if audits.is_empty() {
            return Ok(Notices::Untold(format!("the desk does not show ticket {id} any more")));
        }
        let old = |audits: &[Audit]| audits.iter().any(|audit| audit.created_at < since);
        older = self.older_audits(id, &mut audits, older, old).await?;
        let new = |audit: &&Audit| audit.created_at >= since && audit.events.iter().any(is_notice);
        let telling: Vec<&Audit> = audits.iter().filter(new).collect();
        if telling.is_empty() {
            return Ok(Notices::Told(Vec::new()));
        }
        if telling.iter().any(|audit| by_system(audit)) {
            // Whom it follows is a question to the whole history.
            self.older_audits(id, &mut audits, older, |_| false).await?;
        }
        let ticket = self.plain_ticket(id).await?;
        let people = self.people_by_id(&recipients(&audits)).await?;
        let people = people.iter().filter_map(person).map(|person: Person| (person.id, person.role)).collect();
        let directory = self.directory().await?;
        let known = Known { settings: &self.settings, directory: &directory, organisation: None };
        let mut told = notices(&audits, &ticket, &known, &people);
        told.retain(|notice| notice.at >= since);
        Ok(Notices::Told(told))
    }
}

fn is_notice(event: &Event) -> bool {
    NOTICES.contains(&event.kind.as_str()) || asks_for_rating(event)
}

fn asks_for_rating(event: &Event) -> bool {
    event.kind == "SatisfactionRating" && event.score.as_str() == Some("offered")
}

/// Ids of those who were told; older accounts have objects with an id in the list.
fn told(event: &Event) -> impl Iterator<Item = PersonId> {
    let id = |value| Id::of(value).or_else(|| value.get("id").and_then(Id::of));
    event.recipients.iter().filter_map(id).map(PersonId::new)
}

fn recipients(audits: &[Audit]) -> Vec<PersonId> {
    let all: BTreeSet<PersonId> =
        audits.iter().flat_map(|audit| &audit.events).filter(|event| is_notice(event)).flat_map(told).collect();
    all.into_iter().collect()
}

/// The notices in a ticket's audits, oldest first.
fn notices(audits: &[Audit], ticket: &Ticket, known: &Known<'_>, people: &BTreeMap<PersonId, Role>) -> Vec<Notice> {
    let mut by_age: Vec<&Audit> = audits.iter().collect();
    by_age.sort_by_key(|audit| audit.id.number());
    let actor = |audit: &Audit| match (by_system(audit), is_ours(audit, ticket, known)) {
        (true, _) => Actor::Rule,
        (false, true) => Actor::Us,
        (false, false) => Actor::Person,
    };
    let actors: Vec<Actor> = by_age.iter().map(|audit| actor(audit)).collect();
    let of_audit = |(place, audit): (usize, &&Audit)| {
        let after = match actors[place] {
            Actor::Us => After::Us,
            Actor::Person => After::Person,
            Actor::Rule => After::by_the_clock(actors[..place].iter().copied()),
        };
        let notice = |event: &Event| Notice {
            id: Id::of(&event.id).map_or_else(|| format!("{}/{}", audit.id, event.kind), |id| id.to_string()),
            rule: rule(audit, event),
            to: reached(event, people),
            at: audit.created_at,
            after,
        };
        audit.events.iter().filter(|event| is_notice(event)).map(notice).collect::<Vec<_>>()
    };
    by_age.iter().enumerate().flat_map(of_audit).collect()
}

fn rule(audit: &Audit, event: &Event) -> String {
    let via = event.via.as_ref().or(audit.via.as_ref()).filter(|via| is_rule(via));
    let title = via.and_then(|via| via.source.as_ref()?.from.get("title")?.as_str());
    match (via.map(|via| via.rel()), title) {
        (Some("automation"), Some(title)) => format!("the automation \"{title}\""),
        (Some(_), Some(title)) => format!("the trigger \"{title}\""),
        _ => format!("a notification of type {}", event.kind),
    }
}

fn reached(event: &Event, people: &BTreeMap<PersonId, Role>) -> Reached {
    let mut reached = Reached { customers: u32::from(asks_for_rating(event)), ..Reached::default() };
    for id in told(event) {
        match people.get(&id) {
            Some(Role::Customer) => reached.customers += 1,
            Some(Role::Agent) => reached.agents += 1,
            None => reached.others += 1,
        }
    }
    reached
}
