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
use super::wire::{GroupJson, Ref, UserJson};

impl RequestTracker {
    /// RT has no call that tells whose token it is; the number of the user is the token's second part (`1-<user>-<secret>`).
    /// With a token of another form only its being valid is tried.
    pub(super) async fn who_we_are(&self) -> Result<Identity, Fault> {
        let call = call("identify");
        let own = self.settings.user.as_str();
        let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let number = self.settings.token.expose().split('-').nth(1).filter(digits).unwrap_or(own).to_string();
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
        let user = self.user(id).await?;
        Ok(user.map(|user| translate::person(id.as_str(), &user)))
    }

    /// A user by exactly this Name. `user/<digits>` would be another user's number and a slash another path: a user of such
    /// a name is searched for, and asked for by the number that the search gives.
    async fn user(&self, id: &PersonId) -> Result<Option<UserJson>, Fault> {
        let name = id.as_str();
        let odd = name.contains('/') || name.bytes().all(|byte| byte.is_ascii_digit());
        let place = if odd { self.number_by_search(name).await? } else { Some(name.to_string()) };
        let Some(place) = place else { return Ok(None) };
        let found: Option<UserJson> = self.find(call("read person"), &["user", &place]).await?;
        Ok(found.filter(|user| user.name == name))
    }

    async fn number_by_search(&self, name: &str) -> Result<Option<String>, Fault> {
        let users = self.users_with("Name", name, "Name,_hyperlinks").await?;
        let user = users.into_iter().find(|user| user.name == name);
        let own = user.and_then(|user| user.hyperlinks.into_iter().find(|link| link.relation == "self"));
        Ok(own.and_then(|link| link.id).map(|id| id.0))
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
        let Some(user) = self.user(person).await? else { return Ok(None) };
        self.numbers.write().await.insert(person.clone(), user.id.0.clone());
        Ok(Some(user.id.0))
    }

    /// Users with this value, disabled ones too. RT compares without regard to case.
    pub(super) async fn users_with(&self, field: &str, value: &str, fields: &str) -> Result<Vec<UserJson>, Fault> {
        let query = json!([{ "field": field, "operator": "=", "value": value }]).to_string();
        let query = [("query", query.as_str()), ("fields", fields), ("find_disabled_rows", "1")];
        self.visible(call("find person"), &["users"], &query).await
    }

    pub(super) async fn people_by(&self, email: Option<&str>, key: &str) -> Result<Vec<Person>, Fault> {
        let name = name_of(key);
        let mut people: BTreeSet<PersonId> = BTreeSet::from([PersonId::new(&name)]);
        if let Some(email) = email {
            let same = |user: &UserJson| user.email_address.eq_ignore_ascii_case(email);
            let found = self.users_with("EmailAddress", email, "Name,EmailAddress").await?;
            people.extend(found.into_iter().filter(same).map(|user| PersonId::new(user.name)));
        }
        let mut whole = Vec::new();
        for person in people {
            // The list does not tell who is disabled or privileged.
            whole.extend(self.person_by_id(&person).await?);
        }
        Ok(whole)
    }

    /// The members of RT's own group `Privileged`, disabled ones too. Its number is told to everybody, its members to who has the
    /// right SeeGroup.
    pub(super) async fn privileged_users(&self) -> Result<Vec<Person>, Fault> {
        let call = call("list agents");
        let query =
            json!([{ "field": "Domain", "value": "SystemInternal" }, { "field": "Name", "value": "Privileged" }]).to_string();
        let groups: Vec<Ref> = self.visible(call, &["groups"], &[("query", query.as_str()), ("fields", "Name")]).await?;
        let group = groups.into_iter().find(|group| group.name == "Privileged");
        let Some(group) = group else { return Err(Fault::unreadable("list agents: RT does not show its group `Privileged`")) };
        let answer = self.send(call, self.request(Method::GET, &["group", &group.id.0], &[])?, &[403]).await?;
        if answer.status == 403 {
            let user = &self.settings.user;
            return Err(Fault::unauthorised(format!(
                "list agents: the RT user `{user}` lacks the right SeeGroup, without which RT does not tell who its agents are"
            )));
        }
        let group: GroupJson = answer.json(call)?;
        let mut agents = Vec::new();
        for member in group.members.iter().filter(|member| member.kind == "user") {
            agents.extend(self.person_by_id(&PersonId::new(&member.id.0)).await?);
        }
        Ok(agents)
    }

    /// Makes an unprivileged user: no seat, no password, no mail. Named by address, as RT names those whom it makes itself; by
    /// our key where somebody else has that name already.
    pub(super) async fn make_person(&self, person: &NewPerson) -> Result<Person, Fault> {
        let key_name = name_of(&person.key);
        let Some(email) = &person.email else { return self.make_user(&key_name, person).await };
        match self.make_user(email, person).await {
            Err(Fault::Refused { what }) => {
                // Another process may have been faster.
                let there = self.people_by(Some(email), &person.key).await?;
                match there.into_iter().next() {
                    Some(there) => Ok(there),
                    None if what.contains("Name") => self.make_user(&key_name, person).await,
                    None => Err(Fault::Refused { what }),
                }
            }
            made => made,
        }
    }

    async fn make_user(&self, name: &str, person: &NewPerson) -> Result<Person, Fault> {
        let mut body = json!({ "Name": name, "RealName": person.name, "Privileged": 0 });
        if let Some(email) = &person.email {
            body["EmailAddress"] = json!(email);
        }
        if !person.active {
            body["Disabled"] = json!(1);
        }
        self.send_json(call("create person"), Method::POST, &["user"], &body, &[]).await?;
        let made = self.person_by_id(&PersonId::new(name)).await?;
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
