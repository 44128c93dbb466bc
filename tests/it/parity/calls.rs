//! What a check costs, on simulated desks: so many calls a ticket, and only for those that changed.

use std::time::Duration;

use tidegate::cutover::parity::{Options, check};
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
