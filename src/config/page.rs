//! A mirror file as a page that is read to its end: whoever reads it notes mistakes and goes on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration;
use super::mistake::{Mistake, Place, Places, Weight, list, nearest};

/// How the TOML parser begins its sentence about a second key of the same name, and about a text without quotes. The rest of
/// the file is read as if nothing had been.
const TWICE: &str = "duplicate key";
const UNQUOTED: &str = "string values must be quoted";

/// The text with its mistakes so far.
pub struct Page<'p> {
    file: &'p str,
    text: &'p str,
    /// Byte offsets.
    line_starts: Vec<usize>,
    mistakes: RefCell<Vec<Mistake>>,
    /// How many of the mistakes are the TOML parser's, which come first.
    syntax: usize,
    /// Tables or keys could not be read: what seems to be missing may be there.
    broken: bool,
}

/// One table. Keys that nobody asks for are unknown ones, told by [`Section::finish`].
pub struct Section<'p> {
    page: &'p Page<'p>,
    path: String,
    at: Place,
    table: &'p DeTable<'p>,
    asked: RefCell<Vec<&'static str>>,
}

/// One key with its value.
pub struct Entry<'p> {
    page: &'p Page<'p>,
    /// As a person would write it: `source.auth.kind`.
    pub path: String,
    pub key: &'p str,
    key_at: Place,
    at: Place,
    value: &'p DeValue<'p>,
}

impl<'p> Page<'p> {
    /// Takes the text of a file with what the TOML parser said against it.
    pub fn new(file: &'p str, text: &'p str, errors: &[toml::de::Error]) -> Self {
        let broken = errors.iter().any(|error| !error.message().starts_with(UNQUOTED) && !error.message().starts_with(TWICE));
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(end, _)| end + 1)).collect();
        let page = Self { file, text, line_starts, mistakes: RefCell::default(), syntax: errors.len(), broken };
        for error in errors {
            let at = page.place(error.span().unwrap_or(text.len()..text.len()));
            let (what, right) = syntax(error.message());
            page.note(at, what, right);
        }
        page
    }

    /// Notes what is wrong at a place.
    pub fn note(&self, at: Place, what: String, right: String) {
        let mistake = Mistake { weight: Weight::Wrong, file: self.file.to_string(), at: Some(at), what, right };
        self.mistakes.borrow_mut().push(mistake);
    }

    /// All mistakes, in the order of the lines. Where the reader has more to say about a place than the TOML parser, the parser
    /// is silent.
    pub fn finish(self) -> Vec<Mistake> {
        let mut mistakes = self.mistakes.into_inner();
        let read = mistakes.split_off(self.syntax);
        mistakes.retain(|mistake| read.iter().all(|other| other.at != mistake.at));
        mistakes.extend(read);
        mistakes.sort_by_key(|mistake| mistake.at);
        mistakes.dedup();
        mistakes
    }

    /// Where every key stands.
    pub fn places(&self, table: &DeTable<'_>) -> Places {
        let mut keys = BTreeMap::new();
        self.collect(&mut Vec::new(), table, &mut keys);
        Places { file: self.file.to_string(), keys }
    }

    fn collect(&self, path: &mut Vec<String>, table: &DeTable<'_>, keys: &mut BTreeMap<Vec<String>, Place>) {
        for (key, value) in table.iter() {
            path.push(key.get_ref().to_string());
            keys.insert(path.clone(), self.place(key.span()));
            if let DeValue::Table(inner) = value.get_ref() {
                self.collect(path, inner, keys);
            }
            path.pop();
        }
    }

    fn place(&self, span: Range<usize>) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= span.start);
        let before = self.text.get(self.line_starts[line - 1]..span.start).unwrap_or_default();
        Place { line, column: before.chars().count() + 1 }
    }
}

