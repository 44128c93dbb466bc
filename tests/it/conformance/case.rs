//! What the suite has to know of each vendor's desk.

use tidegate::connectors::{Credential, Given};
use tidegate::desk::schema::FieldKind;
use tidegate::secret::Secret;

/// A desk of one vendor.
pub struct Case {
    pub vendor: &'static str,
    /// How it is reached, by its address and the secret of its credential.
    pub given: fn(&str, &str) -> Given,
    /// The secret at the simulated desk.
    pub secret: &'static str,
    /// A secret of the right form that is nobody's.
    pub wrong_secret: &'static str,
    /// Addresses of two agents.
    pub agents: [&'static str; 2],
    /// Customers may have addresses there.
    pub domain: &'static str,
    /// Every field that a ticket is tried with, the group among them.
    pub samples: &'static [Sample],
    /// The most tickets in a page of the listing.
    pub page: usize,
    /// A webhook and the feed give the same evidence for the same change.
    pub one_evidence: bool,
    /// Where an admin of the simulated desk says where deliveries go, if he has to.
    pub hook_path: Option<&'static str>,
    /// The environment's words for a real desk: its address and the secret.
    pub environment: [&'static str; 2],
}

/// A field and values that it can have. People are told by address; `new@` becomes a customer's of the case's domain.
pub struct Sample {
    pub field: &'static str,
    pub kind: FieldKind,
    pub first: &'static [&'static str],
    pub then: &'static [&'static str],
    /// It can be empty.
    pub clears: bool,
}

