//! A crash at any step settles to the same target as one clean run.

use std::sync::Arc;

use tidegate::replay::course::STEPS;
use tidegate::sim::snapshot::TicketView;

use crate::world::desk::{request_tracker, zendesk};
use crate::world::killer::Holder;
use crate::world::stand::World;

/// What people do while the gateway dies.
fn deeds(world: &World) -> [String; 2] {
    let first = world.source.open("The mast is bent", "It came bent out of the box.");
    world.source.reply(&first, "Thanks");
    world.source.reply(&first, "Thanks");
    world.source.attach(&first, "A picture of it.", "mast.bin", vec![7; 300]);
    world.source.note(&first, "Look at the warehouse.");
    world.source.set(&first, "priority", "high");
    world.source.tag(&first, &["mast", "bent"], &[]);
    let second = world.source.open("The invoice", "It is wrong.");
    world.source.link(&first, "parent", &second);
    world.source.set(&second, "status", "solved");
    [first, second]
}

/// What was settled, without the numbers and times of the target: they differ from run to run.
fn essence(world: &World, tickets: &[String]) -> Vec<TicketView> {
    let plain = |id: &String| {
        let mut view = world.mirrored(id);
        view.links = view.links.into_iter().map(|(kind, _)| (kind, String::new())).collect();
        view.id = String::new();
        view.external_id = None;
        for message in &mut view.messages {
            message.id = String::new();
            message.at = chrono::DateTime::UNIX_EPOCH;
        }
        view
    };
    tickets.iter().map(plain).collect()
}

async fn clean() -> Vec<TicketView> {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let tickets = deeds(&world);
    world.settle().await;
    essence(&world, &tickets)
}

/// Dies at the `pass`-th time that a step is reached; `None`: it was not reached so often.
async fn died(step: &'static str, pass: u32) -> Option<Vec<TicketView>> {
    let holder = Arc::new(Holder::at(step, pass));
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin_with(holder.clone()).await;
    let tickets = deeds(&world);
    let fell = tokio::select! {
        () = holder.holds() => true,
        () = world.settle() => false,
    };
    if !fell {
        return None;
    }
    world.restart().await;
    world.settle().await;
    Some(essence(&world, &tickets))
}

#[tokio::test]
async fn a_death_at_any_step_changes_nothing() {
    let clean = clean().await;
    for step in STEPS {
        for pass in [1, 2, 4] {
            if let Some(settled) = died(step, pass).await {
                assert_eq!(settled, clean, "after a death at `{step}`, time {pass}");
            }
        }
        assert!(died(step, 1).await.is_some(), "nothing reaches `{step}`");
    }
}
