//! The poll: Zendesk's cursor export of tickets. It also holds archived and deleted tickets, and nothing of the last minute.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::change::{ChangePage, Cursor, Hint, ListPage};
use crate::connectors::contract::{KeyedPage, KeyedTicket};
use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::id::TicketId;

use super::Zendesk;
use super::api::{INCREMENTAL, general};
use super::read::desk_time;
use super::translate::feed_stamp;
use super::wire::{Export, Ticket};

const EXPORT: Call = Call { kind: "export tickets", class: INCREMENTAL };
/// As documented by Zendesk: a start has to be at least a minute ago, and the newest minute is not shown. Five seconds more for
/// clocks that differ.
const WITHHELD: TimeDelta = TimeDelta::seconds(65);
const MANY: Call = general("read many tickets");
/// More than any two clocks differ, and than the minute that may not be asked for.
const CLOCKS: TimeDelta = TimeDelta::hours(1);
/// The most tickets in one page.
const PAGE_SIZE: &str = "1000";

/// What is inside a [`Cursor`]: a time to start at, or the desk's own cursor with the time that was seen with it (to start
/// at when the desk no longer takes the cursor).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// Unix seconds, compared by the desk with `generated_timestamp`.
    seen: i64,
}

impl Place {
    fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("a place is plain data"))
    }

    fn of(cursor: &Cursor) -> Result<Place, Fault> {
        serde_json::from_str(&cursor.0).map_err(|_| Fault::unreadable("the stored cursor was not written by this connector"))
    }
}

/// Sees every change from `at` on.
pub fn cursor_at(at: DateTime<Utc>) -> Cursor {
    Place { after: None, seen: at.timestamp().max(0) }.cursor()
}

/// One page and the desk's clock.
struct Page {
    export: Export,
    desk_time: Option<DateTime<Utc>>,
}

impl Zendesk {
    /// One call.
    pub(super) async fn changes_after(&self, cursor: &Cursor, now: DateTime<Utc>) -> Result<ChangePage, Fault> {
        let place = Place::of(cursor)?;
        let latest = (now - WITHHELD).timestamp();
        let page = self.export(&place, latest, false).await?;
        self.note_deleted(&page.export.tickets);
        let newest = page.export.tickets.iter().filter_map(|ticket| ticket.generated_timestamp).max();
        let to_end = page.desk_time.map_or(latest, |at| (at - WITHHELD).timestamp());
        let reached = if page.export.end_of_stream { to_end } else { newest.unwrap_or(place.seen) };
        let seen = reached.max(place.seen.min(latest));
        Ok(ChangePage {
            hints: page.export.tickets.iter().map(hint).collect(),
            next: Place { after: page.export.after_cursor.or(place.after), seen }.cursor(),
            more: !page.export.end_of_stream,
            seen_up_to: DateTime::from_timestamp(seen, 0).unwrap_or_default(),
        })
    }

    /// One call, and another for the number of tickets on the first page. Deleted tickets are left out.
    pub(super) async fn list_after(&self, cursor: Option<&Cursor>) -> Result<ListPage, Fault> {
        let place = cursor.map(Place::of).transpose()?;
        let total = if place.is_none() { self.ticket_count().await } else { None };
        let place = place.unwrap_or(Place { after: None, seen: 0 });
        let export = self.export(&place, i64::MAX, true).await?.export;
        let seen = export.tickets.iter().filter_map(|ticket| ticket.generated_timestamp).max().unwrap_or(place.seen);
        let next = export.after_cursor.clone().filter(|_| !export.end_of_stream);
        Ok(ListPage {
            hints: export.tickets.iter().filter(|ticket| ticket.status != "deleted").map(hint).collect(),
            next: next.map(|after| Place { after: Some(after), seen }.cursor()),
            total,
        })
    }

