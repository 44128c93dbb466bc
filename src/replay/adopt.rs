//! Taking over one pair of a copy that another tool made: both sides are read once, a base is made of what they say, and our key is put
//! on the target ticket, so that look-ups find it. Nothing else is written here; what has changed since goes through the lane.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::clock::Monotonic;
use crate::connectors::contract::Read;
use crate::connectors::http::{Priority, at_priority, within_lease};
use crate::desk::Side;
use crate::desk::id::{PersonId, TicketId};
use crate::desk::ticket::{Presence, Ticket};
use crate::desk::write::{Outcome, Write};
use crate::ledger::adopt::{Adopted, Claimable};
use crate::ledger::intent::NewIntent;
use crate::ledger::lane::{Claim, Claimant};
use crate::ledger::parked::Park;
use crate::merge::adopt::{Adoption, adopt};
use crate::merge::base::Base;
use crate::merge::links::Ends;
use crate::merge::scene::Scene;

use super::course::Course;
use super::fate::{Fate, Result};
use super::house::House;
use super::people::{address_of, look};
use super::watch::{Tenure, Watch};

/// All that was ever done to a ticket.
const FROM_THE_START: Option<&str> = Some("0");
/// So many acts of the target ticket are remembered.
const SEEN_ACTS: usize = 100;
/// A ticket that changes while it is read is read so often.
const READS: usize = 4;

/// What became of one pair.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// `key_why`: why our key is not on the target ticket; parked: a person has to look before anything is written.
    Over { adoption: Box<Adoption>, key_why: Option<String>, parked: Option<String> },
    /// It was adopted before.
    Before,
    /// It is not taken over: why.
    Refused(String),
}

/// Takes over the pairs of one mirror.
pub struct Adopter<'a> {
    pub house: &'a House,
    pub course: &'a Course,
    pub worker: Uuid,
    /// When the other tool began to read the old desk.
    pub reference: DateTime<Utc>,
    /// All pairs that are to be taken over, old to new: the other ends of links.
    pub pairs: &'a BTreeMap<TicketId, TicketId>,
}

