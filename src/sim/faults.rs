//! What goes wrong at a simulated desk, by chance and on purpose. Every fault that happened is counted: a run in which a
//! kind did not occur has proved nothing about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use super::stage::{Action, Who};

/// How often each thing goes wrong: chances from 0 to 1 per call or per delivery.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// A webhook is never sent.
    pub drop: f64,
    /// A webhook is sent twice.
    pub double: f64,
    /// A webhook is sent late, and so after later ones; by up to `late_ms`.
    pub late: f64,
    pub late_ms: u64,
    /// An API call is answered 429 with Retry-After.
    pub limit: f64,
    /// An API call is answered 500 and nothing was done.
    pub refuse: f64,
    /// An API call is answered after `slow_ms`.
    pub slow: f64,
    pub slow_ms: u64,
    /// A write is done and the connection is cut before the answer.
    pub lose_answer: f64,
    /// A read is answered with the state before the last change.
    pub stale_read: f64,
}

/// The named mixtures of `--faults`.
pub const NAMES: [&str; 3] = ["none", "some", "hell"];

impl Rates {
    /// `none`, `some` or `hell`.
    pub fn named(name: &str) -> Option<Rates> {
        match name {
            "none" => Some(Rates::default()),
            "some" => Some(Rates {
                drop: 0.02,
                double: 0.02,
                late: 0.05,
                late_ms: 800,
                limit: 0.01,
                refuse: 0.005,
                slow: 0.01,
                slow_ms: 200,
                lose_answer: 0.005,
                stale_read: 0.0,
            }),
            "hell" => Some(Rates {
                drop: 0.2,
                double: 0.2,
                late: 0.3,
                late_ms: 2500,
                limit: 0.01,
                refuse: 0.04,
                slow: 0.03,
                slow_ms: 400,
                lose_answer: 0.04,
                stale_read: 0.02,
            }),
            _ => None,
        }
    }
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Drop,
    Double,
    Late,
    Limit,
    Refuse,
    Slow,
    LoseAnswer,
    StaleRead,
    /// A call that names a ticket is answered 404, and nothing is done.
    Hidden,
    /// Somebody changed a ticket between two calls of one reader.
    Interrupted,
    /// A call is answered 403, and nothing is done: our user lacks the right.
    Forbidden,
    /// A change that a feed lists is shown without its fields, once.
    Blank,
    /// An agent changes a dashboard: the feed's table has a row that is no ticket's, with whole objects for values.
    Dashboard,
}

/// The tickets that the desk does not show to API users: every call that names one is answered 404, as when a right was taken away.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hidden {
    pub all: bool,
    pub tickets: BTreeSet<String>,
}

/// What somebody does right after the next read of a ticket, before the reader's next call. No webhook tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    pub ticket: String,
    pub who: Who,
    pub action: Action,
}

/// The dice of one desk.
#[derive(Debug)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rates: Rates,
    dice: SmallRng,
    happened: BTreeMap<Kind, u64>,
    /// Faults ordered for the next calls, and how many calls they spare first; used before the dice.
    ordered: Vec<(Kind, usize)>,
    hidden: Hidden,
    forbidden: BTreeSet<String>,
    limited: bool,
    /// Those of one ticket happen in this order, one after each read.
    interruptions: Vec<Interruption>,
}

