//! The one HTTP client: time limits, the shared budget, the address guard, answers sorted into [`Fault`] kinds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use url::{Host, Url};

use crate::task;
use crate::clock::Monotonic;

use super::fault::Fault;

/// The longest that one call may take from the first byte sent to the last byte read. A lease on a lane is always longer,
/// so that no call is under way when the lane is given to someone else.
pub const CALL_LIMIT: Duration = Duration::from_secs(20);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// So often a read that the desk did not answer is asked again at once: a hydration takes many reads, and one hiccup should not
/// undo them all. A write is never sent again here.
const READ_AGAIN: u32 = 2;
const READ_PAUSE: Duration = Duration::from_millis(150);
/// The largest JSON answer that is read.
const ANSWER_LIMIT: usize = 64 << 20;

/// How urgent a call is. Live changes go before the full copy and checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    Live,
    Backfill,
    Check,
}

/// Until when calls may be under way, by a clock that counts suspension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub since: Monotonic,
    pub length: Duration,
}

impl Lease {
    /// Whether a call that takes as long as `limit` ends before the lease does.
    pub fn outlasts(&self, limit: Duration) -> bool {
        self.since.elapsed() + limit < self.length
    }
}

tokio::task_local! {
    static PRIORITY: Priority;
    static LEASE: Lease;
}

/// Runs `work` with each of its calls sent only while the lease outlasts it. A process that was stopped between two calls
/// does not send the second one when somebody else has the lane.
pub async fn within_lease<T>(lease: Lease, work: impl Future<Output = T>) -> T {
    LEASE.scope(lease, work).await
}

/// Runs `work` with all its calls at this priority. Without it calls are live.
pub async fn at_priority<T>(priority: Priority, work: impl Future<Output = T>) -> T {
    PRIORITY.scope(priority, work).await
}

/// The priority that calls made here have.
pub fn priority() -> Priority {
    PRIORITY.try_with(|priority| *priority).unwrap_or(Priority::Live)
}

/// Which call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// For figures: `read ticket`, `list changes`.
    pub kind: &'static str,
    /// Which of the vendor's limits it counts against: `general`, `incremental`.
    pub class: &'static str,
}

/// What an answer told about the vendor's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Calls per window.
    pub limit: Option<u32>,
    pub remaining: Option<u32>,
    pub resets_in: Option<Duration>,
    /// The desk refused this call for its limit; wait so long.
    pub wait: Option<Duration>,
}

/// The budget of one desk, shared by everything that calls it and by all processes.
#[async_trait]
pub trait Budget: Send + Sync {
    /// Returns when a call may be made, and counts it. Errors: `Throttled` when the wait would be too long to hold a lease for.
    async fn acquire(&self, call: Call, priority: Priority) -> Result<(), Fault>;

    /// Takes in what the desk told.
    async fn learn(&self, call: Call, limits: Limits);
}

/// No limit: for desks of one's own, and tests.
pub struct Unlimited;

#[async_trait]
impl Budget for Unlimited {
    async fn acquire(&self, _: Call, _: Priority) -> Result<(), Fault> {
        Ok(())
    }

    async fn learn(&self, _: Call, _: Limits) {}
}

/// Where calls may go. Private and loopback addresses are refused unless the operator allows them, because a mirror file or a
/// desk's answer could otherwise point us at our own network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddressGuard {
    pub allow_private: bool,
}

/// A client for one desk.
#[derive(Clone)]
pub struct Http {
    client: reqwest::Client,
    budget: Arc<dyn Budget>,
    guard: AddressGuard,
    limit: Duration,
}

