//! The eyes of the judge: what both desks say now, with the questions counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::connectors::contract::{Connector, Download, Read};
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::capability::Capabilities;
use crate::desk::field::FieldKey;
use crate::desk::id::{PersonId, TicketId};
use crate::desk::person::Person;
use crate::desk::ticket::{Attachment, Message, Presence, Ticket};
use crate::ledger::Ledger;
use crate::ledger::check::PersonRecord;

use super::case::{End, Known};
use super::parity::{Bench, Trouble};

/// Older than every stamp: asks for a ticket's whole history.
const FROM_THE_START: &str = "0";
/// So many merges are followed.
const MERGES: usize = 5;
/// People that are remembered; beyond that they are asked for again.
const PEOPLE: usize = 5_000;

/// Reads both desks for one check.
pub struct Witness<'a> {
    pub bench: &'a Bench<'a>,
    /// Each target ticket's key is asked for by itself: one question a ticket. Else the target's list is read once for all.
    pub asks_keys: bool,
    shared: Arc<Shared>,
    /// Questions of this one alone.
    asked: AtomicU64,
}

#[derive(Default)]
struct Shared {
    calls: Mutex<BTreeMap<&'static str, u64>>,
    people: Mutex<BTreeMap<(Side, PersonId), Option<Person>>>,
}

/// The target's side of a conversation.
pub struct Pool {
    /// Each once, those of the pair's own ticket first.
    pub messages: Vec<Message>,
    /// Tickets that were read.
    pub seen: BTreeSet<TicketId>,
    /// What the pair's own ticket was merged into.
    pub survivors: BTreeSet<TicketId>,
}

impl<'a> Witness<'a> {
    /// Has asked nothing yet.
    pub fn new(bench: &'a Bench<'a>, asks_keys: bool) -> Self {
        Self { bench, asks_keys, shared: Arc::default(), asked: AtomicU64::new(0) }
    }

    /// One for a single ticket, which knows what this one knows and counts its questions here too.
    pub fn for_one(&self) -> Self {
        Self { bench: self.bench, asks_keys: self.asks_keys, shared: self.shared.clone(), asked: AtomicU64::new(0) }
    }

