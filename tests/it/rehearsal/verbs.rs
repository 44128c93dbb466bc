//! `backfill --sample` and `takeback` as an operator types them.

use tidegate::clock::Clock;
use tidegate::sim::snapshot::TicketState;

use crate::world::house::{House, port};
use crate::world::process::{printed, run};

fn present(house: &House) -> usize {
    house.target.stage.tickets().iter().filter(|ticket| ticket.state == TicketState::Present).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_rehearses_takes_back_and_copies() {
    let house = House::with_past(12, Clock::system()).await;
    let text = house.mirror_text(&house.source.url, port());
    let mirror = house.apply(&text).await;
    house.admit(&text).await;
    let (code, said) = refused(&house, &["takeback", "demo", "--sample"]).await;
    assert!(code == Some(1) && said.contains("demo is not being rehearsed"), "{said}");
    let shown = printed(house.verb(&["backfill", "demo", "--sample", "3"])).await;
    for words in
        ["3 tickets were chosen", "longest thread (", "/agent/tickets/", "/Ticket/Display.html?id=", "message 1", "subject"]
    {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert_eq!(present(&house), 3, "{shown}");
    let again = printed(house.verb(&["backfill", "demo", "--sample", "3"])).await;
    assert!(again.contains("was chosen before") && again.contains("3 of 3 tickets were copied"), "{again}");
    let status = printed(house.verb(&["status", "demo"])).await;
    assert!(status.contains("demo: rehearsing") && status.contains("rehearsal: a sample of 3 tickets"), "{status}");
    let taken = printed(house.verb(&["takeback", "demo", "--sample"])).await;
    for words in [
        "demo is paused while its sample is taken back.",
        "3 tickets removed, 0 removed before, 0 stay",
        "What cannot be undone: ",
    ] {
        assert!(taken.contains(words), "{words}: {taken}");
    }
    assert_eq!(present(&house), 0, "{taken}");
    let (code, said) = refused(&house, &["backfill", "demo", "--tickets", "1,4711,4712"]).await;
    assert!(code == Some(1) && said.contains("4711") && said.contains("4712") && said.contains("Nothing was copied"), "{said}");
    printed(house.verb(&["backfill", "demo"])).await;
    let verdict = house.verdict(&mirror).await;
    assert!(verdict.agrees(), "{:?}", verdict.differences);
    let (code, said) = refused(&house, &["backfill", "demo", "--sample", "3"]).await;
    assert!(code == Some(1) && said.contains("there is nothing to rehearse"), "{said}");
    let (code, said) = refused(&house, &["takeback", "demo", "--yes", "dmeo"]).await;
    assert!(code == Some(1) && said.contains("name the mirror again: --yes demo"), "{said}");
}

async fn refused(house: &House, words: &[&str]) -> (Option<i32>, String) {
    let output = run(house.verb(words)).await;
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
