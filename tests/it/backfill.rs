//! `tidegate backfill` as an operator runs it: alone, beside a gateway, stopped and run again.

use std::io::Read;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tidegate::clock::Clock;
use tidegate::ledger::mirror::MirrorRow;
use tidegate::sim::faults::Rates;

use crate::world::db::until;
use crate::world::house::{House, port};
use crate::world::process::{Serve, printed, run, tidegate};

const ALONE: &str = "No `tidegate serve` is running, so the copy is made here; Ctrl-C stops it, and the same command goes on.\n";
const BESIDE: &str = "A `tidegate serve` makes the copy; Ctrl-C here stops only this display.\n";

fn backfill(house: &House) -> Command {
    let mut command = tidegate();
    command.env("DATABASE_URL", &house.url).args(["--connections", "6", "--log", "warn", "backfill", "demo"]);
    command
}

/// The verb while it runs.
fn start(house: &House) -> Child {
    backfill(house).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts")
}

/// Ends it as Ctrl-C does, and returns exit status and what it printed.
async fn interrupt(mut verb: Child) -> (Option<i32>, String) {
    kill_process(Pid::from_child(&verb), Signal::INT).expect("it is our child");
    let mut status = None;
    until("the verb ends", async || {
        status = verb.try_wait().expect("it is our child");
        status.is_some()
    })
    .await;
    let mut said = String::new();
    verb.stdout.take().expect("it is piped").read_to_string(&mut said).expect("text");
    (status.expect("it ended").code(), said)
}

async fn copied(house: &House, mirror: &MirrorRow) -> i64 {
    house.ledger.status(mirror.id, house.clock.now()).await.expect("the ledger answers").copied
}

async fn applied(house: &House) -> MirrorRow {
    let text = house.mirror_text(&house.source.url, port());
    house.admit(&text).await;
    house.apply(&text).await
}

async fn agree(house: &House, mirror: &MirrorRow) {
    let verdict = house.verdict(mirror).await;
    assert!(verdict.agrees(), "{:?}", verdict.differences);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_gateway_the_verb_makes_the_copy_itself_and_goes_on_where_it_was_stopped() {
    let house = House::with_past(24, Clock::system()).await;
    let mirror = applied(&house).await;
    house.target.stage.faults().set(Rates { slow: 1.0, slow_ms: 60, ..Rates::default() });
    let first = start(&house);
    until("some tickets are copied", async || copied(&house, &mirror).await >= 3).await;
    let (status, said) = interrupt(first).await;
    assert_eq!((status, said), (Some(1), format!("{ALONE}Stopped. `tidegate backfill demo` goes on where this was.\n")));
    let before = copied(&house, &mirror).await;
    assert!((3..24).contains(&before), "{before}");
    house.target.stage.faults().set(Rates::default());
    assert_eq!(printed(backfill(&house)).await, ALONE);
    assert!(house.ledger.mirror("demo").await.expect("it is there").reference_time.is_some());
    agree(&house, &mirror).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_gateway_the_verb_only_watches_until_that_one_is_gone() {
    let house = House::with_past(40, Clock::system()).await;
    let mut serve = Serve::anywhere(&house).await;
    let text = house.mirror_text(&house.source.url, serve.address);
    house.admit(&text).await;
    let mirror = house.apply(&text).await;
    house.target.stage.faults().set(Rates { slow: 1.0, slow_ms: 120, ..Rates::default() });
    let display = start(&house);
    until("some tickets are copied", async || copied(&house, &mirror).await >= 3).await;
    let (status, said) = interrupt(display).await;
    assert_eq!((status, said), (Some(1), format!("{BESIDE}The copy goes on in the gateway; `tidegate status demo` shows it.\n")));
    let (gone, output) = tokio::join!(
        async {
            serve.signal(Signal::TERM);
            let status = serve.ended().await;
            house.target.stage.faults().set(Rates::default());
            status
        },
        run(backfill(&house))
    );
    assert!(gone.success() && !serve.log().contains("did not finish"), "{}", serve.log());
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.ends_with(ALONE), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    agree(&house, &mirror).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copy_of_a_paused_mirror_is_not_waited_for() {
    let house = House::with_past(1, Clock::system()).await;
    let mirror = applied(&house).await;
    house.ledger.pause_mirror(mirror.id, "lunch").await.expect("it is paused");
    let output = run(backfill(&house)).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("demo is paused (lunch); `tidegate mirror resume demo` goes on"),
        "{said}"
    );
}
