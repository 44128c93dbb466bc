//! The replay of one lane, from the claim to the settlement.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock::delta;
use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::policy::Unmapped;
use crate::desk::ticket::{Presence, Ticket};
use crate::ledger::lane::Claim;
use crate::ledger::pair::{Pair, Promise};
use crate::ledger::settle::{LaneSettled, StepSettled};
use crate::merge::base::{Base, MessageLink, Owed, Unheld, Why};
use crate::merge::digest;
use crate::merge::links::Ends;
use crate::merge::newest::Clocks;
use crate::merge::plan::{Plan, Step, plan};
use crate::merge::scene::Scene;

use super::course::Course;
use super::dispute::read_clocks;
use super::fate::{Fate, Result};
use super::house::House;
use super::hydrate::Seen;
use super::linked::shown;
use super::people::People;
use super::perform::Round;
use super::recover::HalfDone;
use super::watch::{Tenure, Watch};
use super::{births, ends, hydrate, people, placing, proposal, recover};

/// So many times a plan is made for what the writes of the one before it brought about.
const ROUNDS: usize = 4;

/// No field is to be rewritten.
static NOTHING: BTreeMap<FieldKey, Option<Value>> = BTreeMap::new();

/// What was read and decided about one lane.
pub(super) struct Work<'a> {
    pub(super) round: Round<'a>,
    pub(super) pair: Pair,
    promises: [Promise; 2],
    read_at: DateTime<Utc>,
    pub(super) links: Vec<MessageLink>,
    /// Both tickets stood still while they were read.
    whole: bool,
    pub(super) last_plan: Plan,
    /// Something had to be written.
    acted: bool,
    /// Both desks' clocks, once a decision asked for them.
    pub(super) clocks: Option<Clocks>,
    /// Rulings that were carried out.
    pub(super) obeyed: Vec<i64>,
    /// The stamp of the following ticket up to which its messages were looked at, and whether one of them has to wait.
    pub(super) answered: Option<String>,
    pub(super) answers_pending: bool,
    /// Fields that are to be rewritten, until they were.
    reapply: BTreeMap<FieldKey, Option<Value>>,
}

/// Replays a claimed lane and settles it.
pub async fn replay(house: &House, course: &Course, claim: &Claim, tenure: &Tenure) -> Result<()> {
    house.steps.reached("claimed").await;
    let pair = house.ledger.pair(claim.pair).await?;
    let half_done = recover::close_open(house, course, claim, &pair).await?;
    let pair = house.ledger.pair(claim.pair).await?;
    let side = pair.lead();
    if side == Side::Source && !pair.reapply.is_empty() {
        proposal::by_the_latest(house, course).await?;
    }
    let promise = house.ledger.promise(claim.pair, side, claim.pending).await?;
    let promised_there = house.ledger.promise(claim.pair, side.other(), claim.pending).await?;
    let read_at = house.clock.now();
    let Seen { ticket: mut lead, whole } = hydrate::lead(course, &pair, claim, &promise).await?;
    house.steps.reached("hydrated").await;
    if !whole && pair.ticket(side.other()).is_none() {
        return hydrate::not_yet(claim, format!("ticket {} changed each time while it was read", lead.id));
    }
    if let Some((state, why)) = births::untouched(house, course, claim, &pair, &lead).await? {
        return births::leave(house, course, claim, (&pair, &lead), (state, why, read_at)).await;
    }
    if placing::given_back(house, course, claim, &pair, &lead).await? {
        return Ok(());
    }
    let follow = hydrate::follow(course, &pair, claim, &promised_there).await?;
    let whole = whole && follow.as_ref().is_none_or(|seen| seen.whole);
    let follow = follow.map(|seen| seen.ticket);
    let links = house.ledger.message_links(claim.mirror, claim.pair, &shown(side, &lead, follow.as_ref())).await?;
    people::introduce(course, side, &mut lead, &links).await?;
    let base = agreed(course, &pair, &half_done, (&lead, follow.as_ref().filter(|_| whole)));
    let born = pair.ticket(side).unwrap_or(&lead.id);
    let survivor = follow.as_ref().is_some_and(|follow| pair.ticket(side.other()) != Some(&follow.id));
    let round = Round {
        house,
        course,
        watch: Watch::new(house, claim, tenure),
        ticket_key: course.keys.ticket_of(side, born.as_str(), pair.part),
        lead,
        follow,
        survivor,
        continues: pair.former.clone(),
        base,
        wrote: false,
        counted: false,
        lead_side: side,
    };
    let mut work = Work::new(round, pair, links);
    (work.promises, work.read_at, work.whole) = ([promise, promised_there], read_at, whole);
    work.fill_copies().await?;
    work.run().await
}

