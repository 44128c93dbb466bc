//! The one way in for changes: what differs between a ticket and its new state becomes an audit, the account's rules
//! run, and mails and webhooks follow.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Value, json};

use super::events;
use super::rules;
use super::store::{Store, stamp};
use super::ticket::{Audit, Comment, Event, Ticket};

/// Who changes a ticket, when, and how much follows from it.
#[derive(Debug, Clone)]
pub struct Deed {
    pub actor: u64,
    pub at: DateTime<Utc>,
    pub via: Value,
    /// Kept in the audit as `metadata.custom`.
    pub custom: Value,
    /// Triggers run and mails go out.
    pub rules: bool,
    /// Webhooks go out.
    pub webhooks: bool,
    /// A customer's answer opens a waiting or solved ticket.
    pub reopens: bool,
    /// Events of the audit that no difference shows: redactions, merges.
    pub told: Vec<Value>,
    /// Webhook events that no difference shows: name and body.
    pub facts: Vec<(&'static str, Value)>,
}

impl Deed {
    /// Something done by API now.
    pub fn by_api(store: &Store, actor: u64) -> Self {
        Self {
            actor,
            at: store.now(),
            via: via("api"),
            custom: json!({}),
            rules: true,
            webhooks: true,
            reopens: true,
            told: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// With an event of the audit and one for webhooks.
    pub fn telling(mut self, told: Value, fact: (&'static str, Value)) -> Self {
        self.told.push(told);
        self.facts.push(fact);
        self
    }
}

/// Something to be said.
#[derive(Debug, Clone)]
pub struct Saying {
    pub author: u64,
    pub public: bool,
    pub html: String,
    pub plain: String,
    pub rich: bool,
    /// Files by id.
    pub files: Vec<u64>,
    pub via: Option<Value>,
}

/// A channel as Zendesk tells it.
pub fn via(channel: &str) -> Value {
    json!({"channel": channel, "source": {"from": {}, "to": {}, "rel": null}})
}

/// Makes `after` the state of its ticket, with what was said. Returns the audit; one without events was not stored, and
/// then nothing moved.
pub fn commit(store: &mut Store, mut after: Ticket, saying: Option<Saying>, mut deed: Deed) -> Arc<Audit> {
    deed.at = deed.at.trunc_subsecs(0);
    let before = store.tickets.get(&after.id).cloned();
    let audit = store.next_id();
    let mut list = Vec::new();
    let comment = saying.map(|saying| say(store, &mut after, saying, audit, &deed));
    if let Some(comment) = &comment {
        list.push(Event::Comment(comment.id));
    }
    if deed.reopens {
        reopen(before.as_ref(), &mut after, comment.as_deref(), store);
    }
    list.extend(differences(store, before.as_ref(), &after, None));
    list.extend(deed.told.drain(..).map(|mut told| {
        told["id"] = json!(store.next_id());
        Event::Told(told)
    }));
    let worth_it = !list.is_empty();
    if worth_it && deed.rules {
        let round = rules::Round { before: before.as_ref(), comment: comment.as_deref(), deed: &deed };
        list.extend(rules::run(store, &round, &mut after));
    }
    let audit = Arc::new(Audit {
        id: audit,
        ticket: after.id,
        author: deed.actor,
        at: deed.at,
        via: deed.via.clone(),
        custom: deed.custom.clone(),
        events: list,
    });
    if worth_it {
        settle(store, before, after, &audit, comment.as_deref(), deed);
    }
    audit
}

fn say(store: &mut Store, after: &mut Ticket, saying: Saying, audit: u64, deed: &Deed) -> Arc<Comment> {
    for id in &saying.files {
        if let Some(file) = store.files.by_id.get_mut(id) {
            file.ticket = Some(after.id);
        }
    }
    let comment = Arc::new(Comment {
        id: store.next_id(),
        audit,
        author: saying.author,
        public: saying.public,
        html: saying.html,
        plain: saying.plain,
        attachments: saying.files,
        at: deed.at,
        via: saying.via.unwrap_or_else(|| deed.via.clone()),
        rich: saying.rich,
    });
    after.comments.push(comment.clone());
    comment
}

/// A customer's answer opens a waiting or solved ticket, unless the same update sets the status.
fn reopen(before: Option<&Ticket>, after: &mut Ticket, comment: Option<&Comment>, store: &Store) {
    let (Some(before), Some(comment)) = (before, comment) else { return };
    let by_customer = store.people.users.get(&comment.author).is_some_and(|user| !user.is_staff());
    let waiting = matches!(before.status.as_str(), "pending" | "hold" | "solved");
    if by_customer && comment.public && waiting && before.status == after.status && before.custom_status == after.custom_status {
        after.status = "open".to_string();
        after.custom_status = super::world::default_custom_status("open");
    }
}

fn settle(
    store: &mut Store,
    before: Option<Ticket>,
    mut after: Ticket,
    audit: &Arc<Audit>,
    comment: Option<&Comment>,
    deed: Deed,
) {
    after.updated_at = deed.at;
    after.generated = after.generated.max(deed.at.timestamp());
    if after.status == "solved" && before.as_ref().is_none_or(|before| before.status != "solved") {
        after.solved_at = Some(deed.at);
    }
    after.audits.push(audit.clone());
    let problems: Vec<u64> = [before.as_ref().and_then(|before| before.problem), after.problem].into_iter().flatten().collect();
    let moved = before.as_ref().map(|before| before.problem) != Some(after.problem);
    if deed.webhooks && !store.webhooks.is_empty() {
        let facts = events::facts(store, before.as_ref(), &after, comment, deed.facts);
        events::send(store, &after, audit, facts);
    }
    store.put_ticket(after);
    if moved {
        for problem in problems {
            store.touch(problem, deed.at);
        }
    }
}

/// Everything that audits tell of a ticket: name and value; empty values are null.
fn told(ticket: &Ticket) -> Vec<(String, Value)> {
    let id = |id: Option<u64>| id.map_or(Value::Null, |id| json!(id.to_string()));
    let mut all: Vec<(String, Value)> = [
        ("subject", json!(ticket.subject)),
        ("status", json!(ticket.status)),
        ("custom_status_id", json!(ticket.custom_status)),
        ("priority", json!(ticket.priority)),
        ("type", json!(ticket.kind)),
        ("requester_id", id(Some(ticket.requester))),
        ("assignee_id", id(ticket.assignee)),
        ("group_id", id(ticket.group)),
        ("organization_id", id(ticket.organization)),
        ("brand_id", id(Some(ticket.brand))),
        ("ticket_form_id", id(Some(ticket.form))),
        ("external_id", json!(ticket.external_id)),
        ("due_at", ticket.due_at.map_or(Value::Null, |at| json!(stamp(at)))),
        ("problem_id", id(ticket.problem)),
        ("tags", if ticket.tags.is_empty() { Value::Null } else { json!(ticket.tags) }),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_string(), value))
    .collect();
    for field in &super::field::FIELDS {
        all.push((field.id.to_string(), ticket.custom.get(&field.id).cloned().unwrap_or(Value::Null)));
    }
    all
}

/// The audit's events for what differs; `rule` is the `via` of a rule that made the difference.
pub fn differences(store: &mut Store, before: Option<&Ticket>, after: &Ticket, rule: Option<&Value>) -> Vec<Event> {
    let now = told(after);
    let mut list = Vec::new();
    match before {
        None => {
            for (name, value) in now.into_iter().filter(|(_, value)| !value.is_null()) {
                list.push(json!({"type": "Create", "field_name": name, "value": value}));
            }
        }
        Some(before) => {
            for ((name, value), (_, was)) in now.into_iter().zip(told(before)).filter(|((_, value), (_, was))| value != was) {
                let (value, was) = if name == "tags" { (listed(value), listed(was)) } else { (value, was) };
                list.push(json!({"type": "Change", "field_name": name, "value": value, "previous_value": was}));
            }
        }
    }
    let none = BTreeSet::new();
    let (ccs, followers) = before.map_or((&none, &none), |before| (&before.email_ccs, &before.followers));
    if *ccs != after.email_ccs {
        let (was, is) = (addresses(store, ccs), addresses(store, &after.email_ccs));
        list.push(json!({"type": "EmailCcChange", "previous_email_ccs": was, "current_email_ccs": is}));
    }
    if *followers != after.followers {
        let (was, is) = (addresses(store, followers), addresses(store, &after.followers));
        list.push(json!({"type": "FollowerChange", "previous_followers": was, "current_followers": is}));
    }
    number(store, list, rule)
}

fn number(store: &mut Store, list: Vec<Value>, rule: Option<&Value>) -> Vec<Event> {
    list.into_iter()
        .map(|mut event| {
            event["id"] = json!(store.next_id());
            if let Some(via) = rule {
                event["via"] = via.clone();
            }
            Event::Told(event)
        })
        .collect()
}

fn listed(value: Value) -> Value {
    if value.is_null() { json!([]) } else { value }
}

fn addresses(store: &Store, users: &BTreeSet<u64>) -> Vec<String> {
    users.iter().map(|id| store.people.address(*id)).collect()
}
