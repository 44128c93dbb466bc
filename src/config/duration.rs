//! Lengths of time as people write them: `60s`, `5m`, `10d`.

use std::time::Duration;

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A whole number and a unit (ms, s, m, h, d), nothing else. `None` for everything else, and for more than a u64 of
/// milliseconds.
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.iter().find(|(word, _)| *word == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*millis).map(Duration::from_millis)
}

/// Written so that [`parse`] reads it: in the largest unit that loses nothing down to the millisecond.
pub fn write(length: Duration) -> String {
    let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let (unit, size) = UNITS.iter().rev().find(|(_, size)| millis.is_multiple_of(*size)).expect("all divide by one millisecond");
    if millis == 0 { "0s".to_string() } else { format!("{}{unit}", millis / size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_written_back() {
        for text in ["250ms", "60s", "5m", "36h", "10d", "0s"] {
            let length = parse(text).expect(text);
            assert_eq!(parse(&write(length)), Some(length), "{text}");
        }
        assert_eq!(write(Duration::from_secs(7200)), "2h");
    }

    #[test]
    fn anything_else_is_no_length() {
        for text in ["", "5", "m", "5 m", "-5m", "1.5h", "5min", "99999999999999999999s", "18446744073709551615d"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
