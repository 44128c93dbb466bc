//! Writes to a ticket that is there. Each is decided on the ticket as it is now and sent with compare-and-set, so that the
//! tag that keeps the account's triggers silent is on the ticket when they look.

use reqwest::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json, json};

use crate::connectors::contract::Download;
use crate::connectors::contract::Upload;
use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::field::Fields;
use crate::desk::id::{MessageId, TicketId};
use crate::desk::ticket::{Link, LinkKind};
use crate::desk::write::{Handle, NewMessage, Outcome, Staged, Write, Written};

use super::Zendesk;
use super::api::{about, general};
use super::create::{Files, comment};
use super::fields::time;
use super::jobs::{self, JobAnswer};
use super::read::lag_behind;
use super::translate::{KEY_NAME, key_in};
use super::wire::{Audit, Event, Id, Ticket};

const UPDATE: Call = general("update ticket");
const MERGE: Call = general("merge ticket");
const DELETE: Call = general("delete ticket");

/// A ticket that changes between reading and writing is read anew so often.
pub(super) const TRIES: u32 = 3;
/// What an update answers. Without the ticket it is not the desk's answer, and whether the ticket was written is unknown.
#[derive(Debug, Deserialize)]
struct Updated {
    #[serde(rename = "ticket")]
    _ticket: IgnoredAny,
    #[serde(default)]
    audit: Option<MadeAudit>,
}

#[derive(Debug, Default, Deserialize)]
struct MadeAudit {
    #[serde(default)]
    events: Vec<Event>,
}

impl Zendesk {
    /// Makes one write.
    pub(super) async fn perform(&self, write: &Write) -> Result<Outcome, Fault> {
        match write {
            Write::Create(new) => {
                let written = self.import(new).await.map_err(about(format_args!("new ticket `{}`", new.key)))?;
                Ok(Outcome::Done(written))
            }
            Write::SetFields { ticket, fields, expect } => {
                self.set_fields(ticket, fields, expect.as_deref()).await.map_err(about(format_args!("ticket {ticket}")))
            }
            Write::AddMessage { ticket, message } => {
                self.add_message(ticket, message).await.map_err(about(format_args!("ticket {ticket}")))
            }
            Write::Restrict { ticket, message, how } => {
                let done = self.restrict(ticket, message, how).await;
                done.map_err(about(format_args!("ticket {ticket}, comment {message}")))
            }
            Write::AddLink { ticket, link } => {
                self.link(ticket, link, true).await.map_err(about(format_args!("ticket {ticket}")))
            }
            Write::RemoveLink { ticket, link } => {
                self.link(ticket, link, false).await.map_err(about(format_args!("ticket {ticket}")))
            }
            Write::Merge { ticket, into } => self.merge(ticket, into).await.map_err(about(format_args!("ticket {ticket}"))),
            Write::Delete { ticket } => self.delete(ticket).await.map_err(about(format_args!("ticket {ticket}"))),
            Write::SetKey { ticket, key, number_there } => {
                self.set_key(ticket, key, number_there).await.map_err(about(format_args!("ticket {ticket}")))
            }
        }
    }

    /// Two calls, three where the decision was made on a stamp.
    async fn set_fields(&self, id: &TicketId, fields: &Fields, expect: Option<&str>) -> Result<Outcome, Fault> {
        for _ in 0..TRIES {
            let current = self.changeable(id).await?;
            if let Some(expect) = expect
                && moved_since(expect, &self.audits_up_to(&current).await?)
            {
                return Ok(Outcome::Moved);
            }
            let body = self.encoded(fields, Some(&current)).await?;
            if body.is_empty() {
                return Ok(Outcome::Done(Written::default()));
            }
            if self.put(&current, body, &self.settings.mirror).await?.is_some() {
                return Ok(Outcome::Done(Written { ticket: Some(id.clone()), ..Written::default() }));
            }
            if expect.is_some() {
                break;
            }
        }
        Ok(Outcome::Moved)
    }

    /// The newest audits, asked for once more when they are older than the ticket: a lagging copy may have answered.
    async fn audits_up_to(&self, current: &Ticket) -> Result<Vec<Audit>, Fault> {
        let id = TicketId::new(&current.id);
        let audits = self.newest_audits(&id).await?;
        if lag_behind(&audits, current) { self.newest_audits(&id).await } else { Ok(audits) }
    }