/// The base of a pair as it is led now, with what its tickets show of writes that were not read back.
pub(super) fn agreed(course: &Course, pair: &Pair, half_done: &HalfDone, (lead, follow): (&Ticket, Option<&Ticket>)) -> Base {
    let side = pair.lead();
    let mut base = pair.base.clone().unwrap_or_default();
    if let Some(follow) = follow {
        let at = |of: Side| if of == side { lead } else { follow };
        half_done.take(&mut base, at);
        // Before a turn it was the desk that leads now.
        let written = base.lead.other();
        hydrate::resolve_unread(&mut base, (written, at(written)), &course.mapping);
    }
    let base = base.led_by(side);
    let written_on = base.written_on.clone().or_else(|| pair.stamp(side.other()).map(str::to_string));
    Base { written_on, ..base }
}

impl<'a> Work<'a> {
    /// Nothing is planned yet.
    fn new(round: Round<'a>, pair: Pair, links: Vec<MessageLink>) -> Self {
        Self {
            promises: [Promise::default(), Promise::default()],
            read_at: round.house.clock.now(),
            links,
            whole: true,
            last_plan: Plan::default(),
            acted: false,
            clocks: None,
            obeyed: Vec::new(),
            answered: None,
            answers_pending: false,
            reapply: pair.reapply.clone(),
            round,
            pair,
        }
    }

    async fn run(&mut self) -> Result<()> {
        if !self.whole {
            return self.additions().await;
        }
        if self.round.lead.presence == Presence::Deleted {
            self.deletion().await?;
            return self.settle("deleted").await;
        }
        self.undeletion().await?;
        let mut settled = false;
        for _ in 0..ROUNDS {
            let answered = self.answer().await?;
            if !self.round_once().await? && !answered {
                settled = true;
                break;
            }
            self.acted = true;
        }
        if !settled {
            tracing::warn!(
                mirror = self.round.course.name,
                ticket = self.round.lead.id.as_str(),
                "the {} desk keeps changing what is written",
                self.round.lead_side.other().as_str()
            );
        }
        let state = self.left_state().await?;
        if let Presence::MergedInto(root) = self.round.lead.presence.clone()
            && self.merge(&root).await?
        {
            return self.settle("merged").await;
        }
        self.mark_incomplete().await?;
        self.settle(state).await
    }

    /// Carries what was added to a ticket that does not stand still, and nothing else: neither what a torn read lacks nor its
    /// fields may be believed. It is read again later.
    async fn additions(&mut self) -> Result<()> {
        let mut plan = self.plan().await?;
        plan.steps.retain(|step| matches!(step, Step::AddMessage(_) | Step::AddLink(_) | Step::StatusLast(_)));
        let immutable = self.round.follow.as_ref().is_some_and(|follow| follow.immutable);
        if !immutable && plan.steps.iter().any(|step| !matches!(step, Step::StatusLast(_))) {
            self.owe_status(&plan).await?;
            for step in plan.steps.iter().filter(|step| !matches!(step, Step::StatusLast(_))) {
                self.round.step(step).await?;
            }
        }
        let why =
            format!("ticket {} changed each time while it was read: only what was added is carried so far", self.round.lead.id);
        hydrate::not_yet(self.round.watch.claim(), why)
    }

    async fn plan(&mut self) -> Result<Plan> {
        let plan = self.plan_as_known().await?;
        if !plan.wants_clocks || self.clocks.is_some() {
            return Ok(plan);
        }
        self.clocks = Some(read_clocks(self.round.house, self.round.course, self.round.lead_side).await?);
        self.plan_as_known().await
    }

    async fn plan_as_known(&self) -> Result<Plan> {
        let round = &self.round;
        let before: Vec<&Value> = round.base.fields.values().map(|field| field.of(round.lead_side)).collect();
        let lead = (round.lead_side, &round.lead);
        let people = people::resolve(round.house, round.course, lead, &before).await?;
        let ends = ends::of(round.house, round.course, lead, &round.base).await?;
        let mut plan = plan(&self.scene(&people, &ends));
        births::only_what_is_there(round.course, round.lead_side, &mut plan).await?;
        Ok(plan)
    }

