//! Calls: addresses, credentials, pages, limits. What is asked for and why is in the files beside this one.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::connectors::fault::Fault;
use crate::connectors::http::{Answer, Call, Limits};

use super::Zendesk;
use super::wire::Meta;

/// The limit of the whole account: 200 to 2,500 calls a minute by plan.
pub const GENERAL: &str = "general";
/// The limit of the incremental exports: 10 calls a minute.
pub const INCREMENTAL: &str = "incremental";
/// The limit of the list of deleted tickets: 10 calls a minute.
pub const DELETED: &str = "deleted";

/// The most that Zendesk gives in one page of a list.
const PAGE_SIZE: &str = "100";
/// A list that goes on after so many pages is a desk in a loop.
const MOST_PAGES: usize = 200;

/// A call against the account's limit.
pub(super) const fn general(kind: &'static str) -> Call {
    Call { kind, class: GENERAL }
}

/// Reads the account's limit from an answer. As documented by Zendesk: `X-Rate-Limit` and `X-Rate-Limit-Remaining` per minute,
/// also spelled `ratelimit-limit`, `ratelimit-remaining` and `ratelimit-reset` (seconds).
pub fn limits(headers: &HeaderMap) -> Limits {
    let number = |names: [&str; 2]| {
        let value = names.iter().find_map(|name| headers.get(*name))?;
        value.to_str().ok()?.trim().parse::<u32>().ok()
    };
    Limits {
        limit: number(["x-rate-limit", "ratelimit-limit"]),
        remaining: number(["x-rate-limit-remaining", "ratelimit-remaining"]),
        resets_in: number(["ratelimit-reset", "x-rate-limit-reset"]).map(|seconds| Duration::from_secs(seconds.into())),
        wait: None,
    }
}

/// The account's headers say nothing about an endpoint with a limit of its own.
fn no_limits(_: &HeaderMap) -> Limits {
    Limits::default()
}

pub(super) fn limits_of(call: Call) -> fn(&HeaderMap) -> Limits {
    if call.class == GENERAL { limits } else { no_limits }
}

/// The same fault, with what it was about put first.
pub(super) fn about(what: impl std::fmt::Display) -> impl FnOnce(Fault) -> Fault {
    move |mut fault| {
        let (Fault::Unreachable { what: text }
        | Fault::Throttled { what: text, .. }
        | Fault::Unauthorised { what: text }
        | Fault::Refused { what: text }
        | Fault::Unreadable { what: text }) = &mut fault;
        *text = format!("{what}: {text}");
        fault
    }
}

impl Zendesk {
    /// An address under the account's own root.
    pub(super) fn root_url(&self, path: &str) -> Url {
        let mut url = self.settings.base.clone();
        url.set_path(path);
        url.set_query(None);
        url
    }

    /// An address of the API.
    pub(super) fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.root_url(&format!("api/v2/{path}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Sends one call; with OAuth once more when the token was refused. Statuses in `expected` are not faults.
    pub(super) async fn send(
        &self,
        call: Call,
        method: Method,
        url: Url,
        body: Option<&Value>,
        expected: &[u16],
    ) -> Result<Answer, Fault> {
        let mut may_retry = self.token_may_end();
        loop {
            let mut expected = expected.to_vec();
            if may_retry {
                expected.push(401);
            }
            let mut request = self.authorise(self.http.request(method.clone(), url.clone())?).await?;
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = self.http.send(call, request, limits_of(call), &expected).await?;
            if !(may_retry && answer.status == 401) {
                return Ok(answer);
            }
            may_retry = false;
            self.forget_token().await;
        }
    }

    /// Reads JSON. Errors: each kind.
    pub(super) async fn get<T: DeserializeOwned>(&self, call: Call, path: &str, query: &[(&str, &str)]) -> Result<T, Fault> {
        self.send(call, Method::GET, self.url(path, query), None, &[]).await?.json(call)
    }

    /// Reads the object under `key` of an answer, which has to be there.
    pub(super) async fn get_one<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &str,
        query: &[(&str, &str)],
        key: &str,
    ) -> Result<T, Fault> {
        let mut answer: Value = self.get(call, path, query).await?;
        parse(call, told(call, &mut answer, key)?)
    }

    /// Reads the list under `key` of an answer that has one page only.
    pub(super) async fn list_at<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &str,
        query: &[(&str, &str)],
        key: &str,
    ) -> Result<Vec<T>, Fault> {
        Ok(self.get_one::<Option<Vec<T>>>(call, path, query, key).await?.unwrap_or_default())
    }

