//! A mapping that was changed, and desks whose fields and words change: only the tickets that need it wait, with a proposal, and a
//! file that is applied again rewrites what is there only when it is told to.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tidegate::clock::Clock;
use tidegate::config::file;
use tidegate::desk::field::FieldKey;
use tidegate::desk::mapping::Mapping;
use tidegate::ledger::parked::Parked;
use tidegate::merge::ruling::Keep;
use tidegate::replay::remap::{Survey, order, survey};
use tidegate::sim::stage::Action;

use crate::world::db::until;
use crate::world::desk::{Desk, field, request_tracker, zendesk};
use crate::world::house::{House, gateway};
use crate::world::pact;
use crate::world::process::{printed, tidegate};
use crate::world::stand::World;

/// Three tickets: two on hold, one open.
async fn with_tickets() -> (World, [String; 3]) {
    let mut world = World::of().from(zendesk()).to(request_tracker()).maps(pact::demo()).begin().await;
    let tickets = ["Order 1", "Order 2", "Order 3"].map(|subject| world.source.open(subject, "Where is it?"));
    for ticket in &tickets[..2] {
        world.source.set(ticket, "status", "hold");
    }
    world.copy().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "status"), "stalled");
    (world, tickets)
}

async fn agreed(world: &World) -> Mapping {
    world.ledger.agreed_mapping(world.mirror.id).await.expect("an answer").expect("a mapping")
}

/// What a changed mapping means, and its rewrite, as `mirror apply --reapply` does it.
async fn rewritten(world: &mut World) -> (Survey, i64) {
    let told = to_be_rewritten(world).await;
    world.settle().await;
    told
}

async fn to_be_rewritten(world: &World) -> (Survey, i64) {
    let (old, new) = (agreed(world).await, world.process.course().mapping.clone());
    let told = survey(&world.ledger, world.mirror.id, &old, &new).await.expect("an answer");
    let ordered = order(&world.ledger, world.mirror.id, (&old, &new), world.clock.now()).await.expect("an order");
    (told, ordered)
}

#[tokio::test]
async fn rule_25_a_changed_mapping_names_its_tickets_and_rewrites_them_only_when_told_to() {
    let (mut world, tickets) = with_tickets().await;
    world.reapply("hold = \"stalled\"", "hold = \"open\"").await;
    world.raise_everything().await;
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "status"), "stalled", "nobody told it to");

    let writes = world.figure("fields written").await;
    let (told, ordered) = rewritten(&mut world).await;
    assert_eq!((told.tickets, told.affected, ordered), (3, 2, 2));
    assert_eq!(told.named, tickets[..2].to_vec());
    assert!(
        told.lines().contains(&"  status `hold`: was `stalled`, becomes `open`: 2 tickets".to_string()),
        "{:?}",
        told.lines()
    );
    for ticket in &tickets {
        let status = field(&world.mirrored(ticket), "status");
        assert!(status == "open" || *ticket == tickets[2], "{status}");
    }
    assert_eq!(world.figure("fields written").await - writes, 2);
    assert_eq!(rewritten(&mut world).await.1, 0, "what was rewritten is agreed");
}

#[tokio::test]
async fn rule_25_a_rewrite_leaves_what_an_agent_changed_and_is_no_conflict() {
    let (mut world, tickets) = with_tickets().await;
    let mine = world.mirrored(&tickets[0]).id;
    world.target.set(&mine, "status", "rejected");
    world.settle().await;
    world.reapply("hold = \"stalled\"", "hold = \"open\"").await;
    rewritten(&mut world).await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "status"), "rejected", "the agent's");
    assert_eq!(field(&world.mirrored(&tickets[1]), "status"), "open");
    assert_eq!(world.status().await.conflicts, 0);
    world.source.set(&tickets[0], "status", "solved");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "status"), "resolved", "the source's next change goes on from there");
}

