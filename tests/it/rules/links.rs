//! Links between tickets: rule 21. What has no place at the target is said: in its ticket, in the ledger, by the check.

use tidegate::sim::faults::Kind;
use tidegate::sim::snapshot::{MessageView, TicketView};

use crate::world::desk::{field, request_tracker, saying, zendesk};
use crate::world::stand::World;

const NOTE: &str = "that it does not have here";

/// The one note about links in a ticket.
fn note(ticket: &TicketView) -> &MessageView {
    let notes = saying(ticket, NOTE);
    assert_eq!(notes.len(), 1, "{:#?}", ticket.messages);
    assert!(!notes[0].public, "nobody but agents reads it");
    notes[0]
}

fn has_link(ticket: &TicketView, kind: &str, to: &str) -> bool {
    ticket.links.contains(&(kind.to_string(), to.to_string()))
}

/// Two tickets in both desks.
async fn two(world: &mut World) -> (String, String) {
    let two = (world.source.open("Order 7", "Where is it?"), world.source.open("The ship", "It sank."));
    world.settle().await;
    two
}

#[tokio::test]
async fn rule_21_a_link_arrives_with_its_other_end() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let (child, parent) = (world.source.open("Order 7", "Where is it?"), world.source.open("The ship", "It sank."));
    world.source.link(&child, "parent", &parent);
    world.settle().await;
    let (there, other) = (world.mirrored(&child), world.mirrored(&parent));
    assert!(has_link(&there, "parent", &other.id), "{:?}", there.links);
    assert!(!there.tags.contains("tidegate_incomplete"));
}

#[tokio::test]
async fn rule_21_a_link_that_the_target_has_no_place_for_is_said_once() {
    let mut world = World::of().from(request_tracker()).to(zendesk()).begin().await;
    let (ticket, other) = (world.source.open("Order 7", "Where is it?"), world.source.open("The ship", "It sank."));
    world.source.link(&ticket, "depends_on", &other);
    world.source.set(&ticket, "status", "stalled");
    world.settle().await;
    let (there, end) = (world.mirrored(&ticket), world.mirrored(&other).id);
    let said = &note(&there).body;
    assert!(said.contains(&format!("depends on {other} (#{end} here)")), "{said}");
    assert_eq!((field(&there, "status").as_str(), there.links.len()), ("hold", 0));
    assert!(!there.tags.contains("tidegate_incomplete"));
    assert_eq!(world.figure("links not held").await, 1);
    let report = world.check().await;
    assert!(report.at_parity(), "{:#?}", report.lines());
    assert!(report.forgiven.keys().any(|why| why.contains("does not hold")), "{:?}", report.forgiven);
    let writes = world.figure("writes").await;
    world.raise_everything().await;
    world.settle().await;
    assert_eq!(world.figure("writes").await, writes, "it is told once");
    assert_eq!(world.target.running.stage.mails(), [], "nobody is mailed");
}

#[tokio::test]
async fn rule_21_a_note_whose_answer_was_lost_is_not_told_again() {
    let mut world = World::of().from(request_tracker()).to(zendesk()).begin().await;
    let (ticket, other) = two(&mut world).await;
    world.source.link(&ticket, "refers_to", &other);
    world.target.running.stage.faults().order(Kind::LoseAnswer);
    world.settle().await;
    assert!(note(&world.mirrored(&ticket)).body.contains("refers to"));
    assert_eq!(world.figure("answers found again").await, 1);
}

#[tokio::test]
async fn rule_21_nothing_is_said_where_it_could_mail_somebody() {
    let mut world = World::of().from(request_tracker()).to(zendesk()).begin().await;
    world.reapply("silence = \"admin-rule\"", "silence = \"mail-allowed\"").await;
    let (ticket, other) = two(&mut world).await;
    world.source.link(&ticket, "refers_to", &other);
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), NOTE).len(), 0);
    assert_eq!(world.figure("links not held").await, 1, "the ledger has it");
    assert!(world.check().await.at_parity());
}

#[tokio::test]
async fn rule_21_a_link_out_of_scope_is_said_and_made_when_the_other_end_comes_in() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    world.reapply("[policy]", "[scope]\nwithout-tags = [\"secret\"]\n[policy]").await;
    let child = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    let parent = world.source.open("The ship", "It sank.");
    world.source.tag(&parent, &["secret"], &[]);
    world.source.link(&child, "parent", &parent);
    world.settle().await;
    let there = world.mirrored(&child);
    let said = &note(&there).body;
    assert!(said.contains(&format!("belongs to {parent}: that ticket is not carried over")), "{said}");
    assert!(!there.tags.contains("tidegate_incomplete"), "it waits for nothing");
    assert!(world.check().await.at_parity());
    world.source.tag(&parent, &[], &["secret"]);
    world.settle().await;
    let (there, end) = (world.mirrored(&child), world.mirrored(&parent).id);
    assert!(has_link(&there, "parent", &end), "{:?}", there.links);
    note(&there);
    let report = world.check().await;
    assert!(report.at_parity() && !report.explanations.keys().any(|why| why.contains("link")), "{:?}", report.explanations);
}

