//! Which name of the target is meant by which name of the source, where a name says all there is to know: groups, brands, forms,
//! options of a field.
//!
//! Sure is only what is spelt alike and cannot be meant for anything else. What means the same in another word or language, or
//! has a part of its name in common, is asked.

use std::collections::BTreeSet;

use crate::config::mistake::distance;

use super::lexicon::KINDRED;
use super::line::{Answer, shown};
use super::spelling::Name;

/// What kind of names they are.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    /// For people: `group`, `option`.
    pub what: &'a str,
    /// Words that say nothing in such a name.
    pub idle: &'a [&'a str],
    /// The names of the fields whose options they are.
    pub options_of: Option<[&'a str; 2]>,
}

/// Groups and queues.
pub const GROUPS: Manner<'_> = Manner { what: "group", idle: &["team", "group", "queue", "department"], options_of: None };

/// How two names are alike, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    Same,
    Spelling,
    /// Singular and plural, an abbreviation, an idle word, a number before it.
    Form,
    /// Another word for it.
    Kin,
    /// A part in common, or a letter else.
    Near,
}

/// A name with what is left of it in its list.
struct Listed {
    name: Name,
    form: Vec<String>,
    /// Without what all of the list begin with.
    core: Option<Name>,
}

/// What each name of the source becomes, in the source's order.
pub fn pair(sources: &[&str], targets: &[&str], manner: &Manner<'_>) -> Vec<Answer> {
    let (here, there) = (listed(sources, manner), listed(targets, manner));
    here.iter().map(|source| answer(source, &here, &there, manner)).collect()
}

/// How alike two names are.
pub fn likeness(a: &Name, b: &Name, idle: &[&str]) -> Option<Likeness> {
    let (form_a, form_b) = (a.form(idle), b.form(idle));
    if a.text == b.text {
        Some(Likeness::Same)
    } else if a.is_spelt_like(b) {
        Some(Likeness::Spelling)
    } else if form_a == form_b && form_a.iter().any(|token| token.chars().count() > 1) {
        Some(Likeness::Form)
    } else if are_kin(a, &form_a, b, &form_b) {
        Some(Likeness::Kin)
    } else if are_near(&form_a, &form_b) || is_slip(a.letters(), b.letters()) {
        Some(Likeness::Near)
    } else {
        None
    }
}

/// Where all options begin with a word of their field's name, it says nothing, and a number before each of them neither.
fn listed(texts: &[&str], manner: &Manner<'_>) -> Vec<Listed> {
    let names: Vec<Name> = texts.iter().map(|text| Name::new(text)).collect();
    let all: Vec<&[String]> = names.iter().map(|name| name.tokens.as_slice()).collect();
    let common = manner.options_of.map_or(0, |fields| common(&all, &fields));
    let numbered = manner.options_of.is_some() && all.len() > 1 && all.iter().all(|tokens| number_before(&tokens[common..]) > 0);
    let core = |name: &Name| {
        let skip = common + if numbered { number_before(&name.tokens[common..]) } else { 0 };
        (skip > 0).then(|| Name::new(&name.tokens[skip..].join(" "))).filter(Name::has_letters)
    };
    names.iter().map(|name| Listed { core: core(name), form: name.form(manner.idle), name: name.clone() }).collect()
}

/// How many words of the names of their fields all of them begin with.
fn common(all: &[&[String]], fields: &[&str; 2]) -> usize {
    let said: BTreeSet<String> = fields.iter().flat_map(|field| Name::new(field).form(&[])).collect();
    let Some(first) = all.first() else { return 0 };
    let shortest = all.iter().map(|tokens| tokens.len()).min().unwrap_or(0);
    let forms: Vec<String> = first.iter().map(|token| Name::new(token).form(&[]).concat()).collect();
    let same = |at: usize| said.contains(&forms[at]) && all.iter().all(|tokens| tokens[at] == first[at]);
    (0..shortest.saturating_sub(1)).take_while(|at| same(*at)).count()
}

/// `1 - Low`, `P1 Critical`: how many tokens are its number.
fn number_before(tokens: &[String]) -> usize {
    let digits = |token: Option<&String>| token.is_some_and(|token| token.bytes().all(|byte| byte.is_ascii_digit()));
    let count = match tokens.first().map(String::as_str) {
        Some(_) if digits(tokens.first()) => 1,
        Some("p" | "s" | "l" | "sev" | "prio" | "priority" | "severity" | "level") if digits(tokens.get(1)) => 2,
        _ => 0,
    };
    if tokens.len() > count { count } else { 0 }
}

fn like(a: &Listed, b: &Listed, idle: &[&str]) -> Option<Likeness> {
    let whole = likeness(&a.name, &b.name, idle);
    let (core_a, core_b) = (a.core.as_ref().unwrap_or(&a.name), b.core.as_ref().unwrap_or(&b.name));
    let cored = likeness(core_a, core_b, idle).map(|likeness| likeness.max(Likeness::Form));
    [whole, cored.filter(|_| a.core.is_some() || b.core.is_some())].into_iter().flatten().min()
}

fn answer(source: &Listed, here: &[Listed], there: &[Listed], manner: &Manner<'_>) -> Answer {
    let found: Vec<(Likeness, &Listed)> =
        there.iter().filter_map(|target| Some((like(source, target, manner.idle)?, target))).collect();
    let texts: Vec<&str> = there.iter().map(|target| target.name.text.as_str()).collect();
    let Some(best) = found.iter().map(|(likeness, _)| *likeness).min() else {
        return Answer::Gap(format!("no {} of the target is like it; it has {}", manner.what, shown(&texts)));
    };
    let candidates: Vec<&Listed> = found.iter().filter(|(likeness, _)| *likeness == best).map(|(_, target)| *target).collect();
    let [target] = candidates[..] else {
        let several: Vec<&str> = candidates.iter().map(|target| target.name.text.as_str()).collect();
        return Answer::Gap(format!("it could be {}", shown(&several)));
    };
    decide(best, source, target, Lists { here, there }, manner)
}

