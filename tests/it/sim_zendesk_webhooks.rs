//! What the simulated Zendesk tells of itself: webhooks, faults, the control endpoint.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use reqwest::Method;
use serde_json::{Value, json};
use tidegate::sim::faults::{Kind, Rates};
use tidegate::sim::server::Options;
use tidegate::sim::stage::Action;
use tokio::sync::mpsc;

use super::sim_zendesk::{ADMIN, Desk, ada, any_port, customer, text};

/// A delivery as it came in: headers and raw body.
type Delivery = (HeaderMap, Bytes);

#[derive(Clone)]
struct Receiver {
    answers: Arc<Mutex<VecDeque<u16>>>,
    seen: mpsc::UnboundedSender<Delivery>,
}

/// Takes webhooks; answers these statuses in turn, then 200.
async fn receiver(answers: &[u16]) -> (String, mpsc::UnboundedReceiver<Delivery>) {
    let (seen, inbox) = mpsc::unbounded_channel();
    let state = Receiver { answers: Arc::new(Mutex::new(answers.iter().copied().collect())), seen };
    let listener = tokio::net::TcpListener::bind(any_port()).await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let take = |State(state): State<Receiver>, headers: HeaderMap, body: Bytes| async move {
        state.seen.send((headers, body)).unwrap();
        let status = state.answers.lock().unwrap().pop_front().unwrap_or(200);
        StatusCode::from_u16(status).unwrap()
    };
    let router = Router::new().fallback(take).with_state(state);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, inbox)
}

async fn next(inbox: &mut mpsc::UnboundedReceiver<Delivery>) -> Delivery {
    tokio::time::timeout(Duration::from_secs(10), inbox.recv()).await.expect("a delivery within ten seconds").unwrap()
}

/// Subscribes to these ticket events; returns the signing secret.
async fn subscribe(desk: &Desk, url: &str, events: &[&str]) -> String {
    let events: Vec<String> = events.iter().map(|event| format!("zen:event-type:ticket.{event}")).collect();
    let webhook = json!({"webhook": {"name": "test", "endpoint": url, "http_method": "POST", "request_format": "json",
                                     "status": "active", "subscriptions": events}});
    let (status, answer) = desk.call(Method::POST, "/api/v2/webhooks", webhook).await;
    assert_eq!(status, 201, "{answer}");
    let path = format!("/api/v2/webhooks/{}/signing_secret", answer["webhook"]["id"].as_str().unwrap());
    desk.get(&path).await["signing_secret"]["secret"].as_str().unwrap().to_string()
}

#[tokio::test]
async fn webhooks_are_signed_as_documented() {
    let desk = Desk::start().await;
    let (url, mut inbox) = receiver(&[]).await;
    let secret = subscribe(&desk, &url, &["comment_added", "status_changed"]).await;
    let ticket = desk.opened_by(customer(), "Broken");
    next(&mut inbox).await;
    desk.act(ada(), Action::Reply { ticket: ticket.clone(), text: text("Have you tried it again?") });
    let (headers, body) = next(&mut inbox).await;
    let time = headers["x-zendesk-webhook-signature-timestamp"].to_str().unwrap();
    let signed = headers["x-zendesk-webhook-signature"].to_str().unwrap();
    assert_eq!(signed, hmac_by_hand(secret.as_bytes(), &[time.as_bytes(), &body].concat()));
    let event: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(headers["x-zendesk-account-id"].to_str().unwrap(), event["account_id"].to_string());
    assert_eq!(event["type"], "zen:event-type:ticket.comment_added");
    assert_eq!((&event["subject"], &event["detail"]["id"]), (&json!(format!("zen:ticket:{ticket}")), &json!(ticket)));
    assert_eq!((&event["detail"]["status"], &event["detail"]["tags"]), (&json!("NEW"), &Value::Null));
    assert_eq!(event["event"]["comment"]["body"], "Have you tried it again?");
    assert_eq!(event["event"]["comment"]["author"]["is_staff"], true);
    desk.put(&format!("/api/v2/tickets/{ticket}"), json!({"ticket": {"status": "pending"}})).await;
    let event: Value = serde_json::from_slice(&next(&mut inbox).await.1).unwrap();
    assert_eq!((&event["event"]["current"], &event["event"]["previous"]), (&json!("PENDING"), &json!("NEW")));
}

/// HMAC-SHA256 from its definition, in base64: independent of the crate that the simulation signs with.
fn hmac_by_hand(key: &[u8], message: &[u8]) -> String {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::digest([&block.map(|byte| byte ^ 0x36)[..], message].concat());
    let outer = Sha256::digest([&block.map(|byte| byte ^ 0x5c)[..], &inner[..]].concat());
    base64::engine::general_purpose::STANDARD.encode(outer)
}

#[tokio::test]
async fn a_409_is_sent_again_and_a_500_is_not() {
    let options = Options { retry_pause: Duration::from_millis(5), ..Options::default() };
    let desk = Desk::with(options).await;
    let (url, mut inbox) = receiver(&[409, 409, 409, 409, 500]).await;
    subscribe(&desk, &url, &["created"]).await;
    desk.opened_by(customer(), "One");
    let first = next(&mut inbox).await;
    for _ in 0..3 {
        let again = next(&mut inbox).await;
        assert_eq!(
            (again.1.clone(), &again.0["x-zendesk-webhook-invocation-id"]),
            (first.1.clone(), &first.0["x-zendesk-webhook-invocation-id"])
        );
    }
    until("given up after three", || desk.running.stage.deliveries_waiting() == 0).await;
    desk.opened_by(customer(), "Two");
    next(&mut inbox).await;
    until("not sent again", || desk.running.stage.deliveries_waiting() == 0).await;
    assert!(inbox.try_recv().is_err());
}

