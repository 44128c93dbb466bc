//! Patterns of fields, as desks write them: Ruby's and Perl's. What they share with ours is read; the rest is told as not to be read.

use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::util::syntax;

/// A pattern that a text has to match somewhere.
pub struct Pattern {
    /// As the desk writes it.
    pub text: String,
    /// `None`: we cannot read it.
    machine: Option<PikeVM>,
}

impl Pattern {
    /// Reads it. A comment `(?#…)` is Perl's way to name a pattern for people.
    pub fn read(text: &str) -> Self {
        let plain = without_comments(text).replace(r"\Z", r"\z");
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let thompson = PikeVM::config();
        let machine = PikeVM::builder().configure(thompson).syntax(syntax).build(&plain).ok();
        Self { text: text.to_string(), machine }
    }

    /// Whether the text matches; `None` where the pattern cannot be read.
    pub fn matches(&self, text: &str) -> Option<bool> {
        let machine = self.machine.as_ref()?;
        Some(machine.is_match(&mut machine.create_cache(), text))
    }
}

fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("(?#") {
        out.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_both_desks_are_read_and_others_are_told() {
        let serial = Pattern::read(r"\A[A-Z]{2}-[0-9]{4}\z");
        assert_eq!((serial.matches("AB-1234"), serial.matches("AB-12345")), (Some(true), Some(false)));
        let number = Pattern::read(r"(?#Integer)^([-+]?\d+)?$");
        assert_eq!((number.matches("-12"), number.matches(""), number.matches("1.5")), (Some(true), Some(true), Some(false)));
        assert_eq!(Pattern::read(r"^(?!x)y").matches("y"), None, "looking ahead is beyond us");
    }
}
