//! The account's triggers. Those that mail are on from the start and leave tickets with the tag `tidegate_silent` alone;
//! those that change tickets are off until `PUT /api/v2/triggers/{id}` turns them on.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::commit::{Deed, differences};
use super::field;
use super::mailbox;
use super::store::Store;
use super::ticket::{Comment, Event, Ticket};
use crate::sim::snapshot::Mail;

/// The tag that keeps the mailing triggers silent.
pub const SILENT_TAG: &str = "tidegate_silent";

/// A trigger.
#[derive(Debug, Clone)]
pub struct Trigger {
    pub id: u64,
    pub title: &'static str,
    pub active: bool,
    /// Tickets with one of these tags are left alone.
    pub excluded: BTreeSet<String>,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    TagRefunds,
    RaiseOutages,
    Received,
    Answered,
    AssigneeOfComment,
    Assigned,
    Solved,
}

/// The triggers of a new account.
pub fn built_in() -> Vec<Trigger> {
    let triggers = [
        (22_472_701, "Tag refund requests", What::TagRefunds),
        (22_472_702, "Raise priority of outages", What::RaiseOutages),
        (22_472_711, "Notify requester and CCs of received request", What::Received),
        (22_472_712, "Notify requester and CCs of comment update", What::Answered),
        (22_472_713, "Notify assignee of comment update", What::AssigneeOfComment),
        (22_472_714, "Notify assignee of assignment", What::Assigned),
        (22_472_715, "Notify requester of solved request", What::Solved),
    ];
    let make = |(id, title, what): (u64, &'static str, What)| {
        let mails = what.mails();
        let excluded = if mails { BTreeSet::from([SILENT_TAG.to_string()]) } else { BTreeSet::new() };
        Trigger { id, title, active: mails, excluded, what }
    };
    triggers.into_iter().map(make).collect()
}

impl What {
    fn mails(self) -> bool {
        !matches!(self, What::TagRefunds | What::RaiseOutages)
    }
}

impl Trigger {
    /// As the API tells it; the exclusion is one of its conditions.
    pub fn to_json(&self, desk: &str) -> Value {
        let mut all = vec![json!({"field": "update_type", "operator": "is", "value": self.update_type()})];
        if !self.excluded.is_empty() {
            let tags: Vec<&str> = self.excluded.iter().map(String::as_str).collect();
            all.push(json!({"field": "current_tags", "operator": "not_includes", "value": tags.join(" ")}));
        }
        let actions = match self.what {
            What::TagRefunds => json!([{"field": "current_tags", "value": "refund_request"}]),
            What::RaiseOutages => json!([{"field": "priority", "value": "urgent"}]),
            What::AssigneeOfComment | What::Assigned => {
                json!([{"field": "notification_user", "value": ["assignee_id", "[{{ticket.title}}]", ""]}])
            }
            _ => json!([{"field": "notification_user", "value": ["requester_and_ccs", "[{{ticket.title}}]", ""]}]),
        };
        json!({
            "url": format!("{desk}/api/v2/triggers/{}", self.id), "id": self.id, "title": self.title, "active": self.active,
            "position": self.id - 22_472_700, "default": self.what.mails(), "description": null, "category_id": "1",
            "conditions": {"all": all, "any": []}, "actions": actions,
            "created_at": "2019-05-20T08:00:00Z", "updated_at": "2019-05-20T08:00:00Z",
        })
    }

    /// Takes `active` and the excluded tags from a client's trigger.
    pub fn change(&mut self, wanted: &serde_json::Map<String, Value>) {
        if let Some(active) = wanted.get("active").and_then(Value::as_bool) {
            self.active = active;
        }
        if let Some(all) = wanted.get("conditions").and_then(|conditions| conditions.get("all")).and_then(Value::as_array) {
            let excluding = all.iter().filter(|one| one["field"] == "current_tags" && one["operator"] == "not_includes");
            self.excluded = excluding.flat_map(|one| field::tags_of(&one["value"])).collect();
        }
    }

