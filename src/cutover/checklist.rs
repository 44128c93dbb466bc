//! What people do by hand at a switch, in the words of both desks, and how a test message proves where a channel ends.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::change::Cursor;
use crate::clock::delta;
use crate::connectors::contract::{Connector, Read};
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::capability::{ByHand, Capabilities, Channel};
use crate::desk::field::FieldKey;
use crate::desk::id::TicketId;
use crate::desk::survey::Told;
use crate::desk::ticket::Ticket;
use crate::ledger::tick::Tick;

use super::gate::desk_name;

/// How our keys begin, at any mirror: such a ticket did not come in by itself.
const OURS: &str = "tidegate:";
/// Pages that one look reads at most.
const PAGES: usize = 50;
/// What is done about an address that cannot be forwarded.
const KEPT: &str = "this address belongs to the desk that no longer leads and cannot be forwarded: see that nobody is told it any more (web sites, \
    signatures). What arrives there is carried until the mirror is retired";
/// A desk's clock may be so far behind ours.
const CLOCKS: Duration = Duration::from_secs(300);

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// The word to tick it off with: `widgets`, `mail-forwarding:help@acme.example`.
    pub name: String,
    pub what: String,
    /// How to send a message that shows whether it was done; `None`: none does.
    pub send: Option<String>,
    pub done: Option<Tick>,
}

/// The list for a switch: what is done at the desk that begins to lead, then what is done at the other. Mail is brought over address by
/// address.
pub fn items(leads: &Capabilities, follows: &Follows, ticks: &[Tick]) -> Vec<Item> {
    let begins = leads.begins.iter().flat_map(|one| match one.channel {
        Some(Channel::Mail) => mail_items(one, follows, ticks),
        channel => vec![item(one, channel.map(|_| "Send a message through this channel".to_string()))],
    });
    let ends = follows.capabilities.ends.iter().map(|one| item(one, None));
    let ticked = |item: Item| Item { done: ticks.iter().find(|tick| tick.item == item.name).cloned(), ..item };
    begins.chain(ends).map(ticked).collect()
}

/// The desk that no longer leads.
pub struct Follows {
    pub capabilities: &'static Capabilities,
    /// Where it makes tickets of mails.
    pub addresses: Told<BTreeSet<String>>,
}

impl Follows {
    /// Asks the desk. One that does not answer does not tell.
    pub async fn ask(desk: &dyn Connector) -> Self {
        let addresses = desk.addresses().await.unwrap_or_else(|fault| Told::CannotTell(fault.to_string()));
        Self { capabilities: desk.capabilities(), addresses }
    }

    fn keeps(&self, address: &str) -> bool {
        let domain = self.capabilities.own_mail_domain;
        !domain.is_empty() && address.ends_with(&format!(".{domain}"))
    }
}

fn item(one: &ByHand, send: Option<String>) -> Item {
    Item { name: one.name.to_string(), what: one.what.to_string(), send, done: None }
}

/// An item for each address, and for what was ticked of addresses that the desk does not tell of now.
fn mail_items(one: &ByHand, follows: &Follows, ticks: &[Tick]) -> Vec<Item> {
    let of_address = |address: &str| {
        let name = format!("{}:{address}", one.name);
        match follows.keeps(address) {
            true => Item { name, what: KEPT.to_string(), send: None, done: None },
            false => {
                let send = Some(format!("Send a mail to {address}"));
                Item { name, what: one.what.to_string(), send, done: None }
            }
        }
    };
    match &follows.addresses {
        Told::Known(addresses) => addresses.iter().map(|address| of_address(address)).collect(),
        Told::CannotTell(why) => {
            let (what, send) = (
                format!("{}; its addresses cannot be told ({why}), do it for each", one.what),
                Some("Send a mail to each address".to_string()),
            );
            let before = ticks.iter().filter_map(|tick| tick.item.strip_prefix(one.name)?.strip_prefix(':'));
            std::iter::once(Item { what, ..item(one, send) }).chain(before.map(of_address)).collect()
        }
    }
}

impl Item {
    /// As a person reads it.
    pub fn line(&self) -> String {
        match &self.done {
            None => format!("  [ ] {}: {}", self.name, self.what),
            Some(Tick { who, at, evidence, .. }) => {
                let shown = evidence.as_deref().map(|evidence| format!(": {evidence}")).unwrap_or_default();
                format!("  [x] {}: {} ({who}, {}{shown})", self.name, self.what, at.format("%F %T UTC"))
            }
        }
    }
}

/// Where a test message arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    pub side: Side,
    pub ticket: TicketId,
    pub at: DateTime<Utc>,
}

impl Arrived {
    /// What shows it, in words.
    pub fn evidence(&self, code: &str) -> String {
        let Arrived { side, ticket, at } = self;
        format!("the message {code} arrived as ticket {ticket} of the {} desk at {}", desk_name(*side), at.format("%F %T UTC"))
    }
}

/// Looks out for a ticket with a code in its subject that nobody else has, in both desks' own lists of changes.
pub struct Lookout<'a> {
    code: &'a str,
    ends: [End<'a>; 2],
}

/// What of a desk was looked at.
struct End<'a> {
    side: Side,
    desk: &'a dyn Connector,
    cursor: Cursor,
}

impl<'a> Lookout<'a> {
    /// For messages sent from now on.
    pub fn new(source: &'a dyn Connector, target: &'a dyn Connector, code: &'a str, now: DateTime<Utc>) -> Self {
        let end = |side, desk: &'a dyn Connector| End { side, desk, cursor: desk.cursor_at(now - delta(CLOCKS)) };
        Self { code, ends: [end(Side::Source, source), end(Side::Target, target)] }
    }

    /// Reads what is new at each desk. Copies that we made of it do not count. Errors: a desk that could not be asked; the next look goes on
    /// where this one was.
    pub async fn look(&mut self, now: DateTime<Utc>) -> Result<Option<Arrived>, (Side, Fault)> {
        let mut trouble = None;
        for end in &mut self.ends {
            match end.look(self.code, now).await {
                Ok(None) => {}
                Ok(arrived) => return Ok(arrived),
                Err(fault) => trouble = Some((end.side, fault)),
            }
        }
        trouble.map_or(Ok(None), Err)
    }
}

impl End<'_> {
    async fn look(&mut self, code: &str, now: DateTime<Utc>) -> Result<Option<Arrived>, Fault> {
        for _ in 0..PAGES {
            let page = self.desk.changes(&self.cursor, now).await?;
            let mut arrived = None;
            for hint in page.hints {
                if let Read::Found(ticket) = self.desk.read(&hint.ticket, None).await?
                    && is_it(&ticket, code)
                {
                    arrived = Some(Arrived { side: self.side, ticket: ticket.id, at: ticket.created_at });
                }
            }
            // Not before every ticket of it was read: one that could not be read is asked for again.
            self.cursor = page.next;
            if arrived.is_some() || !page.more {
                return Ok(arrived);
            }
        }
        Ok(None)
    }
}

fn is_it(ticket: &Ticket, code: &str) -> bool {
    let named = ticket.fields.get(&FieldKey::Subject).is_some_and(|words| words.to_string().contains(code));
    let ours = ticket.key.as_ref().is_some_and(|key| key.starts_with(OURS));
    named && !ours
}
