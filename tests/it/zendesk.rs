//! Zendesk's connector. Here without a network: JSON to neutral words and back, redaction marks.

mod calls;
mod history;
mod script;
mod source;
mod target;
mod webhook;
mod world;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use tidegate::connectors::zendesk::auth::Auth;
use tidegate::connectors::zendesk::directory::Directory;
use tidegate::connectors::zendesk::fields::{Known, Unknown, decode_custom, encode};
use tidegate::connectors::zendesk::translate::{self, Parts};
use tidegate::connectors::zendesk::wire::{self, Id};
use tidegate::connectors::zendesk::{KeyField, Settings, feed, html};
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::{PersonId, TicketId};
use tidegate::desk::schema::FieldKind;
use tidegate::desk::ticket::{Actor, AttachmentState, Link, LinkKind, Presence, Ticket, Visibility};
use tidegate::secret::Secret;

fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn settings() -> Settings {
    Settings {
        base: "https://company.zendesk.com".parse().unwrap(),
        auth: Auth::ApiToken { email: "a@b.example".into(), token: Secret::new("t") },
        silent_tag: "tidegate_silent".into(),
        ticket_tag: "tidegate".into(),
        key_field: KeyField::ExternalId,
        number_field: None,
        mirror: "m".into(),
    }
}

fn directory() -> Directory {
    let mut all: Json = serde_json::from_str(include_str!("../recorded/zendesk/directory.json")).unwrap();
    let mut take = |key: &str| all[key].take();
    let names = ["groups", "brands", "ticket_forms"].map(|key| serde_json::from_value(take(key)).unwrap());
    let statuses = serde_json::from_value(take("custom_statuses")).unwrap();
    let fields = serde_json::from_value(take("ticket_fields")).unwrap();
    Directory::new(Some(Id::new("900")), names, statuses, fields)
}

fn raw_ticket() -> wire::Ticket {
    serde_json::from_str(include_str!("../recorded/zendesk/ticket.json")).unwrap()
}

fn parts() -> Parts {
    Parts {
        ticket: raw_ticket(),
        comments: serde_json::from_str(include_str!("../recorded/zendesk/comments.json")).unwrap(),
        audits: serde_json::from_str(include_str!("../recorded/zendesk/audits.json")).unwrap(),
        users: serde_json::from_value(json!([
            { "id": 20978392, "name": "Jo", "email": "jo@c.example", "role": "end-user", "active": true, "suspended": true },
            { "id": 235323, "name": "Ann", "email": "ann@company.example", "role": "agent", "active": true, "suspended": false },
        ]))
        .unwrap(),
        desk_time: None,
    }
}

fn translated(parts: &Parts) -> Ticket {
    let (settings, directory) = (settings(), directory());
    let organisation = Some((Id::new("509974"), "Wombats".to_string()));
    translate::ticket(parts, &Known { settings: &settings, directory: &directory, organisation })
}

fn encoded(fields: &[(FieldKey, Value)], current: Option<&wire::Ticket>) -> Result<Json, Unknown> {
    let (settings, directory) = (settings(), directory());
    let known = Known { settings: &settings, directory: &directory, organisation: None };
    let fields: Fields = fields.iter().cloned().collect();
    encode(&fields, &known, current).map(Json::Object)
}

#[test]
fn fields_are_told_in_neutral_words() {
    let ticket = translated(&parts());
    let field = |word: &str| ticket.fields.get(&word.parse().unwrap()).cloned();
    assert_eq!(field("subject"), Some(Value::text("Help, my printer is on fire!")));
    assert_eq!(field("status"), Some(Value::text("Waiting for vendor")));
    assert_eq!(field("priority"), Some(Value::text("high")));
    assert_eq!(field("group"), Some(Value::text("Billing")));
    assert_eq!(field("organisation"), Some(Value::text("Wombats")));
    assert_eq!(field("requester"), Some(Value::Person(PersonId::new("20978392"))));
    assert_eq!(field("cc"), Some(Value::people([PersonId::new("35334")])));
    assert_eq!(field("followers"), Some(Value::Empty));
    assert_eq!(field("due"), Some(Value::Empty));
    assert_eq!(field("tags"), Some(Value::set(["enterprise"])));
    assert_eq!(field("custom:Product"), Some(Value::text("blue_pump")));
    assert_eq!(field("custom:Areas"), Some(Value::set(["north"])));
    assert_eq!(field("custom:VIP"), Some(Value::text("true")));
    assert_eq!(field("custom:Weight"), Some(Value::text("12.5")));
    assert_eq!(field("custom:Delivered"), Some(Value::text("2027-03-04")));
    assert_eq!(field("custom:Count"), Some(Value::Empty));
    assert_eq!(field("custom:Note [107]"), Some(Value::text("long\ntext")));
    assert_eq!(ticket.key.as_deref(), Some("tidegate:m:t:7"));
    assert_eq!(ticket.stamp, "432570");
    assert_eq!(ticket.feed_stamp.as_deref(), Some("2026-08-05T10:38:52Z/1785926999"));
    assert_eq!(ticket.url, "https://company.zendesk.com/agent/tickets/35436");
    assert!(!ticket.immutable);
}

