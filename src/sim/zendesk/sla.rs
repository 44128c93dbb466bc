//! The SLA targets of tickets, as the side-load `slas` shows them: the first policy counts, by priority, in calendar minutes.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::call::id_of;
use super::store::{Store, stamp};
use super::ticket::Ticket;

/// Adds the targets to each ticket of an answer.
pub fn side_load(store: &Store, answer: &mut Value) {
    let Some(tickets) = answer["tickets"].as_array_mut() else { return };
    for told in tickets {
        let known = id_of(&told["id"]).and_then(|id| store.tickets.get(&id));
        let targets: Vec<Value> = known.into_iter().flat_map(|ticket| targets(store, ticket)).collect();
        told["slas"] = json!({ "policy_metrics": targets });
    }
}

fn targets(store: &Store, ticket: &Ticket) -> Vec<Value> {
    let policy = store.stock.first("sla_policies");
    let metrics = policy.and_then(|policy| policy["policy_metrics"].as_array()).cloned().unwrap_or_default();
    let priority = ticket.priority.as_deref().unwrap_or("normal");
    let over = matches!(ticket.status.as_str(), "solved" | "closed");
    let target = |metric: &Value| {
        let breach = ticket.created_at + TimeDelta::minutes(metric["target"].as_i64()?);
        let stage = if over { "achieved" } else { "active" };
        Some(json!({ "metric": metric["metric"], "stage": stage, "breach_at": stamp(breach) }))
    };
    metrics.iter().filter(|metric| metric["priority"] == priority).filter_map(target).collect()
}
