//! Zendesk's connector against the simulated Zendesk, as source and as target.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use tidegate::clock::Clock;
use tidegate::connectors::contract::{Desk, Download, Read, SourceDesk, TargetDesk, Upload};
use tidegate::connectors::fault::Fault;
use tidegate::connectors::http::{AddressGuard, Budget, Call, Http, Limits, Priority, Unlimited};
use tidegate::connectors::zendesk::auth::Auth;
use tidegate::connectors::zendesk::{KeyField, Settings, Zendesk};
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Value};
use tidegate::desk::id::{AttachmentId, PersonId, TicketId};
use tidegate::desk::person::NewPerson;
use tidegate::desk::ticket::{Actor, Link, LinkKind, Presence, Ticket, Visibility};
use tidegate::desk::write::{NewMessage, NewTicket, Outcome, Restriction, Staged, Write, Written};
use tidegate::secret::Secret;
use tidegate::sim::faults::{Kind, Rates};
use tidegate::sim::server::{Options, Running, start};
use tidegate::sim::snapshot::{TicketState, TicketView};
use tidegate::sim::stage::{Action, Done, File, Text, Who};

/// A simulated account and the connector to it.
struct World {
    sim: Running,
    desk: Zendesk,
    clock: Clock,
}

impl World {
    async fn new() -> World {
        World::with(Auth::ApiToken { email: "admin@sim.example".into(), token: Secret::new("sim-token") }, KeyField::ExternalId)
            .await
    }

    async fn with(auth: Auth, key_field: KeyField) -> World {
        World::on(auth, key_field, false).await
    }

    async fn on(auth: Auth, key_field: KeyField, limits: bool) -> World {
        let clock = Clock::fixed(time("2026-08-05T10:00:00Z"));
        let options = Options { clock: clock.clone(), rates: Rates::default(), limits, ..Options::default() };
        let sim = start("zendesk", "127.0.0.1:0".parse().unwrap(), options).await.unwrap();
        let settings = settings(&sim.url, auth, key_field);
        let http = Http::new(Arc::new(Unlimited), AddressGuard { allow_private: true }).unwrap();
        World { sim, desk: Zendesk::new(settings, http), clock }
    }

    fn act(&self, who: &Who, action: Action) -> Done {
        self.clock.advance(Duration::from_secs(2));
        self.sim.stage.act(who, action, self.clock.now(), false).unwrap()
    }

    async fn read(&self, id: &str) -> Ticket {
        match self.desk.read(&TicketId::new(id), None).await.unwrap() {
            Read::Found(ticket) => *ticket,
            other => panic!("ticket {id}: {other:?}"),
        }
    }

    fn view(&self, id: &str) -> TicketView {
        self.sim.stage.tickets().into_iter().find(|ticket| ticket.id == id).unwrap()
    }

    async fn apply(&self, write: Write) -> Written {
        self.clock.advance(Duration::from_secs(2));
        match self.desk.apply(&write).await.unwrap() {
            Outcome::Done(written) => written,
            Outcome::Moved => panic!("moved"),
        }
    }

    fn calls(&self) -> u64 {
        self.sim.stage.calls().values().sum()
    }

    fn open(&self, text: Text) -> String {
        let fields = fields(&[
            ("priority", &["high"]),
            ("type", &["question"]),
            ("custom:Product", &["product_sail"]),
            ("custom:Seats", &["12"]),
            ("custom:VIP", &["true"]),
            ("custom:Renewal date", &["2027-03-04"]),
            ("cc", &["friend@northwind.example"]),
        ]);
        let tags = vec!["gold".to_string()];
        self.act(&jo(), Action::Open { subject: "Sail torn".into(), group: "Billing".into(), text, fields, tags }).ticket
    }

    /// A ticket as a mirror makes it, with two messages.
    async fn created(&self, key: &str) -> (TicketId, Written) {
        let person = NewPerson {
            key: format!("{key}:p"),
            name: "Mia".into(),
            email: Some(format!("{}@aether.example", key.replace(':', "-"))),
            active: true,
        };
        let mia = self.desk.create_person(&person).await.unwrap();
        let ada = self.desk.find_person(Some("ada@desk.example"), "none").await.unwrap().remove(0);
        let new = NewTicket {
            key: key.into(),
            number_there: "7".into(),
            created_at: time("2025-01-01T10:00:00Z"),
            updated_at: time("2025-02-01T10:00:00Z"),
            fields: [
                (FieldKey::Subject, Value::text("Mast bent")),
                (FieldKey::Status, Value::text("open")),
                (FieldKey::Requester, Value::Person(mia.id.clone())),
                (FieldKey::Group, Value::text("Support")),
                (FieldKey::Tags, Value::set(["silver"])),
                (FieldKey::custom("Product"), Value::text("product_mast")),
                (FieldKey::custom("Topics"), Value::set(["topic_bug", "topic_invoice"])),
            ]
            .into(),
            messages: vec![
                message("k:1", &mia.id, Visibility::Public, "2025-01-01T10:00:00Z", "It <b>bent</b>"),
                message("k:2", &ada.id, Visibility::Internal, "2025-01-02T10:00:00Z", "Look at it"),
            ],
        };
        let written = self.apply(Write::Create(new)).await;
        (written.ticket.clone().unwrap(), written)
    }
}

fn api_token() -> Auth {
    Auth::ApiToken { email: "admin@sim.example".into(), token: Secret::new("sim-token") }
}

fn settings(base: &str, auth: Auth, key_field: KeyField) -> Settings {
    Settings {
        base: base.parse().unwrap(),
        auth,
        silent_tag: "tidegate_silent".into(),
        ticket_tag: "tidegate".into(),
        key_field,
        mirror: "m".into(),
    }
}

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn jo() -> Who {
    Who { email: "jo@northwind.example".into(), name: "Jo".into(), agent: false }
}

fn ada() -> Who {
    Who { email: "ada@desk.example".into(), name: "Ada Reyes".into(), agent: true }
}

fn fields(list: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    list.iter().map(|(key, values)| (key.to_string(), values.iter().map(|value| value.to_string()).collect())).collect()
}

fn html(body: &str) -> Text {
    Text { body: body.into(), html: true, files: Vec::new() }
}

fn message(key: &str, author: &PersonId, visibility: Visibility, at: &str, html: &str) -> NewMessage {
    NewMessage {
        key: key.into(),
        author: Some(author.clone()),
        visibility,
        created_at: time(at),
        body: Body::Html(html.into()),
        attachments: Vec::new(),
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn upload(source: &str, name: &str, kind: &str, inline: bool, bytes: &'static [u8]) -> Upload {
    let stream = futures_util::stream::iter([Ok(Bytes::from_static(bytes))]).boxed();
    let download = Download { size: Some(bytes.len() as u64), bytes: stream };
    Upload { source: AttachmentId::new(source), name: name.into(), content_type: kind.into(), inline, download }
}

fn email_of(ticket: &Ticket, id: &PersonId) -> String {
    ticket.person(id).and_then(|person| person.email.clone()).unwrap_or_default()
}

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
    let view = world.view(id.as_str());
    assert_eq!(view.messages[1].at, time("2025-01-02T10:00:00Z"));
    assert_eq!((view.messages[1].author.as_str(), view.messages[1].public), ("ada@desk.example", false));
    assert!(view.tags.contains("tidegate") && view.tags.contains("tidegate_silent"));
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
    let problem =
        Write::SetFields { ticket: two.clone(), fields: [(FieldKey::Type, Value::text("problem"))].into(), expect: None };
    world.apply(problem).await;
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
