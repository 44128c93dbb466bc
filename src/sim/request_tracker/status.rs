//! RT's default lifecycle.

use super::store::{End, LinkKind};
use super::work::{Draft, Work};

const ALL: [&str; 6] = ["new", "open", "stalled", "resolved", "rejected", "deleted"];

/// Whether it is a status of the lifecycle.
pub fn is_valid(status: &str) -> bool {
    ALL.contains(&status)
}

/// Open and stalled.
pub fn is_active(status: &str) -> bool {
    matches!(status, "open" | "stalled")
}

/// Resolved, rejected and deleted.
pub fn is_inactive(status: &str) -> bool {
    matches!(status, "resolved" | "rejected" | "deleted")
}

/// Whether tickets can be made in it.
pub fn at_creation(status: &str) -> bool {
    matches!(status, "new" | "open" | "resolved")
}

/// The buttons of a ticket's page: where to, their label, and what they update along the way.
pub fn actions(status: &str) -> &'static [(&'static str, &'static str, &'static str)] {
    match status {
        "new" => &[
            ("open", "Open It", "Respond"),
            ("resolved", "Resolve", "Comment"),
            ("rejected", "Reject", "Respond"),
            ("deleted", "Delete", ""),
        ],
        "open" => &[("stalled", "Stall", "Comment"), ("resolved", "Resolve", "Comment"), ("rejected", "Reject", "Respond")],
        "stalled" => &[("open", "Open It", "")],
        "resolved" | "rejected" => &[("open", "Re-open", "Comment")],
        "deleted" => &[("open", "Undelete", "")],
        _ => &[],
    }
}

impl Work<'_> {
    /// Changes the status. Says RT's sentence; an error if nothing was changed.
    pub fn set_status(&mut self, id: u64, wanted: &str) -> Result<String, String> {
        let wanted = wanted.to_lowercase();
        if !is_valid(&wanted) {
            return Err(format!("Status '{wanted}' isn't a valid status for this ticket."));
        }
        let old = self.store.ticket(id).status.clone();
        if old == wanted {
            return Err(format!("You can't change status from '{old}' to '{wanted}'."));
        }
        if is_inactive(&wanted) && !is_inactive(&old) && self.waits_for_others(id) {
            return Err("That ticket has unresolved dependencies".to_owned());
        }
        self.apply_status(id, &wanted);
        let sentence = match wanted.as_str() {
            "deleted" => "Ticket deleted".to_owned(),
            _ => format!("Status changed from '{old}' to '{wanted}'"),
        };
        self.record(id, Draft::change("Status", "Status", Some(old), Some(wanted)));
        Ok(sentence)
    }

    /// Sets status, `Started` and `Resolved` without a transaction.
    pub fn apply_status(&mut self, id: u64, status: &str) {
        let at = self.at;
        let ticket = self.store.ticket_mut(id);
        if ticket.status == "new" && status != "new" && ticket.dates.started.is_none() {
            ticket.dates.started = Some(at);
        }
        if is_inactive(status) {
            ticket.dates.resolved = Some(at);
        }
        ticket.status = status.to_owned();
    }

    fn waits_for_others(&self, id: u64) -> bool {
        self.store.ticket(id).links.iter().any(|link| match (link.kind, link.base, &link.other) {
            (LinkKind::DependsOn, true, End::Ticket(other)) => {
                self.store.resolve(*other).is_some_and(|other| !is_inactive(&other.status))
            }
            _ => false,
        })
    }
}