const fn sample(field: &'static str, kind: FieldKind, first: &'static [&'static str], then: &'static [&'static str]) -> Sample {
    Sample { field, kind, first, then, clears: true }
}

const fn kept(field: &'static str, kind: FieldKind, first: &'static [&'static str], then: &'static [&'static str]) -> Sample {
    Sample { field, kind, first, then, clears: false }
}

/// The simulated Zendesk.
pub const ZENDESK: Case = Case {
    vendor: "zendesk",
    given: zendesk,
    secret: "sim-token",
    wrong_secret: "another-token",
    agents: ["ada@desk.example", "ben@desk.example"],
    domain: "northwind.example",
    samples: &[
        kept("subject", FieldKind::Text, &["Café ☕ \"quoted\" <b>"], &["Another subject"]),
        kept("status", FieldKind::Choice, &["open"], &["Waiting for supplier"]),
        sample("priority", FieldKind::Choice, &["high"], &["low"]),
        // The only type that has a due time.
        kept("type", FieldKind::Choice, &["task"], &["task"]),
        kept("group", FieldKind::Choice, &["Support"], &["Support"]),
        kept("brand", FieldKind::Choice, &["Lighthouse"], &["Harbour"]),
        kept("form", FieldKind::Choice, &["Refund request"], &["Default Ticket Form"]),
        sample("assignee", FieldKind::Person, &["ada@desk.example"], &["ben@desk.example"]),
        kept("requester", FieldKind::Person, &["requester@"], &["requester@"]),
        kept("organisation", FieldKind::Text, &["Northwind Traders"], &["Northwind Traders"]),
        sample("cc", FieldKind::People, &["cc@"], &["cc@", "other@"]),
        sample("followers", FieldKind::People, &["ben@desk.example"], &["ada@desk.example"]),
        sample("tags", FieldKind::Words, &["gold", "été"], &["gold", "silver"]),
        sample("due", FieldKind::DateTime, &["2027-01-02T03:04:05Z"], &["2028-01-01T09:00:00Z"]),
        sample("custom:Order number", FieldKind::Text, &["A-1 é \"x\""], &["0"]),
        sample("custom:Root cause", FieldKind::LongText, &["line one\nline two"], &["one line"]),
        kept("custom:VIP", FieldKind::Checkbox, &["true"], &["false"]),
        sample("custom:Renewal date", FieldKind::Date, &["2027-03-04"], &["2028-02-29"]),
        sample("custom:Seats", FieldKind::Integer, &["12"], &["-3"]),
        sample("custom:Refund amount", FieldKind::Decimal, &["12.5"], &["0.25"]),
        sample("custom:Serial", FieldKind::Text, &["AB-1234"], &["CD-5678"]),
        sample("custom:Product", FieldKind::Choice, &["product_hull_wood"], &["product_sail"]),
        sample("custom:Topics", FieldKind::MultiChoice, &["topic_bug", "topic_invoice"], &["topic_bug", "topic_shipping"]),
        sample("custom:Account manager", FieldKind::Reference, &["8658726000002"], &["8658726000003"]),
    ],
    page: 1000,
    one_evidence: false,
    hook_path: None,
    environment: ["", ""],
};

const RT_PEOPLE: [&str; 2] = ["alice@rt.sim", "bob@rt.sim"];

/// The simulated Request Tracker.
pub const REQUEST_TRACKER: Case = Case {
    vendor: "request-tracker",
    given: request_tracker,
    secret: "sim-token",
    wrong_secret: "1-14-0",
    agents: RT_PEOPLE,
    domain: "northwind.example",
    samples: &[
        kept("subject", FieldKind::Text, &["Café ☕ \"quoted\" <b>"], &["Another subject"]),
        kept("status", FieldKind::Choice, &["open"], &["stalled"]),
        kept("priority", FieldKind::Integer, &["7"], &["0"]),
        kept("group", FieldKind::Choice, &["Support"], &["Billing"]),
        sample("assignee", FieldKind::Person, &["alice@rt.sim"], &["bob@rt.sim"]),
        kept("requester", FieldKind::Person, &["requester@"], &["other@"]),
        sample("cc", FieldKind::People, &["cc@"], &["cc@", "third@"]),
        sample("followers", FieldKind::People, &["bob@rt.sim"], &["alice@rt.sim"]),
        sample("tags", FieldKind::Words, &["gold", "two words"], &["gold", "silver"]),
        sample("due", FieldKind::DateTime, &["2027-01-02T03:04:05Z"], &["2028-01-01T09:00:00Z"]),
        sample("custom:Summary", FieldKind::Text, &["A-1 é \"x\""], &["0"]),
        sample("custom:Notes", FieldKind::LongText, &["line one\nline two"], &["one line"]),
        sample("custom:Plan", FieldKind::Choice, &["team"], &["free"]),
        sample("custom:Areas", FieldKind::MultiChoice, &["web", "api"], &["web", "billing"]),
        sample("custom:Contract End", FieldKind::Date, &["2027-03-04"], &["2028-02-29"]),
        sample("custom:Callback", FieldKind::DateTime, &["2027-03-04T05:06:07Z"], &["2028-02-29T23:59:59Z"]),
        sample("custom:Seats", FieldKind::Text, &["12"], &["-3"]),
        sample("custom:Amount", FieldKind::Text, &["12.5"], &["0.25"]),
        sample("custom:Escalated", FieldKind::Choice, &["yes"], &["no"]),
    ],
    page: 100,
    one_evidence: true,
    hook_path: Some("/_sim/webhook"),
    environment: ["", ""],
};

/// The simulated Zendesk of a customer who uses the tickets' `external_id`, with an OAuth client.
pub const ZENDESK_BY_FIELD: Case = Case { given: zendesk_by_field, secret: "sim-secret", ..ZENDESK };

/// The simulated Request Tracker with no field for tags: a list of words is a field like others.
pub const REQUEST_TRACKER_UNTAGGED: Case = Case {
    given: untagged,
    samples: &[
        kept("group", FieldKind::Choice, &["Support"], &["Support"]),
        sample("custom:Tags", FieldKind::Words, &["gold", "two words"], &["gold", "silver"]),
        sample("custom:Products", FieldKind::MultiChoice, &["alpha"], &["beta", "gamma"]),
        sample("custom:Only Support", FieldKind::Text, &["here only"], &["and here"]),
    ],
    ..REQUEST_TRACKER
};

/// The Request Tracker of `tests/lab`.
pub const REAL_REQUEST_TRACKER: Case = Case {
    given: real_request_tracker,
    agents: ["alice@rt.lab", "bob@rt.lab"],
    samples: &[
        kept("subject", FieldKind::Text, &["Café ☕ \"quoted\" <b>"], &["Another subject"]),
        kept("status", FieldKind::Choice, &["open"], &["stalled"]),
        kept("priority", FieldKind::Integer, &["7"], &["0"]),
        kept("group", FieldKind::Choice, &["Migrated"], &["Billing"]),
        sample("assignee", FieldKind::Person, &["alice@rt.lab"], &["bob@rt.lab"]),
        kept("requester", FieldKind::Person, &["requester@"], &["other@"]),
        sample("cc", FieldKind::People, &["cc@"], &["cc@", "third@"]),
        sample("followers", FieldKind::People, &["bob@rt.lab"], &["alice@rt.lab"]),
        sample("tags", FieldKind::Words, &["gold", "two words"], &["gold", "silver"]),
        sample("due", FieldKind::DateTime, &["2027-01-02T03:04:05Z"], &["2028-01-01T09:00:00Z"]),
        sample("custom:Severity", FieldKind::Choice, &["high"], &["low"]),
        sample("custom:Products", FieldKind::MultiChoice, &["alpha", "gamma"], &["alpha", "beta"]),
        sample("custom:Details", FieldKind::LongText, &["line one\nline two"], &["one line"]),
        sample("custom:Renewal", FieldKind::DateTime, &["2027-03-04T05:06:07Z"], &["2028-02-29T23:59:59Z"]),
        sample("custom:Delivery", FieldKind::Date, &["2027-05-06"], &["2028-02-29"]),
    ],
    hook_path: None,
    environment: ["TIDEGATE_LAB_RT_URL", "TIDEGATE_LAB_RT_TOKEN"],
    ..REQUEST_TRACKER
};

fn given(vendor: &str, url: &str, credential: Credential) -> Given {
    Given {
        vendor: vendor.into(),
        url: url.parse().unwrap(),
        credential,
        user: None,
        key_field: None,
        message_key_field: None,
        number_field: None,
        tags_field: None,
        mirrored_tag: "tidegate".into(),
        silent_tag: "tidegate_silent".into(),
        mirror: "m".into(),
    }
}

fn zendesk(url: &str, secret: &str) -> Given {
    given("zendesk", url, Credential::ApiToken { email: "admin@sim.example".into(), token: Secret::new(secret) })
}

fn zendesk_by_field(url: &str, secret: &str) -> Given {
    let client = Credential::Oauth { client_id: "sim-client".into(), client_secret: Secret::new(secret) };
    Given { key_field: Some("Order number".into()), ..given("zendesk", url, client) }
}

fn untagged(url: &str, secret: &str) -> Given {
    Given { tags_field: None, ..request_tracker(url, secret) }
}

fn request_tracker(url: &str, secret: &str) -> Given {
    Given {
        user: Some("gateway".into()),
        key_field: Some("external_id".into()),
        message_key_field: Some("source_comment_id".into()),
        number_field: Some("Order Number".into()),
        tags_field: Some("Tags".into()),
        ..given("request-tracker", url, Credential::Token { token: Secret::new(secret) })
    }
}

fn real_request_tracker(url: &str, secret: &str) -> Given {
    Given {
        user: Some("tidegate".into()),
        tags_field: Some("Tags".into()),
        ..given("request-tracker", url, Credential::Token { token: Secret::new(secret) })
    }
}
