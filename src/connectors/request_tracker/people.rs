//! People and who we are.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::json;

use crate::connectors::contract::Identity;
use crate::connectors::fault::Fault;
use crate::desk::id::PersonId;
use crate::desk::person::{NewPerson, Person};

use super::RequestTracker;
use super::api::{call, desk_time};
use super::translate;
use super::wire::UserJson;

const USER_FIELDS: &str = "Name,EmailAddress,RealName";

impl RequestTracker {
    /// RT has no call that tells whose token it is; the number of the user is the token's second part (`1-<user>-<secret>`).
    pub(super) async fn who_we_are(&self) -> Result<Identity, Fault> {
        let call = call("identify");
        let own = self.settings.user.as_str();
        let number = self.settings.token.expose().split('-').nth(1).unwrap_or(own).to_string();
        let answer = self.send(call, self.request(Method::GET, &["user", &number], &[])?, &[404]).await?;
        let user: UserJson = if answer.status == 404 { not_ours(own)? } else { answer.json(call)? };
        if user.name != own {
            not_ours::<()>(own)?;
        }
        if !matches!(user.timezone.0.as_str(), "" | "UTC" | "GMT" | "Etc/UTC") {
            return Err(Fault::refused(format!(
                "identify: the RT user `{own}` is in the time zone {}, in which RT would store every date of a custom field; set it to UTC",
                user.timezone.0
            )));
        }
        Ok(Identity {
            person: PersonId::new(&user.name),
            name: translate::person(own, &user).name,
            desk_time: desk_time(&answer),
        })
    }

    pub(super) async fn person_by_id(&self, id: &PersonId) -> Result<Option<Person>, Fault> {
        let name = id.as_str();
        // `user/<digits>` would be another user's number, and a slash another path.
        if name.contains('/') || name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(self.people_with("Name", name).await?.into_iter().find(|person| person.id == *id));
        }
        let found: Option<UserJson> = self.find(call("read person"), &["user", name]).await?;
        Ok(found.filter(|user| user.name == name).map(|user| translate::person(name, &user)))
    }

    /// RT's numbers of these people, as far as RT has them. Users are never deleted, so a number once seen is kept.
    pub(super) async fn numbers_of(&self, people: BTreeSet<PersonId>) -> Result<BTreeMap<PersonId, String>, Fault> {
        let mut numbers = BTreeMap::new();
        for person in people {
            let known = self.numbers.read().await.get(&person).cloned();
            let number = match known {
                Some(number) => Some(number),
                None => self.number_of(&person).await?,
            };
            numbers.extend(number.map(|number| (person, number)));
        }
        Ok(numbers)
    }

    async fn number_of(&self, person: &PersonId) -> Result<Option<String>, Fault> {
        let found: Option<UserJson> = self.find(call("read person"), &["user", person.as_str()]).await?;
        let Some(user) = found.filter(|user| user.name == person.as_str()) else { return Ok(None) };
        self.numbers.write().await.insert(person.clone(), user.id.0.clone());
        Ok(Some(user.id.0))
    }

    /// Users with exactly this value. RT compares without regard to case. Disabled users are found too.
    async fn people_with(&self, field: &str, value: &str) -> Result<Vec<Person>, Fault> {
        let query = json!([{ "field": field, "operator": "=", "value": value }]).to_string();
        let query = [("query", query.as_str()), ("fields", USER_FIELDS), ("find_disabled_rows", "1")];
        let users: Vec<UserJson> = self.all(call("find person"), &["users"], &query).await?;
        Ok(users.iter().map(|user| translate::person(&user.name, user)).collect())
    }

    pub(super) async fn people_by(&self, email: Option<&str>, key: &str) -> Result<Vec<Person>, Fault> {
        let name = name_of(key);
        let mut people = self.people_with("Name", &name).await?;
        people.retain(|person| person.id.as_str() == name);
        if let Some(email) = email {
            let named = self.people_with("EmailAddress", email).await?;
            let same = |person: &Person| person.email.as_ref().is_some_and(|found| found.eq_ignore_ascii_case(email));
            people.extend(named.into_iter().filter(same));
        }
        people.sort_by(|a, b| a.id.cmp(&b.id));
        people.dedup_by(|a, b| a.id == b.id);
        let mut whole = Vec::new();
        for person in people {
            // The list does not tell who is disabled or privileged.
            whole.extend(self.person_by_id(&person.id).await?);
        }
        Ok(whole)
    }

    /// Makes an unprivileged user: no seat, no password, no mail. Named by address, as RT names those whom it makes itself.
    pub(super) async fn make_person(&self, person: &NewPerson) -> Result<Person, Fault> {
        let name = person.email.clone().unwrap_or_else(|| name_of(&person.key));
        let mut body = json!({ "Name": name, "RealName": person.name, "Privileged": 0 });
        if let Some(email) = &person.email {
            body["EmailAddress"] = json!(email);
        }
        if !person.active {
            body["Disabled"] = json!(1);
        }
        self.send_json(call("create person"), Method::POST, &["user"], &body, &[]).await?;
        let made = self.person_by_id(&PersonId::new(&name)).await?;
        made.ok_or_else(|| {
            Fault::unreadable("create person: RT made the person and does not show it; the token's user needs AdminUsers")
        })
    }
}

/// The Name of a person without an address: our key, without the colons, which RT would read as the name of a mail group.
fn name_of(key: &str) -> String {
    key.replace(':', "~")
}

fn not_ours<T>(user: &str) -> Result<T, Fault> {
    Err(Fault::unauthorised(format!(
        "identify: the token is not of the RT user `{user}`; make it as that user, or name the right user in the mirror file"
    )))
}
