//! Request Tracker, the pure parts: deliveries, reading and writing of its JSON, the cursor. The payloads in
//! `tests/recorded/request_tracker` were taken from RT 5.0.3 with Tidegate's scrips installed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use tidegate::connectors::delivery::{Delivery, Rejection, Verified};
use tidegate::connectors::request_tracker::compose::{self, Terms};
use tidegate::connectors::request_tracker::feed::Place;
use tidegate::connectors::request_tracker::translate::{self, Layout, Material};
use tidegate::connectors::request_tracker::wire::{
    AttachmentJson, DefinitionJson, Page, PartJson, QueueJson, TextJson, TicketJson, TransactionJson, UserJson,
};
use tidegate::connectors::request_tracker::{Settings, mime, webhook};
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::{AttachmentId, PersonId, TicketId};
use tidegate::desk::person::Role;
use tidegate::desk::ticket::{Actor, Link, LinkKind, Presence, Ticket, Visibility};
use tidegate::desk::write::{Handle, NewMessage, NewTicket, Staged};
use tidegate::secret::Secret;

fn recorded<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/tests/recorded/request_tracker/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect(&path);
    serde_json::from_str(&text).expect(&path)
}

fn settings() -> Settings {
    let mut settings = Settings::new("https://rt.example.test/rt".parse().expect("a URL"), Secret::new("1-2-x"), "tidegate");
    settings.tags_field = Some("Tags".to_string());
    settings.mirrored_tag = Some("mirrored".to_string());
    settings
}

fn layout() -> Layout {
    let queues: Page<QueueJson> = recorded("queues");
    let fields: Page<DefinitionJson> = recorded("customfields");
    Layout {
        queues: queues.items.into_iter().map(|queue| (queue.id.0.clone(), queue)).collect(),
        fields: fields.items.into_iter().map(|field| (field.id.0.clone(), field)).collect(),
    }
}

fn ticket() -> Ticket {
    let texts: Page<TextJson> = recorded("texts");
    let material = Material {
        ticket: recorded("ticket"),
        stamp: "225".to_string(),
        history: recorded::<Page<TransactionJson>>("history").items,
        parts: recorded::<Page<PartJson>>("attachments").items,
        texts: texts.items.into_iter().filter_map(|text| Some((text.id.0, text.content?))).collect(),
    };
    translate::ticket(&TicketId::new("7"), &material, &layout(), &settings()).expect("a ticket")
}

fn person(name: &str) -> PersonId {
    PersonId::new(name)
}

#[test]
fn a_recorded_ticket_is_read_with_all_its_fields() {
    let ticket = ticket();
    let expected = Fields::from([
        (FieldKey::Subject, Value::text("Drucker geht nicht ☕")),
        (FieldKey::Status, Value::text("open")),
        (FieldKey::Priority, Value::text("5")),
        (FieldKey::Group, Value::text("Support")),
        (FieldKey::Assignee, Value::Person(person("alice"))),
        (FieldKey::Requester, Value::Person(person("kim@example.test"))),
        (FieldKey::Cc, Value::people([person("lee@example.test"), person("watch@example.test")])),
        (FieldKey::Followers, Value::people([person("bob")])),
        (FieldKey::Due, Value::text("2027-01-02T03:04:05Z")),
        (FieldKey::Tags, Value::set(["vip", "eu west"])),
        (FieldKey::custom("Severity"), Value::text("low")),
        (FieldKey::custom("Products"), Value::set(["alpha", "beta"])),
        (FieldKey::custom("Details"), Value::text("eins\nzwei")),
        (FieldKey::custom("Delivery"), Value::text("2027-05-06")),
        (FieldKey::custom("Renewal"), Value::Empty),
        (FieldKey::custom("Only Support"), Value::Empty),
    ]);
    assert_eq!(ticket.fields, expected);
    assert_eq!((ticket.presence, ticket.key), (Presence::Present, None));
    assert_eq!(
        ticket.links,
        BTreeSet::from([
            Link { kind: LinkKind::DependsOn, to: TicketId::new("16") },
            Link { kind: LinkKind::Parent, to: TicketId::new("1") },
        ])
    );
    assert_eq!(ticket.url, "https://rt.example.test/rt/Ticket/Display.html?id=7");
    assert_eq!((ticket.stamp.as_str(), ticket.feed_stamp.as_deref()), ("225", Some("txn:225")));
}

