//! Senders of webhooks that remember what was answered 2xx.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tidegate::clock::Clock;

use super::db::until;
use super::scrip::{signed, transaction};

/// Transactions of an RT, each once, to one gateway.
pub struct Load {
    client: reqwest::Client,
    url: String,
    secret: &'static str,
    sent: AtomicUsize,
    answered: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl Load {
    /// For the mirror of this name and secret.
    pub fn on(gateway: SocketAddr, mirror: &str, secret: &'static str) -> Load {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().expect("a client");
        let url = format!("http://{gateway}/hooks/{mirror}/source");
        Load { client, url, secret, sent: AtomicUsize::new(0), answered: Mutex::default(), over: AtomicBool::new(false) }
    }

    /// Returns when the gateway listens for the mirror.
    pub async fn taken_in(&self) {
        let listens = async || self.client.post(&self.url).send().await.is_ok_and(|answer| answer.status() == 401);
        until("the mirror listens", listens).await;
    }

    /// So many senders send one after the other, until told to stop or until `most` were sent.
    pub async fn send(&self, senders: usize, most: usize) {
        futures_util::future::join_all((0..senders).map(|_| self.send_until(most))).await;
    }

    async fn send_until(&self, most: usize) {
        while !self.over.load(Ordering::SeqCst) {
            let number = self.sent.fetch_add(1, Ordering::SeqCst);
            if number >= most {
                return;
            }
            let body = transaction(number);
            let mut request = self.client.post(&self.url).body(body.clone());
            for (name, value) in signed(self.secret, Clock::system().now().timestamp(), &body) {
                request = request.header(name, value);
            }
            if request.send().await.is_ok_and(|answer| answer.status().is_success()) {
                self.answered.lock().expect("no panic").push(digest(&body));
            }
        }
    }

    /// Nothing more is sent.
    pub fn stop(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Digests of what was answered 2xx, as the ledger keeps them.
    pub fn answered(&self) -> Vec<String> {
        self.answered.lock().expect("no panic").clone()
    }
}

fn digest(body: &[u8]) -> String {
    let hex = hex::encode(Sha256::digest(body));
    format!("sha256:{hex}")
}
