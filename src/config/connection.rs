//! Reads `[source]` and `[target]`.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::mirror::{Auth, Budget, Connection, Names, Poll, Webhook};
use super::mistake::{list, nearest};
use super::page::{Entry, Section};
use super::secret::SecretRef;
use super::vendor::{self, AUTH_KINDS, AuthKind, VENDORS, Vendor};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const SECRET_EXAMPLE: &str = "{ env = \"NAME\" } or { file = \"/run/secrets/name\" }";

/// One end. `None` when a mistake was noted.
pub fn read(section: &Section<'_>) -> Option<Connection> {
    let vendor = vendor_of(section);
    let url =
        section.need("url", "url = \"https://…\", the address at which agents open the desk").and_then(|entry| address(&entry));
    let auth = auth(section, vendor);
    let webhook = webhook(section, vendor);
    let poll = poll(section);
    let sweep = section.get("sweep").map_or(Some(24 * HOUR), |entry| entry.length(HOUR, 30 * 24 * HOUR));
    let budget = budget(section);
    let names = names(section, vendor);
    let user = user(section, vendor);
    let private = section.get("allow-private-addresses").map_or(Some(false), |entry| entry.truth());
    section.finish();
    if private == Some(false) && url.as_ref().is_some_and(|url| url.starts_with("http://")) {
        let right = "write https://…, or allow-private-addresses = true if the desk is on your own network";
        section.wrong("over http the credential could be read by others".to_string(), right.to_string());
    }
    Some(Connection {
        vendor: vendor?.word.to_string(),
        url: url?,
        auth: auth?,
        user,
        webhook: webhook?,
        poll: poll?,
        sweep: sweep?,
        budget: budget?,
        names,
        allow_private_addresses: private?,
    })
}

