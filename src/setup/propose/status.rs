//! Which status of the target is meant by which of the source. The same word can mean another thing (`pending`, or `open` where
//! one of both desks has no `new`), and another word the same (`solved`, `resolved`).

use super::lexicon::{CUSTOMERS, Concept, OUTSIDERS, STATUSES, Strength, WAITS};
use super::line::{Answer, shown};
use super::names::{Manner, pair};
use super::spelling::Name;

/// Statuses by their names.
const NAMES: Manner<'_> = Manner { what: "status", idle: &["on"], options_of: None };

/// A status and what it seems to mean.
struct Status<'a> {
    text: &'a str,
    meaning: Option<(Concept, Strength)>,
}

/// What each status becomes, in the source's order. `kin`: both desks are of one vendor.
pub fn pair_statuses(sources: &[&str], targets: &[&str], kin: bool) -> Vec<Answer> {
    let by_name = pair(sources, targets, &NAMES);
    let here: Vec<Status<'_>> = sources.iter().map(|text| status(text)).collect();
    let there: Vec<Status<'_>> = targets.iter().map(|text| status(text)).collect();
    let scene = Scene { here: &here, there: &there, one_system: kin && alike(sources, targets) };
    let answers = here.iter().zip(by_name).map(|(source, by_name)| match by_name {
        same if same.is_sure() => scene.same(source, same),
        other => scene.by_meaning(source).unwrap_or(other),
    });
    answers.collect()
}

/// Where a status stands among others, for the order of lines.
pub fn order(text: &str) -> impl Ord + use<> {
    status(text).meaning.map_or((1, Concept::New), |(concept, _)| (0, concept))
}

fn alike(sources: &[&str], targets: &[&str]) -> bool {
    sources.iter().all(|word| targets.contains(word)) && targets.iter().all(|word| sources.contains(word))
}

fn status(text: &str) -> Status<'_> {
    let name = Name::new(text);
    let listed = STATUSES.iter().find(|(_, _, words)| words.contains(&name.letters()));
    let has = |words: &[&str]| name.tokens.iter().any(|token| words.contains(&token.as_str()));
    let meaning = match listed {
        Some((concept, strength, _)) => Some((*concept, *strength)),
        None if has(WAITS) && has(CUSTOMERS) && !has(OUTSIDERS) => Some((Concept::Customer, Strength::Plain)),
        None if has(WAITS) && has(OUTSIDERS) => Some((Concept::Hold, Strength::Loose)),
        None => None,
    };
    Status { text, meaning }
}

struct Scene<'a> {
    here: &'a [Status<'a>],
    there: &'a [Status<'a>],
    /// The statuses are the vendor's own, and both desks have the same ones.
    one_system: bool,
}

