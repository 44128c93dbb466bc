//! What a desk told people about a ticket by itself: mails and notifications, and whose act they followed.

use std::fmt;

use chrono::{DateTime, Utc};

use super::ticket::Actor;

/// What a desk says about the notices of one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notices {
    /// All since the time that was asked for, oldest first.
    Told(Vec<Notice>),
    /// It does not tell; a sentence on why, without anybody's words.
    Untold(String),
}

/// One mail or notification that a desk sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The desk's id of it, the same at each look.
    pub id: String,
    /// What sent it, as an admin finds it in the desk: `the trigger "Notify requester"`, `scrip 7`.
    pub rule: String,
    pub to: Reached,
    /// The desk's clock.
    pub at: DateTime<Utc>,
    pub after: After,
}

/// How many people of which kind were told; never who.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reached {
    pub customers: u32,
    pub agents: u32,
    /// The desk does not say what they are.
    pub others: u32,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [(self.customers, "customer"), (self.agents, "agent"), (self.others, "other person")];
        let many = |(count, kind): (u32, &str)| match (count, kind) {
            (1, kind) => format!("1 {kind}"),
            (count, "other person") => format!("{count} other people"),
            (count, kind) => format!("{count} {kind}s"),
        };
        let told: Vec<String> = kinds.into_iter().filter(|(count, _)| *count > 0).map(many).collect();
        f.write_str(if told.is_empty() { "somebody".to_string() } else { told.join(" and ") }.as_str())
    }
}

/// Whose act a notice followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Ours: nobody would have been told without us.
    Us,
    /// A person's, or an older thing that is none of ours.
    Person,
    /// Both we and people had acted on the ticket, and the desk does not tell which of it the rule waited for.
    Unsure,
}

impl After {
    /// Of a rule that acts by the clock, some time after the acts that it looks at: `before` are the acts on the ticket until then,
    /// oldest first. Where people acted last, it is theirs; where nobody but us acted, it is ours.
    pub fn by_the_clock(before: impl IntoIterator<Item = Actor>) -> After {
        let acts: Vec<Actor> = before.into_iter().filter(|by| *by != Actor::Rule).collect();
        match (acts.contains(&Actor::Us), acts.contains(&Actor::Person), acts.last()) {
            (false, _, _) | (_, _, Some(Actor::Person)) => After::Person,
            (true, false, _) => After::Us,
            (true, true, _) => After::Unsure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_by_the_clock_is_ours_only_where_nobody_else_acted() {
        use Actor::{Person, Rule, Us};
        assert_eq!(After::by_the_clock([Us, Rule, Us]), After::Us);
        assert_eq!(After::by_the_clock([Us, Person, Rule]), After::Person);
        assert_eq!(After::by_the_clock([Us, Person, Us, Rule]), After::Unsure);
        assert_eq!(After::by_the_clock([Rule]), After::Person);
    }

    #[test]
    fn kinds_are_counted_and_nobody_is_named() {
        assert_eq!(Reached { customers: 1, agents: 2, others: 0 }.to_string(), "1 customer and 2 agents");
        assert_eq!(Reached { customers: 0, agents: 0, others: 2 }.to_string(), "2 other people");
        assert_eq!(Reached::default().to_string(), "somebody");
    }
}