#[test]
fn what_the_desk_did_not_tell_is_unknown() {
    let ticket = translated(&parts());
    assert!(!ticket.fields.contains_key(&FieldKey::Form), "a form that the directory does not know");
    assert!(!ticket.fields.contains_key(&FieldKey::custom("Old")), "an inactive field");
    assert!(!ticket.fields.contains_key(&FieldKey::custom("Note [109]")), "a field without an entry");
    let mut parts = parts();
    parts.ticket.rest.remove("priority");
    parts.ticket.tags = None;
    let ticket = translated(&parts);
    assert!(!ticket.fields.contains_key(&FieldKey::Priority));
    assert!(!ticket.fields.contains_key(&FieldKey::Tags));
}

#[test]
fn comments_become_messages() {
    let mut parts = parts();
    assert!(translated(&parts).messages[0].ours, "it came with the creation of a ticket that has our key");
    parts.ticket.external_id = None;
    let ticket = translated(&parts);
    let [first, second] = &ticket.messages[..] else { panic!("two messages") };
    let html = "<p>The fire is <b>very</b> colorful.</p><img src=\"attachment:498483\" alt=\"x\">";
    assert_eq!(first.body, Body::Html(html.into()));
    assert_eq!((first.visibility, first.ours, first.key.clone()), (Visibility::Public, false, None));
    let states: Vec<_> = first.attachments.iter().map(|file| file.state).collect();
    assert_eq!(states, [AttachmentState::Ready, AttachmentState::Refused, AttachmentState::Removed]);
    assert!(first.attachments[0].inline);
    assert_eq!(second.body, Body::Text("Ask the vendor".into()));
    assert_eq!((second.visibility, second.ours), (Visibility::Internal, true));
    assert_eq!(second.key.as_deref(), Some("tidegate:m:m:55"));
}

#[test]
fn a_file_that_is_being_scanned_is_waited_for_a_while() {
    let mut parts = parts();
    parts.comments[0].attachments[0].malware_scan_result = Some("not_scanned".into());
    parts.desk_time = Some(time("2026-07-20T22:56:00Z"));
    assert_eq!(translated(&parts).messages[0].attachments[0].state, AttachmentState::Pending);
    parts.desk_time = Some(time("2026-07-20T23:30:00Z"));
    assert_eq!(translated(&parts).messages[0].attachments[0].state, AttachmentState::Ready);
}

#[test]
fn suspended_people_are_not_active() {
    let ticket = translated(&parts());
    assert!(!ticket.person(&PersonId::new("20978392")).unwrap().active);
    assert!(ticket.person(&PersonId::new("235323")).unwrap().active);
}

#[test]
fn links_start_at_the_incident_and_at_the_follow_up() {
    let ticket = translated(&parts());
    let link = |kind, to: &str| Link { kind, to: TicketId::new(to) };
    assert_eq!(ticket.links, BTreeSet::from([link(LinkKind::Parent, "9873764"), link(LinkKind::RefersTo, "34000")]));
}

#[test]
fn acts_tell_rules_from_ourselves_and_people() {
    let mut parts = parts();
    assert!(
        translated(&parts).acts.iter().all(|act| act.by != Actor::Person),
        "the creation of a ticket that has our key is ours"
    );
    parts.ticket.external_id = None;
    let ticket = translated(&parts);
    let acts: Vec<_> = ticket.acts.iter().map(|act| (act.id.as_str(), act.by, act.fields.clone())).collect();
    let fields = |words: &[&str]| words.iter().map(|word| word.parse().unwrap()).collect::<BTreeSet<FieldKey>>();
    assert_eq!(acts[0], ("432567", Actor::Person, fields(&["subject", "tags"])));
    assert_eq!(acts[1], ("432570", Actor::Us, fields(&["custom:Product"])));
    assert_eq!(acts[2], ("432570", Actor::Rule, fields(&["status"])));
    assert_eq!(acts.len(), 3);
}

#[test]
fn a_merged_ticket_needs_the_systems_own_evidence() {
    let mut parts = parts();
    parts.ticket.status = "closed".into();
    assert_eq!(translated(&parts).presence, Presence::Present);
    parts.comments[1].plain_body = Some("Dieses Ticket wurde mit #777 zusammengeführt, früher 35436".into());
    assert_eq!(translated(&parts).presence, Presence::Present, "the text alone is no evidence");
    parts.ticket.tags.as_mut().unwrap().push("closed_by_merge".into());
    assert_eq!(translated(&parts).presence, Presence::MergedInto(TicketId::new("777")));
    parts.comments[1].plain_body = Some("see #5 and #6".into());
    assert_eq!(translated(&parts).presence, Presence::Present, "two numbers are none");
}

