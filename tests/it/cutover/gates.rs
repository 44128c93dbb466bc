//! Each part of the gate, broken once on purpose: it refuses in words, says what would open it, and changes nothing.

use std::collections::BTreeSet;

use serde_json::json;
use tidegate::cutover::gate::{EVERY, Gate};
use tidegate::cutover::switch::Outcome;
use tidegate::cutover::way_back::WayBack;
use tidegate::desk::Side;
use tidegate::desk::policy::Silence;
use tidegate::ledger::switch::Kind;
use tidegate::mirror::Phase;
use tidegate::sim::faults::{Kind as Fault, Rates};
use tidegate::sim::snapshot::TicketState;

use crate::world::desk::{Kind as Desk, field, request_tracker, zendesk};
use crate::world::stand::World;
use crate::world::switching::{Hand, shut, wish};

const PROOF: &str = "Tidegate: proof";

/// A mirror that is copied and followed, with webhooks of both desks.
async fn mirrored(from: Desk, to: Desk) -> World {
    let mut world = World::of().from(from).to(to).both_tell().begin().await;
    let ticket = world.source.open("Order 1", "Where is it?");
    world.copy_and_work(&ticket).await;
    world
}

/// Fails unless the switch is refused by this gate alone, with these words, and nothing is changed.
async fn refuses(world: &World, hand: &Hand<'_>, name: &str, words: &str) {
    let report = world.switch(&wish(Kind::Go, &[]), hand).await;
    assert_eq!(report.outcome, Outcome::Refused, "{name}: {report:?}");
    let shut = shut(&report);
    let [only] = shut.as_slice() else { panic!("{name}: {shut:?}") };
    assert!(only.name == name && only.found.contains(words) && !only.opens.is_empty(), "{only:?}");
    unchanged(world).await;
}

async fn unchanged(world: &World) {
    assert_eq!((world.phase().await, world.leads().await), (Phase::Mirroring, vec!["source".to_string()]));
    assert!(world.ledger.open_switch(world.mirror.id).await.expect("an answer").is_none());
}

#[tokio::test]
async fn nothing_in_the_way_and_a_rehearsal_changes_nothing() {
    for (from, to) in [(zendesk(), request_tracker()), (request_tracker(), zendesk())] {
        let mut world = mirrored(from, to).await;
        let before: Vec<_> = world.target.tickets();
        let mails = |world: &World| world.source.running.stage.mails().len() + world.target.running.stage.mails().len();
        let mailed = mails(&world);
        let report = world.switch(&wish(Kind::Rehearsal, &[]), &Hand::of(&world)).await;
        assert_eq!(report.outcome, Outcome::Done, "{:?}", shut(&report));
        assert!(report.turn_would_take.is_some() && report.total() > 0.0 && report.turned.tickets == 0, "{report:?}");
        unchanged(&world).await;
        world.settle().await;
        assert_eq!(world.target.tickets(), before, "nothing is written in the new desk, not even the proof's ticket");
        let proofs: Vec<_> = world.source.tickets().into_iter().filter(|one| field(one, "subject").starts_with(PROOF)).collect();
        assert!(proofs.len() == 1 && proofs[0].state == TicketState::Deleted, "{proofs:?}");
        assert_eq!(mails(&world), mailed, "nobody is mailed");
        let checked = world.check().await;
        assert_eq!((checked.tickets, checked.probes, checked.at_parity()), (1, 1, true), "the proof is no ticket of anybody's");
    }
}

