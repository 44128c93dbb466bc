//! Zendesk's rate limits, as documented for an Enterprise account: 700 calls a minute; 10 a minute for incremental
//! exports and for the list of deleted tickets; 100 for the export of a search; 30 updates of a ticket by a user in 10 minutes.

use std::collections::HashMap;

use super::answer::{Answer, Refusal};

/// Calls of an account in a minute.
const GENERAL: u64 = 700;

/// One limit: how many calls in how many seconds.
struct Limit {
    key: String,
    calls: u64,
    seconds: i64,
    refusal: &'static str,
}

/// What was called when.
#[derive(Debug, Default)]
pub struct Limiter {
    /// Start of the window and calls in it, by limit.
    windows: HashMap<String, (i64, u64)>,
}

/// What is left of the account's limit.
#[derive(Debug, Clone, Copy)]
pub struct Left {
    remaining: u64,
    resets: i64,
}

impl Limiter {
    /// Counts a call at this second. `route` is its method and pattern, `ticket` what it updates. Errors: 429.
    pub fn take(&mut self, now: i64, route: &str, user: u64, ticket: &str) -> Result<Left, Refusal> {
        let general = Limit { key: "general".to_string(), calls: GENERAL, seconds: 60, refusal: "Rate limit exceeded" };
        let left = self.count(now, &general)?;
        if let Some(limit) = special(route, user, ticket) {
            self.count(now, &limit)?;
        }
        Ok(left)
    }

    fn count(&mut self, now: i64, limit: &Limit) -> Result<Left, Refusal> {
        let window = self.windows.entry(limit.key.clone()).or_insert((now, 0));
        if now >= window.0 + limit.seconds {
            *window = (now, 0);
        }
        let resets = (window.0 + limit.seconds - now).max(1);
        if window.1 >= limit.calls {
            return Err(Refusal::slow_down(limit.refusal, resets as u64));
        }
        window.1 += 1;
        Ok(Left { remaining: limit.calls - window.1, resets })
    }
}

fn special(route: &str, user: u64, ticket: &str) -> Option<Limit> {
    let minute = |key: &str, calls, refusal| Limit { key: key.to_string(), calls, seconds: 60, refusal };
    if route.contains("/incremental/") {
        let refusal = "Number of allowed incremental export API requests per minute exceeded";
        return Some(minute("incremental", 10, refusal));
    }
    match route {
        "PUT /api/v2/tickets/{id}" => Some(Limit {
            key: format!("update {user} {ticket}"),
            calls: 30,
            seconds: 600,
            refusal: "Number of allowed updates to this ticket exceeded",
        }),
        "GET /api/v2/deleted_tickets" => Some(minute("deleted", 10, "Rate limit exceeded")),
        "GET /api/v2/search/export" => Some(minute("search export", 100, "Rate limit exceeded")),
        _ => None,
    }
}

impl Left {
    /// The headers that tell a client.
    pub fn tell(self, answer: Answer) -> Answer {
        answer
            .with("x-rate-limit", GENERAL)
            .with("x-rate-limit-remaining", self.remaining)
            .with("ratelimit-limit", GENERAL)
            .with("ratelimit-remaining", self.remaining)
            .with("ratelimit-reset", self.resets)
    }
}