    /// How many questions this one asked.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    fn desk(&self, side: Side) -> &'a dyn Connector {
        match side {
            Side::Source => self.bench.source,
            Side::Target => self.bench.target,
        }
    }

    fn ledger(&self) -> &'a Ledger {
        self.bench.ledger
    }

    /// Counts a question.
    pub fn count(&self, kind: &'static str) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        *self.shared.calls.lock().expect("nobody panics while counting").entry(kind).or_default() += 1;
    }

    /// The questions of all since the last time, by kind.
    pub fn take_calls(&self) -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut self.shared.calls.lock().expect("nobody panics while counting"))
    }

    /// What a desk can do.
    pub fn capabilities(&self, side: Side) -> &'static Capabilities {
        self.desk(side).capabilities()
    }

    /// A ticket with all that was ever done to it.
    pub async fn read(&self, side: Side, ticket: &TicketId) -> Result<Read, Fault> {
        self.count(if side == Side::Source { "source tickets" } else { "target tickets" });
        let since = (side == Side::Target).then_some(FROM_THE_START);
        self.desk(side).read(ticket, since).await
    }

    /// The same for a ticket that follows, whose history tells who changed it.
    pub async fn follow(&self, side: Side, ticket: &TicketId) -> Result<Read, Fault> {
        self.count(if side == Side::Source { "source tickets" } else { "target tickets" });
        self.desk(side).read(ticket, Some(FROM_THE_START)).await
    }

    /// People whom a leading target names and for whom nobody stands at the source.
    pub async fn absent_of(&self, target: &Ticket) -> Result<BTreeSet<PersonId>, Trouble> {
        let people: BTreeSet<&PersonId> = target.fields.values().flat_map(|value| value.persons()).collect();
        let ids: Vec<&str> = people.iter().map(|id| id.as_str()).collect();
        let records = self.ledger().people_records(self.bench.mirror, Side::Target, &ids).await?;
        Ok(records.into_iter().filter(|(_, record)| record.there.is_none()).map(|(id, _)| id).collect())
    }

    /// Starts to read a file.
    pub async fn download(&self, side: Side, file: &Attachment) -> Result<Download, Fault> {
        self.count("files");
        self.desk(side).download(file).await
    }

    /// Target tickets that carry a key.
    pub async fn find_ticket(&self, key: &str) -> Result<Vec<TicketId>, Fault> {
        self.count("keys");
        self.bench.target.find_ticket(key).await
    }

    /// A person of a desk, asked for once in a check.
    async fn person(&self, side: Side, id: &PersonId) -> Result<Option<Person>, Fault> {
        let key = (side, id.clone());
        let known = self.shared.people.lock().expect("nobody panics while looking up").get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        self.count("people");
        let person = self.desk(side).person(id).await?;
        let mut people = self.shared.people.lock().expect("nobody panics while looking up");
        if people.len() >= PEOPLE {
            people.clear();
        }
        people.insert(key, person.clone());
        Ok(person)
    }

    /// Everyone whom a source ticket names in carried fields or as an author.
    pub async fn people_of(&self, source: &Ticket) -> Result<BTreeMap<PersonId, Known>, Trouble> {
        let carried = |key: &FieldKey| self.bench.mapping.field(key).is_some();
        let in_fields = source.fields.iter().filter(|(key, _)| carried(key)).flat_map(|(_, value)| value.persons());
        let authors: BTreeSet<&PersonId> = source.messages.iter().map(|message| &message.author).collect();
        let all: BTreeSet<&PersonId> = in_fields.chain(authors.iter().copied()).collect();
        let ids: Vec<&str> = all.iter().map(|id| id.as_str()).collect();
        let mut records = self.ledger().people_records(self.bench.mirror, Side::Source, &ids).await?;
        let mut people = BTreeMap::new();
        for id in all {
            let mut known = Known { link: records.remove(id), ..Known::default() };
            let mut told = source.person(id).cloned();
            if told.is_none() && (known.link.is_none() || authors.contains(id)) {
                told = self.person(Side::Source, id).await?;
                known.unknown = told.is_none();
            }
            let recorded = known.link.clone().map(|link| (link.name, link.email));
            for (name, email) in told.map(|person| (person.name, person.email)).into_iter().chain(recorded) {
                known.names.push(name);
                known.emails.extend(email);
            }
            people.insert(id.clone(), known);
        }
        Ok(people)
    }

    /// Whoever wrote these messages at the target, and who stands for them at the source.
    pub async fn authors_of(&self, target: &Ticket, messages: &[&Message]) -> Result<BTreeMap<PersonId, Known>, Trouble> {
        let authors: BTreeSet<&PersonId> = messages.iter().map(|message| &message.author).collect();
        let ids: Vec<&PersonId> = authors.iter().copied().collect();
        let mut there = self.ledger().counterparts(self.bench.mirror, Side::Target, &ids).await?;
        let mut people = BTreeMap::new();
        for id in authors {
            let told = match target.person(id) {
                Some(person) => Some(person.clone()),
                None => self.person(Side::Target, id).await?,
            };
            let link = there.remove(id).map(|there| PersonRecord { there, name: String::new(), email: None });
            let mut known = Known { link, unknown: told.is_none(), ..Known::default() };
            if let Some(person) = told {
                known.names.push(person.name);
                let other = person.email.as_deref().and_then(|email| self.bench.mapping.source_address(email));
                known.emails.extend(other.map(str::to_string));
                known.emails.extend(person.email);
            }
            people.insert(id.clone(), known);
        }
        Ok(people)
    }

    /// What stands at the other desk for the other ends of a leading ticket's links, and for what it was merged into.
    pub async fn ends_of(&self, side: Side, lead: &Ticket) -> Result<BTreeMap<TicketId, End>, Trouble> {
        let root = match &lead.presence {
            Presence::MergedInto(root) => Some(root),
            Presence::Present | Presence::Deleted => None,
        };
        let mut ends = BTreeMap::new();
        for to in lead.links.iter().map(|link| &link.to).chain(root) {
            if !ends.contains_key(to) {
                ends.insert(to.clone(), self.end(side, to).await?);
            }
        }
        Ok(ends)
    }

    async fn end(&self, side: Side, to: &TicketId) -> Result<End, Trouble> {
        let mirror = self.bench.mirror;
        let id = match side {
            Side::Source => self.ledger().pair_of_source(mirror, to).await?,
            Side::Target => self.ledger().pair_of_target(mirror, to).await?,
        };
        let Some(id) = id else { return Ok(End::NotCarried) };
        let pair = self.ledger().pair(id).await?;
        let root = self.ledger().root_of(mirror, side, to).await?.map(|(_, ticket)| ticket);
        let mut ends: BTreeSet<TicketId> = pair.ticket(side.other()).cloned().into_iter().chain(root).collect();
        if side == Side::Source {
            ends.extend(self.ledger().pair_record(&pair).await?.formers);
        }
        Ok(match pair.state.as_str() {
            _ if !ends.is_empty() => End::Carried(ends),
            "outside" | "deleted" | "merged" => End::NotCarried,
            _ => End::Awaited,
        })
    }

    /// The messages of the pair's own target ticket, and of those that it was merged into.
    pub async fn pool(&self, target: &Ticket) -> Result<Pool, Fault> {
        let mut pool = Pool { messages: Vec::new(), seen: BTreeSet::new(), survivors: BTreeSet::new() };
        pool.put(target);
        let mut presence = target.presence.clone();
        for _ in 0..MERGES {
            let Presence::MergedInto(into) = presence else { break };
            if !pool.survivors.insert(into.clone()) {
                break;
            }
            let Read::Found(survivor) = self.read(Side::Target, &into).await? else { break };
            pool.put(&survivor);
            presence = survivor.presence.clone();
        }
        Ok(pool)
    }

    /// Whether a ticket is one of these, or was merged into one of them, step by step.
    pub async fn leads_to(&self, side: Side, ticket: &TicketId, any: &BTreeSet<TicketId>) -> Result<bool, Fault> {
        let mut ticket = ticket.clone();
        for _ in 0..MERGES {
            if any.contains(&ticket) {
                return Ok(true);
            }
            let Read::Found(found) = self.read(side, &ticket).await? else { return Ok(false) };
            let Presence::MergedInto(into) = found.presence else { return Ok(false) };
            ticket = into;
        }
        Ok(false)
    }

    /// The messages of some tickets.
    pub async fn messages_of(&self, side: Side, tickets: &[TicketId]) -> Result<Vec<Message>, Fault> {
        let mut messages = Vec::new();
        for ticket in tickets {
            if let Read::Found(ticket) = self.read(side, ticket).await? {
                messages.extend(ticket.messages);
            }
        }
        Ok(messages)
    }

    /// Adds the messages of more target tickets.
    pub async fn widen(&self, pool: &mut Pool, tickets: &[TicketId]) -> Result<(), Fault> {
        for ticket in tickets {
            if !pool.seen.contains(ticket)
                && let Read::Found(ticket) = self.read(Side::Target, ticket).await?
            {
                pool.put(&ticket);
            }
        }
        Ok(())
    }
}

impl Pool {
    fn put(&mut self, ticket: &Ticket) {
        self.seen.insert(ticket.id.clone());
        for message in &ticket.messages {
            if !self.messages.iter().any(|held| held.id == message.id) {
                self.messages.push(message.clone());
            }
        }
    }
}
