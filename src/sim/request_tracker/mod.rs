//! A simulated Request Tracker 5 (REST2), as RT 5.0.3 behaves, with an own store, RT's stock scrips and mails, and the
//! project's webhook scrip.
//!
//! **Calls**: `Authorization: token sim-token` is the user `gateway`; `token-alice`, `token-bob`, `token-carol`,
//! `token-dave` are the agents; or Basic with a name of these and the password `sim-password`. Base path `/REST/2.0/`.
//!
//! **World**: queues General, Support, Billing, Engineering, Migrated. Custom fields of tickets, on all of these:
//! `external_id`, `Severity` (select: low, normal, high, critical), `Products` (select many: alpha, beta, gamma), `Tags`
//! (many), `Details` (long text), `Renewal`, `source_created` (date and time), `Ticket Type` (select: question, incident,
//! problem, task), `Organisation`, and one for each kind of Zendesk's fields: `Summary` (text), `Notes` (long text), `Plan`
//! (select: free, team, enterprise), `Areas` (select many: web, mobile, api, billing), `Contract End` (date), `Callback`
//! (date and time), `Seats` (whole number), `Amount` (decimal), `Escalated` (yes or no), `Order Number` (text). `Only
//! Support` is on Support alone. Custom field of transactions: `source_comment_id`. Priority is a number from 0.
//!
//! **Neutral words** (snapshot, people's deeds): group is the queue, followers are AdminCc, `type` is `Ticket Type`, tags
//! are the values of `Tags`, the external id is `external_id`, `custom:<name>` are all other custom fields. A merged
//! ticket's messages are in the ticket it was merged into, and in no other. `MakePrivate` is refused: RT cannot. `Redact` is
//! what an admin does with `rt-munge-attachments`.
//!
//! **Time**: everything is UTC, users' timezones too. Whoever asks a real RT must see to that: a time in a search is read in
//! the timezone of the user who asks, whatever it says of itself.
//!
//! **Not here**: rights (every token sees every ticket), RT's rate limits (there are none: [`Options::limits`] does nothing),
//! retries (a webhook is tried once), bulk routes, groups, assets, articles, custom roles, saved searches.
//!
//! **Mails**: see [`setting::Settings`]. **Late commits**: with [`crate::sim::faults::Rates::late`], what people open and
//! write can stay unseen for a while although its ids are taken, as under a slow scrip; its webhook follows the commit.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use chrono::{DateTime, Utc};

use super::faults::{Faults, Interruption, Kind};
use super::server::{Options, Running, bind};
use super::snapshot::{Incoming, Mail, TicketView};
use super::stage::{Action, Damage, Done, Stage, Who};
use crate::clock::Clock;
use crate::task;

mod act;
mod admin;
mod call;
mod damage;
mod date;
mod edit;
mod hook;
mod http;
mod link;
mod list;
mod lookup;
mod mailgate;
mod mime;
mod network;
mod note;
mod person;
mod read;
mod scrip;
mod search;
pub mod setting;
mod sql;
mod status;
mod store;
mod ticket;
mod update;
mod value;
mod view;
mod wire;
mod work;
pub mod world;

/// What RT calls its organisation; it is in the addresses of tickets.
pub const ORGANIZATION: &str = "rt.sim";
/// RT's version.
pub const VERSION: &str = "5.0.3";
/// The password of everybody who has a token.
pub const PASSWORD: &str = "sim-password";
/// Tokens and their users.
pub const TOKENS: [(&str, &str); 5] = [
    ("sim-token", world::GATEWAY),
    ("token-alice", "alice"),
    ("token-bob", "bob"),
    ("token-carol", "carol"),
    ("token-dave", "dave"),
];

/// The simulated desk.
#[derive(Debug)]
pub struct RequestTrackerSim {
    store: Mutex<store::Store>,
    clock: Clock,
    faults: Arc<Faults>,
    hooks: hook::Hooks,
    calls: Mutex<BTreeMap<String, u64>>,
    turn: AtomicUsize,
    held: AtomicUsize,
    lost: AtomicUsize,
    me: Weak<RequestTrackerSim>,
    runtime: tokio::runtime::Handle,
}

/// Starts a desk with the seeded world and no tickets.
pub async fn start(listen: SocketAddr, options: Options) -> std::io::Result<Running> {
    let bound = bind(listen).await?;
    let clock = options.clock.clone();
    let sim = RequestTrackerSim::new(&bound.url, options)?;
    let router = http::router(sim.clone());
    Ok(bound.serve(sim, clock, router, "Authorization: token sim-token (user gateway)"))
}

