//! A mirror as its file resolves to: plain data, stored in the ledger as JSON. Secrets are not in it, only where they are.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::desk::Side;
use crate::desk::mapping::Mapping;
use crate::desk::policy::Policy;
use crate::desk::scope::Scope;
use crate::desk::window::Window;

use super::run::RunPlan;
use super::secret::SecretRef;

/// The form of the JSON. A change that older JSON cannot be read as raises it.
pub const FORM: u32 = 1;

/// One mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorConfig {
    /// [`FORM`] of the writer.
    pub form: u32,
    /// `[a-z0-9-]{1,40}`; part of every key that we leave at a desk, so it never changes.
    pub name: String,
    pub source: Connection,
    pub target: Connection,
    pub scope: Scope,
    pub policy: Policy,
    pub mapping: Mapping,
    #[serde(default)]
    pub retention: Retention,
    /// Parts that are cut over on their own, the first that takes a ticket has it; empty: the mirror is cut over as a whole.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// Changes are carried in runs, not as they come.
    #[serde(default)]
    pub run: Option<RunPlan>,
}

/// How long what is known of a mirror's tickets is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// The bodies and headers of webhook deliveries, from their receipt.
    pub payloads: Duration,
    /// Everything but the numbers of the tickets, from the retirement of the mirror.
    pub after_retirement: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let ten_days = Duration::from_secs(10 * 86_400);
        Self { payloads: ten_days, after_retirement: ten_days }
    }
}

impl MirrorConfig {
    /// Reads what was stored of the mirror of this name as JSON. The error names the mirror and says which form it has, in words for the
    /// operator.
    pub fn stored(name: &str, json: serde_json::Value) -> Result<Self, String> {
        let form = json.get("form").and_then(serde_json::Value::as_u64).unwrap_or_default();
        if form != u64::from(FORM) {
            return Err(format!(
                "mirror `{name}` is stored in form {form}, and this program reads form {FORM}: use the program that wrote it"
            ));
        }
        serde_json::from_value(json).map_err(|error| format!("what is stored of mirror `{name}` cannot be read: {error}"))
    }

    /// The connection of one end.
    pub fn connection(&self, side: Side) -> &Connection {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }
}

/// How one desk is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// A word of [`super::vendor::VENDORS`].
    pub vendor: String,
    /// Absolute http or https address of the desk without user, query, fragment and final slash; may have a path (an RT
    /// below `/rt`).
    pub url: String,
    pub auth: Auth,
    /// The login or address that the credential belongs to, where the desk cannot be asked.
    pub user: Option<String>,
    /// `None`: this desk's changes are polled only.
    pub webhook: Option<Webhook>,
    pub poll: Poll,
    /// Every live ticket is looked at at least once in this time, whether anybody told of it or not.
    #[serde(default = "a_day")]
    pub sweep: Duration,
    pub budget: Budget,
    pub names: Names,
    /// Whether the desk may be on a private or loopback address.
    pub allow_private_addresses: bool,
}

fn a_day() -> Duration {
    Duration::from_secs(86_400)
}

/// The credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Auth {
    /// OAuth client credentials.
    Oauth { client_id: String, client_secret: SecretRef },
    /// Basic authentication with an address and an API token.
    ApiToken { email: String, token: SecretRef },
    /// A token alone.
    Token { token: SecretRef },
}

/// How the desk's deliveries reach us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The gateway as the desk sees it, without final slash; the path of the mirror is added to it.
    pub public_url: String,
    /// `None` where the gateway reads it from the desk's API.
    pub secret: Option<SecretRef>,
    /// Still accepted during a rotation.
    pub previous_secret: Option<SecretRef>,
    /// How old or how early a delivery may be by its own time.
    pub tolerance: Duration,
}

/// How often the desk is asked for changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    pub every: Duration,
}

/// How much of the desk's API limit is ours; the rest is left to other integrations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Per cent of what the desk allows, 1 to 100.
    pub share: u32,
    /// Never more than this, whatever the desk allows.
    pub calls_per_minute: Option<u32>,
}

/// The desk's own fields that hold what is ours, by the name that the desk shows. `None`: the connector's default, which is a
/// native place of the vendor or the name that `deploy/` uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Our key of the ticket.
    pub key_field: Option<String>,
    /// Our key of a message.
    pub message_key_field: Option<String>,
    /// The other desk's number of the ticket, for people.
    pub number_field: Option<String>,
    /// Tags, at desks without tags of their own.
    pub tags_field: Option<String>,
}
