//! The simulated Request Tracker does what surprised us in the real one: what people, scrips and faults do.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tidegate::clock::Clock;
use tidegate::sim::faults::{Kind, Rates};
use tidegate::sim::server::Options;
use tidegate::sim::stage::{Action, File, Text, Who};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Desk;
fn agent(name: &str) -> Who {
    Who { email: format!("{name}@rt.sim"), name: name.to_owned(), agent: true }
}

fn customer() -> Who {
    Who { email: "ada@example.test".to_owned(), name: "Ada".to_owned(), agent: false }
}

fn text(body: &str) -> Text {
    Text { body: body.to_owned(), ..Text::default() }
}

/// Returns when it holds.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tidegate::task::delay(Duration::from_millis(5)).await;
    }
}

type Heard = (HeaderMap, String);

/// A receiver of webhooks: its address, and what it heard.
async fn receiver() -> (String, UnboundedReceiver<Heard>) {
    async fn hear(State(heard): State<UnboundedSender<Heard>>, headers: HeaderMap, body: String) {
        heard.send((headers, body)).unwrap();
    }
    let (sender, heard) = unbounded_channel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new().route("/hook", post(hear)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, heard)
}

#[tokio::test]
async fn nobody_is_mailed_about_the_gateway_but_everybody_about_people() {
    let desk = Desk::start().await;
    let new = json!({ "Queue": "Support", "Requestor": "ada@example.test", "Cc": "cc@example.test", "Content": "x" });
    let id = desk.ticket(new.clone()).await;
    let reply = json!({ "Content": "x", "ContentType": "text/plain" });
    desk.post(&format!("ticket/{id}/correspond"), reply.clone()).await;
    assert_eq!(desk.mailed(), Vec::<String>::new());
    let as_alice = desk.client.post(format!("{}/REST/2.0/ticket/{id}/correspond", desk.running.url));
    desk.send(as_alice.header("Authorization", "token token-alice").json(&reply)).await;
    let mails = desk.running.stage.mails();
    assert_eq!(mails[0].to, ["ada@example.test", "cc@example.test"]);
    assert_eq!(mails[0].actor, "alice@rt.sim");

    desk.control("settings", json!({ "silent_creator": null })).await;
    desk.ticket(new).await;
    assert_eq!(desk.mailed()[1..], ["On Create Autoreply To Requestors", "On Create Notify Ccs"]);
    let records = desk.feed("ObjectType = 'RT::Ticket' AND Type = 'EmailRecord'").await;
    assert_eq!(records.len(), 3);
}

#[tokio::test]
async fn webhooks_are_signed_and_one_for_each_side() {
    let desk = Desk::start().await;
    let (url, mut heard) = receiver().await;
    desk.control("webhook", json!({ "url": url, "secret": "s" })).await;
    desk.ticket(json!({ "Queue": "Support", "Subject": "one" })).await;
    desk.ticket(json!({ "Queue": "Support", "Subject": "two" })).await;
    desk.post("ticket/2/correspond", json!({ "Content": "x", "ContentType": "text/plain" })).await;
    desk.put("ticket/2", json!({ "AddDependsOn": 1, "Subject": "zwei" })).await;
    let mut told = Vec::new();
    while told.len() < 6 {
        let (headers, body) = heard.recv().await.unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"s").unwrap();
        mac.update(format!("{}.{body}", headers["x-rt-timestamp"].to_str().unwrap()).as_bytes());
        let hex = hex::encode(mac.finalize().into_bytes());
        assert_eq!(headers["x-rt-signature"], format!("sha256={hex}"));
        let body: Value = serde_json::from_str(&body).unwrap();
        let kinds: Vec<String> =
            body["transactions"].as_array().unwrap().iter().map(|row| row["type"].as_str().unwrap().to_owned()).collect();
        told.push(format!("{} {}", body["ticket"]["id"], kinds.join(",")));
    }
    assert_eq!(told, ["1 Create", "2 Create", "2 Correspond", "2 Status", "1 AddLink", "2 Set,AddLink"]);
}

