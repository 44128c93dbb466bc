//! Finding what was written before, by our keys, and taking files in.

use bytes::BytesMut;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use crate::change::Cursor;
use crate::connectors::contract::{KeyedPage, KeyedTicket, Upload};
use crate::connectors::fault::Fault;
use crate::desk::id::{MessageId, TicketId};
use crate::desk::write::{Handle, Staged};

use super::api::{PAGE, call, quoted};
use super::wire::{ListedJson, TransactionJson};
use super::{ATTACHMENT_LIMIT, RequestTracker, translate};

/// Conditions in one question: its address stays under 4 KiB.
const NUMBERS_AT_ONCE: usize = 40;

impl RequestTracker {
    /// RT searches without regard to case, so each row is compared; and whoever copies a ticket copies its fields too, so it has to be
    /// made by our user, or to have got the key from our user. Naming `EffectiveId` makes it show merged tickets too; they
    /// are followed.
    pub(super) async fn tickets_with_key(&self, key: &str) -> Result<Vec<TicketId>, Fault> {
        let name = &self.settings.key_field;
        let query = format!("{} = {} AND EffectiveId > 0", field_word(name), quoted(key));
        let query = [("query", query.as_str()), ("fields", "EffectiveId,Creator,CustomFields")];
        let listed: Vec<ListedJson> = self.visible(call("find ticket"), &["tickets"], &query).await?;
        let exact = listed.iter().filter(|ticket| translate::first_text(&ticket.custom_fields, name).as_deref() == Some(key));
        let mut roots: Vec<u64> = Vec::new();
        for ticket in exact {
            let made = ticket.creator.as_ref().is_some_and(|creator| creator.id.0 == self.settings.user);
            if made || self.keyed_by_us(&ticket.effective_id.0, key).await? {
                roots.extend(ticket.effective_id.0.parse::<u64>());
            }
        }
        roots.sort_unstable();
        roots.dedup();
        Ok(roots.into_iter().map(TicketId::new).collect())
    }

    /// One call for up to 100 tickets, by number. RT lists neither deleted nor merged ones. Copies that people made are among them.
    pub(super) async fn keyed_after(&self, prefix: &str, cursor: Option<&Cursor>) -> Result<KeyedPage, Fault> {
        let name = &self.settings.key_field;
        let after = cursor.map_or("0", |cursor| cursor.0.as_str());
        let query = format!("id > {after} AND {} LIKE {}", field_word(name), quoted(prefix));
        let per_page = PAGE.to_string();
        let query = [
            ("query", query.as_str()),
            ("orderby", "id"),
            ("order", "ASC"),
            ("fields", "CustomFields"),
            ("per_page", per_page.as_str()),
        ];
        let (page, _) = self.page::<ListedJson>(call("list keys"), &["tickets"], &query).await?;
        let last = page.items.iter().filter_map(|listed| listed.id.0.parse::<u64>().ok()).max();
        let keyed = |listed: &ListedJson| {
            let key = translate::first_text(&listed.custom_fields, name).filter(|key| key.starts_with(prefix))?;
            Some(KeyedTicket { key, ticket: TicketId::new(&listed.id.0) })
        };
        Ok(KeyedPage { tickets: page.items.iter().filter_map(keyed).collect(), next: last.map(|last| Cursor(last.to_string())) })
    }

    /// One call for each forty: RT's search takes no lists.
    pub(super) async fn shown_of(&self, tickets: &[TicketId]) -> Result<Vec<TicketId>, Fault> {
        let mut shown = Vec::new();
        for some in tickets.chunks(NUMBERS_AT_ONCE) {
            let query = some.iter().map(|ticket| format!("id = {ticket}")).collect::<Vec<_>>().join(" OR ");
            let query = [("query", query.as_str()), ("fields", "Status")];
            let found: Vec<ListedJson> = self.visible(call("read many tickets"), &["tickets"], &query).await?;
            shown.extend(found.iter().map(|listed| TicketId::new(&listed.id.0)));
        }
        Ok(shown)
    }

    /// Whether our user set this key on a ticket that another made: an adopted one.
    async fn keyed_by_us(&self, ticket: &str, key: &str) -> Result<bool, Fault> {
        let Some((_, stamp)) = self.ticket_json(&TicketId::new(ticket)).await? else { return Ok(false) };
        let history = self.history(ticket, &stamp).await?;
        let set = |item: &TransactionJson| item.kind == "CustomField" && item.new_value.0 == key;
        Ok(history.iter().any(|item| set(item) && item.creator.id.0 == self.settings.user))
    }

    pub(super) async fn messages_with_key(&self, ticket: &TicketId, key: &str) -> Result<Vec<MessageId>, Fault> {
        self.message_field().await?;
        let name = &self.settings.message_key_field;
        let query = format!("{} = {}", field_word(name), quoted(key));
        let query = [("query", query.as_str()), ("fields", "Type,ObjectId,Creator,Created,CustomFields")];
        let mut found: Vec<TransactionJson> = self.visible(call("find message"), &["transactions"], &query).await?;
        found.retain(|item| item.creator.id.0 == self.settings.user);
        found.retain(|item| translate::first_text(&item.custom_fields, name).as_deref() == Some(key));
        found.sort_by_key(TransactionJson::number);
        let mut ids = Vec::new();
        for item in found {
            if self.belongs_to(&item, ticket).await? {
                ids.push(MessageId::new(&item.id.0));
            }
        }
        Ok(ids)
    }

    /// A merged ticket's messages keep its number.
    async fn belongs_to(&self, item: &TransactionJson, ticket: &TicketId) -> Result<bool, Fault> {
        if item.object_id.0 == ticket.as_str() {
            return Ok(true);
        }
        let root = self.ticket_json(&TicketId::new(&item.object_id.0)).await?;
        Ok(root.is_some_and(|(root, _)| root.id.0 == ticket.as_str()))
    }

    /// Takes a file in whole: RT has no uploads of their own, files travel with the message.
    pub(super) async fn take_in(&self, upload: Upload) -> Result<Staged, Fault> {
        let mut bytes = BytesMut::new();
        let mut stream = upload.download.bytes;
        if upload.download.size.is_some_and(|size| size > ATTACHMENT_LIMIT) {
            return Err(too_large());
        }
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk?);
            if bytes.len() as u64 > ATTACHMENT_LIMIT {
                return Err(too_large());
            }
        }
        if bytes.is_empty() {
            return Err(Fault::refused("stage file: RT takes no files without a byte"));
        }
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let (size, handle) = (bytes.len() as u64, Handle::Bytes(bytes.freeze()));
        let Upload { source, name, content_type, inline, .. } = upload;
        Ok(Staged { source, name, content_type, inline, size, sha256, handle })
    }
}

fn too_large() -> Fault {
    Fault::refused(format!("stage file: it is larger than {} MiB", ATTACHMENT_LIMIT >> 20))
}

/// A custom field inside a query: `'CF.{name}'`.
fn field_word(name: &str) -> String {
    quoted(&format!("CF.{{{name}}}"))
}
