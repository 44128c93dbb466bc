//! After the switch people's replies in the new desk reach the customers: what kept it silent about our copies is taken off, once, in
//! bulk, and mails nobody by itself.

use std::sync::Arc;
use std::time::Duration;

use tidegate::cutover::voice::voices;
use tidegate::desk::Side;
use tidegate::gateway::connect::connected;
use tidegate::ledger::lane::Claimant;
use tidegate::ledger::switch::Kind;
use tidegate::ledger::voice::{Place, Voice};
use tidegate::replay::house::Settings;
use tidegate::sim::faults::Kind as Fault;
use uuid::Uuid;

use crate::world::desk::{Desk, customer, request_tracker, saying, zendesk};
use crate::world::killer::Holder;
use crate::world::process::{ended, verb};
use crate::world::stand::World;

const TAG: &str = "tidegate_silent";
const MANY: &str = "PUT /api/v2/tickets/update_many";

fn is_silent(desk: &Desk, ticket: &str) -> bool {
    desk.ticket(ticket).tags.contains(TAG)
}

/// Whether the desk mailed the customer about this ticket.
fn told(desk: &Desk, ticket: &str) -> bool {
    let mails = desk.running.stage.mails();
    mails.iter().any(|mail| mail.ticket == ticket && mail.to.contains(&customer().email))
}

/// Two copied tickets of an RT in a Zendesk, with the numbers of both.
async fn copied() -> (World, [[String; 2]; 2]) {
    let mut world = World::of().from(request_tracker()).to(zendesk()).both_tell().begin().await;
    let old = ["one", "two"].map(|name| world.source.open(&format!("Order {name}"), "Where is it?"));
    world.copy().await;
    let tickets = old.map(|old| [old.clone(), world.mirrored(&old).id]);
    (world, tickets)
}

async fn voice(world: &World, side: Side) -> Voice {
    let mirror = world.ledger.mirror("demo").await.expect("it is there");
    let config = connected(&mirror, &world.ledger, &world.clock).expect("it was applied").config;
    let all = voices(&world.ledger, mirror.id, &config).await.expect("an answer");
    all.into_iter().find(|voice| voice.side == side).expect("this desk keeps the tag")
}

#[tokio::test]
async fn a_person_s_first_reply_after_the_switch_reaches_the_customer() {
    let (mut world, [[old, new], _]) = copied().await;
    world.process.speak().await;
    assert!(is_silent(&world.target, &new) && world.target.calls(MANY) == 0, "the old desk leads: our writes are kept silent");
    world.switched(Kind::Go).await;
    assert_eq!((voice(&world, Side::Target).await.tickets, voice(&world, Side::Target).await.mute), (2, 2));
    world.process.speak().await;
    assert_eq!((world.target.calls(MANY), voice(&world, Side::Target).await.mute), (1, 0), "one job for both");
    assert!(world.target.running.stage.mails().is_empty(), "taking it off mails nobody");
    world.target.answer(&new, "It is on its way.");
    assert!(told(&world.target, &new), "{:?}", world.target.running.stage.mails());
    world.settle().await;
    assert_eq!(saying(&world.source.ticket(&old), "on its way").len(), 1);
    let (writes, report) = (world.figure("writes").await, world.check().await);
    assert!(report.at_parity(), "{:?}", report.lines());
    for _ in 0..3 {
        world.process.speak().await;
        world.settle().await;
    }
    assert_eq!((world.figure("writes").await, world.target.calls(MANY)), (writes, 1), "it comes to rest");
    assert!(world.ledger.conflicts(world.mirror.id).await.expect("an answer").is_empty(), "nobody's work");
    assert!(world.check().await.at_parity());
}

#[tokio::test]
async fn a_ticket_that_is_made_or_answered_later_is_not_left_silent() {
    let (mut world, [[old, new], _]) = copied().await;
    world.switched(Kind::Go).await;
    world.process.speak().await;
    world.settle().await;
    let late = world.source.open("Order three", "A late mail.");
    world.source.reply(&old, "One more thing.");
    world.settle().await;
    assert!(!is_silent(&world.target, &new), "whoever carried the reply took it off");
    let late = world.mirrored(&late).id;
    assert!(is_silent(&world.target, &late), "it was just made");
    world.process.speak().await;
    assert!(!is_silent(&world.target, &late));
    // A follow-up inherits the tags of the closed ticket, which can be given none and taken none.
    world.target.set(&late, "status", "closed");
    world.settle().await;
    world.sql("update pair set target_mute = true").await;
    let followed = world.target.reply(&late, "Not yet.");
    let next = world.target.tickets().into_iter().find(|ticket| ticket.messages.iter().any(|one| one.id == followed));
    let next = next.expect("a follow-up").id;
    world.target.tag(&next, &[TAG], &[]);
    world.settle().await;
    world.process.speak().await;
    assert!(!is_silent(&world.target, &next));
    world.target.answer(&next, "We look again.");
    assert!(told(&world.target, &next));
    world.settle().await;
    // The two desks have agreed on no word for it.
    world.parked("unmapped").await;
}

