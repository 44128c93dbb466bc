//! Reads a mirror file.

use std::path::Path;

use toml::de::DeTable;

use super::connection;
use super::mirror::{FORM, MirrorConfig};
use super::mistake::{Mistake, Places, Weight};
use super::page::{Page, Section};
use super::rules;
use super::run;
use super::table;

/// A mirror as its file says, and where in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorFile {
    pub config: MirrorConfig,
    pub places: Places,
}

/// Reads the file at `path`; its mistakes name it as it is given here.
pub fn load(path: &Path) -> Result<MirrorFile, Vec<Mistake>> {
    let file = path.display().to_string();
    let refuse = |what: String, right: &str| {
        vec![Mistake { weight: Weight::Wrong, file: file.clone(), at: None, what, right: right.to_string() }]
    };
    let bytes = std::fs::read(path).map_err(|error| {
        refuse(format!("the file cannot be read: {error}"), "name a mirror file, like those in deploy/examples")
    })?;
    let text = String::from_utf8(bytes)
        .map_err(|_| refuse("the file is not UTF-8 text".to_string(), "save it as UTF-8 in your editor"))?;
    parse(&file, &text)
}

/// Reads the text of a mirror file. The error holds every mistake that can be told without asking the desks, in the order of the
/// lines; whether secrets are there is told by [`super::secret::resolve_secrets`], whether values exist at the desks by
/// [`super::values::check_values`].
pub fn parse(file_name: &str, text: &str) -> Result<MirrorFile, Vec<Mistake>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let page = Page::new(file_name, text, &errors);
    let config = read(&Section::root(&page, document.get_ref()));
    let places = page.places(document.get_ref());
    let mistakes = page.finish();
    match config {
        Some(config) if mistakes.is_empty() => Ok(MirrorFile { config, places }),
        _ => Err(mistakes),
    }
}

fn read(root: &Section<'_>) -> Option<MirrorConfig> {
    let name = name(root);
    let source = end(root, "source");
    let target = end(root, "target");
    let scope = rules::scope(root.part("scope"));
    let policy = rules::policy(root.part("policy"));
    let mapping = table::read(root.part("map"));
    let retention = rules::retention(root.part("retention"));
    let windows = rules::windows(root);
    let run = root.part("run").map(|part| run::read(&part));
    root.finish();
    if let (Some(source), Some(target)) = (&source, &target)
        && source.url == target.url
    {
        let what = "source and target are the same desk: every copy would be copied again".to_string();
        root.wrong(what, "name two desks".to_string());
    }
    let (name, source, target) = (name?, source?, target?);
    Some(MirrorConfig { form: FORM, name, source, target, scope, policy, mapping, retention, windows, run })
}

fn end(root: &Section<'_>, side: &'static str) -> Option<super::mirror::Connection> {
    let section = root.need(side, &format!("[{side}] with vendor, url, auth and webhook"))?.section()?;
    connection::read(&section)
}

fn name(root: &Section<'_>) -> Option<String> {
    let entry = root.need("name", "name = \"acme\" as the first line; it never changes later")?;
    let name = entry.text()?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=40).contains(&name.len()) || !name.chars().all(plain) {
        entry.wrong(format!("\"{name}\" is no name for a mirror"), "use 1 to 40 of a-z, 0-9 and -".to_string());
        return None;
    }
    Some(name.to_string())
}
