//! The rules of the house, read off the source text: who imports whom, what is not said where, how long things get, and what
//! every vendor has.
//!
//! A rule about a module that does not exist (yet) holds. A broken one names file, line and rule.

use std::fs;
use std::path::Path;

/// Each module may import from the floors below its own; those on the ground floor also from each other.
const FLOORS: [&[&str]; 8] = [
    &["desk", "mirror", "clock", "secret", "telemetry", "task"],
    &["change", "merge", "sim"],
    &["connectors", "ledger", "config", "embedded"],
    &["intake", "replay", "cutover", "setup"],
    &["web"],
    &["gateway"],
    &["cli"],
    &["main"],
];

/// These see less than their floor would let them.
const NARROW: [(&str, &[&str]); 4] = [
    ("desk", &[]),
    ("merge", &["desk", "mirror"]),
    ("sim", &["desk", "clock", "task"]),
    ("connectors", &["desk", "change", "mirror", "clock", "secret", "telemetry", "task"]),
];

/// Words that are not said in some lines.
struct Ban {
    words: &'static [&'static str],
    applies: fn(&Line) -> bool,
    why: &'static str,
}

const fn ban(words: &'static [&'static str], applies: fn(&Line) -> bool, why: &'static str) -> Ban {
    Ban { words, applies, why }
}

const BANS: [Ban; 11] = [
    ban(&["tokio", "sqlx", "reqwest", "axum", "async fn", ".await", "crate::clock"], is_pure, "pure code waits for nothing"),
    ban(&["sqlx"], |line| line.is_production() && !line.is_in(&["ledger", "embedded", "gateway"]), "SQL lives in the ledger"),
    ban(&[" now()", "(now()", "current_timestamp", "clock_timestamp()"], is_sql, "SQL takes *now* as a parameter"),
    ban(&["sleep(", "sleep_until(", "time::interval"], |line| line.path != "src/task.rs", "only task.rs sleeps"),
    ban(&["Utc::now", "SystemTime::now", "Instant::now"], |line| line.path != "src/clock.rs", "only clock.rs reads the clock"),
    ban(&["crate::sim"], |line| !line.is_in(&["sim", "cli"]), "only the verbs `sim` and `demo` know simulators"),
    ban(&["pub use ", "mod prelude"], |_| true, "one name, one path: nothing is exported again"),
    ban(&["use crate::{", "super::super::"], |_| true, "imports name their top-level module, so that floors can be seen"),
    ban(&[".unwrap()"], Line::is_production, "say with `expect` why it cannot fail, or return an error"),
    ban(&["unsafe {"], |line| line.path != "src/embedded/server.rs", "the one unsafe block is in embedded/server.rs"),
    ban(&["todo!(", "unimplemented!(", "dbg!("], |_| true, "what is unfinished is not merged"),
];

/// The rooms that know no vendor's name.
const VENDOR_BLIND: [&str; 6] = ["replay", "intake", "cutover", "setup", "web", "merge"];
const OF_EVERY_VENDOR: [&str; 5] = ["mod", "webhook", "api", "wire", "translate"];
const EMPTY_NAMES: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "types", "manager", "service"];
const LONGEST_FILE: usize = 450;
const LONGEST_FUNCTION: usize = 60;

/// A line of code, without comments.
struct Line {
    /// From the project's directory.
    path: String,
    number: usize,
    code: String,
    /// In the unit tests at the end of a file.
    in_tests: bool,
}

impl Line {
    /// The top-level module: `ledger` for `src/ledger/lane.rs` and `src/ledger.rs`, nothing outside `src`.
    fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or_default();
        inside.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    fn is_in(&self, modules: &[&str]) -> bool {
        modules.contains(&self.module())
    }

    fn is_production(&self) -> bool {
        self.path.starts_with("src/") && !self.in_tests
    }

    fn breaks(&self, rule: impl std::fmt::Display) -> String {
        format!("{}:{}: {rule}\n    {}", self.path, self.number, self.code.trim())
    }
}