fn vendor_of(section: &Section<'_>) -> Option<&'static Vendor> {
    let words = || VENDORS.iter().map(|vendor| vendor.word);
    let right = format!("write {}", list(words()).replace('`', "\""));
    let entry = section.need("vendor", "vendor = \"zendesk\" or vendor = \"request-tracker\"")?;
    let word = entry.text()?;
    let found = vendor::find(word);
    if found.is_none() {
        let meant = nearest(word, words()).map(|meant| format!("did you mean \"{meant}\"? ")).unwrap_or_default();
        entry.wrong(format!("\"{word}\" is no vendor that Tidegate knows"), format!("{meant}{right}"));
    }
    found
}

/// An http or https address with nothing in it that belongs elsewhere; without final slash.
fn address(entry: &Entry<'_>) -> Option<String> {
    let text = entry.text()?;
    let right = "write it as https://desk.example.com";
    let Ok(url) = Url::parse(text) else {
        entry.wrong(format!("`{}` is no address", entry.path), right.to_string());
        return None;
    };
    let whole = matches!(url.scheme(), "http" | "https") && url.has_host();
    let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if !whole || !bare {
        // The address is not quoted: a password could be in it.
        let what = format!("`{}` must be an http or https address without user, password, `?` and `#`", entry.path);
        entry.wrong(what, right.to_string());
        return None;
    }
    Some(url.as_str().trim_end_matches('/').to_string())
}

fn auth(section: &Section<'_>, vendor: Option<&Vendor>) -> Option<Auth> {
    let example = vendor.map_or(AuthKind::Token, |vendor| vendor.auth[0]).example();
    let entry = section.need("auth", example)?;
    let part = entry.section()?;
    let kind = part.need("kind", "kind = \"oauth\", \"api-token\" or \"token\"").and_then(|entry| entry.word(&AUTH_KINDS));
    if let (Some(kind), Some(vendor)) = (kind, vendor)
        && !vendor.auth.contains(&kind)
    {
        entry.wrong(format!("{} has no such kind of credential", vendor.word), format!("write {example}"));
    }
    let auth = match kind? {
        AuthKind::Oauth => {
            let id = part.need("client-id", "client-id = \"…\"").and_then(|entry| filled(&entry));
            let secret =
                part.need("client-secret", &format!("client-secret = {SECRET_EXAMPLE}")).and_then(|entry| secret(&entry));
            id.zip(secret).map(|(client_id, client_secret)| Auth::Oauth { client_id, client_secret })
        }
        AuthKind::ApiToken => {
            let email = part.need("email", "email = \"…\", of the user whom the token acts for").and_then(|entry| filled(&entry));
            let token = token(&part);
            email.zip(token).map(|(email, token)| Auth::ApiToken { email, token })
        }
        AuthKind::Token => token(&part).map(|token| Auth::Token { token }),
    };
    part.finish();
    auth
}

fn token(part: &Section<'_>) -> Option<SecretRef> {
    part.need("token", &format!("token = {SECRET_EXAMPLE}")).and_then(|entry| secret(&entry))
}

/// A reference to a secret. What is written in its place is never quoted: it may be the secret.
fn secret(entry: &Entry<'_>) -> Option<SecretRef> {
    if !entry.is_table() {
        let what = format!("`{}` must say where the secret is; secrets do not stand in this file", entry.path);
        entry.wrong(what, format!("write {SECRET_EXAMPLE}, and change the secret if it was written here"));
        return None;
    }
    let part = entry.section()?;
    let env = part.get("env").map(|entry| variable(&entry).map(SecretRef::Env));
    let file = part.get("file").map(|entry| filled(&entry).map(|path| SecretRef::File(PathBuf::from(path))));
    part.finish();
    match (env, file) {
        (Some(reference), None) | (None, Some(reference)) => reference,
        _ => {
            entry.wrong(format!("`{}` must name one place", entry.path), format!("write {SECRET_EXAMPLE}"));
            None
        }
    }
}

fn variable(entry: &Entry<'_>) -> Option<String> {
    let name = entry.text()?;
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(letter) || name.starts_with(|c: char| c.is_ascii_digit()) {
        let right = "letters, digits and _, not the secret itself: { env = \"ZENDESK_SECRET\" }";
        entry.wrong(format!("`{}` is no name of an environment variable", entry.path), right.to_string());
        return None;
    }
    Some(name.to_string())
}

fn filled(entry: &Entry<'_>) -> Option<String> {
    let text = entry.text()?;
    if text.trim().is_empty() {
        entry.wrong(format!("`{}` is empty", entry.path), "write what belongs there, or remove the key".to_string());
        return None;
    }
    Some(text.to_string())
}

/// `Some(None)` for a desk without webhook.
fn webhook(section: &Section<'_>, vendor: Option<&Vendor>) -> Option<Option<Webhook>> {
    let example = "webhook = { public-url = \"https://gateway.example.com\" }, or webhook = false to poll only";
    let entry = section.need("webhook", example)?;
    if entry.is_false() {
        return Some(None);
    }
    if !entry.is_table() {
        entry.wrong(format!("`{}` must be a table or `false`", entry.path), format!("write {example}"));
        return None;
    }
    let part = entry.section()?;
    let public_url = part.need("public-url", "public-url = \"https://gateway.example.com\"").and_then(|entry| address(&entry));
    let needed = vendor.is_some_and(|vendor| vendor.admin_sets_secret);
    let example = format!("secret = {SECRET_EXAMPLE}, the same that the admin of the desk sets");
    let secret_entry = if needed { part.need("secret", &example) } else { part.get("secret") };
    let newest = secret_entry.and_then(|entry| secret(&entry));
    let previous = part.get("previous-secret").and_then(|entry| secret(&entry));
    let tolerance = part.get("tolerance").map_or(Some(5 * MINUTE), |entry| entry.length(SECOND, HOUR));
    part.finish();
    Some(Some(Webhook { public_url: public_url?, secret: newest, previous_secret: previous, tolerance: tolerance? }))
}

fn poll(section: &Section<'_>) -> Option<Poll> {
    let Some(entry) = section.get("poll") else { return Some(Poll { every: MINUTE }) };
    if entry.is_false() {
        let what = format!("`{}` cannot be switched off: it finds what a webhook missed", entry.path);
        entry.wrong(what, "write poll = { every = \"60s\" }".to_string());
        return None;
    }
    let part = entry.section()?;
    let every = part.need("every", "every = \"60s\"").and_then(|entry| entry.length(SECOND, HOUR));
    part.finish();
    Some(Poll { every: every? })
}

fn budget(section: &Section<'_>) -> Option<Budget> {
    let part = section.part("budget");
    let share = part.as_ref().and_then(|part| part.get("share")).map_or(Some(70), |entry| entry.whole(1..101));
    let calls = part.as_ref().and_then(|part| part.get("calls-per-minute")).and_then(|entry| entry.whole(1..1_000_001));
    if let Some(part) = part {
        part.finish();
    }
    Some(Budget { share: share?, calls_per_minute: calls })
}

fn names(section: &Section<'_>, vendor: Option<&Vendor>) -> Names {
    let name = |key: &'static str| {
        let entry = section.get(key)?;
        if let Some(vendor) = vendor.filter(|vendor| !vendor.names.contains(&key)) {
            let right = format!("remove it; {} keeps this in a place of its own", vendor.word);
            entry.at_key().wrong(format!("`{key}` means nothing for {}", vendor.word), right);
        }
        filled(&entry)
    };
    Names {
        key_field: name("key-field"),
        message_key_field: name("message-key-field"),
        number_field: name("number-field"),
        tags_field: name("tags-field"),
    }
}

fn user(section: &Section<'_>, vendor: Option<&Vendor>) -> Option<String> {
    let needed = vendor.is_some_and(|vendor| vendor.needs_user);
    let entry =
        if needed { section.need("user", "user = \"…\", the login that the token belongs to") } else { section.get("user") };
    entry.and_then(|entry| filled(&entry))
}