#[test]
fn a_recorded_conversation_has_the_people_s_messages_and_none_of_rt_s_mails() {
    let messages = ticket().messages;
    let told: Vec<_> = messages.iter().map(|m| (m.id.as_str(), m.author.as_str(), m.visibility, m.ours)).collect();
    assert_eq!(
        told,
        [
            ("124", "alice", Visibility::Public, false),
            ("136", "kim@example.test", Visibility::Public, false),
            ("139", "alice", Visibility::Internal, false),
            ("142", "tidegate", Visibility::Internal, true),
        ]
    );
    assert_eq!(messages[0].body, Body::Html("<p>Hallo <b>Welt</b></p>".to_string()));
    assert_eq!(messages[2].body, Body::Text("intern".to_string()));
    assert_eq!(messages[3].key.as_deref(), Some("tidegate:lab:m:9"));
    assert_eq!(messages[0].attachments[0].size, Some(3));
}

#[test]
fn a_mail_s_html_is_the_text_and_its_image_is_inline() {
    let mail = ticket().messages.remove(1);
    assert_eq!(mail.body, Body::Html("<p>café <img src=\"attachment:32\"></p>".to_string()));
    let files: Vec<_> = mail.attachments.iter().map(|file| (file.name.as_str(), file.inline)).collect();
    assert_eq!(files, [("part-32.png", true), ("doc.pdf", false), ("part-34.txt", false)]);
}

#[test]
fn acts_say_who_did_what_to_which_field() {
    let ticket = ticket();
    let by: BTreeMap<&str, Actor> = ticket.acts.iter().map(|act| (act.id.as_str(), act.by)).collect();
    assert_eq!((by["141"], by["142"]), (Actor::Person, Actor::Us));
    assert!(!by.contains_key("125"), "a record of mail");
    let severity = ticket.acts.iter().find(|act| act.id == "141").expect("the act");
    assert_eq!(severity.fields, BTreeSet::from([FieldKey::custom("Severity")]));
}

#[test]
fn merged_and_deleted_tickets_are_recognised() {
    let presence = |asked: &str, name: &str| {
        let empty = (Vec::new(), Vec::new(), BTreeMap::new());
        let material =
            Material { ticket: recorded(name), stamp: "150".to_string(), history: empty.0, parts: empty.1, texts: empty.2 };
        translate::ticket(&TicketId::new(asked), &material, &layout(), &settings()).expect("a ticket").presence
    };
    assert_eq!(presence("9", "merged-ticket"), Presence::MergedInto(TicketId::new("8")));
    assert_eq!(presence("8", "deleted-ticket"), Presence::Deleted);
}

#[test]
fn privileged_users_are_agents() {
    let alice = translate::person("alice", &recorded::<UserJson>("user"));
    assert_eq!((alice.name.as_str(), alice.role, alice.active), ("Alice Agent", Role::Agent, true));
    assert_eq!(alice.email.as_deref(), Some("alice@rt.lab"));
}

#[test]
fn an_answer_without_what_was_asked_for_does_not_say_that_there_is_nothing() {
    // A proxy's 200: neither an empty list, nor nobody, nor a file without a byte.
    fn unreadable<T: DeserializeOwned>(answer: Json) {
        assert!(serde_json::from_value::<T>(answer.clone()).is_err(), "{answer}");
    }
    for answer in [json!({}), json!({ "status": "ok" })] {
        unreadable::<Page<TransactionJson>>(answer.clone());
        unreadable::<Page<TicketJson>>(answer.clone());
        unreadable::<TicketJson>(answer.clone());
        unreadable::<UserJson>(answer.clone());
        unreadable::<AttachmentJson>(answer.clone());
    }
}

