//! Writing. RT answers 2xx for half-done work, so what was written is read back and compared.

use reqwest::header::IF_MATCH;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use serde_json::Value as Json;

use crate::connectors::fault::Fault;
use crate::connectors::http::{Answer, Call};
use crate::desk::field::{FieldKey, Fields};
use crate::desk::id::{MessageId, TicketId};
use crate::desk::ticket::{Link, LinkKind, Visibility};
use crate::desk::write::{Handle, NewMessage, NewTicket, Outcome, Staged, Write, Written};

use super::api::call;
use super::compose::Terms;
use super::wire::{CustomFieldJson, TicketJson, TransactionJson, Word};
use super::{RequestTracker, compose, translate};

#[derive(serde::Deserialize)]
struct Created {
    id: Word,
}

impl RequestTracker {
    pub(super) async fn write(&self, write: &Write) -> Result<Outcome, Fault> {
        match write {
            Write::Create(new) => self.create(new).await,
            Write::SetFields { ticket, fields, expect } => self.set_fields(ticket, fields, expect.as_deref()).await,
            Write::AddMessage { ticket, message } => self.add_message(ticket, message).await,
            Write::Restrict { .. } => {
                Err(Fault::refused("restrict message: RT cannot change what was written; an RT admin has to"))
            }
            Write::AddLink { ticket, link } => self.change_link("Add", ticket, link).await,
            Write::RemoveLink { ticket, link } => self.change_link("Delete", ticket, link).await,
            Write::Merge { ticket, into } => self.merge(ticket, into).await,
            Write::Delete { ticket } => self.delete(ticket).await,
            Write::SetKey { ticket, key, number_there } => self.set_key(ticket, key, number_there).await,
        }
    }

    async fn create(&self, new: &NewTicket) -> Result<Outcome, Fault> {
        let message_field = self.message_field().await?;
        let layout = self.layout().await?;
        if layout.field(&self.settings.key_field).is_none() {
            return Err(Fault::refused(format!(
                "RT has no ticket custom field `{}` that the token may see; install deploy/request-tracker/initialdata.pl in RT",
                self.settings.key_field
            )));
        }
        let first = new.messages.first();
        // RT's creation is always public: an internal first message follows as a comment.
        let travels = first.filter(|message| message.visibility == Visibility::Public);
        let numbers = self.numbers_of(compose::people(&new.fields, None)).await?;
        let terms = Terms { layout: &layout, settings: &self.settings, numbers: &numbers };
        let body = compose::create(new, travels, &message_field, terms).map_err(Fault::refused)?;
        let call = call("create ticket");
        let files = travels.map_or(&[][..], |message| &message.attachments);
        let answer = self.post_with_files(call, &["ticket"], &body, files).await?;
        let ticket = TicketId::new(&answer.json::<Created>(call)?.id.0);
        let mut written = Written { ticket: Some(ticket.clone()), ..Written::default() };
        match (first, travels) {
            (_, Some(message)) => self.note_first_message(&ticket, message, &mut written).await,
            (Some(message), None) => self.follow_with_comment(&ticket, message, &mut written).await,
            (None, None) => {}
        }
        if let Some(closed) = &new.continues {
            // RT closes nothing for good and knows no follow-ups; agents still find what went before.
            let link = Link { kind: LinkKind::RefersTo, to: closed.clone() };
            if let Err(fault) = self.change_link("Add", &ticket, &link).await {
                written.remarks.push(format!("the link to the ticket before it was not made: {fault}"));
            }
        }
        self.note_differences(&ticket, &new.fields, &mut written).await;
        Ok(Outcome::Done(written))
    }

    /// The ticket is there: what fails from here on is a remark, and the message is found to be missing by its key.
    async fn follow_with_comment(&self, ticket: &TicketId, message: &NewMessage, written: &mut Written) {
        match self.add_message(ticket, message).await {
            Ok(Outcome::Done(done)) => {
                written.messages.extend(done.messages);
                written.remarks.extend(done.remarks);
            }
            Ok(Outcome::Moved) => {}
            Err(fault) => written.remarks.push(format!("the first message did not follow: {fault}")),
        }
    }

    /// The creation's own transaction carries the first message; its key is looked at.
    async fn note_first_message(&self, ticket: &TicketId, message: &NewMessage, written: &mut Written) {
        let path = ["ticket", ticket.as_str(), "history"];
        let query = [("fields", "Type,Creator,Created,CustomFields"), ("per_page", "20")];
        let page = self.page::<TransactionJson>(call("read back"), &path, &query).await;
        let created = page.map(|(page, _)| page.items.into_iter().find(|item| item.kind == "Create"));
        match created {
            Ok(Some(transaction)) => {
                let key = translate::first_text(&transaction.custom_fields, &self.settings.message_key_field);
                if key.as_deref() != Some(message.key.as_str()) {
                    written.remarks.push("RT did not keep the key of the first message".to_string());
                }
                written.messages.push((message.key.clone(), MessageId::new(&transaction.id.0)));
            }
            Ok(None) => written.remarks.push("RT does not show the first message".to_string()),
            Err(fault) => written.remarks.push(format!("the first message could not be read back: {fault}")),
        }
    }

