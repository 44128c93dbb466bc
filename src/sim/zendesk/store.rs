//! The account's memory, with the indexes that keep every call cheap.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::answer::{Answer, Refusal};
use super::auth::Tokens;
use super::automations::Automation;
use super::files::Files;
use super::limits::Limiter;
use super::people::{People, User};
use super::rules::Trigger;
use super::stock::Stock;
use super::ticket::Ticket;
use super::webhook::{Outgoing, Webhook};
use super::world;
use crate::clock::Clock;
use crate::sim::snapshot::Mail;

/// How long after a change a stale read can be answered.
const READ_LAG: TimeDelta = TimeDelta::seconds(10);

/// Everything that the account holds.
pub struct Store {
    /// The desk's own address, without a slash at the end.
    pub url: String,
    pub clock: Clock,
    pub people: People,
    pub tickets: BTreeMap<u64, Ticket>,
    /// Tickets in the order of the incremental export.
    pub feed: BTreeSet<(i64, u64)>,
    /// Problem id to the incidents that belong to it.
    pub incidents: BTreeMap<u64, BTreeSet<u64>>,
    pub files: Files,
    pub triggers: Vec<Trigger>,
    pub stock: Stock,
    pub automations: Vec<Automation>,
    pub jobs: HashMap<String, Value>,
    pub webhooks: BTreeMap<String, Webhook>,
    /// Events that wait to be sent when the lock is given back.
    pub outgoing: Vec<Outgoing>,
    pub mails: Vec<Mail>,
    /// Tickets by the Message-IDs of mails about them, sent and received.
    pub message_ids: BTreeMap<String, u64>,
    pub tokens: Tokens,
    pub limiter: Limiter,
    /// Answers kept under an idempotency key: the request's body, the answer, and when.
    pub kept: HashMap<String, (Vec<u8>, Answer, DateTime<Utc>)>,
    by_external_id: HashMap<String, BTreeSet<u64>>,
    comment_home: HashMap<u64, u64>,
    next_id: u64,
    next_ticket: u64,
    dice: SmallRng,
}

impl Store {
    /// An account as [`world`] describes it, without tickets.
    pub fn new(url: String, clock: Clock, seed: u64) -> Self {
        let mut store = Self {
            stock: Stock::new(&url),
            url,
            clock,
            people: People::default(),
            tickets: BTreeMap::new(),
            feed: BTreeSet::new(),
            incidents: BTreeMap::new(),
            files: Files::default(),
            triggers: super::rules::built_in(),
            automations: Vec::new(),
            jobs: HashMap::new(),
            webhooks: BTreeMap::new(),
            outgoing: Vec::new(),
            mails: Vec::new(),
            message_ids: BTreeMap::new(),
            tokens: Tokens::default(),
            limiter: Limiter::default(),
            kept: HashMap::new(),
            by_external_id: HashMap::new(),
            comment_home: HashMap::new(),
            next_id: 8_658_726_100_000,
            next_ticket: 1,
            dice: SmallRng::seed_from_u64(seed ^ 0x5a45_4e44),
        };
        world::seed(&mut store);
        store
    }

    /// A new id; ids of all things grow together, as at Zendesk.
    pub fn next_id(&mut self) -> u64 {
        self.next_id += self.dice.random_range(1..4);
        self.next_id
    }

    /// The number of the next ticket.
    pub fn next_ticket(&mut self) -> u64 {
        let id = self.next_ticket;
        self.next_ticket += 1;
        id
    }

    /// A token of letters and digits.
    pub fn token(&mut self, length: usize) -> String {
        (0..length).map(|_| char::from(self.dice.sample(rand::distr::Alphanumeric))).collect()
    }

