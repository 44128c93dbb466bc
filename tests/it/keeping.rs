//! What is known of a mirror's tickets is kept for a while, then destroyed; the numbers stay.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use tidegate::cutover::retention::Keeper;
use tidegate::ledger::extension::{Extension, Term};
use tidegate::ledger::retention::{EVERYTHING, Keeping, TOO_OLD};
use tidegate::task::Next;

use crate::world::desk::{request_tracker, zendesk};
use crate::world::stand::World;

const DAY: Duration = Duration::from_secs(86_400);

/// Tables that stay as they are, and why.
const STAYS: [(&str, &str); 14] = [
    ("cutover_window", "names of parts, given by the operator"),
    ("backfill", "counts and times"),
    ("figure", "counts"),
    ("switch", "who had which desk lead, and what was passed by"),
    ("switch_step", "what each gate was, without words of tickets"),
    ("tick", "what was done by hand"),
    ("run", "counts and times of runs"),
    ("extension", "who added days, and why"),
    ("purge", "the record of the end"),
    ("acceptance", "who accepted what"),
    ("accepted_difference", "who accepted which difference, by number and digest"),
    ("pair", "the numbers"),
    ("pair_former", "the numbers"),
    ("old_file", "digests that lead from old links to the numbers"),
];

async fn world() -> World {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let tickets = ["one", "two", "three"].map(|name| world.source.open(&format!("Order {name}"), "Where is it?"));
    world.copy().await;
    world.source.reply(&tickets[0], "Anybody?");
    world.source.set(&tickets[1], "priority", "high");
    world.settle().await;
    world
}

async fn activate(world: &World) {
    let keeper = Keeper { ledger: world.ledger.clone(), clock: world.clock.clone() };
    while keeper.activate().await == Next::Again {}
}

/// Deliveries whose payload is there, and all.
async fn payloads(pool: &PgPool) -> (i64, i64) {
    let sql = "select count(*) filter (where body <> '' and headers <> '[]'), count(*) from delivery";
    sqlx::query_as(sql).fetch_one(pool).await.expect("an answer")
}

/// What `retire` leaves of itself.
async fn retire(pool: &PgPool, at: DateTime<Utc>) {
    sqlx::query("update mirror set retired_at = $1").bind(at).execute(pool).await.expect("an answer");
}

async fn keeping(world: &World) -> Keeping {
    world.ledger.keeping(world.mirror.id).await.expect("an answer")
}

async fn rows(pool: &PgPool, table: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    sqlx::query_scalar(sql).fetch_one(pool).await.expect("an answer")
}

#[tokio::test]
async fn raw_payloads_of_a_running_mirror_have_an_age_limit() {
    let mut world = world().await;
    let (whole, all) = payloads(&world.pool).await;
    assert!(whole > 0 && whole == all);
    world.clock.advance(DAY * 9);
    activate(&world).await;
    assert_eq!(payloads(&world.pool).await, (whole, all));
    let late = world.source.open("Order four", "And this one?");
    world.settle().await;
    let young = payloads(&world.pool).await.1 - all;
    assert!(young > 0);
    world.clock.advance(DAY * 3 / 2);
    activate(&world).await;
    assert_eq!(payloads(&world.pool).await, (young, all + young));
    assert_eq!(world.figure(TOO_OLD).await, whole);
    world.source.reply(&late, "It came.");
    world.settle().await;
    assert!(world.check().await.at_parity(), "the mirror runs on");
}

#[tokio::test]
async fn the_limits_are_the_mirror_file_s() {
    let mut world = world().await;
    let text = "[policy]\nsilence";
    world.reapply(text, &format!("[retention]\npayloads = \"2h\"\nafter-retirement = \"1d\"\n{text}")).await;
    world.clock.advance(Duration::from_secs(3 * 3_600));
    activate(&world).await;
    assert_eq!(payloads(&world.pool).await.0, 0);
    retire(&world.pool, world.clock.now()).await;
    world.clock.advance(DAY);
    activate(&world).await;
    let purge = keeping(&world).await.purge.expect("its day has passed");
    assert_eq!(purge.rule, "1d after the retirement");
}

