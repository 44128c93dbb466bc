//! A REST2 call as the routes see it, and what they answer.

use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::{Value, json};

use super::mime::Incoming;

/// One call, authenticated.
#[derive(Debug)]
pub struct Call {
    pub method: String,
    /// Below `/REST/2.0/`, without slashes at the ends, percent-decoded.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Files of a `multipart/form-data` body; its `JSON` field is in `body` then.
    pub files: Vec<Incoming>,
    /// The user whose credentials were sent.
    pub actor: u64,
    /// A fault: reads answer the state before the last change.
    pub stale: bool,
    /// Whether the last row of a list of transactions is shown without its fields.
    pub blank: bool,
    /// A number that differs from call to call.
    pub turn: usize,
}

impl Call {
    /// A query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// `orderby` and `order`, pairwise: column, and whether it descends.
    pub fn columns(&self) -> Vec<(String, bool)> {
        let all = |name: &'static str| self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value);
        let mut orders = all("order");
        all("orderby").map(|column| (column.clone(), orders.next().is_some_and(|way| way.eq_ignore_ascii_case("DESC")))).collect()
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The type of the body without its parameters.
    pub fn content_type(&self) -> String {
        self.header("content-type").unwrap_or("").split(';').next().unwrap_or("").trim().to_lowercase()
    }

    /// Whether it only reads.
    pub fn is_read(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    /// None: an empty body.
    pub body: Option<Value>,
}

const TYPE: &str = "application/json; charset=\"utf-8\"";
const TYPE_OF_ERRORS: &str = "application/json; charset=utf-8";

impl Answer {
    /// A record or a list.
    pub fn ok(body: Value) -> Self {
        Answer { status: 200, headers: vec![("content-type", TYPE.to_owned())], body: Some(body) }
    }

    /// An error with RT's sentence.
    pub fn error(status: u16, message: &str) -> Self {
        let headers = vec![("content-type", TYPE_OF_ERRORS.to_owned())];
        Answer { status, headers, body: Some(json!({ "message": message })) }
    }

    /// 404.
    pub fn not_found() -> Self {
        Self::error(404, "Not Found")
    }

    /// 412.
    pub fn precondition_failed() -> Self {
        Self::error(412, "Precondition Failed")
    }

    /// 415.
    pub fn unsupported() -> Self {
        Self::error(415, "Unsupported Media Type")
    }

    /// 405 with the methods that there are.
    pub fn method_not_allowed(allowed: &str) -> Self {
        let mut answer = Self::error(405, "Method Not Allowed");
        answer.headers.push(("allow", allowed.to_owned()));
        answer
    }

    /// RT died in the middle of a route: 500 without a body.
    pub fn died() -> Self {
        Answer { status: 500, headers: vec![("content-type", TYPE.to_owned())], body: None }
    }

    /// RT died outside of a route: 500 with a sentence.
    pub fn internal() -> Self {
        Self::error(500, "Internal Server Error")
    }

    /// A record was made.
    pub fn created(class: &str, location: &str, body: Value) -> Self {
        let headers = vec![("content-type", TYPE_OF_ERRORS.to_owned()), ("location", format!("/REST/2.0/{class}/{location}"))];
        Answer { status: 201, headers, body: Some(body) }
    }

    /// A message was recorded: its sentences.
    pub fn noted(transaction: u64, sentences: Vec<Value>) -> Self {
        let headers = vec![("content-type", TYPE.to_owned()), ("location", format!("/REST/2.0/transaction/{transaction}"))];
        Answer { status: 201, headers, body: Some(Value::Array(sentences)) }
    }

    /// Something is gone: 204.
    pub fn gone() -> Self {
        Answer { status: 204, headers: vec![("content-type", TYPE.to_owned())], body: None }
    }

    /// With a version: `ETag` in quotes and `Last-Modified` as RT writes it, which is no HTTP date.
    pub fn versioned(mut self, tag: &str, modified: String) -> Self {
        self.headers.push(("etag", format!("\"{tag}\"")));
        self.headers.push(("last-modified", modified));
        self
    }
}

/// `If-Match`, `If-None-Match` and the dates, as RT takes them: quotes do not matter, dates kill it. None: go on.
pub fn precondition(call: &Call, tag: &str, modified: &str) -> Option<Answer> {
    let names = |header: &str| header == "*" || header.split(',').any(|one| one.trim().trim_matches('"') == tag);
    if call.header("if-match").is_some_and(|header| !names(header)) {
        return Some(Answer::precondition_failed());
    }
    if call.header("if-unmodified-since").is_some() {
        return Some(Answer::died());
    }
    if call.header("if-none-match").is_some_and(names) {
        if !call.is_read() {
            return Some(Answer::precondition_failed());
        }
        let answer = Answer { status: 304, headers: Vec::new(), body: None };
        return Some(answer.versioned(tag, modified.to_owned()));
    }
    call.header("if-modified-since").map(|_| Answer::died())
}
