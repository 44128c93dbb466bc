//! Windows: parts of a mirror's tickets that are cut over on their own.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use super::field::{FieldKey, Fields, Value};
use super::scope::one_of;

/// The window of all tickets that no other takes.
pub const REST: &str = "rest";

/// One window: conditions that all have to hold. An empty set sets no condition. Words are compared as the source spells them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// `[a-z0-9-]{1,40}`.
    pub name: String,
    pub groups: BTreeSet<String>,
    pub brands: BTreeSet<String>,
    pub forms: BTreeSet<String>,
    /// At least one of these.
    pub tags: BTreeSet<String>,
    /// Made at this time or later, by the source's clock.
    pub created_after: Option<DateTime<Utc>>,
    /// Made before this time.
    pub created_before: Option<DateTime<Utc>>,
}

/// What decides on a ticket's window: its source fields as they are agreed on, and when it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    pub fields: Fields,
    pub created_at: DateTime<Utc>,
}

impl Window {
    fn takes(&self, facts: &Facts) -> bool {
        let has = |key, words| one_of("", facts.fields.get(&key), words).is_ok();
        let tags = facts.fields.get(&FieldKey::Tags).map(Value::words).unwrap_or_default();
        self.created_after.is_none_or(|limit| facts.created_at >= limit)
            && self.created_before.is_none_or(|limit| facts.created_at < limit)
            && has(FieldKey::Group, &self.groups)
            && has(FieldKey::Brand, &self.brands)
            && has(FieldKey::Form, &self.forms)
            && (self.tags.is_empty() || tags.iter().any(|tag| self.tags.contains(*tag)))
    }
}

/// The name of the first window that takes a ticket; [`REST`] if none does. `None`: the mirror has no windows.
pub fn window_of<'w>(windows: &'w [Window], facts: &Facts) -> Option<&'w str> {
    let first = windows.iter().find(|window| window.takes(facts));
    (!windows.is_empty()).then(|| first.map_or(REST, |window| window.name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| word.to_string()).collect()
    }

    fn facts(group: &str, tags: &[&str], created: i64) -> Facts {
        let fields = Fields::from([
            (FieldKey::Group, Value::text(group)),
            (FieldKey::Tags, Value::set(tags.iter().copied())),
            (FieldKey::Form, Value::text("Returns")),
        ]);
        Facts { fields, created_at: DateTime::from_timestamp(created, 0).expect("a time") }
    }

    #[test]
    fn the_first_window_that_takes_a_ticket_has_it_and_the_rest_has_all_others() {
        let billing = Window { name: "billing".into(), groups: words(&["Billing"]), ..Window::default() };
        let vip = Window { name: "vip".into(), tags: words(&["vip"]), ..Window::default() };
        let windows = [vip, billing];
        assert_eq!(window_of(&windows, &facts("Billing", &["vip"], 0)), Some("vip"));
        assert_eq!(window_of(&windows, &facts("Billing", &[], 0)), Some("billing"));
        assert_eq!(window_of(&windows, &facts("Support", &["late"], 0)), Some(REST));
        assert_eq!(window_of(&[], &facts("Support", &[], 0)), None);
    }

    #[test]
    fn every_condition_has_to_hold() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        let old = Window {
            name: "old".into(),
            groups: words(&["Billing", "Support"]),
            forms: words(&["Returns"]),
            created_after: at(100),
            created_before: at(200),
            ..Window::default()
        };
        let takes = |group: &str, created| old.takes(&facts(group, &[], created));
        assert!(takes("Support", 100) && takes("Billing", 199));
        assert!(!takes("Support", 99) && !takes("Support", 200) && !takes("Sales", 150));
        let other_form = Window { forms: words(&["Orders"]), ..old.clone() };
        let no_brand = Window { brands: words(&["Acme"]), ..old.clone() };
        assert!(!other_form.takes(&facts("Support", &[], 150)) && !no_brand.takes(&facts("Support", &[], 150)));
    }
}