impl Scene<'_> {
    fn has(list: &[Status<'_>], concept: Concept) -> bool {
        list.iter().any(|status| status.meaning.is_some_and(|(other, _)| other == concept))
    }

    fn of<'s>(list: &'s [Status<'s>], concepts: &[Concept]) -> Vec<&'s Status<'s>> {
        let is_one = |status: &&Status<'_>| status.meaning.is_some_and(|(concept, _)| concepts.contains(&concept));
        list.iter().filter(is_one).collect()
    }

    /// The one with the usual word, where there is one; else all.
    fn usual<'s>(found: Vec<&'s Status<'s>>) -> Vec<&'s Status<'s>> {
        let is_plain = |status: &&&Status<'_>| status.meaning.is_some_and(|(_, strength)| strength == Strength::Plain);
        let plain: Vec<&Status<'_>> = found.iter().filter(is_plain).copied().collect();
        if plain.len() == 1 { plain } else { found }
    }

    /// The target has the same word. Does it mean the same?
    fn same(&self, source: &Status<'_>, answer: Answer) -> Answer {
        let concept = source.meaning.map(|(concept, _)| concept);
        let differs = |concept| Self::has(self.here, concept) != Self::has(self.there, concept);
        let shifted = differs(Concept::New) && differs(Concept::Working);
        match concept {
            _ if self.one_system => answer,
            Some(Concept::Pending) => {
                answer.doubted(true, "desks mean different things by it: waiting for the customer, or for an agent")
            }
            Some(Concept::Open | Concept::New) => {
                answer.doubted(shifted, "only one of the desks tells new and begun apart as the other does")
            }
            _ => answer,
        }
    }

    /// The target has no such word. Has it another one for it?
    fn by_meaning(&self, source: &Status<'_>) -> Option<Answer> {
        let (concept, strength) = source.meaning?;
        let plain = strength == Strength::Plain;
        let found = Self::usual(Self::of(self.there, &[concept]));
        match found[..] {
            [] => self.next_best(source, concept, plain),
            [one] => Some(self.one_of_its_meaning(concept, plain, one)),
            _ => {
                let texts: Vec<&str> = found.iter().map(|status| status.text).collect();
                Some(Answer::Gap(format!("it could be {}", shown(&texts))))
            }
        }
    }

    fn one_of_its_meaning(&self, concept: Concept, plain: bool, target: &Status<'_>) -> Answer {
        let usual = plain && target.meaning.is_some_and(|(_, strength)| strength == Strength::Plain);
        let alone = Self::usual(Self::of(self.here, &[concept])).len() == 1;
        let waiting = [Concept::Pending, Concept::Customer, Concept::Hold];
        let only_wait = Self::of(self.there, &waiting).len() == 1;
        let sure = match concept {
            Concept::Done | Concept::Closed | Concept::Working => usual && alone,
            Concept::Hold => usual && alone && only_wait,
            Concept::Customer => {
                usual && alone && !Self::has(self.there, Concept::Pending) && !Self::has(self.here, Concept::Pending)
            }
            Concept::New | Concept::Open | Concept::Pending | Concept::Rejected => false,
        };
        match sure {
            true => Answer::sure(target.text, "another word for it, and the only one"),
            false => Answer::ask(target.text, "a word that may mean the same"),
        }
    }

    /// The nearest meaning that the target has one word for.
    fn next_best(&self, source: &Status<'_>, concept: Concept, plain: bool) -> Option<Answer> {
        use Concept::{Closed, Customer, Done, Hold, New, Open, Pending, Rejected, Working};
        let nearest: &[&[Concept]] = match concept {
            New => &[&[Open]],
            Open => &[&[Working], &[New]],
            Working => &[&[Open]],
            Pending => &[&[Customer], &[Hold], &[Open]],
            Customer => &[&[Pending], &[Hold], &[Open]],
            Hold => &[&[Pending], &[Customer], &[Open]],
            Done => &[&[Closed]],
            Closed => &[&[Done]],
            Rejected => &[&[Closed], &[Done]],
        };
        let found = nearest.iter().map(|concepts| Self::of(self.there, concepts)).find(|found| !found.is_empty())?;
        let [target] = Self::usual(found)[..] else { return None };
        let usual = plain && target.meaning.is_some_and(|(_, strength)| strength == Strength::Plain);
        let alone = Self::usual(Self::of(self.here, &[concept])).len() == 1;
        if concept == Closed && usual && alone {
            return Some(Answer::sure(target.text, format!("the target tells nothing beyond \"{}\" apart", target.text)));
        }
        Some(Answer::ask(target.text, format!("the target has no \"{}\"; this is the nearest", source.text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sources: &[&str], targets: &[&str]) -> Vec<String> {
        pair_statuses(sources, targets, false).iter().map(Answer::told).collect()
    }

    #[test]
    fn pending_and_a_shifted_open_are_asked() {
        assert_eq!(told(&["pending"], &["new", "open", "pending"]), ["Ask pending"]);
        let shifted = told(&["new", "open", "solved"], &["open", "in progress", "resolved"]);
        assert_eq!(shifted, ["Ask open", "Ask open", "Sure resolved"]);
        assert_eq!(told(&["new", "open"], &["new", "open", "in progress"]), ["Sure new", "Sure open"]);
    }

    #[test]
    fn one_desk_of_one_vendor_means_what_the_other_means() {
        let words = ["new", "open", "pending"];
        assert!(pair_statuses(&words, &words, true).iter().all(Answer::is_sure));
        assert!(!pair_statuses(&words, &words, false).iter().all(Answer::is_sure));
    }

    #[test]
    fn another_word_is_sure_where_it_is_the_only_one() {
        let desk = ["new", "open", "pending", "hold", "solved", "closed"];
        let other = ["new", "open", "stalled", "resolved", "rejected"];
        let expected = ["Sure new", "Sure open", "Ask stalled", "Sure stalled", "Sure resolved", "Sure resolved"];
        assert_eq!(told(&desk, &other), expected);
        assert_eq!(told(&["stalled", "resolved", "rejected"], &desk), ["Ask hold", "Sure solved", "Ask closed"]);
    }

    #[test]
    fn on_hold_is_hold() {
        assert_eq!(told(&["pending", "On Hold"], &["pending", "hold"]), ["Ask pending", "Sure hold"]);
    }

    #[test]
    fn another_language_is_asked() {
        assert_eq!(told(&["Neu", "Gelöst"], &["new", "solved"]), ["Ask new", "Ask solved"]);
        assert_eq!(told(&["Gelöst"], &["gelöst"]), ["Sure gelöst"]);
    }
}
