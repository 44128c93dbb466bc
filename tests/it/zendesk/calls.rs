//! Calls against a scripted desk: tokens, conflicts, redirects, pages.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use futures_util::StreamExt;
use serde_json::json;
use tidegate::connectors::contract::{Desk, Download, Read, SourceDesk, TargetDesk, Upload};
use tidegate::connectors::fault::Fault;
use tidegate::desk::field::{FieldKey, Value};
use tidegate::desk::id::{AttachmentId, MessageId, PersonId, TicketId};
use tidegate::desk::survey::Told;
use tidegate::desk::ticket::{Attachment, AttachmentState};
use tidegate::desk::write::{Handle, NewTicket, Outcome, Restriction, Write};

use super::script::*;

const TICKET: &str = "GET /api/v2/tickets/5";
const AUDITS: &str = "GET /api/v2/tickets/5/audits";
const COMMENTS: &str = "GET /api/v2/tickets/5/comments";
const UPDATE: &str = "PUT /api/v2/tickets/5";

#[tokio::test]
async fn an_access_token_is_kept_and_replaced_once_when_refused() {
    let script = Script::start().await;
    let token = |name: &str| json!({ "access_token": name, "token_type": "bearer", "expires_in": 7200 });
    script.on("POST /oauth/tokens", 200, token("one")).on("POST /oauth/tokens", 200, token("two"));
    let desk = script.desk(client_auth());
    assert_eq!(desk.identify().await.unwrap().person, PersonId::new("900"));
    desk.identify().await.unwrap();
    assert_eq!(script.asked("POST /oauth").len(), 1);
    script.answers.lock().unwrap().insert(
        "GET /api/v2/users/me".into(),
        vec![
            (401, json!({ "error": "invalid_token" })),
            (200, json!({ "user": { "id": 900, "name": "Gate", "role": "admin" } })),
        ],
    );
    desk.identify().await.unwrap();
    let asked = script.asked("GET /api/v2/users/me");
    let used: Vec<_> = asked.iter().map(|asked| asked.authorization.as_deref().unwrap()).collect();
    assert_eq!(used, ["Bearer one", "Bearer one", "Bearer one", "Bearer two"]);
    let request = script.asked("POST /oauth")[0].json();
    assert_eq!((&request["grant_type"], &request["client_id"]), (&json!("client_credentials"), &json!("gate")));
}

#[tokio::test]
async fn a_credential_of_nobody_or_of_an_agent_is_refused() {
    let script = Script::start().await;
    let line = "GET /api/v2/users/me".to_string();
    script.answers.lock().unwrap().insert(line.clone(), vec![(200, json!({ "user": { "id": null, "name": "Anonymous user" } }))]);
    let refused = script.desk(token_auth()).identify().await.unwrap_err();
    assert!(matches!(refused, Fault::Unauthorised { .. }), "{refused}");
    script.answers.lock().unwrap().insert(line, vec![(200, json!({ "user": { "id": 1, "name": "Ann", "role": "agent" } }))]);
    let refused = script.desk(token_auth()).identify().await.unwrap_err();
    assert!(refused.to_string().contains("admins"), "{refused}");
    script.on("POST /oauth/tokens", 401, json!({ "error": "invalid_client" }));
    let refused = script.desk(client_auth()).identify().await.unwrap_err();
    assert!(matches!(&refused, Fault::Unauthorised { what } if !what.contains("s3cret")), "{refused}");
}

