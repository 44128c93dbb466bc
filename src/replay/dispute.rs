//! Fields that both desks changed: told to people, and decided by them. The rest of the ticket goes on meanwhile.

use tracing::warn;

use crate::desk::Side;
use crate::desk::id::PersonId;
use crate::ledger::conflict::Found;
use crate::ledger::settle::StepSettled;
use crate::merge::hand::Hand;
use crate::merge::newest::{Clocks, Skew};
use crate::merge::plan::{FieldConflict, Plan};
use crate::merge::ruling::Ruling;

use super::course::Course;
use super::fate::Result;
use super::house::House;
use super::lane::Work;

impl Work<'_> {
    /// How many values the following desk kept nothing of, since this began; the log names their fields.
    pub(super) fn not_kept(&self) -> i64 {
        let lost = self.round.base.not_kept(self.round.lead_side, self.pair.base.as_ref());
        if !lost.is_empty() {
            let fields = lost.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let (mirror, ticket) = (&self.round.course.name, self.round.lead.id.as_str());
            warn!(mirror, ticket, fields, "the other desk kept nothing of what was written");
        }
        i64::try_from(lost.len()).unwrap_or(i64::MAX)
    }

    /// Records the conflicts of a plan, and those of before that are none any more.
    pub(super) async fn tell_conflicts(&mut self, plan: &Plan) -> Result<()> {
        if plan.conflicts.is_empty() && !self.pair.disputed {
            return Ok(());
        }
        let mut conflicts = plan.conflicts.clone();
        for conflict in &mut conflicts {
            self.name_hands(conflict).await;
        }
        let round = &self.round;
        let found = Found { conflicts: &conflicts, lead: round.lead_side };
        self.pair.disputed = round.house.ledger.record_conflicts(round.watch.claim(), found, round.house.clock.now()).await?;
        Ok(())
    }

    /// A desk that names people only by number is asked who they are. Nobody waits for a name: without one the number has to do.
    async fn name_hands(&self, conflict: &mut FieldConflict) {
        let sides = [self.round.lead_side, self.round.lead_side.other()];
        for (hand, side) in conflict.hands.iter_mut().zip(sides) {
            let Some(Hand { who, .. }) = hand else { continue };
            let is_number = who.bytes().all(|byte| byte.is_ascii_digit());
            let desk = self.round.course.desk(side);
            if is_number && let Ok(Some(person)) = desk.person(&PersonId::new(who.as_str())).await {
                *who = person.name;
            }
        }
    }

    /// Closes the rulings that this replay knew of: carried out, or overtaken by what the desks say now.
    pub(super) async fn close_rulings(&mut self) -> Result<()> {
        let rulings = std::mem::take(&mut self.pair.rulings);
        if rulings.is_empty() {
            return Ok(());
        }
        let stands = |ruling: &Ruling| {
            let agreed = self.round.base.fields.get(&ruling.field);
            let there = self.round.course.mapping.field_at(self.round.lead_side.other(), &ruling.field);
            let held = self.round.follow.as_ref().and_then(|follow| follow.fields.get(there?));
            agreed.zip(held).is_some_and(|(agreed, held)| ruling.stands(agreed, held))
        };
        let is_done = |ruling: &Ruling| self.obeyed.contains(&ruling.id) || stands(ruling);
        let (done, overtaken): (Vec<Ruling>, Vec<Ruling>) = rulings.into_iter().partition(is_done);
        let [done, overtaken] = [done, overtaken].map(|some| some.iter().map(|ruling| ruling.id).collect::<Vec<i64>>());
        let (round, now) = (&self.round, self.round.house.clock.now());
        // What they brought about first: a ruling that is closed is not looked at again.
        let settled = StepSettled { base: Some(&round.base), ..StepSettled::default() };
        round.house.ledger.settle_step(round.watch.claim(), settled, now).await?;
        round.house.ledger.close_rulings(round.watch.claim(), [&done, &overtaken], now).await?;
        Ok(())
    }
}

/// What both desks say of the time.
pub(super) async fn read_clocks(house: &House, course: &Course, lead: Side) -> Result<Clocks> {
    Ok(Clocks { lead: skew(house, course, lead).await?, follow: skew(house, course, lead.other()).await? })
}

async fn skew(house: &House, course: &Course, side: Side) -> Result<Option<Skew>> {
    let asked = house.clock.now();
    let told = course.desk(side).identify().await?.desk_time;
    Ok(told.map(|told| Skew::of(told, asked, house.clock.now())))
}
