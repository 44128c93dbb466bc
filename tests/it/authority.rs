//! The way back: the same pairs, with the target in the lead.

mod births;
mod echo;
mod fields;
mod laws;
mod turning;

use tidegate::desk::Side;
use tidegate::ledger::authority::Turned;
use tidegate::sim::snapshot::{Mail, TicketView};

use crate::world::desk::{Desk, Kind, request_tracker, zendesk};
use crate::world::stand::{Plan, World};

/// The pairs of desks.
fn pairs() -> [(Kind, Kind); 2] {
    [(zendesk(), request_tracker()), (request_tracker(), zendesk())]
}

fn between((source, target): (Kind, Kind)) -> Plan {
    World::of().from(source).to(target).policy("replies-back = \"public\"\nsource-silence = \"admin-rule\"")
}

async fn turn(world: &World, to: Side) -> Turned {
    world.ledger.turn(world.mirror.id, None, to, world.clock.now()).await.expect("it is turned")
}

/// A mirrored ticket: its numbers in the old desk and in the new one.
async fn mirrored(plan: Plan) -> (World, String, String) {
    let mut world = plan.begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    let there = world.mirrored(&ticket).id;
    (world, ticket, there)
}

/// The old desk's tickets that stand for one which was made in the new desk.
fn carried_back(world: &World, there: &str) -> Vec<TicketView> {
    let key = world.mirror.keys.ticket_of(Side::Target, there, 0);
    world.source.tickets().into_iter().filter(|ticket| ticket.external_id.as_deref() == Some(&key)).collect()
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