#[tokio::test]
async fn rule_25_a_rewrite_waits_for_people_at_work_and_for_decisions_and_is_not_forgotten() {
    for policy in ["guard = \"wait\"\nguard-for = \"20m\"", "guard = \"ask\""] {
        let mut world = World::of().from(zendesk()).to(request_tracker()).maps(pact::demo()).policy(policy).begin().await;
        let ticket = world.source.open("Order 1", "Where is it?");
        world.source.set(&ticket, "status", "hold");
        world.copy().await;
        let there = world.mirrored(&ticket).id;
        world.target.note(&there, "I look into it.");
        world.reapply("hold = \"stalled\"", "hold = \"open\"").await;
        to_be_rewritten(&world).await;
        while world.turn().await {}
        let status = |world: &World| field(&world.mirrored(&ticket), "status");
        assert_eq!(status(&world), "stalled", "{policy}: somebody is at work");
        let asked = world.ledger.conflicts(world.mirror.id).await.expect("an answer");
        match asked.first() {
            None => world.clock.advance(Duration::from_secs(1300)),
            Some(one) => {
                let decision = (Keep::Source, None);
                world.ledger.resolve_conflicts(&[one.id], decision, "olga", world.clock.now()).await.expect("an answer");
            }
        }
        world.settle().await;
        assert_eq!(status(&world), "open", "{policy}");
    }
}

#[tokio::test]
async fn rule_25_a_rewrite_leaves_what_was_decided_for_the_target() {
    let (mut world, tickets) = with_tickets().await;
    world.reapply("[policy]\n", "[policy]\npreset = \"new-leads\"\n").await;
    let mine = world.mirrored(&tickets[0]).id;
    world.target.set(&mine, "status", "rejected");
    world.source.set(&tickets[0], "status", "pending");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "status"), "rejected", "the new desk's value stands");
    world.reapply("pending = \"open\"", "pending = \"stalled\"").await;
    rewritten(&mut world).await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "status"), "rejected", "it was decided for it");
}

#[tokio::test]
async fn rule_25_words_of_a_set_are_rewritten_one_by_one() {
    let (mut world, tickets) = with_tickets().await;
    world.source.act(&world.source.agent(), set(&tickets[2], "custom:Topics", &["topic_shipping", "topic_bug"]));
    world.settle().await;
    let areas = |world: &World| world.mirrored(&tickets[2]).fields.get("custom:Areas").cloned().unwrap_or_default();
    assert_eq!(areas(&world), ["api", "web"]);
    let copy = world.mirrored(&tickets[2]).id;
    world.target.act(&world.target.agent(), set(&copy, "custom:Areas", &["api", "web", "mobile"]));
    world.settle().await;
    world.reapply("topic_shipping = \"web\"", "topic_shipping = \"billing\"").await;
    let (told, _) = rewritten(&mut world).await;
    assert_eq!(told.affected, 1);
    assert_eq!(areas(&world), ["api", "billing", "mobile"], "`web` was ours, `mobile` the agent's");
}

fn set(ticket: &str, name: &str, values: &[&str]) -> Action {
    let values = values.iter().map(|value| value.to_string()).collect();
    Action::Set { ticket: ticket.to_string(), fields: BTreeMap::from([(name.to_string(), values)]) }
}

#[tokio::test]
async fn a_field_that_is_carried_from_now_on_is_filled_in_what_is_there() {
    let (mut world, tickets) = with_tickets().await;
    world.reapply("\"custom:Order number\" = \"custom:Order Number\"", "\"custom:Order number\" = \"ignore\"").await;
    rewritten(&mut world).await;
    world.source.set(&tickets[0], "custom:Order number", "A-17");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "custom:Order Number"), "");
    world.reapply("\"custom:Order number\" = \"ignore\"", "\"custom:Order number\" = \"custom:Order Number\"").await;
    let (told, ordered) = rewritten(&mut world).await;
    assert_eq!((told.added, ordered), (vec![FieldKey::custom("Order number")], 3));
    assert_eq!(field(&world.mirrored(&tickets[0]), "custom:Order Number"), "A-17");
}

/// What waits as `kind`, after everything else has gone on: another ticket's change arrives.
async fn only_this_waits(world: &mut World, kind: &'static str, other: &str) -> Parked {
    world.settle().await;
    world.source.set(other, "subject", "Goes on");
    world.settle().await;
    assert_eq!(field(&world.mirrored(other), "subject"), "Goes on");
    let parked = world.parked(kind).await;
    assert_eq!(parked.len(), 1, "{parked:?}");
    parked.into_iter().next().expect("one")
}

#[tokio::test]
async fn a_status_that_nobody_mapped_is_proposed_and_goes_on_with_the_file() {
    let (mut world, tickets) = with_tickets().await;
    world.reapply("hold = \"stalled\"\n", "").await;
    world.source.set(&tickets[2], "status", "hold");
    let parked = only_this_waits(&mut world, "unmapped", &tickets[0]).await;
    assert!(parked.reason.contains(&format!("source ticket {}", tickets[2])), "{}", parked.reason);
    assert!(
        parked.advice.starts_with("Write `\"hold\" = \"") && parked.advice.contains("under [map.status]"),
        "{}",
        parked.advice
    );
    world.reapply("[map.status]\n", "[map.status]\nhold = \"stalled\"\n").await;
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[2]), "status"), "stalled");
    assert_eq!(world.status().await.parked, 0, "nobody had to release it");
}

