//! How a world has to end: no claim, no open write, no probe at a desk, no switch under way, no work, nothing parked that the test did
//! not expect.

use std::collections::BTreeSet;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};

/// Fails where something is left. Blocks: it is called where nothing can be waited for.
pub fn check(options: PgConnectOptions, known: BTreeSet<&'static str>) {
    let looked = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(left(&options))
    });
    let mut left = looked.join().expect("the ledger can be looked at");
    left.retain(|(what, kind)| *what != "parked" || !known.contains(kind.as_str()));
    assert!(left.is_empty(), "the world ended with {left:?}");
}

async fn left(options: &PgConnectOptions) -> Vec<(String, String)> {
    let mut ledger = PgConnection::connect_with(options).await.expect("the ledger takes connections");
    sqlx::query_as(
        "select 'claim', pair_id::text from lane where lease_owner is not null
         union all select 'open write', kind || ' ' || key from intent where state in ('prepared', 'sent')
         union all select 'probe', key from probe where removed_at is null
         union all select 'switch', kind from switch where ended_at is null
         union all select 'parked', kind from parked where decided_at is null
         union all
         select 'work', l.pair_id::text from lane l join mirror m on m.id = l.mirror_id
         where m.paused_why is null and not l.blocked and l.pending > l.applied",
    )
    .fetch_all(&mut ledger)
    .await
    .expect("the ledger is readable")
}
