//! Reading: rules 10 to 14.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate::sim::faults::Kind;
use tidegate::sim::snapshot::TicketState;

use crate::world::desk::{Kind as Vendor, request_tracker, saying, zendesk};
use crate::world::killer::Holder;
use crate::world::stand::World;

#[tokio::test]
async fn rule_10_a_read_that_is_behind_its_hint_is_not_believed() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    world.source.reply(&ticket, "Hello?");
    for _ in 0..4 {
        world.source.running.stage.faults().order(Kind::StaleRead);
    }
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1);
}

#[tokio::test]
async fn rule_12_deletion_marks_and_undeletion_takes_the_mark_away() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    world.source.delete(&ticket);
    world.settle().await;
    let mirrored = world.mirrored(&ticket);
    assert!(mirrored.tags.contains("tidegate_deleted") && mirrored.state == TicketState::Present);
    world.source.undelete(&ticket);
    world.settle().await;
    assert!(!world.mirrored(&ticket).tags.contains("tidegate_deleted"));
}

#[tokio::test]
async fn rule_12_a_deletion_that_was_undone_meanwhile_is_not_applied() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    world.source.delete(&ticket);
    world.source.undelete(&ticket);
    world.settle().await;
    assert!(!world.mirrored(&ticket).tags.contains("tidegate_deleted"));
}

#[tokio::test]
async fn rule_12_many_deletions_halt_the_mirror() {
    let limit = "destructive-limit = { count = 2, within = \"10m\" }";
    let mut world = World::of().from(zendesk()).to(request_tracker()).policy(limit).begin().await;
    let tickets: Vec<String> = (0..4).map(|n| world.source.open(&format!("Order {n}"), "Where is it?")).collect();
    world.settle().await;
    for ticket in &tickets {
        world.source.delete(ticket);
    }
    world.settle().await;
    let marked = tickets.iter().filter(|ticket| world.mirrored(ticket).tags.contains("tidegate_deleted")).count();
    assert_eq!(marked, 2);
    let mirror = world.ledger.mirror("demo").await.expect("it is there");
    assert!(mirror.paused_why.is_some_and(|why| why.contains("destructive-limit")));
}

#[tokio::test]
async fn rule_13_a_merge_unites_both_conversations() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let (one, other) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 7!", "Where is my order?"));
    world.settle().await;
    let (gone, root) = (world.mirrored(&one), world.mirrored(&other));
    world.source.reply(&one, "This came before the merge.");
    world.source.reply(&one, "A merge quotes the last one.");
    world.source.merge(&one, &other);
    world.source.reply(&other, "This came after the merge.");
    world.settle().await;
    let root = world.target.ticket(&root.id);
    assert_eq!(world.target.ticket(&gone.id).state, TicketState::MergedInto(root.id.clone()));
    for words in ["Where is it?", "This came before the merge.", "This came after the merge."] {
        assert_eq!(saying(&root, words).len(), 1, "{words}");
    }
}

#[tokio::test]
async fn rule_13_a_ticket_that_was_merged_before_the_copy_arrives_merged() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let (one, other) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 7!", "Where is my order?"));
    world.source.merge(&one, &other);
    world.settle().await;
    let alive: Vec<_> = world.target.tickets().into_iter().filter(|ticket| ticket.state == TicketState::Present).collect();
    assert_eq!(alive.len(), 1);
    assert_eq!(saying(&alive[0], "Where is my order?").len(), 1);
}

/// A merge at the source while the merged ticket's lane is held at `step`, two messages still on their way: from then on both
/// lanes see them, and the survivor's lane works while the other stands.
async fn merged_under_a_lane(target: Vendor, step: &'static str) {
    let mut world = World::of().from(request_tracker()).to(target).begin().await;
    let (one, other) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 7!", "Where is my order?"));
    world.settle().await;
    let messages = [world.source.reply(&one, "Hello?"), world.source.reply(&one, "Anybody?")];
    let holder = Arc::new(Holder::at(step, 1));
    let held = world.process.beside(&world.mirror, holder.clone()).await;
    let engine = held.engine.clone();
    world.arrive().await;
    let working = tokio::spawn(async move { engine.run_until_idle().await });
    holder.holds().await;
    world.source.merge(&one, &other);
    while world.turn().await {}
    holder.let_go();
    working.await.expect("it ends");
    world.settle().await;
    for (message, words) in messages.iter().zip(["Hello?", "Anybody?"]) {
        // A merged ticket's messages are told under both numbers.
        let there = world.target.tickets();
        let said = there.iter().flat_map(|ticket| saying(ticket, words)).map(|said| said.id.as_str());
        let said: BTreeSet<&str> = said.collect();
        assert_eq!(said.len(), 1, "held at `{step}`: {words} is there as {said:?}");
        assert_eq!(links_of(&world, message).await, said.into_iter().map(str::to_string).collect::<Vec<_>>());
    }
}

/// What the ledger holds a source message to have become.
async fn links_of(world: &World, message: &str) -> Vec<String> {
    sqlx::query_scalar("select target_message from message_link where mirror_id = $1 and source_message = $2")
        .bind(world.mirror.id.0)
        .bind(message)
        .fetch_all(&world.pool)
        .await
        .expect("an answer")
}

#[tokio::test]
async fn rule_13_two_lanes_that_see_one_message_after_a_merge_write_it_once() {
    for target in [request_tracker, zendesk] {
        for step in ["hydrated", "intent sent", "step settled"] {
            merged_under_a_lane(target(), step).await;
        }
    }
}

#[tokio::test]
async fn rule_14_what_the_webhook_missed_the_poll_finds() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    for _ in 0..4 {
        world.source.running.stage.faults().order(Kind::Drop);
    }
    world.source.reply(&ticket, "Hello?");
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1);
    let mut polled = World::of().from(zendesk()).to(request_tracker()).polled().begin().await;
    let ticket = polled.source.open("Order 7", "Where is it?");
    polled.settle().await;
    assert_eq!(saying(&polled.mirrored(&ticket), "Where is it?").len(), 1);
}
