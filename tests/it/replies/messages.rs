//! What a reply looks like in the old desk: words, author, files, who may read it; and what it does not change there.

use tidegate::sim::snapshot::TicketView;
use tidegate::sim::stage::{Action, File, Text};

use super::{between, pairs};
use crate::world::desk::{field, request_tracker, saying, zendesk};
use crate::world::rest::{mirrored, rests};
use crate::world::stand::World;

/// The one message with these words: whether it is public, who wrote it, and its body.
fn only(ticket: &TicketView, words: &str) -> (bool, String, String) {
    let found = saying(ticket, words);
    assert_eq!(found.len(), 1, "`{words}` in {:#?}", ticket.messages);
    (found[0].public, found[0].author.clone(), found[0].body.clone())
}

#[tokio::test]
async fn what_is_written_in_the_new_desk_is_in_the_old_one_once() {
    for pair in pairs() {
        for replies in ["notes", "public"] {
            let what = format!("{} to {}, {replies}", pair.0.vendor, pair.1.vendor);
            let (mut world, ticket, there) = mirrored(between(pair, replies)).await;
            world.target.answer(&there, "It is on its way.");
            world.source.reply(&ticket, "Still nothing.");
            world.target.note(&there, "The warehouse is slow.");
            world.target.reply(&there, "Now I have it.");
            world.settle().await;
            world.target.answer(&there, "Fine!");
            world.settle().await;
            let (here, copy) = (world.source.ticket(&ticket), world.mirrored(&ticket));
            assert_eq!((here.messages.len(), copy.messages.len()), (6, 6), "{what}: {:#?}", here.messages);
            for (words, public) in [("on its way", true), ("warehouse", false), ("Now I have it", true), ("Fine!", true)] {
                assert_eq!(only(&here, words).0, public && replies == "public", "{what}: {words}");
                assert_eq!(only(&copy, words).0, public, "{what}: {words} in the new desk");
            }
            assert_eq!(saying(&copy, "Still nothing.").len(), 1, "{what}");
            assert!(
                !here.tags.contains("tidegate_silent"),
                "{what}: the old desk would tell nobody about its own agents' replies"
            );
            assert_eq!(world.figure("replies carried back").await, 4, "{what}");
            rests(&mut world, &what).await;
        }
    }
}

#[tokio::test]
async fn nothing_goes_back_where_the_mirror_file_does_not_say_so() {
    for pair in pairs() {
        let (mut world, ticket, there) = mirrored(between(pair, "off")).await;
        world.target.answer(&there, "It is on its way.");
        world.source.reply(&ticket, "Still nothing.");
        world.settle().await;
        assert_eq!(world.source.ticket(&ticket).messages.len(), 2);
        rests(&mut world, pair.1.vendor).await;
        // Turned on, the whole conversation is carried.
        world.reapply("replies-back = \"off\"", "replies-back = \"notes\"").await;
        world.raise_everything().await;
        world.settle().await;
        assert!(!only(&world.source.ticket(&ticket), "on its way").0);
        rests(&mut world, pair.1.vendor).await;
    }
}

#[tokio::test]
async fn the_old_desk_s_own_person_is_the_author_where_that_is_possible() {
    let (mut world, ticket, there) = mirrored(between((zendesk(), zendesk()), "public")).await;
    world.source.answer(&ticket, "I look into it.");
    world.settle().await;
    world.target.answer(&there, "It is on its way.");
    world.target.reply(&there, "Now I have it.");
    world.settle().await;
    let here = world.source.ticket(&ticket);
    assert_eq!(only(&here, "on its way").1, "ada@desk.example");
    assert_eq!(only(&here, "Now I have it").1, "jane@northwind.example");

    let (mut world, ticket, there) = mirrored(between((zendesk(), request_tracker()), "notes")).await;
    world.target.answer(&there, "It is on its way.");
    world.target.reply(&there, "Now I have it.");
    world.settle().await;
    let here = world.source.ticket(&ticket);
    let line = "Jane Doe (jane@northwind.example) wrote publicly on ";
    let (_, author, body) = only(&here, "Now I have it");
    assert_eq!(author, "admin@sim.example", "a customer writes no internal note");
    assert!(body.contains(line), "{body}");
}

