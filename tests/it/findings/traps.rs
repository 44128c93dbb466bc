//! One trap each: values, messages, files and people that would be lost or changed.

use std::time::Duration;

use serde_json::json;
use tidegate::setup::findings::finding::Severity;
use tidegate::sim::stage::{Action, Text, Who};

use super::pair::{
    admin, between, check, file, finds, is_a_risk, names, only, open, open_as, to_request_tracker, to_zendesk, write,
};
use crate::world::desk::{Desk, customer};

#[tokio::test]
async fn a_status_that_nobody_mapped() {
    let world = to_request_tracker(&[("hold = \"stalled\"\n", "")]).await;
    let ticket = open(&world.source, &[("status", &["hold"])]);
    open(&world.source, &[]);
    let found = finds(&world, "unmapped-status").await;
    is_a_risk(&found, &[&ticket]);
    assert_eq!((found.count, found.values.as_slice()), (1, &["hold".to_string()][..]));
    assert_eq!(found.what, "In 1 ticket \"status\" has a value that the mapping has no word for: hold.");
}

#[tokio::test]
async fn a_priority_that_nobody_mapped() {
    let world = to_request_tracker(&[("urgent = \"100\"\n", "")]).await;
    let ticket = open(&world.source, &[("priority", &["urgent"])]);
    is_a_risk(&finds(&world, "unmapped-priority").await, &[&ticket]);
}

#[tokio::test]
async fn a_type_that_nobody_mapped() {
    let world = to_request_tracker(&[("[map.fields]", "[map.type]\nquestion = \"question\"\n\n[map.fields]")]).await;
    let ticket = open(&world.source, &[("type", &["incident"])]);
    is_a_risk(&finds(&world, "unmapped-type").await, &[&ticket]);
}

#[tokio::test]
async fn a_group_that_nobody_mapped() {
    let world = to_request_tracker(&[("Engineering = \"Engineering\"\n\"*\" = \"General\"\n", "")]).await;
    let ticket = open(&world.source, &[("group", &["Engineering"])]);
    is_a_risk(&finds(&world, "unmapped-group").await, &[&ticket]);
}

#[tokio::test]
async fn a_form_that_nobody_mapped() {
    let world = between("[map.form]\n\"Default Ticket Form\" = \"Default Ticket Form\"\n").await;
    let ticket = open(&world.source, &[("form", &["Refund request"])]);
    is_a_risk(&finds(&world, "unmapped-form").await, &[&ticket]);
}

#[tokio::test]
async fn an_option_that_the_target_does_not_have() {
    let world = to_request_tracker(&[(
        "[map.options.\"custom:Product\"]\nproduct_mast = \"free\"\n",
        "[map.options.\"custom:Product\"]\n\"*\" = \"*\"\n",
    )])
    .await;
    let ticket = open(&world.source, &[("custom:Product", &["product_mast"])]);
    let found = finds(&world, "no-option-custom-product").await;
    is_a_risk(&found, &[&ticket]);
    assert_eq!(found.values, ["product_mast"]);
}

#[tokio::test]
async fn what_customers_wrote_is_counted_and_not_shown() {
    let table = "[map.options.\"custom:Order number\"]\nA-1 = \"B-1\"\n\n[map.options.\"custom:Product\"]";
    let table = table.replace("A-1 =", "\"A-1\" =");
    let world = to_request_tracker(&[("[map.options.\"custom:Product\"]", &table)]).await;
    let ticket = open(&world.source, &[("custom:Order number", &["my card is 4711"])]);
    let report = check(&world).await;
    let lines = report.lines(&[]).join("\n") + &serde_json::to_string(&report).expect("JSON");
    assert!(!lines.contains("4711"), "{lines}");
    is_a_risk(&only(&world, "unmapped-custom-order-number", report), &[&ticket]);
}

#[tokio::test]
async fn several_values_for_a_field_of_one() {
    let changes = [
        ("\"custom:Product\" = \"custom:Plan\"", "\"custom:Product\" = \"ignore\""),
        ("\"custom:Topics\" = \"custom:Areas\"", "\"custom:Topics\" = \"custom:Plan\""),
        ("[map.options.\"custom:Topics\"]\n", "[map.options.\"custom:Topics\"]\n\"*\" = \"free\"\n"),
        ("topic_shipping = \"web\"\n", ""),
        ("topic_invoice = \"billing\"\n", ""),
        ("topic_bug = \"api\"\n", "topic_bug = \"team\"\n"),
        ("[map.options.\"custom:Product\"]\n", ""),
        ("product_mast = \"free\"\n", ""),
        ("product_sail = \"free\"\n", ""),
        ("product_rudder = \"team\"\n", ""),
        ("product_hull_wood = \"enterprise\"\n", ""),
        ("product_hull_steel = \"enterprise\"\n", ""),
    ];
    let world = to_request_tracker(&changes).await;
    let ticket = open(&world.source, &[("custom:Topics", &["topic_bug", "topic_invoice"])]);
    open(&world.source, &[("custom:Topics", &["topic_bug"])]);
    is_a_risk(&finds(&world, "many-to-one-custom-topics").await, &[&ticket]);
}

