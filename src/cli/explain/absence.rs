//! What of a ticket is not at the target, and why.

use serde::Serialize;

use crate::desk::Side;
use crate::ledger::conflict::Conflict;
use crate::ledger::history::WriteRecord;

use super::account::Papers;
use super::dispute;

/// Something that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    pub what: String,
    pub why: String,
    /// What a person can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

fn missing(what: impl Into<String>, why: impl Into<String>) -> Missing {
    Missing { what: what.into(), why: why.into(), advice: None }
}

/// What the state of the pair means.
pub fn state(papers: &Papers<'_>) -> String {
    let pair = papers.pair;
    let outside = pair.base.as_ref().and_then(|base| base.outside.as_deref());
    match pair.state.as_str() {
        "new" => "it is not copied yet".to_string(),
        "copied" => "it is mirrored".to_string(),
        "merged" => match papers.survivor {
            Some(survivor) => {
                format!("the old ticket was merged into another; the conversation goes on in the new desk's {survivor}")
            }
            None => "the old ticket was merged into another".to_string(),
        },
        "deleted" => "the old ticket was deleted".to_string(),
        "left" => format!("it left the mirror's scope and is left alone{}", because(outside)),
        "outside" => format!("it is not in the mirror's scope, and was never copied{}", because(outside)),
        other => other.to_string(),
    }
}

fn because(why: Option<&str>) -> String {
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

/// Everything that is not there.
pub fn of(papers: &Papers<'_>) -> Vec<Missing> {
    let mut all: Vec<Missing> = the_ticket(papers).into_iter().collect();
    all.extend(waiting(papers));
    all.extend(parked(papers));
    all.extend(fields(papers));
    all.extend(papers.history.conflicts.iter().flat_map(lost));
    all.extend(links(papers));
    all.extend(papers.history.writes.iter().flat_map(files));
    all.extend(restrictions(papers));
    all
}

fn the_ticket(papers: &Papers<'_>) -> Option<Missing> {
    let pair = papers.pair;
    if pair.target_ticket.is_some() {
        return None;
    }
    let paused = papers.row.paused_why.as_ref().map(|why| format!("; the mirror is paused: {why}")).unwrap_or_default();
    Some(missing("the new ticket", format!("{}{paused}", state(papers))))
}

fn waiting(papers: &Papers<'_>) -> Option<Missing> {
    let wait = papers.history.wait.as_ref().filter(|wait| wait.changes > 0 && !wait.blocked)?;
    let why = match &wait.fault {
        Some(fault) => format!("{fault} (tried {} times; again at {})", wait.attempts, super::lines::time(wait.due_at)),
        None => match &papers.row.paused_why {
            Some(why) => format!("the mirror is paused: {why}"),
            None => "they are next; a running `tidegate serve` carries them".to_string(),
        },
    };
    Some(missing(format!("{} changes that came in", wait.changes), why))
}

fn parked(papers: &Papers<'_>) -> Vec<Missing> {
    let open = papers.history.parked.iter().filter(|parked| parked.decided_at.is_none());
    let told = |parked: &crate::ledger::history::ParkRecord| Missing {
        what: format!("what waits for a person (parked {}, {})", parked.id, parked.kind),
        why: parked.reason.clone(),
        advice: Some(parked.advice.clone()),
    };
    open.map(told).collect()
}

fn fields(papers: &Papers<'_>) -> Vec<Missing> {
    let left_out = papers.pair.base.iter().flat_map(|base| &base.left_out);
    left_out.map(|one| missing(format!("field `{}`", one.field), one.why.sentence())).collect()
}

/// The value that does not stand.
fn lost(conflict: &Conflict) -> Vec<Missing> {
    let why = format!("both desks had changed it (conflict {}): {}", conflict.id, dispute::outcome(conflict));
    let old = || missing(format!("`{}` in `{}`, as the old desk has it", conflict.source, conflict.field), why.clone());
    let new = || missing(format!("`{}` in `{}`, as the new desk had it", conflict.target, conflict.field), why.clone());
    match conflict.winner.as_str() {
        "source" => vec![new()],
        "target" => vec![old()],
        "value" => vec![old(), new()],
        _ if conflict.is_open() => vec![old()],
        _ => Vec::new(),
    }
}

fn links(papers: &Papers<'_>) -> Vec<Missing> {
    let unheld = papers.pair.base.iter().flat_map(|base| &base.unheld);
    let link = |to: &dyn std::fmt::Display| format!("the link to old ticket {to}");
    let mut all: Vec<Missing> = unheld.map(|one| missing(link(&one.link.to), one.why.sentence())).collect();
    let waits = papers.history.waits_for.iter();
    let unheld = papers.pair.base.iter().flat_map(|base| &base.unheld).map(|one| &one.link.to).collect::<Vec<_>>();
    all.extend(waits.filter(|to| !unheld.contains(to)).map(|to| missing(link(to), "that ticket is not copied yet")));
    all.extend(papers.pair.incomplete_why.iter().map(|why| missing("something of the ticket", why.as_str())));
    all
}

/// Files that a write could not take along.
fn files(write: &WriteRecord) -> Vec<Missing> {
    let lost: Vec<(String, String)> = serde_json::from_value(write.detail["lost"].clone()).unwrap_or_default();
    lost.into_iter().map(|(name, why)| missing(format!("file `{name}` (write {})", write.id), why)).collect()
}

/// What should be hidden and is not.
fn restrictions(papers: &Papers<'_>) -> Vec<Missing> {
    let exposed = papers.history.messages.iter().filter(|link| link.exposed);
    let told = |link: &crate::ledger::history::LinkRecord| {
        let what = format!("the restriction of message {}", link.original);
        let why = match link.born {
            Side::Source => "it was taken from people's eyes in the old desk, and the new desk cannot do that",
            Side::Target => "it was taken from people's eyes in the new desk, and the old desk cannot do that",
        };
        missing(what, why)
    };
    exposed.map(told).collect()
}
