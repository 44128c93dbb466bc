//! What an admin changes by API of what RT is made of: names of queues and custom fields, and whether they are there at all.
//!
//! As documented: `PUT /queue/ID` and `PUT /customfield/ID` take `Name`, `Description`, `Disabled`, a field `Pattern` too; what is disabled is in no list
//! that does not ask for it. The number stays.

use serde_json::{Map, Value};

use super::call::Answer;
use super::value::text;
use super::work::Work;

type Object = Map<String, Value>;

/// What both have.
struct Named<'a> {
    kind: &'static str,
    name: &'a mut String,
    description: &'a mut String,
    disabled: &'a mut bool,
}

/// `PUT /queue/ID`
pub fn update_queue(work: &mut Work<'_>, id: &str, body: &Object) -> Result<Answer, Answer> {
    let found = work.store.queue(id).map(|queue| queue.id);
    let queue = found.and_then(|id| work.store.queues.get_mut(&id)).ok_or_else(Answer::not_found)?;
    let (name, description, disabled) = (&mut queue.name, &mut queue.description, &mut queue.disabled);
    Ok(changed(Named { kind: "Queue", name, description, disabled }, body))
}

/// `PUT /customfield/ID`
pub fn update_field(work: &mut Work<'_>, id: &str, body: &Object) -> Result<Answer, Answer> {
    let field = id.parse().ok().and_then(|id: u64| work.store.fields.get_mut(&id)).ok_or_else(Answer::not_found)?;
    if let Some(pattern) = body.get("Pattern").and_then(text) {
        field.pattern = pattern;
    }
    let (name, description, disabled) = (&mut field.name, &mut field.description, &mut field.disabled);
    Ok(changed(Named { kind: "CustomField", name, description, disabled }, body))
}

fn changed(named: Named<'_>, body: &Object) -> Answer {
    let label = named.name.clone();
    let mut sentences = Vec::new();
    for (key, place) in [("Name", named.name), ("Description", named.description)] {
        if let Some(new) = body.get(key).and_then(text).filter(|new| new != place) {
            sentences.push(Value::String(format!("{} {label}: {key} changed from '{place}' to '{new}'", named.kind)));
            *place = new;
        }
    }
    if let Some(disabled) = body.get("Disabled").and_then(text).map(|text| text == "1").filter(|new| new != named.disabled) {
        *named.disabled = disabled;
        sentences.push(Value::String(format!("{} {}", named.kind, if disabled { "disabled" } else { "enabled" })));
    }
    Answer::ok(Value::Array(sentences))
}
