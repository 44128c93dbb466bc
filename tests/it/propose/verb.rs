//! The verb itself, on two simulated desks and with the built program: propose, answer, apply, copy, check.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use tidegate::clock::Clock;
use tidegate::sim::server::{self, Options, Running};
use tidegate::sim::stage::Stage;
use tidegate::sim::story::Story;

use crate::world::db::fresh_url;
use crate::world::desk::{Kind, request_tracker, zendesk};
use crate::world::house::free;
use crate::world::process::{run, tidegate};
use crate::world::scratch::Scratch;

/// Two desks with a past, and an admin who has a mirror file with their addresses.
struct Admin {
    url: String,
    scratch: Scratch,
    source: Running,
    target: Running,
}

impl Admin {
    async fn of(source: Kind, target: Kind, tickets: usize) -> Admin {
        let (clock, scratch) = (Clock::system(), Scratch::new());
        let start = async |kind: Kind| {
            let options = Options { clock: clock.clone(), ..Options::default() };
            server::start(kind.vendor, free(), options).await.expect("a free port")
        };
        let (there, here) = (start(target).await, start(source).await);
        Story::new(7, clock.clone(), (source.words)(), (target.words)()).history(here.stage.as_ref(), tickets);
        let secrets = scratch.path().display().to_string();
        for (name, secret) in [("zendesk", "sim-secret"), ("request-tracker", "sim-token")] {
            std::fs::write(scratch.path().join(name), secret).expect("a new file");
        }
        let admin = Admin { url: fresh_url().await, scratch, source: here, target: there };
        let (here, there) =
            (source.section(&admin.source.url, None, &secrets), target.section(&admin.target.url, None, &secrets));
        admin.write(&format!("name = \"demo\"\n\n[source]\n{here}\n[target]\n{there}"));
        admin
    }

    fn path(&self) -> PathBuf {
        self.scratch.path().join("demo.toml")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).expect("the mirror file")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path(), text).expect("the mirror file");
    }

    /// Exit status, what it printed, and what it complained about.
    async fn runs(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let mut command: Command = tidegate();
        command
            .env("DATABASE_URL", &self.url)
            .args(["--connections", "6", "--log", "warn"])
            .args(words)
            .current_dir(self.scratch.path());
        let output = run(command).await;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// What it printed; fails if it did.
    async fn says(&self, words: &[&str]) -> String {
        let (code, said, complained) = self.runs(words).await;
        assert_eq!(code, Some(0), "{words:?}: {said}{complained}\n{}", self.text());
        said
    }

    /// Writes the answers in place of the questions.
    fn answers(&self, answers: &[(&str, &str)]) {
        let mut text = self.text();
        for (question, answer) in answers {
            assert!(text.contains(question), "{question} is not asked in\n{text}");
            text = text.replacen(question, answer, 1);
        }
        self.write(&text);
    }

    /// Every ticket of both desks, for comparing.
    fn tickets(&self) -> String {
        let told = |stage: &Arc<dyn Stage>| format!("{:?}", stage.tickets());
        told(&self.source.stage) + &told(&self.target.stage)
    }
}

/// The desks are read and nothing else; a second run finds nothing new.
async fn proposed(admin: &Admin) -> String {
    let before = admin.tickets();
    let said = admin.says(&["mirror", "propose", "demo.toml"]).await;
    let text = admin.text();
    let again = admin.says(&["mirror", "propose", "demo.toml"]).await;
    assert!(again.contains("demo.toml speaks of all that both desks have: nothing is new."), "{again}");
    assert_eq!(admin.text(), text);
    assert_eq!(admin.tickets(), before, "nothing was written at the desks");
    said
}

/// Leaves out every field that is still asked for.
fn ignore_the_rest(admin: &Admin) {
    let ignored = |line: &str| match line.strip_prefix("# \"custom:") {
        Some(rest) => format!("\"custom:{}", rest.replacen("\"…\"", "\"ignore\"", 1)),
        None => line.to_string(),
    };
    admin.write(&admin.text().lines().map(ignored).collect::<Vec<_>>().join("\n"));
}