impl Adopter<'_> {
    /// Takes over one pair.
    pub async fn pair(&self, old: &TicketId, new: &TicketId) -> Result<Taken> {
        let id = match self.house.ledger.claimable(self.course.id, old, new, self.house.clock.now()).await? {
            Claimable::Free(id) => id,
            Claimable::Adopted => return Ok(Taken::Before),
            Claimable::Taken(why) => return Ok(Taken::Refused(why)),
        };
        let settings = &self.house.settings;
        let claimant = Claimant { worker: self.worker, lease: settings.lease, grace: settings.grace, only: Some(self.course.id) };
        let claimed = Monotonic::now();
        let Some(claim) = self.house.ledger.claim_pair(id, claimant, self.house.clock.now()).await? else {
            let why = "another process has the ticket".to_string();
            return Err(Fate::NotYet { after: settings.grace, why });
        };
        let tenure = Tenure::since(claimed);
        let outcome = tokio::select! {
            outcome = at_priority(Priority::Backfill, self.take(&claim, &tenure, old, new)) => outcome,
            () = tenure.hold(self.house, &claim) => Err(Fate::Ledger(crate::ledger::Error::Fenced)),
        };
        self.house.ledger.let_go(&claim).await?;
        outcome
    }

    async fn take(&self, claim: &Claim, tenure: &Tenure, old: &TicketId, new: &TicketId) -> Result<Taken> {
        let (lead, follow) = (self.read(Side::Source, old).await?, self.read(Side::Target, new).await?);
        let (lead, follow) = match (lead, follow) {
            (Ok(lead), Ok(follow)) => (lead, follow),
            (Err(why), _) | (_, Err(why)) => return Ok(Taken::Refused(why)),
        };
        if let Err(why) = self.course.scope.includes(&lead) {
            return Ok(Taken::Refused(format!("old {old} is not in the scope: {why}")));
        }
        let adoption = self.compare(&lead, &follow).await?;
        if !adoption.alike {
            let why = format!("old {old} and new {new} have neither subject nor any message in common: the pair is wrong");
            return Ok(Taken::Refused(why));
        }
        let doubt = doubt(&adoption, &lead.id, &follow.id);
        let key_why = self.set_key(claim, tenure, &lead, &follow).await?;
        let seen: Vec<&str> = follow.acts.iter().rev().take(SEEN_ACTS).map(|act| act.id.as_str()).collect();
        let advice = "Compare both tickets, and mend the new one by hand where it lacks something. Release it to go on as they were aligned: \
                      old messages that have no counterpart are added then, at the end.";
        let urgent = !adoption.exposed.is_empty();
        let park = doubt.as_ref().map(|why| Park { kind: "adopted", reason: why, advice, blocking: true, urgent });
        let adopted = Adopted {
            target: &follow.id,
            base: &adoption.base,
            links: &adoption.messages,
            source_stamp: &lead.stamp,
            target_stamp: &follow.stamp,
            target_feed_stamp: follow.feed_stamp.as_deref(),
            seen_acts: &seen,
            mapping_version: &self.course.mapping_version,
            unknown: &adoption.unknown,
            park,
        };
        self.house.ledger.settle_adoption(claim, adopted, self.house.clock.now()).await?;
        Ok(Taken::Over { adoption: Box::new(adoption), key_why, parked: doubt })
    }

    /// The whole ticket, or why it cannot be taken over.
    async fn read(&self, side: Side, id: &TicketId) -> Result<std::result::Result<Ticket, String>> {
        let word = if side == Side::Source { "old" } else { "new" };
        for _ in 0..READS {
            return Ok(match self.course.desk(side).read(id, FROM_THE_START).await? {
                Read::Torn(_) => continue,
                Read::Missing => Err(format!("the {word} desk does not show {id}")),
                Read::Found(ticket) => match &ticket.presence {
                    Presence::Present => Ok(*ticket),
                    Presence::Deleted => Err(format!("{word} {id} is deleted")),
                    Presence::MergedInto(into) => Err(format!("{word} {id} was merged into {into}")),
                },
            });
        }
        Err(Fate::NotYet { after: std::time::Duration::ZERO, why: format!("{word} {id} changes each time while it is read") })
    }

    async fn compare(&self, lead: &Ticket, follow: &Ticket) -> Result<Adoption> {
        let looked = look(self.house, self.course, (Side::Source, lead), &[]).await?;
        let authors = self.authors(lead, follow).await?;
        let known = |link: &crate::desk::ticket::Link| Some((link.to.clone(), self.pairs.get(&link.to)?.clone()));
        let ends = Ends { tickets: lead.links.iter().filter_map(known).collect(), ..Ends::default() };
        let scene = Scene {
            lead_side: Side::Source,
            lead,
            follow: Some(follow),
            lead_can: self.course.source.capabilities(),
            follow_can: self.course.target.capabilities(),
            keys: &self.course.keys,
            part: 0,
            base: &Base::default(),
            linked: &[],
            reapply: &BTreeMap::new(),
            people: &looked.people,
            ends: &ends,
            mapping: &self.course.mapping,
            policy: &self.course.policy,
            rulings: &[],
            clocks: None,
            now: self.house.clock.now(),
        };
        Ok(adopt(&scene, self.reference, |side, person| authors.get(&(side, person.clone())).cloned()))
    }

    /// An address for each author that means the same at both desks.
    async fn authors(&self, lead: &Ticket, follow: &Ticket) -> Result<BTreeMap<(Side, PersonId), String>> {
        let mut authors = BTreeMap::new();
        for (side, ticket) in [(Side::Source, lead), (Side::Target, follow)] {
            let ids: BTreeSet<&PersonId> = ticket.messages.iter().map(|message| &message.author).collect();
            for id in ids {
                let person = match ticket.person(id) {
                    Some(person) => Some(person.clone()),
                    None => self.course.desk(side).person(id).await?,
                };
                let address = person
                    .and_then(|person| if side == Side::Source { address_of(self.course, side, &person) } else { person.email });
                authors.extend(address.map(|address| ((side, id.clone()), address)));
            }
        }
        Ok(authors)
    }

    /// Puts our key on the target ticket. Returns why it is not there. The intent is closed when the pair is settled.
    async fn set_key(&self, claim: &Claim, tenure: &Tenure, lead: &Ticket, follow: &Ticket) -> Result<Option<String>> {
        let key = self.course.keys.ticket(lead.id.as_str(), 0);
        match &follow.key {
            Some(own) if *own == key => return Ok(None),
            Some(_) => return Ok(Some("its field for our key holds something else".to_string())),
            None if follow.immutable => return Ok(Some("it is closed for good".to_string())),
            None => {}
        }
        let house = self.house;
        let mut watch = Watch::new(house, claim, tenure);
        watch.renew().await?;
        let detail = json!({ "form": 1, "ticket": follow.id });
        let intent = house.ledger.send_intent(claim, NewIntent { kind: "key", key: &key, detail }, house.clock.now()).await?;
        house.steps.reached("intent sent").await;
        watch.still_ours()?;
        let write = Write::SetKey { ticket: follow.id.clone(), key, number_there: lead.id.to_string() };
        let why = match within_lease(watch.lease(), self.course.target.apply(&write)).await {
            Ok(Outcome::Done(_)) => return Ok(None),
            Ok(Outcome::Moved) => "somebody changed the ticket at the same moment".to_string(),
            Err(fault) if fault.leaves_doubt() => return Err(fault.into()),
            Err(fault) => fault.to_string(),
        };
        house.ledger.void_intent(intent, house.clock.now()).await?;
        Ok(Some(why))
    }

    /// Whether stop was said.
    pub fn stopped(&self) -> bool {
        self.house.stopping.load(Ordering::Relaxed)
    }
}

/// What a person has to look at before anything is written to the pair.
fn doubt(adoption: &Adoption, old: &TicketId, new: &TicketId) -> Option<String> {
    let numbers = |places: &[usize]| places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut parts = Vec::new();
    if !adoption.missing.is_empty() {
        parts.push(format!(
            "messages {} of old {old} are not in new {new}, although the copy began later",
            numbers(&adoption.missing)
        ));
    }
    if !adoption.doubtful.is_empty() {
        parts.push(format!("messages {} of old {old} could be more than one in new {new}", numbers(&adoption.doubtful)));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}
