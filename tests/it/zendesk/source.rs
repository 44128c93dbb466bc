//! The connector as source, against the simulated account.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::TimeDelta;
use futures_util::StreamExt;
use tidegate::connectors::contract::{Desk, Read, SourceDesk};
use tidegate::connectors::fault::Fault;
use tidegate::connectors::http::{AddressGuard, Budget, Call, Http, Limits, Priority};
use tidegate::connectors::zendesk::{KeyField, Zendesk};
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Value};
use tidegate::desk::id::TicketId;
use tidegate::desk::ticket::{Actor, Presence, Visibility};
use tidegate::sim::faults::Kind;
use tidegate::sim::stage::{Action, File, Text};

use super::world::*;

#[tokio::test]
async fn a_conversation_is_read_as_the_store_holds_it() {
    let world = World::new().await;
    let files = vec![
        File { name: "sail.png".into(), content_type: "image/png".into(), bytes: b"\x89PNG-1".to_vec(), inline: true },
        File { name: "invoice.pdf".into(), content_type: "application/pdf".into(), bytes: b"%PDF-x".to_vec(), inline: false },
    ];
    let id = world.open(Text { body: "<p>See <img src=\"cid:sail.png\"> torn</p>".into(), html: true, files });
    world.act(&ada(), Action::Reply { ticket: id.clone(), text: html("<p>On our way</p>") });
    world.act(&ada(), Action::Note { ticket: id.clone(), text: Text { body: "careful".into(), ..Text::default() } });
    let before = world.calls();
    let ticket = world.read(&id).await;
    let first = world.calls() - before;
    world.read(&id).await;
    let second = world.calls() - before - first;
    assert!(second <= 5, "{second} calls for a ticket");
    let view = world.view(&id);
    assert_eq!(ticket.fields[&FieldKey::Subject], Value::text("Sail torn"));
    assert_eq!(ticket.fields[&FieldKey::Group], Value::text("Billing"));
    assert_eq!(ticket.fields[&FieldKey::Organisation], Value::text("Northwind Traders"));
    assert_eq!(ticket.fields[&FieldKey::Tags], Value::set(["gold"]));
    assert_eq!(ticket.fields[&FieldKey::custom("Product")], Value::text("product_sail"));
    assert_eq!(ticket.fields[&FieldKey::custom("Seats")], Value::text("12"));
    assert_eq!(ticket.fields[&FieldKey::custom("VIP")], Value::text("true"));
    assert_eq!(ticket.fields[&FieldKey::custom("Renewal date")], Value::text("2027-03-04"));
    let cc: BTreeSet<String> = ticket.fields[&FieldKey::Cc].persons().into_iter().map(|id| email_of(&ticket, id)).collect();
    assert_eq!(cc, view.cc);
    assert_eq!(ticket.messages.len(), view.messages.len());
    for (message, seen) in ticket.messages.iter().zip(&view.messages) {
        assert_eq!((message.id.as_str(), message.created_at), (seen.id.as_str(), seen.at));
        assert_eq!(email_of(&ticket, &message.author), seen.author);
        assert_eq!(message.visibility == Visibility::Public, seen.public);
        assert_eq!((message.ours, message.key.clone()), (false, None));
        let hashes: BTreeSet<&str> = seen.files.iter().map(|file| file.sha256.as_str()).collect();
        assert_eq!(message.attachments.len(), hashes.len());
        for attachment in &message.attachments {
            let mut download = world.desk.download(attachment).await.unwrap();
            let mut bytes = Vec::new();
            while let Some(chunk) = download.bytes.next().await {
                bytes.extend_from_slice(&chunk.unwrap());
            }
            assert!(hashes.contains(sha256(&bytes).as_str()), "{}", attachment.name);
        }
    }
    let image = ticket.messages[0].attachments.iter().find(|file| file.inline).unwrap();
    let Body::Html(body) = &ticket.messages[0].body else { panic!("html") };
    assert!(body.contains(&format!("src=\"attachment:{}\"", image.id)), "{body}");
}

