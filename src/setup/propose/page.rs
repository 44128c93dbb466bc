//! Puts lines into the text of a mirror file. What stands there stays as it is, byte for byte: new lines go between or after.

use std::collections::BTreeMap;

use crate::config::file::{self, MirrorFile};
use crate::desk::mapping::Mapping;

use super::line::{Line, Mark, Table, What};

/// What stands for the value in a question.
const OPEN: &str = "…";
/// Comments begin at the same column, where the values are not too long for it.
const COLUMN: std::ops::RangeInclusive<usize> = 24..=64;

/// The text with its new lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    pub text: String,
    /// The new lines with their numbers in the text, counted from 1.
    pub lines: Vec<(usize, Line)>,
}

/// Adds those lines that the text does not have yet. A question that was asked is not asked again, and what an admin
/// commented out is not written again. `file` is what the text was read as. Errors: a sentence on a table that is written in a form that nothing
/// can be added to.
pub fn add(text: &str, file: &MirrorFile, lines: Vec<Line>) -> Result<Added, String> {
    let page = Page { old: text.split_inclusive('\n').collect(), file };
    let mut tables: BTreeMap<usize, Vec<Piece>> = BTreeMap::new();
    let mut order: Vec<Table> = Vec::new();
    for line in &lines {
        if !order.contains(&line.table) {
            order.push(line.table.clone());
        }
    }
    for table in order {
        let own = lines.iter().filter(|line| line.table == table).cloned().collect();
        for (after, piece) in page.pieces(&table, own)? {
            tables.entry(after).or_default().push(piece);
        }
    }
    let added = page.joined(&tables);
    match file::parse(&file.places.file, &added.text) {
        Ok(new) if only_added(&file.config.mapping, &new.config.mapping) && outside(file) == outside(&new) => Ok(added),
        _ => Err(
            "its tables are written in a form that nothing can be added to; write each as [map.status], its keys in lines below"
                .to_string(),
        ),
    }
}

/// Whether nothing that was said is said otherwise now.
fn only_added(old: &Mapping, new: &Mapping) -> bool {
    let fields = old.fields.iter().all(|(key, value)| new.fields.get(key) == Some(value));
    let people = old.people.iter().all(|(key, value)| new.people.get(key) == Some(value));
    let tables = old.tables.iter().all(|(key, table)| {
        let kept = |new: &crate::desk::mapping::Table| table.words.iter().all(|(word, to)| new.words.get(word) == Some(to));
        new.tables.get(key).is_some_and(|new| new.other == table.other && kept(new))
    });
    fields && people && tables
}

/// Everything but the mapping.
fn outside(file: &MirrorFile) -> crate::config::mirror::MirrorConfig {
    crate::config::mirror::MirrorConfig { mapping: Mapping::default(), ..file.config.clone() }
}

/// Lines that stand together, with an empty line and a header before them where the table is new.
struct Piece {
    header: Option<String>,
    lines: Vec<Line>,
}

struct Page<'a> {
    /// With their ends.
    old: Vec<&'a str>,
    file: &'a MirrorFile,
}

impl Page<'_> {
    /// What goes after which of the old lines (counted; 0 is before the first).
    fn pieces(&self, table: &Table, lines: Vec<Line>) -> Result<Vec<(usize, Piece)>, String> {
        let Some(header) = self.header(table)? else {
            let piece = Piece { header: Some(header(table)), lines };
            return Ok(vec![(self.old.len(), piece)]);
        };
        let region = self.region(header);
        let comments: Vec<(usize, Comment)> = region.clone().filter_map(|at| Some((at, comment(self.old[at - 1])?))).collect();
        let last = region.rev().find(|at| self.is_of_table(*at)).unwrap_or(header);
        let mut pieces: Vec<(usize, Piece)> = Vec::new();
        for line in lines {
            let said = comments.iter().find(|(_, comment)| comment.is_about(line.about()));
            let after = match (said, &line.what) {
                (None, _) => last,
                (Some((at, Comment::Open(_))), What::Entry { .. }) => *at,
                (Some(_), _) => continue,
            };
            match pieces.iter_mut().find(|(at, _)| *at == after) {
                Some((_, piece)) => piece.lines.push(line),
                None => pieces.push((after, Piece { header: None, lines: vec![line] })),
            }
        }
        Ok(pieces)
    }

    /// The line of the table's header. Errors: the table is there in another form.
    fn header(&self, table: &Table) -> Result<Option<usize>, String> {
        let Some(place) = self.file.places.keys.get(&table.path()) else { return Ok(None) };
        let is_header = self.old.get(place.line - 1).is_some_and(|line| line.trim_start().starts_with('['));
        match is_header {
            true => Ok(Some(place.line)),
            false => Err(format!(
                "line {} begins this table in one line, where nothing can be added; write {}, and its keys in lines below",
                place.line,
                header(table)
            )),
        }
    }

    /// The lines below a header, to the next one.
    fn region(&self, header: usize) -> std::ops::RangeInclusive<usize> {
        let next = (header..self.old.len()).find(|at| self.old[*at].trim_start().starts_with('['));
        header + 1..=next.unwrap_or(self.old.len())
    }

    /// Whether the line says something about this table, not about the next one.
    fn is_of_table(&self, at: usize) -> bool {
        let line = self.old[at - 1].trim();
        !line.is_empty() && (!line.starts_with('#') || comment(line).is_some())
    }

    fn joined(&self, pieces: &BTreeMap<usize, Vec<Piece>>) -> Added {
        let end = if self.old.iter().any(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
        let mut added = Added { text: String::new(), lines: Vec::new() };
        let mut number = 0;
        for at in 0..=self.old.len() {
            if let Some(old) = at.checked_sub(1).map(|at| self.old[at]) {
                added.text.push_str(old);
                number += 1;
            }
            for piece in pieces.get(&at).into_iter().flatten() {
                if !added.text.is_empty() && !added.text.ends_with('\n') {
                    added.text.push_str(end);
                }
                if let Some(header) = &piece.header {
                    added.text.push_str(&format!("{end}{header}{end}"));
                    number += 2;
                }
                for (line, text) in piece.lines.iter().zip(texts(&piece.lines)) {
                    added.text.push_str(&text);
                    added.text.push_str(end);
                    number += 1;
                    added.lines.push((number, line.clone()));
                }
            }
        }
        added
    }
}

