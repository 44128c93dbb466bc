//! Deliveries and their proof. Only [`Scheme::check`] makes a [`Verified`].

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::clock::delta;
use crate::secret::Secret;

/// One webhook request as it came.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Delivery {
    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A delivery that proved itself for the mirror whose secrets it was checked with.
#[derive(Debug, Clone)]
pub struct Verified {
    delivery: Delivery,
    proved_by: usize,
}

impl Verified {
    /// The raw bytes.
    pub fn body(&self) -> &Bytes {
        &self.delivery.body
    }

    /// The request; its headers are not all covered by the signature.
    pub fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    /// The place of the secret that proved it among those that were tried; 0 is the newest.
    pub fn proved_by(&self) -> usize {
        self.proved_by
    }
}

/// How a signature is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Base64,
    /// Hexadecimal after this prefix.
    Hex(&'static str),
}

/// How the time of sending is spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    Rfc3339,
    UnixSeconds,
}

/// A signature scheme as data: HMAC-SHA256 over `time ‖ separator ‖ body`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheme {
    /// Header of the signature, lower case.
    pub signature: &'static str,
    pub encoding: Encoding,
    /// Header of the time of sending, lower case.
    pub time: &'static str,
    pub time_format: TimeFormat,
    pub separator: &'static str,
    /// Secrets that the vendor has published; deliveries signed with one of them prove nothing.
    pub public_secrets: &'static [&'static str],
    /// The status that makes the vendor send again, for when the ledger is away.
    pub busy_status: u16,
}

/// A delivery that was refused, in words for an admin. Answered 401.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("the request has no `{0}` header: it was not sent by the desk's webhook, or a proxy removed the header")]
    NoHeader(&'static str),
    #[error("the `{0}` header cannot be read: a proxy changed it, or the sender is not the desk")]
    BadHeader(&'static str),
    #[error(
        "the signature does not match: another secret is set in the desk, the webhook belongs to another mirror, or a proxy changed the body"
    )]
    Forged,
    #[error(
        "the request is signed with a secret that was retired: the desk still has the one from before the last rotation; give it the present one"
    )]
    FormerSecret,
    #[error(
        "the request is signed with the secret of mirror `{0}`: the desk sends to the wrong address, or has the other mirror's secret"
    )]
    OtherMirror(String),
    #[error(
        "the signature is right for the same body {0}: a proxy between the desk and the gateway changes bodies; have it pass them on byte by byte"
    )]
    BodyChanged(&'static str),
    #[error("the request is signed with the vendor's public test secret, which proves nothing; use the webhook's own secret")]
    PublicSecret,
    #[error(
        "the request was signed {seconds} s away from our time, more than {limit} s: it was replayed, or one of the two clocks is wrong"
    )]
    Stale { seconds: i64, limit: i64 },
    #[error("no webhook secret is known for this mirror yet; run `tidegate serve` with the webhook registered or its secret set")]
    NoSecret,
}

impl Rejection {
    /// One word for each kind, for counting.
    pub fn kind(&self) -> &'static str {
        match self {
            Rejection::NoHeader(_) => "not signed",
            Rejection::BadHeader(_) => "unreadable header",
            Rejection::Forged => "wrong secret",
            Rejection::FormerSecret => "former secret",
            Rejection::OtherMirror(_) => "secret of another mirror",
            Rejection::BodyChanged(_) => "body changed",
            Rejection::PublicSecret => "public test secret",
            Rejection::Stale { .. } => "clock",
            Rejection::NoSecret => "no secret known",
        }
    }
}

impl Scheme {
    /// Proves a delivery with any of the mirror's secrets (two during a rotation) and the time limit. An empty secret is none:
    /// anybody could sign with it.
    ///
    /// The signature is looked at before the time, so that a forged request learns nothing about our clock.
    pub fn check(
        &self,
        delivery: Delivery,
        secrets: &[Secret],
        now: DateTime<Utc>,
        tolerance: Duration,
    ) -> Result<Verified, Rejection> {
        let given = delivery.header(self.signature).ok_or(Rejection::NoHeader(self.signature))?;
        let time = delivery.header(self.time).ok_or(Rejection::NoHeader(self.time))?;
        let signature = self.decode(given).ok_or(Rejection::BadHeader(self.signature))?;
        let sent_at = self.sent_at(time).ok_or(Rejection::BadHeader(self.time))?;
        if secrets.iter().all(|secret| secret.expose().is_empty()) {
            return Err(Rejection::NoSecret);
        }
        let proves = |secret: &str| self.mac(secret, time, &delivery.body).verify_slice(&signature).is_ok();
        if self.public_secrets.iter().any(|secret| proves(secret)) {
            return Err(Rejection::PublicSecret);
        }
        let proved_by = secrets.iter().map(Secret::expose).position(|secret| !secret.is_empty() && proves(secret));
        let proved_by = proved_by.ok_or(Rejection::Forged)?;
        let away = now.signed_duration_since(sent_at);
        if away.abs() > delta(tolerance) {
            let limit = delta(tolerance).num_seconds();
            return Err(Rejection::Stale { seconds: away.num_seconds(), limit });
        }
        Ok(Verified { delivery, proved_by })
    }

    /// Whether a delivery's signature would be right for this body and one of these secrets: to find out why it is not for its own.
    /// Proves nothing.
    pub fn would_prove(&self, delivery: &Delivery, body: &[u8], secrets: &[Secret]) -> bool {
        let signature = delivery.header(self.signature).and_then(|given| self.decode(given));
        let (Some(signature), Some(time)) = (signature, delivery.header(self.time)) else { return false };
        let known = secrets.iter().map(Secret::expose).filter(|secret| !secret.is_empty());
        known.into_iter().any(|secret| self.mac(secret, time, body).verify_slice(&signature).is_ok())
    }

    fn mac(&self, secret: &str, time: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
        mac.update(time.as_bytes());
        mac.update(self.separator.as_bytes());
        mac.update(body);
        mac
    }

    fn decode(&self, given: &str) -> Option<Vec<u8>> {
        match self.encoding {
            Encoding::Base64 => STANDARD.decode(given.trim()).ok(),
            Encoding::Hex(prefix) => hex::decode(given.trim().strip_prefix(prefix)?).ok(),
        }
    }

    fn sent_at(&self, time: &str) -> Option<DateTime<Utc>> {
        match self.time_format {
            TimeFormat::Rfc3339 => Some(DateTime::parse_from_rfc3339(time).ok()?.to_utc()),
            TimeFormat::UnixSeconds => DateTime::from_timestamp(time.parse().ok()?, 0),
        }
    }
}
