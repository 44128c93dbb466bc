//! Taking a copy back: what we made in the target is removed where it is still as we left it and nobody else touched it.
//!
//! The mirror is paused meanwhile. Each ticket is claimed like any lane, so that no other process writes to it; the removal is an intent
//! before it is sent, and a tombstone after. Stopped anywhere, it goes on with what is still there.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use crate::clock::Monotonic;
use crate::connectors::contract::Read;
use crate::connectors::fault::Fault;
use crate::connectors::http::{Priority, at_priority, within_lease};
use crate::desk::Side;
use crate::desk::capability::CreateTakes;
use crate::desk::id::TicketId;
use crate::desk::person::Removal;
use crate::desk::ticket::{Act, Actor, Presence, Ticket, newer};
use crate::desk::write::Write;
use crate::ledger::intent::NewIntent;
use crate::ledger::lane::{Claim, Claimant};
use crate::ledger::pair::Pair;
use crate::ledger::takeback::MadePerson;
use crate::merge::base::MessageLink;
use crate::mirror::PairId;
use crate::task;

use super::course::Course;
use super::fate::{Fate, Result};
use super::house::House;
use super::recover;
use super::watch::{Tenure, Watch};

/// How often somebody is asked for who has the lane, or a write that may have happened is looked up.
const PAUSE: Duration = Duration::from_millis(250);
/// So often a look-up that is not sure yet is tried again.
const TRIES: usize = 40;
/// All that was ever done to a ticket.
const FROM_THE_START: Option<&str> = Some("0");

/// What became of one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Removed,
    /// Somebody removed it before.
    Gone,
    /// Removed, but somebody acted between our last look and the removal: who and when.
    RemovedUnder(String),
    /// It stays as it is: why.
    Kept(String),
    /// Nothing is known to have happened to it: why, and it is tried again in the next run.
    Failed(String),
}

/// One pair that was to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    pub source: Option<TicketId>,
    pub target: Option<TicketId>,
    pub ended: Ended,
}

/// One person whom we made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmade {
    pub person: MadePerson,
    /// Removed, or why not.
    pub outcome: std::result::Result<Removal, String>,
}

/// Takes the tickets of one mirror back.
pub struct TakeBack<'a> {
    pub house: &'a House,
    pub course: &'a Course,
    pub worker: Uuid,
}

