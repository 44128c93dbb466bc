//! A mirrored ticket, and what has to hold when both desks are at rest.

use tidegate::sim::snapshot::Mail;

use super::desk::Desk;
use super::stand::{Plan, World};

/// A mirrored ticket: its numbers in the old desk and in the new one.
pub async fn mirrored(plan: Plan) -> (World, String, String) {
    let mut world = plan.begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    let there = world.mirrored(&ticket).id;
    (world, ticket, there)
}

/// Mails of a desk that our own user caused.
pub fn mails_of_ours(desk: &Desk) -> Vec<Mail> {
    let mut mails = desk.running.stage.mails();
    mails.retain(|mail| ["admin@sim.example", "gateway@rt.sim"].contains(&mail.actor.as_str()));
    mails
}

/// Both desks agree, nobody was mailed by us, and nothing goes round in a circle.
pub async fn rests(world: &mut World, what: &str) {
    let writes = world.figure("writes").await;
    world.raise_everything().await;
    world.settle().await;
    assert_eq!(world.figure("writes").await, writes, "{what}: it does not come to rest");
    let report = world.check().await;
    assert!(report.at_parity(), "{what}: {:#?}", report.lines());
    for desk in [&world.source, &world.target] {
        assert!(mails_of_ours(desk).is_empty(), "{what}: {:?}", mails_of_ours(desk));
    }
}
