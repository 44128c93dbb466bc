//! What admins of the account made: SLA policies, macros, views, support addresses, and their settings of ticket fields and
//! forms. They are kept and shown as the API documents them; none of them acts here, but for the triggers of [`super::rules`].

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::Call;
use super::field::Field;
use super::paging;
use super::store::{Store, stamp};

/// Lists by the name that is their key in answers, and settings by the id of what they belong to.
#[derive(Debug)]
pub struct Stock {
    lists: BTreeMap<&'static str, Vec<Value>>,
    settings: BTreeMap<u64, Map<String, Value>>,
}

impl Stock {
    /// Of a new account: nothing but the address that Zendesk gives it, as `support@{subdomain}.zendesk.com`.
    pub fn new(url: &str) -> Self {
        let subdomain: String = url.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let address = json!({
            "id": 35_436, "email": format!("support@{subdomain}.zendesk.example"), "name": "Harbour", "default": true,
            "brand_id": 13_467_642, "forwarding_status": "unknown", "spf_status": "verified", "cname_status": "unknown",
        });
        Self { lists: BTreeMap::from([("recipient_addresses", vec![address])]), settings: BTreeMap::new() }
    }

    fn set_of(&self, field: &Field, key: &str) -> Option<&Value> {
        self.settings.get(&field.id)?.get(key)
    }

    /// The tags of a choice's options, as the admins left them. What tickets hold of a removed one stays.
    pub fn options(&self, field: &Field) -> Vec<String> {
        match self.set_of(field, "custom_field_options").and_then(Value::as_array) {
            Some(list) => list.iter().filter_map(|one| one["value"].as_str().map(str::to_string)).collect(),
            None => field.kind.options().iter().map(|(_, tag)| (*tag).to_string()).collect(),
        }
    }

    /// What a field is called now.
    pub fn title<'a>(&'a self, field: &'a Field) -> &'a str {
        self.set_of(field, "title").and_then(Value::as_str).unwrap_or(field.title)
    }

    /// The first of a list.
    pub fn first(&self, list: &str) -> Option<&Value> {
        self.lists.get(list)?.first()
    }

    /// What an admin set of a field or form, over what it has from the start.
    pub fn settle(&self, id: u64, mut told: Value) -> Value {
        if let (Some(settings), Some(object)) = (self.settings.get(&id), told.as_object_mut()) {
            object.extend(settings.clone());
        }
        told
    }
}

/// Key of the list and of one of its records, by the path below `/api/v2/`.
fn keys(call: &Call) -> (&'static str, &'static str) {
    let path = call.path.trim_start_matches("/api/v2/").trim_start_matches("/_sim/");
    const KNOWN: [(&str, &str, &str); 5] = [
        ("slas/policies", "sla_policies", "sla_policy"),
        ("macros", "macros", "macro"),
        ("views", "views", "view"),
        ("recipient_addresses", "recipient_addresses", "recipient_address"),
        ("suspended_tickets", "suspended_tickets", "suspended_ticket"),
    ];
    let found = KNOWN.iter().find(|(known, ..)| path.starts_with(known));
    found.map_or(("results", "result"), |(_, list, one)| (list, one))
}

/// `GET /api/v2/slas/policies`, `macros`, `views`, `recipient_addresses`, `suspended_tickets`; also `active`.
pub fn list(store: &mut Store, call: &Call) -> Outcome {
    let (name, _) = keys(call);
    let only_active = call.path.ends_with("/active") || call.query("active") == Some("true");
    let all = store.stock.lists.get(name).cloned().unwrap_or_default();
    let wanted = all.into_iter().filter(|one| !only_active || one["active"] != json!(false)).collect();
    paging::list(store, call, name, wanted)
}

/// `POST` to one of these lists. Suspended tickets are made below `/_sim`: no API makes them.
pub fn create(store: &mut Store, call: &Call) -> Outcome {
    let (name, one) = keys(call);
    let mut made = call.wrapped(one)?;
    let now = stamp(store.now());
    made.insert("id".to_string(), json!(store.next_id()));
    for (key, value) in [("active", json!(true)), ("created_at", json!(now)), ("updated_at", json!(now))] {
        made.entry(key).or_insert(value);
    }
    let made = Value::Object(made);
    store.stock.lists.entry(name).or_default().push(made.clone());
    Answer::created(json!({ one: made }))
}

/// `GET /api/v2/views/count`
pub fn count_views(store: &mut Store, _: &Call) -> Outcome {
    let count = store.stock.lists.get("views").map_or(0, Vec::len);
    Answer::ok(json!({"count": {"value": count, "refreshed_at": stamp(store.now())}}))
}

/// `GET /api/v2/satisfaction_ratings/count`: this account asks nobody.
pub fn count_ratings(store: &mut Store, _: &Call) -> Outcome {
    Answer::ok(json!({"count": {"value": 0, "refreshed_at": stamp(store.now())}}))
}

/// Takes what an admin sets of a field or form that is there. Errors: 404.
pub fn set(store: &mut Store, call: &Call, key: &str, known: bool) -> Result<(), Refusal> {
    let wanted = call.wrapped(key)?;
    let id = call.id(0)?;
    if !known {
        return Err(Refusal::not_found());
    }
    store.stock.settings.entry(id).or_default().extend(wanted);
    Ok(())
}