#[tokio::test]
async fn rule_21_the_other_end_of_a_merged_tickets_link_comes_in_later() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    world.reapply("[policy]", "[scope]\nwithout-tags = [\"secret\"]\n[policy]").await;
    let (child, root) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 7 again", "Hello?"));
    let parent = world.source.open("The ship", "It sank.");
    world.source.tag(&parent, &["secret"], &[]);
    world.source.link(&child, "parent", &parent);
    world.settle().await;
    for (field, value) in [("priority", "urgent"), ("assignee", "ada@desk.example"), ("custom:Serial", "AB-1234")] {
        world.source.set(&root, field, value);
    }
    world.source.merge(&child, &root);
    world.settle().await;
    world.source.tag(&parent, &[], &["secret"]);
    world.settle().await;
    let (there, end) = (world.mirrored(&root), world.mirrored(&parent).id);
    assert!(has_link(&there, "parent", &end), "the conversation goes on there: {:?}", there.links);
    for (name, value) in [("priority", "100"), ("assignee", "alice@rt.sim"), ("custom:Summary", "AB-1234")] {
        assert_eq!(field(&there, name), value, "the merged ticket's fields are not the survivor's");
    }
    let open: i64 = sqlx::query_scalar("select count(*) from lane where pending > applied or attempts > 0")
        .fetch_one(&world.pool)
        .await
        .expect("a number");
    assert_eq!(open, 0, "{:?}", world.ledger.faults(world.mirror.id).await);
}

#[tokio::test]
async fn rule_21_a_merged_tickets_link_that_waited_leaves_the_fields_of_the_survivor_alone() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let (child, root) = (world.source.open("Order 7", "Where is it?"), world.source.open("Order 7 again", "Hello?"));
    let parent = world.source.open("The ship", "It sank.");
    for (field, value) in [("priority", "urgent"), ("assignee", "ada@desk.example"), ("custom:Serial", "AB-1234")] {
        world.source.set(&root, field, value);
    }
    world.source.link(&child, "parent", &parent);
    world.source.merge(&child, &root);
    world.arrive().await;
    world.hold(&parent, true).await;
    world.settle().await;
    world.hold(&parent, false).await;
    world.settle().await;
    let (there, end) = (world.mirrored(&root), world.mirrored(&parent).id);
    assert!(has_link(&there, "parent", &end), "the conversation goes on there: {:?}", there.links);
    for (name, value) in [("priority", "100"), ("assignee", "alice@rt.sim"), ("custom:Summary", "AB-1234")] {
        assert_eq!(field(&there, name), value);
    }
}

#[tokio::test]
async fn rule_21_who_waits_for_a_ticket_is_told_when_it_turns_out_to_be_out_of_scope() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    world.reapply("[policy]", "[scope]\nwithout-tags = [\"secret\"]\n[policy]").await;
    let (child, parent) = (world.source.open("Order 7", "Where is it?"), world.source.open("The ship", "It sank."));
    world.source.tag(&parent, &["secret"], &[]);
    world.source.link(&child, "parent", &parent);
    world.arrive().await;
    world.hold(&parent, true).await;
    world.settle().await;
    assert!(world.mirrored(&child).tags.contains("tidegate_incomplete"), "it waits");
    world.hold(&parent, false).await;
    world.settle().await;
    let there = world.mirrored(&child);
    assert!(!there.tags.contains("tidegate_incomplete"));
    assert!(note(&there).body.contains("is not carried over"));
}

#[tokio::test]
async fn rule_21_a_link_does_not_overwrite_the_type_of_either_end() {
    let mut world = World::of().from(request_tracker()).to(zendesk()).begin().await;
    let (child, parent) = two(&mut world).await;
    let other = world.source.open("The storm", "It blew.");
    world.settle().await;
    let id = |ticket: &str| world.mirrored(ticket).id;
    let (child_there, parent_there, other_there) = (id(&child), id(&parent), id(&other));
    world.target.set(&parent_there, "type", "question");
    world.target.set(&other_there, "type", "task");
    world.source.link(&child, "parent", &parent);
    world.source.link(&other, "parent", &child);
    world.settle().await;
    let said = |ticket: &str| note(&world.mirrored(ticket)).body.clone();
    assert!(said(&child).contains(&format!("(#{parent_there} here): this desk does not link tickets of these types")));
    assert!(said(&other).contains(&format!("(#{child_there} here): this desk does not link")));
    let kind = |id: &str| field(&world.target.ticket(id), "type");
    assert_eq!((kind(&parent_there).as_str(), kind(&other_there).as_str()), ("question", "task"));
    assert!(world.check().await.at_parity());
    world.target.set(&parent_there, "type", "problem");
    world.source.reply(&child, "Well?");
    world.settle().await;
    assert!(has_link(&world.mirrored(&child), "parent", &parent_there), "people made it possible");
}
