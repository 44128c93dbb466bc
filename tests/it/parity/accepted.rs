//! A person takes a difference as it is: it counts as accepted by him, for as long as exactly this differs.

use tidegate::cutover::gate::{Verdicts, parity};
use tidegate::cutover::parity::{Options, verdicts_for_gate};
use tidegate::cutover::repair::repair;
use tidegate::desk::Side;
use tidegate::desk::field::{FieldKey, Value};
use tidegate::ledger::accepted::{Which, Word};
use tidegate::ledger::verdict::Measure;

use super::desks::{Mirror, start, ticket};

async fn accept(mirror: &Mirror, which: Which) -> [u64; 2] {
    let rules = mirror.bench().rules();
    let measure = Measure { mirror: mirror.row.id, windows: None, rules: &rules, bytes: false, run: None };
    let word = Word { who: "ann".into(), reason: "they renamed it".into(), at: start() };
    mirror.ledger.accept_differences(&measure, &which, &word).await.unwrap()
}

async fn gate(mirror: &Mirror) -> tidegate::cutover::gate::Gate {
    let verdicts = verdicts_for_gate(&mirror.bench(), None).await.unwrap();
    parity("acme", Ok(Verdicts::from(verdicts)))
}

fn spoil(mirror: &mut Mirror, subject: &str) {
    mirror.new_one().fields.insert(FieldKey::Subject, Value::text(subject));
}

#[tokio::test]
async fn an_accepted_difference_opens_the_gate_and_is_told_with_who_and_why() {
    let mut mirror = Mirror::carried().await;
    spoil(&mut mirror, "Spoilt");
    assert!(!mirror.check().await.at_parity() && !gate(&mirror).await.holds);
    assert_eq!(accept(&mirror, Which::Ticket("102".into())).await, [0, 0], "nothing differs about it");
    assert_eq!(accept(&mirror, Which::Ticket("101".into())).await, [1, 1], "by its new number");
    let now = gate(&mirror).await;
    assert!(now.holds && now.found.contains("1 different and accepted so"), "{now:?}");
    let report = mirror.check().await;
    assert_eq!((report.at_parity(), report.different, report.accepted, report.tickets), (true, 0, 1, 2));
    assert!(report.differences.is_empty() && report.kinds.is_empty(), "{report:#?}");
    let line = "accepted: field (1 tickets, 1 differences), by ann, 2026-11-20 10:00:00 UTC: they renamed it";
    assert!(report.lines().iter().any(|one| one == line), "{:#?}", report.lines());
    let repaired = repair(&mirror.bench(), &Options::default(), None, "ann").await.unwrap();
    assert_eq!(repaired.tickets, 0, "what was accepted is not repaired");
}

#[tokio::test]
async fn an_acceptance_is_void_when_the_ticket_differs_in_another_way_or_is_taken_back() {
    let mut mirror = Mirror::carried().await;
    spoil(&mut mirror, "Spoilt");
    mirror.check().await;
    assert_eq!(accept(&mirror, Which::Kind("words".into())).await, [0, 0]);
    assert_eq!(accept(&mirror, Which::Kind("field".into())).await, [1, 1]);
    spoil(&mut mirror, "Spoilt once more");
    let report = mirror.check().await;
    assert_eq!((report.different, report.accepted, report.acceptances.len()), (1, 0, 0));
    assert!(!gate(&mirror).await.holds);
    accept(&mirror, Which::Ticket("1".into())).await;
    mirror.new_one().fields.insert(FieldKey::Status, Value::text("wrong"));
    let report = mirror.check().await;
    assert_eq!((report.different, report.accepted), (1, 0), "one of two is not all");
    assert_eq!(report.acceptances.len(), 1);
    accept(&mirror, Which::Ticket("1".into())).await;
    assert!(mirror.check().await.at_parity());
    let back = mirror.ledger.unaccept_differences(mirror.row.id, &Which::Ticket("101".into())).await.unwrap();
    assert_eq!((back, mirror.check().await.different), (3, 1));
}

#[tokio::test]
async fn a_lost_ticket_can_be_accepted_too() {
    let mut mirror = Mirror::carried().await;
    let mut lost = mirror.old().clone();
    lost.id = ticket(3);
    mirror.source.tickets.insert(ticket(3), lost);
    assert_eq!(mirror.check().await.different, 1);
    assert_eq!(accept(&mirror, Which::Kind("missing_ticket".into())).await, [1, 1]);
    let report = mirror.check().await;
    assert_eq!((report.at_parity(), report.accepted, report.tickets), (true, 1, 3), "{report:#?}");
    let verdicts = verdicts_for_gate(&mirror.bench(), None).await.unwrap();
    assert_eq!((verdicts.is_open(), verdicts.strays, verdicts.strays_accepted), (true, 0, 1));
}

#[tokio::test]
async fn a_test_message_of_ours_is_left_out_of_the_sums() {
    let mut mirror = Mirror::carried().await;
    mirror.ledger.note_sent(mirror.row.id, (Side::Target, &ticket(101)), "tide-1", start()).await.unwrap();
    spoil(&mut mirror, "Spoilt");
    let report = mirror.check().await;
    assert_eq!((report.tickets, report.read, report.probes, report.at_parity()), (1, 1, 1, true), "{report:#?}");
    assert!(report.lines().contains(&"1 probe tickets of ours are left out".to_string()), "{:#?}", report.lines());
    assert!(mirror.ledger.open_probes(mirror.row.id, Side::Target).await.unwrap().is_empty(), "nobody removes it");
    let mut proof = mirror.old().clone();
    (proof.id, proof.key) = (ticket(3), Some(mirror.row.keys.probe("abc")));
    mirror.source.tickets.insert(ticket(3), proof);
    assert!(mirror.check().await.at_parity(), "a proof of the way back is no lost ticket");
}
