//! The leak check: whom the target told because of us is found, named by its rule, and pauses the mirror; what people do is no leak.

use std::time::Duration;

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;
use tidegate::clock::Clock;
use tidegate::connectors::request_tracker::notices::{Entry, Known, headers, notices};
use tidegate::connectors::request_tracker::wire::PartJson;
use tidegate::desk::id::TicketId;
use tidegate::desk::notice::{After, Notices};
use tidegate::ledger::leak::Verdict;
use tidegate::sim::faults::Rates;
use tidegate::sim::stage::{Action, Text, Who};

use crate::world::db::until;
use crate::world::desk::{request_tracker, zendesk};
use crate::world::house::{House, gateway};
use crate::world::process::{run, tidegate};
use crate::world::stand::World;

/// Longer than a batch is open.
const BATCH: Duration = Duration::from_secs(700);
const HOUR: Duration = Duration::from_secs(3600);

/// The trigger that mails customers about answers loses the condition that keeps it off our writes.
async fn a_loud_trigger(world: &World) {
    let body = json!({"trigger": {"conditions": {"all": [{"field": "update_type", "operator": "is", "value": "Change"}]}}});
    world.target.set_up(Method::PUT, "/api/v2/triggers/22472712", body).await;
}

/// An automation that asks for an opinion when a ticket has been left alone for more than three hours.
async fn a_survey(world: &World) {
    let body = json!({"automation": {
        "title": "How was it?",
        "conditions": {"all": [
            {"field": "updated_at", "operator": "greater_than", "value": "3"},
            {"field": "current_tags", "operator": "not_includes", "value": "asked"},
        ]},
        "actions": [
            {"field": "notification_user", "value": ["requester_id", "How was it?", ""]},
            {"field": "current_tags", "value": "asked"},
        ],
    }});
    world.target.set_up(Method::POST, "/api/v2/automations", body).await;
}

async fn copied(source_words: &str) -> (World, String) {
    let mut world = World::of().from(zendesk()).to(zendesk()).begin().await;
    let ticket = world.source.open("Order 7", source_words);
    world.copy().await;
    (world, ticket)
}

#[tokio::test]
async fn a_target_that_told_nobody_is_silent_at_every_look() {
    let (mut world, ticket) = copied("Where is it?").await;
    assert_eq!(world.asked_after(BATCH).await, (Some(Verdict::Silent), String::new()));
    world.source.answer(&ticket, "On its way.");
    world.settle().await;
    for hours in [1, 2, 25, 80] {
        assert_eq!(world.asked_after(HOUR * hours).await.0, Some(Verdict::Silent));
    }
    let looks = world.ledger.looks(world.mirror.id).await.expect("an answer");
    assert_eq!(looks.len(), 8, "two batches, four looks each");
    assert!(looks.iter().all(|look| look.asked == Some(1) && look.tickets == Some(1)));
    assert_eq!(world.paused().await, None);
}

#[tokio::test]
async fn a_trigger_that_mails_on_our_update_pauses_the_mirror_and_is_named() {
    let (mut world, ticket) = copied("Where is it?").await;
    assert_eq!(world.asked_after(BATCH).await.0, Some(Verdict::Silent));
    a_loud_trigger(&world).await;
    world.source.answer(&ticket, "On its way.");
    world.settle().await;
    let mails = world.target.running.stage.mails();
    assert_eq!(mails.len(), 1, "the trap works: {mails:?}");

    let (verdict, why) = world.asked_after(BATCH).await;
    assert_eq!(verdict, Some(Verdict::Leaked));
    let rule = "the trigger \"Notify requester and CCs of comment update\" told 1 customer about target ticket 1 at ";
    assert!(why.starts_with(rule) && why.ends_with("after an act of ours"), "{why}");
    let paused = world.paused().await.expect("one leak pauses the mirror");
    assert!(paused.starts_with(rule) && paused.contains("`tidegate leaks demo`"), "{paused}");
    assert!(!format!("{why}{paused}").contains('@'), "addresses are nobody's business: {paused}");

    world.ledger.resume_mirror(world.mirror.id).await.expect("an admin mended it");
    assert_eq!(world.asked_after(HOUR * 25).await.0, Some(Verdict::Leaked), "the later looks of that batch still say so");
    assert_eq!(world.paused().await, None, "and what was found once pauses no second time");
    assert_eq!(world.status().await.leaks.leaks, 1);
}

#[tokio::test]
async fn an_automation_that_mails_hours_later_is_found_by_the_look_after_a_day() {
    let (world, _) = copied("Where is it?").await;
    a_survey(&world).await;
    assert_eq!(world.asked_after(BATCH).await.0, Some(Verdict::Silent));
    assert_eq!(world.asked_after(HOUR).await.0, Some(Verdict::Silent));
    let (verdict, why) = world.asked_after(HOUR * 24).await;
    assert_eq!(verdict, Some(Verdict::Leaked));
    assert!(why.starts_with("the automation \"How was it?\" told 1 customer about target ticket 1"), "{why}");
    assert!(world.paused().await.is_some_and(|why| why.contains("the automation \"How was it?\"")));
}