    fn update_type(&self) -> &'static str {
        if matches!(self.what, What::TagRefunds | What::RaiseOutages | What::Received) { "Create" } else { "Change" }
    }

    fn via(&self) -> Value {
        json!({"channel": "rule", "source": {"from": {"id": self.id, "title": self.title}, "to": {}, "rel": "trigger"}})
    }
}

/// What the triggers look at.
pub struct Round<'a> {
    pub before: Option<&'a Ticket>,
    pub comment: Option<&'a Comment>,
    pub deed: &'a Deed,
}

impl Round<'_> {
    /// Somebody who works here said something in public.
    fn public_answer(&self, store: &Store) -> bool {
        let Some(comment) = self.comment.filter(|comment| comment.public) else { return false };
        self.before.is_some() && store.people.users.get(&comment.author).is_some_and(|user| user.is_staff())
    }
}

/// Runs the triggers on the new state. Returns what they add to the audit.
pub fn run(store: &mut Store, round: &Round<'_>, after: &mut Ticket) -> Vec<Event> {
    let mut list = Vec::new();
    for trigger in store.triggers.clone() {
        if !trigger.active || !trigger.excluded.is_disjoint(&after.tags) {
            continue;
        }
        let was = after.clone();
        change(store, &trigger, round, after);
        list.extend(differences(store, Some(&was), after, Some(&trigger.via())));
        let to = recipients(store, &trigger, round, after);
        if !to.is_empty() {
            list.push(notify(store, &trigger, round, after, to));
        }
    }
    list
}

fn change(store: &Store, trigger: &Trigger, round: &Round<'_>, after: &mut Ticket) {
    if round.before.is_some() {
        return;
    }
    let subject = after.subject.to_lowercase();
    match trigger.what {
        What::TagRefunds if subject.contains("refund") || after.description().to_lowercase().contains("refund") => {
            let mut tags = after.tags.clone();
            tags.insert("refund_request".to_string());
            field::set_tags(after, tags, &store.stock);
        }
        What::RaiseOutages if subject.contains("outage") => after.priority = Some("urgent".to_string()),
        _ => {}
    }
}

/// Who gets the trigger's mail: not the one who acted, nor the author, except that who writes in is told it was received.
fn recipients(store: &Store, trigger: &Trigger, round: &Round<'_>, after: &Ticket) -> Vec<u64> {
    let customers = || std::iter::once(after.requester).chain(after.email_ccs.iter().copied()).collect::<Vec<u64>>();
    let to = match trigger.what {
        What::Received if round.before.is_none() && after.is_public() => customers(),
        What::Answered if round.public_answer(store) => customers(),
        What::AssigneeOfComment if round.comment.is_some() && round.before.is_some() => {
            after.assignee.into_iter().chain(after.followers.iter().copied()).collect()
        }
        What::Assigned if round.before.and_then(|before| before.assignee) != after.assignee => {
            after.assignee.into_iter().collect()
        }
        What::Solved if after.status == "solved" && round.before.is_some_and(|before| before.status != "solved") => {
            vec![after.requester]
        }
        _ => Vec::new(),
    };
    let author = round.comment.map(|comment| comment.author);
    let mailable =
        |id: &u64| store.people.users.get(id).is_some_and(|user| user.email.is_some() && user.active && !user.suspended);
    let own = |id: &u64| trigger.what != What::Received && (*id == round.deed.actor || Some(*id) == author);
    to.into_iter().filter(|id| !own(id)).filter(mailable).collect()
}

fn notify(store: &mut Store, trigger: &Trigger, round: &Round<'_>, after: &Ticket, to: Vec<u64>) -> Event {
    let mail = Mail {
        to: to.iter().map(|id| store.people.address(*id)).collect(),
        ticket: after.id.to_string(),
        because: trigger.title.to_string(),
        actor: store.people.address(round.deed.actor),
        at: round.deed.at,
        letter: mailbox::letter(store, after, round.comment.map_or("", |comment| &comment.plain)),
    };
    store.mails.push(mail);
    let subject = format!("[{}]", after.subject);
    let id = store.next_id();
    Event::Told(json!({
        "id": id, "type": "Notification", "via": trigger.via(), "subject": subject,
        "body": format!("Ticket #{} has been updated", after.id), "recipients": to,
    }))
}
