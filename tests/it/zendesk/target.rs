//! The connector as target, against the simulated account.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate::connectors::contract::{Desk, TargetDesk};
use tidegate::connectors::fault::Fault;
use tidegate::connectors::http::{AddressGuard, Http, Unlimited};
use tidegate::connectors::zendesk::auth::Auth;
use tidegate::connectors::zendesk::{KeyField, Zendesk};
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Value};
use tidegate::desk::id::{PersonId, TicketId};
use tidegate::desk::person::NewPerson;
use tidegate::desk::ticket::{Actor, Link, LinkKind, Presence, Visibility};
use tidegate::desk::write::{NewMessage, NewTicket, Outcome, Restriction, Staged, Write};
use tidegate::secret::Secret;
use tidegate::sim::faults::Kind;
use tidegate::sim::snapshot::TicketState;
use tidegate::sim::stage::Action;

use super::world::*;

#[tokio::test]
async fn custom_statuses_are_read_and_written_by_their_label() {
    let world = World::new().await;
    let id = world.open(html("<p>x</p>"));
    let change = |value: &str| Write::SetFields {
        ticket: TicketId::new(&id),
        fields: [(FieldKey::Status, Value::text(value))].into(),
        expect: None,
    };
    world.apply(change("Waiting for supplier")).await;
    assert_eq!(world.read(&id).await.fields[&FieldKey::Status], Value::text("Waiting for supplier"));
    world.apply(change("hold")).await;
    assert_eq!(world.read(&id).await.fields[&FieldKey::Status], Value::text("hold"));
}

#[tokio::test]
async fn a_new_ticket_holds_the_whole_conversation_and_is_found_by_its_key() {
    let world = World::new().await;
    let (id, written) = world.created("tidegate:m:t:7").await;
    assert_eq!(written.remarks, Vec::<String>::new());
    assert_eq!(world.desk.find_ticket("tidegate:m:t:7").await.unwrap(), std::slice::from_ref(&id));
    assert_eq!(world.desk.find_ticket("tidegate:m:t").await.unwrap(), []);
    let ticket = world.read(id.as_str()).await;
    assert_eq!((ticket.key.as_deref(), ticket.created_at), (Some("tidegate:m:t:7"), time("2025-01-01T10:00:00Z")));
    assert_eq!(ticket.fields[&FieldKey::Tags], Value::set(["silver"]));
    assert_eq!(ticket.fields[&FieldKey::custom("Topics")], Value::set(["topic_bug", "topic_invoice"]));
    let told: Vec<_> = ticket.messages.iter().map(|message| message.id.clone()).collect();
    assert_eq!(written.messages, [("k:1".to_string(), told[0].clone()), ("k:2".to_string(), told[1].clone())]);
    assert!(ticket.acts.iter().all(|act| act.by == Actor::Us), "{:?}", ticket.acts);
    assert!(ticket.messages.iter().all(|message| message.ours));
    let view = world.view(id.as_str());
    assert_eq!(view.messages[1].at, time("2025-01-02T10:00:00Z"));
    assert_eq!((view.messages[1].author.as_str(), view.messages[1].public), ("ada@desk.example", false));
    assert!(["tidegate", "tidegate_silent", "tidegate_old_7"].iter().all(|tag| view.tags.contains(*tag)), "{:?}", view.tags);
    assert_eq!(world.sim.stage.mails(), []);
}

#[tokio::test]
async fn a_ticket_key_can_be_in_a_custom_field() {
    let auth = Auth::ClientCredentials { client_id: "sim-client".into(), client_secret: Secret::new("sim-secret") };
    let world = World::with(auth, KeyField::Custom("Order number".into())).await;
    let (id, _) = world.created("tidegate:m:t:8").await;
    assert_eq!(world.desk.find_ticket("tidegate:m:t:8").await.unwrap(), std::slice::from_ref(&id));
    assert_eq!(world.view(id.as_str()).external_id, None);
    assert_eq!(world.read(id.as_str()).await.key.as_deref(), Some("tidegate:m:t:8"));
}