#[test]
fn the_via_of_a_merge_names_the_other_ticket() {
    let merge = |from: Option<u64>, to: Option<u64>| -> wire::Via {
        let end = |id: Option<u64>| id.map_or(json!({}), |id| json!({ "ticket_id": id }));
        serde_json::from_value(json!({ "channel": "merge", "source": { "from": end(from), "to": end(to), "rel": "merge" } }))
            .unwrap()
    };
    let mut parts = parts();
    parts.ticket.status = "closed".into();
    parts.audits[0].via = Some(merge(None, Some(888)));
    assert_eq!(translated(&parts).presence, Presence::MergedInto(TicketId::new("888")));
    parts.audits[0].via = Some(merge(Some(888), None));
    assert_eq!(translated(&parts).presence, Presence::Present, "it came from the other one: this is the survivor");
}

#[test]
fn a_deleted_ticket_has_no_messages() {
    let mut parts = parts();
    parts.ticket.status = "deleted".into();
    let ticket = translated(&parts);
    assert_eq!((ticket.presence, ticket.messages.len()), (Presence::Deleted, 0));
}

#[test]
fn custom_values_have_one_spelling() {
    assert_eq!(decode_custom(FieldKind::Decimal, &json!("7.0")), Value::text("7"));
    assert_eq!(decode_custom(FieldKind::Decimal, &json!(0.25)), Value::text("0.25"));
    assert_eq!(decode_custom(FieldKind::Integer, &json!("1200")), Value::text("1200"));
    assert_eq!(decode_custom(FieldKind::Integer, &json!(1200)), Value::text("1200"));
    assert_eq!(decode_custom(FieldKind::Checkbox, &json!(null)), Value::text("false"));
    assert_eq!(decode_custom(FieldKind::Date, &json!("2027-03-04T00:00:00Z")), Value::text("2027-03-04"));
    assert_eq!(decode_custom(FieldKind::Choice, &json!(null)), Value::Empty);
}

#[test]
fn writing_tags_keeps_those_of_fields_and_our_own() {
    let ticket = raw_ticket();
    let written = encoded(&[(FieldKey::Tags, Value::set(["gold"]))], Some(&ticket)).unwrap();
    assert_eq!(written, json!({ "tags": ["blue_pump", "gold", "is_vip", "north", "tidegate", "tidegate_silent"] }));
    let change = [(FieldKey::Tags, Value::Empty), (FieldKey::custom("Product"), Value::text("red_pump"))];
    let written = encoded(&change, Some(&ticket)).unwrap();
    assert_eq!(written["tags"], json!(["is_vip", "north", "red_pump", "tidegate", "tidegate_silent"]));
    assert_eq!(written["custom_fields"], json!([{ "id": 101, "value": "red_pump" }]));
}

#[test]
fn the_silent_tag_is_sent_again_when_somebody_took_it() {
    let mut ticket = raw_ticket();
    assert_eq!(encoded(&[(FieldKey::Priority, Value::text("low"))], Some(&ticket)).unwrap(), json!({ "priority": "low" }));
    ticket.tags.as_mut().unwrap().retain(|tag| tag != "tidegate_silent");
    let written = encoded(&[(FieldKey::Priority, Value::text("low"))], Some(&ticket)).unwrap();
    assert_eq!(written["tags"], json!(["blue_pump", "enterprise", "is_vip", "north", "tidegate", "tidegate_silent"]));
    assert_eq!(encoded(&[], None).unwrap()["tags"], json!(["tidegate", "tidegate_silent"]), "a new ticket has both");
}

#[test]
fn people_are_written_as_differences() {
    let ticket = raw_ticket();
    let cc = Value::people([PersonId::new("1"), PersonId::new("2")]);
    let written = encoded(&[(FieldKey::Cc, cc.clone())], Some(&ticket)).unwrap();
    let put = |id: u64| json!({ "user_id": id, "action": "put" });
    assert_eq!(written["email_ccs"], json!([put(1), put(2), { "user_id": 35334, "action": "delete" }]));
    assert_eq!(encoded(&[(FieldKey::Followers, cc)], None).unwrap()["followers"], json!([put(1), put(2)]));
    assert_eq!(encoded(&[(FieldKey::Cc, Value::people([PersonId::new("35334")]))], Some(&ticket)).unwrap(), json!({}));
}

