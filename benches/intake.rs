//! What the group commit at intake is worth: deliveries kept by the one writer task, against one transaction for each request.
//!
//! Runs on a durable private Postgres of its own (every commit waits for the disk) in `TIDEGATE_BENCH_DIR`, else where temporary
//! files go. Prints deliveries a second for each way and their ratio, by how many senders wait at once.

use std::path::PathBuf;
use std::sync::Arc;

use tidegate::change::Hint;
use tidegate::clock::{Clock, Monotonic};
use tidegate::desk::Side;
use tidegate::desk::id::TicketId;
use tidegate::embedded::{Embedded, Options};
use tidegate::intake::writer::{Writer, writer};
use tidegate::ledger::delivery::NewDelivery;
use tidegate::ledger::{Ledger, Role};
use tidegate::mirror::MirrorId;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// As `tidegate serve` has by default.
const CONNECTIONS: u32 = 16;
/// Deliveries of one measurement: so many for each sender, but no more than this in all.
const EACH: usize = 250;
const MOST: usize = 4000;
const SENDERS: [usize; 4] = [1, 8, 64, 256];
const TICKETS: usize = 500;
/// About what a Zendesk event is long.
const BODY: usize = 1200;

/// One way to keep a delivery.
#[derive(Clone)]
enum Way {
    Grouped(Writer),
    OneByOne(Ledger),
}

impl Way {
    async fn keep(&self, delivery: NewDelivery) {
        match self {
            Way::Grouped(writer) => writer.keep(delivery).await.map(|_| ()).expect("it is kept"),
            Way::OneByOne(ledger) => ledger.keep_deliveries(&[delivery]).await.map(|_| ()).expect("it is kept"),
        }
    }
}

#[tokio::main]
async fn main() {
    let base = std::env::var_os("TIDEGATE_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = base.join(format!("tidegate-bench-{}", std::process::id()));
    let options = Options { dir: directory.clone(), binaries: None, durable: true };
    let postgres = Embedded::start(options).await.unwrap_or_else(|error| panic!("{error}"));
    postgres.ensure_database("bench").await.expect("a database");
    let ledger = Ledger::open(postgres.options("bench"), CONNECTIONS, Role::Gateway).await.expect("a ledger");
    let clock = Clock::system();
    let mirror = ledger.apply_mirror("bench", &serde_json::json!({}), "v", clock.now()).await.expect("a mirror").id;
    let (keeper, desk) = writer(ledger.clone(), Arc::new(Notify::new()));
    let desk = tokio::spawn(desk.run());
    println!("deliveries a second, of {BODY} bytes about {TICKETS} tickets, {CONNECTIONS} connections:");
    println!("{:>8} {:>12} {:>12} {:>8}", "senders", "grouped", "one by one", "ratio");
    let ways = [Way::Grouped(keeper.clone()), Way::OneByOne(ledger.clone())];
    // The first round fills caches and makes the lanes; it is not counted.
    for way in &ways {
        rate(way, mirror, 64, "warm").await;
    }
    for senders in SENDERS {
        let grouped = rate(&ways[0], mirror, senders, "grouped").await;
        let single = rate(&ways[1], mirror, senders, "single").await;
        println!("{senders:>8} {grouped:>12.0} {single:>12.0} {:>8.1}", grouped / single);
    }
    drop((keeper, ways));
    desk.await.expect("the writer ends with its last sender");
    ledger.close().await;
    postgres.stop().await;
    let _ = std::fs::remove_dir_all(&directory);
}

/// Deliveries a second.
async fn rate(way: &Way, mirror: MirrorId, senders: usize, name: &str) -> f64 {
    let deliveries = MOST.min(EACH * senders);
    let mut tasks = JoinSet::new();
    let started = Monotonic::now();
    for sender in 0..senders {
        let (way, name) = (way.clone(), format!("{name}-{senders}"));
        tasks.spawn(async move {
            for place in (sender..deliveries).step_by(senders) {
                way.keep(delivery(mirror, place, &name, matches!(way, Way::Grouped(_)))).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("a sender goes on to its end");
    }
    deliveries as f64 / started.elapsed().as_secs_f64()
}

fn delivery(mirror: MirrorId, place: usize, round: &str, grouped: bool) -> NewDelivery {
    let now = Clock::system().now();
    let id = format!("{round}-{grouped}-{place}");
    let hint = Hint {
        ticket: TicketId::new((place % TICKETS).to_string()),
        what: "ticket.comment_added".to_string(),
        evidence: format!("event:{id}"),
        least_stamp: None,
        feed_stamp: None,
        at: now,
    };
    NewDelivery {
        mirror,
        side: Side::Source,
        dedupe: id,
        received_at: now,
        headers: vec![("content-type".to_string(), "application/json".to_string())],
        body: vec![b'x'; BODY],
        by_former: false,
        reading: Ok(vec![hint]),
    }
}
