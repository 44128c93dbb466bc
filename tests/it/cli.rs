//! The verbs as an operator types them.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::CommandFactory;
use rustix::process::Signal;
use tidegate::cli::Cli;
use tidegate::clock::Clock;
use tidegate::ledger::Ledger;

use crate::world::db::fresh_url;
use crate::world::house::{House, port};
use crate::world::process::{Serve, printed, run, tidegate};
use crate::world::scratch::Scratch;

/// Every verb with the words that lead to it.
fn verbs(command: &clap::Command, path: &[String], found: &mut Vec<(Vec<String>, clap::Command)>) {
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let path: Vec<String> = path.iter().cloned().chain([verb.get_name().to_string()]).collect();
        verbs(verb, &path, found);
        found.push((path, verb.clone()));
    }
}

#[tokio::test]
async fn every_verb_explains_every_option() {
    let mut all = Vec::new();
    verbs(&Cli::command(), &[], &mut all);
    assert!(all.len() > 15, "{}", all.len());
    for (path, verb) in all {
        let mut command = tidegate();
        command.args(&path).arg("--help");
        let help = printed(command).await;
        for option in verb.get_arguments().chain(Cli::command().get_arguments().filter(|option| option.is_global_set())) {
            let Some(long) = option.get_long() else { continue };
            assert_eq!(help.contains(&format!("--{long}")), !option.is_hide_set(), "`{}`: --{long}", path.join(" "));
        }
        let unexplained: Vec<&str> =
            verb.get_arguments().filter(|option| option.get_help().is_none()).map(|option| option.get_id().as_str()).collect();
        assert!(unexplained.is_empty(), "`{} --help` does not explain {unexplained:?}", path.join(" "));
    }
}

#[tokio::test]
async fn a_verb_whose_output_nobody_reads_any_more_ends_without_a_word() {
    let desk = Desk::new().await;
    for words in [&["desks"][..], &["mirror", "list"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = desk.verb(words);
        command.stdout(writer).stderr(std::process::Stdio::piped());
        let output = tokio::task::spawn_blocking(move || command.spawn().expect("it starts").wait_with_output());
        let output = output.await.expect("no panic").expect("it ends");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!((output.status.code(), said.as_str()), (Some(141), ""), "{words:?}");
    }
}

/// The program on one database, in a directory of its own.
struct Desk {
    url: String,
    scratch: Scratch,
}

impl Desk {
    async fn new() -> Desk {
        Desk { url: fresh_url().await, scratch: Scratch::new() }
    }

    fn verb(&self, words: &[&str]) -> Command {
        let mut command = tidegate();
        command.env("DATABASE_URL", &self.url).args(["--log", "warn"]).args(words).current_dir(self.scratch.path());
        command
    }

    async fn says(&self, words: &[&str]) -> String {
        printed(self.verb(words)).await
    }

    /// Exit status and what it complained about.
    async fn refuses(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = run(self.verb(words)).await;
        assert!(output.stdout.is_empty(), "{words:?}: {}", String::from_utf8_lossy(&output.stdout));
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.scratch.path().join(name);
        std::fs::write(&path, text).expect("a new file");
        path
    }
}

/// A mirror file whose desks nobody asks.
fn mirror_text(secrets: &Path) -> String {
    std::fs::write(secrets.join("zendesk"), "sim-secret").expect("a new file");
    std::fs::write(secrets.join("rt"), "sim-token").expect("a new file");
    tidegate::cli::demo::agreement::mirror_file(
        "http://127.0.0.1:9",
        "http://127.0.0.1:10",
        "http://127.0.0.1:9",
        &secrets.display().to_string(),
    )
}

#[tokio::test]
async fn a_wrong_mirror_file_is_refused_with_every_mistake_and_its_place() {
    let desk = Desk::new().await;
    let text =
        mirror_text(desk.scratch.path()).replace("vendor = \"zendesk\"", "vendor = \"zendsk\"").replace("[policy]", "[polcy]");
    desk.write("wrong.toml", &text);
    let (code, said) = desk.refuses(&["mirror", "apply", "wrong.toml"]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("wrong.toml:3:") && said.contains("\"zendsk\" is no vendor that Tidegate knows"), "{said}");
    assert!(said.contains("did you mean \"zendesk\"?"), "{said}");
    let line = text.lines().position(|line| line == "[polcy]").expect("it is there") + 1;
    assert!(said.contains(&format!("wrong.toml:{line}:")) && said.contains("policy"), "{said}");
    assert!(said.ends_with("\nNothing was applied.\n"), "{said}");
    let (code, said) = desk.refuses(&["mirror", "apply", "nowhere.toml"]).await;
    assert!(code == Some(2) && said.contains("nowhere.toml"), "{said}");
    assert!(desk.says(&["mirror", "list"]).await.starts_with("There is no mirror."));
}

#[tokio::test]
async fn a_mirror_file_that_the_desks_contradict_is_refused() {
    let house = House::with_past(1, Clock::system()).await;
    let desk = Desk { url: house.url.clone(), scratch: Scratch::new() };
    let text = house.mirror_text(&house.source.url, port());
    desk.write("wrong.toml", &text.replace("hold = \"stalled\"\n", "").replace("solved = \"resolved\"", "solved = \"done\""));
    let output = run(desk.verb(&["mirror", "apply", "wrong.toml"])).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("hold") && said.contains("done") && said.contains("wrong.toml:"), "{said}");
    assert!(said.ends_with("\nNothing was applied.\n"), "{said}");
    assert!(desk.says(&["mirror", "list"]).await.starts_with("There is no mirror."));
    desk.write("right.toml", &text);
    let said = desk.says(&["mirror", "apply", "right.toml"]).await;
    assert!(said.contains("demo is applied: http://127.0.0.1") && said.contains("Next: tidegate serve"), "{said}");
}

