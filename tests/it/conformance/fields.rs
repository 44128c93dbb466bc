//! Fields of every kind: told by the schema, written, read back, changed, cleared.

use std::collections::BTreeSet;

use tidegate::connectors::fault::Fault;
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::TicketId;
use tidegate::desk::ticket::Visibility;
use tidegate::desk::write::{Outcome, Write};

use super::desk::{Desk, field};

pub async fn the_schema_lists_every_field_with_its_values(desk: &Desk) {
    let schema = desk.ours.schema().await.unwrap();
    for sample in desk.case.samples {
        let known = schema.fields.get(&field(sample));
        // Words of any kind can be tags; not every desk lists them.
        let known = known.unwrap_or_else(|| panic!("{} is not in the schema", sample.field));
        assert_eq!(known.kind, sample.kind, "{}", sample.field);
        if let Some(options) = &known.options {
            for word in sample.first.iter().chain(sample.then) {
                assert!(options.contains(*word), "{} cannot be {word}: {options:?}", sample.field);
            }
        }
    }
    let tried: BTreeSet<FieldKey> = desk.case.samples.iter().map(field).collect();
    for word in desk.can().fields {
        assert!(tried.contains(&word.parse().unwrap()), "the capabilities claim `{word}`, which is not tried");
    }
    for own in ["external_id", "source_comment_id", "Tidegate key", "Tidegate message key", "Tidegate number"] {
        assert!(!schema.fields.contains_key(&FieldKey::custom(own)), "{own} is ours");
    }
}

async fn ticket_with_everything(desk: &Desk) -> (TicketId, Fields) {
    let fields = desk.first_fields().await;
    let first = desk.message("m:1", Visibility::Public, Body::Html("<p>It bent.</p>".into())).await;
    let written = desk.apply(&Write::Create(desk.new_ticket("t:1", fields.clone(), vec![first]).await)).await;
    assert_eq!(written.remarks, Vec::<String>::new());
    (written.ticket.unwrap(), fields)
}

fn assert_fields(now: &Fields, wanted: &Fields) {
    for (key, value) in wanted {
        assert_eq!(now.get(key), Some(value), "{key}");
    }
}

pub async fn a_new_ticket_keeps_its_fields(desk: &Desk) {
    let (id, fields) = ticket_with_everything(desk).await;
    assert_fields(&desk.read(&id).await.fields, &fields);
}

pub async fn fields_change_and_nothing_else_does(desk: &Desk) {
    let (id, mut wanted) = ticket_with_everything(desk).await;
    for sample in desk.case.samples {
        let value = desk.value(sample, sample.then).await;
        let written = desk.set(&id, Fields::from([(field(sample), value.clone())])).await;
        assert_eq!(written.remarks, Vec::<String>::new(), "{}", sample.field);
        wanted.insert(field(sample), value);
        assert_fields(&desk.read(&id).await.fields, &wanted);
    }
    let first = desk.first_fields().await;
    desk.set(&id, first.clone()).await;
    assert_fields(&desk.read(&id).await.fields, &first);
}

pub async fn fields_can_be_cleared(desk: &Desk) {
    let (id, mut wanted) = ticket_with_everything(desk).await;
    let clearing = desk.case.samples.iter().filter(|sample| sample.clears);
    let cleared: Fields = clearing.map(|sample| (field(sample), Value::Empty)).collect();
    let written = desk.set(&id, cleared.clone()).await;
    assert_eq!(written.remarks, Vec::<String>::new());
    wanted.extend(cleared);
    assert_fields(&desk.read(&id).await.fields, &wanted);
}

pub async fn a_decision_on_an_old_version_is_not_written(desk: &Desk) {
    let id = desk.ticket("t:1").await;
    let seen = desk.read(&id).await.stamp;
    let set = |subject: &str, expect: &str| Write::SetFields {
        ticket: id.clone(),
        fields: Fields::from([(FieldKey::Subject, Value::text(subject))]),
        expect: Some(expect.to_string()),
    };
    desk.apply(&set("first", &seen)).await;
    desk.tick();
    if !desk.can().compare_and_set {
        return;
    }
    assert_eq!(desk.ours.apply(&set("second", &seen)).await, Ok(Outcome::Moved));
    let now = desk.read(&id).await;
    assert_eq!(now.fields[&FieldKey::Subject], Value::text("first"));
    desk.apply(&set("third", &now.stamp)).await;
    assert_eq!(desk.read(&id).await.fields[&FieldKey::Subject], Value::text("third"));
}

pub async fn an_unknown_value_is_refused_or_told(desk: &Desk) {
    let id = desk.ticket("t:1").await;
    let before = desk.read(&id).await;
    for key in [FieldKey::Status, FieldKey::Group, FieldKey::custom("No such field")] {
        desk.tick();
        let fields = Fields::from([(key.clone(), Value::text("bogus"))]);
        match desk.ours.apply(&Write::SetFields { ticket: id.clone(), fields, expect: None }).await {
            Err(Fault::Refused { .. }) => {}
            Ok(Outcome::Done(written)) if !written.remarks.is_empty() => {}
            other => panic!("{key}: {other:?}"),
        }
    }
    assert_eq!(desk.read(&id).await.fields, before.fields);
}
