//! Scales: priorities, severities, and whatever else goes from low to urgent; and yes and no.
//!
//! A word of a scale is worth as much as its place in it: `high` of three is not always `high` of four. Bare numbers say nothing,
//! because desks begin to count at either end.

use super::lexicon::{RANKS, Strength, TRUTHS};
use super::line::{Answer, shown};
use super::names::{Likeness, likeness};
use super::spelling::Name;

/// A word of a scale.
struct Step<'a> {
    text: &'a str,
    name: Name,
    /// 0 lowest, 4 most urgent.
    rank: Option<(u8, Strength)>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    /// `1`: nobody knows from which end.
    Bare,
    /// `P1`, `Sev 2`: the first is the most urgent by convention.
    Lettered(u32),
}

/// Whether these are the words of a scale: all of them are, or all are numbers.
pub fn is_scale(words: &[&str]) -> bool {
    let steps = steps(words);
    let ranked = steps.iter().all(|step| step.rank.is_some());
    let counted = steps.iter().all(|step| step.kind != Kind::Word) && is_short_count(words);
    steps.len() > 1 && (ranked || counted)
}

/// Numbers that follow each other, as the steps of a scale do, from 0 or 1.
fn is_short_count(words: &[&str]) -> bool {
    let digits = |word: &&str| word.chars().filter(char::is_ascii_digit).collect::<String>().parse::<usize>().ok();
    let mut numbers: Vec<usize> = words.iter().filter_map(digits).collect();
    numbers.sort_unstable();
    let first = numbers.first().copied().unwrap_or(9);
    first <= 1 && numbers.len() == words.len() && numbers.iter().enumerate().all(|(at, number)| *number == first + at)
}

/// Where a word stands among others, for the order of lines.
pub fn order(text: &str) -> impl Ord + use<> {
    step(text).rank.map(|(rank, _)| rank)
}

fn steps<'a>(words: &[&'a str]) -> Vec<Step<'a>> {
    words.iter().map(|word| step(word)).collect()
}

fn step(text: &str) -> Step<'_> {
    let name = Name::new(text);
    let digits = |token: &String| token.bytes().all(|byte| byte.is_ascii_digit());
    let kind = match &name.tokens[..] {
        [number] if digits(number) => Kind::Bare,
        [letter, number] if ["p", "s", "sev", "prio"].contains(&letter.as_str()) && digits(number) => {
            number.parse().map_or(Kind::Bare, Kind::Lettered)
        }
        _ => Kind::Word,
    };
    let words: Vec<String> = name
        .tokens
        .iter()
        .filter(|token| !digits(token) && !matches!(token.as_str(), "p" | "prio" | "priority"))
        .cloned()
        .collect();
    let rank =
        RANKS.iter().find(|(_, _, known)| known.contains(&words.concat().as_str())).map(|(rank, strength, _)| (*rank, *strength));
    Step { text, name, rank, kind }
}

/// What each word of a scale becomes, in the source's order. `kin`: both desks are of one vendor.
pub fn pair_scales(sources: &[&str], targets: &[&str], kin: bool) -> Vec<Answer> {
    let (here, there) = (steps(sources), steps(targets));
    let alike = sources.len() == targets.len() && sources.iter().all(|word| targets.contains(word));
    let scene = Scene { here: &here, there: &there, one_system: kin && alike };
    here.iter().map(|source| scene.answer(source)).collect()
}

struct Scene<'a> {
    here: &'a [Step<'a>],
    there: &'a [Step<'a>],
    one_system: bool,
}

