//! What is wrong in a mirror file, where, and what would be right.

use std::collections::BTreeMap;
use std::fmt;

/// One mistake, in words for the person who wrote the file. Never quotes a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub weight: Weight,
    /// As it was given on the command line.
    pub file: String,
    /// `None` where it is about no line (the file cannot be read).
    pub at: Option<Place>,
    pub what: String,
    pub right: String,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The file is refused.
    Wrong,
    /// It is taken; somebody should look.
    Note,
}

/// A place in a file, counted from 1; columns are characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(at) = self.at {
            write!(f, ":{}:{}", at.line, at.column)?;
        }
        if self.weight == Weight::Note {
            f.write_str(": note")?;
        }
        write!(f, ": {}\n    {}", self.what, self.right)
    }
}

/// Whether the file is refused for one of these.
pub fn refuses(mistakes: &[Mistake]) -> bool {
    mistakes.iter().any(|mistake| mistake.weight == Weight::Wrong)
}

/// Where each key of a file stands, by its path (`["map", "status", "hold"]`). Empty for a mirror that is read from the
/// ledger: mistakes then have no line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    pub file: String,
    pub keys: BTreeMap<Vec<String>, Place>,
}

impl Places {
    /// The place of the key, or of the nearest table around it that was written.
    pub fn of(&self, path: &[&str]) -> Option<Place> {
        let path: Vec<String> = path.iter().map(|part| part.to_string()).collect();
        (1..=path.len()).rev().find_map(|length| self.keys.get(&path[..length]).copied())
    }

    /// A mistake about the key at `path`.
    pub fn mistake(&self, weight: Weight, path: &[&str], what: String, right: String) -> Mistake {
        Mistake { weight, file: self.file.clone(), at: self.of(path), what, right }
    }
}

/// The word among `known` that was most likely meant: at most a third of its letters differ.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let near = known.into_iter().map(|known| (distance(&word, &known.to_lowercase()), known));
    near.filter(|(far, known)| *far * 3 <= known.chars().count().max(3)).min_by_key(|(far, _)| *far).map(|(_, known)| known)
}

/// How many letters have to be added, removed, changed or swapped with the next (optimal string alignment).
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut grid = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            grid[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let changed = grid[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let least = changed.min(grid[i - 1][j] + 1).min(grid[i][j - 1] + 1);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                if swapped { least.min(grid[i - 2][j - 2] + 1) } else { least }
            };
        }
    }
    grid[a.len()][b.len()]
}

/// `a`, `b` or `c`, each in back quotes.
pub fn list<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.pop() {
        None => String::new(),
        Some(last) if words.is_empty() => last,
        Some(last) => format!("{} or {last}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_through_a_typing_error_and_not_beyond() {
        let known = ["zendesk", "request-tracker"];
        assert_eq!(nearest("zendsk", known), Some("zendesk"));
        assert_eq!(nearest("Request_Tracker", known), Some("request-tracker"));
        assert_eq!(nearest("opne", ["new", "open"]), Some("open"));
        assert_eq!(nearest("jira", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn a_key_that_is_not_written_stands_where_its_table_does() {
        let mut places = Places::default();
        places.keys.insert(vec!["map".to_string()], Place { line: 7, column: 2 });
        assert_eq!(places.of(&["map", "status", "hold"]), Some(Place { line: 7, column: 2 }));
        assert_eq!(places.of(&["scope"]), None);
    }
}