/// The answered file is taken, everything is copied, and both desks say the same.
async fn carried(admin: &Admin, tickets: usize) {
    let said = admin.says(&["mirror", "apply", "demo.toml"]).await;
    assert!(said.contains("demo is applied"), "{said}");
    admin.runs(&["mirror", "check", "demo.toml"]).await;
    let (_, _, held) = admin.runs(&["backfill", "demo"]).await;
    for name in held.lines().filter_map(|line| Some(line.strip_prefix("  ")?.split_once(": ")?.0)) {
        admin.says(&["mirror", "accept", "demo", name]).await;
    }
    admin.says(&["backfill", "demo"]).await;
    let said = admin.says(&["check", "demo"]).await;
    assert!(said.contains("parity"), "{said}");
    assert!(admin.target.stage.tickets().len() >= tickets, "{}", admin.target.stage.tickets().len());
    assert_eq!(admin.says(&["parked", "list"]).await, "Nothing waits for a person.\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zendesk_goes_into_an_rt_with_a_proposed_mapping() {
    let admin = Admin::of(zendesk(), request_tracker(), 16).await;
    let said = proposed(&admin).await;
    println!("{said}\n{}", admin.text());
    assert!(said.contains("source desk: Zendesk Support as") && said.contains("target desk: Request Tracker 5 as"), "{said}");
    assert!(said.ends_with("take the # away and write the value.\nNext: tidegate mirror apply demo.toml\n"), "{said}");
    assert!(said.contains("[map.status]") && said.contains("\"Escalations\" = ?"), "{said}");
    admin.answers(&[("# silence = \"admin-rule\"", "silence = \"admin-rule\"")]);
    let (code, _, complained) = admin.runs(&["mirror", "apply", "demo.toml"]).await;
    assert!(code == Some(2) && complained.ends_with("\nNothing was applied.\n"), "{complained}");
    let wrong: Vec<&str> =
        complained.lines().filter(|line| line.starts_with("demo.toml:") && !line.contains(": note:")).collect();
    let asked = ["\"brand\"", "\"form\"", "\"custom:", "Escalations", "In review"];
    assert!(wrong.iter().all(|line| asked.iter().any(|asked| line.contains(asked))), "{wrong:#?}");
    admin.answers(&[
        ("# \"ada@desk.example\" = \"…\"", "\"ada@desk.example\" = \"alice@rt.sim\""),
        ("# \"ben@desk.example\" = \"…\"", "\"ben@desk.example\" = \"bob@rt.sim\""),
        ("# \"chiara@desk.example\" = \"…\"", "\"chiara@desk.example\" = \"carol@rt.sim\""),
        ("# \"dmitri@desk.example\" = \"…\"", "\"dmitri@desk.example\" = \"dave@rt.sim\""),
        ("# brand = \"…\"", "brand = \"ignore\""),
        ("# form = \"…\"", "form = \"ignore\""),
        ("# \"In review\" = \"…\"", "\"In review\" = \"open\""),
        ("# Escalations = \"…\"", "Escalations = \"General\""),
        ("# \"\" = \"…\"", "\"\" = \"General\""),
    ]);
    ignore_the_rest(&admin);
    carried(&admin, 16).await;
    let text = admin.text();
    let said = admin.says(&["mirror", "propose", "demo.toml"]).await;
    assert!(said.contains("nothing is new") && admin.text() == text, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_rt_goes_into_a_zendesk_with_a_proposed_mapping() {
    let admin = Admin::of(request_tracker(), zendesk(), 16).await;
    println!("{}\n{}", proposed(&admin).await, admin.text());
    let priority =
        admin.text().lines().find(|line| line.starts_with("# ask: \"priority\"")).map(str::to_string).expect("a question");
    admin.answers(&[
        ("# silence = \"admin-rule\"", "silence = \"admin-rule\""),
        ("# \"alice@rt.sim\" = \"…\"", "\"alice@rt.sim\" = \"ada@desk.example\""),
        ("# \"bob@rt.sim\" = \"…\"", "\"bob@rt.sim\" = \"ben@desk.example\""),
        ("# \"carol@rt.sim\" = \"…\"", "\"carol@rt.sim\" = \"chiara@desk.example\""),
        ("# \"dave@rt.sim\" = \"…\"", "\"dave@rt.sim\" = \"dmitri@desk.example\""),
        ("# General = \"…\"", "General = \"Support\""),
        ("# Migrated = \"…\"", "Migrated = \"Support\""),
        (&priority, "[map.priority]\n\"0\" = \"low\"\n\"50\" = \"normal\"\n\"100\" = \"urgent\"\n\"*\" = \"normal\"\n"),
    ]);
    ignore_the_rest(&admin);
    carried(&admin, 16).await;
}

#[tokio::test]
async fn who_left_is_told_and_a_wrong_file_is_refused_whole() {
    let admin = Admin::of(zendesk(), request_tracker(), 1).await;
    let put = |path: &str, body: &str| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request = reqwest::Client::new().put(format!("{}/REST/2.0/{path}", admin.target.url)).body(body.to_string());
        request.header("authorization", "token sim-token").header("content-type", "application/json").send()
    };
    assert!(put("user/alice", r#"{ "Disabled": 1 }"#).await.expect("it answers").status().is_success());
    admin.says(&["mirror", "propose", "demo.toml"]).await;
    assert!(!admin.text().contains("alice@rt.sim"), "who left is not offered: {}", admin.text());
    admin.write(&format!("{}\n[map.status]\nnew = 7\n", admin.text()));
    let (text, (code, said, complained)) = (admin.text(), admin.runs(&["mirror", "propose", "demo.toml"]).await);
    assert!(code == Some(2) && said.is_empty() && complained.ends_with("\nNothing was written.\n"), "{said}{complained}");
    assert_eq!(admin.text(), text);
}
