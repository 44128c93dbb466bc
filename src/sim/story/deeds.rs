//! The single things that people do, whether long ago or now.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use rand::Rng;
use rand::rngs::SmallRng;

use super::prose::{self, Draft, Voice};
use super::tongue::Tongue;
use super::vocabulary::{CustomField, CustomKind, Meaning};
use super::{Moment, Secret, Story, Thread, pick};
use crate::desk::Side;
use crate::sim::stage::{Action, Who};

/// What the source's agents tag with.
const TAGS: [&str; 12] = [
    "vip",
    "refund",
    "hardware",
    "login",
    "q3-2026",
    "escalated",
    "follow_up",
    "münchen",
    "spare-part",
    "beta",
    "invoice",
    "delivery",
];

/// What the target's agents tag with: other words, so that each tag has one owner.
const THEIR_TAGS: [&str; 5] = ["callback", "second-line", "goodwill", "kb-wanted", "reviewed"];

impl Story {
    /// A customer asks something new at the source. The place of the new thread, if the desk took it.
    pub(super) fn open(&mut self, moment: &Moment<'_>) -> Option<usize> {
        let customer = self.cast.customer(&mut self.dice, &self.source.organisations);
        let draft = prose::letter(&mut self.dice, customer.tongue, Voice::Customer);
        let action = Action::Open {
            subject: prose::subject(&mut self.dice, customer.tongue),
            group: pick(&mut self.dice, &self.source.groups).clone(),
            text: draft.text.clone(),
            fields: BTreeMap::new(),
            tags: Vec::new(),
        };
        let done = self.play(moment, &customer.who, action)?;
        let thread = self.threads.len();
        self.places.insert(done.ticket.clone(), thread);
        self.threads.push(Thread { id: done.ticket, customer, copied: Vec::new(), meaning: Meaning::New });
        self.alive.push(thread);
        self.remember(thread, draft, done.message);
        Some(thread)
    }

    fn remember(&mut self, thread: usize, draft: Draft, message: Option<String>) {
        if let (Some(words), Some(message)) = (draft.secret, message) {
            self.secrets.push(Secret { thread, message, words });
        }
    }

    /// The customer, or one of those in copy, writes again; a solved ticket is reopened by that.
    pub(super) fn write_back(&mut self, moment: &Moment<'_>, thread: usize) {
        let customer = self.threads[thread].customer.clone();
        let copied = &self.threads[thread].copied;
        let who = if copied.is_empty() || self.dice.random_bool(0.8) { customer } else { pick(&mut self.dice, copied).clone() };
        let draft = prose::letter(&mut self.dice, who.tongue, Voice::Customer);
        self.send(moment, thread, &who.who, draft);
    }

    /// The customer thanks, in the very same words as the last time.
    pub(super) fn thank(&mut self, moment: &Moment<'_>, thread: usize) {
        let customer = self.threads[thread].customer.clone();
        self.send(moment, thread, &customer.who, prose::thanks(customer.tongue));
    }

    fn send(&mut self, moment: &Moment<'_>, thread: usize, who: &Who, draft: Draft) {
        let action = Action::Reply { ticket: self.threads[thread].id.clone(), text: draft.text.clone() };
        if let Some(done) = self.play(moment, who, action) {
            self.threads[thread].meaning = Meaning::Open;
            self.remember(thread, draft, done.message);
        }
    }

    /// An agent of this side answers the customer.
    pub(super) fn answer(&mut self, moment: &Moment<'_>, ticket: &str, tongue: Tongue) {
        let agent = self.some_agent(moment.side);
        let text = prose::letter(&mut self.dice, tongue, Voice::Agent).text;
        self.play(moment, &agent, Action::Reply { ticket: ticket.to_string(), text });
    }

    /// An agent of this side writes to colleagues.
    pub(super) fn note(&mut self, moment: &Moment<'_>, ticket: &str, tongue: Tongue) {
        let agent = self.some_agent(moment.side);
        let draft = prose::letter(&mut self.dice, tongue, Voice::Colleague);
        let action = Action::Note { ticket: ticket.to_string(), text: draft.text.clone() };
        let done = self.play(moment, &agent, action);
        let thread = self.places.get(ticket).copied();
        if let (Side::Source, Some(thread), Some(done)) = (moment.side, thread, done) {
            self.remember(thread, draft, done.message);
        }
    }

