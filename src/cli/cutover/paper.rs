//! What a switch came to, as people read it.

use crate::cutover::checklist::{Follows, items};
use crate::cutover::gate::{Gate, desk_name};
use crate::cutover::switch::{Outcome, Report};
use crate::cutover::urgent::{Open, open};
use crate::cutover::voice::{self, voices};
use crate::desk::Side;
use crate::gateway::connect::Connected;
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::switch::{Kind, Wish};
use crate::ledger::tick::List;
use crate::ledger::window::Part;

/// So many open tickets are named.
const URGENT: usize = 20;

/// The gates, and how it ended.
pub fn lines(row: &MirrorRow, wish: &Wish, report: &Report) -> Vec<String> {
    let (name, to) = (&row.name, desk_name(wish.to));
    if let Outcome::InTheWay(run) = &report.outcome {
        let went = format!("tidegate cutover {name} {}", run.options());
        return vec![format!(
            "{} began `{went}` at {}: finish that, or give it up with --undo.",
            run.who,
            run.began_at.format("%F %T UTC")
        )];
    }
    let mut lines: Vec<String> = report.gates.iter().flat_map(gate_lines).collect();
    lines.push(String::new());
    match (&report.outcome, wish.kind) {
        (Outcome::Refused, _) => {
            let shut = report.gates.iter().filter(|gate| !gate.lets_through()).count();
            lines.push(format!("Refused: {shut} of {} gates are shut. Nothing was changed.", report.gates.len()));
        }
        (_, Kind::Rehearsal) => {
            lines.push(format!(
                "The {to} desk could lead{} now. The switch would take {:.1} s: {}.",
                of(report),
                report.total(),
                took(report)
            ));
            lines.push(format!("To switch: {}", command(name, wish, report, wish.to)));
        }
        _ => lines.extend(turned_lines(name, wish, report)),
    }
    lines
}

fn turned_lines(name: &str, wish: &Wish, report: &Report) -> Vec<String> {
    let (to, turned) = (desk_name(wish.to), report.turned);
    let mut lines = vec![format!(
        "The {to} desk leads{}: {} tickets, and those to come. It took {:.1} s: {}.",
        of(report),
        turned.whole,
        report.total(),
        took(report)
    )];
    if turned.looked_at > 0 {
        lines.push(format!("{} tickets that somebody touched there before are looked at once more.", turned.looked_at));
    }
    if turned.late > 0 {
        lines.push(format!(
            "{} tickets are in the middle of something and still led by the {} desk: the gateway turns each when that is done.",
            turned.late,
            desk_name(wish.to.other())
        ));
    }
    lines.push(match wish.to {
        Side::Target => format!("The way back: {}", command(name, wish, report, Side::Source)),
        Side::Source => format!("To switch again: {}", command(name, wish, report, Side::Target)),
    });
    lines
}

/// Which windows, where it is not about every ticket.
fn of(report: &Report) -> String {
    match report.names.as_slice() {
        [] => String::new(),
        [one] => format!(" window {one}"),
        [many @ .., last] => format!(" windows {} and {last}", many.join(", ")),
    }
}

/// The command that lets a desk lead what this run was about.
fn command(mirror: &str, wish: &Wish, report: &Report, to: Side) -> String {
    let window = report.names.first().filter(|_| wish.window.is_some());
    format!("tidegate cutover {mirror} {}", Kind::towards(to).options(window.map(String::as_str)))
}

fn took(report: &Report) -> String {
    let mut parts: Vec<String> =
        report.seconds.iter().map(|(step, seconds)| format!("{} {seconds:.1} s", step.as_str())).collect();
    parts.extend(report.turn_would_take.map(|seconds| format!("turn about {seconds:.1} s")));
    parts.join(", ")
}

fn gate_lines(gate: &Gate) -> Vec<String> {
    let state = match (gate.holds, gate.waived) {
        (true, _) => "open",
        (false, true) => "passed by",
        (false, false) => "SHUT",
    };
    let mut lines = vec![format!("{state:9}  {:10}  {}", gate.name, gate.found)];
    if !gate.lets_through() {
        lines.push(format!("{:9}  {:10}  opens it: {}", "", "", gate.opens));
    }
    lines
}

/// The open tickets of a switch that let this desk lead.
pub async fn due(ledger: &Ledger, desks: &Connected, report: &Report, to: Side) -> Open {
    let (course, led) = (&desks.course, to.other());
    Open::or_why(open(ledger, course.id, report.windows.as_deref(), (led, course.desk(led).as_ref())).await)
}

/// What comes next for people: of a switch that let this desk lead.
pub async fn afterwards(ledger: &Ledger, desks: &Connected, report: &Report, to: Side) -> anyhow::Result<Vec<String>> {
    let (course, led) = (&desks.course, to.other());
    let windows = report.windows.as_deref();
    let parts: Vec<Part> = ledger.parts(course.id).await?;
    let turned: Vec<&Part> = parts.iter().filter(|part| windows.is_none_or(|windows| windows.contains(&part.id))).collect();
    // Each of many has its list; what they have in common is shown once, and nothing as done.
    let alone = if let [one] = turned.as_slice() { Some(*one) } else { None };
    let option = alone.map(|one| format!(" --window {}", one.name)).unwrap_or_default();
    let mut lines = vec![String::new()];
    lines
        .extend(due(ledger, desks, report, to).await.lines(URGENT, &format!("tidegate checklist {} --due{option}", course.name)));
    let voices = voices(ledger, course.id, &desks.config).await?;
    lines.extend(voices.iter().filter_map(voice::line).map(|line| format!("{line} so far; `serve` goes on, open tickets first")));
    let ticks = ledger.ticks(&List { mirror: course.id, window: alone.map(|one| one.id), to }).await?;
    let list = items(course.desk(to).capabilities(), &Follows::ask(course.desk(led).as_ref()).await, &ticks);
    let (each, option) =
        if turned.len() > 1 { (" for each of these windows", " --window WINDOW") } else { ("", option.as_str()) };
    lines.extend([
        String::new(),
        format!("By hand{each}, in this order (tidegate checklist {}{option} --tick ITEM):", course.name),
    ]);
    lines.extend(list.iter().map(|item| item.line()));
    Ok(lines)
}
