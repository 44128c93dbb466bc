//! A desk in memory that can only be read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use tidegate::change::{ChangePage, Cursor, Hint, ListPage};
use tidegate::connectors::contract::{
    Desk, Download, Identity, KeyedPage, KeyedTicket, Read, Registration, SourceDesk, Steps, TargetDesk, Upload,
};
use tidegate::connectors::delivery::{Scheme, Verified};
use tidegate::connectors::fault::Fault;
use tidegate::connectors::http::{Priority, priority};
use tidegate::desk::capability::{BackDates, Capabilities, CreateTakes, Feed, SetsAuthor, Webhooks};
use tidegate::desk::id::{AttachmentId, MessageId, PersonId, TicketId};
use tidegate::desk::notice::Notices;
use tidegate::desk::person::{NewPerson, Person, Removal};
use tidegate::desk::schema::Schema;
use tidegate::desk::ticket::{Attachment, LinkKind, Ticket};
use tidegate::desk::write::{Outcome, Staged, Write};
use tidegate::secret::Secret;
use tokio::sync::oneshot;

use super::desks::start;

const CAN: Capabilities = Capabilities {
    vendor: "paper",
    name: "Paper",
    webhooks: Webhooks::None,
    feed: Feed {
        what: "none",
        withheld_seconds: 0,
        overlap_seconds: 0,
        sees_deletions: true,
        sees_merges: true,
        least_interval_seconds: 1,
    },
    seen: &[],
    back_dates: BackDates::OnCreate,
    sets_author: SetsAuthor::Always,
    create_takes: CreateTakes::AllMessages,
    message_keys: true,
    keys_on_create: true,
    lookup_lag_seconds: 0,
    compare_and_set: true,
    makes_private: true,
    redacts: true,
    removes_attachments: true,
    links: &[LinkKind::Parent],
    parent_type: None,
    child_type: None,
    merges: true,
    deletes: true,
    immutable_status: None,
    statuses_at_creation: &[],
    final_statuses: &["done"],
    attachment_limit: 1 << 20,
    counts_tickets: true,
    refuses_empty_files: false,
    file_paths: &[],
    recodes: &["text/csv"],
    subject_limit: 40,
    plain_tags: false,
    agent_page: "/{ticket}",
    silence: "paper is silent",
    silence_stays: false,
    residue: "nothing stays",
    rights_by_group: false,
    own_mail_domain: "",
    begins: &[],
    ends: &[],
    fields: &["subject"],
};

/// A desk of tickets on paper.
#[derive(Default)]
pub struct Paper {
    pub tickets: BTreeMap<TicketId, Ticket>,
    pub files: BTreeMap<AttachmentId, Bytes>,
    pub people: BTreeMap<PersonId, Person>,
    /// Tickets that the list leaves out.
    pub unlisted: BTreeSet<TicketId>,
    /// How often a ticket was read.
    pub reads: AtomicU64,
    /// Answers to reads, each given once, before the tickets themselves are looked at.
    pub instead: Mutex<Vec<Result<Read, Fault>>>,
    /// Somebody waits for what is read.
    pub urgent: bool,
    /// The next read waits.
    pub held: Mutex<Option<Held>>,
}

/// A read that says that it has begun, and is answered when somebody says so.
pub struct Held {
    pub begun: oneshot::Sender<()>,
    pub answer: oneshot::Receiver<()>,
}

#[async_trait]
impl Desk for Paper {
    fn capabilities(&self) -> &'static Capabilities {
        &CAN
    }

    fn address(&self) -> &str {
        "paper"
    }

    async fn identify(&self) -> Result<Identity, Fault> {
        Err(Fault::refused("not asked"))
    }

    async fn schema(&self) -> Result<Schema, Fault> {
        Ok(Schema::default())
    }

    async fn read(&self, ticket: &TicketId, _: Option<&str>) -> Result<Read, Fault> {
        let urgent = if self.urgent { Priority::Live } else { Priority::Check };
        assert_eq!(priority(), urgent, "a check asks at the lowest priority, and a switch that waits for it does not");
        self.reads.fetch_add(1, Ordering::Relaxed);
        let held = self.held.lock().unwrap().take();
        if let Some(held) = held {
            held.begun.send(()).expect("somebody waits for this read");
            held.answer.await.expect("somebody lets it go on");
        }
        if let Some(other) = self.instead.lock().unwrap().pop() {
            return other;
        }
        Ok(self.tickets.get(ticket).map_or(Read::Missing, |ticket| Read::Found(Box::new(ticket.clone()))))
    }

    async fn person(&self, id: &PersonId) -> Result<Option<Person>, Fault> {
        Ok(self.people.get(id).cloned())
    }

    async fn agents(&self) -> Result<Vec<Person>, Fault> {
        Ok(self.people.values().cloned().collect())
    }

    async fn download(&self, attachment: &Attachment) -> Result<Download, Fault> {
        let bytes = self.files.get(&attachment.id).cloned().ok_or_else(|| Fault::refused("no such file"))?;
        let half = bytes.len() / 2;
        let pieces = [Ok(bytes.slice(..half)), Ok(bytes.slice(half..))];
        Ok(Download { size: None, bytes: stream::iter(pieces).boxed() })
    }
}

