//! The story and its judge prove themselves: two desks in memory, mirrored by a naive copy, agree; each thing that is broken
//! afterwards is found and named.

mod broken;
mod copyist;
mod memory;
mod normal;
mod run;

use tidegate::desk::Side;
use tidegate::sim::snapshot::TicketState;

use self::run::{run, told};

#[test]
fn a_perfect_copy_agrees() {
    for seed in 0..6 {
        let run = run(seed, 80, 500);
        let verdict = run.verdict();
        assert!(verdict.agrees(), "seed {seed}:\n{}", told(&run));
        assert!(verdict.messages > 300 && verdict.attachments > 20 && verdict.agents_messages > 20, "{verdict:?}");
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let (one, again, other) = (run(3, 50, 200), run(3, 50, 200), run(4, 50, 200));
    assert!(one.log == again.log);
    assert!(one.log != other.log);
}

#[test]
fn a_story_has_everything_in_it() {
    let run = run(11, 300, 600);
    let source: Vec<_> = run.log.source.values().collect();
    let messages: Vec<_> = source.iter().flat_map(|ticket| &ticket.messages).collect();
    assert!(source.iter().any(|ticket| ticket.messages.len() >= 60));
    assert!(source.iter().any(|ticket| ticket.state == TicketState::Deleted));
    assert!(source.iter().any(|ticket| matches!(ticket.state, TicketState::MergedInto(_))));
    assert!(source.iter().any(|ticket| ticket.value("status") == Some("closed")));
    assert!(source.iter().any(|ticket| !ticket.links.is_empty()));
    assert!(messages.iter().any(|message| !message.redacted.is_empty()));
    assert!(messages.iter().any(|message| message.made_private));
    assert!(messages.iter().any(|message| message.files.iter().any(|file| file.inline)));
    assert!(messages.iter().any(|message| message.files.iter().any(|file| file.size > 100_000)));
    assert!(run.log.target.values().any(|ticket| ticket.native));
    assert!(run.log.target.values().any(|ticket| !ticket.native && !ticket.writes.is_empty()));
    let thanks = |ticket: &&&tidegate::sim::story::log::TicketLog| {
        let same = ticket.messages.windows(2).filter(|two| two[0].body == two[1].body && two[0].author == two[1].author);
        same.count() > 0
    };
    assert!(source.iter().any(|ticket| thanks(&ticket)));
    assert!(run.log.deeds.len() > 15, "{:?}", run.log.deeds);
}

#[test]
fn the_past_comes_in_the_order_of_time() {
    let run = run(5, 40, 0);
    let opened: Vec<_> = run.source.iter().map(|ticket| ticket.created_at).collect();
    assert!(opened.is_sorted());
    for ticket in &run.source {
        assert!(ticket.messages.iter().map(|message| message.at).is_sorted());
    }
}

#[test]
fn five_thousand_tickets_are_judged_in_seconds() {
    let run = run(9, 5_000, 0);
    let verdict = run.verdict();
    assert!(verdict.agrees(), "{}", told(&run));
    assert!(verdict.messages > 15_000);
    assert_eq!(run.log.side(Side::Source).len(), 5_000);
}
