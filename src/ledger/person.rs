//! People: who at one desk is who at the other.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::Row;

use crate::desk::Side;
use crate::desk::id::PersonId;
use crate::mirror::MirrorId;

use super::{Ledger, Result};

/// A link to be kept.
#[derive(Debug, Clone)]
pub struct NewPersonLink<'a> {
    /// Whose person was looked up.
    pub side: Side,
    pub person: &'a PersonId,
    /// Who stands for them at the other desk. `None`: there is nobody to act as.
    pub there: Option<&'a PersonId>,
    pub email: Option<&'a str>,
    pub name: &'a str,
    /// `address`, `key`, `created`, `created at source`, `nobody`.
    pub how: &'static str,
}

/// The column of a side's people.
pub(super) fn column(side: Side) -> &'static str {
    match side {
        Side::Source => "source_person",
        Side::Target => "target_person",
    }
}

impl Ledger {
    /// Names of people by their ids at one desk, as they were when they were looked up.
    pub async fn names_of(&self, mirror: MirrorId, side: Side, ids: &[String]) -> Result<BTreeMap<String, String>> {
        let rows = sqlx::query(
            "select case $2 when 'source' then source_person else target_person end as id, name from person_link
             where mirror_id = $1 and case $2 when 'source' then source_person else target_person end = any($3)",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(|row| (row.get("id"), row.get("name"))).collect())
    }

    /// Who stands at the other desk for these people of one. Those never looked up are missing, and so are those whom nobody was found
    /// for longer than an hour ago: an account may have been made meanwhile. Whoever was found from the other desk is known here too.
    pub async fn people(
        &self,
        mirror: MirrorId,
        side: Side,
        people: &[&PersonId],
        now: DateTime<Utc>,
    ) -> Result<BTreeMap<PersonId, Option<PersonId>>> {
        let ids: Vec<&str> = people.iter().map(|id| id.as_str()).collect();
        let (own, other) = (column(side), column(side.other()));
        let sql = format!(
            "select distinct on ({own}) {own} as person, {other} as there from person_link
             where mirror_id = $1 and {own} = any($2)
               and ({other} is not null or made_at > $3::timestamptz - interval '1 hour')
             order by {own}, {other} is null, side <> $4, made_at"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(mirror.0)
            .bind(ids)
            .bind(now)
            .bind(side.as_str())
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(read_link).collect())
    }

    /// Who stands at the other desk for these people of one, where it is one person and no other.
    pub async fn counterparts(
        &self,
        mirror: MirrorId,
        side: Side,
        ids: &[&PersonId],
    ) -> Result<BTreeMap<PersonId, Option<PersonId>>> {
        let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        let rows = sqlx::query(
            "with link as (
                 select case $2 when 'source' then source_person else target_person end as here,
                        case $2 when 'source' then target_person else source_person end as there
                 from person_link
                 where mirror_id = $1)
             select here, min(there) as there from link
             where here = any($3) and there is not null
             group by here having count(distinct there) = 1",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        let id = |row: &sqlx::postgres::PgRow, column: &str| PersonId::new(row.get::<String, _>(column));
        Ok(rows.iter().map(|row| (id(row, "here"), Some(id(row, "there")))).collect())
    }

    /// Keeps a link; the first one stays. Whoever made the person may be heard after somebody who found them a moment later.
    pub async fn link_person(&self, mirror: MirrorId, link: &NewPersonLink<'_>, now: DateTime<Utc>) -> Result<()> {
        let (side, own, other) = (link.side.as_str(), column(link.side), column(link.side.other()));
        let sql = format!(
            "insert into person_link (mirror_id, side, {own}, {other}, email, name, how, made_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (mirror_id, {own}) where side = '{side}' do update
             set {other} = coalesce(person_link.{other}, excluded.{other}), made_at = excluded.made_at,
                 how = case when person_link.{other} is null
                             or person_link.{other} = excluded.{other} and excluded.how like 'created%'
                        then excluded.how else person_link.how end"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(mirror.0)
            .bind(side)
            .bind(link.person.as_str())
            .bind(link.there.map(PersonId::as_str))
            .bind(link.email)
            .bind(link.name)
            .bind(link.how)
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn read_link(row: sqlx::postgres::PgRow) -> (PersonId, Option<PersonId>) {
    let there: Option<String> = row.get("there");
    (PersonId::new(row.get::<String, _>("person")), there.map(PersonId::new))
}
