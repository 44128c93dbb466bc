//! Event webhooks: how a delivery proves itself and what it hints at. Pure.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use crate::change::Hint;
use crate::connectors::contract::Steps;
use crate::connectors::delivery::{Encoding, Scheme, TimeFormat, Verified};
use crate::desk::id::TicketId;

use super::wire::Id;

/// As documented by Zendesk: base64 of HMAC-SHA256 over the timestamp header followed by the raw body. Requests tried out in
/// the webhook builder are signed with a secret that is the same for everyone.
pub static SCHEME: Scheme = Scheme {
    signature: "x-zendesk-webhook-signature",
    encoding: Encoding::Base64,
    time: "x-zendesk-webhook-signature-timestamp",
    time_format: TimeFormat::Rfc3339,
    separator: "",
    public_secrets: &["dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="],
    // As documented by Zendesk: 409 is sent again up to three times, 500 is not.
    busy_status: 409,
};

/// As Zendesk's Admin Center has it. A webhook of this name is recognised as ours.
pub static STEPS: Steps = Steps {
    register: &[
        "Nothing has to be done by hand: `register` does it, and so does a running `tidegate serve`.",
        "If an admin would rather: Admin Center, Apps and integrations, Webhooks, Create webhook.",
        "Connect it to Zendesk events, and choose every event of tickets.",
        "Name: {name}",
        "Endpoint URL: {url}",
        "Request method POST, request format JSON, authentication None.",
        "The gateway finds it by its name, and reads its secret by itself.",
    ],
    rotate: &[
        "Nothing has to be done by hand: Zendesk made the secret and signs with it from now on.",
        "In Admin Center: Webhooks, {name}, Reveal secret, Reset secret does the same.",
    ],
    remove: &["Nothing has to be done by hand. In Admin Center: Webhooks, {name}, Delete webhook does the same."],
};

const TYPE_PREFIX: &str = "zen:event-type:";

/// Every ticket event that Zendesk documents, without `zen:event-type:ticket.`. There is no general "updated".
pub const TICKET_EVENTS: [&str; 37] = [
    "agent_assignment_changed",
    "attachment_linked_to_comment",
    "attachment_redacted_from_comment",
    "brand_changed",
    "comment_added",
    "comment_made_private",
    "comment_redacted",
    "created",
    "csat_received",
    "csat_requested",
    "custom_field_changed",
    "custom_status_changed",
    "description_changed",
    "email_ccs_changed",
    "external_id_changed",
    "followers_changed",
    "form_changed",
    "group_assignment_changed",
    "marked_as_spam",
    "merged",
    "next_sla_breach_changed",
    "ola_policy_changed",
    "organization_changed",
    "permanently_deleted",
    "priority_changed",
    "problem_link_changed",
    "requester_changed",
    "schedule_changed",
    "sla_policy_changed",
    "soft_deleted",
    "status_changed",
    "subject_changed",
    "submitter_changed",
    "tags_changed",
    "task_due_at_changed",
    "type_changed",
    "undeleted",
];

/// What a webhook subscribes to: every ticket event, by its full name.
pub fn subscriptions() -> impl Iterator<Item = String> {
    TICKET_EVENTS.iter().map(|name| format!("{TYPE_PREFIX}ticket.{name}"))
}

#[derive(Deserialize)]
struct Envelope {
    id: Option<Value>,
    #[serde(rename = "type")]
    kind: Option<String>,
    subject: Option<String>,
    time: Option<DateTime<Utc>>,
    detail: Option<Value>,
}

/// The event of a test: about nothing, so that it hints at nothing.
pub fn test_payload(id: &str) -> String {
    serde_json::json!({ "id": id, "type": format!("{TYPE_PREFIX}webhook.tested"), "subject": "zen:webhook:tidegate" }).to_string()
}

/// What a delivery hints at. Events about users, organisations and other things bring no hint. Errors: a sentence on why
/// the delivery cannot be read; it holds no customer text.
pub fn hints(delivery: &Verified) -> Result<Vec<Hint>, String> {
    hints_of(delivery.body())
}

/// [`hints`] of a body that was verified before (or recorded, in a test).
pub fn hints_of(body: &[u8]) -> Result<Vec<Hint>, String> {
    if body.is_empty() {
        // A test without a payload.
        return Ok(Vec::new());
    }
    let envelope: Envelope = serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("the body is not an event in Zendesk's JSON envelope (line {line}, column {column})")
    })?;
    let kind = envelope.kind.as_deref().ok_or("the event has no `type`; is the webhook connected to a trigger?")?;
    let name = kind.strip_prefix(TYPE_PREFIX).ok_or("the event's `type` does not start with `zen:event-type:`")?;
    if !(name.starts_with("ticket.") || name.starts_with("messaging_ticket.")) {
        return Ok(Vec::new());
    }
    let event = envelope.id.as_ref().and_then(Id::of).ok_or("the ticket event has no `id`")?;
    let ticket = envelope.ticket().ok_or("the ticket event names no ticket in `detail.id` or `subject`")?;
    let at = envelope.changed_at().ok_or("the ticket event has neither `detail.updated_at` nor `time`")?;
    Ok(vec![Hint { ticket, what: name.to_string(), evidence: format!("event:{event}"), least_stamp: None, feed_stamp: None, at }])
}

/// The payload's own id, which is inside the signed bytes.
pub fn delivery_id(delivery: &Verified) -> Option<String> {
    let envelope: Envelope = serde_json::from_slice(delivery.body()).ok()?;
    envelope.id.as_ref().and_then(Id::of).map(|id| id.to_string())
}

impl Envelope {
    fn ticket(&self) -> Option<TicketId> {
        let detail = self.detail.as_ref().and_then(|detail| detail.get("id")).and_then(Id::of);
        let subject = || {
            let last = self.subject.as_deref()?.rsplit(':').next()?;
            last.parse::<u64>().ok().map(|number| Id::new(number.to_string()))
        };
        detail.or_else(subject).map(TicketId::new)
    }

    fn changed_at(&self) -> Option<DateTime<Utc>> {
        let updated = self.detail.as_ref().and_then(|detail| detail.get("updated_at")).and_then(Value::as_str);
        let updated = updated.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
        updated.map(|at| at.to_utc()).or(self.time)
    }
}