    /// What a decision sees, with the roles of the round.
    pub(super) fn scene<'s>(&'s self, people: &'s People, ends: &'s Ends) -> Scene<'s> {
        let round = &self.round;
        Scene {
            lead_side: round.lead_side,
            lead: &round.lead,
            follow: round.follow.as_ref(),
            lead_can: round.course.desk(round.lead_side).capabilities(),
            follow_can: round.course.desk(round.lead_side.other()).capabilities(),
            keys: &round.course.keys,
            part: self.pair.part,
            base: &round.base,
            linked: &self.links,
            // Rewrites are of what the source says.
            reapply: if round.lead_side == Side::Source { &self.reapply } else { &NOTHING },
            people,
            ends,
            mapping: &round.course.mapping,
            policy: &round.course.policy,
            rulings: &self.pair.rulings,
            clocks: self.clocks,
            now: round.house.clock.now(),
        }
    }

    /// Plans and performs once. Returns whether anything was written, so that it has to be looked at again.
    async fn round_once(&mut self) -> Result<bool> {
        // An answer may have had the leading ticket read again.
        people::introduce(self.round.course, self.round.lead_side, &mut self.round.lead, &self.links).await?;
        let mut plan = self.plan().await?;
        if self.is_unsure() {
            plan.steps.retain(|step| !matches!(step, Step::AddMessage(_)));
        }
        self.tell_conflicts(&plan).await?;
        self.refuse(&plan).await?;
        self.account(&plan).await?;
        if self.immutable_in_the_way(&plan)? {
            return self.follow_up().await;
        }
        self.owe_status(&plan).await?;
        for step in &plan.steps {
            if let Err(fate) = self.round.step(step).await {
                let ticket = (self.round.lead_side, &self.round.lead.id);
                return Err(proposal::for_refusal(self.round.house, self.round.course, ticket, (step, fate)).await);
            }
        }
        let acted = !plan.steps.is_empty();
        // What the target made of it is not written a second time. Rewrites are of what the source says: they wait until it leads.
        self.reapply.retain(|field, _| self.round.lead_side == Side::Target || plan.puts_off(field));
        self.last_plan = plan;
        if self.round.wrote {
            self.read_back().await?;
        }
        self.reload_links().await?;
        Ok(acted)
    }

    /// Notes the status that has to stand after the messages of this plan, so that an interruption does not lose it.
    pub(super) async fn owe_status(&mut self, plan: &Plan) -> Result<()> {
        let side = self.round.lead_side.other();
        let status = plan.steps.iter().find_map(|step| if let Step::StatusLast(write) = step { Some(write) } else { None });
        let Some(write) = status else {
            self.round.base.owed.remove(&side);
            return Ok(());
        };
        let after = match self.round.base.owed.get(&side) {
            Some(owed) if owed.write.lead == write.lead => owed.after.clone(),
            _ => self.round.follow.as_ref().map(|follow| follow.stamp.clone()),
        };
        self.round.base.owed.insert(side, Owed { write: write.clone(), after });
        let settled = StepSettled { base: Some(&self.round.base), ..StepSettled::default() };
        self.round.house.ledger.settle_step(self.round.watch.claim(), settled, self.round.house.clock.now()).await?;
        Ok(())
    }

    /// What a person has to decide first.
    async fn refuse(&self, plan: &Plan) -> Result<()> {
        if self.round.course.policy.unmapped == Unmapped::Park
            && let Some((field, words)) = plan.unmapped.iter().next()
        {
            let ticket = (self.round.lead_side, &self.round.lead.id);
            return Err(proposal::for_words(self.round.house, self.round.course, ticket, (field, words)).await?);
        }
        if let Some(parking) = proposal::for_lost_fields(&self.round, &plan.absent).await? {
            return Err(Fate::Park(parking));
        }
        Ok(())
    }

    async fn account(&mut self, plan: &Plan) -> Result<()> {
        self.round.base.left_out.clone_from(&plan.left_out);
        for (key, field) in &plan.agreed {
            self.round.base.fields.insert(key.clone(), field.clone());
        }
        self.obeyed.extend(&plan.obeyed);
        self.round.base.held.clone_from(&plan.held);
        self.adopt(&plan.adopted).await?;
        self.account_links(plan).await
    }

    /// Keeps the links of messages that were found under our key.
    pub(super) async fn adopt(&self, links: &[MessageLink]) -> Result<()> {
        if links.is_empty() {
            return Ok(());
        }
        let figures = [("messages adopted", i64::try_from(links.len()).unwrap_or(i64::MAX))];
        let settled = StepSettled { links, figures: &figures, ..StepSettled::default() };
        self.round.house.ledger.settle_step(self.round.watch.claim(), settled, self.round.house.clock.now()).await?;
        Ok(())
    }

    /// Records links that have no place at the following desk; those of a note are recorded when it is written.
    async fn account_links(&mut self, plan: &Plan) -> Result<()> {
        let to_be_told =
            |one: &Unheld| plan.steps.iter().any(|step| matches!(step, Step::Note(note) if note.links.contains(one)));
        let unheld: Vec<Unheld> = plan.unheld.iter().filter(|one| !to_be_told(one)).cloned().collect();
        let news = unheld.iter().filter(|one| !self.round.base.unheld.contains(one)).count();
        self.round.base.unheld = unheld;
        if news > 0 {
            let figures = [("links not held", i64::try_from(news).unwrap_or(i64::MAX))];
            let settled = StepSettled { base: Some(&self.round.base), figures: &figures, ..StepSettled::default() };
            self.round.house.ledger.settle_step(self.round.watch.claim(), settled, self.round.house.clock.now()).await?;
        }
        Ok(())
    }

    pub(super) async fn read_back(&mut self) -> Result<()> {
        let before = self.round.follow.as_ref().map(|follow| (follow.id.clone(), follow.stamp.clone()));
        let Some((id, stamp)) = before else { return Ok(()) };
        if let Some(now) = self.round.read_again(&id, &stamp).await? {
            let follow = self.round.lead_side.other();
            hydrate::resolve_unread(&mut self.round.base, (follow, &now), &self.round.course.mapping);
            self.round.follow = Some(*now);
        }
        self.round.wrote = false;
        self.round.house.steps.reached("read back").await;
        Ok(())
    }

    pub(super) fn incomplete_why(&self) -> Option<&'static str> {
        if self.last_plan.pending {
            Some("a file is still being scanned at the source")
        } else if self.answers_pending {
            Some("a file of the new desk is still being scanned there")
        } else if !self.last_plan.waits_for.is_empty() {
            Some("a linked ticket is not copied yet")
        } else {
            None
        }
    }

    async fn settle(&mut self, state: &str) -> Result<()> {
        if matches!(state, "deleted" | "merged") {
            // There is nothing left to decide about.
            self.tell_conflicts(&Plan::default()).await?;
        }
        self.close_rulings().await?;
        let house = self.round.house;
        let claim = self.round.watch.claim();
        self.round.base.follow_has_own = self.follow_has_own();
        let lead = &self.round.lead;
        let follow = self.round.follow.as_ref();
        let read = [Some(lead), follow];
        let too_soon = |(promise, ticket): (&Promise, Option<&Ticket>)| {
            promise.weak && ticket.is_some_and(|ticket| hydrate::too_soon(ticket, self.read_at))
        };
        let pending = self.last_plan.pending || self.answers_pending;
        let look_again = pending || self.promises.iter().zip(read).any(too_soon);
        let held_until = self.round.base.held.as_ref().map(|held| held.until);
        let mut seen_acts = self.seen_acts();
        if self.round.lead_side != self.pair.authority {
            // From now on the other desk leads, whose acts have numbers of their own.
            seen_acts.clear();
        }
        // Whoever is linked to a ticket that is out of scope is woken should it come in.
        let mut waits_for = self.last_plan.waits_for.clone();
        waits_for.extend(self.round.base.unheld.iter().filter(|one| one.why == Why::NotCarried).map(|one| one.link.to.clone()));
        let wait = if pending { Duration::from_secs(30) } else { house.settings.second_look };
        let now = house.clock.now();
        let look_again = look_again.then(|| now + delta(wait));
        let put_off: Vec<String> = self.reapply.keys().map(ToString::to_string).collect();
        let settled = LaneSettled {
            state,
            base: &self.round.base,
            lead: self.round.lead_side,
            lead_stamp: Some(&lead.stamp),
            lead_feed_stamp: lead.feed_stamp.as_deref(),
            follow_stamp: follow.map(|follow| follow.stamp.as_str()),
            follow_feed_stamp: follow.filter(|_| self.is_answered()).and_then(|follow| follow.feed_stamp.as_deref()),
            lead_shown: Some(digest::of_ticket(lead)),
            follow_shown: follow.filter(|_| !self.round.survivor).map(digest::of_ticket),
            seen_acts: &seen_acts,
            read_at: Some(self.read_at),
            mapping_version: &self.round.course.mapping_version,
            incomplete_why: self.incomplete_why(),
            waits_for: &waits_for,
            look_again_at: look_again.into_iter().chain(held_until).min(),
            window: self.window(),
            put_off: &put_off,
            figures: &[
                ("hydrations", 1),
                ("calls saved", (claim.events - 1).max(0)),
                ("healed by the sweep", i64::from(claim.sweep && self.acted)),
                ("values not kept", self.not_kept()),
            ],
        };
        house.ledger.settle_lane(claim, settled, now).await?;
        Ok(())
    }
}
