//! `GET /metrics`: Prometheus text, read from the ledger at each scrape, so that all processes tell the same.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::desk::Side;
use crate::ledger;
use crate::ledger::leak::Verdict;
use crate::ledger::status::Status;

use super::router::Site;

/// All mirrors' figures. 503 when the ledger is away.
pub async fn metrics(State(site): State<Arc<Site>>) -> Response {
    match text(&site).await {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the ledger does not answer\n").into_response(),
    }
}

async fn text(site: &Site) -> ledger::Result<String> {
    let now = site.clock.now();
    let mut pages = Vec::new();
    for mirror in site.ledger.mirrors().await? {
        let status = site.ledger.status(mirror.id, now).await?;
        let mut rejections = 0;
        for side in [Side::Source, Side::Target] {
            rejections += site.ledger.witness(mirror.id, side).await?.rejections;
        }
        pages.push((mirror.name, mirror.paused_why.is_some(), status, rejections));
    }
    let mut out = String::new();
    let mut gauge = |name: &str, help: &str, value: &dyn Fn(&Status) -> f64| {
        let _ = writeln!(out, "# HELP tidegate_{name} {help}\n# TYPE tidegate_{name} gauge");
        for (mirror, _, status, _) in &pages {
            let _ = writeln!(out, "tidegate_{name}{{mirror=\"{mirror}\"}} {}", value(status));
        }
    };
    gauge("tickets", "Tickets in scope.", &|status| status.tickets as f64);
    gauge("tickets_copied", "Tickets that have a target ticket.", &|status| status.copied as f64);
    gauge("lanes_waiting", "Tickets with changes that are not applied yet.", &|status| status.waiting as f64);
    gauge("oldest_waiting_seconds", "Age of the oldest change that is not applied yet.", &|status| status.oldest_seconds);
    gauge("parked", "Things that wait for a person.", &|status| status.parked as f64);
    gauge("conflicts", "Fields that both desks changed.", &|status| status.conflicts as f64);
    gauge("webhooks_missed", "Changes that only the poll saw.", &|status| status.missed as f64);
    gauge("desks_out_of_sight", "Desks whose credential has lost sight of the tickets that it saw before.", &|status| {
        status.blind.len() as f64
    });
    gauge("leaks", "Mails and notifications that the target sent because of us.", &|status| status.leaks.leaks as f64);
    gauge("leaks_untold", "1 while the last leak check could not tell.", &|status| {
        f64::from(u8::from(status.leaks.verdict == Some(Verdict::CannotTell)))
    });
    gauge("lag_seconds_p50", "Median seconds from receipt to applied.", &|status| status.lag.p50);
    gauge("lag_seconds_p95", "95th percentile of the same.", &|status| status.lag.p95);
    gauge("lag_seconds_p99", "99th percentile of the same.", &|status| status.lag.p99);
    let _ = writeln!(out, "# HELP tidegate_paused 1 while the mirror is paused or halted.\n# TYPE tidegate_paused gauge");
    let _ = writeln!(out, "# HELP tidegate_rejections_total Deliveries refused.\n# TYPE tidegate_rejections_total counter");
    let silent = "1 while the poll sees changes and the webhook none.";
    let _ = writeln!(out, "# HELP tidegate_webhook_silent {silent}\n# TYPE tidegate_webhook_silent gauge");
    for (mirror, paused, status, rejections) in &pages {
        for (side, feed) in [("source", &status.source), ("target", &status.target)] {
            let silent = u8::from(feed.webhook_silent);
            let _ = writeln!(out, "tidegate_webhook_silent{{mirror=\"{mirror}\",side=\"{side}\"}} {silent}");
        }
        let _ = writeln!(out, "tidegate_paused{{mirror=\"{mirror}\"}} {}", u8::from(*paused));
        let _ = writeln!(out, "tidegate_rejections_total{{mirror=\"{mirror}\"}} {rejections}");
        for (origin, count) in &status.events {
            let _ = writeln!(out, "tidegate_events_total{{mirror=\"{mirror}\",origin=\"{origin}\"}} {count}");
        }
        for (name, value) in &status.figures {
            let _ = writeln!(out, "tidegate_figure_total{{mirror=\"{mirror}\",name=\"{name}\"}} {value}");
        }
    }
    Ok(out)
}
