//! What the two desks of a world agree on: the tables of its mirror file.

use tidegate::cli::demo::agreement;

/// The demo's tables from Zendesk to RT, which say nothing of the way back.
pub fn demo() -> String {
    let file = agreement::mirror_file("", "", "", "");
    let (_, maps) = file.split_once("[map.status]").expect("the demo maps statuses");
    format!("[map.status]{maps}")
}

/// The tables for a source and a target vendor.
pub fn tables(source: &str, target: &str) -> String {
    match (source, target) {
        ("zendesk", "request-tracker") => {
            format!("[map.back.status]\nstalled = \"hold\"\nresolved = \"solved\"\n{}", demo())
        }
        ("request-tracker", "zendesk") => TO_ZENDESK.to_string(),
        _ => SAME.to_string(),
    }
}

const SAME: &str = r#"
[map.fields]
"custom:*" = "custom:*"
"#;

const TO_ZENDESK: &str = r#"
[map.status]
new = "new"
open = "open"
stalled = "hold"
resolved = "solved"
rejected = "solved"

[map.priority]
"0" = "low"
"50" = "normal"
"75" = "high"
"100" = "urgent"
"*" = "normal"

[map.group]
"*" = "Support"

[map.back.status]
solved = "resolved"

[map.back.priority]
normal = "50"

[map.back.group]
Support = "General"

[map.fields]
"custom:*" = "ignore"

[map.people]
"alice@rt.sim" = "ada@desk.example"
"#;
