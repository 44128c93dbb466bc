//! Words in one spelling, so that two desks that clean, wrap and re-code what they store can be compared.

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::desk::body::Body;

/// Longer HTML is compared without its tags instead of rendered.
const RENDER_LIMIT: usize = 2 << 20;
/// Wide enough that no line is broken.
const WIDTH: usize = 100_000;
const BLANK: Option<&str> = Some(" ");
/// What stands for redacted letters.
const BLOCK: char = '▇';
const LOSS: &str = "[File not carried: ";
/// The second one stands before internal copies of public messages.
const WROTE: [&str; 2] = [" wrote on ", " wrote publicly on "];
const TIME: &str = "%Y-%m-%d %H:%M:%S UTC:";
/// How many bytes a spelled [`TIME`] has.
const TIME_LENGTH: usize = "2026-11-20 10:11:12 UTC:".len();
/// A name and an address are shorter than this.
const NAME_LIMIT: usize = 600;

/// The line that tells who wrote a message and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub who: String,
    pub at: DateTime<Utc>,
}

/// A target message's words, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    pub told: Option<Told>,
    pub words: String,
    /// `name: reason` of files that were not carried, as the message tells them.
    pub lost: Vec<String>,
}

/// The visible words of a body, white space folded; images, table lines and redaction blocks are no words.
pub fn words(body: &Body) -> String {
    let text = match body {
        Body::Text(text) => text.clone(),
        Body::Html(html) if html.len() > RENDER_LIMIT => without_tags(html, |_| BLANK),
        Body::Html(html) => rendered(&without_tags(html, in_text)),
    };
    fold(&text.replace(is_drawn, " "))
}

fn rendered(html: &str) -> String {
    let text = html2text::config::plain_no_decorate().string_from_read(html.as_bytes(), WIDTH);
    text.unwrap_or_else(|_| without_tags(html, |_| BLANK))
}

fn is_drawn(c: char) -> bool {
    c == BLOCK || ('\u{2500}'..='\u{257f}').contains(&c) || matches!(c, '\u{200b}' | '\u{feff}')
}

/// White space folded to single blanks.
pub fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether somebody redacted letters of it.
pub fn is_redacted(body: &Body) -> bool {
    let (Body::Html(text) | Body::Text(text)) = body;
    text.contains(BLOCK)
}

/// Whether `less` has no word that `more` has not, in the same order.
pub fn is_part_of(less: &str, more: &str) -> bool {
    let mut more = more.split(' ');
    less.split(' ').filter(|word| !word.is_empty()).all(|word| more.any(|other| other == word))
}

fn is_tag(tag: &str, name: &str) -> bool {
    let inner = tag.get(1..=name.len()).is_some_and(|inner| inner.eq_ignore_ascii_case(name));
    inner && !tag[name.len() + 1..].starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// What stands for a tag that is no part of the words: nothing for a link, whose words stay; a blank for an image.
fn in_text(tag: &str) -> Option<&'static str> {
    match () {
        () if is_tag(tag, "img") => BLANK,
        () if is_tag(tag, "a") || tag.eq_ignore_ascii_case("</a>") => Some(""),
        () => None,
    }
}

/// Puts something in place of tags; `None`: it stays.
fn without_tags(html: &str, instead: impl Fn(&str) -> Option<&'static str>) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else { break };
        let tag = &rest[start..=start + length];
        out.push_str(&rest[..start]);
        out.push_str(instead(tag).unwrap_or(tag));
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    out
}

/// Takes off what is ours in a target message: the first line that names author and time, the last ones that name files. Where
/// the words are already those of the source, nothing is taken off: what looks like our line was written there.
pub fn spoken(target: &Body, source_words: &str) -> Spoken {
    let all = words(target);
    if all == source_words {
        return Spoken { told: None, words: all, lost: Vec::new() };
    }
    let (told, rest) = match line_of(&all) {
        Some((told, rest)) => (Some(told), rest),
        None => (None, all.as_str()),
    };
    let (rest, lost) = if rest == source_words { (rest, Vec::new()) } else { without_losses(rest) };
    Spoken { told, words: rest.to_string(), lost }
}

fn line_of(words: &str) -> Option<(Told, &str)> {
    let mut from = 0;
    let next = |from: usize| WROTE.into_iter().filter_map(|wrote| Some((from + words[from..].find(wrote)?, wrote.len()))).min();
    while let Some((end_of_name, length)) = next(from) {
        let time_at = end_of_name + length;
        if end_of_name > NAME_LIMIT {
            return None;
        }
        let stamp = words.get(time_at..time_at + TIME_LENGTH);
        if let Some(at) = stamp.and_then(|stamp| NaiveDateTime::parse_from_str(stamp, TIME).ok()) {
            let told = Told { who: words[..end_of_name].to_string(), at: at.and_utc() };
            return Some((told, words[time_at + TIME_LENGTH..].trim_start()));
        }
        from = time_at;
    }
    None
}

fn without_losses(words: &str) -> (&str, Vec<String>) {
    let mut rest = words;
    let mut lost = Vec::new();
    while rest.ends_with(']')
        && let Some(start) = rest.rfind(LOSS)
    {
        let inside = &rest[start + LOSS.len()..rest.len() - 1];
        lost.push(inside.to_string());
        rest = rest[..start].trim_end();
    }
    (rest, lost)
}

/// Whether two names are one, but for what desks replace in names: signs, and everything outside plain ASCII.
pub fn same_name(source: &str, target: &str) -> bool {
    let ending = |name: &str| name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    source == target || plain_name(source) == plain_name(target) || (!source.is_ascii() && ending(source) == ending(target))
}

fn plain_name(name: &str) -> String {
    let plain = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '_' });
    let mut out = String::with_capacity(name.len());
    for c in plain {
        if c != '_' || !out.ends_with('_') {
            out.push(c);
        }
    }
    out
}

/// At most 120 characters of `text`, from a little before `place` (in characters) on.
pub fn cut(text: &str, place: usize) -> String {
    const MOST: usize = 120;
    let skip = if text.chars().count() <= MOST { 0 } else { place.saturating_sub(30) };
    let mut shown: String = text.chars().skip(skip).take(MOST).collect();
    if skip > 0 {
        shown.insert(0, '…');
    }
    if text.chars().count() > skip + MOST {
        shown.push('…');
    }
    shown
}

/// How many characters both begin with.
pub fn same_start(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count()
}
