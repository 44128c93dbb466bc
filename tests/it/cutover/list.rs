//! What people do by hand: the list in both desks' words, ticks, and a message that shows where a channel ends.

use std::time::Duration;

use serde_json::json;
use tidegate::cutover::checklist::{Follows, Item, Lookout, items};
use tidegate::cutover::urgent::open;
use tidegate::desk::Side;
use tidegate::ledger::tick::{List, Tick};

use crate::findings::pair::admin;
use crate::world::desk::{request_tracker, zendesk};
use crate::world::stand::World;

fn names(list: &[Item]) -> Vec<&str> {
    list.iter().map(|item| item.name.as_str()).collect()
}

#[tokio::test]
async fn the_list_names_what_is_done_at_either_desk_and_keeps_who_did_it() {
    let world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let (ledger, mirror, course) = (&world.ledger, world.mirror.id, world.process.course());
    let (old, new) = (Follows::ask(course.source.as_ref()).await, Follows::ask(course.target.as_ref()).await);
    let list = |to| List { mirror, window: None, to };
    let all = items(new.capabilities, &old, &[]);
    let there = names(&all);
    assert!(there.contains(&"widgets") && there.contains(&"cron-on") && there.contains(&"old-automations-off"), "{there:?}");
    let all = items(old.capabilities, &new, &[]);
    let back = names(&all);
    assert!(back.contains(&"channels") && back.contains(&"old-cron-off") && !back.contains(&"cron-on"), "{back:?}");
    let evidence = Some("a form arrived".to_string());
    let tick = Tick { item: "widgets".to_string(), who: "olga".to_string(), evidence, at: world.clock.now() };
    ledger.tick(&list(Side::Target), &tick).await.expect("an answer");
    assert_eq!(ledger.ticks(&list(Side::Source)).await.expect("an answer"), [], "the way back has a list of its own");
    let ticks = ledger.ticks(&list(Side::Target)).await.expect("an answer");
    let lines: Vec<String> = items(new.capabilities, &old, &ticks).iter().map(Item::line).collect();
    let (done, open): (Vec<&String>, Vec<&String>) = lines.iter().partition(|line| line.starts_with("  [x] "));
    assert!(
        done[0].starts_with("  [x] widgets: ") && done[0].ends_with("(olga, 2026-03-02 09:00:00 UTC: a form arrived)"),
        "{lines:?}"
    );
    assert!(done.len() == 1 && open.iter().all(|line| line.starts_with("  [ ] ")), "{lines:?}");
    world.sql("insert into cutover_window (tenant_id, mirror_id, name) select tenant_id, id, 'boats' from mirror").await;
    let boats = List { window: Some(ledger.parts(mirror).await.expect("an answer")[0].id), ..list(Side::Target) };
    assert_eq!(ledger.ticks(&boats).await.expect("an answer"), [], "a window has channels of its own, and a list");
    ledger.tick(&boats, &tick).await.expect("an answer");
    assert!(ledger.untick(&boats, "widgets").await.expect("an answer"));
    assert!(ledger.untick(&list(Side::Target), "widgets").await.expect("an answer"));
    assert!(!ledger.untick(&list(Side::Target), "widgets").await.expect("an answer"), "it is not ticked any more");
}

#[tokio::test]
async fn each_address_of_the_desk_that_no_longer_leads_is_brought_over_by_itself() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let course = world.process.course().clone();
    let new = course.target.capabilities();
    for address in ["Help@Acme.example", "bills@acme.example", "support@acme.zendesk.com"] {
        let one = json!({ "recipient_address": { "name": "Acme", "email": address } });
        admin(&world.source, "POST", "recipient_addresses", one).await;
    }
    let old = Follows::ask(course.source.as_ref()).await;
    let all = items(new, &old, &[]);
    let mail: Vec<(&str, Option<&str>)> = all
        .iter()
        .filter_map(|item| Some((item.name.strip_prefix("mail-forwarding:")?, item.send.as_deref())))
        .filter(|(address, _)| address.contains("acme"))
        .collect();
    let expected = [
        ("bills@acme.example", Some("Send a mail to bills@acme.example")),
        ("help@acme.example", Some("Send a mail to help@acme.example")),
        ("support@acme.zendesk.com", None),
    ];
    assert_eq!(mail, expected, "nobody can forward what is Zendesk's own");
    assert!(!names(&all).contains(&"mail-forwarding"));
    // A desk that was switched off does not tell any more.
    world.source.running.cut_off();
    let tick = |address: &str| Tick {
        item: format!("mail-forwarding:{address}"),
        who: "olga".to_string(),
        evidence: None,
        at: world.clock.now(),
    };
    let off = Follows::ask(course.source.as_ref()).await;
    let all = items(new, &off, &[tick("help@acme.example")]);
    let mail: Vec<&Item> = all.iter().filter(|item| item.name.starts_with("mail-forwarding")).collect();
    assert_eq!((mail.len(), mail[0].name.as_str(), mail[1].done.is_some()), (2, "mail-forwarding", true), "{mail:?}");
    assert!(mail[0].what.contains("its addresses cannot be told ("), "{mail:?}");
}