impl TakeBack<'_> {
    /// Returns when nobody works on a ticket of the paused mirror any more. Errors: `NotYet` when that takes longer than any lease.
    pub async fn quiet(&self) -> Result<()> {
        let since = Monotonic::now();
        let settings = &self.house.settings;
        loop {
            let held = self.house.ledger.lanes_held(self.course.id, settings.grace, self.house.clock.now()).await?;
            if held == 0 {
                return Ok(());
            }
            if since.elapsed() > (settings.lease + settings.grace) * 2 {
                return not_yet(format!("{held} tickets are still being worked on by another process"));
            }
            task::delay(PAUSE).await;
        }
    }

    /// Takes one pair back.
    pub async fn pair(&self, id: PairId) -> Result<Taken> {
        let (claim, tenure) = self.claimed(id).await?;
        let outcome = tokio::select! {
            outcome = at_priority(Priority::Backfill, self.take(&claim, &tenure)) => outcome,
            () = tenure.hold(self.house, &claim) => Err(Fate::Ledger(crate::ledger::Error::Fenced)),
        };
        self.house.ledger.let_go(&claim).await?;
        outcome
    }

    async fn claimed(&self, id: PairId) -> Result<(Claim, Tenure)> {
        let settings = &self.house.settings;
        let claimant = Claimant { worker: self.worker, lease: settings.lease, grace: settings.grace, only: Some(self.course.id) };
        let since = Monotonic::now();
        loop {
            let claimed = Monotonic::now();
            if let Some(claim) = self.house.ledger.claim_pair(id, claimant, self.house.clock.now()).await? {
                return Ok((claim, Tenure::since(claimed)));
            }
            if since.elapsed() > settings.lease + settings.grace {
                return not_yet(format!("another process is at work on ticket {}", self.house.ledger.pair(id).await?.number()));
            }
            task::delay(PAUSE).await;
        }
    }

    async fn take(&self, claim: &Claim, tenure: &Tenure) -> Result<Taken> {
        let pair = self.whole_pair(claim).await?;
        let (source, target) = (pair.source_ticket.clone(), pair.target_ticket.clone());
        let taken = |ended| Taken { source, target, ended };
        if pair.born == Side::Target {
            return Ok(taken(Ended::Kept(
                "people made it in the new desk; what we made of it in the old desk stays too".to_string(),
            )));
        }
        if self.house.ledger.is_adopted(pair.id).await? {
            return Ok(taken(Ended::Kept("another tool made it, and it was adopted".to_string())));
        }
        let tickets = self.tickets_of(&pair).await?;
        let links = self.house.ledger.message_links(claim.mirror, claim.pair, &[]).await?;
        let mut there = Vec::new();
        for ticket in tickets {
            match self.judge(&pair, &links, &ticket).await? {
                Standing::Ours(seen) => there.push((ticket, Some(seen))),
                Standing::Gone => there.push((ticket, None)),
                Standing::Stays(why) => return Ok(taken(Ended::Kept(why))),
                Standing::Unseen(why) => return Ok(taken(Ended::Failed(why))),
            }
        }
        let mut ended = Ended::Gone;
        for (ticket, seen) in there {
            let Some(seen) = seen else {
                self.house.ledger.bury_ticket(claim, &ticket, None, self.house.clock.now()).await?;
                continue;
            };
            match self.remove(claim, tenure, &pair, &seen).await? {
                Ended::Failed(why) => return Ok(taken(Ended::Failed(why))),
                Ended::RemovedUnder(who) => ended = Ended::RemovedUnder(who),
                _ if matches!(ended, Ended::RemovedUnder(_)) => {}
                _ => ended = Ended::Removed,
            }
        }
        self.house.ledger.settle_takeback(claim, self.house.clock.now()).await?;
        Ok(taken(ended))
    }

    /// The pair, after what a killed process may have written was looked up.
    async fn whole_pair(&self, claim: &Claim) -> Result<Pair> {
        let mut pair = self.house.ledger.pair(claim.pair).await?;
        for _ in 0..TRIES {
            match recover::close_open(self.house, self.course, claim, &pair).await {
                Ok(_) => return Ok(self.house.ledger.pair(claim.pair).await?),
                Err(Fate::NotYet { after, .. }) => task::delay(after).await,
                Err(fate) => return Err(fate),
            }
            pair = self.house.ledger.pair(claim.pair).await?;
        }
        let number = pair.number();
        not_yet(format!("ticket {number}: it is not known yet whether a write arrived that was under way when a process ended"))
    }

    /// The target tickets of a pair, the present one first: follow-ups before what they follow up.
    async fn tickets_of(&self, pair: &Pair) -> Result<Vec<TicketId>> {
        let formers = self.house.ledger.pair_record(pair).await?.formers;
        Ok(pair.target_ticket.iter().cloned().chain(formers.into_iter().rev()).collect())
    }

    async fn judge(&self, pair: &Pair, links: &[MessageLink], ticket: &TicketId) -> Result<Standing> {
        let desk = &self.course.target;
        let there = match desk.read(ticket, FROM_THE_START).await? {
            Read::Found(there) => there,
            Read::Torn(_) => return Ok(Standing::Stays(format!("somebody is at work on new {ticket} just now"))),
            Read::Missing => {
                return Ok(Standing::Unseen(format!(
                    "the new desk does not show {ticket}, and does not say that it was deleted"
                )));
            }
        };
        match &there.presence {
            Presence::Deleted => return Ok(Standing::Gone),
            // The survivor's pair comes before this one.
            Presence::MergedInto(root) => {
                if let Read::Found(root) = desk.read(root, None).await?
                    && root.presence == Presence::Present
                {
                    return Ok(Standing::Stays(format!("it was merged into new {}, which stays", root.id)));
                }
            }
            Presence::Present => {}
        }
        let imported = desk.capabilities().create_takes == CreateTakes::AllMessages;
        Ok(match touched(pair, links, &there, imported) {
            Some(who) => Standing::Stays(who),
            None => Standing::Ours(there),
        })
    }

    /// One intent, one removal, one tombstone.
    async fn remove(&self, claim: &Claim, tenure: &Tenure, pair: &Pair, seen: &Ticket) -> Result<Ended> {
        let house = self.house;
        let mut watch = Watch::new(house, claim, tenure);
        watch.renew().await?;
        let source = pair.source_ticket.as_ref().map_or("", TicketId::as_str);
        let key = self.course.keys.ticket(source, 0);
        let detail = json!({ "form": 1, "ticket": seen.id });
        let intent = NewIntent { kind: "takeback", key: &key, detail };
        let intent = house.ledger.send_intent(claim, intent, house.clock.now()).await?;
        house.steps.reached("intent sent").await;
        watch.still_ours()?;
        let write = Write::Delete { ticket: seen.id.clone() };
        let merged = matches!(seen.presence, Presence::MergedInto(_));
        match within_lease(watch.lease(), self.course.target.apply(&write)).await {
            Ok(_) => {}
            // A merged ticket whose survivor is gone may be no ticket of its own any more.
            Err(Fault::Refused { .. }) if merged => {}
            Err(fault) => {
                if !fault.leaves_doubt() {
                    house.ledger.void_intent(intent, house.clock.now()).await?;
                }
                return Ok(Ended::Failed(fault.to_string()));
            }
        }
        house.steps.reached("write done").await;
        let after = self.course.target.read(&seen.id, FROM_THE_START).await?;
        let ended = match after {
            Read::Found(now) | Read::Torn(now) if now.presence == Presence::Present => {
                return Ok(Ended::Failed(format!("the new desk took the removal of {} and shows it all the same", now.id)));
            }
            Read::Found(now) | Read::Torn(now) => match now.acts.iter().find(|act| by_person_after(act, &seen.stamp)) {
                Some(act) => Ended::RemovedUnder(told(act)),
                None => Ended::Removed,
            },
            Read::Missing => Ended::Removed,
        };
        house.ledger.bury_ticket(claim, &seen.id, Some(intent), house.clock.now()).await?;
        Ok(ended)
    }

    /// Removes whom we made, once the tickets are gone.
    pub async fn person(&self, person: &MadePerson) -> Result<Unmade> {
        let (ledger, now) = (&self.house.ledger, self.house.clock.now());
        ledger.ask_removal(self.course.id, person, now).await?;
        let key = self.course.keys.person(Side::Source, person.source.as_str());
        let removal = at_priority(Priority::Backfill, self.course.target.remove_person(&person.target, &key)).await;
        let outcome = match removal {
            Ok(removal) => {
                ledger.settle_removal(self.course.id, person, removal == Removal::Removed, now).await?;
                Ok(removal)
            }
            Err(fault) => Err(fault.to_string()),
        };
        Ok(Unmade { person: person.clone(), outcome })
    }

    /// Whether stop was said.
    pub fn stopped(&self) -> bool {
        self.house.stopping.load(Ordering::Relaxed)
    }
}

