//! Performing: each step of a plan is recorded, sent, and settled, one after the other.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::connectors::contract::Read;
use crate::connectors::http::within_lease;
use crate::desk::Side;
use crate::desk::field::Fields;
use crate::desk::id::TicketId;
use crate::desk::ticket::{Actor, Ticket, Visibility, newer};
use crate::desk::write::{NewMessage, NewTicket, Outcome, Restriction, Write, Written};
use crate::ledger::intent::NewIntent;
use crate::ledger::parked::Park;
use crate::ledger::settle::StepSettled;
use crate::merge::base::FieldWrite;
use crate::merge::base::{Base, FieldBase, LinkBase, MessageLink};
use crate::merge::links::Note;
use crate::merge::plan::{Step, follow_end};
use crate::merge::thread::{Draft, Restricted, link_of};

use crate::task;

use super::course::Course;
use super::fate::{Fate, Result};
use super::files;
use super::house::House;
use super::watch::Watch;
use super::{births, pages};

/// So often an answer that is older than our own write is asked again. A write may also have changed nothing.
const STALE_READS: u32 = 4;
const STALE_PAUSE: Duration = Duration::from_millis(150);

/// One round of writes to one ticket.
pub struct Round<'a> {
    pub house: &'a House,
    pub course: &'a Course,
    pub watch: Watch<'a>,
    pub lead: Ticket,
    /// The key that the following ticket has or gets.
    pub ticket_key: String,
    pub follow: Option<Ticket>,
    /// `follow` is another pair's ticket, into which this pair's was merged: messages and links go there, its fields are not ours.
    pub survivor: bool,
    /// The closed ticket that a new following ticket follows up.
    pub continues: Option<TicketId>,
    pub base: Base,
    /// Something was written since the following ticket was read.
    pub wrote: bool,
    /// This visit is counted by the echo meter.
    pub counted: bool,
    pub lead_side: Side,
}

