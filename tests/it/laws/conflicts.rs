//! Nothing of an agent's is silently overwritten: a field that both sides changed is decided by the policy, and the value
//! that lost is kept.

use tidegate::desk::field::Value;

use crate::world::desk::{field, request_tracker, zendesk};
use crate::world::stand::World;

async fn both_changed(policy: &str) -> (World, String) {
    let mut world = World::of().from(zendesk()).to(request_tracker()).policy(policy).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.set(&ticket, "priority", "low");
    world.settle().await;
    let mirrored = world.mirrored(&ticket).id;
    world.target.set(&mirrored, "priority", "50");
    world.source.set(&ticket, "priority", "urgent");
    world.settle().await;
    (world, ticket)
}

#[tokio::test]
async fn the_source_wins_and_the_lost_value_is_kept() {
    let (world, ticket) = both_changed("conflict = \"source-wins\"").await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "100");
    let conflicts = world.ledger.conflicts(world.mirror.id).await.expect("an answer");
    assert_eq!(conflicts.len(), 1);
    assert_eq!((conflicts[0].winner.as_str(), &conflicts[0].target), ("source", &Value::text("50")));
}

#[tokio::test]
async fn the_target_wins_and_the_lost_value_is_kept() {
    let (mut world, ticket) = both_changed("conflict = \"target-wins\"").await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "50");
    let conflicts = world.ledger.conflicts(world.mirror.id).await.expect("an answer");
    assert_eq!(conflicts.len(), 1);
    assert_eq!((conflicts[0].winner.as_str(), &conflicts[0].source), ("target", &Value::text("urgent")));
    world.source.reply(&ticket, "Hello?");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "50", "what was decided stays decided");
    world.source.set(&ticket, "priority", "normal");
    world.settle().await;
    assert_eq!(world.ledger.conflicts(world.mirror.id).await.expect("an answer").len(), 1, "both say 50 now");
}

#[tokio::test]
async fn a_person_is_asked_where_the_policy_says_so() {
    let (mut world, ticket) = both_changed("conflict = \"ask\"").await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "50");
    let parked = world.parked("conflict").await;
    assert_eq!(parked[0].source_ticket.as_deref(), Some(ticket.as_str()));
    let mirrored = world.mirrored(&ticket).id;
    world.target.set(&mirrored, "priority", "100");
    world.settle().await;
    assert!(world.ledger.parked(None).await.expect("an answer").is_empty(), "both say the same now");
}

#[tokio::test]
async fn a_change_of_the_target_alone_stays() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.set(&ticket, "priority", "low");
    world.settle().await;
    let mirrored = world.mirrored(&ticket).id;
    world.target.set(&mirrored, "priority", "75");
    world.target.set(&mirrored, "subject", "Order 7 (lost)");
    world.source.reply(&ticket, "Hello?");
    world.settle().await;
    let mirrored = world.mirrored(&ticket);
    assert_eq!((field(&mirrored, "priority").as_str(), field(&mirrored, "subject").as_str()), ("75", "Order 7 (lost)"));
    assert!(world.ledger.conflicts(world.mirror.id).await.expect("an answer").is_empty());
}
