//! Making a ticket: by Zendesk's import, which keeps times and authors and runs no triggers.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Map, Value as Json, json};

use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::body::{Body, escape_html};
use crate::desk::field::{FieldKey, Fields};
use crate::desk::id::{MessageId, TicketId};
use crate::desk::ticket::{LinkKind, Visibility};
use crate::desk::write::{NewMessage, NewTicket, Written};

use super::api::general;
use super::fields::{Known, Unknown, decode, encode, time};
use super::translate::links;
use super::wire::{Id, Ticket};
use super::{KeyField, Zendesk, html};

const IMPORT: Call = general("import ticket");
const FIND: Call = general("find ticket");

/// What became of the files of a message at the desk.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub tokens: Vec<String>,
    /// Where inline images are, by the attachment's id at the source.
    pub urls: BTreeMap<String, String>,
}

/// A comment as Zendesk takes it, in an import or an update.
pub(super) fn comment(message: &NewMessage, files: &Files) -> Map<String, Json> {
    let html = match &message.body {
        Body::Html(html) => html::inline_from_neutral(html, |source| files.urls.get(source).map(String::as_str)),
        Body::Text(text) => escape_html(text).replace('\n', "<br>\n"),
    };
    let html = if message.body.is_blank() { "&nbsp;".to_string() } else { html };
    let mut out = Map::new();
    out.insert("html_body".to_string(), json!(html));
    out.insert("public".to_string(), json!(message.visibility == Visibility::Public));
    if let Some(author) = &message.author {
        out.insert("author_id".to_string(), json!(Id::new(author.as_str())));
    }
    if !files.tokens.is_empty() {
        out.insert("uploads".to_string(), json!(files.tokens));
    }
    out
}

/// Adds to a list of the ticket.
fn push(ticket: &mut Map<String, Json>, key: &str, value: Json) {
    if let Some(list) = ticket.entry(key).or_insert_with(|| json!([])).as_array_mut() {
        list.push(value);
    }
}

/// Says so where the answer lacks the closed ticket that was to be followed up.
fn not_linked(made: &Ticket, closed: &TicketId) -> Option<String> {
    let linked = links(made).iter().any(|link| link.kind == LinkKind::RefersTo && link.to == *closed);
    (!linked).then(|| format!("Zendesk does not show the new ticket as a follow-up of {closed}"))
}

impl Zendesk {
    /// One call for the import and one per 100 comments to learn their ids.
    pub(super) async fn import(&self, new: &NewTicket) -> Result<Written, Fault> {
        let body = json!({ "ticket": self.import_body(new).await? });
        let answer = self.send(IMPORT, Method::POST, self.url("imports/tickets", &[]), Some(&body), &[]).await?;
        let mut made: Json = answer.json(IMPORT)?;
        let made = made.get_mut("ticket").map(Json::take).unwrap_or_default();
        let id = made.get("id").and_then(Id::of).map(TicketId::new);
        let id = id.ok_or_else(|| Fault::unreadable(format!("{}: the desk gave no id", IMPORT.kind)))?;
        let (messages, mut remarks) = self.imported_messages(&id, &new.messages).await;
        if let Ok(shown) = serde_json::from_value::<Ticket>(made) {
            remarks.extend(self.not_taken(&shown, &new.fields).await.unwrap_or_default());
            remarks.extend(new.continues.as_ref().and_then(|closed| not_linked(&shown, closed)));
        }
        Ok(Written { ticket: Some(id), messages, remarks })
    }

    async fn import_body(&self, new: &NewTicket) -> Result<Map<String, Json>, Fault> {
        let mut comments = Vec::new();
        let me = self.directory().await?.me.clone();
        for message in &new.messages {
            let mut body = comment(message, &self.files_of(message).await?);
            if let (None, Some(me)) = (&message.author, &me) {
                // Without an author an import takes the requester for it: an agent's note would seem to be the customer's.
                body.insert("author_id".to_string(), json!(me));
            }
            body.insert("created_at".to_string(), json!(time(message.created_at)));
            comments.push(Json::Object(body));
        }
        let mut ticket = self.encoded(&new.fields, None).await?;
        self.add_key(&new.key, &mut ticket).await?;
        self.add_number(&new.number_there, &mut ticket).await?;
        // As documented by Zendesk: works with closed tickets only, and an import takes the properties of any ticket.
        if let Some(closed) = &new.continues {
            ticket.insert("via_followup_source_id".to_string(), json!(Id::new(closed.as_str())));
        }
        ticket.insert("created_at".to_string(), json!(time(new.created_at)));
        ticket.insert("updated_at".to_string(), json!(time(new.updated_at)));
        if matches!(ticket.get("status").and_then(Json::as_str), Some("solved" | "closed")) {
            ticket.insert("solved_at".to_string(), json!(time(new.updated_at)));
        }
        ticket.insert("comments".to_string(), Json::Array(comments));
        Ok(ticket)
    }

