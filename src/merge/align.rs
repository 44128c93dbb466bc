//! Which message of one conversation is which of another that somebody else copied: one to one, in order.
//!
//! Two real "Thanks" are two, so words alone never decide: messages are laid side by side in their order, by words, time and author, and
//! where that can be done in more than one way, those messages are in doubt.

/// A message as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// As [`super::digest::words`] spells them.
    pub words: String,
    /// Their letters and digits alone: tools break lines, take markup away and escape signs as they like.
    pub letters: String,
    /// Seconds of the era.
    pub at: i64,
    /// An address or name that means the same at both desks, in lower case.
    pub author: Option<String>,
    pub public: bool,
    pub files: usize,
}

/// Two conversations side by side; numbers are places from 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alignment {
    /// Old and new, in order.
    pub pairs: Vec<(usize, usize)>,
    /// Old ones without a counterpart.
    pub missing: Vec<usize>,
    /// Old ones that could as well be another's counterpart, or have none.
    pub doubtful: Vec<usize>,
}

/// Larger tables are not made: 16 MB.
const TABLE: usize = 4_000_000;

/// Lays two conversations side by side.
pub fn align(old: &[Said], new: &[Said]) -> Alignment {
    let first = matches(old, new, Prefer::Match);
    let last = matches(old, new, Prefer::Skip);
    let has = |pairs: &[(usize, usize)], place: usize| pairs.iter().any(|(old, _)| *old == place);
    let same = |pair: &(usize, usize)| last.contains(pair);
    let mut doubtful: Vec<usize> = first.iter().filter(|pair| !same(pair)).map(|(old, _)| *old).collect();
    doubtful.extend(last.iter().map(|(old, _)| *old).filter(|place| !has(&first, *place)));
    doubtful.sort_unstable();
    doubtful.dedup();
    let missing = (0..old.len()).filter(|place| !has(&first, *place) && !doubtful.contains(place)).collect();
    Alignment { pairs: first, missing, doubtful }
}

