//! Fields, people, links and endings of a ticket that the target leads.

use tidegate::desk::Side;
use tidegate::sim::snapshot::{MessageView, TicketState};

use super::{between, pairs, turn};
use crate::world::desk::{Desk, customer, field, request_tracker, saying, zendesk};
use crate::world::pact;
use crate::world::rest::{mirrored, rests};

/// A value that a desk spells in its own way: a priority, a status, an agent.
fn word<'a>(desk: &Desk, [zendesk, rt]: [&'a str; 2]) -> &'a str {
    if desk.kind.vendor == "zendesk" { zendesk } else { rt }
}

const URGENT: [&str; 2] = ["urgent", "100"];
const DONE: [&str; 2] = ["solved", "resolved"];
const BEN: [&str; 2] = ["ben@desk.example", "bob@rt.sim"];

#[tokio::test]
async fn what_people_set_in_the_new_desk_goes_to_the_old_one_in_its_own_words() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let (mut world, ticket, there) = mirrored(between(pair)).await;
        turn(&world, Side::Target).await;
        world.target.set(&there, "subject", "Order seven");
        world.target.set(&there, "priority", word(&world.target, URGENT));
        world.target.tag(&there, &["vip"], &[]);
        world.settle().await;
        let here = world.source.ticket(&ticket);
        assert_eq!(field(&here, "subject"), "Order seven", "{what}");
        assert_eq!(field(&here, "priority"), word(&world.source, URGENT), "{what}");
        assert!(here.tags.iter().any(|tag| tag == "vip"), "{what}: {:?}", here.tags);
        world.target.set(&there, "status", word(&world.target, DONE));
        world.target.tag(&there, &[], &["vip"]);
        world.settle().await;
        let here = world.source.ticket(&ticket);
        assert_eq!(field(&here, "status"), word(&world.source, DONE), "{what}: not what ends it for good");
        assert!(!here.tags.iter().any(|tag| tag == "vip"), "{what}");
        rests(&mut world, &what).await;
        turn(&world, Side::Source).await;
        world.source.set(&ticket, "subject", "Order 8");
        world.settle().await;
        assert_eq!(field(&world.target.ticket(&there), "subject"), "Order 8", "{what}: the old desk leads again");
        rests(&mut world, &what).await;
    }
}

#[tokio::test]
async fn turning_alone_writes_nothing() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let mut world = between(pair).begin().await;
        let ticket = world.source.open("  A   subject with   blanks ", "Where is it?");
        let lossy = word(&world.source, ["pending", "stalled"]);
        world.source.set(&ticket, "status", lossy);
        world.source.set(&ticket, "priority", word(&world.source, ["low", "73"]));
        world.source.tag(&ticket, &["vip"], &[]);
        world.settle().await;
        let (before, writes) = (world.source.ticket(&ticket), world.figure("writes").await);
        for side in [Side::Target, Side::Source, Side::Target] {
            turn(&world, side).await;
            world.raise_everything().await;
            world.settle().await;
            assert_eq!(world.figure("writes").await, writes, "{what}: nobody changed anything");
            let report = world.check().await;
            assert!(report.at_parity(), "{what}: {:#?}", report.lines());
        }
        assert_eq!(world.source.ticket(&ticket), before, "{what}");
    }
}

#[tokio::test]
async fn people_are_found_by_who_they_are_and_agents_are_never_made() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let alice = "\"alice@rt.sim\" = \"ada@desk.example\"";
        let bob = format!("{alice}\n\"bob@rt.sim\" = \"ben@desk.example\"");
        let maps = pact::tables(pair.0.vendor, pair.1.vendor).replace(alice, &bob);
        let (mut world, ticket, there) = mirrored(between(pair).maps(maps)).await;
        turn(&world, Side::Target).await;
        // Zendesk opens a new ticket that somebody gets.
        world.target.set(&there, "status", "open");
        world.settle().await;
        world.target.set(&there, "assignee", word(&world.target, BEN));
        world.settle().await;
        assert_eq!(field(&world.source.ticket(&ticket), "assignee"), word(&world.source, BEN), "{what}");
        world.target.set(&there, "assignee", "");
        world.settle().await;
        assert_eq!(field(&world.source.ticket(&ticket), "assignee"), "", "{what}");
        assert_eq!(field(&world.source.ticket(&ticket), "requester"), customer().email, "{what}");
        rests(&mut world, &what).await;
    }
}

#[tokio::test]
async fn who_wins_is_said_of_desks_not_of_who_leads() {
    for (policy, stands) in [("preset = \"old-leads\"", "Order 8"), ("preset = \"new-leads\"", "Order seven")] {
        let (mut world, ticket, there) = mirrored(between(pairs()[0]).policy(policy)).await;
        turn(&world, Side::Target).await;
        world.source.set(&ticket, "subject", "Order 8");
        world.settle().await;
        assert_eq!(field(&world.target.ticket(&there), "subject"), "Order 7", "{policy}: the old desk does not lead any more");
        world.target.set(&there, "subject", "Order seven");
        world.settle().await;
        assert_eq!(field(&world.source.ticket(&ticket), "subject"), stands, "{policy}");
        let told = world.ledger.conflicts(world.mirror.id).await.expect("an answer");
        let values = |one: &tidegate::ledger::conflict::Conflict| (one.source.to_string(), one.target.to_string());
        assert_eq!(told.iter().map(values).collect::<Vec<_>>(), [("Order 8".to_string(), "Order seven".to_string())], "{policy}");
        rests(&mut world, policy).await;
    }
}

