//! The way back is proven before a switch: a ticket is made at the desk that will follow, read, and removed.
//!
//! It carries a key of ours, has nobody but ourselves as its customer and an internal note as its only message, so that nobody is mailed.
//! The gateway knows such keys and does not carry the ticket. It is recorded before it is made: one that a killed process left is
//! removed by the next.

use chrono::{DateTime, Utc};

use crate::clock::{Clock, delta};
use crate::connectors::contract::{Connector, Identity, Read};
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::body::Body;
use crate::desk::field::{FieldKey, Fields, Value};
use crate::desk::id::TicketId;
use crate::desk::survey::Told;
use crate::desk::ticket::{Presence, Ticket, Visibility};
use crate::desk::write::{NewMessage, NewTicket, Outcome, Write};
use crate::ledger::probe::Probe;
use crate::ledger::{self, Ledger};
use crate::mirror::{KeySpace, MirrorId};

use super::gate::{Gate, desk_name};

const NAME: &str = "way-back";
const SUBJECT: &str = "Tidegate: proof that this desk can be written to (it is removed at once)";
const WORDS: &str = "Made and removed by Tidegate to prove that the way back is open. Nothing has to be done.";

/// What a proof needs.
pub struct WayBack<'a> {
    pub ledger: &'a Ledger,
    pub clock: &'a Clock,
    pub desk: &'a dyn Connector,
    pub mirror: MirrorId,
    pub keys: &'a KeySpace,
    /// The desk that is tried.
    pub side: Side,
}

/// Why the way back is not proven.
enum Shut {
    Ledger(ledger::Error),
    Why { found: String, opens: String },
}

impl From<ledger::Error> for Shut {
    fn from(error: ledger::Error) -> Self {
        Shut::Ledger(error)
    }
}

fn shut<T>(found: impl Into<String>, opens: impl Into<String>) -> Result<T, Shut> {
    Err(Shut::Why { found: found.into(), opens: opens.into() })
}

