//! Tickets that are in the middle of something when the lead turns.

use tidegate::cutover::switch::{Outcome, Step};
use tidegate::desk::Side;
use tidegate::ledger::switch::{Kind, Run};
use tidegate::mirror::Phase;

use super::turns::mirrored;
use super::verbs::Scene;
use crate::world::db::until;
use crate::world::desk::{field, request_tracker, zendesk};
use crate::world::stand::World;
use crate::world::switching::{Hand, shut, wish};

async fn run(world: &World) -> Run {
    world.ledger.switches(world.mirror.id).await.expect("an answer").remove(0)
}

/// A mirror that was switched while the first of its two tickets was changed.
async fn with_a_late_ticket() -> (World, [String; 2]) {
    let (world, tickets) = mirrored(zendesk(), request_tracker()).await;
    let changed = || world.source.set(&tickets[0], "priority", "urgent");
    let hand = Hand::of(&world).after(Step::Verdicts, changed).idle_after(Step::Verdicts);
    let report = world.switch(&wish(Kind::Go, &[]), &hand).await;
    assert_eq!((report.outcome.clone(), report.turned.whole, report.turned.late), (Outcome::Done, 1, 1), "{:?}", shut(&report));
    drop(hand);
    (world, tickets)
}

#[tokio::test]
async fn a_ticket_in_the_middle_of_something_is_turned_by_the_gateway_when_that_is_done() {
    let (mut world, [first, second]) = with_a_late_ticket().await;
    world.gateway_turns().await;
    assert_eq!((world.leads_ticket(&first).await, world.leads_ticket(&second).await), (Side::Source, Side::Target));
    assert_eq!((run(&world).await.ended_at, world.phase().await), (None, Phase::Switched), "it is not done yet");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&first), "priority"), "100", "what the old desk said before it is carried");
    world.gateway_turns().await;
    assert_eq!((world.leads_ticket(&first).await, run(&world).await.outcome.as_deref()), (Side::Target, Some("done")));
    world.switched(Kind::Back).await;
    world.settle().await;
}

#[tokio::test]
async fn tickets_that_the_gateway_turns_while_the_command_waits_are_in_its_count() {
    let (mut world, [first, _]) = mirrored(zendesk(), request_tracker()).await;
    let hand = Hand::of(&world).after(Step::Verdicts, || world.source.set(&first, "priority", "urgent"));
    hand.turns.set(true);
    let report = world.switch(&wish(Kind::Go, &[]), &hand).await;
    assert_eq!((report.turned.whole, report.turned.late), (2, 0), "{:?}", shut(&report));
    drop(hand);
    world.settle().await;
}

#[tokio::test]
async fn a_ticket_in_which_people_never_rest_is_turned_when_what_was_said_before_is_carried() {
    let (mut world, [first, _]) = with_a_late_ticket().await;
    let of_first = format!("pair_id = (select id from pair where source_ticket = '{first}')");
    world.sql(&format!("update lane set pending = pending + 1 where {of_first}")).await;
    world.gateway_turns().await;
    assert_eq!(world.leads_ticket(&first).await, Side::Source, "what was said before is not carried yet");
    world.sql(&format!("update lane set applied = pending - 1 where {of_first}")).await;
    world.gateway_turns().await;
    assert_eq!((world.leads_ticket(&first).await, run(&world).await.outcome.as_deref()), (Side::Target, Some("done")));
    world.settle().await;
}

#[tokio::test]
async fn a_switch_whose_command_was_killed_after_the_turn_is_turned_to_the_end_and_ended_when_nobody_comes_back() {
    let (mut world, [first, _]) = mirrored(zendesk(), request_tracker()).await;
    world.interrupted_switch(&wish(Kind::Go, &[]), Step::Mark).await;
    world.gateway_turns().await;
    assert_eq!(
        (run(&world).await.turned_at, world.leads_ticket(&first).await),
        (None, Side::Source),
        "it turns nothing by itself"
    );
    world.interrupted_switch(&wish(Kind::Go, &[]), Step::Turn).await;
    world.gateway_turns().await;
    assert_eq!((run(&world).await.ended_at, world.leads_ticket(&first).await), (None, Side::Target), "the command may come back");
    world.clock.advance(std::time::Duration::from_secs(301));
    world.gateway_turns().await;
    assert_eq!(run(&world).await.outcome.as_deref(), Some("done"));
    world.settle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_at_work_ends_the_switch_that_its_command_left() {
    let scene = Scene::begin().await;
    let (ledger, row) = (&scene.house.ledger, scene.house.ledger.mirror("demo").await.expect("it is there"));
    let now = tidegate::clock::Clock::system().now();
    let run = ledger.begin_switch(row.id, &wish(Kind::Go, &[]), now).await.expect("an answer").expect("nothing is in the way");
    let turned = ledger.turn_switch(row.id, &run, now).await.expect("an answer");
    ledger.note_step(&run, Step::Late.as_str(), &serde_json::json!({ "turned": turned }), now).await.expect("an answer");
    let ended = async || ledger.open_switch(row.id).await.expect("an answer").is_none();
    until("the gateway ended it", ended).await;
    assert!(scene.says(&["status", "demo"]).await.starts_with("demo: switched\n"));
}