#[tokio::test]
async fn a_test_message_shows_at_which_desk_a_channel_ends() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let course = world.process.course().clone();
    let began = world.clock.now();
    let mut lookout = Lookout::new(course.source.as_ref(), course.target.as_ref(), "tide-1234abcd", began);
    world.source.open("Something else", "Where is it?");
    world.clock.advance(Duration::from_secs(75));
    assert_eq!(lookout.look(world.clock.now()).await.expect("the desks answer"), None);
    let old = world.source.open("Test tide-1234abcd", "Please ignore this.");
    world.copy().await;
    world.clock.advance(Duration::from_secs(75));
    let arrived = lookout.look(world.clock.now()).await.expect("the desks answer").expect("it arrived");
    assert_eq!((arrived.side, arrived.ticket.as_str()), (Side::Source, old.as_str()));
    assert_eq!(lookout.look(world.clock.now()).await.expect("the desks answer"), None, "our copy of it is no proof");
    let mut lookout = Lookout::new(course.source.as_ref(), course.target.as_ref(), "tide-5678abcd", world.clock.now());
    let new = world.target.open("Test tide-5678abcd", "Please ignore this.");
    world.clock.advance(Duration::from_secs(75));
    let arrived = lookout.look(world.clock.now()).await.expect("the desks answer").expect("it arrived");
    assert_eq!((arrived.side, arrived.ticket.as_str()), (Side::Target, new.as_str()));
    assert!(
        arrived
            .evidence("tide-5678abcd")
            .starts_with(&format!("the message tide-5678abcd arrived as ticket {new} of the new desk"))
    );
    world.settle().await;
}

#[tokio::test]
async fn a_test_message_is_found_at_a_desk_whose_clock_is_behind() {
    let world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let (course, ours) = (world.process.course().clone(), world.clock.ahead(Duration::from_secs(120)));
    let mut lookout = Lookout::new(course.source.as_ref(), course.target.as_ref(), "tide-1234abcd", ours.now());
    let new = world.target.open("Test tide-1234abcd", "Please ignore this.");
    world.clock.advance(Duration::from_secs(75));
    let arrived = lookout.look(ours.now()).await.expect("the desks answer").expect("it arrived");
    assert_eq!((arrived.side, arrived.ticket.as_str()), (Side::Target, new.as_str()));
}

#[tokio::test]
async fn open_tickets_are_listed_by_what_is_due_next() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let tickets = ["late", "soon", "done", "calm"].map(|name| world.source.open(name, "Where is it?"));
    for (ticket, priority) in tickets.iter().zip(["normal", "urgent", "urgent", "low"]) {
        world.source.set(ticket, "priority", priority);
    }
    world.source.set(&tickets[2], "status", "solved");
    let metric = |priority: &str, minutes: u32| json!({ "priority": priority, "metric": "first_reply_time", "target": minutes });
    let policy = json!({ "sla_policy": { "title": "Gold", "policy_metrics": [metric("normal", 480), metric("urgent", 30)] } });
    let course = world.process.course().clone();
    admin(&world.source, "POST", "slas/policies", policy).await;
    world.copy().await;
    let listed = open(&world.ledger, world.mirror.id, None, (Side::Source, course.source.as_ref())).await.expect("a list");
    let told: Vec<(&str, &str)> = listed.urgent.iter().map(|one| (one.old.as_str(), one.what.as_str())).collect();
    assert_eq!(told, [(tickets[1].as_str(), "first_reply_time"), (tickets[0].as_str(), "first_reply_time")]);
    assert_eq!(
        (listed.asked, listed.urgent[0].new.as_str()),
        (3, world.mirrored(&tickets[1]).id.as_str()),
        "the solved one is left out"
    );
    // On the way back the new desk is asked, which has due dates of its own.
    let (soon, later) = (world.mirrored(&tickets[3]).id, world.mirrored(&tickets[0]).id);
    world.target.set(&later, "due", "2026-03-05T12:00:00Z");
    world.target.set(&soon, "due", "2026-03-04T12:00:00Z");
    let listed = open(&world.ledger, world.mirror.id, None, (Side::Target, course.target.as_ref())).await.expect("a list");
    let told: Vec<&str> = listed.urgent.iter().map(|one| one.new.as_str()).collect();
    assert_eq!(told, [soon.as_str(), later.as_str()]);
    world.settle().await;
}

#[tokio::test]
async fn a_ticket_that_nobody_touched_for_long_is_asked_for_too_among_many_open_ones() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("late", "Where is it?");
    world.source.set(&ticket, "priority", "urgent");
    let metrics = json!([{ "priority": "urgent", "metric": "first_reply_time", "target": 30 }]);
    let policy = json!({ "sla_policy": { "title": "Gold", "policy_metrics": metrics } });
    admin(&world.source, "POST", "slas/policies", policy).await;
    world.copy().await;
    world
        .sql(
            "insert into pair (tenant_id, mirror_id, source_ticket, target_ticket, state, base, base_form, read_at, created_at)
             select tenant_id, mirror_id, (900000 + n)::text, (900000 + n)::text, state, base, base_form, read_at + interval '1 day',
                    created_at
             from pair, generate_series(1, 2500) n where target_ticket is not null",
        )
        .await;
    let course = world.process.course().clone();
    let listed = open(&world.ledger, world.mirror.id, None, (Side::Source, course.source.as_ref())).await.expect("a list");
    let told: Vec<&str> = listed.urgent.iter().map(|one| one.old.as_str()).collect();
    assert_eq!((told, listed.asked), (vec![ticket.as_str()], 2501));
}
