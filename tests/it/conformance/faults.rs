//! How a connector tells what a desk did to it. A desk that only ever answers one thing stands in for the vendor's.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use tidegate::change::Cursor;
use tidegate::connectors::connect;
use tidegate::connectors::contract::Connector;
use tidegate::connectors::fault::Fault;
use tidegate::connectors::http::{AddressGuard, Http, Unlimited};
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::{PersonId, TicketId};
use tidegate::desk::person::NewPerson;
use tidegate::desk::ticket::Visibility;
use tidegate::desk::write::Write;
use tidegate::sim::faults::Kind;

use super::desk::{Desk, http};

/// A connector of the case's vendor to a desk that answers every call so.
async fn broken(desk: &Desk, status: u16, body: &'static str) -> Arc<dyn Connector> {
    let answer = move || async move {
        let headers = [("retry-after", "7"), ("content-type", "application/json")];
        (StatusCode::from_u16(status).unwrap(), headers, body)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    connect((desk.case.given)(&url, desk.case.secret), http()).unwrap()
}

/// What comes of each call of the contract that goes to the desk.
async fn faults_of(
    desk: &dyn Connector,
    cursor: &Cursor,
    now: chrono::DateTime<chrono::Utc>,
) -> Vec<(&'static str, Option<Fault>)> {
    let ticket = TicketId::new("7");
    let new = NewPerson { key: "tidegate:m:p:1".into(), name: "N".into(), email: Some("n@example.org".into()), active: true };
    let fields = Fields::from([(FieldKey::Subject, Value::text("s"))]);
    vec![
        ("identify", desk.identify().await.err()),
        ("schema", desk.schema().await.err()),
        ("read", desk.read(&ticket, None).await.err()),
        ("person", desk.person(&PersonId::new("8")).await.err()),
        ("changes", desk.changes(cursor, now).await.err()),
        ("list", desk.list(None).await.err()),
        ("find ticket", desk.find_ticket("tidegate:m:t:1").await.err()),
        ("find message", desk.find_message(&ticket, "tidegate:m:m:1").await.err()),
        ("find person", desk.find_person(Some("n@example.org"), "tidegate:m:p:1").await.err()),
        ("create person", desk.create_person(&new).await.err()),
        ("set fields", desk.apply(&Write::SetFields { ticket: ticket.clone(), fields, expect: None }).await.err()),
        ("delete", desk.apply(&Write::Delete { ticket: ticket.clone() }).await.err()),
        ("merge", desk.apply(&Write::Merge { ticket, into: TicketId::new("9") }).await.err()),
    ]
}

async fn assert_all(desk: &Desk, broken: &dyn Connector, is_right: impl Fn(&Fault) -> bool) {
    let cursor = desk.watcher.cursor_at(desk.clock.now());
    for (call, fault) in faults_of(broken, &cursor, desk.clock.now()).await {
        let fault = fault.unwrap_or_else(|| panic!("{call} went well"));
        assert!(is_right(&fault), "{call}: {fault:?}");
        for secret in [desk.case.secret, "n@example.org"] {
            assert!(!fault.to_string().contains(secret), "{call} tells {secret}: {fault}");
        }
    }
}

pub async fn too_many_calls_are_throttled(desk: &Desk) {
    let broken = broken(desk, 429, "{}").await;
    let wait = Some(Duration::from_secs(7));
    assert_all(desk, &*broken, |fault| matches!(fault, Fault::Throttled { retry_after, .. } if *retry_after == wait)).await;
}

pub async fn trouble_of_the_desk_leaves_it_unreachable(desk: &Desk) {
    for status in [500, 502, 503] {
        let broken = broken(desk, status, "{\"message\":\"oops\"}").await;
        assert_all(desk, &*broken, |fault| matches!(fault, Fault::Unreachable { .. }) && fault.leaves_doubt()).await;
    }
}

pub async fn a_wrong_credential_is_unauthorised(desk: &Desk) {
    let broken = broken(desk, 401, "{\"message\":\"Unauthorized\"}").await;
    assert_all(desk, &*broken, |fault| matches!(fault, Fault::Unauthorised { .. })).await;
    let wrong = connect((desk.case.given)(&desk.url, desk.case.wrong_secret), http()).unwrap();
    let fault = wrong.identify().await.unwrap_err();
    assert!(matches!(fault, Fault::Unauthorised { .. }), "{fault:?}");
    assert!(!fault.to_string().contains(desk.case.wrong_secret), "{fault}");
}

pub async fn an_answer_that_is_no_json_is_unreadable(desk: &Desk) {
    for body in ["<html>a page", "[]", "{\"items\": 7, \"tickets\": 7"] {
        let broken = broken(desk, 200, body).await;
        assert_all(desk, &*broken, |fault| matches!(fault, Fault::Unreadable { .. }) && fault.leaves_doubt()).await;
    }
}

pub async fn a_desk_that_does_not_answer_is_unreachable(desk: &Desk) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let http = Http::with_limit(Arc::new(Unlimited), AddressGuard { allow_private: true }, Duration::from_millis(50)).unwrap();
    let silent = connect((desk.case.given)(&url, desk.case.secret), http).unwrap();
    assert_all(desk, &*silent, |fault| matches!(fault, Fault::Unreachable { .. })).await;
}

pub async fn a_lost_answer_is_found_again(desk: &Desk) {
    let Some(sim) = &desk.sim else { return println!("a real desk cannot be told to lose an answer: nothing tried") };
    let other = desk.ticket("t:0").await;
    for round in 1..=2 {
        let first = desk.message(&format!("m:{round}"), Visibility::Public, Body::Text("once".into())).await;
        let new = desk.new_ticket(&format!("t:{round}"), desk.plain_fields().await, vec![first.clone()]).await;
        let writes = [Write::Create(new), Write::AddMessage { ticket: other.clone(), message: first }];
        for write in &writes {
            desk.tick();
            sim.stage.faults().order(Kind::LoseAnswer);
            let fault = desk.ours.apply(write).await.unwrap_err();
            assert!(matches!(fault, Fault::Unreachable { .. }), "{fault:?}");
        }
        assert_eq!(desk.ours.find_ticket(&desk.key(&format!("t:{round}"))).await.unwrap().len(), 1);
        assert_eq!(desk.ours.find_message(&other, &desk.key(&format!("m:{round}"))).await.unwrap().len(), 1);
    }
}