#[tokio::test]
async fn all_pages_are_read_and_a_change_in_between_is_noticed() {
    let script = Script::start().await;
    script.on(TICKET, 200, ticket("open")).on(AUDITS, 200, json!({ "audits": [audit(10)] }));
    let more = json!({ "has_more": true, "after_cursor": "next" });
    script.on(COMMENTS, 200, json!({ "comments": [comment(1, 9)], "meta": more }));
    script.on(COMMENTS, 200, json!({ "comments": [comment(2, 10)], "meta": { "has_more": false, "after_cursor": null } }));
    let desk = script.desk(token_auth());
    script.on("GET /api/v2/users/show_many", 200, json!({ "users": [{ "id": 1, "name": "Jo", "role": "end-user" }] }));
    let Read::Found(found) = desk.read(&TicketId::new("5"), None).await.unwrap() else { panic!("found") };
    assert_eq!(found.messages.iter().map(|message| message.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!((found.stamp.as_str(), found.people.len()), ("10", 1));
    assert_eq!(script.asked("GET /api/v2/tickets/5").len(), 5);
    assert!(script.asked(COMMENTS)[1].line.contains("page%5Bafter%5D=next"));

    let audits = [10, 11, 11, 12, 12, 13].map(|id| (200, json!({ "audits": [audit(id)] })));
    script.answers.lock().unwrap().insert(AUDITS.into(), audits.to_vec());
    assert!(matches!(desk.read(&TicketId::new("5"), None).await.unwrap(), Read::Torn(_)));
}

#[tokio::test]
async fn a_404_is_no_evidence_and_a_list_of_the_deleted_is() {
    let script = Script::start().await;
    script.on(
        "GET /api/v2/deleted_tickets",
        200,
        json!({ "deleted_tickets": [{ "id": 6, "deleted_at": "2026-08-05T10:00:00Z" }] }),
    );
    let desk = script.desk(token_auth());
    assert_eq!(desk.read(&TicketId::new("5"), None).await.unwrap(), Read::Missing);
    let Read::Found(found) = desk.read(&TicketId::new("6"), None).await.unwrap() else { panic!("found") };
    assert_eq!(found.presence, tidegate::desk::ticket::Presence::Deleted);
}

#[tokio::test]
async fn a_field_is_written_only_on_the_state_that_was_decided_on() {
    let script = Script::start().await;
    script.on(TICKET, 200, ticket("open")).on(AUDITS, 200, json!({ "audits": [audit(10)] }));
    script.on(UPDATE, 200, json!({ "ticket": { "id": 5 }, "audit": { "id": 11, "events": [] } }));
    let desk = script.desk(token_auth());
    let write = |expect: &str| Write::SetFields {
        ticket: TicketId::new("5"),
        fields: [(FieldKey::Priority, Value::text("low"))].into(),
        expect: Some(expect.to_string()),
    };
    assert_eq!(desk.apply(&write("9")).await.unwrap(), Outcome::Moved);
    assert_eq!(script.asked("PUT").len(), 0);
    assert!(matches!(desk.apply(&write("10")).await.unwrap(), Outcome::Done(_)));
    let sent = script.asked("PUT")[0].json();
    let expected = json!({ "ticket": { "priority": "low", "safe_update": true, "updated_stamp": "2026-08-05T10:38:52Z", "metadata": { "tidegate": "m" } } });
    assert_eq!(sent, expected);
    script.answers.lock().unwrap().insert(UPDATE.into(), vec![(409, json!({ "error": "UpdateConflict" }))]);
    assert_eq!(desk.apply(&write("10")).await.unwrap(), Outcome::Moved);
}

#[tokio::test]
async fn a_message_is_tried_again_after_a_conflict_and_its_id_comes_from_the_audit() {
    let script = Script::start().await;
    script.on(TICKET, 200, ticket("open"));
    let made = json!({ "ticket": { "id": 5 }, "audit": { "id": 11, "events": [{ "id": 77, "type": "Comment" }, { "id": 78, "type": "Change" }] } });
    script.on(UPDATE, 409, json!({})).on(UPDATE, 200, made);
    let write = Write::AddMessage { ticket: TicketId::new("5"), message: message("tidegate:m:m:1") };
    let Outcome::Done(written) = script.desk(token_auth()).apply(&write).await.unwrap() else { panic!("done") };
    assert_eq!(written.messages, [("tidegate:m:m:1".to_string(), MessageId::new("77"))]);
    let sent = script.asked("PUT")[1].json();
    assert_eq!(sent["ticket"]["comment"], json!({ "html_body": "a &lt; b", "public": false, "author_id": 1 }));
    assert_eq!(sent["ticket"]["metadata"], json!({ "tidegate": "tidegate:m:m:1" }));
}

#[tokio::test]
async fn a_closed_ticket_is_refused_by_name() {
    let script = Script::start().await;
    script.on(TICKET, 200, ticket("closed"));
    let write = Write::AddMessage { ticket: TicketId::new("5"), message: message("k") };
    let refused = script.desk(token_auth()).apply(&write).await.unwrap_err();
    assert!(matches!(&refused, Fault::Refused { what } if what.contains("ticket 5") && what.contains("closed")), "{refused}");
    assert_eq!(script.asked("PUT").len(), 0);
}

#[tokio::test]
async fn a_ticket_is_imported_with_its_whole_conversation() {
    let script = Script::start().await;
    script.on("POST /api/v2/imports/tickets", 201, ticket("open"));
    script.on(COMMENTS, 200, json!({ "comments": [comment(1, 9), comment(2, 9)] }));
    let new = NewTicket {
        key: "tidegate:m:t:7".into(),
        number_there: "7".into(),
        continues: None,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
        fields: [(FieldKey::Subject, Value::text("Hi")), (FieldKey::Requester, Value::Person(PersonId::new("1")))].into(),
        messages: vec![message("a"), message("b")],
    };
    let Outcome::Done(written) = script.desk(token_auth()).apply(&Write::Create(new)).await.unwrap() else { panic!("done") };
    assert_eq!((written.ticket, written.remarks), (Some(TicketId::new("5")), Vec::new()));
    assert_eq!(written.messages, [("a".to_string(), MessageId::new("1")), ("b".to_string(), MessageId::new("2"))]);
    let sent = script.asked("POST /api/v2/imports")[0].json();
    assert_eq!(
        (&sent["ticket"]["external_id"], &sent["ticket"]["tags"]),
        (&json!("tidegate:m:t:7"), &json!(["quiet", "tidegate", "tidegate_old_7"]))
    );
    assert_eq!(sent["ticket"]["comments"][0]["created_at"], json!("1970-01-01T00:00:00Z"));
}

#[tokio::test]
async fn credentials_are_not_sent_to_other_hosts() {
    let (script, other) = (Script::start().await, Script::start().await);
    let away = format!("{}/file?x=1", other.address);
    script.on("GET /attachments/token/a/", 302, json!({ "location": away }));
    other.on("GET /file", 200, json!("bytes"));
    let attachment = Attachment {
        id: AttachmentId::new("1"),
        name: "a".into(),
        content_type: "text/plain".into(),
        size: None,
        inline: false,
        locator: format!("{}/attachments/token/a/?name=a", script.address),
        state: AttachmentState::Ready,
    };
    let mut download = script.desk(token_auth()).download(&attachment).await.unwrap();
    assert_eq!(download.bytes.next().await.unwrap().unwrap(), "\"bytes\"");
    assert!(script.asked("GET /attachments")[0].authorization.is_some());
    assert_eq!(other.asked("GET /file")[0].authorization, None);
}

#[tokio::test]
async fn a_file_is_hashed_while_it_is_uploaded() {
    let script = Script::start().await;
    let attachment = json!({ "id": 1, "content_url": "https://x.example/attachments/token/q/" });
    script.on("POST /api/v2/uploads", 201, json!({ "upload": { "token": "tok", "attachment": attachment } }));
    let desk = script.desk(token_auth());
    let chunks = [Ok(Bytes::from("ab")), Ok(Bytes::from("c"))];
    let upload = |chunks: Vec<Result<Bytes, Fault>>, size| Upload {
        source: AttachmentId::new("9"),
        name: "a b.txt".into(),
        content_type: "text/plain".into(),
        inline: false,
        download: Download { size, bytes: futures_util::stream::iter(chunks).boxed() },
    };
    let staged = desk.stage(upload(chunks.to_vec(), Some(3))).await.unwrap();
    assert_eq!(staged.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(staged.size, 3);
    assert_eq!(
        staged.handle,
        Handle::Uploaded { token: "tok".into(), url: Some("https://x.example/attachments/token/q/".into()) }
    );
    assert_eq!(script.asked("POST /api/v2/uploads?filename=a+b.txt")[0].body, "abc");
    let broken = vec![Ok(Bytes::from("ab")), Err(Fault::unreachable("the source broke"))];
    assert_eq!(desk.stage(upload(broken, None)).await.unwrap_err(), Fault::unreachable("the source broke"));
    let refused = desk.stage(upload(Vec::new(), Some(60 << 20))).await.unwrap_err();
    assert!(matches!(refused, Fault::Refused { .. }), "{refused}");
}

#[tokio::test]
async fn the_export_is_followed_by_cursor_and_shows_what_was_deleted() {
    let script = Script::start().await;
    let export = "GET /api/v2/incremental/tickets/cursor";
    let row = |id: u64, status: &str| json!({ "id": id, "status": status, "created_at": "2026-08-01T00:00:00Z", "updated_at": "2026-08-05T10:00:00Z", "generated_timestamp": 1785924000 });
    script.on(
        export,
        200,
        json!({ "tickets": [row(5, "open"), row(6, "deleted")], "after_cursor": "c1", "end_of_stream": false }),
    );
    script.on(export, 200, json!({ "tickets": [], "after_cursor": "c2", "end_of_stream": true }));
    let desk = script.desk(token_auth());
    let now = DateTime::parse_from_rfc3339("2026-08-05T10:40:00Z").unwrap().to_utc();
    let first = desk.changes(&desk.cursor_at(now), now).await.unwrap();
    assert!(script.asked(export)[0].line.contains(&format!("start_time={}", now.timestamp() - 65)));
    assert!(script.asked(export)[0].line.contains("support_type_scope=all"));
    assert!(first.more);
    assert_eq!(first.hints[0].evidence, "feed:5:2026-08-05T10:00:00Z/1785924000");
    assert_eq!(first.hints[1].what, "ticket.deleted");
    let second = desk.changes(&first.next, now).await.unwrap();
    assert!(script.asked(export)[1].line.contains("cursor=c1"));
    assert_eq!((second.more, second.seen_up_to.timestamp()), (false, now.timestamp() - 65));
    let Read::Found(found) = desk.read(&TicketId::new("6"), None).await.unwrap() else { panic!("found") };
    assert_eq!(found.presence, tidegate::desk::ticket::Presence::Deleted);
    assert!(script.asked("GET /api/v2/deleted_tickets").is_empty());
}

#[tokio::test]
async fn a_cursor_that_the_desk_forgot_is_replaced_by_its_time() {
    let script = Script::start().await;
    let export = "GET /api/v2/incremental/tickets/cursor";
    let page = json!({ "tickets": [], "after_cursor": "c", "end_of_stream": true });
    script.on(export, 200, page.clone()).on(export, 422, json!({ "error": "InvalidCursor" })).on(export, 200, page);
    let desk = script.desk(token_auth());
    let now = DateTime::parse_from_rfc3339("2026-08-05T10:40:00Z").unwrap().to_utc();
    let first = desk.changes(&desk.cursor_at(now), now).await.unwrap();
    desk.changes(&first.next, now).await.unwrap();
    assert!(script.asked(export)[2].line.contains(&format!("start_time={}", now.timestamp() - 65)));
}

#[tokio::test]
async fn a_webhook_of_our_name_is_brought_up_to_date() {
    let script = Script::start().await;
    let hooks = json!({ "webhooks": [{ "id": "01A", "name": "tidegate m 2" }, { "id": "01B", "name": "tidegate m" }] });
    script.on("GET /api/v2/webhooks", 200, hooks).on("PATCH /api/v2/webhooks/01B", 204, json!(null));
    script.on(
        "GET /api/v2/webhooks/01B/signing_secret",
        200,
        json!({ "signing_secret": { "algorithm": "SHA256", "secret": "abc" } }),
    );
    let registered = script.desk(token_auth()).register_webhook("tidegate m", "https://gate.example/in/m").await.unwrap();
    assert_eq!((registered.id.as_str(), registered.secret.expose()), ("01B", "abc"));
    let sent = script.asked("PATCH")[0].json();
    assert_eq!(sent["webhook"]["endpoint"], json!("https://gate.example/in/m"));
    assert_eq!(sent["webhook"]["subscriptions"].as_array().unwrap().len(), 37);
}

#[tokio::test]
async fn a_restriction_closes_what_is_open_first() {
    let script = Script::start().await;
    script.on(TICKET, 200, ticket("open")).on(COMMENTS, 200, json!({ "comments": [comment(1, 9)] }));
    script.on("PUT /api/v2/tickets/5/comments/1/make_private", 200, json!(""));
    script.on("PUT /api/v2/comment_redactions/1", 404, json!({})).on("PUT /api/v2/tickets/5/comments/1/redact", 200, json!({}));
    let write = Write::Restrict { ticket: TicketId::new("5"), message: MessageId::new("1"), how: Restriction::Remove };
    script.desk(token_auth()).apply(&write).await.unwrap();
    let asked = script.asked("PUT");
    let lines: Vec<&str> = asked.iter().map(|asked| asked.line.rsplit('/').next().unwrap()).collect();
    assert_eq!(lines, ["make_private", "1", "redact"]);
    assert_eq!(asked[1].json(), json!({ "ticket_id": 5, "html_body": "<p><redact>comment 1</redact></p>" }));
    assert_eq!(asked[2].json(), json!({ "text": "comment 1" }));
}

#[tokio::test]
async fn a_merge_waits_for_the_desks_job_and_is_silent() {
    let script = Script::start().await;
    let mut loud = ticket("open");
    loud["ticket"]["tags"] = json!([]);
    script.on(TICKET, 200, loud).on("GET /api/v2/tickets/8", 200, ticket("open"));
    script.on("PUT /api/v2/tickets/5/tags", 200, json!({ "tags": ["quiet", "tidegate"] }));
    script.on("POST /api/v2/tickets/8/merge", 200, json!({ "job_status": { "id": "j", "status": "queued" } }));
    let done =
        |success| json!({ "job_status": { "id": "j", "status": "completed", "results": [{ "id": 5, "success": success }] } });
    script.on("GET /api/v2/job_statuses/j", 200, done(true)).on("GET /api/v2/job_statuses/j", 200, done(false));
    let write = Write::Merge { ticket: TicketId::new("5"), into: TicketId::new("8") };
    let desk = script.desk(token_auth());
    assert!(matches!(desk.apply(&write).await.unwrap(), Outcome::Done(_)));
    assert_eq!(script.asked("PUT /api/v2/tickets/5/tags")[0].json()["tags"], json!(["quiet", "tidegate"]));
    assert_eq!(script.asked("POST")[0].json()["target_comment_is_public"], json!(false));
    assert!(matches!(desk.apply(&write).await.unwrap_err(), Fault::Refused { .. }));
}

#[tokio::test]
async fn an_answer_without_what_was_asked_for_does_not_say_that_there_is_nothing() {
    let script = Script::start().await;
    let searches = ["tickets", "users/show_many", "incremental/tickets/cursor", "tickets/5/audits", "deleted_tickets"];
    for path in searches {
        script.on(&format!("GET /api/v2/{path}"), 200, json!({}));
    }
    fn unreadable<T: std::fmt::Debug>(read: Result<T, Fault>) {
        assert!(matches!(read, Err(Fault::Unreadable { .. })), "{read:?}");
    }
    let (desk, id, now) = (script.desk(token_auth()), TicketId::new("5"), DateTime::UNIX_EPOCH + TimeDelta::days(9));
    unreadable(desk.find_ticket("tidegate:m:t:7").await);
    unreadable(desk.find_message(&id, "tidegate:m:m:7").await);
    unreadable(desk.find_person(None, "tidegate:m:p:7").await);
    unreadable(desk.person(&PersonId::new("1")).await);
    unreadable(desk.changes(&desk.cursor_at(now), now).await);
    unreadable(desk.list(None).await);
    // A ticket that is not shown: the list of deleted ones has to say something.
    script.answers.lock().unwrap().insert(AUDITS.into(), vec![(404, json!({}))]);
    unreadable(desk.read(&id, None).await);
    script.answers.lock().unwrap().insert(AUDITS.into(), vec![(200, json!({ "audits": [audit(10)] }))]);
    script.on(TICKET, 200, ticket("open")).on(COMMENTS, 200, json!({}));
    unreadable(desk.read(&id, None).await);
    // Nor is it a write that was done.
    script.on(UPDATE, 200, json!({}));
    let added = desk.apply(&Write::AddMessage { ticket: id, message: message("k") }).await;
    assert!(added.as_ref().is_err_and(Fault::leaves_doubt), "{added:?}");
}

#[tokio::test]
async fn people_are_compared_exactly() {
    let script = Script::start().await;
    let user = |id: u64, email: &str, key: &str| json!({ "id": id, "name": "n", "email": email, "external_id": key, "role": "end-user" });
    script.on("GET /api/v2/users/show_many", 200, json!({ "users": [user(1, "x@y.example", "k")] }));
    script.on(
        "GET /api/v2/users/search",
        200,
        json!({ "users": [user(2, "Jo@c.example", ""), user(3, "jo@c.example.org", "")] }),
    );
    let found = script.desk(token_auth()).find_person(Some("jo@C.example"), "k").await.unwrap();
    assert_eq!(found.iter().map(|person| person.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
}

#[tokio::test]
async fn an_account_that_does_not_tell_sla_targets_is_not_taken_for_one_without_any() {
    let script = Script::start().await;
    let line = "GET /api/v2/tickets/show_many";
    let without = json!({ "tickets": [{ "id": 5 }, { "id": 6, "due_at": "2026-08-06T00:00:00Z" }] });
    let empty = json!({ "tickets": [{ "id": 5, "slas": { "policy_metrics": [] } }] });
    script.on(line, 200, without).on(line, 200, empty);
    let desk = script.desk(token_auth());
    let tickets = [TicketId::new("5"), TicketId::new("6")];
    let told = desk.due(&tickets).await.unwrap();
    assert!(matches!(&told, Told::CannotTell(why) if why.contains("SLA targets")), "{told:?}");
    assert_eq!(desk.due(&tickets).await.unwrap(), Told::Known(Vec::new()), "no policy is nothing due");
    assert!(script.asked(line)[0].line.contains("include=slas"));
}

#[tokio::test]
async fn the_silent_tag_is_taken_off_in_one_job_and_singly_where_the_job_does_not_say_it_did() {
    let script = Script::start().await;
    let job =
        |status: &str, results: serde_json::Value| json!({ "job_status": { "id": "j1", "status": status, "results": results } });
    let results = json!([{ "id": 4, "index": 0, "success": true }, { "index": 1, "success": false, "error": "TicketLocked" }]);
    script.on("PUT /api/v2/tickets/update_many", 200, job("queued", json!(null)));
    script.on("GET /api/v2/job_statuses/j1", 200, job("working", json!(null)));
    script.on("GET /api/v2/job_statuses/j1", 200, job("completed", results));
    script.on(TICKET, 200, ticket("open")).on("DELETE /api/v2/tickets/5/tags", 200, json!({ "tags": [] }));
    let tickets = ["4", "5", "6"].map(TicketId::new);
    let still = script.desk(token_auth()).end_silences(&tickets).await.unwrap();
    assert_eq!(still.iter().map(|one| one.ticket.as_str()).collect::<Vec<_>>(), ["6"], "it is not there: {still:?}");
    let asked = &script.asked("PUT /api/v2/tickets/update_many?ids=4%2C5%2C6")[0];
    assert_eq!(asked.json()["ticket"]["remove_tags"], json!(["quiet"]));
    assert!(asked.json()["ticket"].get("comment").is_none());
    assert_eq!(script.asked("DELETE /api/v2/tickets/5/tags")[0].json()["tags"], json!(["quiet"]));
    assert_eq!(script.asked("GET /api/v2/job_statuses").len(), 2);
}
