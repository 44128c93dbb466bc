//! Verdicts are kept: what changed is read again, what did not is not, and what is stale is told as it is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tidegate::cutover::parity::{ForGate, Which, check_pairs, check_stale, verdicts_for_gate};
use tidegate::cutover::report::{KEPT, Kind, Report};
use tidegate::desk::field::{FieldKey, Value};
use tidegate::desk::id::MessageId;
use tidegate::desk::policy::Deletion;
use tidegate::desk::ticket::Message;
use tidegate::ledger::Error;
use tokio::sync::{Notify, oneshot};

use super::desks::{Mirror, ticket};
use super::paper::Held;

async fn gate(mirror: &Mirror) -> ForGate {
    verdicts_for_gate(&mirror.bench(), None).await.unwrap()
}

/// A mirror of two tickets that was checked once; from then on only what changed is read.
async fn checked() -> Mirror {
    let mut mirror = Mirror::carried().await;
    mirror.options.which = Which::Changed;
    let report = mirror.check().await;
    assert_eq!((report.read, report.tickets, report.at_parity()), (2, 2, true), "{report:#?}");
    mirror
}

#[tokio::test]
async fn one_kind_is_shown_whole_however_many_worse_differences_there_are() {
    const TICKETS: u32 = 22;
    let mut mirror = Mirror::new().await;
    for number in 1..=TICKETS {
        mirror.carry(number).await;
        let old = mirror.source.tickets.get_mut(&ticket(number)).unwrap();
        let first = old.messages[0].clone();
        old.messages.extend((0..100).map(|one| Message { id: MessageId::new(format!("more-{number}-{one}")), ..first.clone() }));
    }
    mirror.new_one().fields.insert(FieldKey::Subject, Value::text("Spoilt"));
    let report = mirror.check().await;
    assert_eq!((report.kinds["missing message"], report.kinds["field"], report.differences.len()), (2_200, 1, KEPT));
    assert!(report.differences.iter().all(|one| one.kind == Kind::MissingMessage));
    for (kind, count) in [(Kind::Field, 1), (Kind::MissingMessage, 2_200), (Kind::Words, 0)] {
        mirror.options.kind = Some(kind);
        let report = mirror.check().await;
        assert!(report.differences.len() == count && report.differences.iter().all(|one| one.kind == kind), "{kind:?}");
        assert_eq!(report.lines_of(kind).len(), 1 + usize::from(count > 0) + count, "the verdict, the kind, and each");
        assert_eq!((report.kinds.len(), report.different), (2, u64::from(TICKETS)), "all are counted");
        let pair = mirror.ledger.pair_of_source(mirror.row.id, &ticket(1)).await.unwrap().unwrap();
        let of_one = check_pairs(&mirror.bench(), &mirror.options, &[pair]).await.unwrap();
        assert!(of_one.differences.iter().all(|one| one.kind == kind), "{kind:?}");
    }
}

fn reads(report: &Report) -> u64 {
    report.calls.get("source tickets").copied().unwrap_or(0)
}

#[tokio::test]
async fn only_what_changed_is_read_again() {
    let mut mirror = checked().await;
    let report = mirror.check().await;
    assert_eq!((report.read, reads(&report), report.tickets, report.messages, report.bytes), (0, 0, 2, 4, 30));
    assert!(report.at_parity());
    mirror.old().fields.insert(FieldKey::Subject, Value::text("News"));
    mirror.old().stamp = "11".into();
    mirror.new_one().fields.insert(FieldKey::Subject, Value::text("News"));
    mirror.settle_again("copied", |_| {}).await;
    let report = mirror.check().await;
    assert_eq!((report.read, reads(&report), report.tickets, report.at_parity()), (1, 1, 2, true));
}

#[tokio::test]
async fn everything_is_read_anew_when_it_is_asked_for() {
    let mut mirror = checked().await;
    // Nobody told of it, and no stamp moved.
    mirror.new_one().fields.insert(FieldKey::Subject, Value::text("Spoilt"));
    assert!(mirror.check().await.at_parity());
    mirror.options.which = Which::All;
    let report = mirror.check().await;
    assert_eq!((report.read, report.different), (2, 1));
    mirror.options.which = Which::Changed;
    let report = mirror.check().await;
    assert_eq!((report.read, report.different), (1, 1), "what differed is looked at again");
}

#[tokio::test]
async fn a_verdict_is_stale_the_moment_a_newer_event_exists() {
    let mut mirror = checked().await;
    assert!(gate(&mirror).await.is_open());
    mirror.hear(&ticket(1), 7).await;
    let now = gate(&mirror).await;
    assert_eq!((now.pairs.stale, now.pairs.explained, now.is_open()), (1, 1, false));
    let report = mirror.check().await;
    assert_eq!((report.read, report.stale), (1, 0), "both tickets are equal as they are: {report:#?}");
    // A look that shows both tickets as they were judged says the same as the verdict.
    let claim = mirror.claim(&ticket(1), 8).await;
    assert_eq!(gate(&mirror).await.pairs.stale, 1);
    let base = mirror.ledger.pair(claim.pair).await.unwrap().base.unwrap();
    mirror.settle_lane(&claim, &mirror.source.tickets[&ticket(1)], &base, "copied").await;
    assert_eq!(gate(&mirror).await.pairs.stale, 0);
    // One that shows another stamp does not.
    mirror.old().stamp = "12".into();
    mirror.settle_again("copied", |_| {}).await;
    assert_eq!(gate(&mirror).await.pairs.stale, 1);
    let mut told = 0;
    (mirror.source.urgent, mirror.target.urgent) = (true, true);
    let after = check_stale(&mirror.bench(), &mirror.options, |progress| told = progress.done).await.unwrap();
    assert_eq!((after.is_open(), told), (true, 1), "{after:?}");
}

