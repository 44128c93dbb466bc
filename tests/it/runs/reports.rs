//! Three runs with their reports, and one that was killed.

use std::sync::Arc;

use tidegate::ledger::run::Run;

use crate::world::desk::{field, request_tracker, saying, zendesk};
use crate::world::killer::Holder;
use crate::world::stand::World;

/// Created, updated, skipped, failed.
fn counts(run: &Run) -> [i64; 4] {
    [run.created, run.updated, run.skipped, run.failed].map(|count| count.expect("it has ended"))
}

async fn outcomes(world: &World, run: &Run) -> Vec<(String, String)> {
    let tickets = world.ledger.run_tickets(run).await.expect("an answer");
    tickets.into_iter().map(|one| (one.source_ticket.expect("it has one"), one.outcome.expect("it has ended"))).collect()
}

fn words(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(ticket, outcome)| (ticket.to_string(), outcome.to_string())).collect()
}

/// Four tickets, copied.
async fn copied() -> (World, Vec<String>) {
    let mut world = World::of().from(zendesk()).to(request_tracker()).runs("").begin().await;
    let tickets: Vec<String> = (1..=4).map(|number| world.source.open(&format!("Order {number}"), "Where is it?")).collect();
    world.settle().await;
    world.copy().await;
    (world, tickets)
}

#[tokio::test]
async fn three_runs_have_three_reports_that_say_what_people_did() {
    let (mut world, tickets) = copied().await;
    let [first, second, third, _untouched] = [0, 1, 2, 3].map(|at| tickets[at].as_str());

    world.source.reply(first, "Still waiting.");
    world.source.set(second, "subject", "Order 22");
    world.source.set(second, "subject", "Order 2");
    let fifth = world.source.open("Order 5", "And this one?");
    world.nothing_is_carried().await;
    assert_eq!((saying(&world.mirrored(first), "Still waiting.").len(), world.copies(&fifth).len()), (0, 0));
    let run = world.run().await;
    assert_eq!((run.number, run.ordered_by.as_str(), counts(&run)), (1, "anna", [1, 1, 1, 0]));
    let done = outcomes(&world, &run).await;
    assert_eq!(done, words(&[(first, "updated"), (second, "skipped"), (&fifth, "created")]));
    assert_eq!((saying(&world.mirrored(first), "Still waiting.").len(), world.copies(&fifth).len()), (1, 1));
    assert!(run.calls.expect("it has ended") > 5, "{run:?}");
    assert_eq!(world.ledger.mirror("demo").await.expect("it is there").reference_time, run.read_at);

    world.nothing_is_carried().await;
    let run = world.run().await;
    assert_eq!((run.number, counts(&run), run.tickets), (2, [0, 0, 0, 0], 0), "what we wrote ourselves is no change");

    world.reapply("urgent = \"100\"", "asap = \"100\"").await;
    world.source.set(third, "priority", "urgent");
    world.source.reply(first, "Hello?");
    world.target.note(&world.mirrored(second).id, "A look at it.");
    world.nothing_is_carried().await;
    let run = world.run().await;
    assert_eq!((run.number, counts(&run)), (3, [0, 1, 1, 1]));
    assert_eq!(outcomes(&world, &run).await, words(&[(first, "updated"), (second, "skipped"), (third, "failed")]));
    let why = world.ledger.run_tickets(&run).await.expect("an answer")[2].why.clone();
    assert!(why.is_some_and(|why| why.contains("`urgent`")), "it says what is in the way");
    world.parked("unmapped").await;
    let all = world.ledger.runs(world.mirror.id).await.expect("an answer");
    assert_eq!(
        all.iter().map(|run| (run.number, counts(run))).collect::<Vec<_>>(),
        [(1, [1, 1, 1, 0]), (2, [0, 0, 0, 0]), (3, [0, 1, 1, 1])]
    );
}

#[tokio::test]
async fn a_ticket_that_failed_is_carried_by_the_run_after_it_was_released() {
    let (mut world, tickets) = copied().await;
    world.reapply("urgent = \"100\"", "asap = \"100\"").await;
    world.source.set(&tickets[0], "priority", "urgent");
    world.nothing_is_carried().await;
    assert_eq!(counts(&world.run().await), [0, 0, 0, 1]);
    assert_eq!(world.run().await.tickets, 0, "it waits for a person, not for a run");
    world.reapply("asap = \"100\"", "urgent = \"100\"").await;
    for parked in world.parked("unmapped").await {
        assert!(world.ledger.decide_parked(parked.id, true, world.clock.now()).await.expect("an answer"));
    }
    world.nothing_is_carried().await;
    assert_eq!(counts(&world.run().await), [0, 1, 0, 0]);
    assert_eq!(field(&world.mirrored(&tickets[0]), "priority"), "100");
}

#[tokio::test]
async fn linked_tickets_that_a_run_makes_are_whole_at_its_end() {
    let (mut world, _) = copied().await;
    let [one, other] = ["Mast", "Sail"].map(|subject| world.source.open(subject, "It came bent."));
    world.source.link(&one, "parent", &other);
    world.nothing_is_carried().await;
    let run = world.run().await;
    assert_eq!((counts(&run), run.tickets), ([2, 0, 0, 0], 2));
    assert_eq!(world.status().await.incomplete, 0, "no ticket waits for one that is there");
    assert!(world.check().await.at_parity());
}

#[tokio::test]
async fn a_run_that_was_killed_goes_on_and_has_one_report() {
    let (mut world, tickets) = copied().await;
    let holder = Arc::new(Holder::at("hydrated", 3));
    world.process = world.process.successor(holder.clone()).await;
    world.process.serve(&world.mirror).await;
    for ticket in &tickets {
        world.source.reply(ticket, "Still waiting.");
    }
    world.nothing_is_carried().await;
    world.order_run(true).await;
    let killed = tokio::select! {
        () = holder.holds() => true,
        _ = world.carry() => false,
    };
    assert!(killed, "it was under way");
    let before = world.open_run().await.expect("it is under way still");
    world.restart().await;
    world.source.open("Order 5", "This is for the next one.");
    let run = world.carry().await;
    assert_eq!((run.number, counts(&run), run.tickets), (1, [0, 4, 0, 0], 4));
    assert_eq!(run.read_at, before.read_at, "the read was done before it was killed");
    assert!(tickets.iter().all(|ticket| saying(&world.mirrored(ticket), "Still waiting.").len() == 1));
    world.nothing_is_carried().await;
    assert_eq!(counts(&world.run().await), [1, 0, 0, 0]);
    assert_eq!(world.ledger.runs(world.mirror.id).await.expect("an answer").len(), 2);
}

#[tokio::test]
async fn a_mirror_that_carries_no_runs_any_more_is_a_live_one() {
    let (mut world, tickets) = copied().await;
    world.source.reply(&tickets[0], "Still waiting.");
    world.nothing_is_carried().await;
    world.reapply("[run]\n", "").await;
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&tickets[0]), "Still waiting.").len(), 1);
}
