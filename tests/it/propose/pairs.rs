//! Invented pairs of desks, each a file of `tests/it/propose/pairs`: what both have, and which value is which. The truth is
//! written as a mirror file's `[map]`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use tidegate::config::file::{self, MirrorFile};
use tidegate::desk::field::FieldKey;
use tidegate::desk::id::PersonId;
use tidegate::desk::mapping::Mapping;
use tidegate::desk::person::{Person, Role};
use tidegate::desk::schema::{FieldKind, FieldSchema, Schema};
use tidegate::setup::propose::{End, Ends};

/// Two desks and the truth about them.
pub struct Pair {
    pub name: String,
    pub ends: Ends,
    pub truth: Mapping,
    /// `status.pending`: right, and nobody can be sure of it.
    pub only_ask: Vec<String>,
    /// Both desks are of one vendor.
    kin: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Written {
    #[serde(default)]
    only_ask: Vec<String>,
    #[serde(default)]
    kin: bool,
    source: WrittenEnd,
    target: WrittenEnd,
    map: toml::Table,
}

#[derive(Deserialize)]
struct WrittenEnd {
    people: Vec<String>,
    fields: BTreeMap<String, String>,
}

/// All pairs of a folder, by name.
pub fn all(folder: &str) -> Vec<Pair> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/propose/pairs").join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).expect("the pairs").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Pair {
    let text = fs::read_to_string(path).expect("a pair");
    let written: Written = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let truth = toml::to_string(&toml::Table::from_iter([("map".to_string(), written.map.into())])).expect("tables");
    Pair {
        name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
        ends: Ends { source: end(&written.source), target: end(&written.target), silence: "a rule" },
        truth: mirror(written.kin, &truth).config.mapping,
        only_ask: written.only_ask,
        kin: written.kin,
    }
}

impl Pair {
    /// A mirror file for these desks with these lines more in it, and its text.
    pub fn mirror(&self, more: &str) -> (String, MirrorFile) {
        (base(self.kin, more), mirror(self.kin, more))
    }
}

fn base(kin: bool, more: &str) -> String {
    let desk = |vendor: &str, url: &str| match vendor {
        "zendesk" => format!(
            "vendor = \"zendesk\"\nurl = \"{url}\"\nauth = {{ kind = \"oauth\", client-id = \"c\", client-secret = {{ env = \"S\" }} }}\n\
             webhook = false\n"
        ),
        _ => format!(
            "vendor = \"request-tracker\"\nurl = \"{url}\"\nauth = {{ kind = \"token\", token = {{ env = \"T\" }} }}\nuser = \"u\"\n\
             webhook = false\n"
        ),
    };
    let target = if kin { "zendesk" } else { "request-tracker" };
    let (source, target) = (desk("zendesk", "https://old.example"), desk(target, "https://new.example"));
    format!("name = \"pair\"\n\n[source]\n{source}\n[target]\n{target}\n{more}")
}

fn mirror(kin: bool, more: &str) -> MirrorFile {
    file::parse("pair.toml", &base(kin, more)).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn end(written: &WrittenEnd) -> End {
    let fields = written.fields.iter().map(|(key, kind)| (key.parse().expect("a field"), schema(kind)));
    let agents = written.people.iter().enumerate().map(|(number, person)| agent(number, person));
    End { schema: Schema { fields: fields.collect::<BTreeMap<FieldKey, _>>() }, agents: Some(agents.collect()) }
}

/// `choice required: a | b`
fn schema(written: &str) -> FieldSchema {
    let (kind, options) = written.split_once(':').map_or((written, None), |(kind, options)| (kind, Some(options)));
    let (kind, required) = kind.strip_suffix(" required").map_or((kind, false), |kind| (kind, true));
    let kind = match kind {
        "text" => FieldKind::Text,
        "longtext" => FieldKind::LongText,
        "choice" => FieldKind::Choice,
        "multi" => FieldKind::MultiChoice,
        "words" => FieldKind::Words,
        "integer" => FieldKind::Integer,
        "decimal" => FieldKind::Decimal,
        "date" => FieldKind::Date,
        "datetime" => FieldKind::DateTime,
        "checkbox" => FieldKind::Checkbox,
        "reference" => FieldKind::Reference,
        other => panic!("no such kind: {other}"),
    };
    let options = options.map(|options| options.split(" | ").map(|option| option.trim().to_string()).collect());
    FieldSchema { kind, options, required }
}

/// `Ada Reyes <ada@a.example> left`
fn agent(number: usize, written: &str) -> Person {
    let (written, active) = written.strip_suffix(" left").map_or((written, true), |written| (written, false));
    let (name, email) = match written.split_once(" <") {
        Some((name, rest)) => (name, rest.strip_suffix('>').map(str::to_string)),
        None => (written, None),
    };
    Person { id: PersonId::new(number), name: name.to_string(), email, role: Role::Agent, active }
}