#[tokio::test]
async fn an_answer_that_is_lost_and_a_ticket_that_is_hidden_are_told_and_tried_again() {
    let (mut world, [[_, one], [_, two]]) = copied().await;
    world.switched(Kind::Go).await;
    world.target.running.stage.faults().order(Fault::LoseAnswer);
    world.process.speak().await;
    let lost = voice(&world, Side::Target).await;
    assert_eq!((lost.mute, lost.failed), (2, 2), "nobody knows whether it was done: {lost:?}");
    world.process.speak().await;
    assert_eq!(world.target.calls(MANY), 1, "not at once");
    world.clock.advance(Duration::from_secs(61));
    world.target.conceal(Some(&[&two]));
    world.target.tag(&one, &[TAG], &[]);
    world.target.tag(&two, &[TAG], &[]);
    world.sql("update pair set target_mute = true").await;
    world.process.speak().await;
    world.target.conceal(Some(&[]));
    // The job did it; the desk hides the ticket from those who ask for it alone.
    assert!(!is_silent(&world.target, &one) && voice(&world, Side::Target).await.mute == 0);
    world.settle().await;
}

#[tokio::test]
async fn a_ticket_that_refuses_is_named_and_the_others_are_not_held_up() {
    let (mut world, [[_, one], [_, two]]) = copied().await;
    world.switched(Kind::Go).await;
    world
        .sql("update pair set target_ticket = '4711' where id = (select max(id) from pair where target_ticket is not null)")
        .await;
    world.process.speak().await;
    let voice_now = voice(&world, Side::Target).await;
    assert_eq!((voice_now.tickets, voice_now.mute, voice_now.failed), (2, 1, 1), "{voice_now:?}");
    let line = tidegate::cutover::voice::line(&voice_now).expect("there is something to tell");
    assert!(line.starts_with("silence lifted: 1 of 2 tickets of the new desk; 1 could not be yet"), "{line}");
    assert!(line.contains("ticket 4711: "), "{line}");
    assert!(!is_silent(&world.target, &one) && is_silent(&world.target, &two));
    sqlx::query("update pair set target_ticket = $1 where target_ticket = '4711'")
        .bind(&two)
        .execute(&world.pool)
        .await
        .expect("it is its number again");
    world.clock.advance(Duration::from_secs(61));
    world.process.speak().await;
    assert!(!is_silent(&world.target, &two) && voice(&world, Side::Target).await.failed == 0);
    world.settle().await;
}

#[tokio::test]
async fn nobody_s_work_is_lost_sight_of_when_a_worker_comes_in_between() {
    let (mut world, [[old, _], _]) = copied().await;
    world.switched(Kind::Go).await;
    let place = Place { mirror: world.mirror.id, side: Side::Target, closed: Some("closed"), done: &["solved", "closed"] };
    let seen = world.ledger.mute(place, false, world.clock.now(), 10).await.expect("an answer");
    assert_eq!(seen.len(), 2);
    let settings = Settings::default();
    let claimant = Claimant { worker: Uuid::new_v4(), lease: settings.lease, grace: settings.grace, only: None };
    let pair = world.ledger.pairs_of_number(world.mirror.id, &old).await.expect("an answer").remove(0).id;
    world.ledger.claim_pair(pair, claimant, world.clock.now()).await.expect("an answer").expect("nobody is at it");
    let free = world.ledger.mute(place, false, world.clock.now(), 10).await.expect("an answer");
    assert!(free.len() == 1 && free[0].pair != pair, "a ticket at which somebody works is left alone");
    assert_eq!(world.ledger.speaks(Side::Target, &seen).await.expect("an answer"), 1, "it may be silent again");
    assert_eq!(voice(&world, Side::Target).await.mute, 1);
    // Its process ended; the next one comes.
    world.restart().await;
    world.clock.advance(world.process.lease_and_grace());
    world.source.reply(&old, "Hello?");
    world.settle().await;
    world.process.speak().await;
    assert_eq!(voice(&world, Side::Target).await.mute, 0);
    world.settle().await;
}