fn delivery(recorded: &Json) -> Delivery {
    let headers = recorded["headers"].as_object().expect("headers");
    Delivery {
        headers: headers.iter().map(|(name, value)| (name.clone(), value.as_str().expect("text").to_string())).collect(),
        body: Bytes::from(recorded["body"].as_str().expect("a body").to_string()),
    }
}

fn verified(recorded: &Json) -> Verified {
    let delivery = delivery(recorded);
    let sent = sent_at(&delivery);
    webhook::SCHEME.check(delivery, &[Secret::new("recorded-secret")], sent, Duration::from_secs(300)).expect("proved")
}

fn sent_at(delivery: &Delivery) -> DateTime<Utc> {
    let seconds = delivery.header("x-rt-timestamp").expect("a time").parse().expect("seconds");
    DateTime::from_timestamp(seconds, 0).expect("a time")
}

#[test]
fn recorded_deliveries_prove_themselves_and_hint() {
    let deliveries: Vec<Json> = recorded("deliveries");
    let hints: Vec<_> =
        deliveries.iter().flat_map(|recorded| webhook::hints(verified(recorded).body(), "tidegate").expect("hints")).collect();
    let told: Vec<_> = hints.iter().map(|hint| (hint.ticket.as_str(), hint.what.as_str(), hint.evidence.as_str())).collect();
    assert_eq!(
        told,
        [
            ("7", "Create", "txn:124"),
            ("8", "Create", "txn:132"),
            ("8", "AddLink", "txn:134"),
            ("7", "AddLink", "txn:133"),
            ("7", "AddLink", "txn:135"),
            ("7", "Correspond", "txn:136"),
            ("7", "Comment", "txn:139"),
            ("7", "CustomField", "txn:141"),
            // 142 was ours.
            ("9", "Create", "txn:147"),
            ("8", "AddLink", "txn:149"),
            ("9", "AddLink", "txn:148"),
            ("8", "AddLink", "txn:148:8"),
            ("8", "Status", "txn:150"),
        ]
    );
    assert!(hints.iter().all(|hint| hint.least_stamp.is_some()));
}

#[test]
fn another_secret_an_old_time_and_a_changed_body_prove_nothing() {
    let deliveries: Vec<Json> = recorded("deliveries");
    let first = || delivery(&deliveries[0]);
    let (sent, tolerance) = (sent_at(&first()), Duration::from_secs(300));
    let good = [Secret::new("recorded-secret")];
    let check = |delivery, secrets: &[Secret], now| webhook::SCHEME.check(delivery, secrets, now, tolerance).map(|_| ());
    assert_eq!(check(first(), &[Secret::new("other")], sent), Err(Rejection::Forged));
    assert!(matches!(check(first(), &good, sent + TimeDelta::seconds(301)), Err(Rejection::Stale { .. })));
    let mut changed = first();
    changed.body = Bytes::from(String::from_utf8_lossy(&changed.body).replace("Create", "create"));
    assert_eq!(check(changed, &good, sent), Err(Rejection::Forged));
    assert!(webhook::hints(b"{\"ticket\":{}}", "tidegate").expect_err("unreadable").contains("scrip"));
}

#[test]
fn the_feed_gives_the_evidence_that_the_webhook_gives() {
    let deliveries: Vec<Json> = recorded("deliveries");
    let hooked: BTreeSet<_> = deliveries
        .iter()
        .flat_map(|recorded| webhook::hints(verified(recorded).body(), "tidegate").expect("hints"))
        .filter(|hint| hint.ticket.as_str() != "7")
        .map(|hint| (hint.ticket, hint.evidence))
        .collect();
    let feed: Page<TransactionJson> = recorded("transactions");
    let polled: BTreeSet<_> = feed
        .items
        .iter()
        .flat_map(|item| webhook::feed_hints(item, "tidegate"))
        .map(|hint| (hint.ticket, hint.evidence))
        .collect();
    assert_eq!(hooked, polled);
}