#[tokio::test]
async fn an_option_that_the_target_does_not_have_is_proposed() {
    let mut world = World::of().from(request_tracker()).to(request_tracker()).begin().await;
    let tickets = ["Order 1", "Order 2"].map(|subject| world.source.open(subject, "Where is it?"));
    world.copy().await;
    let severity = field_number(&world, "Severity").await;
    let path = format!("/REST/2.0/customfield/{severity}/value");
    admin(&world.source.running.url, Method::POST, &path, json!({ "Name": "critical!" })).await;
    world.source.set(&tickets[0], "custom:Severity", "critical!");
    let parked = only_this_waits(&mut world, "unmapped", &tickets[1]).await;
    assert!(parked.reason.contains("no value `critical!` in `custom:Severity`"), "{}", parked.reason);
    assert!(
        parked.advice.contains("`\"critical!\" = \"critical\"` under [map.options.\"custom:Severity\"]"),
        "{}",
        parked.advice
    );
    world
        .reapply_unnoticed(
            "[map.fields]",
            "[map.options.\"custom:Severity\"]\n\"critical!\" = \"critical\"\n\"*\" = \"same\"\n[map.fields]",
        )
        .await;
    // A worker is quicker than the news of the file: it is refused once more, and must not park for good what the file cures.
    assert!(world.turn().await);
    world.process.serve(&world.mirror).await;
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "custom:Severity"), "critical");
    assert_eq!(world.status().await.parked, 0);
}

#[tokio::test]
async fn a_field_that_was_renamed_at_the_target_is_proposed_by_its_new_name() {
    let (mut world, tickets) = with_tickets().await;
    let summary = field_number(&world, "Summary").await;
    let path = format!("/REST/2.0/customfield/{summary}");
    admin(&world.target.running.url, Method::PUT, &path, json!({ "Name": "Summary 2" })).await;
    world.restart().await;
    world.source.set(&tickets[0], "custom:Serial", "AB-1234");
    let parked = only_this_waits(&mut world, "field gone", &tickets[1]).await;
    assert!(parked.reason.contains("no field `custom:Summary` (any more)"), "{}", parked.reason);
    assert!(parked.advice.contains("`\"custom:Serial\" = \"custom:Summary 2\"` under [map.fields]"), "{}", parked.advice);
    world.reapply("\"custom:Serial\" = \"custom:Summary\"", "\"custom:Serial\" = \"custom:Summary 2\"").await;
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "custom:Summary 2"), "AB-1234");
    assert_eq!(world.status().await.parked, 0);
}

#[tokio::test]
async fn a_field_that_was_renamed_at_the_source_holds_only_tickets_that_say_something_new_in_it() {
    let mut world = World::of().from(request_tracker()).to(request_tracker()).begin().await;
    let tickets = ["Order 1", "Order 2"].map(|subject| world.source.open(subject, "Where is it?"));
    for ticket in &tickets {
        world.source.set(ticket, "custom:Summary", "It bent.");
    }
    world.reapply("\"custom:*\" = \"custom:*\"", "\"custom:Summary\" = \"custom:Summary\"\n\"custom:*\" = \"ignore\"").await;
    world.copy().await;
    let summary = field_number(&world, "Summary").await;
    let path = format!("/REST/2.0/customfield/{summary}");
    admin(&world.source.running.url, Method::PUT, &path, json!({ "Name": "Summary 2" })).await;
    world.source.set(&tickets[0], "custom:Summary 2", "It broke.");
    let parked = only_this_waits(&mut world, "field gone", &tickets[1]).await;
    assert!(parked.reason.contains("no field `custom:Summary` any more"), "{}", parked.reason);
    assert!(parked.advice.contains("`\"custom:Summary 2\" = \"custom:Summary\"`"), "{}", parked.advice);
    world.reapply("\"custom:Summary\" = \"custom:Summary\"", "\"custom:Summary 2\" = \"custom:Summary\"").await;
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "custom:Summary"), "It broke.");
    assert_eq!(
        (world.status().await.parked, world.status().await.conflicts),
        (0, 0),
        "what was agreed goes on under the new name"
    );
}