#[tokio::test]
async fn acts_name_the_agent_and_the_fields() {
    let world = World::new().await;
    let id = world.open(html("<p>x</p>"));
    let before = world.read(&id).await;
    let set = fields(&[("status", &["pending"]), ("assignee", &["ada@desk.example"]), ("custom:Seats", &["13"])]);
    world.act(&ada(), Action::Set { ticket: id.clone(), fields: set });
    let after = world.read(&id).await;
    assert_ne!(after.stamp, before.stamp);
    let act = after.acts.iter().rfind(|act| act.by == Actor::Person).unwrap();
    assert_eq!((act.id.as_str(), email_of(&after, &act.actor).as_str()), (after.stamp.as_str(), "ada@desk.example"));
    for field in [FieldKey::Status, FieldKey::Assignee, FieldKey::custom("Seats")] {
        assert!(act.fields.contains(&field), "{field} in {:?}", act.fields);
    }
    assert_eq!(after.fields[&FieldKey::Status], Value::text("pending"));
}

#[tokio::test]
async fn merged_deleted_and_restored_tickets_are_told_by_evidence() {
    let world = World::new().await;
    let (one, two) = (world.open(html("<p>1</p>")), world.open(html("<p>2</p>")));
    world.act(&ada(), Action::Merge { ticket: one.clone(), into: two.clone() });
    assert_eq!(world.read(&one).await.presence, Presence::MergedInto(TicketId::new(&two)));
    assert_eq!(world.read(&two).await.presence, Presence::Present);
    world.act(&ada(), Action::Delete { ticket: two.clone() });
    let deleted = world.read(&two).await;
    assert_eq!((deleted.presence, deleted.messages.len()), (Presence::Deleted, 0));
    world.act(&ada(), Action::Undelete { ticket: two.clone() });
    assert_eq!(world.read(&two).await.presence, Presence::Present);
    assert_eq!(world.desk.read(&TicketId::new("999999"), None).await.unwrap(), Read::Missing);
}

#[tokio::test]
async fn what_people_take_back_is_read_as_taken_back() {
    let world = World::new().await;
    let id = world.open(html("<p>my card is 4111 1111</p>"));
    let reply = world.act(&ada(), Action::Reply { ticket: id.clone(), text: html("<p>oops</p>") }).message.unwrap();
    let first = world.read(&id).await.messages[0].id.to_string();
    world.act(&ada(), Action::Redact { ticket: id.clone(), message: first, words: "4111 1111".into() });
    world.act(&ada(), Action::MakePrivate { ticket: id.clone(), message: reply.clone() });
    let ticket = world.read(&id).await;
    assert!(!ticket.messages[0].body.to_html().contains("4111"));
    let reply = ticket.messages.iter().find(|message| message.id.as_str() == reply).unwrap();
    assert_eq!(reply.visibility, Visibility::Internal);
}

#[tokio::test]
async fn the_feed_shows_every_change_after_a_minute_and_the_stamp_of_a_read() {
    let world = World::new().await;
    let start = world.desk.cursor_at(world.clock.now());
    let (one, two) = (world.open(html("<p>1</p>")), world.open(html("<p>2</p>")));
    let early = world.desk.changes(&start, world.clock.now()).await.unwrap();
    assert_eq!(early.hints, [], "the last minute is withheld");
    world.clock.advance(Duration::from_secs(120));
    let page = world.desk.changes(&early.next, world.clock.now()).await.unwrap();
    let tickets: BTreeSet<&str> = page.hints.iter().map(|hint| hint.ticket.as_str()).collect();
    assert_eq!(tickets, BTreeSet::from([one.as_str(), two.as_str()]));
    assert!(world.clock.now() - page.seen_up_to < TimeDelta::seconds(70), "{}", page.seen_up_to);
    let hint = page.hints.iter().find(|hint| hint.ticket.as_str() == one).unwrap();
    assert_eq!(hint.feed_stamp, world.read(&one).await.feed_stamp);
    world.act(&ada(), Action::Delete { ticket: two.clone() });
    world.clock.advance(Duration::from_secs(120));
    let page = world.desk.changes(&page.next, world.clock.now()).await.unwrap();
    assert_eq!(
        page.hints.iter().map(|hint| (hint.ticket.as_str(), hint.what.as_str())).collect::<Vec<_>>(),
        [(two.as_str(), "ticket.deleted")]
    );
    let list = world.desk.list(None).await.unwrap();
    assert_eq!(list.hints.iter().map(|hint| hint.ticket.as_str()).collect::<Vec<_>>(), [one.as_str()]);
    assert_eq!((list.next, list.total), (None, Some(1)));
}

