//! One commit turns the lead, and nobody who claimed a ticket before it writes after it.

use std::sync::Arc;

use tidegate::desk::Side;
use tidegate::ledger::Error;
use tidegate::ledger::authority::Turned;
use tidegate::ledger::intent::NewIntent;
use tidegate::ledger::lane::{Claim, Claimant};
use tidegate::ledger::pair::Pair;
use tidegate::ledger::settle::StepSettled;
use uuid::Uuid;

use super::{between, pairs, turn};
use crate::world::desk::field;
use crate::world::killer::Holder;
use crate::world::rest::mirrored;
use crate::world::stand::World;

async fn pair(world: &World, ticket: &str) -> Pair {
    world.ledger.pairs_of_number(world.mirror.id, ticket).await.expect("an answer").remove(0)
}

/// A mirrored ticket, and everything carried.
async fn one() -> (World, String) {
    let (world, ticket, _) = mirrored(between(pairs()[0])).await;
    (world, ticket)
}

async fn claim(world: &World, pair: &Pair) -> Claim {
    let settings = tidegate::replay::house::Settings::default();
    let claimant = Claimant { worker: Uuid::new_v4(), lease: settings.lease, grace: settings.grace, only: None };
    let claim = world.ledger.claim_pair(pair.id, claimant, world.clock.now()).await.expect("an answer");
    claim.expect("nobody is at it")
}

#[tokio::test]
async fn all_tickets_are_turned_and_those_to_come_and_back_again() {
    let (mut world, ticket) = one().await;
    let before = pair(&world, &ticket).await;
    let turned = turn(&world, Side::Target).await;
    assert_eq!((turned.tickets, turned.fenced), (1, 0));
    assert_eq!(turn(&world, Side::Target).await, Turned::default(), "it is turned already");
    let after = pair(&world, &ticket).await;
    assert_eq!((after.authority, after.lead()), (Side::Target, Side::Target));
    assert_eq!((after.base, after.source_ticket), (before.base, before.source_ticket));
    assert_eq!(world.ledger.mirror("demo").await.expect("it is there").leads, Side::Target);
    let next = world.source.open("Order 8", "Where is it?");
    world.arrive().await;
    let next = pair(&world, &next).await;
    assert_eq!((next.authority, next.lead()), (Side::Target, Side::Source), "who has the ticket leads until both have it");
    assert_eq!(turn(&world, Side::Source).await.tickets, 2);
    world.settle().await;
    assert_eq!(pair(&world, &ticket).await.lead(), Side::Source);
}

#[tokio::test]
async fn a_window_is_turned_by_itself() {
    let (world, ticket) = one().await;
    let window: i64 = sqlx::query_scalar(
        "insert into cutover_window (tenant_id, mirror_id, name) select tenant_id, id, 'billing' from mirror returning id",
    )
    .fetch_one(&world.pool)
    .await
    .expect("a window");
    let rest = "insert into cutover_window (tenant_id, mirror_id, name) select tenant_id, id, 'rest' from mirror";
    sqlx::query(rest).execute(&world.pool).await.expect("another window");
    let turn =
        async || world.ledger.turn(world.mirror.id, Some(window), Side::Target, world.clock.now()).await.expect("an answer");
    assert_eq!(turn().await.tickets, 0, "the ticket is in no window");
    sqlx::query("update pair set window_id = $1").bind(window).execute(&world.pool).await.expect("it is in it");
    assert_eq!(turn().await.tickets, 1);
    assert_eq!(pair(&world, &ticket).await.authority, Side::Target);
    assert_eq!(world.ledger.mirror("demo").await.expect("it is there").leads, Side::Source, "the others are not turned");
}

#[tokio::test]
async fn a_claim_from_before_the_turn_records_nothing_after_it() {
    let (mut world, ticket) = one().await;
    let pair = pair(&world, &ticket).await;
    let claim = claim(&world, &pair).await;
    let now = world.clock.now();
    assert_eq!(turn(&world, Side::Target).await.fenced, 1);
    let intent = NewIntent { kind: "fields", key: "k", detail: serde_json::json!({ "form": 1, "fields": [] }) };
    assert!(matches!(world.ledger.send_intent(&claim, intent, now).await, Err(Error::Fenced)));
    assert!(matches!(world.ledger.settle_step(&claim, StepSettled::default(), now).await, Err(Error::Fenced)));
    assert!(matches!(world.ledger.renew(&claim, now).await, Err(Error::Fenced)));
    turn(&world, Side::Source).await;
    world.settle().await;
}

#[tokio::test]
async fn a_worker_that_has_read_both_desks_does_not_write_what_it_decided() {
    let (mut world, ticket) = one().await;
    let holder = Arc::new(Holder::at("hydrated", 1));
    world.process = world.process.successor(holder.clone()).await;
    world.process.serve(&world.mirror).await;
    world.source.set(&ticket, "subject", "Order 8");
    world.arrive().await;
    let writes = world.figure("writes").await;
    let switch = async {
        holder.holds().await;
        assert_eq!(turn(&world, Side::Target).await.fenced, 1);
        holder.let_go();
    };
    tokio::join!(switch, world.process.engine.run_until_idle());
    assert_eq!(field(&world.mirrored(&ticket), "subject"), "Order 7", "it was decided while the source led");
    assert_eq!(world.figure("writes").await, writes);
    turn(&world, Side::Source).await;
    world.settle().await;
    assert_eq!(field(&world.mirrored(&ticket), "subject"), "Order 8", "the source leads again");
}