#[tokio::test]
async fn what_people_do_is_told_in_neutral_words() {
    let desk = Desk::start().await;
    let stage = &desk.running.stage;
    let picture = File { name: "p.png".to_owned(), content_type: "image/png".to_owned(), bytes: vec![1, 2], inline: true };
    let body = Text { body: "<img src=\"cid:p.png\">".to_owned(), html: true, files: vec![picture] };
    let fields = BTreeMap::from([("custom:Plan".to_owned(), vec!["team".to_owned()])]);
    let open = Action::Open {
        subject: "Help".to_owned(),
        group: "Billing".to_owned(),
        text: body,
        fields,
        tags: vec!["vip".to_owned()],
    };
    let long_ago = Clock::system().now() - chrono::TimeDelta::days(30);
    let id = stage.act(&customer(), open, long_ago, true).unwrap().ticket;
    let act = |who: Who, action| stage.act(&who, action, Clock::system().now(), false);
    let set = BTreeMap::from([
        ("assignee".to_owned(), vec!["bob@rt.sim".to_owned()]),
        ("type".to_owned(), vec!["incident".to_owned()]),
        ("custom:Renewal".to_owned(), vec!["2027-03-04T05:06:07Z".to_owned()]),
        ("followers".to_owned(), vec!["carol@rt.sim".to_owned()]),
    ]);
    act(agent("alice"), Action::Set { ticket: id.clone(), fields: set }).unwrap();
    let note = act(agent("alice"), Action::Note { ticket: id.clone(), text: text("secret words") }).unwrap().message.unwrap();
    act(customer(), Action::Reply { ticket: id.clone(), text: text("thanks") }).unwrap();
    act(agent("bob"), Action::Tag { ticket: id.clone(), add: vec!["x".to_owned()], remove: vec!["vip".to_owned()] }).unwrap();
    act(agent("bob"), Action::Redact { ticket: id.clone(), message: note.clone(), words: "secret ".to_owned() }).unwrap();
    assert!(act(agent("bob"), Action::MakePrivate { ticket: id.clone(), message: note }).is_err());
    let view = desk.view(&id);
    let field = |key: &str| view.fields.get(key).map(|values| values.join(",")).unwrap_or_default();
    assert_eq!([field("group"), field("assignee"), field("type")], ["Billing", "bob@rt.sim", "incident"]);
    assert_eq!([field("custom:Plan"), field("custom:Renewal")], ["team", "2027-03-04T05:06:07Z"]);
    assert_eq!([field("requester"), field("status")], ["ada@example.test", "open"]);
    assert_eq!(view.tags.into_iter().collect::<Vec<_>>(), ["x"]);
    assert_eq!(view.followers.into_iter().collect::<Vec<_>>(), ["carol@rt.sim"]);
    let told: Vec<_> = view.messages.iter().map(|message| (message.author.as_str(), message.public)).collect();
    assert_eq!(told, [("ada@example.test", true), ("alice@rt.sim", false), ("ada@example.test", true)]);
    assert_eq!(view.messages[1].body, "words");
    assert!(view.messages[0].html && view.messages[0].files[0].inline);
    assert!((view.created_at - long_ago).num_seconds().abs() <= 1);
}

#[tokio::test]
async fn a_late_commit_comes_after_higher_numbers() {
    let rates = Rates { late: f64::MIN_POSITIVE, late_ms: 50, ..Rates::default() };
    let desk = Desk::with(Options { rates, ..Options::default() }).await;
    let stage = &desk.running.stage;
    let (url, mut heard) = receiver().await;
    desk.control("webhook", json!({ "url": url, "secret": "s" })).await;
    let open = || Action::Open {
        subject: "x".to_owned(),
        group: "Support".to_owned(),
        text: text("x"),
        fields: BTreeMap::new(),
        tags: Vec::new(),
    };
    stage.faults().order(Kind::Late);
    let late = stage.act(&customer(), open(), Clock::system().now(), false).unwrap();
    let early = stage.act(&customer(), open(), Clock::system().now(), false).unwrap();
    assert_eq!(desk.search("id > 0").await, [early.ticket.as_str()]);
    assert_eq!(desk.get(&format!("ticket/{}", late.ticket)).await.status, 404);
    until(|| stage.deliveries_waiting() == 0).await;
    assert_eq!(desk.search("id > 0").await, [late.ticket.as_str(), early.ticket.as_str()]);
    let mut told = Vec::new();
    while told.len() < 2 {
        let body: Value = serde_json::from_str(&heard.recv().await.unwrap().1).unwrap();
        told.push(body["ticket"]["id"].to_string());
    }
    assert_eq!(told, [early.ticket, late.ticket]);
}

#[tokio::test]
async fn faults_strike_and_a_lost_answer_is_a_write_that_was_done() {
    let desk = Desk::start().await;
    let faults = desk.running.stage.faults();
    let new = json!({ "Queue": "Support", "Subject": "one" });
    faults.order(Kind::Refuse);
    assert_eq!(desk.post("ticket", new.clone()).await.status, 500);
    faults.order(Kind::Limit);
    assert_eq!(desk.post("ticket", new.clone()).await.status, 503);
    assert!(desk.running.stage.tickets().is_empty());
    faults.order(Kind::LoseAnswer);
    assert_eq!(desk.post("ticket", new).await.status, 502);
    assert_eq!(desk.running.stage.tickets().len(), 1);
    desk.put("ticket/1", json!({ "Subject": "two" })).await;
    faults.order(Kind::StaleRead);
    let stale = desk.get("ticket/1").await;
    let now = desk.get("ticket/1").await;
    assert_eq!((&stale.body["Subject"], &now.body["Subject"]), (&json!("one"), &json!("two")));
    assert_ne!(stale.headers["etag"], now.headers["etag"]);
    assert_eq!(desk.running.stage.calls()["GET /REST/2.0/ticket/{id}"], 2);
    let anybody = desk.client.get(format!("{}/REST/2.0/rt", desk.running.url));
    let refused = desk.send(anybody).await;
    assert_eq!((refused.status.as_u16(), refused.body), (401, json!({ "message": "Unauthorized" })));
}
