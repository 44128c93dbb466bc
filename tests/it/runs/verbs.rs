//! `tidegate run` as an operator types it.

use std::process::{Child, Stdio};

use chrono::{DateTime, Utc};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tidegate::clock::Clock;
use tidegate::ledger::mirror::MirrorRow;
use tidegate::sim::faults::Rates;
use tidegate::sim::snapshot::{TicketState, TicketView};

use crate::world::db::until;
use crate::world::house::{House, port};
use crate::world::process::{ended, printed, run};

async fn refused(house: &House, words: &[&str]) -> String {
    let output = run(house.verb(words)).await;
    assert_eq!(output.status.code(), Some(1), "{words:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A mirror that carries runs, copied; a first run took up what changed during the copy.
async fn copied(tickets: usize) -> (House, MirrorRow) {
    copied_with(tickets, "").await
}

/// With something more in the mirror file.
async fn copied_with(tickets: usize, more: &str) -> (House, MirrorRow) {
    let house = House::with_past(tickets, Clock::system()).await;
    let text = format!("{}\n[run]\n{more}", house.mirror_text(&house.source.url, port()));
    house.admit(&text).await;
    let mirror = house.apply(&text).await;
    let early = refused(&house, &["run", "demo"]).await;
    assert!(early.contains("demo is applied") && early.contains("tidegate backfill demo"), "{early}");
    printed(house.verb(&["backfill", "demo"])).await;
    printed(house.verb(&["run", "demo"])).await;
    (house, mirror)
}

/// People write to four tickets, as webhooks tell; none waits for Zendesk's export.
async fn write(house: &House, mirror: &MirrorRow, words: &str) {
    let live = |view: &&TicketView| {
        view.state == TicketState::Present && view.fields.get("status").is_some_and(|status| status.concat() != "closed")
    };
    let tickets: Vec<String> = house.source.stage.tickets().iter().filter(live).take(4).map(|view| view.id.clone()).collect();
    assert_eq!(tickets.len(), 4, "so many can be answered");
    for ticket in &tickets {
        house.reply(ticket, words);
    }
    for ticket in &tickets {
        sqlx::query("update lane set pending = pending + 1 where pair_id = (select id from pair where source_ticket = $1 and mirror_id = $2)")
            .bind(ticket)
            .bind(mirror.id.0)
            .execute(&house.pool)
            .await
            .expect("a hint");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_makes_runs_and_reads_their_reports() {
    let (house, mirror) = copied(16).await;
    write(&house, &mirror, "Still waiting.").await;
    let said = printed(house.verb(&["run", "demo"])).await;
    assert!(said.contains("No `tidegate serve` is running, so the run is made here"), "{said}");
    assert!(said.contains("run 2, ordered by ") && said.contains("  0 created, 4 updated, 0 skipped, 0 failed; "), "{said}");
    assert_eq!(house.found("Still waiting."), 4);
    let again = printed(house.verb(&["run", "demo"])).await;
    assert!(again.contains("run 3, ordered by ") && again.contains("  0 created, 0 updated, 0 skipped, 0 failed; "), "{again}");
    let list = printed(house.verb(&["run", "demo", "--list"])).await;
    assert!(list.contains("run 1, ") && list.contains("run 3, ") && list.contains("Runs may start until "), "{list}");
    let json: Value = serde_json::from_str(&printed(house.verb(&["run", "demo", "--show", "2", "--json"])).await).expect("JSON");
    assert_eq!((&json["run"]["updated"], &json["run"]["number"]), (&4.into(), &2.into()));
    assert!(json["run"]["calls"].as_i64().is_some_and(|calls| calls >= 12), "{json}");
    assert_eq!(json["tickets"].as_array().map(Vec::len), Some(4));
    let status = printed(house.verb(&["status", "demo"])).await;
    assert!(status.contains("changes are carried in runs; 0 tickets wait for one"), "{status}");
    assert!(refused(&house, &["run", "demo", "--show", "9"]).await.contains("demo has no run 9"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_stopped_goes_on_with_its_number() {
    let (house, mirror) = copied(16).await;
    write(&house, &mirror, "Still waiting.").await;
    house.target.stage.faults().set(Rates { slow: 1.0, slow_ms: 400, ..Rates::default() });
    let verbs = house
        .verb(&["--workers", "1", "run", "demo"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    until("some tickets are carried", async || house.found("Still waiting.") > 0).await;
    interrupt(verbs).await;
    assert!(house.found("Still waiting.") < 4, "it was stopped in the middle");
    let detached = printed(house.verb(&["run", "demo", "--detach"])).await;
    assert_eq!(detached, "Run 2 of demo is ordered; `tidegate run demo --show 2` shows it.\n");
    house.target.stage.faults().set(Rates::default());
    let said = printed(house.verb(&["run", "demo"])).await;
    assert!(said.contains("run 2, ordered by ") && said.contains("  0 created, 4 updated, 0 skipped, 0 failed; "), "{said}");
    assert_eq!(house.found("Still waiting."), 4);
}

async fn interrupt(mut verb: Child) {
    kill_process(Pid::from_child(&verb), Signal::INT).expect("it is our child");
    until("the verb ends", async || verb.try_wait().expect("it is our child").is_some()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_days_after_the_copy_a_run_is_refused_until_it_is_extended() {
    let (house, _) = copied(2).await;
    let aged = sqlx::query("update mirror set copied_at = copied_at - interval '12 days'").execute(&house.pool).await;
    aged.expect("time passed");
    let late = refused(&house, &["run", "demo"]).await;
    assert!(late.contains("10 days after the copy") && late.contains("tidegate extend demo --runs 10"), "{late}");
    let status = printed(house.verb(&["status", "demo"])).await;
    assert!(status.contains("ALARM: no run may start any more since "), "{status}");
    let said = printed(house.verb(&["extend", "demo", "--runs", "10", "--reason", "the move was put off"])).await;
    assert!(said.starts_with("Runs of demo may start until "), "{said}");
    printed(house.verb(&["run", "demo"])).await;
    printed(house.verb(&["extend", "demo", "--keep", "5", "--reason", "an audit"])).await;
    let history = printed(house.verb(&["extend", "demo"])).await;
    let lines: Vec<&str> = history.lines().collect();
    assert!(lines[0].contains(" --runs 10, by ") && lines[0].ends_with(": the move was put off"), "{history}");
    assert!(lines[1].ends_with(": an audit") && format!("{}\n", lines[2]) == said, "{history}");
    assert!(lines[3].ends_with("is kept until 15 days after its retirement."), "{history}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_of_a_window_says_since_when_that_window_is_carried() {
    let (house, _) = copied_with(2, "[[window]]\nname = \"support\"\ngroups = [\"Support\"]\n").await;
    let (code, said) = ended(house.verb(&["run", "demo", "--window", "support"])).await;
    assert_eq!(code, Some(0), "{said}");
    let back = "update mirror set reference_time = reference_time - interval '3 days' returning reference_time";
    let copied: DateTime<Utc> = sqlx::query_scalar(back).fetch_one(&house.pool).await.expect("an answer");
    let minute = |at: DateTime<Utc>| format!("what changed since {}", at.format("%Y-%m-%d %H:%M UTC"));
    let carried = house.ledger.runs(house.ledger.mirror("demo").await.expect("it is there").id).await.expect("an answer");
    let of_window = carried.last().and_then(|run| run.read_at).expect("it has ended");
    let (_, said) = ended(house.verb(&["run", "demo", "--window", "support"])).await;
    assert!(said.contains(&minute(of_window)), "{said}");
    let status = printed(house.verb(&["status", "demo"])).await;
    assert!(status.contains("reference time ") && !status.contains("start of the last full copy that"), "{status}");
    let (_, said) = ended(house.verb(&["run", "demo", "--window", "rest"])).await;
    assert!(said.contains(&minute(copied)), "{said}");
}
