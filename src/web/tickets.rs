//! `GET /t/{number}`, `GET /t/{mirror}/{number}` and `GET /t/{mirror}/file/{path}`: from a ticket of the old desk, or a file of one, to
//! where it is now.
//!
//! Who follows a link learns the new number and nothing else: the new desk asks for a login. It answers from the map of numbers, so it
//! works with the old desk switched off and after everything else was destroyed.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::Url;

use crate::config::mirror::MirrorConfig;
use crate::connectors::capabilities_of;
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::ledger;
use crate::ledger::mirror::MirrorRow;
use crate::mirror::Phase;

use super::router::Site;

/// Where a number of the old desk leads.
enum Way {
    /// An address in the new desk.
    There(String),
    /// Nowhere, in words.
    Nowhere(String),
}

/// To the new ticket where one mirror is served; where there are several, those that know the number are named.
pub async fn of_any(State(site): State<Arc<Site>>, Path(number): Path<String>) -> Response {
    answer(find(&site, None, &number).await)
}

/// To the new ticket of this mirror.
pub async fn of_mirror(State(site): State<Arc<Site>>, Path((mirror, number)): Path<(String, String)>) -> Response {
    answer(find(&site, Some(&mirror), &number).await)
}

/// From a file of the old desk to the new ticket that has it; while none has and the mirror is not over, to the old desk itself.
pub async fn of_file(State(site): State<Arc<Site>>, Path((mirror, path)): Path<(String, String)>) -> Response {
    answer(find_file(&site, &mirror, &format!("/{path}")).await)
}

fn answer(found: ledger::Result<Response>) -> Response {
    found.unwrap_or_else(|_| plain(StatusCode::SERVICE_UNAVAILABLE, "the ledger does not answer; try again in a moment"))
}

async fn find(site: &Site, mirror: Option<&str>, number: &str) -> ledger::Result<Response> {
    let mut rows = site.ledger.mirrors().await?;
    rows.retain(|row| mirror.is_none_or(|name| name == row.name));
    let ticket = TicketId::new(number);
    if let [row] = rows.as_slice() {
        return Ok(match way(site, row, &ticket).await? {
            Way::There(address) => redirect(&address),
            Way::Nowhere(why) => plain(StatusCode::NOT_FOUND, &why),
        });
    }
    let mut known = Vec::new();
    for row in &rows {
        if let Way::There(_) = way(site, row, &ticket).await? {
            known.push(format!("/t/{}/{number}", row.name));
        }
    }
    if known.is_empty() {
        return Ok(plain(StatusCode::NOT_FOUND, &format!("no mirror here knows an old ticket {number} that is in a new desk")));
    }
    let line = format!("old tickets of several desks come here; say which one you mean: {}", known.join(" or "));
    Ok(plain(StatusCode::MULTIPLE_CHOICES, &line))
}

async fn find_file(site: &Site, mirror: &str, path: &str) -> ledger::Result<Response> {
    let unknown = || Ok(plain(StatusCode::NOT_FOUND, "no mirror here knows such a file of an old desk"));
    let Some(row) = site.ledger.mirrors().await?.into_iter().find(|row| row.name == mirror) else { return unknown() };
    let Ok(config) = MirrorConfig::stored(&row.name, row.config.clone()) else { return unknown() };
    let Some(can) = capabilities_of(&config.source.vendor) else { return unknown() };
    let names = can.names_in(path);
    if names.is_empty() {
        return unknown();
    }
    let way = match site.ledger.ticket_of_file(row.id, &names).await? {
        Some(ticket) => way(site, &row, &ticket).await?,
        None => Way::Nowhere(String::new()),
    };
    Ok(match (way, Url::parse(&config.source.url)) {
        (Way::There(address), _) => redirect(&address),
        (Way::Nowhere(_), Ok(mut old)) if row.phase != Phase::Retired => {
            old.set_path(&format!("{}{path}", old.path().trim_end_matches('/')));
            redirect(old.as_str())
        }
        (Way::Nowhere(_), _) => plain(StatusCode::NOT_FOUND, "no ticket that was moved has this file of the old desk"),
    })
}

async fn way(site: &Site, row: &MirrorRow, old: &TicketId) -> ledger::Result<Way> {
    let Some(numbers) = site.ledger.numbers_of(row.id, old).await? else {
        return Ok(Way::Nowhere(format!("mirror `{}` knows no old ticket {old}", row.name)));
    };
    let survivor = site.ledger.root_of(row.id, Side::Source, old).await?.map(|(_, target)| target);
    let page = |new: &TicketId| {
        let config = MirrorConfig::stored(&row.name, row.config.clone()).ok()?;
        Some(capabilities_of(&config.target.vendor)?.page_of(&config.target.url, &encoded(new)))
    };
    Ok(match survivor.or(numbers.new).and_then(|new| page(&new)) {
        Some(address) => Way::There(address),
        None => Way::Nowhere(format!("old ticket {old} is not in the new desk: {}", why(&numbers.state))),
    })
}

fn why(state: &str) -> &'static str {
    match state {
        "outside" => "it was not in what is moved",
        "deleted" => "it was deleted in the old desk",
        _ => "it is not copied yet",
    }
}

/// An id as part of an address.
fn encoded(ticket: &TicketId) -> TicketId {
    TicketId::new(url::form_urlencoded::byte_serialize(ticket.as_str().as_bytes()).collect::<String>())
}

/// Not to be remembered: a closed ticket is followed up by another.
fn redirect(address: &str) -> Response {
    let headers = [(header::LOCATION, address), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::FOUND, headers, format!("{address}\n")).into_response()
}

fn plain(status: StatusCode, line: &str) -> Response {
    (status, format!("{line}\n")).into_response()
}