    /// A UUID, the same for the same seed.
    pub fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.dice.random()).into_uuid().to_string()
    }

    /// Now, in Zendesk's precision: whole seconds.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(0)
    }

    /// Stores a ticket, new or changed, and keeps what was there before for stale reads.
    pub fn put_ticket(&mut self, mut ticket: Ticket) {
        let id = ticket.id;
        if let Some(mut old) = self.tickets.remove(&id) {
            self.feed.remove(&(old.generated, id));
            if let Some(key) = &old.external_id
                && let Some(ids) = self.by_external_id.get_mut(&key.to_lowercase())
            {
                ids.remove(&id);
            }
            if let Some(incidents) = old.problem.and_then(|problem| self.incidents.get_mut(&problem)) {
                incidents.remove(&id);
            }
            old.before = None;
            ticket.before = Some(Box::new(old));
        }
        self.feed.insert((ticket.generated, id));
        if let Some(key) = &ticket.external_id {
            self.by_external_id.entry(key.to_lowercase()).or_default().insert(id);
        }
        if let Some(problem) = ticket.problem {
            self.incidents.entry(problem).or_default().insert(id);
        }
        for comment in &ticket.comments {
            self.comment_home.insert(comment.id, id);
        }
        self.tickets.insert(id, ticket);
    }

    /// Whether a read of this ticket can still be behind: it changed a moment ago.
    pub fn changed_lately(&self, id: &str) -> bool {
        let ticket = id.parse().ok().and_then(|id: u64| self.tickets.get(&id));
        ticket.is_some_and(|ticket| self.clock.now() - ticket.updated_at < READ_LAG)
    }

    /// A change by the system: the export shows the ticket again, `updated_at` stays (as documented).
    pub fn touch(&mut self, id: u64, at: DateTime<Utc>) {
        if let Some(ticket) = self.tickets.get_mut(&id)
            && ticket.generated < at.timestamp()
        {
            self.feed.remove(&(ticket.generated, id));
            ticket.generated = at.timestamp();
            self.feed.insert((ticket.generated, id));
        }
    }

    /// Sets a ticket's times of change back, so that the export does not show it again.
    pub fn forget_change(&mut self, id: u64, updated_at: DateTime<Utc>, generated: i64) {
        if let Some(ticket) = self.tickets.get_mut(&id) {
            self.feed.remove(&(ticket.generated, id));
            (ticket.updated_at, ticket.generated) = (updated_at, generated);
            self.feed.insert((generated, id));
        }
    }

    /// Notes on a closed ticket that another follows it up.
    pub fn followed_up(&mut self, closed: u64, by: u64, at: DateTime<Utc>) {
        if let Some(ticket) = self.tickets.get_mut(&closed) {
            ticket.followups.push(by);
        }
        self.touch(closed, at);
    }

    /// A ticket that is there. Errors: 404, for deleted ones too.
    pub fn ticket(&self, id: u64) -> Result<&Ticket, Refusal> {
        self.tickets.get(&id).filter(|ticket| ticket.is_there()).ok_or_else(Refusal::not_found)
    }

    /// A ticket that can be changed. Errors: 404, or 422 for closed ones.
    pub fn open_ticket(&self, id: u64) -> Result<&Ticket, Refusal> {
        let ticket = self.ticket(id)?;
        if ticket.is_closed() { Err(Refusal::closed()) } else { Ok(ticket) }
    }

    /// A user. Errors: 404.
    pub fn user(&self, id: u64) -> Result<&User, Refusal> {
        self.people.users.get(&id).ok_or_else(Refusal::not_found)
    }

    /// The tickets with this external id, whatever the case; it need not be unique.
    pub fn with_external_id(&self, key: &str) -> Vec<u64> {
        self.by_external_id.get(&key.to_lowercase()).map(|ids| ids.iter().copied().collect()).unwrap_or_default()
    }

    /// The ticket that a comment is in.
    pub fn home_of(&self, comment: u64) -> Option<u64> {
        self.comment_home.get(&comment).copied()
    }
}

/// A time as Zendesk writes it.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A time as a client writes it.
pub fn read_time(value: &Value) -> Option<DateTime<Utc>> {
    let text = value.as_str()?;
    let day = || chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(12, 0, 0).map(|at| at.and_utc());
    let time = DateTime::parse_from_rfc3339(text).ok().map(|at| at.with_timezone(&Utc)).or_else(day)?;
    Some(time.trunc_subsecs(0))
}
