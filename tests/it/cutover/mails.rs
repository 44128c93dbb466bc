//! Mails after the switch: a person's reply in the new desk reaches the customer, whose answer lands in the same ticket; an answer to a mail
//! from before lands in the old desk's ticket and is carried over. The desks sort mail by their own rules.

use std::time::Duration;

use tidegate::ledger::switch::Kind;
use tidegate::sim::snapshot::{Incoming, Mail, TicketState};

use crate::world::desk::{Desk, Kind as Vendor, customer, request_tracker, saying, zendesk};
use crate::world::stand::World;

/// Each desk as the new one.
fn ways() -> [(Vendor, Vendor); 3] {
    [(request_tracker(), zendesk()), (zendesk(), request_tracker()), (zendesk(), zendesk())]
}

/// The last mail to the customer about a ticket.
fn mail(desk: &Desk, ticket: &str) -> Mail {
    let mails = desk.running.stage.mails();
    let about = |mail: &&Mail| mail.ticket == ticket && mail.to.contains(&customer().email);
    mails.iter().rfind(about).unwrap_or_else(|| panic!("nothing reached the customer: {mails:?}")).clone()
}

/// The customer's answer to it.
fn answer(mail: &Mail, words: &str) -> Incoming {
    mail.answered(&customer().email, words)
}

/// A ticket that both desks know, answered in the old one, with the new one in the lead. Both numbers.
async fn switched((from, to): (Vendor, Vendor)) -> (World, String, String) {
    let mut world = World::of().from(from).to(to).both_tell().begin().await;
    let old = world.source.open("Order one", "Where is it?");
    world.source.answer(&old, "We look.");
    world.copy().await;
    let new = world.mirrored(&old).id;
    world.switched(Kind::Go).await;
    world.settle().await;
    world.process.speak().await;
    world.settle().await;
    (world, old, new)
}

fn tickets(desk: &Desk) -> usize {
    desk.tickets().iter().filter(|ticket| ticket.state == TicketState::Present).count()
}

#[tokio::test]
async fn the_first_reply_reaches_the_customer_and_the_answer_to_it_lands_in_the_same_ticket() {
    for way in ways() {
        let what = format!("{} to {}", way.0.vendor, way.1.vendor);
        let (mut world, old, new) = switched(way).await;
        world.target.answer(&new, "It is on its way.");
        let arrived =
            world.target.receive(&answer(&mail(&world.target, &new), "Thank you kindly.")).await.expect("it is taken in");
        assert_eq!(arrived.ticket, new, "{what}");
        world.settle().await;
        for words in ["on its way", "Thank you kindly"] {
            assert_eq!(saying(&world.target.ticket(&new), words).len(), 1, "{what}: {words}");
            assert_eq!(saying(&world.source.ticket(&old), words).len(), 1, "{what}: {words}");
        }
        assert_eq!((tickets(&world.source), tickets(&world.target)), (1, 1), "{what}");
        let report = world.check().await;
        assert!(report.at_parity(), "{what}: {:?}", report.lines());
    }
}

#[tokio::test]
async fn with_the_old_desk_switched_off_it_lands_there_all_the_same() {
    for way in ways() {
        let what = format!("{} to {}", way.0.vendor, way.1.vendor);
        let (mut world, _, new) = switched(way).await;
        world.source.running.cut_off();
        world.target.answer(&new, "It is on its way.");
        let arrived =
            world.target.receive(&answer(&mail(&world.target, &new), "Thank you kindly.")).await.expect("it is taken in");
        assert_eq!(arrived.ticket, new, "{what}");
        let writes = world.figure("writes").await;
        for _ in 0..3 {
            world.turn().await;
            world.process.speak().await;
            world.clock.advance(Duration::from_secs(75));
        }
        let there = world.target.ticket(&new);
        assert_eq!((saying(&there, "on its way").len(), saying(&there, "Thank you kindly").len()), (1, 1), "{what}");
        assert_eq!((tickets(&world.target), world.figure("writes").await), (1, writes), "{what}");
        assert!(!there.tags.contains("tidegate_silent"), "{what}");
        // The old desk does not come back.
        world.sql("update mirror set paused_why = 'the old desk is gone'").await;
    }
}

