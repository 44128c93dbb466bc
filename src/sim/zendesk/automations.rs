//! The account's automations: business rules that run by the clock. A new account has none; `POST /api/v2/automations` makes one.
//!
//! As documented, an automation looks at hours (`updated_at`: since the last update, `SOLVED`: since it was solved), and must undo
//! one of its own conditions; here that is a tag which it excludes and adds. What it does is an audit of its own, by nobody
//! (author -1) and via the rule. Zendesk runs them once an hour; here they run before the next call that comes.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::{Call, truth};
use super::commit::{Deed, commit};
use super::field;
use super::mailbox;
use super::paging;
use super::store::{Store, stamp};
use super::ticket::{SYSTEM, Ticket};
use crate::sim::snapshot::Mail;

/// An automation.
#[derive(Debug, Clone)]
pub struct Automation {
    pub id: u64,
    pub title: String,
    pub active: bool,
    /// Conditions that all have to hold, and those of which one has to, as the client wrote them.
    all: Vec<Value>,
    any: Vec<Value>,
    actions: Vec<Value>,
    made: DateTime<Utc>,
}

impl Automation {
    fn to_json(&self, desk: &str) -> Value {
        json!({
            "url": format!("{desk}/api/v2/automations/{}.json", self.id), "id": self.id, "title": self.title, "active": self.active,
            "position": self.id % 1000, "default": false, "conditions": {"all": self.all, "any": self.any}, "actions": self.actions,
            "created_at": stamp(self.made), "updated_at": stamp(self.made),
        })
    }

    fn via(&self) -> Value {
        json!({"channel": "rule", "source": {"from": {"id": self.id, "title": self.title}, "to": {}, "rel": "automation"}})
    }

    fn tags(&self, what: &str) -> BTreeSet<String> {
        let excluded = |one: &&Value| one["field"] == "current_tags" && one["operator"] == what;
        self.all.iter().filter(excluded).flat_map(|one| field::tags_of(&one["value"])).collect()
    }

    fn adds(&self) -> BTreeSet<String> {
        let added = self.actions.iter().filter(|one| one["field"] == "current_tags");
        added.flat_map(|one| field::tags_of(&one["value"])).collect()
    }

    /// Whether it is true once only, as Zendesk demands.
    fn ends(&self) -> bool {
        let nullifies = |action: &Value| {
            self.all
                .iter()
                .any(|one| one["field"] == action["field"] && one["field"] != "current_tags" && one["value"] != action["value"])
        };
        !self.adds().is_disjoint(&self.tags("not_includes")) || self.actions.iter().any(nullifies)
    }

    fn holds(&self, ticket: &Ticket, now: DateTime<Utc>) -> bool {
        self.all.iter().all(|one| fulfilled(one, ticket, now))
            && (self.any.is_empty() || self.any.iter().any(|one| fulfilled(one, ticket, now)))
    }
}

fn fulfilled(one: &Value, ticket: &Ticket, now: DateTime<Utc>) -> bool {
    match one["field"].as_str().unwrap_or_default() {
        "current_tags" => {
            let includes = !field::tags_of(&one["value"]).iter().all(|tag| !ticket.tags.contains(tag));
            includes == (one["operator"] == "includes")
        }
        "status" => compare(one, &ticket.status),
        "updated_at" => hours(one, Some(ticket.updated_at), now),
        "SOLVED" => hours(one, ticket.solved_at.filter(|_| ticket.status == "solved"), now),
        _ => false,
    }
}

fn compare(one: &Value, have: &str) -> bool {
    match one["operator"].as_str() {
        Some("is_not") => one["value"] != have,
        Some("less_than") => have != "solved" && have != "closed",
        _ => one["value"] == have,
    }
}

fn hours(one: &Value, since: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    let wanted = one["value"].as_i64().or_else(|| one["value"].as_str()?.parse().ok());
    let Some((wanted, passed)) = wanted.zip(since.map(|since| (now - since).num_hours())) else { return false };
    if one["operator"] == "is" { passed == wanted } else { passed > wanted }
}

/// Runs what is due.
pub fn run(store: &mut Store) {
    let now = store.now();
    for automation in store.automations.clone().into_iter().filter(|one| one.active) {
        let due: Vec<Ticket> = store
            .tickets
            .values()
            .filter(|ticket| ticket.is_there() && !ticket.is_closed() && automation.holds(ticket, now))
            .cloned()
            .collect();
        for ticket in due {
            act(store, &automation, ticket, now);
        }
    }
}

fn act(store: &mut Store, automation: &Automation, mut ticket: Ticket, now: DateTime<Utc>) {
    let to = recipients(store, automation, &ticket);
    let tags = ticket.tags.union(&automation.adds()).cloned().collect();
    field::set_tags(&mut ticket, tags, &store.stock);
    let mut deed = Deed { at: now, via: automation.via(), ..Deed::by_api(store, SYSTEM) };
    if !to.is_empty() {
        let mail = Mail {
            to: to.iter().map(|id| store.people.address(*id)).collect(),
            ticket: ticket.id.to_string(),
            because: automation.title.clone(),
            actor: String::new(),
            at: now,
            letter: mailbox::letter(store, &ticket, "How was it?"),
        };
        store.mails.push(mail);
        let subject = format!("[{}]", ticket.subject);
        deed.told.push(
            json!({"type": "Notification", "via": automation.via(), "subject": subject, "body": "How was it?", "recipients": to}),
        );
    }
    commit(store, ticket, None, deed);
}

fn recipients(store: &Store, automation: &Automation, ticket: &Ticket) -> Vec<u64> {
    let named =
        automation.actions.iter().filter(|one| one["field"] == "notification_user").filter_map(|one| one["value"][0].as_str());
    let people = |who: &str| match who {
        "requester_id" => vec![ticket.requester],
        "assignee_id" => ticket.assignee.into_iter().collect(),
        _ => std::iter::once(ticket.requester).chain(ticket.email_ccs.iter().copied()).collect(),
    };
    let mailable =
        |id: &u64| store.people.users.get(id).is_some_and(|user| user.email.is_some() && user.active && !user.suspended);
    named.flat_map(people).filter(mailable).collect()
}

/// `GET /api/v2/automations`, also `active`.
pub fn list(store: &mut Store, call: &Call) -> Outcome {
    let only_active = call.path.ends_with("/active") || call.query("active") == Some("true");
    let wanted = store.automations.iter().filter(|one| !only_active || one.active);
    let list = wanted.map(|one| one.to_json(&store.url)).collect();
    paging::list(store, call, "automations", list)
}

/// `POST /api/v2/automations`. Errors: 422 for one that would run again and again.
pub fn create(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("automation")?;
    let many = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let conditions = |which| wanted.get("conditions").and_then(|conditions| conditions.get(which)).or(wanted.get(which));
    let automation = Automation {
        id: store.next_id(),
        title: wanted.get("title").and_then(Value::as_str).unwrap_or_default().to_string(),
        active: wanted.get("active").is_none_or(|active| truth(Some(active))),
        all: many(conditions("all")),
        any: many(conditions("any")),
        actions: many(wanted.get("actions")),
        made: store.now(),
    };
    if !automation.ends() {
        return Err(Refusal::new(422, "RecordInvalid", "An automation must have an action that nullifies one of its conditions"));
    }
    let told = automation.to_json(&store.url);
    store.automations.push(automation);
    Answer::created(json!({"automation": told}))
}
