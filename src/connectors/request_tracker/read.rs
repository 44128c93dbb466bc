//! Reading a ticket whole and not torn, and its files.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use reqwest::Method;
use reqwest::header::IF_NONE_MATCH;

use crate::connectors::contract::{Download, Read};
use crate::connectors::fault::Fault;
use crate::desk::id::TicketId;
use crate::desk::ticket::{Attachment, AttachmentState};

use super::RequestTracker;
use super::api::{call, stamp};
use super::mime;
use super::translate::{self, Material};
use super::wire::{AttachmentJson, PartJson, TextJson, TicketJson, TransactionJson};

/// How often a torn read is tried again before it is said to be torn.
const TRIES: usize = 3;
/// Transactions whose texts are asked for in one call: the query stays under 8 KiB.
const TEXTS_AT_ONCE: usize = 40;
const HISTORY_FIELDS: &str = "Type,Field,OldValue,NewValue,Creator,Created,CustomFields";
const PART_FIELDS: &str = "TransactionId,ContentType,Filename,Headers,ContentLength";

impl RequestTracker {
    pub(super) async fn read_ticket(&self, ticket: &TicketId) -> Result<Read, Fault> {
        for _ in 0..TRIES {
            let Some((json, before)) = self.ticket_json(ticket).await? else { return Ok(Read::Missing) };
            let material = self.material(json, before.clone()).await?;
            if self.is_unchanged(&material.ticket.id.0, &before).await? {
                let layout = self.layout_for(&material.ticket).await?;
                let read = translate::ticket(ticket, &material, &layout, &self.settings)?;
                return Ok(Read::Found(Box::new(read)));
            }
        }
        Ok(Read::Torn)
    }

    /// The ticket's own object and its stamp. `None` for 404.
    pub(super) async fn ticket_json(&self, ticket: &TicketId) -> Result<Option<(TicketJson, String)>, Fault> {
        let call = call("read ticket");
        let answer = self.send(call, self.request(Method::GET, &["ticket", ticket.as_str()], &[])?, &[404]).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        Ok(Some((answer.json(call)?, stamp(&answer)?)))
    }

    async fn is_unchanged(&self, ticket: &str, before: &str) -> Result<bool, Fault> {
        let request = self.request(Method::GET, &["ticket", ticket], &[])?.header(IF_NONE_MATCH, format!("\"{before}\""));
        let answer = self.send(call("check ticket stamp"), request, &[304]).await?;
        Ok(answer.status == 304)
    }

    async fn material(&self, ticket: TicketJson, stamp: String) -> Result<Material, Fault> {
        let id = ticket.id.0.clone();
        let mut history: Vec<TransactionJson> =
            self.all(call("read history"), &["ticket", &id, "history"], &[("fields", HISTORY_FIELDS)]).await?;
        history.sort_by_key(TransactionJson::number);
        history.dedup_by(|a, b| a.id == b.id);
        if ticket.status == "deleted" {
            return Ok(Material { ticket, stamp, history, parts: Vec::new(), texts: BTreeMap::new() });
        }
        let mut parts: Vec<PartJson> =
            self.all(call("list attachments"), &["ticket", &id, "attachments"], &[("fields", PART_FIELDS)]).await?;
        let messages: Vec<&str> = history
            .iter()
            .filter(|transaction| translate::is_message(transaction))
            .map(|transaction| transaction.id.0.as_str())
            .collect();
        parts.retain(|part| messages.contains(&part.transaction_id.0.as_str()));
        let texts = self.texts(&id, &messages, &parts).await?;
        Ok(Material { ticket, stamp, history, parts, texts })
    }

    /// The texts of the messages, many in one call: the list gives text decoded, where a single attachment is base64.
    async fn texts(&self, ticket: &str, messages: &[&str], parts: &[PartJson]) -> Result<BTreeMap<String, String>, Fault> {
        let bodies: Vec<&PartJson> = messages
            .iter()
            .filter_map(|message| {
                let own: Vec<&PartJson> = parts.iter().filter(|part| part.transaction_id.0 == **message).collect();
                mime::body_of(&own)
            })
            .collect();
        let mut texts = BTreeMap::new();
        for some in bodies.chunks(TEXTS_AT_ONCE) {
            let query = text_query(some);
            let fields = [("fields", "Content"), ("query", query.as_str())];
            let found: Vec<TextJson> = self.all(call("read texts"), &["ticket", ticket, "attachments"], &fields).await?;
            texts.extend(found.into_iter().filter_map(|text| Some((text.id.0, text.content?))));
        }
        for body in bodies.iter().filter(|body| body.content_length.0 != "0") {
            if !texts.contains_key(&body.id.0) {
                let bytes = self.attachment_bytes(&body.id.0).await?;
                texts.insert(body.id.0.clone(), String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(texts)
    }

    pub(super) async fn attachment_bytes(&self, id: &str) -> Result<Bytes, Fault> {
        let call = call("read attachment");
        let found: Option<AttachmentJson> = self.find(call, &["attachment", id]).await?;
        let attachment = found.ok_or_else(|| Fault::refused(format!("read attachment: RT has no attachment {id}")))?;
        let encoded: String = attachment.content.unwrap_or_default().split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(encoded);
        bytes.map(Bytes::from).map_err(|_| Fault::unreadable(format!("read attachment: attachment {id} is not base64")))
    }

    /// RT hands out files only as base64 inside JSON, so they are whole in memory for a moment.
    pub(super) async fn download_file(&self, attachment: &Attachment) -> Result<Download, Fault> {
        if attachment.state != AttachmentState::Ready {
            return Err(Fault::refused(format!("read attachment: attachment {} is not there any more", attachment.id)));
        }
        let bytes = self.attachment_bytes(&attachment.locator).await?;
        Ok(Download { size: Some(bytes.len() as u64), bytes: stream::iter([Ok(bytes)]).boxed() })
    }
}

/// The texts of these parts, as RT's JSON search: conditions on one field are alternatives, different fields must all hold.
fn text_query(parts: &[&PartJson]) -> String {
    let ids = parts.iter().map(|part| serde_json::json!({ "field": "id", "value": part.id.0 }));
    serde_json::Value::Array(ids.collect()).to_string()
}