fn is_pure(line: &Line) -> bool {
    let of_vendor =
        line.path.starts_with("src/connectors/") && ["/translate.rs", "/webhook.rs"].iter().any(|it| line.path.ends_with(it));
    line.is_in(&["desk", "change", "mirror", "merge"]) || of_vendor
}

fn is_sql(line: &Line) -> bool {
    line.is_in(&["ledger"]) || line.path.starts_with("migrations/")
}

#[test]
fn modules_import_only_from_the_floors_below() {
    report(code(&["src"]).iter().flat_map(wrong_imports));
}

#[test]
fn nothing_is_said_where_it_does_not_belong() {
    report(code(&["src", "tests", "migrations"]).iter().flat_map(banned_words));
}

#[test]
fn the_engine_names_no_vendor() {
    let vendors = vendors();
    report(code(&["src"]).iter().filter(|line| line.is_in(&VENDOR_BLIND)).flat_map(|line| named_vendors(line, &vendors)));
}

#[test]
fn files_are_short_and_say_what_they_are() {
    report(files(&["src", "tests", "benches"]).iter().flat_map(|path| wrong_file(path)));
}

#[test]
fn functions_are_short() {
    report(files(&["src", "tests", "benches"]).iter().flat_map(|path| long_functions(path, &read(path))));
}

#[test]
fn every_vendor_has_the_same_files_a_sim_and_recorded_payloads() {
    report(vendors().iter().flat_map(|vendor| missing_of(vendor)));
}

#[test]
fn a_broken_rule_is_found() {
    let line = |path: &str, code: &str| Line { path: path.into(), number: 1, code: code.into(), in_tests: false };
    assert_eq!(wrong_imports(&line("src/connectors/http.rs", "use crate::ledger::lane;")).len(), 1);
    assert_eq!(wrong_imports(&line("src/merge/plan.rs", "fn at(lane: crate::ledger::lane::Lane) {")).len(), 1);
    assert_eq!(wrong_imports(&line("src/attic.rs", "use crate::desk::id;")).len(), 1);
    assert_eq!(wrong_imports(&line("src/replay/engine.rs", "use crate::ledger::lane;")).len(), 0);
    assert_eq!(banned_words(&line("src/connectors/zendesk/webhook.rs", "pub async fn read() {")).len(), 1);
    assert_eq!(banned_words(&line("src/ledger/lane.rs", "where due_at <= now()")).len(), 1);
    assert_eq!(banned_words(&line("src/ledger/lane.rs", "let now = clock.now();")).len(), 0);
    assert_eq!(named_vendors(&line("src/replay/hydrate.rs", "RequestTracker::new()"), &["request_tracker".into()]).len(), 1);
    let long =
        format!("    fn long(\n        it: u8,\n    ) -> u8 {{\n{}    }}\n\n    fn short() {{}}\n", "        it;\n".repeat(60));
    assert_eq!(long_functions("src/x.rs", &long).len(), 1);
}

fn wrong_imports(line: &Line) -> Vec<String> {
    let own = line.module();
    let floor = |module: &str| FLOORS.iter().position(|modules| modules.contains(&module));
    if own == "lib" {
        return Vec::new();
    }
    let Some(here) = floor(own) else { return vec![line.breaks(format!("give `{own}` a floor in tests/it/tidy.rs"))] };
    let narrow = NARROW.iter().find(|(module, _)| *module == own).map(|(_, seen)| seen);
    let may_see = |other: &str| match narrow {
        Some(seen) => seen.contains(&other),
        None => floor(other).is_some_and(|there| there < here || there == 0),
    };
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let seen = line.code.split("crate::").skip(1).map(word);
    let wrong = seen.filter(|other| other != own && !other.is_empty() && !may_see(other));
    wrong.map(|other| line.breaks(format!("`{own}` must not see `{other}`"))).collect()
}

fn banned_words(line: &Line) -> Vec<String> {
    let bans = BANS.iter().filter(|ban| line.path != "tests/it/tidy.rs" && (ban.applies)(line));
    let said = |ban: &Ban| ban.words.iter().find(|word| line.code.contains(**word)).copied();
    bans.filter_map(|ban| Some(line.breaks(format!("`{}`: {}", said(ban)?, ban.why)))).collect()
}