    async fn note_differences(&self, ticket: &TicketId, asked: &Fields, written: &mut Written) {
        match self.fields_now(ticket).await {
            Ok((_, now)) => written.remarks.extend(differing(asked, &now).map(|key| format!("RT did not take over `{key}`"))),
            Err(fault) => written.remarks.push(format!("the ticket could not be read back: {fault}")),
        }
    }

    async fn fields_now(&self, ticket: &TicketId) -> Result<(TicketJson, Fields), Fault> {
        let (json, _) = self.present(ticket).await?;
        let layout = self.layout_for(&json).await?;
        let fields = translate::fields(&json, &layout, &self.settings);
        Ok((json, fields))
    }

    /// The ticket under its own number. Errors: `Refused` when it is not there or merged away.
    async fn present(&self, ticket: &TicketId) -> Result<(TicketJson, String), Fault> {
        let found = self.ticket_json(ticket).await?;
        let (json, stamp) = found.ok_or_else(|| Fault::refused(format!("RT does not show ticket {ticket}")))?;
        if json.id.0 != ticket.as_str() {
            return Err(Fault::refused(format!("ticket {ticket} was merged into {} in RT", json.id.0)));
        }
        Ok((json, stamp))
    }

    async fn set_fields(&self, ticket: &TicketId, fields: &Fields, expect: Option<&str>) -> Result<Outcome, Fault> {
        let (before, stamp) = self.present(ticket).await?;
        if expect.is_some_and(|expect| expect != stamp) {
            return Ok(Outcome::Moved);
        }
        let layout = self.layout_for(&before).await?;
        let numbers = self.numbers_of(compose::people(fields, Some(&before))).await?;
        let terms = Terms { layout: &layout, settings: &self.settings, numbers: &numbers };
        let body = compose::set(fields, &before, terms).map_err(Fault::refused)?;
        let Some(sentences) = self.put(call("set fields"), ticket, &body, expect).await? else { return Ok(Outcome::Moved) };
        let mut written = Written { ticket: Some(ticket.clone()), ..Written::default() };
        let old = translate::fields(&before, &layout, &self.settings);
        match self.fields_now(ticket).await {
            Ok((json, now)) => {
                let missed: Vec<&FieldKey> = differing(fields, &now).collect();
                if missed.contains(&&FieldKey::Status) && waits(&json) {
                    return Err(Fault::refused(format!(
                        "set fields: RT does not end a ticket that depends on an open one: {}",
                        sentences.join(" ")
                    )));
                }
                if !missed.is_empty() && fields.keys().all(|key| old.get(key) == now.get(key)) {
                    let named = missed.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
                    return Err(Fault::refused(format!(
                        "set fields: RT did not change {named} and said: {}",
                        sentences.join(" ")
                    )));
                }
                written.remarks.extend(missed.iter().map(|key| format!("RT did not take over `{key}`")));
                if !missed.is_empty() {
                    written.remarks.extend(sentences);
                }
            }
            Err(fault) => written.remarks.push(format!("the ticket could not be read back: {fault}")),
        }
        Ok(Outcome::Done(written))
    }

    /// `PUT ticket/ID`. `None`: the ticket has moved on (412). RT answers with a sentence for each thing it did or did not do.
    async fn put(&self, call: Call, ticket: &TicketId, body: &Json, expect: Option<&str>) -> Result<Option<Vec<String>>, Fault> {
        let mut request = self.request(Method::PUT, &["ticket", ticket.as_str()], &[])?.json(body);
        if let Some(expect) = expect {
            request = request.header(IF_MATCH, format!("\"{expect}\""));
        }
        let answer = self.send(call, request, &[412]).await?;
        if answer.status == 412 {
            return Ok(None);
        }
        let sentences: Vec<Option<String>> = answer.json(call)?;
        Ok(Some(sentences.into_iter().flatten().collect()))
    }

    async fn add_message(&self, ticket: &TicketId, message: &NewMessage) -> Result<Outcome, Fault> {
        self.message_field().await?;
        let verb = if message.visibility == Visibility::Internal { "comment" } else { "correspond" };
        let body = compose::message(message, &self.settings);
        let call = call("add message");
        let answer = self.post_with_files(call, &["ticket", ticket.as_str(), verb], &body, &message.attachments).await?;
        let id = answer.header("location").and_then(|location| location.rsplit('/').next()).unwrap_or_default().to_string();
        if id.is_empty() {
            return Err(Fault::unreadable("add message: RT did not tell the number of the message"));
        }
        let mut remarks: Vec<String> = self.missing_key(&id, &message.key).await.into_iter().collect();
        if !remarks.is_empty() {
            // RT's own words, in the language of our user, help only where something went wrong.
            remarks.extend(answer.json::<Vec<Option<String>>>(call)?.into_iter().flatten());
        }
        let messages = vec![(message.key.clone(), MessageId::new(&id))];
        Ok(Outcome::Done(Written { ticket: Some(ticket.clone()), messages, remarks }))
    }

