//! The words of a message in one spelling, and their digest: desks clean, wrap and re-code what they store.

use sha2::{Digest, Sha256};

use crate::desk::body::{Body, INLINE_SCHEME};
use crate::desk::ticket::Ticket;

/// Longer HTML is compared as it is, not rendered.
const RENDER_LIMIT: usize = 2 << 20;
/// Wide enough that no line is broken.
const WIDTH: usize = 100_000;

/// The visible words, white space folded. Two bodies with the same words say the same to a reader.
pub fn words(body: &Body) -> String {
    let text = match body {
        Body::Text(text) => text.clone(),
        Body::Html(html) => html_words(html),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn html_words(html: &str) -> String {
    if html.len() > RENDER_LIMIT {
        return html.to_string();
    }
    html2text::config::plain_no_decorate().string_from_read(html.as_bytes(), WIDTH).unwrap_or_else(|_| html.to_string())
}

/// Lower-case hex SHA-256 of the words and of how many images stand between them.
pub fn of_body(body: &Body) -> String {
    let images = match body {
        Body::Html(html) => html.matches(INLINE_SCHEME).count(),
        Body::Text(_) => 0,
    };
    let mut hash = Sha256::new();
    hash.update(words(body).as_bytes());
    hash.update(images.to_be_bytes());
    hex::encode(hash.finalize())
}

/// Lower-case hex SHA-256 of what a ticket shows of fields, links and messages: who reads it twice under one stamp finds the same.
pub fn of_ticket(ticket: &Ticket) -> String {
    let messages: Vec<_> = ticket.messages.iter().map(|message| (message.id.as_str(), message.visibility)).collect();
    let shown = serde_json::json!([ticket.presence, ticket.fields.iter().collect::<Vec<_>>(), ticket.links, messages,]);
    hex::encode(Sha256::digest(shown.to_string()))
}
