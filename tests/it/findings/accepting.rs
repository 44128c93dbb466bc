//! The gate: what was found is mended or accepted before the copy, by name, and it is recorded who did.

use std::process::Command;

use serde_json::{Value, json};
use tidegate::clock::Clock;

use crate::world::house::{House, port};
use crate::world::process::{printed, run, tidegate};

/// The program on the ledger of a house, in its directory.
fn verb(house: &House, words: &[&str]) -> Command {
    let mut command = tidegate();
    command.env("DATABASE_URL", &house.url).env("USER", "anna").env_remove("SUDO_USER");
    command.args(["--log", "warn"]).args(words).current_dir(house.scratch.path());
    command
}

async fn says(house: &House, words: &[&str]) -> String {
    printed(verb(house, words)).await
}

/// Exit status and everything that it said.
async fn ends(house: &House, words: &[&str]) -> (Option<i32>, String) {
    let output = run(verb(house, words)).await;
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("text"))
}

/// A house with a mirror file, and no gateway that its webhooks could reach.
async fn checked_house() -> House {
    let house = House::with_past(6, Clock::system()).await;
    let text = house.mirror_text(&house.source.url, port());
    std::fs::write(house.scratch.path().join("demo.toml"), text).expect("a new file");
    house
}

async fn open_findings(house: &House) -> Vec<String> {
    let (_, said) = ends(house, &["mirror", "check", "demo.toml", "--json"]).await;
    let report: Value = serde_json::from_str(&said).expect("JSON");
    let names = report["open"].as_array().expect("a list");
    names.iter().map(|name| name.as_str().expect("a name").to_string()).collect()
}

#[tokio::test]
async fn the_copy_waits_until_every_finding_is_mended_or_accepted() {
    let house = checked_house().await;
    says(&house, &["mirror", "apply", "demo.toml"]).await;
    let (code, said) = ends(&house, &["backfill", "demo", "--detach"]).await;
    assert!(code == Some(1) && said.contains("was not checked as it is applied now: run tidegate mirror check FILE"), "{said}");
    let (code, said) = ends(&house, &["mirror", "check", "demo.toml"]).await;
    assert!(code == Some(1) && said.contains("[cannot tell] target-scrips"), "{said}");
    assert!(said.contains("take the rest as it is with: tidegate mirror accept demo FINDING"), "{said}");
    let (code, said) = ends(&house, &["backfill", "demo", "--detach"]).await;
    assert!(code == Some(1) && said.contains("hold the copy back:") && said.contains("  target-scrips: "), "{said}");
    let open = open_findings(&house).await;
    assert!(open.contains(&"source-webhook-url".to_string()), "{open:?}");
    for (number, name) in open.iter().enumerate() {
        let said = says(&house, &["mirror", "accept", "demo", name, "--why", "we looked"]).await;
        let last = number + 1 == open.len();
        assert!(said.starts_with(&format!("demo: `{name}` is accepted.\n")), "{said}");
        assert_eq!(said.contains("Nothing holds the copy back any more: tidegate backfill demo"), last, "{said}");
    }
    let kept = house.ledger.acceptances("demo").await.expect("an answer");
    assert!(kept.iter().all(|one| one.who == "anna" && one.why.as_deref() == Some("we looked")), "{kept:?}");
    assert_eq!(open_findings(&house).await, Vec::<String>::new());
    assert!(says(&house, &["backfill", "demo", "--detach"]).await.starts_with("The copy of demo is ordered"));
}

#[tokio::test]
async fn a_changed_file_is_checked_again_and_an_acceptance_holds_for_what_it_saw() {
    let house = checked_house().await;
    says(&house, &["mirror", "apply", "demo.toml"]).await;
    for name in open_findings(&house).await {
        says(&house, &["mirror", "accept", "demo", &name]).await;
    }
    let path = house.scratch.path().join("demo.toml");
    let text = std::fs::read_to_string(&path).expect("it is there");
    std::fs::write(
        &path,
        text.replace("\"custom:VIP\" = \"custom:Escalated\"", "\"custom:VIP\" = \"ignore\"")
            .replace("[map.options.\"custom:VIP\"]\ntrue = \"yes\"\nfalse = \"no\"\n", ""),
    )
    .expect("it is ours");
    says(&house, &["mirror", "apply", "demo.toml"]).await;
    let (code, said) = ends(&house, &["backfill", "demo", "--detach"]).await;
    assert!(code == Some(1) && said.contains("was not checked as it is applied now"), "{said}");
    assert_eq!(open_findings(&house).await, Vec::<String>::new(), "what was accepted is as it was");
    assert!(says(&house, &["backfill", "demo", "--detach"]).await.starts_with("The copy of demo is ordered"));
}

#[tokio::test]
async fn what_stops_a_mirror_cannot_be_accepted() {
    let house = checked_house().await;
    std::fs::write(house.scratch.path().join("rt"), "wrong").expect("it is ours");
    let (code, said) = ends(&house, &["mirror", "check", "demo.toml"]).await;
    assert!(code == Some(1) && said.contains("[stop] target-credential"), "{said}");
    let (code, said) = ends(&house, &["mirror", "accept", "demo", "target-credential"]).await;
    assert!(code == Some(1) && said.contains("cannot be accepted, the mirror would not work"), "{said}");
    let (code, said) = ends(&house, &["mirror", "accept", "demo", "target-scrip"]).await;
    assert!(code == Some(1) && said.contains("found no `target-scrip`; it found: "), "{said}");
    let (code, said) = ends(&house, &["mirror", "accept", "demos", "target-scrips"]).await;
    assert!(code == Some(1) && said.contains("mirror `demos` was never checked"), "{said}");
}

#[tokio::test]
async fn a_sample_says_that_it_is_one() {
    let house = checked_house().await;
    let (_, said) = ends(&house, &["mirror", "check", "demo.toml", "--sample", "2"]).await;
    assert!(said.starts_with("demo: read 2 of ") && said.contains("(a sample: what the others hold is not known)"), "{said}");
    assert!(said.contains("[cannot tell] sample-only"), "{said}");
}

#[tokio::test]
async fn the_report_as_json_has_these_keys() {
    let house = checked_house().await;
    let (_, said) = ends(&house, &["mirror", "check", "demo.toml", "--json"]).await;
    let report: Value = serde_json::from_str(&said).expect("JSON and nothing else");
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(&report),
        [
            "accepted",
            "checked_at",
            "digest",
            "estimate",
            "findings",
            "listed",
            "mirror",
            "not_carried",
            "open",
            "outside",
            "read"
        ]
    );
    assert_eq!(keys(&report["findings"][0]), ["count", "cure", "name", "severity", "tickets", "values", "what"]);
    assert_eq!(
        keys(&report["estimate"]),
        ["check_calls", "check_minutes", "copy_calls", "copy_minutes", "files", "megabytes", "messages", "tickets"]
    );
    assert_eq!(keys(&report["estimate"]["copy_calls"]), ["source", "target"]);
    let severities: Vec<&str> =
        report["findings"].as_array().expect("a list").iter().filter_map(|one| one["severity"].as_str()).collect();
    let order = ["stop", "risk", "cannot_tell", "note"];
    assert!(severities.is_sorted_by_key(|severity| order.iter().position(|one| one == severity)), "{severities:?}");
    let macros = report["not_carried"].as_array().expect("a list").iter().find(|one| one["what"] == "macros");
    assert_eq!(macros.map(|one| &one["count"]), Some(&json!({"known": 0})));
}