    /// Two calls. The comment's id is in the audit that the answer brings.
    async fn add_message(&self, id: &TicketId, message: &NewMessage) -> Result<Outcome, Fault> {
        let body = comment(message, &self.files_of(message).await?);
        for _ in 0..TRIES {
            let current = self.changeable(id).await?;
            let mut ticket = self.encoded(&Fields::new(), Some(&current)).await?;
            ticket.insert("comment".to_string(), Json::Object(body.clone()));
            let Some(updated) = self.put(&current, ticket, &message.key).await? else { continue };
            return Ok(Outcome::Done(added(id, message, &updated.audit.unwrap_or_default().events)));
        }
        Ok(Outcome::Moved)
    }

    /// A problem and its incidents are the only links that Zendesk has.
    async fn link(&self, id: &TicketId, link: &Link, add: bool) -> Result<Outcome, Fault> {
        if link.kind != LinkKind::Parent {
            return Err(Fault::refused("Zendesk links tickets only as incident and problem"));
        }
        let to = Id::new(link.to.as_str());
        if add {
            self.make_problem(&link.to).await?;
        }
        for _ in 0..TRIES {
            let current = self.changeable(id).await?;
            let linked = current.id_at("problem_id").as_ref() == Some(&to);
            if linked == add {
                return Ok(Outcome::Done(Written::default()));
            }
            let mut body = self.encoded(&Fields::new(), Some(&current)).await?;
            body.extend(link_body(&to, add));
            if self.put(&current, body, &self.settings.mirror).await?.is_some() {
                return Ok(Outcome::Done(Written::default()));
            }
        }
        Ok(Outcome::Moved)
    }