impl Scene<'_> {
    fn answer(&self, source: &Step<'_>) -> Answer {
        let alike = |step: &&Step<'_>| likeness(&source.name, &step.name, &[]).is_some_and(|likeness| likeness <= Likeness::Form);
        let same = |step: &&Step<'_>| step.text == source.text;
        let spelt: Vec<&Step<'_>> = self.there.iter().filter(alike).collect();
        match (self.there.iter().find(same), &spelt[..]) {
            (Some(target), _) => self.same(source, target, "the same word"),
            (None, [target]) => self.same(source, target, "the same word but for capitals and signs"),
            (None, []) => self.by_rank(source),
            (None, several) => {
                let texts: Vec<&str> = several.iter().map(|step| step.text).collect();
                Answer::Gap(format!("it could be {}", shown(&texts)))
            }
        }
    }

    fn same(&self, source: &Step<'_>, target: &Step<'_>, why: &str) -> Answer {
        let found = Answer::sure(target.text, why);
        let rivals =
            self.here.iter().filter(|other| likeness(&other.name, &target.name, &[]).is_some_and(|like| like <= Likeness::Form));
        if self.one_system {
            return found;
        }
        let shifted =
            self.place(self.here, source).zip(self.place(self.there, target)).is_some_and(|(here, there)| here != there);
        found
            .doubted(source.kind == Kind::Bare, "a number does not say which end is the urgent one")
            .doubted(shifted && self.here.len() == self.there.len(), "it stands at another place of the scale")
            .doubted(source.text != target.text && rivals.count() > 1, "another word of the source fits as well")
    }

    /// Where a step stands from below, if every step of its scale is known.
    fn place(&self, scale: &[Step<'_>], step: &Step<'_>) -> Option<usize> {
        let mut ranks = scale.iter().map(|step| step.rank.map(|(rank, _)| rank)).collect::<Option<Vec<u8>>>()?;
        ranks.sort_unstable();
        let before = ranks.len();
        ranks.dedup();
        (ranks.len() == before).then(|| ranks.iter().position(|rank| step.rank.is_some_and(|(own, _)| own == *rank)))?
    }

    fn by_rank(&self, source: &Step<'_>) -> Answer {
        let offers: Vec<&str> = self.there.iter().map(|step| step.text).collect();
        let none = || Answer::Gap(format!("nothing tells its place among {}", shown(&offers)));
        if let Kind::Lettered(number) = source.kind {
            return self.counted_from_above(number).unwrap_or_else(none);
        }
        let Some((rank, strength)) = source.rank else { return none() };
        let of = |scale: &[Step<'_>], wanted: u8| {
            scale.iter().filter(|step| step.rank.is_some_and(|(rank, _)| rank == wanted)).count()
        };
        let find = |wanted: u8| self.there.iter().find(|step| step.rank.is_some_and(|(rank, _)| rank == wanted));
        let nearest: &[u8] = match rank {
            0 => &[1],
            1 => &[0],
            3 => &[4],
            4 => &[3],
            _ => &[],
        };
        match find(rank) {
            Some(_) if of(self.there, rank) > 1 => none(),
            Some(target) => {
                let plain = strength == Strength::Plain && target.rank.is_some_and(|(_, strength)| strength == Strength::Plain);
                let alone = of(self.here, rank) == 1;
                let places = self.place(self.here, source).zip(self.place(self.there, target));
                let long_alike = self.here.len() == self.there.len();
                let placed = places.is_some_and(|(here, there)| here == there);
                let middle = rank == 2 && (placed || !long_alike);
                match plain && alone && (middle || (placed && long_alike)) {
                    true => Answer::sure(target.text, "another word for the same place of the scale"),
                    false => Answer::ask(target.text, "a word that may mean the same"),
                }
            }
            None => match nearest.iter().find_map(|rank| find(*rank)) {
                Some(target) => Answer::ask(target.text, "the nearest that the target has"),
                None => none(),
            },
        }
    }

    /// `P1` is the first from above.
    fn counted_from_above(&self, number: u32) -> Option<Answer> {
        let mut ranked: Vec<(u8, &str)> = self.there.iter().filter_map(|step| Some((step.rank?.0, step.text))).collect();
        ranked.sort_unstable();
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        (ranked.len() == self.here.len())
            .then(|| ranked.iter().rev().nth(at))?
            .map(|(_, text)| Answer::ask(text, "the first is usually the most urgent"))
    }
}

/// Whether the words are one yes and one no.
pub fn is_yes_or_no(words: &[&str]) -> bool {
    let mut values: Vec<bool> = words.iter().filter_map(|word| truth(word)).map(|(value, _)| value).collect();
    values.sort_unstable();
    words.len() == 2 && values == [false, true]
}

fn truth(word: &str) -> Option<(bool, Strength)> {
    let name = Name::new(word);
    TRUTHS.iter().find(|(_, _, words)| words.contains(&name.letters())).map(|(value, strength, _)| (*value, *strength))
}

/// Yes to yes, no to no; both lists are [`is_yes_or_no`].
pub fn pair_truths(sources: &[&str], targets: &[&str]) -> Vec<Answer> {
    let answer = |source: &&str| {
        let found = truth(source).and_then(|(value, here)| {
            let target = targets.iter().find(|word| truth(word).is_some_and(|(other, _)| other == value))?;
            let plain = here == Strength::Plain && truth(target).is_some_and(|(_, there)| there == Strength::Plain);
            Some((target, plain || source == target))
        });
        match found {
            Some((target, true)) => Answer::sure(target, "yes is yes and no is no"),
            Some((target, false)) => Answer::ask(target, "it seems to mean yes or no"),
            None => Answer::Gap("it is neither yes nor no".to_string()),
        }
    };
    sources.iter().map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sources: &[&str], targets: &[&str]) -> Vec<String> {
        pair_scales(sources, targets, false).iter().map(Answer::told).collect()
    }

    #[test]
    fn the_same_word_at_another_place_is_asked() {
        let said = told(&["normal", "high", "urgent"], &["low", "medium", "high"]);
        assert_eq!(said, ["Ask medium", "Ask high", "Ask high"]);
        let said = told(&["low", "normal", "high", "urgent"], &["low", "medium", "high", "critical"]);
        assert_eq!(said, ["Sure low", "Sure medium", "Sure high", "Sure critical"]);
        let said = told(&["low", "normal", "high", "urgent"], &["low", "medium", "high", "critical", "highest"]);
        assert_eq!(said, ["Sure low", "Sure medium", "Sure high", "gap"]);
    }

    #[test]
    fn numbers_say_nothing() {
        assert!(is_scale(&["1", "2", "3"]) && is_scale(&["P1", "P2"]) && !is_scale(&["5", "10", "50"]));
        assert_eq!(told(&["1", "2"], &["1", "2"]), ["Ask 1", "Ask 2"]);
        assert_eq!(told(&["P1", "P2"], &["low", "urgent"]), ["Ask urgent", "Ask low"]);
        assert_eq!(told(&["1 - Critical", "2 - High"], &["high", "critical"]), ["Sure critical", "Sure high"]);
    }

    #[test]
    fn yes_is_yes_in_other_words() {
        assert!(is_yes_or_no(&["Yes", "No"]) && !is_yes_or_no(&["yes", "ja"]) && !is_yes_or_no(&["yes", "no", "maybe"]));
        assert_eq!(pair_truths(&["true", "false"], &["no", "yes"]).iter().filter(|answer| answer.is_sure()).count(), 2);
        assert_eq!(pair_truths(&["true"], &["ja", "nein"]).iter().filter(|answer| answer.is_sure()).count(), 0);
    }
}
