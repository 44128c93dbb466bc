//! The connector against a real Request Tracker: `tests/lab/up` starts one and prints the two variables that these tests
//! need. Without them each test says so and passes.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};

use tidegate::change::{Cursor, Hint};
use tidegate::clock::Clock;
use tidegate::connectors::contract::{Desk, Download, Read, SourceDesk, TargetDesk, Upload};
use tidegate::connectors::fault::Fault;
use tidegate::connectors::http::{AddressGuard, Http, Unlimited};
use tidegate::connectors::request_tracker::{RequestTracker, Settings};
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::{AttachmentId, PersonId, TicketId};
use tidegate::desk::person::NewPerson;
use tidegate::desk::ticket::{Actor, Link, LinkKind, Presence, Ticket, Visibility};
use tidegate::desk::write::{NewMessage, NewTicket, Outcome, Staged, Write, Written};
use tidegate::secret::Secret;

const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f,
    0x15, 0xc4, 0x89,
];

/// The lab's RT, or `None` after a line that says why the test does nothing.
fn lab() -> Option<Settings> {
    let (Ok(url), Ok(token)) = (std::env::var("TIDEGATE_LAB_RT_URL"), std::env::var("TIDEGATE_LAB_RT_TOKEN")) else {
        println!("no real RT named (TIDEGATE_LAB_RT_URL, TIDEGATE_LAB_RT_TOKEN; see tests/lab/README.md): nothing tried");
        return None;
    };
    let user = std::env::var("TIDEGATE_LAB_RT_USER").unwrap_or_else(|_| "tidegate".to_string());
    let mut settings = Settings::new(url.parse().expect("the lab's URL"), Secret::new(token), user);
    settings.tags_field = Some("Tags".to_string());
    settings.mirrored_tag = Some("tidegate".to_string());
    Some(settings)
}

fn connector(settings: Settings) -> RequestTracker {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = Http::new(Arc::new(Unlimited), AddressGuard { allow_private: true }).expect("a client");
    RequestTracker::new(settings, http)
}

/// A key that no earlier run used.
fn key(kind: &str) -> String {
    format!("tidegate:lab:{kind}:{}", uuid::Uuid::new_v4())
}

fn message(key: &str, visibility: Visibility, body: Body) -> NewMessage {
    NewMessage {
        key: key.to_string(),
        author: None,
        visibility,
        created_at: Clock::system().now(),
        body,
        attachments: Vec::new(),
    }
}

fn ticket(key: &str, fields: Fields, messages: Vec<NewMessage>) -> NewTicket {
    let created_at: DateTime<Utc> = "2024-05-06T07:08:09Z".parse().expect("a time");
    NewTicket {
        key: key.to_string(),
        number_there: "4711".to_string(),
        continues: None,
        created_at,
        updated_at: created_at,
        fields,
        messages,
    }
}

async fn done(rt: &RequestTracker, write: Write) -> Written {
    match rt.apply(&write).await.expect("a write") {
        Outcome::Done(written) => written,
        Outcome::Moved => panic!("moved"),
    }
}

async fn read(rt: &RequestTracker, id: &TicketId) -> Ticket {
    match rt.read(id, None).await.expect("a read") {
        Read::Found(ticket) => *ticket,
        other => panic!("{other:?}"),
    }
}

async fn stage(
    rt: &RequestTracker,
    source: &str,
    name: &str,
    content_type: &str,
    inline: bool,
    bytes: &[u8],
) -> Result<Staged, Fault> {
    let bytes = Bytes::copy_from_slice(bytes);
    let download = Download { size: Some(bytes.len() as u64), bytes: stream::iter([Ok(bytes)]).boxed() };
    let (name, content_type) = (name.to_string(), content_type.to_string());
    rt.stage(Upload { source: AttachmentId::new(source), name, content_type, inline, download }).await
}

async fn person(rt: &RequestTracker, email: Option<&str>) -> PersonId {
    let key = key("p");
    let found = rt.find_person(email, &key).await.expect("a search");
    if let Some(person) = found.first() {
        return person.id.clone();
    }
    let new = NewPerson { key: key.clone(), name: "Zoë Q".to_string(), email: email.map(str::to_string), active: true };
    let made = rt.create_person(&new).await.expect("a person");
    assert_eq!(made.name, "Zoë Q");
    assert_eq!(rt.find_person(email, &key).await.expect("a search"), vec![made.clone()]);
    made.id
}

