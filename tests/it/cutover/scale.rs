//! A switch of 100,000 settled tickets takes less than a minute, at the vendors' limits, while people go on.
//!
//! The settled ones are in the ledger alone, with the verdicts of a check: a switch asks no desk about them. Some hundred are in both desks.

use std::cell::Cell;
use std::time::Duration;

use tidegate::clock::Clock;
use tidegate::gateway::connect::{bench, connected};
use tidegate::mirror::MirrorId;
use tidegate::sim::snapshot::TicketState;
use tidegate::task;

use super::verbs::Scene;
use crate::world::house::House;

const SETTLED: i64 = 100_000;
/// Tickets that both desks have.
const ALIVE: usize = 200;
/// Between two customers who write.
const PACE: Duration = Duration::from_secs(2);

/// Settled tickets, as a solved one is, and the verdict that all tickets are equal.
async fn settled(house: &House, mirror: MirrorId) {
    let now = house.clock.now();
    let pairs =
        "insert into pair (tenant_id, mirror_id, source_ticket, target_ticket, state, base, mapping_version, source_stamp,
                                   target_stamp, read_at, created_at)
                 select p.tenant_id, p.mirror_id, 's' || n, 't' || n, 'copied', p.base, p.mapping_version, '1', '1', $2, $2
                 from (select * from pair where state = 'copied' and base #>> '{fields,status,source,text}' = 'solved' limit 1) p,
                      generate_series(1, $1) n";
    let done = sqlx::query(pairs).bind(SETTLED).bind(now).execute(&house.pool).await.expect("tickets");
    assert_eq!(done.rows_affected(), SETTLED.unsigned_abs(), "there is a solved one to take after");
    let lanes = "insert into lane (pair_id, mirror_id, pending, applied, due_at)
                 select id, mirror_id, 3, 3, $1 from pair on conflict do nothing";
    sqlx::query(lanes).bind(now).execute(&house.pool).await.expect("lanes");
    let verdicts = "insert into verdict (pair_id, mirror_id, rules, mapping_version, with_bytes, judged_at, answer, seq, source_stamp,
                                         target_stamp, messages, attachments, bytes, calls)
                    select p.id, p.mirror_id, $1, p.mapping_version, true, $2, 'equal', l.pending, p.source_stamp, p.target_stamp, 2, 0, 0, 9
                    from pair p join lane l on l.pair_id = p.id where p.target_ticket is not null and p.mirror_id = $3";
    let row = house.ledger.mirror("demo").await.expect("it is there");
    let course = connected(&row, &house.ledger, &Clock::system()).expect("it was applied").course;
    let rules = bench(&course, &house.ledger, &house.clock).rules();
    sqlx::query(verdicts).bind(rules).bind(now).bind(mirror.0).execute(&house.pool).await.expect("verdicts");
    sqlx::query("analyze").execute(&house.pool).await.expect("figures");
}

/// Customers write to the old desk, one after the other, until it is over. Returns how many did.
async fn people(house: &House, tickets: &[String], over: &Cell<bool>) -> usize {
    let mut wrote = 0;
    while !over.get() {
        house.reply(&tickets[wrote % tickets.len()], &words("while it was switched", wrote));
        wrote += 1;
        task::delay(PACE).await;
    }
    wrote
}

fn words(when: &str, number: usize) -> String {
    format!("Change {number} {when}.")
}

/// Seconds from go to done, as the verb tells them.
fn seconds(said: &str) -> f64 {
    let told = said.split("It took ").nth(1).and_then(|rest| rest.split(' ').next());
    told.and_then(|seconds| seconds.parse().ok()).unwrap_or_else(|| panic!("it does not tell how long it took: {said}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_settled_tickets_are_switched_in_less_than_a_minute_with_traffic() {
    let scene = Scene::with_past(ALIVE, "").await;
    let house = &scene.house;
    let mirror = house.ledger.mirror("demo").await.expect("it is there");
    settled(house, mirror.id).await;
    let there: Vec<_> = house.source.stage.tickets().into_iter().filter(|one| one.state == TicketState::Present).collect();
    let tickets: Vec<String> = there.into_iter().map(|ticket| ticket.id).collect();
    for (number, ticket) in tickets.iter().enumerate() {
        house.reply(ticket, &words("before", number));
    }
    house.quiet(&mirror).await;
    let (code, said) = house.ends(&["cutover", "demo", "--rehearse"]).await;
    assert_eq!(code, Some(0), "what changed is compared: {said}");
    house.source.stage.faults().limit(true);
    let over = Cell::new(false);
    let operator = async {
        let (code, said) = house.ends(&["cutover", "demo", "--go"]).await;
        over.set(true);
        (code, said)
    };
    let ((code, said), wrote) = tokio::join!(operator, people(house, &tickets, &over));
    assert_eq!(code, Some(0), "{said}");
    let whole = said.split(" tickets, and those to come.").next().and_then(|told| told.rsplit(' ').next());
    assert!(whole.is_some_and(|whole| whole.parse::<i64>().is_ok_and(|whole| whole > SETTLED)), "{said}");
    assert!(seconds(&said) < 60.0, "{said}");
    house.quiet(&mirror).await;
    let twice: Vec<String> = (0..tickets.len())
        .map(|number| words("before", number))
        .chain((0..wrote).map(|number| words("while it was switched", number)))
        .filter(|words| house.found(words) != 1)
        .collect();
    assert_eq!(twice, Vec::<String>::new(), "of {wrote} that were written meanwhile");
    println!("{} tickets changed before, {wrote} while it was switched at Zendesk's limits", tickets.len());
}
