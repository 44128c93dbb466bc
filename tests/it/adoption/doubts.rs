//! What cannot be known about a copy of another tool is left, recorded or parked, and never guessed (rule 28).

use std::collections::BTreeMap;

use tidegate::replay::adopt::Taken;
use tidegate::sim::snapshot::MessageView;
use tidegate::sim::stage::Action;

use crate::world::desk::{field, request_tracker, saying, zendesk};
use crate::world::stand::World;

use super::script::{copy, everything, later};

async fn world() -> World {
    World::of().from(zendesk()).to(request_tracker()).begin().await
}

#[tokio::test]
async fn values_that_nobody_explains_are_left_and_decided_with_the_next_change() {
    let mut world = world().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.set(&ticket, "priority", "low");
    let mut tickets = world.source.tickets();
    // The tool gets a value wrong.
    tickets[0].fields.insert("priority".to_string(), vec!["high".to_string()]);
    let reference = later(&world);
    let pairs = copy(&tickets, &world.target.running.url, everything).await;
    let taken = world.adopt(&pairs, reference).await;
    let Taken::Over { adoption, .. } = &taken[0] else { panic!("{taken:?}") };
    let unknown: Vec<String> = adoption.unknown.iter().map(|one| one.source.to_string()).collect();
    assert_eq!(unknown, ["priority", "organisation", "custom:VIP"], "{adoption:?}");
    world.raise_everything().await;
    world.settle().await;
    assert_eq!(field(&world.only(&ticket), "priority"), "75", "it is not written");
    let conflicts = world.ledger.conflicts(world.mirror.id).await.expect("an answer");
    let told = conflicts.iter().find(|one| one.field == "priority").map(|one| one.winner.as_str());
    assert_eq!((conflicts.len(), told), (3, Some("undecided")));
    world.source.set(&ticket, "priority", "urgent");
    world.settle().await;
    assert_eq!(field(&world.only(&ticket), "priority"), "100", "the source wins, as the mirror file says");
    assert_eq!(world.ledger.conflicts(world.mirror.id).await.expect("an answer").len(), 4, "the lost value is kept");
    world.parked("conflict").await;
}

#[tokio::test]
async fn members_of_a_set_that_the_copy_lacks_are_told_and_not_written() {
    let mut world = world().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.set(&ticket, "custom:Topics", "topic_bug");
    let reference = later(&world);
    let pairs = copy(&world.source.tickets(), &world.target.running.url, everything).await;
    let taken = world.adopt(&pairs, reference).await;
    let Taken::Over { adoption, .. } = &taken[0] else { panic!("{taken:?}") };
    let lacking: Vec<String> = adoption.lacking.iter().map(|one| one.source.to_string()).collect();
    assert_eq!(lacking, ["custom:Topics"], "{adoption:?}");
    world.source.act(&world.source.agent(), set(&ticket, "custom:Topics", &["topic_bug", "topic_invoice"]));
    world.settle().await;
    assert_eq!(world.only(&ticket).fields.get("custom:Areas"), Some(&vec!["billing".to_string()]), "only what is new");
    world.parked("conflict").await;
}

fn set(ticket: &str, name: &str, values: &[&str]) -> Action {
    let values = values.iter().map(|value| value.to_string()).collect();
    Action::Set { ticket: ticket.to_string(), fields: BTreeMap::from([(name.to_string(), values)]) }
}

/// All messages but the third, which reads like the second.
fn without_the_third(place: usize, message: &MessageView) -> Option<String> {
    if place == 2 { None } else { everything(place, message) }
}

#[tokio::test]
async fn messages_that_could_be_each_other_park_the_ticket_and_nothing_is_written() {
    let mut world = world().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.reply(&ticket, "Thanks");
    world.source.reply(&ticket, "Thanks");
    let reference = later(&world);
    let pairs = copy(&world.source.tickets(), &world.target.running.url, without_the_third).await;
    world.adopt(&pairs, reference).await;
    world.settle().await;
    let parked = world.parked("adopted").await;
    assert!(parked[0].reason.contains("could be more than one"), "{}", parked[0].reason);
    assert_eq!(saying(&world.only(&ticket), "Thanks").len(), 1);
    world.source.reply(&ticket, "Hello?");
    world.settle().await;
    assert_eq!(saying(&world.only(&ticket), "Hello?").len(), 0, "it waits for a person, who was asked");
    world.release("adopted").await;
    let copied = world.only(&ticket);
    assert_eq!((saying(&copied, "Thanks").len(), saying(&copied, "Hello?").len()), (2, 1));
    world.parked("conflict").await;
}

/// The script forgets notes.
fn without_notes(place: usize, message: &MessageView) -> Option<String> {
    if message.public { everything(place, message) } else { None }
}

#[tokio::test]
async fn old_messages_that_the_copy_lacks_are_told_and_added_when_a_person_says_so() {
    let mut world = world().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.note(&ticket, "Wants a refund.");
    world.source.reply(&ticket, "Hello?");
    let reference = later(&world);
    let pairs = copy(&world.source.tickets(), &world.target.running.url, without_notes).await;
    world.adopt(&pairs, reference).await;
    world.settle().await;
    assert!(world.parked("adopted").await[0].reason.contains("messages 2 of old"), "it is told which");
    assert!(saying(&world.only(&ticket), "Wants a refund.").is_empty());
    world.release("adopted").await;
    assert_eq!(saying(&world.only(&ticket), "Wants a refund.").len(), 1);
    assert_eq!(saying(&world.only(&ticket), "Hello?").len(), 1);
    world.parked("conflict").await;
}

#[tokio::test]
async fn pairs_that_cannot_be_right_are_refused() {
    let mut world = world().await;
    let (one, two) = (world.source.open("Order 7", "Where is it?"), world.source.open("Invoice", "It is wrong."));
    let reference = later(&world);
    let pairs = copy(&world.source.tickets(), &world.target.running.url, everything).await;
    let crossed = BTreeMap::from([(one.clone(), pairs[&two].clone()), (two.clone(), "4711".to_string())]);
    let taken = world.adopt(&crossed, reference).await;
    let why = |one: &Taken| if let Taken::Refused(why) = one { why.clone() } else { panic!("{one:?}") };
    assert!(why(&taken[0]).contains("neither subject nor any message in common"), "{taken:?}");
    assert!(why(&taken[1]).contains("the new desk does not show 4711"), "{taken:?}");
    world.adopt(&pairs, reference).await;
    world.settle().await;
    assert_eq!(world.target.tickets().len(), 2);
    let taken = world.adopt(&crossed, reference).await;
    assert!(why(&taken[0]).contains("in this mirror"), "{taken:?}");
    world.parked("conflict").await;
}
