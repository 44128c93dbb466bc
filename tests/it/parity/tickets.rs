//! Files, links, presence, and tickets that are not there or will not stand still.

use bytes::Bytes;
use chrono::TimeDelta;
use tidegate::connectors::contract::Read;
use tidegate::connectors::fault::Fault;
use tidegate::cutover::parity::{Which, check_pairs};
use tidegate::cutover::report::Kind;
use tidegate::desk::Side;
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Value};
use tidegate::desk::id::{AttachmentId, MessageId};
use tidegate::desk::policy::Deletion;
use tidegate::desk::ticket::{Actor, AttachmentState, Link, LinkKind, Presence, Visibility};
use tidegate::ledger::parked::Park;
use tidegate::ledger::settle::StepSettled;
use tidegate::merge::base::{Base, MessageLink, Unheld, Why};

use super::desks::{Mirror, act, link, start, ticket};
use super::{differs, explained, found};

#[tokio::test]
async fn files_are_compared_by_their_bytes() {
    let bytes = |id: &str, bytes: &'static str| {
        let id = AttachmentId::new(id);
        move |mirror: &mut Mirror| drop(mirror.target.files.insert(id, Bytes::from(bytes)))
    };
    differs(bytes("Tf1", "bytes of file 7"), Kind::File, "other bytes").await;
    differs(|mirror| mirror.new_one().messages[1].attachments.clear(), Kind::File, "missing").await;
    differs(
        |mirror| {
            let again = mirror.new_one().messages[1].attachments[0].clone();
            mirror.new_one().messages[1].attachments.push(again);
        },
        Kind::File,
        "a file more",
    )
    .await;
    differs(|mirror| mirror.new_one().messages[1].attachments[0].name = "invoice.doc".into(), Kind::File, "another name").await;
}

#[tokio::test]
async fn files_that_a_desk_does_not_keep_are_explained() {
    explained(
        async |mirror| {
            mirror.old().messages[1].attachments[0].content_type = "text/csv; charset=latin1".into();
            mirror.target.files.insert(AttachmentId::new("Tf1"), Bytes::from_static(b"recoded"));
        },
        "recoded",
    )
    .await;
    explained(
        async |mirror| {
            let Body::Html(html) = mirror.new_one().messages[1].body.clone() else { panic!("it is HTML") };
            let line = "<p><em>[File not carried: räport.pdf: the old desk has it: malware]</em></p>";
            mirror.new_one().messages[1].body = Body::Html(format!("{html}\n{line}"));
            mirror.new_one().messages[1].attachments.clear();
        },
        "the message says so",
    )
    .await;
    explained(async |mirror| mirror.new_one().messages[1].attachments[0].state = AttachmentState::Pending, "scans a file").await;
}

#[tokio::test]
async fn what_was_restricted_and_cannot_be_is_explained_only_where_a_person_was_told() {
    let restrict = |mirror: &mut Mirror| mirror.old().messages[0].visibility = Visibility::Internal;
    differs(restrict, Kind::Exposed, "internal").await;
    explained(
        async |mirror| {
            restrict(mirror);
            let claim = mirror.claim(&ticket(1), 1).await;
            let exposed = MessageLink {
                born: Side::Source,
                original: MessageId::new("m1a"),
                copy: Some(MessageId::new("Tm1a")),
                digest: String::new(),
                visibility: Visibility::Internal,
                files: Vec::new(),
                exposed: true,
            };
            let step = StepSettled { links: &[exposed], ..StepSettled::default() };
            mirror.ledger.settle_step(&claim, step, start()).await.unwrap();
            let base = mirror.ledger.pair(claim.pair).await.unwrap().base.unwrap();
            mirror.settle_lane(&claim, &mirror.source.tickets[&ticket(1)], &base, "copied").await;
        },
        "a person was told",
    )
    .await;
    differs(|mirror| mirror.old().messages[0].body = Body::Text("Hello, it is ▇▇▇▇▇▇".into()), Kind::Exposed, "says more").await;
    explained(
        async |mirror| {
            mirror.old().messages[0].body = Body::Text("Hello, it is ▇▇▇▇▇▇".into());
            mirror.new_one().messages[0].body = Body::Html("Hello, ▇▇ is".into());
        },
        "redacted",
    )
    .await;
}