#[tokio::test]
async fn an_answer_to_a_mail_from_before_lands_in_the_old_ticket_and_is_carried_over() {
    for way in ways() {
        let what = format!("{} to {}", way.0.vendor, way.1.vendor);
        let (mut world, old, new) = switched(way).await;
        let arrived = world.source.receive(&answer(&mail(&world.source, &old), "Any news?")).await.expect("it is taken in");
        assert_eq!(arrived.ticket, old, "{what}");
        world.settle().await;
        for ticket in [world.source.ticket(&old), world.target.ticket(&new)] {
            assert_eq!(saying(&ticket, "Any news?").len(), 1, "{what}: {ticket:#?}");
        }
        assert_eq!((tickets(&world.source), tickets(&world.target)), (1, 1), "{what}");
        // And the person who reads it in the new desk can answer it.
        let before = world.target.running.stage.mails().len();
        world.target.answer(&new, "Tomorrow.");
        assert!(world.target.running.stage.mails().len() > before, "{what}: nothing of the copy's silence is left");
        world.settle().await;
    }
}

#[tokio::test]
async fn a_simulated_zendesk_sorts_mail_as_its_vendor_says() {
    let mut world = World::of().from(zendesk()).to(zendesk()).begin().await;
    let (desk, ticket) = (&world.source, world.source.open("Order one", "Where is it?"));
    desk.answer(&ticket, "We look.");
    let reply = answer(&mail(desk, &ticket), "Thank you kindly.");
    let elsewhere = Incoming { to: "support@sim.zendesk.example".to_string(), ..reply.clone() };
    let bare = Incoming { body: "Thank you kindly.".to_string(), ..elsewhere.clone() };
    let headless = Incoming { in_reply_to: None, references: Vec::new(), ..elsewhere.clone() };
    for one in [&reply, &elsewhere, &bare, &headless] {
        assert_eq!(desk.receive(one).await.expect("it is taken in").ticket, ticket, "{one:?}");
    }
    let said = desk.ticket(&ticket);
    assert!(said.messages.iter().all(|message| !message.body.contains("type your reply")), "what is quoted is cut off");
    let alone = Incoming { in_reply_to: None, references: Vec::new(), ..bare.clone() };
    assert_ne!(desk.receive(&alone).await.expect("it is taken in").ticket, ticket, "nothing tells where it belongs");
    let from = "mallory@elsewhere.example".to_string();
    let why = desk.receive(&Incoming { from: from.clone(), ..bare }).await.expect_err("only the headers tell");
    assert!(why.contains("suspended"), "{why}");
    let noted = desk.receive(&Incoming { from, body: format!("Me too. {}", headless.body), ..headless }).await.expect("it is");
    let said = desk.ticket(&ticket);
    let message = said.messages.iter().find(|message| Some(&message.id) == noted.message.as_ref()).expect("it is there");
    assert!(!message.public, "who takes no part writes to the agents");
    world.settle().await;
}

#[tokio::test]
async fn a_simulated_rt_knows_a_ticket_by_the_mark_in_the_subject_alone() {
    let mut world = World::of().from(request_tracker()).to(zendesk()).begin().await;
    let (desk, ticket) = (&world.source, world.source.open("Order one", "Where is it?"));
    desk.answer(&ticket, "We look.");
    let reply = answer(&mail(desk, &ticket), "Thank you kindly.");
    assert_eq!(reply.subject, format!("Re: [rt.sim #{ticket}] Order one"));
    let headless = Incoming { in_reply_to: None, references: Vec::new(), ..reply.clone() };
    for one in [&reply, &headless] {
        assert_eq!(desk.receive(one).await.expect("it is taken in").ticket, ticket, "{one:?}");
    }
    for subject in ["Re: Order one".to_string(), format!("[another #{ticket}] Order one"), "[rt.sim #4711] Order one".to_string()]
    {
        let one = Incoming { subject, ..reply.clone() };
        assert_ne!(desk.receive(&one).await.expect("it is taken in").ticket, ticket, "{one:?}");
    }
    world.settle().await;
}
