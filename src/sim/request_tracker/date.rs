//! The three ways in which RT reads a date, and how it writes one. RT keeps whole seconds.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, SubsecRound, TimeZone, Utc};

/// Whole seconds.
pub fn seconds(at: DateTime<Utc>) -> DateTime<Utc> {
    at.trunc_subsecs(0)
}

/// As REST2 writes it: `2026-11-22T20:35:32Z`, 1970 for none.
pub fn w3c(at: Option<DateTime<Utc>>) -> String {
    at.unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// As the database has it: `2026-11-22 20:35:32`, 1970 for none.
pub fn sql(at: Option<DateTime<Utc>>) -> String {
    at.unwrap_or_default().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// As RT's sentences have it: `Sat Jan 02 03:04:05 2027`, `Not set` for none.
pub fn sentence(at: Option<DateTime<Utc>>) -> String {
    at.filter(|at| at.timestamp() != 0).map_or_else(|| "Not set".to_owned(), |at| at.format("%a %b %d %H:%M:%S %Y").to_string())
}

fn clock_time(text: &str) -> Option<NaiveTime> {
    ["%H:%M:%S", "%H:%M:%S%.f", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(text, form).ok())
}

/// The day, the time of day if there is one, and what follows.
fn split(text: &str) -> Option<(NaiveDate, Option<NaiveTime>, &str)> {
    let text = text.trim();
    let day = NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
    let rest = &text[10..];
    if rest.is_empty() {
        return Some((day, None, ""));
    }
    let time = rest.strip_prefix(['T', ' '])?.trim_start();
    let end = time.find(|letter: char| !letter.is_ascii_digit() && letter != ':' && letter != '.').unwrap_or(time.len());
    Some((day, Some(clock_time(&time[..end])?), &time[end..]))
}

fn utc(day: NaiveDate, time: NaiveTime) -> DateTime<Utc> {
    Utc.from_utc_datetime(&NaiveDateTime::new(day, time))
}

/// Dates in `POST ticket`: `YYYY-MM-DD HH:MM:SS`, with a `T`, with a `Z`; anything else is none, and no error.
pub fn strict(text: &str) -> Option<DateTime<Utc>> {
    let (day, time, rest) = split(text)?;
    matches!(rest, "" | "Z").then_some(utc(day, time?)).filter(|at| at.timestamp() != 0)
}

/// Dates that go to the database as they are (`PUT ticket`, `Created`): an offset is read and ignored. `None`: an error.
pub fn database(text: &str) -> Option<DateTime<Utc>> {
    let (day, time, _) = split(text)?;
    Some(seconds(utc(day, time.unwrap_or_default())))
}

/// Dates in searches and custom fields. **A `Z` that touches the time takes the time away**: midnight of that day is left.
/// ` UTC`, ` GMT`, ` Z` and offsets are exact; nothing at all is the user's timezone, which is UTC here. What cannot be
/// read is 1970.
pub fn lenient(text: &str) -> DateTime<Utc> {
    read_lenient(text).unwrap_or_default()
}

fn read_lenient(text: &str) -> Option<DateTime<Utc>> {
    let (day, time, rest) = split(text)?;
    let Some(time) = time else { return Some(utc(day, NaiveTime::MIN)) };
    match rest {
        "" | " UTC" | " GMT" | " Z" | "UTC" => Some(utc(day, time)),
        _ if rest.starts_with('Z') => Some(utc(day, NaiveTime::MIN)),
        offset => {
            let offset: FixedOffset = offset.trim().parse().ok()?;
            Some(utc(day, time) - offset)
        }
    }
}