#[tokio::test]
async fn a_group_that_was_removed_at_the_target_holds_only_its_own_tickets() {
    let (mut world, tickets) = with_tickets().await;
    let queues = admin(&world.target.running.url, Method::GET, "/REST/2.0/queue/Billing", json!(null)).await;
    let path = format!("/REST/2.0/queue/{}", queues["id"]);
    admin(&world.target.running.url, Method::PUT, &path, json!({ "Name": "Billings" })).await;
    world.source.set(&tickets[0], "group", "Billing");
    let parked = only_this_waits(&mut world, "unmapped", &tickets[1]).await;
    assert!(parked.reason.contains("no value `Billing` in `group`"), "{}", parked.reason);
    assert!(parked.advice.contains("`\"Billing\" = \"Billings\"` under [map.group]"), "{}", parked.advice);
}

/// RT's number of a custom field, which is the same in every new one.
async fn field_number(world: &World, name: &str) -> u64 {
    let desk = if world.target.kind.vendor == "request-tracker" { &world.target } else { &world.source };
    let query = json!([{ "field": "Name", "value": name }]).to_string();
    let path = format!(
        "/REST/2.0/customfields?fields=Name&query={}",
        url::form_urlencoded::byte_serialize(query.as_bytes()).collect::<String>()
    );
    let found = admin(&desk.running.url, Method::GET, &path, json!(null)).await;
    let items = found["items"].as_array().expect("a list");
    let id = items.iter().find(|one| one["Name"] == name).expect("the field")["id"].clone();
    id.as_u64().or_else(|| id.as_str()?.parse().ok()).expect("a number")
}

/// An admin of an RT sets it up.
async fn admin(desk: &str, method: Method, path: &str, body: serde_json::Value) -> serde_json::Value {
    let call = reqwest::Client::new().request(method.clone(), format!("{desk}{path}"));
    let call = call.header("authorization", "token sim-token").header("content-type", "application/json");
    let call = if method == Method::GET { call } else { call.body(body.to_string()) };
    let answer = call.send().await.expect("the desk answers");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    let text = answer.text().await.expect("text");
    serde_json::from_str(&text).unwrap_or_default()
}

#[tokio::test]
async fn apply_tells_what_a_changed_mapping_affects_and_rewrites_with_the_option() {
    let house = House::with_past(1, Clock::system()).await;
    let (gateway, address) = gateway(&house).await;
    let text = house.mirror_text(&house.source.url, address);
    let mirror = house.apply(&text).await;
    gateway.refresh().await;
    house.copy(&mirror).await;
    house.open("Order 7");
    until("it is mirrored", async || house.copy_of("Order 7").is_some()).await;
    house.quiet(&mirror).await;
    let path = house.scratch.path().join("demo.toml");
    let apply = async |text: &str, words: &[&str]| {
        std::fs::write(&path, text).expect("a file");
        file::parse("demo.toml", text).expect("it is right");
        let mut command = tidegate();
        command.env("DATABASE_URL", &house.url).args(["--log", "error", "mirror", "apply"]).arg(&path).args(words);
        printed(command).await
    };
    let other = text.replace("Support = \"Support\"", "Support = \"Migrated\"");
    assert_ne!(other, text);
    assert!(!apply(&text, &[]).await.contains("The mapping is another one"));
    let said = apply(&other, &[]).await;
    assert!(
        said.contains("The mapping is another one: ") && said.contains("  group `Support`: was `Support`, becomes `Migrated`: "),
        "{said}"
    );
    assert!(said.contains("To rewrite them: apply the file again with --reapply."), "{said}");
    let held = |group: &str| {
        let is = |value: &Vec<String>| value == &[group.to_string()];
        house.target.stage.tickets().iter().filter(|ticket| ticket.fields.get("group").is_some_and(is)).count()
    };
    assert!(held("Support") > 0 && held("Migrated") == 0);
    let said = apply(&other, &["--reapply"]).await;
    assert!(said.contains(" tickets are rewritten by `tidegate serve`"), "{said}");
    until("they are rewritten", async || held("Migrated") > 0 && held("Support") == 0).await;
    house.quiet(&mirror).await;
    assert!(!apply(&other, &[]).await.contains("The mapping is another one"), "it is agreed now");
    gateway.stop().await;
}

/// An admin of a Zendesk changes one of its ticket fields.
async fn change_field(desk: &Desk, id: u64, change: serde_json::Value) {
    desk.set_up(Method::PUT, &format!("/api/v2/ticket_fields/{id}"), json!({ "ticket_field": change })).await;
}