#[tokio::test]
async fn each_gate_of_the_ledger_refuses_in_words() {
    let mut world = mirrored(zendesk(), request_tracker()).await;
    world.ledger.pause_mirror(world.mirror.id, "a test").await.expect("an answer");
    refuses(&world, &Hand::of(&world), "mirror", "the mirror is paused: a test").await;
    let forced = world.switch(&wish(Kind::Go, &[EVERY]), &Hand::of(&world)).await;
    assert_eq!((forced.outcome.clone(), shut(&forced)[0].name), (Outcome::Refused, "mirror"), "nobody passes this by");
    world.ledger.resume_mirror(world.mirror.id).await.expect("an answer");

    world
        .sql("insert into blind (mirror_id, side, why, since) select id, 'source', 'it sees none', created_at from mirror")
        .await;
    refuses(&world, &Hand::of(&world), "mirror", "it sees none").await;
    world.sql("delete from blind").await;
    world.ledger.backfill(world.mirror.id, true, world.clock.now()).await.expect("an answer");
    refuses(&world, &Hand::of(&world), "mirror", "the full copy is under way").await;
    world.settle().await;

    let hand = Hand::of(&world);
    hand.served.set(false);
    refuses(&world, &hand, "gateway", "no gateway is at work").await;
    hand.served.set(true);
    hand.hears.set(false);
    refuses(&world, &hand, "look", "could not be asked for its last changes: 503 it says").await;
    drop(hand);

    world.sql("update watermark set fault = '503 it says' where side = 'source'").await;
    refuses(&world, &Hand::of(&world), "polls", "the poll of the old desk fails: 503 it says").await;
    world.sql("update watermark set fault = null").await;

    world.sql("update witness set last_delivery_at = null where side = 'target'").await;
    refuses(&world, &Hand::of(&world), "webhooks", "the webhook of the new desk has never told anything").await;
    world.sql("update witness set last_delivery_at = registered_at, tested_at = '2100-01-01', verdict = 'unreachable', verdict_why = 'no route'").await;
    world.sql("update witness set tested_at = null where side = 'target'").await;
    world.sql("update witness set last_delivery_at = '2026-03-02' where side = 'target'").await;
    refuses(&world, &Hand::of(&world), "webhooks", "the webhook of the old desk failed its last test: no route").await;
    world.sql("update witness set tested_at = null, last_delivery_at = '2026-03-02'").await;

    world
        .sql(
            "insert into parked (tenant_id, mirror_id, kind, reason, advice, blocking, parked_at)
             select tenant_id, id, 'exposed', 'old ticket 1 was made private', 'look', false, created_at from mirror",
        )
        .await;
    refuses(&world, &Hand::of(&world), "parked", "1 things wait for a person's decision, one of them: old ticket 1").await;
    world.release("exposed").await;

    world
        .sql(
            "insert into conflict (tenant_id, mirror_id, pair_id, field, source_now, target_now, winner, found_at)
             select tenant_id, mirror_id, id, 'priority', '\"empty\"', '\"empty\"', 'undecided', created_at from pair limit 1",
        )
        .await;
    refuses(&world, &Hand::of(&world), "conflicts", "1 fields that both desks changed are undecided").await;
    world.sql("delete from conflict").await;
    world.switched(Kind::Rehearsal).await;
}

#[tokio::test]
async fn a_desk_of_which_nobody_has_said_that_it_is_silent_is_not_written_to() {
    let world = mirrored(zendesk(), request_tracker()).await;
    let hand = Hand::of(&world);
    hand.silence.set([Silence::Proven, Silence::AdminRule]);
    let before = world.source.tickets().len();
    refuses(&world, &hand, "silence", "then we write into the old desk").await;
    assert_eq!(world.source.tickets().len(), before, "not even the proof of the way back");
    hand.silence.set([Silence::MailAllowed, Silence::AdminRule]);
    let report = world.switch(&wish(Kind::Rehearsal, &[]), &hand).await;
    assert_eq!(report.outcome, Outcome::Done, "{:?}", shut(&report));
}

#[tokio::test]
async fn what_is_not_applied_in_time_refuses() {
    let mut world = mirrored(zendesk(), request_tracker()).await;
    world.sql("update lane set pending = pending + 1, due_at = '2100-01-01', waiting_since = '2026-03-01'").await;
    refuses(&world, &Hand::of(&world), "lag", "the oldest of 1 waiting tickets has waited").await;
    world.sql("update lane set waiting_since = null").await;
    refuses(&world, &Hand::of(&world), "applied", "1 tickets were not applied within 90 s: 1").await;
    world.sql("update lane set due_at = '2026-03-01'").await;
    world.settle().await;
    world.switched(Kind::Rehearsal).await;
}

#[tokio::test]
async fn findings_held_mail_and_differences_refuse() {
    let mut world = mirrored(zendesk(), request_tracker()).await;
    let hand = Hand::of(&world);
    *hand.findings.borrow_mut() = Err("`target-scrips` is not accepted".to_string());
    refuses(&world, &hand, "findings", "`target-scrips` is not accepted").await;
    drop(hand);

    let mail = json!({ "suspended_ticket": { "subject": "Win!", "cause": "Detected as spam" } });
    let post = reqwest::Client::new().post(format!("{}/_sim/suspended_tickets", world.source.running.url));
    let answer = post.header("content-type", "application/json").body(mail.to_string()).send().await.expect("the desk answers");
    assert!(answer.status().is_success(), "{}", answer.status());
    refuses(&world, &Hand::of(&world), "held-mail", "holds 1 mails back that are no tickets").await;
    let ticket = world.source.tickets()[0].id.clone();
    world.source.slip(&ticket, "Another subject");
    let report = world.switch(&wish(Kind::Go, &["held-mail"]), &Hand::of(&world)).await;
    let only = shut(&report);
    assert!(only.len() == 1 && only[0].name == "parity" && only[0].found.starts_with("1 tickets differ"), "{only:?}");
    unchanged(&world).await;
    let waived = world.switch(&wish(Kind::Rehearsal, &["held-mail", "parity"]), &Hand::of(&world)).await;
    assert_eq!(waived.outcome, Outcome::Done, "what was waived is passed by: {:?}", shut(&waived));
    world.settle().await;
}

