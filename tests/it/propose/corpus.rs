//! How good the guesses are, on pairs of desks that they were developed on, and on pairs that were written before anybody looked at
//! what is guessed for them.

use std::collections::BTreeMap;

use tidegate::config::file;
use tidegate::config::mistake::Weight;
use tidegate::config::values::check_values;
use tidegate::desk::mapping::Mapping;
use tidegate::setup::propose::line::{Line, Mark, What};
use tidegate::setup::propose::{page, propose};

use super::pairs::{self, Pair};

/// What came of the values of a pair.
#[derive(Default, Debug, PartialEq)]
struct Count {
    right_and_sure: usize,
    right_and_asked: usize,
    /// Asked with a wrong guess.
    wrong_and_asked: usize,
    /// A question without a guess.
    left_open: usize,
    /// `status.pending => open`
    wrong_and_sure: Vec<String>,
}

impl Count {
    /// Values that have a right answer.
    fn values(&self) -> usize {
        self.right_and_sure + self.right_and_asked + self.wrong_and_asked + self.left_open
    }

    fn add(&mut self, other: Count) {
        self.right_and_sure += other.right_and_sure;
        self.right_and_asked += other.right_and_asked;
        self.wrong_and_asked += other.wrong_and_asked;
        self.left_open += other.left_open;
        self.wrong_and_sure.extend(other.wrong_and_sure);
    }
}

/// Every value that the mapping speaks of, by its table and word: `status.pending`.
fn values(mapping: &Mapping) -> BTreeMap<String, String> {
    let fields = mapping.fields.iter().filter_map(|(from, to)| Some((format!("fields.{from}"), to.as_ref()?.to_string())));
    let people = mapping.people.iter().map(|(from, to)| (format!("people.{from}"), to.clone()));
    let words = mapping
        .tables
        .iter()
        .flat_map(|(field, table)| table.words.iter().map(move |(from, to)| (format!("{field}.{from}"), to.clone())));
    fields.chain(people).chain(words).collect()
}

fn guesses(lines: &[Line]) -> BTreeMap<String, (String, Mark)> {
    let guess = |line: &Line| match &line.what {
        What::Entry { key, guess } => {
            let table = line.table.path();
            Some((format!("{}.{key}", table.last()?), (guess.to.clone(), guess.mark)))
        }
        _ => None,
    };
    lines.iter().filter_map(guess).collect()
}

/// A plain field that goes into itself says nothing that could be wrong.
fn goes_without_saying(key: &str, to: &str) -> bool {
    key.strip_prefix("fields.").is_some_and(|from| from == to && !from.starts_with("custom:"))
}

fn count(pair: &Pair) -> Count {
    let (_, mirror) = pair.mirror("");
    let guesses = guesses(&propose(&mirror.config, &pair.ends));
    let truth = values(&pair.truth);
    let mut count = Count::default();
    for (key, right) in &truth {
        match guesses.get(key) {
            Some((to, Mark::Sure)) if to == right && !pair.only_ask.contains(key) => count.right_and_sure += 1,
            Some((to, Mark::Ask)) if to == right => count.right_and_asked += 1,
            Some((_, Mark::Ask)) => count.wrong_and_asked += 1,
            Some((_, Mark::Sure)) | None => count.left_open += 1,
        }
    }
    let wrong = guesses.iter().filter(|(key, (to, mark))| {
        let right = truth.get(*key) == Some(to) && !pair.only_ask.contains(*key);
        *mark == Mark::Sure && !right && !goes_without_saying(key, to)
    });
    count.wrong_and_sure = wrong.map(|(key, (to, _))| format!("{}: {key} => {to}", pair.name)).collect();
    count
}

/// Prints the counts and holds them.
fn judge(folder: &str) {
    let mut all = Count::default();
    for pair in pairs::all(folder) {
        let one = count(&pair);
        println!("{folder} {:12} {} values: {one:?}", pair.name, one.values());
        all.add(one);
    }
    println!("{folder} {:12} {} values, {} of them sure: {all:?}", "all", all.values(), all.right_and_sure);
    assert_eq!(all.wrong_and_sure, Vec::<String>::new(), "{folder}: wrong, and marked as sure");
    assert!(all.right_and_sure * 5 >= all.values() * 4, "{folder}: {} of {} are sure", all.right_and_sure, all.values());
}

#[test]
fn on_pairs_that_were_looked_at_nothing_wrong_is_sure_and_four_of_five_are() {
    judge("developed");
}

#[test]
fn on_pairs_that_were_held_out_nothing_wrong_is_sure_and_four_of_five_are() {
    judge("held_out");
}

/// What `mirror apply` still says against a proposed file is what a question in it is about.
#[test]
fn what_is_still_wrong_in_a_proposed_file_is_asked_in_it() {
    for pair in pairs::all("developed").into_iter().chain(pairs::all("held_out")) {
        let (text, mirror) = pair.mirror("");
        let added = page::add(&text, &mirror, propose(&mirror.config, &pair.ends)).expect("lines can be added");
        let proposed = file::parse("pair.toml", &added.text).expect("it can be read");
        let mistakes = check_values(&proposed.config, &proposed.places, &pair.ends.source.schema, &pair.ends.target.schema);
        let asked: Vec<&Line> =
            added.lines.iter().map(|(_, line)| line).filter(|line| !matches!(line.what, What::Note { .. })).collect();
        for mistake in mistakes.iter().filter(|mistake| mistake.weight == Weight::Wrong) {
            let is_about = |line: &&&Line| match &line.what {
                What::Question { key, .. } => mistake.what.contains(key.as_str()),
                _ => false,
            };
            assert!(asked.iter().any(|line| is_about(&line)), "{}: {mistake} is not asked in\n{}", pair.name, added.text);
        }
    }
}
