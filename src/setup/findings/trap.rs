//! Everything that can be found on the data, as a table. In the sentences `{n}` is how many tickets, `{of}` the field or what it is
//! about, `{values}` the words, `{limit}` what the target takes.

use super::finding::{NOTHING, Severity};

/// One kind of loss or change.
#[derive(Debug, PartialEq, Eq)]
pub struct Trap {
    /// The finding's name, before the field's.
    pub name: &'static str,
    pub severity: Severity,
    pub what: &'static str,
    pub cure: &'static str,
}

const fn risk(name: &'static str, what: &'static str, cure: &'static str) -> Trap {
    Trap { name, severity: Severity::Risk, what, cure }
}

const fn note(name: &'static str, what: &'static str, cure: &'static str) -> Trap {
    Trap { name, severity: Severity::Note, what, cure }
}

/// The mapping has no word for a value.
pub const UNMAPPED: Trap = risk(
    "unmapped",
    "in {n} \"{of}\" has a value that the mapping has no word for: {values}",
    "give the value a word under [map] in the mirror file; without it the ticket is parked, or comes without the field (`unmapped` under [policy])",
);
/// The target has no such option, group, form, status.
pub const NO_OPTION: Trap = risk(
    "no-option",
    "in {n} \"{of}\" would get a value that the target does not have: {values}",
    "make the value at the target, or map it to one that is there",
);
/// Several values, one place.
pub const MANY_TO_ONE: Trap = risk(
    "many-to-one",
    "in {n} \"{of}\" has several values, and the target's field holds one",
    "carry it into a field that holds several, or accept that one of them stays",
);
/// No number.
pub const NUMBER: Trap = risk(
    "number",
    "in {n} \"{of}\" is no number, which the target's field asks for",
    "mend the values, carry them into a text field, or map them under [map.options]",
);
/// No date.
pub const DATE: Trap = risk(
    "date",
    "in {n} \"{of}\" is no date, which the target's field asks for",
    "mend the values, carry them into a text field, or map them under [map.options]",
);
/// Neither true nor false.
pub const CHECKBOX: Trap = risk(
    "checkbox",
    "in {n} \"{of}\" is neither true nor false, which the target's check box asks for",
    "map the words to true and false under [map.options]",
);
/// The field's pattern does not match.
pub const PATTERN: Trap = risk(
    "pattern",
    "in {n} \"{of}\" holds what the target's field refuses: it has to match {limit}",
    "mend the values, change the pattern at the target, or carry them into a field without one",
);
/// We cannot read the pattern.
pub const PATTERN_UNREAD: Trap = Trap {
    name: "pattern-unread",
    severity: Severity::CannotTell,
    what: "the target's \"{of}\" has a pattern that Tidegate cannot read ({limit}), and a value in {n}",
    cure: "compare the values with the pattern yourself",
};
/// Required, and nothing comes into it.
pub const REQUIRED: Trap = risk(
    "required",
    "in {n} there is nothing for \"{of}\", which the target requires",
    "carry a field into it, give the empty value a word (\"\" = \"…\"), or make it optional at the target",
);
/// Required because of another field's value.
pub const DEPENDENT: Trap = risk(
    "dependent",
    "in {n} there is nothing for \"{of}\", which the target requires by a form's conditions ({values})",
    "carry a field into it, or change the conditions at the target",
);
/// Our user may not change the field.
pub const READ_ONLY: Trap = risk(
    "read-only",
    "in {n} there is a value for \"{of}\", which the target shows to our user and does not let it change",
    "give the credential the right to change it, carry the value into another field, or write \"ignore\" under [map.fields]",
);
/// The field is not in the ticket's group, or our user does not see it there.
pub const NOT_IN_GROUP: Trap = risk(
    "not-in-group",
    "in {n} there is a value for \"{of}\", and tickets of {values} at the target do not have this field, or do not show it to our user",
    "apply the field to these groups at the target and let our user see and change it, or carry the value into another field",
);
/// The subject is longer than the target takes.
pub const CUT_SUBJECT: Trap = risk(
    "cut-subject",
    "in {n} the subject is longer than the target's {limit} characters: it is cut",
    "shorten them, or accept the cut",
);
/// A message is longer than the target takes.
pub const CUT_MESSAGES: Trap = risk(
    "cut-messages",
    "longer than the {limit} bytes that the target takes: {times} in {n}. The rest is cut",
    "look at them in the old desk, or accept the cut",
);
/// More messages than a ticket can hold.
pub const LONG_THREADS: Trap = risk(
    "long-threads",
    "more than the {limit} messages that a ticket of the target holds: {n}",
    "split them in the old desk, or leave them out by a tag (`without-tags` under [scope])",
);
/// Tags are spelled otherwise.
pub const CHANGED_TAGS: Trap = risk(
    "changed-tags",
    "in {n} there are tags that the target spells otherwise (lower case, `_` for white space): {values}",
    "look whether rules or views name them, or accept the spelling",
);
/// Closed for good.
pub const CLOSED: Trap = note(
    "closed-tickets",
    "closed for good at the target, where nothing can be changed any more: {n}",
    "nothing, if they rest; if one of them goes on in the old desk, `closed` under [policy] says what happens",
);
/// Listed and not shown.
pub const NOT_SHOWN: Trap = risk(
    "not-shown",
    "listed by the source and not shown to our credential: {n}",
    "give the credential the right to see every ticket",
);
/// The desk refuses to show it, or nobody can read what it says.
pub const UNREADABLE: Trap =
    risk("unreadable", "not to be read: {n} ({values})", "read what the desk says; check version, address and rights");
