//! A message out of the parts of its MIME tree, and inline images both ways. Pure.
//!
//! RT keeps a mail's tree as a list of parts and does not tell in lists which part belongs to which. Parts come in the
//! order of the tree, a multipart before its children, and that is enough to tell the text from the files.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::desk::body::{Body, INLINE_SCHEME};
use crate::desk::id::AttachmentId;
use crate::desk::ticket::{Attachment, AttachmentState};
use crate::desk::write::Staged;

use super::wire::PartJson;

/// How our own inline images are named: `cid:tidegate-<n>`, where `n` counts the message's files from 1. REST2 cannot set a
/// Content-ID; the scrip in `deploy/request-tracker` gives it to the n-th file, so that RT's pages show the image.
const OWN_CID: &str = "tidegate-";

/// The text and the files of a message. `texts` by part id.
pub fn assemble(parts: &[&PartJson], texts: &BTreeMap<String, String>) -> (Body, Vec<Attachment>) {
    let sorted = in_order(parts);
    let body_part = body_part(&sorted);
    let twin = body_part.and_then(|body| alternative_of(&sorted, body));
    let is_text = |part: &PartJson| [body_part, twin].into_iter().flatten().any(|text| text.id == part.id);
    let files: Vec<&PartJson> = sorted.iter().copied().filter(|part| is_file(part) && !is_text(part)).collect();
    let text = body_part.and_then(|part| texts.get(&part.id.0)).cloned().unwrap_or_default();
    if body_part.is_none_or(|part| part.content_type != "text/html") {
        return (Body::Text(text), files.iter().map(|part| attachment(part, false)).collect());
    }
    let (html, shown) = resolve_images(&text, &files);
    let attachments = files.iter().map(|part| attachment(part, shown.contains(&part.id.0))).collect();
    (Body::Html(html), attachments)
}

/// The part that is the message's text.
pub fn body_of<'a>(parts: &[&'a PartJson]) -> Option<&'a PartJson> {
    body_part(&in_order(parts))
}

fn in_order<'a>(parts: &[&'a PartJson]) -> Vec<&'a PartJson> {
    let mut sorted = parts.to_vec();
    sorted.sort_by_key(|part| part.id.0.parse::<u64>().unwrap_or(u64::MAX));
    sorted
}

/// The first text without a file name; inside a `multipart/alternative` the HTML one.
fn body_part<'a>(sorted: &[&'a PartJson]) -> Option<&'a PartJson> {
    let mut texts = sorted.iter().copied().filter(|part| is_nameless_text(part));
    let first = texts.next()?;
    let choice = sorted.iter().any(|part| part.content_type == "multipart/alternative");
    let html = texts.find(|part| part.content_type == "text/html");
    if choice && first.content_type != "text/html" { html.or(Some(first)) } else { Some(first) }
}

/// The plain text that says the same as the chosen HTML.
fn alternative_of<'a>(sorted: &[&'a PartJson], body: &PartJson) -> Option<&'a PartJson> {
    let choice = sorted.iter().any(|part| part.content_type == "multipart/alternative");
    let mut plain = sorted.iter().copied().filter(|part| is_nameless_text(part) && part.id != body.id);
    if choice && body.content_type == "text/html" { plain.find(|part| part.content_type == "text/plain") } else { None }
}

fn is_nameless_text(part: &PartJson) -> bool {
    let attached = header(&part.headers, "content-disposition").is_some_and(|text| text.to_lowercase().starts_with("attachment"));
    part.filename.is_empty() && !attached && matches!(part.content_type.as_str(), "text/html" | "text/plain")
}

fn is_file(part: &PartJson) -> bool {
    let something = !part.filename.is_empty() || !matches!(part.content_length.0.as_str(), "" | "0");
    something && !part.content_type.starts_with("multipart/")
}

fn attachment(part: &PartJson, inline: bool) -> Attachment {
    let name = if part.filename.is_empty() { made_up_name(part) } else { plain_name(&part.filename) };
    Attachment {
        id: AttachmentId::new(&part.id.0),
        name,
        content_type: part.content_type.clone(),
        size: part.content_length.0.parse().ok(),
        inline,
        locator: part.id.0.clone(),
        state: AttachmentState::Ready,
    }
}

