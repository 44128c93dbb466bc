//! Which agent of the target is which of the source. An address proves it; a name alone never does, unless a whole domain was renamed.

use std::collections::{BTreeMap, BTreeSet};

use crate::desk::mapping::Mapping;
use crate::desk::person::Person;

use super::line::{Answer, Line, Table, What, shown};
use super::spelling::Name;

/// The agents of one desk, without our own user.
pub struct Staff<'a> {
    by_address: BTreeMap<String, Vec<&'a Person>>,
    without: Vec<&'a Person>,
}

impl<'a> Staff<'a> {
    /// Sorts them by address.
    pub fn new(agents: impl IntoIterator<Item = &'a Person>) -> Self {
        let mut staff = Self { by_address: BTreeMap::new(), without: Vec::new() };
        for agent in agents {
            match agent.email.as_deref().map(str::to_lowercase) {
                Some(address) => staff.by_address.entry(address).or_default().push(agent),
                None => staff.without.push(agent),
            }
        }
        staff
    }
}

/// A line for each agent of the source whom the mirror file does not name, then those who are at the target only.
pub fn lines(source: &Staff<'_>, target: &Staff<'_>, mapping: &Mapping) -> Vec<Line> {
    let taken: BTreeSet<&str> = mapping.people.values().map(String::as_str).collect();
    let free: Vec<&Person> = target
        .by_address
        .iter()
        .filter(|(address, _)| !taken.contains(address.as_str()) && !source.by_address.contains_key(*address))
        .flat_map(|(_, people)| people.iter().copied())
        .collect();
    let renamed = renamed(source, &free);
    let mut lines = Vec::new();
    let mut met: BTreeSet<String> = BTreeSet::new();
    let unnamed = source.by_address.iter().filter(|(address, _)| !mapping.people.contains_key(*address));
    for (address, people) in unnamed {
        let answer = match target.by_address.get(address) {
            Some(there) => same_address(address, people, there),
            None => elsewhere(people, source, &free, &renamed),
        };
        if let Answer::Guess(guess) = &answer {
            met.insert(guess.to.clone());
        }
        lines.push(Line::of(Table::People, address, answer));
    }
    lines.extend(source.without.iter().map(|agent| nameless(agent, "source")));
    lines.extend(target.without.iter().map(|agent| nameless(agent, "target")));
    let alone = free.into_iter().filter(|agent| agent.active && !met.contains(&address_of(agent)));
    lines.extend(alone.map(only_there));
    lines
}

fn address_of(agent: &Person) -> String {
    agent.email.as_deref().unwrap_or_default().to_lowercase()
}

fn nameless(agent: &Person, side: &str) -> Line {
    let about = format!("{} ({}) has no address at the {side}", agent.name, agent.id);
    let why = match side {
        "source" => "a line in each message names them; give them one to have them matched",
        _ => "nobody can be matched with them; give them one if they work at the source too",
    };
    Line::remark(Table::People, about, why)
}

fn only_there(agent: &Person) -> Line {
    let about = format!("{} ({})", address_of(agent), agent.name);
    Line { table: Table::People, what: What::Note { about, why: "is at the target only".to_string() } }
}

/// Agents of both desks have this address.
fn same_address(address: &str, here: &[&Person], there: &[&Person]) -> Answer {
    for (side, people) in [("source", here), ("target", there)] {
        if people.len() > 1 {
            let names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
            return Answer::ask(address, format!("{} share this address at the {side}", shown(&names)));
        }
    }
    let (here, there) = (here[0], there[0]);
    if !there.active {
        let why = "the same address, but they left the target: nothing is assigned to them, and a line names them";
        return Answer::ask(address, why);
    }
    if are_strangers(&here.name, &there.name) {
        return Answer::ask(address, format!("the same address, but {} here and {} there", here.name, there.name));
    }
    let left = if here.active { "" } else { " (they left the source)" };
    Answer::sure(address, format!("the same address{left}"))
}

