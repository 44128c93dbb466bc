//! Who calls: API tokens by Basic authentication, and OAuth tokens that expire.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::Call;
use super::store::Store;

/// The API token; with the address of any agent: `admin@sim.example/token:sim-token`.
pub const API_TOKEN: &str = "sim-token";
/// The OAuth client.
pub const CLIENT_ID: &str = "sim-client";
/// Its secret.
pub const CLIENT_SECRET: &str = "sim-secret";
/// Its credentials, for people.
pub const CREDENTIALS: &str = "API token: admin@sim.example/token:sim-token\nOAuth client: sim-client, secret sim-secret";
/// How long an access token lives if the client does not say.
const LIFE: i64 = 1800;

/// The OAuth tokens that were given out.
#[derive(Debug, Default)]
pub struct Tokens {
    access: HashMap<String, (u64, DateTime<Utc>)>,
    refresh: HashMap<String, (u64, DateTime<Utc>)>,
}

/// The user who calls. Errors: 401.
pub fn actor(store: &Store, authorization: Option<&str>) -> Result<u64, Refusal> {
    let header = authorization.ok_or_else(Refusal::unauthenticated)?;
    let (scheme, rest) = header.split_once(' ').ok_or_else(Refusal::unauthenticated)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return bearer(store, rest.trim());
    }
    let bytes = STANDARD.decode(rest.trim()).map_err(|_| Refusal::unauthenticated())?;
    let text = String::from_utf8(bytes).map_err(|_| Refusal::unauthenticated())?;
    let (name, password) = text.split_once(':').ok_or_else(Refusal::unauthenticated)?;
    let email = name.strip_suffix("/token").filter(|_| password == API_TOKEN).ok_or_else(Refusal::unauthenticated)?;
    let user = store.people.by_email(email).filter(|user| user.is_staff() && user.active);
    user.map(|user| user.id).ok_or_else(Refusal::unauthenticated)
}

fn bearer(store: &Store, token: &str) -> Result<u64, Refusal> {
    let known = store.tokens.access.get(token).filter(|(_, until)| store.clock.now() < *until);
    known.map(|(user, _)| *user).ok_or_else(|| {
        let what = "The access token provided is expired, revoked, malformed or invalid for other reasons.";
        Refusal(Answer::json(401, json!({"error": "invalid_token", "error_description": what})))
    })
}

/// `POST /oauth/tokens`: client credentials, and refresh. The body is JSON or a form.
pub fn token(store: &mut Store, call: &Call) -> Outcome {
    let form = || {
        let pairs = url::form_urlencoded::parse(&call.body);
        pairs.map(|(key, value)| (key.into_owned(), Value::String(value.into_owned()))).collect::<Map<String, Value>>()
    };
    let asked = call.object().unwrap_or_else(|_| form());
    let text = |key: &str| asked.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("client_id") != CLIENT_ID || text("client_secret") != CLIENT_SECRET {
        return Err(refuse(401, "invalid_client", "Client authentication failed."));
    }
    let user = match text("grant_type") {
        "client_credentials" => super::world::AGENTS[0].id,
        "refresh_token" => {
            let known = store.tokens.refresh.remove(text("refresh_token"));
            let known = known.filter(|(_, until)| store.clock.now() < *until);
            known.map(|(user, _)| user).ok_or_else(|| refuse(400, "invalid_grant", "The refresh token is not valid."))?
        }
        _ => return Err(refuse(400, "unsupported_grant_type", "The authorization grant type is not supported.")),
    };
    let life = asked.get("expires_in").and_then(|value| value.as_i64().or_else(|| value.as_str()?.parse().ok()));
    let scope = asked.get("scope").cloned().unwrap_or_else(|| json!("read write"));
    Answer::ok(grant(store, user, life.unwrap_or(LIFE), &scope))
}

fn grant(store: &mut Store, user: u64, life: i64, scope: &Value) -> Value {
    let (access, refresh) = (store.token(64), store.token(64));
    let now = store.clock.now();
    store.tokens.access.insert(access.clone(), (user, now + TimeDelta::seconds(life)));
    store.tokens.refresh.insert(refresh.clone(), (user, now + TimeDelta::days(30)));
    json!({
        "access_token": access, "token_type": "bearer", "scope": scope, "expires_in": life, "refresh_token": refresh,
        "refresh_token_expires_in": TimeDelta::days(30).num_seconds(),
    })
}

fn refuse(status: u16, error: &str, what: &str) -> Refusal {
    Refusal(Answer::json(status, json!({"error": error, "error_description": what})))
}
