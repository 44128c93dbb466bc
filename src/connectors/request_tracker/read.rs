//! Reading a ticket whole and not torn, and its files.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use reqwest::Method;
use reqwest::header::IF_NONE_MATCH;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

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
/// Conditions on one field are alternatives in RT's JSON search; so many keep the address under 4 KiB.
const VALUES_AT_ONCE: usize = 40;
const HISTORY_FIELDS: &str = "Type,Field,OldValue,NewValue,Creator,Created,CustomFields";
const PART_FIELDS: &str = "TransactionId,ContentType,Filename,Headers,ContentLength";

impl RequestTracker {
    pub(super) async fn read_ticket(&self, ticket: &TicketId) -> Result<Read, Fault> {
        let mut tries = 0;
        loop {
            tries += 1;
            let Some((json, before)) = self.ticket_json(ticket).await? else { return Ok(Read::Missing) };
            let material = self.material(json, before.clone()).await?;
            let whole = self.is_unchanged(&material.ticket.id.0, &before).await?;
            if whole || tries == TRIES {
                let layout = self.layout_for(&material.ticket).await?;
                let read = Box::new(translate::ticket(ticket, &material, &layout, &self.settings)?);
                return Ok(if whole { Read::Found(read) } else { Read::Torn(read) });
            }
        }
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
        let history = self.history(&id, &stamp).await?;
        let mut material = Material { ticket, stamp, history, parts: Vec::new(), texts: BTreeMap::new() };
        if material.ticket.status == "deleted" {
            return Ok(material);
        }
        let messages = material.history.iter().filter(|transaction| translate::is_message(transaction));
        let messages: Vec<&str> = messages.map(|transaction| transaction.id.0.as_str()).collect();
        // Only messages: RT keeps three parts of each mail that it sent, too.
        material.parts = self.parts_of(&id, "TransactionId", &messages, PART_FIELDS).await?;
        let bodies: Vec<&PartJson> = messages.iter().filter_map(|message| body_of(message, &material.parts)).collect();
        material.texts = self.texts(&id, &bodies).await?;
        Ok(material)
    }

    /// All transactions, oldest first. What the user may not see is taken out of a page after it was cut, so that a short page
    /// proves nothing; having seen the transaction that the stamp names does.
    pub(super) async fn history(&self, ticket: &str, stamp: &str) -> Result<Vec<TransactionJson>, Fault> {
        let is_last = |items: &[TransactionJson]| items.is_empty() || items.iter().any(|item| item.id.0 == stamp);
        let (path, query) = (["ticket", ticket, "history"], [("fields", HISTORY_FIELDS)]);
        let mut history: Vec<TransactionJson> = self.pages(call("read history"), &path, &query, is_last).await?;
        history.sort_by_key(TransactionJson::number);
        history.dedup_by(|a, b| a.id == b.id);
        Ok(history)
    }

    /// The parts of a ticket whose `field` is one of `values`, in as few calls as the length of an address allows. We may see
    /// all of them, so a short page is the last.
    pub(super) async fn parts_of<T: DeserializeOwned>(
        &self,
        ticket: &str,
        field: &str,
        values: &[&str],
        fields: &str,
    ) -> Result<Vec<T>, Fault> {
        let mut all = Vec::new();
        for some in values.chunks(VALUES_AT_ONCE) {
            let conditions: Vec<Json> = some.iter().map(|value| json!({ "field": field, "value": value })).collect();
            let query = Json::Array(conditions).to_string();
            let query = [("query", query.as_str()), ("fields", fields)];
            all.extend(self.visible::<T>(call("read attachments"), &["ticket", ticket, "attachments"], &query).await?);
        }
        Ok(all)
    }

    /// The texts of the messages, many in one call: the list gives text decoded, where a single attachment is base64.
    async fn texts(&self, ticket: &str, bodies: &[&PartJson]) -> Result<BTreeMap<String, String>, Fault> {
        let filled: Vec<&str> =
            bodies.iter().filter(|body| body.content_length.0 != "0").map(|body| body.id.0.as_str()).collect();
        let found: Vec<TextJson> = self.parts_of(ticket, "id", &filled, "Content").await?;
        let mut texts: BTreeMap<String, String> = found.into_iter().filter_map(|text| Some((text.id.0, text.content?))).collect();
        for id in filled {
            if !texts.contains_key(id) {
                let bytes = self.attachment_bytes(id).await?;
                texts.insert(id.to_string(), String::from_utf8_lossy(&bytes).into_owned());
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

fn body_of<'a>(message: &str, parts: &'a [PartJson]) -> Option<&'a PartJson> {
    let own: Vec<&PartJson> = parts.iter().filter(|part| part.transaction_id.0 == message).collect();
    mime::body_of(&own)
}
