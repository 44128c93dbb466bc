//! A statement in writing: it says what is so, and a change of any byte of it is found.

use std::time::Duration;

use serde_json::json;
use sha2::{Digest, Sha256};
use tidegate::cutover::certificate::{Key, Refused, verify};
use tidegate::cutover::paper::page;
use tidegate::cutover::statement::{Statement, state};
use tidegate::cutover::switch::Outcome;
use tidegate::desk::Side;
use tidegate::gateway::connect::bench;
use tidegate::ledger::accepted::{Which, Word};
use tidegate::ledger::finding::Acceptance;
use tidegate::ledger::switch::Kind;
use tidegate::ledger::tick::{List, Tick};
use tidegate::ledger::verdict::Measure;

use crate::world::desk::{field, request_tracker, zendesk};
use crate::world::paper::Paper;
use crate::world::stand::World;
use crate::world::switching::{Hand, shut, wish};

fn key() -> Key {
    Key::from_pkcs8(&Key::fresh()).expect("a key")
}

/// Both desks were copied and compared; one field was lost to the policy, one finding was accepted.
async fn stated() -> (World, Statement) {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order one", "Where is it?");
    world.source.open("Order two", "And this one?");
    world.copy().await;
    let there = world.mirrored(&ticket).id;
    world.target.set(&there, "subject", "Mine");
    world.source.set(&ticket, "subject", "Yours");
    world.settle().await;
    let report = world.check().await;
    assert!(report.at_parity(), "{:?}", report.lines());
    let why = Some("<b>we know</b> & \"accept\"".to_string());
    let acceptance =
        Acceptance { finding: "links-not-held".into(), detail: json!({}), who: "Ann".into(), why, at: world.clock.now() };
    world.ledger.accept_finding("demo", &acceptance).await.expect("an answer");
    let statement = state(&world.ledger, &world.mirror, None, world.clock.now()).await.expect("a statement");
    (world, statement)
}

#[tokio::test]
async fn it_says_what_was_compared_and_who_decided() {
    let (world, statement) = stated().await;
    let comparison = statement.comparison.as_ref().expect("both desks were compared");
    assert!(comparison.at_parity && comparison.tickets == 2 && comparison.stale == 0, "{comparison:?}");
    assert_eq!((statement.copied, statement.tickets["copied"], statement.undecided), (2, 2, 0));
    assert_eq!((statement.accepted[0].finding.as_str(), statement.accepted[0].who.as_str()), ("links-not-held", "Ann"));
    assert_eq!(statement.decided.len(), 1);
    assert_eq!((statement.decided[0].stands.as_str(), statement.decided[0].by.as_str()), ("source", "the mirror file's policy"));
    assert_eq!(statement.mapping, world.mirror.mapping_version);
    let again = state(&world.ledger, &world.mirror, None, world.clock.now()).await.expect("a statement");
    assert_eq!(again, statement, "nothing happened in between");
    let ticket = world.source.open("Order three", "Another one");
    let mut world = world;
    world.settle().await;
    let later = state(&world.ledger, &world.mirror, None, world.clock.now()).await.expect("a statement");
    assert!(page(&later, "ab12").contains("Not at parity: 2 of 3 tickets compared, 0 different, the last one 2026-03-02"));
    let comparison = later.comparison.expect("they were compared once");
    assert!(!comparison.at_parity && comparison.stale == 1, "what was never compared is not at parity: {comparison:?}");
    assert!(later.digests.pairs != statement.digests.pairs && later.digests.map != statement.digests.map, "{ticket} is new");
}