#[tokio::test]
async fn a_subject_that_is_cut() {
    let world = to_zendesk("").await;
    let ticket = open_as(&world.source, &customer(), &"long ".repeat(40), &[], &[]);
    let found = finds(&world, "cut-subject").await;
    is_a_risk(&found, &[&ticket]);
    assert!(found.what.contains("150 characters"), "{}", found.what);
}

#[tokio::test]
async fn a_message_that_is_cut() {
    let world = to_zendesk("").await;
    let ticket = world.source.open("A long story", &"word ".repeat(14_000));
    is_a_risk(&finds(&world, "cut-messages").await, &[&ticket]);
}

#[tokio::test]
async fn text_in_fields_for_numbers_dates_and_check_boxes() {
    for (field, values, name) in [
        ("\"custom:Summary\" = \"custom:Seats\"", ("custom:Summary", "a dozen"), "number-custom-summary"),
        ("\"custom:Summary\" = \"custom:Refund amount\"", ("custom:Summary", "ten"), "number-custom-summary"),
        ("\"custom:Summary\" = \"custom:Renewal date\"", ("custom:Summary", "next May"), "date-custom-summary"),
        ("\"custom:Escalated\" = \"custom:VIP\"", ("custom:Escalated", "yes"), "checkbox-custom-escalated"),
        ("\"custom:Summary\" = \"custom:Serial\"", ("custom:Summary", "AB-12"), "pattern-custom-summary"),
    ] {
        let world = to_zendesk(&format!("{field}\n")).await;
        let ticket = open(&world.source, &[(values.0, &[values.1])]);
        is_a_risk(&finds(&world, name).await, &[&ticket]);
    }
}

#[tokio::test]
async fn a_value_that_the_targets_pattern_refuses() {
    let world = to_request_tracker(&[
        ("\"custom:Order number\" = \"custom:Order Number\"", "\"custom:Order number\" = \"custom:Seats\""),
        ("\"custom:Seats\" = \"custom:Seats\"", "\"custom:Seats\" = \"ignore\""),
    ])
    .await;
    let ticket = open(&world.source, &[("custom:Order number", &["A-17"])]);
    open(&world.source, &[("custom:Order number", &["17"])]);
    let found = finds(&world, "pattern-custom-order-number").await;
    is_a_risk(&found, &[&ticket]);
    assert!(found.what.contains("(?#Integer)"), "{}", found.what);
}

#[tokio::test]
async fn a_required_field_without_a_value() {
    let world = between("").await;
    admin(&world.target, "PUT", "ticket_fields/360010001", json!({"ticket_field": {"required": true}})).await;
    let ticket = open(&world.source, &[]);
    open(&world.source, &[("custom:Order number", &["17"])]);
    is_a_risk(&finds(&world, "required-custom-order-number").await, &[&ticket]);
}

#[tokio::test]
async fn a_field_that_another_ones_value_requires() {
    let world = between("").await;
    let conditions = json!([{"parent_field_id": 360_010_008, "value": "product_mast",
        "child_fields": [{"id": 360_010_001, "is_required": true, "required_on_statuses": {"type": "ALL_STATUSES"}}]}]);
    admin(&world.target, "PUT", "ticket_forms/9006002", json!({"ticket_form": {"agent_conditions": conditions}})).await;
    let ticket = open(&world.source, &[("custom:Product", &["product_mast"])]);
    open(&world.source, &[("custom:Product", &["product_sail"])]);
    open(&world.source, &[("custom:Product", &["product_mast"]), ("custom:Order number", &["17"])]);
    is_a_risk(&finds(&world, "dependent-custom-order-number").await, &[&ticket]);
}

#[tokio::test]
async fn tags_that_are_spelled_otherwise() {
    let world = to_zendesk("").await;
    let ticket = open_as(&world.source, &customer(), "A question", &[], &["Very Important", "plain"]);
    let found = finds(&world, "changed-tags").await;
    is_a_risk(&found, &[&ticket]);
    assert_eq!(found.values, ["Very Important"]);
}