/// A comment that says something about a key, or a sentence of ours.
enum Comment {
    /// A question that nobody has answered.
    Open(String),
    /// A line that somebody put out of force.
    Off(String),
    /// A sentence, from its beginning.
    Said(String),
}

impl Comment {
    fn is_about(&self, about: &str) -> bool {
        match self {
            Comment::Open(key) | Comment::Off(key) => key == about,
            Comment::Said(text) => text.starts_with(&format!("{}:", plain(about))),
        }
    }
}

fn comment(line: &str) -> Option<Comment> {
    let text = line.trim().strip_prefix('#')?.trim();
    if let Some(said) = text.strip_prefix("ask: ").or(text.strip_prefix("note: ")) {
        return Some(Comment::Said(said.to_string()));
    }
    let table: toml::Table = text.parse().ok()?;
    let (key, value) = table.into_iter().next()?;
    match value.as_str()? {
        OPEN => Some(Comment::Open(key)),
        _ => Some(Comment::Off(key)),
    }
}

/// `[map.status]`
pub fn header(table: &Table) -> String {
    let path: Vec<String> = table.path().iter().map(|part| key(part)).collect();
    format!("[{}]", path.join("."))
}

/// The lines as they are written, their comments below each other.
fn texts(lines: &[Line]) -> Vec<String> {
    let heads: Vec<Option<(String, String)>> = lines.iter().map(head).collect();
    let widths = heads.iter().flatten().map(|(head, _)| head.chars().count());
    let width = widths.filter(|width| *width <= *COLUMN.end()).max().unwrap_or(0).max(*COLUMN.start());
    let text = |(line, head): (&Line, Option<(String, String)>)| match (&line.what, head) {
        (_, Some((head, comment))) => format!("{head:width$}  # {comment}"),
        (What::Note { about, why }, None) => format!("# note: {}: {}", plain(about), plain(why)),
        (_, None) => format!("# ask: {}: {}", plain(line.about()), plain(reason(line))),
    };
    lines.iter().zip(heads).map(text).collect()
}

fn reason(line: &Line) -> &str {
    match &line.what {
        What::Entry { guess, .. } => &guess.why,
        What::Question { why, .. } | What::Remark { why, .. } | What::Note { why, .. } => why,
    }
}

/// What stands before and in the comment at the end of the line.
fn head(line: &Line) -> Option<(String, String)> {
    match &line.what {
        What::Entry { key: name, guess } => {
            let mark = if guess.mark == Mark::Sure { "sure" } else { "ask" };
            Some((format!("{} = {}", key(name), quoted(&guess.to)), format!("{mark}: {}", plain(&guess.why))))
        }
        What::Question { key: name, offer, why } => {
            let value = quoted(offer.as_deref().unwrap_or(OPEN));
            Some((format!("# {} = {value}", key(name)), format!("ask: {}", plain(why))))
        }
        What::Remark { .. } | What::Note { .. } => None,
    }
}

fn key(text: &str) -> String {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if bare { text.to_string() } else { quoted(text) }
}

/// A text in double quotes, as TOML writes it.
fn quoted(text: &str) -> String {
    let mut all = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => all.extend(['\\', letter]),
            '\n' => all.push_str("\\n"),
            '\t' => all.push_str("\\t"),
            letter if letter.is_control() => all.push_str(&format!("\\u{:04X}", u32::from(letter))),
            letter => all.push(letter),
        }
    }
    all.push('"');
    all
}

/// A text that can stand in a comment.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}
