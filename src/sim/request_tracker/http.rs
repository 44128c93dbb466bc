//! The HTTP side: who calls, which faults strike, and the settings below `/_sim`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::TimeDelta;

use super::call::{Answer, Call};
use super::mime::Incoming;
use super::setting::{Settings, Webhook};
use super::{PASSWORD, RequestTrackerSim, TOKENS, edit, read};
use crate::sim::faults::Kind;
use crate::task;

/// How long a read can be late.
const READ_LAG: TimeDelta = TimeDelta::seconds(2);

type Sim = Arc<RequestTrackerSim>;

/// RT's routes, and `PUT /_sim/webhook` and `/_sim/settings`.
pub fn router(sim: Sim) -> Router {
    Router::new()
        .route("/_sim/webhook", get(webhook).put(set_webhook))
        .route("/_sim/settings", get(settings).put(set_settings))
        .route("/REST/2.0/{*path}", any(rest))
        .layer(DefaultBodyLimit::disable())
        .with_state(sim)
}

async fn webhook(State(sim): State<Sim>) -> Json<Webhook> {
    Json(sim.hooks.target())
}

async fn set_webhook(State(sim): State<Sim>, Json(target): Json<Webhook>) -> Json<Webhook> {
    sim.set_webhook(target);
    Json(sim.hooks.target())
}

async fn settings(State(sim): State<Sim>) -> Json<Settings> {
    Json(sim.settings())
}

async fn set_settings(State(sim): State<Sim>, Json(wanted): Json<Settings>) -> Json<Settings> {
    sim.set_settings(wanted);
    Json(sim.settings())
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = self.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

async fn rest(State(sim): State<Sim>, request: Request) -> Response {
    sim.count(request.method().as_str(), request.uri().path());
    let faults = &sim.faults;
    if faults.strikes(Kind::Slow) {
        task::delay(Duration::from_millis(faults.rates().slow_ms)).await;
    }
    if faults.strikes(Kind::Limit) {
        // RT limits nobody; a server in front of it that has no worker left answers so.
        return plain(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    }
    if faults.strikes(Kind::Refuse) {
        return Answer::internal().into_response();
    }
    let call = match read_call(&sim, request).await {
        Ok(call) => call,
        Err(answer) => return answer,
    };
    let named = ticket_in(&call.path);
    if named.is_some_and(|ticket| faults.hides(ticket)) {
        return Answer::not_found().into_response();
    }
    if faults.forbids(&call.method, &call.path) {
        return Answer::error(403, "Permission Denied").into_response();
    }
    let reads = call.is_read() || call.path.ends_with('s') && call.method == "POST" && is_search(&call.path);
    let answer = sim.answer(&call, reads);
    // A check of the version is no read.
    let shown = named.filter(|ticket| call.path == format!("ticket/{ticket}") && reads && answer.status == 200);
    if let Some(one) = shown.and_then(|ticket| faults.interrupted(ticket)) {
        sim.interrupt(one);
    }
    if !reads && answer.status < 400 && faults.strikes(Kind::LoseAnswer) {
        return lose(&sim, answer);
    }
    answer.into_response()
}

/// The ticket that a path names.
fn ticket_in(path: &str) -> Option<&str> {
    path.strip_prefix("ticket/")?.split('/').next()
}

/// By turns: a 502, and a connection that is cut in the middle of the answer.
fn lose(sim: &Sim, answer: Answer) -> Response {
    if sim.lost.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
        return plain(StatusCode::BAD_GATEWAY, "Bad Gateway");
    }
    let mut response = answer.into_response();
    let cut = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("the answer is lost")) });
    *response.body_mut() = Body::from_stream(cut);
    response
}

/// The lists that are searched by POST.
fn is_search(path: &str) -> bool {
    matches!(path, "tickets" | "transactions" | "attachments" | "users" | "groups" | "queues" | "queues/all" | "customfields")
        || path.ends_with("/customfields")
        || path.ends_with("/attachments")
        || path.ends_with("/values")
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html")], text).into_response()
}

