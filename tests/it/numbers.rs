//! From the old number to the new ticket: the way for a browser, the map for everyone, and what the verbs say of what is over.

use reqwest::StatusCode;

use crate::world::desk::{request_tracker, zendesk};
use crate::world::paper::Paper;
use crate::world::process::follow;
use crate::world::stand::World;

#[tokio::test]
async fn an_old_number_leads_to_the_new_ticket() {
    for (from, to, page) in
        [(zendesk(), request_tracker(), "/Ticket/Display.html?id="), (request_tracker(), zendesk(), "/agent/tickets/")]
    {
        let mut world = World::of().from(from).to(to).begin().await;
        let tickets = ["one", "two"].map(|name| world.source.open(&format!("Order {name}"), "Where is it?"));
        world.copy().await;
        let page_of = |ticket: &str| format!("{}{page}{}", world.target.running.url, world.mirrored(ticket).id);
        let (status, address, _) = follow(&world.process.url, &format!("/t/{}", tickets[0])).await;
        assert_eq!((status, address), (StatusCode::FOUND, page_of(&tickets[0])));
        let (status, address, _) = follow(&world.process.url, &format!("/t/demo/{}", tickets[1])).await;
        assert_eq!((status, address), (StatusCode::FOUND, page_of(&tickets[1])));
        let survivor = page_of(&tickets[1]);
        world.source.merge(&tickets[0], &tickets[1]);
        world.settle().await;
        let (_, address, _) = follow(&world.process.url, &format!("/t/{}", tickets[0])).await;
        assert_eq!(address, survivor, "a merged ticket leads to the one where it goes on");
        let (status, _, said) = follow(&world.process.url, "/t/4711").await;
        assert!(status == StatusCode::NOT_FOUND && said.contains("mirror `demo` knows no old ticket 4711"), "{status}: {said}");
        let (status, ..) = follow(&world.process.url, "/t/other/1").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn the_map_is_exported() {
    let paper = Paper::new().await;
    let row = paper.mirror("acme").await;
    let many: Vec<(String, String)> = (1000..3500).map(|old| (old.to_string(), (old + 7).to_string())).collect();
    let few: Vec<(&str, Option<&str>)> = vec![("7", Some("12")), ("8", Some("13")), ("9", None)];
    paper.tickets(&row, &few).await;
    sqlx::query(
        "insert into pair (tenant_id, mirror_id, source_ticket, target_ticket, state, created_at)
         select tenant_id, id, o, n, 'copied', created_at from mirror, unnest($1::text[], $2::text[]) as u(o, n)",
    )
    .bind(many.iter().map(|(old, _)| old).collect::<Vec<_>>())
    .bind(many.iter().map(|(_, new)| new).collect::<Vec<_>>())
    .execute(&paper.pool)
    .await
    .expect("pairs");
    for sql in [
        "update pair set merged_into = (select id from pair where source_ticket = '7'), state = 'merged' where source_ticket = '8'",
        "insert into pair_former (pair_id, ordinal, target_ticket) select id, n, (9 + n)::text from pair, generate_series(1, 2) n
         where source_ticket = '7'",
    ] {
        sqlx::query(sql).execute(&paper.pool).await.expect("an answer");
    }
    let csv = paper.says(&["map", "acme", "--csv"]).await;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 1 + 3 + many.len());
    assert_eq!(lines[..4], ["old,new,state,before,merged_into", "7,12,copied,10 11,", "8,13,merged,,7", "9,,outside,,"]);
    assert_eq!(lines.last(), Some(&"3499,3506,copied,,"));
    let text = paper.says(&["map", "acme"]).await;
    let lines: Vec<&str> = text.lines().take(3).collect();
    let told = ["old 7, new 12 (copied), before it new 10, 11, closed", "old 8, new 13 (merged), merged into old 7"];
    assert_eq!(lines, [told[0], told[1], "old 9, new none (outside)"]);
}

#[tokio::test]
async fn of_several_mirrors_one_has_to_be_named() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order one", "Where is it?");
    world.copy().await;
    let config = world.ledger.mirror("demo").await.expect("it is there").config;
    world.ledger.apply_mirror("other", &config, "v1", world.clock.now()).await.expect("a mirror");
    let (status, _, said) = follow(&world.process.url, &format!("/t/{ticket}")).await;
    assert_eq!(status, StatusCode::MULTIPLE_CHOICES);
    assert!(said.contains(&format!("/t/demo/{ticket}")) && !said.contains("/t/other"), "{said}");
    let (status, ..) = follow(&world.process.url, &format!("/t/demo/{ticket}")).await;
    assert_eq!(status, StatusCode::FOUND);
}

#[tokio::test]
async fn what_is_known_is_counted_down_extended_and_destroyed() {
    let paper = Paper::new().await;
    let row = paper.mirror("acme").await;
    paper.tickets(&row, &[("7", Some("12")), ("9", None)]).await;
    let said = paper.refuses(&["purge", "acme", "--yes", "acme"]).await;
    assert!(said.contains("acme is not retired"), "{said}");
    paper.retire(4).await;
    let said = paper.says(&["status", "acme"]).await;
    assert!(said.contains("but for their numbers") && said.contains("(in 5 days)"), "{said}");
    let said = paper.refuses(&["extend", "acme", "--keep", "30", "--reason", " "]).await;
    assert!(said.contains("say why"), "{said}");
    paper.says(&["extend", "acme", "--keep", "30", "--reason", "the auditors are here"]).await;
    let said = paper.says(&["status", "acme", "--json"]).await;
    assert!(said.contains("the auditors are here") && said.contains("\"who\": \"ann\""), "{said}");
    assert!(paper.says(&["status", "acme"]).await.contains("(in 35 days)"));
    assert!(paper.refuses(&["purge", "acme", "--yes", "acne"]).await.contains("--yes acme"));
    let said = paper.says(&["purge", "acme", "--yes", "acme"]).await;
    assert!(said.contains("ordered before its time by ann") && said.contains("  2 payloads of deliveries"), "{said}");
    assert!(said.contains("to be taken out of use by you: the file"), "{said}");
    assert!(paper.says(&["purge", "acme", "--yes", "acme"]).await.contains("  2 payloads of deliveries"), "twice does no harm");
    assert_eq!(paper.says(&["map", "acme", "--csv"]).await, "old,new,state,before,merged_into\n7,12,copied,,\n9,,outside,,\n");
    assert!(paper.says(&["status"]).await.contains("ordered before its time by ann"));
    for words in [
        &["backfill", "acme"][..],
        &["check", "acme"],
        &["extend", "acme", "--keep", "1", "--reason", "late"],
        &["mirror", "apply", "acme.toml", "--offline"],
    ] {
        let said = paper.refuses(words).await;
        assert!(said.contains("what was known of mirror `acme` is destroyed"), "{words:?}: {said}");
    }
}

#[tokio::test]
async fn the_way_to_new_tickets_outlives_everything_else() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order one", "Where is it?");
    world.copy().await;
    let there = format!("{}/Ticket/Display.html?id={}", world.target.running.url, world.mirrored(&ticket).id);
    world.ledger.order_purge(world.mirror.id, "a test", None, world.clock.now()).await.expect("an answer");
    while !world.ledger.destroy(world.mirror.id, 100, world.clock.now()).await.expect("an answer") {}
    let (status, address, _) = follow(&world.process.url, &format!("/t/{ticket}")).await;
    assert_eq!((status, address), (StatusCode::FOUND, there));
}
