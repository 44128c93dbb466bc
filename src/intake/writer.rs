//! Group commit: one task keeps what arrived during its last commit, in one transaction, and answers after it.
//!
//! Handlers only wait for it. A client that hangs up cancels its handler, never a write.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc, oneshot};
use tracing::warn;

use crate::ledger::Ledger;
use crate::ledger::delivery::{Kept, NewDelivery};

/// Deliveries that wait for a commit at most; more are told to come back.
const QUEUE: usize = 4096;
/// Deliveries and bytes in one commit at most.
const BATCH: usize = 512;
const BATCH_BYTES: usize = 4 << 20;

/// Why a delivery was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKept {
    /// Too much is waiting.
    Full,
    /// The ledger is away.
    Away,
    /// The ledger refuses this very delivery.
    Refused,
}

type Waiting = (NewDelivery, oneshot::Sender<Result<Kept, NotKept>>);

/// Where handlers hand deliveries in.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Waiting>,
}

/// The task's end of the queue.
pub struct Desk {
    queue: mpsc::Receiver<Waiting>,
    ledger: Ledger,
    wake: Arc<Notify>,
}

/// A writer and the desk that has to be run as a task. `wake` is called after each commit.
pub fn writer(ledger: Ledger, wake: Arc<Notify>) -> (Writer, Desk) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Writer { queue: sender }, Desk { queue: receiver, ledger, wake })
}

impl Writer {
    /// Hands a delivery in and waits until it is committed. Cancelling the wait changes nothing about the write.
    pub async fn keep(&self, delivery: NewDelivery) -> Result<Kept, NotKept> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send((delivery, answer)).map_err(|_| NotKept::Full)?;
        answered.await.unwrap_or(Err(NotKept::Away))
    }
}

impl Desk {
    /// Keeps deliveries until every writer is gone, then what is left.
    pub async fn run(mut self) {
        let mut batch: Vec<Waiting> = Vec::with_capacity(BATCH);
        let mut held: Option<Waiting> = None;
        loop {
            batch.extend(held.take());
            if batch.is_empty() && self.queue.recv_many(&mut batch, 1).await == 0 {
                return;
            }
            held = self.fill(&mut batch);
            self.commit(&mut batch).await;
        }
    }

    /// Takes what is already there, up to the limits; returns the one that did not fit.
    fn fill(&mut self, batch: &mut Vec<Waiting>) -> Option<Waiting> {
        let mut bytes: usize = batch.iter().map(|(delivery, _)| delivery.body.len()).sum();
        while batch.len() < BATCH {
            let Ok(next) = self.queue.try_recv() else { return None };
            bytes += next.0.body.len();
            if bytes > BATCH_BYTES {
                return Some(next);
            }
            batch.push(next);
        }
        None
    }

    async fn commit(&self, batch: &mut Vec<Waiting>) {
        let (deliveries, answers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        match self.ledger.keep_deliveries(&deliveries).await {
            Ok(kept) => answer(answers, kept.into_iter().map(Ok)),
            Err(error) if error.is_about_data() => self.one_by_one(deliveries, answers).await,
            Err(error) => {
                warn!(%error, deliveries = deliveries.len(), "deliveries could not be kept; their senders are told to come back");
                let count = answers.len();
                answer(answers, (0..count).map(|_| Err(NotKept::Away)));
            }
        }
        self.wake.notify_one();
    }

    /// A row that the database refuses must fail alone.
    async fn one_by_one(&self, deliveries: Vec<NewDelivery>, answers: Vec<oneshot::Sender<Result<Kept, NotKept>>>) {
        for (delivery, sender) in deliveries.into_iter().zip(answers) {
            let kept = self.ledger.keep_deliveries(std::slice::from_ref(&delivery)).await;
            let outcome = match kept {
                Ok(kept) => kept.first().copied().ok_or(NotKept::Away),
                Err(error) if error.is_about_data() => {
                    warn!(%error, "a delivery was refused by the database");
                    Err(NotKept::Refused)
                }
                Err(_) => Err(NotKept::Away),
            };
            answer(vec![sender], std::iter::once(outcome));
        }
    }
}

fn answer(answers: Vec<oneshot::Sender<Result<Kept, NotKept>>>, outcomes: impl Iterator<Item = Result<Kept, NotKept>>) {
    for (sender, outcome) in answers.into_iter().zip(outcomes) {
        // Nobody waits any more: the client hung up. The row is stored; its retry is recognised.
        let _ = sender.send(outcome);
    }
}
