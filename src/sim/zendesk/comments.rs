//! Comments, audits and tags of a ticket, and what can be done to a comment that is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::{Call, id_of};
use super::commit::{Deed, commit};
use super::field::{set_tags, tags_of};
use super::paging;
use super::store::{Store, stamp};
use super::ticket::{Comment, Ticket};
use super::tickets::check_stamp;
use super::wire;

/// What stands for each redacted character.
const BLOCK: char = '▇';

fn seen<'a>(store: &'a Store, call: &Call) -> Result<&'a Ticket, Refusal> {
    store.ticket(call.id(0)?)?.seen(call.stale).ok_or_else(Refusal::not_found)
}

fn descending(call: &Call) -> bool {
    call.query("sort") == Some("-created_at") || call.query("sort_order") == Some("desc")
}

/// `GET /api/v2/tickets/{id}/comments`
pub fn list(store: &mut Store, call: &Call) -> Outcome {
    let ticket = seen(store, call)?;
    let inline = call.query("include_inline_images") == Some("true");
    let mut ids: Vec<u64> = ticket.comments.iter().map(|comment| comment.id).collect();
    if descending(call) {
        ids.reverse();
    }
    let render = |id| ticket.comment(id).map_or(Value::Null, |comment| wire::comment(store, ticket, comment, inline));
    let mut answer = paging::keyed(store, call, "comments", &ids, render)?;
    if call.includes("users") {
        let authors: BTreeSet<u64> =
            answer["comments"].as_array().into_iter().flatten().filter_map(|comment| id_of(&comment["author_id"])).collect();
        let users = authors.iter().filter_map(|id| store.people.users.get(id));
        answer["users"] = users.map(|user| wire::user(store, user)).collect();
    }
    Answer::ok(answer)
}

/// `GET /api/v2/tickets/{id}/comments/count`
pub fn count(store: &mut Store, call: &Call) -> Outcome {
    let count = seen(store, call)?.comments.len();
    Answer::ok(json!({"count": {"value": count, "refreshed_at": stamp(store.now())}}))
}

/// `GET /api/v2/tickets/{id}/audits`
pub fn audits(store: &mut Store, call: &Call) -> Outcome {
    let ticket = seen(store, call)?;
    let mut ids: Vec<u64> = ticket.audits.iter().map(|audit| audit.id).collect();
    if descending(call) {
        ids.reverse();
    }
    let find = |id| ticket.audits.iter().find(|audit| audit.id == id);
    Answer::ok(paging::keyed(store, call, "audits", &ids, |id| {
        find(id).map_or(Value::Null, |audit| wire::audit(store, ticket, audit))
    })?)
}

/// `GET /api/v2/tickets/{id}/audits/{id}`
pub fn audit(store: &mut Store, call: &Call) -> Outcome {
    let (ticket, id) = (seen(store, call)?, call.id(1)?);
    let audit = ticket.audits.iter().find(|audit| audit.id == id).ok_or_else(Refusal::not_found)?;
    Answer::ok(json!({"audit": wire::audit(store, ticket, audit)}))
}

/// `GET /api/v2/tickets/{id}/audits/count`
pub fn audit_count(store: &mut Store, call: &Call) -> Outcome {
    let count = seen(store, call)?.audits.len();
    Answer::ok(json!({"count": {"value": count, "refreshed_at": stamp(store.now())}}))
}

/// Changes one comment of a ticket. Errors: 404, 422 for closed tickets.
fn edit(store: &mut Store, ticket: u64, comment: u64, deed: Deed, edit: impl FnOnce(&mut Comment)) -> Result<(), Refusal> {
    let mut ticket = store.open_ticket(ticket)?.clone();
    let place = ticket.comments.iter().position(|one| one.id == comment).ok_or_else(Refusal::not_found)?;
    let mut changed = (*ticket.comments[place]).clone();
    edit(&mut changed);
    ticket.comments[place] = Arc::new(changed);
    commit(store, ticket, None, Deed { rules: false, ..deed });
    Ok(())
}

/// Takes words out of a comment for good, in the text and in the HTML.
pub fn redact_words(store: &mut Store, ticket: u64, comment: u64, words: &str, deed: Deed) -> Result<(), Refusal> {
    let blocks: String = words.chars().map(|_| BLOCK).collect();
    let escaped = super::html::escape(words);
    let told = json!({"type": "CommentRedactionEvent", "comment_id": comment});
    let deed = deed.telling(told, ("comment_redacted", json!({"comment": {"id": comment.to_string()}})));
    edit(store, ticket, comment, deed, |comment| {
        comment.plain = comment.plain.replace(words, &blocks);
        comment.html = comment.html.replace(words, &blocks).replace(&escaped, &blocks);
    })
}

/// Makes a public comment internal.
pub fn hide(store: &mut Store, ticket: u64, comment: u64, deed: Deed) -> Result<(), Refusal> {
    let told = json!({"type": "CommentPrivacyChange", "comment_id": comment, "public": false});
    let deed = deed.telling(told, ("comment_made_private", json!({"comment": {"id": comment.to_string(), "is_public": false}})));
    edit(store, ticket, comment, deed, |comment| comment.public = false)
}

fn comment_told(store: &Store, ticket: u64, comment: u64) -> Outcome {
    let ticket = store.ticket(ticket)?;
    let comment = ticket.comment(comment).ok_or_else(Refusal::not_found)?;
    Answer::ok(json!({"comment": wire::comment(store, ticket, comment, true)}))
}

