//! A simulated Zendesk Support account, written from the vendor's documents.
//!
//! Credentials: any agent's address with the API token (`admin@sim.example/token:sim-token`), or the OAuth client
//! `sim-client` with the secret `sim-secret` at `POST /oauth/tokens` (client credentials, refresh).
//!
//! The account (`world.rs`, `field.rs`): brands Harbour, Lighthouse · groups Support, Billing, Engineering, Escalations ·
//! agents ada@, ben@, chiara@, dmitri@desk.example · organisations Northwind Traders, Æther Labs, Kyoto Garden (customers
//! belong by domain: northwind.example, aether.example, kyoto.example) · custom statuses In review (open), Waiting for
//! supplier (hold) · forms Default Ticket Form, Refund request · fields Order number (text), Root cause (textarea), VIP
//! (checkbox, tag `vip_customer`), Renewal date (date), Seats (integer), Refund amount (decimal), Serial (regexp `AB-1234`),
//! Product (drop-down: `product_mast`, `product_sail`, `product_rudder`, `product_hull_wood`, `product_hull_steel`), Topics
//! (multi-select: `topic_shipping`, `topic_invoice`, `topic_bug`), Account manager (lookup of a user).
//!
//! Triggers mail customers and agents unless a ticket has the tag `tidegate_silent`; two that change tickets can be turned
//! on (`rules.rs`). Automations are made by API (`automations.rs`). Files with `slow-scan` in their name are scanned for five seconds; with `eicar` they are found out.

mod account;
mod acting;
mod answer;
pub mod auth;
mod automations;
mod call;
mod change;
mod comments;
mod commit;
mod damage;
mod deliver;
mod events;
mod export;
pub mod field;
mod files;
pub mod html;
mod imports;
mod jobs;
mod limits;
mod mailbox;
mod organizations;
mod paging;
mod people;
mod removal;
mod routes;
pub mod rules;
mod saying;
mod search;
mod sla;
mod stock;
mod store;
mod ticket;
mod tickets;
mod uploads;
mod users;
mod view;
mod webhook;
mod wire;
pub mod world;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, header, request::Parts};
use bytes::Bytes;
use chrono::{DateTime, Utc};

use self::answer::{Answer, Refusal};
use self::call::Call;
use self::deliver::Post;
use self::routes::Route;
use self::store::Store;
use super::faults::{Faults, Interruption, Kind};
use super::server::{Options, Running, bind};
use super::snapshot::{Incoming, Mail, TicketView};
use super::stage::{Action, Damage, Done, Stage, Who};
use crate::task;

/// The largest request that is read.
const REQUEST_LIMIT: usize = files::LIMIT + (1 << 20);

/// The simulated account.
pub struct ZendeskSim {
    store: Mutex<Store>,
    faults: Faults,
    post: Post,
    calls: Mutex<BTreeMap<String, u64>>,
    /// How many answers were lost, to lose them in turn in two ways.
    lost: AtomicUsize,
}

/// Starts it. Errors: the port cannot be had.
pub async fn start(listen: SocketAddr, options: Options) -> std::io::Result<Running> {
    let bound = bind(listen).await?;
    let (post, receiver) = Post::new();
    let sim = Arc::new(ZendeskSim {
        store: Mutex::new(Store::new(bound.url.clone(), options.clock.clone(), options.seed)),
        faults: Faults::new(options.rates, options.seed),
        post,
        calls: Mutex::default(),
        lost: AtomicUsize::new(0),
    });
    sim.faults.limit(options.limits);
    let sender = tokio::spawn(deliver::run(Arc::downgrade(&sim), receiver, options.clone()));
    let router = Router::new().fallback(respond).with_state(sim.clone());
    Ok(bound.serve(sim, options.clock, router, auth::CREDENTIALS).with(sender))
}

async fn respond(State(sim): State<Arc<ZendeskSim>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, REQUEST_LIMIT).await else {
        let Refusal(answer) = Refusal::new(413, "AttachmentTooLarge", "Attachment exceeds the maximum size allowed");
        return answer.into_response();
    };
    sim.answer(&parts, body).await
}

