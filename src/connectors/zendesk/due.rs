//! When SLA targets of tickets are missed: Zendesk side-loads the targets of each ticket with `include=slas`
//! (documented under Side-Loading, tickets; a target has `metric`, `stage` and `breach_at`).

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::id::TicketId;
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
    #[serde(default)]
    slas: Targets,
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
    pub(super) async fn due_of(&self, tickets: &[TicketId]) -> Result<Vec<Due>, Fault> {
        let mut due = Vec::new();
        for some in tickets.chunks(AT_ONCE) {
            let ids = some.iter().map(TicketId::as_str).collect::<Vec<_>>().join(",");
            let query = [("ids", ids.as_str()), ("include", "slas")];
            let rows: Vec<Row> = self.list_at(DUE, "tickets/show_many", &query, "tickets").await?;
            due.extend(rows.into_iter().filter_map(next));
        }
        Ok(due)
    }
}

fn next(row: Row) -> Option<Due> {
    let running = row.slas.policy_metrics.into_iter().filter(|target| target.stage == "active");
    let targets = running.filter_map(|target| Some((target.breach_at?, target.metric)));
    let (at, what) = targets.chain(row.due_at.map(|at| (at, "due date".to_string()))).min()?;
    Some(Due { ticket: TicketId::new(&row.id), at, what })
}