/// The letters and digits of words, in lower case.
pub fn letters(words: &str) -> String {
    words.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How sure it is that one is the other; 0: they are not.
fn weight(old: &Said, new: &Said) -> u32 {
    let same_time = old.at == new.at;
    let same_author = old.author.is_some() && old.author == new.author;
    let said = if old.words == new.words || !old.letters.is_empty() && old.letters == new.letters {
        16
    } else if within(old, new) {
        10
    } else if same_time && same_author {
        // Desks clean and re-code what they are given.
        8
    } else {
        return 0;
    };
    let more = [(same_time, 4), (same_author, 2), (old.public == new.public, 1), (old.files == new.files, 1)];
    said + more.iter().filter(|(holds, _)| *holds).map(|(_, points)| points).sum::<u32>()
}

/// So many letters are not by chance the end of something else.
const ENOUGH: usize = 12;

/// The old words with a line of the copying tool before or after them.
fn within(old: &Said, new: &Said) -> bool {
    let long = old.letters.len() >= ENOUGH;
    if long && (new.letters.ends_with(&old.letters) || new.letters.starts_with(&old.letters)) {
        return true;
    }
    let (old, new) = (old.words.as_str(), new.words.as_str());
    let apart = |rest: Option<&str>, edge: fn(&str) -> Option<char>| {
        rest.is_some_and(|rest| !rest.is_empty() && edge(rest).is_some_and(char::is_whitespace))
    };
    let after = apart(new.strip_suffix(old), |rest| rest.chars().last());
    let before = apart(new.strip_prefix(old), |rest| rest.chars().next());
    !old.is_empty() && (after || before)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefer {
    Match,
    Skip,
}

/// The heaviest way to lay them side by side; of equal ones the first that matches, or the last.
fn matches(old: &[Said], new: &[Said], prefer: Prefer) -> Vec<(usize, usize)> {
    // Long conversations that are mostly the same are cut to where they differ.
    let head = if old.len() * new.len() > TABLE { equal_head(old, new) } else { 0 };
    let (rest_old, rest_new) = (&old[head..], &new[head..]);
    let mut pairs: Vec<(usize, usize)> = (0..head).map(|place| (place, place)).collect();
    if rest_old.len() * rest_new.len() > TABLE {
        return pairs;
    }
    let width = rest_new.len() + 1;
    let mut best = vec![0_u32; (rest_old.len() + 1) * width];
    for i in (0..rest_old.len()).rev() {
        for j in (0..rest_new.len()).rev() {
            let weight = weight(&rest_old[i], &rest_new[j]);
            let matched = if weight > 0 { weight + best[(i + 1) * width + j + 1] } else { 0 };
            best[i * width + j] = matched.max(best[(i + 1) * width + j]).max(best[i * width + j + 1]);
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < rest_old.len() && j < rest_new.len() {
        let here = best[i * width + j];
        let weight = weight(&rest_old[i], &rest_new[j]);
        let can_match = weight > 0 && here == weight + best[(i + 1) * width + j + 1];
        let can_skip_old = here == best[(i + 1) * width + j];
        let can_skip_new = here == best[i * width + j + 1];
        match (can_match, can_skip_old, can_skip_new) {
            (true, skip_old, skip_new) if prefer == Prefer::Match || !(skip_old || skip_new) => {
                pairs.push((head + i, head + j));
                (i, j) = (i + 1, j + 1);
            }
            (_, true, _) => i += 1,
            _ => j += 1,
        }
    }
    pairs
}

fn equal_head(old: &[Said], new: &[Said]) -> usize {
    old.iter().zip(new).take_while(|(old, new)| old.words == new.words && old.public == new.public).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &str, at: i64) -> Said {
        Said { words: words.to_string(), letters: letters(words), at, author: None, public: true, files: 0 }
    }

    fn all(words: &[(&str, i64)]) -> Vec<Said> {
        words.iter().map(|(words, at)| said(words, *at)).collect()
    }

    #[test]
    fn the_same_words_in_order_are_the_same_messages() {
        let old = all(&[("Where is it?", 1), ("Thanks", 2), ("Hello", 3), ("Thanks", 4)]);
        let new = all(&[("Where is it?", 90), ("Jane wrote on Monday: Thanks", 91), ("Hello", 92), ("Thanks", 93)]);
        let found = align(&old, &new);
        assert_eq!(found, Alignment { pairs: vec![(0, 0), (1, 1), (2, 2), (3, 3)], ..Alignment::default() });
    }

    #[test]
    fn lines_and_markup_that_a_tool_made_otherwise_do_not_matter() {
        let old = all(&[("First line & more Second line", 1), ("Is it sent? It is.", 2), ("ok", 3)]);
        let new = all(&[("First line & moreSecond line", 7), ("From Jane: Is it sent?It is.", 8), ("a book", 9)]);
        assert_eq!(align(&old, &new).pairs, [(0, 0), (1, 1)]);
    }

    #[test]
    fn what_is_missing_is_told_where_it_is_sure() {
        let found = align(&all(&[("a", 1), ("b", 2), ("c", 3)]), &all(&[("a", 9), ("c", 9), ("of the new desk", 9)]));
        assert_eq!((found.pairs, found.missing, found.doubtful), (vec![(0, 0), (2, 1)], vec![1], vec![]));
    }

    #[test]
    fn two_that_read_alike_with_one_counterpart_are_in_doubt_unless_time_tells() {
        let found = align(&all(&[("a", 1), ("Thanks", 2), ("Thanks", 3)]), &all(&[("a", 9), ("Thanks", 9)]));
        assert_eq!((found.missing, found.doubtful), (vec![], vec![1, 2]));
        let found = align(&all(&[("a", 1), ("Thanks", 2), ("Thanks", 3)]), &all(&[("a", 1), ("Thanks", 3)]));
        assert_eq!((found.pairs, found.missing, found.doubtful), (vec![(0, 0), (2, 1)], vec![1], vec![]));
    }

    #[test]
    fn words_that_a_desk_changed_are_known_by_time_and_author() {
        let by = |words: &str, at, author: &str| Said { author: Some(author.to_string()), ..said(words, at) };
        let old = [by("<3 you", 1, "jane@x"), by("Bye", 2, "jane@x")];
        let new = [by("&lt;3 you", 1, "jane@x"), by("Good bye, all", 2, "tom@x")];
        let found = align(&old, &new);
        assert_eq!((found.pairs, found.missing), (vec![(0, 0)], vec![1]));
    }
}
