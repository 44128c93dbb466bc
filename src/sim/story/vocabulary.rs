//! The words of one desk that a story needs: its groups, statuses, fields and agents, as seeded in the desk's world.

use serde::Serialize;

/// What a story may say and do at one desk.
#[derive(Debug, Clone, Serialize)]
pub struct Vocabulary {
    /// The word of the vendor: `zendesk`, `request-tracker`.
    pub desk: &'static str,
    pub groups: Vec<String>,
    pub statuses: Vec<Status>,
    /// Lowest first.
    pub priorities: Vec<String>,
    /// Empty where the desk has no types.
    pub types: Vec<String>,
    pub custom: Vec<CustomField>,
    pub agents: Vec<Agent>,
    /// Mail domains of the organisations that the desk knows; customers write from them.
    pub organisations: Vec<Organisation>,
    /// Kinds of links between tickets, as in [`super::super::snapshot::TicketView::links`].
    pub links: Vec<&'static str>,
    pub can: Abilities,
}

/// A status and what it means.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub word: String,
    pub meaning: Meaning,
}

/// What a status means to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    New,
    Open,
    /// Somebody else has to move.
    Waiting,
    /// Done; an answer reopens it.
    Done,
    /// Done for good: nothing about the ticket can be changed.
    Closed,
}

/// A desk's own field.
#[derive(Debug, Clone, Serialize)]
pub struct CustomField {
    /// As in `custom:<name>`.
    pub name: String,
    pub kind: CustomKind,
    /// The values that may be chosen.
    pub options: Vec<String>,
}

/// What a desk's own field holds; spelled as [`crate::desk::field::Value`] says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomKind {
    Text,
    LongText,
    Choice,
    MultiChoice,
    Integer,
    Decimal,
    Date,
    DateTime,
    Checkbox,
}

/// Somebody who works at the desk.
#[derive(Debug, Clone, Serialize)]
pub struct Agent {
    pub name: String,
    pub email: String,
}

/// A company whose people write to the desk.
#[derive(Debug, Clone, Serialize)]
pub struct Organisation {
    pub name: String,
    pub domain: String,
}

/// What people can do at the desk beyond writing and setting fields.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Abilities {
    pub redact: bool,
    pub make_private: bool,
    pub merge: bool,
    pub delete: bool,
    pub tag: bool,
    pub follow: bool,
}

impl Vocabulary {
    /// The simulated Zendesk.
    pub fn zendesk() -> Self {
        Self {
            desk: "zendesk",
            groups: words(&["Support", "Billing", "Logistics"]),
            statuses: vec![
                status("new", Meaning::New),
                status("open", Meaning::Open),
                status("pending", Meaning::Waiting),
                status("hold", Meaning::Waiting),
                status("solved", Meaning::Done),
                status("closed", Meaning::Closed),
            ],
            priorities: words(&["low", "normal", "high", "urgent"]),
            types: words(&["question", "problem", "incident", "task"]),
            custom: zendesk_fields(),
            agents: agents(&["Maria Lopez", "Jonas Weber", "Aiko Tanaka", "Samira Haddad", "Tom Okafor", "Claire Dubois"]),
            organisations: organisations(),
            links: vec!["parent"],
            can: Abilities { redact: true, make_private: true, merge: true, delete: true, tag: true, follow: true },
        }
    }

    /// The simulated Request Tracker.
    pub fn request_tracker() -> Self {
        Self {
            desk: "request-tracker",
            groups: words(&["Support", "Billing", "Logistics"]),
            statuses: vec![
                status("new", Meaning::New),
                status("open", Meaning::Open),
                status("stalled", Meaning::Waiting),
                status("resolved", Meaning::Done),
            ],
            priorities: words(&["0", "20", "50", "80"]),
            types: Vec::new(),
            custom: rt_fields(),
            agents: agents(&["Maria Lopez", "Jonas Weber", "Aiko Tanaka", "Samira Haddad", "Tom Okafor", "Claire Dubois"]),
            organisations: organisations(),
            links: vec!["parent", "depends_on", "refers_to"],
            can: Abilities { redact: false, make_private: false, merge: true, delete: true, tag: true, follow: true },
        }
    }

    /// The words for this meaning.
    pub fn statuses_for(&self, meaning: Meaning) -> Vec<&str> {
        let fitting = self.statuses.iter().filter(|status| status.meaning == meaning);
        fitting.map(|status| status.word.as_str()).collect()
    }

    /// What a status means; unknown words count as open.
    pub fn meaning(&self, word: &str) -> Meaning {
        let status = self.statuses.iter().find(|status| status.word == word);
        status.map_or(Meaning::Open, |status| status.meaning)
    }
}

fn zendesk_fields() -> Vec<CustomField> {
    vec![
        field("Order number", CustomKind::Text, &[]),
        field("Notes", CustomKind::LongText, &[]),
        field("Severity", CustomKind::Choice, &["minor", "major", "critical"]),
        field("Products", CustomKind::MultiChoice, &["app", "printer", "scanner", "server"]),
        field("Seats", CustomKind::Integer, &[]),
        field("Refund", CustomKind::Decimal, &[]),
        field("Renewal", CustomKind::Date, &[]),
        field("VIP", CustomKind::Checkbox, &[]),
    ]
}

fn rt_fields() -> Vec<CustomField> {
    vec![
        field("Order number", CustomKind::Text, &[]),
        field("Details", CustomKind::LongText, &[]),
        field("Severity", CustomKind::Choice, &["Minor", "Major", "Critical"]),
        field("Products", CustomKind::MultiChoice, &["App", "Printer", "Scanner", "Server"]),
        field("Renewal", CustomKind::DateTime, &[]),
    ]
}

fn field(name: &str, kind: CustomKind, options: &[&str]) -> CustomField {
    CustomField { name: name.to_string(), kind, options: words(options) }
}

fn status(word: &str, meaning: Meaning) -> Status {
    Status { word: word.to_string(), meaning }
}

fn agents(names: &[&str]) -> Vec<Agent> {
    let agent = |name: &&str| Agent {
        name: (*name).to_string(),
        email: format!("{}@desk.example", name.to_lowercase().replace(' ', ".")),
    };
    names.iter().map(agent).collect()
}

fn organisations() -> Vec<Organisation> {
    let known = [
        ("Nordwind Maschinenbau GmbH", "nordwind.example"),
        ("Atelier Lumière", "lumiere.example"),
        ("Sakura Trading", "sakura.example"),
        ("Cedar & Sons", "cedar.example"),
    ];
    known.iter().map(|(name, domain)| Organisation { name: (*name).to_string(), domain: (*domain).to_string() }).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_string()).collect()
}
