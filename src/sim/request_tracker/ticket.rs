//! Making tickets, as `POST ticket` does, with everything that it accepts in silence.

use serde_json::{Map, Value};

use super::date;
use super::mime::Message;
use super::status;
use super::store::{Dates, NOBODY, Object, Role, Ticket, Times};
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

/// A subject as a ticket keeps it: in one line, and cut.
pub fn subject(text: &str) -> String {
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
        self.groups_at_creation();
        self.values_at_creation(id, queue, &wanted);
        self.links_at_creation(id, wanted.0);
        self.record(id, Draft { kind: "Create", message, ..Draft::default() });
        Ok(id)
    }

    /// The four groups of a ticket's roles have transactions of their own, which no API user may see.
    fn groups_at_creation(&mut self) {
        for _ in 0..4 {
            self.store.record_object(Object::Other, "Create", self.actor, self.at);
        }
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
            let found = self.store.field(queue, false, key).filter(|field| self.store.may_change(self.actor, field));
            let Some(field) = found.cloned() else { continue };
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
