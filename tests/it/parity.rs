//! The check finds each kind of difference and nothing else, and explains what has a record.

mod accepted;
mod calls;
mod corpus;
mod damage;
mod desks;
mod paper;
mod repairs;
mod seeds;
mod tickets;
mod verbs;
mod verdicts;

use tidegate::cutover::report::{Kind, Report};
use tidegate::desk::Side;
use tidegate::desk::body::Body;
use tidegate::desk::field::{FieldKey, Value};
use tidegate::desk::id::{MessageId, PersonId};
use tidegate::desk::policy::Unmapped;
use tidegate::desk::ticket::{Act, Actor, Visibility};

use desks::{Mirror, act, start, ticket};

/// Exactly these kinds, all of ticket 1, and what is said about them.
fn found(report: &Report) -> Vec<(Kind, &str)> {
    assert!(report.differences.iter().all(|one| one.source_ticket.as_deref() == Some("1")), "{:#?}", report.differences);
    assert_eq!(report.different, u64::from(!report.differences.is_empty()), "{:#?}", report.differences);
    assert_eq!(report.at_parity(), report.differences.is_empty());
    report.differences.iter().map(|one| (one.kind, one.what.as_str())).collect()
}

/// Checks after a change and expects one difference of this kind that mentions this word.
async fn differs(change: impl FnOnce(&mut Mirror), kind: Kind, word: &str) {
    let mut mirror = Mirror::carried().await;
    change(&mut mirror);
    let report = mirror.check().await;
    let found = found(&report);
    assert!(matches!(found.as_slice(), [(one, what)] if *one == kind && what.contains(word)), "{word}: {found:#?}");
}

/// Checks after a change and expects nothing but this explanation.
async fn explained(change: impl AsyncFnOnce(&mut Mirror), word: &str) {
    let mut mirror = Mirror::carried().await;
    change(&mut mirror).await;
    let report = mirror.check().await;
    assert_eq!(found(&report), []);
    let mut reasons = report.explanations.keys().chain(report.forgiven.keys());
    assert!(reasons.any(|reason| reason.contains(word)), "{word}: {:#?} {:#?}", report.explanations, report.forgiven);
}

#[tokio::test]
async fn a_faithful_copy_is_at_parity() {
    let mirror = Mirror::carried().await;
    let report = mirror.check().await;
    assert_eq!(found(&report), []);
    assert_eq!((report.tickets, report.messages, report.attachments, report.bytes), (2, 4, 2, 30));
    // An agent without an account in the target is the one thing to be explained.
    assert_eq!(report.explanations.values().copied().collect::<Vec<_>>(), [2]);
    assert_eq!(report.calls["source tickets"], 2);
    assert_eq!(report.calls["people"], 2, "each person is asked for once");
    assert!(report.lines()[0].starts_with("At parity"), "{:#?}", report.lines());
}

#[tokio::test]
async fn fields_that_nobody_explains_differ() {
    let set = |key: FieldKey, value: Value| {
        move |mirror: &mut Mirror| {
            mirror.new_one().fields.insert(key, value);
        }
    };
    differs(set(FieldKey::Subject, Value::text("Something else")), Kind::Field, "subject").await;
    differs(set(FieldKey::Status, Value::text("open")), Kind::Field, "status").await;
    differs(set(FieldKey::Requester, Value::Person(PersonId::new("T-otto"))), Kind::Field, "requester").await;
    differs(set(FieldKey::Tags, Value::set(["vip"])), Kind::Field, "lacks `printer`").await;
    differs(set(FieldKey::Tags, Value::set(["vip", "printer", "junk"])), Kind::Field, "has `junk` besides").await;
    differs(|mirror| drop(mirror.old().fields.insert(FieldKey::Status, Value::text("odd"))), Kind::Field, "no word").await;
    differs(|mirror| drop(mirror.old().fields.insert(FieldKey::Subject, Value::text("News"))), Kind::Field, "subject").await;
}

#[tokio::test]
async fn a_wrong_value_is_not_excused_by_the_record_of_the_one_who_wrote_it() {
    let mut mirror = Mirror::carried().await;
    mirror.new_one().fields.insert(FieldKey::Status, Value::text("wrong"));
    mirror.new_one().fields.insert(FieldKey::Tags, Value::set(["vip", "wrong"]));
    mirror.settle_again("copied", |_| {}).await;
    let report = mirror.check().await;
    let found = found(&report);
    assert!(matches!(found.as_slice(), [(Kind::Field, _), (Kind::Field, _)]), "{found:#?}");
}

