//! Deliveries: webhook requests that proved themselves, kept with the hints that they brought, in one commit.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::Row;

use crate::change::{Hint, Origin};
use crate::desk::Side;
use crate::mirror::MirrorId;

use super::event::{Arrival, raise};
use super::{Ledger, Result};

/// A delivery to be kept.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    pub mirror: MirrorId,
    pub side: Side,
    /// The vendor's signed id, or the digest of the body.
    pub dedupe: String,
    pub received_at: DateTime<Utc>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// A former secret proved it, not the newest.
    pub by_former: bool,
    /// The hints in it, or why it could not be read.
    pub reading: std::result::Result<Vec<Hint>, String>,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    New,
    /// The same delivery was kept before.
    Again,
}

impl Ledger {
    /// Keeps a batch in one commit and answers in the same order. After it returns, every hint in it will be applied or parked.
    pub async fn keep_deliveries(&self, batch: &[NewDelivery]) -> Result<Vec<Kept>> {
        let mut transaction = self.pool.begin().await?;
        let ids = insert(&mut transaction, batch).await?;
        let mut order: Vec<usize> = (0..batch.len()).collect();
        order.sort_by_key(|&place| (batch[place].mirror, batch[place].side));
        for run in order.chunk_by(|&a, &b| (batch[a].mirror, batch[a].side) == (batch[b].mirror, batch[b].side)) {
            raise_run(&mut transaction, batch, &ids, run).await?;
        }
        transaction.commit().await?;
        Ok(ids.iter().map(|id| if id.is_some() { Kept::New } else { Kept::Again }).collect())
    }
}

async fn insert(connection: &mut sqlx::PgConnection, batch: &[NewDelivery]) -> Result<Vec<Option<i64>>> {
    let headers: Vec<serde_json::Value> = batch.iter().map(|delivery| json!(delivery.headers)).collect();
    let rows = sqlx::query(
        "with given as (
             select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[], $6::bytea[], $7::text[])
                 with ordinality as g(mirror_id, side, dedupe, received_at, headers, body, unreadable_why, place)
         ), inserted as (
             insert into delivery (tenant_id, mirror_id, side, dedupe, received_at, headers, body, unreadable_why)
             select m.tenant_id, g.mirror_id, g.side, g.dedupe, g.received_at, g.headers, g.body, g.unreadable_why
             from (select distinct on (mirror_id, side, dedupe) * from given order by mirror_id, side, dedupe, place) g
             join mirror m on m.id = g.mirror_id
             on conflict (mirror_id, side, dedupe) do nothing
             returning id, mirror_id, side, dedupe
         ), first as (
             select min(place) as place, mirror_id, side, dedupe from given group by mirror_id, side, dedupe
         )
         select f.place, i.id
         from inserted i join first f using (mirror_id, side, dedupe)",
    )
    .bind(batch.iter().map(|delivery| delivery.mirror.0).collect::<Vec<_>>())
    .bind(batch.iter().map(|delivery| delivery.side.as_str()).collect::<Vec<_>>())
    .bind(batch.iter().map(|delivery| delivery.dedupe.as_str()).collect::<Vec<_>>())
    .bind(batch.iter().map(|delivery| delivery.received_at).collect::<Vec<_>>())
    .bind(headers)
    .bind(batch.iter().map(|delivery| delivery.body.as_slice()).collect::<Vec<_>>())
    .bind(batch.iter().map(|delivery| delivery.reading.as_ref().err().map(String::as_str)).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    let mut ids = vec![None; batch.len()];
    for row in rows {
        let place = usize::try_from(row.get::<i64, _>("place") - 1).expect("ordinality counts the given rows from 1");
        ids[place] = Some(row.get("id"));
    }
    Ok(ids)
}

async fn raise_run(connection: &mut sqlx::PgConnection, batch: &[NewDelivery], ids: &[Option<i64>], run: &[usize]) -> Result<()> {
    let first = &batch[run[0]];
    let received_at = run.iter().map(|&place| batch[place].received_at).max().unwrap_or(first.received_at);
    let new: Vec<usize> = run.iter().copied().filter(|&place| ids[place].is_some()).collect();
    let read = new.iter().filter_map(|&place| Some((ids[place], batch[place].reading.as_ref().ok()?)));
    let (deliveries, hints): (Vec<Option<i64>>, Vec<Hint>) =
        read.flat_map(|(id, hints)| hints.iter().map(move |hint| (id, hint.clone()))).unzip();
    let arrival = Arrival {
        mirror: first.mirror,
        side: first.side,
        origin: Origin::Webhook,
        received_at,
        hints: &hints,
        deliveries: &deliveries,
    };
    raise(connection, &arrival).await?;
    park_unreadable(connection, batch, ids, &new).await?;
    let latest = |former: bool| {
        run.iter().map(|&place| &batch[place]).filter(|one| one.by_former == former).map(|one| one.received_at).max()
    };
    sqlx::query(
        "insert into witness (mirror_id, side, last_delivery_at, newest_at, former_at) values ($1, $2, $3, $4, $5)
         on conflict (mirror_id, side) do update
         set last_delivery_at = greatest(witness.last_delivery_at, $3), former_at = greatest(witness.former_at, $5),
             -- One that was on its way while the secret changed was proved by the one of before.
             newest_at = case when $4 > coalesce(witness.secret_since, '-infinity')
                 then greatest(witness.newest_at, $4) else witness.newest_at end",
    )
    .bind(first.mirror.0)
    .bind(first.side.as_str())
    .bind(received_at)
    .bind(latest(false))
    .bind(latest(true))
    .execute(connection)
    .await?;
    Ok(())
}

async fn park_unreadable(
    connection: &mut sqlx::PgConnection,
    batch: &[NewDelivery],
    ids: &[Option<i64>],
    places: &[usize],
) -> Result<()> {
    for &place in places {
        let delivery = &batch[place];
        let Err(why) = &delivery.reading else { continue };
        sqlx::query(
            "insert into parked (tenant_id, mirror_id, delivery_id, kind, reason, advice, blocking, parked_at)
             select tenant_id, id, $2, 'unreadable delivery', $3, $4, false, $5 from mirror where id = $1",
        )
        .bind(delivery.mirror.0)
        .bind(ids[place])
        .bind(format!("a genuine delivery of the {} desk could not be read: {why}", delivery.side.as_str()))
        .bind("The poll will find the change. If this repeats, the desk's payload has changed: report it, then discard these.")
        .bind(delivery.received_at)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
