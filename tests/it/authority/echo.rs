//! Loops do not start; one that somebody else drives is stopped and named.

use tidegate::desk::Side;

use super::{between, pairs, turn};
use crate::world::desk::{Desk, Kind, field};
use crate::world::rest::{mirrored, rests};
use crate::world::stand::World;

fn desks(world: &World, lead: Side) -> [&Desk; 2] {
    if lead == Side::Source { [&world.source, &world.target] } else { [&world.target, &world.source] }
}

#[tokio::test]
async fn whoever_undoes_each_of_our_writes_is_not_fought() {
    for (pair, lead) in pairs().into_iter().flat_map(|pair| [Side::Source, Side::Target].map(|lead| (pair, lead))) {
        let what = format!("{} to {}, {lead:?} leads", pair.0.vendor, pair.1.vendor);
        let (mut world, ticket, there) = mirrored(between(pair)).await;
        turn(&world, lead).await;
        let numbers = if lead == Side::Source { [&ticket, &there] } else { [&there, &ticket] };
        let [leads, _] = desks(&world, lead);
        leads.set(numbers[0], "subject", "Order 8");
        for _ in 0..10 {
            world.settle().await;
            let [_, follows] = desks(&world, lead);
            if field(&follows.ticket(numbers[1]), "subject") != "Order 7" {
                follows.set(numbers[1], "subject", "Order 7");
            }
        }
        let writes = world.figure("fields written").await;
        assert!(writes <= 3, "{what}: {writes} fields were written");
        let [_, follows] = desks(&world, lead);
        assert_eq!(field(&follows.ticket(numbers[1]), "subject"), "Order 7", "{what}");
        rests(&mut world, &what).await;
    }
}

#[tokio::test]
async fn something_that_answers_each_of_our_writes_halts_the_mirror() {
    for (pair, lead) in pairs().into_iter().flat_map(|pair| [Side::Source, Side::Target].map(|lead| (pair, lead))) {
        let what = format!("{} to {}, {lead:?} leads", pair.0.vendor, pair.1.vendor);
        let plan = between(pair).policy("echo-limit = { count = 6, within = \"1h\" }");
        let (mut world, ticket, there) = mirrored(plan).await;
        turn(&world, lead).await;
        let numbers = if lead == Side::Source { [&ticket, &there] } else { [&there, &ticket] };
        let mut paused = None;
        for round in 0..12 {
            // A program at the leading desk that is told of our write and writes itself.
            desks(&world, lead)[0].set(numbers[0], "subject", &format!("Order 7, seen {round} times"));
            world.settle().await;
            paused = world.ledger.mirror("demo").await.expect("it is there").paused_why;
            if paused.is_some() {
                break;
            }
        }
        let why = paused.unwrap_or_else(|| panic!("{what}: nothing stops it"));
        assert!(why.contains(&format!("old ticket {ticket} and new ticket {there} were written to 7 times")), "{what}: {why}");
        world.ledger.resume_mirror(world.mirror.id).await.expect("it goes on");
        world.settle().await;
        rests(&mut world, &what).await;
    }
}

#[tokio::test]
async fn something_that_makes_a_ticket_for_each_of_ours_halts_the_mirror() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let plan = between(pair).policy("birth-limit = { count = 4, within = \"1h\" }");
        let (mut world, ..) = mirrored(plan).await;
        let copies = |world: &World| world.target.tickets().len();
        let mut paused = None;
        for round in 0..8 {
            // A former sync that is told of our ticket in the new desk and makes one in the old desk.
            world.source.open(&format!("Order 7, copy {round}"), "Where is it?");
            world.settle().await;
            paused = world.ledger.mirror("demo").await.expect("it is there").paused_why;
            if paused.is_some() {
                break;
            }
        }
        let why = paused.unwrap_or_else(|| panic!("{what}: nothing stops it"));
        assert!(why.contains("5 tickets were made at the desks within 60 minutes"), "{what}: {why}");
        let before = copies(&world);
        world.ledger.resume_mirror(world.mirror.id).await.expect("it goes on");
        world.settle().await;
        assert_eq!(copies(&world), before + 1, "{what}: nothing is lost by it");
    }
}

fn first() -> (Kind, Kind) {
    let [first, _] = pairs();
    first
}

#[tokio::test]
async fn what_waited_for_long_and_what_a_copy_makes_is_no_loop() {
    let plan = between(first()).policy("birth-limit = { count = 2, within = \"1h\" }");
    let mut world = plan.begin().await;
    for number in 0..4 {
        world.source.open(&format!("Order {number}"), "Where is it?");
    }
    world.copy().await;
    world.ledger.pause_mirror(world.mirror.id, "a weekend").await.expect("an answer");
    for number in 4..8 {
        world.source.open(&format!("Order {number}"), "Where is it?");
    }
    world.clock.advance(std::time::Duration::from_secs(2 * 3600));
    world.ledger.resume_mirror(world.mirror.id).await.expect("it goes on");
    world.settle().await;
    assert_eq!(world.ledger.mirror("demo").await.expect("it is there").paused_why, None);
    assert_eq!(world.target.tickets().len(), 8);
}

#[tokio::test]
async fn something_that_answers_slowly_halts_the_mirror_within_a_day() {
    let plan = between(first()).policy("echo-limit = { count = 2, within = \"1m\" }");
    let (mut world, ticket, _) = mirrored(plan).await;
    let paused = async |world: &World| world.ledger.mirror("demo").await.expect("it is there").paused_why;
    for round in 0..14 {
        world.source.set(&ticket, "subject", &format!("Order 7, seen {round} times"));
        world.settle().await;
        if paused(&world).await.is_some() {
            break;
        }
        world.clock.advance(std::time::Duration::from_secs(600));
    }
    let why = paused(&world).await.expect("something stops it");
    assert!(why.contains("were written to 11 times within 24 hours"), "{why}");
    world.ledger.resume_mirror(world.mirror.id).await.expect("it goes on");
    world.settle().await;
}
