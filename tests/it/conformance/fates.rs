//! What becomes of tickets and messages: links, merges, deletions, restrictions, the last status.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tidegate::connectors::contract::{Download, Upload};
use tidegate::connectors::fault::Fault;
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Fields, Value};
use tidegate::desk::id::AttachmentId;
use tidegate::desk::ticket::{AttachmentState, Link, LinkKind, Presence, Visibility};
use tidegate::desk::write::{NewTicket, Restriction, Write};

use super::desk::{Desk, words};

pub async fn links_are_made_and_removed(desk: &Desk) {
    let (from, to) = (desk.ticket("t:1").await, desk.ticket("t:2").await);
    if let Some(kind) = desk.can().parent_type {
        let parent = Write::AddLink { ticket: from.clone(), link: Link { kind: LinkKind::Parent, to: to.clone() } };
        // A ticket of another type stays what it is.
        desk.set(&to, Fields::from([(FieldKey::Type, Value::text("question"))])).await;
        let refused = desk.ours.apply(&parent).await;
        assert!(matches!(refused, Err(Fault::Refused { .. })), "{refused:?}");
        desk.set(&to, Fields::from([(FieldKey::Type, Value::text(kind))])).await;
    }
    for kind in [LinkKind::Parent, LinkKind::DependsOn, LinkKind::RefersTo] {
        let link = Link { kind, to: to.clone() };
        let add = Write::AddLink { ticket: from.clone(), link: link.clone() };
        if !desk.can().links.contains(&kind) {
            let refused = desk.ours.apply(&add).await;
            assert!(matches!(refused, Err(Fault::Refused { .. })), "{kind:?}: {refused:?}");
            continue;
        }
        desk.apply(&add).await;
        // A second time changes nothing.
        desk.apply(&add).await;
        assert!(desk.read(&from).await.links.contains(&link), "{kind:?}");
        assert!(desk.read(&to).await.links.is_empty(), "{kind:?} is told at its other end");
        let remove = Write::RemoveLink { ticket: from.clone(), link: link.clone() };
        desk.apply(&remove).await;
        assert!(desk.read(&from).await.links.is_empty(), "{kind:?}");
        desk.apply(&remove).await;
    }
}

pub async fn our_key_can_be_put_on_a_ticket_later(desk: &Desk) {
    let ticket = desk.ticket("t:1").await;
    let (before, key) = (desk.read(&ticket).await, desk.key("t:2"));
    desk.apply(&Write::SetKey { ticket: ticket.clone(), key: key.clone(), number_there: "4712".into() }).await;
    let after = desk.read(&ticket).await;
    assert_eq!((after.key.as_deref(), &after.fields, &after.links), (Some(key.as_str()), &before.fields, &before.links));
    assert_eq!(after.messages.len(), before.messages.len());
    assert_eq!(desk.ours.find_ticket(&key).await.unwrap(), [ticket]);
    assert_eq!(desk.ours.find_ticket(&desk.key("t:1")).await.unwrap(), []);
}

pub async fn a_merged_ticket_says_where_it_went(desk: &Desk) {
    let (gone, stays) = (desk.ticket("t:1").await, desk.ticket("t:2").await);
    let merge = Write::Merge { ticket: gone.clone(), into: stays.clone() };
    if !desk.can().merges {
        assert!(matches!(desk.ours.apply(&merge).await, Err(Fault::Refused { .. })));
        return;
    }
    desk.apply(&merge).await;
    let told = desk.read(&gone).await;
    assert_eq!((&told.id, told.presence), (&gone, Presence::MergedInto(stays.clone())));
    assert_eq!(desk.read(&stays).await.presence, Presence::Present);
    let third = desk.ticket("t:3").await;
    desk.apply(&Write::Merge { ticket: stays.clone(), into: third.clone() }).await;
    let next = match desk.read(&gone).await.presence {
        Presence::MergedInto(next) => next,
        other => panic!("{other:?}"),
    };
    assert!([&stays, &third].contains(&&next), "{next}");
    assert_eq!(desk.read(&stays).await.presence, Presence::MergedInto(third));
}

pub async fn a_deleted_ticket_says_so(desk: &Desk) {
    let id = desk.ticket("t:1").await;
    let delete = Write::Delete { ticket: id.clone() };
    if !desk.can().deletes {
        assert!(matches!(desk.ours.apply(&delete).await, Err(Fault::Refused { .. })));
        return;
    }
    desk.apply(&delete).await;
    let told = desk.read(&id).await;
    assert_eq!((told.presence, told.messages), (Presence::Deleted, Vec::new()));
}

