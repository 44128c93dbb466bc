//! A sample is copied alone, and the rest later.

use std::time::Duration;

use crate::world::desk::{request_tracker, saying, zendesk};
use crate::world::stand::World;

/// Six tickets: the second has most messages, the fourth the largest file, the fifth is solved.
fn six(world: &World) -> Vec<String> {
    let tickets: Vec<String> = (1..=6).map(|number| world.source.open(&format!("Order {number}"), "Where is it?")).collect();
    for words in ["Hello?", "Is anybody there?", "Please answer."] {
        world.source.reply(&tickets[1], words);
    }
    world.source.attach(&tickets[3], "A picture", "boat.bin", vec![7; 4096]);
    world.source.attach(&tickets[0], "Another", "small.bin", vec![7; 12]);
    world.source.answer(&tickets[4], "It is on its way.");
    world.source.set(&tickets[4], "status", "solved");
    // Zendesk withholds its last minute.
    world.clock.advance(Duration::from_secs(75));
    tickets
}

#[tokio::test]
async fn the_most_telling_tickets_are_chosen_with_their_reasons() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let tickets = six(&world);
    let look = world.look(3).await;
    let found: Vec<(&str, &str)> = look.chosen.iter().map(|one| (one.hint.ticket.as_str(), one.why.as_str())).collect();
    assert_eq!(found[0], (tickets[1].as_str(), "longest thread (4 messages)"));
    assert_eq!(found[1], (tickets[3].as_str(), "largest file (4096 bytes)"));
    assert_eq!((found[2].0, found[2].1.contains("status solved")), (tickets[4].as_str(), true), "{found:?}");
    assert_eq!((found.len(), look.listed, look.read, look.whole), (3, 6, 6, true));
    assert_eq!(world.look(3).await, look, "a second look chooses the same");
    let all = world.look(50).await;
    assert_eq!(all.chosen.len(), 6);
    world.settle().await;
}

#[tokio::test]
async fn nothing_is_carried_before_a_copy_is_ordered_and_everything_after_it() {
    for plan in [World::of(), World::of().polled()] {
        let mut world = plan.from(zendesk()).to(request_tracker()).uncopied().begin().await;
        let tickets = six(&world);
        world.settle().await;
        world.source.reply(&tickets[0], "Me too.");
        world.settle().await;
        let status = world.status().await;
        assert_eq!((world.present().len(), status.resting, status.waiting), (0, 6, 0), "it is known, and waits");
        world.copy().await;
        assert_eq!((world.present().len(), saying(&world.only(&tickets[0]), "Me too.").len()), (6, 1));
        assert!(world.check().await.at_parity(), "{:?}", world.check().await.lines());
    }
}

#[tokio::test]
async fn a_sample_is_copied_alone_and_the_rest_comes_later_without_doubles() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).uncopied().begin().await;
    let tickets = six(&world);
    world.rehearse(&[&tickets[1], &tickets[3]]).await;
    assert_eq!(world.present().len(), 2);
    world.source.reply(&tickets[1], "Still waiting.");
    world.source.reply(&tickets[0], "Me too.");
    world.settle().await;
    assert_eq!(saying(&world.only(&tickets[1]), "Still waiting.").len(), 1, "the sample is followed");
    assert_eq!(world.present().len(), 2, "nothing else is");
    let status = world.status().await;
    assert_eq!((status.sample, status.resting, status.waiting), (2, 4, 0));
    world.copy().await;
    assert_eq!(world.present().len(), 6);
    for ticket in &tickets {
        world.mirrored(ticket);
    }
    assert_eq!(saying(&world.only(&tickets[0]), "Me too.").len(), 1);
    assert!(world.check().await.at_parity(), "{:?}", world.check().await.lines());
    let chosen = world.ledger.sample(world.mirror.id).await.expect("an answer");
    assert_eq!(chosen.len(), 2, "the sample is remembered");
    let late = world.ledger.order_sample(world.mirror.id, &[], world.clock.now()).await.expect("an answer");
    assert!(!late, "there is nothing to rehearse any more");
}