fn all_fields(requester: PersonId, cc: PersonId) -> Fields {
    Fields::from([
        (FieldKey::Subject, Value::text("Café ☕ \"quoted\"")),
        (FieldKey::Group, Value::text("Migrated")),
        (FieldKey::Status, Value::text("open")),
        (FieldKey::Priority, Value::text("7")),
        (FieldKey::Requester, Value::Person(requester)),
        (FieldKey::Cc, Value::people([cc])),
        (FieldKey::Assignee, Value::Person(PersonId::new("alice"))),
        (FieldKey::Followers, Value::people([PersonId::new("bob")])),
        (FieldKey::Due, Value::text("2027-01-02T03:04:05Z")),
        (FieldKey::Tags, Value::set(["one", "two words"])),
        (FieldKey::custom("Severity"), Value::text("high")),
        (FieldKey::custom("Products"), Value::set(["alpha", "gamma"])),
        (FieldKey::custom("Details"), Value::text("line one\nline two")),
        (FieldKey::custom("Renewal"), Value::text("2027-03-04T05:06:07Z")),
        (FieldKey::custom("Delivery"), Value::text("2027-05-06")),
    ])
}

#[tokio::test]
async fn a_ticket_with_everything_is_written_and_read_back() {
    let Some(settings) = lab() else { return };
    let rt = connector(settings);
    let us = rt.identify().await.expect("identify").person;
    let requester = person(&rt, Some("Requester.One@example.test")).await;
    let cc = person(&rt, None).await;
    let (ticket_key, first, second, third) = (key("t"), key("m"), key("m"), key("m"));

    let mut opening = message(&first, Visibility::Public, Body::Html("<p>see <img src=\"attachment:s2\"></p>".to_string()));
    opening.attachments = vec![
        stage(&rt, "s1", "été/a.bin", "application/octet-stream", false, &[0, 1, 255]).await.expect("staged"),
        stage(&rt, "s2", "bild.png", "image/png", true, PNG).await.expect("staged"),
    ];
    let fields = all_fields(requester.clone(), cc);
    let written = done(&rt, Write::Create(ticket(&ticket_key, fields.clone(), vec![opening]))).await;
    assert_eq!(written.remarks, Vec::<String>::new());
    let id = written.ticket.expect("an id");
    assert_eq!(rt.find_ticket(&ticket_key).await.expect("found"), vec![id.clone()]);
    assert_eq!(rt.find_message(&id, &first).await.expect("found"), vec![written.messages[0].1.clone()]);

    let mut reply = message(&second, Visibility::Public, Body::Text("0".to_string()));
    reply.attachments = vec![stage(&rt, "s3", "data.csv", "text/csv", false, "a;ä\r\n".as_bytes()).await.expect("staged")];
    let written = done(&rt, Write::AddMessage { ticket: id.clone(), message: reply }).await;
    assert_eq!(written.remarks, Vec::<String>::new());
    let note = message(&third, Visibility::Internal, Body::Html("<i>note</i>".to_string()));
    done(&rt, Write::AddMessage { ticket: id.clone(), message: note }).await;

    let read = read(&rt, &id).await;
    assert_eq!(read.presence, Presence::Present);
    assert_eq!(read.key.as_deref(), Some(ticket_key.as_str()));
    assert_eq!(read.created_at.to_rfc3339(), "2024-05-06T07:08:09+00:00");
    for (key, value) in &fields {
        assert_eq!(read.fields.get(key), Some(value), "{key}");
    }
    assert!(!read.fields.contains_key(&FieldKey::custom("Tidegate key")));
    let keys: Vec<_> = read.messages.iter().map(|message| message.key.clone().expect("a key")).collect();
    assert_eq!(keys, vec![first, second, third]);
    assert!(read.messages.iter().all(|message| message.ours && message.author == us));
    assert_eq!(read.messages[2].visibility, Visibility::Internal);
    assert_eq!(read.messages[2].body, Body::Html("<i>note</i>".to_string()));
    assert_eq!(read.messages[1].body, Body::Text("0\n".to_string()));
    assert_eq!(read.messages[1].attachments[0].name, "data.csv");
    let image = &read.messages[0].attachments[1];
    assert!(image.inline && !read.messages[0].attachments[0].inline);
    assert_eq!(read.messages[0].attachments[0].name, "été_a.bin");
    assert_eq!(read.messages[0].body, Body::Html(format!("<p>see <img src=\"attachment:{}\"></p>", image.id)));
    let bytes: Vec<_> = rt.download(image).await.expect("a download").bytes.collect().await;
    assert_eq!(bytes, vec![Ok(Bytes::from_static(PNG))]);
    assert!(read.acts.iter().all(|act| act.by != Actor::Person));
}

