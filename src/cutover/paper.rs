//! A statement as a page to print: plain HTML without scripts or anything from elsewhere, for light and dark screens and for paper.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use chrono::{DateTime, Utc};

use crate::desk::body::escape_html;

use super::gate::Kept;
use super::statement::{Comparison, Destroyed, Statement, Switch};

const STYLE: &str = ":root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin:1.8rem 0 .4rem;border-bottom:1px solid}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.15rem .8rem .15rem 0;overflow-wrap:anywhere}\
th{font-weight:normal;width:45%}td{font-variant-numeric:tabular-nums}\
.verdict{font-size:1.15rem;padding:.5rem .8rem;border:2px solid}code{font-size:.85em;overflow-wrap:anywhere}\
@media print{:root{color-scheme:light}body{margin:0;max-width:none}h2,tr{break-inside:avoid}h2{break-after:avoid}}";

type Rows = Vec<(String, String)>;

/// The page of a signed statement; `key` is the public half of the key that signed it.
pub fn page(statement: &Statement, key: &str) -> String {
    let title = match &statement.window {
        Some(window) => format!("Statement on {}, window {window}", statement.mirror),
        None => format!("Statement on {}", statement.mirror),
    };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>{STYLE}</style></head>\n<body>\n<h1>{title}</h1>\n<p>made {}</p>\n<p class=\"verdict\">{}</p>\n",
        time(statement.made_at),
        escape_html(&verdict(statement)),
        title = escape_html(&title),
    );
    for (head, rows) in sections(statement, key) {
        if !rows.is_empty() {
            table(&mut out, head, &rows);
        }
    }
    out.push_str("</body></html>\n");
    out
}

/// The statement in lines.
pub fn lines(statement: &Statement, key: &str) -> Vec<String> {
    let window = statement.window.as_ref().map(|window| format!(", window {window}")).unwrap_or_default();
    let mut lines = vec![format!("{}{window}: {}", statement.mirror, verdict(statement))];
    for (head, rows) in sections(statement, key) {
        lines.extend((!rows.is_empty()).then(|| head.to_string()));
        lines.extend(rows.into_iter().map(|(what, value)| format!("  {what}: {value}")));
    }
    lines
}

/// One sentence at the top.
fn verdict(statement: &Statement) -> String {
    let Some(comparison) = &statement.comparison else { return "The desks were not compared.".to_string() };
    let Comparison { tickets, stale, different, accepted, .. } = comparison;
    let last = time(comparison.to);
    let taken = if *accepted > 0 { format!(", {accepted} of them different and accepted so") } else { String::new() };
    match comparison.at_parity {
        true => format!("At parity: {tickets} tickets compared{taken}, the last one {last}."),
        false => format!(
            "Not at parity: {} of {tickets} tickets compared, {different} different{taken}, the last one {last}.",
            tickets - stale
        ),
    }
}

fn sections(statement: &Statement, key: &str) -> Vec<(&'static str, Rows)> {
    vec![
        ("Which desks", desks(statement)),
        ("How much", amounts(statement)),
        ("What was compared", statement.comparison.as_ref().map(compared).unwrap_or_default()),
        ("Explained", statement.comparison.as_ref().map(|one| counts(&one.explanations)).unwrap_or_default()),
        (
            "Forgiven: the new desk has no place for it",
            statement.comparison.as_ref().map(|one| counts(&one.forgiven)).unwrap_or_default(),
        ),
        ("Not compared: the new desk has no such field", not_compared(statement)),
        ("Differences", statement.comparison.as_ref().map(|one| counts(&one.differences)).unwrap_or_default()),
        ("Differences accepted as they are", differences_accepted(statement)),
        ("Findings accepted before the copy", accepted(statement)),
        ("Fields that both desks had changed", decided(statement)),
        ("Switches, and what each gate was then", switches(statement)),
        ("Done by hand", ticks(statement)),
        ("Destroyed", statement.destroyed.as_ref().map(destroyed).unwrap_or_default()),
        ("Signature", signature(statement, key)),
    ]
}

fn desks(statement: &Statement) -> Rows {
    let Statement { source, target, .. } = statement;
    let mut rows = vec![
        row("old desk", format!("{} ({})", source.address, source.vendor)),
        row("new desk", format!("{} ({})", target.address, target.vendor)),
        row("phase", &statement.phase),
        row("mapping", format!("{}, applied {}", statement.mapping, time(statement.applied_at))),
        row("program", &statement.program),
    ];
    rows.extend(statement.reference_time.map(|at| row("reference time: start of the last full copy or run", time(at))));
    rows.extend(statement.retired_at.map(|at| row("retired", time(at))));
    rows
}