    /// One call for up to 1000 tickets that changed since.
    pub(super) async fn keyed_after(
        &self,
        prefix: &str,
        since: DateTime<Utc>,
        cursor: Option<&Cursor>,
    ) -> Result<KeyedPage, Fault> {
        let place = cursor.map(Place::of).transpose()?;
        let place = place.unwrap_or(Place { after: None, seen: (since - CLOCKS).timestamp().max(0) });
        let export = self.export(&place, i64::MAX, true).await?.export;
        let seen = export.tickets.iter().filter_map(|ticket| ticket.generated_timestamp).max().unwrap_or(place.seen);
        let keyed = |ticket: &Ticket| {
            let key = ticket.external_id.clone().filter(|key| ticket.status != "deleted" && key.starts_with(prefix))?;
            Some(KeyedTicket { key, ticket: TicketId::new(&ticket.id) })
        };
        let next = export.after_cursor.clone().filter(|_| !export.end_of_stream);
        Ok(KeyedPage {
            tickets: export.tickets.iter().filter_map(keyed).collect(),
            next: next.map(|after| Place { after: Some(after), seen }.cursor()),
        })
    }

    /// One call for each hundred.
    pub(super) async fn shown_of(&self, tickets: &[TicketId]) -> Result<Vec<TicketId>, Fault> {
        let mut shown = Vec::new();
        for some in tickets.chunks(100) {
            let ids = some.iter().map(TicketId::as_str).collect::<Vec<_>>().join(",");
            let found: Vec<Ticket> = self.list_at(MANY, "tickets/show_many", &[("ids", ids.as_str())], "tickets").await?;
            shown.extend(found.iter().filter(|ticket| ticket.status != "deleted").map(|ticket| TicketId::new(&ticket.id)));
        }
        Ok(shown)
    }

    async fn export(&self, place: &Place, latest: i64, leave_out_deleted: bool) -> Result<Page, Fault> {
        let start = place.seen.min(latest).to_string();
        let mut query = vec![("support_type_scope", "all"), ("per_page", PAGE_SIZE)];
        if leave_out_deleted {
            query.push(("exclude_deleted", "true"));
        }
        let by_time = [query.as_slice(), &[("start_time", &start)]].concat();
        let Some(after) = &place.after else { return self.export_page(&by_time).await };
        query.push(("cursor", after));
        let url = self.url("incremental/tickets/cursor", &query);
        let answer = self.send(EXPORT, Method::GET, url, None, &[400, 404, 422]).await?;
        if !answer.status.is_success() {
            return self.export_page(&by_time).await;
        }
        Ok(Page { desk_time: desk_time(&answer), export: answer.json(EXPORT)? })
    }

    async fn export_page(&self, query: &[(&str, &str)]) -> Result<Page, Fault> {
        let url = self.url("incremental/tickets/cursor", query);
        let answer = self.send(EXPORT, Method::GET, url, None, &[]).await?;
        Ok(Page { desk_time: desk_time(&answer), export: answer.json(EXPORT)? })
    }

    /// About how many tickets there are; unknown is no reason to stop.
    async fn ticket_count(&self) -> Option<u64> {
        #[derive(Deserialize)]
        struct Answer {
            count: Count,
        }
        #[derive(Deserialize)]
        struct Count {
            value: Option<u64>,
        }
        self.get::<Answer>(general("count tickets"), "tickets/count", &[]).await.ok()?.count.value
    }

    /// Keeps what the export says about deleted tickets: a later 404 then has its evidence.
    fn note_deleted(&self, tickets: &[Ticket]) {
        let mut deleted = self.deleted();
        for ticket in tickets {
            let id = TicketId::new(&ticket.id);
            if ticket.status == "deleted" {
                if deleted.len() >= MOST_DELETED {
                    deleted.clear();
                }
                deleted.insert(id, ticket.clone());
            } else {
                deleted.remove(&id);
            }
        }
    }

    /// The ticket as the export showed it, if that said that it was deleted.
    pub(super) fn deleted_in_export(&self, id: &TicketId) -> Option<Ticket> {
        self.deleted().get(id).cloned()
    }

    fn deleted(&self) -> std::sync::MutexGuard<'_, HashMap<TicketId, Ticket>> {
        self.deleted.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Deleted tickets that are kept in memory; the list of deleted tickets is asked for the others.
const MOST_DELETED: usize = 10_000;

fn hint(ticket: &Ticket) -> Hint {
    let stamp = feed_stamp(ticket);
    let what = if ticket.status == "deleted" { "ticket.deleted" } else { "ticket.changed" };
    Hint {
        ticket: TicketId::new(&ticket.id),
        what: what.to_string(),
        evidence: format!("feed:{}:{stamp}", ticket.id),
        least_stamp: None,
        feed_stamp: Some(stamp),
        at: ticket.updated_at,
    }
}