#[tokio::test]
async fn a_doubled_delivery_is_one_event_twice_and_a_dropped_one_never_comes() {
    let desk = Desk::start().await;
    let (url, mut inbox) = receiver(&[]).await;
    subscribe(&desk, &url, &["created"]).await;
    desk.running.stage.faults().order(Kind::Double);
    desk.opened_by(customer(), "One");
    let (first, second) = (next(&mut inbox).await, next(&mut inbox).await);
    assert_eq!(first.1, second.1);
    let invocation = "x-zendesk-webhook-invocation-id";
    assert_ne!(first.0[invocation], second.0[invocation]);
    desk.running.stage.faults().order(Kind::Drop);
    desk.opened_by(customer(), "Two");
    until("the second is dropped", || desk.running.stage.deliveries_waiting() == 0).await;
    assert!(inbox.try_recv().is_err());
    assert_eq!(desk.running.stage.faults().happened()[&Kind::Drop], 1);
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        tidegate::task::delay(Duration::from_millis(5)).await;
    }
    panic!("still not: {what}");
}

#[tokio::test]
async fn faults_strike_as_ordered_and_lost_answers_are_done() {
    let desk = Desk::start().await;
    let id = desk.create(json!({"subject": "before", "comment": {"body": "x"}})).await;
    let path = format!("/api/v2/tickets/{id}");
    let faults = desk.running.stage.faults();
    faults.order(Kind::Limit);
    let limited = desk.send(Method::GET, &path, None).await;
    assert_eq!((limited.status().as_u16(), &limited.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    for subject in ["cut off", "bad gateway"] {
        faults.order(Kind::LoseAnswer);
        let url = format!("{}{path}", desk.running.url);
        let request = desk.http.put(url).basic_auth(ADMIN.0, Some(ADMIN.1)).json(&json!({"ticket": {"subject": subject}}));
        let lost = match request.send().await {
            Ok(answer) if answer.status().is_success() => answer.bytes().await.is_err(),
            Ok(answer) => answer.status() == 502,
            Err(_) => true,
        };
        assert!(lost, "{subject}");
        assert_eq!(desk.get(&path).await["ticket"]["subject"], subject);
    }
    faults.order(Kind::StaleRead);
    assert_eq!(desk.get(&path).await["ticket"]["subject"], "cut off");
}

#[tokio::test]
async fn the_control_endpoint_acts_and_tells() {
    let desk = Desk::start().await;
    let open = json!({"who": {"email": "zoe@northwind.example", "name": "Zoë", "agent": false}, "action": {"open": {
        "subject": "Refund", "group": "Billing", "text": {"body": "please"}, "fields": {}, "tags": ["vip_customer"]}}});
    let (status, done) = desk.call(Method::POST, "/_sim/act", open).await;
    assert_eq!(status, 200, "{done}");
    let tickets = desk.get("/_sim/tickets").await;
    let fields = &tickets[0]["fields"];
    assert_eq!((&fields["organisation"], &fields["custom:VIP"]), (&json!(["Northwind Traders"]), &json!(["true"])));
    assert_eq!(desk.get("/_sim/mails").await[0]["to"], json!(["zoe@northwind.example"]));
    let rates = json!({"rates": {"refuse": 1.0}, "order": ["drop"]});
    assert_eq!(desk.call(Method::PUT, "/_sim/faults", rates).await.1["rates"]["refuse"], 1.0);
    assert_eq!(desk.send(Method::GET, "/api/v2/tickets", None).await.status(), 500);
    assert_eq!(desk.get("/_sim/faults").await["happened"]["refuse"], 1);
    desk.running.stage.faults().set(Rates::default());
    let who = json!({"email": "ada@desk.example", "name": "Ada", "agent": true});
    let set = |subject: &str| json!({"set": {"ticket": "1", "fields": {"subject": [subject]}}});
    let interrupt = json!({"interrupt": [{"ticket": "1", "who": who, "action": set("Refund!")}]});
    desk.call(Method::PUT, "/_sim/faults", interrupt).await;
    assert_eq!(desk.get("/api/v2/tickets/1").await["ticket"]["subject"], "Refund", "the next read is the one before");
    assert_eq!(desk.get("/api/v2/tickets/1").await["ticket"]["subject"], "Refund!");
    let shown = desk.get("/api/v2/tickets/1").await["ticket"]["generated_timestamp"].clone();
    let slip = json!({"who": who, "action": set("Refund?"), "slip": true});
    assert_eq!(desk.call(Method::POST, "/_sim/act", slip).await.0, 200);
    let ticket = desk.get("/api/v2/tickets/1").await["ticket"].clone();
    assert_eq!((&ticket["subject"], &ticket["generated_timestamp"]), (&json!("Refund?"), &shown));
    for hidden in [json!({"all": true}), json!({"tickets": ["1"]})] {
        desk.call(Method::PUT, "/_sim/faults", json!({"hidden": hidden})).await;
        assert_eq!(desk.send(Method::GET, "/api/v2/tickets/1", None).await.status(), 404);
    }
    desk.call(Method::PUT, "/_sim/faults", json!({"hidden": {}})).await;
    assert_eq!(desk.send(Method::GET, "/api/v2/tickets/1", None).await.status(), 200);
    let (_, turned) = desk.call(Method::PUT, "/_sim/clock", json!({"advance_seconds": 90})).await;
    assert_eq!(turned["now"], "2026-03-01T12:01:30Z");
}
