//! An adopted copy is followed without a double, with people at work on both sides.

use tidegate::mirror::Phase;
use tidegate::replay::adopt::Taken;
use tidegate::replay::takeback::Ended;

use crate::world::desk::{field, request_tracker, saying, zendesk};
use crate::world::stand::World;

use super::script::{copy, everything, later};

/// What customers and agents said before the copy.
const SAID: [&str; 4] = ["Where is it?", "Thanks", "It is on its way.", "Thanks"];

/// Four tickets in the old desk, each with a thread.
fn four(world: &World) -> Vec<String> {
    let open = |number: usize| {
        let ticket = world.source.open(&format!("Order {number}"), SAID[0]);
        world.source.set(&ticket, "priority", "normal");
        world.source.reply(&ticket, SAID[1]);
        world.source.answer(&ticket, SAID[2]);
        world.source.reply(&ticket, SAID[3]);
        world.source.note(&ticket, "An internal note");
        ticket
    };
    (1..=4).map(open).collect()
}

#[tokio::test]
async fn a_copy_of_a_plain_script_is_adopted_and_followed_without_a_double() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let tickets = four(&world);
    let reference = later(&world);
    let pairs = copy(&world.source.tickets(), &world.target.running.url, everything).await;
    let there = |ticket: &String| pairs[ticket].clone();
    // People go on working in both desks before anybody adopts.
    world.source.reply(&tickets[0], "Still not here.");
    world.source.set(&tickets[1], "priority", "urgent");
    world.target.reply(&there(&tickets[2]), "I wrote to the new address.");
    world.target.set(&there(&tickets[3]), "priority", "75");
    let late = world.source.open("Order 5", "A new one.");
    let taken = world.adopt(&pairs, reference).await;
    for one in &taken {
        let Taken::Over { adoption, key_why, parked } = one else { panic!("{one:?}") };
        assert_eq!((key_why, parked, adoption.messages.len()), (&None, &None, 5), "{adoption:?}");
        let unknown: Vec<String> = adoption.unknown.iter().map(|one| one.source.to_string()).collect();
        assert_eq!(unknown, ["organisation", "custom:VIP"], "the script knows nothing of these");
    }
    world.settle().await;
    assert_eq!(world.target.tickets().len(), 5, "four adopted and the new one");
    assert_eq!(saying(&world.only(&tickets[0]), "Still not here.").len(), 1);
    assert_eq!(field(&world.only(&tickets[1]), "priority"), "100", "it was changed after the copy began");
    assert_eq!(saying(&world.only(&tickets[2]), "I wrote to the new address.").len(), 1);
    assert_eq!(field(&world.only(&tickets[3]), "priority"), "75", "an agent of the new desk said so");
    assert_eq!(saying(&world.only(&late), "A new one.").len(), 1);
    // And afterwards.
    for ticket in &tickets {
        world.source.answer(ticket, "Anything else?");
        world.target.reply(&there(ticket), "No, that is all.");
        world.settle().await;
    }
    world.raise_everything().await;
    world.settle().await;
    assert_eq!(world.target.tickets().len(), 5);
    for ticket in &tickets {
        let copied = world.only(ticket);
        assert_eq!(copied.id, there(ticket), "our key is on the script's ticket");
        let count = |words: &str| saying(&copied, words).len();
        let counts: Vec<usize> = ["Where is it?", "Thanks", "on its way", "An internal", "Anything else?"].map(count).to_vec();
        assert_eq!(counts, [1, 2, 1, 1, 1], "{ticket}");
        assert_eq!(saying(&copied, "No, that is all.").len(), 1);
        let key = world.mirror.keys.ticket(ticket, 0);
        let found = world.process.course().target.find_ticket(&key).await.expect("RT answers");
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [there(ticket)]);
    }
    let row = world.ledger.mirror("demo").await.expect("it is there");
    assert_eq!((row.phase, row.reference_time, row.paused_why), (Phase::Mirroring, Some(reference), None));
    let conflicts = world.ledger.conflicts(world.mirror.id).await.expect("an answer");
    assert!(conflicts.iter().all(|one| one.winner == "undecided"), "{conflicts:?}");
    world.parked("conflict").await;
}

#[tokio::test]
async fn a_second_run_adopts_nothing_twice_and_a_taking_back_leaves_it() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    four(&world);
    let reference = later(&world);
    let pairs = copy(&world.source.tickets(), &world.target.running.url, everything).await;
    world.adopt(&pairs, reference).await;
    let again = world.adopt(&pairs, reference).await;
    assert!(again.iter().all(|one| *one == Taken::Before), "{again:?}");
    world.settle().await;
    let (taken, _) = world.take_back(false).await;
    assert!(taken.iter().all(|one| matches!(&one.ended, Ended::Kept(why) if why.contains("another tool made it"))), "{taken:?}");
    assert_eq!(world.present().len(), 4);
    world.parked("conflict").await;
}