/// Files over the limit.
pub const LARGE_FILES: Trap = risk(
    "large-files",
    "larger than the {limit} that the target takes: {times} in {n}. They stay behind, and the message says so",
    "keep them somewhere else, or accept it",
);
/// Files without a byte.
pub const EMPTY_FILES: Trap = risk(
    "empty-files",
    "without a byte, and the target refuses empty files: {times} in {n}. They stay behind, and the message says so",
    "accept it; there is nothing in them",
);
/// Malware.
pub const INFECTED_FILES: Trap = risk(
    "infected-files",
    "held back by the source, which found malware in them: {times} in {n}. They stay behind",
    "accept it, or have the old desk's admin release them",
);
/// The scan is not finished.
pub const PENDING_FILES: Trap = Trap {
    name: "pending-files",
    severity: Severity::CannotTell,
    what: "still being scanned for malware at the source: {times} in {n}. Their tickets wait for it",
    cure: "check again later, or accept it: the copy waits for the scan by itself",
};
/// Files of a kind that the target refuses.
pub const REFUSED_KINDS: Trap = risk(
    "refused-kinds",
    "of a kind that the target refuses ({values}): {times} in {n}. They stay behind, and the message says so",
    "keep them somewhere else, or accept it",
);
/// Files of a kind that the target may refuse.
pub const UNSURE_KINDS: Trap = Trap {
    name: "unsure-kinds",
    severity: Severity::CannotTell,
    what: "of a kind that desks often refuse ({values}): {times} in {n}. Which kinds the target refuses, its API does not tell",
    cure: "attach one by hand at the target and see; a file that it refuses stays behind, and the message says so",
};
/// Files of the desk itself that are no attachments.
pub const LOCKED_FILES: Trap = risk(
    "locked-files",
    "linking to a file of the source desk itself that is none of their own: {times} in {n}. Where a ticket that is copied has it, the link \
     leads there; else it vanishes with the desk, and may need its login",
    "attach the files in the old desk, or accept it",
);
/// Files of somebody else.
pub const FOREIGN_FILES: Trap = Trap {
    name: "foreign-files",
    severity: Severity::CannotTell,
    what: "linking to files that other hosts keep ({values}): {times} in {n}. The link is carried, not the file; whether it needs a login \
           is not tried",
    cure: "open some where nobody is signed in; attach in the old desk what your team will need, or accept it",
};
/// Images of the desk itself that are no attachments.
pub const LOCKED_IMAGES: Trap = risk(
    "locked-images",
    "showing an image of the source desk itself that is no attachment: {times} in {n}. It vanishes with the desk, and may need its login",
    "attach the images in the old desk, or accept it",
);
/// Images of somebody else.
pub const FOREIGN_IMAGES: Trap = note(
    "foreign-images",
    "showing images that other hosts keep ({values}): {times} in {n}. The link is carried, not the image",
    "nothing, if these hosts stay",
);
/// The target cannot say who wrote.
pub const AUTHORS: Trap =
    note("authors-as-text", "the target cannot keep who wrote: a line of text says so in {times} of {n}", NOTHING);
/// The target cannot say when.
pub const TIMES: Trap =
    note("times-as-text", "the target cannot keep when it was written: a line of text says so in {times} of {n}", NOTHING);
/// Neither, and no line says so.
pub const UNSIGNED: Trap = risk(
    "unsigned",
    "author or time would be lost of {times} in {n}: the target cannot keep them, and the mirror file forbids the line that says so",
    "write author-line = true under [policy]",
);
/// An agent who is gone, or was suspended.
pub const DEPARTED: Trap = risk(
    "departed-agents",
    "agents who left are not at the target: {values}. They are named in {n}: messages name them in a line of text, tickets of theirs come without assignee",
    "map them to others under [map.people], or accept it",
);
/// An agent who works at the source and not at the target.
pub const MISSING_AGENTS: Trap = risk(
    "missing-agents",
    "agents of the source who are no active agents at the target: {values}. They are named in {n}: messages may name them in a line of text, tickets of theirs come without assignee",
    "make them at the target, or map their addresses under [map.people]",
);
/// Customers without e-mail.
pub const NO_ADDRESS: Trap = risk(
    "no-address",
    "customers without an e-mail address are named in {n}: they become people to whom no mail can go",
    "give them an address in the old desk, or accept it",
);
/// One address, several people.
pub const SHARED_ADDRESS: Trap = risk(
    "shared-address",
    "customers who share an e-mail address with another are named in {n}: the target makes one person of them",
    "give each an address of their own, or accept it",
);
/// Suspended customers.
pub const SUSPENDED: Trap =
    note("suspended", "suspended customers are named in {n}: they are made suspended at the target", NOTHING);
/// No such organisation.
pub const NO_ORGANISATION: Trap = risk(
    "missing-organisations",
    "organisations that the target does not have: {values}, in {n}",
    "make them at the target, or write organisation = \"ignore\" under [map.fields]",
);
/// Followers are mailed whatever the rules say.
pub const FOLLOWERS: Trap = risk(
    "followers-mailed",
    "the target mails followers about every comment, and no rule of it holds that back ({values}): {n} with followers",
    "write followers = \"ignore\" under [map.fields] until your team has switched over, or turn followers off at the target meanwhile",
);