#[tokio::test]
async fn ten_days_after_the_retirement_only_the_numbers_stay() {
    let mut world = world().await;
    let (gone, into) = (world.source.open("Order five", "Twice?"), world.source.open("Order six", "Twice!"));
    world.settle().await;
    world.source.merge(&gone, &into);
    world.settle().await;
    let before = world.ledger.numbers(world.mirror.id, tidegate::mirror::PairId(0), 100).await.expect("an answer");
    assert!(before.iter().any(|one| one.merged_into.is_some()), "{before:?}");
    retire(&world.pool, world.clock.now()).await;
    world.clock.advance(DAY * 10 - Duration::from_secs(60));
    activate(&world).await;
    assert!(keeping(&world).await.purge.is_none(), "a minute is left");
    let more = Extension { term: Term::Keeping, days: 2, reason: "an audit".into(), who: "Ann".into(), at: world.clock.now() };
    assert!(world.ledger.extend(world.mirror.id, &more).await.expect("an answer"));
    world.clock.advance(DAY * 2);
    activate(&world).await;
    assert!(keeping(&world).await.purge.is_none(), "it was extended");
    world.clock.advance(Duration::from_secs(120));
    activate(&world).await;
    let purge = keeping(&world).await.purge.expect("its time is over");
    assert_eq!((purge.rule.as_str(), &purge.ordered_by), ("10d and 2 days more after the retirement", &None));
    assert!(purge.done_at.is_some() && purge.destroyed["bases of tickets"] == 5, "{purge:?}");
    assert_eq!(payloads(&world.pool).await.0, 0);
    for table in of_a_mirror(&world.pool).await {
        let kept = STAYS.iter().any(|(name, _)| *name == table) || table == "delivery";
        assert!(kept || rows(&world.pool, &table).await == 0, "{table}");
    }
    let left: i64 = sqlx::query_scalar("select count(*) from pair where base is not null or source_stamp is not null")
        .fetch_one(&world.pool)
        .await
        .expect("an answer");
    assert_eq!(left, 0);
    assert_eq!(world.ledger.numbers(world.mirror.id, tidegate::mirror::PairId(0), 100).await.expect("an answer"), before);
    assert!(!world.ledger.extend(world.mirror.id, &more).await.expect("an answer"), "too late");
}

#[tokio::test]
async fn a_purge_goes_on_where_it_was_interrupted_and_counts_everything_once() {
    let world = world().await;
    let (now, id) = (world.clock.now(), world.mirror.id);
    let writes = rows(&world.pool, "intent").await;
    assert!(world.ledger.destroy(id, 3, now).await.expect("an answer"), "nothing goes without an order");
    assert_eq!(rows(&world.pool, "intent").await, writes);
    world.ledger.order_purge(id, "ordered before its time", Some("Ann"), now).await.expect("an answer");
    world.ledger.order_purge(id, "another rule", None, now).await.expect("an answer");
    let mut before = 0;
    let mut batches = 0;
    loop {
        let done = world.ledger.destroy(id, 3, now).await.expect("an answer");
        let so_far: i64 = keeping(&world).await.purge.expect("it was ordered").destroyed.values().sum();
        assert!(so_far - before <= 3, "a batch destroyed {}", so_far - before);
        (before, batches) = (so_far, batches + 1);
        if done {
            break;
        }
    }
    let purge = keeping(&world).await.purge.expect("it was ordered");
    assert!(batches > 5 && purge.destroyed["writes"] == writes, "{purge:?}");
    assert_eq!((purge.ordered_by.as_deref(), purge.done_at), (Some("Ann"), Some(now)));
}

/// Tables whose rows belong to a mirror or to its tickets.
async fn of_a_mirror(pool: &PgPool) -> Vec<String> {
    let sql = "select distinct table_name::text from information_schema.columns
               where table_schema = 'public' and column_name in ('mirror_id', 'pair_id', 'mirror', 'switch_id', 'run_id') order by 1";
    sqlx::query_scalar(sql).fetch_all(pool).await.expect("an answer")
}

#[tokio::test]
async fn every_table_is_decided_about() {
    let tables = of_a_mirror(&crate::world::db::fresh().await).await;
    assert!(tables.len() > 20, "{tables:?}");
    for table in tables {
        let goes = EVERYTHING
            .iter()
            .any(|(_, sql)| sql.starts_with(&format!("delete from {table} ")) || sql.starts_with(&format!("update {table} ")));
        let stays = STAYS.iter().any(|(name, _)| *name == table);
        assert!(goes || stays, "nobody said what becomes of `{table}` when what is known of a mirror is destroyed");
    }
}
