//! Making and changing tickets, as `POST` and `PUT ticket` do, with everything that they accept in silence.

use serde_json::{Map, Value};

use super::date;
use super::mime::Message;
use super::status;
use super::store::{Dates, NOBODY, Role, Ticket, Times};
use super::value::text;
use super::work::{Draft, Work};

/// A request that RT refuses: status and sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub status: u16,
    pub sentence: String,
}

impl Refused {
    /// With that sentence.
    pub fn new(status: u16, sentence: impl Into<String>) -> Self {
        Self { status, sentence: sentence.into() }
    }

    /// What RT says when its database says no.
    fn internal() -> Self {
        Self::new(400, "Ticket could not be created due to an internal error")
    }
}

/// The most letters that a subject keeps.
const SUBJECT_LETTERS: usize = 200;

fn number(text: &str) -> i64 {
    let sign = usize::from(text.starts_with('-'));
    let end = text[sign..].find(|letter: char| !letter.is_ascii_digit()).map_or(text.len(), |end| end + sign);
    text[..end].parse().unwrap_or(0)
}

fn subject(text: &str) -> String {
    text.replace('\n', "").chars().take(SUBJECT_LETTERS).collect()
}

/// People in a request: a text, a number, an object with an `id`, or a list of those.
pub fn people(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().flat_map(people).collect(),
        Value::Object(object) => object.get("id").and_then(text).into_iter().collect(),
        one => text(one).into_iter().collect(),
    }
}

fn label(priority: i64) -> &'static str {
    match priority {
        100.. => "High",
        50..100 => "Medium",
        _ => "Low",
    }
}

struct Wanted<'w>(&'w Map<String, Value>);

impl Wanted<'_> {
    fn text(&self, key: &str) -> Option<String> {
        self.0.get(key).and_then(text)
    }

    fn date(&self, key: &str) -> Option<chrono::DateTime<chrono::Utc>> {
        date::strict(&self.text(key)?)
    }

    fn number(&self, key: &str) -> Result<Option<i64>, Refused> {
        let Some(text) = self.text(key).filter(|text| !text.is_empty()) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Refused::internal())
    }
}

