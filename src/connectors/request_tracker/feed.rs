//! The feed of changes and the listing.
//!
//! The main feed is RT's transactions by id. Ids commit out of order there: an id that was passed over may still appear, so
//! each id between two that were seen is a gap, and gaps are asked for again until they are filled or older than the horizon
//! (ids that were rolled back, or that are no ticket's or that we may not see, never appear). A second net asks for tickets by `LastUpdated` now and
//! then, for what leaves no transaction. What both have seen is told once.
//!
//! No question depends on a time alone: RT reads every time in a query in the time zone of our user, whatever is written behind
//! it, and drops the time of day where it ends in `Z`. Times in answers are UTC, so the cut is made here.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::change::{ChangePage, Cursor, Hint, ListPage};
use crate::clock::delta;
use crate::connectors::fault::Fault;
use crate::desk::id::TicketId;

use super::RequestTracker;
use super::api::{PAGE, call, desk_time};
use super::webhook::{feed_hints, time};
use super::wire::{ListedJson, TransactionJson};

const FEED_FIELDS: &str = "Type,Field,OldValue,NewValue,ObjectId,ObjectType,Created,Creator";
/// Every so many polls the second net is cast.
const NET_EVERY: u32 = 5;
/// Ranges in one question: it stays under 4 KiB.
const RANGES_AT_ONCE: usize = 40;
/// A transaction may be written for so long before it is committed, where no gap shows it (the newest id of all).
const SETTLING: TimeDelta = TimeDelta::seconds(5);
/// How far the second net reaches back behind its last cast.
const NET_OVERLAP: TimeDelta = TimeDelta::seconds(120);

/// More than any time zone is away from UTC.
const ANY_ZONE: TimeDelta = TimeDelta::hours(15);

/// Where the feed was read up to: the JSON of a cursor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    form: u8,
    /// From this time on (the desk's).
    start: DateTime<Utc>,
    /// While the first transaction since `start` is looked for, newest first: nothing from this id on is older.
    low: Option<u64>,
    high: Option<u64>,
    /// When the highest was written, in the desk's time.
    high_at: Option<DateTime<Utc>>,
    gaps: Vec<Gap>,
    polls: u32,
    net: Net,
    /// Ticket and Unix second of its last transaction seen: the net does not tell those again.
    recent: BTreeMap<String, i64>,
}

/// Ids from `from` to `to` that were passed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Gap {
    from: u64,
    to: u64,
    /// Our time when it was noticed.
    since: DateTime<Utc>,
    /// The desk's time of the transaction before it.
    behind: DateTime<Utc>,
}

/// The second net.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Net {
    since: DateTime<Utc>,
    /// The page to be read next while it is cast, newest first; 0: it is in.
    page: u32,
    /// The desk's time when the cast began.
    cast_at: Option<DateTime<Utc>>,
}

impl Place {
    /// Sees every change from `at` on.
    pub fn at(at: DateTime<Utc>, horizon: TimeDelta) -> Self {
        let start = at - horizon;
        let net = Net { since: start, page: 0, cast_at: None };
        Self { form: 1, start, low: None, high: None, high_at: None, gaps: Vec::new(), polls: 0, net, recent: BTreeMap::new() }
    }

    /// Reads a cursor. Errors: `Unreadable`.
    pub fn parse(cursor: &Cursor) -> Result<Self, Fault> {
        let place: Option<Self> = serde_json::from_str(&cursor.0).ok().filter(|place: &Self| place.form == 1);
        place.ok_or_else(|| Fault::unreadable("list changes: the stored cursor is not one of this version"))
    }

