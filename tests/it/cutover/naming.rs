//! Old tickets name the new ones: once, for agents only, and nobody's words.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate::ledger::switch::Kind;
use tidegate::replay::course::{GoOn, Steps};
use tidegate::replay::naming::{Named, Naming};
use uuid::Uuid;

use crate::world::desk::{Kind as Vendor, request_tracker, saying, zendesk};
use crate::world::killer::Holder;
use crate::world::stand::World;

fn ways() -> [(Vendor, Vendor); 2] {
    [(zendesk(), request_tracker()), (request_tracker(), zendesk())]
}

/// Three tickets, one of them done, with the new desk in the lead. Their old numbers.
async fn switched((from, to): (Vendor, Vendor)) -> (World, [String; 3]) {
    let mut world = World::of().from(from).to(to).both_tell().begin().await;
    let old = ["one", "two", "three"].map(|name| world.source.open(&format!("Order {name}"), "Where is it?"));
    world.source.set(&old[2], "status", if from.vendor == "zendesk" { "solved" } else { "resolved" });
    world.copy().await;
    world.switched(Kind::Go).await;
    world.settle().await;
    (world, old)
}

/// Carries out the order.
async fn name(world: &World, steps: Arc<dyn Steps>) -> Vec<Named> {
    let (house, course) = (world.house(steps), world.process.course());
    let naming = Naming { house: &house, course, worker: Uuid::new_v4() };
    let done = course.source.capabilities().final_statuses;
    let mut named = Vec::new();
    for pair in world.ledger.unnamed(world.mirror.id, None, done).await.expect("an answer") {
        named.push(naming.pair(pair).await.expect("the ledger is there"));
    }
    named
}

fn calls(world: &World) -> u64 {
    world.source.running.stage.calls().values().sum()
}

/// Messages that a check compared, and what it explained.
async fn compared(world: &World, what: &str) -> (u64, BTreeMap<String, u64>) {
    let report = world.check().await;
    assert!(report.at_parity(), "{what}: {:?}", report.lines());
    (report.messages, report.explanations)
}

#[tokio::test]
async fn open_old_tickets_name_their_new_ones_once_and_nobody_is_mailed() {
    for way in ways() {
        let what = format!("{} to {}", way.0.vendor, way.1.vendor);
        let (mut world, old) = switched(way).await;
        let (mails, before) = (world.source.running.stage.mails().len(), compared(&world, &what).await);
        let made = calls(&world);
        assert_eq!(name(&world, Arc::new(GoOn)).await, [Named::Written, Named::Written], "{what}");
        assert_eq!(calls(&world) - made, 2 * 3, "{what}: as it was told before");
        for number in &old[..2] {
            let (ticket, there) = (world.source.ticket(number), world.mirrored(number));
            let said =
                saying(&ticket, &format!("goes on in the new desk as #{}: {}/t/demo/{number}", there.id, world.process.url));
            assert!(said.len() == 1 && !said[0].public, "{what}: {:#?}", ticket.messages);
        }
        assert!(saying(&world.source.ticket(&old[2]), "goes on").is_empty(), "{what}: it is done with");
        world.settle().await;
        world.process.speak().await;
        world.settle().await;
        assert_eq!(world.source.running.stage.mails().len(), mails, "{what}");
        assert!(name(&world, Arc::new(GoOn)).await.is_empty(), "{what}: once");
        for number in &old {
            assert!(saying(&world.mirrored(number), "goes on").is_empty(), "{what}: it is nobody's message");
            assert!(!world.source.ticket(number).tags.contains("tidegate_silent"), "{what}: people may still answer there");
        }
        assert_eq!(world.figure("old tickets that name the new one").await, 2, "{what}");
        assert_eq!(compared(&world, &what).await, before, "{what}: it counts nowhere");
    }
}

#[tokio::test]
async fn the_way_back_is_open_right_after_it_and_nothing_is_said_twice() {
    for way in ways() {
        let what = format!("{} to {}", way.0.vendor, way.1.vendor);
        let (mut world, old) = switched(way).await;
        name(&world, Arc::new(GoOn)).await;
        for kind in [Kind::Back, Kind::Go] {
            world.switched(kind).await;
            world.source.reply(&old[0], &format!("Somebody there? {kind:?}"));
            world.settle().await;
            compared(&world, &what).await;
            for number in &old {
                assert!(saying(&world.mirrored(number), "goes on").is_empty(), "{what}, {kind:?}: whoever leads");
            }
        }
        assert!(name(&world, Arc::new(GoOn)).await.is_empty(), "{what}: it was said before");
    }
}

#[tokio::test]
async fn an_order_that_was_killed_goes_on_and_says_nothing_twice() {
    for step in ["intent sent", "write done"] {
        for a_worker_comes_first in [false, true] {
            let (mut world, old) = switched(ways()[0]).await;
            let holder = Arc::new(Holder::at(step, 1));
            tokio::select! {
                () = holder.holds() => {}
                named = name(&world, holder.clone()) => panic!("nothing is written: {named:?}"),
            }
            world.clock.advance(world.process.lease_and_grace());
            if a_worker_comes_first {
                world.settle().await;
            }
            let named = name(&world, Arc::new(GoOn)).await;
            let first = match (step, a_worker_comes_first) {
                ("write done", false) => vec![Named::Before],
                // The worker found it under its key.
                ("write done", true) => Vec::new(),
                _ => vec![Named::Written],
            };
            assert_eq!(named, [first, vec![Named::Written]].concat(), "{step}, {a_worker_comes_first}");
            assert!(name(&world, Arc::new(GoOn)).await.is_empty(), "{step}, {a_worker_comes_first}: the ledger knows");
            for number in &old[..2] {
                assert_eq!(saying(&world.source.ticket(number), "goes on").len(), 1, "{step}, {a_worker_comes_first}");
            }
            world.settle().await;
        }
    }
}