async fn way_back(world: &World) -> Gate {
    let course = world.process.course();
    let (ledger, clock, desk) = (&world.ledger, &world.clock, course.source.as_ref());
    let (mirror, keys, side) = (world.mirror.id, &world.mirror.keys, Side::Source);
    WayBack { ledger, clock, desk, mirror, keys, side, windows: None }.prove().await.expect("the ledger is there")
}

fn proofs_left(world: &World) -> usize {
    let left = |one: &&tidegate::sim::snapshot::TicketView| {
        field(one, "subject").starts_with(PROOF) && one.state == TicketState::Present
    };
    world.source.tickets().iter().filter(left).count()
}

#[tokio::test]
async fn the_way_back_is_shut_where_the_old_desk_does_not_take_or_show_our_ticket() {
    for from in [zendesk(), request_tracker()] {
        let mut world = mirrored(from, request_tracker()).await;
        world.source.running.stage.faults().set(Rates { refuse: 1.0, ..Rates::default() });
        let gate = way_back(&world).await;
        assert!(!gate.holds && gate.found.starts_with("the old desk: it does not let us in: "), "{gate:?}");
        world.source.running.stage.faults().set(Rates::default());
        world.source.conceal(None);
        let gate = way_back(&world).await;
        assert!(!gate.holds && gate.name == "way-back", "{gate:?}");
        world.source.conceal(Some(&[]));
        assert_eq!(proofs_left(&world), 1, "it could not be removed");
        let gate = way_back(&world).await;
        assert!(
            gate.holds && gate.found.contains("made at the old desk, answered with a file, changed, read and removed"),
            "{gate:?}"
        );
        assert_eq!(proofs_left(&world), 0, "the next one removes what is left");
        world.settle().await;
        assert!(world.target.tickets().iter().all(|one| !field(one, "subject").starts_with(PROOF)));
    }
}

#[tokio::test]
async fn each_right_that_the_way_back_needs_is_tried_in_each_group_of_the_mirror() {
    let mut world = mirrored(request_tracker(), zendesk()).await;
    for (call, words) in
        [("POST correspond", " cannot be answered: "), ("POST comment", " lost its note"), ("PUT ticket", " cannot be changed: ")]
    {
        world.source.running.stage.faults().forbid(&[call]);
        let gate = way_back(&world).await;
        assert!(!gate.holds && gate.found.contains(words), "{call}: {gate:?}");
        world.source.running.stage.faults().forbid(&[]);
        way_back(&world).await;
        assert_eq!(proofs_left(&world), 0, "{call}");
    }
    let before = world.source.tickets().len();
    let other = world.source.open("Order 2", "Where is it?");
    world.source.set(&other, "group", "General");
    world.settle().await;
    let gate = way_back(&world).await;
    let made: BTreeSet<String> = world.source.tickets().iter().skip(before + 1).map(|one| field(one, "group")).collect();
    assert_eq!((gate.holds, made), (true, ["General".to_string(), "Support".to_string()].into()), "{gate:?}");
    assert!(gate.found.starts_with("2 tickets, one in each group, were made at the old desk"), "{gate:?}");
    world.settle().await;
}

#[tokio::test]
async fn a_file_that_the_old_desk_does_not_take_shuts_the_way_back() {
    let mut world = mirrored(zendesk(), request_tracker()).await;
    for (call, words) in [("POST uploads", "it takes no file: "), ("PUT tickets", " cannot be answered: ")] {
        world.source.running.stage.faults().forbid(&[call]);
        let gate = way_back(&world).await;
        assert!(!gate.holds && gate.found.contains(words), "{call}: {gate:?}");
        world.source.running.stage.faults().forbid(&[]);
    }
    assert!(way_back(&world).await.holds);
    assert_eq!(proofs_left(&world), 0);
    world.settle().await;
}

#[tokio::test]
async fn a_proof_whose_answer_was_lost_is_looked_up_and_removed() {
    let mut world = mirrored(zendesk(), request_tracker()).await;
    let create = "POST /api/v2/imports/tickets";
    let mut lost = false;
    for _ in 0..12 {
        let before = world.source.calls(create);
        world.source.running.stage.faults().order(Fault::LoseAnswer);
        way_back(&world).await;
        lost |= world.source.calls(create) > before && proofs_left(&world) > 0;
        if lost {
            break;
        }
    }
    assert!(lost, "a creation lost its answer");
    world.clock.advance(std::time::Duration::from_secs(15));
    assert!(way_back(&world).await.holds);
    assert_eq!(proofs_left(&world), 0);
    world.settle().await;
}