    /// Writes a cursor.
    pub fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).expect("a cursor is plain data"))
    }

    /// Looks for the last transaction before `start` on a page that goes down from the newest. Where it is, the feed begins.
    pub fn look_for_start(&mut self, newest_first: &[TransactionJson]) {
        let before = |item: &&TransactionJson| time(&item.created).is_some_and(|at| at < self.start);
        let found = newest_first.iter().find(before).and_then(TransactionJson::number);
        let last = newest_first.iter().filter_map(TransactionJson::number).min();
        match (found, last) {
            (Some(found), _) => self.high = Some(found),
            (None, Some(last)) => self.low = Some(last),
            // There is nothing older.
            (None, None) => self.high = Some(self.low.map_or(0, |low| low.saturating_sub(1))),
        }
    }

    /// Takes in new transactions, in the order of their ids. One that is not shown is a gap as well.
    pub fn take(&mut self, transactions: &[TransactionJson], now: DateTime<Utc>) {
        for transaction in transactions {
            let Some(id) = transaction.number() else { continue };
            let shown = time(&transaction.created).filter(|_| transaction.is_shown());
            let behind = self.high_at.or(shown).unwrap_or(self.start);
            let to = if shown.is_some() { id - 1 } else { id };
            if let Some(high) = self.high.filter(|high| to > *high) {
                self.gaps.push(Gap { from: high + 1, to, since: now, behind });
            }
            if self.high.is_none_or(|high| id > high) {
                self.high = Some(id);
                self.high_at = shown.or(self.high_at);
            }
            self.remember(transaction);
        }
    }

    fn remember(&mut self, transaction: &TransactionJson) {
        if !transaction.is_shown() {
            return;
        }
        if let Some(at) = time(&transaction.created) {
            let last = self.recent.entry(transaction.object_id.0.clone()).or_default();
            *last = (*last).max(at.timestamp());
        }
    }

    /// The questions for ids that were passed over, each of so few that its answer is one page: RT cuts the page first and takes
    /// out what we may not see afterwards, so that an empty page need not be the last. Only tickets' are asked for: what RT tells of
    /// other things need not even be words.
    fn gap_queries(&self) -> Vec<String> {
        let (mut queries, mut ranges, mut room) = (Vec::new(), Vec::new(), PAGE as u64);
        for gap in &self.gaps {
            let mut from = gap.from;
            while from <= gap.to {
                let to = gap.to.min(from + room - 1);
                ranges.push(if from == to { format!("id = {from}") } else { format!("(id >= {from} AND id <= {to})") });
                room -= to - from + 1;
                from = to + 1;
                if room == 0 || ranges.len() == RANGES_AT_ONCE {
                    queries.push(std::mem::take(&mut ranges));
                    room = PAGE as u64;
                }
            }
        }
        queries.extend((!ranges.is_empty()).then_some(ranges));
        queries.iter().map(|ranges| format!("ObjectType = 'RT::Ticket' AND ({})", ranges.join(" OR "))).collect()
    }

    /// An id that was passed over has appeared; while it is not shown it stays one.
    pub fn fill(&mut self, transaction: &TransactionJson) {
        let Some(id) = transaction.number().filter(|_| transaction.is_shown()) else { return };
        let mut left = Vec::with_capacity(self.gaps.len() + 1);
        for gap in self.gaps.drain(..) {
            if id < gap.from || id > gap.to {
                left.push(gap);
                continue;
            }
            if gap.from < id {
                left.push(Gap { to: id - 1, ..gap.clone() });
            }
            if id < gap.to {
                left.push(Gap { from: id + 1, ..gap });
            }
        }
        self.gaps = left;
        self.remember(transaction);
    }

    /// Gives up gaps older than the horizon.
    pub fn forget(&mut self, now: DateTime<Utc>, horizon: TimeDelta) {
        self.gaps.retain(|gap| now - gap.since < horizon);
    }

    /// How many ids are waited for.
    pub fn waiting(&self) -> u64 {
        self.gaps.iter().map(|gap| gap.to - gap.from + 1).sum()
    }

    /// Everything up to here has been seen, given the desk's time and whether the feed was read to its end.
    fn seen_up_to(&self, desk: DateTime<Utc>, at_end: bool) -> DateTime<Utc> {
        let reached = if at_end { desk - SETTLING } else { self.high_at.unwrap_or(self.start) };
        self.gaps.iter().map(|gap| gap.behind).fold(reached, DateTime::min)
    }

    /// A hint of the second net, unless the feed told of this change or it was ours.
    fn net_hint(&self, listed: &ListedJson, us: &str) -> Option<Hint> {
        let at = time(&listed.last_updated)?;
        let told = self.recent.get(&listed.id.0).is_some_and(|last| *last + 1 >= at.timestamp());
        if told || listed.last_updated_by.0 == us { None } else { Some(listed_hint(listed, "updated", at)) }
    }
}

