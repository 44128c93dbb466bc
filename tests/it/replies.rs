//! Conversation both ways: what people write in the new desk appears in the old one, once, as the mirror file says, and mails nobody.

mod endings;
mod interrupted;
mod messages;
mod verbs;

use tidegate::sim::snapshot::Mail;

use crate::world::desk::{Desk, Kind, request_tracker, zendesk};
use crate::world::stand::{Plan, World};

/// The pairs of desks.
fn pairs() -> [(Kind, Kind); 3] {
    [(zendesk(), request_tracker()), (request_tracker(), zendesk()), (zendesk(), zendesk())]
}

fn between((source, target): (Kind, Kind), replies: &str) -> Plan {
    let policy = format!("replies-back = \"{replies}\"\nsource-silence = \"admin-rule\"");
    World::of().from(source).to(target).policy(&policy)
}

/// A mirrored ticket: its numbers in the old desk and in the new one.
async fn mirrored(plan: Plan) -> (World, String, String) {
    let mut world = plan.begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    let there = world.mirrored(&ticket).id;
    (world, ticket, there)
}

/// Mails of a desk that our own user caused.
fn mails_of_ours(desk: &Desk) -> Vec<Mail> {
    let mut mails = desk.running.stage.mails();
    mails.retain(|mail| ["admin@sim.example", "gateway@rt.sim"].contains(&mail.actor.as_str()));
    mails
}

/// Both desks agree, nobody was mailed by us, and nothing goes round in a circle.
async fn rests(world: &mut World, what: &str) {
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