#[tokio::test]
async fn fields_change_only_where_the_ticket_is_as_it_was_seen() {
    let Some(settings) = lab() else { return };
    let rt = connector(settings);
    let requester = person(&rt, Some("requester.two@example.test")).await;
    let other = person(&rt, Some("cc.two@example.test")).await;
    let fields = all_fields(requester.clone(), other.clone());
    let first = message(&key("m"), Visibility::Internal, Body::Text("text".to_string()));
    let written = done(&rt, Write::Create(ticket(&key("t"), fields, vec![first]))).await;
    let id = written.ticket.expect("an id");
    let before = read(&rt, &id).await;
    let told: Vec<_> = before.messages.iter().map(|message| (message.id.clone(), message.visibility)).collect();
    assert_eq!(told, [(written.messages[0].1.clone(), Visibility::Internal)]);

    let cleared = Fields::from([
        (FieldKey::Subject, Value::text("another")),
        (FieldKey::Status, Value::text("resolved")),
        (FieldKey::Requester, Value::Person(other)),
        (FieldKey::Cc, Value::people([requester])),
        (FieldKey::Assignee, Value::Empty),
        (FieldKey::Followers, Value::Empty),
        (FieldKey::Due, Value::Empty),
        (FieldKey::Tags, Value::Empty),
        (FieldKey::custom("Severity"), Value::Empty),
        (FieldKey::custom("Products"), Value::Empty),
        (FieldKey::custom("Details"), Value::Empty),
        (FieldKey::custom("Renewal"), Value::Empty),
        (FieldKey::custom("Delivery"), Value::Empty),
    ]);
    let set = |expect: &str| Write::SetFields { ticket: id.clone(), fields: cleared.clone(), expect: Some(expect.to_string()) };
    assert_eq!(done(&rt, set(&before.stamp)).await.remarks, Vec::<String>::new());
    let after = read(&rt, &id).await;
    for (key, value) in &cleared {
        assert_eq!(after.fields.get(key), Some(value), "{key}");
    }
    assert_eq!(rt.apply(&set(&before.stamp)).await, Ok(Outcome::Moved));

    let touched: BTreeSet<FieldKey> = after.acts.iter().flat_map(|act| act.fields.clone()).collect();
    for key in cleared.keys() {
        assert!(touched.contains(key), "no act touched {key}: {touched:?}");
    }
    let bogus = Fields::from([(FieldKey::Status, Value::text("bogus"))]);
    let refused = rt.apply(&Write::SetFields { ticket: id.clone(), fields: bogus, expect: None }).await;
    assert!(matches!(refused, Err(Fault::Refused { .. })), "{refused:?}");
    let half = Fields::from([(FieldKey::Priority, Value::text("3")), (FieldKey::custom("Severity"), Value::text("bogus"))]);
    let written = done(&rt, Write::SetFields { ticket: id.clone(), fields: half, expect: None }).await;
    assert!(!written.remarks.is_empty());
}

#[tokio::test]
async fn links_merges_and_deletions_are_made_and_seen() {
    let Some(settings) = lab() else { return };
    let rt = connector(settings);
    let mut ids = Vec::new();
    let (dead_key, dead_message) = (key("t"), key("m"));
    for key_of in [key("t"), dead_key.clone(), key("t")] {
        let fields = Fields::from([(FieldKey::Group, Value::text("Migrated")), (FieldKey::Subject, Value::text("s"))]);
        let message_key = if key_of == dead_key { dead_message.clone() } else { key("m") };
        let first = message(&message_key, Visibility::Public, Body::Text("text".to_string()));
        ids.push(done(&rt, Write::Create(ticket(&key_of, fields, vec![first]))).await.ticket.expect("an id"));
    }
    for kind in [LinkKind::Parent, LinkKind::DependsOn, LinkKind::RefersTo] {
        let link = Link { kind, to: ids[1].clone() };
        done(&rt, Write::AddLink { ticket: ids[0].clone(), link: link.clone() }).await;
        assert!(read(&rt, &ids[0]).await.links.contains(&link));
        if kind == LinkKind::DependsOn {
            let resolved = Fields::from([(FieldKey::Status, Value::text("resolved"))]);
            let waits = rt.apply(&Write::SetFields { ticket: ids[0].clone(), fields: resolved, expect: None }).await;
            assert!(matches!(waits, Err(Fault::Refused { .. })), "{waits:?}");
        }
        done(&rt, Write::RemoveLink { ticket: ids[0].clone(), link }).await;
        assert!(read(&rt, &ids[0]).await.links.is_empty());
    }
    done(&rt, Write::Merge { ticket: ids[1].clone(), into: ids[0].clone() }).await;
    assert_eq!(read(&rt, &ids[1]).await.presence, Presence::MergedInto(ids[0].clone()));
    let bodies: Vec<_> = read(&rt, &ids[0]).await.messages.into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, vec![Body::Text("text".to_string()); 2]);
    assert_eq!(rt.find_ticket(&dead_key).await.expect("found"), vec![ids[0].clone()]);
    assert_eq!(rt.find_message(&ids[0], &dead_message).await.expect("found").len(), 1);
    done(&rt, Write::Delete { ticket: ids[2].clone() }).await;
    let gone = read(&rt, &ids[2]).await;
    assert_eq!((gone.presence, gone.messages.len()), (Presence::Deleted, 0));
    assert_eq!(rt.read(&TicketId::new("999999"), None).await, Ok(Read::Missing));
}

