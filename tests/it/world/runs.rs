//! Runs in a world.

use std::time::Duration;

use tidegate::ledger::run::{Order, Run};

use super::stand::World;

impl World {
    /// A person orders a run.
    pub async fn order_run(&self, at_any_hour: bool) {
        self.order(at_any_hour, None).await;
    }

    async fn order(&self, at_any_hour: bool, window: Option<i64>) {
        let before = self.ledger.before_run(self.mirror.id).await.expect("an answer");
        let order = Order { after: before.number, by: "anna", at_any_hour, window };
        assert!(self.ledger.order_run(self.mirror.id, order, self.clock.now()).await.expect("an answer"), "a run is ordered");
    }

    /// What happened so far is shown by both desks, and nothing of it is carried.
    pub async fn nothing_is_carried(&mut self) {
        // Zendesk withholds its last minute.
        self.clock.advance(Duration::from_secs(75));
        let writes = self.target.tickets();
        assert!(!self.turn().await, "nothing is worked on between the runs");
        assert_eq!(self.target.tickets(), writes);
    }

    /// Sees the run that is under way to its end. Returns its report.
    pub async fn carry(&mut self) -> Run {
        for _ in 0..200 {
            self.process.see_to_runs().await;
            if self.open_run().await.is_none() {
                return self.ledger.runs(self.mirror.id).await.expect("an answer").pop().expect("there was one");
            }
            if self.process.engine.run_until_idle().await == 0 {
                self.wait_for_lanes().await;
            }
        }
        panic!("the run does not end: {:?}", self.ledger.faults(self.mirror.id).await);
    }

    /// The run that is under way.
    pub async fn open_run(&self) -> Option<Run> {
        self.ledger.open_run(self.mirror.id).await.expect("an answer")
    }

    /// A whole run that a person orders.
    pub async fn run(&mut self) -> Run {
        self.order_run(true).await;
        self.carry().await
    }

    /// A whole run of one window.
    pub async fn run_window(&mut self, name: &str) -> Run {
        let parts = self.ledger.parts(self.mirror.id).await.expect("an answer");
        let window = parts.iter().find(|part| part.name == name).map(|part| part.id);
        self.order(true, Some(window.expect("it is there"))).await;
        self.carry().await
    }
}