#[test]
fn values_are_written_in_the_desks_own_types() {
    let ticket = raw_ticket();
    let fields = [
        (FieldKey::Status, Value::text("Waiting for vendor")),
        (FieldKey::Assignee, Value::Empty),
        (FieldKey::Group, Value::text("Support")),
        (FieldKey::Due, Value::text("2027-01-01T00:00:00Z")),
        (FieldKey::custom("Count"), Value::text("12")),
        (FieldKey::custom("VIP"), Value::text("false")),
        (FieldKey::custom("Areas"), Value::set(["south", "north"])),
        (FieldKey::custom("Delivered"), Value::Empty),
    ];
    let written = encoded(&fields, Some(&ticket)).unwrap();
    assert_eq!(written["custom_status_id"], json!(6));
    assert_eq!(written["assignee_id"], json!(null));
    assert_eq!(written["group_id"], json!(20));
    assert_eq!(written["due_at"], json!("2027-01-01T00:00:00Z"));
    let value =
        |id: u64| written["custom_fields"].as_array().unwrap().iter().find(|field| field["id"] == id).unwrap()["value"].clone();
    assert_eq!((value(106), value(103), value(105)), (json!(12), json!(false), json!(null)));
    assert_eq!(value(102), json!(["north", "south"]));
    assert_eq!(encoded(&[(FieldKey::Status, Value::text("open"))], Some(&ticket)).unwrap(), json!({ "status": "open" }));
}

#[test]
fn names_that_the_account_does_not_have_are_told() {
    let ticket = raw_ticket();
    for (key, name) in [(FieldKey::Group, "Nobody"), (FieldKey::custom("Nothing"), "x"), (FieldKey::Status, "Frozen")] {
        let Unknown(what) = encoded(&[(key, Value::text(name))], Some(&ticket)).unwrap_err();
        assert!(what.contains(name) || what.contains("Nothing"), "{what}");
    }
}

#[test]
fn what_is_read_and_written_back_changes_nothing() {
    let ticket = translated(&parts());
    let keep = |key: &FieldKey| !matches!(key, FieldKey::Organisation);
    let fields: Vec<_> =
        ticket.fields.iter().filter(|(key, _)| keep(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    let raw = raw_ticket();
    let written = encoded(&fields, Some(&raw)).unwrap();
    assert_eq!(written["tags"], json!(raw.tags));
    assert_eq!(written.get("email_ccs"), None);
    for key in
        ["subject", "priority", "type", "custom_status_id", "requester_id", "assignee_id", "group_id", "brand_id", "due_at"]
    {
        assert_eq!(Some(&written[key]), raw.rest.get(key), "{key}");
    }
}

#[test]
fn inline_images_go_both_ways() {
    let url = |source: &str| (source == "5").then_some("https://t.example/attachments/token/q/?name=a.png&x=1");
    let html = "<IMG alt='a' src='attachment:5'><img src=\"attachment:6\"><p src=\"attachment:5\">1 < 2</p>";
    let out = html::inline_from_neutral(html, url);
    let same = "<img src=\"attachment:6\"><p src=\"attachment:5\">1 < 2</p>";
    assert_eq!(out, format!("<IMG alt='a' src='https://t.example/attachments/token/q/?name=a.png&amp;x=1'>{same}"));
}

#[test]
fn only_the_desks_own_wrapper_is_taken_off() {
    let wrapped = "<div class=\"zd-comment\" dir=\"auto\"><div>a</div>b</div>";
    assert_eq!(html::without_wrapper(wrapped), "<div>a</div>b");
    let two = "<div class=\"zd-comment\">a</div><div>b</div>";
    assert_eq!(html::without_wrapper(two), two);
    assert_eq!(html::without_wrapper("<p>x</p>"), "<p>x</p>");
}

#[test]
fn redaction_marks_what_does_not_remain() {
    let now = "<div>My number is <b>84 75</b>, not 84 &amp; thanks</div>";
    let marked = html::marked_for_redaction(now, Some("<div>My number is <b>▇▇▇▇</b>, not 84 &amp; thanks</div>")).unwrap();
    assert_eq!(marked, "<div>My number is <b><redact>84 75</redact></b>, not 84 &amp; thanks</div>");
    assert_eq!(html::marked_for_redaction(now, Some(now)), None);
    let all = html::marked_for_redaction("<a href=\"http://x/\">a b</a><img src=\"q\"/>", None).unwrap();
    assert_eq!(all, "<a href=\"http://x/\" redact><redact>a b</redact></a><img src=\"q\" redact/>");
    assert_eq!(html::runs_to_redact(now, Some("My number is")), [", not 84 & thanks", "84 75"]);
}

#[test]
fn a_cursor_starts_at_a_time() {
    assert_eq!(feed::cursor_at(time("2026-01-01T00:00:00Z")).0, "{\"seen\":1767225600}");
}
