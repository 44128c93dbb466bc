//! Every route, on one page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::clock::Clock;
use crate::intake::receive::Ears;
use crate::intake::writer::Writer;
use crate::ledger::Ledger;

use super::{hooks, metrics, tickets};

/// What the pages need.
#[derive(Clone)]
pub struct Site {
    pub ledger: Ledger,
    pub clock: Clock,
    pub ears: Ears,
    pub writer: Writer,
    /// Largest delivery in bytes.
    pub largest_delivery: usize,
}

/// The routes.
pub fn router(site: Site) -> Router {
    let limit = site.largest_delivery;
    Router::new()
        .route("/hooks/{mirror}/{side}", post(hooks::deliver))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/t/{number}", get(tickets::of_any))
        .route("/t/{mirror}/{number}", get(tickets::of_mirror))
        .route("/t/{mirror}/file/{*path}", get(tickets::of_file))
        .route("/metrics", get(metrics::metrics))
        .layer(DefaultBodyLimit::max(limit))
        .with_state(Arc::new(site))
}

/// Ready when the ledger answers.
async fn ready(State(site): State<Arc<Site>>) -> Response {
    match site.ledger.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the ledger does not answer\n").into_response(),
    }
}
