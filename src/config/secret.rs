//! Secrets: a mirror file says where they are, never what they are.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::desk::Side;
use crate::secret::Secret;

use super::mirror::{Auth, Connection, MirrorConfig, Webhook};
use super::mistake::{Mistake, Places, Weight};

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretRef {
    /// An environment variable of the gateway.
    Env(String),
    /// A file that the gateway can read.
    File(PathBuf),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "the environment variable {name}"),
            SecretRef::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

/// Why a secret cannot be had; names the variable or file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSecret {
    #[error("{0} is not set")]
    Unset(SecretRef),
    #[error("{0} is empty")]
    Blank(SecretRef),
    #[error("{0} is not UTF-8 text")]
    NotText(SecretRef),
    #[error("{place} cannot be read: {why}")]
    Unreadable { place: SecretRef, why: String },
}

impl SecretRef {
    /// The secrets of a webhook, the newest first: a file may have more than one line during a rotation.
    pub fn load_all(&self) -> Result<Vec<Secret>, NoSecret> {
        let all = self.load()?;
        Ok(all.expose().lines().map(str::trim_end).filter(|line| !line.is_empty()).map(Secret::new).collect())
    }

    /// The secret without line ends after it.
    pub fn load(&self) -> Result<Secret, NoSecret> {
        let text = match self {
            SecretRef::Env(name) => std::env::var(name).map_err(|error| match error {
                std::env::VarError::NotPresent => NoSecret::Unset(self.clone()),
                std::env::VarError::NotUnicode(_) => NoSecret::NotText(self.clone()),
            })?,
            SecretRef::File(path) => {
                let unreadable = |error: std::io::Error| NoSecret::Unreadable { place: self.clone(), why: error.to_string() };
                String::from_utf8(std::fs::read(path).map_err(unreadable)?).map_err(|_| NoSecret::NotText(self.clone()))?
            }
        };
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(NoSecret::Blank(self.clone())),
            secret => Ok(Secret::new(secret)),
        }
    }
}

/// The secrets of one end.
#[derive(Debug, Clone)]
pub struct ConnectionSecrets {
    /// What [`Auth`] refers to.
    pub credential: Secret,
    /// Secrets that deliveries may be signed with, the newest first; empty where the gateway asks the desk for it.
    pub webhook: Vec<Secret>,
}

/// The secrets of a mirror.
#[derive(Debug, Clone)]
pub struct MirrorSecrets {
    pub source: ConnectionSecrets,
    pub target: ConnectionSecrets,
}

impl MirrorSecrets {
    /// Those of one end.
    pub fn of(&self, side: Side) -> &ConnectionSecrets {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }
}

/// Fetches every secret that the mirror refers to. The error names each one that is not there, with its setting.
pub fn resolve_secrets(config: &MirrorConfig, places: &Places) -> Result<MirrorSecrets, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let source = of_connection(&config.source, Side::Source, places, &mut mistakes);
    let target = of_connection(&config.target, Side::Target, places, &mut mistakes);
    match (source, target) {
        (Some(source), Some(target)) if mistakes.is_empty() => Ok(MirrorSecrets { source, target }),
        _ => Err(mistakes),
    }
}

/// What deliveries may be signed with, the newest first, as the places hold it now; none where the gateway asks the desk for it.
pub fn webhook_secrets(webhook: &Webhook) -> Result<Vec<Secret>, NoSecret> {
    let mut all = Vec::new();
    for place in webhook.secret.iter().chain(&webhook.previous_secret) {
        all.extend(place.load_all()?);
    }
    Ok(all)
}

fn of_connection(connection: &Connection, side: Side, places: &Places, mistakes: &mut Vec<Mistake>) -> Option<ConnectionSecrets> {
    let mut load = |reference: &SecretRef, path: [&str; 2]| {
        let full = [side.as_str(), path[0], path[1]];
        let missing = |error: NoSecret| {
            let what = format!("`{}` cannot be used: {error}", full.join("."));
            places.mistake(Weight::Wrong, &full, what, remedy(reference))
        };
        reference.load().map_err(|error| mistakes.push(missing(error))).ok()
    };
    let credential = match &connection.auth {
        Auth::Oauth { client_secret, .. } => load(client_secret, ["auth", "client-secret"]),
        Auth::ApiToken { token, .. } | Auth::Token { token } => load(token, ["auth", "token"]),
    };
    let places = connection
        .webhook
        .iter()
        .flat_map(|webhook| [(&webhook.secret, "secret"), (&webhook.previous_secret, "previous-secret")]);
    let secrets = places.filter_map(|(place, key)| {
        let place = place.as_ref()?;
        load(place, ["webhook", key])?;
        place.load_all().ok()
    });
    let webhook = secrets.flatten().collect();
    Some(ConnectionSecrets { credential: credential?, webhook })
}

fn remedy(reference: &SecretRef) -> String {
    match reference {
        SecretRef::Env(name) => format!("set {name} where the gateway is started (export, systemd's EnvironmentFile)"),
        SecretRef::File(path) => format!("put the secret alone into {}, readable by the gateway's user", path.display()),
    }
}
