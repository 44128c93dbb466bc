//! Values of custom fields: what a field takes, how it rewrites it, and the sentences about it.

use serde_json::{Value, json};

use super::date;
use super::network;
use super::store::{Field, FieldKind};
use super::work::{Died, Draft, Work};

/// The text of a JSON value as Perl sees it; none for null.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(yes) => Some(if *yes { "1" } else { "0" }.to_owned()),
        other => Some(other.to_string()),
    }
}

impl Field {
    /// The value as it is kept. Errors: RT's sentence.
    pub fn accept(&self, value: &str) -> Result<String, String> {
        if value.is_empty() {
            return Ok(String::new());
        }
        match self.kind {
            FieldKind::Select => {
                let found = self.choices.iter().find(|(_, choice)| choice.eq_ignore_ascii_case(value));
                found.map(|(_, choice)| choice.clone()).ok_or_else(|| "Invalid value for custom field".to_owned())
            }
            FieldKind::DateTime => Ok(date::sql(Some(date::lenient(value)))),
            FieldKind::Date => Ok(date::lenient(value).format("%Y-%m-%d").to_string()),
            FieldKind::IpAddress => network::address(value).ok_or_else(|| "Content is not a valid IP address".to_owned()),
            FieldKind::IpRange => network::range(value).ok_or_else(|| "Content is not a valid IP address range".to_owned()),
            _ if self.matches(value) => Ok(value.to_owned()),
            _ => {
                let sentence = format!("Input must match {}", friendly(&self.pattern));
                Err(format!("Could not add a new value to custom field '{}': {sentence}", self.name))
            }
        }
    }

    /// The patterns that this desk knows: see [`super::world`].
    fn matches(&self, value: &str) -> bool {
        let number = value.strip_prefix(['-', '+']).unwrap_or(value);
        let digits = |text: &str| !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit());
        match self.pattern.as_str() {
            super::world::INTEGER => digits(number),
            super::world::DECIMAL => {
                let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
                digits(whole) && digits(part)
            }
            _ => true,
        }
    }

    /// A stored value as REST2 shows it.
    pub fn shown(&self, value: &Option<String>) -> Value {
        match (self.kind, value) {
            (_, None) => Value::Null,
            (FieldKind::Image | FieldKind::Binary, Some(name)) => {
                let kind = if self.kind == FieldKind::Image { "image/png" } else { "application/octet-stream" };
                json!({ "content_type": kind, "filename": name, "_url": "/REST/2.0/download/cf/1" })
            }
            (FieldKind::DateTime, Some(value)) => Value::String(date::w3c(Some(date::lenient(value)))),
            (_, Some(value)) => Value::String(value.clone()),
        }
    }

    /// A stored value as sentences have it.
    fn in_sentence(&self, value: &str) -> String {
        match self.kind {
            FieldKind::DateTime => date::sentence(Some(date::lenient(value))),
            _ => value.to_owned(),
        }
    }
}

/// The name in front of a pattern: `(?#Integer)…` is shown as `[Integer]`.
fn friendly(pattern: &str) -> String {
    let name = pattern.strip_prefix("(?#").and_then(|rest| rest.split(')').next());
    name.map_or_else(|| pattern.to_owned(), |name| format!("[{name}]"))
}

impl Work<'_> {
    /// Changes a custom field of a ticket as `PUT` does, and says RT's sentences; a value that a multiple field has
    /// already is answered by a null. Errors: RT dies.
    pub fn set_field(&mut self, ticket: u64, field: &Field, wanted: &Value) -> Result<Vec<Value>, Died> {
        if wanted.is_object() {
            return Err(Died);
        }
        if field.multiple {
            return Ok(self.set_many(ticket, field, wanted));
        }
        let wanted = match wanted {
            Value::Array(list) => list.first().unwrap_or(&Value::Null),
            one => one,
        };
        Ok(self.set_one(ticket, field, text(wanted)).into_iter().map(Value::String).collect())
    }

    fn values(&self, ticket: u64, field: u64) -> Vec<Option<String>> {
        self.store.ticket(ticket).values.get(&field).cloned().unwrap_or_default()
    }

    fn set_one(&mut self, ticket: u64, field: &Field, wanted: Option<String>) -> Option<String> {
        let had = self.values(ticket, field.id).into_iter().next();
        if let (None, Some(Some(old))) = (&wanted, &had) {
            let old = old.clone();
            return Some(self.drop_value(ticket, field, 0, &old));
        }
        let new = match field.accept(&wanted.unwrap_or_default()) {
            Ok(new) => new,
            Err(sentence) => return Some(sentence),
        };
        if had.as_ref().is_some_and(|had| had.as_deref() == Some(new.as_str()) && !new.is_empty()) {
            return None;
        }
        let kept = Some(new.clone()).filter(|new| !new.is_empty());
        self.store.set_values(ticket, field.id, vec![kept]);
        let old = had.flatten();
        self.record(ticket, Draft::change("CustomField", field.id.to_string(), old.clone(), Some(new.clone())));
        let (name, shown) = (&field.name, field.in_sentence(&new));
        Some(match old.map(|old| field.in_sentence(&old)) {
            Some(old) if new.is_empty() => format!("{name} {old} deleted"),
            Some(old) => format!("{name} {old} changed to {shown}"),
            None => format!("{name} {shown} added"),
        })
    }

    fn set_many(&mut self, ticket: u64, field: &Field, wanted: &Value) -> Vec<Value> {
        let list: Vec<String> = match wanted {
            Value::Array(list) => list.iter().map(|one| text(one).unwrap_or_default()).collect(),
            one => vec![text(one).unwrap_or_default()],
        };
        let mut sentences = Vec::new();
        let had = self.values(ticket, field.id);
        for (place, value) in list.iter().enumerate() {
            let first = !list[..place].contains(value);
            if first && !had.iter().any(|old| old.as_deref().unwrap_or("") == value) {
                sentences.push(self.add_value(ticket, field, value));
                let again = list[place + 1..].iter().filter(|other| *other == value).count();
                sentences.extend(std::iter::repeat_n(Value::Null, again));
            }
        }
        let mut gone: Vec<String> = had.into_iter().map(Option::unwrap_or_default).filter(|old| !list.contains(old)).collect();
        gone.sort();
        for old in gone {
            let now = self.values(ticket, field.id);
            if let Some(place) = now.iter().position(|value| value.as_deref().unwrap_or("") == old) {
                sentences.push(Value::String(self.drop_value(ticket, field, place, &old)));
            }
        }
        sentences
    }

    fn add_value(&mut self, ticket: u64, field: &Field, value: &str) -> Value {
        let new = match field.accept(value) {
            Ok(new) => new,
            Err(sentence) => return Value::String(sentence),
        };
        let kept = Some(new.clone()).filter(|new| !new.is_empty());
        let mut values = self.values(ticket, field.id);
        if values.contains(&kept) {
            return Value::Null;
        }
        values.push(kept);
        self.store.set_values(ticket, field.id, values);
        self.record(ticket, Draft::change("CustomField", field.id.to_string(), None, Some(new.clone())));
        Value::String(format!("{new} added as a value for {}", field.name))
    }

    fn drop_value(&mut self, ticket: u64, field: &Field, place: usize, old: &str) -> String {
        let mut values = self.values(ticket, field.id);
        values.remove(place);
        self.store.set_values(ticket, field.id, values);
        self.record(ticket, Draft::change("CustomField", field.id.to_string(), Some(old.to_owned()), None));
        format!("{} is no longer a value for custom field {}", field.in_sentence(old), field.name)
    }
}