/// A successful answer: 2xx, or one of the statuses that the caller said it expects.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON. Errors: `Unreadable`.
    pub fn json<T: serde::de::DeserializeOwned>(&self, call: Call) -> Result<T, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Fault::unreadable(format!("{}: the desk's answer is not what its API documents ({error})", call.kind))
        })
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Http {
    /// Builds the client. Errors: `Refused` when the machine has no CA certificates (install `ca-certificates`).
    pub fn new(budget: Arc<dyn Budget>, guard: AddressGuard) -> Result<Self, Fault> {
        Self::with_limit(budget, guard, CALL_LIMIT)
    }

    /// The same with a limit of one's own for each call. It must be shorter than a lease, as [`CALL_LIMIT`] is.
    pub fn with_limit(budget: Arc<dyn Budget>, guard: AddressGuard, limit: Duration) -> Result<Self, Fault> {
        // The first client of the process chooses who does TLS for all; a second choice is refused, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_LIMIT)
            .timeout(limit)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(GuardedResolver { guard }))
            .pool_max_idle_per_host(16)
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Fault::refused(format!("the HTTP client cannot start ({error}); is the package ca-certificates installed?"))
            })?;
        Ok(Self { client, budget, guard, limit })
    }

    /// Starts a request; send it with [`Http::send`].
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Fault> {
        self.guard.check(&url)?;
        Ok(self.client.request(method, url))
    }

    /// Sends within the budget and reads the answer. `limits` reads the vendor's headers. Statuses in `expected` are not
    /// faults (a 404 that means *missing*). Errors: each kind, with the desk's own words where they are short.
    pub async fn send(
        &self,
        call: Call,
        request: RequestBuilder,
        limits: fn(&HeaderMap) -> Limits,
        expected: &[u16],
    ) -> Result<Answer, Fault> {
        let mut left = if is_read(&request) { READ_AGAIN } else { 0 };
        loop {
            let again = request.try_clone().filter(|_| left > 0);
            let Some(again) = again else { return self.send_once(call, request, limits, expected).await };
            match self.send_once(call, again, limits, expected).await {
                Err(Fault::Unreachable { .. }) => task::delay(READ_PAUSE).await,
                outcome => return outcome,
            }
            left -= 1;
        }
    }

    async fn send_once(
        &self,
        call: Call,
        request: RequestBuilder,
        limits: fn(&HeaderMap) -> Limits,
        expected: &[u16],
    ) -> Result<Answer, Fault> {
        let response = self.start(call, request, limits).await?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = read_capped(call, response).await?;
        if status.is_success() || expected.contains(&status.as_u16()) {
            return Ok(Answer { status, headers, body });
        }
        Err(fault_of(call, status, &headers, &body))
    }

    /// Sends within the budget; the caller reads the body as a stream. Errors as [`Http::send`].
    pub async fn send_streaming(
        &self,
        call: Call,
        request: RequestBuilder,
        limits: fn(&HeaderMap) -> Limits,
    ) -> Result<Response, Fault> {
        let response = self.start(call, request, limits).await?;
        let status = response.status();
        if status.is_success() || status.is_redirection() {
            return Ok(response);
        }
        let headers = response.headers().clone();
        let body = read_capped(call, response).await?;
        Err(fault_of(call, status, &headers, &body))
    }

    async fn start(&self, call: Call, request: RequestBuilder, limits: fn(&HeaderMap) -> Limits) -> Result<Response, Fault> {
        self.budget.acquire(call, priority()).await?;
        // Looked at last: waiting for the budget takes time too.
        if LEASE.try_with(|lease| !lease.outlasts(self.limit)).unwrap_or(false) {
            return Err(Fault::unreachable(format!("{}: not sent, the lease on the ticket would end under it", call.kind)));
        }
        let response = request.send().await.map_err(|error| transport_fault(call, &error))?;
        let mut learned = limits(response.headers());
        if response.status() == StatusCode::TOO_MANY_REQUESTS {
            learned.wait = Some(retry_after(response.headers()).unwrap_or(Duration::from_secs(10)));
        }
        if learned != Limits::default() {
            self.budget.learn(call, learned).await;
        }
        Ok(response)
    }
}

