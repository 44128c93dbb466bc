//! How we prove who we are: OAuth client credentials, or an API token as the older way.

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::json;

use crate::clock::Monotonic;
use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::secret::Secret;

use super::Zendesk;

/// A credential.
#[derive(Debug, Clone)]
pub enum Auth {
    /// As documented by Zendesk: `POST /oauth/tokens` with grant type `client_credentials`; the token has an end and is
    /// asked for again by the same credentials. Replicas hold tokens of their own and do not end each other's.
    ClientCredentials { client_id: String, client_secret: Secret },
    /// Basic authentication as `{email}/token`. Announced by Zendesk to end on 2027-04-30.
    ApiToken { email: String, token: Secret },
}

/// An access token and its end.
#[derive(Debug)]
pub struct Token {
    access: Secret,
    got: Monotonic,
    scope: Option<String>,
    /// `None`: the desk named no end; a 401 tells.
    lives: Option<Duration>,
}

/// Asked for again so long before the end, longer than a call may take.
const BEFORE_END: Duration = Duration::from_secs(60);
const CALL: Call = Call { kind: "get an access token", class: super::api::GENERAL };

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
    /// What was granted of what was asked for, words with spaces between.
    #[serde(default)]
    scope: Option<String>,
}

impl Token {
    fn fresh(&self) -> bool {
        self.lives.is_none_or(|lives| self.got.elapsed() + BEFORE_END < lives)
    }
}

impl Zendesk {
    /// Adds the credential. Errors: those of asking for a token.
    pub(super) async fn authorise(&self, request: RequestBuilder) -> Result<RequestBuilder, Fault> {
        match &self.settings.auth {
            Auth::ApiToken { email, token } => Ok(request.basic_auth(format!("{email}/token"), Some(token.expose()))),
            Auth::ClientCredentials { client_id, client_secret } => {
                let token = self.access_token(client_id, client_secret).await?;
                Ok(request.bearer_auth(token.expose()))
            }
        }
    }

    /// Whether a 401 may be about a token that ended, so that a new one is worth a second try.
    pub(super) fn token_may_end(&self) -> bool {
        matches!(self.settings.auth, Auth::ClientCredentials { .. })
    }

    /// The scopes of the token that is held; `None`: there is none, or the desk does not tell.
    pub(super) async fn scope(&self) -> Option<String> {
        self.token.lock().await.as_ref()?.scope.clone()
    }

    /// Forgets the token: the desk refused it.
    pub(super) async fn forget_token(&self) {
        *self.token.lock().await = None;
    }

    async fn access_token(&self, client_id: &str, client_secret: &Secret) -> Result<Secret, Fault> {
        let mut held = self.token.lock().await;
        if let Some(token) = held.as_ref().filter(|token| token.fresh()) {
            return Ok(token.access.clone());
        }
        let got = Monotonic::now();
        let request = self.http.request(Method::POST, self.root_url("oauth/tokens"))?.json(&json!({
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret.expose(),
            "scope": "read write",
        }));
        let answer = self.http.send(CALL, request, super::api::limits, &[400, 401, 403]).await?;
        if !answer.status.is_success() {
            return Err(Fault::unauthorised(format!(
                "{}: the desk answered {}; check the OAuth client's identifier and secret, and that it may use client credentials",
                CALL.kind, answer.status
            )));
        }
        let granted: Granted = answer.json(CALL)?;
        let access = Secret::new(granted.access_token);
        let lives = granted.expires_in.map(Duration::from_secs);
        *held = Some(Token { access: access.clone(), got, scope: granted.scope, lives });
        Ok(access)
    }
}