/// The name as people read it: RT keeps some as they travel in mail headers, `=?utf-8?b?…?=` (RFC 2047), and shows them decoded.
fn plain_name(name: &str) -> String {
    let words: Option<String> = name.split_whitespace().map(encoded_word).collect();
    words.filter(|_| name.starts_with("=?")).unwrap_or_else(|| name.to_string())
}

/// A word in UTF-8 and base64; the other kinds are left as they are.
fn encoded_word(word: &str) -> Option<String> {
    let (charset, rest) = word.strip_prefix("=?")?.strip_suffix("?=")?.split_once('?')?;
    let (coding, text) = rest.split_once('?')?;
    let known = charset.eq_ignore_ascii_case("utf-8") && coding.eq_ignore_ascii_case("b");
    String::from_utf8(STANDARD.decode(text).ok().filter(|_| known)?).ok()
}

/// Parts without a name (a forwarded mail, an image of a mail program) get one, so that every desk takes them.
fn made_up_name(part: &PartJson) -> String {
    let ending = match part.content_type.as_str() {
        "message/rfc822" => "eml",
        "text/plain" => "txt",
        other => other.rsplit_once('/').map_or("bin", |(_, ending)| ending).split('+').next().unwrap_or("bin"),
    };
    format!("part-{}.{ending}", part.id.0)
}

/// A header of a part, with folded lines joined.
pub fn header(headers: &str, name: &str) -> Option<String> {
    let mut found: Option<String> = None;
    for line in headers.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = &mut found {
                value.push(' ');
                value.push_str(line.trim());
            }
            continue;
        }
        if found.is_some() {
            break;
        }
        let matching = line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name));
        found = matching.map(|(_, value)| value.trim().to_string());
    }
    found
}

/// Writes `attachment:<id>` for each `cid:` that means one of the files; other `cid:`s stay as they are. Also the ids shown.
fn resolve_images(html: &str, files: &[&PartJson]) -> (String, Vec<String>) {
    let mut out = String::with_capacity(html.len());
    let mut shown = Vec::new();
    let mut rest = html;
    while let Some(place) = rest.find("cid:") {
        let (before, after) = rest.split_at(place);
        let name = &after[4..];
        let end = name.find(['"', '\'', ' ', '>', '<', ')', '&']).unwrap_or(name.len());
        out.push_str(before);
        match file_of_cid(&name[..end], files) {
            Some(part) => {
                out.push_str(INLINE_SCHEME);
                out.push_str(&part.id.0);
                shown.push(part.id.0.clone());
            }
            None => out.push_str(&after[..4 + end]),
        }
        rest = &name[end..];
    }
    out.push_str(rest);
    (out, shown)
}

fn file_of_cid<'a>(cid: &str, files: &[&'a PartJson]) -> Option<&'a PartJson> {
    let cid = cid.replace("%40", "@");
    let named = |part: &&PartJson| {
        header(&part.headers, "content-id").is_some_and(|id| id.trim_matches(['<', '>']).eq_ignore_ascii_case(&cid))
    };
    if let Some(part) = files.iter().copied().find(named) {
        return Some(part);
    }
    let number: usize = cid.strip_prefix(OWN_CID)?.parse().ok()?;
    files.get(number.checked_sub(1)?).copied()
}

/// Writes `cid:tidegate-<n>` for each reference to the n-th of the files; references to other files lose their image.
pub fn refer_to_files(html: &str, files: &[Staged]) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(place) = rest.find(INLINE_SCHEME) {
        let (before, after) = rest.split_at(place);
        let id = &after[INLINE_SCHEME.len()..];
        let end = id.find(['"', '\'', ' ', '>', '<', ')']).unwrap_or(id.len());
        out.push_str(before);
        match files.iter().position(|file| file.source.as_str() == &id[..end]) {
            Some(place) => out.push_str(&format!("cid:{OWN_CID}{}", place + 1)),
            None => out.push_str(&after[..INLINE_SCHEME.len() + end]),
        }
        rest = &id[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_people_read_it() {
        assert_eq!(plain_name("=?utf-8?b?w5xiZXJzaWNodC0xOS5jc3Y=?="), "Übersicht-19.csv");
        assert_eq!(plain_name("=?UTF-8?B?w5xi?= =?utf-8?b?ZXI=?="), "Über", "long names come in pieces");
        for name in ["plan =?.pdf", "=?utf-8?q?a=5F?=", "=?utf-8?b?/?=", "=?", ""] {
            assert_eq!(plain_name(name), name);
        }
    }
}
