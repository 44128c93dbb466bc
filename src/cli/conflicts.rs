//! `tidegate conflicts …`

use std::collections::BTreeMap;

use clap::Subcommand;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::desk::Side;
use crate::desk::field::Value;
use crate::desk::id::PersonId;
use crate::desk::ticket::Actor;
use crate::ledger::Ledger;
use crate::ledger::conflict::Conflict;
use crate::ledger::mirror::MirrorRow;
use crate::merge::hand::Hand;
use crate::merge::ruling::{Keep, value_like};

use super::{open, operator};

/// What to do with fields that both desks changed.
#[derive(Debug, Subcommand)]
pub enum ConflictsVerb {
    /// List fields that wait for a decision
    List {
        /// The mirror's name
        mirror: String,
        /// Those that the policy or a person decided too
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show all three values of one, and who set them when
    Show {
        /// The mirror's name
        mirror: String,
        /// The number that `conflicts list` shows
        id: i64,
    },
    /// Decide what the target is to hold
    Resolve {
        /// The mirror's name
        mirror: String,
        /// The number that `conflicts list` shows
        id: i64,
        /// The source's value, the target's, or another one in the target's words
        #[arg(long, value_name = "source|target|VALUE")]
        keep: String,
        /// The same for every other ticket where this field waits with these two values
        #[arg(long)]
        like_this: bool,
    },
}

/// Runs it.
pub async fn run(settings: &Settings, verb: ConflictsVerb) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = act(&opened.ledger, verb).await;
    opened.close().await;
    done
}

async fn act(ledger: &Ledger, verb: ConflictsVerb) -> anyhow::Result<u8> {
    match verb {
        ConflictsVerb::List { mirror, all, json } => list(ledger, &mirror, all, json).await,
        ConflictsVerb::Show { mirror, id } => show(ledger, &mirror, id).await,
        ConflictsVerb::Resolve { mirror, id, keep, like_this } => resolve(ledger, &mirror, id, (&keep, like_this)).await,
    }
}

async fn list(ledger: &Ledger, mirror: &str, all: bool, json: bool) -> anyhow::Result<u8> {
    let row = ledger.mirror(mirror).await?;
    let mut conflicts = ledger.conflicts(row.id).await?;
    conflicts.retain(|conflict| all || conflict.is_open());
    if json {
        println!("{}", serde_json::to_string_pretty(&conflicts)?);
        return Ok(0);
    }
    let names = names(ledger, &row, &conflicts).await?;
    for conflict in &conflicts {
        println!("{:5}  {}, `{}`: {}", conflict.id, ends(conflict), conflict.field, names.outcome(conflict));
    }
    if conflicts.is_empty() {
        println!("No field waits for a decision.");
    }
    Ok(0)
}

async fn show(ledger: &Ledger, mirror: &str, id: i64) -> anyhow::Result<u8> {
    let row = ledger.mirror(mirror).await?;
    let all = ledger.conflicts(row.id).await?;
    let Some(conflict) = all.iter().find(|conflict| conflict.id == id) else { return nothing(mirror, id) };
    let names = names(ledger, &row, &all).await?;
    for line in lines(conflict, &names) {
        println!("{line}");
    }
    if conflict.is_open() {
        println!("  Decide it with one of these; VALUE is in the target's words:");
        for keep in ["source", "target", "VALUE"] {
            println!("    tidegate conflicts resolve {mirror} {id} --keep {keep}");
        }
        let like = alike(&all, conflict).len() - 1;
        if like > 0 {
            println!("  {like} more wait with the same two values: `--like-this` decides them too.");
        }
    }
    Ok(0)
}

async fn resolve(ledger: &Ledger, mirror: &str, id: i64, (word, like_this): (&str, bool)) -> anyhow::Result<u8> {
    let row = ledger.mirror(mirror).await?;
    let all = ledger.conflicts(row.id).await?;
    let open = all.iter().find(|conflict| conflict.id == id && conflict.is_open());
    let Some(conflict) = open else { return nothing(mirror, id) };
    let (keep, value) = match word {
        "source" => (Keep::Source, None),
        "target" => (Keep::Target, None),
        word => match value_like(word, [&conflict.source, &conflict.target]) {
            Some(value) => (Keep::Value, Some(value)),
            None => {
                anyhow::bail!("`{}` is about people: keep `source` or `target`, or set it in the target by hand", conflict.field)
            }
        },
    };
    let ids = if like_this { alike(&all, conflict) } else { vec![id] };
    let now = Clock::system().now();
    let decided = ledger.resolve_conflicts(&ids, (keep, value.as_ref()), &operator::name(), now).await?;
    let when = match (&row.paused_why, ledger.gateway_works().await?) {
        (Some(_), _) => "it is carried out once the mirror goes on (`tidegate mirror resume`)",
        (None, true) => "it is carried out now",
        (None, false) => "it is carried out when `tidegate serve` runs",
    };
    let tickets = if decided == 1 { "ticket".to_string() } else { "tickets".to_string() };
    println!("Decided for {decided} {tickets}; {when}.");
    Ok(0)
}

