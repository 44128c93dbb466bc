//! What a check found, and the report of all of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::desk::survey::{Stock, Told};

use super::estimate::Estimate;

/// The cure of what needs none.
pub const NOTHING: &str = "nothing";

/// How bad it is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The mirror cannot work. It has to be mended; nobody can accept it.
    Stop,
    /// Something would be lost or changed, or somebody mailed. It is mended or accepted.
    Risk,
    /// The desk's API does not tell. Somebody looks, and accepts it.
    CannotTell,
    /// To know; it holds nothing back.
    Note,
}

impl Severity {
    /// For people.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Stop => "stop",
            Severity::Risk => "risk",
            Severity::CannotTell => "cannot tell",
            Severity::Note => "note",
        }
    }

    /// Whether the copy waits until it is mended or accepted.
    pub fn holds(self) -> bool {
        self != Severity::Note
    }
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable: the same cause has the same name in every check. `a-z`, digits and `-`.
    pub name: String,
    pub severity: Severity,
    /// What was found, a sentence.
    pub what: String,
    /// What to do, a sentence.
    pub cure: String,
    /// Tickets, people or rules that it is about; 0 where nothing is counted.
    pub count: u64,
    /// Which words, rules or people: names that admins gave, never a customer's text.
    pub values: Vec<String>,
    /// Numbers of some of the source's tickets.
    pub tickets: Vec<String>,
}

/// What a check says of a mirror file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub mirror: String,
    /// Of the file as it was checked; the copy asks for a check of this very file.
    pub digest: String,
    pub checked_at: DateTime<Utc>,
    /// Tickets that the source listed.
    pub listed: u64,
    /// Tickets that were read; fewer than `listed` where only a sample was.
    pub read: u64,
    /// Of those read, tickets outside of the mirror's scope.
    pub outside: u64,
    /// The worst first.
    pub findings: Vec<Finding>,
    pub not_carried: Vec<Stock>,
    /// `None` where the desks could not be asked.
    pub estimate: Option<Estimate>,
}

impl Report {
    /// The report in lines for people; `accepted`: names of findings that somebody accepted as they are.
    pub fn lines(&self, accepted: &[String]) -> Vec<String> {
        let sample = if self.read < self.listed { " (a sample: what the others hold is not known)" } else { "" };
        let outside = if self.outside > 0 { format!("; {} are outside of the scope", self.outside) } else { String::new() };
        let mut lines = vec![format!("{}: read {} of {} tickets{sample}{outside}", self.mirror, self.read, self.listed)];
        for finding in &self.findings {
            lines.push(String::new());
            let taken = if accepted.contains(&finding.name) { ", accepted" } else { "" };
            lines.push(format!("[{}{taken}] {}", finding.severity.word(), finding.name));
            lines.push(format!("    {}", finding.what));
            if !finding.tickets.is_empty() {
                lines.push(format!("    such as {}", finding.tickets.join(", ")));
            }
            if finding.cure != NOTHING {
                lines.push(format!("    -> {}", finding.cure));
            }
        }
        if !self.not_carried.is_empty() {
            lines.push(String::new());
            lines.push("Not carried, to be made anew in the new desk where you need it:".to_string());
            lines.extend(self.not_carried.iter().map(stock_line));
        }
        if let Some(estimate) = &self.estimate {
            lines.push(String::new());
            lines.extend(estimate.lines());
        }
        lines
    }
}

fn stock_line(stock: &Stock) -> String {
    match &stock.count {
        Told::Known(count) => format!("    {count} {}", stock.what),
        Told::CannotTell(why) => format!("    {}: cannot tell ({why})", stock.what),
    }
}

/// Parts of names of what touches people, the worst first; everything else comes after it.
const WORST: [&str; 4] = ["mails-customers", "asks-for-rating", "support-addresses", "mails-agents"];

/// The worst first; of equal ones that which is about more tickets.
pub fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    let place = |finding: &Finding| WORST.iter().position(|word| finding.name.contains(word)).unwrap_or(WORST.len());
    findings
        .sort_by_cached_key(|finding| (finding.severity, place(finding), std::cmp::Reverse(finding.count), finding.name.clone()));
    findings
}

/// A name's part: `custom:Order number` is `custom-order-number`.
pub fn slug(text: &str) -> String {
    let words: Vec<String> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    words.join("-")
}

/// `1 ticket`, `2 tickets`.
pub fn many(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}