#[tokio::test]
async fn it_says_which_gates_were_passed_what_was_done_by_hand_and_which_differences_were_accepted() {
    let (mut world, before) = stated().await;
    assert!(before.switches.is_empty() && before.ticks.is_empty() && before.differences_accepted.is_empty());
    world.switched(Kind::Rehearsal).await;
    let gone = world.switch(&wish(Kind::Go, &["webhooks"]), &Hand::of(&world)).await;
    assert_eq!(gone.outcome, Outcome::Done, "{:?}", shut(&gone));
    world.clock.advance(Duration::from_secs(60));
    let evidence = Some("a mail arrived as 12".to_string());
    let tick = Tick { item: "mail-forwarding".into(), who: "Ben".into(), evidence, at: world.clock.now() };
    world.ledger.tick(&List { mirror: world.mirror.id, window: None, to: Side::Target }, &tick).await.expect("an answer");
    world.settle().await;
    let two = world.target.tickets().into_iter().find(|one| field(one, "subject") == "Order two").expect("it was copied").id;
    world.target.slip(&two, "Nobody's words");
    assert_eq!(world.check().await.different, 1);
    let rules = bench(world.process.course(), &world.ledger, &world.clock).rules();
    let measure = Measure { mirror: world.mirror.id, windows: None, rules: &rules, bytes: true, run: None };
    let word = Word { who: "Cleo".into(), reason: "it is <old>".into(), at: world.clock.now() };
    let taken = world.ledger.accept_differences(&measure, &Which::Ticket(two), &word).await.expect("an answer");
    assert_eq!(taken, [1, 1]);

    let row = world.ledger.mirror("demo").await.expect("it is there");
    let statement = state(&world.ledger, &row, None, world.clock.now()).await.expect("a statement");
    let [switch] = statement.switches.as_slice() else { panic!("a rehearsal is no switch: {:?}", statement.switches) };
    assert!(switch.what == "the new desk leads" && switch.gates.iter().all(|gate| gate.holds && !gate.waived), "{switch:?}");
    let [tick] = statement.ticks.as_slice() else { panic!("{:?}", statement.ticks) };
    assert_eq!(
        (tick.what.as_str(), tick.who.as_str(), tick.evidence.as_deref()),
        ("mail-forwarding", "Ben", Some("a mail arrived as 12"))
    );
    let comparison = statement.comparison.as_ref().expect("both desks were compared");
    assert!(comparison.at_parity && comparison.accepted == 1 && comparison.different == 0, "{comparison:?}");
    let [accepted] = statement.differences_accepted.as_slice() else { panic!("{:?}", statement.differences_accepted) };
    assert_eq!((accepted.what(), accepted.who.as_str()), ("field (1 tickets, 1 differences)".to_string(), "Cleo"));
    let page = page(&statement, "ab12");
    println!("{page}");
    for words in [
        "1 of them different and accepted so",
        "gate webhooks</th><td>open: ",
        "mail-forwarding",
        "Cleo, 2026-03-02 ",
        ": it is &lt;old&gt;",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let key = key();
    assert_eq!(verify(&key.sign(&statement), Some(&key.public())).expect("it is as it was signed").0, statement);
}

#[tokio::test]
async fn it_names_each_gate_what_was_found_and_who_passed_it_by_and_no_customer_s_words() {
    let (mut world, _) = stated().await;
    let parked = "insert into parked (tenant_id, mirror_id, kind, reason, advice, blocking, parked_at)
                  select tenant_id, id, 'exposed', 'Jane''s words are public', 'look', false, created_at from mirror";
    world.sql(parked).await;
    {
        let hand = Hand::of(&world);
        *hand.findings.borrow_mut() = Err("one of two findings is open".to_string());
        let gone = world.switch(&wish(Kind::Go, &["webhooks", "findings", "parked"]), &hand).await;
        assert_eq!(gone.outcome, Outcome::Done, "{:?}", shut(&gone));
    }
    world.release("exposed").await;
    let row = world.ledger.mirror("demo").await.expect("it is there");
    let statement = state(&world.ledger, &row, None, world.clock.now()).await.expect("a statement");
    let said = json!(statement)["switches"][0].clone();
    let gates = said["gates"].as_array().expect("the gates");
    let gate = |name: &str| gates.iter().find(|gate| gate["name"] == name).unwrap_or_else(|| panic!("{name}: {said}"));
    assert_eq!((&said["what"], &said["who"], &said["reason"]), (&"the new desk leads".into(), &"olga".into(), &"a test".into()));
    assert_eq!((gates.len(), &gate("parity")["holds"]), (14, &true.into()), "{said}");
    let webhooks = gate("webhooks");
    assert_eq!((&webhooks["holds"], &webhooks["waived"]), (&true.into(), &false.into()), "nobody had to pass it by");
    let findings = json!({ "name": "findings", "found": "one of two findings is open", "holds": false, "waived": true });
    assert_eq!(gate("findings"), &findings);
    assert_eq!(gate("parked")["found"], "1 things wait for a person's decision");
    let page = page(&statement, "ab12");
    for words in
        ["gate findings</th><td>passed by (olga: a test): one of two findings is open", "gate polls</th><td>open: both desks"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    let kept = sqlx::query_scalar::<_, String>("select string_agg(detail::text, ' ') from switch_step").fetch_one(&world.pool);
    let kept = kept.await.expect("the steps");
    assert!(kept.contains("findings") && !kept.contains("Jane") && !page.contains("Jane"), "{kept}");
}

#[tokio::test]
async fn a_lost_ticket_is_not_at_parity() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).polled().begin().await;
    world.source.open("Order one", "Where is it?");
    world.copy().await;
    let lost = world.source.open("Order nine", "Nobody told of this");
    world.clock.advance(Duration::from_secs(1_200));
    assert_eq!(world.check().await.kinds["missing ticket"], 1, "{lost}");
    let statement = state(&world.ledger, &world.mirror, None, world.clock.now()).await.expect("a statement");
    let comparison = statement.comparison.expect("they were compared");
    assert!(!comparison.at_parity && comparison.different == 1, "{comparison:?}");
}

