//! How many calls the copy and its check take, and how long that is within the desks' limits.

use serde::{Deserialize, Serialize};

use crate::desk::capability::{Capabilities, CreateTakes};

/// What was counted on the data that was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    pub listed: u64,
    pub read: u64,
    pub messages: u64,
    pub files: u64,
    /// Bytes, as far as the desk tells them.
    pub bytes: u64,
    pub people: u64,
    /// Calls to the source that the reading took.
    pub calls: u64,
}

/// What each desk allows us, in calls a minute; `None`: it names no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    pub source: Option<f64>,
    pub target: Option<f64>,
}

/// Calls and minutes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    pub tickets: u64,
    pub messages: u64,
    pub files: u64,
    pub megabytes: u64,
    /// For the full copy: reads at the source, writes and reads at the target.
    pub copy_calls: Calls,
    /// For one check of all tickets.
    pub check_calls: Calls,
    /// Minutes; `None` where neither desk names a limit.
    pub copy_minutes: Option<u64>,
    pub check_minutes: Option<u64>,
}

/// Calls to both desks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    pub source: u64,
    pub target: u64,
}

/// Projects what was read onto all that is listed. The target is taken to cost as much to read as the source.
pub fn estimate(size: Size, target_can: &Capabilities, pace: Pace) -> Estimate {
    let all =
        |counted: u64| if size.read == 0 { 0 } else { (counted as f64 * size.listed as f64 / size.read as f64).ceil() as u64 };
    let (messages, files, people, reads) = (all(size.messages), all(size.files), all(size.people), all(size.calls));
    // A look-up and a creation for each ticket, a look-up and a creation for each person, each file sent on its own, a read-back.
    let added = if target_can.create_takes == CreateTakes::FirstMessage { messages.saturating_sub(size.listed) } else { 0 };
    let writes = 2 * size.listed + 2 * people + files + added + size.listed;
    let copy_calls = Calls { source: reads + files, target: writes + reads };
    let check_calls = Calls { source: reads + files, target: reads + files };
    Estimate {
        tickets: size.listed,
        messages,
        files,
        megabytes: all(size.bytes) >> 20,
        copy_minutes: minutes(copy_calls, pace),
        check_minutes: minutes(check_calls, pace),
        copy_calls,
        check_calls,
    }
}

/// Both desks are asked at once: the slower one decides.
fn minutes(calls: Calls, pace: Pace) -> Option<u64> {
    let one = |calls: u64, per_minute: Option<f64>| per_minute.map(|limit| (calls as f64 / limit.max(0.1)).ceil() as u64);
    one(calls.source, pace.source).max(one(calls.target, pace.target))
}

impl Estimate {
    /// For people.
    pub fn lines(&self) -> Vec<String> {
        vec![
            format!(
                "To carry: {} tickets, {} messages, {} files ({} MB)",
                self.tickets, self.messages, self.files, self.megabytes
            ),
            line("The copy", self.copy_calls, self.copy_minutes),
            line("One check of all tickets", self.check_calls, self.check_minutes),
        ]
    }
}

fn line(what: &str, calls: Calls, minutes: Option<u64>) -> String {
    let time = match minutes {
        None => "neither desk names a limit".to_string(),
        Some(minutes) if minutes < 120 => format!("about {minutes} min within their limits"),
        Some(minutes) => format!("about {} h within their limits", minutes.div_ceil(60)),
    };
    format!("{what}: about {} calls to the source and {} to the target, {time}", calls.source, calls.target)
}
