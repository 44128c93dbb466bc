//! Comment bodies: inline images, the wrapper that Zendesk puts around HTML, and marking what is to be redacted. Pure.

use crate::desk::body::INLINE_SCHEME;

use super::wire::Attachment;

/// A piece of HTML: a tag with its brackets, or the text between two.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece<'a> {
    Tag(&'a str),
    Text(&'a str),
}

fn pieces(html: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = html;
    while !rest.is_empty() {
        let looks_like_tag = rest.starts_with('<')
            && rest[1..].chars().next().is_some_and(|c| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        let end = match rest.find('>').filter(|_| looks_like_tag) {
            Some(close) => close + 1,
            None => {
                let skip = rest.chars().next().map_or(1, char::len_utf8);
                rest[skip..].find('<').map_or(rest.len(), |open| open + skip)
            }
        };
        let (piece, after) = rest.split_at(end);
        out.push(if looks_like_tag && piece.ends_with('>') { Piece::Tag(piece) } else { Piece::Text(piece) });
        rest = after;
    }
    out
}

fn is_tag(tag: &str, name: &str) -> bool {
    let inner = tag.trim_start_matches('<');
    inner.len() > name.len()
        && inner.is_char_boundary(name.len())
        && inner[..name.len()].eq_ignore_ascii_case(name)
        && !inner[name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Where the value of an attribute is inside a tag.
fn attribute(tag: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let lower = tag.to_ascii_lowercase();
    let mut from = 0;
    while let Some(found) = lower[from..].find(name) {
        let start = from + found;
        from = start + name.len();
        let stands_alone = lower[..start].ends_with(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        let after = lower[from..].trim_start();
        if !stands_alone || !after.starts_with('=') {
            continue;
        }
        let value = after[1..].trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let begin = lower.len() - value.len() + 1;
        let length = value[1..].find(quote)?;
        return Some(begin..begin + length);
    }
    None
}

/// Gives every image source to `change`; where it returns another one, that is written.
fn with_image_sources(html: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(html.len());
    for piece in pieces(html) {
        let (Piece::Tag(text) | Piece::Text(text)) = piece;
        let source = matches!(piece, Piece::Tag(_)) && is_tag(text, "img");
        let range = source.then(|| attribute(text, "src")).flatten();
        match range.and_then(|range| Some((change(&text[range.clone()])?, range))) {
            Some((new, range)) => {
                out.push_str(&text[..range.start]);
                out.push_str(&new);
                out.push_str(&text[range.end..]);
            }
            None => out.push_str(text),
        }
    }
    out
}

/// Images that are attachments of the comment become `attachment:<id>`.
pub fn inline_to_neutral(html: &str, attachments: &[Attachment]) -> String {
    with_image_sources(html, |source| {
        let url = source.replace("&amp;", "&");
        let same = |other: &str| !other.is_empty() && (other == url || token(other).is_some_and(|own| token(&url) == Some(own)));
        let found =
            attachments.iter().find(|file| same(&file.content_url) || file.mapped_content_url.as_deref().is_some_and(same))?;
        Some(format!("{INLINE_SCHEME}{}", found.id))
    })
}

/// The token in `…/attachments/token/<token>/…`: the same file on whichever of the desk's hosts.
fn token(url: &str) -> Option<&str> {
    let (_, after) = url.split_once("/attachments/token/")?;
    after.split(['/', '?']).next().filter(|token| !token.is_empty())
}

/// `attachment:<source id>` becomes the URL that `url_of` knows for it.
pub fn inline_from_neutral<'a>(html: &str, url_of: impl Fn(&str) -> Option<&'a str>) -> String {
    with_image_sources(html, |source| {
        let url = url_of(source.strip_prefix(INLINE_SCHEME)?)?;
        Some(url.replace('&', "&amp;").replace('"', "%22"))
    })
}

/// Takes off the one `<div class="zd-comment" …>` that Zendesk puts around each comment.
pub fn without_wrapper(html: &str) -> &str {
    let text = html.trim();
    let opens = text.starts_with("<div class=\"zd-comment\"");
    let Some(end) = text.find('>').filter(|_| opens) else { return html };
    let Some(inner) = text[end + 1..].strip_suffix("</div>") else { return html };
    let mut depth = 0i64;
    for piece in pieces(inner) {
        if let Piece::Tag(tag) = piece {
            depth += i64::from(is_tag(tag, "div")) - i64::from(is_tag(tag, "/div"));
            if depth < 0 {
                return html;
            }
        }
    }
    inner
}

/// Marks everything in `html` (as Zendesk stores it) that is not in `remains` any more, as documented for redactions:
/// words inside `<redact>`, elements with a `redact` attribute. Words are compared in order, so that what stays readable is
/// never more than `remains` tells. Without `remains` everything is marked. `None`: nothing is to be redacted.
pub fn marked_for_redaction(html: &str, remains: Option<&str>) -> Option<String> {
    let all = pieces(html);
    let now: Vec<String> = words_of(&all);
    let kept: Vec<String> = remains.map(|text| words_of(&pieces(text))).unwrap_or_default();
    let keep = kept_words(&now, &kept);
    let mut out = String::with_capacity(html.len() + 64);
    let (mut word, mut marked) = (0, false);
    for piece in &all {
        match piece {
            Piece::Tag(tag) if element_goes(tag, remains) => {
                marked = true;
                let end = tag.len() - if tag.ends_with("/>") { 2 } else { 1 };
                out.push_str(&format!("{} redact{}", tag[..end].trim_end(), &tag[end..]));
            }
            Piece::Tag(tag) => out.push_str(tag),
            Piece::Text(text) => {
                let count = text.split_whitespace().count();
                marked |= mark_words(text, &keep[word..word + count], &mut out);
                word += count;
            }
        }
    }
    marked.then_some(out)
}

/// The words that [`marked_for_redaction`] would mark, in unbroken runs, for desks that redact by string.
pub fn runs_to_redact(html: &str, remains: Option<&str>) -> Vec<String> {
    let marked = marked_for_redaction(html, remains).unwrap_or_default();
    let runs = marked.split("<redact>").skip(1).filter_map(|part| part.split_once("</redact>"));
    let runs: std::collections::BTreeSet<String> = runs.map(|(run, _)| unescape(run)).collect();
    let mut runs: Vec<String> = runs.into_iter().collect();
    runs.sort_by_key(|run| std::cmp::Reverse(run.len()));
    runs
}

fn words_of(pieces: &[Piece<'_>]) -> Vec<String> {
    let texts = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(*text),
        Piece::Tag(_) => None,
    });
    texts.flat_map(str::split_whitespace).map(unescape).collect()
}

fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&nbsp;", "\u{a0}").replace("&amp;", "&")
}

/// Images go when nothing of the kind remains; links go when their address does not remain.
fn element_goes(tag: &str, remains: Option<&str>) -> bool {
    let remains = remains.unwrap_or_default();
    if is_tag(tag, "img") {
        return !remains.contains("<img");
    }
    let address = attribute(tag, "href").filter(|_| is_tag(tag, "a"));
    address.is_some_and(|range| !remains.contains(&tag[range]))
}

fn mark_words(text: &str, keep: &[bool], out: &mut String) -> bool {
    let mut marked = false;
    let mut rest = text;
    let mut open = false;
    for keep in keep {
        let start = rest.find(|c: char| !c.is_whitespace()).unwrap_or(0);
        let length = rest[start..].find(char::is_whitespace).unwrap_or(rest.len() - start);
        if open && *keep {
            out.push_str("</redact>");
            open = false;
        }
        out.push_str(&rest[..start]);
        if !open && !*keep {
            out.push_str("<redact>");
            (open, marked) = (true, true);
        }
        out.push_str(&rest[start..start + length]);
        rest = &rest[start + length..];
    }
    if open {
        out.push_str("</redact>");
    }
    out.push_str(rest);
    marked
}

/// Beyond this many comparisons the middle is redacted as a whole.
const COMPARISONS: usize = 9_000_000;

/// Which of the words are also, in order, among the kept ones. Blocks that are redacted already need no mark.
fn kept_words(now: &[String], kept: &[String]) -> Vec<bool> {
    let redacted = |word: &String| word.chars().all(|c| c == '▇');
    let mut keep: Vec<bool> = now.iter().map(redacted).collect();
    let same = |i: usize, j: usize| now[i] == kept[j];
    let most = now.len().min(kept.len());
    let head = (0..most).take_while(|&i| same(i, i)).count();
    let tail = (0..most - head).take_while(|&i| same(now.len() - 1 - i, kept.len() - 1 - i)).count();
    let (rows, columns) = (now.len() - head - tail, kept.len() - head - tail);
    keep[..head].fill(true);
    keep[now.len() - tail..].fill(true);
    if rows.saturating_mul(columns) > COMPARISONS {
        return keep;
    }
    let width = columns + 1;
    let mut longest = vec![0u32; (rows + 1) * width];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            longest[i * width + j] = match same(head + i, head + j) {
                true => longest[(i + 1) * width + j + 1] + 1,
                false => longest[(i + 1) * width + j].max(longest[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < rows && j < columns {
        if same(head + i, head + j) {
            keep[head + i] = true;
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    keep
}