/// No agent of the target has this address; somebody of the same name may be the same person.
fn elsewhere(here: &[&Person], source: &Staff<'_>, free: &[&Person], renamed: &BTreeSet<(String, String)>) -> Answer {
    if here.len() > 1 {
        let names: Vec<&str> = here.iter().map(|person| person.name.as_str()).collect();
        return Answer::Gap(format!("{} share this address at the source, and the target has nobody with it", shown(&names)));
    }
    let agent = here[0];
    let named = |other: &&Person| is_named_like(&agent.name, &other.name);
    let candidates: Vec<&Person> = free.iter().copied().filter(|other| named(other)).collect();
    let namesakes = source.by_address.values().flatten().filter(|other| named(other)).count();
    match candidates[..] {
        [] if !agent.active => Answer::Gap(format!(
            "{} left the source, and the target has nobody of this address or name; a line in each message names them",
            agent.name
        )),
        [] => Answer::Gap(format!("{} works at the source only; a line in each message names them", agent.name)),
        [other] => by_name(agent, other, namesakes, renamed),
        _ => Answer::Gap(format!("several agents of the target are called {}", agent.name)),
    }
}

/// So many agents have to be the same but for the domain of their addresses, before the domain is taken for renamed.
const RENAMED: usize = 3;

/// Domains of the source that became another one at the target, as several agents show who kept name and mailbox.
fn renamed(source: &Staff<'_>, free: &[&Person]) -> BTreeSet<(String, String)> {
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for agent in source.by_address.values().flatten() {
        let same = |other: &&&Person| is_named_like(&agent.name, &other.name) && mailbox(agent).0 == mailbox(other).0;
        for other in free.iter().filter(same) {
            *seen.entry((mailbox(agent).1, mailbox(other).1)).or_default() += 1;
        }
    }
    seen.into_iter().filter(|(_, count)| *count >= RENAMED).map(|(domains, _)| domains).collect()
}

/// The name before the @, without what stands after a +, and the domain.
fn mailbox(agent: &Person) -> (String, String) {
    let address = address_of(agent);
    let (name, domain) = address.split_once('@').unwrap_or((&address, ""));
    (name.split('+').next().unwrap_or_default().to_string(), domain.to_string())
}

fn by_name(agent: &Person, other: &Person, namesakes: usize, renamed: &BTreeSet<(String, String)>) -> Answer {
    let to = address_of(other);
    let ((name, domain), (other_name, other_domain)) = (mailbox(agent), mailbox(other));
    let whole = Name::new(&agent.name).tokens.len() > 1 && namesakes == 1 && agent.active && other.active;
    match name == other_name {
        true if whole && domain == other_domain => Answer::sure(&to, "the same mailbox and the same name"),
        true if whole && renamed.contains(&(domain, other_domain.clone())) => {
            Answer::sure(&to, format!("the same name and mailbox; several have moved to {other_domain}"))
        }
        _ => Answer::ask(&to, format!("both are called {}", agent.name)),
    }
}

fn is_named_like(a: &str, b: &str) -> bool {
    let sorted = |name: &str| {
        let mut tokens = Name::new(name).tokens;
        tokens.sort();
        tokens
    };
    let (a, b) = (sorted(a), sorted(b));
    !a.is_empty() && a == b
}

/// Two names that cannot be of one person: a part of the shorter one is not in the longer, not even as an initial. A name of one
/// word may be a login and says nothing.
fn are_strangers(a: &str, b: &str) -> bool {
    let parts =
        |name: &str| name.split([' ', '-', ',', '.']).map(Name::new).filter(|part| !part.tokens.is_empty()).collect::<Vec<_>>();
    let (a, b) = (parts(a), parts(b));
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let letter = |part: &Name| {
        Some(part.letters()).filter(|letters| letters.chars().count() == 1).and_then(|letters| letters.chars().next())
    };
    let initial = |a: &Name, b: &Name| letter(a).is_some_and(|letter| b.letters().starts_with(letter));
    let is_one = |a: &Name| long.iter().any(|b| a.is_spelt_like(b) || initial(a, b) || initial(b, a));
    short.len() > 1 && !short.iter().all(is_one)
}
