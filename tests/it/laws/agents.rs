//! Agents at both desks at once, for each preset and guard: nothing of an agent's is lost without a record, messages are a union, both
//! sides settle, nobody is mailed.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tidegate::desk::Side;
use tidegate::desk::field::Value;
use tidegate::sim::faults::Kind as Fault;

use crate::world::desk::{Kind, field, request_tracker, saying, zendesk};
use crate::world::stand::World;

const PRESETS: [&str; 4] = ["preset = \"old-leads\"", "preset = \"new-leads\"", "preset = \"ask\"", "conflict = \"newest-wins\""];
/// Fields that no rule of a desk changes, and in which agents of the target write nothing that the source ever says.
const WATCHED: [&str; 2] = ["subject", "priority"];
const DEEDS: usize = 24;

/// One history.
struct Told {
    world: World,
    /// What the mirror file says about replies of the target: `off`, `notes`, `public`.
    replies: &'static str,
    dice: SmallRng,
    tickets: Vec<String>,
    /// What an agent of the target wrote last, by target ticket and field, and nobody wrote over since.
    theirs: BTreeMap<(String, &'static str), String>,
    /// What they wrote and is not there any more although they did not replace it themselves.
    gone: Vec<(String, &'static str, String)>,
    /// Who of the two desks' people said what.
    said: Vec<(Side, String, String)>,
    tagged: Vec<(String, String)>,
    count: u32,
}

impl Told {
    async fn begin((source, target): (Kind, Kind), policy: &str, replies: &'static str, seed: u64) -> Told {
        let policy = format!("{policy}\nreplies-back = \"{replies}\"\nsource-silence = \"admin-rule\"");
        let mut world = World::of().from(source).to(target).policy(&policy).begin().await;
        let tickets = ["Order 7", "Order 8"].map(|subject| world.source.open(subject, "Where is it?")).to_vec();
        world.settle().await;
        let dice = SmallRng::seed_from_u64(seed);
        let (theirs, gone, said, tagged) = (BTreeMap::new(), Vec::new(), Vec::new(), Vec::new());
        Told { world, replies, dice, tickets, theirs, gone, said, tagged, count: 0 }
    }

    /// A word that nobody said before.
    fn word(&mut self) -> String {
        self.count += 1;
        format!("word {} of this history", self.count)
    }

    fn set_there(&mut self, ticket: &str, name: &'static str, value: String) {
        self.world.target.set(ticket, name, &value);
        if WATCHED.contains(&name) {
            self.theirs.insert((ticket.to_string(), name), value);
        }
    }

    /// Somebody does something, at either desk.
    async fn deed(&mut self) {
        let ticket = self.tickets[self.dice.random_range(0..self.tickets.len())].clone();
        let there = self.world.mirrored(&ticket).id;
        let (pause, word) = (self.dice.random_range(0..9), self.word());
        self.world.clock.advance(Duration::from_secs(pause));
        let to_rt = self.world.target.kind.vendor == "request-tracker";
        let from_rt = self.world.source.kind.vendor == "request-tracker";
        let deeds = if self.replies == "off" { 12 } else { 18 };
        match self.dice.random_range(0..deeds) {
            0..2 => self.world.source.set(&ticket, "subject", &word),
            2..4 => {
                let words = if from_rt { ["0", "50", "75", "100"] } else { ["low", "normal", "high", "urgent"] };
                let value = words[self.dice.random_range(0..4)];
                self.world.source.set(&ticket, "priority", value);
            }
            4 => {
                let words = if from_rt { ["open", "stalled", "resolved"] } else { ["open", "pending", "solved"] };
                self.world.source.set(&ticket, "status", words[self.dice.random_range(0..3)]);
            }
            5 | 12 => {
                self.world.source.reply(&ticket, &word);
                self.said.push((Side::Source, ticket, word));
            }
            13 => {
                self.world.source.note(&ticket, &word);
                self.said.push((Side::Source, ticket, word));
            }
            14 | 15 => {
                self.world.target.reply(&there, &word);
                self.said.push((Side::Target, ticket, word));
            }
            16 => {
                self.world.target.note(&there, &word);
                self.said.push((Side::Target, ticket, word));
            }
            6..8 => self.set_there(&there, "subject", word),
            8 if to_rt => {
                let value = 101 + self.count;
                self.set_there(&there, "priority", value.to_string());
            }
            8 | 9 => {
                self.world.target.answer(&there, &word);
                self.said.push((Side::Target, ticket, word));
            }
            10 => {
                let tag = format!("tag_{}", self.count);
                self.world.target.tag(&there, &[&tag], &[]);
                self.tagged.push((ticket, tag));
            }
            _ => self.race(&there, &word).await,
        }
    }

    /// An agent writes right after the gateway has read the ticket.
    async fn race(&mut self, there: &str, word: &str) {
        let raced = |world: &World| world.target.running.stage.faults().happened().get(&Fault::Interrupted).copied();
        let before = raced(&self.world);
        self.world.target.interrupt(there, word);
        self.world.raise_everything().await;
        while raced(&self.world) == before {
            assert!(self.world.turn().await, "the gateway reads a ticket that is raised");
        }
        self.theirs.insert((there.to_string(), "subject"), word.to_string());
        self.look();
    }

    /// Notes what is not there any more.
    fn look(&mut self) {
        let views = self.world.target.tickets();
        let stands = |(ticket, name): &(String, &'static str), value: &String| {
            views.iter().any(|view| view.id == *ticket && field(view, name) == *value)
        };
        for ((ticket, name), value) in self.theirs.clone() {
            let key = (ticket.clone(), name);
            if !stands(&key, &value) {
                self.theirs.remove(&key);
                self.gone.push((ticket, name, value));
            }
        }
    }

    async fn tell(&mut self) {
        for _ in 0..DEEDS {
            self.deed().await;
            if self.dice.random_bool(0.5) {
                self.world.turn().await;
                self.look();
            }
        }
        self.world.settle().await;
        self.look();
    }

    async fn holds(&mut self, policy: &str) {
        let conflicts = self.world.ledger.conflicts(self.world.mirror.id).await.expect("an answer");
        for (ticket, name, value) in &self.gone {
            let is_it = |one: &&tidegate::ledger::conflict::Conflict| {
                one.target_ticket.as_deref() == Some(ticket) && one.field == *name && one.target == Value::text(value.as_str())
            };
            assert!(conflicts.iter().any(|one| is_it(&one)), "{policy}: `{value}` is lost without a record: {conflicts:#?}");
            assert!(policy.contains("old-leads") || policy.contains("newest"), "{policy}: `{value}` was written over");
        }
        for (side, ticket, words) in &self.said {
            assert_eq!(saying(&self.world.mirrored(ticket), words).len(), 1, "{policy}: `{words}`");
            let here = self.world.source.ticket(ticket);
            let expected = usize::from(*side == Side::Source || self.replies != "off");
            assert_eq!(saying(&here, words).len(), expected, "{policy}, {}: `{words}` in the old desk", self.replies);
            let there = self.world.mirrored(ticket);
            let (here, there) = (saying(&here, words), saying(&there, words));
            if let (Side::Target, [here]) = (side, here.as_slice()) {
                assert!(
                    !here.public || there[0].public && self.replies == "public",
                    "{policy}: `{words}` is shown to more people"
                );
            }
        }
        for (ticket, tag) in &self.tagged {
            assert!(self.world.mirrored(ticket).tags.contains(tag), "{policy}: `{tag}` is lost");
        }
        if conflicts.iter().any(tidegate::ledger::conflict::Conflict::is_open) {
            self.world.parked("conflict").await;
        }
        let writes = self.world.figure("writes").await;
        self.world.raise_everything().await;
        self.world.settle().await;
        assert_eq!(self.world.figure("writes").await, writes, "{policy}: it does not come to rest");
        for desk in [&self.world.source, &self.world.target] {
            let people = ["jane@northwind.example", desk.kind.agent];
            let mails = desk.running.stage.mails();
            let ours: Vec<_> = mails.iter().filter(|mail| !people.contains(&mail.actor.as_str())).collect();
            assert!(ours.is_empty(), "{policy}, {}: {ours:?}", self.replies);
        }
        assert!(self.world.source.tickets().iter().all(|ticket| !ticket.tags.contains("tidegate_silent")), "{policy}");
    }
}

async fn for_presets(guard: &str, seed: u64) {
    for (n, preset) in PRESETS.into_iter().enumerate() {
        let policy = format!("{preset}\n{guard}");
        for target in [zendesk(), request_tracker()] {
            let mut told = Told::begin((zendesk(), target), &policy, "off", seed + n as u64).await;
            told.tell().await;
            told.holds(&policy).await;
        }
    }
}

/// Agents and customers write at both desks.
async fn for_replies(replies: &'static str, seed: u64) {
    for (n, preset) in PRESETS.into_iter().enumerate() {
        for pair in [(zendesk(), request_tracker()), (request_tracker(), zendesk())] {
            let mut told = Told::begin(pair, preset, replies, seed + n as u64).await;
            told.tell().await;
            told.holds(preset).await;
            let report = told.world.check().await;
            let undecided = report.lines().iter().filter(|line| line.contains("nobody has decided yet")).count();
            let lines = report.lines().iter().filter(|line| line.starts_with("  source")).count();
            assert!(report.at_parity() || lines == undecided, "{preset}, {replies}: {:#?}", report.lines());
        }
    }
}

#[tokio::test]
async fn replies_of_both_desks_are_one_conversation_as_notes() {
    for_replies("notes", 41).await;
}

#[tokio::test]
async fn replies_of_both_desks_are_one_conversation_in_public() {
    for_replies("public", 51).await;
}

#[tokio::test]
async fn nothing_of_an_agent_s_is_lost_without_a_record() {
    for_presets("", 11).await;
}

#[tokio::test]
async fn nothing_of_an_agent_s_is_lost_while_the_guard_waits() {
    for_presets("guard = \"wait\"\nguard-for = \"40s\"", 21).await;
}

#[tokio::test]
async fn nothing_of_an_agent_s_is_lost_where_the_guard_asks() {
    for_presets("guard = \"ask\"", 31).await;
}
