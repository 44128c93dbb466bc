//! The README says what is there: options as `--help` tells them, tests by their names, vendors, metrics, kinds of fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tidegate::change::Hint;
use tidegate::clock::Clock;
use tidegate::connectors::REGISTER;
use tidegate::connectors::request_tracker::Settings;
use tidegate::connectors::request_tracker::translate::{Layout, fields};
use tidegate::desk::Side;
use tidegate::desk::field::FieldKey;
use tidegate::desk::id::TicketId;
use tidegate::gateway::serve::{Gateway, Parts};
use tidegate::ledger::Ledger;
use tidegate::ledger::delivery::NewDelivery;
use tidegate::replay::course::GoOn;
use tidegate::replay::house;
use tidegate::secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::world::db;

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("the README")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lines under each heading, by heading without `#` and backticks.
fn sections(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut heading = String::new();
    for line in text.lines() {
        match line.strip_prefix('#') {
            Some(rest) => heading = rest.trim_start_matches('#').trim().replace('`', ""),
            None => found.entry(heading.clone()).or_default().push(line.to_string()),
        }
    }
    found
}

/// The cells of a table's rows, without its head.
fn rows(lines: &[String]) -> Vec<Vec<String>> {
    let cells = |line: &String| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_string()).collect();
    let tables = lines.split(|line| !line.starts_with('|'));
    tables.flat_map(|table| table.iter().skip(2)).map(cells).collect()
}

/// Words between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// What `--help` tells of one verb.
struct Help {
    verbs: Vec<String>,
    /// `tidegate mirror apply FILE`
    usage: String,
    /// Long option to the lines about it; those that every verb has stand apart.
    own: BTreeMap<String, String>,
    settings: BTreeMap<String, String>,
}

fn help(verb: &[String]) -> Help {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate")).args(verb).arg("--help").output().expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("help is text");
    let usage = text.lines().find_map(|line| line.strip_prefix("Usage: ")).expect("help has a usage line");
    let mut help = Help { verbs: Vec::new(), usage: arguments(usage), own: BTreeMap::new(), settings: BTreeMap::new() };
    let (mut part, mut option) = (String::new(), String::new());
    for line in text.lines() {
        if !line.starts_with(' ') {
            part = line.to_string();
        } else if part == "Commands:" {
            help.verbs.extend(line.split_whitespace().next().filter(|verb| *verb != "help").map(str::to_string));
        } else if matches!(part.as_str(), "Options:" | "Settings:") {
            let named = line.split_whitespace().take(2).find_map(|word| word.strip_prefix("--"));
            option = named.map_or(option, |name| format!("--{name}"));
            let options = if part == "Settings:" { &mut help.settings } else { &mut help.own };
            options.entry(option.clone()).or_default().push_str(line);
        }
    }
    help.own.retain(|name, _| !matches!(name.as_str(), "--help" | "--version"));
    help
}

/// The verb with its arguments, as a heading writes them: `<FILE>` is `FILE`, options are left out.
fn arguments(usage: &str) -> String {
    let mut words = Vec::new();
    let mut usage = usage.split_whitespace().peekable();
    while let Some(word) = usage.next() {
        if word.starts_with("--") {
            usage.next();
        } else if !matches!(word, "[OPTIONS]" | "<COMMAND>") {
            words.push(word.trim_matches(['<', '>']));
        }
    }
    words.join(" ")
}

/// Every verb that does something, with its help.
fn all_verbs() -> Vec<Help> {
    let mut open = vec![Vec::new()];
    let mut found = Vec::new();
    while let Some(verb) = open.pop() {
        let help = help(&verb);
        open.extend(help.verbs.iter().map(|next| [verb.clone(), vec![next.clone()]].concat()));
        if help.verbs.is_empty() {
            found.push(help);
        }
    }
    found
}

/// The value after `name` in square brackets: `[default: 8]`.
fn bracket<'a>(help: &'a str, name: &str) -> Option<&'a str> {
    let rest = help.split_once(&format!("[{name}: "))?.1;
    // Help also tells what a variable is set to just now: `[env: NAME=value]`.
    Some(rest.split([']', '=']).next()?.trim_matches('"'))
}

fn compare(place: &str, lines: &[String], helped: &BTreeMap<String, String>) {
    let rows: BTreeMap<String, String> = rows(lines)
        .into_iter()
        .filter_map(|cells| Some((quoted(&cells[0]).first().filter(|name| name.starts_with("--"))?.to_string(), cells.join(" "))))
        .collect();
    let (told, there): (BTreeSet<_>, BTreeSet<_>) = (rows.keys().collect(), helped.keys().collect());
    assert_eq!(told, there, "the README (left) and --help (right) on {place}");
    for (name, row) in &rows {
        let expected = [bracket(&helped[name], "default"), bracket(&helped[name], "env")];
        for value in expected.into_iter().flatten() {
            assert!(quoted(row).contains(&value), "the README does not say `{value}` of {name} on {place}: {row}");
        }
    }
}

