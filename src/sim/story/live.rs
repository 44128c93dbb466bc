//! The present: customers and agents at work at the source, and the target's own agents at the target.

use std::fmt;

use chrono::TimeDelta;
use rand::Rng;

use super::tongue::Tongue;
use super::vocabulary::Meaning;
use super::{Moment, Story, cast, pick, prose};
use crate::desk::Side;
use crate::sim::stage::{Action, Stage};

/// Most tickets that are deleted or merged within ten minutes.
const MOST_ENDED: usize = 12;

/// Both desks, and how a mirrored ticket is found in the target.
pub struct Scene<'a> {
    pub source: &'a dyn Stage,
    pub target: &'a dyn Stage,
    /// The target's ticket for a source ticket, if there is one yet; see [`crate::sim::judge::pairs`].
    pub find_target: &'a dyn Fn(&str) -> Option<String>,
}

/// What was just done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub side: Side,
    pub what: &'static str,
    /// The ticket at that side, where there was one before.
    pub ticket: Option<String>,
    /// Deeds that the desk took: 0 when there was nothing to do or it refused, 2 or more when one needed another.
    pub deeds: u64,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {}", self.side.as_str(), self.what, self.ticket.as_deref().unwrap_or(""))
    }
}

#[derive(Clone, Copy)]
enum Here {
    Open,
    Write,
    Thank,
    Answer,
    Note,
    Triage,
    Adjust,
    Finish,
    Reopen,
    Tag,
    CopyIn,
    Link,
    Unlink,
    Merge,
    Delete,
    Redact,
    Hide,
}

/// What happens at the source, and how often in a hundred.
const HERE: [(Here, u32, &str); 17] = [
    (Here::Open, 14, "open"),
    (Here::Write, 19, "customer reply"),
    (Here::Thank, 3, "customer thanks"),
    (Here::Answer, 16, "agent reply"),
    (Here::Note, 8, "note"),
    (Here::Triage, 6, "triage"),
    (Here::Adjust, 9, "fields"),
    (Here::Finish, 5, "solve"),
    (Here::Reopen, 3, "reopen"),
    (Here::Tag, 5, "tags"),
    (Here::CopyIn, 3, "copies"),
    (Here::Link, 2, "link"),
    (Here::Unlink, 1, "unlink"),
    (Here::Merge, 1, "merge"),
    (Here::Delete, 1, "delete"),
    (Here::Redact, 2, "redact"),
    (Here::Hide, 2, "make private"),
];

#[derive(Clone, Copy)]
enum There {
    Open,
    Answer,
    Note,
    Adjust,
    Finish,
    Tag,
    OwnTicket,
}

/// What happens at the target, and how often in a hundred.
const THERE: [(There, u32, &str); 7] = [
    (There::Open, 8, "open"),
    (There::Answer, 30, "agent reply"),
    (There::Note, 20, "note"),
    (There::Adjust, 20, "fields"),
    (There::Finish, 5, "solve"),
    (There::Tag, 11, "tags"),
    (There::OwnTicket, 6, "own ticket"),
];

impl Story {
    /// Does the next thing, now.
    pub fn step(&mut self, scene: &Scene<'_>) -> Step {
        if self.dice.random_bool(0.7) { self.step_here(scene) } else { self.step_there(scene) }
    }

    /// Does the next thing at the source, now.
    pub fn step_here(&mut self, scene: &Scene<'_>) -> Step {
        let moment = Moment { side: Side::Source, stage: scene.source, at: self.clock.now(), quiet: false };
        let before = self.log.last;
        let (here, what) = choose(&mut self.dice, &HERE);
        let thread = self.someone();
        let ticket = thread.map(|thread| self.threads[thread].id.clone());
        match (here, thread) {
            (Here::Open, _) | (_, None) => drop(self.open(&moment)),
            (Here::Redact, _) => self.redact(&moment),
            (Here::Unlink, _) => self.unlink(&moment),
            (here, Some(thread)) => self.act_here(&moment, here, thread),
        }
        Step { side: Side::Source, what, ticket, deeds: self.log.last - before }
    }

    fn act_here(&mut self, moment: &Moment<'_>, here: Here, thread: usize) {
        let (ticket, tongue) = (self.threads[thread].id.clone(), self.threads[thread].customer.tongue);
        match here {
            Here::Open | Here::Redact | Here::Unlink => {}
            Here::Write => self.write_back(moment, thread),
            Here::Thank => self.thank(moment, thread),
            Here::Answer => self.answer(moment, &ticket, tongue),
            Here::Note => self.note(moment, &ticket, tongue),
            Here::Triage => self.triage(moment, &ticket),
            Here::Adjust => self.adjust(moment, &ticket),
            Here::Finish => self.solve(moment, thread),
            Here::Reopen => self.reopen(moment, thread),
            Here::Tag => self.tag(moment, &ticket),
            Here::CopyIn => self.copy_in(moment, thread),
            Here::Link => self.with_other(moment, thread, Self::link),
            Here::Merge | Here::Delete if self.has_ended_enough(moment) => self.note(moment, &ticket, tongue),
            Here::Merge => self.with_other(moment, thread, Self::merge),
            Here::Delete => self.delete(moment, thread),
            Here::Hide => self.hide(moment, thread),
        }
    }