#[tokio::test]
async fn fields_are_explained_by_records_and_by_the_targets_own_history() {
    explained(
        async |mirror| {
            mirror.new_one().fields.insert(FieldKey::Status, Value::text("later"));
            mirror.new_one().acts.push(act(Actor::Person, &[FieldKey::Status]));
        },
        "by its people",
    )
    .await;
    explained(
        async |mirror| {
            mirror.new_one().fields.insert(FieldKey::Tags, Value::set(["vip", "robot"]));
            mirror.new_one().acts.push(act(Actor::Rule, &[FieldKey::Tags]));
        },
        "by its own rules",
    )
    .await;
    explained(
        async |mirror| {
            mirror.new_one().fields.insert(FieldKey::Subject, Value::text("it does not work"));
            let flag = |base: &mut tidegate::merge::base::Base| base.fields.get_mut(&FieldKey::Subject).unwrap().flagged = true;
            mirror.settle_again("copied", flag).await;
        },
        "did not keep",
    )
    .await;
    explained(
        async |mirror| {
            mirror.old().fields.insert(FieldKey::Subject, Value::text("x".repeat(50)));
            mirror.new_one().fields.insert(FieldKey::Subject, Value::text("x".repeat(40)));
        },
        "cut to",
    )
    .await;
    explained(
        async |mirror| {
            mirror.policy.unmapped = Unmapped::LeaveOut;
            mirror.old().fields.insert(FieldKey::Status, Value::text("odd"));
        },
        "leaves it out",
    )
    .await;
    explained(
        async |mirror| {
            mirror.old().fields.insert(FieldKey::Subject, Value::text("News"));
            mirror.new_one().immutable = true;
        },
        "closed for good",
    )
    .await;
}

/// The status of the desk that follows is `stands`, and its history says that a person set it to `left`.
async fn status(lead: Side, stands: &str, left: &str) -> Report {
    let mut mirror = Mirror::carried().await;
    let words = &mut mirror.mapping.tables.get_mut(&FieldKey::Status).unwrap().words;
    words.insert("waits".into(), "later".into());
    mirror.ledger.turn(mirror.row.id, None, lead, start()).await.unwrap();
    let set = Act { status: Some(left.to_string()), ..act(Actor::Person, &[FieldKey::Status]) };
    let follows = if lead == Side::Source { mirror.new_one() } else { mirror.old() };
    follows.fields.insert(FieldKey::Status, Value::text(stands));
    follows.acts.push(set);
    mirror.check().await
}

#[tokio::test]
async fn a_status_is_explained_only_by_an_act_that_left_it() {
    for (lead, waits, other) in [(Side::Source, "later", "sometime"), (Side::Target, "waits", "nobody's word")] {
        let report = status(lead, waits, waits).await;
        assert!(found(&report).is_empty() && report.explanations.keys().any(|one| one.contains("by its people")), "{report:#?}");
        assert!(matches!(found(&status(lead, waits, other).await).as_slice(), [(Kind::Field, _)]), "{lead:?}: nobody set it");
        let report = status(lead, other, waits).await;
        assert!(matches!(found(&report).as_slice(), [(Kind::Field, _)]), "{lead:?}: nobody set what has no word either");
    }
}

/// Both desks are agreed on a tag that only the one which leads has; a rule there did that at second 500, and it leads since `turned`.
async fn apart(lead: Side, turned: i64) -> Report {
    let mut mirror = Mirror::carried().await;
    let ticket = if lead == Side::Source { mirror.old() } else { mirror.new_one() };
    ticket.fields.insert(FieldKey::Tags, Value::set(["vip", "printer", "robot"]));
    ticket.acts.push(act(Actor::Rule, &[FieldKey::Tags]));
    for side in [lead.other(), lead] {
        mirror.ledger.turn(mirror.row.id, None, side, start() + chrono::TimeDelta::seconds(turned)).await.unwrap();
    }
    mirror.settle_again("copied", |_| {}).await;
    mirror.check().await
}

#[tokio::test]
async fn what_a_desk_had_before_it_led_is_explained_by_its_history_from_then() {
    for lead in [Side::Source, Side::Target] {
        let report = apart(lead, 501).await;
        assert!(found(&report).is_empty() && report.explanations.keys().any(|one| one.contains("before it led")), "{report:#?}");
        let report = apart(lead, 499).await;
        assert!(matches!(found(&report).as_slice(), [(Kind::Field, what)] if what.contains("`robot`")), "{lead:?}: {report:#?}");
    }
}

