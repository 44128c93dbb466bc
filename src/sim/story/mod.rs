//! Scripted customers and agents. From one seed come the same people, the same past, and the same live work at both desks;
//! everything they do on purpose is written to the story's own [`Log`], from which [`crate::sim::judge`] knows what has to
//! be there in the end.
//!
//! * [`Story::history`] tells a believable past at the source desk, in the order of time, quietly.
//! * [`Story::step`] does one more thing now, at the source (customers and agents) or at the target (its agents only). The
//!   caller paces it.
//!
//! What a desk's own rules do after a deed (reopening, merge comments) is not the story's doing and not in its log.

pub mod cast;
pub mod deeds;
pub mod files;
pub mod live;
pub mod log;
pub mod past;
pub mod prose;
pub mod tongue;
pub mod vocabulary;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::clock::Clock;
use crate::desk::Side;
use crate::sim::stage::{Action, Done, Stage, Who};

use self::cast::{Cast, Customer};
use self::log::Log;
use self::vocabulary::{Meaning, Vocabulary};

/// The people of both desks and what they have done.
pub struct Story {
    clock: Clock,
    dice: SmallRng,
    source: Arc<Vocabulary>,
    target: Arc<Vocabulary>,
    cast: Cast,
    log: Log,
    threads: Vec<Thread>,
    /// Where in `threads` a source ticket is.
    places: HashMap<String, usize>,
    /// Source tickets that others hang from.
    parents: BTreeSet<String>,
    /// Links that were made: the place in `threads`, the kind, the other ticket.
    links: Vec<(usize, String, String)>,
    /// Places in `threads` where something can still be done.
    alive: Vec<usize>,
    secrets: Vec<Secret>,
    /// When tickets were last deleted or merged while others looked on.
    ended: VecDeque<DateTime<Utc>>,
    /// Tickets that the target's agents opened at the target.
    natives: Vec<String>,
}

/// A conversation at the source as its people remember it.
#[derive(Debug, Clone)]
struct Thread {
    id: String,
    customer: Customer,
    copied: Vec<Customer>,
    /// What was last meant; the desk's rules may have moved on.
    meaning: Meaning,
}

/// Words at the source that should not have been written.
#[derive(Debug, Clone)]
struct Secret {
    thread: usize,
    message: String,
    words: String,
}

/// Where and when something is done.
struct Moment<'a> {
    side: Side,
    stage: &'a dyn Stage,
    at: DateTime<Utc>,
    quiet: bool,
}

impl Story {
    /// A story between two desks. The same seed, words, time and desks give the same log.
    pub fn new(seed: u64, clock: Clock, source: Vocabulary, target: Vocabulary) -> Self {
        Self {
            clock,
            dice: SmallRng::seed_from_u64(seed),
            source: Arc::new(source),
            target: Arc::new(target),
            cast: Cast::default(),
            log: Log::new(seed),
            threads: Vec::new(),
            places: HashMap::new(),
            parents: BTreeSet::new(),
            links: Vec::new(),
            alive: Vec::new(),
            secrets: Vec::new(),
            ended: VecDeque::new(),
            natives: Vec::new(),
        }
    }

    /// What was done so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// What was done, when nothing more will be.
    pub fn into_log(self) -> Log {
        self.log
    }

    fn words(&self, side: Side) -> Arc<Vocabulary> {
        match side {
            Side::Source => Arc::clone(&self.source),
            Side::Target => Arc::clone(&self.target),
        }
    }

    fn play(&mut self, moment: &Moment<'_>, who: &Who, action: Action) -> Option<Done> {
        match moment.stage.act(who, action.clone(), moment.at, moment.quiet) {
            Ok(done) => {
                self.log.record(moment.side, who, &action, &done, moment.at);
                Some(done)
            }
            Err(answer) => {
                self.log.refuse(moment.side, &action, &answer);
                None
            }
        }
    }

    fn some_agent(&mut self, side: Side) -> Who {
        let words = self.words(side);
        cast::agent(pick(&mut self.dice, &words.agents))
    }

    fn bury(&mut self, thread: usize) {
        self.alive.retain(|alive| *alive != thread);
    }
}

/// One of them, by the dice.
fn pick<'a, T>(dice: &mut SmallRng, from: &'a [T]) -> &'a T {
    &from[dice.random_range(0..from.len())]
}
