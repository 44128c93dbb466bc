//! A story between two desks in memory, carried by the naive copy, at rest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tidegate::clock::Clock;
use tidegate::sim::judge::rules::{Authors, Deletion, FieldRule, Form, Rules, Times};
use tidegate::sim::judge::verdict::Verdict;
use tidegate::sim::judge::{Case, Lost, judge, pairs};
use tidegate::sim::snapshot::{Mail, TicketView};
use tidegate::sim::stage::Stage;
use tidegate::sim::story::Story;
use tidegate::sim::story::live::Scene;
use tidegate::sim::story::log::Log;
use tidegate::sim::story::vocabulary::Vocabulary;

use super::copyist::Copyist;
use super::memory::MemoryDesk;

/// A whole run, at rest.
#[derive(Clone)]
pub struct Run {
    pub log: Log,
    pub source: Vec<TicketView>,
    pub target: Vec<TicketView>,
    pub mails: Vec<Mail>,
    pub lost: Vec<Lost>,
    pub rules: Rules,
}

impl Run {
    pub fn verdict(&self) -> Verdict {
        let exposed = BTreeSet::new();
        let Run { log, source, target, mails, lost, .. } = self;
        judge(&Case { log, source, target, mails, lost, exposed: &exposed }, &self.rules)
    }

    /// The first target ticket for which this holds.
    pub fn find(&mut self, fits: impl Fn(&TicketView) -> bool) -> &mut TicketView {
        self.target.iter_mut().find(|ticket| fits(ticket)).expect("the story has such a ticket")
    }
}

pub fn rules() -> Rules {
    let custom: Vec<String> = Vocabulary::zendesk().custom.into_iter().map(|field| format!("custom:{}", field.name)).collect();
    let plain = ["subject", "status", "priority", "type", "group"].map(str::to_string);
    let mut fields: BTreeMap<String, FieldRule> =
        plain.into_iter().chain(custom).map(|field| (field.clone(), FieldRule::same(field))).collect();
    for field in ["assignee", "requester"] {
        fields.insert(field.to_string(), FieldRule::same(field).form(Form::People));
    }
    Rules {
        mirror: "demo".to_string(),
        fields,
        own_tags: vec!["tidegate".to_string()],
        ignored_tags: BTreeSet::from(["deleted_there".to_string()]),
        links: BTreeMap::from([("parent".to_string(), "parent".to_string())]),
        cc: true,
        followers: true,
        authors: Authors::Said,
        times: Times::KeptOrSaid,
        deletion: Deletion::Mark("deleted_there".to_string()),
        keeps_inline: true,
        keeps_file_names: true,
        mirror_actors: BTreeSet::from(["gateway@desk.example".to_string()]),
        ..Rules::default()
    }
}

pub fn run(seed: u64, tickets: usize, steps: usize) -> Run {
    let clock = Clock::fixed("2026-11-22T12:00:00Z".parse().expect("a time"));
    let (source, target, rules) = (MemoryDesk::new(), MemoryDesk::new(), rules());
    let mut story = Story::new(seed, clock.clone(), Vocabulary::zendesk(), Vocabulary::zendesk());
    let mut copyist = Copyist::default();
    story.history(&source, tickets);
    copyist.sync(&source, &target, &rules);
    for step in 0..steps {
        clock.advance(Duration::from_secs(7));
        let tickets = copyist.tickets.clone();
        story.step(&Scene { source: &source, target: &target, find_target: &|id| tickets.get(id).cloned() });
        if step % 3 == 0 {
            copyist.sync(&source, &target, &rules);
        }
    }
    copyist.sync(&source, &target, &rules);
    assert_eq!(pairs(&rules, &target.tickets()).len() > tickets / 2, tickets > 0);
    let (source, target) = (source.tickets(), target.tickets());
    Run { log: story.into_log(), source, target, mails: Vec::new(), lost: copyist.lost, rules }
}

pub fn told(run: &Run) -> String {
    run.verdict().differences.iter().take(20).map(|difference| format!("{:?}: {difference}\n", difference.kind)).collect()
}