#[tokio::test]
async fn a_ticket_that_is_closed_for_good() {
    let world = between("").await;
    let ticket = open(&world.source, &[]);
    world.source.set(&ticket, "status", "closed");
    let found = finds(&world, "closed-tickets").await;
    assert_eq!((found.severity, found.tickets), (Severity::Note, vec![ticket]));
}

#[tokio::test]
async fn files_that_stay_behind() {
    let world = to_request_tracker(&[]).await;
    let large = open(&world.source, &[]);
    write(&world.source, &large, "<p>see</p>", vec![file("plan.pdf", (32 << 20) + 1)]);
    let found = finds(&world, "large-files").await;
    is_a_risk(&found, &[&large]);
    assert!(found.what.contains("arger than the 32 MB") && found.what.contains("1 file in 1 ticket"), "{}", found.what);
}

#[tokio::test]
async fn files_without_a_byte() {
    let world = to_zendesk("").await;
    let ticket = open(&world.source, &[]);
    write(&world.source, &ticket, "<p>see</p>", vec![file("nothing.pdf", 0)]);
    is_a_risk(&finds(&world, "empty-files").await, &[&ticket]);
}

#[tokio::test]
async fn files_with_malware() {
    let world = to_request_tracker(&[]).await;
    let ticket = open(&world.source, &[]);
    write(&world.source, &ticket, "<p>see</p>", vec![file("eicar.pdf", 10)]);
    is_a_risk(&finds(&world, "infected-files").await, &[&ticket]);
}

#[tokio::test]
async fn files_that_are_being_scanned() {
    let world = to_request_tracker(&[]).await;
    let ticket = open(&world.source, &[]);
    world.clock.advance(Duration::from_secs(75));
    // A change of now would be withheld with its ticket, and the scan be over when it is shown.
    let text = Text { body: "see".to_string(), files: vec![file("slow-scan.pdf", 10)], ..Text::default() };
    let action = Action::Reply { ticket: ticket.clone(), text };
    world.source.running.stage.slip(&customer(), action).expect("it is taken");
    let found = only(&world, "pending-files", world.prove().await);
    assert_eq!((found.severity, found.tickets), (Severity::CannotTell, vec![ticket]));
}

#[tokio::test]
async fn images_that_others_keep() {
    let world = between("").await;
    let ticket = open(&world.source, &[]);
    write(&world.source, &ticket, "<p><img src=\"https://cdn.third.example/a.png\"></p>", Vec::new());
    let found = finds(&world, "foreign-images").await;
    assert_eq!(
        (found.severity, found.tickets, found.values),
        (Severity::Note, vec![ticket.clone()], vec!["cdn.third.example".into()])
    );
    let world = between("").await;
    let ticket = open(&world.source, &[]);
    let own = format!("<p><img src=\"{}/hc/behind-login.png\"></p>", world.source.running.url);
    write(&world.source, &ticket, &own, Vec::new());
    is_a_risk(&finds(&world, "locked-images").await, &[&ticket]);
}

#[tokio::test]
async fn customers_without_an_address() {
    let world = between("").await;
    let made = admin(&world.source, "POST", "users", json!({"user": {"name": "By phone", "skip_verify_email": true}})).await;
    let ticket =
        json!({"ticket": {"subject": "called", "requester_id": made["user"]["id"], "comment": {"body": "on the phone"}}});
    let made = admin(&world.source, "POST", "tickets", ticket).await;
    is_a_risk(&finds(&world, "no-address").await, &[&made["ticket"]["id"].to_string()]);
}

#[tokio::test]
async fn two_customers_who_become_one() {
    let world = between("[map.people]\n\"jo@northwind.example\" = \"jane@northwind.example\"\n").await;
    let jo = Who { email: "jo@northwind.example".to_string(), name: "Jo Doe".to_string(), agent: false };
    let (hers, his) = (open(&world.source, &[]), open_as(&world.source, &jo, "Another question", &[], &[]));
    is_a_risk(&finds(&world, "shared-address").await, &[&hers, &his]);
}

#[tokio::test]
async fn suspended_customers() {
    let world = between("").await;
    let ticket = open(&world.source, &[]);
    let found = admin(&world.source, "GET", "users/search?query=jane", json!({})).await;
    let id = &found["users"][0]["id"];
    admin(&world.source, "PUT", &format!("users/{id}"), json!({"user": {"suspended": true}})).await;
    let found = finds(&world, "suspended").await;
    assert_eq!((found.severity, found.tickets), (Severity::Note, vec![ticket]));
}

