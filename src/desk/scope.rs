//! Which tickets of the source belong to a mirror.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::field::{FieldKey, Fields, Value};
use super::ticket::Ticket;

/// The word by which a desk's status or tag says that a ticket is unwanted mail.
const SPAM: &str = "spam";
/// The status of a ticket that the desk holds back before any agent sees it.
const SUSPENDED: &str = "suspended";

/// Conditions that all have to hold. An empty set sets no condition. Words are compared as the source spells them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Made at this time or later, by the source's clock.
    pub created_after: Option<DateTime<Utc>>,
    /// Last changed at this time or later. An older ticket that changes comes in then.
    pub updated_after: Option<DateTime<Utc>>,
    pub groups: BTreeSet<String>,
    pub brands: BTreeSet<String>,
    pub statuses: BTreeSet<String>,
    /// At least one of these.
    pub tags: BTreeSet<String>,
    /// None of these.
    pub without_tags: BTreeSet<String>,
    /// Also tickets whose status or tag is `spam`.
    pub spam: bool,
    /// Also tickets whose status is `suspended`.
    pub suspended: bool,
    pub leaving: Leaving,
}

/// What happens in the target when a mirrored ticket leaves the scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leaving {
    /// It goes on being mirrored: whoever is in stays in.
    #[default]
    Keep,
    /// It gets a tag and is left alone.
    Mark,
}

impl Scope {
    /// Whether the source's ticket belongs to the mirror. The error is the reason in words for people; it quotes values of
    /// the ticket's group, brand, status or tags only.
    pub fn includes(&self, ticket: &Ticket) -> Result<(), String> {
        self.allows(ticket, &ticket.fields)
    }

    /// The same for a ticket of the target; `fields`: in the source's words.
    pub fn allows(&self, ticket: &Ticket, fields: &Fields) -> Result<(), String> {
        not_before("made", ticket.created_at, self.created_after)?;
        not_before("last changed", ticket.updated_at, self.updated_after)?;
        let field = |key| fields.get(key);
        one_of("group", field(&FieldKey::Group), &self.groups)?;
        one_of("brand", field(&FieldKey::Brand), &self.brands)?;
        one_of("status", field(&FieldKey::Status), &self.statuses)?;
        self.allows_tags(field(&FieldKey::Tags))?;
        self.allows_unwanted(fields)
    }

    fn allows_tags(&self, tags: Option<&Value>) -> Result<(), String> {
        let words = tags.map(Value::words).unwrap_or_default();
        if let Some(tag) = words.iter().find(|tag| self.without_tags.contains(**tag)) {
            return Err(format!("it has the tag `{tag}`"));
        }
        if self.tags.is_empty() || words.iter().any(|tag| self.tags.contains(*tag)) {
            return Ok(());
        }
        Err("it has none of the tags of the scope".to_string())
    }

    fn allows_unwanted(&self, fields: &Fields) -> Result<(), String> {
        let has = |key, word: &str| fields.get(key).is_some_and(|value: &Value| value.words().contains(&word));
        if !self.suspended && has(&FieldKey::Status, SUSPENDED) {
            return Err("the desk holds it back as suspended".to_string());
        }
        if !self.spam && (has(&FieldKey::Status, SPAM) || has(&FieldKey::Tags, SPAM)) {
            return Err("it is marked as spam".to_string());
        }
        Ok(())
    }
}

fn not_before(done: &str, at: DateTime<Utc>, limit: Option<DateTime<Utc>>) -> Result<(), String> {
    match limit {
        Some(limit) if at < limit => Err(format!("it was {done} before {}", limit.format("%Y-%m-%d %H:%M UTC"))),
        _ => Ok(()),
    }
}

pub(super) fn one_of(field: &str, value: Option<&Value>, allowed: &BTreeSet<String>) -> Result<(), String> {
    if allowed.is_empty() {
        return Ok(());
    }
    let words = value.map(Value::words).unwrap_or_default();
    match words.first() {
        Some(word) if allowed.contains(*word) => Ok(()),
        Some(word) => Err(format!("its {field} `{word}` is not in the scope")),
        None => Err(format!("it has no {field}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::id::TicketId;
    use crate::desk::ticket::Presence;

    fn ticket(fields: &[(FieldKey, Value)]) -> Ticket {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("a time");
        Ticket {
            id: TicketId::new(1),
            stamp: "1".to_string(),
            feed_stamp: None,
            presence: Presence::Present,
            created_at: at(1_000),
            updated_at: at(2_000),
            url: String::new(),
            fields: fields.iter().cloned().collect::<Fields>(),
            messages: Vec::new(),
            links: BTreeSet::new(),
            key: None,
            people: Vec::new(),
            acts: Vec::new(),
            immutable: false,
        }
    }

    fn words(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| word.to_string()).collect()
    }

    #[test]
    fn without_conditions_every_ticket_is_in_but_spam_and_suspended_ones() {
        let scope = Scope::default();
        assert_eq!(scope.includes(&ticket(&[])), Ok(()));
        let spam = [ticket(&[(FieldKey::Status, Value::text("spam"))]), ticket(&[(FieldKey::Tags, Value::set(["spam", "x"]))])];
        let suspended = ticket(&[(FieldKey::Status, Value::text("suspended"))]);
        assert!(spam.iter().all(|ticket| scope.includes(ticket).is_err()));
        assert!(scope.includes(&suspended).is_err());
        let all = Scope { spam: true, suspended: true, ..Scope::default() };
        assert!(spam.iter().chain([&suspended]).all(|ticket| all.includes(ticket).is_ok()));
    }

    #[test]
    fn age_counts_from_the_second_that_is_written() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let created = |limit| Scope { created_after: at(limit), ..Scope::default() }.includes(&ticket(&[]));
        assert_eq!((created(999), created(1_000)), (Ok(()), Ok(())));
        assert_eq!(created(1_001), Err("it was made before 1970-01-01 00:16 UTC".to_string()));
        let updated = |limit| Scope { updated_after: at(limit), ..Scope::default() }.includes(&ticket(&[]));
        assert!(updated(2_000).is_ok() && updated(2_001).is_err());
    }

    #[test]
    fn group_and_tags_have_to_be_among_those_that_are_named() {
        let billing = ticket(&[(FieldKey::Group, Value::text("Billing")), (FieldKey::Tags, Value::set(["vip", "test"]))]);
        let group = |names: &[&str]| Scope { groups: words(names), ..Scope::default() };
        assert_eq!(group(&["Billing", "Support"]).includes(&billing), Ok(()));
        assert_eq!(group(&["Support"]).includes(&billing), Err("its group `Billing` is not in the scope".to_string()));
        assert_eq!(group(&["Support"]).includes(&ticket(&[])), Err("it has no group".to_string()));
        let tags = |some: &[&str], none: &[&str]| Scope { tags: words(some), without_tags: words(none), ..Scope::default() };
        assert_eq!(tags(&["vip"], &[]).includes(&billing), Ok(()));
        assert_eq!(tags(&["vip"], &["test"]).includes(&billing), Err("it has the tag `test`".to_string()));
        assert!(tags(&["vip"], &[]).includes(&ticket(&[])).is_err());
    }
}