impl ZendeskSim {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, parts: &Parts, body: Bytes) -> Response<Body> {
        let path = parts.uri.path();
        let path = path.strip_suffix(".json").unwrap_or(path);
        let found = routes::find(parts.method.as_str(), path);
        let (route, params) = match found {
            Ok(found) => found,
            Err(Refusal(answer)) => return answer.into_response(),
        };
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(route.kind()).or_default() += 1;
        if let Err(Refusal(answer)) = self.troubles().await {
            return answer.into_response();
        }
        if route.names_a_ticket() && self.faults.hides(&params[0]) {
            let Refusal(answer) = Refusal::not_found();
            return answer.into_response();
        }
        if self.faults.forbids(parts.method.as_str(), path) {
            let Refusal(answer) = Refusal::new(403, "Forbidden", "You do not have access to this page");
            return answer.into_response();
        }
        let read_ticket = route.reads_a_ticket().then(|| params[0].clone());
        let lagging = route.can_be_stale() && self.store().changed_lately(&params[0]);
        let stale = lagging && self.faults.strikes(Kind::StaleRead);
        let call = read(parts, path, body, params, stale);
        let worked = self.work(route, call);
        if let Some(one) = read_ticket.and_then(|ticket| self.faults.interrupted(&ticket)) {
            self.interrupt(one);
        }
        match worked {
            Ok(answer) if route.method != "GET" && route.is_api() && self.faults.strikes(Kind::LoseAnswer) => self.lose(answer),
            Ok(answer) | Err(Refusal(answer)) => answer.into_response(),
        }
    }

    fn interrupt(&self, one: Interruption) {
        let now = self.store().now();
        if let Err(why) = self.act(&one.who, one.action, now, true) {
            tracing::error!(ticket = one.ticket, why, "an interruption was refused");
        }
    }

    /// Faults that strike before anything is done.
    async fn troubles(&self) -> Result<(), Refusal> {
        if self.faults.strikes(Kind::Limit) {
            return Err(Refusal::slow_down("Rate limit exceeded", 1));
        }
        if self.faults.strikes(Kind::Refuse) {
            return Err(Refusal::new(500, "InternalError", "The server could not process this request"));
        }
        if self.faults.strikes(Kind::Slow) {
            task::delay(Duration::from_millis(self.faults.rates().slow_ms)).await;
        }
        Ok(())
    }

    fn work(&self, route: &'static Route, mut call: Call) -> answer::Outcome {
        let mut store = self.store();
        if route.is_api() {
            call.actor = auth::actor(&store, call.header("authorization"))?;
            if route.is_for_admins() && store.user(call.actor)?.role != "admin" {
                return Err(Refusal::new(403, "Forbidden", "You do not have access to this page"));
            }
        }
        automations::run(&mut store);
        let mut left = None;
        if self.faults.is_limited() && route.is_api() {
            let now = store.clock.now().timestamp();
            let ticket = call.params.first().cloned().unwrap_or_default();
            left = Some(store.limiter.take(now, &route.kind(), call.actor, &ticket)?);
        }
        let outcome = (route.work)(&mut store, &call);
        self.hand_over(&mut store);
        let tell = |answer: Answer| match left {
            Some(left) => left.tell(answer),
            None => answer,
        };
        outcome.map(tell).map_err(|Refusal(answer)| Refusal(tell(answer)))
    }

    /// Gives the events that a change left to the sender.
    fn hand_over(&self, store: &mut Store) {
        for outgoing in store.outgoing.drain(..) {
            self.post.hand_in(outgoing);
        }
    }

    /// The write is done, and its answer does not arrive: by turns a broken connection and a bad gateway.
    fn lose(&self, answer: Answer) -> Response<Body> {
        if self.lost.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
            let Refusal(bad) = Refusal::new(502, "BadGateway", "Bad gateway");
            return bad.into_response();
        }
        let mut response = answer.into_response();
        let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("the answer is lost")) });
        *response.body_mut() = Body::from_stream(broken);
        response
    }
}

fn read(parts: &Parts, path: &str, body: Bytes, params: Vec<String>, stale: bool) -> Call {
    let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let mut headers = parts.headers.clone();
    headers.remove(header::HOST);
    Call {
        method: parts.method.as_str().to_string(),
        path: path.to_string(),
        query: query.into_owned().collect(),
        headers,
        body,
        params,
        actor: 0,
        stale,
    }
}

impl Stage for ZendeskSim {
    fn act(&self, who: &Who, action: Action, at: DateTime<Utc>, quiet: bool) -> Result<Done, String> {
        let mut store = self.store();
        let done = acting::act(&mut store, who, action, acting::When { at, quiet });
        self.hand_over(&mut store);
        done.map_err(|refusal| refusal.words())
    }

    fn receive(&self, mail: &Incoming) -> Result<Done, String> {
        let (who, action, now) = {
            let mut store = self.store();
            let action = mailbox::sort(&mut store, mail)?;
            (Who { email: mail.from.clone(), name: mail.name.clone(), agent: false }, action, store.now())
        };
        let done = self.act(&who, action, now, false)?;
        mailbox::keep(&mut self.store(), mail, &done);
        Ok(done)
    }

    fn slip(&self, who: &Who, action: Action) -> Result<Done, String> {
        let mut store = self.store();
        let shown: Vec<_> = store.tickets.values().map(|ticket| (ticket.id, ticket.updated_at, ticket.generated)).collect();
        let when = acting::When { at: store.now(), quiet: true };
        let done = acting::act(&mut store, who, action, when).map_err(|refusal| refusal.words())?;
        for (id, updated_at, generated) in shown {
            store.forget_change(id, updated_at, generated);
        }
        Ok(done)
    }

    fn damage(&self, ticket: &str, message: &str, damage: Damage) -> Result<(), String> {
        damage::damage(&mut self.store(), ticket, message, damage)
    }

    fn tickets(&self) -> Vec<TicketView> {
        view::tickets(&self.store())
    }

    fn mails(&self) -> Vec<Mail> {
        let mut store = self.store();
        automations::run(&mut store);
        self.hand_over(&mut store);
        store.mails.clone()
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn deliveries_waiting(&self) -> usize {
        self.post.waiting()
    }
}
