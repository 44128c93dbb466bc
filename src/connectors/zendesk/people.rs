//! Customers at a target: finding one, making one without anybody being mailed.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::id::PersonId;
use crate::desk::person::{NewPerson, Person, Removal, Role};

use super::Zendesk;
use super::api::general;
use super::translate;
use super::wire::{Id, User};

const FIND: Call = general("find person");
const CREATE: Call = general("create person");
const STAFF: Call = general("list agents");
const READ: Call = general("read person");
const CHANGE: Call = general("change person");
const DELETE: Call = general("delete person");

/// What Zendesk counts for a user (`GET users/ID/related`).
#[derive(Deserialize)]
struct Related {
    #[serde(default)]
    assigned_tickets: u64,
    #[serde(default)]
    requested_tickets: u64,
    #[serde(default)]
    ccd_tickets: u64,
}

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

    /// Up to four calls. Our key is taken off first, so that a look-up by key never finds a deleted user. Zendesk refuses with 422 to
    /// delete somebody whom something still depends on.
    pub(super) async fn unmake_person(&self, id: &PersonId, key: &str) -> Result<Removal, Fault> {
        #[derive(Deserialize)]
        struct Found {
            user: User,
        }
        #[derive(Deserialize)]
        struct Answer {
            user_related: Related,
        }
        let stays = |why: &str| Ok(Removal::Stays(why.to_string()));
        let found = self.send(READ, Method::GET, self.url(&format!("users/{id}"), &[]), None, &[404]).await?;
        if found.status == 404 {
            return Ok(Removal::Removed);
        }
        let user = found.json::<Found>(READ)?.user;
        if user.active == Some(false) {
            return Ok(Removal::Removed);
        }
        if translate::person(&user).is_none_or(|person| person.role != Role::Customer) {
            return stays("they work at the desk now");
        }
        if user.external_id.as_deref().is_some_and(|own| !own.is_empty() && !own.eq_ignore_ascii_case(key)) {
            return stays("somebody gave them another external id");
        }
        let related: Answer = self.get(READ, &format!("users/{id}/related"), &[]).await?;
        let Related { assigned_tickets, requested_tickets, ccd_tickets } = related.user_related;
        if assigned_tickets + requested_tickets + ccd_tickets > 0 {
            return stays("other tickets are theirs");
        }
        let url = self.url(&format!("users/{id}"), &[]);
        self.send(CHANGE, Method::PUT, url.clone(), Some(&json!({ "user": { "external_id": "" } })), &[]).await?;
        let deleted = self.send(DELETE, Method::DELETE, url, None, &[404, 422]).await?;
        if deleted.status == 422 {
            return stays("Zendesk does not delete them: something depends on them");
        }
        Ok(Removal::Removed)
    }
}