#[async_trait]
impl SourceDesk for Paper {
    fn scheme(&self) -> Option<&'static Scheme> {
        None
    }

    fn hints(&self, _: &Verified) -> Result<Vec<Hint>, String> {
        Ok(Vec::new())
    }

    fn delivery_id(&self, _: &Verified) -> Option<String> {
        None
    }

    fn cursor_at(&self, _: DateTime<Utc>) -> Cursor {
        Cursor(String::new())
    }

    async fn changes(&self, _: &Cursor, _: DateTime<Utc>) -> Result<ChangePage, Fault> {
        Err(Fault::refused("not asked"))
    }

    async fn list(&self, _: Option<&Cursor>) -> Result<ListPage, Fault> {
        let listed = self.tickets.keys().filter(|id| !self.unlisted.contains(id));
        Ok(ListPage { hints: listed.map(|id| hint(id, 0)).collect(), next: None, total: None })
    }

    async fn shown(&self, tickets: &[TicketId]) -> Result<Vec<TicketId>, Fault> {
        Ok(tickets.iter().filter(|id| self.tickets.contains_key(id)).cloned().collect())
    }

    async fn register_webhook(&self, _: &str, _: &str) -> Result<Registration, Fault> {
        Err(Fault::refused("not asked"))
    }

    async fn webhook_secret(&self, _: &str) -> Result<Secret, Fault> {
        Err(Fault::refused("not asked"))
    }

    async fn reset_webhook_secret(&self, _: &str) -> Result<Secret, Fault> {
        Err(Fault::refused("not asked"))
    }

    async fn test_webhook(&self, _: &str, _: &str) -> Result<bool, Fault> {
        Ok(false)
    }

    fn webhook_steps(&self) -> &'static Steps {
        &Steps { register: &[], rotate: &[], remove: &[] }
    }

    async fn remove_webhook(&self, _: &str) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl TargetDesk for Paper {
    async fn find_ticket(&self, key: &str) -> Result<Vec<TicketId>, Fault> {
        let carries = |ticket: &&Ticket| ticket.key.as_deref() == Some(key);
        Ok(self.tickets.values().filter(carries).map(|ticket| ticket.id.clone()).collect())
    }

    async fn keyed(&self, prefix: &str, _: DateTime<Utc>, _: Option<&Cursor>) -> Result<KeyedPage, Fault> {
        let keyed = |ticket: &Ticket| {
            let key = ticket.key.clone().filter(|key| key.starts_with(prefix))?;
            Some(KeyedTicket { key, ticket: ticket.id.clone() })
        };
        Ok(KeyedPage { tickets: self.tickets.values().filter_map(keyed).collect(), next: None })
    }

    async fn find_message(&self, _: &TicketId, _: &str) -> Result<Vec<MessageId>, Fault> {
        Err(Fault::refused("a check looks, it does not search"))
    }

    async fn find_person(&self, _: Option<&str>, _: &str) -> Result<Vec<Person>, Fault> {
        Err(Fault::refused("a check looks, it does not search"))
    }

    async fn create_person(&self, _: &NewPerson) -> Result<Person, Fault> {
        Err(Fault::refused("a check writes nothing"))
    }

    async fn remove_person(&self, _: &PersonId, _: &str) -> Result<Removal, Fault> {
        Err(Fault::refused("a check writes nothing"))
    }

    async fn stage(&self, _: Upload) -> Result<Staged, Fault> {
        Err(Fault::refused("a check writes nothing"))
    }

    async fn apply(&self, _: &Write) -> Result<Outcome, Fault> {
        Err(Fault::refused("a check writes nothing"))
    }

    async fn hides_notices(&self) -> Result<Option<String>, Fault> {
        Ok(Some("paper does not tell".to_string()))
    }

    async fn notices(&self, _: &TicketId, _: DateTime<Utc>) -> Result<Notices, Fault> {
        Ok(Notices::Untold("paper does not tell".to_string()))
    }
}

/// A hint of a ticket; `number` tells hints of one ticket apart.
pub fn hint(ticket: &TicketId, number: i64) -> Hint {
    Hint {
        ticket: ticket.clone(),
        what: "changed".into(),
        evidence: format!("{ticket}/{number}"),
        least_stamp: None,
        feed_stamp: None,
        at: start(),
    }
}