    /// [`Self::list_at`], where 403 and 404 mean that the account has no such thing.
    pub(super) async fn whole_list_if_any<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &str,
        key: &str,
    ) -> Result<Vec<T>, Fault> {
        let answer = self.send(call, Method::GET, self.url(path, &[]), None, &[403, 404]).await?;
        if !answer.status.is_success() {
            return Ok(Vec::new());
        }
        Ok(page_of(call, answer.json(call)?, key)?.0)
    }

    /// One page of a list by cursor: its items and the cursor of the next.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &str,
        query: &[(&str, &str)],
        key: &str,
        after: Option<&str>,
    ) -> Result<(Vec<T>, Option<String>), Fault> {
        let mut all = vec![("page[size]", PAGE_SIZE)];
        all.retain(|(name, _)| !query.iter().any(|(given, _)| given == name));
        all.extend_from_slice(query);
        all.extend(after.map(|after| ("page[after]", after)));
        page_of(call, self.get(call, path, &all).await?, key)
    }

    /// All pages of a list.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &str,
        query: &[(&str, &str)],
        key: &str,
    ) -> Result<Vec<T>, Fault> {
        let (mut items, mut next) = self.page(call, path, query, key, None).await?;
        for _ in 1..MOST_PAGES {
            let Some(after) = next else { return Ok(items) };
            let (more, then) = self.page(call, path, query, key, Some(&after)).await?;
            items.extend(more);
            next = then;
        }
        match next {
            None => Ok(items),
            Some(_) => Err(Fault::unreadable(format!("{}: the list has more than {MOST_PAGES} pages", call.kind))),
        }
    }

    /// [`Self::pages`], where 403 and 404 mean that the account has no such thing.
    pub(super) async fn pages_if_any<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &str,
        query: &[(&str, &str)],
        key: &str,
    ) -> Result<Vec<T>, Fault> {
        let answer = self.send(call, Method::GET, self.url(path, &[("page[size]", PAGE_SIZE)]), None, &[403, 404]).await?;
        if !answer.status.is_success() {
            return Ok(Vec::new());
        }
        match page_of(call, answer.json(call)?, key)? {
            (items, None) => Ok(items),
            (_, Some(_)) => self.pages(call, path, query, key).await,
        }
    }
}

/// The explanation of a mismatch may quote what was found, which may be a customer's text: it is told up to the first quote.
fn parse<T: DeserializeOwned>(call: Call, value: Value) -> Result<T, Fault> {
    serde_json::from_value(value).map_err(|error| {
        let why = error.to_string();
        let why = why.split('"').next().unwrap_or_default().trim();
        Fault::unreadable(format!("{}: the desk's answer is not what its API documents ({why})", call.kind))
    })
}

/// What stands under `key`. An answer without it is not the desk's (a proxy may answer 200 with anything), and does not say that there
/// is nothing. Errors: `Unreadable`.
fn told(call: Call, answer: &mut Value, key: &str) -> Result<Value, Fault> {
    let told = answer.get_mut(key).map(Value::take);
    told.ok_or_else(|| Fault::unreadable(format!("{}: the desk's answer has no `{key}`", call.kind)))
}

/// The items under `key` of an answer and the cursor of the next page.
pub(super) fn page_of<T: DeserializeOwned>(call: Call, mut answer: Value, key: &str) -> Result<(Vec<T>, Option<String>), Fault> {
    let items: Option<Vec<T>> = parse(call, told(call, &mut answer, key)?)?;
    let meta: Option<Meta> = parse(call, answer.get_mut("meta").map(Value::take).unwrap_or_default())?;
    let next = meta.filter(|meta| meta.has_more).and_then(|meta| meta.after_cursor);
    Ok((items.unwrap_or_default(), next))
}
