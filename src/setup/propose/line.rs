//! What is proposed: lines for a mirror file, each with its reason.

use crate::desk::field::FieldKey;

/// How far a guess can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// It may be taken as it is.
    Sure,
    /// A person has to look at it.
    Ask,
}

/// What one word becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    pub to: String,
    pub mark: Mark,
    /// For people; without a line end.
    pub why: String,
}

/// What was found for one word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Guess(Guess),
    /// Nothing that is worth a guess; why.
    Gap(String),
}

impl Answer {
    /// A guess that may be taken as it is.
    pub fn sure(to: &str, why: impl Into<String>) -> Self {
        Answer::Guess(Guess { to: to.to_string(), mark: Mark::Sure, why: why.into() })
    }

    /// A guess that a person has to look at.
    pub fn ask(to: &str, why: impl Into<String>) -> Self {
        Answer::Guess(Guess { to: to.to_string(), mark: Mark::Ask, why: why.into() })
    }

    /// The same, where sure is not sure enough for a reason outside of it.
    pub fn doubted(self, doubted: bool, why: &str) -> Self {
        match self {
            Answer::Guess(guess) if doubted && guess.mark == Mark::Sure => {
                Answer::ask(&guess.to, format!("{}, but {why}", guess.why))
            }
            other => other,
        }
    }

    /// `Ask high`, or `gap`.
    #[cfg(test)]
    pub fn told(&self) -> String {
        match self {
            Answer::Guess(guess) => format!("{:?} {}", guess.mark, guess.to),
            Answer::Gap(_) => "gap".to_string(),
        }
    }

    /// Whether it is a guess that is sure.
    pub fn is_sure(&self) -> bool {
        matches!(self, Answer::Guess(guess) if guess.mark == Mark::Sure)
    }
}

/// A table of a mirror file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// `[policy]`
    Policy,
    /// `[map.people]`
    People,
    /// `[map.fields]`
    Fields,
    /// `[map.status]`, `[map.options."custom:Area"]`
    Words(FieldKey),
}

impl Table {
    /// Its path, as [`crate::config::mistake::Places`] has it.
    pub fn path(&self) -> Vec<String> {
        let path = |parts: &[&str]| parts.iter().map(|part| part.to_string()).collect();
        match self {
            Table::Policy => path(&["policy"]),
            Table::People => path(&["map", "people"]),
            Table::Fields => path(&["map", "fields"]),
            Table::Words(key @ FieldKey::Custom(_)) => path(&["map", "options", &key.to_string()]),
            Table::Words(key) => path(&["map", &key.to_string()]),
        }
    }
}

/// One line that a mirror file lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub table: Table,
    pub what: What,
}

/// What the line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// `key = "value"  # sure: why`
    Entry { key: String, guess: Guess },
    /// `# key = "…"  # ask: why`; `offer` stands in place of the dots where there is one word that would be right.
    Question { key: String, offer: Option<String>, why: String },
    /// `# ask: about: why`, where no key can be written.
    Remark { about: String, why: String },
    /// `# note: about: why`; nothing is to do.
    Note { about: String, why: String },
}

impl Line {
    /// The line for what was found for a word.
    pub fn of(table: Table, key: &str, answer: Answer) -> Self {
        let key = key.to_string();
        let what = match answer {
            Answer::Guess(guess) => What::Entry { key, guess },
            Answer::Gap(why) => What::Question { key, offer: None, why },
        };
        Self { table, what }
    }

    /// A sentence that needs an answer.
    pub fn remark(table: Table, about: impl Into<String>, why: impl Into<String>) -> Self {
        Self { table, what: What::Remark { about: about.into(), why: why.into() } }
    }

    /// What the line is about: the key, or its first words.
    pub fn about(&self) -> &str {
        match &self.what {
            What::Entry { key, .. } | What::Question { key, .. } => key,
            What::Remark { about, .. } | What::Note { about, .. } => about,
        }
    }
}

/// `a, b and c`, or the first of many.
pub fn shown(words: &[&str]) -> String {
    const MOST: usize = 8;
    match words {
        [] => "none".to_string(),
        [one] => (*one).to_string(),
        many if many.len() > MOST => format!("{} and {} more", many[..MOST].join(", "), many.len() - MOST),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