    /// An agent takes the ticket and fills in what is known.
    pub(super) fn triage(&mut self, moment: &Moment<'_>, ticket: &str) {
        let agent = self.some_agent(moment.side);
        let mut fields = BTreeMap::from([("assignee".to_string(), vec![self.member(moment, ticket)])]);
        let words = self.words(moment.side);
        let open = words.statuses_for(Meaning::Open);
        fields.insert("status".to_string(), vec![(*pick(&mut self.dice, &open)).to_string()]);
        fields.insert("priority".to_string(), vec![pick(&mut self.dice, &words.priorities).clone()]);
        let has_type = self.log.side(moment.side).get(ticket).is_some_and(|log| log.fields.contains_key("type"));
        if !words.types.is_empty() && !has_type {
            fields.insert("type".to_string(), vec![words.types[0].clone()]);
        }
        for field in &words.custom {
            if self.dice.random_bool(0.4) {
                fields.insert(format!("custom:{}", field.name), value(&mut self.dice, field, moment.at));
            }
        }
        self.set(moment, &agent, ticket, fields);
    }

    /// Sets the status last and by itself: it is what desks refuse, and then nothing else was done or left undone with it.
    fn set(&mut self, moment: &Moment<'_>, agent: &Who, ticket: &str, mut fields: BTreeMap<String, Vec<String>>) -> bool {
        let ticket = ticket.to_string();
        let status = fields.remove_entry("status");
        let has_more = !fields.is_empty();
        if has_more && self.play(moment, agent, Action::Set { ticket: ticket.clone(), fields }).is_none() {
            return false;
        }
        let Some(status) = status else { return has_more };
        self.play(moment, agent, Action::Set { ticket, fields: BTreeMap::from([status]) }).is_some()
    }

    /// An agent changes one or two fields.
    pub(super) fn adjust(&mut self, moment: &Moment<'_>, ticket: &str) {
        let agent = self.some_agent(moment.side);
        let count = self.dice.random_range(1..=2);
        let mut fields: BTreeMap<String, Vec<String>> = (0..count).map(|_| self.change(moment, ticket)).collect();
        // Some desks want the assignee to be in the group: who passes a ticket on leaves it to the other group.
        if fields.contains_key("group") {
            fields.insert("assignee".to_string(), Vec::new());
        }
        self.set(moment, &agent, ticket, fields);
    }

    /// Somebody to give the ticket to.
    fn member(&mut self, moment: &Moment<'_>, ticket: &str) -> String {
        let words = self.words(moment.side);
        let group = self.log.side(moment.side).get(ticket).and_then(|log| log.value("group"));
        pick(&mut self.dice, &words.members(group)).email.clone()
    }

    fn change(&mut self, moment: &Moment<'_>, ticket: &str) -> (String, Vec<String>) {
        let words = self.words(moment.side);
        let member = self.member(moment, ticket);
        let dice = &mut self.dice;
        match dice.random_range(0..10) {
            0 => ("priority".to_string(), vec![pick(dice, &words.priorities).clone()]),
            1 => ("assignee".to_string(), vec![member]),
            2 if moment.side == Side::Source => ("group".to_string(), vec![pick(dice, &words.groups).clone()]),
            3 if moment.side == Side::Source => ("subject".to_string(), vec![prose::subject(dice, Tongue::English)]),
            4 => {
                let meaning = if dice.random_bool(0.5) { Meaning::Open } else { Meaning::Waiting };
                ("status".to_string(), vec![(*pick(dice, &words.statuses_for(meaning))).to_string()])
            }
            _ if words.custom.is_empty() => ("priority".to_string(), vec![pick(dice, &words.priorities).clone()]),
            _ => {
                let field = pick(dice, &words.custom);
                let value = if dice.random_bool(0.15) { Vec::new() } else { value(dice, field, moment.at) };
                (format!("custom:{}", field.name), value)
            }
        }
    }

