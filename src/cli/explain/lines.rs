//! An account as people read it.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::desk::field::Value;

use super::account::{Account, Deed, Event, FieldStory, Happening, Write};
use super::message::MessageStory;

/// Longer values are cut; `--json` has them whole.
const LONGEST: usize = 100;

/// A time to the millisecond.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// All lines.
pub fn of(account: &Account) -> Vec<String> {
    let mut lines = head(account);
    lines.push(String::new());
    lines.push("What happened, in order:".to_string());
    lines.extend(account.happened.iter().flat_map(happening));
    let (empty, held): (Vec<&FieldStory>, Vec<&FieldStory>) = account.fields.iter().partition(|one| is_empty(one));
    let empty: Vec<String> = empty.iter().map(|one| format!("`{}`", one.field)).collect();
    let empty = (!empty.is_empty()).then(|| format!("  empty in both desks: {}", empty.join(", ")));
    let fields = held.into_iter().map(field).chain(empty);
    section(&mut lines, "Fields of the new ticket, as both desks last agreed:", fields);
    section(&mut lines, "Messages:", account.messages.iter().map(message));
    let link = |link: &super::account::LinkStory| format!("  to old {} = new {}", link.old, link.new);
    section(&mut lines, "Links:", account.links.iter().map(link));
    let missing = account.not_there.iter().map(|one| {
        let advice = one.advice.as_ref().map(|advice| format!("\n    What to do: {advice}")).unwrap_or_default();
        format!("  {}: {}{advice}", short(&one.what), one.why)
    });
    section(&mut lines, "Not there, and why:", missing);
    lines.extend(raw(account));
    lines
}

fn section(lines: &mut Vec<String>, title: &str, entries: impl Iterator<Item = String>) {
    let mut entries = entries.peekable();
    if entries.peek().is_some() {
        lines.push(String::new());
        lines.push(title.to_string());
        lines.extend(entries);
    }
}

fn head(account: &Account) -> Vec<String> {
    let number =
        |ticket: &Option<crate::desk::id::TicketId>| ticket.as_ref().map_or_else(|| "none".to_string(), ToString::to_string);
    let mut lines = vec![
        format!("Mirror {}: old ticket {} ({})", account.mirror, number(&account.old.ticket), account.old.desk),
        format!("  became new ticket {} ({})", number(&account.new.ticket), account.new.desk),
        format!("  {}: {}; the {} leads its fields", account.state, account.state_means, account.leads),
    ];
    lines.extend(account.former.iter().map(|closed| format!("  new {closed} went before it and is closed")));
    lines.push(match &account.mapping.this_ticket {
        Some(version) if *version == account.mapping.applied => format!("  mapping {version}, which is the one applied now"),
        Some(version) => {
            format!("  mapping {version}; another is applied now, {}: changes since then use that", account.mapping.applied)
        }
        None => format!("  mapping {} is applied; it was not used for this ticket yet", account.mapping.applied),
    });
    lines.extend(account.last_looked_at.map(|at| format!("  last looked at {}", time(at))));
    lines
}

fn happening(happening: &Happening) -> Vec<String> {
    let at = time(happening.at);
    match &happening.what {
        Deed::Event(one) => vec![format!("  {at}  {}", event(one))],
        Deed::Write(one) => write(&at, happening.at, one),
        Deed::Settled { events } => vec![format!("  {at}  settled by one look at both desks: {}", numbers("event", events))],
        Deed::GivenUp { events } => vec![format!("  {at}  given up by an operator, not carried: {}", numbers("event", events))],
        Deed::Conflict { conflict, field, old, new, outcome, .. } => {
            vec![format!(
                "  {at}  conflict {conflict}: both desks changed `{field}`, the old one to `{}`, the new one to `{}`: {outcome}",
                short(old),
                short(new)
            )]
        }
        Deed::Parked { parked, as_kind, reason, .. } => vec![format!("  {at}  parked {parked} ({as_kind}): {reason}")],
        Deed::Decided { parked, decision } => vec![format!("  {at}  parked {parked} was {decision}")],
    }
}

