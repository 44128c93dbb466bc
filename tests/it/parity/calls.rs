//! What a check costs, on simulated desks: so many calls a ticket, and only for those that changed.

use std::time::Duration;

use tidegate::cutover::parity::{Options, Which, check};
use tidegate::gateway::connect::bench;

use super::seeds::Way;
use crate::world::stand::World;

/// A ticket at Zendesk: its audits, itself, its comments, and its newest audits once more. At RT: itself, its history, the list of its
/// parts, their words, and its stamp once more.
fn a_ticket(way: Way) -> [u64; 2] {
    match way {
        Way::ZendeskToRt => [4, 5],
        Way::RtToZendesk => [5, 4],
    }
}

/// Pages of lists, a token, the desks' fields: once a check.
const ONCE: u64 = 12;
/// A list of RT's: it is over when a page is empty.
const A_LIST: u64 = 2;
/// More than what is asked once, by far.
const TICKETS: u64 = 20;

fn calls(world: &World) -> [u64; 2] {
    [&world.source, &world.target].map(|desk| desk.running.stage.calls().values().sum())
}

/// Checks, and returns how many tickets were read now.
async fn read(world: &World) -> u64 {
    let bench = bench(world.process.course(), &world.ledger, &world.clock);
    let options = Options { rounds: 0, pause: Duration::ZERO, ..Options::default() };
    let report = check(&bench, options, |_| {}).await.expect("a report");
    assert!(report.at_parity(), "{:#?}", report.lines());
    report.read
}

#[tokio::test]
async fn a_check_asks_so_much_a_ticket_and_only_of_those_that_changed() {
    for way in [Way::ZendeskToRt, Way::RtToZendesk] {
        let mut world = way.world().begin().await;
        let all: Vec<String> = (0..TICKETS).map(|number| world.source.open(&format!("Order {number}"), "Where is it?")).collect();
        world.settle().await;
        let before = calls(&world);
        assert_eq!(read(&world).await, TICKETS);
        let first = calls(&world);
        world.source.reply(&all[7], "And now?");
        world.settle().await;
        let changed = calls(&world);
        assert_eq!(read(&world).await, 1);
        let second = calls(&world);
        for (side, each) in a_ticket(way).into_iter().enumerate() {
            let asked = first[side] - before[side];
            let so_many = TICKETS * each..=TICKETS * each + ONCE;
            assert!(so_many.contains(&asked), "{way:?} {side}: {asked} calls for {TICKETS} tickets");
            let asked = second[side] - changed[side];
            assert!((each..=each + ONCE).contains(&asked), "{way:?} {side}: {asked} calls for the one that changed");
        }
    }
}

#[tokio::test]
async fn tickets_that_are_read_at_the_same_time_ask_for_the_desk_s_fields_once() {
    let mut world = Way::ZendeskToRt.world().begin().await;
    for number in 0..TICKETS {
        world.source.open(&format!("Order {number}"), "Where is it?");
    }
    world.settle().await;
    world.restart().await;
    let asked = || ["GET /REST/2.0/queues/all", "GET /REST/2.0/customfields"].map(|kind| world.target.calls(kind));
    let before = asked();
    let bench = bench(world.process.course(), &world.ledger, &world.clock);
    let options = Options { which: Which::All, rounds: 0, pause: Duration::ZERO, ..Options::default() };
    let report = check(&bench, options, |_| {}).await.expect("a report");
    assert_eq!(report.read, TICKETS);
    let after = asked();
    assert_eq!([after[0] - before[0], after[1] - before[1]], [A_LIST; 2], "queues and fields");
}