fn named_vendors(line: &Line, vendors: &[String]) -> Vec<String> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let named = vendors.iter().filter(|vendor| plain(&line.code).contains(&plain(vendor)));
    named.map(|vendor| line.breaks(format!("`{}` names no vendor, here `{vendor}`", line.module()))).collect()
}

fn wrong_file(path: &str) -> Vec<String> {
    let text = read(path);
    let stem = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let rules = [
        (text.starts_with("//!"), "a file opens with `//!`: what it is and why".to_string()),
        (text.lines().count() <= LONGEST_FILE, format!("a file has at most {LONGEST_FILE} lines")),
        (!EMPTY_NAMES.contains(&stem.as_str()), format!("`{stem}` says nothing about what is in it")),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, rule)| format!("{path}:1: {rule}")).collect()
}

/// The text is as rustfmt leaves it: a body ends at the first brace that is indented as its `fn` is.
fn long_functions(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_start = |line: &&str| {
        let words = line.trim_start().split(['(', '<', '"']).next().unwrap_or_default();
        !line.trim_start().starts_with("//") && words.split(' ').any(|word| word == "fn")
    };
    let length = |start: usize| {
        let head = lines[start..].iter().position(|line| line.ends_with(['{', ';', '}']))?;
        let indent = lines[start].len() - lines[start].trim_start().len();
        let closing = format!("{}}}", " ".repeat(indent));
        let body = lines[start + head].ends_with('{').then(|| lines[start + head..].iter().position(|line| *line == closing));
        Some(head + 1 + body.flatten().unwrap_or(0))
    };
    let starts = (0..lines.len()).filter(|at| is_start(&lines[*at]));
    let long = starts.filter(|at| length(*at).is_some_and(|length| length > LONGEST_FUNCTION));
    long.map(|at| format!("{path}:{}: a function has at most {LONGEST_FUNCTION} lines", at + 1)).collect()
}

fn missing_of(vendor: &str) -> Vec<String> {
    let files = OF_EVERY_VENDOR.iter().map(|name| format!("src/connectors/{vendor}/{name}.rs"));
    let mut missing: Vec<String> =
        files.filter(|path| !root(path).exists()).map(|path| format!("{path}:1: every vendor has it")).collect();
    if !root(&format!("src/sim/{vendor}.rs")).exists() && !root(&format!("src/sim/{vendor}/mod.rs")).exists() {
        missing.push(format!("src/sim/{vendor}.rs:1: every vendor has a simulator"));
    }
    if fs::read_dir(root(&format!("tests/recorded/{vendor}"))).map_or(0, Iterator::count) == 0 {
        missing.push(format!("tests/recorded/{vendor}:1: every vendor has recorded payloads"));
    }
    missing
}

/// The folders of `src/connectors`.
fn vendors() -> Vec<String> {
    let entries = fs::read_dir(root("src/connectors")).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut vendors: Vec<String> = folders.collect();
    vendors.sort();
    vendors
}

fn code(folders: &[&str]) -> Vec<Line> {
    let mut all = Vec::new();
    for path in files(folders) {
        let comment = if path.ends_with(".sql") { "--" } else { "//" };
        let mut in_tests = false;
        for (at, line) in read(&path).lines().enumerate() {
            in_tests |= line == "#[cfg(test)]";
            let code = if line.trim_start().starts_with(comment) { "" } else { line };
            let code = code.split_once(&format!(" {comment} ")).map_or(code, |(code, _)| code);
            all.push(Line { path: path.clone(), number: at + 1, code: code.into(), in_tests });
        }
    }
    all
}

/// All Rust and SQL files below these folders, by their paths from the project's directory.
fn files(folders: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for folder in folders {
        for entry in fs::read_dir(root(folder)).into_iter().flatten().flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            match entry.path().is_dir() {
                true => found.extend(files(&[&path])),
                false if path.ends_with(".rs") || path.ends_with(".sql") => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}

fn root(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn report(broken: impl Iterator<Item = String>) {
    let broken: Vec<String> = broken.collect();
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}
