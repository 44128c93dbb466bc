//! A copy is taken back where nobody else touched it (rule 29).

use std::sync::Arc;

use tidegate::desk::Side;
use tidegate::desk::id::PersonId;
use tidegate::desk::person::Removal;
use tidegate::ledger::person::NewPersonLink;
use tidegate::replay::takeback::Ended;
use tidegate::sim::faults::Kind as Fault;
use tidegate::sim::snapshot::TicketState;

use crate::world::desk::{Kind, request_tracker, saying, zendesk};
use crate::world::killer::Holder;
use crate::world::stand::World;

async fn world(from: Kind, to: Kind) -> World {
    World::of().from(from).to(to).uncopied().begin().await
}

/// Three tickets with some history, two of them linked.
fn three(world: &World) -> [String; 3] {
    let tickets = ["one", "two", "three"].map(|name| world.source.open(&format!("Order {name}"), "Where is it?"));
    world.source.answer(&tickets[0], "It is on its way.");
    world.source.attach(&tickets[0], "A picture", "boat.bin", vec![7; 4096]);
    world.source.note(&tickets[1], "Wants a refund.");
    if world.source.kind.vendor == "request-tracker" {
        world.source.link(&tickets[1], "refers_to", &tickets[0]);
    }
    tickets
}

#[tokio::test]
async fn a_copy_is_taken_back_and_made_again_without_confusion() {
    for (from, to) in [(zendesk(), request_tracker()), (request_tracker(), zendesk()), (request_tracker(), request_tracker())] {
        let mut world = world(from, to).await;
        let tickets = three(&world);
        let before = world.present().len();
        world.copy().await;
        assert_eq!(world.present().len(), before + 3);
        let (taken, people) = world.take_back(false).await;
        assert!(taken.len() == 3 && taken.iter().all(|one| one.ended == Ended::Removed), "{taken:?}");
        assert_eq!(world.present().len(), before, "{}", to.vendor);
        let removed = people.iter().all(|one| one.outcome == Ok(Removal::Removed));
        assert_eq!(removed, to.vendor == "zendesk", "{people:?}");
        world.source.reply(&tickets[2], "Anybody?");
        world.settle().await;
        assert_eq!(world.present().len(), before, "nothing is carried until a copy is ordered");
        world.copy().await;
        let again: Vec<String> = tickets.iter().map(|ticket| world.only(ticket).id).collect();
        assert!(taken.iter().all(|one| !again.contains(&one.target.as_ref().expect("it had one").to_string())));
        assert_eq!(saying(&world.only(&tickets[2]), "Anybody?").len(), 1);
        assert!(world.check().await.at_parity(), "{:?}", world.check().await.lines());
        assert!(world.target.running.stage.mails().is_empty());
    }
}

#[tokio::test]
async fn only_the_sample_is_taken_back() {
    let mut world = world(zendesk(), request_tracker()).await;
    let tickets = three(&world);
    world.rehearse(&[&tickets[0], &tickets[1]]).await;
    let (taken, _) = world.take_back(true).await;
    assert_eq!(taken.len(), 2);
    assert!(world.present().is_empty());
    world.rehearse(&[&tickets[2]]).await;
    assert_eq!(world.present().len(), 1);
    world.copy().await;
    assert_eq!(world.present().len(), 3);
}

#[tokio::test]
async fn what_somebody_worked_on_stays_and_goes_on_being_mirrored() {
    for (from, to) in [(zendesk(), request_tracker()), (request_tracker(), zendesk())] {
        let mut world = world(from, to).await;
        let tickets = three(&world);
        world.copy().await;
        let there = [world.only(&tickets[0]), world.only(&tickets[1])];
        world.target.tag(&there[0].id, &["looked_at"], &[]);
        world.target.reply(&there[1].id, "I write to the new desk.");
        world.settle().await;
        let (taken, _) = world.take_back(false).await;
        let kept: Vec<&str> = taken
            .iter()
            .filter(|one| matches!(&one.ended, Ended::Kept(why) if why.contains("worked on it") || why.contains("wrote in it")))
            .filter_map(|one| one.target.as_ref().map(|target| target.as_str()))
            .collect();
        assert_eq!(kept, [there[0].id.as_str(), there[1].id.as_str()], "{taken:?}");
        assert_eq!(world.target.ticket(&there[0].id).state, TicketState::Present);
        world.source.reply(&tickets[0], "Are you still there?");
        world.settle().await;
        assert_eq!(saying(&world.only(&tickets[0]), "Are you still there?").len(), 1);
        world.copy().await;
        assert_eq!(world.present().len(), 3);
    }
}

#[tokio::test]
async fn a_process_that_ends_in_the_middle_is_followed_by_one_that_goes_on() {
    for step in ["intent sent", "write done"] {
        let mut world = world(zendesk(), request_tracker()).await;
        three(&world);
        world.copy().await;
        let holder = Arc::new(Holder::at(step, 2));
        tokio::select! {
            _ = world.take_back_with(false, holder.clone()) => panic!("it was to be held"),
            () = holder.holds() => {}
        }
        // Its lease and rest run out.
        world.clock.advance(world.process.lease_and_grace());
        let paused = world.ledger.mirror("demo").await.expect("it is there").paused_why.expect("a reason");
        assert!(paused.contains("`tidegate takeback demo` goes on"), "{paused}");
        let (taken, _) = world.take_back(false).await;
        let gone = usize::from(step == "write done");
        assert_eq!(taken.iter().filter(|one| one.ended == Ended::Gone).count(), gone, "{step}: {taken:?}");
        assert_eq!(taken.iter().filter(|one| one.ended == Ended::Removed).count(), 2 - gone, "{step}: {taken:?}");
        assert!(world.present().is_empty());
        let (again, _) = world.take_back(false).await;
        assert!(again.is_empty(), "a second time there is nothing to do");
        world.copy().await;
        assert_eq!(world.present().len(), 3);
    }
}

#[tokio::test]
async fn a_removal_whose_answer_was_lost_is_found_to_be_done() {
    let mut world = world(zendesk(), request_tracker()).await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.copy().await;
    let target = world.only(&ticket).id;
    world.target.running.stage.faults().order(Fault::LoseAnswer);
    let (taken, _) = world.take_back(false).await;
    let (then, _) = if matches!(taken[0].ended, Ended::Failed(_)) { world.take_back(false).await } else { (taken, Vec::new()) };
    assert!(matches!(then[0].ended, Ended::Gone | Ended::Removed), "{then:?}");
    assert_eq!(world.target.ticket(&target).state, TicketState::Deleted);
    assert!(world.ledger.mirror("demo").await.expect("it is there").paused_why.is_none());
}

#[tokio::test]
async fn a_customer_whom_two_tickets_needed_at_once_is_known_as_ours() {
    let world = world(zendesk(), request_tracker()).await;
    for (number, order) in [("900", ["address", "created"]), ("901", ["created", "address"])] {
        let (person, there) = (PersonId::new(number), PersonId::new(format!("customer-{number}")));
        for how in order {
            let link = NewPersonLink { side: Side::Source, person: &person, there: Some(&there), email: None, name: "Dora", how };
            world.ledger.link_person(world.mirror.id, &link, world.clock.now()).await.expect("an answer");
        }
    }
    let made = world.ledger.people_made(world.mirror.id).await.expect("an answer");
    let sources: Vec<&str> = made.iter().map(|one| one.source.as_str()).collect();
    assert_eq!(sources, ["900", "901"], "whoever made them may be heard last");
}
