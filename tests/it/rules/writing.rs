//! Lanes, bases and intents: rules 1 to 9.

use std::sync::Arc;

use tidegate::sim::faults::Kind;

use crate::world::desk::{field, request_tracker, saying, zendesk};
use crate::world::killer::Holder;
use crate::world::stand::World;

#[tokio::test]
async fn rule_1_what_comes_while_a_lane_is_worked_on_is_not_lost() {
    let holder = Arc::new(Holder::at("hydrated", 1));
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin_with(holder.clone()).await;
    let ticket = world.source.open("Order 7", "Where is it?");
    let later = async {
        holder.holds().await;
        let deed = world.source.reply(&ticket, "Hello?");
        holder.let_go();
        deed
    };
    world.arrive().await;
    tokio::join!(later, world.process.engine.run_until_idle());
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1);
}

#[tokio::test]
async fn rule_2_what_the_target_made_of_a_value_is_no_change_of_it() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("  Order   7 ", "Where is it?");
    world.source.set(&ticket, "custom:Refund amount", "12.50");
    world.settle().await;
    let writes = world.figure("writes").await;
    world.raise_everything().await;
    world.settle().await;
    assert_eq!(world.figure("writes").await, writes);
    assert!(world.ledger.conflicts(world.mirror.id).await.expect("an answer").is_empty());
}

#[tokio::test]
async fn rule_3_a_half_done_write_is_not_a_conflict() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).policy("conflict = \"ask\"").begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.set(&ticket, "priority", "low");
    world.settle().await;
    world.source.set(&ticket, "priority", "urgent");
    world.target.running.stage.faults().order(Kind::LoseAnswer);
    world.settle().await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "100");
    assert!(world.ledger.conflicts(world.mirror.id).await.expect("an answer").is_empty());
}

#[tokio::test]
async fn rule_6_a_process_that_was_paused_writes_nothing_when_it_goes_on() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    world.source.reply(&ticket, "Hello?");
    let holder = Arc::new(Holder::at("hydrated", 1));
    let paused = world.process.beside(&world.mirror, holder.clone()).await;
    let engine = paused.engine.clone();
    world.arrive().await;
    let working = tokio::spawn(async move { engine.run_until_idle().await });
    holder.holds().await;
    world.clock.advance(world.process.lease_and_grace());
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1, "the other one took over");
    holder.let_go();
    working.await.expect("it ends");
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1);
}

#[tokio::test]
async fn rule_9_two_real_thanks_are_two() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Thanks");
    world.source.reply(&ticket, "Thanks");
    world.settle().await;
    world.source.reply(&ticket, "Thanks");
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Thanks").len(), 3);
}

#[tokio::test]
async fn rule_4_what_happens_at_the_target_lands_in_the_lane_of_the_pair() {
    for (target, both_tell) in [(zendesk(), false), (zendesk(), true), (request_tracker(), false), (request_tracker(), true)] {
        let vendor = target.vendor;
        let plan = World::of().from(zendesk()).to(target);
        let mut world = if both_tell { plan.both_tell() } else { plan }.begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        world.settle().await;
        let mirrored = world.mirrored(&ticket).id;
        let (reads, writes) = (world.figure("hydrations").await, world.figure("writes").await);
        world.target.note(&mirrored, "I look into it.");
        world.settle().await;
        assert!(world.figure("hydrations").await > reads, "{vendor}, webhook {both_tell}: nobody looked");
        assert_eq!(world.figure("writes").await, writes, "{vendor}: there was nothing to write");
        let seen: Vec<(String, i64)> = sqlx::query_as(
            "select origin, count(*) from change_event where side = 'target' and applied_at is not null group by 1",
        )
        .fetch_all(&world.pool)
        .await
        .expect("an answer");
        assert!(seen.iter().any(|(origin, _)| (origin == "webhook") == both_tell), "{vendor}: {seen:?}");
    }
}

#[tokio::test]
async fn rule_17_the_echo_of_our_own_writes_raises_nothing() {
    for both_tell in [false, true] {
        let plan = World::of().from(request_tracker()).to(request_tracker());
        let mut world = if both_tell { plan.both_tell() } else { plan }.begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        world.settle().await;
        let reads = world.figure("hydrations").await;
        world.source.set(&ticket, "subject", "Order 8");
        world.source.reply(&ticket, "Hello?");
        world.source.set(&ticket, "status", "stalled");
        world.settle().await;
        assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1);
        assert_eq!(world.figure("hydrations").await, reads + 1, "webhook {both_tell}");
    }
}