#[tokio::test]
async fn files_and_images_travel_too() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let (mut world, ticket, there) = mirrored(between(pair, "notes")).await;
        let file = |name: &str, inline, byte| {
            let content_type = if inline { "image/png" } else { "application/octet-stream" }.to_string();
            File { name: name.to_string(), content_type, bytes: vec![byte; 300], inline }
        };
        let files = vec![file("mast.bin", false, 7), file("bent.png", true, 8)];
        let text = Text { body: "<p>See the picture.</p>".to_string(), html: true, files };
        world.target.act(&world.target.agent(), Action::Reply { ticket: there, text });
        world.settle().await;
        let here = world.source.ticket(&ticket);
        let message = saying(&here, "See the picture")[0];
        let mut sums: Vec<u64> = message.files.iter().map(|file| file.size).collect();
        sums.sort_unstable();
        assert_eq!(sums, [300, 300], "{what}: {message:#?}");
        rests(&mut world, &what).await;
    }
}

#[tokio::test]
async fn what_is_hidden_or_redacted_in_the_new_desk_is_so_in_the_old_one() {
    let (mut world, ticket, there) = mirrored(between((zendesk(), zendesk()), "public")).await;
    let secret = world.target.answer(&there, "The card is 4111 1111.");
    let open = world.target.answer(&there, "It was their mistake.");
    world.settle().await;
    world.target.redact(&there, &secret, "4111 1111");
    world.target.hide(&there, &open);
    world.settle().await;
    let here = world.source.ticket(&ticket);
    assert!(saying(&here, "4111").is_empty(), "{:#?}", here.messages);
    assert!(!only(&here, "their mistake").0);
    assert!(!here.tags.contains("tidegate_silent"));
    rests(&mut world, "restrictions").await;

    let (mut world, ticket, there) = mirrored(between((request_tracker(), zendesk()), "public")).await;
    let open = world.target.answer(&there, "It was their mistake.");
    world.settle().await;
    world.target.hide(&there, &open);
    world.settle().await;
    assert!(only(&world.source.ticket(&ticket), "their mistake").0, "RT cannot");
    let parked = world.parked("exposed").await;
    assert!(parked[0].urgent && parked[0].reason.contains("in target ticket"), "{parked:?}");
}

#[tokio::test]
async fn a_reply_changes_no_status_and_no_field_of_the_old_desk() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let done = if pair.0.vendor == "zendesk" { "solved" } else { "resolved" };
        for replies in ["notes", "public"] {
            let (mut world, ticket, there) = mirrored(between(pair, replies)).await;
            world.source.set(&ticket, "status", done);
            world.settle().await;
            let before = world.source.ticket(&ticket).fields;
            world.target.answer(&there, "It is on its way.");
            world.settle().await;
            let after = world.source.ticket(&ticket);
            assert_eq!(after.fields, before, "{what}, {replies}");
            assert_eq!(field(&after, "status"), done);
            rests(&mut world, &what).await;
        }
    }
}

#[tokio::test]
async fn two_real_thanks_are_two_on_both_sides() {
    for pair in pairs() {
        let (mut world, ticket, there): (World, String, String) = mirrored(between(pair, "public")).await;
        for _ in 0..2 {
            world.target.answer(&there, "Thanks");
            world.source.reply(&ticket, "Thanks");
        }
        world.settle().await;
        assert_eq!(saying(&world.source.ticket(&ticket), "Thanks").len(), 4);
        assert_eq!(saying(&world.mirrored(&ticket), "Thanks").len(), 4);
        rests(&mut world, pair.1.vendor).await;
    }
}
