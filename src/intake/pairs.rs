//! The pairs of a copy that another tool made: read from a file, or found by what the tool left in the new desk.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::connectors::contract::{Read, SourceDesk};
use crate::connectors::fault::Fault;
use crate::connectors::http::{Priority, at_priority};
use crate::desk::field::FieldKey;
use crate::desk::id::TicketId;
use crate::desk::ticket::{Presence, Ticket};

/// Tickets that are read at the same time.
const AT_ONCE: usize = 4;

/// One pair as it was told, and by which line or ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub old: TicketId,
    pub new: TicketId,
}

/// What in a new ticket names the old one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// A field holds the old number.
    Field(FieldKey),
    /// The field in which Tidegate keeps its own key (Zendesk's `external_id`).
    Key,
    /// The rest of a tag that begins so is the old number.
    Tag(String),
}

impl std::str::FromStr for By {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("tag", prefix)) if !prefix.is_empty() => Ok(By::Tag(prefix.to_string())),
            _ if text == "key" => Ok(By::Key),
            _ => text.parse().map(By::Field).map_err(|error: crate::desk::field::NoSuchField| {
                format!("{error}; or `tag:PREFIX` for tags such as `PREFIX4711`, or `key` for the field of Tidegate's own key")
            }),
        }
    }
}

/// Reads `old,new` lines; a head of words, empty lines and lines that begin with `#` are passed over. Errors: every mistake with its line.
pub fn parse(text: &str) -> Result<Vec<Told>, Vec<String>> {
    let mut pairs = Vec::new();
    let mut mistakes = Vec::new();
    let (mut olds, mut news) = (BTreeMap::new(), BTreeMap::new());
    let mut first = true;
    for (line, text) in (1..).zip(text.trim_start_matches('\u{feff}').lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = text.split([',', ';', '\t']).map(|cell| cell.trim().trim_matches('"').trim()).collect();
        let is_head = first && !cells.iter().any(|cell| cell.contains(|c: char| c.is_ascii_digit()));
        first = false;
        if is_head {
            continue;
        }
        let [old, new] = cells.as_slice() else {
            mistakes.push(format!("line {line}: `{text}` is not `old number,new number`"));
            continue;
        };
        if old.is_empty() || new.is_empty() {
            mistakes.push(format!("line {line}: {} number is empty", if old.is_empty() { "the old" } else { "the new" }));
            continue;
        }
        for (word, number, seen) in [("old", old, &mut olds), ("new", new, &mut news)] {
            if let Some(before) = seen.insert(number.to_string(), line) {
                mistakes.push(format!("line {line}: {word} {number} stands in line {before} already"));
            }
        }
        pairs.push(Told { old: TicketId::new(old), new: TicketId::new(new) });
    }
    if pairs.is_empty() && mistakes.is_empty() {
        mistakes.push("there is no pair in the file".to_string());
    }
    if mistakes.is_empty() { Ok(pairs) } else { Err(mistakes) }
}

/// Every ticket of the old desk with itself: the copy kept the numbers.
pub async fn same_ids(source: &dyn SourceDesk) -> Result<Vec<Told>, Fault> {
    let ids = at_priority(Priority::Backfill, listed(source)).await?;
    Ok(ids.into_iter().map(|id| Told { old: id.clone(), new: id }).collect())
}

/// Every ticket of the new desk that names an old one. Errors inside: old numbers that more than one new ticket names.
pub async fn named(target: &dyn SourceDesk, by: &By) -> Result<Result<Vec<Told>, Vec<String>>, Fault> {
    at_priority(Priority::Backfill, async {
        let ids = listed(target).await?;
        let reads = stream::iter(&ids).map(|id| target.read(id, None)).buffered(AT_ONCE);
        let mut found: BTreeMap<String, Vec<TicketId>> = BTreeMap::new();
        let mut reads = std::pin::pin!(reads);
        while let Some(read) = reads.try_next().await? {
            let (Read::Found(ticket) | Read::Torn(ticket)) = read else { continue };
            if ticket.presence == Presence::Present
                && let Some(old) = number_in(&ticket, by)
            {
                found.entry(old).or_default().push(ticket.id);
            }
        }
        Ok(once(found))
    })
    .await
}

fn once(found: BTreeMap<String, Vec<TicketId>>) -> Result<Vec<Told>, Vec<String>> {
    let many = |(old, news): (&String, &Vec<TicketId>)| {
        let numbers: Vec<&str> = news.iter().map(TicketId::as_str).collect();
        (news.len() > 1).then(|| format!("old {old} is named by more than one new ticket: {}", numbers.join(", ")))
    };
    let mistakes: Vec<String> = found.iter().filter_map(many).collect();
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let pairs = found.into_iter().flat_map(|(old, news)| news.into_iter().map(move |new| Told { old: TicketId::new(&old), new }));
    Ok(pairs.collect())
}

/// The old number in a new ticket. A key of Tidegate itself names nobody else's.
fn number_in(ticket: &Ticket, by: &By) -> Option<String> {
    let word = match by {
        By::Field(key) => ticket.fields.get(key)?.words().first().map(|word| (*word).to_string()),
        By::Key => ticket.key.clone().filter(|key| !key.starts_with("tidegate:")),
        By::Tag(prefix) => {
            let tags = ticket.fields.get(&FieldKey::Tags)?;
            tags.words().into_iter().find_map(|tag| tag.strip_prefix(prefix.as_str())).map(str::to_string)
        }
    };
    word.map(|word| word.trim().trim_start_matches('#').to_string()).filter(|word| !word.is_empty())
}

async fn listed(desk: &dyn SourceDesk) -> Result<Vec<TicketId>, Fault> {
    let mut ids = Vec::new();
    let mut seen = BTreeSet::new();
    let mut cursor = None;
    loop {
        let page = desk.list(cursor.as_ref()).await?;
        ids.extend(page.hints.into_iter().map(|hint| hint.ticket).filter(|ticket| seen.insert(ticket.clone())));
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(ids),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_pairs_is_read_in_the_spellings_that_tools_write() {
        let told = |old: u32, new: u32| Told { old: TicketId::new(old), new: TicketId::new(new) };
        assert_eq!(
            parse("old,new\n1,101\n\n# a note\n2;102\n\"3\"\t103\r\n"),
            Ok(vec![told(1, 101), told(2, 102), told(3, 103)])
        );
        assert_eq!(parse("1,101"), Ok(vec![told(1, 101)]));
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let mistakes = parse("old,new\n1,101\n2\n1,102\n,5\n4,101\n").expect_err("it is wrong");
        assert_eq!(
            mistakes,
            [
                "line 3: `2` is not `old number,new number`",
                "line 4: old 1 stands in line 2 already",
                "line 5: the old number is empty",
                "line 6: new 101 stands in line 2 already",
            ]
        );
        assert_eq!(parse("\n").expect_err("it is empty"), ["there is no pair in the file"]);
    }
}
