//! Real processes: killed under load, two on one ledger, and one that was stopped and goes on when others have its work.

use rustix::process::Signal;
use sqlx::PgPool;
use tidegate::clock::Clock;
use tidegate::ledger::mirror::MirrorRow;
use tidegate::sim::faults::Rates;
use uuid::Uuid;

use crate::world::db::until;
use crate::world::house::{House, port};
use crate::world::load::Load;
use crate::world::process::Serve;
use crate::world::scrip::rt_mirror;

const SECRET: &str = "of globex";
/// Deliveries that are sent at most.
const MOST: usize = 3000;
/// So many were answered when the process is killed.
const ENOUGH: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_before_a_kill_is_in_the_ledger() {
    let house = House::with_past(0, Clock::system()).await;
    let mut serve = Serve::anywhere(&house).await;
    house.apply(&rt_mirror(&house, "globex", SECRET, serve.address)).await;
    let load = Load::on(serve.address, "globex", SECRET);
    load.taken_in().await;
    let killer = async {
        until("enough was answered", async || load.answered().len() >= ENOUGH).await;
        serve.signal(Signal::KILL);
        serve.ended().await;
        load.stop();
    };
    tokio::join!(load.send(16, MOST), killer);
    let answered = load.answered();
    assert!(answered.len() >= ENOUGH && answered.len() < MOST, "it was killed under load: {}", answered.len());
    let kept: Vec<String> = sqlx::query_scalar("select dedupe from delivery").fetch_all(&house.pool).await.expect("an answer");
    let lost: Vec<&String> = answered.iter().filter(|id| !kept.contains(id)).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), answered.len());
    // Each delivery brought its hint in the same commit, and none stands twice.
    let hints: i64 = sqlx::query_scalar("select count(*) from change_event").fetch_one(&house.pool).await.expect("a number");
    assert_eq!(usize::try_from(hints).expect("not negative"), kept.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_on_one_postgres_do_not_disturb_each_other() {
    let mut house = House::with_past(8, Clock::system()).await;
    let one = Serve::anywhere(&house).await;
    let mut other = Serve::anywhere(&house).await;
    let mirror = house.apply(&house.mirror_text(&house.source.url, one.address)).await;
    house.copy(&mirror).await;
    until("the webhook is known", async || both_listen(&one, &other).await).await;
    house.traffic(40, &mirror);
    house.agreement(&mirror).await;
    other.signal(Signal::TERM);
    assert!(other.ended().await.success(), "{}", other.log());
    house.traffic(10, &mirror);
    house.agreement(&mirror).await;
    none_is_doubled(&house.pool).await;
}

/// An unsigned delivery is refused by both, not unknown.
async fn both_listen(one: &Serve, other: &Serve) -> bool {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    for serve in [one, other] {
        let answer = client.post(format!("http://{}/hooks/demo/source", serve.address)).send().await;
        if answer.map_or(0, |answer| answer.status().as_u16()) != 401 {
            return false;
        }
    }
    true
}

/// No two target messages stand for one source message.
async fn none_is_doubled(pool: &PgPool) {
    let doubles: Vec<String> = sqlx::query_scalar(
        "select target_message from message_link where target_message is not null group by mirror_id, target_message having count(*) > 1",
    )
    .fetch_all(pool)
    .await
    .expect("an answer");
    assert!(doubles.is_empty(), "{doubles:?}");
}

/// The process that holds a lane, perhaps one with a write on its way.
async fn holder(pool: &PgPool, writing: bool) -> Option<Uuid> {
    sqlx::query_scalar(
        "select lease_owner from lane l
         where lease_owner is not null
           and (not $1 or exists (select 1 from intent i where i.pair_id = l.pair_id and i.fence = l.fence and i.state = 'sent'))
         limit 1",
    )
    .bind(writing)
    .fetch_optional(pool)
    .await
    .expect("an answer")
}

async fn until_it_writes(pool: &PgPool) {
    until("the process has a write on its way", async || holder(pool, true).await.is_some()).await;
}

/// The target takes its time, so that a process can be stopped in the middle of a write.
fn slow(house: &House) {
    house.target.stage.faults().set(Rates { slow: 0.2, slow_ms: 200, ..Rates::default() });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_stopped_past_its_lease_writes_nothing_twice() {
    let mut house = House::with_past(3, Clock::system()).await;
    let stopped = Serve::anywhere(&house).await;
    let other_address = port();
    let mirror = house.apply(&house.mirror_text(&house.source.url, other_address)).await;
    slow(&house);
    house.ledger.backfill(mirror.id, true, house.clock.now()).await.expect("a copy");
    until_it_writes(&house.pool).await;
    stopped.signal(Signal::STOP);
    let other = Serve::on(&house, other_address).await;
    house.copy(&mirror).await;
    taken_over(&house, &mirror).await;
    stopped.signal(Signal::CONT);
    until("both listen", async || both_listen(&stopped, &other).await).await;
    house.traffic(25, &mirror);
    house.agreement(&mirror).await;
    none_is_doubled(&house.pool).await;
    let log = stopped.log();
    assert!(log.contains("the lane was given to another worker"), "the stopped process noticed nothing:\n{log}");
}

/// The other process finishes what the stopped one holds.
async fn taken_over(house: &House, mirror: &MirrorRow) {
    house.quiet(mirror).await;
    let verdict = house.verdict(mirror).await;
    let doubled = verdict.differences.iter().filter(|difference| format!("{:?}", difference.kind).starts_with("Doubled"));
    assert_eq!(doubled.count(), 0);
}
