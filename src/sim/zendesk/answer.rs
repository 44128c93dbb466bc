//! What the desk answers, and its refusals in the shapes that Zendesk documents: `{error, description, details}`.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use serde_json::{Value, json};

/// An answer before it goes on the wire.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub payload: Payload,
}

/// What an answer carries.
#[derive(Debug, Clone)]
pub enum Payload {
    Empty,
    Json(Value),
    File { content_type: String, bytes: Bytes },
}

/// A refusal: an answer that is no success.
#[derive(Debug, Clone)]
pub struct Refusal(pub Answer);

/// What every endpoint returns.
pub type Outcome = Result<Answer, Refusal>;

impl Answer {
    /// 200 with JSON.
    pub fn ok(json: Value) -> Outcome {
        Ok(Self::json(200, json))
    }

    /// 201 with JSON.
    pub fn created(json: Value) -> Outcome {
        Ok(Self::json(201, json))
    }

    /// 204.
    pub fn no_content() -> Outcome {
        Ok(Self { status: 204, headers: Vec::new(), payload: Payload::Empty })
    }

    /// Any status with JSON.
    pub fn json(status: u16, json: Value) -> Self {
        Self { status, headers: Vec::new(), payload: Payload::Json(json) }
    }

    /// With one more header.
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// On the wire.
    pub fn into_response(self) -> Response<Body> {
        let (content_type, body) = match self.payload {
            Payload::Empty => (None, Body::empty()),
            Payload::Json(json) => (Some("application/json; charset=utf-8".to_string()), Body::from(json.to_string())),
            Payload::File { content_type, bytes } => (Some(content_type), Body::from(bytes)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).expect("statuses in this folder are valid");
        let headers = response.headers_mut();
        if let Some(value) = content_type.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl Refusal {
    /// Any status with `{error, description}`.
    pub fn new(status: u16, error: &str, description: &str) -> Self {
        Self(Answer::json(status, json!({"error": error, "description": description})))
    }

    /// 404, as documented for records that are not there.
    pub fn not_found() -> Self {
        Self::new(404, "RecordNotFound", "Not found")
    }

    /// 422 about one field, as documented for records that do not validate.
    pub fn invalid(field: &str, what: &str, code: &str) -> Self {
        let detail = json!({field: [{"description": what, "error": code}]});
        Self(Answer::json(422, json!({"error": "RecordInvalid", "description": "Record validation errors", "details": detail})))
    }

    /// 422 of a closed ticket: it can never be changed again.
    pub fn closed() -> Self {
        let detail = json!({"status": [{"description": "Status: closed prevents ticket update"}]});
        Self(Answer::json(422, json!({"error": "RecordInvalid", "description": "Record validation errors", "details": detail})))
    }

    /// 400 for requests that make no sense.
    pub fn bad_request(description: &str) -> Self {
        Self::new(400, "InvalidRequest", description)
    }

    /// 409 of a safe update that came too late.
    pub fn conflict() -> Self {
        let what = "The resource has been updated since you last read it. Read it again and send your change once more.";
        Self::new(409, "UpdateConflict", what)
    }

    /// 429 with Retry-After.
    pub fn slow_down(description: &str, seconds: u64) -> Self {
        let Self(answer) = Self::new(429, "APIRateLimitExceeded", description);
        Self(answer.with("retry-after", seconds))
    }

    /// 401.
    pub fn unauthenticated() -> Self {
        Self(Answer::json(401, json!({"error": "Couldn't authenticate you"})))
    }

    /// The refusal in the desk's words, for a person at its pages.
    pub fn words(&self) -> String {
        match &self.0.payload {
            Payload::Json(json) => json.to_string(),
            _ => format!("status {}", self.0.status),
        }
    }
}
