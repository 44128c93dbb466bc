//! Replies to tickets that have ended in the old desk: closed for good, merged, deleted.

use super::{between, pairs};
use crate::world::desk::{request_tracker, saying, zendesk};
use crate::world::rest::{mirrored, rests};

#[tokio::test]
async fn a_reply_to_a_closed_ticket_stays_and_is_told_once() {
    let (mut world, ticket, there) = mirrored(between((zendesk(), request_tracker()), "notes")).await;
    world.source.set(&ticket, "status", "solved");
    world.source.set(&ticket, "status", "closed");
    world.settle().await;
    world.target.answer(&there, "One more thing.");
    world.settle().await;
    world.raise_everything().await;
    world.settle().await;
    assert!(saying(&world.source.ticket(&ticket), "One more thing").is_empty());
    let parked = world.parked("stays").await;
    assert!(parked.len() == 1 && !parked[0].blocking, "{parked:?}");
    assert!(parked[0].reason.contains(&format!("source ticket {ticket} is closed for good")), "{}", parked[0].reason);
    rests(&mut world, "closed").await;
}

#[tokio::test]
async fn replies_of_merged_tickets_go_to_the_survivor() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let (mut world, first, there) = mirrored(between(pair, "notes")).await;
        let second = world.source.open("Order 8", "And this one?");
        world.settle().await;
        world.target.answer(&there, "An early answer.");
        world.settle().await;
        // At the same moment: an answer there, the merge here.
        world.target.answer(&there, "A late answer.");
        world.source.merge(&first, &second);
        world.settle().await;
        world.target.answer(&world.mirrored(&second).id, "An answer to both.");
        world.settle().await;
        let all: Vec<_> = [&first, &second].map(|ticket| world.source.ticket(ticket)).into();
        for words in ["An early answer", "A late answer", "An answer to both"] {
            let mut ids: Vec<&str> =
                all.iter().flat_map(|ticket| saying(ticket, words)).map(|message| message.id.as_str()).collect();
            ids.dedup();
            assert_eq!(ids.len(), 1, "{what}: `{words}` in {all:#?}");
        }
        rests(&mut world, &what).await;
    }
}

#[tokio::test]
async fn a_deleted_ticket_takes_no_replies_until_it_is_back() {
    let (mut world, ticket, there) = mirrored(between((zendesk(), request_tracker()), "notes")).await;
    world.source.delete(&ticket);
    world.settle().await;
    world.target.answer(&there, "Are you there?");
    world.settle().await;
    assert_eq!(saying(&world.source.ticket(&ticket), "Are you there?").len(), 0, "it is deleted");
    world.source.undelete(&ticket);
    world.settle().await;
    assert_eq!(saying(&world.source.ticket(&ticket), "Are you there?").len(), 1);
    rests(&mut world, "undeleted").await;
}

#[tokio::test]
async fn the_last_words_in_a_ticket_that_was_closed_there_are_carried() {
    let (mut world, ticket, there) = mirrored(between((request_tracker(), zendesk()), "notes")).await;
    world.target.answer(&there, "Good-bye.");
    world.target.set(&there, "status", "solved");
    world.target.set(&there, "status", "closed");
    world.source.reply(&ticket, "It is not over.");
    world.settle().await;
    assert_eq!(saying(&world.source.ticket(&ticket), "Good-bye").len(), 1);
    assert_eq!(world.copies(&ticket).len(), 2, "a follow-up goes on");
    let second = world.copies(&ticket).into_iter().find(|copy| copy.id != there).expect("a follow-up");
    world.target.answer(&second.id, "Hello again.");
    world.settle().await;
    assert_eq!(saying(&world.source.ticket(&ticket), "Hello again").len(), 1);
    rests(&mut world, "follow-up").await;
}