/// A ticket with a message that has words and a file to be taken back.
async fn open_secret(desk: &Desk) -> Write {
    let id = desk.ticket("t:1").await;
    let body = Body::Html("<p>The number is 4711 0815, keep it</p>".into());
    let mut message = desk.message("m:1", Visibility::Public, body).await;
    let download = Download { size: Some(6), bytes: stream::iter([Ok(Bytes::from_static(b"secret"))]).boxed() };
    let (name, content_type) = ("card.bin".to_string(), "application/octet-stream".to_string());
    let upload = Upload { source: AttachmentId::new("s1"), name, content_type, inline: false, download };
    message.attachments.push(desk.ours.stage(upload).await.unwrap());
    desk.apply(&Write::AddMessage { ticket: id.clone(), message }).await;
    let message = desk.read(&id).await.messages[1].id.clone();
    Write::Restrict { ticket: id, message, how: Restriction::Remove }
}

pub async fn a_message_is_restricted_as_claimed(desk: &Desk) {
    let Write::Restrict { ticket, message, .. } = open_secret(desk).await else { unreachable!() };
    let file = desk.read(&ticket).await.messages[1].attachments[0].id.clone();
    let remains = Body::Html("<p>The number is keep it</p>".into());
    let can = desk.can();
    let wanted = [
        (can.makes_private, Restriction::MakePrivate),
        (can.redacts, Restriction::Redact { body: remains }),
        (can.removes_attachments, Restriction::RemoveAttachment { attachment: file.clone() }),
        (can.makes_private && can.redacts, Restriction::Remove),
    ];
    for (claimed, how) in wanted {
        let write = Write::Restrict { ticket: ticket.clone(), message: message.clone(), how };
        if claimed {
            desk.apply(&write).await;
        } else {
            let refused = desk.ours.apply(&write).await;
            assert!(matches!(refused, Err(Fault::Refused { .. })), "{write:?}: {refused:?}");
        }
        let told = desk.read(&ticket).await.messages.into_iter().find(|told| told.id == message).expect("the message");
        let Write::Restrict { how, .. } = write else { unreachable!() };
        let shown = words(&told.body).join(" ");
        match how {
            Restriction::MakePrivate => assert_eq!(told.visibility == Visibility::Internal, claimed),
            Restriction::Redact { .. } => {
                assert_eq!(!shown.contains("4711") && !shown.contains("0815"), claimed, "{shown}");
                assert!(shown.contains("The number is"), "{shown}");
            }
            Restriction::RemoveAttachment { .. } => {
                let there = told.attachments.iter().any(|it| it.id == file && it.state == AttachmentState::Ready);
                assert_eq!(!there, claimed);
            }
            Restriction::Remove => assert_eq!(!shown.contains("number"), claimed, "{shown}"),
        }
    }
}

pub async fn a_ticket_after_its_last_status_is_immutable_as_claimed(desk: &Desk) {
    let id = desk.ticket("t:1").await;
    for status in desk.can().final_statuses {
        desk.set(&id, Fields::from([(FieldKey::Status, Value::text(*status))])).await;
        let told = desk.read(&id).await;
        assert_eq!(told.fields[&FieldKey::Status], Value::text(*status));
        assert_eq!(told.immutable, desk.can().immutable_status == Some(status), "{status}");
    }
    if desk.can().immutable_status.is_none() {
        return;
    }
    let late = desk.message("m:1", Visibility::Public, Body::Text("late".into())).await;
    let refused = desk.ours.apply(&Write::AddMessage { ticket: id, message: late }).await;
    assert!(matches!(refused, Err(Fault::Refused { .. })), "{refused:?}");
}

pub async fn a_follow_up_refers_to_the_ticket_before_it(desk: &Desk) {
    let before = desk.ticket("t:1").await;
    for status in desk.can().final_statuses {
        desk.set(&before, Fields::from([(FieldKey::Status, Value::text(*status))])).await;
    }
    let first = desk.message("t:2:1", Visibility::Public, Body::Html("<p>It bent again.</p>".into())).await;
    let new = desk.new_ticket("t:2", desk.plain_fields().await, vec![first]).await;
    let written = desk.apply(&Write::Create(NewTicket { continues: Some(before.clone()), ..new })).await;
    assert_eq!(written.remarks, Vec::<String>::new());
    let made = desk.read(&written.ticket.unwrap()).await;
    assert_eq!(made.links, [Link { kind: LinkKind::RefersTo, to: before.clone() }].into());
    assert!(desk.read(&before).await.links.is_empty(), "it is told at its other end");
}