impl RequestTrackerSim {
    /// A desk whose records say that they are at `url`. Errors: no HTTP client. Must be called within a Tokio runtime.
    pub fn new(url: &str, options: Options) -> std::io::Result<Arc<Self>> {
        let faults = Arc::new(Faults::new(options.rates, options.seed));
        let hooks = hook::Hooks::start(options.clock.clone(), faults.clone(), options.webhook_timeout)?;
        let mut store = store::Store { url: url.to_owned(), ..store::Store::default() };
        world::seed(&mut store, date::seconds(options.clock.now()));
        Ok(Arc::new_cyclic(|me| Self {
            store: Mutex::new(store),
            clock: options.clock,
            faults,
            hooks,
            calls: Mutex::new(BTreeMap::new()),
            turn: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            me: me.clone(),
            runtime: tokio::runtime::Handle::current(),
        }))
    }

    fn store(&self) -> MutexGuard<'_, store::Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the admin has set up.
    pub fn settings(&self) -> setting::Settings {
        self.store().settings.clone()
    }

    /// Changes what the admin has set up.
    pub fn set_settings(&self, settings: setting::Settings) {
        self.store().settings = settings;
    }

    /// Tells the webhook scrip where to post; no address switches it off.
    pub fn set_webhook(&self, target: setting::Webhook) {
        self.hooks.set_target(target);
    }

    fn user_id(&self, name: &str) -> Option<u64> {
        self.store().user(name).map(|user| user.id)
    }

    fn count(&self, method: &str, path: &str) {
        let known = |part: &str| {
            let number = !part.is_empty() && part.chars().all(|letter| letter.is_ascii_digit());
            if number { "{id}".to_owned() } else { part.to_owned() }
        };
        let mut parts: Vec<String> = path.split('/').map(known).collect();
        let named = parts.len() == 5 && matches!(parts[3].as_str(), "user" | "queue");
        if named {
            parts[4] = "{id}".to_owned();
        }
        *self.calls().entry(format!("{method} {}", parts.join("/"))).or_default() += 1;
    }

    fn calls(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was recorded from being seen for a while, then commits it and sends its webhooks.
    fn hold(&self, store: &mut store::Store, done: &Done, outcome: work::Outcome, opened: bool) {
        let ticket: u64 = done.ticket.parse().unwrap_or(0);
        store.held.extend(&outcome.transactions);
        if opened {
            store.held_tickets.insert(ticket);
        }
        self.held.fetch_add(1, Ordering::SeqCst);
        let (me, lateness) = (self.me.clone(), self.faults.lateness());
        self.runtime.spawn(async move {
            task::delay(lateness).await;
            if let Some(sim) = me.upgrade() {
                sim.commit(ticket, outcome);
            }
        });
    }

    fn interrupt(&self, one: Interruption) {
        if let Err(why) = self.act(&one.who, one.action, self.clock.now(), true) {
            tracing::error!(ticket = one.ticket, why, "an interruption was refused");
        }
    }

    fn commit(&self, ticket: u64, outcome: work::Outcome) {
        let mut store = self.store();
        store.held_tickets.remove(&ticket);
        for id in &outcome.transactions {
            store.held.remove(id);
        }
        self.hooks.send(outcome.hooks);
        drop(store);
        self.held.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Stage for RequestTrackerSim {
    fn act(&self, who: &Who, action: Action, at: DateTime<Utc>, quiet: bool) -> Result<Done, String> {
        let opened = matches!(action, Action::Open { .. });
        let slow = opened || matches!(action, Action::Reply { .. } | Action::Note { .. });
        let mut store = self.store();
        if self.faults.strikes(Kind::Dashboard) {
            store.record_object(store::Object::Attribute(1), "Set", world::ROOT, at);
        }
        let (done, outcome) = act::act(&mut store, who, action, at, quiet)?;
        if slow && !quiet && self.faults.rates().late > 0.0 && self.faults.strikes(Kind::Late) {
            self.hold(&mut store, &done, outcome, opened);
        } else {
            self.hooks.send(outcome.hooks);
        }
        Ok(done)
    }

    fn receive(&self, mail: &Incoming) -> Result<Done, String> {
        let action = mailgate::sort(mail, |id| self.store().tickets.contains_key(&id));
        let who = Who { email: mail.from.clone(), name: mail.name.clone(), agent: false };
        self.act(&who, action, self.clock.now(), false)
    }

    fn slip(&self, who: &Who, action: Action) -> Result<Done, String> {
        if matches!(action, Action::Open { .. } | Action::Reply { .. } | Action::Note { .. }) {
            return Err("a message of RT is a transaction, which its feed shows".to_owned());
        }
        let mut store = self.store();
        let (done, outcome) = act::act(&mut store, who, action, self.clock.now(), true)?;
        store.forget(&outcome.transactions);
        Ok(done)
    }

    fn damage(&self, ticket: &str, message: &str, damage: Damage) -> Result<(), String> {
        damage::damage(&mut self.store(), ticket, message, damage)
    }

    fn tickets(&self) -> Vec<TicketView> {
        self.store().views()
    }

    fn mails(&self) -> Vec<Mail> {
        self.store().outbox.clone()
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        RequestTrackerSim::calls(self).clone()
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn deliveries_waiting(&self) -> usize {
        self.hooks.waiting() + self.held.load(Ordering::SeqCst)
    }
}