/// The TOML parser's sentence, and what to do about it.
fn syntax(message: &str) -> (String, String) {
    let known = match message {
        message if message.starts_with(TWICE) => Some(("the key is written a second time", "keep one of the two")),
        message if message.starts_with(UNQUOTED) => Some(("the value is a text without quotes", "write it in double quotes")),
        _ => None,
    };
    if let Some((what, right)) = known {
        return (what.to_string(), right.to_string());
    }
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let right = match expected {
        "" => "words are written in double quotes, keys without, one `key = value` a line".to_string(),
        expected => format!("TOML expects {expected} here"),
    };
    (format!("this is no TOML: {what}"), right)
}

impl<'p> Section<'p> {
    /// The whole file as a table.
    pub fn root(page: &'p Page<'p>, table: &'p DeTable<'p>) -> Self {
        Self { page, path: String::new(), at: Place { line: 1, column: 1 }, table, asked: RefCell::default() }
    }

    /// The entry of a key, if it is written.
    pub fn get(&self, key: &'static str) -> Option<Entry<'p>> {
        self.asked.borrow_mut().push(key);
        let (key, value) = self.table.get_key_value(key)?;
        Some(self.entry(key, value))
    }

    /// The entry of a key that has to be there; `example` is a line that would be right.
    pub fn need(&self, key: &'static str, example: &str) -> Option<Entry<'p>> {
        let entry = self.get(key);
        if entry.is_none() && !self.page.broken {
            let place = if self.path.is_empty() { String::new() } else { format!(" in `{}`", self.path) };
            self.page.note(self.at, format!("`{key}` is missing{place}"), format!("add {example}"));
        }
        entry
    }

    /// The table under a key; an empty one stands for none.
    pub fn part(&self, key: &'static str) -> Option<Section<'p>> {
        self.get(key)?.section()
    }

    /// Every entry, for tables whose keys are the operator's own.
    pub fn entries(&self) -> Vec<Entry<'p>> {
        self.table.iter().map(|(key, value)| self.entry(key, value)).collect()
    }

    /// Notes a mistake about the table itself.
    pub fn wrong(&self, what: String, right: String) {
        self.page.note(self.at, what, right);
    }

    /// Notes every key that nobody asked for.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        for entry in self.entries().iter().filter(|entry| !asked.contains(&entry.key)) {
            let right = match nearest(entry.key, asked.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                // It may belong to a table whose head could not be read.
                None if self.page.broken => continue,
                None => format!("the keys here are {}", list(asked.iter().copied())),
            };
            self.page.note(entry.key_at, format!("`{}` means nothing", entry.path), right);
        }
    }

    fn entry(&self, key: &'p Spanned<std::borrow::Cow<'p, str>>, value: &'p Spanned<DeValue<'p>>) -> Entry<'p> {
        let key_text = key.get_ref().as_ref();
        let bare = key_text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') && !key_text.is_empty();
        let shown = if bare { key_text.to_string() } else { format!("\"{key_text}\"") };
        let path = if self.path.is_empty() { shown } else { format!("{}.{shown}", self.path) };
        let key_at = self.page.place(key.span());
        let at = if value.get_ref().is_table() { key_at } else { self.page.place(value.span()) };
        Entry { page: self.page, path, key: key_text, key_at, at, value: value.get_ref() }
    }
}

impl<'p> Entry<'p> {
    /// Notes a mistake about the value.
    pub fn wrong(&self, what: String, right: String) {
        self.page.note(self.at, what, right);
    }

