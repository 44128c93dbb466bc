//! What a desk tells of itself before anything is written to it: what is ready for us, what it does to people by its own rules, what
//! it has that is not carried. Plain data; where a desk's API does not tell, it says so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::field::FieldKey;

/// What was asked, or why the desk cannot tell it (half a sentence, for an admin).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told<T> {
    Known(T),
    CannotTell(String),
}

/// A desk's own account of itself, for one side of a mirror.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// What we need there, met or not.
    pub needs: Vec<Need>,
    /// Addresses at which the desk makes tickets of mails, in lower case.
    pub addresses: Told<BTreeSet<String>>,
    /// What people made there that is not carried.
    pub stock: Vec<Stock>,
    /// The most bytes of one message; the rest is cut.
    pub longest_message: Option<usize>,
    /// The most messages of one ticket.
    pub most_messages: Option<usize>,
    /// What the text of a field has to match, as the desk writes it.
    pub patterns: BTreeMap<FieldKey, String>,
    pub dependent: Vec<Dependent>,
    /// Fields that our user sees and may not change, as far as the desk tells.
    pub read_only: BTreeSet<FieldKey>,
    /// By group: fields that its tickets do not have, or do not show to our user.
    pub absent: BTreeMap<String, BTreeSet<FieldKey>>,
    /// Kinds of files that the desk takes from nobody: endings of names, in lower case.
    pub refused_files: Told<BTreeSet<String>>,
}

/// Something that has to be there for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Stable, `a-z` and `-`: part of the finding's name.
    pub name: &'static str,
    /// For people: `the text field "Tidegate key" for tickets`.
    pub what: String,
    /// Whether it is there.
    pub met: Told<bool>,
    /// The step of an admin that makes it so.
    pub cure: String,
}

/// Something that stays behind, counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// `macros`, `views`, …
    pub what: String,
    pub count: Told<u64>,
}

/// A field that has to be filled where another one holds a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependent {
    /// The form by name; `None`: in all.
    pub form: Option<String>,
    pub parent: FieldKey,
    pub value: String,
    pub child: FieldKey,
}

/// What a desk does by itself when we write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    /// The active ones, as far as the desk shows them.
    pub rules: Vec<Rule>,
    /// What else may act and is not shown.
    pub unseen: Vec<Unseen>,
    /// What an admin adds to a rule so that it leaves our tickets alone.
    pub cure: String,
}

impl Rules {
    /// The rules that mail a ticket's followers and do not leave ours alone.
    pub fn mailing_followers(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| !rule.spares_us && rule.only_with == Some(FieldKey::Followers))
    }
}

/// One rule of a desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub kind: RuleKind,
    /// As admins named it.
    pub title: String,
    pub does: BTreeSet<Deed>,
    /// Hours until it acts, where it waits.
    pub after_hours: Option<u64>,
    /// It has the condition that leaves our tickets alone.
    pub spares_us: bool,
    /// It concerns only tickets with something in this field.
    pub only_with: Option<FieldKey>,
}

/// When a rule acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    /// At a change.
    Trigger,
    /// Some time after it.
    Automation,
    /// It measures time that passes.
    Sla,
    /// The desk itself, by a setting.
    Setting,
}

impl RuleKind {
    /// The word in names and sentences.
    pub fn as_str(self) -> &'static str {
        match self {
            RuleKind::Trigger => "trigger",
            RuleKind::Automation => "automation",
            RuleKind::Sla => "sla",
            RuleKind::Setting => "setting",
        }
    }
}

/// What a rule does, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    MailsCustomers,
    /// A survey.
    AsksForRating,
    MailsAgents,
    /// A webhook or another program.
    CallsOut,
    /// Status, priority, tags, …
    ChangesTickets,
    StartsClocks,
}

/// Something that may act on people and that the desk's API does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// Stable, `a-z` and `-`: the finding's name.
    pub name: &'static str,
    /// A sentence.
    pub what: String,
    /// What an admin looks at.
    pub cure: String,
}

impl Survey {
    /// Of a desk that tells nothing.
    pub fn untold() -> Self {
        Self {
            needs: Vec::new(),
            addresses: Told::CannotTell("this desk does not list them".to_string()),
            stock: Vec::new(),
            longest_message: None,
            most_messages: None,
            patterns: BTreeMap::new(),
            dependent: Vec::new(),
            read_only: BTreeSet::new(),
            absent: BTreeMap::new(),
            refused_files: Told::CannotTell("this desk does not list them".to_string()),
        }
    }
}

impl<T> Told<T> {
    /// What is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Told::Known(value) => Some(value),
            Told::CannotTell(_) => None,
        }
    }
}