#[test]
fn every_verb_and_option_is_told_as_help_tells_it() {
    let text = readme();
    let sections = sections(&text);
    let verbs = all_verbs();
    let told: BTreeSet<&str> = sections.keys().map(String::as_str).filter(|heading| heading.starts_with("tidegate ")).collect();
    assert_eq!(told, verbs.iter().map(|help| help.usage.as_str()).collect());
    for help in &verbs {
        compare(&help.usage, &sections[&help.usage], &help.own);
    }
    compare("settings", &sections["Settings"], &help(&[]).settings);
}

#[test]
fn the_readme_opens_with_the_two_commands() {
    let text = readme();
    let top: Vec<&str> = text.lines().take(25).collect();
    for command in ["deploy/demo", "tests/run"] {
        assert!(top.contains(&format!("    {command}").as_str()), "{command} stands in the first 25 lines");
        assert!(root().join(command).exists(), "{command} exists");
    }
}

#[test]
fn every_test_that_the_readme_names_exists() {
    let program = std::env::current_exe().expect("this program has a path");
    let listed = Command::new(program).args(["--list", "--format", "terse"]).output().expect("this program runs");
    let listed = String::from_utf8(listed.stdout).expect("names are text");
    let tests: BTreeSet<&str> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let text = readme();
    let sections = sections(&text);
    let carried = rows(&sections["What is carried"]);
    assert!(carried.len() > 30, "the tables are found");
    for row in &carried {
        assert!(row.last().is_some_and(|proof| !quoted(proof).is_empty()), "no test is named for: {}", row[0]);
    }
    let proofs = carried.iter().flat_map(|row| quoted(row.last().expect("a row has cells")));
    let laws = sections["What it guarantees"].iter().flat_map(|line| quoted(line));
    for name in proofs.chain(laws) {
        for vendor in REGISTER {
            let name = name.replace('*', &vendor.vendor.replace('-', "_"));
            assert!(tests.contains(name.as_str()), "the README names `{name}`, which is no test");
        }
    }
}

#[test]
fn every_file_that_the_readme_links_to_exists() {
    let text = readme();
    let links: Vec<&str> = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)).collect();
    let headings: BTreeSet<String> = sections(&text).keys().map(|heading| heading.to_lowercase().replace(' ', "-")).collect();
    for link in links {
        match link.strip_prefix('#') {
            Some(heading) => assert!(headings.contains(heading), "no heading for #{heading}"),
            None => assert!(root().join(link).exists(), "{link} is not there"),
        }
    }
    for example in fs::read_dir(root().join("deploy")).expect("deploy") {
        let name = example.expect("an entry").file_name().into_string().expect("a name");
        assert!(text.contains(&format!("deploy/{name}")) || name == "setup", "the README does not speak of deploy/{name}");
    }
}

#[test]
fn every_vendor_has_a_line() {
    let text = readme();
    let vendors: Vec<Vec<String>> = rows(&sections(&text)["Vendors"]);
    assert_eq!(vendors.len(), REGISTER.len());
    for can in REGISTER {
        let row = vendors.iter().find(|row| row[1] == format!("`{}`", can.vendor)).expect(can.vendor);
        assert_eq!(row[0], can.name);
        assert!(row.join(" ").contains(&format!("{} MiB", can.attachment_limit >> 20)), "{row:?}");
    }
}

#[test]
fn every_kind_of_field_has_a_line() {
    let text = readme();
    let told: String = sections(&text)["What is carried"].join("\n").to_lowercase();
    for key in FieldKey::plain() {
        assert!(told.contains(&key.replace("due", "due date")), "{key}");
    }
    let kinds = fs::read_to_string(root().join("src/connectors/zendesk/directory.rs")).expect("the kinds of Zendesk");
    let list = kinds.split_once("const KINDS").and_then(|(_, rest)| rest.split_once("];")).expect("the list").0;
    let known = list.matches("FieldKind::").count();
    assert_eq!(known, 11, "a kind came or went: the README's table has to say so");
}

