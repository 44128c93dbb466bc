//! Merging: rules 16 to 24.

use std::sync::Arc;
use std::time::Duration;

use tidegate::ledger::lane::Claimant;
use tidegate::ledger::parked::Park;

use crate::world::desk::{field, request_tracker, saying, zendesk};
use crate::world::killer::Holder;
use crate::world::stand::World;

#[tokio::test]
async fn rule_16_what_is_taken_from_sight_is_taken_from_sight_in_a_zendesk() {
    let mut world = World::of().from(zendesk()).to(zendesk()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    let secret = world.source.reply(&ticket, "My card is 4111 1111, please charge it.");
    let gossip = world.source.answer(&ticket, "This customer is a bother.");
    world.settle().await;
    world.source.redact(&ticket, &secret, "4111 1111");
    world.source.hide(&ticket, &gossip);
    world.settle().await;
    let mirrored = world.mirrored(&ticket);
    assert!(saying(&mirrored, "4111").is_empty());
    assert_eq!(saying(&mirrored, "please charge it").len(), 1);
    assert!(!saying(&mirrored, "a bother")[0].public);
}

#[tokio::test]
async fn rule_16_what_the_target_cannot_hide_is_parked_as_exposed_and_scrubbed_here() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    let secret = world.source.reply(&ticket, "My card is 4111 1111.");
    world.settle().await;
    world.source.redact(&ticket, &secret, "4111 1111");
    world.settle().await;
    let parked = world.parked("exposed").await;
    assert!(parked[0].urgent && !parked[0].blocking && parked.len() == 1);
    let kept: i64 = sqlx::query_scalar("select count(*) from delivery where position('4111'::bytea in body) > 0")
        .fetch_one(&world.pool)
        .await
        .expect("an answer");
    assert_eq!(kept, 0);
    world.source.reply(&ticket, "Thank you.");
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Thank you.").len(), 1, "it does not stand in the way");
}

#[tokio::test]
async fn rule_17_a_rule_of_the_target_is_not_fought() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.set(&ticket, "status", "solved");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&ticket), "status"), "resolved");
    world.source.note(&ticket, "Sent by mail.");
    world.settle().await;
    assert_eq!(field(&world.mirrored(&ticket), "status"), "resolved", "our message reopened it: the status is set again");
    let mirrored = world.mirrored(&ticket).id;
    world.target.answer(&mirrored, "I look into it.");
    let writes = world.figure("writes").await;
    world.raise_everything().await;
    world.settle().await;
    assert_eq!(world.figure("writes").await, writes, "the agent's answer opened it again: that stands");
}

#[tokio::test]
async fn rule_18_tags_are_merged_one_by_one() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.tag(&ticket, &["red", "green"], &[]);
    world.settle().await;
    let mirrored = world.mirrored(&ticket).id;
    world.target.tag(&mirrored, &["agents_own"], &["green"]);
    world.source.tag(&ticket, &["blue"], &["red"]);
    world.settle().await;
    let tags = world.mirrored(&ticket).tags;
    let has = |tag: &str| tags.contains(tag);
    assert!(has("blue") && has("agents_own") && !has("red") && !has("green"), "{tags:?}");
}

#[tokio::test]
async fn rule_18_who_is_taken_out_of_copy_or_no_longer_follows_is_taken_out_though_nothing_else_names_them() {
    for target in [zendesk(), request_tracker()] {
        let mut world = World::of().from(zendesk()).to(target).begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        world.source.set(&ticket, "followers", "chiara@desk.example");
        world.source.set(&ticket, "cc", "karim@mail.example");
        world.settle().await;
        let mirrored = world.mirrored(&ticket);
        assert_eq!((mirrored.followers.len(), mirrored.cc.len()), (1, 1), "{mirrored:?}");
        let before = mirrored.followers;
        world.source.set(&ticket, "followers", "dmitri@desk.example");
        world.source.set(&ticket, "cc", "");
        world.settle().await;
        let mirrored = world.mirrored(&ticket);
        assert_eq!((mirrored.followers.len(), mirrored.cc.len()), (1, 0), "{mirrored:?}");
        assert_ne!(mirrored.followers, before);
    }
}

#[tokio::test]
async fn rule_20_one_customer_of_many_tickets_is_one_person() {
    let mut world = World::of().from(zendesk()).to(zendesk()).begin().await;
    let tickets: Vec<String> = (0..3).map(|n| world.source.open(&format!("Order {n}"), "Where is it?")).collect();
    world.settle().await;
    for ticket in &tickets {
        assert_eq!(field(&world.mirrored(ticket), "requester"), "jane@northwind.example");
    }
    let people: i64 = sqlx::query_scalar("select count(distinct target_person) from person_link where email like 'jane@%'")
        .fetch_one(&world.pool)
        .await
        .expect("an answer");
    assert_eq!(people, 1);
}

#[tokio::test]
async fn rule_20_the_line_before_a_message_names_its_author_as_people_know_them() {
    for source in [request_tracker, zendesk] {
        let mut world = World::of().from(source()).to(request_tracker()).begin().await;
        let ticket = world.source.open("Order 7", "Where is it?");
        world.source.answer(&ticket, "On its way.");
        world.settle().await;
        let mirrored = world.mirrored(&ticket);
        let agent = world.source.agent();
        for (words, name, address) in
            [("Where is it?", "Jane Doe", "jane@northwind.example"), ("On its way.", &agent.name, &agent.email)]
        {
            let body = &saying(&mirrored, words)[0].body;
            assert!(body.contains(&format!("{name} ({address}) wrote on ")), "{body}");
        }
    }
}

