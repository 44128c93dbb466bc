//! Sends webhooks: signed as documented, sent again by Zendesk's rules, struck by faults on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::ZendeskSim;
use super::store::stamp;
use super::webhook::Outgoing;
use super::world::ACCOUNT;
use crate::sim::faults::Kind;
use crate::sim::server::Options;
use crate::task;

/// How long Zendesk waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(12);
/// How often a 409 is sent again.
const CONFLICTS: u32 = 3;
/// How often a time-out is sent again.
const TIMEOUTS: u32 = 5;
/// How often a 429 or 503 with a short Retry-After is sent again (the number is not documented).
const SLOW_DOWNS: u32 = 5;
/// The longest Retry-After that Zendesk waits for.
const LONGEST_WAIT: Duration = Duration::from_secs(59);

/// The way from the store to the sender, and how many are under way.
#[derive(Debug, Clone)]
pub struct Post {
    sender: mpsc::UnboundedSender<Outgoing>,
    waiting: Arc<AtomicUsize>,
}

impl Post {
    /// The sender's end and the receiver's.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Outgoing>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, waiting: Arc::default() }, receiver)
    }

    /// Takes an event; the sending happens elsewhere. After the desk has stopped it is lost.
    pub fn hand_in(&self, outgoing: Outgoing) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if self.sender.send(outgoing).is_err() {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// How many are on their way.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }
}

/// Sends what is handed in, each on its own: nothing keeps them in order, as documented. Ends when the desk does.
pub async fn run(sim: std::sync::Weak<ZendeskSim>, mut receiver: mpsc::UnboundedReceiver<Outgoing>, options: Options) {
    let sender = Sender { client: client(&options), pause: options.retry_pause };
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            outgoing = receiver.recv() => {
                let (Some(outgoing), Some(sim)) = (outgoing, sim.upgrade()) else { return };
                let sender = sender.clone();
                under_way.spawn(async move {
                    sender.carry(&sim, outgoing).await;
                    sim.post.waiting.fetch_sub(1, Ordering::SeqCst);
                });
            }
            Some(_) = under_way.join_next() => {}
        }
    }
}

fn client(options: &Options) -> reqwest::Client {
    // The process may have chosen its TLS provider already; then this changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let timeout = options.webhook_timeout.unwrap_or(TIMEOUT);
    let client = reqwest::Client::builder().timeout(timeout).no_proxy().redirect(reqwest::redirect::Policy::none());
    client.user_agent("Zendesk Webhook").build().expect("a client without a proxy can be built")
}

#[derive(Clone)]
struct Sender {
    client: reqwest::Client,
    pause: Duration,
}

/// How an attempt ended.
enum Ended {
    Answered(u16, Option<Duration>),
    TimedOut,
    Failed,
}

impl Sender {
    async fn carry(&self, sim: &ZendeskSim, outgoing: Outgoing) {
        if sim.faults.strikes(Kind::Drop) {
            return;
        }
        if sim.faults.strikes(Kind::Late) {
            task::delay(sim.faults.lateness()).await;
        }
        let times = if sim.faults.strikes(Kind::Double) { 2 } else { 1 };
        for _ in 0..times {
            self.deliver(sim, &outgoing).await;
        }
    }

    async fn deliver(&self, sim: &ZendeskSim, outgoing: &Outgoing) {
        let invocation = sim.store().token(26).to_uppercase();
        let (mut conflicts, mut timeouts, mut slow_downs) = (0, 0, 0);
        loop {
            let Some(ended) = self.attempt(sim, outgoing, &invocation).await else { return };
            let wait = match ended {
                Ended::Answered(409, _) if conflicts < CONFLICTS => {
                    conflicts += 1;
                    self.pause * conflicts
                }
                Ended::Answered(429 | 503, Some(after)) if slow_downs < SLOW_DOWNS && after <= LONGEST_WAIT => {
                    slow_downs += 1;
                    after
                }
                Ended::TimedOut if timeouts < TIMEOUTS => {
                    timeouts += 1;
                    self.pause * timeouts
                }
                Ended::Answered(status, _) => return note(sim, outgoing, &invocation, json!(status)),
                Ended::TimedOut | Ended::Failed => return note(sim, outgoing, &invocation, json!(null)),
            };
            task::delay(wait).await;
        }
    }

    /// One request; `None` if the webhook is gone.
    async fn attempt(&self, sim: &ZendeskSim, outgoing: &Outgoing, invocation: &str) -> Option<Ended> {
        let (endpoint, secret, time) = {
            let store = sim.store();
            let webhook = store.webhooks.get(&outgoing.webhook)?;
            (webhook.endpoint.clone(), webhook.secret.clone(), stamp(store.clock.now()))
        };
        let request = self.client.post(endpoint).body(outgoing.body.clone());
        let answer = request
            .header("content-type", "application/json")
            .header("x-zendesk-account-id", ACCOUNT)
            .header("x-zendesk-webhook-id", &outgoing.webhook)
            .header("x-zendesk-webhook-invocation-id", invocation)
            .header("x-zendesk-webhook-signature", signature(&secret, &time, &outgoing.body))
            .header("x-zendesk-webhook-signature-timestamp", time)
            .send()
            .await;
        Some(match answer {
            Ok(answer) => {
                let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
                Ended::Answered(answer.status().as_u16(), after.map(Duration::from_secs))
            }
            Err(error) if error.is_timeout() => Ended::TimedOut,
            Err(_) => Ended::Failed,
        })
    }
}

fn note(sim: &ZendeskSim, outgoing: &Outgoing, invocation: &str, status: serde_json::Value) {
    let mut store = sim.store();
    let at = stamp(store.now());
    if let Some(webhook) = store.webhooks.get_mut(&outgoing.webhook) {
        let well = status.as_u64().is_some_and(|status| (200..300).contains(&status));
        let ended = if well { "success" } else { "failed" };
        webhook.note(json!({"id": invocation, "latest_completed_at": at, "status": ended, "status_code": status}));
    }
}

/// As documented: base64 of the HMAC-SHA256 of timestamp and body, keyed with the secret as it is written.
fn signature(secret: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(timestamp.as_bytes());
    mac.update(body.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
