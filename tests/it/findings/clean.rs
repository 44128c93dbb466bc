//! Ten clean pairs: what the desks can carry is carried without a finding, but for what their APIs cannot tell.

use tidegate::sim::stage::{Action, File, Text};
use tidegate::sim::story::Story;
use tidegate::sim::story::vocabulary::Vocabulary;

use super::pair::{between, check, file, names, open, open_as, to_request_tracker, to_zendesk, write};
use crate::world::desk::{Desk, customer};
use crate::world::stand::World;

async fn is_clean(world: &World) {
    let report = check(world).await;
    assert!(report.read > 0, "there was something to look at");
    assert_eq!(names(world, &report), Vec::<String>::new(), "{}", report.lines(&[]).join("\n"));
}

/// Tickets with every status that has a word.
fn statuses(desk: &Desk, words: &[&str]) {
    for word in words {
        open(desk, &[("status", &[word])]);
    }
}

fn talk(desk: &Desk) {
    let ticket = open(desk, &[("assignee", &[desk.kind.agent])]);
    desk.answer(&ticket, "So.");
    desk.note(&ticket, "Only for us.");
    desk.reply(&ticket, "Thank you!");
}

fn files(desk: &Desk) {
    let ticket = open(desk, &[]);
    let image =
        File { name: "bild.png".to_string(), content_type: "image/png".to_string(), bytes: b"\x89PNG".to_vec(), inline: true };
    write(desk, &ticket, "<p>see <img src=\"cid:bild.png\"></p>", vec![file("Übersicht 概要.pdf", 2_000), image]);
}

#[tokio::test]
async fn a_conversation_of_three_desks() {
    for world in [to_request_tracker(&[]).await, between("").await, to_zendesk("").await] {
        talk(&world.source);
        is_clean(&world).await;
    }
}

#[tokio::test]
async fn files_with_names_of_any_alphabet_and_images_in_the_text() {
    for world in [to_request_tracker(&[]).await, between("").await, to_zendesk("").await] {
        files(&world.source);
        is_clean(&world).await;
    }
}

#[tokio::test]
async fn values_that_are_mapped() {
    let world = to_request_tracker(&[]).await;
    statuses(&world.source, &["new", "open", "pending", "hold", "solved"]);
    let all: [(&str, &[&str]); 6] = [
        ("priority", &["high"]),
        ("type", &["incident"]),
        ("group", &["Billing"]),
        ("custom:Product", &["product_sail"]),
        ("custom:Seats", &["12"]),
        ("custom:Topics", &["topic_bug", "topic_shipping"]),
    ];
    open(&world.source, &all);
    is_clean(&world).await;
    let world = to_zendesk("").await;
    statuses(&world.source, &["new", "open", "stalled", "resolved"]);
    open_as(&world.source, &customer(), "Tagged", &[("priority", &["50"])], &["vip", "a_b"]);
    is_clean(&world).await;
}

#[tokio::test]
async fn values_of_every_kind_between_desks_of_one_vendor() {
    let world = between("").await;
    let all: [(&str, &[&str]); 8] = [
        ("organisation", &["Northwind Traders"]),
        ("custom:Serial", &["AB-1234"]),
        ("custom:Renewal date", &["2027-03-04"]),
        ("custom:Refund amount", &["12.5"]),
        ("custom:VIP", &["true"]),
        ("custom:Root cause", &["a\nb"]),
        ("brand", &["Lighthouse"]),
        ("form", &["Refund request"]),
    ];
    open(&world.source, &all);
    is_clean(&world).await;
}

#[tokio::test]
async fn the_past_of_a_whole_story() {
    let world = to_request_tracker(&[]).await;
    let mut story = Story::new(7, world.clock.clone(), Vocabulary::zendesk(), Vocabulary::request_tracker());
    story.history(world.source.running.stage.as_ref(), 40);
    is_clean(&world).await;
}

#[tokio::test]
async fn a_deleted_ticket_and_one_outside_of_the_scope_are_nobodys_loss() {
    let mut world = to_request_tracker(&[]).await;
    world.reapply("[policy]\n", "[scope]\nwithout-tags = [\"test\"]\n[policy]\n").await;
    let gone = open(&world.source, &[]);
    world.source.delete(&gone);
    open_as(&world.source, &customer(), &"x".repeat(300), &[], &["test"]);
    talk(&world.source);
    let report = check(&world).await;
    assert_eq!((report.outside, names(&world, &report)), (1, Vec::new()));
}

#[tokio::test]
async fn reading_writes_nothing_anywhere() {
    let world = to_request_tracker(&[]).await;
    talk(&world.source);
    let text = Text { body: "No.".to_string(), ..Text::default() };
    world.source.act(&world.source.agent(), Action::Note { ticket: "1".to_string(), text });
    let before = (world.source.tickets(), world.target.tickets());
    check(&world).await;
    let writes = |desk: &Desk| desk.running.stage.calls().into_iter().filter(|(kind, _)| !kind.starts_with("GET ")).count();
    assert_eq!((world.source.tickets(), world.target.tickets()), before);
    // The one call that is no read gets the access token.
    assert_eq!((writes(&world.source), writes(&world.target)), (1, 0));
    assert!(world.target.running.stage.mails().is_empty());
}
