//! Rehearsing in a world: choosing a sample, taking a copy back.

use std::sync::Arc;

use tidegate::desk::id::TicketId;
use tidegate::intake::sample::{Look, choose, named};
use tidegate::replay::course::{GoOn, Steps};
use tidegate::replay::house::{House, Settings, Turns};
use tidegate::replay::takeback::{Ended, TakeBack, Taken, Unmade};
use tidegate::sim::snapshot::{TicketState, TicketView};

use super::stand::World;

impl World {
    /// Looks for a telling sample of so many tickets.
    pub async fn look(&self, most: usize) -> Look {
        let course = self.process.course();
        choose(course.source.as_ref(), &course.scope, most, self.clock.now()).await.expect("the source answers")
    }

    /// Orders the copy of these tickets and sees it through.
    pub async fn rehearse(&mut self, tickets: &[&str]) {
        let course = self.process.course();
        let ids: Vec<TicketId> = tickets.iter().map(TicketId::new).collect();
        let found = named(course.source.as_ref(), &course.scope, &ids).await.expect("the source answers");
        let chosen = found.unwrap_or_else(|wrong| panic!("{wrong:?}"));
        assert!(self.ledger.order_sample(self.mirror.id, &chosen, self.clock.now()).await.expect("an answer"));
        self.settle().await;
    }

    /// What a replay by hand needs.
    pub fn house(&self, steps: Arc<dyn Steps>) -> House {
        House {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            settings: Settings::default(),
            steps,
            turns: Turns::default(),
            stopping: Default::default(),
        }
    }

    /// Takes everything back, or the sample, as the verb does.
    pub async fn take_back(&self, sample_only: bool) -> (Vec<Taken>, Vec<Unmade>) {
        let done = self.take_back_with(sample_only, Arc::new(GoOn)).await;
        if done.0.iter().all(|taken| !matches!(taken.ended, Ended::Failed(_))) {
            self.ledger.end_takeback(self.mirror.id).await.expect("an answer");
        }
        done
    }

    /// The same, held at a step. What is done at the end of it is left out.
    pub async fn take_back_with(&self, sample_only: bool, steps: Arc<dyn Steps>) -> (Vec<Taken>, Vec<Unmade>) {
        self.ledger.begin_takeback(self.mirror.id, sample_only, self.clock.now()).await.expect("an answer");
        let house = self.house(steps);
        let work = TakeBack { house: &house, course: self.process.course(), worker: uuid::Uuid::new_v4() };
        let mut taken = Vec::new();
        for pair in self.ledger.pairs_to_take(self.mirror.id, sample_only).await.expect("an answer") {
            taken.push(work.pair(pair).await.unwrap_or_else(|fate| panic!("{fate}")));
        }
        let mut people = Vec::new();
        for person in self.ledger.people_made(self.mirror.id).await.expect("an answer") {
            people.push(work.person(&person).await.unwrap_or_else(|fate| panic!("{fate}")));
        }
        (taken, people)
    }

    /// Target tickets that are there.
    pub fn present(&self) -> Vec<TicketView> {
        self.target.tickets().into_iter().filter(|ticket| ticket.state == TicketState::Present).collect()
    }

    /// The one target ticket of a source ticket that is there.
    pub fn only(&self, ticket: &str) -> TicketView {
        let mut there = self.copies(ticket);
        there.retain(|ticket| ticket.state == TicketState::Present);
        assert_eq!(there.len(), 1, "source ticket {ticket} has {} target tickets that are there", there.len());
        there.remove(0)
    }
}
