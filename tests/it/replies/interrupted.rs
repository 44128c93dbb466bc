//! Deaths and lost answers while a reply is carried back: it is there once, the status stands, and the old desk is not left silent.

use std::sync::Arc;

use tidegate::replay::course::STEPS;
use tidegate::sim::faults::{Kind as Fault, Rates};
use tidegate::sim::snapshot::TicketView;

use super::{between, pairs};
use crate::world::desk::{Kind, field, saying};
use crate::world::killer::Holder;
use crate::world::rest::{mails_of_ours, mirrored, rests};
use crate::world::stand::World;

fn whole(here: &TicketView, status: &str, what: &str) {
    for words in ["Are you there", "It is on its way", "The warehouse"] {
        assert_eq!(saying(here, words).len(), 1, "{what}: `{words}` in {:#?}", here.messages);
    }
    assert_eq!(field(here, "status"), status, "{what}");
    assert!(!here.tags.contains("tidegate_silent"), "{what}: the old desk is left silent");
}

/// A ticket that is done, and is answered in the new desk. Returns the old status too.
async fn answered(pair: (Kind, Kind)) -> (World, String, String) {
    let (mut world, ticket, there) = mirrored(between(pair, "public")).await;
    let done = if pair.0.vendor == "zendesk" { "solved" } else { "resolved" };
    world.source.set(&ticket, "status", done);
    world.settle().await;
    for words in ["Are you there?", "It is on its way."] {
        world.target.answer(&there, words);
    }
    world.target.note(&there, "The warehouse is slow.");
    (world, ticket, done.to_string())
}

#[tokio::test]
async fn a_death_at_any_step_loses_and_doubles_no_reply() {
    for pair in pairs().into_iter().take(2) {
        for step in STEPS {
            for pass in [1, 3] {
                let (mut world, ticket, status) = answered(pair).await;
                let holder = Arc::new(Holder::at(step, pass));
                world.process = world.process.successor(holder.clone()).await;
                world.process.serve(&world.mirror).await;
                let fell = tokio::select! {
                    () = holder.holds() => true,
                    () = world.settle() => false,
                };
                if fell {
                    world.restart().await;
                    world.settle().await;
                }
                let what = format!("{} to {}, `{step}` {pass}", pair.0.vendor, pair.1.vendor);
                assert!(fell || pass > 1, "{what}: nothing reaches it");
                whole(&world.source.ticket(&ticket), &status, &what);
                if pass == 1 {
                    rests(&mut world, &what).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_reply_whose_answer_was_lost_is_there_once() {
    for pair in pairs() {
        let (mut world, ticket, status) = answered(pair).await;
        for _ in 0..2 {
            world.source.running.stage.faults().order(Fault::LoseAnswer);
        }
        world.settle().await;
        assert_eq!(world.source.running.stage.faults().happened()[&Fault::LoseAnswer], 2);
        whole(&world.source.ticket(&ticket), &status, pair.0.vendor);
        rests(&mut world, pair.0.vendor).await;
    }
}

#[tokio::test]
async fn desks_that_fail_lose_and_double_no_reply() {
    for pair in pairs() {
        let (mut world, ticket, status) = answered(pair).await;
        let rates = Rates { drop: 0.2, double: 0.2, refuse: 0.1, lose_answer: 0.2, stale_read: 0.05, ..Rates::default() };
        world.source.running.stage.faults().set(rates);
        world.target.running.stage.faults().set(rates);
        world.settle().await;
        world.source.running.stage.faults().set(Rates::default());
        world.target.running.stage.faults().set(Rates::default());
        world.settle().await;
        whole(&world.source.ticket(&ticket), &status, pair.0.vendor);
        assert!(mails_of_ours(&world.source).is_empty());
    }
}
