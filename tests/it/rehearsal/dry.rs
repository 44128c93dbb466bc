//! A dry run says what the mirror would do then: by the clocks of both desks, by whom it waits for, and by whom it asks.

use std::time::Duration;

use tidegate::desk::id::TicketId;
use tidegate::replay::dry::foresee;

use crate::world::desk::{field, request_tracker, zendesk};
use crate::world::rest::mirrored;
use crate::world::stand::{Plan, World};

const NOTHING: &str = "nothing: both desks say the same";

fn to_rt(policy: &str) -> Plan {
    World::of().from(zendesk()).to(request_tracker()).policy(policy)
}

async fn foreseen(world: &World, ticket: &str) -> Vec<String> {
    let (house, course) = (&world.process.house, world.process.course());
    foresee(house, course, &TicketId::new(ticket)).await.expect("both desks answer").lines
}

fn says(lines: &[String], words: &str) -> bool {
    lines.iter().any(|line| line.contains(words))
}

#[tokio::test]
async fn a_dry_run_asks_the_clocks_where_the_newest_wins() {
    for (source_later, words) in [(true, "the source desk's stands"), (false, "the target desk's stands")] {
        let (mut world, ticket, there) = mirrored(to_rt("conflict = \"newest-wins\"")).await;
        for of_target in [source_later, !source_later] {
            match of_target {
                true => world.target.set(&there, "priority", "51"),
                false => world.source.set(&ticket, "priority", "urgent"),
            }
            world.clock.advance(Duration::from_secs(900));
        }
        let lines = foreseen(&world, &ticket).await;
        assert!(says(&lines, words) && says(&lines, "conflict in `priority`"), "{lines:?}");
        assert!(!says(&lines, NOTHING) && !says(&lines, "a person has to decide"), "{lines:?}");
        world.settle().await;
        let stands = field(&world.mirrored(&ticket), "priority");
        assert_eq!(stands, if source_later { "100" } else { "51" }, "and so it went");
    }
}

#[tokio::test]
async fn a_dry_run_tells_what_waits_and_who_is_asked() {
    let (mut world, ticket, there) = mirrored(to_rt("guard = \"wait\"\nguard-for = \"20m\"")).await;
    assert_eq!(foreseen(&world, &ticket).await, [NOTHING]);
    world.target.note(&there, "I look into it.");
    world.source.set(&ticket, "subject", "Order 8");
    let lines = foreseen(&world, &ticket).await;
    assert!(says(&lines, "subject; somebody is at work on the new ticket"), "{lines:?}");
    assert!(!says(&lines, NOTHING), "{lines:?}");
    world.settle().await;

    let (mut world, ticket, there) = mirrored(to_rt("preset = \"ask\"")).await;
    world.target.set(&there, "subject", "Order seven");
    world.source.set(&ticket, "subject", "Order 8");
    let lines = foreseen(&world, &ticket).await;
    assert!(says(&lines, "a person has to decide") && !says(&lines, NOTHING), "{lines:?}");
    world.settle().await;
    world.parked("conflict").await;
}
