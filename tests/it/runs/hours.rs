//! When runs begin, when they rest, and until when one may start.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tidegate::ledger::extension::{Extension, Term};
use tidegate::ledger::run::DAYS;

use crate::world::desk::{request_tracker, saying, zendesk};
use crate::world::stand::World;

/// Nights, an hour ahead of UTC. The world begins on Monday at 09:00 UTC.
const NIGHTLY: &str = "every = \"24h\"\nquiet = \"22:00-06:00\"\noffset = \"+01:00\"\n";

/// Three tickets, copied.
async fn copied(run: &str) -> (World, Vec<String>) {
    let mut world = World::of().from(zendesk()).to(request_tracker()).runs(run).begin().await;
    let tickets: Vec<String> = (1..=3).map(|number| world.source.open(&format!("Order {number}"), "Where is it?")).collect();
    world.settle().await;
    world.copy().await;
    (world, tickets)
}

fn turn_to(world: &World, time: &str) {
    let at: DateTime<Utc> = format!("2026-03-{time}:00Z").parse().expect("a time");
    world.clock.advance((at - world.clock.now()).to_std().expect("it is still to come"));
}

async fn carried(world: &mut World) -> usize {
    for _ in 0..4 {
        world.process.see_to_runs().await;
    }
    world.process.engine.run_until_idle().await
}

#[tokio::test]
async fn a_run_that_is_due_rests_until_the_quiet_hours_and_again_after_them() {
    let (mut world, tickets) = copied(NIGHTLY).await;
    world.source.reply(&tickets[0], "Still waiting.");
    turn_to(&world, "03T08:00");
    assert_eq!((carried(&mut world).await, world.open_run().await.is_none()), (0, true), "it is not due yet");
    turn_to(&world, "03T10:00");
    assert_eq!(carried(&mut world).await, 0, "it is due, and it is day");
    let run = world.open_run().await.expect("it was ordered");
    assert_eq!((run.ordered_by.as_str(), run.rests_since.is_some(), run.read_at), ("schedule", true, None));
    turn_to(&world, "03T20:59");
    assert_eq!(carried(&mut world).await, 0);
    turn_to(&world, "03T21:00");
    world.process.see_to_runs().await;
    let run = world.open_run().await.expect("it is under way");
    assert!(run.rests_since.is_none() && run.read_at.is_some() && run.tickets == 1, "{run:?}");
    turn_to(&world, "04T05:00");
    assert_eq!(carried(&mut world).await, 0, "it is day again, and nothing was carried yet");
    assert!(world.open_run().await.expect("it goes on tonight").rests_since.is_some());
    turn_to(&world, "04T21:30");
    let run = world.carry().await;
    assert_eq!((run.number, run.updated, run.tickets), (1, Some(1), 1), "one run, one report");
    assert_eq!(saying(&world.mirrored(&tickets[0]), "Still waiting.").len(), 1);
    let rested = TimeDelta::hours(11) + TimeDelta::hours(16) + TimeDelta::minutes(30);
    assert!((run.rested_seconds - rested.as_seconds_f64()).abs() < 60.0, "{run:?}");
}

#[tokio::test]
async fn at_any_hour_means_by_day_too() {
    let (mut world, tickets) = copied(NIGHTLY).await;
    world.source.reply(&tickets[0], "Still waiting.");
    turn_to(&world, "02T12:00");
    world.order_run(false).await;
    assert_eq!(carried(&mut world).await, 0, "it is day");
    assert!(world.open_run().await.expect("it was ordered").rests_since.is_some());
    turn_to(&world, "02T21:10");
    assert_eq!(world.carry().await.updated, Some(1));
    world.source.reply(&tickets[0], "Hello?");
    turn_to(&world, "03T12:00");
    assert_eq!(world.run().await.updated, Some(1), "a person wanted it now");
}

#[tokio::test]
async fn after_a_missed_week_there_is_one_run_and_the_next_a_day_later() {
    let (mut world, _) = copied("every = \"24h\"\n").await;
    turn_to(&world, "09T12:00");
    world.process.see_to_runs().await;
    world.carry().await;
    for _ in 0..3 {
        world.process.see_to_runs().await;
    }
    assert!(world.open_run().await.is_none(), "what was missed is not made up for");
    turn_to(&world, "10T12:01");
    world.process.see_to_runs().await;
    assert_eq!(world.carry().await.number, 2);
}

#[tokio::test]
async fn no_run_starts_ten_days_after_the_copy_unless_somebody_says_so() {
    let (mut world, tickets) = copied("every = \"24h\"\n").await;
    let deadline = async |world: &World| {
        let before = world.ledger.before_run(world.mirror.id).await.expect("an answer");
        before.deadline().expect("it was copied")
    };
    let until = deadline(&world).await;
    let copied = world.ledger.before_run(world.mirror.id).await.expect("an answer").copied_at.expect("it was");
    assert_eq!(until, copied + TimeDelta::days(DAYS));
    world.source.reply(&tickets[0], "Still waiting.");
    world.clock.advance((until - world.clock.now()).to_std().expect("still to come") + Duration::from_secs(1));
    assert_eq!((carried(&mut world).await, world.open_run().await.is_none()), (0, true), "it is too late");
    let at = world.clock.now();
    for (term, days) in [(Term::Keeping, 30), (Term::Runs, 5)] {
        let more = Extension { term, days, reason: "the move was put off".into(), who: "anna".into(), at };
        assert!(world.ledger.extend(world.mirror.id, &more).await.expect("an answer"));
    }
    assert_eq!(deadline(&world).await, until + TimeDelta::days(5));
    world.process.see_to_runs().await;
    assert_eq!(world.carry().await.updated, Some(1));
    world.copy().await;
    assert!(deadline(&world).await > until + TimeDelta::days(9), "another copy, another ten days");
}