#[tokio::test]
async fn killed_while_it_makes_a_ticket_the_next_process_ends_its_silence() {
    // Told by poll alone the new desk's hint does not overtake the settlement.
    let mut world = World::of().from(request_tracker()).to(zendesk()).begin().await;
    world.source.open("Order one", "Where is it?");
    world.copy().await;
    world.switched(Kind::Go).await;
    world.settle().await;
    world.process.speak().await;
    let holder = Arc::new(Holder::at("write done", 1));
    world.process = world.process.successor(holder.clone()).await;
    world.process.serve(&world.mirror).await;
    let late = world.source.open("Order three", "A late mail.");
    world.arrive().await;
    tokio::select! {
        () = holder.holds() => {}
        _ = world.process.engine.run_until_idle() => panic!("nothing was written"),
    }
    let there = world.mirrored(&late).id;
    assert!(is_silent(&world.target, &there), "it was made in silence");
    world.restart().await;
    world.settle().await;
    world.process.speak().await;
    assert!(!is_silent(&world.target, &there));
    world.settle().await;
}

#[tokio::test]
async fn open_tickets_come_first_and_closed_ones_are_left_alone() {
    let (mut world, [[one, _], [two, new]]) = copied().await;
    world.source.set(&one, "status", "resolved");
    world.settle().await;
    world.switched(Kind::Go).await;
    let place = Place { mirror: world.mirror.id, side: Side::Target, closed: Some("closed"), done: &["solved", "closed"] };
    let numbers = async |only_open| {
        let found = world.ledger.mute(place, only_open, world.clock.now(), 10).await.expect("an answer");
        found.into_iter().map(|one| one.ticket.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(true).await, std::slice::from_ref(&new));
    assert_eq!(numbers(false).await, [new, world.mirrored(&one).id]);
    let closed = Place { closed: Some("solved"), ..place };
    assert_eq!(world.ledger.voice(closed).await.expect("an answer").tickets, 1, "{two} alone");
    world.settle().await;
}

#[tokio::test]
async fn on_the_way_back_copies_are_silent_again_when_written_and_speak_after_the_next_switch() {
    let (mut world, [[old, new], _]) = copied().await;
    world.switched(Kind::Go).await;
    world.settle().await;
    world.process.speak().await;
    world.settle().await;
    world.switched(Kind::Back).await;
    world.source.set(&old, "priority", "75");
    world.settle().await;
    world.process.speak().await;
    assert!(is_silent(&world.target, &new), "our write put it there, and the old desk leads");
    world.switched(Kind::Go).await;
    let before = world.target.calls(MANY);
    world.process.speak().await;
    assert_eq!((is_silent(&world.target, &new), world.target.calls(MANY)), (false, before + 1));
    assert!(!told(&world.target, &new));
    world.settle().await;
    assert!(world.check().await.at_parity());
}

#[tokio::test]
async fn an_old_desk_that_is_written_to_after_the_switch_lets_its_people_answer() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).both_tell().begin().await;
    let old = world.source.open("Order one", "Where is it?");
    world.copy().await;
    let new = world.mirrored(&old).id;
    world.switched(Kind::Go).await;
    world.settle().await;
    world.target.set(&new, "priority", "100");
    world.settle().await;
    assert!(is_silent(&world.source, &old), "it was written to");
    world.process.speak().await;
    assert_eq!((is_silent(&world.source, &old), voice(&world, Side::Source).await.mute), (false, 0));
    let before = world.source.running.stage.mails().len();
    world.source.answer(&old, "I still work here.");
    assert!(world.source.running.stage.mails().len() > before, "the customer hears of it");
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&old), "I still work here").len(), 1);
    let calls = world.source.calls(MANY);
    world.process.speak().await;
    world.settle().await;
    assert_eq!(world.source.calls(MANY), calls, "it comes to rest");
}

#[tokio::test]
async fn a_mirror_is_not_retired_while_people_s_replies_may_reach_nobody() {
    let (mut world, [_, [_, two]]) = copied().await;
    world.switched(Kind::Go).await;
    world.settle().await;
    let refused = "in 2 tickets of the new desk people's replies may reach nobody yet";
    let (code, said) = ended(verb(&world.url(), &["retire", "demo"])).await;
    assert!(code == Some(1) && said.contains(refused) && said.contains("Refused: nothing was changed."), "{said}");
    world.process.speak().await;
    world.target.set(&two, "priority", "urgent");
    world.settle().await;
    let (code, said) = ended(verb(&world.url(), &["retire", "demo"])).await;
    assert!(code == Some(1) && !said.contains("may reach nobody"), "{said}");
    assert!(said.contains("no gateway is at work: nothing would be carried"), "whoever writes there is not heard: {said}");
}