#[tokio::test]
async fn an_automation_after_acts_of_people_and_of_us_is_not_called_ours_nor_silent() {
    let (mut world, ticket) = copied("Where is it?").await;
    let mirrored = world.mirrored(&ticket).id;
    a_survey(&world).await;
    world.target.note(&mirrored, "I look into it.");
    world.source.answer(&ticket, "On its way.");
    world.settle().await;
    world.asked_after(BATCH).await;
    let (verdict, why) = world.asked_after(HOUR * 25).await;
    assert_eq!(verdict, Some(Verdict::CannotTell));
    assert!(why.contains("How was it?") && why.ends_with("after acts of ours and of people"), "{why}");
    assert_eq!(world.paused().await, None);
    assert_eq!(world.status().await.leaks.unsure, 1);
}

#[tokio::test]
async fn a_mail_that_follows_a_person_is_no_leak() {
    let (world, ticket) = copied("Where is it?").await;
    let mirrored = world.mirrored(&ticket).id;
    a_loud_trigger(&world).await;
    world.target.answer(&mirrored, "It is here.");
    assert_eq!(world.target.running.stage.mails().len(), 1, "the customer got the agent's answer");
    assert_eq!(world.asked_after(BATCH).await.0, Some(Verdict::Silent));
    assert_eq!(world.status().await.leaks.leaks, 0);
    let since = world.clock.now() - TimeDelta::days(1);
    let told = world.process.course().target.notices(&TicketId::new(&mirrored), since).await.expect("an answer");
    let Notices::Told(told) = told else { panic!("{told:?}") };
    assert_eq!(told.iter().map(|notice| (notice.to.customers, notice.after)).collect::<Vec<_>>(), [(1, After::Person)]);
}

#[tokio::test]
async fn where_mail_is_allowed_a_leak_is_told_and_pauses_nothing() {
    let (mut world, ticket) = copied("Where is it?").await;
    world.reapply("admin-rule", "mail-allowed").await;
    a_loud_trigger(&world).await;
    world.source.answer(&ticket, "On its way.");
    world.settle().await;
    assert_eq!(world.asked_after(BATCH).await.0, Some(Verdict::Leaked));
    assert_eq!(world.paused().await, None);
}

async fn with_scrips() -> (World, String) {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.copy().await;
    (world, ticket)
}

#[tokio::test]
async fn a_scrip_that_mails_about_us_is_told_by_its_number() {
    let (mut world, ticket) = with_scrips().await;
    world.target.set_up(Method::PUT, "/_sim/settings", json!({ "silent_creator": null })).await;
    world.source.answer(&ticket, "On its way.");
    world.settle().await;
    let (verdict, why) = world.asked_after(BATCH).await;
    assert_eq!(verdict, Some(Verdict::Leaked));
    assert!(why.starts_with("scrip 5 told 1 customer about target ticket 1"), "{why}");
    assert!(world.paused().await.is_some_and(|why| why.contains("Tidegate: silence")), "it says what keeps that desk silent");
}

#[tokio::test]
async fn a_desk_that_shows_no_mail_at_all_is_not_called_silent_until_it_shows_one() {
    let (world, ticket) = with_scrips().await;
    let (verdict, why) = world.asked_after(BATCH).await;
    assert_eq!(verdict, Some(Verdict::CannotTell));
    assert!(why.contains("ShowOutgoingEmail"), "{why}");
    world.target.answer(&world.mirrored(&ticket).id, "I look into it.");
    assert_eq!(world.target.running.stage.mails().len(), 1);
    assert_eq!(world.asked_after(HOUR).await, (Some(Verdict::Silent), String::new()));
    assert_eq!(world.paused().await, None);
}

#[tokio::test]
async fn a_desk_that_keeps_no_record_of_its_mails_cannot_tell() {
    let (mut world, ticket) = with_scrips().await;
    let quiet = json!({ "silent_creator": null, "records_mail": false });
    world.target.set_up(Method::PUT, "/_sim/settings", quiet).await;
    world.source.answer(&ticket, "On its way.");
    world.settle().await;
    assert_eq!(world.target.running.stage.mails().len(), 1, "somebody was told");
    assert_eq!(world.asked_after(BATCH).await.0, Some(Verdict::CannotTell));
}

#[tokio::test]
async fn of_a_large_batch_tickets_with_public_messages_are_asked_about_first() {
    let mut world = World::of().from(zendesk()).to(zendesk()).begin().await;
    let tickets: Vec<String> = (0..4).map(|number| world.source.open(&format!("Order {number}"), "Where is it?")).collect();
    world.copy().await;
    world.clock.advance(HOUR);
    let since = world.clock.now();
    for ticket in &tickets {
        world.source.set(ticket, "priority", "high");
    }
    world.source.answer(&tickets[2], "On its way.");
    world.settle().await;
    let look = world.ledger.order_look(world.mirror.id, since, world.clock.now()).await.expect("an answer").expect("a look");
    let (some, all) = world.ledger.written_tickets(world.mirror.id, &look, 2).await.expect("an answer");
    assert_eq!((some.len(), all), (2, 4));
    assert_eq!(some[0].ticket.as_str(), world.mirrored(&tickets[2]).id);
    assert!(some[0].public && !some[1].public);
}