fn amounts(statement: &Statement) -> Rows {
    let mut rows = vec![row("tickets in the new desk", statement.copied)];
    rows.extend(statement.tickets.iter().map(|(state, count)| row(format!("old tickets: {state}"), count)));
    rows.push(row("messages", statement.messages));
    rows.push(row("people", statement.people));
    rows.push(row("conflicts and parked tickets that nobody decided yet", statement.undecided));
    rows
}

fn compared(comparison: &Comparison) -> Rows {
    let files = format!("{} ({} bytes)", comparison.files, comparison.bytes);
    vec![
        row("from", time(comparison.from)),
        row("to", time(comparison.to)),
        row("rules: mapping, policy, scope", &comparison.rules),
        row("tickets", comparison.tickets),
        row("equal", comparison.equal),
        row("explained by records", comparison.explained),
        row("changing meanwhile", comparison.moving),
        row("different", comparison.different),
        row("different, and accepted so", comparison.accepted),
        row("not readable", comparison.unread),
        row("changed since, or never compared", comparison.stale),
        row("messages", comparison.messages),
        row("files, byte by byte", files),
    ]
}

fn not_compared(statement: &Statement) -> Rows {
    let fields = statement.comparison.as_ref().map(|one| &one.not_compared);
    fields.into_iter().flatten().map(|(field, tickets)| row(field, format!("in {tickets} tickets"))).collect()
}

fn accepted(statement: &Statement) -> Rows {
    let told = |one: &super::statement::Accepted| {
        let why = one.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        row(&one.finding, format!("{}, {}{why}", one.who, time(one.at)))
    };
    statement.accepted.iter().map(told).collect()
}

fn differences_accepted(statement: &Statement) -> Rows {
    statement.differences_accepted.iter().map(|one| row(one.what(), one.by())).collect()
}

fn decided(statement: &Statement) -> Rows {
    statement.decided.iter().map(|one| row(format!("the {} stands, by {}", stands(&one.stands), one.by), one.count)).collect()
}

fn stands(word: &str) -> &str {
    match word {
        "source" => "old desk's value",
        "target" => "new desk's value",
        _ => "value that was named",
    }
}

fn switches(statement: &Statement) -> Rows {
    let told = |switch: &Switch| {
        let head = row(&switch.what, format!("{}, by {}", time(switch.at), switch.who));
        let gates = switch.gates.iter().map(|gate| row(format!("gate {}", gate.name), gate_words(gate, switch)));
        std::iter::once(head).chain(gates).collect::<Rows>()
    };
    statement.switches.iter().flat_map(told).collect()
}

fn gate_words(gate: &Kept, switch: &Switch) -> String {
    match gate.holds {
        true => format!("open: {}", gate.found),
        false => format!("passed by ({}: {}): {}", switch.who, switch.reason.as_deref().unwrap_or_default(), gate.found),
    }
}

fn ticks(statement: &Statement) -> Rows {
    let told = |tick: &super::statement::Tick| {
        let evidence = tick.evidence.as_ref().map(|evidence| format!(": {evidence}")).unwrap_or_default();
        row(&tick.what, format!("{}, {}{evidence}", tick.who, time(tick.at)))
    };
    statement.ticks.iter().map(told).collect()
}

fn destroyed(end: &Destroyed) -> Rows {
    let mut rows = vec![row("rule", &end.rule), row("ordered", time(end.ordered_at))];
    rows.extend(end.done_at.map(|at| row("done", time(at))));
    rows.extend(counts(&end.rows));
    rows
}

fn signature(statement: &Statement, key: &str) -> Rows {
    let mut rows = vec![row("public key (Ed25519)", key)];
    rows.extend(statement.digests.map.as_ref().map(|digest| row("SHA-256 of the map of numbers", digest)));
    rows.push(row("SHA-256 of all pairs", &statement.digests.pairs));
    rows.push(row("how to hold it against the signed file", "tidegate certificate verify FILE --key KEY"));
    rows
}

fn counts<N: Display>(all: &BTreeMap<String, N>) -> Rows {
    all.iter().map(|(what, count)| row(what, count)).collect()
}

fn row(what: impl Display, value: impl Display) -> (String, String) {
    (what.to_string(), value.to_string())
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn table(out: &mut String, head: &str, rows: &Rows) {
    let _ = writeln!(out, "<h2>{}</h2>\n<table>", escape_html(head));
    for (what, value) in rows {
        let _ = writeln!(out, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape_html(what), escape_html(value));
    }
    out.push_str("</table>\n");
}