impl WayBack<'_> {
    /// Tries it. Errors: the ledger is away.
    pub async fn prove(&self) -> ledger::Result<Gate> {
        match self.try_all().await {
            Ok(found) => Ok(Gate::open(NAME, found)),
            Err(Shut::Why { found, opens }) => Ok(Gate::shut(NAME, found, opens)),
            Err(Shut::Ledger(error)) => Err(error),
        }
    }

    async fn try_all(&self) -> Result<String, Shut> {
        let desk = desk_name(self.side);
        for left in self.ledger.open_probes(self.mirror, self.side).await? {
            self.clear(&left).await?;
        }
        let me = self.desk.identify().await.or_else(|fault| self.refused("it does not let us in", &fault))?;
        self.needs().await?;
        let group = self.group().await?;
        let probe = self.ledger.begin_probe(self.mirror, self.side, self.keys, self.clock.now()).await?;
        let ticket = self.make(&probe, &me, group).await?;
        let seen = self.read(&ticket).await;
        self.remove(&probe, &ticket).await?;
        let seen = seen?;
        if seen.key.as_deref() != Some(&probe.key) || !seen.messages.iter().any(|message| message.body.to_html().contains(WORDS))
        {
            let opens = "look at the field for our key and at the rights to comment there";
            return shut(format!("the {desk} desk took ticket {ticket} and lost its key or its message"), opens);
        }
        let residue = self.desk.capabilities().residue;
        Ok(format!("ticket {ticket} was made at the {desk} desk, read and removed; what stays of it: {residue}"))
    }

    fn refused<T>(&self, what: &str, fault: &Fault) -> Result<T, Shut> {
        let opens = "mend the credential or its rights, so that what the new desk's people write can go back";
        shut(format!("the {} desk: {what}: {fault}", desk_name(self.side)), opens)
    }

    /// What a desk needs in order to be written to, as far as it tells.
    async fn needs(&self) -> Result<(), Shut> {
        let survey =
            self.desk.survey(Side::Target).await.or_else(|fault| self.refused("it does not tell what it has", &fault))?;
        match survey.needs.into_iter().find(|need| need.met == Told::Known(false)) {
            Some(need) => shut(format!("the {} desk lacks {}", desk_name(self.side), need.what), need.cure),
            None => Ok(()),
        }
    }

    /// A group to make the ticket in, where the desk has groups.
    async fn group(&self) -> Result<Option<String>, Shut> {
        let schema = self.desk.schema().await.or_else(|fault| self.refused("its fields cannot be read", &fault))?;
        let groups = schema.fields.get(&FieldKey::Group).and_then(|field| field.options.as_ref());
        Ok(groups.and_then(|groups| groups.iter().find(|group| !group.is_empty()).cloned()))
    }

    async fn make(&self, probe: &Probe, me: &Identity, group: Option<String>) -> Result<TicketId, Shut> {
        let now = self.clock.now();
        let mut fields =
            Fields::from([(FieldKey::Subject, Value::text(SUBJECT)), (FieldKey::Requester, Value::Person(me.person.clone()))]);
        fields.extend(group.map(|group| (FieldKey::Group, Value::text(group))));
        let message = NewMessage {
            key: format!("{}:1", probe.key),
            author: Some(me.person.clone()),
            visibility: Visibility::Internal,
            created_at: now,
            body: Body::Text(WORDS.to_string()),
            attachments: Vec::new(),
        };
        let new = NewTicket {
            key: probe.key.clone(),
            number_there: "0".to_string(),
            continues: None,
            created_at: now,
            updated_at: now,
            fields,
            messages: vec![message],
        };
        match self.desk.apply(&Write::Create(new)).await {
            Ok(Outcome::Done(written)) => match written.ticket {
                Some(ticket) => {
                    self.ledger.note_probe(probe, &ticket).await?;
                    Ok(ticket)
                }
                None => shut(
                    "the desk made a ticket and did not tell its number",
                    "try again: the next run looks it up and removes it",
                ),
            },
            Ok(Outcome::Moved) => shut("the desk did not make a ticket", "try again"),
            Err(fault) => {
                if !fault.leaves_doubt() {
                    self.ledger.end_probe(probe, now).await?;
                }
                self.refused("no ticket can be made", &fault)
            }
        }
    }

    async fn read(&self, ticket: &TicketId) -> Result<Box<Ticket>, Shut> {
        match self.desk.read(ticket, None).await {
            Ok(Read::Found(seen) | Read::Torn(seen)) => Ok(seen),
            Ok(Read::Missing) => {
                let opens = "give the credential the right to see the tickets that it makes; the next run removes this one";
                shut(format!("the desk does not show ticket {ticket}, which it just made"), opens)
            }
            Err(fault) => self.refused("the ticket that was made cannot be read", &fault),
        }
    }

    async fn remove(&self, probe: &Probe, ticket: &TicketId) -> Result<(), Shut> {
        let removed = self.desk.apply(&Write::Delete { ticket: ticket.clone() }).await;
        let there = match removed {
            Ok(_) => self.desk.read(ticket, None).await,
            Err(fault) => return self.refused(&format!("ticket {ticket} was made and cannot be removed"), &fault),
        };
        match there {
            Ok(Read::Found(seen) | Read::Torn(seen)) if seen.presence == Presence::Present => shut(
                format!("the desk took the removal of {ticket} and shows it all the same"),
                "remove it by hand, and try again",
            ),
            Ok(_) => Ok(self.ledger.end_probe(probe, self.clock.now()).await?),
            Err(fault) => self.refused(&format!("whether ticket {ticket} is removed cannot be read"), &fault),
        }
    }

    /// Removes what a process left that ended in between. One that is not found is believed to be absent after the desk's look-up lag.
    async fn clear(&self, left: &Probe) -> Result<(), Shut> {
        let found = match &left.ticket {
            Some(ticket) => vec![ticket.clone()],
            None => match self.desk.find_ticket(&left.key).await {
                Ok(found) => found,
                Err(fault) => return self.refused("a former proof cannot be looked up", &fault),
            },
        };
        if found.is_empty() && self.clock.now() < sure_at(left, self.desk.capabilities().lookup_lag_seconds) {
            let opens = "try again in a few minutes";
            return shut("a former proof may still be there: the desk does not find new tickets at once", opens);
        }
        if found.is_empty() {
            self.ledger.end_probe(left, self.clock.now()).await?;
        }
        for ticket in found {
            self.remove(left, &ticket).await?;
        }
        Ok(())
    }
}

fn sure_at(left: &Probe, lag_seconds: u32) -> DateTime<Utc> {
    left.asked_at + delta(std::time::Duration::from_secs(u64::from(lag_seconds)))
}