    /// The ids of imported comments, which are made in the order in which they were given. What cannot be told now is found
    /// by reading the ticket.
    async fn imported_messages(&self, id: &TicketId, given: &[NewMessage]) -> (Vec<(String, MessageId)>, Vec<String>) {
        let Ok((mut comments, _)) = self.comments(id).await else { return (Vec::new(), Vec::new()) };
        if comments.len() != given.len() {
            let remark = format!("{} messages were imported, the ticket shows {}", given.len(), comments.len());
            return (Vec::new(), vec![remark]);
        }
        comments.sort_by_key(|comment| comment.id.number());
        let pairs = given.iter().zip(&comments).map(|(message, comment)| (message.key.clone(), MessageId::new(&comment.id)));
        (pairs.collect(), Vec::new())
    }

    /// Fields that the answer shows otherwise than they were asked for.
    async fn not_taken(&self, made: &Ticket, asked: &Fields) -> Result<Vec<String>, Fault> {
        let directory = self.directory().await?;
        let organisation = match made.id_at("organization_id") {
            Some(id) => self.organisation_of(&id).await?.map(|name| (id, name)),
            None => None,
        };
        let shown = decode(made, &Known { settings: &self.settings, directory: &directory, organisation });
        let differs = |key: &&FieldKey| shown.get(key).is_some_and(|value| Some(value) != asked.get(key));
        Ok(asked.keys().filter(differs).map(|key| format!("the import did not take the field `{key}` as it was given")).collect())
    }

    pub(super) async fn add_key(&self, key: &str, ticket: &mut Map<String, Json>) -> Result<(), Fault> {
        let KeyField::Custom(name) = &self.settings.key_field else {
            ticket.insert("external_id".to_string(), json!(key));
            return Ok(());
        };
        let id = self.own_field_id(name).await?;
        push(ticket, "custom_fields", json!({ "id": id, "value": key }));
        Ok(())
    }

    /// Where agents find the ticket by its number in the other desk: the field that was made for it, else a tag.
    pub(super) async fn add_number(&self, number: &str, ticket: &mut Map<String, Json>) -> Result<(), Fault> {
        match &self.settings.number_field {
            Some(name) => {
                let id = self.own_field_id(name).await?;
                push(ticket, "custom_fields", json!({ "id": id, "value": number }));
            }
            None if self.settings.ticket_tag.is_empty() => {}
            None => push(ticket, "tags", json!(self.settings.number_tag(number))),
        }
        Ok(())
    }

    async fn own_field_id(&self, name: &str) -> Result<Id, Fault> {
        let mut directory = self.directory().await?;
        if directory.field(name).is_none() {
            directory = self.newer_directory().await?;
        }
        let field = directory.field(name).ok_or_else(|| {
            Fault::refused(format!(
                "the account has no ticket field `{name}`, which the mirror file names as ours; an admin has to make a text field of this title"
            ))
        })?;
        Ok(field.id.clone())
    }

    /// Fields as Zendesk takes them; a name that is not known is looked for once more in a newer directory.
    pub(super) async fn encoded(&self, fields: &Fields, current: Option<&Ticket>) -> Result<Map<String, Json>, Fault> {
        let organisation = match fields.get(&FieldKey::Organisation).and_then(|value| value.words().first().copied()) {
            Some(name) => self.organisation_named(name).await?.map(|id| (id, name.to_string())),
            None => None,
        };
        let mut directory = self.directory().await?;
        let known = Known { settings: &self.settings, directory: &directory, organisation };
        if let Ok(encoded) = encode(fields, &known, current) {
            return Ok(encoded);
        }
        let organisation = known.organisation;
        directory = self.newer_directory().await?;
        let known = Known { settings: &self.settings, directory: &directory, organisation };
        encode(fields, &known, current).map_err(|Unknown(what)| Fault::refused(what))
    }

    /// By `external_id`, or by search in the custom field; both compared exactly. What a person made on a page or by mail (Zendesk's
    /// numbers for these channels: 0 and 4) is not ours, whatever key an app copied into it.
    pub(super) async fn tickets_with_key(&self, key: &str) -> Result<Vec<TicketId>, Fault> {
        let found: Vec<Ticket> = match &self.settings.key_field {
            KeyField::ExternalId => self.pages(FIND, "tickets", &[("external_id", key)], "tickets").await?,
            KeyField::Custom(name) => {
                let query = format!("type:ticket custom_field_{}:\"{key}\"", self.own_field_id(name).await?);
                self.list_at(FIND, "search", &[("query", &query)], "results").await?
            }
        };
        let directory = self.directory().await?;
        let known = Known { settings: &self.settings, directory: &directory, organisation: None };
        let same = |ticket: &&Ticket| ticket.status != "deleted" && super::fields::key_of(ticket, &known).as_deref() == Some(key);
        let by_hand = |ticket: &&Ticket| ticket.via.as_ref().is_some_and(|via| via.is("web", 0) || via.is("email", 4));
        Ok(found.iter().filter(same).filter(|ticket| !by_hand(ticket)).map(|ticket| TicketId::new(&ticket.id)).collect())
    }
}
