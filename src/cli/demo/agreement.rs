//! What the demo's mirror agrees on: its mirror file, and the same once more in the judge's words, written by hand.

use std::collections::BTreeMap;

use crate::sim::judge::rules::{Authors, Deletion, FieldRule, Form, Redaction, Rules, Times};

/// The demo's mirror file; words in capitals are filled in.
const MIRROR: &str = r#"name = "demo"
[source]
vendor = "zendesk"
url = "SOURCE"
auth = { kind = "oauth", client-id = "sim-client", client-secret = { file = "SECRETS/zendesk" } }
webhook = { public-url = "GATEWAY" }
poll = { every = "1s" }
allow-private-addresses = true

[target]
vendor = "request-tracker"
url = "TARGET"
auth = { kind = "token", token = { file = "SECRETS/rt" } }
user = "gateway"
webhook = false
key-field = "external_id"
message-key-field = "source_comment_id"
tags-field = "Tags"
allow-private-addresses = true

[policy]
silence = "admin-rule"
destructive-limit = { count = 1000, within = "10m" }
birth-limit = { count = 100000, within = "1h" }

[map.status]
new = "new"
open = "open"
pending = "open"
hold = "stalled"
solved = "resolved"
closed = "resolved"
"In review" = "open"
"Waiting for supplier" = "stalled"

[map.priority]
"" = "0"
low = "20"
normal = "50"
high = "75"
urgent = "100"

[map.group]
Support = "Support"
Billing = "Billing"
Engineering = "Engineering"
"*" = "General"
"" = "General"

[map.fields]
brand = "ignore"
form = "ignore"
type = "custom:Ticket Type"
organisation = "custom:Organisation"
"custom:Order number" = "custom:Order Number"
"custom:Root cause" = "custom:Details"
"custom:VIP" = "custom:Escalated"
"custom:Renewal date" = "custom:Contract End"
"custom:Seats" = "custom:Seats"
"custom:Refund amount" = "custom:Amount"
"custom:Serial" = "custom:Summary"
"custom:Product" = "custom:Plan"
"custom:Topics" = "custom:Areas"
"custom:*" = "ignore"

[map.options."custom:VIP"]
true = "yes"
false = "no"

[map.options."custom:Product"]
product_mast = "free"
product_sail = "free"
product_rudder = "team"
product_hull_wood = "enterprise"
product_hull_steel = "enterprise"

[map.options."custom:Topics"]
topic_shipping = "web"
topic_invoice = "billing"
topic_bug = "api"

[map.people]
"ada@desk.example" = "alice@rt.sim"
"ben@desk.example" = "bob@rt.sim"
"chiara@desk.example" = "carol@rt.sim"
"dmitri@desk.example" = "dave@rt.sim"
"#;

/// The demo's mirror file for these desks, this gateway, and secrets in this directory.
pub fn mirror_file(source: &str, target: &str, gateway: &str, secrets: &str) -> String {
    MIRROR.replace("SOURCE", source).replace("TARGET", target).replace("GATEWAY", gateway).replace("SECRETS", secrets)
}

/// Who at the source is who at the target.
const AGENTS: [(&str, &str); 4] = [
    ("ada@desk.example", "alice@rt.sim"),
    ("ben@desk.example", "bob@rt.sim"),
    ("chiara@desk.example", "carol@rt.sim"),
    ("dmitri@desk.example", "dave@rt.sim"),
];

/// The same for the judge; `key` is the mirror's key.
pub fn rules(key: &str) -> Rules {
    let mut people: BTreeMap<String, Option<String>> =
        AGENTS.iter().map(|(from, to)| ((*from).to_string(), Some((*to).to_string()))).collect();
    people.insert("admin@sim.example".to_string(), None);
    Rules {
        mirror: key.to_string(),
        fields: fields(),
        own_tags: vec!["tidegate".to_string()],
        ignored_tags: ["vip_customer".to_string()].into(),
        links: [("parent".to_string(), "parent".to_string()), ("refers_to".to_string(), "refers_to".to_string())].into(),
        people,
        cc: true,
        followers: true,
        authors: Authors::Said,
        times: Times::Said,
        deletion: Deletion::Mark("tidegate_deleted".to_string()),
        redaction: Redaction::Words,
        keeps_inline: false,
        keeps_file_names: true,
        target_rules: [("status".to_string(), ["open".to_string()].into())].into(),
        notes: ["closed and merged into", "was closed and merged", "merged into", "in the old desk that it does not have here"]
            .map(str::to_string)
            .into(),
        mirror_actors: ["gateway@rt.sim".to_string()].into(),
        ..Rules::default()
    }
}

fn fields() -> BTreeMap<String, FieldRule> {
    let priorities = [("low", "20"), ("normal", "50"), ("high", "75"), ("urgent", "100")];
    let statuses = [
        ("new", "new"),
        ("open", "open"),
        ("pending", "open"),
        ("hold", "stalled"),
        ("solved", "resolved"),
        ("closed", "resolved"),
    ];
    let groups = [("Support", "Support"), ("Billing", "Billing"), ("Engineering", "Engineering"), ("Escalations", "General")];
    let products = [
        ("product_mast", "free"),
        ("product_sail", "free"),
        ("product_rudder", "team"),
        ("product_hull_wood", "enterprise"),
        ("product_hull_steel", "enterprise"),
    ];
    let topics = [("topic_shipping", "web"), ("topic_invoice", "billing"), ("topic_bug", "api")];
    let all = [
        ("subject", FieldRule::same("subject")),
        ("status", FieldRule::table("status", &statuses)),
        ("priority", FieldRule::table("priority", &priorities).empty("0")),
        ("group", FieldRule::table("group", &groups)),
        ("type", FieldRule::same("type")),
        ("organisation", FieldRule::same("custom:Organisation")),
        ("requester", FieldRule::same("requester").form(Form::People)),
        ("assignee", FieldRule::same("assignee").form(Form::People)),
        ("custom:Order number", FieldRule::same("custom:Order Number")),
        ("custom:Root cause", FieldRule::same("custom:Details")),
        ("custom:VIP", FieldRule::table("custom:Escalated", &[("true", "yes"), ("false", "no")]).empty("no")),
        ("custom:Renewal date", FieldRule::same("custom:Contract End").form(Form::Day)),
        ("custom:Seats", FieldRule::same("custom:Seats").form(Form::Number)),
        ("custom:Refund amount", FieldRule::same("custom:Amount").form(Form::Number)),
        ("custom:Serial", FieldRule::same("custom:Summary")),
        ("custom:Product", FieldRule::table("custom:Plan", &products)),
        ("custom:Topics", FieldRule::table("custom:Areas", &topics)),
    ];
    all.into_iter().map(|(name, rule)| (name.to_string(), rule)).collect()
}
