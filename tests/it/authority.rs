//! The way back: the same pairs, with the target in the lead.

mod births;
mod echo;
mod fields;
mod laws;
mod turning;

use tidegate::desk::Side;
use tidegate::ledger::authority::Turned;
use tidegate::sim::snapshot::TicketView;

use crate::world::desk::{Kind, request_tracker, zendesk};
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

/// The old desk's tickets that stand for one which was made in the new desk.
fn carried_back(world: &World, there: &str) -> Vec<TicketView> {
    let key = world.mirror.keys.ticket_of(Side::Target, there, 0);
    world.source.tickets().into_iter().filter(|ticket| ticket.external_id.as_deref() == Some(&key)).collect()
}