#[derive(Clone, Copy)]
struct Lists<'a> {
    here: &'a [Listed],
    there: &'a [Listed],
}

fn decide(likeness: Likeness, source: &Listed, target: &Listed, lists: Lists<'_>, manner: &Manner<'_>) -> Answer {
    let to = target.name.text.as_str();
    let others = || lists.here.iter().filter(|other| other.name.text != source.name.text);
    let rival = others().find(|other| like(other, target, manner.idle).is_some_and(|other| other <= likeness));
    let why = match likeness {
        Likeness::Same => return Answer::sure(to, "the same name"),
        Likeness::Spelling => "the same name but for capitals, signs or accents",
        Likeness::Form => "the same name in another form",
        Likeness::Kin => return Answer::ask(to, "another word that may mean the same"),
        Likeness::Near => return Answer::ask(to, "a name that is partly the same"),
    };
    if let Some(rival) = rival {
        return Answer::ask(to, format!("{why}, but \"{}\" fits as well", rival.name.text));
    }
    let related = |other: &&Listed| is_part(&other.form, &source.form) || is_part(&source.form, &other.form);
    let targets = lists.there.iter().filter(|other| other.name.text != target.name.text);
    match others().chain(targets).find(related).filter(|_| likeness == Likeness::Form) {
        Some(other) => Answer::ask(to, format!("{why}, but there is \"{}\" too", other.name.text)),
        None => Answer::sure(to, why),
    }
}

fn is_part(part: &[String], whole: &[String]) -> bool {
    !part.is_empty() && part.iter().all(|token| whole.contains(token))
}

/// Whether one of both has a meaning in common with the other, in this or another language.
fn are_kin(a: &Name, form_a: &[String], b: &Name, form_b: &[String]) -> bool {
    let spelt = |name: &Name, form: &[String]| [name.letters().to_string(), form.concat()];
    let (a, b) = (spelt(a, form_a), spelt(b, form_b));
    let knows = |words: &[&str], name: &[String; 2]| name.iter().any(|name| words.contains(&name.as_str()));
    KINDRED.iter().any(|words| knows(words, &a) && knows(words, &b))
}

/// Words that many names have.
const EMPTY: [&str; 9] = ["the", "of", "and", "for", "a", "to", "custom", "field", "number"];

fn are_near(a: &[String], b: &[String]) -> bool {
    let said = |form: &[String]| -> BTreeSet<String> {
        form.iter().filter(|token| !EMPTY.contains(&token.as_str()) && token.chars().count() > 1).cloned().collect()
    };
    let (a, b) = (said(a), said(b));
    let shared = a.intersection(&b).count();
    shared > 0 && shared * 2 >= a.union(&b).count()
}

/// A letter too many, too few, or another; in a long word two.
fn is_slip(a: &str, b: &str) -> bool {
    let length = a.chars().count().min(b.chars().count());
    let allowed = if length >= 10 { 2 } else { usize::from(length >= 5) };
    let letters = |text: &str| text.chars().all(char::is_alphabetic);
    allowed > 0 && letters(a) && letters(b) && distance(a, b) <= allowed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sources: &[&str], targets: &[&str], manner: &Manner<'_>) -> Vec<String> {
        let told = |answer| match answer {
            Answer::Guess(guess) => format!("{:?} {}", guess.mark, guess.to),
            Answer::Gap(_) => "gap".to_string(),
        };
        pair(sources, targets, manner).into_iter().map(told).collect()
    }

    #[test]
    fn what_is_spelt_alike_is_sure_unless_two_are() {
        assert_eq!(told(&["Gold"], &["gold", "silver"], &GROUPS), ["Sure gold"]);
        assert_eq!(told(&["Gold", "GOLD"], &["gold"], &GROUPS), ["Ask gold", "Ask gold"]);
        assert_eq!(told(&["Gold", "GOLD"], &["GOLD"], &GROUPS), ["Ask GOLD", "Sure GOLD"]);
        assert_eq!(told(&["gold"], &["Gold", "GOLD"], &GROUPS), ["gap"]);
    }

    #[test]
    fn near_names_are_asked() {
        assert_eq!(told(&["Billing", "Billing EU"], &["Billing", "Sales"], &GROUPS), ["Sure Billing", "Ask Billing"]);
        assert_eq!(told(&["Billing"], &["Billing Team"], &GROUPS), ["Sure Billing Team"]);
        assert_eq!(told(&["Billing"], &["Billing Team", "Billing EU"], &GROUPS), ["Ask Billing Team"]);
        assert_eq!(told(&["Finance"], &["Billing", "Sales"], &GROUPS), ["Ask Billing"]);
        assert_eq!(told(&["Support EMEA"], &["Sales EMEA"], &GROUPS), ["gap"]);
    }

    #[test]
    fn the_name_of_its_field_before_an_option_says_nothing() {
        let manner = Manner { what: "option", idle: &[], options_of: Some(["Product", "Product"]) };
        let tags = ["product_mast", "product_hull_wood"];
        assert_eq!(told(&tags, &["Mast", "Hull::Wood"], &manner), ["Sure Mast", "Sure Hull::Wood"]);
        assert_eq!(told(&["eu_east", "eu_west"], &["East", "West"], &manner), ["Ask East", "Ask West"]);
        assert_eq!(told(&["1 - Low", "2 - High"], &["High", "Low"], &manner), ["Sure Low", "Sure High"]);
    }
}
