//! A normal form of text in which two desks can be compared: what is left after tags, entities, white space and
//! punctuation are gone. A desk may clean a message; it may not lose a word.

/// The letters, digits and signs of a message, without anything between them.
pub fn normal(body: &str, html: bool) -> String {
    let text = if html { text_of(body) } else { body.to_string() };
    text.chars().filter(|c| counts(*c)).collect()
}

/// Whether a character is part of what was said. White space, punctuation, joiners, direction marks, quotation marks and
/// the blocks that stand for redacted letters are not.
fn counts(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    let is_ignored = matches!(c,
        '\u{80}'..='\u{bf}' | '\u{61c}' | '\u{2000}'..='\u{206f}' | '\u{2580}'..='\u{259f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fffc}');
    !is_ignored && !c.is_whitespace() && !c.is_control()
}

/// The text of HTML: tags, comments, styles and scripts taken out, entities resolved.
pub fn text_of(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = if rest.starts_with('&') { entity(rest, &mut out) } else { tag(rest, &mut out) };
    }
    out.push_str(rest);
    out
}

fn tag<'a>(rest: &'a str, out: &mut String) -> &'a str {
    if let Some(comment) = rest.strip_prefix("<!--") {
        return comment.find("-->").map_or("", |end| &comment[end + 3..]);
    }
    let starts_a_tag = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!');
    let Some(end) = rest.find('>').filter(|_| starts_a_tag) else {
        out.push('<');
        return &rest[1..];
    };
    let name: String = rest[1..end].chars().take_while(char::is_ascii_alphanumeric).collect();
    let after = &rest[end + 1..];
    out.push(' ');
    if name.eq_ignore_ascii_case("style") || name.eq_ignore_ascii_case("script") {
        let close = format!("</{}", name.to_ascii_lowercase());
        return after.to_ascii_lowercase().find(&close).map_or("", |at| &after[at..]);
    }
    after
}

const NAMED: [(&str, &str); 12] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("euro", "€"),
    ("szlig", "ß"),
    ("auml", "ä"),
    ("ouml", "ö"),
    ("uuml", "ü"),
    ("eacute", "é"),
];

fn entity<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let name_end = rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '#').map(|at| at + 1);
    let resolved = name_end.filter(|end| rest[*end..].starts_with(';')).and_then(|end| Some((resolve(&rest[1..end])?, end)));
    match resolved {
        Some((text, end)) => {
            out.push_str(&text);
            &rest[end + 1..]
        }
        None => {
            out.push('&');
            &rest[1..]
        }
    }
}

fn resolve(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let hex = number.strip_prefix(['x', 'X']);
        let code = hex.map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok())?;
        return char::from_u32(code).map(String::from);
    }
    NAMED.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_string())
}