/// `PUT /api/v2/tickets/{id}/comments/{id}/redact`
pub fn redact(store: &mut Store, call: &Call) -> Outcome {
    let (ticket, comment) = (call.id(0)?, call.id(1)?);
    let wanted = call.object()?;
    let words = wanted.get("text").and_then(Value::as_str).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| Refusal::bad_request("Parameter text is required"))?;
    let deed = Deed::by_api(store, call.actor);
    redact_words(store, ticket, comment, words, deed)?;
    comment_told(store, ticket, comment)
}

/// `PUT /api/v2/comment_redactions/{id}`: what stands in `<redact>` is redacted; also whole attachments.
pub fn redact_marked(store: &mut Store, call: &Call) -> Outcome {
    let comment = call.id(0)?;
    let wanted = call.object()?;
    let ticket = wanted.get("ticket_id").and_then(id_of).or(store.home_of(comment)).ok_or_else(Refusal::not_found)?;
    let html = wanted.get("html_body").and_then(Value::as_str).unwrap_or_default();
    let marked: Vec<String> = html
        .split("<redact>")
        .skip(1)
        .filter_map(|rest| rest.split_once("</redact>").map(|(words, _)| super::html::to_plain(words)))
        .filter(|words| !words.is_empty())
        .collect();
    for words in marked {
        let deed = Deed::by_api(store, call.actor);
        redact_words(store, ticket, comment, &words, deed)?;
    }
    let urls = wanted.get("external_attachment_urls").and_then(Value::as_array).cloned().unwrap_or_default();
    let named = urls.iter().filter_map(Value::as_str).filter_map(|url| {
        let token = url.split("/attachments/token/").nth(1)?.split(['/', '?']).next()?;
        store.files.by_token(token).map(|file| file.id)
    });
    let named: Vec<u64> = named.collect();
    for file in named {
        redact_file(store, ticket, comment, file, call.actor)?;
    }
    comment_told(store, ticket, comment)
}

/// `PUT /api/v2/tickets/{id}/comments/{id}/make_private`
pub fn make_private(store: &mut Store, call: &Call) -> Outcome {
    let deed = Deed::by_api(store, call.actor);
    hide(store, call.id(0)?, call.id(1)?, deed)?;
    Answer::ok(json!({}))
}

/// `PUT /api/v2/tickets/{id}/audits/{id}/make_private`
pub fn make_audit_private(store: &mut Store, call: &Call) -> Outcome {
    let (ticket, audit) = (call.id(0)?, call.id(1)?);
    let comment = store.ticket(ticket)?.comments.iter().find(|comment| comment.audit == audit).map(|comment| comment.id);
    let deed = Deed::by_api(store, call.actor);
    hide(store, ticket, comment.ok_or_else(Refusal::not_found)?, deed)?;
    Answer::ok(json!({}))
}

fn redact_file(store: &mut Store, ticket: u64, comment: u64, file: u64, actor: u64) -> Result<(), Refusal> {
    let known = store.ticket(ticket)?.comment(comment).is_some_and(|comment| comment.attachments.contains(&file));
    if !known {
        return Err(Refusal::not_found());
    }
    let told = json!({"type": "AttachmentRedactionEvent", "comment_id": comment, "attachment_id": file});
    let about = json!({"comment": {"id": comment.to_string(), "attachment": {"id": file.to_string()}}});
    let deed = Deed::by_api(store, actor).telling(told, ("attachment_redacted_from_comment", about));
    edit(store, ticket, comment, deed, |_| {})?;
    if let Some(file) = store.files.by_id.get_mut(&file) {
        // As documented: an empty file of this name takes its place.
        file.name = "redacted.txt".to_string();
        file.content_type = "text/plain".to_string();
        file.bytes = bytes::Bytes::new();
        file.sha256 = super::files::digest(&[]);
    }
    Ok(())
}

/// `PUT /api/v2/tickets/{id}/comments/{id}/attachments/{id}/redact`
pub fn redact_attachment(store: &mut Store, call: &Call) -> Outcome {
    let file = call.id(2)?;
    redact_file(store, call.id(0)?, call.id(1)?, file, call.actor)?;
    let file = store.files.by_id.get(&file).ok_or_else(Refusal::not_found)?;
    Answer::ok(json!({"attachment": wire::attachment(store, file)}))
}

/// `GET /api/v2/tickets/{id}/tags`
pub fn tags(store: &mut Store, call: &Call) -> Outcome {
    Answer::ok(json!({"tags": seen(store, call)?.tags}))
}

/// `POST` sets, `PUT` adds, `DELETE /api/v2/tickets/{id}/tags` takes away.
pub fn change_tags(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.object()?;
    let mut ticket = store.open_ticket(call.id(0)?)?.clone();
    check_stamp(&ticket, &wanted)?;
    let mut named = wanted.get("tags").map(tags_of).unwrap_or_default();
    named.extend(call.query("tags").map(|text| tags_of(&json!(text))).unwrap_or_default());
    let tags: BTreeSet<String> = match call.method.as_str() {
        "POST" => named,
        "PUT" => ticket.tags.union(&named).cloned().collect(),
        _ => ticket.tags.difference(&named).cloned().collect(),
    };
    set_tags(&mut ticket, tags, &store.stock);
    let id = ticket.id;
    let deed = Deed::by_api(store, call.actor);
    commit(store, ticket, None, deed);
    let told = json!({"tags": store.ticket(id)?.tags});
    if call.method == "POST" { Answer::created(told) } else { Answer::ok(told) }
}
