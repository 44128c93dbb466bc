//! `tidegate adopt` and `backfill --dry-run` as an operator types them.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, TimeDelta};
use tidegate::clock::Clock;
use tidegate::sim::snapshot::{TicketState, TicketView};

use crate::world::house::{House, port};
use crate::world::process::{printed, run};

use super::script::{copy, everything};

fn present(house: &House) -> Vec<TicketView> {
    let mut tickets = house.target.stage.tickets();
    tickets.retain(|ticket| ticket.state == TicketState::Present);
    tickets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_adopts_by_a_list_and_copies_the_rest() {
    let house = House::with_past(10, Clock::system()).await;
    let text = house.mirror_text(&house.source.url, port());
    house.apply(&text).await;
    house.admit(&text).await;
    let reference = (house.clock.now() - TimeDelta::minutes(1)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let open = |ticket: &TicketView| ticket.state == TicketState::Present;
    let some: Vec<TicketView> = house.source.stage.tickets().into_iter().filter(open).take(3).collect();
    let pairs = copy(&some, &house.target.url, everything).await;
    let path = house.scratch.path().join("pairs.csv");
    let file = path.display().to_string();
    let words = ["adopt", "demo", "--map", &file, "--reference", &reference];
    std::fs::write(&path, "old,new\n1\n1,2\n1,3\n").expect("a new file");
    let output = run(house.verb(&words)).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("pairs.csv: line 2: ") && said.contains("line 4: old 1 stands in line 3 already"), "{said}");
    assert!(said.ends_with("\nNothing was adopted.\n"), "{said}");
    let lines: String = pairs.iter().map(|(old, new)| format!("{old},{new}\n")).collect();
    std::fs::write(&path, lines).expect("a file of one's own");
    let said = printed(house.verb(&words)).await;
    assert!(said.contains("3 pairs adopted, 0 adopted before, 0 not adopted"), "{said}");
    assert!(said.contains("old tickets changed since the reference time") && said.contains("Next: tidegate serve"), "{said}");
    printed(house.verb(&["backfill", "demo"])).await;
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for ticket in present(&house) {
        *count.entry(ticket.external_id.clone().unwrap_or_default()).or_default() += 1;
    }
    let expected = house.source.stage.tickets().iter().filter(|ticket| open(ticket)).count();
    assert!(count.len() >= expected && count.values().all(|count| *count == 1), "{count:?}");
    assert!(!count.contains_key(""), "our key is on each: {count:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tag_of_the_tool_tells_the_pairs() {
    let house = House::with_past(4, Clock::system()).await;
    let text = house.mirror_text(&house.source.url, port());
    house.apply(&text).await;
    house.admit(&text).await;
    let reference = house.clock.now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let some: Vec<TicketView> = house.source.stage.tickets().into_iter().take(2).collect();
    let pairs = copy(&some, &house.target.url, everything).await;
    let said = printed(house.verb(&["adopt", "demo", "--by", "tag:zd-", "--reference", &reference])).await;
    assert!(said.contains(&format!("{} pairs adopted", pairs.len())), "{said}");
    let output = run(house.verb(&["adopt", "demo", "--by", "nonsense", "--reference", &reference])).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("tag:PREFIX"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_adopted_only_once_its_mirror_is_checked_and_its_findings_accepted() {
    let house = House::with_past(4, Clock::system()).await;
    let text = house.mirror_text(&house.source.url, port());
    house.apply(&text).await;
    let path = house.scratch.path().join("demo.toml");
    std::fs::write(&path, &text).expect("a new file");
    let reference = house.clock.now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let some: Vec<TicketView> = house.source.stage.tickets().into_iter().take(2).collect();
    copy(&some, &house.target.url, everything).await;
    let before = house.target.stage.tickets();
    let refused = async || {
        let adoption = run(house.verb(&["adopt", "demo", "--by", "tag:zd-", "--reference", &reference])).await;
        let copy = run(house.verb(&["backfill", "demo", "--detach"])).await;
        let said = String::from_utf8_lossy(&adoption.stderr).into_owned();
        assert_eq!((adoption.status.code(), &said), (Some(1), &String::from_utf8_lossy(&copy.stderr).into_owned()));
        said
    };
    assert!(refused().await.contains("was not checked as it is applied now: run tidegate mirror check FILE"));
    run(house.verb(&["mirror", "check", &path.display().to_string()])).await;
    let said = refused().await;
    assert!(said.contains("hold the copy back:") && said.contains("tidegate mirror accept demo FINDING"), "{said}");
    let row = house.ledger.mirror("demo").await.expect("it is applied");
    assert_eq!((house.target.stage.tickets(), row.paused_why), (before, None), "nothing was begun");
    house.admit(&text).await;
    let said = printed(house.verb(&["adopt", "demo", "--by", "tag:zd-", "--reference", &reference])).await;
    assert!(said.contains("2 pairs adopted"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_tells_every_write_and_makes_none() {
    let house = House::with_past(6, Clock::system()).await;
    let text = house.mirror_text(&house.source.url, port());
    let mirror = house.apply(&text).await;
    house.admit(&text).await;
    let writes = |stage: BTreeMap<String, u64>| -> u64 {
        stage.iter().filter(|(kind, _)| !kind.starts_with("GET")).map(|(_, count)| count).sum()
    };
    let before = writes(house.target.stage.calls());
    let said = printed(house.verb(&["backfill", "demo", "--sample", "3", "--dry-run"])).await;
    for words in ["not copied yet", "make the ticket: ", "subject = ", "  with message 1: public", "Nothing was written."] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(writes(house.target.stage.calls()), before, "{said}");
    assert!(house.target.stage.tickets().is_empty());
    assert!(house.ledger.sample(mirror.id).await.expect("an answer").is_empty());
    assert_eq!(house.ledger.status(mirror.id, house.clock.now()).await.expect("an answer").tickets, 0);
    let output = run(house.verb(&["backfill", "demo", "--dry-run"])).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("--dry-run needs to know for which tickets"));
    printed(house.verb(&["backfill", "demo"])).await;
    let said = printed(house.verb(&["backfill", "demo", "--sample", "2", "--dry-run"])).await;
    assert!(said.contains("nothing: both desks say the same"), "{said}");
}
