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
    /// `yes` or `no`: a choice of two that people think of as a check box.
    YesOrNo,
    /// Two capitals, a dash, four digits.
    Serial,
}

/// Somebody who works at the desk.
#[derive(Debug, Clone, Serialize)]
pub struct Agent {
    pub name: String,
    pub email: String,
    /// Where tickets are given to them.
    pub groups: Vec<String>,
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
    pub follow: bool,
}

impl Vocabulary {
    /// The simulated Zendesk.
    pub fn zendesk() -> Self {
        Self {
            desk: "zendesk",
            groups: words(&["Support", "Billing", "Engineering", "Escalations"]),
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
            agents: vec![
                agent("Ada Reyes", "ada@desk.example", &["Support", "Billing", "Escalations"]),
                agent("Ben Okafor", "ben@desk.example", &["Support"]),
                agent("Chiara Rossi", "chiara@desk.example", &["Billing", "Escalations"]),
                agent("Dmitri Volkov", "dmitri@desk.example", &["Engineering", "Support"]),
            ],
            organisations: organisations(),
            links: vec!["parent"],
            can: Abilities { redact: true, make_private: true, merge: true, delete: true, follow: true },
        }
    }

    /// The simulated Request Tracker.
    pub fn request_tracker() -> Self {
        Self {
            desk: "request-tracker",
            groups: words(&["General", "Support", "Billing", "Engineering"]),
            statuses: vec![
                status("new", Meaning::New),
                status("open", Meaning::Open),
                status("stalled", Meaning::Waiting),
                status("resolved", Meaning::Done),
            ],
            priorities: words(&["0", "50", "100"]),
            types: words(&["question", "problem", "incident", "task"]),
            custom: rt_fields(),
            agents: vec![
                agent("Alice Agent", "alice@rt.sim", &["Support", "Billing", "General"]),
                agent("Bob Agent", "bob@rt.sim", &["Support"]),
                agent("Carol Agent", "carol@rt.sim", &["Billing", "General"]),
                agent("Dave Agent", "dave@rt.sim", &["Engineering", "Support"]),
            ],
            organisations: organisations(),
            links: vec!["parent", "depends_on", "refers_to"],
            can: Abilities { redact: true, make_private: false, merge: true, delete: true, follow: true },
        }
    }

    /// The agents to whom a group's tickets are given: all, where the group is unknown or has nobody.
    pub fn members(&self, group: Option<&str>) -> Vec<&Agent> {
        let is_member = |agent: &&Agent| group.is_some_and(|group| agent.groups.iter().any(|one| one == group));
        let members: Vec<&Agent> = self.agents.iter().filter(is_member).collect();
        if members.is_empty() { self.agents.iter().collect() } else { members }
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
    let products = ["product_mast", "product_sail", "product_rudder", "product_hull_wood", "product_hull_steel"];
    vec![
        field("Order number", CustomKind::Text, &[]),
        field("Root cause", CustomKind::LongText, &[]),
        field("VIP", CustomKind::Checkbox, &[]),
        field("Renewal date", CustomKind::Date, &[]),
        field("Seats", CustomKind::Integer, &[]),
        field("Refund amount", CustomKind::Decimal, &[]),
        field("Serial", CustomKind::Serial, &[]),
        field("Product", CustomKind::Choice, &products),
        field("Topics", CustomKind::MultiChoice, &["topic_shipping", "topic_invoice", "topic_bug"]),
    ]
}

fn rt_fields() -> Vec<CustomField> {
    vec![
        field("Order Number", CustomKind::Text, &[]),
        field("Details", CustomKind::LongText, &[]),
        field("Severity", CustomKind::Choice, &["low", "normal", "high", "critical"]),
        field("Products", CustomKind::MultiChoice, &["alpha", "beta", "gamma"]),
        field("Plan", CustomKind::Choice, &["free", "team", "enterprise"]),
        field("Areas", CustomKind::MultiChoice, &["web", "mobile", "api", "billing"]),
        field("Contract End", CustomKind::Date, &[]),
        field("Callback", CustomKind::DateTime, &[]),
        field("Seats", CustomKind::Integer, &[]),
        field("Amount", CustomKind::Decimal, &[]),
        field("Escalated", CustomKind::YesOrNo, &[]),
    ]
}

fn field(name: &str, kind: CustomKind, options: &[&str]) -> CustomField {
    CustomField { name: name.to_string(), kind, options: words(options) }
}

fn status(word: &str, meaning: Meaning) -> Status {
    Status { word: word.to_string(), meaning }
}

fn agent(name: &str, email: &str, groups: &[&str]) -> Agent {
    Agent { name: name.to_string(), email: email.to_string(), groups: words(groups) }
}

fn organisations() -> Vec<Organisation> {
    let known = [("Northwind Traders", "northwind.example"), ("Æther Labs", "aether.example"), ("Kyoto Garden", "kyoto.example")];
    known.iter().map(|(name, domain)| Organisation { name: (*name).to_string(), domain: (*domain).to_string() }).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_string()).collect()
}