impl Faults {
    /// Dice that fall the same for the same seed and order of calls.
    pub fn new(rates: Rates, seed: u64) -> Self {
        let dice = SmallRng::seed_from_u64(seed);
        let (happened, ordered, hidden, interruptions) = (BTreeMap::new(), Vec::new(), Hidden::default(), Vec::new());
        Self {
            state: Mutex::new(State {
                rates,
                dice,
                happened,
                ordered,
                hidden,
                forbidden: BTreeSet::new(),
                limited: false,
                interruptions,
            }),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes the chances from now on.
    pub fn set(&self, rates: Rates) {
        self.state().rates = rates;
    }

    /// The chances in force.
    pub fn rates(&self) -> Rates {
        self.state().rates
    }

    /// Orders one fault for the next call or delivery that can have it.
    pub fn order(&self, kind: Kind) {
        self.order_after(0, kind);
    }

    /// Orders one fault, and lets so many calls pass first that could have it.
    pub fn order_after(&self, spared: usize, kind: Kind) {
        self.state().ordered.push((kind, spared));
    }

    /// Whether this fault strikes now; counts it if so.
    pub fn strikes(&self, kind: Kind) -> bool {
        let mut state = self.state();
        if let Some(place) = state.ordered.iter().position(|(ordered, _)| *ordered == kind) {
            if state.ordered[place].1 > 0 {
                state.ordered[place].1 -= 1;
                return false;
            }
            state.ordered.remove(place);
            *state.happened.entry(kind).or_default() += 1;
            return true;
        }
        let rates = state.rates;
        let chance = match kind {
            Kind::Drop => rates.drop,
            Kind::Double => rates.double,
            Kind::Late => rates.late,
            Kind::Limit => rates.limit,
            Kind::Refuse => rates.refuse,
            Kind::Slow => rates.slow,
            Kind::LoseAnswer => rates.lose_answer,
            Kind::StaleRead => rates.stale_read,
            Kind::Hidden | Kind::Forbidden | Kind::Interrupted | Kind::Blank | Kind::Dashboard => 0.0,
        };
        let strikes = chance > 0.0 && state.dice.random_bool(chance.min(1.0));
        if strikes {
            *state.happened.entry(kind).or_default() += 1;
        }
        strikes
    }

    /// Hides these tickets from now on, and shows all others.
    pub fn hide(&self, hidden: Hidden) {
        self.state().hidden = hidden;
    }

    /// What is hidden.
    pub fn hidden(&self) -> Hidden {
        self.state().hidden.clone()
    }

    /// Whether a call that names this ticket is answered 404; counts it if so.
    pub fn hides(&self, ticket: &str) -> bool {
        let mut state = self.state();
        if state.hidden.all || state.hidden.tickets.contains(ticket) {
            *state.happened.entry(Kind::Hidden).or_default() += 1;
            return true;
        }
        drop(state);
        self.strikes(Kind::Hidden)
    }

    /// Whether the vendor's rate limits are enforced from now on.
    pub fn limit(&self, limited: bool) {
        self.state().limited = limited;
    }

    /// Whether they are.
    pub fn is_limited(&self) -> bool {
        self.state().limited
    }

    /// Answers 403 from now on to calls with this method and part of the path, as `POST correspond`, and to no others.
    pub fn forbid(&self, calls: &[&str]) {
        self.state().forbidden = calls.iter().map(|call| (*call).to_string()).collect();
    }

    /// Whether this call is answered 403; counts it if so.
    pub fn forbids(&self, method: &str, path: &str) -> bool {
        let mut state = self.state();
        let is_it = |call: &String| call.split_once(' ').is_some_and(|(how, part)| how == method && path.contains(part));
        let forbidden = state.forbidden.iter().any(is_it);
        if forbidden {
            *state.happened.entry(Kind::Forbidden).or_default() += 1;
        }
        forbidden
    }

    /// Orders an interruption; several of one ticket happen one by one.
    pub fn interrupt(&self, interruption: Interruption) {
        self.state().interruptions.push(interruption);
    }

    /// How many interruptions have not happened yet.
    pub fn interruptions(&self) -> usize {
        self.state().interruptions.len()
    }

    /// What somebody does now that this ticket was read; counts it.
    pub fn interrupted(&self, ticket: &str) -> Option<Interruption> {
        let mut state = self.state();
        let place = state.interruptions.iter().position(|one| one.ticket == ticket)?;
        *state.happened.entry(Kind::Interrupted).or_default() += 1;
        Some(state.interruptions.remove(place))
    }

    /// How late a late webhook is.
    pub fn lateness(&self) -> Duration {
        let mut state = self.state();
        let most = state.rates.late_ms.max(1);
        Duration::from_millis(state.dice.random_range(1..=most))
    }

    /// How often each kind happened.
    pub fn happened(&self) -> BTreeMap<Kind, u64> {
        self.state().happened.clone()
    }
}
