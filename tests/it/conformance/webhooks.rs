//! Deliveries of the desk itself.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use bytes::Bytes;
use serde_json::json;
use tidegate::change::Hint;
use tidegate::connectors::delivery::{Delivery, Rejection};
use tidegate::connectors::fault::Fault;
use tidegate::desk::capability::Webhooks;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::secret::Secret;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::desk::Desk;
use super::feed::{cursor, drain};

const TOLERANCE: Duration = Duration::from_secs(300);

/// Takes deliveries; its address.
async fn receiver() -> (String, UnboundedReceiver<Delivery>) {
    let (seen, inbox) = unbounded_channel();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let take = |State(seen): State<UnboundedSender<Delivery>>, headers: HeaderMap, body: Bytes| async move {
        let text = |value: &axum::http::HeaderValue| value.to_str().unwrap_or_default().to_string();
        let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let _ = seen.send(Delivery { headers, body });
    };
    let router = Router::new().fallback(take).with_state(seen);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, inbox)
}

/// Has deliveries sent there; the secret that they prove themselves with. `None`: a real desk whose admin would have to.
async fn connect(desk: &Desk, url: &str) -> Option<Secret> {
    match desk.can().webhooks {
        Webhooks::ByApi => Some(desk.watcher.register_webhook("tidegate m", url).await.unwrap().secret),
        Webhooks::ByAdmin => {
            let path = desk.case.hook_path.filter(|_| desk.sim.is_some())?;
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let body = json!({ "url": url, "secret": "webhook-secret" });
            client.put(format!("{}{path}", desk.url)).json(&body).send().await.unwrap().error_for_status().unwrap();
            Some(Secret::new("webhook-secret"))
        }
        Webhooks::None => None,
    }
}

pub async fn a_delivery_proves_itself_and_names_the_ticket(desk: &Desk) {
    let Some(scheme) = desk.watcher.scheme() else { return assert_eq!(desk.can().webhooks, Webhooks::None) };
    let id = desk.ticket("t:1").await;
    desk.wait_for_feed();
    let mut place = cursor(desk).await;
    let (url, mut inbox) = receiver().await;
    let Some(secret) = connect(desk, &url).await else { return println!("an admin has to set the webhook: nothing tried") };
    desk.set(&id, Fields::from([(FieldKey::Priority, desk.value(priority(desk), priority(desk).then).await)])).await;
    let delivery = tokio::time::timeout(Duration::from_secs(20), inbox.recv()).await.expect("a delivery").unwrap();
    let now = desk.clock.now();
    let forged = scheme.check(delivery.clone(), &[Secret::new("another secret")], now, TOLERANCE);
    assert_eq!(forged.unwrap_err(), Rejection::Forged);
    let late = scheme.check(delivery.clone(), std::slice::from_ref(&secret), now + Duration::from_secs(301), TOLERANCE);
    assert!(matches!(late, Err(Rejection::Stale { .. })), "{late:?}");
    let verified = scheme.check(delivery, &[Secret::new("the old one"), secret], now, TOLERANCE).unwrap();
    let hints: Vec<Hint> = desk.watcher.hints(&verified).unwrap();
    assert!(hints.iter().any(|hint| hint.ticket == id), "{hints:?}");
    assert_eq!(desk.watcher.delivery_id(&verified), desk.watcher.delivery_id(&verified));
    desk.wait_for_feed();
    let fed = drain(desk, &mut place).await;
    let both = hints.iter().all(|hint| fed.iter().any(|other| other.evidence == hint.evidence && other.ticket == hint.ticket));
    assert_eq!(both, desk.case.one_evidence, "{hints:?} and {fed:?}");
}

fn priority(desk: &Desk) -> &'static super::case::Sample {
    desk.case.samples.iter().find(|sample| sample.field == "priority").expect("every case has a priority")
}

pub async fn a_webhook_is_registered_once_and_removed(desk: &Desk) {
    if desk.can().webhooks != Webhooks::ByApi {
        let refused = desk.ours.register_webhook("tidegate m", "http://127.0.0.1:9/hook").await;
        assert!(matches!(refused, Err(Fault::Refused { .. })), "{refused:?}");
        return desk.ours.remove_webhook("none").await.unwrap();
    }
    let first = desk.ours.register_webhook("tidegate m", "http://127.0.0.1:9/old").await.unwrap();
    let other = desk.ours.register_webhook("tidegate m2", "http://127.0.0.1:9/other").await.unwrap();
    let (url, mut inbox) = receiver().await;
    let again = desk.ours.register_webhook("tidegate m", &url).await.unwrap();
    assert_eq!((&again.id, again.secret.expose()), (&first.id, first.secret.expose()));
    assert_ne!((&other.id, other.secret.expose()), (&first.id, first.secret.expose()));
    desk.ours.remove_webhook(&other.id).await.unwrap();
    let id = desk.ticket("t:1").await;
    tokio::time::timeout(Duration::from_secs(20), inbox.recv()).await.expect("a delivery").unwrap();
    for _ in 0..2 {
        desk.ours.remove_webhook(&first.id).await.unwrap();
    }
    let waiting = || desk.sim.as_ref().map_or(0, |sim| sim.stage.deliveries_waiting());
    while waiting() > 0 {
        tidegate::task::delay(Duration::from_millis(2)).await;
    }
    while inbox.try_recv().is_ok() {}
    desk.set(&id, Fields::from([(FieldKey::Subject, Value::text("unheard"))])).await;
    assert_eq!(waiting(), 0);
    assert!(inbox.try_recv().is_err());
}