#[tokio::test]
async fn a_word_without_a_way_back_waits_for_a_person() {
    let (mut world, ticket, there) = mirrored(between(pairs()[0])).await;
    turn(&world, Side::Target).await;
    world.target.set(&there, "status", "rejected");
    world.settle().await;
    let parked = world.parked("unmapped").await;
    assert!(parked[0].reason.contains(&format!("target ticket {there}")), "{}", parked[0].reason);
    assert!(parked[0].advice.contains("[map.back.status]"), "{}", parked[0].advice);
    world.target.set(&there, "status", "resolved");
    world.release("unmapped").await;
    assert_eq!(field(&world.source.ticket(&ticket), "status"), "solved");
}

#[tokio::test]
async fn a_deletion_never_travels_back() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let (mut world, ticket, there) = mirrored(between(pair).policy("deletion = \"delete\"")).await;
        turn(&world, Side::Target).await;
        world.target.delete(&there);
        world.settle().await;
        let here = world.source.ticket(&ticket);
        assert!(here.tags.iter().any(|tag| tag == "tidegate_deleted"), "{what}: {here:?}");
        rests(&mut world, &what).await;
    }
}

/// Zendesk's own words about a merge quote the last comment.
fn said_itself(message: &&MessageView) -> bool {
    !message.body.contains("was closed and merged into")
}

#[tokio::test]
async fn merges_and_links_of_the_new_desk_are_made_in_the_old_one() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let (mut world, first, there) = mirrored(between(pair)).await;
        let [second, third] = ["Order 8", "Order 9"].map(|subject| world.source.open(subject, "And this one?"));
        world.settle().await;
        turn(&world, Side::Target).await;
        let (other, last) = (world.mirrored(&second).id, world.mirrored(&third).id);
        world.target.answer(&there, "An answer to the first.");
        world.settle().await;
        world.target.merge(&there, &other);
        world.settle().await;
        assert_eq!(world.source.ticket(&first).state, TicketState::MergedInto(second.clone()), "{what}");
        let both = [&first, &second].map(|ticket| world.source.ticket(ticket));
        let mut said: Vec<&str> = both
            .iter()
            .flat_map(|ticket| saying(ticket, "An answer to the first"))
            .filter(said_itself)
            .map(|message| message.id.as_str())
            .collect();
        said.dedup();
        assert_eq!(said.len(), 1, "{what}: {both:#?}");
        if pair.1.vendor == "request-tracker" {
            world.target.link(&last, "parent", &other);
        } else {
            world.target.set(&other, "type", "problem");
            world.target.set(&last, "type", "incident");
            world.target.link(&last, "parent", &other);
        }
        world.settle().await;
        let links = world.source.ticket(&third).links;
        assert!(links.iter().any(|(_, to)| *to == second), "{what}: {links:?}");
        rests(&mut world, &what).await;
    }
}

#[tokio::test]
async fn what_is_closed_for_good_in_the_old_desk_stays_as_it_is() {
    let (mut world, ticket, there) = mirrored(between((zendesk(), request_tracker()))).await;
    world.source.set(&ticket, "status", "solved");
    world.source.set(&ticket, "status", "closed");
    world.settle().await;
    turn(&world, Side::Target).await;
    world.target.set(&there, "subject", "Order seven");
    world.target.set(&there, "status", "open");
    world.settle().await;
    let here = world.source.ticket(&ticket);
    assert_eq!((field(&here, "subject").as_str(), field(&here, "status").as_str()), ("Order 7", "closed"));
    assert_eq!(world.source.tickets().len(), 1, "no follow-up is made in the old desk");
    rests(&mut world, "closed").await;
}

#[tokio::test]
async fn a_customer_s_late_mail_opens_a_ticket_that_was_done_and_an_agent_s_answer_does_not() {
    for pair in pairs() {
        let what = format!("{} to {}", pair.0.vendor, pair.1.vendor);
        let (mut world, ticket, there) = mirrored(between(pair)).await;
        turn(&world, Side::Target).await;
        world.target.set(&there, "status", word(&world.target, DONE));
        world.settle().await;
        world.source.answer(&ticket, "For the record.");
        world.settle().await;
        assert_eq!(
            field(&world.target.ticket(&there), "status"),
            word(&world.target, DONE),
            "{what}: nobody waits for an answer"
        );
        world.source.set(&ticket, "status", word(&world.source, DONE));
        world.settle().await;
        world.source.reply(&ticket, "It did not come.");
        world.settle().await;
        assert_eq!(saying(&world.target.ticket(&there), "did not come").len(), 1, "{what}");
        assert_eq!(field(&world.target.ticket(&there), "status"), "open", "{what}: whoever works there sees it");
        assert_eq!(field(&world.source.ticket(&ticket), "status"), "open", "{what}");
        world.target.set(&there, "status", word(&world.target, DONE));
        world.settle().await;
        assert_eq!(field(&world.source.ticket(&ticket), "status"), word(&world.source, DONE), "{what}: and it ends there again");
        rests(&mut world, &what).await;
    }
}