#[tokio::test]
async fn the_feed_tells_every_change_and_the_listing_every_ticket() {
    let Some(settings) = lab() else { return };
    let ours = connector(settings.clone());
    // Seen by a connector that takes our writes for someone else's.
    let source = connector(Settings { user: "somebody else".to_string(), ..settings });
    let start = ours.identify().await.expect("identify").desk_time.expect("a Date header");
    let mut cursor = source.cursor_at(start);
    drain(&source, &mut cursor).await;
    let mut own = ours.cursor_at(start);
    drain(&ours, &mut own).await;

    let fields = Fields::from([(FieldKey::Group, Value::text("Migrated")), (FieldKey::Subject, Value::text("feed"))]);
    let first = message(&key("m"), Visibility::Public, Body::Text("text".to_string()));
    let id = done(&ours, Write::Create(ticket(&key("t"), fields, vec![first]))).await.ticket.expect("an id");
    let hints = drain(&source, &mut cursor).await;
    let hint = hints.iter().find(|hint| hint.ticket == id && hint.what == "Create").expect("a hint");
    assert_eq!(Some(hint.evidence.clone()), hint.least_stamp.as_ref().map(|stamp| format!("txn:{stamp}")));
    assert_eq!(read(&source, &id).await.feed_stamp, hint.feed_stamp);
    assert!(drain(&ours, &mut own).await.iter().all(|hint| hint.ticket != id), "an echo of our own");

    done(&ours, Write::Delete { ticket: id.clone() }).await;
    let hints = drain(&source, &mut cursor).await;
    assert!(hints.iter().any(|hint| hint.ticket == id && hint.what == "Status"));

    let mut listed = Vec::new();
    let mut place: Option<Cursor> = None;
    loop {
        let page = source.list(place.as_ref()).await.expect("a page");
        listed.extend(page.hints.into_iter().map(|hint| hint.ticket));
        place = page.next;
        if place.is_none() {
            break;
        }
    }
    let numbers: Vec<u64> = listed.iter().map(|id| id.as_str().parse().expect("a number")).collect();
    assert!(numbers.is_sorted() && !numbers.is_empty() && !listed.contains(&id));
}

async fn drain(rt: &RequestTracker, cursor: &mut Cursor) -> Vec<Hint> {
    let mut hints = Vec::new();
    loop {
        let page = rt.changes(cursor, Clock::system().now()).await.expect("a page");
        hints.extend(page.hints);
        *cursor = page.next;
        if !page.more {
            return hints;
        }
    }
}

/// A large file keeps its transaction open after the transaction has its id; others are committed meanwhile.
#[tokio::test]
async fn a_change_that_is_committed_late_is_told() {
    let Some(settings) = lab() else { return };
    let ours = connector(settings.clone());
    let source = connector(Settings { user: "somebody else".to_string(), ..settings });
    let fields = Fields::from([(FieldKey::Group, Value::text("Migrated")), (FieldKey::Subject, Value::text("late"))]);
    let mut ids = Vec::new();
    for _ in 0..2 {
        let first = message(&key("m"), Visibility::Public, Body::Text("text".to_string()));
        ids.push(done(&ours, Write::Create(ticket(&key("t"), fields.clone(), vec![first]))).await.ticket.expect("an id"));
    }
    let mut cursor = source.cursor_at(ours.identify().await.expect("identify").desk_time.expect("a Date header"));
    drain(&source, &mut cursor).await;
    let mut slow = message(&key("m"), Visibility::Internal, Body::Text("large".to_string()));
    slow.attachments =
        vec![stage(&ours, "s", "large.bin", "application/octet-stream", false, &vec![7; 24 << 20]).await.expect("staged")];
    let write = Write::AddMessage { ticket: ids[0].clone(), message: slow };
    let small = async {
        let mut hints = Vec::new();
        for number in 0..12 {
            let fields = Fields::from([(FieldKey::Priority, Value::text(number.to_string()))]);
            done(&ours, Write::SetFields { ticket: ids[1].clone(), fields, expect: None }).await;
            hints.extend(drain(&source, &mut cursor).await);
        }
        hints
    };
    let (late, mut hints) = tokio::join!(done(&ours, write), small);
    hints.extend(drain(&source, &mut cursor).await);
    let evidence = format!("txn:{}", late.messages[0].1);
    assert_eq!(hints.iter().filter(|hint| hint.evidence == evidence).count(), 1);
}

