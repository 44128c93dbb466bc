//! Runs: when changes are carried that are not carried as they come. `[run]` of a mirror file, and what follows from it.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::{DateTime, FixedOffset, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::clock::delta;

use super::page::{Entry, Section};

const HOUR: Duration = Duration::from_secs(3_600);
const TIME: &str = "write hours and minutes: \"22:30\"";
const QUIET: &str = "write when they begin and end: \"22:00-06:00\"";
const OFFSET: &str = "write the hours that your clocks are ahead of UTC, or behind it: \"+01:00\"";

/// When runs begin, and at which hours they may work. With neither `every` nor `at` a person begins each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPlan {
    /// So long after the last one was ordered.
    pub every: Option<Duration>,
    /// Every day at these times.
    pub at: BTreeSet<NaiveTime>,
    /// Runs work in these hours only.
    pub quiet: Option<Quiet>,
    /// Minutes that the clocks of the mirror's people are ahead of UTC.
    pub offset: i32,
}

/// Hours of every day, over midnight where they end before they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quiet {
    pub from: NaiveTime,
    pub to: NaiveTime,
}

impl RunPlan {
    /// When the next run is due that begins by itself; `last`: when the last one was ordered, or the copy ended.
    pub fn due(&self, last: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let every = self.every.map(|every| last + delta(every));
        let at = self.at.iter().map(|time| self.next(last, *time));
        every.into_iter().chain(at).min()
    }

    /// When a run may work next: now, or when the quiet hours begin.
    pub fn opens(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let Some(quiet) = self.quiet else { return now };
        let time = now.with_timezone(&self.zone()).time();
        let within = match quiet.from <= quiet.to {
            true => quiet.from <= time && time < quiet.to,
            false => quiet.from <= time || time < quiet.to,
        };
        if within { now } else { self.next(now, quiet.from) }
    }

    /// A moment as the mirror's people write it.
    pub fn local(&self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone()).format("%Y-%m-%d %H:%M %:z").to_string()
    }

    /// The first moment after `after` at which the clocks show `time`.
    fn next(&self, after: DateTime<Utc>, time: NaiveTime) -> DateTime<Utc> {
        let local = after.with_timezone(&self.zone()).naive_local();
        let today = local.date().and_time(time);
        let next = if today > local { today } else { today + TimeDelta::days(1) };
        next.and_utc() - TimeDelta::minutes(i64::from(self.offset))
    }

    fn zone(&self) -> FixedOffset {
        FixedOffset::east_opt(self.offset * 60).unwrap_or_else(|| FixedOffset::east_opt(0).expect("UTC is an offset"))
    }
}

/// Reads `[run]`. An empty one says that a person begins each run.
pub fn read(section: &Section<'_>) -> RunPlan {
    let at = section.get("at").map(|entry| entry.texts()).unwrap_or_default();
    let plan = RunPlan {
        every: section.get("every").and_then(|entry| entry.length(HOUR, HOUR * 24 * 10)),
        at: at.iter().filter_map(|entry| told(entry, time, TIME)).collect(),
        quiet: section.get("quiet").and_then(|entry| told(&entry, quiet, QUIET)),
        offset: section.get("offset").and_then(|entry| told(&entry, offset, OFFSET)).unwrap_or_default(),
    };
    section.finish();
    plan
}

fn told<T>(entry: &Entry<'_>, read: fn(&str) -> Option<T>, right: &str) -> Option<T> {
    let text = entry.text()?;
    let found = read(text);
    if found.is_none() {
        entry.wrong(format!("`{}` is \"{text}\", which cannot be used", entry.path), right.to_string());
    }
    found
}

fn time(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text, "%H:%M").ok()
}

fn quiet(text: &str) -> Option<Quiet> {
    let (from, to) = text.split_once('-')?;
    let quiet = Quiet { from: time(from.trim())?, to: time(to.trim())? };
    (quiet.from != quiet.to).then_some(quiet)
}

/// Minutes; no clock of this world is 15 hours ahead or behind.
fn offset(text: &str) -> Option<i32> {
    let ahead = text.strip_prefix('+').map(|rest| (1, rest)).or_else(|| text.strip_prefix('-').map(|rest| (-1, rest)));
    let (sign, rest) = ahead?;
    let of_day = time(rest)?.signed_duration_since(NaiveTime::MIN).num_minutes();
    i32::try_from(of_day).ok().filter(|minutes| *minutes < 15 * 60).map(|minutes| sign * minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        format!("2026-03-{text}:00Z").parse().expect("a time")
    }

    fn nights() -> RunPlan {
        RunPlan { quiet: quiet("22:00-06:00"), offset: 60, ..RunPlan::default() }
    }

    #[test]
    fn quiet_hours_are_those_of_the_mirrors_people_and_go_over_midnight() {
        let plan = nights();
        for quiet in ["02T21:00", "02T23:59", "03T04:59"] {
            assert_eq!(plan.opens(at(quiet)), at(quiet));
        }
        assert_eq!((plan.opens(at("02T20:59")), plan.opens(at("03T05:00"))), (at("02T21:00"), at("03T21:00")));
        let noon = RunPlan { quiet: quiet("12:00-13:00"), offset: -90, ..RunPlan::default() };
        assert_eq!((noon.opens(at("02T13:30")), noon.opens(at("02T14:30"))), (at("02T13:30"), at("03T13:30")));
        assert_eq!(plan.local(at("02T21:00")), "2026-03-02 22:00 +01:00");
    }

    #[test]
    fn the_next_run_is_due_after_so_long_or_at_a_time_of_the_day() {
        let times: BTreeSet<_> = ["07:30", "19:30"].into_iter().filter_map(time).collect();
        let plan = RunPlan { at: times, offset: 60, ..RunPlan::default() };
        assert_eq!(plan.due(at("02T06:29")), Some(at("02T06:30")));
        assert_eq!(plan.due(at("02T06:30")), Some(at("02T18:30")));
        assert_eq!(plan.due(at("02T18:30")), Some(at("03T06:30")));
        let daily = RunPlan { every: Some(HOUR * 24), ..plan };
        assert_eq!(daily.due(at("02T06:30")), Some(at("02T18:30")), "whichever comes first");
        assert_eq!(RunPlan::default().due(at("02T06:30")), None, "a person begins it");
    }

    #[test]
    fn offsets_have_a_sign_and_times_two_parts() {
        assert_eq!((offset("+01:00"), offset("-03:30"), offset("+00:00")), (Some(60), Some(-210), Some(0)));
        for text in ["01:00", "+15:00", "+1", "CET"] {
            assert_eq!(offset(text), None, "{text}");
        }
        assert!(quiet("22:00").is_none() && quiet("22:00-22:00").is_none() && quiet("22:00-25:00").is_none());
    }
}