impl Work<'_> {
    /// `POST ticket`. What is refused is refused by [`Refused`]; all else that RT cannot take is dropped without a word.
    pub fn create(&mut self, wanted: &Map<String, Value>, message: Option<Message>) -> Result<u64, Refused> {
        let wanted = Wanted(wanted);
        let key = wanted.text("Queue").filter(|key| !key.is_empty() && key != "0");
        let key = key.ok_or_else(|| Refused::new(400, "Could not create ticket. Queue not set"))?;
        let queue = self.store.queue(&key).filter(|queue| !queue.disabled).map(|queue| queue.id);
        let refusal = || Refused::new(403, format!("No permission to create tickets in the queue '{key}'"));
        let queue = queue.ok_or_else(refusal)?;
        let status = status_at_creation(&wanted)?;
        let people = self.people_at_creation(&wanted);
        let mut ticket = self.row(&wanted, queue, status, people)?;
        let id = self.free_id(&wanted)?;
        (ticket.id, ticket.effective) = (id, id);
        self.store.updated.insert((ticket.updated, id));
        self.store.tickets.insert(id, ticket);
        self.values_at_creation(id, queue, &wanted);
        self.links_at_creation(id, wanted.0);
        self.record(id, Draft { kind: "Create", message, ..Draft::default() });
        Ok(id)
    }

    /// A chosen number is taken without moving the sequence; when that arrives there, its number is used up by a failure.
    fn free_id(&mut self, wanted: &Wanted<'_>) -> Result<u64, Refused> {
        let id = match wanted.number("id")? {
            Some(id) => u64::try_from(id).map_err(|_| Refused::internal())?,
            None => {
                self.store.last.ticket += 1;
                self.store.last.ticket
            }
        };
        if self.store.tickets.contains_key(&id) { Err(Refused::internal()) } else { Ok(id) }
    }

    fn people_at_creation(&mut self, wanted: &Wanted<'_>) -> ([Vec<u64>; 3], u64) {
        let mut watchers = [Vec::new(), Vec::new(), Vec::new()];
        for role in Role::ALL {
            let texts = wanted.0.get(role.name()).map(people).unwrap_or_default();
            watchers[role as usize] = self.find_or_make_all(&texts);
        }
        let owner = wanted.0.get("Owner").map(people).unwrap_or_default();
        let owner = owner.first().and_then(|key| self.store.user(key).or_else(|| self.store.user_by_email(key)));
        let owner = owner.filter(|user| self.store.may_own(user)).map_or(NOBODY, |user| user.id);
        (watchers, owner)
    }

    /// The row without its number: what the database refuses uses none up.
    fn row(
        &self,
        wanted: &Wanted<'_>,
        queue: u64,
        status: String,
        (watchers, owner): ([Vec<u64>; 3], u64),
    ) -> Result<Ticket, Refused> {
        let created = match wanted.text("Created").filter(|text| !text.is_empty()) {
            Some(text) => date::database(&text).ok_or_else(Refused::internal)?,
            None => self.at,
        };
        let creator = wanted.number("Creator")?.and_then(|id| u64::try_from(id).ok()).unwrap_or(self.actor);
        let first = wanted.number("InitialPriority")?.unwrap_or(0);
        let subject = match wanted.0.get("Subject") {
            Some(Value::Null) => None,
            other => Some(subject(&other.and_then(text).unwrap_or_default())),
        };
        Ok(Ticket {
            id: 0,
            effective: 0,
            queue,
            subject,
            kind: wanted.text("Type").unwrap_or_else(|| "ticket".to_owned()),
            owner,
            watchers,
            priority: wanted.number("Priority")?.unwrap_or(first),
            initial_priority: first,
            final_priority: wanted.number("FinalPriority")?.unwrap_or(0),
            times: Times {
                worked: wanted.number("TimeWorked")?.unwrap_or(0),
                estimated: wanted.number("TimeEstimated")?.unwrap_or(0),
                left: wanted.number("TimeLeft")?.unwrap_or(0),
            },
            dates: self.dates_at_creation(wanted, &status),
            status,
            created,
            creator,
            updated: self.at,
            updated_by: self.actor,
            values: Default::default(),
            links: Vec::new(),
            squelched: squelched(wanted.0.get("SquelchMailTo")),
            transactions: Vec::new(),
            merged: Vec::new(),
        })
    }

    fn dates_at_creation(&self, wanted: &Wanted<'_>, status: &str) -> Dates {
        let or_now = |key: &str, applies: bool| match wanted.text(key) {
            Some(_) => wanted.date(key),
            None => applies.then_some(self.at),
        };
        Dates {
            due: wanted.date("Due"),
            starts: wanted.date("Starts"),
            started: or_now("Started", status != "new"),
            resolved: or_now("Resolved", status::is_inactive(status)),
            told: None,
        }
    }

    fn values_at_creation(&mut self, id: u64, queue: u64, wanted: &Wanted<'_>) {
        let Some(Value::Object(values)) = wanted.0.get("CustomFields") else { return };
        for (key, value) in values {
            let Some(field) = self.store.field(queue, false, key).cloned() else { continue };
            let list = match value {
                Value::Array(list) => list.iter().filter_map(text).collect(),
                one => text(one).into_iter().collect::<Vec<_>>(),
            };
            let mut kept: Vec<Option<String>> = Vec::new();
            for value in list.iter().filter(|value| !value.is_empty()).filter_map(|value| field.accept(value).ok()) {
                if !field.multiple {
                    kept.clear();
                }
                if !kept.contains(&Some(value.clone())) {
                    kept.push(Some(value));
                }
            }
            self.store.set_values(id, field.id, kept);
        }
    }

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

fn status_at_creation(wanted: &Wanted<'_>) -> Result<String, Refused> {
    let status =
        wanted.text("Status").filter(|status| !status.is_empty()).map_or("new".to_owned(), |status| status.to_lowercase());
    if !status::is_valid(&status) {
        return Err(Refused::new(400, format!("Status '{status}' isn't a valid status for tickets in this queue.")));
    }
    if !status::at_creation(&status) {
        return Err(Refused::new(400, format!("New tickets can not have status '{status}' in this queue.")));
    }
    Ok(status)
}

/// One text of addresses works; a list is dropped without a word.
fn squelched(value: Option<&Value>) -> std::collections::BTreeSet<String> {
    let Some(Value::String(text)) = value else { return Default::default() };
    text.split(',').map(|address| address.trim().to_lowercase()).filter(|address| !address.is_empty()).collect()
}

fn quoted(value: impl AsRef<str>) -> String {
    let value = value.as_ref();
    if value.is_empty() { "(no value)".to_owned() } else { format!("'{value}'") }
}
