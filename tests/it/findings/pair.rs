//! A pair of desks for checks: what their admins and customers do, and what the check says of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate::setup::findings::finding::{Finding, Report, Severity};
use tidegate::sim::stage::{Action, File, Text, Who};

use crate::world::desk::{Desk, customer, request_tracker, zendesk};
use crate::world::pact;
use crate::world::stand::{Plan, World};

/// What a check of a desk of this vendor as source or target always says, because its API does not tell or the desk cannot do it.
pub fn inherent(source: &str, target: &str) -> Vec<&'static str> {
    let here = ["not-counted"];
    let there: &[&str] = match target {
        "request-tracker" => &["authors-as-text", "target-change-rights", "target-scrips", "times-as-text"],
        _ => &[],
    };
    let addresses: &[&str] = if source == "request-tracker" && target == source { &["support-addresses"] } else { &[] };
    let mut all: Vec<&str> = here.iter().chain(there).chain(addresses).copied().collect();
    all.sort_unstable();
    all
}

/// Names of findings beyond those that every check of such a pair has.
pub fn names(world: &World, report: &Report) -> Vec<String> {
    let always = inherent(world.source.kind.vendor, world.target.kind.vendor);
    let mut names: Vec<String> = report.findings.iter().map(|finding| finding.name.clone()).collect();
    names.retain(|name| !always.contains(&name.as_str()));
    names.sort();
    names
}

/// A check, once the source shows what happened: some desks withhold their last minute.
pub async fn check(world: &World) -> Report {
    world.clock.advance(Duration::from_secs(75));
    world.prove().await
}

/// The check finds exactly this and nothing else; returns it.
pub async fn finds(world: &World, name: &str) -> Finding {
    only(world, name, check(world).await)
}

/// The report says exactly this and nothing else.
pub fn only(world: &World, name: &str, report: Report) -> Finding {
    assert_eq!(names(world, &report), [name], "{}", report.lines(&[]).join("\n"));
    report.findings.into_iter().find(|finding| finding.name == name).expect("it is there")
}

/// It holds the copy back and says where.
pub fn is_a_risk(finding: &Finding, tickets: &[&str]) {
    assert_eq!(
        (finding.severity, finding.tickets.as_slice()),
        (Severity::Risk, &tickets.iter().map(|id| id.to_string()).collect::<Vec<_>>()[..])
    );
}

/// From a simulated Zendesk to a simulated RT, with the usual mapping changed.
pub async fn to_request_tracker(changes: &[(&str, &str)]) -> World {
    changed(World::of().from(zendesk()).to(request_tracker()), pact::demo(), changes).await
}

/// From a simulated RT to a simulated Zendesk, with this after `[map.fields]`.
pub async fn to_zendesk(fields: &str) -> World {
    let maps = pact::tables("request-tracker", "zendesk");
    let rest = format!("[map.fields]\n{fields}");
    changed(World::of().from(request_tracker()).to(zendesk()), maps, &[("[map.fields]\n", &rest)]).await
}

/// Between two simulated Zendesks, with this in the mirror file as well.
pub async fn between(maps: &str) -> World {
    let all = format!("{}\"custom:Account manager\" = \"ignore\"\n{maps}", pact::tables("zendesk", "zendesk"));
    changed(World::of().from(zendesk()).to(zendesk()), all, &[]).await
}

async fn changed(plan: Plan, mut maps: String, changes: &[(&str, &str)]) -> World {
    for (from, to) in changes {
        assert!(maps.contains(from), "the mapping does not say {from}");
        maps = maps.replace(from, to);
    }
    plan.polled().maps(maps).begin().await
}

/// A call to a simulated Zendesk by its admin.
pub async fn admin(desk: &Desk, method: &str, path: &str, body: Value) -> Value {
    let url = format!("{}/api/v2/{path}", desk.running.url);
    let method = method.parse().expect("a method");
    let request = reqwest::Client::new().request(method, url).basic_auth("admin@sim.example/token", Some("sim-token"));
    let answer = request.json(&body).send().await.expect("the desk answers");
    let status = answer.status();
    let text = answer.text().await.expect("text");
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or(json!(null))
}

/// The customer opens a ticket with these fields.
pub fn open(desk: &Desk, fields: &[(&str, &[&str])]) -> String {
    open_as(desk, &customer(), "A question", fields, &[])
}

/// Somebody opens a ticket.
pub fn open_as(desk: &Desk, who: &Who, subject: &str, fields: &[(&str, &[&str])], tags: &[&str]) -> String {
    let words = |values: &[&str]| values.iter().map(|value| value.to_string()).collect::<Vec<_>>();
    let fields: BTreeMap<String, Vec<String>> = fields.iter().map(|(key, values)| (key.to_string(), words(values))).collect();
    let text = Text { body: "How does it work?".to_string(), ..Text::default() };
    let (subject, group) = (subject.to_string(), "Support".to_string());
    desk.act(who, Action::Open { subject, group, text, fields, tags: words(tags) }).ticket
}

/// The customer writes HTML with files.
pub fn write(desk: &Desk, ticket: &str, html: &str, files: Vec<File>) {
    let text = Text { body: html.to_string(), html: true, files };
    desk.act(&customer(), Action::Reply { ticket: ticket.to_string(), text });
}

/// A file of so many bytes.
pub fn file(name: &str, size: usize) -> File {
    File { name: name.to_string(), content_type: "application/pdf".to_string(), bytes: vec![b'x'; size], inline: false }
}