/// How a target ticket stands.
enum Standing {
    /// As we left it.
    Ours(Box<Ticket>),
    Gone,
    Stays(String),
    Unseen(String),
}

/// Who else touched a target ticket, in words. `imported`: the desk tells the messages that travelled with the creation as acts of
/// their authors.
fn touched(pair: &Pair, links: &[MessageLink], there: &Ticket, imported: bool) -> Option<String> {
    let linked = |id| links.iter().any(|link| link.copy_at(Side::Target) == Some(id));
    let seen = |act: &Act| pair.target_stamp.as_deref().is_some_and(|stamp| !newer(&act.id, stamp));
    let travelled = |act: &Act| {
        let of_author = |at: bool| {
            there.messages.iter().any(|it| linked(&it.id) && it.author == act.actor && (at || it.created_at == act.at))
        };
        act.fields.is_empty() && of_author(imported && seen(act))
    };
    let act = there.acts.iter().rev().find(|act| act.by == Actor::Person && !travelled(act));
    let message = there.messages.iter().rev().find(|message| !message.ours && message.key.is_none() && !linked(&message.id));
    act.map(told).or_else(|| {
        message.map(|message| format!("{} wrote in it on {}", message.author, message.created_at.format("%Y-%m-%d %H:%M:%S UTC")))
    })
}

fn by_person_after(act: &Act, stamp: &str) -> bool {
    act.by == Actor::Person && newer(&act.id, stamp)
}

fn told(act: &Act) -> String {
    let fields: Vec<String> = act.fields.iter().map(ToString::to_string).collect();
    let what = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
    format!("{} worked on it on {}{what}", act.actor, act.at.format("%Y-%m-%d %H:%M:%S UTC"))
}

fn not_yet<T>(why: String) -> Result<T> {
    Err(Fate::NotYet { after: Duration::ZERO, why })
}
