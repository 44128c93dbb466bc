//! Lanes, bases and intents: rules 1 to 9.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tidegate::desk::Side;
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

/// A world whose first ticket was made in the target, RT, by a call whose answer was lost: it is to be looked up.
async fn in_doubt() -> (World, String) {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    world.source.open("Order 6", "The customer is known from now on.");
    world.settle().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.arrive().await;
    world.target.running.stage.faults().order(Kind::LoseAnswer);
    while world.copies(&ticket).is_empty() {
        world.process.engine.run_until_idle().await;
        world.clock.advance(Duration::from_millis(900));
    }
    (world, ticket)
}

/// Makes a ticket in the target with our own credential, as a process does that went on after its turn.
async fn make_with_key(world: &World, key: &str) {
    let body = serde_json::json!({ "Queue": "Support", "Subject": "Order 7", "CustomFields": { "external_id": key } });
    let post = reqwest::Client::new().post(format!("{}/REST/2.0/ticket", world.target.running.url));
    let post = post.header("authorization", "token sim-token").header("content-type", "application/json");
    let answer = post.body(body.to_string()).send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
}

#[tokio::test]
async fn rule_7_two_tickets_under_one_key_are_parked_and_none_is_picked() {
    let (mut world, ticket) = in_doubt().await;
    make_with_key(&world, &world.mirror.keys.ticket(&ticket, 0)).await;
    world.settle().await;
    let parked = world.parked("doubled").await;
    let copies = world.copies(&ticket);
    assert_eq!(copies.len(), 2, "no third one is made");
    assert!(copies.iter().all(|copy| parked[0].reason.contains(&copy.id)), "{}", parked[0].reason);
    assert!(parked[0].reason.contains("more than one of our tickets under one key") && parked[0].advice.contains("Keep one"));
    world.target.set(&copies[1].id, "custom:external_id", "");
    world.release("doubled").await;
    world.source.reply(&ticket, "Hello?");
    world.settle().await;
    assert_eq!(world.mirrored(&ticket).id, copies[0].id);
    assert_eq!(saying(&world.mirrored(&ticket), "Hello?").len(), 1);
}

#[tokio::test]
async fn rule_7_what_another_hand_or_another_spelling_made_is_not_ours() {
    let (mut world, ticket) = in_doubt().await;
    let ours = world.copies(&ticket)[0].id.clone();
    let key = world.mirror.keys.ticket(&ticket, 0);
    let copied = world.target.open("Order 7, copied", "Where is it?");
    world.target.set(&copied, "custom:external_id", &key);
    make_with_key(&world, &key.to_uppercase()).await;
    world.source.reply(&ticket, "Hello?");
    world.settle().await;
    assert_eq!(world.figure("answers found again").await, 1);
    assert_eq!(world.target.tickets().len(), 4);
    for held in world.target.tickets() {
        assert_eq!(saying(&held, "Hello?").len(), usize::from(held.id == ours), "ticket {}", held.id);
    }
}

#[tokio::test]
async fn rule_7_not_there_counts_only_after_the_look_up_lag() {
    let mut world = World::of().from(request_tracker()).to(zendesk()).begin().await;
    world.source.open("Order 6", "The customer is known from now on.");
    world.settle().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.arrive().await;
    world.target.running.stage.faults().order(Kind::LoseAnswer);
    while world.copies(&ticket).is_empty() {
        world.process.engine.run_until_idle().await;
        world.clock.advance(Duration::from_millis(900));
    }
    for _ in 0..5 {
        world.clock.advance(Duration::from_secs(1));
        world.process.engine.run_until_idle().await;
    }
    assert_eq!(world.target.calls("GET /api/v2/tickets"), 0, "Zendesk needs ten seconds to be sure");
    world.settle().await;
    assert!(world.target.calls("GET /api/v2/tickets") > 0);
    assert_eq!(saying(&world.mirrored(&ticket), "Where is it?").len(), 1);
}

#[tokio::test]
async fn rule_8_a_ledger_that_went_back_in_time_looks_everything_up() {
    for (source, target) in [(zendesk(), request_tracker()), (request_tracker(), zendesk())] {
        let mut world = World::of().from(source).to(target).begin().await;
        let old = world.source.open("Order 7", "Where is it?");
        world.settle().await;
        let kept = world.keep().await;
        let seen = world.ledger.watermark(world.mirror.id, Side::Source).await.expect("an answer").expect("it polled").seen_up_to;
        world.source.reply(&old, "Hello?");
        let new = world.source.open("Order 8", "And this one?");
        world.source.answer(&new, "It is on its way.");
        world.settle().await;
        world.source.reply(&new, "It came.");
        world.settle().await;
        world.put_back(&kept).await;
        let again = world.ledger.watermark(world.mirror.id, Side::Source).await.expect("an answer").expect("it polled").cursor;
        assert_eq!(again, world.process.course().source.cursor_at(seen - TimeDelta::hours(1)), "the poll begins again");
        world.settle().await;
        assert_eq!(world.target.tickets().len(), 2, "{} has doubles", target.vendor);
        for (ticket, words) in [(&old, "Hello?"), (&new, "And this one?"), (&new, "It is on its way."), (&new, "It came.")] {
            assert_eq!(saying(&world.mirrored(ticket), words).len(), 1, "{words} at {}", target.vendor);
        }
        assert!(world.figure("found again after a restore").await > 0);
        world.source.reply(&new, "Thanks.");
        world.settle().await;
        assert_eq!(saying(&world.mirrored(&new), "Thanks.").len(), 1);
    }
}

#[tokio::test]
async fn rule_8_only_another_database_is_another_one() {
    let world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    assert!(!world.ledger.recognise(world.clock.now()).await.expect("an answer"));
    for changed in ["timeline = timeline - 1", "system_id = '7/1/1'"] {
        let change = sqlx::AssertSqlSafe(format!("update ledger_identity set {changed}"));
        sqlx::query(change).execute(&world.pool).await.expect("it can be changed");
        assert!(world.ledger.recognise(world.clock.now()).await.expect("an answer"), "{changed}");
    }
    assert!(!world.ledger.recognise(world.clock.now()).await.expect("an answer"));
    assert_eq!(world.ledger.mirror("demo").await.expect("it is there").recovered_at, Some(world.clock.now()));
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
