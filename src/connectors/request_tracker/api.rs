//! The calls, one function each kind: addresses, credentials, pages, times.

use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::connectors::fault::Fault;
use crate::connectors::http::{Answer, Call, Limits};

use super::RequestTracker;
use super::wire::Page;

/// The most that RT gives on a page; larger numbers are cut silently.
pub const PAGE: usize = 100;

/// A call; RT has no limits of its own, so all count against one.
pub const fn call(kind: &'static str) -> Call {
    Call { kind, class: "general" }
}

/// Query parameters in order; a name may come twice.
pub type Query<'a> = [(&'a str, &'a str)];

/// RT tells nothing about limits.
fn no_limits(_: &HeaderMap) -> Limits {
    Limits::default()
}

impl RequestTracker {
    /// Starts a call to a path below `REST/2.0`, each segment escaped.
    pub(super) fn request(&self, method: Method, path: &[&str], query: &Query<'_>) -> Result<RequestBuilder, Fault> {
        let mut url = self.settings.base.clone();
        url.path_segments_mut()
            .map_err(|()| Fault::refused("the address of RT has to be an http or https URL"))?
            .pop_if_empty()
            .extend(["REST", "2.0"])
            .extend(path);
        let request = self.http.request(method, url)?.query(query);
        Ok(request.header(AUTHORIZATION, format!("token {}", self.settings.token.expose())))
    }

    /// Sends; statuses in `expected` are no faults.
    pub(super) async fn send(&self, call: Call, request: RequestBuilder, expected: &[u16]) -> Result<Answer, Fault> {
        self.http.send(call, request, no_limits, expected).await
    }

    /// `GET` of one thing. `None` for 404.
    pub(super) async fn find<T: DeserializeOwned>(&self, call: Call, path: &[&str]) -> Result<Option<T>, Fault> {
        let answer = self.send(call, self.request(Method::GET, path, &[])?, &[404]).await?;
        if answer.status == 404 { Ok(None) } else { answer.json(call).map(Some) }
    }

    /// One page of a list, and the answer for its headers.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &[&str],
        query: &Query<'_>,
    ) -> Result<(Page<T>, Answer), Fault> {
        let answer = self.send(call, self.request(Method::GET, path, query)?, &[]).await?;
        Ok((answer.json(call)?, answer))
    }

    /// All pages of a list, until one is empty: RT cuts the page first and takes out what the user may not see afterwards,
    /// so that a short page need not be the last.
    pub(super) async fn all<T: DeserializeOwned>(&self, call: Call, path: &[&str], query: &Query<'_>) -> Result<Vec<T>, Fault> {
        self.pages(call, path, query, |items: &[T]| items.is_empty()).await
    }

    /// All pages of a list of things that we are sure to see, where a short page is the last.
    pub(super) async fn visible<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &[&str],
        query: &Query<'_>,
    ) -> Result<Vec<T>, Fault> {
        self.pages(call, path, query, |items: &[T]| items.len() < PAGE).await
    }

    /// Pages of a list, up to the one that is the last.
    pub(super) async fn pages<T: DeserializeOwned>(
        &self,
        call: Call,
        path: &[&str],
        query: &Query<'_>,
        is_last: impl Fn(&[T]) -> bool + Send,
    ) -> Result<Vec<T>, Fault> {
        let mut all = Vec::new();
        let per_page = PAGE.to_string();
        for number in 1..=10_000_u32 {
            let number = number.to_string();
            let mut query = query.to_vec();
            query.extend([("per_page", per_page.as_str()), ("page", number.as_str())]);
            let (page, _) = self.page::<T>(call, path, &query).await?;
            let last = is_last(&page.items);
            all.extend(page.items);
            if last {
                return Ok(all);
            }
        }
        Err(Fault::unreadable(format!("{}: the list does not end", call.kind)))
    }

    /// Sends JSON and reads the answer; statuses in `expected` are no faults.
    pub(super) async fn send_json(
        &self,
        call: Call,
        method: Method,
        path: &[&str],
        body: &Json,
        expected: &[u16],
    ) -> Result<Answer, Fault> {
        let request = self.request(method, path, &[])?.json(body);
        self.send(call, request, expected).await
    }
}

/// The desk's time, from the `Date` header.
pub fn desk_time(answer: &Answer) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc2822(answer.header("date")?).ok()?.to_utc())
}

/// The strong stamp of a ticket: the `ETag` without its quotes.
pub fn stamp(answer: &Answer) -> Result<String, Fault> {
    let tag = answer.header("etag").map(|tag| tag.trim_matches('"').to_string());
    tag.filter(|tag| !tag.is_empty()).ok_or_else(|| Fault::unreadable("read ticket: the desk's answer has no ETag"))
}

/// A text inside a search in RT's query language.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