#[tokio::test]
async fn a_change_of_any_byte_is_found() {
    let (_world, statement) = stated().await;
    let key = key();
    let text = key.sign(&statement);
    let (read, by) = verify(&text, Some(&key.public())).expect("it is as it was signed");
    assert_eq!((read, by), (statement.clone(), key.public()));
    let bytes = text.as_bytes();
    for place in 0..bytes.len() {
        for other in [bytes[place] ^ 1, bytes[place] ^ 0x20, b'0', b' '] {
            let mut changed = bytes.to_vec();
            changed[place] = other;
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert!(changed == text || verify(&changed, None).is_err(), "byte {place} became {other}");
        }
        let (before, after) = (&text[..place], &text[place + 1..]);
        assert!(verify(&format!("{before}{after}"), None).is_err(), "byte {place} is missing");
        assert!(verify(&format!("{before} {}", &text[place..]), None).is_err(), "a blank before byte {place}");
    }
    assert!(verify(&format!("{text}\n"), None).is_err() && verify("{}\n", None).is_err());
}

#[tokio::test]
async fn somebody_else_s_signature_is_told() {
    let (_world, statement) = stated().await;
    let (ours, theirs) = (key(), key());
    let text = theirs.sign(&Statement { copied: 7_000, ..statement });
    assert!(verify(&text, None).is_ok(), "anybody may sign");
    assert_eq!(verify(&text, Some(&ours.public())), Err(Refused::OtherKey(theirs.public())));
    let put_on = text.replace(&theirs.public(), &ours.public());
    assert_eq!(verify(&put_on, Some(&ours.public())), Err(Refused::Signature));
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_holds_no_markup_of_others() {
    let (_world, statement) = stated().await;
    let page = page(&statement, "ab12");
    assert!(page.contains("At parity: 2 tickets compared, the last one 2026-03-02") && page.contains("links-not-held"), "{page}");
    assert!(page.contains("&lt;b&gt;we know&lt;/b&gt; &amp; &quot;accept&quot;"), "{page}");
    for never in ["<script", "<link", "<img", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("color-scheme:light dark") && page.contains("@media print"));
}

#[tokio::test]
async fn it_is_made_and_verified_by_verbs_and_outlives_the_purge() {
    let paper = Paper::new().await;
    let row = paper.mirror("acme").await;
    paper.tickets(&row, &[("7", Some("12")), ("9", None)]).await;
    let said = paper.says(&["certificate", "make", "acme", "--json", "acme.json", "--html", "acme.html"]).await;
    assert!(said.starts_with("acme: The desks were not compared.") && said.contains("tickets in the new desk: 1"), "{said}");
    let key = said.lines().find_map(|line| line.strip_prefix("  public key (Ed25519): ")).expect("the key is told").to_string();
    let csv = paper.says(&["map", "acme", "--csv"]).await;
    let digest = hex::encode(Sha256::digest(csv.as_bytes()));
    assert!(said.contains(&format!("SHA-256 of the map of numbers: {digest}")), "{said}");
    assert!(paper.says(&["certificate", "verify", "acme.json", "--key", &key]).await.contains("the key that you named"));
    assert!(paper.says(&["certificate", "verify", "acme.json"]).await.contains(&format!("signed with the key {key}")));
    let html = std::fs::read_to_string(paper.scratch.path().join("acme.html")).expect("it was written");
    assert!(html.contains(&key) && html.contains("The desks were not compared."));
    let signed = std::fs::read_to_string(paper.scratch.path().join("acme.json")).expect("it was written");
    std::fs::write(paper.scratch.path().join("false.json"), signed.replace("\"copied\":1", "\"copied\":2")).expect("a file");
    let said = paper.refuses(&["certificate", "verify", "false.json", "--key", &key]).await;
    assert!(said.contains("changed after it was signed"), "{said}");
    let said = paper.refuses(&["certificate", "verify", "acme.json", "--key", &"0".repeat(64)]).await;
    assert!(said.contains("signed with another key"), "{said}");
    let said = paper.refuses(&["certificate", "make", "acme", "--window", "north"]).await;
    assert!(said.contains("has no window `north`"), "{said}");
    paper.retire(1).await;
    paper.says(&["purge", "acme", "--yes", "acme"]).await;
    let said = paper.says(&["certificate", "make", "acme", "--json", "acme.json"]).await;
    assert!(said.contains("ordered before its time") && said.contains(&key) && said.contains(&digest), "{said}");
    paper.says(&["certificate", "verify", "acme.json", "--key", &key]).await;
}