fn transaction(id: u64, at: &str) -> TransactionJson {
    serde_json::from_value(json!({
        "id": id.to_string(), "Type": "Comment", "Created": at, "ObjectId": "1", "ObjectType": "RT::Ticket",
        "Creator": { "id": "alice", "type": "user" }, "Field": "", "OldValue": "", "NewValue": "",
    }))
    .expect("a transaction")
}

#[test]
fn ids_that_were_passed_over_are_waited_for_until_they_come_or_the_horizon_passes() {
    let now: DateTime<Utc> = "2027-01-01T00:00:00Z".parse().expect("a time");
    let horizon = TimeDelta::seconds(600);
    let mut place = Place::at(now, horizon);
    let at = "2027-01-01T00:00:00Z";
    place.take(&[transaction(10, at), transaction(11, at), transaction(15, at), transaction(17, at)], now);
    assert_eq!(place.waiting(), 4);
    place.fill(&transaction(13, at));
    assert_eq!(place.waiting(), 3);
    place = Place::parse(&place.cursor()).expect("its own cursor");
    place.fill(&transaction(16, at));
    place.fill(&transaction(16, at));
    assert_eq!(place.waiting(), 2);
    place.take(&[transaction(20, at)], now + TimeDelta::seconds(300));
    assert_eq!(place.waiting(), 4);
    place.forget(now + horizon, horizon);
    assert_eq!(place.waiting(), 2);
    assert!(Place::parse(&tidegate::change::Cursor("{}".to_string())).is_err());
}

#[test]
fn the_feed_begins_behind_the_last_transaction_before_its_start() {
    let start: DateTime<Utc> = "2027-01-01T12:00:00Z".parse().expect("a time");
    let (before, after) = ("2027-01-01T11:00:00Z", "2027-01-01T12:30:00Z");
    let begun = |pages: &[&[TransactionJson]]| {
        let mut place = Place::at(start, TimeDelta::seconds(600));
        pages.iter().for_each(|page| place.look_for_start(page));
        let cursor: Json = serde_json::from_str(&place.cursor().0).expect("JSON");
        (cursor["high"].as_u64(), cursor["low"].as_u64())
    };
    assert_eq!(begun(&[&[transaction(9, after), transaction(8, after), transaction(7, before)]]), (Some(7), None));
    assert_eq!(begun(&[&[transaction(9, after), transaction(8, after)]]), (None, Some(8)));
    assert_eq!(begun(&[&[transaction(9, after), transaction(8, after)], &[]]), (Some(7), Some(8)));
    assert_eq!(begun(&[&[]]), (Some(0), None));
}

fn staged(source: &str) -> Staged {
    Staged {
        source: AttachmentId::new(source),
        name: source.to_string(),
        content_type: "image/png".to_string(),
        inline: true,
        size: 1,
        sha256: String::new(),
        handle: Handle::Bytes(Bytes::from_static(b"x")),
    }
}

#[test]
fn inline_images_are_named_by_their_place_among_the_files_both_ways() {
    let html = "<img src=\"attachment:b\"> <img src='attachment:none'> cid:x";
    let sent = mime::refer_to_files(html, &[staged("a"), staged("b")]);
    assert_eq!(sent, "<img src=\"cid:tidegate-2\"> <img src='attachment:none'> cid:x");
    let part = |id: &str, kind: &str, name: &str| PartJson {
        id: tidegate::connectors::request_tracker::wire::Word(id.to_string()),
        transaction_id: Default::default(),
        content_type: kind.to_string(),
        filename: name.to_string(),
        headers: String::new(),
        content_length: tidegate::connectors::request_tracker::wire::Word("9".to_string()),
    };
    let parts =
        [part("4", "image/png", "b"), part("1", "multipart/mixed", ""), part("2", "text/html", ""), part("3", "image/png", "a")];
    let texts = BTreeMap::from([("2".to_string(), sent)]);
    let (body, files) = mime::assemble(&parts.iter().collect::<Vec<_>>(), &texts);
    assert_eq!(body, Body::Html("<img src=\"attachment:4\"> <img src='attachment:none'> cid:x".to_string()));
    assert_eq!(files.iter().map(|file| file.inline).collect::<Vec<_>>(), [false, true]);
}

