//! The past of the source desk: planned as a list of beats, put in the order of time, then told.

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;

use super::vocabulary::Meaning;
use super::{Moment, Story};
use crate::desk::Side;
use crate::sim::stage::Stage;

/// How long ago the oldest ticket was opened.
const DAYS: i64 = 400;

/// Messages of the one long thread, at least.
const LONG: usize = 64;

/// Something that happens to a ticket. Tickets are counted in the order of their opening.
struct Beat {
    at: DateTime<Utc>,
    ticket: usize,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Open,
    Triage,
    Answer,
    Note,
    Write,
    Thank,
    Adjust,
    Tag,
    CopyIn,
    Finish,
    Close,
    Link(usize),
    Merge(usize),
    Delete,
    Redact,
    Hide,
}

/// How a ticket ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    StillOpen,
    Solved,
    Merged,
    Deleted,
}

impl Story {
    /// Tells the past: `tickets` conversations over the last 400 days, quietly.
    pub fn history(&mut self, stage: &dyn Stage, tickets: usize) {
        let mut beats = self.plan(tickets);
        beats.sort_by_key(|beat| beat.at);
        let mut places = vec![None; tickets];
        for beat in beats {
            let moment = Moment { side: Side::Source, stage, at: beat.at, quiet: true };
            if let What::Open = beat.what {
                places[beat.ticket] = self.open(&moment);
            } else if let Some(thread) = places[beat.ticket] {
                self.tell(&moment, thread, beat.what, &places);
            }
        }
    }

    fn plan(&mut self, tickets: usize) -> Vec<Beat> {
        let now = self.clock.now();
        let longest = TimeDelta::days(DAYS).num_minutes();
        let mut opened: Vec<i64> = (0..tickets).map(|_| self.dice.random_range(120..longest)).collect();
        opened.sort_unstable_by(|a, b| b.cmp(a));
        let mut beats = Vec::new();
        for (ticket, minutes) in opened.into_iter().enumerate() {
            let is_long = ticket == tickets / 4;
            let mut at = now - TimeDelta::minutes(minutes);
            for what in self.beats(ticket, is_long) {
                if at < now - TimeDelta::minutes(1) {
                    beats.push(Beat { at, ticket, what });
                }
                let most = if is_long { 600 } else { [20, 90, 600, 4000][self.dice.random_range(0..4)] };
                at += TimeDelta::seconds(self.dice.random_range(65..most * 60));
            }
        }
        beats
    }

    fn beats(&mut self, ticket: usize, is_long: bool) -> Vec<What> {
        let end = match self.dice.random_range(0..100) {
            _ if is_long => End::StillOpen,
            0..=2 if ticket > 0 => End::Merged,
            3..=5 => End::Deleted,
            6..=60 => End::Solved,
            _ => End::StillOpen,
        };
        let mut beats = vec![What::Open];
        if self.dice.random_bool(0.85) {
            beats.push(What::Triage);
        }
        let rounds = if is_long { LONG } else { [0, 1, 1, 2, 2, 3, 5][self.dice.random_range(0..7)] };
        for _ in 0..rounds {
            beats.push(self.round());
        }
        if is_long {
            beats.extend([What::Write, What::Answer].repeat(LONG / 2));
        }
        if self.dice.random_bool(0.06) && ticket > 0 {
            beats.push(What::Link(self.earlier(ticket)));
        }
        if self.dice.random_bool(0.04) {
            beats.extend([What::Thank, What::Thank]);
        }
        match end {
            End::StillOpen => {}
            End::Deleted => beats.push(What::Delete),
            End::Merged => beats.push(What::Merge(self.earlier(ticket))),
            End::Solved => self.solved(&mut beats),
        }
        beats
    }

    fn solved(&mut self, beats: &mut Vec<What>) {
        beats.extend([What::Answer, What::Finish]);
        if self.dice.random_bool(0.2) {
            beats.extend([What::Write, What::Answer, What::Finish]);
        }
        if self.dice.random_bool(0.3) {
            beats.push(What::Close);
        }
    }

    fn earlier(&mut self, ticket: usize) -> usize {
        self.dice.random_range(ticket.saturating_sub(30)..ticket)
    }

    fn round(&mut self) -> What {
        match self.dice.random_range(0..100) {
            0..=32 => What::Answer,
            33..=62 => What::Write,
            63..=74 => What::Note,
            75..=84 => What::Adjust,
            85..=91 => What::Tag,
            92..=96 => What::CopyIn,
            97..=98 => What::Redact,
            _ => What::Hide,
        }
    }

    fn tell(&mut self, moment: &Moment<'_>, thread: usize, what: What, places: &[Option<usize>]) {
        if !self.is_alive(thread) {
            return;
        }
        let (ticket, tongue) = (self.threads[thread].id.clone(), self.threads[thread].customer.tongue);
        match what {
            What::Open => {}
            What::Triage => self.triage(moment, &ticket),
            What::Answer => self.answer(moment, &ticket, tongue),
            What::Note => self.note(moment, &ticket, tongue),
            What::Write => self.write_back(moment, thread),
            What::Thank => self.thank(moment, thread),
            What::Adjust => self.adjust(moment, &ticket),
            What::Tag => self.tag(moment, &ticket),
            What::CopyIn => self.copy_in(moment, thread),
            What::Finish => self.solve(moment, thread),
            What::Close => self.close_if_done(moment, thread),
            What::Link(other) => places[other].into_iter().for_each(|other| self.link(moment, thread, other)),
            What::Merge(other) => places[other].into_iter().for_each(|other| self.merge(moment, thread, other)),
            What::Delete => self.delete(moment, thread),
            What::Redact => self.redact(moment),
            What::Hide => self.hide(moment, thread),
        }
    }

    /// An agent of the source is done with the thread.
    pub(super) fn solve(&mut self, moment: &Moment<'_>, thread: usize) {
        let ticket = self.threads[thread].id.clone();
        if self.finish(moment, &ticket) {
            self.threads[thread].meaning = Meaning::Done;
        }
    }

    fn close_if_done(&mut self, moment: &Moment<'_>, thread: usize) {
        if self.threads[thread].meaning == Meaning::Done {
            self.close(moment, thread);
        }
    }
}