    /// An agent adds tags, and now and then takes one away.
    pub(super) fn tag(&mut self, moment: &Moment<'_>, ticket: &str) {
        let agent = self.some_agent(moment.side);
        let count = self.dice.random_range(1..=2);
        let stock: &[&str] = if moment.side == Side::Source { &TAGS } else { &THEIR_TAGS };
        let add: Vec<String> = (0..count).map(|_| (*pick(&mut self.dice, stock)).to_string()).collect();
        let has = self.log.side(moment.side).get(ticket).map(|ticket| ticket.tags.clone()).unwrap_or_default();
        let old: Vec<String> = has.into_iter().filter(|tag| !add.contains(tag)).collect();
        let remove =
            if old.is_empty() || self.dice.random_bool(0.6) { Vec::new() } else { vec![pick(&mut self.dice, &old).clone()] };
        self.play(moment, &agent, Action::Tag { ticket: ticket.to_string(), add, remove });
    }

    /// An agent is done with it. Some desks want somebody to have done it, so the agent takes it too.
    pub(super) fn finish(&mut self, moment: &Moment<'_>, ticket: &str) -> bool {
        let agent = self.some_agent(moment.side);
        let words = self.words(moment.side);
        let done = (*pick(&mut self.dice, &words.statuses_for(Meaning::Done))).to_string();
        let assignee = vec![self.member(moment, ticket)];
        let fields = BTreeMap::from([("status".to_string(), vec![done]), ("assignee".to_string(), assignee)]);
        self.set(moment, &agent, ticket, fields)
    }

    /// The desk's last status, after which nothing can be changed; `false` where there is none.
    pub(super) fn close(&mut self, moment: &Moment<'_>, thread: usize) -> bool {
        let closed = self.source.statuses_for(Meaning::Closed).first().map(|word| (*word).to_string());
        let Some(closed) = closed else { return false };
        let agent = self.some_agent(moment.side);
        let fields = BTreeMap::from([("status".to_string(), vec![closed])]);
        let ticket = self.threads[thread].id.clone();
        let done = self.play(moment, &agent, Action::Set { ticket, fields }).is_some();
        if done {
            self.threads[thread].meaning = Meaning::Closed;
            self.bury(thread);
        }
        done
    }

    /// An agent changes who gets copies, or who follows.
    pub(super) fn copy_in(&mut self, moment: &Moment<'_>, thread: usize) {
        let agent = self.some_agent(moment.side);
        let ticket = self.threads[thread].id.clone();
        let fields = if self.source.can.follow && self.dice.random_bool(0.3) {
            let follower = self.some_agent(moment.side);
            BTreeMap::from([("followers".to_string(), vec![follower.email])])
        } else {
            let other = self.cast.customer(&mut self.dice, &self.source.organisations);
            let mut copied = self.threads[thread].copied.clone();
            if copied.len() > 1 {
                copied.remove(0);
            }
            let own = &self.threads[thread].customer.who.email;
            if other.who.email != *own && copied.iter().all(|one| one.who.email != other.who.email) {
                copied.push(other);
            }
            let emails = copied.iter().map(|one| one.who.email.clone()).collect();
            self.threads[thread].copied = copied;
            BTreeMap::from([("cc".to_string(), emails)])
        };
        self.play(moment, &agent, Action::Set { ticket, fields });
    }

    /// Whether something can still be done there.
    pub(super) fn is_alive(&self, thread: usize) -> bool {
        let log = self.threads.get(thread).and_then(|thread| self.log.source.get(&thread.id));
        log.is_some_and(super::log::TicketLog::is_present) && self.threads[thread].meaning != Meaning::Closed
    }

    /// An agent ties two tickets together. A desk with types wants a problem and its incident.
    pub(super) fn link(&mut self, moment: &Moment<'_>, from: usize, to: usize) {
        if from == to || self.source.links.is_empty() || !self.is_alive(from) || !self.is_alive(to) {
            return;
        }
        let agent = self.some_agent(moment.side);
        let kind = *pick(&mut self.dice, &self.source.links);
        let (ticket, to) = (self.threads[from].id.clone(), self.threads[to].id.clone());
        if kind == "parent" {
            if self.parents.contains(&ticket) || self.has_parent(&to) || self.has_parent(&ticket) {
                return;
            }
            self.retype(moment, &agent, &to, "problem");
            self.retype(moment, &agent, &ticket, "incident");
        }
        let action = Action::Link { ticket, kind: kind.to_string(), to: to.clone() };
        if self.play(moment, &agent, action).is_some() {
            self.links.push((from, kind.to_string(), to.clone()));
            if kind == "parent" {
                self.parents.insert(to);
            }
        }
    }

