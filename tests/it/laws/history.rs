//! Random histories: live work at both desks, and what the independent judge says in the end.

use std::collections::BTreeSet;
use std::time::Duration;

use tidegate::gateway::connect::connected;
use tidegate::sim::judge::verdict::Verdict;
use tidegate::sim::judge::{self, Case, Lost};
use tidegate::sim::story::Story;
use tidegate::sim::story::live::Scene;
use tidegate::sim::story::vocabulary::Vocabulary;

use crate::world::desk::{request_tracker, zendesk};
use crate::world::stand::World;

/// A history that a seed tells.
#[derive(Debug, Clone, Copy)]
pub struct History {
    pub seed: u64,
    pub steps: usize,
}

/// A world in which a history is told.
pub struct Told {
    pub world: World,
    story: Story,
}

impl Told {
    /// A world in which nothing has happened yet.
    pub async fn begin(history: History) -> Self {
        let world = World::of().from(zendesk()).to(request_tracker()).policy(LIMIT).begin().await;
        let story = Story::new(history.seed, world.clock.clone(), Vocabulary::zendesk(), Vocabulary::request_tracker());
        Self { world, story }
    }

    /// People work at both desks, without waiting for the mirror.
    pub fn work(&mut self, steps: usize) {
        let pairs = self.world.pairs();
        for _ in 0..steps {
            self.world.clock.advance(Duration::from_millis(1300));
            let find = |id: &str| pairs.get(id).cloned();
            let (source, target) = (self.world.source.running.stage.as_ref(), self.world.target.running.stage.as_ref());
            self.story.step(&Scene { source, target, find_target: &find });
        }
    }

    /// The judge compares both desks' stores with what was told.
    pub async fn judge(&mut self) -> Verdict {
        let world = &self.world;
        let rules = world.rules();
        let (source, target, mails) = (world.source.tickets(), world.target.tickets(), world.target.running.stage.mails());
        let lost = lost(world).await;
        let parked = world.ledger.parked(Some(world.mirror.id)).await.expect("an answer");
        let exposed: BTreeSet<String> =
            parked.iter().filter(|one| one.kind == "exposed").filter_map(|one| one.source_ticket.clone()).collect();
        let log = self.story.log();
        let case = Case { log, source: &source, target: &target, mails: &mails, lost: &lost, exposed: &exposed };
        let verdict = judge::judge(&case, &rules);
        if !exposed.is_empty() {
            // Request Tracker takes nothing back: a person is told.
            self.world.parked("exposed").await;
        }
        verdict
    }

    /// Fails where the judge disagrees.
    pub async fn agrees(&mut self) {
        let verdict = self.judge().await;
        if !verdict.differences.is_empty() {
            let faults = self.world.ledger.faults(self.world.mirror.id).await;
            let parked = self.world.ledger.parked(None).await;
            panic!("the judge disagrees: {:#?}\n{faults:?}\n{parked:#?}", verdict.differences);
        }
    }
}

/// Stories end more tickets than people do.
const LIMIT: &str = "destructive-limit = { count = 1000, within = \"10m\" }";

async fn lost(world: &World) -> Vec<Lost> {
    let rules = world.rules();
    let desks = connected(&world.mirror, &world.ledger, &world.clock).expect("it is served");
    let mut lost = Vec::new();
    for conflict in world.ledger.conflicts(world.mirror.id).await.expect("an answer") {
        let Some(rule) = rules.fields.get(&conflict.field) else { continue };
        let mut value: Vec<String> = conflict.target.words().into_iter().map(str::to_string).collect();
        for person in conflict.target.persons() {
            value.extend(desks.course.target.person(person).await.expect("an answer").and_then(|person| person.email));
        }
        lost.push(Lost { ticket: conflict.target_ticket.unwrap_or_default(), field: rule.target.clone(), value });
    }
    lost
}