fn nothing(mirror: &str, id: i64) -> anyhow::Result<u8> {
    eprintln!("No conflict {id} waits in mirror `{mirror}`; `tidegate conflicts list {mirror}` shows those that do.");
    Ok(1)
}

/// All open ones like this one, itself among them.
fn alike(all: &[Conflict], conflict: &Conflict) -> Vec<i64> {
    all.iter().filter(|other| other.is_open() && other.is_like(conflict)).map(|other| other.id).collect()
}

fn lines(conflict: &Conflict, names: &Names) -> Vec<String> {
    let set = |hand: &Option<Hand>| match hand {
        Some(Hand { by: Actor::Rule, at, .. }) => format!(", set by a rule of the desk, {}", at.format("%F %T UTC")),
        Some(hand) => format!(", set by {}, {}", hand.who, hand.at.format("%F %T UTC")),
        None => String::new(),
    };
    let value = |side, value: &Value| names.spelled(side, value);
    let agreed = match (&conflict.base_source, &conflict.base_target) {
        (Some(source), Some(target)) => {
            format!("  last agreed   source `{}`, target `{}`", value(Side::Source, source), value(Side::Target, target))
        }
        _ => "  last agreed   never".to_string(),
    };
    vec![
        format!(
            "Conflict {}: `{}` of {}, found {}",
            conflict.id,
            conflict.field,
            ends(conflict),
            conflict.found_at.format("%F %T UTC")
        ),
        agreed,
        format!("  source now    `{}`{}", value(Side::Source, &conflict.source), set(&conflict.source_hand)),
        format!("  target now    `{}`{}", value(Side::Target, &conflict.target), set(&conflict.target_hand)),
        format!("  outcome       {}", names.outcome(conflict)),
    ]
}

fn ends(conflict: &Conflict) -> String {
    let ticket = |id: &Option<String>| id.clone().unwrap_or_else(|| "(none)".to_string());
    format!("source {} → target {}", ticket(&conflict.source_ticket), ticket(&conflict.target_ticket))
}

/// Names of the people whom conflicts are about.
#[derive(Default)]
pub struct Names([BTreeMap<String, String>; 2]);

async fn names(ledger: &Ledger, row: &MirrorRow, conflicts: &[Conflict]) -> anyhow::Result<Names> {
    let ids = |values: fn(&Conflict) -> [Option<&Value>; 2]| -> Vec<String> {
        let values = conflicts.iter().flat_map(values).flatten();
        values.flat_map(Value::persons).map(PersonId::to_string).collect()
    };
    let source = ids(|conflict| [Some(&conflict.source), conflict.base_source.as_ref()]);
    let target = ids(|conflict| [Some(&conflict.target), conflict.base_target.as_ref()]);
    Ok(Names([ledger.names_of(row.id, Side::Source, &source).await?, ledger.names_of(row.id, Side::Target, &target).await?]))
}

impl Names {
    fn spelled(&self, side: Side, value: &Value) -> String {
        let known = &self.0[usize::from(side == Side::Target)];
        let name = |person: &PersonId| known.get(person.as_str()).cloned().unwrap_or_else(|| format!("person {person}"));
        match value.persons().as_slice() {
            [] => value.to_string(),
            people => people.iter().map(|person| name(person)).collect::<Vec<_>>().join(", "),
        }
    }

    /// What came of a conflict, in words.
    pub fn outcome(&self, conflict: &Conflict) -> String {
        let (source, target) = (self.spelled(Side::Source, &conflict.source), self.spelled(Side::Target, &conflict.target));
        let mut words = match (conflict.winner.as_str(), &conflict.decided_value) {
            ("source", _) => format!("the source's `{source}` stands, the target's `{target}` is lost"),
            ("target", _) => format!("the target's `{target}` stands, the source's `{source}` is lost"),
            ("value", Some(value)) => format!("`{value}` stands, not the source's `{source}` nor the target's `{target}`"),
            _ if conflict.closed_at.is_some() => format!("the source said `{source}`, the target `{target}`: both went on since"),
            _ => format!("the source says `{source}`, the target `{target}`: undecided"),
        };
        if let Some(by) = conflict.decided_by.as_ref().filter(|_| conflict.winner != "undecided") {
            words.push_str(&format!(", decided by {by}"));
            words.push_str(if conflict.closed_at.is_some() { "" } else { " and not carried out yet" });
        }
        words
    }
}