/// The options of a drop-down as Zendesk's API takes them, by their tags.
fn options(tags: &[&str]) -> serde_json::Value {
    let option = |tag: &&str| json!({ "name": tag, "value": tag });
    json!({ "custom_field_options": tags.iter().map(option).collect::<Vec<_>>() })
}

/// Number of the simulated Zendesk's field *Order number*, and of *Product*.
const ORDER_NUMBER: u64 = 360_010_001;
const PRODUCT: u64 = 360_010_008;

#[tokio::test]
async fn a_field_that_was_renamed_at_a_zendesk_holds_only_tickets_that_say_something_new_in_it() {
    let (mut world, tickets) = with_tickets().await;
    for ticket in &tickets {
        world.source.set(ticket, "custom:Order number", "A-17");
    }
    world.settle().await;
    change_field(&world.source, ORDER_NUMBER, json!({ "title": "Order no." })).await;
    world.restart().await;
    // The sim's own name for it stays.
    world.source.set(&tickets[0], "custom:Order number", "A-18");
    let parked = only_this_waits(&mut world, "field gone", &tickets[1]).await;
    assert!(parked.reason.contains("no field `custom:Order number` any more"), "{}", parked.reason);
    assert!(parked.advice.contains("`\"custom:Order no.\" = \"custom:Order Number\"`"), "{}", parked.advice);
    assert_eq!(field(&world.mirrored(&tickets[1]), "custom:Order Number"), "A-17", "what vanished is not taken for emptied");
    world.reapply("\"custom:Order number\" = \"custom:Order Number\"", "\"custom:Order no.\" = \"custom:Order Number\"").await;
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "custom:Order Number"), "A-18");
    assert_eq!(world.status().await.parked, 0);
}

#[tokio::test]
async fn an_option_that_a_zendesk_got_mid_way_holds_only_the_tickets_that_chose_it() {
    let (mut world, tickets) = with_tickets().await;
    change_field(&world.source, PRODUCT, options(&["product_mast", "product_sail", "product_keel"])).await;
    world.source.set(&tickets[0], "custom:Product", "product_keel");
    world.source.set(&tickets[2], "custom:Product", "product_sail");
    let parked = only_this_waits(&mut world, "unmapped", &tickets[1]).await;
    assert!(parked.reason.contains("no word for `product_keel` in `custom:Product`"), "{}", parked.reason);
    assert!(parked.advice.contains("under [map.options.\"custom:Product\"]"), "{}", parked.advice);
    assert_eq!(field(&world.mirrored(&tickets[2]), "custom:Plan"), "free");
    world.reapply("product_mast = \"free\"", "product_mast = \"free\"\nproduct_keel = \"team\"").await;
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "custom:Plan"), "team");
    assert_eq!(world.status().await.parked, 0);
}

#[tokio::test]
async fn an_option_or_a_field_that_a_zendesk_lost_mid_way_holds_only_the_tickets_that_need_it() {
    let mut world = World::of().from(zendesk()).to(zendesk()).begin().await;
    let tickets = ["Order 1", "Order 2"].map(|subject| world.source.open(subject, "Where is it?"));
    world.copy().await;
    change_field(&world.target, PRODUCT, options(&["product_sail", "product_rudder", "product_boom"])).await;
    change_field(&world.target, ORDER_NUMBER, json!({ "active": false })).await;
    world.restart().await;
    world.source.set(&tickets[0], "custom:Product", "product_mast");
    let parked = only_this_waits(&mut world, "unmapped", &tickets[1]).await;
    assert!(parked.reason.contains("no value `product_mast` in `custom:Product`"), "{}", parked.reason);
    let words = "[map.options.\"custom:Product\"]\nproduct_mast = \"product_boom\"\n\"*\" = \"same\"\n[map.fields]";
    world.reapply("[map.fields]", words).await;
    world.settle().await;
    assert_eq!(field(&world.mirrored(&tickets[0]), "custom:Product"), "product_boom");
    world.source.set(&tickets[0], "custom:Order number", "A-17");
    let parked = only_this_waits(&mut world, "field gone", &tickets[1]).await;
    assert!(parked.reason.contains("`custom:Order number`"), "{}", parked.reason);
    world.reapply("[map.fields]", "[map.fields]\n\"custom:Order number\" = \"ignore\"").await;
    world.settle().await;
    assert_eq!(world.status().await.parked, 0);
}
