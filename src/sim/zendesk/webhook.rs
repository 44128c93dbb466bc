//! The Webhooks API: webhooks that subscribe to events, their signing secrets, and what became of their deliveries.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::Call;
use super::paging;
use super::store::{Store, stamp};

/// A webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub id: String,
    pub name: String,
    /// `active` or `inactive`.
    pub status: String,
    pub endpoint: String,
    pub subscriptions: Vec<String>,
    /// The signing secret.
    pub secret: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub owner: u64,
    /// The newest deliveries: how each ended.
    pub invocations: Vec<Value>,
}

/// An event on its way to one webhook.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub webhook: String,
    pub body: String,
}

/// How many invocations are kept.
const KEPT_INVOCATIONS: usize = 200;

impl Webhook {
    /// Whether an event of this type is sent to it. A subscription may end in `*`.
    pub fn wants(&self, kind: &str) -> bool {
        let matches = |one: &String| one == kind || one.strip_suffix('*').is_some_and(|start| kind.starts_with(start));
        self.status == "active" && self.subscriptions.iter().any(matches)
    }

    /// Notes how a delivery ended.
    pub fn note(&mut self, invocation: Value) {
        if self.invocations.len() == KEPT_INVOCATIONS {
            self.invocations.remove(0);
        }
        self.invocations.push(invocation);
    }

    fn to_json(&self) -> Value {
        json!({
            "id": self.id, "name": self.name, "description": null, "status": self.status, "endpoint": self.endpoint,
            "http_method": "POST", "request_format": "json", "subscriptions": self.subscriptions,
            "created_at": stamp(self.created_at), "created_by": self.owner.to_string(),
            "updated_at": stamp(self.updated_at), "updated_by": self.owner.to_string(),
        })
    }

    fn take(&mut self, wanted: &Map<String, Value>) -> Result<(), Refusal> {
        let text = |key: &str| wanted.get(key).and_then(Value::as_str);
        if let Some(name) = text("name") {
            self.name = name.to_string();
        }
        if let Some(endpoint) = text("endpoint") {
            self.endpoint = endpoint.to_string();
        }
        if let Some(status) = text("status") {
            self.status = status.to_string();
        }
        if let Some(list) = wanted.get("subscriptions").and_then(Value::as_array) {
            self.subscriptions = list.iter().filter_map(|one| one.as_str().map(str::to_string)).collect();
        }
        self.check(wanted)
    }

    fn check(&self, wanted: &Map<String, Value>) -> Result<(), Refusal> {
        let events = self.subscriptions.iter().any(|one| one.starts_with("zen:event-type:"));
        let post = wanted.get("http_method").and_then(Value::as_str).is_none_or(|method| method == "POST");
        let json = wanted.get("request_format").and_then(Value::as_str).is_none_or(|format| format == "json");
        let problem = if self.name.is_empty() {
            Some("name is required")
        } else if !matches!(self.status.as_str(), "active" | "inactive") {
            Some("status must be active or inactive")
        } else if !self.endpoint.starts_with("http://") && !self.endpoint.starts_with("https://") {
            Some("endpoint must be an URL")
        } else if events && !(post && json) {
            Some("webhooks that subscribe to events must use POST and json")
        } else {
            None
        };
        problem.map_or(Ok(()), |what| {
            let error = json!({"errors": [{"code": "InvalidParameter", "title": "Invalid parameter", "detail": what}]});
            Err(Refusal(Answer::json(400, error)))
        })
    }
}

/// `GET /api/v2/webhooks`
pub fn list(store: &mut Store, call: &Call) -> Outcome {
    let part = call.query("filter[name_contains]").unwrap_or_default().to_lowercase();
    let status = call.query("filter[status]");
    let wanted = |hook: &&Webhook| hook.name.to_lowercase().contains(&part) && status.is_none_or(|status| status == hook.status);
    let hooks: Vec<Value> = store.webhooks.values().filter(wanted).map(Webhook::to_json).collect();
    paging::list(store, call, "webhooks", hooks)
}

/// `POST /api/v2/webhooks`
pub fn create(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("webhook")?;
    let now = store.now();
    let mut webhook = Webhook {
        id: format!("01{}", store.token(24).to_uppercase()),
        name: String::new(),
        status: "active".to_string(),
        endpoint: String::new(),
        subscriptions: Vec::new(),
        secret: store.token(52),
        created_at: now,
        updated_at: now,
        owner: call.actor,
        invocations: Vec::new(),
    };
    webhook.take(&wanted)?;
    let json = webhook.to_json();
    store.webhooks.insert(webhook.id.clone(), webhook);
    Answer::created(json!({"webhook": json}))
}

fn find<'a>(store: &'a mut Store, call: &Call) -> Result<&'a mut Webhook, Refusal> {
    of_id(store, &call.params[0])
}

fn of_id<'a>(store: &'a mut Store, id: &str) -> Result<&'a mut Webhook, Refusal> {
    let not_found = || {
        Refusal(Answer::json(
            404,
            json!({"errors": [{"code": "WebhookNotFound", "title": "Webhook not found", "detail": "Not found"}]}),
        ))
    };
    store.webhooks.get_mut(id).ok_or_else(not_found)
}

/// `GET /api/v2/webhooks/{id}`
pub fn show(store: &mut Store, call: &Call) -> Outcome {
    let webhook = find(store, call)?.to_json();
    Answer::ok(json!({"webhook": webhook}))
}

/// `PUT` and `PATCH /api/v2/webhooks/{id}`: both answer without a body.
pub fn update(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("webhook")?;
    let now = store.now();
    let webhook = find(store, call)?;
    let mut changed = webhook.clone();
    changed.take(&wanted)?;
    changed.updated_at = now;
    *webhook = changed;
    Answer::no_content()
}

/// `DELETE /api/v2/webhooks/{id}`
pub fn delete(store: &mut Store, call: &Call) -> Outcome {
    let id = find(store, call)?.id.clone();
    store.webhooks.remove(&id);
    Answer::no_content()
}

/// `GET /api/v2/webhooks/{id}/signing_secret`
pub fn secret(store: &mut Store, call: &Call) -> Outcome {
    let secret = find(store, call)?.secret.clone();
    Answer::ok(json!({"signing_secret": {"algorithm": "SHA256", "secret": secret}}))
}

/// `POST /api/v2/webhooks/{id}/signing_secret`: a new secret, valid at once.
pub fn reset_secret(store: &mut Store, call: &Call) -> Outcome {
    let fresh = store.token(52);
    find(store, call)?.secret.clone_from(&fresh);
    Answer::created(json!({"signing_secret": {"algorithm": "SHA256", "secret": fresh}}))
}

/// `GET /api/v2/webhooks/{id}/invocations`
pub fn invocations(store: &mut Store, call: &Call) -> Outcome {
    let list = find(store, call)?.invocations.clone();
    paging::list(store, call, "invocations", list)
}

/// `POST /api/v2/webhooks/test?webhook_id=`: as documented, the test of an existing webhook takes its method, format and signing secret;
/// the request's own data overwrite the rest. The documents disagree on what is answered, so nothing is.
pub fn test(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("request")?;
    let webhook = of_id(store, call.query("webhook_id").unwrap_or_default())?.id.clone();
    let body = wanted.get("payload").and_then(Value::as_str).unwrap_or_default().to_string();
    store.outgoing.push(Outgoing { webhook, body });
    Answer::ok(json!({}))
}
