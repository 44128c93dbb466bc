//! `tidegate mirror propose`

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::clock::Clock;
use crate::config::file::{self, MirrorFile};
use crate::config::mistake::Mistake;
use crate::config::secret::resolve_secrets;
use crate::config::settings::Settings;
use crate::connectors::contract::Connector;
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::person::Person;
use crate::gateway::connect::connected;
use crate::ledger::Ledger;
use crate::setup::propose::line::{Line, Mark, Table, What};
use crate::setup::propose::page::{self, Added};
use crate::setup::propose::{End, Ends, propose};

use super::{mirror, open};

/// What marks a line that a person has to look at.
const ASK: &str = "# ask:";

/// Reads both desks and writes what it finds into the mirror file. Writes nothing at either desk, and nothing where a desk cannot
/// be read.
pub async fn run(settings: &Settings, path: &Path) -> anyhow::Result<u8> {
    let file = match file::load(path) {
        Ok(file) => file,
        Err(mistakes) => return Ok(refused(&mistakes)),
    };
    if let Err(mistakes) = resolve_secrets(&file.config, &file.places) {
        return Ok(refused(&mistakes));
    }
    let text = fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let opened = open::ledger(settings).await?;
    let ends = ends(&opened.ledger, &file).await;
    opened.close().await;
    let lines = propose(&file.config, &ends?);
    let added = page::add(&text, &file, lines).map_err(|why| anyhow::anyhow!("{}: {why}", path.display()))?;
    if added.lines.is_empty() {
        println!("{} speaks of all that both desks have: nothing is new.", path.display());
    } else {
        write(path, &added.text)?;
        tell(path, &added);
    }
    next(path, &added.text);
    Ok(0)
}

fn refused(mistakes: &[Mistake]) -> u8 {
    for mistake in mistakes {
        eprintln!("{mistake}");
    }
    eprintln!("\nNothing was written.");
    2
}

async fn ends(ledger: &Ledger, file: &MirrorFile) -> anyhow::Result<Ends> {
    let clock = Clock::system();
    let course = connected(&mirror::probe(&file.config, &clock)?, ledger, &clock)?.course;
    let silence = course.target.capabilities().silence;
    let source = end(course.source.as_ref(), Side::Source).await?;
    let target = end(course.target.as_ref(), Side::Target).await?;
    Ok(Ends { source, target, silence })
}

async fn end(desk: &dyn Connector, side: Side) -> anyhow::Result<End> {
    let failed = |fault: Fault| anyhow::anyhow!("the {} desk: {fault}", side.as_str());
    let identity = desk.identify().await.map_err(failed)?;
    println!("{} desk: {} as {}", side.as_str(), desk.capabilities().name, identity.name);
    let schema = desk.schema().await.map_err(failed)?;
    let agents = match desk.agents().await {
        Ok(agents) => Some(agents.into_iter().filter(|agent| agent.id != identity.person).collect::<Vec<Person>>()),
        Err(fault @ Fault::Unauthorised { .. }) => {
            eprintln!("The {} desk does not tell who its agents are, so nobody is proposed: {fault}", side.as_str());
            None
        }
        Err(fault) => return Err(failed(fault)),
    };
    Ok(End { schema, agents })
}

/// Writes the file beside itself first, so that it is never there by half.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written", path.display());
    let real = fs::canonicalize(path).with_context(failed)?;
    let beside = real.with_extension("toml.new");
    fs::write(&beside, text).with_context(failed)?;
    fs::set_permissions(&beside, fs::metadata(&real).with_context(failed)?.permissions()).with_context(failed)?;
    fs::rename(&beside, &real).with_context(failed)
}

/// What a table got.
#[derive(Default)]
struct Count {
    sure: usize,
    ask: usize,
    open: usize,
}

fn tell(path: &Path, added: &Added) {
    let mut counts: BTreeMap<&Table, Count> = BTreeMap::new();
    for (_, line) in &added.lines {
        let count = counts.entry(&line.table).or_default();
        match &line.what {
            What::Entry { guess, .. } if guess.mark == Mark::Sure => count.sure += 1,
            What::Entry { .. } => count.ask += 1,
            What::Question { .. } | What::Remark { .. } => count.open += 1,
            What::Note { .. } => {}
        }
    }
    println!("\n{:40} {:>6} {:>6} {:>6}", "new lines", "sure", "ask", "open");
    for (table, count) in counts {
        println!("{:40} {:>6} {:>6} {:>6}", page::header(table), count.sure, count.ask, count.open);
    }
    println!();
    for (number, line) in added.lines.iter().filter(|(_, line)| is_asked(line)) {
        println!("{}:{number}: {}", path.display(), sentence(line));
    }
    println!();
}

fn is_asked(line: &Line) -> bool {
    match &line.what {
        What::Entry { guess, .. } => guess.mark == Mark::Ask,
        What::Question { .. } | What::Remark { .. } => true,
        What::Note { .. } => false,
    }
}

fn sentence(line: &Line) -> String {
    match &line.what {
        What::Entry { key, guess } => format!("\"{key}\" = \"{}\"? {}", guess.to, guess.why),
        What::Question { key, why, .. } => format!("\"{key}\" = ? {why}"),
        What::Remark { about, why } | What::Note { about, why } => format!("{about}: {why}"),
    }
}

fn next(path: &Path, text: &str) {
    let asked: Vec<&str> = text.lines().map(str::trim).filter(|line| line.contains(ASK)).collect();
    let (open, guessed): (Vec<&str>, Vec<&str>) = asked.iter().partition(|line| line.starts_with('#'));
    if !guessed.is_empty() {
        println!(
            "{} values in it are guesses, marked `{ASK}`: change them or leave them, and take the mark away.",
            guessed.len()
        );
    }
    if !open.is_empty() {
        println!("{} lines in it are questions and begin with #: take the # away and write the value.", open.len());
    }
    println!("Next: tidegate mirror apply {}", path.display());
}