#[tokio::test]
async fn a_verdict_by_other_rules_or_without_bytes_does_not_stand() {
    let mut mirror = checked().await;
    mirror.policy.deletion = Deletion::Leave;
    assert_eq!(gate(&mirror).await.pairs.stale, 2);
    assert_eq!(mirror.check().await.read, 2);
    mirror.options.bytes = false;
    assert_eq!(mirror.check().await.read, 0, "more than was asked for was compared");
    mirror.options.which = Which::All;
    assert_eq!(mirror.check().await.read, 2);
    assert_eq!(gate(&mirror).await.pairs.stale, 2, "names and sizes are not bytes");
}

#[tokio::test]
async fn a_window_counts_its_own_tickets() {
    let mirror = checked().await;
    let window = mirror.window_of(&ticket(2)).await;
    let of_window = verdicts_for_gate(&mirror.bench(), Some(&[window])).await.unwrap();
    assert_eq!((of_window.pairs.explained, of_window.is_open()), (1, true));
    mirror.hear(&ticket(1), 7).await;
    assert!(verdicts_for_gate(&mirror.bench(), Some(&[window])).await.unwrap().is_open());
    assert!(!gate(&mirror).await.is_open());
}

#[tokio::test]
async fn a_stopped_check_goes_on_where_it_was() {
    let mut mirror = Mirror::new().await;
    for number in 1..=230 {
        mirror.carry(number).await;
    }
    let far = Notify::new();
    tokio::select! {
        _ = mirror.check_telling(|progress| if progress.done == 210 { far.notify_one() }) => panic!("it was to be stopped"),
        () = far.notified() => {}
    }
    let status = mirror.ledger.last_check(mirror.row.id).await.unwrap().unwrap();
    assert_eq!((status.done, status.total, status.finished_at), (200, 230, None));
    let before = mirror.source.reads.load(Ordering::Relaxed);
    let report = mirror.check().await;
    assert!(report.resumed && report.at_parity(), "{:?}", report.lines());
    assert_eq!((report.read, report.tickets, reads(&report)), (230, 230, 230));
    assert_eq!(mirror.source.reads.load(Ordering::Relaxed) - before, 30, "what was kept is not read again");
    // The next one is another one.
    let report = mirror.check().await;
    assert_eq!((report.resumed, report.read), (false, 230));
}

#[tokio::test]
async fn of_two_processes_that_go_on_with_a_check_the_older_stops() {
    let mirror = Mirror::carried().await;
    let ((begun, seen), (go_on, answer)) = (oneshot::channel(), oneshot::channel());
    *mirror.source.held.lock().unwrap() = Some(Held { begun, answer });
    let other = async {
        seen.await.unwrap();
        let report = mirror.check().await;
        go_on.send(()).unwrap();
        report
    };
    let (first, second) = tokio::join!(mirror.check_telling(|_| ()), other);
    let stopped = matches!(first, Err(tidegate::cutover::parity::CheckError::Ledger(Error::Overtaken)));
    assert!(stopped && second.at_parity(), "{first:?}");
}

#[tokio::test]
async fn a_number_that_the_list_leaves_out_is_asked_for() {
    let mut mirror = Mirror::new().await;
    for number in [1, 2, 5] {
        mirror.carry(number).await;
    }
    let report = mirror.check().await;
    assert_eq!((report.calls["gaps"], report.at_parity()), (1, true), "3 and 4 are not there");
    let mut left_out = mirror.old().clone();
    left_out.id = ticket(4);
    mirror.source.tickets.insert(ticket(4), left_out);
    mirror.source.unlisted.insert(ticket(4));
    let report = mirror.check().await;
    let found: Vec<_> = report.differences.iter().map(|one| (one.kind, one.source_ticket.as_deref())).collect();
    assert_eq!(found, [(Kind::MissingTicket, Some("4"))]);
    assert_eq!(gate(&mirror).await.strays, 1);
    mirror.source.tickets.remove(&ticket(4));
    assert!(mirror.check().await.at_parity());
    assert!(gate(&mirror).await.is_open(), "what is not found any more is forgotten");
}

#[tokio::test]
async fn a_target_ticket_under_our_key_that_nobody_knows_is_found() {
    let mut mirror = checked().await;
    let mut orphan = mirror.new_one().clone();
    (orphan.id, orphan.key) = (ticket(700), Some(mirror.row.keys.ticket("77", 0)));
    mirror.target.tickets.insert(ticket(700), orphan);
    let report = mirror.check().await;
    let found: Vec<_> = report.differences.iter().map(|one| (one.kind, one.what.as_str())).collect();
    let what = "target ticket 700 carries our key, and the ledger does not know its source ticket";
    assert_eq!((found, report.read), (vec![(Kind::Doubled, what)], 0));
    assert_eq!(report.calls["keys"], 2, "one page of keys, and one look at the ticket");
}

#[tokio::test]
async fn a_sample_says_nothing_about_the_rest() {
    let mut mirror = checked().await;
    mirror.options.which = Which::Sample(1);
    mirror.options.pause = Duration::ZERO;
    let report = mirror.check().await;
    assert_eq!((report.tickets, report.read, report.sampled), (1, 1, true));
    assert!(!report.calls.contains_key("lists"));
}
