//! Changing tickets, as `PUT ticket` does: every refusal is a sentence in a 200.

use serde_json::{Map, Value};

use super::date;
use super::ticket::subject;
use super::value::text;
use super::work::{Draft, Work};

fn number(text: &str) -> i64 {
    let sign = usize::from(text.starts_with('-'));
    let end = text[sign..].find(|letter: char| !letter.is_ascii_digit()).map_or(text.len(), |end| end + sign);
    text[..end].parse().unwrap_or(0)
}

fn label(priority: i64) -> &'static str {
    match priority {
        100.. => "High",
        50..100 => "Medium",
        _ => "Low",
    }
}

impl Work<'_> {
    /// The attributes of a `PUT`, in alphabetical order, with RT's sentences.
    pub fn update(&mut self, id: u64, wanted: &Map<String, Value>) -> Vec<String> {
        const ATTRIBUTES: [&str; 17] = [
            "Due",
            "FinalPriority",
            "InitialPriority",
            "Owner",
            "Priority",
            "Queue",
            "Resolved",
            "Started",
            "Starts",
            "Status",
            "Subject",
            "TimeEstimated",
            "TimeLeft",
            "TimeWorked",
            "Told",
            "Type",
            "SLA",
        ];
        let mut sentences = Vec::new();
        for attribute in ATTRIBUTES {
            let value = match wanted.get(attribute) {
                Some(Value::Array(_)) | None => continue,
                Some(Value::Object(object)) => object.get("id").and_then(text),
                Some(other) => text(other),
            };
            if let Some(value) = value.map(|value| value.replace("\r\n", "\n")) {
                sentences.extend(self.set(id, attribute, &value).map(|sentence| format!("Ticket {id}: {sentence}")));
            }
        }
        sentences
    }

    fn set(&mut self, id: u64, attribute: &str, value: &str) -> Option<String> {
        match attribute {
            "Due" | "Starts" | "Started" | "Told" | "Resolved" => self.set_date(id, attribute, value),
            "Priority" | "InitialPriority" | "FinalPriority" => self.set_priority(id, attribute, value),
            "TimeEstimated" | "TimeLeft" | "TimeWorked" => self.set_time(id, attribute, value),
            "Owner" => self.set_owner(id, value),
            "Queue" => self.set_queue(id, value),
            "Status" if self.store.ticket(id).status == value => None,
            "Status" => Some(self.set_status(id, value).unwrap_or_else(|sentence| sentence)),
            "Subject" => self.set_subject(id, value),
            "Type" => self.set_type(id, value),
            _ => None,
        }
    }

    fn set_subject(&mut self, id: u64, value: &str) -> Option<String> {
        let ticket = self.store.ticket_mut(id);
        if ticket.subject.as_deref().unwrap_or("") == subject(value) {
            return None;
        }
        let old = ticket.subject.replace(subject(value)).unwrap_or_default();
        // History and sentence keep what was sent; only the ticket's own is cut.
        let new = value.replace('\n', "");
        self.record(id, Draft::change("Set", "Subject", Some(old.clone()), Some(new.clone())));
        Some(format!("Subject changed from {} to {}", quoted(&old), quoted(&new)))
    }

    fn set_type(&mut self, id: u64, value: &str) -> Option<String> {
        let ticket = self.store.ticket_mut(id);
        if ticket.kind == value {
            return None;
        }
        let old = std::mem::replace(&mut ticket.kind, value.to_owned());
        self.record(id, Draft::change("Set", "Type", Some(old.clone()), Some(value.to_owned())));
        Some(format!("Type changed from {} to {}", quoted(&old), quoted(value)))
    }

    fn set_date(&mut self, id: u64, attribute: &str, value: &str) -> Option<String> {
        let dates = &mut self.store.ticket_mut(id).dates;
        let place = match attribute {
            "Due" => &mut dates.due,
            "Starts" => &mut dates.starts,
            "Started" => &mut dates.started,
            "Told" => &mut dates.told,
            _ => &mut dates.resolved,
        };
        let old = *place;
        if date::sql(old) == value {
            return None;
        }
        let Some(new) = date::database(value) else { return Some(format!("{attribute} could not be set to {value}.")) };
        *place = Some(new).filter(|new| new.timestamp() != 0);
        let (kind, kept) = match attribute {
            "Told" => ("Told", date::sql(Some(new))),
            _ => ("Set", value.to_owned()),
        };
        self.record(id, Draft::change(kind, attribute, Some(date::sql(old)), Some(kept)));
        Some(match attribute {
            "Resolved" => format!("Resolved changed from '{}' to '{}'", date::sql(old), date::sql(Some(new))),
            _ => format!("{attribute} changed from {} to {}", date::sentence(old), date::sentence(Some(new))),
        })
    }

    fn set_priority(&mut self, id: u64, attribute: &str, value: &str) -> Option<String> {
        let ticket = self.store.ticket_mut(id);
        let place = match attribute {
            "Priority" => &mut ticket.priority,
            "InitialPriority" => &mut ticket.initial_priority,
            _ => &mut ticket.final_priority,
        };
        let (old, new) = (*place, number(value));
        if old.to_string() == value {
            return None;
        }
        if old == new {
            return Some("That is already the current value".to_owned());
        }
        *place = new;
        self.record(id, Draft::change("Set", attribute, Some(old.to_string()), Some(new.to_string())));
        Some(format!("{attribute} changed from '{}' to '{}'", label(old), label(new)))
    }

    fn set_time(&mut self, id: u64, attribute: &str, value: &str) -> Option<String> {
        let times = &mut self.store.ticket_mut(id).times;
        let place = match attribute {
            "TimeWorked" => &mut times.worked,
            "TimeLeft" => &mut times.left,
            _ => &mut times.estimated,
        };
        let (old, new) = (*place, number(value));
        if old == new {
            return None;
        }
        *place = new;
        let taken = if attribute == "TimeWorked" { new - old } else { 0 };
        let draft = Draft { taken, ..Draft::change("Set", attribute, Some(old.to_string()), Some(new.to_string())) };
        self.record(id, draft);
        Some(match taken {
            0 => {
                format!("{attribute} changed from {} to '{new}'", quoted(if old == 0 { String::new() } else { old.to_string() }))
            }
            60 => "Worked 1 hour (60 minutes)".to_owned(),
            61.. => format!("Worked {} hours ({taken} minutes)", taken as f64 / 60.0),
            1.. => format!("Worked {taken} minutes"),
            _ => format!("Adjusted time worked by {taken} minutes"),
        })
    }

    fn set_queue(&mut self, id: u64, value: &str) -> Option<String> {
        let old = self.store.ticket(id).queue;
        let names = |id: u64| self.store.queues.get(&id).map_or(String::new(), |queue| queue.name.clone());
        let Some(new) = self.store.queue(value).map(|queue| queue.id) else {
            return Some(format!("Queue {value} does not exist"));
        };
        if old == new {
            return None;
        }
        let said = format!("Queue changed from {} to {}", names(old), names(new));
        self.store.ticket_mut(id).queue = new;
        self.record(id, Draft::change("Set", "Queue", Some(old.to_string()), Some(new.to_string())));
        Some(said)
    }

    /// Changes the owner: two transactions, between which the new owner is mailed.
    pub fn set_owner(&mut self, id: u64, value: &str) -> Option<String> {
        let old = self.store.ticket(id).owner;
        let Some(user) = self.store.user(value) else { return Some("That user does not exist".to_owned()) };
        let new = user.id;
        if new == old {
            return None;
        }
        if !self.store.may_own(user) {
            return Some("That user may not own tickets in that queue".to_owned());
        }
        let said = format!("Owner changed from {} to {}", self.store.user_name(old), user.name);
        self.store.ticket_mut(id).owner = new;
        for kind in ["Set", "SetWatcher"] {
            self.record(id, Draft::change(kind, "Owner", Some(old.to_string()), Some(new.to_string())));
        }
        Some(said)
    }
}

fn quoted(value: impl AsRef<str>) -> String {
    let value = value.as_ref();
    if value.is_empty() { "(no value)".to_owned() } else { format!("'{value}'") }
}
