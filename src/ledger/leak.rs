//! Looks whether the target told anybody because of us: which writes each is about, when it is due, and what it found.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::clock::delta;
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::desk::notice::{After, Notice};
use crate::mirror::MirrorId;

use super::mirror::halt;
use super::pair::side_of;
use super::{Ledger, Result};

/// When a batch of writes is looked at, in hours after it.
const LOOKS: [i16; 4] = [0, 1, 24, 96];
/// A write is recorded a moment after it got its number: the newest are left to the next batch.
const SETTLED: TimeDelta = TimeDelta::seconds(30);

/// When a batch of writes is full.
#[derive(Debug, Clone, Copy)]
pub struct Full {
    pub writes: i64,
    /// The oldest of them was sent so long ago.
    pub age: Duration,
}

/// A look that is due.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub id: i64,
    after_intent: i64,
    up_to_intent: i64,
    /// When its first write was sent.
    pub written_since: DateTime<Utc>,
    /// Hours after the batch; `None`: a person ordered it.
    pub hours: Option<i16>,
}

/// A ticket that a batch wrote to.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenTicket {
    /// The desk that was written to: mostly the target.
    pub side: Side,
    pub ticket: TicketId,
    /// A public message was among it.
    pub public: bool,
}

/// What a look said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Silent,
    Leaked,
    CannotTell,
}

impl Verdict {
    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Silent => "silent",
            Verdict::Leaked => "leaked",
            Verdict::CannotTell => "cannot tell",
        }
    }

    fn parse(word: &str) -> Option<Verdict> {
        [Verdict::Silent, Verdict::Leaked, Verdict::CannotTell].into_iter().find(|verdict| verdict.as_str() == word)
    }
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    pub verdict: Verdict,
    /// A sentence where it is not silent.
    pub why: Option<String>,
    /// Tickets that the batch wrote to, and those of them that the target was asked about.
    pub tickets: i64,
    pub asked: i64,
}

/// A look as a person sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LookRecord {
    pub id: i64,
    pub written_since: DateTime<Utc>,
    pub hours: Option<i16>,
    pub due_at: DateTime<Utc>,
    pub done_at: Option<DateTime<Utc>>,
    pub verdict: Option<Verdict>,
    pub why: Option<String>,
    pub tickets: Option<i64>,
    pub asked: Option<i64>,
}

/// Somebody was told. Who is in the target desk only.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeakRecord {
    /// The desk that told them.
    pub side: Side,
    pub ticket: String,
    /// The desk's id of the mail or notification.
    pub notice: String,
    pub rule: String,
    pub customers: i64,
    pub agents: i64,
    pub others: i64,
    /// `false`: it is not sure whether it was because of us.
    pub ours: bool,
    /// The target's clock.
    pub at: DateTime<Utc>,
    pub found_at: DateTime<Utc>,
}

/// Where the looks of a mirror stand.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Leaks {
    /// Mails and notifications that were sent because of us.
    pub leaks: i64,
    /// Those of which it is not sure.
    pub unsure: i64,
    pub verdict: Option<Verdict>,
    pub done_at: Option<DateTime<Utc>>,
    pub why: Option<String>,
    pub next_due: Option<DateTime<Utc>>,
}

impl Ledger {
    /// Ends the batch of writes that is open, if it is full or a full copy has ended since the last one, and orders its looks.
    pub async fn cut_batch(&self, mirror: MirrorId, full: Full, now: DateTime<Utc>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        // Two processes must not order the same looks.
        sqlx::query("select 1 from mirror where id = $1 for no key update").bind(mirror.0).execute(&mut *transaction).await?;
        let done = sqlx::query(
            "with last as (
                 select coalesce(max(up_to_intent), 0) as id, coalesce(max(ordered_at), '-infinity') as at
                 from leak_look where mirror_id = $1 and hours is not null
             ), batch as (
                 select count(*) as writes, max(i.id) as top, min(i.prepared_at) as since
                 from intent i, last
                 where i.mirror_id = $1 and i.id > last.id and i.prepared_at <= $3 and i.state <> 'void'
             )
             insert into leak_look (tenant_id, mirror_id, after_intent, up_to_intent, written_since, hours, ordered_at, due_at)
             select m.tenant_id, m.id, last.id, batch.top, batch.since, l.hours, $2, $2 + l.hours * interval '1 hour'
             from mirror m, last, batch, unnest($4::smallint[]) as l(hours)
             where m.id = $1 and batch.writes > 0
               and (batch.writes >= $5 or batch.since <= $6
                   or exists (select from backfill b where b.mirror_id = $1 and b.finished_at > last.at and b.finished_at <= $3))",
        )
        .bind(mirror.0)
        .bind(now)
        .bind(now - SETTLED)
        .bind(&LOOKS[..])
        .bind(full.writes)
        .bind(now - delta(full.age))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Orders a look at everything that was written since, and takes it. `None`: nothing was.
    pub async fn order_look(&self, mirror: MirrorId, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<Option<Look>> {
        let row = sqlx::query(
            "insert into leak_look (tenant_id, mirror_id, after_intent, up_to_intent, written_since, ordered_at, due_at, begun_at)
             select m.tenant_id, m.id, b.low - 1, b.top, b.since, $3, $3, $3
             from mirror m, (
                 select min(id) as low, max(id) as top, min(prepared_at) as since from intent
                 where mirror_id = $1 and prepared_at >= $2 and state <> 'void'
             ) b
             where m.id = $1 and b.low is not null
             returning id, after_intent, up_to_intent, written_since, hours",
        )
        .bind(mirror.0)
        .bind(since)
        .bind(now)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.as_ref().map(read_look))
    }