#[tokio::test]
async fn links_between_tickets_are_compared() {
    let parent = |to: u32| Link { kind: LinkKind::Parent, to: ticket(to) };
    differs(move |mirror| mirror.old().links.extend([parent(2)]), Kind::Link, "102").await;
    let depends = Link { kind: LinkKind::DependsOn, to: ticket(2) };
    for (link, why, word) in [(depends, Why::NoSuchLink, "does not hold"), (parent(77), Why::NotCarried, "not carried")] {
        let silently = link.clone();
        differs(move |mirror| mirror.old().links.extend([silently]), Kind::Link, "link").await;
        explained(
            async |mirror| {
                mirror.old().links.insert(link.clone());
                mirror.settle_again("copied", |base| base.unheld.push(Unheld { link: link.clone(), why })).await;
            },
            word,
        )
        .await;
    }
    let mut mirror = Mirror::carried().await;
    mirror.old().links.insert(parent(2));
    mirror.new_one().links.insert(parent(102));
    assert_eq!(found(&mirror.check().await), []);
    // Taken out at the source, and still there.
    mirror.old().links.clear();
    mirror.settle_again("copied", |base| base.links.push(link(2, 102))).await;
    let report = mirror.check().await;
    assert!(matches!(found(&report).as_slice(), [(Kind::Link, what)] if what.contains("took out")));
}

#[tokio::test]
async fn deletions_follow_the_policy() {
    let delete = |mirror: &mut Mirror| {
        mirror.old().presence = Presence::Deleted;
        mirror.old().messages.clear();
    };
    differs(delete, Kind::Presence, "not marked").await;
    let mut mirror = Mirror::carried().await;
    delete(&mut mirror);
    mirror.new_one().fields.insert(FieldKey::Tags, Value::set(["tidegate_deleted"]));
    assert_eq!(found(&mirror.check().await), []);
    mirror.policy.deletion = Deletion::Delete;
    assert_eq!(found(&mirror.check().await), [(Kind::Presence, "deleted at the source")]);
    mirror.policy.deletion = Deletion::Leave;
    assert_eq!(found(&mirror.check().await), []);
    differs(|mirror| mirror.new_one().presence = Presence::Deleted, Kind::Presence, "by none of its people").await;
    explained(
        async |mirror| {
            mirror.new_one().presence = Presence::Deleted;
            mirror.new_one().acts.push(act(Actor::Person, &[]));
        },
        "deleted in the new desk",
    )
    .await;
}

#[tokio::test]
async fn merges_are_compared_and_messages_are_looked_for_in_the_survivor() {
    let merge = |mirror: &mut Mirror| mirror.old().presence = Presence::MergedInto(ticket(2));
    differs(merge, Kind::Presence, "merged into 2").await;
    let mut mirror = Mirror::carried().await;
    merge(&mut mirror);
    mirror.new_one().presence = Presence::MergedInto(ticket(102));
    let moved = std::mem::take(&mut mirror.new_one().messages);
    mirror.target.tickets.get_mut(&ticket(102)).unwrap().messages.extend(moved);
    let report = mirror.check().await;
    assert_eq!((found(&report), report.messages), (Vec::new(), 4));
    mirror.target.tickets.get_mut(&ticket(102)).unwrap().messages.pop();
    assert!(matches!(found(&mirror.check().await).as_slice(), [(Kind::MissingMessage, _)]));
}

#[tokio::test]
async fn a_second_ticket_under_our_key_is_found() {
    differs(
        |mirror| {
            let mut twin = mirror.new_one().clone();
            twin.id = ticket(555);
            mirror.target.tickets.insert(ticket(555), twin);
        },
        Kind::Doubled,
        "555",
    )
    .await;
    differs(|mirror| mirror.new_one().key = Some("tidegate:acme:t:9".into()), Kind::Key, "another ticket").await;
}

#[tokio::test]
async fn tickets_that_nobody_told_of_are_found_in_the_sources_own_list() {
    let mut mirror = Mirror::carried().await;
    let mut unheard = mirror.old().clone();
    unheard.id = ticket(3);
    mirror.source.tickets.insert(ticket(3), unheard);
    let report = mirror.check().await;
    assert_eq!(report.kinds["missing ticket"], 1);
    assert_eq!(report.differences[0].source_ticket.as_deref(), Some("3"));
    // Just made: its hint may still be on its way.
    mirror.source.tickets.get_mut(&ticket(3)).unwrap().updated_at = mirror.clock.now() - TimeDelta::seconds(5);
    let report = mirror.check().await;
    assert_eq!((report.different, report.moving.len(), report.at_parity()), (0, 1, false));
    // Not the mirror's business.
    mirror.scope.created_after = Some(mirror.clock.now());
    assert!(mirror.check().await.at_parity());
}