#[test]
fn what_is_not_carried_is_not_asked_for() {
    let never = [
        "macros",
        "triggers",
        "automations",
        "views",
        "slas",
        "sla_policies",
        "schedules",
        "help_center",
        "articles",
        "satisfaction_ratings",
        "scrips",
        "templates",
        "searches",
        "TimeWorked",
        "chats",
        "calls.json",
    ];
    let said = |text: &str, word: &str| text.contains(&format!("\"{word}")) || text.contains(&format!("/{word}\""));
    // A survey counts what stays behind; SLA times are told at the switch.
    let told = |file: &PathBuf| file.ends_with("survey.rs") || file.ends_with("due.rs");
    let sources = sources(&root().join("src/connectors")).into_iter().filter(|file| !told(file));
    for file in sources {
        let text = fs::read_to_string(&file).expect("a source file");
        for word in never {
            assert!(!said(&text, word), "{} asks for {word}, which the README says is not carried", file.display());
        }
    }
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn a_field_that_holds_files_is_not_carried() {
    let definition = |id: u8, kind: &str| {
        let json = json!({ "id": id, "Name": format!("Field {kind}"), "Type": kind, "MaxValues": 1, "LookupType": "" });
        (id.to_string(), serde_json::from_value(json).expect("a definition"))
    };
    let kinds = ["Image", "Binary", "Freeform"];
    let layout = Layout { fields: kinds.iter().zip(1..).map(|(kind, id)| definition(id, kind)).collect(), ..Layout::default() };
    let values: Vec<_> =
        kinds.iter().zip(1..).map(|(kind, id)| json!({ "id": id, "name": format!("Field {kind}"), "values": ["x"] })).collect();
    let nobody = json!({ "id": "Nobody", "type": "user" });
    let ticket = json!({
        "id": 1, "Status": "open", "Queue": { "id": 1, "type": "queue" }, "Owner": nobody, "Priority": "0", "Due": "1970-01-01T00:00:00Z",
        "Created": "2026-01-01T00:00:00Z", "LastUpdated": "2026-01-01T00:00:00Z", "CustomFields": values,
    });
    let ticket = serde_json::from_value(ticket).expect("a ticket");
    let settings = Settings::new("https://rt.example.test".parse().expect("an address"), Secret::new("t"), "tidegate");
    let read: Vec<String> = fields(&ticket, &layout, &settings).keys().map(FieldKey::to_string).collect();
    let own: Vec<&String> = read.iter().filter(|key| key.starts_with("custom:")).collect();
    assert_eq!(own, ["custom:Field Freeform"]);
}

#[tokio::test]
async fn every_metric_is_documented_and_printed() {
    let ledger = Ledger::on(db::fresh().await);
    let clock = Clock::system();
    let row = ledger.apply_mirror("acme", &json!({}), "v", clock.now()).await.expect("a mirror");
    ledger.raise_figures(row.id, &BTreeMap::from([("writes".to_string(), 1)])).await.expect("figures");
    ledger.keep_deliveries(&[delivery(row.id, &clock)]).await.expect("an event");
    let mut gateway = Gateway::start(Parts {
        ledger,
        clock,
        settings: house::Settings::default(),
        steps: Arc::new(GoOn),
        largest_delivery: 1024,
        webhook_retry: Duration::from_secs(1),
    });
    let address = gateway.listen(([127, 0, 0, 1], 0).into()).await.expect("a port");
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await.expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answered");
    gateway.stop().await;
    let printed: BTreeSet<&str> =
        answer.lines().filter_map(|line| line.strip_prefix("tidegate_")?.split(['{', ' ']).next()).collect();
    let text = readme();
    let lines = rows(&sections(&text)["Health and metrics"]);
    let told: BTreeSet<&str> =
        lines.iter().flat_map(|row| quoted(&row[0])).filter_map(|name| name.strip_prefix("tidegate_")).collect();
    assert_eq!(told, printed, "the README (left) and /metrics (right)");
}

fn delivery(mirror: tidegate::mirror::MirrorId, clock: &Clock) -> NewDelivery {
    let hint = Hint {
        ticket: TicketId::new("1"),
        what: "created".to_string(),
        evidence: "event:1".to_string(),
        least_stamp: None,
        feed_stamp: None,
        at: clock.now(),
    };
    NewDelivery {
        mirror,
        side: Side::Source,
        dedupe: "1".to_string(),
        received_at: clock.now(),
        headers: Vec::new(),
        body: b"{}".to_vec(),
        by_former: false,
        reading: Ok(vec![hint]),
    }
}

#[test]
fn the_register_mirror_files_and_simulators_know_the_same_vendors() {
    let register: BTreeSet<&str> = REGISTER.iter().map(|capabilities| capabilities.vendor).collect();
    let files: BTreeSet<&str> = tidegate::config::vendor::VENDORS.iter().map(|vendor| vendor.word).collect();
    let sims: BTreeSet<&str> = tidegate::sim::server::VENDORS.into_iter().collect();
    assert_eq!(register, files);
    assert_eq!(register, sims);
}