#[tokio::test]
async fn a_desk_that_fails_is_asked_again_later() {
    let (world, _) = copied("Where is it?").await;
    world.clock.advance(BATCH);
    let faults = world.target.running.stage.faults();
    faults.set(Rates { refuse: 1.0, ..faults.rates() });
    world.process.look_for_leaks().await;
    assert_eq!(world.status().await.leaks.verdict, None, "an error of the desk is no verdict");
    faults.set(Rates { refuse: 0.0, ..faults.rates() });
    assert_eq!(world.asked_after(HOUR / 10).await.0, Some(Verdict::Silent));
}

#[test]
fn mails_of_a_real_request_tracker_are_told_by_scrip_kind_and_cause() {
    let read = |name: &str| {
        let path = format!("{}/tests/recorded/request_tracker/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("a recording");
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["items"].clone()
    };
    let history: Vec<Entry> = serde_json::from_value(read("history")).expect("a history");
    let parts: Vec<PartJson> = serde_json::from_value(read("attachments")).expect("a list");
    let mails = parts.iter().filter(|part| part.headers.contains("X-RT-Originator"));
    let mails = mails.map(|part| (part.transaction_id.0.clone(), headers(&part.headers))).collect();
    let people = [("kim@example.test", "customer"), ("lee@example.test", "customer"), ("bob@rt.lab", "agent")];
    let people = people.map(|(address, role)| (address.to_string(), serde_json::from_value(json!(role)).expect("a role")));
    let known = Known { user: "alice", own: Some("alice@rt.lab"), people: people.into() };
    let told = notices(&history, &mails, &known);
    let told: Vec<(String, String, After)> = told.iter().map(|one| (one.id.clone(), one.to.to_string(), one.after)).collect();
    let row = |id: &str, to: &str, after| (id.to_string(), to.to_string(), after);
    assert_eq!(
        told,
        [
            row("125", "2 customers", After::Us),
            row("126", "1 agent", After::Us),
            row("127", "1 other person", After::Us),
            row("137", "1 agent and 1 other person", After::Person),
            row("138", "1 customer and 1 other person", After::Person),
            row("140", "1 agent", After::Us),
        ]
    );
}

#[tokio::test]
async fn the_verb_asks_at_once_and_lists_what_was_found() {
    let house = House::with_past(1, Clock::system()).await;
    let (gateway, address) = gateway(&house).await;
    let mirror = house.apply(&house.mirror_text(&house.source.url, address)).await;
    gateway.refresh().await;
    house.copy(&mirror).await;
    house.quiet(&mirror).await;
    gateway.stop().await;
    let leaks = async |words: &[&str]| {
        let mut command = tidegate();
        command.env("DATABASE_URL", &house.url).args(["--log", "error", "leaks", "demo"]).args(words);
        let output = run(command).await;
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    let (code, said) = leaks(&[]).await;
    assert_eq!((code, said.as_str()), (Some(0), "demo: the desks were not asked yet whether they told anybody because of us.\n"));
    let (code, said) = leaks(&["--now"]).await;
    assert!(code == Some(1) && said.starts_with("cannot tell  written since ") && said.contains("ShowOutgoingEmail"), "{said}");

    let alice = Who { email: "alice@rt.sim".into(), name: "Alice Agent".into(), agent: true };
    let answer = Action::Reply { ticket: "1".into(), text: Text { body: "I look into it.".into(), ..Text::default() } };
    house.target.stage.act(&alice, answer, house.clock.now(), false).expect("she may");
    until("her customer was mailed", async || !house.target.stage.mails().is_empty()).await;
    let (code, said) = leaks(&["--now"]).await;
    assert!(code == Some(0) && said.starts_with("silent       written since "), "{said}");
    assert!(said.contains("asked by hand, all ") && said.contains(" tickets asked about\n"), "{said}");
    let (_, said) = leaks(&["--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&told["looks"][0]["verdict"], &told["leaks"]), (&json!("silent"), &json!([])));
}

#[tokio::test]
async fn a_trigger_of_the_old_desk_that_mails_on_our_reply_is_found_too() {
    let policy = "replies-back = \"public\"\nsource-silence = \"admin-rule\"";
    let mut world = World::of().from(zendesk()).to(zendesk()).policy(policy).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.copy().await;
    world.target.answer(&world.mirrored(&ticket).id, "On its way.");
    world.settle().await;
    assert_eq!(world.asked_after(BATCH).await.0, Some(Verdict::Silent));
    let body = json!({"trigger": {"conditions": {"all": [{"field": "update_type", "operator": "is", "value": "Change"}]}}});
    world.source.set_up(Method::PUT, "/api/v2/triggers/22472712", body).await;
    world.target.answer(&world.mirrored(&ticket).id, "Did it come?");
    world.settle().await;
    let (verdict, why) = world.asked_after(BATCH).await;
    assert_eq!(verdict, Some(Verdict::Leaked), "{why}");
    assert!(why.contains(&format!("about source ticket {ticket} ")), "{why}");
    assert!(world.paused().await.is_some());
}
