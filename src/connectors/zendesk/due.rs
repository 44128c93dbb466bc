//! When SLA targets of tickets are missed: Zendesk side-loads the targets of each ticket with `include=slas`.
//!
//! Its documents name it for tickets (Side-Loading), and clients read it from a single ticket (`slas: { policy_metrics: [] }` where the
//! account has no policy: facetoe/zenpy issue 317) and from lists (zendesk_api_client_php issue 346); the OpenAPI description does not have
//! it. So a ticket without the key says nothing about promises: an account that leaves it out does not tell them.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::id::TicketId;
use crate::desk::survey::Told;
use crate::desk::ticket::Due;

use super::Zendesk;
use super::api::general;
use super::wire::Id;

const DUE: Call = general("read SLA targets");
/// As documented: the most ids in one call.
const AT_ONCE: usize = 100;

#[derive(Deserialize)]
struct Row {
    id: Id,
    slas: Option<Targets>,
    due_at: Option<DateTime<Utc>>,
}

#[derive(Default, Deserialize)]
struct Targets {
    #[serde(default)]
    policy_metrics: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    #[serde(default)]
    metric: String,
    /// `active`, `paused`, `achieved`: time runs in the first only.
    #[serde(default)]
    stage: String,
    breach_at: Option<DateTime<Utc>>,
}

impl Zendesk {
    /// One call for each hundred. A task's own due date counts like a target.
    pub(super) async fn due_of(&self, tickets: &[TicketId]) -> Result<Told<Vec<Due>>, Fault> {
        let mut all: Vec<Row> = Vec::new();
        for some in tickets.chunks(AT_ONCE) {
            let ids = some.iter().map(TicketId::as_str).collect::<Vec<_>>().join(",");
            let query = [("ids", ids.as_str()), ("include", "slas")];
            all.extend(self.list_at::<Row>(DUE, "tickets/show_many", &query, "tickets").await?);
        }
        Ok(told(all))
    }
}

fn told(rows: Vec<Row>) -> Told<Vec<Due>> {
    if !rows.is_empty() && rows.iter().all(|row| row.slas.is_none()) {
        return Told::CannotTell("the account does not tell the SLA targets of its tickets by API".to_string());
    }
    Told::Known(rows.into_iter().filter_map(next).collect())
}

fn next(row: Row) -> Option<Due> {
    let running = row.slas.unwrap_or_default().policy_metrics.into_iter().filter(|target| target.stage == "active");
    let targets = running.filter_map(|target| Some((target.breach_at?, target.metric)));
    let (at, what) = targets.chain(row.due_at.map(|at| (at, "due date".to_string()))).min()?;
    Some(Due { ticket: TicketId::new(&row.id), at, what })
}
