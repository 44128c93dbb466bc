//! Tickets, comments, audits, files and people as the API tells them.

use serde_json::{Map, Value, json};

use super::field::{FIELDS, Kind};
use super::files::File;
use super::people::{Organization, User};
use super::store::{Store, stamp};
use super::ticket::{Audit, Comment, Event, Presence, Ticket, author};

/// A ticket. Deleted ones say so in `status`, as in exports.
pub fn ticket(store: &Store, ticket: &Ticket) -> Value {
    let custom: Vec<Value> = FIELDS
        .iter()
        .map(|field| {
            let empty = if matches!(field.kind, Kind::Checkbox(_)) { json!(false) } else { Value::Null };
            json!({"id": field.id, "value": ticket.custom.get(&field.id).cloned().unwrap_or(empty)})
        })
        .collect();
    let gone = matches!(ticket.presence, Presence::Deleted { .. } | Presence::Scrubbed);
    let status = if gone { "deleted" } else { ticket.status.as_str() };
    let collaborators: Vec<u64> = ticket.email_ccs.union(&ticket.followers).copied().collect();
    let has_incidents = store.incidents.get(&ticket.id).is_some_and(|incidents| !incidents.is_empty());
    let head = json!({
        "url": format!("{}/api/v2/tickets/{}.json", store.url, ticket.id), "id": ticket.id,
        "external_id": ticket.external_id, "via": via(store, ticket),
        "created_at": stamp(ticket.created_at), "updated_at": stamp(ticket.updated_at),
        "generated_timestamp": ticket.generated, "type": ticket.kind, "subject": ticket.subject,
        "raw_subject": ticket.subject, "description": ticket.description(), "priority": ticket.priority, "status": status,
        "recipient": null, "requester_id": ticket.requester, "submitter_id": ticket.submitter,
        "assignee_id": ticket.assignee, "organization_id": ticket.organization, "group_id": ticket.group,
    });
    let tail = json!({
        "collaborator_ids": collaborators, "follower_ids": ticket.followers, "email_cc_ids": ticket.email_ccs,
        "forum_topic_id": null, "problem_id": ticket.problem, "has_incidents": has_incidents,
        "is_public": ticket.is_public(), "due_at": ticket.due_at.map(stamp), "tags": ticket.tags,
        "custom_fields": custom.clone(), "satisfaction_rating": {"score": "unoffered"}, "sharing_agreement_ids": [],
        "custom_status_id": ticket.custom_status, "encoded_id": format!("SIM{:06}", ticket.id), "fields": custom,
        "followup_ids": ticket.followups, "ticket_form_id": ticket.form, "brand_id": ticket.brand,
        "allow_channelback": false, "allow_attachments": true, "from_messaging_channel": false,
    });
    joined(head, tail)
}

/// As documented for follow-ups: the source names the closed ticket.
fn via(store: &Store, ticket: &Ticket) -> Value {
    let mut via = super::commit::via(&ticket.channel);
    if let Some(closed) = ticket.followup_of.and_then(|id| store.tickets.get(&id)) {
        let from = json!({"ticket_id": closed.id, "subject": closed.subject, "channel": closed.channel});
        via["source"] = json!({"from": from, "to": {}, "rel": "follow_up"});
    }
    via
}

fn joined(head: Value, tail: Value) -> Value {
    let (Value::Object(mut all), Value::Object(more)) = (head, tail) else { return Value::Null };
    all.extend(more);
    Value::Object(all)
}

/// An attachment.
pub fn attachment(store: &Store, file: &File) -> Value {
    let url = file.url(&store.url);
    json!({
        "url": format!("{}/api/v2/attachments/{}.json", store.url, file.id), "id": file.id, "file_name": file.name,
        "content_url": url, "mapped_content_url": url, "content_type": file.content_type, "size": file.bytes.len(),
        "width": null, "height": null, "inline": file.inline, "deleted": false, "malware_access_override": false,
        "malware_scan_result": file.scan(store.clock.now()), "thumbnails": [],
    })
}

