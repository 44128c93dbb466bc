//! People: whoever a ticket names is looked up at the following desk, once; customers who are not there are made.

use std::collections::{BTreeMap, BTreeSet};

use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::capability::SetsAuthor;
use crate::desk::field::Value;
use crate::desk::id::{MessageId, PersonId};
use crate::desk::person::{NewPerson, Person, Role};
use crate::desk::ticket::Ticket;
use crate::ledger::person::NewPersonLink;
use crate::merge::base::MessageLink;
use crate::merge::scene::{Needed, people_needed};

use super::course::Course;
use super::fate::Result;
use super::house::House;

/// Leading person to following person.
pub type People = BTreeMap<PersonId, Option<PersonId>>;

/// Finds or makes everyone whom the leading ticket of a side names; `before`: what its fields held when both desks last agreed.
pub async fn resolve(house: &House, course: &Course, (side, lead): (Side, &Ticket), before: &[&Value]) -> Result<People> {
    let needed = people_needed((side, lead), before, course.desk(side.other()).capabilities(), &course.mapping);
    let ids: Vec<&PersonId> = needed.iter().map(|needed| &needed.person).collect();
    let mut people = house.ledger.people(course.id, side, &ids, house.clock.now()).await?;
    for needed in &needed {
        let stale = matches!(people.get(&needed.person), Some(None)) && needed.may_create;
        if !people.contains_key(&needed.person) || stale {
            let found = look_up(house, course, (side, lead), needed).await?;
            people.insert(needed.person.clone(), found);
        }
    }
    Ok(people)
}

/// Who stands for whom, where nobody may be made and nothing is remembered.
#[derive(Debug, Default)]
pub struct Looked {
    pub people: People,
    /// Who would be made.
    pub new: Vec<Person>,
}

/// Looks for everyone whom the leading ticket names, and writes nothing. Who would be made is missing among the people.
pub async fn look(house: &House, course: &Course, (side, lead): (Side, &Ticket), before: &[&Value]) -> Result<Looked> {
    let needed = people_needed((side, lead), before, course.desk(side.other()).capabilities(), &course.mapping);
    let ids: Vec<&PersonId> = needed.iter().map(|needed| &needed.person).collect();
    let known = house.ledger.people(course.id, side, &ids, house.clock.now()).await?;
    let mut looked = Looked { people: known, new: Vec::new() };
    for needed in needed.iter().filter(|needed| !matches!(looked.people.get(&needed.person), Some(Some(_)))).collect::<Vec<_>>() {
        let told = lead.person(&needed.person).cloned();
        let person = match told {
            Some(person) => Some(person),
            None => course.desk(side).person(&needed.person).await?,
        };
        let Some(person) = person else {
            looked.people.insert(needed.person.clone(), None);
            continue;
        };
        let may_create = needed.may_create && (needed.as_customer || person.role == Role::Customer);
        let key = course.keys.person(side, person.id.as_str());
        let address = address_of(course, side, &person);
        match find(course, side, (address.as_deref(), &key), may_create).await? {
            Some(found) => _ = looked.people.insert(needed.person.clone(), Some(found.id)),
            None if may_create => {
                looked.people.remove(&needed.person);
                looked.new.push(person);
            }
            None => _ = looked.people.insert(needed.person.clone(), None),
        }
    }
    Ok(looked)
}

/// The address by which a person of a desk is known at the other one.
pub fn address_of(course: &Course, side: Side, person: &Person) -> Option<String> {
    let other = |email| match side {
        Side::Source => course.mapping.address(email),
        Side::Target => course.mapping.source_address(email),
    };
    person.email.as_deref().map(|email| other(email).unwrap_or(email).to_string())
}

/// Asks the leading desk about the authors of messages that are still to be written, where it did not name them with the ticket: the
/// line before a message says who wrote it in words that people know, not by a login.
pub async fn introduce(course: &Course, side: Side, lead: &mut Ticket, linked: &[MessageLink]) -> Result<()> {
    for author in unwritten_authors(course, side, lead, linked) {
        if lead.person(&author).is_none() {
            lead.people.extend(course.desk(side).person(&author).await?);
        }
    }
    Ok(())
}

/// Who wrote what is still to be carried. Copies of ours are not.
fn unwritten_authors(course: &Course, side: Side, ticket: &Ticket, linked: &[MessageLink]) -> BTreeSet<PersonId> {
    let known: BTreeSet<&MessageId> = linked.iter().filter_map(|link| link.at(side)).collect();
    let ours = |key: &Option<String>| key.as_deref().is_some_and(|key| course.keys.is_ours(key));
    let unwritten = ticket.messages.iter().filter(|message| !known.contains(&message.id) && !ours(&message.key));
    unwritten.map(|message| message.author.clone()).collect()
}