impl Round<'_> {
    /// Changes the roles of the two tickets: what was written at the one that follows is carried to the one that leads. Returns whether
    /// the following ticket was another pair's, for the way back.
    pub fn turn(&mut self, survivor: bool) -> bool {
        if let Some(follow) = &mut self.follow {
            std::mem::swap(&mut self.lead, follow);
            self.lead_side = self.lead_side.other();
        }
        std::mem::replace(&mut self.survivor, survivor)
    }

    /// Performs one step. After an error what was done so far is settled.
    pub async fn step(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Create { fields, drafts } => self.create(fields, drafts).await,
            Step::SetFields(writes) => self.write_decided(writes).await,
            Step::AddMessage(draft) => self.add_message(draft).await,
            Step::Restrict(restricted) => self.restrict(restricted).await,
            Step::AddLink(link) => self.link(link, true).await,
            Step::RemoveLink(link) => self.link(link, false).await,
            Step::Note(note) => self.note(note).await,
            Step::StatusLast(write) => self.status_last(write).await,
        }
    }

    fn can_compare(&self) -> bool {
        self.course.desk(self.lead_side.other()).capabilities().compare_and_set
    }

    /// Writes fields if the ticket is still as it was when that was decided. The desk compares where it can and nothing of ours moved the
    /// ticket since; else it is read once more right before.
    pub(super) async fn write_decided(&mut self, writes: &[FieldWrite]) -> Result<()> {
        let ticket = self.ticket()?;
        let stamp = self.follow.as_ref().map(|follow| follow.stamp.clone()).unwrap_or_default();
        if self.can_compare() && !self.wrote {
            return self.set_fields(writes, Some(stamp)).await;
        }
        let now = self.read_again(&ticket, &stamp).await?;
        let Some(now) = now.filter(|now| writes.iter().all(|write| now.fields.get(&write.key) == Some(&write.before))) else {
            return moved();
        };
        let expect = Some(now.stamp.clone()).filter(|_| self.can_compare());
        self.follow = Some(*now);
        self.set_fields(writes, expect).await
    }

    fn ticket(&self) -> Result<TicketId> {
        let follow = self.follow.as_ref().map(|follow| follow.id.clone());
        follow.ok_or_else(|| Fate::NotYet { after: Duration::ZERO, why: "the new ticket has no id yet".into() })
    }

    async fn create(&mut self, fields: &[FieldWrite], drafts: &[Draft]) -> Result<()> {
        if self.ticket_found_again(drafts).await? {
            return Ok(());
        }
        births::counted(self.house, self.course, self.watch.claim(), &self.lead).await?;
        let mut messages = Vec::with_capacity(drafts.len());
        let (mut count, mut bytes, mut lost) = (0, 0, Vec::new());
        for draft in drafts {
            let ready = files::ready(self.course, draft, &mut self.watch).await?;
            count += ready.files;
            bytes += ready.bytes;
            lost.extend(ready.lost);
            messages.push(self.led(ready.message).await?);
        }
        let keys: Vec<String> = messages.iter().map(|message| message.key.clone()).collect();
        let write = Write::Create(NewTicket {
            key: self.ticket_key.clone(),
            number_there: self.lead.id.to_string(),
            continues: self.continues.clone(),
            created_at: self.lead.created_at,
            updated_at: self.lead.updated_at,
            fields: intended(fields),
            messages,
        });
        let links: Vec<MessageLink> = drafts.iter().map(|draft| link_of(draft, None)).collect();
        let detail = json!({ "form": 1, "links": links, "fields": fields, "lost": lost });
        let lost = i64::try_from(lost.len()).unwrap_or(0);
        let key = self.ticket_key.clone();
        let (intent, outcome) = self.send("create", &key, detail, &write).await?;
        let written = done(outcome, "create")?;
        self.note_fields(fields);
        let links = with_copies(links, &keys, &written);
        let messages = i64::try_from(links.len()).unwrap_or(0);
        let figures = [
            ("tickets created", 1),
            ("messages written", messages),
            ("files carried", count),
            ("file bytes carried", bytes),
            ("files not carried", lost),
        ];
        self.settle(intent, &written, &links, &figures).await?;
        self.adopt_new(written.ticket).await
    }

    /// What came from the old desk no longer leads there.
    async fn led(&self, message: NewMessage) -> Result<NewMessage> {
        if self.lead_side == Side::Target {
            return Ok(message);
        }
        pages::remember(self.house, self.course, &self.lead, &message.attachments).await?;
        let body = pages::turned(self.house, self.course, &self.lead, message.body).await?;
        Ok(NewMessage { body, ..message })
    }

    /// Reads the ticket that was just made, so that the steps after it know it.
    pub(super) async fn adopt_new(&mut self, made: Option<TicketId>) -> Result<()> {
        let Some(made) = made else {
            return Err(Fate::NotYet { after: Duration::ZERO, why: "the desk did not tell the new ticket's id".into() });
        };
        match self.course.desk(self.lead_side.other()).read(&made, None).await? {
            Read::Found(ticket) => {
                self.base.written_on = Some(ticket.stamp.clone());
                self.follow = Some(*ticket);
                Ok(())
            }
            _ => Err(Fate::NotYet { after: Duration::from_millis(500), why: format!("the new ticket {made} is not shown yet") }),
        }
    }

    async fn add_message(&mut self, draft: &Draft) -> Result<()> {
        let ticket = self.ticket()?;
        if self.message_found_again(&ticket, draft).await? {
            return Ok(());
        }
        let ready = files::ready(self.course, draft, &mut self.watch).await?;
        let links = vec![link_of(draft, None)];
        let detail = json!({ "form": 1, "links": links, "lost": ready.lost });
        let keys = vec![draft.key.clone()];
        let lost = i64::try_from(ready.lost.len()).unwrap_or(0);
        let figures = [
            ("messages written", 1),
            ("files carried", ready.files),
            ("file bytes carried", ready.bytes),
            ("files not carried", lost),
            ("replies carried back", i64::from(draft.born == Side::Target)),
        ];
        let write = Write::AddMessage { ticket, message: self.led(ready.message).await? };
        let (intent, outcome) = self.send("message", &draft.key, detail, &write).await?;
        let written = done(outcome, "message")?;
        let links = with_copies(links, &keys, &written);
        self.settle(intent, &written, &links, &figures).await
    }

    /// Writes fields and notes them as written but unread.
    pub async fn set_fields(&mut self, writes: &[FieldWrite], expect: Option<String>) -> Result<()> {
        let ticket = self.ticket()?;
        let detail = json!({ "form": 1, "fields": writes });
        let write = Write::SetFields { ticket, fields: intended(writes), expect };
        let key = self.ticket_key.clone();
        let (intent, outcome) = self.send("fields", &key, detail, &write).await?;
        match outcome {
            Outcome::Moved => {
                self.house.ledger.void_intent(intent, self.house.clock.now()).await?;
                moved()
            }
            Outcome::Done(written) => {
                self.note_fields(writes);
                let count = i64::try_from(writes.len()).unwrap_or(0);
                self.settle(intent, &written, &[], &[("fields written", count)]).await
            }
        }
    }

    fn note_fields(&mut self, writes: &[FieldWrite]) {
        let stamp = self.follow.as_ref().map(|follow| follow.stamp.clone());
        for write in writes.iter().filter(|write| !write.is_standing()) {
            let field = FieldBase { unread: true, written_after: stamp.clone(), ..write.agreed(self.lead_side) };
            self.base.fields.insert(write.source.clone(), field);
        }
        if writes.iter().any(|write| !write.is_standing()) {
            self.base.written_on = stamp;
        }
    }

    async fn status_last(&mut self, write: &FieldWrite) -> Result<()> {
        let ticket = self.ticket()?;
        let before = self.follow.as_ref().map(|follow| follow.stamp.clone()).unwrap_or_default();
        let Some(now) = self.read_again(&ticket, &before).await? else {
            return Err(Fate::NotYet { after: Duration::from_millis(200), why: "the ticket moves".into() });
        };
        let by_person =
            now.acts.iter().any(|act| act.by == Actor::Person && act.fields.contains(&write.key) && newer(&act.id, &before));
        let stands = now.fields.get(&write.key) == Some(&write.intended);
        let expect = Some(now.stamp.clone());
        self.follow = Some(*now);
        self.base.owed.remove(&self.lead_side.other());
        if by_person {
            return Ok(());
        }
        if stands {
            self.note_fields(std::slice::from_ref(write));
            return Ok(());
        }
        self.set_fields(std::slice::from_ref(write), expect.filter(|_| self.can_compare())).await
    }

    /// Reads the following ticket after our own writes; an answer from before them is not taken at once.
    pub async fn read_again(&self, ticket: &TicketId, before: &str) -> Result<Option<Box<Ticket>>> {
        let desk = self.course.desk(self.lead_side.other());
        for tries in 0..STALE_READS {
            match desk.read(ticket, Some(before)).await? {
                Read::Found(mut now) if !self.wrote || tries + 1 == STALE_READS || newer(&now.stamp, before) => {
                    if self.survivor {
                        now.fields.clear();
                    }
                    return Ok(Some(now));
                }
                Read::Found(_) => task::delay(STALE_PAUSE).await,
                Read::Torn(_) | Read::Missing => return Ok(None),
            }
        }
        Ok(None)
    }

    async fn restrict(&mut self, restricted: &Restricted) -> Result<()> {
        let ticket = self.ticket()?;
        let links = [restricted.becomes.clone()];
        let link = &restricted.becomes;
        let (Some(how), Some(message)) = (&restricted.how, &link.copy) else {
            return self.expose(restricted, &ticket).await;
        };
        let how = match how {
            Restriction::RemoveAttachment { attachment } => {
                Restriction::RemoveAttachment { attachment: self.file_there(message, attachment) }
            }
            other => other.clone(),
        };
        let write = Write::Restrict { ticket, message: message.clone(), how };
        let key = format!("{}:restrict", self.course.keys.message(link.born, link.original.as_str()));
        let (intent, outcome) =
            self.send("restrict", &key, json!({ "form": 1, "what": restricted.what, "message": link.original }), &write).await?;
        let written = done(outcome, "restrict")?;
        self.settle(intent, &written, &links, &[("restrictions carried", 1)]).await?;
        self.house.ledger.scrub(self.watch.claim()).await?;
        Ok(())
    }

    /// The file that stands at the target for a source's file: the one in the same place among the message's files.
    fn file_there(
        &self,
        message: &crate::desk::id::MessageId,
        source: &crate::desk::id::AttachmentId,
    ) -> crate::desk::id::AttachmentId {
        let place = self.lead.messages.iter().find_map(|lead| lead.attachments.iter().position(|file| file.id == *source));
        let there = self.follow.as_ref().and_then(|follow| follow.messages.iter().find(|held| held.id == *message));
        let found = place.and_then(|place| there.and_then(|held| held.attachments.get(place)));
        found.map_or_else(|| source.clone(), |file| file.id.clone())
    }

    async fn expose(&mut self, restricted: &Restricted, ticket: &TicketId) -> Result<()> {
        let (here, there) = (self.lead_side.as_str(), self.lead_side.other().as_str());
        let park = Park {
            kind: "exposed",
            reason: &format!(
                "{} in {here} ticket {}, and the {there} desk cannot do the same to {there} ticket {ticket}",
                restricted.what, self.lead.id
            ),
            advice: &format!("An admin of the {there} desk removes or hides the message by hand, now; then discard this."),
            blocking: false,
            urgent: true,
        };
        self.house.ledger.park(self.watch.claim(), &park, self.house.clock.now()).await?;
        let links = [MessageLink { exposed: true, ..restricted.becomes.clone() }];
        let settled = StepSettled { links: &links, figures: &[("messages exposed", 1)], ..StepSettled::default() };
        self.house.ledger.settle_step(self.watch.claim(), settled, self.house.clock.now()).await?;
        self.house.ledger.scrub(self.watch.claim()).await?;
        Ok(())
    }

    /// An internal note of our own: no message of the leading desk stands behind it.
    async fn note(&mut self, note: &Note) -> Result<()> {
        let message = NewMessage {
            key: note.key.clone(),
            author: None,
            visibility: Visibility::Internal,
            created_at: self.house.clock.now(),
            body: note.body.clone(),
            attachments: Vec::new(),
        };
        let write = Write::AddMessage { ticket: self.ticket()?, message };
        let detail = json!({ "form": 1, "unheld": note.links });
        let (intent, outcome) = self.send("note", &note.key, detail, &write).await?;
        let written = done(outcome, "note")?;
        self.base.unheld.extend(note.links.iter().cloned());
        let count = i64::try_from(note.links.len()).unwrap_or(0);
        self.settle(intent, &written, &[], &[("links not held", count)]).await
    }

    async fn link(&mut self, link: &LinkBase, add: bool) -> Result<()> {
        let ticket = self.ticket()?;
        let there = follow_end(self.lead_side, link).clone();
        let write = if add { Write::AddLink { ticket, link: there } } else { Write::RemoveLink { ticket, link: there } };
        let key = self.ticket_key.clone();
        let (intent, outcome) = self.send("link", &key, json!({ "form": 1, "link": link, "add": add }), &write).await?;
        let written = done(outcome, "link")?;
        if add {
            self.base.links.push(link.clone());
        } else {
            self.base.links.retain(|kept| kept != link);
        }
        self.settle(intent, &written, &[], &[("links written", 1)]).await
    }

    /// With what explains the write later: the desk that is written to, the mapping, and how far the hints went that the decision knew of.
    fn traced(&self, mut detail: Json) -> Json {
        detail["at"] = json!(self.lead_side.other());
        detail["mapping"] = json!(self.course.mapping_version);
        detail["hints"] = json!(self.watch.claim().pending);
        detail
    }

    /// Records, sends, and closes the record where it is sure that nothing happened.
    pub async fn send(&mut self, kind: &'static str, key: &str, detail: Json, write: &Write) -> Result<(i64, Outcome)> {
        self.watch.renew().await?;
        if !self.counted {
            let (limit, now) = (&self.course.policy.echo_limit, self.house.clock.now());
            self.counted = self.house.ledger.may_write(self.watch.claim(), limit, now).await?;
            if !self.counted {
                return Err(Fate::Halted);
            }
        }
        let intent = NewIntent { kind, key, detail: self.traced(detail) };
        let id = self.house.ledger.send_intent(self.watch.claim(), intent, self.house.clock.now()).await?;
        self.house.steps.reached("intent sent").await;
        self.watch.still_ours()?;
        let desk = self.course.desk(self.lead_side.other());
        match within_lease(self.watch.lease(), desk.apply(write)).await {
            Ok(outcome) => {
                self.house.steps.reached("write done").await;
                self.wrote = true;
                Ok((id, outcome))
            }
            Err(fault) => {
                if !fault.leaves_doubt() {
                    self.house.ledger.void_intent(id, self.house.clock.now()).await?;
                }
                Err(fault.into())
            }
        }
    }

    async fn settle(
        &mut self,
        intent: i64,
        written: &Written,
        links: &[MessageLink],
        figures: &[(&'static str, i64)],
    ) -> Result<()> {
        let mut figures = figures.to_vec();
        figures.push(("writes", 1));
        // Only a creation gives the pair its ticket: what is written to a merged ticket is answered with the survivor's id.
        let made = written.ticket.as_ref().filter(|_| self.follow.is_none());
        let settled = StepSettled {
            intent: Some(intent),
            result: json!({ "remarks": written.remarks }),
            made: made.map(|ticket| (self.lead_side.other(), ticket)),
            base: Some(&self.base),
            links,
            figures: &figures,
        };
        self.house.ledger.settle_step(self.watch.claim(), settled, self.house.clock.now()).await?;
        self.house.steps.reached("step settled").await;
        Ok(())
    }
}

fn intended(writes: &[FieldWrite]) -> Fields {
    writes.iter().map(|write| (write.key.clone(), write.intended.clone())).collect()
}

fn moved<T>() -> Result<T> {
    let why = "somebody changed the ticket at the same moment: it is decided anew".into();
    Err(Fate::NotYet { after: Duration::from_millis(50), why })
}

fn done(outcome: Outcome, what: &str) -> Result<Written> {
    match outcome {
        Outcome::Done(written) => Ok(written),
        Outcome::Moved => {
            Err(Fate::NotYet { after: Duration::from_millis(50), why: format!("the ticket moved while a {what} was written") })
        }
    }
}

fn with_copies(links: Vec<MessageLink>, keys: &[String], written: &Written) -> Vec<MessageLink> {
    let copy = |key: &String| written.messages.iter().find(|(told, _)| told == key).map(|(_, id)| id.clone());
    links.into_iter().zip(keys).map(|(link, key)| MessageLink { copy: copy(key), ..link }).collect()
}
