//! When tickets are due: RT's own date `Due`, which its SLA times set too.

use serde::Deserialize;

use crate::connectors::fault::Fault;
use crate::desk::id::TicketId;
use crate::desk::ticket::Due;

use super::RequestTracker;
use super::api::call;
use super::translate::NO_DATE;
use super::webhook::time;
use super::wire::Word;

/// Conditions in one question: its address stays under 4 KiB.
const AT_ONCE: usize = 40;

#[derive(Deserialize)]
struct Row {
    id: Word,
    #[serde(default, rename = "Due")]
    due: String,
}

impl RequestTracker {
    /// One call for each forty: RT's search takes no lists.
    pub(super) async fn due_of(&self, tickets: &[TicketId]) -> Result<Vec<Due>, Fault> {
        let mut due = Vec::new();
        for some in tickets.chunks(AT_ONCE) {
            let query = some.iter().map(|ticket| format!("id = {ticket}")).collect::<Vec<_>>().join(" OR ");
            let query = [("query", query.as_str()), ("fields", "Due")];
            let rows: Vec<Row> = self.visible(call("read due dates"), &["tickets"], &query).await?;
            let dated = rows.into_iter().filter(|row| row.due != NO_DATE);
            due.extend(dated.filter_map(|row| {
                Some(Due { ticket: TicketId::new(&row.id.0), at: time(&row.due)?, what: "due date".to_string() })
            }));
        }
        Ok(due)
    }
}