#[tokio::test]
async fn a_registered_webhook_delivers_what_the_connector_reads() {
    use tidegate::connectors::delivery::Delivery;
    let world = World::new().await;
    let (sender, mut received) = tokio::sync::mpsc::unbounded_channel();
    let app = axum::Router::new().fallback(move |headers: axum::http::HeaderMap, body: Bytes| async move {
        let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_string())).collect();
        sender.send(Delivery { headers, body }).unwrap();
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let first = world.desk.register_webhook("tidegate m", "http://127.0.0.1:9/old").await.unwrap();
    let again = world.desk.register_webhook("tidegate m", &url).await.unwrap();
    assert_eq!((first.id.as_str(), first.secret.expose()), (again.id.as_str(), again.secret.expose()));
    let id = world.open(html("<p>x</p>"));
    let delivery = received.recv().await.unwrap();
    let scheme = world.desk.scheme().unwrap();
    let verified = scheme.check(delivery, &[again.secret], world.clock.now(), Duration::from_secs(300)).unwrap();
    let hints = world.desk.hints(&verified).unwrap();
    assert_eq!(hints[0].ticket.as_str(), id);
    assert_eq!(hints[0].evidence, format!("event:{}", world.desk.delivery_id(&verified).unwrap()));
    world.desk.remove_webhook(&again.id).await.unwrap();
    world.desk.remove_webhook(&again.id).await.unwrap();
}

#[tokio::test]
async fn a_lagging_copy_is_not_taken_for_the_truth() {
    let world = World::new().await;
    let id = world.open(html("<p>x</p>"));
    world.act(&ada(), Action::Reply { ticket: id.clone(), text: html("<p>new</p>") });
    world.act(&ada(), Action::Set { ticket: id.clone(), fields: fields(&[("status", &["pending"])]) });
    for _ in 0..8 {
        world.sim.stage.faults().order(Kind::StaleRead);
        let ticket = world.read(&id).await;
        assert_eq!(ticket.fields[&FieldKey::Status], Value::text("pending"));
        assert_eq!(ticket.messages.len(), 2);
    }
}

/// Keeps what the desk told about its limits.
#[derive(Default)]
struct Told(std::sync::Mutex<Vec<(String, Limits)>>);

#[async_trait::async_trait]
impl Budget for Told {
    async fn acquire(&self, _: Call, _: Priority) -> Result<(), Fault> {
        Ok(())
    }

    async fn learn(&self, call: Call, limits: Limits) {
        self.0.lock().unwrap().push((call.class.to_string(), limits));
    }
}

#[tokio::test]
async fn limits_are_learned_for_the_class_of_the_call() {
    let told = Arc::new(Told::default());
    let world = World::on(api_token(), KeyField::ExternalId, true).await;
    let settings = settings(&world.sim.url, api_token(), KeyField::ExternalId);
    let desk = Zendesk::new(settings, Http::new(told.clone(), AddressGuard { allow_private: true }).unwrap());
    desk.identify().await.unwrap();
    let (class, limits) = told.0.lock().unwrap().remove(0);
    assert_eq!(class, "general");
    assert!(limits.limit > limits.remaining && limits.remaining > Some(0), "{limits:?}");
    desk.changes(&desk.cursor_at(world.clock.now()), world.clock.now()).await.unwrap();
    assert!(told.0.lock().unwrap().iter().all(|(class, _)| class == "general"), "the account's limit is not the export's");
    world.sim.stage.faults().order(Kind::Limit);
    let fault = desk.changes(&desk.cursor_at(world.clock.now()), world.clock.now()).await.unwrap_err();
    assert!(matches!(fault, Fault::Throttled { retry_after: Some(_), .. }), "{fault}");
    assert!(told.0.lock().unwrap().iter().any(|(class, limits)| class == "incremental" && limits.wait.is_some()));
}

#[tokio::test]
async fn the_schema_lists_the_accounts_values() {
    let world = World::new().await;
    let schema = world.desk.schema().await.unwrap();
    let options = |key: FieldKey| schema.fields[&key].options.clone().unwrap();
    assert!(options(FieldKey::Group).contains("Escalations"));
    assert!(options(FieldKey::Status).contains("Waiting for supplier") && options(FieldKey::Status).contains("closed"));
    assert!(options(FieldKey::custom("Product")).contains("product_hull_wood"));
    assert_eq!(world.desk.identify().await.unwrap().name, "Sim Admin");
}
