//! Deliveries: their proof and what they hint at.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tidegate::connectors::delivery::{Delivery, Rejection};
use tidegate::connectors::zendesk::webhook::{SCHEME, delivery_id, hints, hints_of, subscriptions};
use tidegate::desk::id::TicketId;
use tidegate::secret::Secret;

use super::time;

const EVENT: &str = include_str!("../../recorded/zendesk/event-attachment-linked-to-comment.json");
const USER_EVENT: &str = include_str!("../../recorded/zendesk/event-user-group-membership-created.json");

fn signed(body: &str, at: &str, signature: &str) -> Delivery {
    let headers = [("x-zendesk-webhook-signature", signature), ("x-zendesk-webhook-signature-timestamp", at)];
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_string())).to_vec();
    Delivery { headers, body: body.to_string().into() }
}

fn signature(secret: &str, at: &str, body: &str) -> String {
    use base64::Engine;
    use hmac::{KeyInit, Mac};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(at.as_bytes());
    mac.update(body.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
}

#[test]
fn a_signed_event_is_one_hint_and_has_the_payloads_id() {
    let at = "2025-01-14T19:31:43Z";
    let delivery = signed(EVENT, at, &signature("own secret", at, EVENT));
    let secrets = [Secret::new("other"), Secret::new("own secret")];
    let verified = SCHEME.check(delivery, &secrets, time(at), Duration::from_secs(300)).unwrap();
    assert_eq!(delivery_id(&verified).unwrap(), "030a3f7a-9bb9-47a4-9a36-6aa8f1d66783");
    let hints = hints(&verified).unwrap();
    assert_eq!(hints.len(), 1);
    assert_eq!(hints[0].ticket, TicketId::new("19395"));
    assert_eq!(hints[0].what, "ticket.attachment_linked_to_comment");
    assert_eq!(hints[0].evidence, "event:030a3f7a-9bb9-47a4-9a36-6aa8f1d66783");
    assert_eq!(hints[0].at, time("2025-01-14T19:31:42Z"));
    assert_eq!(hints[0].least_stamp, None);
}

#[test]
fn the_vendors_published_signature_is_right_and_proves_nothing() {
    let signature = "10IqYzYTLHRftNsNE+im0DeOM6/JactIRuy0XCHJ9B8=";
    assert_eq!(self::signature(SCHEME.public_secrets[0], "1234", USER_EVENT), signature);
    let at = "2026-01-01T00:00:00Z";
    let delivery = signed(USER_EVENT, at, &self::signature(SCHEME.public_secrets[0], at, USER_EVENT));
    let refused = SCHEME.check(delivery, &[Secret::new("own")], time(at), Duration::from_secs(300));
    assert_eq!(refused.unwrap_err(), Rejection::PublicSecret);
}

#[test]
fn events_about_people_bring_no_hint() {
    assert_eq!(hints_of(USER_EVENT.as_bytes()).unwrap(), []);
}

#[test]
fn ids_may_be_numbers_and_details_may_be_missing() {
    let event = json!({ "id": 7, "type": "zen:event-type:ticket.merged", "subject": "zen:ticket:12", "time": "2026-01-01T00:00:00.123456789Z" });
    let hints = hints_of(event.to_string().as_bytes()).unwrap();
    assert_eq!((hints[0].ticket.as_str(), hints[0].evidence.as_str()), ("12", "event:7"));
    let event = json!({ "id": "x", "type": "zen:event-type:messaging_ticket.message_added", "detail": { "id": 9007199254740993u64, "updated_at": "2026-01-01T00:00:00Z" } });
    assert_eq!(hints_of(event.to_string().as_bytes()).unwrap()[0].ticket.as_str(), "9007199254740993");
}

#[test]
fn what_cannot_be_read_says_why() {
    for (body, why) in [
        ("{", "not an event"),
        ("{\"ticket\": 5}", "no `type`"),
        ("{\"type\": \"ticket.created\"}", "does not start"),
        ("{\"type\": \"zen:event-type:ticket.created\"}", "no `id`"),
        ("{\"id\": \"a\", \"type\": \"zen:event-type:ticket.created\", \"detail\": {\"id\": \"\"}}", "names no ticket"),
        ("{\"id\": \"a\", \"type\": \"zen:event-type:ticket.created\", \"detail\": {\"id\": \"5\"}}", "neither"),
    ] {
        let error = hints_of(body.as_bytes()).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    assert!(hints_of(b"\xff\xfe").is_err());
    assert_eq!(hints_of(b"").unwrap(), [], "a test without a payload");
}

#[test]
fn every_ticket_event_is_subscribed() {
    let all: BTreeSet<String> = subscriptions().collect();
    assert_eq!(all.len(), 37);
    assert!(all.contains("zen:event-type:ticket.comment_added"));
    let event: Json = serde_json::from_str(EVENT).unwrap();
    assert!(all.contains(event["type"].as_str().unwrap()));
}
