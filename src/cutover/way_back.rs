//! The way back is proven before a switch: a ticket is made at the desk that will follow, with a note; it is answered in public with a file,
//! a field is changed, all of it is read, and the ticket is removed. Where rights are given group by group, this is done in each group
//! that tickets of the mirror are in.
//!
//! The ticket carries a key of ours and has nobody but ourselves as its customer, so that nobody is mailed. The gateway knows such keys and
//! does not carry it. It is recorded before it is made: one that a killed process left is removed by the next.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};

use crate::clock::{Clock, delta};
use crate::connectors::contract::{Connector, Download, Identity, Read, Upload};
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::body::Body;
use crate::desk::field::{FieldKey, Fields, Value};
use crate::desk::id::{AttachmentId, TicketId};
use crate::desk::survey::Told;
use crate::desk::ticket::{Message, Presence, Ticket, Visibility};
use crate::desk::write::{NewMessage, NewTicket, Outcome, Write};
use crate::ledger::probe::Probe;
use crate::ledger::{self, Ledger};
use crate::mirror::{KeySpace, MirrorId};

use super::gate::{Gate, desk_name};

const NAME: &str = "way-back";
const SUBJECT: &str = "Tidegate: proof that this desk can be written to (it is removed at once)";
const CHANGED: &str = "Tidegate: proof that this desk can be written to, changed (it is removed at once)";
const WORDS: &str = "Made and removed by Tidegate to prove that the way back is open. Nothing has to be done.";
const REPLY: &str = "An answer with a file, to prove that the way back is open. Nothing has to be done.";
const FILE: &str = "tidegate-proof.txt";
/// Groups that are tried at the same time.
const AT_ONCE: usize = 4;

/// What a proof needs.
pub struct WayBack<'a> {
    pub ledger: &'a Ledger,
    pub clock: &'a Clock,
    pub desk: &'a dyn Connector,
    pub mirror: MirrorId,
    pub keys: &'a KeySpace,
    /// The desk that is tried.
    pub side: Side,
    /// The windows that it is about; `None`: every ticket.
    pub windows: Option<&'a [i64]>,
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
        let groups = self.groups().await?;
        let tried = stream::iter(&groups).map(|group| self.try_in(&me, group.as_deref())).buffer_unordered(AT_ONCE);
        // Each is seen through, so that nothing is left of the others where one fails.
        let tried: Vec<Result<TicketId, Shut>> = tried.collect().await;
        let tickets = tried.into_iter().collect::<Result<Vec<TicketId>, Shut>>()?;
        let made = match tickets.as_slice() {
            [one] => format!("ticket {one} was"),
            many => format!("{} tickets, one in each group, were", many.len()),
        };
        let residue = self.desk.capabilities().residue;
        Ok(format!("{made} made at the {desk} desk, answered with a file, changed, read and removed; what stays: {residue}"))
    }

    async fn try_in(&self, me: &Identity, group: Option<&str>) -> Result<TicketId, Shut> {
        let probe = self.ledger.begin_probe(self.mirror, self.side, self.keys, self.clock.now()).await?;
        let ticket = self.make(&probe, me, group).await?;
        let seen = match self.write(&probe, &ticket, me).await {
            Ok(()) => self.read(&ticket).await,
            Err(shut) => Err(shut),
        };
        self.remove(&probe, &ticket).await?;
        match missing(&*seen?, &probe) {
            None => Ok(ticket),
            Some((what, opens)) => {
                let of = group.map(|group| format!(" of group {group}")).unwrap_or_default();
                shut(format!("the {} desk took ticket {ticket}{of} and lost {what}", desk_name(self.side)), opens)
            }
        }
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

    /// The groups to make a ticket in: all that the mirror's tickets are in where rights differ by group, else one; none where the desk has
    /// no groups.
    async fn groups(&self) -> Result<Vec<Option<String>>, Shut> {
        let schema = self.desk.schema().await.or_else(|fault| self.refused("its fields cannot be read", &fault))?;
        let known = schema.fields.get(&FieldKey::Group).and_then(|field| field.options.as_ref());
        let known: Vec<&String> = known.into_iter().flatten().filter(|group| !group.is_empty()).collect();
        let mut groups: Vec<Option<String>> = Vec::new();
        if self.desk.capabilities().rights_by_group {
            let used = self.ledger.groups(self.mirror, self.windows, self.side).await?;
            groups.extend(known.iter().filter(|group| used.contains(**group)).map(|group| Some((*group).clone())));
        }
        if groups.is_empty() {
            groups.push(known.first().map(|group| (*group).clone()));
        }
        Ok(groups)
    }

    async fn make(&self, probe: &Probe, me: &Identity, group: Option<&str>) -> Result<TicketId, Shut> {
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
                self.refused(
                    &format!("no ticket can be made{}", group.map(|group| format!(" in {group}")).unwrap_or_default()),
                    &fault,
                )
            }
        }
    }

    /// A public answer with a file, and a field.
    async fn write(&self, probe: &Probe, ticket: &TicketId, me: &Identity) -> Result<(), Shut> {
        let bytes = Bytes::from_static(WORDS.as_bytes());
        let upload = Upload {
            source: AttachmentId::new("1"),
            name: FILE.to_string(),
            content_type: "text/plain".to_string(),
            inline: false,
            download: Download { size: Some(bytes.len() as u64), bytes: stream::iter([Ok(bytes)]).boxed() },
        };
        let file = self.desk.stage(upload).await.or_else(|fault| self.refused("it takes no file", &fault))?;
        let message = NewMessage {
            key: format!("{}:2", probe.key),
            author: Some(me.person.clone()),
            visibility: Visibility::Public,
            created_at: self.clock.now(),
            body: Body::Text(REPLY.to_string()),
            attachments: vec![file],
        };
        let answer = Write::AddMessage { ticket: ticket.clone(), message };
        self.desk.apply(&answer).await.or_else(|fault| self.refused(&format!("ticket {ticket} cannot be answered"), &fault))?;
        let fields = Fields::from([(FieldKey::Subject, Value::text(CHANGED))]);
        let change = Write::SetFields { ticket: ticket.clone(), fields, expect: None };
        self.desk.apply(&change).await.or_else(|fault| self.refused(&format!("ticket {ticket} cannot be changed"), &fault))?;
        Ok(())
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

/// What the ticket should show and does not, and what opens the gate then.
fn missing(seen: &Ticket, probe: &Probe) -> Option<(&'static str, &'static str)> {
    let says = |words: &str, visibility| {
        seen.messages.iter().find(|message| message.visibility == visibility && message.body.to_html().contains(words))
    };
    let answer = says(REPLY, Visibility::Public);
    let has_file = |answer: &Message| answer.attachments.iter().any(|file| file.name == FILE);
    match () {
        () if seen.key.as_deref() != Some(&probe.key) => {
            Some(("our key", "look at the field for our key and at the rights to it"))
        }
        () if says(WORDS, Visibility::Internal).is_none() => Some(("its note", "look at the rights to comment there")),
        () if answer.is_none() => Some(("its answer", "look at the rights to reply there")),
        () if !answer.is_some_and(has_file) => Some(("the file of its answer", "look at the rights to attach files there")),
        () if seen.fields.get(&FieldKey::Subject) != Some(&Value::text(CHANGED)) => {
            Some(("the change of its subject", "look at the rights to change tickets there"))
        }
        () => None,
    }
}

fn sure_at(left: &Probe, lag_seconds: u32) -> DateTime<Utc> {
    left.asked_at + delta(std::time::Duration::from_secs(u64::from(lag_seconds)))
}