#[tokio::test]
async fn the_verbs_work_on_a_fresh_ledger() {
    let desk = Desk::new().await;
    assert!(desk.says(&["mirror", "list"]).await.starts_with("There is no mirror. Write a file like those in deploy/examples"));
    assert_eq!(desk.says(&["status"]).await, "");
    assert_eq!(desk.says(&["status", "--json"]).await, "[]\n");
    assert_eq!(desk.says(&["parked", "list"]).await, "Nothing waits for a person.\n");
    assert_eq!(desk.says(&["parked", "list", "--json"]).await, "[]\n");
    let nobody = "no mirror is called `demo`; `tidegate mirror list` names them";
    for words in [
        &["mirror", "show", "demo"][..],
        &["mirror", "pause", "demo"],
        &["mirror", "resume", "demo"],
        &["mirror", "remove", "demo", "--yes", "demo"],
        &["backfill", "demo", "--detach"],
        &["status", "demo"],
        &["parked", "list", "demo"],
    ] {
        let (code, said) = desk.refuses(words).await;
        assert!(code == Some(1) && said.contains(nobody), "{words:?}: {said}");
    }
    for verb in ["show", "release", "discard"] {
        let (code, said) = desk.refuses(&["parked", verb, "7"]).await;
        assert_eq!(
            (code, said.as_str()),
            (Some(1), "Nothing with the number 7 waits; `tidegate parked list` shows what does.\n")
        );
    }
    let desks = desk.says(&["desks"]).await;
    assert!(desks.contains("(zendesk)") && desks.contains("(request-tracker)"), "{desks}");
    let json: serde_json::Value = serde_json::from_str(&desk.says(&["desks", "--json"]).await).expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_mirror_lives_from_apply_to_remove() {
    let desk = Desk::new().await;
    desk.write("demo.toml", &mirror_text(desk.scratch.path()));
    let said = desk.says(&["mirror", "apply", "demo.toml", "--offline"]).await;
    assert!(said.starts_with("demo is applied: http://127.0.0.1:9 -> http://127.0.0.1:10\n"), "{said}");
    let listed = desk.says(&["mirror", "list"]).await;
    assert!(listed.starts_with("demo ") && listed.ends_with("  applied\n"), "{listed}");
    let shown = desk.says(&["mirror", "show", "demo"]).await;
    assert!(shown.contains("\"zendesk\"") && !shown.contains("sim-secret") && !shown.contains("sim-token"), "{shown}");
    desk.says(&["mirror", "pause", "demo"]).await;
    assert!(desk.says(&["mirror", "list"]).await.contains("paused (paused by the operator)"));
    desk.says(&["mirror", "resume", "demo"]).await;
    let (code, said) = desk.refuses(&["backfill", "demo", "--detach"]).await;
    assert!(code == Some(1) && said.contains("was not checked as it is applied now"), "{said}");
    let ledger = Ledger::on(sqlx::PgPool::connect(&desk.url).await.expect("a ledger"));
    let row = ledger.mirror("demo").await.expect("it is applied");
    ledger.backfill(row.id, true, Clock::system().now()).await.expect("a copy is ordered");
    ledger.close().await;
    let ordered = "The copy of demo is ordered; `tidegate status demo` shows it.\n";
    assert_eq!(desk.says(&["backfill", "demo", "--detach"]).await, ordered, "one that was begun goes on");
    let status: serde_json::Value = serde_json::from_str(&desk.says(&["status", "demo", "--json"]).await).expect("JSON");
    assert_eq!((&status[0]["mirror"], &status[0]["phase"]), (&"demo".into(), &"copying".into()));
    assert!(desk.says(&["status", "demo"]).await.contains("poll: not started; run tidegate serve"));
    let (code, said) = desk.refuses(&["mirror", "remove", "demo", "--yes", "dmeo"]).await;
    assert!(code == Some(1) && said.contains("to remove the mirror, name it again: --yes demo"), "{said}");
    assert!(desk.says(&["mirror", "remove", "demo", "--yes", "demo"]).await.starts_with("demo is removed."));
    assert_eq!(desk.says(&["status", "--json"]).await, "[]\n");
}

#[tokio::test]
async fn a_ticket_is_found_by_its_old_and_by_its_new_number() {
    let desk = Desk::new().await;
    desk.write("demo.toml", &mirror_text(desk.scratch.path()));
    desk.says(&["mirror", "apply", "demo.toml", "--offline"]).await;
    let pool = sqlx::PgPool::connect(&desk.url).await.expect("the ledger is there");
    let unheld =
        serde_json::json!({ "fields": {}, "unheld": [{ "link": { "kind": "parent", "to": "8" }, "why": "not_carried" }] });
    sqlx::query(
        "with made as (
             insert into pair (tenant_id, mirror_id, source_ticket, target_ticket, state, base, created_at)
             select m.tenant_id, m.id, n.old, n.new, 'copied', n.base, now()
             from mirror m, (values ('7', '105', $1::jsonb), ('105', '300', null)) as n (old, new, base)
             returning id, source_ticket
         )
         insert into pair_former (pair_id, ordinal, target_ticket) select id, 0, '99' from made where source_ticket = '7'",
    )
    .bind(unheld)
    .execute(&pool)
    .await
    .expect("two pairs");
    pool.close().await;
    let seven = "old 7, new 105 (copied)\n  new 99 went before it and is closed\n  \
                 link to 8 in the old desk: that ticket is not carried over\n";
    for number in ["7", "99"] {
        assert_eq!(desk.says(&["status", "demo", "--ticket", number]).await, seven, "{number}");
    }
    let both = desk.says(&["status", "demo", "--ticket", "105"]).await;
    assert_eq!(both, format!("{seven}old 105, new 300 (copied)\n"), "it is a number at both desks");
    let said = desk.says(&["status", "demo", "--ticket", "300", "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&json[0]["source_ticket"], &json[0]["target_ticket"]), (&"105".into(), &"300".into()));
    let (code, said) = desk.refuses(&["status", "demo", "--ticket", "4711"]).await;
    assert_eq!((code, said.as_str()), (Some(1), "Mirror `demo` knows no ticket 4711, neither old nor new.\n"));
}

#[tokio::test]
async fn status_shows_which_value_was_lost_in_a_conflict() {
    let desk = Desk::new().await;
    desk.write("demo.toml", &mirror_text(desk.scratch.path()));
    desk.says(&["mirror", "apply", "demo.toml", "--offline"]).await;
    let pool = sqlx::PgPool::connect(&desk.url).await.expect("a ledger");
    let conflict = "with p as (
            insert into pair (tenant_id, mirror_id, source_ticket, target_ticket, created_at)
            select tenant_id, id, '7' || $1, '8' || $1, now() from mirror returning *)
        insert into conflict (tenant_id, mirror_id, pair_id, field, source_now, target_now, winner, found_at)
        select tenant_id, mirror_id, id, 'priority', '{\"text\": \"high\"}', '{\"text\": \"75\"}', $2, now() from p";
    for (number, winner) in ["source", "source", "source", "undecided", "source", "target"].iter().enumerate() {
        sqlx::query(conflict).bind(number.to_string()).bind(winner).execute(&pool).await.expect("a conflict");
    }
    let said = desk.says(&["status", "demo"]).await;
    for line in [
        "conflict: source 75 → target 85, `priority`: the target's `75` stands, the source's `high` is lost",
        "conflict: source 74 → target 84, `priority`: the source's `high` stands, the target's `75` is lost",
        "conflict: source 73 → target 83, `priority`: the source says `high`, the target `75`: undecided",
        "… and 1 conflicts more; `--json` has them all",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let status: serde_json::Value = serde_json::from_str(&desk.says(&["status", "demo", "--json"]).await).expect("JSON");
    assert_eq!(status[0]["conflicts"].as_array().map(Vec::len), Some(6));
}

#[tokio::test]
async fn a_lease_that_no_call_fits_into_is_refused() {
    let desk = Desk::new().await;
    let (code, said) = desk.refuses(&["serve", "--lease", "30s"]).await;
    assert!(code == Some(1) && said.contains("--lease must be at least twice the call limit of 20s"), "{said}");
    let (code, said) = desk.refuses(&["serve", "--call-limit", "30s"]).await;
    assert!(code == Some(1) && said.contains("--call-limit takes a time from 1s to 20s"), "{said}");
}

#[tokio::test]
async fn verbs_share_the_private_postgres_of_a_running_serve() {
    let scratch = Scratch::new();
    let verb = |words: &[&str]| {
        let mut command = tidegate();
        command.args(["--log", "info", "--data-dir"]).arg(scratch.path().join("data")).args(words);
        command.current_dir(scratch.path());
        command
    };
    std::fs::write(scratch.path().join("demo.toml"), mirror_text(scratch.path())).expect("a new file");
    let mut serve = Serve::start(verb(&[]), scratch.path().join("serve.log"), port()).await;
    assert!(serve.log().contains("the private Postgres in"), "{}", serve.log());
    let said = printed(verb(&["mirror", "apply", "demo.toml", "--offline"])).await;
    assert!(said.starts_with("demo is applied"), "{said}");
    crate::world::db::until("serve takes the mirror in", async || serve.log().contains("the mirror is served")).await;
    assert!(printed(verb(&["mirror", "list"])).await.starts_with("demo "));
    serve.signal(Signal::TERM);
    assert!(serve.ended().await.success(), "{}", serve.log());
    assert!(printed(verb(&["mirror", "list"])).await.starts_with("demo "), "without serve the verb starts it itself");
    assert!(printed(verb(&["status", "--json"])).await.contains("\"demo\""));
}
