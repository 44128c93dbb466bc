//! Our own webhook at the desk: registering it, its signing secret, removing it.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::connectors::contract::Registration;
use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::secret::Secret;

use super::Zendesk;
use super::api::general;
use super::webhook::{subscriptions, test_payload};
use super::wire::Hook;

const LIST: Call = general("list webhooks");
const REGISTER: Call = general("register webhook");
const SECRET: Call = general("read webhook secret");
const RESET: Call = general("reset webhook secret");
const TEST: Call = general("test webhook");
const REMOVE: Call = general("remove webhook");

#[derive(Deserialize)]
struct Signed {
    signing_secret: Signing,
}

#[derive(Deserialize)]
struct Signing {
    secret: String,
}

impl Zendesk {
    /// Makes the webhook of this name, or brings the one that is there up to date.
    pub(super) async fn register(&self, name: &str, url: &str) -> Result<Registration, Fault> {
        let query = [("filter[name_contains]", name)];
        let hooks: Vec<Hook> = self.pages(LIST, "webhooks", &query, "webhooks").await?;
        let id = match hooks.into_iter().find(|hook| hook.name == name) {
            Some(hook) => self.update_hook(&hook.id, url).await?,
            None => self.create_hook(name, url).await?,
        };
        Ok(Registration { secret: self.signing_secret(&id).await?, id })
    }

    async fn create_hook(&self, name: &str, url: &str) -> Result<String, Fault> {
        let body = json!({ "webhook": {
            "name": name,
            "endpoint": url,
            "http_method": "POST",
            "request_format": "json",
            "status": "active",
            "subscriptions": subscriptions().collect::<Vec<_>>(),
        }});
        #[derive(Deserialize)]
        struct Made {
            webhook: Hook,
        }
        let answer = self.send(REGISTER, Method::POST, self.url("webhooks", &[]), Some(&body), &[]).await?;
        Ok(answer.json::<Made>(REGISTER)?.webhook.id)
    }

    async fn update_hook(&self, id: &str, url: &str) -> Result<String, Fault> {
        let body = json!({ "webhook": {
            "endpoint": url,
            "status": "active",
            "subscriptions": subscriptions().collect::<Vec<_>>(),
        }});
        self.send(REGISTER, Method::PATCH, self.url(&format!("webhooks/{id}"), &[]), Some(&body), &[]).await?;
        Ok(id.to_string())
    }

    /// What it signs with now.
    pub(super) async fn signing_secret(&self, id: &str) -> Result<Secret, Fault> {
        let answer: Signed = self.get(SECRET, &format!("webhooks/{id}/signing_secret"), &[]).await?;
        Ok(Secret::new(answer.signing_secret.secret))
    }

    /// A fresh one, with which it signs from now on.
    pub(super) async fn reset_secret(&self, id: &str) -> Result<Secret, Fault> {
        let url = self.url(&format!("webhooks/{id}/signing_secret"), &[]);
        let answer = self.send(RESET, Method::POST, url, None, &[]).await?.json::<Signed>(RESET)?;
        Ok(Secret::new(answer.signing_secret.secret))
    }

    /// Has a delivery sent that is about no ticket. As documented, the test of an existing webhook is signed with its own secret. The
    /// documents disagree on what is answered, so the answer is not read: what arrives tells.
    pub(super) async fn send_test(&self, id: &str, url: &str) -> Result<(), Fault> {
        let request = json!({
            "endpoint": url,
            "http_method": "POST",
            "request_format": "json",
            "payload": test_payload(&uuid::Uuid::new_v4().to_string()),
        });
        let body = json!({ "request": request });
        self.send(TEST, Method::POST, self.url("webhooks/test", &[("webhook_id", id)]), Some(&body), &[]).await?;
        Ok(())
    }

    /// Ends it; one that is gone is fine.
    pub(super) async fn unregister(&self, id: &str) -> Result<(), Fault> {
        self.send(REMOVE, Method::DELETE, self.url(&format!("webhooks/{id}"), &[]), None, &[404]).await?;
        Ok(())
    }
}
