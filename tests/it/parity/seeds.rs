//! What the specimens of the corpus hold, by direction.

use tidegate::sim::stage::Who;

use crate::world::desk::{request_tracker, zendesk};
use crate::world::stand::{Plan, World};

/// Which desk is the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ZendeskToRt,
    RtToZendesk,
}

/// A field at the source and at the target, and its values in a first, a second, and an empty specimen; `None`: left as the desk has it.
pub struct Field {
    pub from: &'static str,
    pub to: &'static str,
    pub values: [Option<&'static str>; 3],
    /// The target lets it be empty.
    pub may_lack: bool,
}

const fn field(from: &'static str, to: &'static str, values: [&'static str; 3]) -> Field {
    Field { from, to, values: [Some(values[0]), Some(values[1]), Some(values[2])], may_lack: true }
}

/// One that cannot be empty.
const fn filled(from: &'static str, to: &'static str, values: [&'static str; 2]) -> Field {
    Field { from, to, values: [Some(values[0]), Some(values[1]), None], may_lack: false }
}

/// One that no source ticket is without, and that can be empty at the target.
const fn given(from: &'static str, to: &'static str, values: [&'static str; 2]) -> Field {
    Field { may_lack: true, ..filled(from, to, values) }
}

const ZENDESK_TO_RT: &[Field] = &[
    given("subject", "subject", ["Order 7", "Order 8"]),
    given("requester", "requester", ["jane@northwind.example", "yuki@kyoto.example"]),
    filled("status", "status", ["hold", "open"]),
    filled("group", "group", ["Support", "Billing"]),
    field("type", "custom:Ticket Type", ["task", "question", ""]),
    field("priority", "priority", ["urgent", "low", ""]),
    field("assignee", "assignee", ["ada@desk.example", "chiara@desk.example", ""]),
    field("cc", "cc", ["karim@mail.example, lin@mail.example", "lin@mail.example", ""]),
    field("followers", "followers", ["ben@desk.example", "dmitri@desk.example", ""]),
    field("tags", "tags", ["red, green", "green, blue", ""]),
    field("organisation", "custom:Organisation", ["Northwind Traders", "Kyoto Garden", ""]),
    field("custom:Order number", "custom:Order Number", ["A-1", "A-2", ""]),
    field("custom:Root cause", "custom:Details", ["A loose cable", "A blown fuse", ""]),
    field("custom:Renewal date", "custom:Contract End", ["2026-05-01", "2026-06-01", ""]),
    field("custom:Seats", "custom:Seats", ["7", "8", ""]),
    field("custom:Refund amount", "custom:Amount", ["7.5", "8.25", ""]),
    field("custom:Product", "custom:Plan", ["product_mast", "product_rudder", ""]),
    field("custom:Topics", "custom:Areas", ["topic_shipping, topic_bug", "topic_bug", ""]),
    filled("custom:VIP", "custom:Escalated", ["true", "false"]),
];

const RT_TO_ZENDESK: &[Field] = &[
    given("subject", "subject", ["Order 7", "Order 8"]),
    filled("requester", "requester", ["jane@northwind.example", "yuki@kyoto.example"]),
    filled("status", "status", ["stalled", "open"]),
    given("group", "group", ["Support", "Billing"]),
    field("type", "type", ["task", "question", ""]),
    field("priority", "priority", ["100", "20", ""]),
    field("assignee", "assignee", ["alice@rt.sim", "carol@rt.sim", ""]),
    field("cc", "cc", ["karim@mail.example, lin@mail.example", "lin@mail.example", ""]),
    field("followers", "followers", ["bob@rt.sim", "dave@rt.sim", ""]),
    field("custom:Tags", "tags", ["red, green", "green, blue", ""]),
    field("custom:Order Number", "custom:Order number", ["A-1", "A-2", ""]),
    field("custom:Details", "custom:Root cause", ["A loose cable", "A blown fuse", ""]),
    field("custom:Contract End", "custom:Renewal date", ["2026-05-01", "2026-06-01", ""]),
    field("custom:Seats", "custom:Seats", ["7", "8", ""]),
    field("custom:Amount", "custom:Refund amount", ["7.5", "8.25", ""]),
];

const RT_TO_ZENDESK_MAPS: &str = r#"
[map.status]
new = "new"
open = "open"
stalled = "hold"
resolved = "solved"
rejected = "solved"
[map.priority]
"0" = ""
"20" = "low"
"100" = "urgent"
"*" = "normal"
[map.group]
Support = "Support"
Billing = "Billing"
"*" = "Support"
[map.fields]
"custom:Ticket Type" = "type"
"custom:Order Number" = "custom:Order number"
"custom:Details" = "custom:Root cause"
"custom:Contract End" = "custom:Renewal date"
"custom:Seats" = "custom:Seats"
"custom:Amount" = "custom:Refund amount"
"custom:*" = "ignore"
[map.people]
"alice@rt.sim" = "ada@desk.example"
"bob@rt.sim" = "ben@desk.example"
"carol@rt.sim" = "chiara@desk.example"
"dave@rt.sim" = "dmitri@desk.example"
"#;

impl Way {
    /// Its fields.
    pub fn fields(self) -> &'static [Field] {
        match self {
            Way::ZendeskToRt => ZENDESK_TO_RT,
            Way::RtToZendesk => RT_TO_ZENDESK,
        }
    }

    /// Somebody who is signed in at the new desk as the gateway is.
    pub fn gateway(self) -> Who {
        let email = match self {
            Way::ZendeskToRt => "gateway@rt.sim",
            Way::RtToZendesk => "admin@sim.example",
        };
        Who { email: email.to_string(), name: "Gateway".to_string(), agent: true }
    }

    /// Its world. Nobody tells of what happens there but the poll, which a test runs by hand.
    pub fn world(self) -> Plan {
        let policy = "destructive-limit = { count = 1000, within = \"10m\" }";
        match self {
            Way::ZendeskToRt => World::of().from(zendesk()).to(request_tracker()).policy(policy).polled(),
            Way::RtToZendesk => {
                let maps = RT_TO_ZENDESK_MAPS.to_string();
                World::of().from(request_tracker()).to(zendesk()).maps(maps).policy(policy).polled()
            }
        }
    }
}
