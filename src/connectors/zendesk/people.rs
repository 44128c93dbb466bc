//! Customers at a target: finding one, making one without anybody being mailed.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::person::{NewPerson, Person, Role};

use super::Zendesk;
use super::api::general;
use super::translate;
use super::wire::{Id, User};

const FIND: Call = general("find person");
const CREATE: Call = general("create person");
const STAFF: Call = general("list agents");

impl Zendesk {
    /// By our key in `external_id`, and by address. What the search finds is compared exactly.
    pub(super) async fn people_with(&self, email: Option<&str>, key: &str) -> Result<Vec<Person>, Fault> {
        let mut users: Vec<User> = self.list_at(FIND, "users/show_many", &[("external_ids", key)], "users").await?;
        users.retain(|user| user.external_id.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(key)));
        if let Some(email) = email {
            let query = format!("email:\"{}\"", email.replace('"', ""));
            let found: Vec<User> = self.list_at(FIND, "users/search", &[("query", &query)], "users").await?;
            let same = |user: &User| user.email.as_deref().is_some_and(|own| own.to_lowercase() == email.to_lowercase());
            users.extend(found.into_iter().filter(same));
        }
        let by_id: BTreeMap<Option<Id>, User> = users.into_iter().map(|user| (user.id.clone(), user)).collect();
        Ok(by_id.values().filter_map(translate::person).collect())
    }

    /// Agents and admins, suspended ones too. Who was deleted was made an end user before: Zendesk deletes no agents.
    pub(super) async fn staff(&self) -> Result<Vec<Person>, Fault> {
        let users: Vec<User> = self.pages(STAFF, "users", &[("role[]", "agent"), ("role[]", "admin")], "users").await?;
        Ok(users.iter().filter_map(translate::person).filter(|person| person.role == Role::Agent).collect())
    }

    /// Makes an end user. `skip_verify_email` keeps the desk from writing to the address.
    pub(super) async fn make_person(&self, person: &NewPerson) -> Result<Person, Fault> {
        #[derive(Deserialize)]
        struct Made {
            user: User,
        }
        let name = Some(person.name.trim()).filter(|name| !name.is_empty());
        let mut user = Map::new();
        user.insert("name".to_string(), json!(name.or(person.email.as_deref()).unwrap_or("Unknown")));
        user.insert("role".to_string(), json!("end-user"));
        user.insert("external_id".to_string(), json!(person.key));
        user.insert("skip_verify_email".to_string(), Json::Bool(true));
        if let Some(email) = &person.email {
            user.insert("email".to_string(), json!(email));
        }
        if !person.active {
            user.insert("suspended".to_string(), Json::Bool(true));
        }
        let body = json!({ "user": user });
        let answer = self.send(CREATE, Method::POST, self.url("users", &[]), Some(&body), &[]).await?;
        let made: Made = answer.json(CREATE)?;
        translate::person(&made.user).ok_or_else(|| Fault::unreadable(format!("{}: the desk gave no id", CREATE.kind)))
    }
}