/// How many of the mails that RT has sent since its data was made name this subject.
fn mails_about(subject: &str) -> usize {
    let dir = std::env::var("TIDEGATE_LAB_RT_MAIL").expect("tests/lab/up prints TIDEGATE_LAB_RT_MAIL");
    let kept = std::fs::read_dir(dir).expect("the lab's mails").filter_map(|file| std::fs::read(file.ok()?.path()).ok());
    kept.filter(|mail| String::from_utf8_lossy(mail).contains(subject)).count()
}

#[tokio::test]
async fn our_writes_mail_nobody_and_an_agent_s_reply_does() {
    let (Some(settings), Ok(token)) = (lab(), std::env::var("TIDEGATE_LAB_RT_AGENT_TOKEN")) else { return };
    let rt = connector(settings.clone());
    let agent = connector(Settings { token: Secret::new(token), user: "alice".to_string(), ..settings });
    let customer = person(&rt, Some("customer.three@example.test")).await;
    let subject = format!("silence {}", uuid::Uuid::new_v4());
    let fields = Fields::from([
        (FieldKey::Group, Value::text("Migrated")),
        (FieldKey::Subject, Value::text(&subject)),
        (FieldKey::Requester, Value::Person(customer)),
        (FieldKey::Assignee, Value::Person(PersonId::new("alice"))),
        (FieldKey::Followers, Value::people([PersonId::new("bob")])),
    ]);
    let first = message(&key("m"), Visibility::Public, Body::Text("hello".to_string()));
    let id = done(&rt, Write::Create(ticket(&key("t"), fields, vec![first]))).await.ticket.expect("an id");
    let set = |fields: Fields| Write::SetFields { ticket: id.clone(), fields, expect: None };
    for visibility in [Visibility::Public, Visibility::Internal] {
        let message = message(&key("m"), visibility, Body::Text("more".to_string()));
        done(&rt, Write::AddMessage { ticket: id.clone(), message }).await;
    }
    done(&rt, set(Fields::from([(FieldKey::Assignee, Value::Person(PersonId::new("bob")))]))).await;
    done(&rt, set(Fields::from([(FieldKey::Status, Value::text("resolved"))]))).await;
    // Opens the ticket again by a scrip, as RT's own user.
    let reopening = message(&key("m"), Visibility::Public, Body::Text("again".to_string()));
    done(&rt, Write::AddMessage { ticket: id.clone(), message: reopening }).await;
    assert_eq!(mails_about(&subject), 0);
    let reply = message(&key("m"), Visibility::Public, Body::Text("a person's reply".to_string()));
    done(&agent, Write::AddMessage { ticket: id.clone(), message: reply }).await;
    assert!(mails_about(&subject) > 0, "nobody is mailed at all: the lab proves nothing");
}

#[tokio::test]
async fn the_schema_names_queues_and_choices() {
    let Some(settings) = lab() else { return };
    let schema = connector(settings).schema().await.expect("a schema");
    let options = |key: &FieldKey| schema.fields[key].options.clone().expect("options");
    assert!(options(&FieldKey::Group).contains("Migrated"));
    assert!(options(&FieldKey::Status).contains("stalled"));
    assert!(options(&FieldKey::custom("Severity")).contains("critical"));
    assert!(schema.fields.contains_key(&FieldKey::Tags) && !schema.fields.contains_key(&FieldKey::custom("Tags")));
}

#[tokio::test]
async fn a_wrong_user_and_an_empty_file_are_refused() {
    let Some(settings) = lab() else { return };
    let rt = connector(settings.clone());
    assert!(matches!(stage(&rt, "s", "empty", "text/plain", false, b"").await, Err(Fault::Refused { .. })));
    let other = connector(Settings { user: "alice".to_string(), ..settings.clone() });
    assert!(matches!(other.identify().await, Err(Fault::Unauthorised { .. })));
    let wrong = connector(Settings { token: Secret::new("1-1-0"), ..settings });
    assert!(matches!(wrong.identify().await, Err(Fault::Unauthorised { .. })));
}
