//! What the target's own rules would do to people.

use serde_json::{Value, json};
use tidegate::setup::findings::finding::Severity;

use super::pair::{admin, between, finds, open, to_zendesk};
use crate::world::stand::World;

/// The trigger no longer leaves our tickets alone.
async fn opened(world: &World, trigger: u64, on: &str) {
    let all = json!([{"field": "update_type", "operator": "is", "value": on}]);
    admin(&world.target, "PUT", &format!("triggers/{trigger}"), json!({"trigger": {"conditions": {"all": all, "any": []}}}))
        .await;
}

/// It spares tickets with these tags, and those that it has been at, as Zendesk demands.
fn automation(title: &str, hours: u64, mut actions: Value, tags: Option<&str>) -> Value {
    let mut all = vec![
        json!({"field": "SOLVED", "operator": "is", "value": hours.to_string()}),
        json!({"field": "current_tags", "operator": "not_includes", "value": "been_here"}),
    ];
    all.extend(tags.map(|tags| json!({"field": "current_tags", "operator": "not_includes", "value": tags})));
    actions.as_array_mut().expect("actions").push(json!({"field": "current_tags", "value": "been_here"}));
    json!({"automation": {"title": title, "conditions": {"all": all, "any": []}, "actions": actions}})
}

#[tokio::test]
async fn a_trigger_that_mails_customers_on_update() {
    let world = to_zendesk("").await;
    open(&world.source, &[]);
    opened(&world, 22_472_712, "Change").await;
    let found = finds(&world, "trigger-mails-customers").await;
    assert_eq!(found.severity, Severity::Risk);
    assert_eq!(found.values, ["\"Notify requester and CCs of comment update\""]);
    assert!(found.cure.contains("Tags, Contains none of the following, tidegate_silent"), "{}", found.cure);
}

#[tokio::test]
async fn an_auto_reply() {
    let world = to_zendesk("").await;
    opened(&world, 22_472_711, "Create").await;
    let found = finds(&world, "trigger-mails-customers").await;
    assert_eq!(found.values, ["\"Notify requester and CCs of received request\""]);
}

#[tokio::test]
async fn a_trigger_that_mails_agents() {
    let world = to_zendesk("").await;
    opened(&world, 22_472_714, "Change").await;
    assert_eq!(finds(&world, "trigger-mails-agents").await.severity, Severity::Risk);
}

#[tokio::test]
async fn an_automation_that_mails_after_four_hours() {
    let world = to_zendesk("").await;
    let mail = json!([{"field": "notification_user", "value": ["requester_id", "Are you there?", "…"]}]);
    admin(&world.target, "POST", "automations", automation("Remind", 4, mail.clone(), None)).await;
    admin(&world.target, "POST", "automations", automation("Spares us", 4, mail, Some("vip tidegate_silent"))).await;
    let found = finds(&world, "automation-mails-customers").await;
    assert_eq!((found.severity, found.values), (Severity::Risk, vec!["\"Remind\" (4 hours later)".to_string()]));
}

#[tokio::test]
async fn a_survey_and_a_program_that_is_called() {
    let world = to_zendesk("").await;
    let offer = json!([{"field": "satisfaction_score", "value": "offered"}]);
    admin(&world.target, "POST", "automations", automation("How was it?", 24, offer, None)).await;
    assert_eq!(finds(&world, "automation-asks-for-rating").await.severity, Severity::Risk);
    let world = to_zendesk("").await;
    let call = json!([{"field": "notification_webhook", "value": ["01J", "{}"]}]);
    admin(&world.target, "POST", "automations", automation("Tell the pager", 1, call, None)).await;
    assert_eq!(finds(&world, "automation-calls-out").await.severity, Severity::Risk);
}

#[tokio::test]
async fn rules_that_change_tickets_and_start_clocks_are_told() {
    let world = to_zendesk("").await;
    let close = json!([{"field": "status", "value": "closed"}]);
    admin(&world.target, "POST", "automations", automation("Close", 96, close, None)).await;
    assert_eq!(finds(&world, "automation-changes-tickets").await.severity, Severity::Note);
    let world = to_zendesk("").await;
    let filter = json!({"all": [{"field": "type", "operator": "is", "value": "incident"}], "any": []});
    admin(&world.target, "POST", "slas/policies", json!({"sla_policy": {"title": "Gold", "filter": filter}})).await;
    assert_eq!(finds(&world, "sla-starts-clocks").await.severity, Severity::Note);
}

#[tokio::test]
async fn followers_are_mailed_whatever_the_rules_say() {
    let world = between("").await;
    let ticket = open(&world.source, &[("followers", &["ben@desk.example"])]);
    open(&world.source, &[]);
    let found = finds(&world, "followers-mailed").await;
    assert_eq!((found.severity, found.tickets), (Severity::Risk, vec![ticket]));
}

#[tokio::test]
async fn where_replies_go_back_the_source_is_asked_the_same() {
    let mut world = between("").await;
    let names = async |world: &World| -> Vec<(String, Severity)> {
        let of_source = |name: &str| name.starts_with("source-") && name != "source-webhook-url";
        let found = world.prove().await.findings.into_iter().filter(|finding| of_source(&finding.name));
        found.map(|finding| (finding.name, finding.severity)).collect()
    };
    let all = json!([{"field": "update_type", "operator": "is", "value": "Change"}]);
    let trigger = json!({"trigger": {"conditions": {"all": all, "any": []}}});
    admin(&world.source, "PUT", "triggers/22472712", trigger).await;
    assert_eq!(names(&world).await, []);
    let mut before = "silence = \"admin-rule\"".to_string();
    for setting in ["replies-back = \"notes\"", "tickets-back = true"] {
        let back = format!("silence = \"admin-rule\"\n{setting}");
        world.reapply(&before, &back).await;
        let found = names(&world).await;
        let told = |name: &str, severity| found.contains(&(name.to_string(), severity));
        assert!(told("source-silence", Severity::Stop), "{setting}: {found:?}");
        assert!(told("source-trigger-mails-customers", Severity::Risk), "{setting}: {found:?}");
        assert!(told("source-followers-mailed", Severity::Risk), "{setting}: {found:?}");
        before = back;
    }
    world.reapply(&before, "silence = \"admin-rule\"\nsource-silence = \"admin-rule\"").await;
    let found = names(&world).await;
    let told = found.contains(&("source-trigger-mails-customers".to_string(), Severity::Risk));
    assert!(told, "after a switch it is written to: {found:?}");
    world.reapply("source-silence = \"admin-rule\"", "tickets-back = true").await;
    world.reapply("tickets-back", "source-silence = \"mail-allowed\"\ntickets-back").await;
    assert!(!names(&world).await.iter().any(|(name, _)| name == "source-silence"));
}

#[tokio::test]
async fn an_operator_who_allows_mail_is_told_and_not_held_back() {
    let mut world = to_zendesk("").await;
    opened(&world, 22_472_712, "Change").await;
    world.reapply("silence = \"admin-rule\"", "silence = \"mail-allowed\"").await;
    assert_eq!(finds(&world, "trigger-mails-customers").await.severity, Severity::Note);
}