    /// Nobody deletes and merges all day; a gateway may well stop when somebody does.
    fn has_ended_enough(&mut self, moment: &Moment<'_>) -> bool {
        self.ended.retain(|at| moment.at - *at < TimeDelta::minutes(10));
        if self.ended.len() >= MOST_ENDED {
            return true;
        }
        self.ended.push_back(moment.at);
        false
    }

    /// Some living thread, the last twenty as often as all others together.
    fn someone(&mut self) -> Option<usize> {
        let newest = self.alive.len().saturating_sub(20);
        let from = if self.dice.random_bool(0.5) { newest } else { 0 };
        (!self.alive.is_empty()).then(|| *pick(&mut self.dice, &self.alive[from..]))
    }

    fn with_other(&mut self, moment: &Moment<'_>, thread: usize, deed: fn(&mut Self, &Moment<'_>, usize, usize)) {
        if let Some(other) = self.someone() {
            deed(self, moment, thread, other);
        }
    }

    fn reopen(&mut self, moment: &Moment<'_>, thread: usize) {
        if self.threads[thread].meaning != Meaning::Done {
            self.solve(moment, thread);
        }
        self.write_back(moment, thread);
    }

    fn unlink(&mut self, moment: &Moment<'_>) {
        if self.links.is_empty() {
            return;
        }
        let place = self.dice.random_range(0..self.links.len());
        let (thread, kind, to) = self.links.swap_remove(place);
        if self.is_alive(thread) {
            let agent = self.some_agent(moment.side);
            let ticket = self.threads[thread].id.clone();
            self.play(moment, &agent, Action::Unlink { ticket, kind, to });
        }
    }

    /// Does the next thing at the target, now.
    pub fn step_there(&mut self, scene: &Scene<'_>) -> Step {
        let moment = Moment { side: Side::Target, stage: scene.target, at: self.clock.now(), quiet: false };
        let before = self.log.last;
        let (there, what) = choose(&mut self.dice, &THERE);
        let mut found = None;
        match there {
            There::Open => self.open_there(&moment),
            There::OwnTicket => found = self.work_on_own(&moment),
            there => found = self.work_on_mirrored(&moment, scene, there),
        }
        Step { side: Side::Target, what, ticket: found, deeds: self.log.last - before }
    }

    /// The target's agents note something down that has nothing to do with the mirror.
    fn open_there(&mut self, moment: &Moment<'_>) {
        let words = self.words(Side::Target);
        let agent = cast::agent(pick(&mut self.dice, &words.agents));
        let action = Action::Open {
            subject: prose::subject(&mut self.dice, Tongue::English),
            group: pick(&mut self.dice, &words.groups).clone(),
            text: prose::letter(&mut self.dice, Tongue::English, prose::Voice::Agent).text,
            fields: std::collections::BTreeMap::new(),
            tags: Vec::new(),
        };
        if let Some(done) = self.play(moment, &agent, action) {
            self.natives.push(done.ticket);
        }
    }

    fn work_on_own(&mut self, moment: &Moment<'_>) -> Option<String> {
        if self.natives.is_empty() {
            self.open_there(moment);
            return None;
        }
        let ticket = pick(&mut self.dice, &self.natives).clone();
        if self.dice.random_bool(0.5) {
            self.note(moment, &ticket, Tongue::English);
        } else {
            self.adjust(moment, &ticket);
        }
        Some(ticket)
    }

    fn work_on_mirrored(&mut self, moment: &Moment<'_>, scene: &Scene<'_>, there: There) -> Option<String> {
        let thread = self.someone()?;
        let ticket = (scene.find_target)(&self.threads[thread].id)?;
        let tongue = self.threads[thread].customer.tongue;
        match there {
            There::Answer => self.answer(moment, &ticket, tongue),
            There::Note => self.note(moment, &ticket, tongue),
            There::Adjust => self.adjust(moment, &ticket),
            There::Finish => drop(self.finish(moment, &ticket)),
            There::Tag => self.tag_there(moment, thread, &ticket),
            There::Open | There::OwnTicket => {}
        }
        Some(ticket)
    }

    /// The target's agents tag, and now and then take away a tag that came from the source.
    fn tag_there(&mut self, moment: &Moment<'_>, thread: usize, ticket: &str) {
        let known = self.log.source.get(&self.threads[thread].id);
        let tags: Vec<String> = known.map(|log| log.tags.iter().cloned().collect()).unwrap_or_default();
        if tags.is_empty() || self.dice.random_bool(0.75) {
            return self.tag(moment, ticket);
        }
        let agent = self.some_agent(moment.side);
        let remove = vec![pick(&mut self.dice, &tags).clone()];
        self.play(moment, &agent, Action::Tag { ticket: ticket.to_string(), add: Vec::new(), remove });
    }
}

fn choose<T: Copy>(dice: &mut rand::rngs::SmallRng, from: &[(T, u32, &'static str)]) -> (T, &'static str) {
    let sum: u32 = from.iter().map(|(_, weight, _)| weight).sum();
    let mut rest = dice.random_range(0..sum);
    for (one, weight, what) in from {
        if rest < *weight {
            return (*one, what);
        }
        rest -= weight;
    }
    (from[0].0, from[0].2)
}