    async fn missing_key(&self, message: &str, key: &str) -> Option<String> {
        #[derive(serde::Deserialize)]
        struct Keyed {
            #[serde(default, rename = "CustomFields")]
            custom_fields: Vec<CustomFieldJson>,
        }
        match self.find::<Keyed>(call("read back"), &["transaction", message]).await {
            Ok(Some(found)) => {
                let kept = translate::first_text(&found.custom_fields, &self.settings.message_key_field);
                (kept.as_deref() != Some(key)).then(|| "RT did not keep the key of the message".to_string())
            }
            Ok(None) => Some("RT does not show the message".to_string()),
            Err(fault) => Some(format!("the message could not be read back: {fault}")),
        }
    }

    /// JSON alone, or with files as a form: there names in any script arrive whole.
    async fn post_with_files(&self, call: Call, path: &[&str], body: &Json, files: &[Staged]) -> Result<Answer, Fault> {
        if files.is_empty() {
            return self.send_json(call, Method::POST, path, body, &[]).await;
        }
        let mut form = Form::new().percent_encode_noop().text("JSON", body.to_string());
        for file in files {
            form = form.part("Attachments", part(call, file)?);
        }
        let request = self.request(Method::POST, path, &[])?.multipart(form);
        self.send(call, request, &[]).await
    }

    async fn change_link(&self, verb: &str, ticket: &TicketId, link: &Link) -> Result<Outcome, Fault> {
        self.present(ticket).await?;
        let sentences = self.put(call("change link"), ticket, &compose::link(verb, link), None).await?.unwrap_or_default();
        let (json, _) = self.present(ticket).await?;
        if translate::links(&json).contains(link) != (verb == "Add") {
            return Err(Fault::refused(format!("change link: RT did not do it and said: {}", sentences.join(" "))));
        }
        Ok(done(ticket))
    }

    async fn merge(&self, ticket: &TicketId, into: &TicketId) -> Result<Outcome, Fault> {
        let body = serde_json::json!({ "MergeInto": compose::number(into) });
        let sentences = self.put(call("merge tickets"), ticket, &body, None).await?.unwrap_or_default();
        let now = self.ticket_json(ticket).await?;
        let root = self.ticket_json(into).await?;
        let same = now.zip(root).is_some_and(|((now, _), (root, _))| now.id == root.id);
        if same { Ok(done(into)) } else { Err(Fault::refused(format!("merge tickets: RT said: {}", sentences.join(" ")))) }
    }

    async fn set_key(&self, ticket: &TicketId, key: &str, number: &str) -> Result<Outcome, Fault> {
        self.present(ticket).await?;
        let body = compose::key(key, number, &self.settings);
        let sentences = self.put(call("set key"), ticket, &body, None).await?.unwrap_or_default();
        let (json, _) = self.present(ticket).await?;
        if translate::first_text(&json.custom_fields, &self.settings.key_field).as_deref() != Some(key) {
            return Err(Fault::refused(format!("set key: RT did not keep it and said: {}", sentences.join(" "))));
        }
        Ok(done(ticket))
    }

    async fn delete(&self, ticket: &TicketId) -> Result<Outcome, Fault> {
        let (json, _) = self.present(ticket).await?;
        if json.status != "deleted" {
            let request = self.request(Method::DELETE, &["ticket", ticket.as_str()], &[])?;
            self.send(call("delete ticket"), request, &[]).await?;
        }
        let (json, _) = self.present(ticket).await?;
        if json.status == "deleted" { Ok(done(ticket)) } else { Err(Fault::refused("delete ticket: RT did not delete it")) }
    }
}

/// Whether a ticket depends on others: RT refuses to end it while one of them is open.
fn waits(json: &TicketJson) -> bool {
    translate::links(json).iter().any(|link| link.kind == LinkKind::DependsOn)
}

fn done(ticket: &TicketId) -> Outcome {
    Outcome::Done(Written { ticket: Some(ticket.clone()), ..Written::default() })
}

/// The fields that do not hold what was asked for.
fn differing<'a>(asked: &'a Fields, now: &'a Fields) -> impl Iterator<Item = &'a FieldKey> {
    asked.iter().filter(|(key, value)| now.get(key) != Some(value)).map(|(key, _)| key)
}

fn part(call: Call, file: &Staged) -> Result<Part, Fault> {
    let Handle::Bytes(bytes) = &file.handle else {
        return Err(Fault::refused(format!("{}: the file is not with the message", call.kind)));
    };
    let part = || Part::stream_with_length(Body::from(bytes.clone()), bytes.len() as u64).file_name(file_name(&file.name));
    let typed = part().mime_str(content_type(&file.content_type));
    Ok(typed.unwrap_or_else(|_| part()))
}

/// RT cuts a name at a slash, and quotes and line ends would break the form.
fn file_name(name: &str) -> String {
    let safe = |c: char| if c.is_control() || matches!(c, '/' | '\\' | '"') { '_' } else { c };
    let name: String = name.chars().map(safe).collect();
    if name.trim().is_empty() { "file".to_string() } else { name }
}

/// A tree of its own is kept as plain bytes.
fn content_type(given: &str) -> &str {
    if given.is_empty() || given.starts_with("multipart/") { "application/octet-stream" } else { given }
}
