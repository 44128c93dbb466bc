//! `POST /hooks/{mirror}/{side}`: a delivery.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::connectors::delivery::Delivery;
use crate::desk::Side;
use crate::intake::receive::{Answer, receive};
use crate::task;

use super::router::Site;

/// A body that takes longer is not waited for: somebody holds connections.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// Takes a delivery. 401 refused, 404 unknown mirror, 408 too slow, 413 too large, the vendor's own status for *send again* when the ledger is away.
pub async fn deliver(State(site): State<Arc<Site>>, Path((mirror, side)): Path<(String, String)>, request: Request) -> Response {
    let side = match side.as_str() {
        "source" => Side::Source,
        "target" => Side::Target,
        _ => return plain(StatusCode::NOT_FOUND, "the address ends in /source or /target"),
    };
    let ear = site.ears.read().unwrap_or_else(PoisonError::into_inner).get(&(mirror.clone(), side)).cloned();
    let Some(ear) = ear else {
        return plain(StatusCode::NOT_FOUND, &format!("no mirror `{mirror}` listens for its {} desk here", side.as_str()));
    };
    let headers = request.headers().clone();
    let body = tokio::select! {
        body = Bytes::from_request(request, &()) => body,
        () = task::delay(BODY_LIMIT) => return plain(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unread(&site, rejection.status()),
    };
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_ascii_lowercase(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    render(receive(&ear, Delivery { headers, body }, &site.writer, &site.ledger, &site.clock).await)
}

fn unread(site: &Site, status: StatusCode) -> Response {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        let line =
            format!("the delivery is larger than {} bytes; if it is genuine, raise --largest-delivery", site.largest_delivery);
        return plain(status, &line);
    }
    plain(StatusCode::BAD_REQUEST, "the body ended before it was whole")
}

fn render(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = plain(status, &answer.line);
    if let Some(wait) = answer.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().into());
    }
    response
}

fn plain(status: StatusCode, line: &str) -> Response {
    (status, format!("{line}\n")).into_response()
}