async fn read_call(sim: &Sim, request: Request) -> Result<Call, Response> {
    let (parts, body) = request.into_parts();
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()).into_owned().collect();
    let actor = actor(sim, &parts.headers, &query).ok_or_else(|| unauthorized(&parts.headers))?;
    let path = decode(parts.uri.path().trim_start_matches("/REST/2.0").trim_matches('/'));
    let mut call = Call {
        method: parts.method.as_str().to_owned(),
        path,
        query,
        headers: parts.headers,
        body: Bytes::new(),
        files: Vec::new(),
        actor,
        stale: false,
        blank: false,
        turn: sim.turn.fetch_add(1, Ordering::Relaxed),
    };
    call.blank = call.path == "transactions" && sim.faults.strikes(Kind::Blank);
    call.stale = call.is_read() && sim.changed_lately(&call.path) && sim.faults.strikes(Kind::StaleRead);
    let unread = |_| plain(StatusCode::BAD_REQUEST, "Bad Request");
    if call.content_type() == "multipart/form-data" {
        read_form(&mut call, body).await.map_err(|()| Answer::internal().into_response())?;
    } else {
        call.body = axum::body::to_bytes(body, usize::MAX).await.map_err(unread)?;
    }
    Ok(call)
}

/// The `JSON` field and the files of a form. The file names are taken as they are.
async fn read_form(call: &mut Call, body: Body) -> Result<(), ()> {
    let mut request = Request::new(body);
    *request.headers_mut() = call.headers.clone();
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| ())?;
    while let Some(field) = form.next_field().await.map_err(|_| ())? {
        let name = field.name().unwrap_or("").to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let content_type = field.content_type().unwrap_or("application/octet-stream").to_owned();
        let bytes = field.bytes().await.map_err(|_| ())?;
        match (name.as_str(), file_name) {
            ("JSON", _) => call.body = bytes,
            ("Attachments", Some(name)) => {
                call.files.push(Incoming { name, content_type, bytes: bytes.to_vec(), content_id: None });
            }
            _ => {}
        }
    }
    Ok(())
}

fn decode(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        let plus = segment.replace('+', "%2B");
        url::form_urlencoded::parse(format!("={plus}").as_bytes()).map(|(_, value)| value.into_owned()).collect::<String>()
    });
    segments.collect::<Vec<_>>().join("/")
}

fn unauthorized(headers: &HeaderMap) -> Response {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("");
    if agent.contains("Mozilla") || headers.contains_key(header::COOKIE) {
        return (StatusCode::FOUND, [(header::LOCATION, "/")], "Login required").into_response();
    }
    Answer::error(401, "Unauthorized").into_response()
}

fn actor(sim: &Sim, headers: &HeaderMap, query: &[(String, String)]) -> Option<u64> {
    let header = headers.get(header::AUTHORIZATION).and_then(|text| text.to_str().ok()).unwrap_or("");
    let (scheme, rest) = header.split_once(' ').unwrap_or(("", ""));
    let in_query = query.iter().find(|(key, _)| key == "token").map(|(_, token)| token.as_str());
    let token = if scheme.eq_ignore_ascii_case("token") { Some(rest) } else { in_query };
    let name = match token {
        Some(token) => TOKENS.iter().find(|(known, _)| *known == token.trim()).map(|(_, name)| (*name).to_owned()),
        None if scheme.eq_ignore_ascii_case("basic") => basic(rest),
        None => None,
    };
    sim.user_id(&name?)
}

fn basic(text: &str) -> Option<String> {
    let plain = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (name, password) = plain.split_once(':')?;
    let known = TOKENS.iter().any(|(_, user)| *user == name);
    (known && password == PASSWORD).then(|| name.to_owned())
}

impl RequestTrackerSim {
    /// Whether this path shows a ticket that was changed so lately that a read of it can be late.
    fn changed_lately(&self, path: &str) -> bool {
        let id = path.strip_prefix("ticket/").map(|rest| rest.trim_end_matches("/history"));
        let store = self.store();
        let before = id.and_then(|id| store.resolve(id.parse().ok()?)).and_then(|ticket| store.before.get(&ticket.id));
        before.is_some_and(|before| self.clock.now() - before.until < READ_LAG)
    }

    /// Answers an authenticated call; webhooks of what it did are on their way when it returns.
    fn answer(&self, call: &Call, reads: bool) -> Answer {
        if matches!(call.method.as_str(), "PATCH" | "TRACE" | "CONNECT") {
            return Answer::error(501, "Not Implemented");
        }
        if call.method == "OPTIONS" {
            return Answer::method_not_allowed("GET, HEAD, DELETE, PUT, POST");
        }
        if call.header("accept").is_some_and(|accept| !accept.contains("json") && !accept.contains("*/*")) {
            return Answer::error(406, "Not Acceptable");
        }
        let mut store = self.store();
        if reads {
            return read::answer(&store, call);
        }
        let (answer, outcome) = edit::answer(&mut store, call, self.clock.now());
        self.hooks.send(outcome.hooks);
        answer
    }
}
