//! The people whom tickets name: who has no counterpart at the target, no address, or one that somebody else has too.

use std::collections::{BTreeMap, BTreeSet};

use crate::connectors::contract::{SourceDesk, TargetDesk};
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::capability::SetsAuthor;
use crate::desk::field::FieldKey;
use crate::desk::id::{PersonId, TicketId};
use crate::desk::person::{Person, Role};
use crate::desk::ticket::Ticket;

use super::patience::patiently;
use super::tally::{Found, Tally};
use super::trap::{self, Trap};
use super::view::View;

/// Organisations that the target is asked for.
const MOST_ORGANISATIONS: usize = 2_000;

/// Everyone met so far.
#[derive(Debug, Default)]
pub struct Crowd {
    people: BTreeMap<PersonId, Met>,
    organisations: BTreeMap<String, BTreeSet<TicketId>>,
}

#[derive(Debug, Default)]
struct Met {
    person: Option<Person>,
    tickets: BTreeSet<TicketId>,
    /// In a field that an agent has to be in.
    is_needed: bool,
    /// Requester or cc.
    is_customer: bool,
    wrote: bool,
}

impl Crowd {
    /// Takes in whom a ticket names in carried fields and as authors.
    pub fn meet(&mut self, view: &View<'_>, ticket: &Ticket) {
        let mapping = &view.config.mapping;
        for (key, value) in ticket.fields.iter().filter(|(key, _)| mapping.field(key).is_some()) {
            for person in value.persons() {
                let met = self.met(ticket, person);
                met.is_customer |= matches!(key, FieldKey::Requester | FieldKey::Cc);
                met.is_needed |= !matches!(key, FieldKey::Requester | FieldKey::Cc);
            }
        }
        for message in &ticket.messages {
            self.met(ticket, &message.author).wrote = true;
        }
        if mapping.field(&FieldKey::Organisation) == Some(&FieldKey::Organisation)
            && let Some(value) = ticket.fields.get(&FieldKey::Organisation)
        {
            for name in value.words() {
                self.organisations.entry(name.to_string()).or_default().insert(ticket.id.clone());
            }
        }
    }

    fn met(&mut self, ticket: &Ticket, id: &PersonId) -> &mut Met {
        let met = self.people.entry(id.clone()).or_default();
        met.tickets.insert(ticket.id.clone());
        if met.person.is_none() {
            met.person = ticket.person(id).cloned();
        }
        met
    }

    /// How many people were met.
    pub fn len(&self) -> u64 {
        self.people.len() as u64
    }

    /// Nobody was.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Asks both desks about those who were met, and counts what would be lost. Errors: the desk that does not answer.
    pub async fn judge(
        mut self,
        view: &View<'_>,
        (source, target): (&dyn SourceDesk, &dyn TargetDesk),
        tally: &mut Tally,
    ) -> Result<(), (Side, Fault)> {
        for (id, met) in &mut self.people {
            if met.person.is_none() {
                met.person = patiently(|| source.person(id)).await.map_err(|fault| (Side::Source, fault))?;
            }
        }
        self.addresses(view, tally);
        self.at_target(view, target, tally).await.map_err(|fault| (Side::Target, fault))
    }

    async fn at_target(&self, view: &View<'_>, target: &dyn TargetDesk, tally: &mut Tally) -> Result<(), Fault> {
        for met in self.people.values() {
            let Some(person) = &met.person else { continue };
            if person.role == Role::Agent && !met.is_customer {
                agent(view, target, met, person, tally).await?;
            }
        }
        if view.target.fields.contains_key(&FieldKey::Organisation) {
            for (name, tickets) in self.organisations.iter().take(MOST_ORGANISATIONS) {
                if !patiently(|| target.has_organisation(name)).await? {
                    note(&trap::NO_ORGANISATION, tickets, Some(name), tally);
                }
            }
        }
        Ok(())
    }

    fn addresses(&self, view: &View<'_>, tally: &mut Tally) {
        let mut holders: BTreeMap<String, Vec<&Met>> = BTreeMap::new();
        for met in self.people.values() {
            let Some(person) = &met.person else { continue };
            match &person.email {
                Some(email) => holders.entry(at_target(view, email)).or_default().push(met),
                None if met.is_customer => note(&trap::NO_ADDRESS, &met.tickets, None, tally),
                None => {}
            }
            if !person.active && person.role == Role::Customer {
                note(&trap::SUSPENDED, &met.tickets, None, tally);
            }
        }
        for met in holders.into_values().filter(|holders| holders.len() > 1).flatten() {
            note(&trap::SHARED_ADDRESS, &met.tickets, None, tally);
        }
    }
}

/// Agents are never made: seats are bought by people.
async fn agent(view: &View<'_>, target: &dyn TargetDesk, met: &Met, person: &Person, tally: &mut Tally) -> Result<(), Fault> {
    let matters = met.is_needed || met.wrote && view.target_can.sets_author == SetsAuthor::Always;
    if !matters {
        return Ok(());
    }
    let address = person.email.as_ref().map(|email| at_target(view, email));
    let key = view.keys.person(Side::Source, person.id.as_str());
    let found = patiently(|| target.find_person(address.as_deref(), &key)).await?;
    let there = found.iter().any(|found| found.active && (found.role == Role::Agent || !met.is_needed));
    if !there {
        let trap = if person.active { &trap::MISSING_AGENTS } else { &trap::DEPARTED };
        note(trap, &met.tickets, Some(&person.name), tally);
    }
    Ok(())
}

/// The address that the mirror looks for at the target.
fn at_target(view: &View<'_>, email: &str) -> String {
    view.config.mapping.address(email).unwrap_or(email).to_lowercase()
}

fn note(trap: &'static Trap, tickets: &BTreeSet<TicketId>, value: Option<&str>, tally: &mut Tally) {
    for ticket in tickets {
        tally.note(Found { value, ..Found::new(trap, "", ticket) });
    }
}