/// Whether sending it twice changes nothing at the desk.
fn is_read(request: &RequestBuilder) -> bool {
    request.try_clone().and_then(|clone| clone.build().ok()).is_some_and(|request| request.method() == Method::GET)
}

async fn read_capped(call: Call, mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| transport_fault(call, &error))? {
        if body.len() + chunk.len() > ANSWER_LIMIT {
            return Err(Fault::unreadable(format!("{}: the desk's answer is larger than {} MiB", call.kind, ANSWER_LIMIT >> 20)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn transport_fault(call: Call, error: &reqwest::Error) -> Fault {
    if let Some(refused) = refused_by_guard(error) {
        return refused;
    }
    let why = if error.is_timeout() {
        "no answer in time".to_string()
    } else if error.is_connect() {
        "no connection".to_string()
    } else {
        "the connection broke".to_string()
    };
    Fault::unreachable(format!("{}: {why}", call.kind))
}

/// The guard's own words, which the client wraps as a failed connection.
fn refused_by_guard(error: &reqwest::Error) -> Option<Fault> {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.filter_map(|cause| cause.downcast_ref::<Fault>()).next().cloned()
}

/// Seconds from a `Retry-After` header.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn fault_of(call: Call, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
    let words = desk_words(body);
    let what = format!("{}: the desk answered {status}{words}", call.kind);
    match status.as_u16() {
        429 => Fault::Throttled { what, retry_after: retry_after(headers) },
        401 | 403 => Fault::Unauthorised { what },
        408 | 409 | 423 | 425 => Fault::Unreachable { what },
        400..=499 => Fault::Refused { what },
        _ => Fault::Unreachable { what },
    }
}

/// The desk's own explanation, if it is a short machine-made sentence. Values of tickets could be in it, so only the usual
/// error keys are shown and cut short.
fn desk_words(body: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else { return String::new() };
    let text = ["description", "error", "message"].iter().find_map(|key| json.get(key)?.as_str());
    let details = json.pointer("/details").map(|details| details.to_string()).unwrap_or_default();
    match text {
        Some(text) => format!(" ({})", format!("{text} {details}").trim().chars().take(200).collect::<String>()),
        None => String::new(),
    }
}

impl AddressGuard {
    /// Refuses addresses that the operator has not allowed.
    pub fn check(&self, url: &Url) -> Result<(), Fault> {
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(Fault::refused(format!("`{url}` names no host"))),
        };
        if self.allows(ip) { Ok(()) } else { Err(refused_address(&ip.to_string())) }
    }

    fn allows(&self, ip: IpAddr) -> bool {
        self.allow_private || is_public(ip)
    }
}

fn refused_address(address: &str) -> Fault {
    Fault::refused(format!(
        "{address} is a private or loopback address; set `allow-private-addresses = true` in the mirror file if the desk really is there"
    ))
}

fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => {
            let local = ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local();
            !(local || ip.is_multicast()) && carried_v4(ip).is_none_or(is_public_v4)
        }
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [first, second, third, _] = ip.octets();
    let shared_by_carriers = first == 100 && (64..128).contains(&second);
    let reserved =
        first == 0 || first >= 240 || [first, second, third] == [192, 0, 0] || (first == 198 && (18..20).contains(&second));
    !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || shared_by_carriers || reserved)
}

/// The IPv4 address that a gateway would make of an IPv6 one: NAT64 (`64:ff9b::/96`), 6to4 (`2002::/16`), and the old
/// compatible form (`::/96`).
fn carried_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// Filters what a name resolves to, so that what was checked is what is connected to.
struct GuardedResolver {
    guard: AddressGuard,
}

impl reqwest::dns::Resolve for GuardedResolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let guard = self.guard;
        Box::pin(async move {
            let host = name.as_str().to_string();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| guard.allows(address.ip())).collect();
            if allowed.is_empty() {
                return Err(refused_address(&host).into());
            }
            Ok(Box::new(allowed.into_iter()) as reqwest::dns::Addrs)
        })
    }
}