    /// The same, but mistakes are about the key.
    pub fn at_key(&self) -> Entry<'p> {
        Entry { page: self.page, path: self.path.clone(), key: self.key, key_at: self.key_at, at: self.key_at, value: self.value }
    }

    /// Whether the value is exactly `false`.
    pub fn is_false(&self) -> bool {
        self.value.as_bool() == Some(false)
    }

    /// Whether the value is a table.
    pub fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// A text.
    pub fn text(&self) -> Option<&'p str> {
        self.typed(self.value.as_str(), "a text", "write it in double quotes")
    }

    /// `true` or `false`.
    pub fn truth(&self) -> Option<bool> {
        self.typed(self.value.as_bool(), "`true` or `false`", "write `true` or `false` without quotes")
    }

    /// A whole number in a range.
    pub fn whole(&self, range: Range<u32>) -> Option<u32> {
        let limits = format!("write a whole number from {} to {}", range.start, range.end - 1);
        let integer = self.typed(self.value.as_integer(), "a whole number", &limits)?;
        let number = u32::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok();
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.wrong(format!("`{}` is out of range", self.path), limits);
        }
        number
    }

    /// A length of time within limits.
    pub fn length(&self, least: Duration, most: Duration) -> Option<Duration> {
        let right = format!("write a length between \"{}\" and \"{}\"", duration::write(least), duration::write(most));
        let text = self.typed(self.value.as_str(), "a length of time", &right)?;
        let length = duration::parse(text).filter(|length| (least..=most).contains(length));
        if length.is_none() {
            self.wrong(
                format!("`{}` is \"{text}\", which cannot be used", self.path),
                format!("{right}; units are ms, s, m, h, d"),
            );
        }
        length
    }

    /// One of some words.
    pub fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let known = || words.iter().map(|(word, _)| *word);
        let right = format!("write {}", list(known()).replace('`', "\""));
        let text = self.typed(self.value.as_str(), "one of a few words", &right)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let meant = nearest(text, known()).map(|meant| format!("did you mean \"{meant}\"? ")).unwrap_or_default();
            self.wrong(format!("`{}` is \"{text}\", which means nothing here", self.path), format!("{meant}{right}"));
        }
        found
    }

    /// A list of texts, each with its own place.
    pub fn texts(&self) -> Vec<Entry<'p>> {
        let right = "write a list of texts: [\"first\", \"second\"]";
        let Some(array) = self.typed(self.value.as_array(), "a list", right) else { return Vec::new() };
        let items = array.iter().map(|item| Entry {
            page: self.page,
            path: self.path.clone(),
            key: self.key,
            key_at: self.key_at,
            at: self.page.place(item.span()),
            value: item.get_ref(),
        });
        items.filter(|item| item.text().is_some()).collect()
    }

    /// A list of tables, each headed `[[path]]`.
    pub fn sections(&self) -> Vec<Section<'p>> {
        let right = format!("write [[{}]] above the keys of each", self.path);
        let Some(array) = self.typed(self.value.as_array(), "a list of tables", &right) else { return Vec::new() };
        let tables = array.iter().filter_map(|item| Some((item.get_ref().as_table()?, self.page.place(item.span()))));
        let section = |(table, at)| Section { page: self.page, path: self.path.clone(), at, table, asked: RefCell::default() };
        tables.map(section).collect()
    }

    /// A day (its beginning, UTC) or a time with its offset.
    pub fn moment(&self) -> Option<DateTime<Utc>> {
        let right = "write a day as 2024-01-31 or a time as 2024-01-31T08:00:00Z, without quotes";
        let moment = self.typed(self.value.as_datetime(), "a day or a time", right)?.to_string();
        let day = moment.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0)).map(|start| start.and_utc());
        let time = DateTime::parse_from_rfc3339(&moment).ok().map(|time| time.to_utc());
        if day.or(time).is_none() {
            self.wrong(format!("`{}` does not say in which time zone", self.path), right.to_string());
        }
        day.or(time)
    }

    /// A table.
    pub fn section(&self) -> Option<Section<'p>> {
        let right = format!("write [{}] above the keys, or {{ key = value }}", self.path);
        let table = self.typed(self.value.as_table(), "a table of keys", &right)?;
        Some(Section { page: self.page, path: self.path.clone(), at: self.key_at, table, asked: RefCell::default() })
    }

    fn typed<T>(&self, value: Option<T>, wanted: &str, right: &str) -> Option<T> {
        if value.is_none() {
            let is = match self.value.type_str() {
                "string" => "a text",
                "integer" => "a whole number",
                "float" => "a number",
                "boolean" => "`true` or `false`",
                "datetime" => "a day or time",
                "array" => "a list",
                _ => "a table",
            };
            self.wrong(format!("`{}` must be {wanted}, and is {is}", self.path), right.to_string());
        }
        value
    }
}