#[tokio::test]
async fn rule_22_news_of_a_closed_ticket_opens_a_follow_up() {
    let mut world = World::of().from(request_tracker()).to(zendesk()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    let first = world.mirrored(&ticket);
    world.target.set(&first.id, "status", "solved");
    world.target.set(&first.id, "status", "closed");
    world.source.reply(&ticket, "It did not come.");
    world.settle().await;
    let copies = world.copies(&ticket);
    assert_eq!(copies.len(), 2);
    let second = copies.iter().find(|copy| copy.id != first.id).expect("a follow-up");
    assert!(second.links.contains(&("refers_to".to_string(), first.id.clone())), "{:?}", second.links);
    let report = world.check().await;
    assert!(report.at_parity(), "{:#?}", report.lines());
    assert_eq!((saying(second, "It did not come.").len(), saying(second, "Where is it?").len()), (1, 0));
}

#[tokio::test]
async fn rule_22_a_follow_up_that_was_interrupted_is_linked_all_the_same() {
    let mut world = World::of().from(request_tracker()).to(zendesk()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.settle().await;
    let first = world.mirrored(&ticket).id;
    world.target.set(&first, "status", "solved");
    world.target.set(&first, "status", "closed");
    let holder = Arc::new(Holder::at("intent sent", 1));
    world.process = world.process.successor(holder.clone()).await;
    world.process.serve(&world.mirror).await;
    world.source.reply(&ticket, "It did not come.");
    tokio::select! {
        () = holder.holds() => {}
        () = world.settle() => panic!("nothing was written"),
    }
    assert_eq!(world.copies(&ticket).len(), 1, "it died before it was made");
    world.restart().await;
    world.settle().await;
    let second = world.copies(&ticket).into_iter().find(|copy| copy.id != first).expect("a follow-up");
    assert!(second.links.contains(&("refers_to".to_string(), first)), "{:?}", second.links);
}

#[tokio::test]
async fn rule_24_files_arrive_whole_and_a_file_that_is_refused_is_told_of() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.attach(&ticket, "A picture of it.", "mast.bin", vec![7; 70_000]);
    world.source.attach(&ticket, "And an empty one.", "empty.bin", Vec::new());
    world.settle().await;
    let (here, there) = (world.source.ticket(&ticket), world.mirrored(&ticket));
    let file = &saying(&here, "A picture of it.")[0].files[0];
    let carried = &saying(&there, "A picture of it.")[0].files[0];
    assert_eq!((&carried.sha256, carried.size), (&file.sha256, 70_000));
    let told = saying(&there, "And an empty one.");
    assert!(told[0].files.is_empty() && told[0].body.contains("empty.bin"), "{}", told[0].body);
}

#[tokio::test]
async fn a_hint_that_came_between_claim_and_parking_may_be_the_cure() {
    let mut world = World::of().begin().await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.arrive().await;
    let minute = Duration::from_secs(60);
    let claimant = Claimant { worker: uuid::Uuid::new_v4(), lease: minute, grace: minute, only: None };
    let claim = async |world: &World| {
        let claims = world.ledger.claim(claimant, 9, world.clock.now()).await.expect("an answer");
        claims.into_iter().next().expect("a lane that is due")
    };
    let park = Park { kind: "refused", reason: "no", advice: "none", blocking: true, urgent: false };
    let first = claim(&world).await;
    world.source.reply(&ticket, "Like this, perhaps?");
    world.arrive().await;
    world.clock.advance(minute);
    world.ledger.park(&first, &park, world.clock.now()).await.expect("it is parked");
    assert_eq!(world.ledger.retry_changed(world.clock.now()).await.expect("an answer"), 1);
    let second = claim(&world).await;
    world.ledger.park(&second, &park, world.clock.now()).await.expect("it is parked");
    assert_eq!(world.ledger.retry_changed(world.clock.now()).await.expect("an answer"), 0, "it was no cure");
    let parked = world.parked("refused").await;
    assert!(world.ledger.decide_parked(parked[0].id, true, world.clock.now()).await.expect("an answer"));
    world.settle().await;
    assert_eq!(saying(&world.mirrored(&ticket), "Like this, perhaps?").len(), 1);
}

#[tokio::test]
async fn an_unmapped_value_parks_and_goes_on_once_it_has_a_word() {
    let mut world = World::of().from(zendesk()).to(request_tracker()).begin().await;
    world.reapply("urgent = \"100\"", "asap = \"100\"").await;
    let ticket = world.source.open("Order 7", "Where is it?");
    world.source.set(&ticket, "priority", "urgent");
    world.settle().await;
    let parked = world.parked("unmapped").await;
    assert!(parked[0].reason.contains("urgent"));
    world.reapply("asap = \"100\"", "urgent = \"100\"").await;
    assert!(world.ledger.decide_parked(parked[0].id, true, world.clock.now()).await.expect("an answer"));
    world.settle().await;
    assert_eq!(field(&world.mirrored(&ticket), "priority"), "100");
}
