//! What Zendesk makes of a comment's HTML: scripts, styles and unknown elements go, attributes are cut to a few, and the
//! whole is wrapped in its own `div`. Cleaning what is clean changes nothing.

const DROPPED_WITH_CONTENT: [&str; 6] = ["script", "style", "iframe", "object", "head", "title"];
const KEPT: [&str; 33] = [
    "a",
    "b",
    "blockquote",
    "br",
    "code",
    "del",
    "div",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "s",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];
const ALSO_KEPT: [&str; 2] = ["u", "ins"];
const ATTRIBUTES: [&str; 10] = ["href", "src", "alt", "title", "dir", "class", "width", "height", "colspan", "rowspan"];
const WRAPPER: &str = "<div class=\"zd-comment\" dir=\"auto\">";

/// A tag or the text between two.
enum Piece<'a> {
    Text(&'a str),
    Tag { name: String, closing: bool, rest: &'a str },
}

fn pieces(html: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let after = &rest[start + 1..];
        if let Some(comment) = after.strip_prefix("!--") {
            push_text(&mut out, &rest[..start]);
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let named = after.strip_prefix('/').unwrap_or(after).starts_with(|c: char| c.is_ascii_alphabetic());
        let Some(end) = after.find('>').filter(|_| named) else {
            push_text(&mut out, &rest[..=start]);
            rest = after;
            continue;
        };
        push_text(&mut out, &rest[..start]);
        let inside = &after[..end];
        let closing = inside.starts_with('/');
        let inside = inside.trim_start_matches('/');
        let length = inside.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inside.len());
        out.push(Piece::Tag { name: inside[..length].to_ascii_lowercase(), closing, rest: &inside[length..] });
        rest = &after[end + 1..];
    }
    push_text(&mut out, rest);
    out
}

fn push_text<'a>(out: &mut Vec<Piece<'a>>, text: &'a str) {
    if !text.is_empty() {
        out.push(Piece::Text(text));
    }
}

/// HTML as the desk stores it.
pub fn clean(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + WRAPPER.len() + 6);
    let mut hidden: Option<String> = None;
    for piece in pieces(html.trim()) {
        match piece {
            Piece::Tag { name, closing, .. } if hidden.as_deref() == Some(name.as_str()) => {
                if closing {
                    hidden = None;
                }
            }
            _ if hidden.is_some() => {}
            Piece::Text(text) => push_escaped(&mut out, text),
            Piece::Tag { name, closing, .. } if DROPPED_WITH_CONTENT.contains(&name.as_str()) => {
                if !closing {
                    hidden = Some(name);
                }
            }
            Piece::Tag { name, closing, rest } => push_tag(&mut out, &name, closing, rest),
        }
    }
    if out.starts_with("<div class=\"zd-comment\"") { out } else { format!("{WRAPPER}{out}</div>") }
}

/// A bare `<` or `&` of a text becomes an entity.
fn push_escaped(out: &mut String, text: &str) {
    for (place, c) in text.char_indices() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' if !is_entity(&text[place..]) => out.push_str("&amp;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            '\r' => {}
            c => out.push(c),
        }
    }
}

fn is_entity(text: &str) -> bool {
    let body = text[1..].split(';').next().unwrap_or_default();
    let closed = text.len() > body.len() + 1;
    closed && !body.is_empty() && body.len() < 10 && body.chars().all(|c| c.is_ascii_alphanumeric() || c == '#')
}

fn push_tag(out: &mut String, name: &str, closing: bool, rest: &str) {
    if !KEPT.contains(&name) && !ALSO_KEPT.contains(&name) {
        return;
    }
    out.push('<');
    if closing {
        out.push('/');
    }
    out.push_str(name);
    if !closing {
        for (key, value) in attributes(rest) {
            let harmful = value.trim().to_ascii_lowercase().starts_with("javascript:");
            if ATTRIBUTES.contains(&key.as_str()) && !harmful {
                out.push_str(&format!(" {key}=\"{}\"", value.replace('"', "&quot;")));
            }
        }
        if name == "a" {
            out.push_str(" rel=\"noopener noreferrer\"");
        }
    }
    out.push('>');
}

fn attributes(mut rest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let length = rest.find(|c: char| c == '=' || c.is_whitespace() || c == '/').unwrap_or(rest.len());
        if length == 0 {
            return found;
        }
        let key = rest[..length].to_ascii_lowercase();
        rest = rest[length..].trim_start();
        let Some(value) = rest.strip_prefix('=').map(str::trim_start) else { continue };
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        found.push((key, value.to_string()));
        rest = after;
    }
}

/// Text with the characters escaped that mean something in HTML.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Plain text as the HTML that the desk shows for it.
pub fn from_plain(text: &str) -> String {
    let escaped = escape(&text.trim().replace("\r\n", "\n"));
    let paragraphs: Vec<String> = escaped
        .split("\n\n")
        .filter(|paragraph| !paragraph.trim().is_empty())
        .map(|paragraph| format!("<p dir=\"auto\">{}</p>", paragraph.trim_matches('\n').replace('\n', "<br>")))
        .collect();
    format!("{WRAPPER}{}</div>", paragraphs.concat())
}

/// The plain text of HTML.
pub fn to_plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    for piece in pieces(html) {
        match piece {
            Piece::Text(text) => out.push_str(&decode(text)),
            Piece::Tag { name, closing, .. } => match (name.as_str(), closing) {
                ("br" | "hr", _) | ("li" | "tr" | "div" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote", true) => {
                    out.push('\n');
                }
                ("p", true) => out.push_str("\n\n"),
                _ => {}
            },
        }
    }
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n").trim().to_string()
}

fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('&') {
        out.push_str(&rest[..place]);
        rest = &rest[place..];
        if !is_entity(rest) {
            out.push('&');
            rest = &rest[1..];
            continue;
        }
        let (entity, after) = rest[1..].split_once(';').expect("an entity ends in a semicolon");
        out.push_str(&character(entity).map_or_else(|| format!("&{entity};"), String::from));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn character(entity: &str) -> Option<char> {
    let number = match entity.strip_prefix('#') {
        Some(hex) if hex.starts_with(['x', 'X']) => u32::from_str_radix(&hex[1..], 16).ok(),
        Some(decimal) => decimal.parse().ok(),
        None => None,
    };
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => number.and_then(char::from_u32),
    }
}
