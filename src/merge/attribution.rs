//! The line that says who wrote a message and when, for desks that cannot keep one of the two.
//!
//! It is the first paragraph and has one fixed shape, so that it can be taken off exactly.

use chrono::{DateTime, Utc};

use crate::desk::body::{Body, escape_html};

/// Who wrote and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Byline<'a> {
    pub name: &'a str,
    pub email: Option<&'a str>,
    pub at: DateTime<Utc>,
    /// The message is public, and the line stands before a copy that is internal: whoever reads it has to know.
    pub publicly: bool,
}

const WROTE: &str = " wrote on ";
const WROTE_PUBLICLY: &str = " wrote publicly on ";
const TIME: &str = "%Y-%m-%d %H:%M:%S UTC:";

impl Byline<'_> {
    /// `Jane Doe (jane@example.org) wrote on 2026-11-20 10:11:12 UTC:`, always one line.
    pub fn line(&self) -> String {
        let name = one_line(self.name);
        let who = match self.email {
            Some(email) if !email.is_empty() => format!("{name} ({})", one_line(email)),
            _ => name,
        };
        let wrote = if self.publicly { WROTE_PUBLICLY } else { WROTE };
        format!("{who}{wrote}{}", self.at.format(TIME))
    }

    /// The body with the line before it.
    pub fn put(&self, body: &Body) -> Body {
        match body {
            Body::Html(html) => Body::Html(format!("<p><em>{}</em></p>\n{html}", escape_html(&self.line()))),
            Body::Text(text) => Body::Text(format!("{}\n\n{text}", self.line())),
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes this very line off the front of words that [`super::digest::words`] spelled; other words come back unchanged.
pub fn strip<'a>(words: &'a str, line: &str) -> &'a str {
    words.strip_prefix(line).map_or(words, str::trim_start)
}

/// Whether the words begin with a line of ours, whoever it names; the rest of the words if so.
pub fn strip_any(words: &str) -> Option<&str> {
    let found = |wrote: &str| Some(words.find(wrote)? + wrote.len());
    let rest = &words[[WROTE, WROTE_PUBLICLY].into_iter().filter_map(found).min()?..];
    let length = "2026-11-20 10:11:12 UTC:".len();
    let stamp = rest.get(..length)?;
    let shaped = stamp.ends_with("UTC:") && stamp.as_bytes()[4] == b'-' && stamp.as_bytes()[13] == b':';
    shaped.then(|| rest[length..].trim_start())
}
