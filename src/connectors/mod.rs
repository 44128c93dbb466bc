//! The desks that Tidegate speaks to. This file and `sim/server.rs` are the only ones that list vendors.

pub mod contract;
pub mod delivery;
pub mod fault;
pub mod http;
pub mod request_tracker;
pub mod zendesk;

use std::sync::Arc;

use url::Url;

use crate::desk::capability::Capabilities;
use crate::secret::Secret;

use contract::Connector;
use fault::Fault;
use http::Http;

/// Everything that a vendor needs to be reached, as a mirror file says it.
#[derive(Debug, Clone)]
pub struct Given {
    /// The word of a mirror file.
    pub vendor: String,
    pub url: Url,
    pub credential: Credential,
    /// The login that the credential belongs to, where the desk cannot be asked.
    pub user: Option<String>,
    /// Names of the desk's own fields that hold what is ours; `None`: the connector's default.
    pub key_field: Option<String>,
    pub message_key_field: Option<String>,
    pub number_field: Option<String>,
    pub tags_field: Option<String>,
    /// On every mirrored ticket.
    pub mirrored_tag: String,
    /// Keeps the desk's rules from mailing anyone.
    pub silent_tag: String,
    /// The mirror's key: written as the mark of our updates.
    pub mirror: String,
}

/// How we prove who we are.
#[derive(Debug, Clone)]
pub enum Credential {
    Oauth { client_id: String, client_secret: Secret },
    ApiToken { email: String, token: Secret },
    Token { token: Secret },
}

/// What every vendor can and cannot do.
pub const REGISTER: [&Capabilities; 2] = [&zendesk::CAPABILITIES, &request_tracker::CAPABILITIES];

/// What a vendor can and cannot do, by the word of a mirror file.
pub fn capabilities_of(vendor: &str) -> Option<&'static Capabilities> {
    REGISTER.into_iter().find(|can| can.vendor == vendor)
}

/// The connector of a vendor; calls nothing. Errors: `Refused` for an unknown vendor or a credential of the wrong kind.
pub fn connect(given: Given, http: Http) -> Result<Arc<dyn Connector>, Fault> {
    match given.vendor.as_str() {
        "zendesk" => Ok(Arc::new(zendesk(given, http)?)),
        "request-tracker" => Ok(Arc::new(request_tracker(given, http)?)),
        other => {
            let known: Vec<&str> = REGISTER.iter().map(|capabilities| capabilities.vendor).collect();
            Err(Fault::refused(format!("`{other}` is no vendor that Tidegate knows; it knows {}", known.join(", "))))
        }
    }
}

fn zendesk(given: Given, http: Http) -> Result<zendesk::Zendesk, Fault> {
    let auth = match given.credential {
        Credential::Oauth { client_id, client_secret } => zendesk::auth::Auth::ClientCredentials { client_id, client_secret },
        Credential::ApiToken { email, token } => zendesk::auth::Auth::ApiToken { email, token },
        Credential::Token { .. } => return Err(Fault::refused("Zendesk takes an OAuth client or an API token with its address")),
    };
    let key_field = given.key_field.map_or(zendesk::KeyField::ExternalId, zendesk::KeyField::Custom);
    let settings = zendesk::Settings {
        base: given.url,
        auth,
        silent_tag: given.silent_tag,
        ticket_tag: given.mirrored_tag,
        key_field,
        number_field: given.number_field,
        mirror: given.mirror,
    };
    Ok(zendesk::Zendesk::new(settings, http))
}

fn request_tracker(given: Given, http: Http) -> Result<request_tracker::RequestTracker, Fault> {
    let (Credential::Token { token }, Some(user)) = (given.credential, given.user) else {
        return Err(Fault::refused("Request Tracker takes an auth token, and needs to be told whose it is (`user`)"));
    };
    let mut settings = request_tracker::Settings::new(given.url, token, user);
    settings.key_field = given.key_field.unwrap_or(settings.key_field);
    settings.message_key_field = given.message_key_field.unwrap_or(settings.message_key_field);
    settings.number_field = given.number_field.or(settings.number_field);
    settings.mirrored_tag = given.tags_field.as_ref().map(|_| given.mirrored_tag);
    settings.tags_field = given.tags_field;
    Ok(request_tracker::RequestTracker::new(settings, http))
}
