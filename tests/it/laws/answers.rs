//! A lost answer is found again: the write happened, and is there once.

use tidegate::sim::faults::{Kind, Rates};

use super::history::{History, Told};
use super::replays::for_histories;
use crate::world::desk::{request_tracker, saying, zendesk};
use crate::world::stand::World;

#[tokio::test]
async fn a_ticket_whose_answer_was_lost_is_there_once() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    world.target.running.stage.faults().order(Kind::LoseAnswer);
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Where is it?").len(), 1);
    assert_eq!(world.target.running.stage.faults().happened()[&Kind::LoseAnswer], 1);
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_there_once() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    world.source.reply(&ticket, "Thanks");
    world.source.reply(&ticket, "Thanks");
    for _ in 0..2 {
        world.target.running.stage.faults().order(Kind::LoseAnswer);
    }
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Thanks").len(), 2, "two real thanks are two");
    assert_eq!(world.target.running.stage.faults().happened()[&Kind::LoseAnswer], 2);
    assert!(world.figure("answers found again").await >= 1);
}

#[test]
fn nothing_is_doubled_or_lost_between_desks_that_fail() {
    for_histories(6, async |history: History| {
        let mut told = Told::begin(history).await;
        let rates = Rates { drop: 0.2, double: 0.2, refuse: 0.04, lose_answer: 0.06, stale_read: 0.05, ..Rates::default() };
        told.world.source.running.stage.faults().set(rates);
        told.world.target.running.stage.faults().set(rates);
        told.work(history.steps / 2);
        told.world.settle().await;
        told.work(history.steps - history.steps / 2);
        told.world.settle().await;
        told.agrees().await;
    });
}