fn event(event: &Event) -> String {
    let witness = match event.witness.as_str() {
        "webhook" => "webhook",
        "poll" => "poll",
        "backfill" => "full copy",
        "operator" => "operator",
        "sweep" => "sweep",
        other => other,
    };
    let mut line = format!(
        "event {}: {witness} of the {}: `{}` of ticket {} at {}",
        event.event,
        event.desk,
        event.what,
        event.ticket,
        time(event.happened_at)
    );
    if let Some(delivery) = &event.delivery {
        let size = if delivery.bytes == 0 { "destroyed since".to_string() } else { format!("{} bytes", delivery.bytes) };
        line.push_str(&format!("; delivery {}, {size}", delivery.delivery));
    }
    line.push_str(&format!("; evidence {}", event.evidence));
    if event.missed_by_webhook {
        line.push_str("; the webhook did not tell it");
    }
    if event.waits {
        line.push_str("; WAITS");
    }
    line
}

fn write(at: &str, sent: DateTime<Utc>, write: &Write) -> Vec<String> {
    let outcome = match (write.state.as_str(), write.closed_at) {
        ("done", Some(closed)) => format!("done after {:.2} s", (closed - sent).as_seconds_f64()),
        ("void", _) => "it did not happen, or its answer was lost; decided anew".to_string(),
        _ => "sent, no answer yet: it is looked up before anything is sent again".to_string(),
    };
    let causes = match write.from_events.as_slice() {
        [] => "no event: a second look, or a linked ticket".to_string(),
        events => format!("from {}", numbers("event", events)),
    };
    let mapping = write.mapping.as_deref().map(|version| format!("; mapping {version}")).unwrap_or_default();
    let mut lines = vec![format!("  {at}  write {}: {}: {outcome}; {causes}{mapping}", write.write, write.did)];
    lines.extend(write.fields.iter().map(|one| {
        format!(
            "      `{}` := `{}` (was `{}`), because `{}` in the old desk is `{}`: {}",
            one.into,
            short(&one.written),
            short(&one.before),
            one.field,
            short(&one.old),
            one.why
        )
    }));
    if !write.messages.is_empty() && !write.did.starts_with("add message") {
        lines.push(format!("      with the old desk's messages {}", write.messages.join(", ")));
    }
    lines.extend(write.remarks.iter().map(|remark| format!("      the desk remarked: {}", short(remark))));
    lines
}

fn is_empty(field: &FieldStory) -> bool {
    let nothing = Value::Empty.to_string();
    field.write.is_none() && field.old == nothing && field.new == nothing
}

fn field(field: &FieldStory) -> String {
    let into = field.into.as_ref().map_or_else(|| "(not mapped now)".to_string(), ToString::to_string);
    let origin = match (field.write, field.from_events.as_slice()) {
        (None, _) => String::new(),
        (Some(write), []) => format!("write {write}: "),
        (Some(write), events) => format!("write {write} from {}: ", numbers("event", events)),
    };
    format!("  `{into}` = `{}`, old `{}` = `{}`: {origin}{}", short(&field.new), field.field, short(&field.old), field.why)
}

fn message(message: &MessageStory) -> String {
    let number = |number: &Option<String>| number.clone().unwrap_or_else(|| "(number not told yet)".to_string());
    let (old, new) = (number(&message.old), number(&message.new));
    let ends = if message.written_in == "old desk" { format!("new {new} = old {old}") } else { format!("old {old} = new {new}") };
    let files = match message.files {
        0 => String::new(),
        1 => ", 1 file".to_string(),
        many => format!(", {many} files"),
    };
    let origin = match (message.write, message.from_events.as_slice()) {
        (None, _) => String::new(),
        (Some(write), []) => format!("write {write}: "),
        (Some(write), events) => format!("write {write} from {}: ", numbers("event", events)),
    };
    format!("  {ends} ({}{files}), {}: {origin}{}", message.visibility, time(message.at), message.why)
}

fn raw(account: &Account) -> Vec<String> {
    let deliveries = account.happened.iter().filter_map(|one| match &one.what {
        Deed::Event(event) => event.delivery.as_ref(),
        _ => None,
    });
    let mut lines = Vec::new();
    for delivery in deliveries {
        let Some(body) = &delivery.body else { continue };
        lines.push(String::new());
        lines.push(format!("Delivery {}, received {}:", delivery.delivery, time(delivery.received_at)));
        let headers = delivery.headers.as_ref().and_then(|headers| headers.as_array());
        for header in headers.into_iter().flatten() {
            lines.push(format!("  {}: {}", header[0].as_str().unwrap_or_default(), header[1].as_str().unwrap_or_default()));
        }
        lines.push(format!("  {body}"));
    }
    lines
}

fn numbers(what: &str, numbers: &[i64]) -> String {
    let list: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    let plural = if numbers.len() == 1 { "" } else { "s" };
    format!("{what}{plural} {}", list.join(", "))
}

/// In one line, cut.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