#[tokio::test]
async fn a_conflict_that_the_target_won_is_explained_by_its_record() {
    use tidegate::ledger::conflict::Found;
    use tidegate::merge::plan::FieldConflict;
    let mut mirror = Mirror::carried().await;
    mirror.old().fields.insert(FieldKey::Subject, Value::text("News"));
    mirror.new_one().fields.insert(FieldKey::Subject, Value::text("Other news"));
    let claim = mirror.claim(&ticket(1), 1).await;
    let conflict = FieldConflict {
        source: FieldKey::Subject,
        base: None,
        lead: Value::text("News"),
        follow: Value::text("Other news"),
        hands: [None, None],
        winner: Some(tidegate::desk::Side::Target),
    };
    let told = Found { conflicts: &[conflict], lead: tidegate::desk::Side::Source };
    mirror.ledger.record_conflicts(&claim, told, start()).await.unwrap();
    let source = mirror.source.tickets[&ticket(1)].clone();
    mirror.settle_lane(&claim, &source, &Default::default(), "copied").await;
    let report = mirror.check().await;
    // Without a base the other fields are equal, and the tags are a union.
    assert_eq!(found(&report), []);
    assert!(report.explanations.keys().any(|reason| reason.contains("won by the policy")));
}

#[tokio::test]
async fn messages_that_are_not_what_they_were_differ() {
    let first = |mirror: &mut Mirror| mirror.new_one().messages[0].clone();
    differs(|mirror| drop(mirror.new_one().messages.remove(0)), Kind::MissingMessage, "not there any more").await;
    differs(
        |mirror| {
            let mut more = mirror.old().messages[0].clone();
            more.id = MessageId::new("m1c");
            mirror.old().messages.push(more);
        },
        Kind::MissingMessage,
        "never carried",
    )
    .await;
    differs(|mirror| mirror.new_one().messages[0].body = Body::Text("Hello, it broken is".into()), Kind::Words, "other words")
        .await;
    differs(|mirror| mirror.new_one().messages[1].visibility = Visibility::Public, Kind::Exposed, "internal").await;
    differs(|mirror| mirror.new_one().messages[0].author = PersonId::new("T-otto"), Kind::Author, "author").await;
    differs(|mirror| mirror.new_one().messages[0].created_at = start() + chrono::TimeDelta::hours(1), Kind::Time, "time").await;
    differs(
        |mirror| {
            let mut twin = first(mirror);
            twin.id = MessageId::new("again");
            mirror.new_one().messages.push(twin);
        },
        Kind::Doubled,
        "again",
    )
    .await;
    differs(
        |mirror| {
            let mut twin = first(mirror);
            (twin.id, twin.key, twin.ours) = (MessageId::new("imported again"), None, false);
            mirror.new_one().messages.push(twin);
        },
        Kind::Doubled,
        "imported again",
    )
    .await;
}

#[tokio::test]
async fn the_line_on_author_and_time_has_to_be_right() {
    let say = |line: &'static str| {
        move |mirror: &mut Mirror| mirror.new_one().messages[1].body = Body::Html(format!("<p>{line}</p><p>Look here</p>"))
    };
    differs(say("Jane Doe (jane.doe@example.org) wrote on 2026-11-20 10:01:00 UTC:"), Kind::Author, "author").await;
    differs(say("Otto Agent (otto.agent@example.org) wrote on 2026-11-20 10:01:01 UTC:"), Kind::Time, "time").await;
    let mut mirror = Mirror::carried().await;
    say("Otto Agent wrote on some day:")(&mut mirror);
    let report = mirror.check().await;
    assert_eq!(found(&report).into_iter().map(|(kind, _)| kind).collect::<Vec<_>>(), [Kind::Words, Kind::Author, Kind::Time]);
}

#[tokio::test]
async fn an_agents_own_words_are_the_targets() {
    let mut mirror = Mirror::carried().await;
    let mut own = mirror.new_one().messages[0].clone();
    (own.id, own.key, own.ours) = (MessageId::new("own"), None, false);
    own.created_at = start() + chrono::TimeDelta::minutes(5);
    mirror.new_one().messages.push(own.clone());
    // A note of ours about a link that the target cannot hold.
    own.id = MessageId::new("note");
    own.key = Some(mirror.row.keys.message(Side::Source, "link:1:parent:2"));
    mirror.new_one().messages.push(own);
    assert_eq!(found(&mirror.check().await), []);
}