#[tokio::test]
async fn what_waits_to_be_carried_is_moving_and_what_waits_for_a_person_is_not() {
    let mut mirror = Mirror::carried().await;
    mirror.old().fields.insert(FieldKey::Subject, Value::text("News"));
    mirror.hear(&ticket(1), 1).await;
    let report = mirror.check().await;
    assert_eq!((report.equal + report.explained, report.different, report.moving.len()), (1, 0, 1));
    assert_eq!(report.moving[0].source_ticket.as_deref(), Some("1"));
    let claim = mirror.claim(&ticket(1), 2).await;
    let park = Park { kind: "refused", reason: "no", advice: "none", blocking: true, urgent: false };
    mirror.ledger.park(&claim, &park, start()).await.unwrap();
    let report = mirror.check().await;
    assert_eq!(found(&report), [(Kind::Field, "field `subject` (parked: refused)")]);
}

#[tokio::test]
async fn a_change_whose_hint_may_still_come_is_moving_until_the_feed_was_read_past_it() {
    let mut mirror = Mirror::carried().await;
    let lately = mirror.clock.now() - TimeDelta::seconds(5);
    mirror.old().fields.insert(FieldKey::Subject, Value::text("News"));
    (mirror.old().stamp, mirror.old().updated_at) = ("11".into(), lately);
    assert_eq!(mirror.check().await.moving.len(), 1);
    let cursor = tidegate::change::Cursor("1".into());
    let seen = mirror.clock.now() - TimeDelta::seconds(1);
    mirror.ledger.start_watermark(mirror.row.id, tidegate::desk::Side::Source, &cursor, seen).await.unwrap();
    assert!(matches!(found(&mirror.check().await).as_slice(), [(Kind::Field, _)]));
}

#[tokio::test]
async fn a_ticket_that_cannot_be_read_is_tried_again_and_then_told() {
    let mut mirror = Mirror::carried().await;
    mirror.options.concurrency = 1;
    *mirror.source.instead.lock().unwrap() =
        vec![Ok(Read::Torn(Box::new(mirror.old().clone()))), Err(Fault::unreachable("it sleeps"))];
    assert!(mirror.check().await.at_parity(), "both are read in the second round");
    let sleeps = || Err(Fault::unreachable("it sleeps"));
    *mirror.source.instead.lock().unwrap() = vec![sleeps(), sleeps(), sleeps()];
    let report = mirror.check().await;
    assert_eq!((report.unread.len(), report.unread[0].why.as_str(), report.at_parity()), (1, "it sleeps", false));
    *mirror.source.instead.lock().unwrap() = vec![sleeps()];
    let pair = mirror.ledger.pair_of_source(mirror.row.id, &ticket(2)).await.unwrap().unwrap();
    let report = check_pairs(&mirror.bench(), &mirror.options, &[pair]).await.unwrap();
    assert!(report.lines().contains(&"  source 2 → target 102: it sleeps".to_string()), "{:#?}", report.lines());
}

#[tokio::test]
async fn a_ticket_that_was_not_carried_differs_unless_it_is_out_of_scope() {
    let mut mirror = Mirror::carried().await;
    let mut lone = mirror.old().clone();
    lone.id = ticket(3);
    lone.fields.insert(FieldKey::Group, Value::text("B"));
    let claim = mirror.claim(&lone.id, 0).await;
    mirror.settle_lane(&claim, &lone, &Base::default(), "new").await;
    mirror.source.tickets.insert(ticket(3), lone);
    let report = mirror.check().await;
    assert_eq!(report.differences.iter().map(|one| one.kind).collect::<Vec<_>>(), [Kind::MissingTicket]);
    assert!(report.lines().iter().any(|line| line.contains("source 3: the ticket was not carried")), "{:#?}", report.lines());
    mirror.scope.without_tags.insert("vip".into());
    assert!(mirror.check().await.at_parity());
}

#[tokio::test]
async fn a_sample_looks_at_some_of_the_tickets() {
    let mut mirror = Mirror::new().await;
    for number in 1..=9 {
        mirror.carry(number).await;
    }
    mirror.options.which = Which::Sample(3);
    let report = mirror.check().await;
    assert_eq!((report.tickets, report.sampled, report.at_parity()), (3, true, true));
}

#[tokio::test]
async fn a_link_that_the_targets_people_took_out_is_explained() {
    explained(
        async |mirror| {
            mirror.old().links.insert(Link { kind: LinkKind::Parent, to: ticket(2) });
            mirror.settle_again("copied", |base| base.links.push(link(2, 102))).await;
            mirror.new_one().acts.push(act(Actor::Person, &[]));
        },
        "by its people",
    )
    .await;
}
