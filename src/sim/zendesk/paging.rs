//! Pages, in both ways that Zendesk documents: by cursor (`page[size]`, `page[after]`) and by offset (`page`, `per_page`).

use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::Call;
use super::store::Store;

/// The largest page of a list.
const MOST: usize = 100;
/// Offset pages end here, as documented: 100 pages of 100 records.
const DEEPEST: usize = 10_000;

/// Which part of a list is asked for, and what the answer says about the rest.
pub struct Page {
    pub part: Range<usize>,
    /// Everything in the answer but the records.
    pub frame: Value,
}

/// Finds the page of a list whose records have these keys. Errors: 400 for cursors and pages that do not exist.
pub fn cut(store: &Store, call: &Call, keys: &[u64]) -> Result<Page, Refusal> {
    let by_cursor = call.query.iter().any(|(key, _)| key.starts_with("page["));
    if by_cursor { by_cursor_of(store, call, keys) } else { by_offset(store, call, keys.len()) }
}

/// A page of records that are rendered one by one.
pub fn keyed(store: &Store, call: &Call, name: &str, keys: &[u64], render: impl Fn(u64) -> Value) -> Result<Value, Refusal> {
    let page = cut(store, call, keys)?;
    let mut answer = page.frame;
    answer[name] = keys[page.part].iter().map(|key| render(*key)).collect();
    Ok(answer)
}

/// A page of a short list.
pub fn list(store: &Store, call: &Call, name: &str, records: Vec<Value>) -> Outcome {
    let keys: Vec<u64> = (0..records.len() as u64).collect();
    Answer::ok(keyed(store, call, name, &keys, |key| records[key as usize].clone())?)
}

fn address(store: &Store, call: &Call, changed: &[(&str, String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in call.query.iter().filter(|(key, _)| !changed.iter().any(|(name, _)| name == key)) {
        query.append_pair(key, value);
    }
    for (key, value) in changed.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(key, value);
    }
    format!("{}{}.json?{}", store.url, call.path, query.finish())
}

fn by_offset(store: &Store, call: &Call, total: usize) -> Result<Page, Refusal> {
    let size = (call.number("per_page").unwrap_or(MOST as u64) as usize).clamp(1, MOST);
    let page = call.number("page").unwrap_or(1).max(1) as usize;
    if page.saturating_mul(size) > DEEPEST.max(size) {
        return Err(Refusal::new(400, "InvalidPaginationDepth", "Use cursor pagination beyond 10,000 records"));
    }
    let start = ((page - 1) * size).min(total);
    let end = (start + size).min(total);
    let other = |page: usize| json!(address(store, call, &[("page", page.to_string())]));
    let next = if end < total { other(page + 1) } else { Value::Null };
    let previous = if page > 1 { other(page - 1) } else { Value::Null };
    Ok(Page { part: start..end, frame: json!({"count": total, "next_page": next, "previous_page": previous}) })
}

fn by_cursor_of(store: &Store, call: &Call, keys: &[u64]) -> Result<Page, Refusal> {
    let size = call.number("page[size]").unwrap_or(MOST as u64) as usize;
    if size == 0 || size > MOST {
        return Err(Refusal::new(400, "InvalidPaginationParameter", "page[size] must be between 1 and 100"));
    }
    let (start, end) = match (call.query("page[after]"), call.query("page[before]")) {
        (Some(cursor), _) if !cursor.is_empty() => {
            let start = place(cursor, keys)? + 1;
            (start, start + size)
        }
        (_, Some(cursor)) if !cursor.is_empty() => {
            let end = place(cursor, keys)?;
            (end.saturating_sub(size), end)
        }
        _ => (0, size),
    };
    let part = start.min(keys.len())..end.min(keys.len());
    let cursor = |place: usize| URL_SAFE_NO_PAD.encode(format!("{place}|{}", keys[place]));
    let (after, before) =
        if part.is_empty() { (String::new(), String::new()) } else { (cursor(part.end - 1), cursor(part.start)) };
    let told = |cursor: &str| if cursor.is_empty() { Value::Null } else { json!(cursor) };
    let link = |name: &'static str, other: &'static str, cursor: &str| {
        let unpaged = cursor.is_empty();
        if unpaged { Value::Null } else { json!(address(store, call, &[(name, cursor.to_string()), (other, String::new())])) }
    };
    let more = part.end < keys.len();
    let frame = json!({
        "meta": {"has_more": more, "after_cursor": told(&after), "before_cursor": told(&before)},
        "links": {"next": if more { link("page[after]", "page[before]", &after) } else { Value::Null },
                  "prev": if part.start > 0 { link("page[before]", "page[after]", &before) } else { Value::Null }},
    });
    Ok(Page { part, frame })
}

/// Where the record of a cursor stands now; where it stood, if it is gone.
fn place(cursor: &str, keys: &[u64]) -> Result<usize, Refusal> {
    let invalid = || Refusal::new(400, "InvalidPaginationParameter", "The cursor is not valid");
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(invalid)?;
    let (place, key) = text.split_once('|').ok_or_else(invalid)?;
    let key: u64 = key.parse().map_err(|_| invalid())?;
    let known = keys.iter().position(|one| *one == key);
    known.or_else(|| place.parse::<usize>().ok().and_then(|place| place.checked_sub(1))).ok_or_else(invalid)
}