fn numbers() -> BTreeMap<PersonId, String> {
    let names = ["alice", "bob", "kim@example.test", "lee@example.test", "watch@example.test"];
    names.iter().enumerate().map(|(place, name)| (person(name), (place + 100).to_string())).collect()
}

#[test]
fn a_second_requestor_stays_one_while_he_stays_in_cc() {
    let (layout, settings, numbers) = (layout(), settings(), numbers());
    let terms = Terms { layout: &layout, settings: &settings, numbers: &numbers };
    let mut current: TicketJson = recorded("ticket");
    current.cc.push(serde_json::from_value(json!({ "id": 77, "type": "group" })).expect("a group"));
    let set = |fields: Fields| compose::set(&fields, &current, terms).expect("a body");
    let all = [person("lee@example.test"), person("watch@example.test"), person("bob")];
    let body = set(Fields::from([(FieldKey::Cc, Value::people(all))]));
    assert_eq!(body, json!({ "Cc": ["101", "104", "77"], "Requestor": ["102", "103"] }));
    let body = set(Fields::from([(FieldKey::Cc, Value::Empty)]));
    assert_eq!(body, json!({ "Cc": ["77"], "Requestor": ["102"] }));
    let body = set(Fields::from([(FieldKey::Requester, Value::Person(person("bob")))]));
    assert_eq!(body, json!({ "Requestor": ["101", "103"] }));
    let unknown = Fields::from([(FieldKey::Assignee, Value::Person(person("nobody we know")))]);
    assert!(compose::set(&unknown, &current, terms).is_err());
}

#[test]
fn a_new_ticket_carries_keys_dates_and_the_tag_for_views() {
    let (layout, settings, numbers) = (layout(), settings(), numbers());
    let terms = Terms { layout: &layout, settings: &settings, numbers: &numbers };
    let created_at: DateTime<Utc> = "2024-05-06T07:08:09.123Z".parse().expect("a time");
    let message = NewMessage {
        key: "tidegate:m:m:1".to_string(),
        author: None,
        visibility: Visibility::Public,
        created_at,
        body: Body::Text(String::new()),
        attachments: Vec::new(),
    };
    let fields = Fields::from([
        (FieldKey::Group, Value::text("Support")),
        (FieldKey::Subject, Value::text("two\nlines")),
        (FieldKey::Due, Value::Empty),
        (FieldKey::custom("Renewal"), Value::text("2027-03-04T05:06:07Z")),
        (FieldKey::custom("Severity"), Value::Empty),
    ]);
    let new = NewTicket {
        key: "tidegate:m:t:1".to_string(),
        number_there: "1".to_string(),
        continues: None,
        created_at,
        updated_at: created_at,
        fields,
        messages: Vec::new(),
    };
    let body = compose::create(&new, Some(&message), "9", terms).expect("a body");
    let expected = json!({
        "Queue": "Support",
        "Subject": "two lines",
        "Due": "1970-01-01T00:00:00Z",
        "Created": "2024-05-06T07:08:09Z",
        "Content": " ",
        "ContentType": "text/plain",
        "Object-RT::Transaction--CustomField-9": "tidegate:m:m:1",
        "CustomFields": {
            "Renewal": "2027-03-04 05:06:07",
            "Tidegate key": "tidegate:m:t:1",
            "Tidegate number": "1",
            "Tags": ["mirrored"],
        },
    });
    assert_eq!(body, expected);
    let bare = NewTicket { fields: Fields::new(), ..new };
    assert!(compose::create(&bare, None, "9", terms).expect_err("no queue").contains("queue"));
}
