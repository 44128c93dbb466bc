//! People who change while the mirror runs (rule 20): they are linked by id, not by address.

use reqwest::Method;
use serde_json::{Value, json};
use tidegate::sim::stage::{Action, Text, Who};

use crate::world::desk::{Desk, customer, field, request_tracker, saying, zendesk};
use crate::world::stand::World;

/// The number of somebody at a simulated Zendesk.
async fn number(desk: &Desk, name: &str) -> u64 {
    let call = reqwest::Client::new().get(format!("{}/api/v2/users/search?query={name}", desk.running.url));
    let answer = call.basic_auth("admin@sim.example/token", Some("sim-token")).send().await.expect("the desk answers");
    let found: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
    found["users"][0]["id"].as_u64().expect("somebody is found")
}

fn reply(desk: &Desk, who: &Who, ticket: &str, words: &str) {
    let text = Text { body: words.to_string(), ..Text::default() };
    desk.act(who, Action::Reply { ticket: ticket.to_string(), text });
}

fn open(desk: &Desk, who: &Who, subject: &str) -> String {
    let text = Text { body: "Where is it?".to_string(), ..Text::default() };
    let (fields, tags) = (Default::default(), Vec::new());
    desk.act(who, Action::Open { subject: subject.to_string(), group: "Support".to_string(), text, fields, tags }).ticket
}

async fn begin() -> (World, String) {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    (world, ticket)
}

#[tokio::test]
async fn rule_20_a_customer_whose_address_changes_mid_way_stays_one_person() {
    let (mut world, one) = begin().await;
    let jane = number(&world.source, "jane").await;
    let change = json!({ "user": { "email": "jane@elsewhere.example" } });
    world.source.set_up(Method::PUT, &format!("/api/v2/users/{jane}"), change).await;
    let moved = Who { email: "jane@elsewhere.example".to_string(), ..customer() };
    reply(&world.source, &moved, &one, "I moved.");
    let other = open(&world.source, &moved, "Order 8");
    world.settle().await;
    let requester = |ticket: &str| field(&world.mirrored(ticket), "requester");
    assert_eq!(requester(&one), "jane@northwind.example", "whoever is there is not written over");
    assert_eq!(requester(&other), requester(&one), "no second person is made of her");
    assert_eq!(saying(&world.mirrored(&one), "I moved.").len(), 1);
}

#[tokio::test]
async fn rule_20_customers_who_are_merged_mid_way_lose_no_ticket_and_no_message() {
    let (mut world, one) = begin().await;
    let survivor = Who { email: "doe@northwind.example".to_string(), name: "J. Doe".to_string(), agent: false };
    let other = open(&world.source, &survivor, "Order 8");
    world.settle().await;
    // What a merge of users is in Zendesk's API: the tickets are the survivor's, and the other is gone.
    let (jane, doe) = (number(&world.source, "jane").await, number(&world.source, "doe@northwind").await);
    let ticket = json!({ "ticket": { "requester_id": doe } });
    world.source.set_up(Method::PUT, &format!("/api/v2/tickets/{one}"), ticket).await;
    world.source.set_up(Method::DELETE, &format!("/api/v2/users/{jane}"), json!({})).await;
    reply(&world.source, &survivor, &one, "It is me.");
    world.settle().await;
    let there = world.mirrored(&one);
    assert_eq!(field(&there, "requester"), "doe@northwind.example");
    assert_eq!((saying(&there, "Where is it?").len(), saying(&there, "It is me.").len()), (1, 1), "{there:?}");
    assert!(saying(&there, "Where is it?")[0].body.contains("jane@northwind.example"), "who wrote it is told as it was");
    assert_eq!(field(&world.mirrored(&other), "requester"), "doe@northwind.example");
}
