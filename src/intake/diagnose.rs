//! Why a signature does not match, as far as that can be told from what is known: a secret of before, another mirror's, or a body
//! that a proxy wrote anew.

use crate::connectors::delivery::{Delivery, Rejection, Scheme};
use crate::secret::Secret;

/// Larger bodies are not looked into: anybody can send them.
const LARGEST: usize = 256 << 10;

/// Secrets that a delivery may be signed with by mistake.
pub struct Suspects {
    pub known: Vec<Secret>,
    pub retired: Vec<Secret>,
    /// Those of other mirrors, by name.
    pub others: Vec<(String, Vec<Secret>)>,
}

/// Says more about a delivery that no known secret proves. Pure.
pub fn diagnose(scheme: &Scheme, delivery: &Delivery, suspects: &Suspects) -> Rejection {
    if scheme.would_prove(delivery, &delivery.body, &suspects.retired) {
        return Rejection::FormerSecret;
    }
    let other = suspects.others.iter().find(|(_, secrets)| scheme.would_prove(delivery, &delivery.body, secrets));
    if let Some((mirror, _)) = other {
        return Rejection::OtherMirror(mirror.clone());
    }
    if delivery.body.len() > LARGEST {
        return Rejection::Forged;
    }
    let changed = spellings(&delivery.body).into_iter().find(|(_, body)| scheme.would_prove(delivery, body, &suspects.known));
    changed.map_or(Rejection::Forged, |(how, _)| Rejection::BodyChanged(how))
}

/// The body as it may have been sent, and what was done to it since then.
fn spellings(body: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let trimmed = body.trim_ascii().to_vec();
    let ended = |end: &[u8]| [trimmed.as_slice(), end].concat();
    let packed = packed(body);
    let read = readable(&packed);
    let slashes = |text: &[u8]| replaced(text, b"/", b"\\/");
    let mut all = vec![
        ("with another end of its last line", ended(b"\n")),
        ("with another end of its last line", ended(b"\r\n")),
        ("with white space around it", trimmed.clone()),
        ("with other ends of lines", replaced(body, b"\r\n", b"\n")),
        ("with other ends of lines", replaced(&replaced(body, b"\r\n", b"\n"), b"\n", b"\r\n")),
        ("without white space between the parts of its JSON", packed.clone()),
        ("with other escapes in its JSON", slashes(&packed)),
        ("with other escapes in its JSON", read.clone()),
        ("with other escapes in its JSON", slashes(&read)),
        ("with white space between the parts of its JSON", spaced(&packed)),
        ("with white space between the parts of its JSON", spaced(&read)),
    ];
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) {
        all.extend(serde_json::to_vec(&json).ok().map(|sorted| ("with the keys of its JSON in another order", sorted)));
    }
    all
}

fn replaced(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        if rest.starts_with(from) {
            out.extend_from_slice(to);
            rest = &rest[from.len()..];
        } else {
            out.push(*first);
            rest = &rest[1..];
        }
    }
    out
}

/// Walks over JSON text: gives each byte with whether it stands in a string.
fn walk(text: &[u8], mut visit: impl FnMut(u8, bool)) {
    let (mut inside, mut escaped) = (false, false);
    for &byte in text {
        let was_inside = inside;
        if inside {
            if byte == b'"' && !escaped {
                inside = false;
            }
            escaped = byte == b'\\' && !escaped;
        } else {
            inside = byte == b'"';
        }
        visit(byte, was_inside || inside);
    }
}

/// JSON without white space outside of strings: order and escapes stay.
fn packed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    walk(text, |byte, inside| {
        if inside || !byte.is_ascii_whitespace() {
            out.push(byte);
        }
    });
    out
}

/// Packed JSON with a space after each colon and comma, as some libraries write it.
fn spaced(packed: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(packed.len() * 2);
    walk(packed, |byte, inside| {
        out.push(byte);
        if !inside && matches!(byte, b':' | b',') {
            out.push(b' ');
        }
    });
    out
}

/// Escapes of letters beyond ASCII as the letters themselves, and `\/` as `/`.
fn readable(text: &[u8]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(text) else { return text.to_vec() };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = &rest[at..];
        let (letter, length) = letter(escape);
        out.push_str(&letter);
        rest = &escape[length..];
    }
    out.push_str(rest);
    out.into_bytes()
}

/// What an escape stands for, where it may stand for itself, and how many bytes it has.
fn letter(escape: &str) -> (String, usize) {
    let unit = |at: usize| {
        escape.get(at..at + 6).filter(|text| text.starts_with("\\u")).and_then(|text| u16::from_str_radix(&text[2..], 16).ok())
    };
    if escape.starts_with("\\/") {
        return ("/".to_string(), 2);
    }
    let Some(first) = unit(0) else {
        let length = escape.chars().take(2).map(char::len_utf8).sum();
        return (escape[..length].to_string(), length);
    };
    let units: Vec<u16> = [Some(first), unit(6)].into_iter().flatten().collect();
    let found = char::decode_utf16(units).next().and_then(Result::ok).filter(|letter| !letter.is_ascii());
    match found {
        Some(letter) => (letter.to_string(), letter.len_utf16() * 6),
        None => (escape[..6].to_string(), 6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_in_strings_stays() {
        let text = br#"{ "a" : "b  \" c" , "d" : [ 1, 2 ] }"#;
        assert_eq!(packed(text), br#"{"a":"b  \" c","d":[1,2]}"#);
        assert_eq!(spaced(&packed(text)), br#"{"a": "b  \" c", "d": [1, 2]}"#);
    }

    #[test]
    fn letters_are_read_and_other_escapes_stay() {
        let text = r#"{"a":"\u00e4\ud83d\ude00\n\u0001\\u00e4\/"}"#;
        assert_eq!(String::from_utf8(readable(text.as_bytes())).unwrap(), "{\"a\":\"ä😀\\n\\u0001\\\\u00e4/\"}");
        assert_eq!(readable(b"\\"), b"\\");
        assert_eq!(readable("\\ä\\u12".as_bytes()), "\\ä\\u12".as_bytes());
    }
}
