//! The webhooks of the project's scrip: one signed POST each, one try, three seconds, in order. A receiver that is down
//! has lost them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::setting::Webhook;
use crate::clock::Clock;
use crate::sim::faults::{Faults, Kind};
use crate::task;

/// The scrip's time limit.
const LIMIT: Duration = Duration::from_secs(3);

/// A request that is ready to be sent.
#[derive(Debug, Clone)]
struct Delivery {
    url: String,
    id: String,
    timestamp: i64,
    signature: String,
    hub_signature: String,
    body: String,
}

/// Sends webhooks.
#[derive(Debug)]
pub struct Hooks {
    target: Mutex<Webhook>,
    queue: UnboundedSender<Delivery>,
    waiting: Arc<AtomicUsize>,
    clock: Clock,
    faults: Arc<Faults>,
}

impl Hooks {
    /// Starts the task that sends; it ends with the desk. Errors: no HTTP client.
    pub fn start(clock: Clock, faults: Arc<Faults>, limit: Option<Duration>) -> std::io::Result<Self> {
        // The HTTP client wants a cryptography provider even for plain HTTP; the first one installed wins.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(limit.unwrap_or(LIMIT)).no_proxy().user_agent("rt-webhook/1");
        let client = client.build().map_err(std::io::Error::other)?;
        let (queue, receiver) = unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        tokio::spawn(send_all(client, receiver, waiting.clone(), faults.clone()));
        Ok(Self { target: Mutex::new(Webhook::default()), queue, waiting, clock, faults })
    }

    /// Where they go.
    pub fn target(&self) -> Webhook {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes where they go.
    pub fn set_target(&self, target: Webhook) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// Deliveries on their way.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Sends bodies in order; faults may drop and double them.
    pub fn send(&self, bodies: Vec<Value>) {
        let target = self.target();
        if target.url.is_empty() {
            return;
        }
        for body in bodies {
            if self.faults.strikes(Kind::Drop) {
                continue;
            }
            let delivery = self.sign(&target, body);
            let times = if self.faults.strikes(Kind::Double) { 2 } else { 1 };
            for _ in 0..times {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                if self.queue.send(delivery.clone()).is_err() {
                    self.waiting.fetch_sub(1, Ordering::SeqCst);
                }
            }
        }
    }

    fn sign(&self, target: &Webhook, mut body: Value) -> Delivery {
        let timestamp = self.clock.now().timestamp();
        body["sent_at"] = json!(timestamp);
        let body = body.to_string();
        Delivery {
            url: target.url.clone(),
            id: uuid::Uuid::new_v4().to_string(),
            timestamp,
            signature: signature(&target.secret, &format!("{timestamp}.{body}")),
            hub_signature: signature(&target.secret, &body),
            body,
        }
    }
}

fn signature(secret: &str, signed: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(signed.as_bytes());
    let hex = hex::encode(mac.finalize().into_bytes());
    format!("sha256={hex}")
}

async fn send_all(
    client: reqwest::Client,
    mut queue: UnboundedReceiver<Delivery>,
    waiting: Arc<AtomicUsize>,
    faults: Arc<Faults>,
) {
    while let Some(delivery) = queue.recv().await {
        if !faults.strikes(Kind::Late) {
            send(&client, delivery).await;
            waiting.fetch_sub(1, Ordering::SeqCst);
            continue;
        }
        let (client, waiting, lateness) = (client.clone(), waiting.clone(), faults.lateness());
        tokio::spawn(async move {
            task::delay(lateness).await;
            send(&client, delivery).await;
            waiting.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

async fn send(client: &reqwest::Client, delivery: Delivery) {
    let request = client
        .post(&delivery.url)
        .header("Content-Type", "application/json")
        .header("X-RT-Delivery", &delivery.id)
        .header("X-RT-Timestamp", delivery.timestamp)
        .header("X-RT-Signature", delivery.signature)
        .header("X-Hub-Signature-256", delivery.hub_signature)
        .body(delivery.body);
    match request.send().await {
        Ok(answer) if answer.status().is_success() => {}
        Ok(answer) => tracing::debug!(delivery = %delivery.id, status = %answer.status(), "a webhook was not wanted"),
        Err(error) => tracing::debug!(delivery = %delivery.id, error = %error.without_url(), "a webhook was lost"),
    }
}
