//! A call as the endpoints see it.

use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::answer::Refusal;

/// One API call, authenticated and routed.
#[derive(Debug)]
pub struct Call {
    pub method: String,
    /// The path without `.json`, percent-decoded per segment by [`Call::params`] only.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What stood at the `{…}` of the route, in order.
    pub params: Vec<String>,
    /// The user whose credentials were sent.
    pub actor: u64,
    /// A fault: reads answer the state before the last change.
    pub stale: bool,
}

impl Call {
    /// A query parameter.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A query parameter that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.query(name)?.trim().parse().ok()
    }

    /// Ids in a query parameter, separated by commas.
    pub fn ids(&self, name: &str) -> Vec<u64> {
        let text = self.query(name).unwrap_or_default();
        text.split(',').filter_map(|id| id.trim().parse().ok()).collect()
    }

    /// Whether `include` names this side-load.
    pub fn includes(&self, what: &str) -> bool {
        self.query("include").is_some_and(|list| list.split(',').any(|word| word.trim() == what))
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The id at the nth `{…}`; what is no number names no record.
    pub fn id(&self, place: usize) -> Result<u64, Refusal> {
        self.params.get(place).and_then(|text| text.parse().ok()).ok_or_else(Refusal::not_found)
    }

    /// The body as a JSON object; an empty body is an empty object.
    pub fn object(&self) -> Result<Map<String, Value>, Refusal> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(Refusal::new(400, "Unprocessable Entity", "The body is not a JSON object")),
        }
    }

    /// The object that the body holds under this key, as `{"ticket": {…}}`.
    pub fn wrapped(&self, key: &str) -> Result<Map<String, Value>, Refusal> {
        match self.object()?.remove(key) {
            Some(Value::Object(object)) => Ok(object),
            _ => Err(Refusal::new(400, "InvalidRequest", &format!("Parameter {key} is required"))),
        }
    }

    /// The list that the body holds under this key.
    pub fn wrapped_list(&self, key: &str) -> Result<Vec<Map<String, Value>>, Refusal> {
        let list = match self.object()?.remove(key) {
            Some(Value::Array(list)) => list,
            _ => return Err(Refusal::new(400, "InvalidRequest", &format!("Parameter {key} is required"))),
        };
        if list.len() > 100 {
            return Err(Refusal::new(400, "TooManyRecords", "At most 100 records can be sent at once"));
        }
        Ok(list.into_iter().filter_map(|item| item.as_object().cloned()).collect())
    }
}

/// A JSON id: a number, or a string of digits.
pub fn id_of(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Ids in a JSON list.
pub fn ids_of(value: &Value) -> Vec<u64> {
    value.as_array().map(|list| list.iter().filter_map(id_of).collect()).unwrap_or_default()
}

/// A JSON boolean, or the words that Zendesk also takes for one.
pub fn truth(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(truth)) => *truth,
        Some(Value::String(word)) => matches!(word.as_str(), "true" | "1"),
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        _ => false,
    }
}