/// A time inside a query.
fn desk_words(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn listed_hint(listed: &ListedJson, what: &str, at: DateTime<Utc>) -> Hint {
    Hint {
        ticket: TicketId::new(&listed.id.0),
        what: what.to_string(),
        evidence: format!("updated:{}:{}", listed.id.0, listed.last_updated),
        least_stamp: None,
        feed_stamp: None,
        at,
    }
}

impl RequestTracker {
    pub(super) async fn changes_after(&self, cursor: &Cursor, now: DateTime<Utc>) -> Result<ChangePage, Fault> {
        let place = Place::parse(cursor)?;
        match place.high {
            None => self.find_start(place).await,
            Some(_) if place.net.page > 0 => self.cast_net(place, now).await,
            Some(high) => self.follow_feed(place, high, now).await,
        }
    }

    async fn find_start(&self, mut place: Place) -> Result<ChangePage, Fault> {
        let query = match place.low {
            Some(low) => format!("ObjectType = 'RT::Ticket' AND id < {low}"),
            None => "ObjectType = 'RT::Ticket' AND id > 0".to_string(),
        };
        let (transactions, _) = self.transactions(&query, "DESC").await?;
        place.look_for_start(&transactions);
        Ok(ChangePage { hints: Vec::new(), more: true, seen_up_to: place.start, next: place.cursor() })
    }

    async fn follow_feed(&self, mut place: Place, high: u64, now: DateTime<Utc>) -> Result<ChangePage, Fault> {
        let query = format!("ObjectType = 'RT::Ticket' AND id > {high}");
        let (transactions, desk) = self.transactions(&query, "ASC").await?;
        let desk = desk.unwrap_or(now);
        let full = transactions.len() >= PAGE;
        place.take(&transactions, now);
        let us = self.settings.user.as_str();
        let mut hints: Vec<Hint> = transactions.iter().flat_map(|transaction| feed_hints(transaction, us)).collect();
        if !full {
            hints.extend(self.fill_gaps(&mut place, now).await?);
            place.polls = place.polls.wrapping_add(1);
            if place.polls % NET_EVERY == 1 {
                place.net.page = 1;
                place.net.cast_at = Some(desk);
            }
        }
        let more = full || place.net.page > 0;
        Ok(ChangePage { hints, more, seen_up_to: place.seen_up_to(desk, !full), next: place.cursor() })
    }

    async fn fill_gaps(&self, place: &mut Place, now: DateTime<Utc>) -> Result<Vec<Hint>, Fault> {
        let mut hints = Vec::new();
        for query in place.gap_queries() {
            let (found, _) = self.transactions(&query, "ASC").await?;
            for transaction in &found {
                place.fill(transaction);
                hints.extend(feed_hints(transaction, &self.settings.user));
            }
        }
        place.forget(now, delta(self.settings.gap_horizon));
        Ok(hints)
    }

    async fn transactions(&self, query: &str, order: &str) -> Result<(Vec<TransactionJson>, Option<DateTime<Utc>>), Fault> {
        let per_page = PAGE.to_string();
        let query =
            [("query", query), ("orderby", "id"), ("order", order), ("fields", FEED_FIELDS), ("per_page", per_page.as_str())];
        let (page, answer) = self.page::<TransactionJson>(call("list changes"), &["transactions"], &query).await?;
        Ok((page.items, desk_time(&answer)))
    }

    async fn cast_net(&self, mut place: Place, now: DateTime<Utc>) -> Result<ChangePage, Fault> {
        let query = format!("LastUpdated >= '{}'", desk_words(place.net.since - ANY_ZONE));
        let (per_page, number) = (PAGE.to_string(), place.net.page.to_string());
        let query = [
            ("query", query.as_str()),
            ("orderby", "LastUpdated"),
            ("orderby", "id"),
            ("order", "DESC"),
            ("order", "DESC"),
            ("fields", "LastUpdated,LastUpdatedBy"),
            ("per_page", per_page.as_str()),
            ("page", number.as_str()),
        ];
        let (page, answer) = self.page::<ListedJson>(call("list changed tickets"), &["tickets"], &query).await?;
        let desk = place.net.cast_at.or_else(|| desk_time(&answer)).unwrap_or(now);
        let since = place.net.since;
        let is_new = |listed: &&ListedJson| time(&listed.last_updated).is_some_and(|at| at >= since);
        let hints = page.items.iter().filter(is_new).filter_map(|listed| place.net_hint(listed, &self.settings.user)).collect();
        // What changes meanwhile moves others to later pages, where they are seen again: none is lost.
        let more = !page.items.is_empty() && page.items.iter().all(|listed| is_new(&listed));
        if more {
            place.net.page += 1;
        } else {
            let since = (desk - NET_OVERLAP).max(since);
            place.net = Net { since, page: 0, cast_at: None };
            place.recent.retain(|_, last| *last >= since.timestamp() - 60);
        }
        Ok(ChangePage { hints, more, seen_up_to: place.seen_up_to(desk, true), next: place.cursor() })
    }

    /// All tickets by number, resolved ones too. RT lists neither deleted nor merged ones.
    pub(super) async fn list_after(&self, cursor: Option<&Cursor>) -> Result<ListPage, Fault> {
        let after = cursor.map_or("0", |cursor| cursor.0.as_str());
        let after: u64 =
            after.parse().map_err(|_| Fault::unreadable("list tickets: the stored cursor is not one of this version"))?;
        let query = format!("id > {after}");
        let per_page = PAGE.to_string();
        let query = [
            ("query", query.as_str()),
            ("orderby", "id"),
            ("order", "ASC"),
            ("fields", "LastUpdated"),
            ("per_page", per_page.as_str()),
        ];
        let (page, _) = self.page::<ListedJson>(call("list tickets"), &["tickets"], &query).await?;
        let last = page.items.iter().filter_map(|listed| listed.id.0.parse::<u64>().ok()).max();
        let hint = |listed: &ListedJson| Some(listed_hint(listed, "listed", time(&listed.last_updated)?));
        Ok(ListPage {
            hints: page.items.iter().filter_map(hint).collect(),
            next: last.map(|last| Cursor(last.to_string())),
            total: if after == 0 { page.total } else { None },
        })
    }
}