#[tokio::test]
async fn agents_who_left_and_agents_who_are_not_there() {
    let world = between("").await;
    let ticket = open(&world.source, &[("assignee", &["zed@desk.example"])]);
    let found = finds(&world, "missing-agents").await;
    is_a_risk(&found, &[&ticket]);
    let zed = admin(&world.source, "GET", "users/search?query=zed", json!({})).await["users"][0]["id"].to_string();
    admin(&world.source, "DELETE", &format!("users/{zed}"), json!({})).await;
    is_a_risk(&finds(&world, "departed-agents").await, &[&ticket]);
}

#[tokio::test]
async fn organisations_that_are_not_there() {
    let world = between("").await;
    admin(&world.source, "POST", "organizations", json!({"organization": {"name": "Nowhere Ltd"}})).await;
    let ticket = open(&world.source, &[("organisation", &["Nowhere Ltd"])]);
    let found = finds(&world, "missing-organisations").await;
    is_a_risk(&found, &[&ticket]);
    assert_eq!(found.values, ["Nowhere Ltd"]);
}

#[tokio::test]
async fn tickets_that_are_listed_and_not_shown() {
    let world = between("").await;
    let ticket = open(&world.source, &[]);
    world.source.conceal(Some(&[&ticket]));
    is_a_risk(&finds(&world, "not-shown").await, &[&ticket]);
}

#[tokio::test]
async fn files_that_a_message_only_links_to() {
    let world = between("").await;
    let (own, other) = (open(&world.source, &[]), open(&world.source, &[]));
    let login = format!("<p>see <a href=\"{}/hc/article_attachments/77/plan\">the plan</a></p>", world.source.running.url);
    write(&world.source, &own, &login, Vec::new());
    let shared =
        "<p><a href=\"https://acme.sharepoint.com/s/xyz\">ours</a> <a href=\"https://files.third.example/a.pdf\">theirs</a></p>";
    write(&world.source, &other, shared, Vec::new());
    write(&world.source, &other, "<p><a href=\"https://third.example/index.html\">a page</a></p>", Vec::new());
    let report = check(&world).await;
    assert_eq!(names(&world, &report), ["foreign-files", "locked-files"], "{}", report.lines(&[]).join("\n"));
    let of = |name: &str| report.findings.iter().find(|finding| finding.name == name).expect("it is there").clone();
    is_a_risk(&of("locked-files"), &[&own]);
    let found = of("foreign-files");
    assert_eq!((found.severity, found.tickets), (Severity::CannotTell, vec![other]));
    assert_eq!(found.values, ["acme.sharepoint.com", "files.third.example"]);
    assert!(found.what.contains("2 messages in 1 ticket"), "{}", found.what);
}

#[tokio::test]
async fn an_attachment_that_a_message_links_to_is_carried() {
    let world = between("").await;
    let ticket = open(&world.source, &[]);
    write(&world.source, &ticket, "<p>see</p>", vec![file("plan.pdf", 10)]);
    let comments = admin(&world.source, "GET", &format!("tickets/{ticket}/comments"), json!({})).await;
    let address = comments["comments"][1]["attachments"][0]["content_url"].as_str().expect("an address").to_string();
    write(&world.source, &ticket, &format!("<p>see <a href=\"{address}\">above</a></p>"), Vec::new());
    let report = check(&world).await;
    assert_eq!(names(&world, &report), Vec::<String>::new(), "{}", report.lines(&[]).join("\n"));
}

#[tokio::test]
async fn files_of_kinds_that_the_target_may_refuse() {
    let world = to_zendesk("").await;
    let ticket = open(&world.source, &[]);
    write(&world.source, &ticket, "<p>see</p>", vec![file("Setup.EXE", 10), file("plan.pdf", 10)]);
    let found = finds(&world, "unsure-kinds").await;
    assert_eq!((found.severity, found.tickets), (Severity::CannotTell, vec![ticket]));
    assert_eq!((found.values, found.what.contains("1 file in 1 ticket")), (vec!["exe".to_string()], true));
    let world = to_request_tracker(&[]).await;
    let ticket = open(&world.source, &[]);
    write(&world.source, &ticket, "<p>see</p>", vec![file("Setup.EXE", 10)]);
    let report = check(&world).await;
    assert_eq!(names(&world, &report), Vec::<String>::new(), "an RT takes every kind");
}