/// Who stands at the other desk for the authors of what is still to be carried from this one: by their links, customers besides by their
/// address. Nobody is made, and nothing is remembered.
pub async fn authors(house: &House, course: &Course, side: Side, ticket: &Ticket, linked: &[MessageLink]) -> Result<People> {
    let there = course.desk(side.other());
    if there.capabilities().sets_author != SetsAuthor::Always {
        return Ok(People::new());
    }
    let wrote = unwritten_authors(course, side, ticket, linked);
    let ids: Vec<&PersonId> = wrote.iter().collect();
    let mut people = house.ledger.counterparts(course.id, side, &ids).await?;
    for author in wrote.iter().filter(|author| !people.contains_key(author)).collect::<Vec<_>>() {
        let person = ticket.person(author).filter(|person| person.role == Role::Customer);
        let Some(email) = person.and_then(|person| person.email.as_deref()) else { continue };
        let address = match side {
            Side::Source => course.mapping.address(email),
            Side::Target => course.mapping.source_address(email),
        };
        let mut found = there.find_person(Some(address.unwrap_or(email)), &course.keys.person(side, author.as_str())).await?;
        found.retain(|person| person.role == Role::Customer && person.active);
        if let [only] = found.as_slice() {
            people.insert(author.clone(), Some(only.id.clone()));
        }
    }
    Ok(people)
}

async fn look_up(house: &House, course: &Course, (side, lead): (Side, &Ticket), needed: &Needed) -> Result<Option<PersonId>> {
    let told = lead.person(&needed.person).cloned();
    let person = match told {
        Some(person) => Some(person),
        None => course.desk(side).person(&needed.person).await?,
    };
    let Some(person) = person else { return Ok(None) };
    // A desk that tells of nobody with the ticket tells only here who works there.
    let may_create = needed.may_create && (needed.as_customer || person.role == Role::Customer);
    let found = find_or_make(house, course, (side, &person), may_create).await?;
    let (there, how) = match &found {
        Some((there, how)) => (Some(there), *how),
        None => (None, "nobody"),
    };
    let link = NewPersonLink {
        side,
        person: &person.id,
        there: there.map(|there| &there.id),
        email: person.email.as_deref(),
        name: &person.name,
        how,
    };
    house.ledger.link_person(course.id, &link, house.clock.now()).await?;
    Ok(found.map(|(there, _)| there.id))
}

async fn find_or_make(
    house: &House,
    course: &Course,
    (side, person): (Side, &Person),
    may_create: bool,
) -> Result<Option<(Person, &'static str)>> {
    let key = course.keys.person(side, person.id.as_str());
    let address = address_of(course, side, person);
    // One at a time per address: two tickets of a new customer must not make two.
    let _turn = house.turns.take(address.as_deref().unwrap_or(&key)).await;
    if let Some(found) = find(course, side, (address.as_deref(), &key), may_create).await? {
        return Ok(Some((found, "address")));
    }
    if !may_create {
        return Ok(None);
    }
    let new = NewPerson { key: key.clone(), name: person.name.clone(), email: address.clone(), active: person.active };
    // Those whom we made at the source stay when the copy is taken back.
    let how = if side == Side::Source { "created" } else { "created at source" };
    match course.desk(side.other()).create_person(&new).await {
        Ok(made) => Ok(Some((made, how))),
        // Somebody else may have made them since we looked, or our own request arrived and its answer was lost.
        Err(Fault::Refused { what }) => match find(course, side, (address.as_deref(), &key), may_create).await? {
            Some(found) => Ok(Some((found, "address"))),
            None => {
                Err(Fault::refused(format!("{} could not be made at the {} desk: {what}", person.id, side.other().as_str()))
                    .into())
            }
        },
        Err(fault) => Err(fault.into()),
    }
}

/// A key of ours proves a person; an address proposes one: an active one before others, and an agent only where an agent is
/// meant or nobody else is there.
async fn find(course: &Course, side: Side, (address, key): (Option<&str>, &str), customer: bool) -> Result<Option<Person>> {
    let mut found = course.desk(side.other()).find_person(address, key).await?;
    found.sort_by_key(|person| (!person.active, (person.role == Role::Agent) == customer));
    Ok(found.into_iter().next())
}
