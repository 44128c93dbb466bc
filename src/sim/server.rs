//! Starts and stops simulated desks. With `connectors/mod.rs` the only file that lists vendors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::map_response;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::faults::Rates;
use super::stage::Stage;
use super::{control, request_tracker, zendesk};
use crate::clock::Clock;
use crate::task::{Stopper, stopper};

/// The vendors that have a simulated desk, as a mirror file and the command line write them.
pub const VENDORS: [&str; 2] = ["zendesk", "request-tracker"];

/// How a simulated desk is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The dice and the made-up tokens fall the same for the same seed.
    pub seed: u64,
    /// What goes wrong, from the first call on.
    pub rates: Rates,
    /// The desk's own clock.
    pub clock: Clock,
    /// Whether the vendor's rate limits are enforced.
    pub limits: bool,
    /// How long the desk waits before it sends a webhook again (times the number of the attempt).
    pub retry_pause: Duration,
    /// How long the desk waits for an answer to a webhook; the vendor's own time if `None`.
    pub webhook_timeout: Option<Duration>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            rates: Rates::default(),
            clock: Clock::system(),
            limits: false,
            retry_pause: Duration::from_millis(500),
            webhook_timeout: None,
        }
    }
}

/// A simulated desk that answers. Dropping it stops it.
pub struct Running {
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub url: String,
    /// What people do at it, and its store.
    pub stage: Arc<dyn Stage>,
    /// Its fixed credentials, for people: one line each.
    pub credentials: &'static str,
    stopper: Stopper,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// With a task that ends when the desk does.
    pub fn with(mut self, task: JoinHandle<()>) -> Self {
        self.tasks.push(task);
        self
    }

    /// Its port is closed at once: nobody reaches it any more. Its store can still be looked at.
    pub fn cut_off(&mut self) {
        self.stopper.stop();
        self.tasks.iter().for_each(JoinHandle::abort);
    }

    /// Stops it and returns when its port is free. Calls under way are still answered; webhooks under way are not sent.
    pub async fn stop(mut self) {
        self.stopper.stop();
        for task in std::mem::take(&mut self.tasks) {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.cut_off();
    }
}

/// A port that is held, before the desk behind it is built: desks put their own address into what they answer.
pub struct Bound {
    /// As in [`Running::url`].
    pub url: String,
    listener: TcpListener,
}

/// Takes a port; port 0 is any free one.
pub async fn bind(listen: SocketAddr) -> std::io::Result<Bound> {
    let listener = TcpListener::bind(listen).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok(Bound { url, listener })
}

impl Bound {
    /// Serves a desk's own routes beside [`control`]'s, until stopped.
    pub fn serve(self, stage: Arc<dyn Stage>, clock: Clock, desk: Router, credentials: &'static str) -> Running {
        let (stopper, mut stop) = stopper();
        let date = clock.clone();
        let router = control::router(stage.clone(), clock).merge(desk).layer(map_response(move |mut answer: Response| {
            // The desk's own clock, which may be turned; the HTTP server would put the machine's.
            let date = date.now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            if let Ok(date) = HeaderValue::from_str(&date) {
                answer.headers_mut().insert(header::DATE, date);
            }
            async move { answer }
        }));
        let listener = self.listener;
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(async move { stop.wait().await });
            if let Err(error) = served.await {
                tracing::error!(%error, "the simulated desk stopped");
            }
        });
        Running { url: self.url, stage, credentials, stopper, tasks: vec![task] }
    }
}

/// Starts a simulated desk. Errors: no such vendor ([`VENDORS`] lists them), or the port cannot be had.
pub async fn start(vendor: &str, listen: SocketAddr, options: Options) -> std::io::Result<Running> {
    match vendor {
        "zendesk" => zendesk::start(listen, options).await,
        "request-tracker" => request_tracker::start(listen, options).await,
        other => {
            let what = format!("there is no simulated `{other}`; there are {}", VENDORS.join(", "));
            Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, what))
        }
    }
}
