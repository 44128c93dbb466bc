//! Deletions, restrictions, tickets that are done, and their news.

use tidegate::sim::snapshot::TicketState;

use crate::world::desk::{field, saying};

use super::way::{Differences, WAYS, Way};

#[tokio::test]
async fn a_deletion_is_carried_by_policy() {
    let mut found = Differences::default();
    let policies =
        [("mark", TicketState::Present, true), ("delete", TicketState::Deleted, false), ("leave", TicketState::Present, false)];
    for way in WAYS {
        for (word, state, marked) in &policies {
            let mut world = way.world().policy(&format!("deletion = \"{word}\"")).begin().await;
            let ticket = world.source.open("Order 7", "Where is it?");
            world.settle().await;
            world.source.delete(&ticket);
            world.settle().await;
            let mirrored = world.mirrored(&ticket);
            found.same(&format!("{way:?}, {word}"), state, &mirrored.state);
            found.same(&format!("{way:?}, {word}, the tag"), *marked, mirrored.tags.contains("tidegate_deleted"));
            if *marked {
                world.source.undelete(&ticket);
                world.settle().await;
                let left = world.mirrored(&ticket).tags.contains("tidegate_deleted");
                found.same(&format!("{way:?}, {word}, undeleted"), false, left);
            }
        }
    }
    found.none();
}

#[tokio::test]
async fn what_is_taken_from_sight_is_taken_from_sight_or_told_at_once() {
    let mut found = Differences::default();
    for way in [Way::ZendeskToRt, Way::ZendeskToZendesk] {
        let mut world = way.world().begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        let secret = world.source.reply(&ticket, "My card is 4111 1111, please charge it.");
        let gossip = world.source.answer(&ticket, "This customer is a bother.");
        world.settle().await;
        world.source.redact(&ticket, &secret, "4111 1111");
        world.source.hide(&ticket, &gossip);
        world.settle().await;
        let exposed = way.into_rt();
        if exposed {
            let parked = world.parked("exposed").await;
            found.holds("Z to RT: told", parked.len() == 2 && parked.iter().all(|one| one.urgent), &parked);
        }
        let there = world.mirrored(&ticket);
        found.same(&format!("{way:?}, redacted"), exposed, !saying(&there, "4111").is_empty());
        found.same(&format!("{way:?}, made private"), exposed, saying(&there, "a bother")[0].public);
    }
    found.none();
}

#[tokio::test]
async fn an_answer_reopens_a_ticket_that_was_done() {
    let mut found = Differences::default();
    for way in WAYS {
        let word = |rt: bool| if rt { "resolved" } else { "solved" };
        let mut world = way.world().begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        world.source.answer(&ticket, "It is on its way.");
        world.source.set(&ticket, "status", word(way.leaves_rt()));
        world.settle().await;
        found.same(&format!("{way:?}, done"), word(way.into_rt()).to_string(), field(&world.mirrored(&ticket), "status"));
        world.source.reply(&ticket, "It did not come.");
        world.settle().await;
        found.same(&format!("{way:?}, again"), "open".to_string(), field(&world.mirrored(&ticket), "status"));
    }
    found.none();
}

#[tokio::test]
async fn news_of_a_ticket_that_is_done_for_good_there() {
    let mut found = Differences::default();
    for way in WAYS {
        for (policy, tickets) in [("follow-up", 2), ("park", 1)] {
            let mut world = way.world().policy(&format!("closed = \"{policy}\"")).begin().await;
            let ticket = world.source.open("Order 7", "Where is it?");
            world.settle().await;
            let first = world.mirrored(&ticket);
            for status in if way.into_rt() { ["open", "resolved"] } else { ["solved", "closed"] } {
                world.target.set(&first.id, "status", status);
            }
            world.source.reply(&ticket, "It did not come.");
            world.settle().await;
            let copies = world.copies(&ticket);
            let news: usize = copies.iter().map(|copy| saying(copy, "It did not come.").len()).sum();
            let (what, open) = (format!("{way:?}, {policy}"), way.into_rt());
            found.same(&what, if open { 1 } else { tickets }, copies.len());
            found.same(&format!("{what}, the news"), usize::from(open || policy == "follow-up"), news);
            if !open && policy == "park" {
                world.parked("closed").await;
            }
        }
    }
    found.none();
}
