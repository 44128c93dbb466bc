//! A desk that answers from a script, and the objects that it answers with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body as HttpBody;
use axum::extract::Request;
use axum::http::Response;
use bytes::Bytes;
use chrono::DateTime;
use serde_json::{Value as Json, json};
use tidegate::connectors::http::{AddressGuard, Http, Unlimited};
use tidegate::connectors::zendesk::auth::Auth;
use tidegate::connectors::zendesk::{KeyField, Settings, Zendesk};
use tidegate::desk::body::Body;
use tidegate::desk::id::PersonId;
use tidegate::desk::ticket::Visibility;
use tidegate::desk::write::NewMessage;
use tidegate::secret::Secret;

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub line: String,
    pub authorization: Option<String>,
    pub body: Bytes,
}

impl Asked {
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

pub type Answers = HashMap<String, Vec<(u16, Json)>>;

/// A desk that answers each `METHOD path` with the next of its answers; the last one is repeated.
#[derive(Clone, Default)]
pub struct Script {
    pub answers: Arc<Mutex<Answers>>,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    pub address: String,
}

impl Script {
    pub async fn start() -> Script {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Script { address: format!("http://{}", listener.local_addr().unwrap()), ..Script::default() };
        let answering = script.clone();
        let app = Router::new().fallback(move |request| answering.clone().answer(request));
        tokio::spawn(async move { axum::serve(listener, app).await });
        script.on("GET /api/v2/users/me", 200, json!({ "user": { "id": 900, "name": "Gate", "role": "admin" } }));
        for (path, key) in [("groups", "groups"), ("brands", "brands"), ("ticket_fields", "ticket_fields")] {
            script.on(&format!("GET /api/v2/{path}"), 200, json!({ key: [] }));
        }
        script.on("GET /api/v2/ticket_forms", 404, json!({}));
        script.on("GET /api/v2/custom_statuses", 403, json!({}));
        script
    }

    pub fn on(&self, line: &str, status: u16, body: Json) -> &Self {
        self.answers.lock().unwrap().entry(line.to_string()).or_default().push((status, body));
        self
    }

    pub async fn answer(self, request: Request) -> Response<HttpBody> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        let authorization = parts.headers.get("authorization").map(|value| value.to_str().unwrap().to_string());
        let line = format!("{} {}", parts.method, parts.uri.path());
        self.asked.lock().unwrap().push(Asked { line: format!("{} {}", parts.method, parts.uri), authorization, body });
        let mut answers = self.answers.lock().unwrap();
        let (status, json) = match answers.get_mut(&line) {
            Some(queue) if queue.len() > 1 => queue.remove(0),
            Some(queue) => queue[0].clone(),
            None => (404, json!({ "error": "RecordNotFound", "description": "Not found" })),
        };
        let mut response = Response::builder().status(status).header("date", "Wed, 05 Aug 2026 10:40:00 GMT");
        if let Some(location) = json.get("location").and_then(Json::as_str) {
            response = response.header("location", location);
        }
        response.body(HttpBody::from(json.to_string())).unwrap()
    }

    pub fn asked(&self, start: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.line.starts_with(start)).cloned().collect()
    }

    pub fn desk(&self, auth: Auth) -> Zendesk {
        let settings = Settings {
            base: self.address.parse().unwrap(),
            auth,
            silent_tag: "quiet".into(),
            ticket_tag: "tidegate".into(),
            key_field: KeyField::ExternalId,
            number_field: None,
            mirror: "m".into(),
        };
        Zendesk::new(settings, Http::new(Arc::new(Unlimited), AddressGuard { allow_private: true }).unwrap())
    }
}

pub fn token_auth() -> Auth {
    Auth::ApiToken { email: "a@b.example".into(), token: Secret::new("t") }
}

pub fn client_auth() -> Auth {
    Auth::ClientCredentials { client_id: "gate".into(), client_secret: Secret::new("s3cret") }
}

pub fn ticket(status: &str) -> Json {
    json!({ "ticket": {
        "id": 5, "created_at": "2026-08-01T00:00:00Z", "updated_at": "2026-08-05T10:38:52Z", "generated_timestamp": 1785926999,
        "status": status, "subject": "Hi", "requester_id": 1, "tags": ["quiet", "tidegate"], "custom_fields": []
    }})
}

pub fn comment(id: u64, audit: u64) -> Json {
    json!({ "id": id, "author_id": 1, "public": true, "audit_id": audit, "created_at": "2026-08-05T10:38:52Z",
        "html_body": format!("<p>comment {id}</p>"), "attachments": [], "metadata": { "custom": {} } })
}

pub fn audit(id: u64) -> Json {
    json!({ "id": id, "author_id": 1, "created_at": "2026-08-05T10:38:52Z", "events": [], "metadata": { "custom": {} } })
}

pub fn message(key: &str) -> NewMessage {
    NewMessage {
        key: key.into(),
        author: Some(PersonId::new("1")),
        visibility: Visibility::Internal,
        created_at: DateTime::UNIX_EPOCH,
        body: Body::Text("a < b".into()),
        attachments: Vec::new(),
    }
}