    fn has_parent(&self, ticket: &str) -> bool {
        self.log.source.get(ticket).is_some_and(|log| log.links.iter().any(|(kind, _)| kind == "parent"))
    }

    fn retype(&mut self, moment: &Moment<'_>, agent: &Who, ticket: &str, word: &str) {
        let is_already = self.log.source.get(ticket).is_some_and(|log| log.value("type") == Some(word));
        if self.source.types.iter().any(|known| known == word) && !is_already {
            let fields = BTreeMap::from([("type".to_string(), vec![word.to_string()])]);
            self.play(moment, agent, Action::Set { ticket: ticket.to_string(), fields });
        }
    }

    /// An agent sees that two tickets are one.
    pub(super) fn merge(&mut self, moment: &Moment<'_>, from: usize, into: usize) {
        if from == into || !self.source.can.merge || !self.is_alive(from) || !self.is_alive(into) {
            return;
        }
        let agent = self.some_agent(moment.side);
        let action = Action::Merge { ticket: self.threads[from].id.clone(), into: self.threads[into].id.clone() };
        if self.play(moment, &agent, action).is_some() {
            self.bury(from);
        }
    }

    /// An agent throws a ticket away.
    pub(super) fn delete(&mut self, moment: &Moment<'_>, thread: usize) {
        if !self.source.can.delete || !self.is_alive(thread) {
            return;
        }
        let agent = self.some_agent(moment.side);
        if self.play(moment, &agent, Action::Delete { ticket: self.threads[thread].id.clone() }).is_some() {
            self.bury(thread);
        }
    }

    /// An agent takes words out of the newest message that has some to take out.
    pub(super) fn redact(&mut self, moment: &Moment<'_>) {
        while let (true, Some(secret)) = (self.source.can.redact, self.secrets.pop()) {
            if self.is_alive(secret.thread) {
                let agent = self.some_agent(moment.side);
                let ticket = self.threads[secret.thread].id.clone();
                self.play(moment, &agent, Action::Redact { ticket, message: secret.message, words: secret.words });
                return;
            }
        }
    }

    /// An agent hides a public message, never the first.
    pub(super) fn hide(&mut self, moment: &Moment<'_>, thread: usize) {
        let ticket = self.threads[thread].id.clone();
        let Some(log) = self.log.source.get(&ticket).filter(|_| self.source.can.make_private) else { return };
        let mut shown = log.messages.iter().skip(1).filter(|message| message.public);
        let Some(message) = shown.next_back().and_then(|message| message.id.clone()) else { return };
        let agent = self.some_agent(moment.side);
        self.play(moment, &agent, Action::MakePrivate { ticket, message });
    }
}

fn value(dice: &mut SmallRng, field: &CustomField, at: chrono::DateTime<chrono::Utc>) -> Vec<String> {
    let day = at + TimeDelta::days(dice.random_range(-30..300));
    let one = match field.kind {
        CustomKind::Text => format!("SO-{:06} ü", dice.random_range(0..1_000_000)),
        CustomKind::LongText => format!("First line & more\nSecond line: {}", dice.random::<u16>()),
        CustomKind::Choice => pick(dice, &field.options).clone(),
        CustomKind::MultiChoice => return several(dice, &field.options),
        CustomKind::Integer => dice.random_range(1..500).to_string(),
        CustomKind::Decimal => format!("{}.{}", dice.random_range(1..900), dice.random_range(1..10)),
        CustomKind::Date => day.format("%Y-%m-%d").to_string(),
        CustomKind::DateTime => day.format("%Y-%m-%dT%H:%M:00Z").to_string(),
        CustomKind::Checkbox => "true".to_string(),
        CustomKind::YesOrNo => (*pick(dice, &["yes", "no"])).to_string(),
        CustomKind::Serial => format!("{}{}-{:04}", letter(dice), letter(dice), dice.random_range(0..10_000)),
    };
    vec![one]
}

fn letter(dice: &mut SmallRng) -> char {
    char::from(dice.random_range(b'A'..=b'Z'))
}

fn several(dice: &mut SmallRng, options: &[String]) -> Vec<String> {
    let chosen: Vec<String> = options.iter().filter(|_| dice.random_bool(0.5)).cloned().collect();
    if chosen.is_empty() { options.iter().take(1).cloned().collect() } else { chosen }
}
