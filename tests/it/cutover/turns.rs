//! The turn: one commit, nothing lost around it, killed anywhere, there and back and there again.

use tidegate::cutover::switch::{Outcome, Step};
use tidegate::desk::Side;
use tidegate::ledger::switch::{Kind, Wish};
use tidegate::mirror::Phase;
use tidegate::sim::snapshot::TicketState;

use crate::world::desk::{Desk as Place, Kind as Desk, field, request_tracker, saying, zendesk};
use crate::world::stand::World;
use crate::world::switching::{Hand, shut, wish};

/// Two tickets that both desks know, with webhooks of both. Returns their old numbers.
pub(super) async fn mirrored(from: Desk, to: Desk) -> (World, [String; 2]) {
    let mut world = World::of().from(from).to(to).both_tell().begin().await;
    let tickets = ["one", "two"].map(|name| world.source.open(&format!("Order {name}"), "Where is it?"));
    world.copy_and_work(&tickets[0]).await;
    (world, tickets)
}

fn led_by(side: Side) -> Vec<String> {
    vec![side.as_str().to_string()]
}

/// An agent of one desk says that a ticket is urgent; the word for it at the other desk.
fn urgent(desk: &Place, ticket: &str) -> &'static str {
    let (word, there) = if desk.kind.vendor == "zendesk" { ("urgent", "100") } else { ("100", "urgent") };
    desk.set(ticket, "priority", word);
    there
}

/// Both desks say the same.
async fn at_parity(world: &World, stage: &str) {
    let report = world.check().await;
    assert!(report.at_parity(), "{stage}: {:?}", report.lines());
}

#[tokio::test]
async fn the_new_desk_leads_then_the_old_one_then_the_new_one_again() {
    for (from, to) in [(zendesk(), request_tracker()), (request_tracker(), zendesk())] {
        let (mut world, tickets) = mirrored(from, to).await;
        let there = world.mirrored(&tickets[1]).id;
        let report = world.switched(Kind::Go).await;
        assert_eq!((report.turned.whole, report.turned.late), (2, 0), "{report:?}");
        assert_eq!((world.phase().await, world.leads().await), (Phase::Switched, led_by(Side::Target)));
        world.settle().await;
        at_parity(&world, "just switched").await;
        let word = urgent(&world.target, &there);
        world.source.reply(&tickets[1], "Anybody?");
        world.settle().await;
        assert_eq!(field(&world.source.ticket(&tickets[1]), "priority"), word, "the new desk's people are followed");
        assert_eq!(saying(&world.mirrored(&tickets[1]), "Anybody?").len(), 1, "a late reply arrives");
        at_parity(&world, "the new desk leads").await;
        let report = world.switched(Kind::Back).await;
        assert_eq!(report.turned.late, 0);
        assert_eq!((world.phase().await, world.leads().await), (Phase::Mirroring, led_by(Side::Source)));
        world.settle().await;
        let word = urgent(&world.source, &tickets[0]);
        world.source.reply(&tickets[1], "Still there?");
        world.settle().await;
        assert_eq!(field(&world.mirrored(&tickets[0]), "priority"), word, "the old desk's people are followed");
        assert_eq!(saying(&world.mirrored(&tickets[1]), "Still there?").len(), 1);
        at_parity(&world, "back again").await;
        world.switched(Kind::Go).await;
        assert_eq!((world.phase().await, world.leads().await), (Phase::Switched, led_by(Side::Target)));
        world.settle().await;
        at_parity(&world, "switched again").await;
        let runs = world.ledger.switches(world.mirror.id).await.expect("an answer");
        assert!(runs.len() == 3 && runs.iter().all(|run| run.outcome.as_deref() == Some("done")), "{runs:?}");
        assert_eq!(world.source.tickets().iter().filter(|one| one.state == TicketState::Present).count(), 2, "nothing loops");
        assert_eq!(world.target.tickets().iter().filter(|one| one.state == TicketState::Present).count(), 2, "nothing loops");
    }
}

#[tokio::test]
async fn what_the_old_desk_says_in_the_last_moment_is_carried() {
    let (mut world, tickets) = mirrored(zendesk(), request_tracker()).await;
    let (source, ticket) = (&world.source, tickets[0].clone());
    // After everything was found to be in order, and before the turn.
    let hand = Hand::of(&world).after(Step::Verdicts, || source.set(&ticket, "priority", "urgent"));
    let report = world.switch(&wish(Kind::Go, &[]), &hand).await;
    assert_eq!((report.outcome.clone(), report.turned.late), (Outcome::Done, 0), "{:?}", shut(&report));
    drop(hand);
    assert_eq!(field(&world.mirrored(&tickets[0]), "priority"), "100");
    assert_eq!(world.leads().await, led_by(Side::Target), "and its ticket is turned once that is done");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "priority"), "100");
}

#[tokio::test]
async fn a_desk_that_is_only_polled_and_withholds_its_last_minute_is_waited_for() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).polled().begin().await;
    let ticket = world.source.open("Order one", "Where is it?");
    world.copy().await;
    world.source.set(&ticket, "priority", "urgent");
    let report = world.switched(Kind::Go).await;
    assert_eq!(report.turned.late, 0);
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "100", "it was changed a second before, and no webhook told");
    world.settle().await;
}

