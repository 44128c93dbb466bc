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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zendesk_goes_into_an_rt_with_a_proposed_mapping() {
    let admin = Admin::of(zendesk(), request_tracker(), 16).await;
    println!("{}", admin.says(&["mirror", "propose", "demo.toml"]).await);
    println!("{}", admin.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_rt_goes_into_a_zendesk_with_a_proposed_mapping() {
    let admin = Admin::of(request_tracker(), zendesk(), 16).await;
    println!("{}", admin.says(&["mirror", "propose", "demo.toml"]).await);
    println!("{}", admin.text());
}
