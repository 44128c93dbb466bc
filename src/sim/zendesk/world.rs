//! What the simulated account has from the start. The names here are used by stories and mirror files.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeZone, Utc};
use serde_json::{Map, Value, json};

use super::people::{Organization, User};
use super::store::Store;

/// The account's own id, in every webhook.
pub const ACCOUNT: u64 = 12_514_403;

/// Something with an id and a name.
pub struct Named {
    pub id: u64,
    pub name: &'static str,
}

/// The brands; the first is the default.
pub const BRANDS: [Named; 2] = [Named { id: 13_467_642, name: "Harbour" }, Named { id: 13_467_643, name: "Lighthouse" }];

/// The groups; the first is the default.
pub const GROUPS: [Named; 4] = [
    Named { id: 25_522_671, name: "Support" },
    Named { id: 25_522_672, name: "Billing" },
    Named { id: 25_522_673, name: "Engineering" },
    Named { id: 25_522_674, name: "Escalations" },
];

/// The ticket forms; the first is the default.
pub const FORMS: [Named; 2] =
    [Named { id: 9_006_002, name: "Default Ticket Form" }, Named { id: 9_006_003, name: "Refund request" }];

/// An agent of the account.
pub struct Agent {
    pub id: u64,
    pub name: &'static str,
    pub email: &'static str,
    pub role: &'static str,
    /// The first is the default.
    pub groups: &'static [&'static str],
}

/// The agents; the first owns the API credentials.
pub const AGENTS: [Agent; 5] = [
    Agent { id: 8_658_726_000_001, name: "Sim Admin", email: "admin@sim.example", role: "admin", groups: &["Support"] },
    Agent {
        id: 8_658_726_000_002,
        name: "Ada Reyes",
        email: "ada@desk.example",
        role: "agent",
        groups: &["Support", "Billing", "Escalations"],
    },
    Agent { id: 8_658_726_000_003, name: "Ben Okafor", email: "ben@desk.example", role: "agent", groups: &["Support"] },
    Agent {
        id: 8_658_726_000_004,
        name: "Chiara Rossi",
        email: "chiara@desk.example",
        role: "agent",
        groups: &["Billing", "Escalations"],
    },
    Agent {
        id: 8_658_726_000_005,
        name: "Dmitri Volkov",
        email: "dmitri@desk.example",
        role: "agent",
        groups: &["Engineering", "Support"],
    },
];

/// The organisations, by name and mail domain: customers of a domain belong to it.
pub const ORGANIZATIONS: [(u64, &str, &str); 3] = [
    (7_700_000_000_001, "Northwind Traders", "northwind.example"),
    (7_700_000_000_002, "Æther Labs", "aether.example"),
    (7_700_000_000_003, "Kyoto Garden", "kyoto.example"),
];

/// A status that the account made itself.
pub struct CustomStatus {
    pub id: u64,
    /// The status that it stands for.
    pub category: &'static str,
    pub label: &'static str,
    pub default: bool,
}

/// The custom statuses: each category's default, and two of the account's own.
pub const CUSTOM_STATUSES: [CustomStatus; 7] = [
    CustomStatus { id: 4_400_001, category: "new", label: "New", default: true },
    CustomStatus { id: 4_400_002, category: "open", label: "Open", default: true },
    CustomStatus { id: 4_400_003, category: "pending", label: "Pending", default: true },
    CustomStatus { id: 4_400_004, category: "hold", label: "On-hold", default: true },
    CustomStatus { id: 4_400_005, category: "solved", label: "Solved", default: true },
    CustomStatus { id: 4_400_006, category: "open", label: "In review", default: false },
    CustomStatus { id: 4_400_007, category: "hold", label: "Waiting for supplier", default: false },
];

/// The default custom status of a status; a closed ticket keeps that of a solved one.
pub fn default_custom_status(status: &str) -> u64 {
    let category = if status == "closed" { "solved" } else { status };
    let found = CUSTOM_STATUSES.iter().find(|custom| custom.default && custom.category == category);
    found.map_or(CUSTOM_STATUSES[0].id, |custom| custom.id)
}

/// A custom status by id.
pub fn custom_status(id: u64) -> Option<&'static CustomStatus> {
    CUSTOM_STATUSES.iter().find(|custom| custom.id == id)
}

/// A group by name, whatever the case.
pub fn group_named(name: &str) -> Option<u64> {
    GROUPS.iter().find(|group| group.name.eq_ignore_ascii_case(name.trim())).map(|group| group.id)
}

/// The name of one of these.
pub fn name_of(list: &'static [Named], id: u64) -> Option<&'static str> {
    list.iter().find(|named| named.id == id).map(|named| named.name)
}

/// When everything that is there from the start was made.
pub fn founded() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2019, 5, 20, 8, 0, 0).single().expect("a date of the calendar")
}

/// Puts agents and organisations into an empty store.
pub fn seed(store: &mut Store) {
    for (id, name, domain) in ORGANIZATIONS {
        let organization = Organization {
            id,
            name: name.to_string(),
            external_id: None,
            domains: vec![domain.to_string()],
            tags: BTreeSet::new(),
            kept: Map::new(),
            created_at: founded(),
            updated_at: founded(),
        };
        store.people.organizations.insert(id, organization);
    }
    for agent in &AGENTS {
        let mut user = User::customer(agent.id, agent.name, Some(agent.email), founded());
        user.role = agent.role.to_string();
        user.verified = true;
        user.default_group = group_named(agent.groups[0]);
        store.people.put(user);
        for group in agent.groups.iter().filter_map(|name| group_named(name)) {
            store.people.members.entry(group).or_default().insert(agent.id);
        }
    }
}

/// The account's settings, as far as clients of tickets read them.
pub fn account_settings() -> Value {
    json!({"settings": {
        "tickets": {
            "agent_ticket_deletion": true, "comments_public_by_default": true, "tagging": true, "has_color_text": true,
            "rich_content_in_emails": true, "markdown_ticket_comments": true, "assign_tickets_upon_solve": false,
            "follower_and_email_cc_collaborations": true, "light_agent_email_ccs_allowed": false,
            "allow_group_reset": true, "maximum_personal_views_to_list": 8, "private_attachments": false,
            "custom_statuses_enabled": true
        },
        "active_features": {"ticket_tagging": true, "on_hold_status": true, "business_hours": false, "user_tagging": true},
        "statistics": {}, "agents": {"agent_workspace": true}, "limits": {"attachment_size": 52_428_800},
        "groups": {"check_group_name_uniqueness": true}, "localization": {"locale_ids": [1]}
    }})
}
