//! What the people of the desk that follows made of a ticket on their own, merges above all: it is explained, whichever desk leads later, and
//! the way back stays open.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate::ledger::switch::Kind;
use tidegate::sim::snapshot::TicketState;
use tidegate::sim::stage::{Action, Text, Who};

use crate::world::desk::{Desk, Kind as Vendor, request_tracker, zendesk};
use crate::world::killer::Holder;
use crate::world::stand::World;

const IN_COPY: &str = "karim@mail.example";

fn ways() -> [(Vendor, Vendor); 3] {
    [(zendesk(), request_tracker()), (request_tracker(), request_tracker()), (request_tracker(), zendesk())]
}

/// A ticket of another customer, with somebody in copy and an agent who follows it.
fn of_another(desk: &Desk) -> String {
    let who = Who { email: "misaki@mail.example".into(), name: "Misaki Yamamoto".into(), agent: false };
    let text = Text { body: "Mine did not come either.".into(), ..Text::default() };
    let (subject, group, fields, tags) = ("Order nine".to_string(), "Support".to_string(), BTreeMap::new(), Vec::new());
    let ticket = desk.act(&who, Action::Open { subject, group, text, fields, tags }).ticket;
    desk.set(&ticket, "cc", IN_COPY);
    desk.set(&ticket, "followers", &desk.agent().email);
    ticket
}

/// The customer's ticket and the other one, in both desks. Their old numbers.
async fn two((from, to): (Vendor, Vendor)) -> (World, [String; 2]) {
    let mut world = World::of().from(from).to(to).both_tell().begin().await;
    let tickets = [world.source.open("Order one", "Where is it?"), of_another(&world.source)];
    world.copy().await;
    (world, tickets)
}

async fn at_parity(world: &World, what: &str) {
    let report = world.check().await;
    assert!(report.at_parity(), "{what}: {:#?}", report.lines());
}

/// Somebody touches the ticket in the old desk, so that it is compared anew, and the old desk leads again; then the new one once more.
async fn there_and_back(world: &mut World, ticket: &str, what: &str) {
    for kind in [Kind::Go, Kind::Back, Kind::Go] {
        world.switched(kind).await;
        world.settle().await;
        at_parity(world, &format!("{what}, {kind:?}")).await;
        world.source.note(ticket, "Seen.");
        world.settle().await;
        at_parity(world, &format!("{what}, {kind:?}, touched")).await;
    }
}

#[tokio::test]
async fn people_who_merge_in_the_desk_that_follows_take_the_others_in_copy_along() {
    for way in ways() {
        let what = format!("{} to {}", way.0.vendor, way.1.vendor);
        let (mut world, [one, other]) = two(way).await;
        let [here, gone] = [&one, &other].map(|old| world.mirrored(old).id);
        world.target.merge(&gone, &here);
        world.settle().await;
        let survivor = world.target.ticket(&here);
        if way.1.vendor == "request-tracker" {
            assert!(survivor.cc.contains(IN_COPY) && survivor.followers.len() == 1, "{what}: {survivor:#?}");
        }
        assert_eq!(world.source.ticket(&other).state, TicketState::Present, "{what}: the old desk leads");
        at_parity(&world, &what).await;
        there_and_back(&mut world, &one, &what).await;
    }
}

#[tokio::test]
async fn a_merge_that_was_carried_leaves_the_way_back_open() {
    for way in ways() {
        let what = format!("{} to {}", way.0.vendor, way.1.vendor);
        let mut world = World::of().from(way.0).to(way.1).both_tell().begin().await;
        // The ticket is made, and before both desks are agreed on it another one is merged into it.
        let holder = Arc::new(Holder::at("step settled", 1));
        world.process = world.process.successor(holder.clone()).await;
        world.process.serve(&world.mirror).await;
        let one = world.source.open("Order one", "Where is it?");
        world.arrive().await;
        tokio::select! {
            () = holder.holds() => {}
            _ = world.process.engine.run_until_idle() => panic!("nothing was written"),
        }
        let other = of_another(&world.source);
        world.source.merge(&other, &one);
        world.arrive().await;
        world.restart().await;
        world.settle().await;
        at_parity(&world, &what).await;
        there_and_back(&mut world, &one, &what).await;
    }
}