    /// Takes the next look that is due. One that was taken longer than `lease` ago is given out again: its process died.
    pub async fn take_look(&self, mirror: MirrorId, lease: Duration, now: DateTime<Utc>) -> Result<Option<Look>> {
        let row = sqlx::query(
            "update leak_look set begun_at = $2
             where id = (
                 select id from leak_look
                 where mirror_id = $1 and done_at is null and due_at <= $2 and (begun_at is null or begun_at <= $3)
                 order by due_at, id limit 1 for update skip locked)
             returning id, after_intent, up_to_intent, written_since, hours",
        )
        .bind(mirror.0)
        .bind(now)
        .bind(now - delta(lease))
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.as_ref().map(read_look))
    }

    /// A look goes on.
    pub async fn keep_look(&self, look: &Look, now: DateTime<Utc>) -> Result<()> {
        sqlx::query("update leak_look set begun_at = $2 where id = $1").bind(look.id).bind(now).execute(&self.pool).await?;
        Ok(())
    }

    /// Gives a look back that could not be ended; it is due again at `due_at`.
    pub async fn put_look_off(&self, look: &Look, due_at: DateTime<Utc>) -> Result<()> {
        sqlx::query("update leak_look set begun_at = null, due_at = $2 where id = $1")
            .bind(look.id)
            .bind(due_at)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The tickets that the writes of a look went to, those with a public message first, `most` of them; and how many there
    /// are. Which ones are left out is no matter of age or number.
    pub async fn written_tickets(&self, mirror: MirrorId, look: &Look, most: i64) -> Result<(Vec<WrittenTicket>, i64)> {
        let rows = sqlx::query(
            r#"with written as (
                 select pair_id, coalesce(detail ->> 'at', 'target') as side,
                     bool_or(coalesce(detail @> '{"links": [{"visibility": "public"}]}', false)) as public
                 from intent
                 where mirror_id = $1 and id > $2 and id <= $3 and state <> 'void'
                 group by pair_id, 2
             ), held as (
                 select w.side, case w.side when 'source' then p.source_ticket else p.target_ticket end as ticket, w.public
                 from written w join pair p on p.id = w.pair_id
                 union all
                 select w.side, f.target_ticket, w.public from written w join pair_former f on f.pair_id = w.pair_id
                 where w.side = 'target'
             )
             select side, ticket, bool_or(public) as public, count(*) over () as tickets
             from held where ticket is not null
             group by side, ticket
             order by bool_or(public) desc, md5(ticket)
             limit $4"#,
        )
        .bind(mirror.0)
        .bind(look.after_intent)
        .bind(look.up_to_intent)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        let all = rows.first().map_or(0, |row| row.get("tickets"));
        let ticket = |row: &PgRow| WrittenTicket {
            side: side_of(row.get("side")),
            ticket: TicketId::new(row.get::<String, _>("ticket")),
            public: row.get("public"),
        };
        Ok((rows.iter().map(ticket).collect(), all))
    }

    /// Keeps what a look found about one ticket, each notice once. A new one that is ours pauses the mirror for `pause`, in the same
    /// commit. Returns how many of ours are new.
    pub async fn note_leaks(
        &self,
        (mirror, look): (MirrorId, &Look),
        (side, ticket, found): (Side, &TicketId, &[&Notice]),
        pause: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        let mut transaction = self.pool.begin().await?;
        let mut new = 0;
        for notice in found {
            let done = sqlx::query(
                "insert into leak (mirror_id, ticket, notice, look_id, rule, customers, agents, others, ours, at, found_at, side)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict do nothing",
            )
            .bind(mirror.0)
            .bind(ticket.as_str())
            .bind(&notice.id)
            .bind(look.id)
            .bind(&notice.rule)
            .bind(i64::from(notice.to.customers))
            .bind(i64::from(notice.to.agents))
            .bind(i64::from(notice.to.others))
            .bind(notice.after == After::Us)
            .bind(notice.at)
            .bind(now)
            .bind(side.as_str())
            .execute(&mut *transaction)
            .await?;
            new += i64::from(done.rows_affected() == 1 && notice.after == After::Us);
        }
        if let (true, Some(why)) = (new > 0, pause) {
            halt(&mut transaction, mirror, why).await?;
        }
        transaction.commit().await?;
        Ok(new)
    }

    /// Ends a look.
    pub async fn end_look(&self, look: &Look, findings: &Findings, now: DateTime<Utc>) -> Result<()> {
        sqlx::query("update leak_look set done_at = $2, verdict = $3, why = $4, tickets = $5, asked = $6 where id = $1")
            .bind(look.id)
            .bind(now)
            .bind(findings.verdict.as_str())
            .bind(&findings.why)
            .bind(findings.tickets)
            .bind(findings.asked)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The looks of a mirror, the latest first; those that are not due yet too.
    pub async fn looks(&self, mirror: MirrorId) -> Result<Vec<LookRecord>> {
        let rows = sqlx::query(
            "select id, written_since, hours, due_at, done_at, verdict, why, tickets, asked from leak_look
             where mirror_id = $1 order by coalesce(done_at, due_at) desc, id desc",
        )
        .bind(mirror.0)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(read_record).collect())
    }

    /// Everybody who was told because of us, or perhaps because of us, the latest first.
    pub async fn leaks(&self, mirror: MirrorId) -> Result<Vec<LeakRecord>> {
        let rows = sqlx::query(
            "select side, ticket, notice, rule, customers, agents, others, ours, at, found_at from leak
             where mirror_id = $1 order by at desc, side, ticket, notice",
        )
        .bind(mirror.0)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(read_leak).collect())
    }

    /// Where the looks stand.
    pub async fn leak_status(&self, mirror: MirrorId) -> Result<Leaks> {
        let row = sqlx::query(
            "select (select count(*) from leak where mirror_id = $1 and ours) as leaks,
                    (select count(*) from leak where mirror_id = $1 and not ours) as unsure,
                    (select min(due_at) from leak_look where mirror_id = $1 and done_at is null) as next_due,
                    l.verdict, l.done_at, l.why
             from (select 1) one left join lateral (
                 select verdict, done_at, why from leak_look where mirror_id = $1 and done_at is not null
                 order by done_at desc, id desc limit 1) l on true",
        )
        .bind(mirror.0)
        .fetch_one(&self.pool)
        .await?;
        Ok(Leaks {
            leaks: row.get("leaks"),
            unsure: row.get("unsure"),
            verdict: row.get::<Option<String>, _>("verdict").as_deref().and_then(Verdict::parse),
            done_at: row.get("done_at"),
            why: row.get("why"),
            next_due: row.get("next_due"),
        })
    }
}

fn read_look(row: &PgRow) -> Look {
    Look {
        id: row.get("id"),
        after_intent: row.get("after_intent"),
        up_to_intent: row.get("up_to_intent"),
        written_since: row.get("written_since"),
        hours: row.get("hours"),
    }
}

fn read_record(row: &PgRow) -> LookRecord {
    LookRecord {
        id: row.get("id"),
        written_since: row.get("written_since"),
        hours: row.get("hours"),
        due_at: row.get("due_at"),
        done_at: row.get("done_at"),
        verdict: row.get::<Option<String>, _>("verdict").as_deref().and_then(Verdict::parse),
        why: row.get("why"),
        tickets: row.get("tickets"),
        asked: row.get("asked"),
    }
}

fn read_leak(row: &PgRow) -> LeakRecord {
    LeakRecord {
        side: side_of(row.get("side")),
        ticket: row.get("ticket"),
        notice: row.get("notice"),
        rule: row.get("rule"),
        customers: row.get("customers"),
        agents: row.get("agents"),
        others: row.get("others"),
        ours: row.get("ours"),
        at: row.get("at"),
        found_at: row.get("found_at"),
    }
}