#[tokio::test]
async fn a_gate_waits_for_what_was_marked_and_not_for_silence() {
    let (mut world, tickets) = mirrored(zendesk(), request_tracker()).await;
    let (source, ticket) = (&world.source, tickets[1].clone());
    let marked = Hand::of(&world).after(Step::Look, || {
        source.reply(&ticket, "One more thing.");
    });
    let report = world.switch(&wish(Kind::Rehearsal, &[]), &marked).await;
    assert_eq!(report.outcome, Outcome::Done, "{:?}", shut(&report));
    drop(marked);
    assert_eq!(saying(&world.mirrored(&tickets[1]), "One more thing.").len(), 1, "it was marked, and waited for");
    world.hold(&tickets[1], true).await;
    let spoken = Hand::of(&world).after(Step::Mark, || {
        source.reply(&ticket, "And one more.");
    });
    let report = world.switch(&wish(Kind::Rehearsal, &[]), &spoken).await;
    assert_eq!(report.outcome, Outcome::Done, "nobody waits for what comes later: {:?}", shut(&report));
    drop(spoken);
    assert_eq!(saying(&world.mirrored(&tickets[1]), "And one more.").len(), 0);
    world.hold(&tickets[1], false).await;
    world.switched(Kind::Go).await;
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&tickets[1]), "And one more.").len(), 1);
}

#[tokio::test]
async fn killed_after_any_step_it_is_undone_or_finished_and_never_half() {
    for (kind, step) in [Kind::Go, Kind::Back].into_iter().flat_map(|kind| Step::ALL.map(|step| (kind, step))) {
        let (mut world, _) = mirrored(zendesk(), request_tracker()).await;
        let there = [(Phase::Switched, led_by(Side::Target)), (Phase::Mirroring, led_by(Side::Source))];
        let ([before, after], back) = match kind {
            Kind::Back => (there, Kind::Go),
            _ => ([there[1].clone(), there[0].clone()], Kind::Back),
        };
        if kind == Kind::Back {
            world.switched(Kind::Go).await;
            world.settle().await;
        }
        world.interrupted_switch(&wish(kind, &[]), step).await;
        let open = world.ledger.open_switch(world.mirror.id).await.expect("an answer").expect("it is under way");
        let turned = matches!(step, Step::Turn | Step::Late);
        assert_eq!(open.turned_at.is_some(), turned, "{kind:?} {step:?}");
        let stands = if turned { after.clone() } else { (Phase::Switching, before.1.clone()) };
        assert_eq!((world.phase().await, world.leads().await), stands, "{kind:?} {step:?}");
        let other = world.switch(&wish(back, &[]), &Hand::of(&world)).await;
        assert!(matches!(other.outcome, Outcome::InTheWay(_)), "{kind:?} {step:?}");
        if !turned {
            // Given up, it is as if nothing had been.
            world.ledger.end_switch(world.mirror.id, &open, "undone", world.clock.now()).await.expect("an answer");
            assert_eq!((world.phase().await, world.leads().await), before, "{kind:?} {step:?}");
            world.interrupted_switch(&wish(kind, &[]), step).await;
        }
        world.switched(kind).await;
        assert_eq!((world.phase().await, world.leads().await), after, "{kind:?} {step:?}");
        let runs = world.ledger.switches(world.mirror.id).await.expect("an answer");
        let wanted = 1 + usize::from(!turned) + usize::from(kind == Kind::Back);
        assert_eq!((runs.len(), runs[0].outcome.as_deref()), (wanted, Some("done")), "{kind:?} {step:?}");
        world.settle().await;
    }
}

#[tokio::test]
async fn whoever_takes_a_killed_switch_up_may_pass_more_by_and_it_is_kept() {
    let (mut world, _) = mirrored(zendesk(), request_tracker()).await;
    let first = Wish { reason: Some("no time".to_string()), ..wish(Kind::Go, &["held-mail"]) };
    world.interrupted_switch(&first, Step::Mark).await;
    let hand = Hand::of(&world);
    *hand.findings.borrow_mut() = Err("open".to_string());
    let second = Wish { who: "piet".to_string(), reason: Some("it is known".to_string()), ..wish(Kind::Go, &["findings"]) };
    let report = world.switch(&second, &hand).await;
    drop(hand);
    assert_eq!(report.outcome, Outcome::Done, "{:?}", shut(&report));
    let run = world.ledger.switches(world.mirror.id).await.expect("an answer").remove(0);
    assert_eq!((run.who.as_str(), run.waived), ("olga", vec!["held-mail".to_string(), "findings".to_string()]));
    assert_eq!(run.reason.as_deref(), Some("no time; piet: it is known"));
    world.settle().await;
}

#[tokio::test]
async fn who_passed_a_gate_by_and_why_is_kept() {
    let (mut world, _) = mirrored(zendesk(), request_tracker()).await;
    let hand = Hand::of(&world);
    *hand.findings.borrow_mut() = Err("open".to_string());
    let report = world.switch(&wish(Kind::Go, &["all"]), &hand).await;
    drop(hand);
    assert_eq!(report.outcome, Outcome::Done, "{:?}", shut(&report));
    assert!(report.gates.iter().any(|gate| gate.name == "findings" && gate.waived), "{:?}", report.gates);
    let runs = world.ledger.switches(world.mirror.id).await.expect("an answer");
    let kept = (runs[0].who.as_str(), runs[0].waived.as_slice(), runs[0].reason.as_deref());
    assert_eq!(kept, ("olga", ["all".to_string()].as_slice(), Some("a test")));
    let steps = world.ledger.steps(&runs[0]).await.expect("an answer");
    assert_eq!(steps.len(), Step::ALL.len() - 1, "{steps:?}");
    world.settle().await;
}
