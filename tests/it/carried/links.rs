//! Links between tickets, and merges.

use std::collections::BTreeSet;

use tidegate::sim::snapshot::TicketState;
use tidegate::sim::stage::Action;

use crate::world::desk::saying;
use crate::world::stand::World;

use super::way::{Differences, WAYS, Way};

/// The links that both desks have a place for.
const LINKS: [(Way, &[&str]); 4] = [
    (Way::ZendeskToRt, &["parent"]),
    (Way::RtToZendesk, &["parent"]),
    (Way::RtToRt, &["parent", "depends_on", "refers_to"]),
    (Way::ZendeskToZendesk, &["parent"]),
];

fn linked(world: &World, from: &str, kind: &str, to: &str) -> bool {
    world.mirrored(from).links.contains(&(kind.to_string(), world.mirrored(to).id))
}

#[tokio::test]
async fn links_are_made_and_taken_away() {
    let mut found = Differences::default();
    for (way, kinds) in LINKS {
        let mut world = way.world().begin().await;
        for kind in kinds {
            // Neither is copied yet: the first waits for the second.
            let (one, other) = (world.source.open("Order 7", "Where is it?"), world.source.open("The ship", "It sank."));
            world.source.link(&one, kind, &other);
            world.settle().await;
            found.holds(&format!("{way:?}, {kind}"), linked(&world, &one, kind, &other), &world.mirrored(&one).links);
            found.same(&format!("{way:?}, {kind}, whole"), false, world.mirrored(&one).tags.contains("tidegate_incomplete"));
            let agent = world.source.agent();
            world.source.act(&agent, Action::Unlink { ticket: one.clone(), kind: (*kind).to_string(), to: other.clone() });
            world.settle().await;
            found.same(&format!("{way:?}, {kind}, removed"), BTreeSet::new(), world.mirrored(&one).links);
            world.source.link(&one, kind, &other);
            world.settle().await;
            found.holds(&format!("{way:?}, {kind}, again"), linked(&world, &one, kind, &other), &world.mirrored(&one).links);
        }
    }
    found.none();
}

#[tokio::test]
async fn a_follow_up_refers_to_what_it_follows() {
    let mut world = Way::ZendeskToRt.world().begin().await;
    let closed = world.source.open("Order 7", "Where is it?");
    world.source.set(&closed, "status", "solved");
    world.source.set(&closed, "status", "closed");
    world.settle().await;
    let reply = Action::Reply {
        ticket: closed.clone(),
        text: tidegate::sim::stage::Text { body: "Still not here.".to_string(), ..Default::default() },
    };
    let next = world.source.act(&crate::world::desk::customer(), reply).ticket;
    world.settle().await;
    assert_ne!(next, closed);
    assert!(linked(&world, &next, "refers_to", &closed), "{:?}", world.mirrored(&next).links);
}

#[tokio::test]
async fn a_merge_unites_both_conversations() {
    let mut found = Differences::default();
    for way in WAYS {
        let mut world = way.world().begin().await;
        let (one, other) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 7!", "Where is my order?"));
        world.settle().await;
        let (gone, root) = (world.mirrored(&one).id, world.mirrored(&other).id);
        world.source.reply(&one, "Before the merge.");
        world.source.reply(&one, "A merge quotes the last one.");
        world.source.merge(&one, &other);
        world.source.reply(&other, "After the merge.");
        world.settle().await;
        found.same(&format!("{way:?}, parked"), Vec::new(), world.stuck().await);
        found.same(&format!("{way:?}, the other"), TicketState::MergedInto(root.clone()), world.target.ticket(&gone).state);
        let root = world.target.ticket(&root);
        for words in ["Where is it?", "Before the merge.", "Where is my order?", "After the merge."] {
            // A Zendesk keeps the other ticket's messages under its old number.
            let all =
                saying(&root, words).len() + if way.into_rt() { 0 } else { saying(&world.target.ticket(&gone), words).len() };
            found.same(&format!("{way:?}, {words}"), 1, all);
        }
    }
    found.none();
}