#[tokio::test]
async fn the_old_number_can_be_in_a_custom_field() {
    let mut world = World::new().await;
    let mut settings = settings(&world.sim.url, api_token(), KeyField::ExternalId);
    settings.number_field = Some("Order number".into());
    world.desk = Zendesk::new(settings, Http::new(Arc::new(Unlimited), AddressGuard { allow_private: true }).unwrap());
    let (id, written) = world.created("tidegate:m:t:7").await;
    assert_eq!(written.remarks, Vec::<String>::new());
    let (view, own) = (world.view(id.as_str()), FieldKey::custom("Order number"));
    assert_eq!(view.fields["custom:Order number"], ["7"]);
    assert!(!view.tags.contains("tidegate_old_7"), "one place is enough");
    assert!(!world.read(id.as_str()).await.fields.contains_key(&own), "it is no field of the ticket's own");
    assert!(!world.desk.schema().await.unwrap().fields.contains_key(&own));
}

#[tokio::test]
async fn a_message_is_added_with_files_and_found_by_its_key() {
    let world = World::new().await;
    let (id, _) = world.created("tidegate:m:t:9").await;
    let image = world.desk.stage(upload("51", "a.png", "image/png", true, b"\x89PNG-2")).await.unwrap();
    let file = world.desk.stage(upload("52", "b.txt", "text/plain", false, b"hello")).await.unwrap();
    let ada = world.desk.find_person(Some("ada@desk.example"), "none").await.unwrap().remove(0);
    let attachments: Vec<Staged> = vec![image, file];
    let body = "<p>look <img src=\"attachment:51\"></p>";
    let added =
        NewMessage { attachments, ..message("tidegate:m:m:3", &ada.id, Visibility::Public, "2026-01-01T00:00:00Z", body) };
    let written = world.apply(Write::AddMessage { ticket: id.clone(), message: added }).await;
    let (key, made) = written.messages[0].clone();
    assert_eq!(key, "tidegate:m:m:3");
    assert_eq!(world.desk.find_message(&id, "tidegate:m:m:3").await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(world.desk.find_message(&id, "tidegate:m:m:4").await.unwrap(), []);
    let ticket = world.read(id.as_str()).await;
    let message = ticket.messages.iter().find(|message| message.id == made).unwrap();
    assert_eq!((message.key.as_deref(), message.ours, &message.author), (Some("tidegate:m:m:3"), true, &ada.id));
    assert_eq!(message.attachments.len(), 2);
    let inline = message.attachments.iter().find(|file| file.inline).map(|file| file.name.as_str());
    assert_eq!(inline, Some("a.png"));
    assert!(message.body.to_html().contains("src=\"attachment:"), "{:?}", message.body);
    let hashes: BTreeSet<String> = world.view(id.as_str()).messages[2].files.iter().map(|file| file.sha256.clone()).collect();
    assert_eq!(hashes, BTreeSet::from([sha256(b"\x89PNG-2"), sha256(b"hello")]));
    assert_eq!(ticket.acts.last().map(|act| act.by), Some(Actor::Us));
    assert_eq!(world.sim.stage.mails(), []);
}

#[tokio::test]
async fn fields_are_written_silently_and_only_on_what_was_decided_on() {
    let world = World::new().await;
    let (id, _) = world.created("tidegate:m:t:10").await;
    let mia = world.read(id.as_str()).await.fields[&FieldKey::Requester].clone();
    let ada_id = world.desk.find_person(Some("ada@desk.example"), "none").await.unwrap().remove(0).id;
    let change = |priority: &str, expect: Option<String>| Write::SetFields {
        ticket: id.clone(),
        fields: [
            (FieldKey::Priority, Value::text(priority)),
            (FieldKey::Tags, Value::set(["bronze"])),
            (FieldKey::custom("Product"), Value::text("product_rudder")),
            (FieldKey::custom("VIP"), Value::text("true")),
            (FieldKey::Followers, Value::people([ada_id.clone()])),
            (FieldKey::Type, Value::text("task")),
            (FieldKey::Due, Value::text("2027-01-01T09:00:00Z")),
        ]
        .into(),
        expect,
    };
    let stamp = world.read(id.as_str()).await.stamp;
    world.apply(change("low", Some(stamp.clone()))).await;
    let ticket = world.read(id.as_str()).await;
    assert_eq!(ticket.fields[&FieldKey::Priority], Value::text("low"));
    assert_eq!(ticket.fields[&FieldKey::Tags], Value::set(["bronze"]));
    assert!(world.view(id.as_str()).tags.contains("tidegate_old_7"), "agents still find it by the old number");
    assert_eq!(ticket.fields[&FieldKey::custom("Product")], Value::text("product_rudder"));
    assert_eq!(ticket.fields[&FieldKey::custom("VIP")], Value::text("true"));
    assert_eq!(ticket.fields[&FieldKey::custom("Topics")], Value::set(["topic_bug", "topic_invoice"]));
    assert_eq!(ticket.fields[&FieldKey::Followers], Value::people([ada_id.clone()]));
    assert_eq!(ticket.fields[&FieldKey::Due], Value::text("2027-01-01T09:00:00Z"));
    assert_eq!(ticket.fields[&FieldKey::Requester], mia);
    assert_eq!(world.desk.apply(&change("high", Some(stamp))).await.unwrap(), Outcome::Moved);
    assert_eq!(world.read(id.as_str()).await.fields[&FieldKey::Priority], Value::text("low"));
    let remove = vec!["tidegate_silent".to_string()];
    world.act(&ada(), Action::Tag { ticket: id.to_string(), add: Vec::new(), remove });
    let mails = world.sim.stage.mails().len();
    world
        .apply(Write::SetFields { ticket: id.clone(), fields: [(FieldKey::Status, Value::text("solved"))].into(), expect: None })
        .await;
    assert!(world.view(id.as_str()).tags.contains("tidegate_silent"));
    assert_eq!(world.sim.stage.mails().len(), mails, "no mail because of us");
}

#[tokio::test]
async fn restrictions_travel() {
    let world = World::new().await;
    let (id, written) = world.created("tidegate:m:t:11").await;
    let file = world.desk.stage(upload("1", "b.txt", "text/plain", false, b"hello")).await.unwrap();
    let mia = world.read(id.as_str()).await.messages[0].author.clone();
    let added = NewMessage {
        attachments: vec![file],
        ..message("k:3", &mia, Visibility::Public, "2026-01-01T00:00:00Z", "<p>my pin is <b>12 34</b>, thanks</p>")
    };
    let made = world.apply(Write::AddMessage { ticket: id.clone(), message: added }).await.messages[0].1.clone();
    let restrict =
        |message: &tidegate::desk::id::MessageId, how| Write::Restrict { ticket: id.clone(), message: message.clone(), how };
    let body = Body::Html("<p>my pin is <b>▇▇ ▇▇</b>, thanks</p>".into());
    world.apply(restrict(&made, Restriction::Redact { body })).await;
    let ticket = world.read(id.as_str()).await;
    let text = ticket.messages[2].body.to_html();
    assert!(!text.contains("12") && !text.contains("34") && text.contains("my pin is") && text.contains("thanks"), "{text}");
    world.apply(restrict(&made, Restriction::MakePrivate)).await;
    let attachment = ticket.messages[2].attachments[0].id.clone();
    world.apply(restrict(&made, Restriction::RemoveAttachment { attachment })).await;
    world.apply(restrict(&written.messages[0].1, Restriction::Remove)).await;
    let view = world.view(id.as_str());
    assert!(!view.messages[2].public);
    assert!(view.messages[2].files.iter().all(|file| file.sha256 != sha256(b"hello")), "{:?}", view.messages[2].files);
    assert!(!view.messages[0].body.contains("bent"), "{}", view.messages[0].body);
    assert_eq!(world.sim.stage.mails(), []);
}

#[tokio::test]
async fn links_merges_and_deletions_are_written_silently() {
    let world = World::new().await;
    let (one, _) = world.created("tidegate:m:t:12").await;
    let (two, _) = world.created("tidegate:m:t:13").await;
    let (three, _) = world.created("tidegate:m:t:14").await;
    // A ticket without a type becomes the problem that it is linked as.
    let link = Link { kind: LinkKind::Parent, to: two.clone() };
    world.apply(Write::AddLink { ticket: one.clone(), link: link.clone() }).await;
    assert_eq!(world.read(one.as_str()).await.links, BTreeSet::from([link.clone()]));
    world.apply(Write::RemoveLink { ticket: one.clone(), link }).await;
    assert_eq!(world.read(one.as_str()).await.links, BTreeSet::new());
    let refused = Link { kind: LinkKind::DependsOn, to: two.clone() };
    let refused = world.desk.apply(&Write::AddLink { ticket: one.clone(), link: refused }).await.unwrap_err();
    assert!(matches!(refused, Fault::Refused { .. }));
    world.apply(Write::Merge { ticket: one.clone(), into: two.clone() }).await;
    assert_eq!(world.view(one.as_str()).state, TicketState::MergedInto(two.to_string()));
    assert_eq!(world.read(one.as_str()).await.presence, Presence::MergedInto(two));
    world.apply(Write::Delete { ticket: three.clone() }).await;
    assert_eq!(world.view(three.as_str()).state, TicketState::Deleted);
    assert_eq!(world.read(three.as_str()).await.presence, Presence::Deleted);
    assert_eq!(world.sim.stage.mails(), []);
}

#[tokio::test]
async fn a_lost_answer_is_found_again_by_its_key() {
    let world = World::new().await;
    let (id, _) = world.created("tidegate:m:t:15").await;
    let mia = world.read(id.as_str()).await.messages[0].author.clone();
    let write =
        Write::AddMessage { ticket: id.clone(), message: message("k:9", &mia, Visibility::Public, "2026-01-01T00:00:00Z", "hi") };
    world.sim.stage.faults().order(Kind::LoseAnswer);
    let fault = world.desk.apply(&write).await.unwrap_err();
    assert!(fault.leaves_doubt(), "{fault}");
    assert_eq!(world.desk.find_message(&id, "k:9").await.unwrap().len(), 1);
}

#[tokio::test]
async fn people_without_address_can_be_made_and_found() {
    let world = World::new().await;
    let person = NewPerson { key: "tidegate:m:p:1".into(), name: "Caller".into(), email: None, active: false };
    let made = world.desk.create_person(&person).await.unwrap();
    assert_eq!((made.email.clone(), made.active), (None, false));
    assert_eq!(world.desk.find_person(None, "tidegate:m:p:1").await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(world.desk.person(&made.id).await.unwrap(), Some(made));
    assert_eq!(world.desk.person(&PersonId::new("1")).await.unwrap(), None);
    assert_eq!(world.sim.stage.mails(), []);
}

#[tokio::test]
async fn a_ticket_can_be_made_closed_and_is_closed_for_good() {
    let world = World::new().await;
    let (open, _) = world.created("tidegate:m:t:20").await;
    let mia = world.read(open.as_str()).await.messages[0].author.clone();
    let new = NewTicket {
        key: "tidegate:m:t:21".into(),
        number_there: "21".into(),
        continues: None,
        created_at: time("2024-01-01T10:00:00Z"),
        updated_at: time("2024-02-01T10:00:00Z"),
        fields: [
            (FieldKey::Subject, Value::text("Old")),
            (FieldKey::Status, Value::text("closed")),
            (FieldKey::Requester, Value::Person(mia.clone())),
            (FieldKey::Type, Value::text("task")),
            (FieldKey::Due, Value::text("2024-01-03T10:00:00Z")),
            (FieldKey::Brand, Value::text("Lighthouse")),
            (FieldKey::Form, Value::text("Refund request")),
        ]
        .into(),
        messages: vec![message("k:1", &mia, Visibility::Public, "2024-01-01T10:00:00Z", "")],
    };
    let asked = new.fields.clone();
    let written = world.apply(Write::Create(new)).await;
    assert_eq!(written.remarks, Vec::<String>::new());
    let id = written.ticket.unwrap();
    let ticket = world.read(id.as_str()).await;
    assert!(ticket.immutable);
    for (key, value) in &asked {
        assert_eq!(ticket.fields.get(key), Some(value), "{key}");
    }
    let add = message("k:2", &mia, Visibility::Public, "2024-01-01T10:00:00Z", "late");
    let refused = world.desk.apply(&Write::AddMessage { ticket: id, message: add }).await.unwrap_err();
    assert!(matches!(refused, Fault::Refused { .. }), "{refused}");
}
