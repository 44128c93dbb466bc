//! Tables of fields, written as text: what it is, the source's field, the target's field, and then what is set one after the
//! other. `a` becomes `a`; `a => b` becomes `b`; several values have commas between them; nothing is empty; `\n` ends a line.

use std::collections::BTreeMap;

use tidegate::sim::snapshot::TicketView;
use tidegate::sim::stage::Action;

use crate::world::stand::World;

use super::way::{Differences, Way};

/// One line of a table.
struct Row<'a> {
    what: &'a str,
    from: &'a str,
    to: &'a str,
    /// At the source, and what the target has to show.
    steps: Vec<(Vec<String>, Vec<String>)>,
}

fn row(line: &str) -> Row<'_> {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let step = |cell: &&str| match cell.split_once("=>") {
        Some((here, there)) => (words(here), words(there)),
        None => (words(cell), words(cell)),
    };
    Row { what: cells[0], from: cells[1], to: cells[2], steps: cells[3..].iter().map(step).collect() }
}

fn words(cell: &str) -> Vec<String> {
    let mut words: Vec<String> = cell.split(',').map(|word| word.trim().replace("\\n", "\n")).collect();
    words.retain(|word| !word.is_empty());
    words.sort();
    words
}

/// What the desk's store shows for a key, our own tags aside.
fn shown(ticket: &TicketView, key: &str) -> Vec<String> {
    let set = match key {
        "cc" => ticket.cc.clone(),
        "followers" => ticket.followers.clone(),
        "tags" => ticket.tags.iter().filter(|tag| !tag.starts_with("tidegate")).cloned().collect(),
        _ => return ticket.fields.get(key).cloned().unwrap_or_default(),
    };
    set.into_iter().collect()
}

/// Sets the columns one after the other at the source, each all at once, and holds the target against every line.
pub async fn carry(way: Way, world: &mut World, table: &str, found: &mut Differences) {
    let rows: Vec<Row<'_>> = table.lines().map(str::trim).filter(|line| !line.is_empty()).map(row).collect();
    let ticket = world.source.open("Order 7", "Where is it?");
    for step in 0..rows[0].steps.len() {
        let fields: BTreeMap<String, Vec<String>> =
            rows.iter().map(|row| (row.from.to_string(), row.steps[step].0.clone())).collect();
        let agent = world.source.agent();
        world.source.act(&agent, Action::Set { ticket: ticket.clone(), fields });
        world.settle().await;
        assert_eq!(world.stuck().await, Vec::<String>::new(), "{way:?}, step {}", step + 1);
        let mirrored = world.mirrored(&ticket);
        for row in &rows {
            let (expected, there) = (&row.steps[step].1, shown(&mirrored, row.to));
            found.same(&format!("{way:?}, step {}, {}", step + 1, row.what), expected, &there);
        }
    }
}