    /// Only a problem can have incidents. A ticket that has no type becomes one; another type is left to people.
    async fn make_problem(&self, id: &TicketId) -> Result<(), Fault> {
        for _ in 0..TRIES {
            let current = self.plain_ticket(id).await?;
            let typed = current.rest.get("type").is_some_and(Json::is_string);
            if typed || current.status == "closed" {
                return Ok(());
            }
            let mut body = self.encoded(&Fields::new(), Some(&current)).await?;
            body.insert("type".to_string(), json!("problem"));
            if self.put(&current, body, &self.settings.mirror).await?.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Two calls. A tag for the number is added to those that are there.
    async fn set_key(&self, id: &TicketId, key: &str, number: &str) -> Result<Outcome, Fault> {
        for _ in 0..TRIES {
            let current = self.changeable(id).await?;
            let mut body = self.encoded(&Fields::new(), Some(&current)).await?;
            body.entry("tags").or_insert_with(|| json!(current.tags.clone().unwrap_or_default()));
            self.add_key(key, &mut body).await?;
            self.add_number(number, &mut body).await?;
            if self.put(&current, body, &self.settings.mirror).await?.is_some() {
                return Ok(Outcome::Done(Written { ticket: Some(id.clone()), ..Written::default() }));
            }
        }
        Ok(Outcome::Moved)
    }

    /// The ticket as it is now. Errors: `Refused` when it is closed.
    async fn changeable(&self, id: &TicketId) -> Result<Ticket, Fault> {
        let current = self.plain_ticket(id).await?;
        match current.status.as_str() {
            "closed" => Err(Fault::refused("it is closed, and closed tickets cannot be changed any more")),
            _ => Ok(current),
        }
    }

    /// One update with compare-and-set. `None`: the ticket changed since `current`, nothing was written.
    async fn put(&self, current: &Ticket, mut ticket: Map<String, Json>, mark: &str) -> Result<Option<Updated>, Fault> {
        ticket.insert("safe_update".to_string(), json!(true));
        ticket.insert("updated_stamp".to_string(), json!(time(current.updated_at)));
        ticket.insert("metadata".to_string(), json!({ KEY_NAME: mark }));
        let url = self.url(&format!("tickets/{}", current.id), &[]);
        let answer = self.send(UPDATE, Method::PUT, url, Some(&json!({ "ticket": ticket })), &[409]).await?;
        if answer.status == 409 {
            return Ok(None);
        }
        answer.json(UPDATE).map(Some)
    }

    /// A background job of the desk, waited for. Both comments are ours and internal.
    async fn merge(&self, id: &TicketId, into: &TicketId) -> Result<Outcome, Fault> {
        self.silence(into).await?;
        self.silence(id).await?;
        let body = json!({
            "ids": [Id::new(id.as_str())],
            "target_comment": format!("Ticket #{id} was merged into this one. [tidegate]"),
            "source_comment": format!("This ticket was merged into #{into}. [tidegate]"),
            "target_comment_is_public": false,
            "source_comment_is_public": false,
        });
        let url = self.url(&format!("tickets/{into}/merge"), &[]);
        let answer = self.send(MERGE, Method::POST, url, Some(&body), &[]).await?;
        let started: JobAnswer = answer.json(MERGE)?;
        match jobs::failure(&self.end_of(MERGE, started.job_status).await?) {
            None => Ok(Outcome::Done(Written { ticket: Some(into.clone()), ..Written::default() })),
            Some(why) => Err(Fault::refused(format!("{}: the desk's job failed{why}", MERGE.kind))),
        }
    }

    /// A soft deletion. One that the desk no longer shows is deleted, or was never ours to see: the read-back tells.
    async fn delete(&self, id: &TicketId) -> Result<Outcome, Fault> {
        self.silence(id).await?;
        self.send(DELETE, Method::DELETE, self.url(&format!("tickets/{id}"), &[]), None, &[404]).await?;
        Ok(Outcome::Done(Written::default()))
    }

    /// Tokens and addresses of a message's files; what still has to be uploaded is.
    pub(super) async fn files_of(&self, message: &NewMessage) -> Result<Files, Fault> {
        let mut files = Files::default();
        for staged in &message.attachments {
            let handle = match &staged.handle {
                Handle::Bytes(bytes) => self.upload(upload_of(staged, bytes.clone())).await?.handle,
                uploaded => uploaded.clone(),
            };
            let Handle::Uploaded { token, url } = handle else { continue };
            files.tokens.push(token);
            files.urls.extend(url.map(|url| (staged.source.to_string(), url)));
        }
        Ok(files)
    }

    /// The comments that carry this key in their audit's metadata, oldest first.
    pub(super) async fn messages_with_key(&self, id: &TicketId, key: &str) -> Result<Vec<MessageId>, Fault> {
        let audits = self.all_audits(id).await.map_err(about(format_args!("ticket {id}")))?;
        let with_key = audits.iter().filter(|audit| key_in(&audit.metadata).as_deref() == Some(key));
        let events = with_key.flat_map(|audit| &audit.events).filter(|event| event.kind == "Comment");
        let mut ids: Vec<Id> = events.filter_map(|event| Id::of(&event.id)).collect();
        ids.sort_by_key(Id::number);
        Ok(ids.into_iter().map(MessageId::new).collect())
    }
}

/// What became of a message, as the audit of the update tells. Zendesk may leave out a file whose token it no longer has.
fn added(id: &TicketId, message: &NewMessage, events: &[Event]) -> Written {
    let made = events.iter().find(|event| event.kind == "Comment");
    let files = message.attachments.iter().filter(|file| !file.inline).count();
    let shown = made.and_then(|event| event.attachments.as_ref()).map_or(files, Vec::len);
    let missing = (shown < files).then(|| format!("{} of {files} files were not attached", files - shown));
    let made = made.and_then(|event| Id::of(&event.id));
    Written {
        ticket: Some(id.clone()),
        messages: made.map(|made| (message.key.clone(), MessageId::new(made))).into_iter().collect(),
        remarks: missing.into_iter().collect(),
    }
}

fn link_body(to: &Id, add: bool) -> Map<String, Json> {
    let mut body = Map::new();
    if add {
        body.insert("type".to_string(), json!("incident"));
    }
    body.insert("problem_id".to_string(), if add { json!(to) } else { Json::Null });
    body
}

/// Whether something happened after the audit that the decision was made on.
fn moved_since(expect: &str, newest: &[Audit]) -> bool {
    match expect.parse::<i64>() {
        Ok(expect) => newest.iter().any(|audit| audit.id.number() > expect),
        Err(_) => !newest.is_empty(),
    }
}

fn upload_of(staged: &Staged, bytes: bytes::Bytes) -> Upload {
    let download = Download { size: Some(bytes.len() as u64), bytes: Box::pin(futures_util::stream::iter([Ok(bytes)])) };
    Upload {
        source: staged.source.clone(),
        name: staged.name.clone(),
        content_type: staged.content_type.clone(),
        inline: staged.inline,
        download,
    }
}
