//! `/_sim`: what tests and the demo ask of any simulated desk over HTTP. Never struck by faults, never counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::faults::{Hidden, Interruption, Kind, Rates};
use super::snapshot::{Incoming, Mail, TicketView};
use super::stage::{Action, Done, Stage, Who};
use crate::clock::Clock;

#[derive(Clone)]
struct Desk {
    stage: Arc<dyn Stage>,
    clock: Clock,
}

/// What goes wrong, and what did.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FaultsView {
    /// The chances in force; a `PUT` without them leaves them as they are.
    pub rates: Option<Rates>,
    /// Faults to have at the next calls or deliveries that can have them (`PUT` only).
    pub order: Vec<Kind>,
    /// Tickets that are answered 404; a `PUT` without it leaves them as they are.
    pub hidden: Option<Hidden>,
    /// What happens after the next reads of tickets (`PUT` only).
    pub interrupt: Vec<Interruption>,
    /// How often each kind happened (`GET` only).
    pub happened: BTreeMap<Kind, u64>,
    /// Webhook deliveries still on their way (`GET` only).
    pub deliveries_waiting: usize,
}

/// The desk's time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClockView {
    pub now: DateTime<Utc>,
}

/// Turns a fixed clock forward.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Turn {
    pub advance_seconds: u64,
}

/// Somebody does something.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Deed {
    pub who: Who,
    pub action: Action,
    /// Now, if not told.
    #[serde(default)]
    pub at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub quiet: bool,
    /// As [`Stage::slip`] does it, now.
    #[serde(default)]
    pub slip: bool,
}

/// The routes: `tickets`, `mails`, `mail`, `calls`, `faults`, `clock`, `act`, below `/_sim`.
pub fn router(stage: Arc<dyn Stage>, clock: Clock) -> Router {
    Router::new()
        .route("/_sim/tickets", get(tickets))
        .route("/_sim/mails", get(mails))
        .route("/_sim/mail", post(mail))
        .route("/_sim/calls", get(calls))
        .route("/_sim/faults", get(faults).put(set_faults))
        .route("/_sim/clock", get(clock_now).put(turn_clock))
        .route("/_sim/act", post(act))
        .with_state(Desk { stage, clock })
}

async fn tickets(State(desk): State<Desk>) -> Json<Vec<TicketView>> {
    Json(desk.stage.tickets())
}

async fn mails(State(desk): State<Desk>) -> Json<Vec<Mail>> {
    Json(desk.stage.mails())
}

async fn mail(State(desk): State<Desk>, Json(mail): Json<Incoming>) -> Result<Json<Done>, (StatusCode, String)> {
    desk.stage.receive(&mail).map(Json).map_err(|why| (StatusCode::UNPROCESSABLE_ENTITY, why))
}

async fn calls(State(desk): State<Desk>) -> Json<BTreeMap<String, u64>> {
    Json(desk.stage.calls())
}

async fn faults(State(desk): State<Desk>) -> Json<FaultsView> {
    let faults = desk.stage.faults();
    Json(FaultsView {
        rates: Some(faults.rates()),
        order: Vec::new(),
        hidden: Some(faults.hidden()),
        interrupt: Vec::new(),
        happened: faults.happened(),
        deliveries_waiting: desk.stage.deliveries_waiting(),
    })
}

async fn set_faults(State(desk): State<Desk>, Json(wanted): Json<FaultsView>) -> Json<FaultsView> {
    let known = desk.stage.faults();
    if let Some(rates) = wanted.rates {
        known.set(rates);
    }
    if let Some(hidden) = wanted.hidden {
        known.hide(hidden);
    }
    wanted.order.into_iter().for_each(|kind| known.order(kind));
    wanted.interrupt.into_iter().for_each(|interruption| known.interrupt(interruption));
    faults(State(desk)).await
}

async fn clock_now(State(desk): State<Desk>) -> Json<ClockView> {
    Json(ClockView { now: desk.clock.now() })
}

async fn turn_clock(State(desk): State<Desk>, Json(turn): Json<Turn>) -> Json<ClockView> {
    desk.clock.advance(Duration::from_secs(turn.advance_seconds));
    clock_now(State(desk)).await
}

async fn act(State(desk): State<Desk>, Json(deed): Json<Deed>) -> Result<Json<Done>, (StatusCode, String)> {
    let at = deed.at.unwrap_or_else(|| desk.clock.now());
    let done = match deed.slip {
        true => desk.stage.slip(&deed.who, deed.action),
        false => desk.stage.act(&deed.who, deed.action, at, deed.quiet),
    };
    done.map(Json).map_err(|refusal| (StatusCode::UNPROCESSABLE_ENTITY, refusal))
}
