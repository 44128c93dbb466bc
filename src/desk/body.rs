//! The text of a message.

use serde::{Deserialize, Serialize};

/// What a message says, in the form in which the desk keeps it.
///
/// In HTML an image that is one of the message's own attachments is written `src="attachment:<attachment id>"`: the
/// connector that reads puts it in, the connector that writes puts its own reference in its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "form", content = "text")]
pub enum Body {
    Html(String),
    Text(String),
}

/// How an image of the message's own attachments is referred to inside [`Body::Html`].
pub const INLINE_SCHEME: &str = "attachment:";

impl Body {
    /// As HTML; plain text is escaped and its line ends become `<br>`.
    pub fn to_html(&self) -> String {
        match self {
            Body::Html(html) => html.clone(),
            Body::Text(text) => escape_html(text).replace('\n', "<br>\n"),
        }
    }

    /// Nothing in it that a person could see.
    pub fn is_blank(&self) -> bool {
        match self {
            Body::Html(text) | Body::Text(text) => text.trim().is_empty(),
        }
    }
}

/// Escapes the five characters that mean something in HTML.
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