/// A comment's own keys; `inline` also lists inline images as attachments.
fn comment_core(store: &Store, comment: &Comment, inline: bool) -> Value {
    let files = comment.attachments.iter().filter_map(|id| store.files.by_id.get(id));
    let attachments: Vec<Value> = files.filter(|file| inline || !file.inline).map(|file| attachment(store, file)).collect();
    json!({
        "id": comment.id, "type": "Comment", "author_id": comment.author, "body": comment.plain, "html_body": comment.html,
        "plain_body": comment.plain, "public": comment.public, "attachments": attachments, "audit_id": comment.audit,
        "via": comment.via,
    })
}

/// A comment in a list.
pub fn comment(store: &Store, ticket: &Ticket, comment: &Comment, inline: bool) -> Value {
    let mut told = comment_core(store, comment, inline);
    let audit = ticket.audits.iter().find(|audit| audit.id == comment.audit);
    told["created_at"] = json!(stamp(comment.at));
    told["metadata"] = metadata(audit.map(|audit| &audit.custom));
    told
}

fn metadata(custom: Option<&Value>) -> Value {
    json!({"system": {"client": "sim", "ip_address": "127.0.0.1"}, "custom": custom.cloned().unwrap_or_else(|| json!({}))})
}

/// An audit.
pub fn audit(store: &Store, ticket: &Ticket, audit: &Audit) -> Value {
    let events: Vec<Value> = audit
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Comment(id) => ticket.comment(*id).map(|comment| comment_core(store, comment, true)),
            Event::Told(told) => Some(told.clone()),
        })
        .collect();
    json!({
        "id": audit.id, "ticket_id": audit.ticket, "created_at": stamp(audit.at), "author_id": author(audit.author),
        "metadata": metadata(Some(&audit.custom)), "via": audit.via, "events": events,
    })
}

/// A user.
pub fn user(store: &Store, user: &User) -> Value {
    let mut told = Map::new();
    for key in ["alias", "details", "notes", "phone", "signature", "photo"] {
        told.insert(key.to_string(), Value::Null);
    }
    told.insert("locale".to_string(), json!("en-US"));
    told.insert("time_zone".to_string(), json!("UTC"));
    told.insert("user_fields".to_string(), json!({}));
    told.extend(user.kept.clone());
    let own = json!({
        "id": user.id, "url": format!("{}/api/v2/users/{}.json", store.url, user.id), "name": user.name, "email": user.email,
        "created_at": stamp(user.created_at), "updated_at": stamp(user.updated_at), "role": user.role,
        "active": user.active, "suspended": user.suspended, "verified": user.verified, "external_id": user.external_id,
        "organization_id": user.organization, "default_group_id": user.default_group, "tags": user.tags,
        "shared": false, "shared_agent": false, "moderator": user.is_staff(), "restricted_agent": false,
        "only_private_comments": false, "ticket_restriction": if user.is_staff() { Value::Null } else { json!("requested") },
        "iana_time_zone": "Etc/UTC", "locale_id": 1, "role_type": null, "custom_role_id": null, "report_csv": false,
        "last_login_at": null, "two_factor_auth_enabled": null, "shared_phone_number": null,
    });
    joined(Value::Object(told), own)
}

/// An organisation.
pub fn organization(store: &Store, organization: &Organization) -> Value {
    let mut told = Map::new();
    for key in ["details", "notes", "group_id"] {
        told.insert(key.to_string(), Value::Null);
    }
    told.insert("organization_fields".to_string(), json!({}));
    told.extend(organization.kept.clone());
    let own = json!({
        "id": organization.id, "url": format!("{}/api/v2/organizations/{}.json", store.url, organization.id),
        "name": organization.name, "external_id": organization.external_id, "domain_names": organization.domains,
        "tags": organization.tags, "shared_tickets": false, "shared_comments": false,
        "created_at": stamp(organization.created_at), "updated_at": stamp(organization.updated_at),
    });
    joined(Value::Object(told), own)
}