#[tokio::test]
async fn a_field_that_our_user_may_see_and_not_change() {
    let world = between("").await;
    // Fields of an account's apps and of Zendesk itself are shown so.
    admin(&world.target, "PUT", "ticket_fields/360010001", json!({"ticket_field": {"agent_can_edit": false}})).await;
    let ticket = open(&world.source, &[("custom:Order number", &["17"])]);
    open(&world.source, &[]);
    is_a_risk(&finds(&world, "read-only-custom-order-number").await, &[&ticket]);
}

#[tokio::test]
async fn a_field_that_the_tickets_group_does_not_have() {
    let only = ("\"custom:Order number\" = \"custom:Order Number\"", "\"custom:Order number\" = \"custom:Only Support\"");
    let world = to_request_tracker(&[only]).await;
    let ticket = open(&world.source, &[("group", &["Billing"]), ("custom:Order number", &["17"])]);
    open(&world.source, &[("custom:Order number", &["18"])]);
    let found = finds(&world, "not-in-group-custom-only-support").await;
    is_a_risk(&found, &[&ticket]);
    assert_eq!(found.values, ["Billing"]);
}

/// A call to a simulated RT by its admin.
async fn rt_admin(desk: &Desk, method: &str, path: &str, body: serde_json::Value) -> serde_json::Value {
    let method = method.parse().expect("a method");
    let call = reqwest::Client::new().request(method, format!("{}/REST/2.0/{path}", desk.running.url));
    let call = call.header("authorization", "token sim-token").header("content-type", "application/json");
    let answer = call.body(body.to_string()).send().await.expect("the desk answers");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    serde_json::from_str(&answer.text().await.expect("text")).expect("JSON")
}

/// Gives a field of an RT a pattern.
async fn patterned(desk: &Desk, field: &str, pattern: &str) {
    let found = rt_admin(desk, "POST", "customfields", json!([{ "field": "Name", "value": field }])).await;
    let path = format!("customfield/{}", found["items"][0]["id"].as_str().expect("an id"));
    rt_admin(desk, "PUT", &path, json!({ "Pattern": pattern })).await;
}

#[tokio::test]
async fn a_tag_that_the_pattern_of_an_rts_tags_field_refuses() {
    let world = to_request_tracker(&[]).await;
    patterned(&world.target, "Tags", "^[a-z]+$").await;
    let [ticket, _] = [&["vip", "vip_2"][..], &["vip"]].map(|tags| open_as(&world.source, &customer(), "A question", &[], tags));
    is_a_risk(&finds(&world, "pattern-tags").await, &[&ticket]);
}

#[tokio::test]
async fn a_field_that_has_to_be_filled_at_an_rt() {
    let world = to_request_tracker(&[]).await;
    patterned(&world.target, "Order Number", "(?#Mandatory).").await;
    let ticket = open(&world.source, &[]);
    open(&world.source, &[("custom:Order number", &["17"])]);
    is_a_risk(&finds(&world, "required-custom-order-number").await, &[&ticket]);
}

/// The gateway's user of an RT lacks a right for one field.
async fn lacking(desk: &Desk, setting: &str, field: &str) {
    let call = reqwest::Client::new().put(format!("{}/_sim/settings", desk.running.url));
    let call = call.header("content-type", "application/json").body(json!({ setting: [field] }).to_string());
    assert!(call.send().await.expect("the desk answers").status().is_success());
}

#[tokio::test]
async fn a_field_that_our_user_may_not_see() {
    let world = to_request_tracker(&[]).await;
    lacking(&world.target, "unseen_fields", "Order Number").await;
    open(&world.source, &[("custom:Order number", &["17"])]);
    let report = check(&world).await;
    let of = |name: &str| report.findings.iter().find(|finding| finding.name == name).expect("it is there");
    assert_eq!(names(&world, &report), ["mirror-file", "target-custom-fields"], "{}", report.lines(&[]).join("\n"));
    let found = of("mirror-file");
    assert_eq!(found.severity, Severity::Stop);
    assert!(found.what.contains("the target has no field \"custom:Order Number\" that our user may see"), "{}", found.what);
    assert_eq!(of("target-custom-fields").severity, Severity::CannotTell);
    let world = to_zendesk("").await;
    lacking(&world.source, "unseen_fields", "Order Number").await;
    open(&world.source, &[]);
    let found = finds(&world, "source-custom-fields").await;
    assert_eq!(found.severity, Severity::CannotTell);
    assert!(found.what.contains("SeeCustomField"), "{}", found.what);
}
