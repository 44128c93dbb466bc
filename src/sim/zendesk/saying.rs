//! Reads a comment that a client sends.

use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::call::id_of;
use super::commit::Saying;
use super::html;
use super::store::Store;
use super::ticket::Ticket;

/// Which defaults a comment has.
pub struct Defaults {
    pub author: u64,
    pub public: bool,
}

impl Defaults {
    /// For a comment on a ticket that is there: what was set for the first comment persists, as documented.
    pub fn on(ticket: &Ticket, author: u64) -> Self {
        Self { author, public: ticket.comments.first().is_none_or(|first| first.public) }
    }
}

/// A comment. `None` if it says nothing and brings no file. Errors: 422 for unknown authors and dead upload tokens.
pub fn read(store: &mut Store, wanted: &Map<String, Value>, defaults: &Defaults) -> Result<Option<Saying>, Refusal> {
    let text = |key: &str| wanted.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let rich = text("html_body");
    let plain = text("body").or_else(|| text("value"));
    let mut files = uploads(store, wanted.get("uploads"))?;
    let html = match (rich, plain) {
        (Some(rich), _) => html::clean(rich),
        (None, Some(plain)) => html::from_plain(plain),
        (None, None) if files.is_empty() => return Ok(None),
        (None, None) => html::from_plain(""),
    };
    inline_images(store, &html, &mut files);
    let author = wanted.get("author_id").and_then(id_of).unwrap_or(defaults.author);
    if !store.people.users.contains_key(&author) {
        return Err(Refusal::invalid("author_id", &format!("Author: {author} is not a user"), "InvalidValue"));
    }
    let public = wanted.get("public").and_then(Value::as_bool).unwrap_or(defaults.public);
    let plain = if rich.is_some() { html::to_plain(&html) } else { plain.unwrap_or_default().trim().to_string() };
    Ok(Some(Saying { author, public, plain, html, rich: rich.is_some(), files, via: None }))
}

fn uploads(store: &mut Store, tokens: Option<&Value>) -> Result<Vec<u64>, Refusal> {
    let tokens: Vec<String> = match tokens {
        Some(Value::Array(list)) => list.iter().filter_map(|token| token.as_str().map(str::to_string)).collect(),
        Some(Value::String(token)) => vec![token.clone()],
        _ => Vec::new(),
    };
    let now = store.clock.now();
    if let Some(dead) = tokens.iter().find(|token| store.files.upload(token, now).is_none()) {
        let what = format!("Upload token {dead} is invalid or has expired");
        return Err(Refusal::invalid("uploads", &what, "InvalidValue"));
    }
    Ok(tokens.iter().filter_map(|token| store.files.take_upload(token)).flatten().collect())
}

/// Files whose address stands in the text are inline; those that were only uploaded are attached by that.
fn inline_images(store: &mut Store, html: &str, files: &mut Vec<u64>) {
    let named: Vec<u64> = html
        .split("/attachments/token/")
        .skip(1)
        .filter_map(|rest| store.files.by_token(rest.split(['/', '?', '"']).next()?))
        .filter(|file| file.ticket.is_none())
        .map(|file| file.id)
        .collect();
    for id in named {
        if let Some(file) = store.files.by_id.get_mut(&id) {
            file.inline = true;
        }
        if !files.contains(&id) {
            files.push(id);
        }
    }
}

/// The metadata of an update: the ticket's and the comment's together.
pub fn metadata(wanted: &Map<String, Value>) -> Value {
    let mut all = Map::new();
    let comment = wanted.get("comment").and_then(|comment| comment.get("metadata"));
    for part in [wanted.get("metadata"), comment].into_iter().flatten() {
        if let Value::Object(part) = part {
            // What is sent is stored below `custom`; a client that wraps it so itself is understood.
            let inner = part.get("custom").and_then(Value::as_object).unwrap_or(part);
            all.extend(inner.clone());
        }
    }
    json!(all)
}
