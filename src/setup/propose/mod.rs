//! Proposes the mapping of a mirror: looks at what two desks have, and writes lines into the mirror file. Pure.
//!
//! * `line`: what a proposal is made of. A guess is *sure* or *ask*, with its reason; a gap is a question.
//! * `spelling` takes names apart, `lexicon` is the words of helpdesks as data.
//! * `names`, `status`, `scale` find the target's word for each of the source's; `options` asks them, field by field.
//! * `fields` finds the target's field for each of the source's, by name and kind (`kinds`); `people` finds agents.
//! * `page` puts the lines into the file without touching what stands there.
//!
//! Nothing is *sure* because it looks right: what could also be meant otherwise, by another name beside it, another language, a
//! word that desks use differently, or a number that counts from either end, is asked.

pub mod fields;
pub mod kinds;
pub mod lexicon;
pub mod line;
pub mod names;
pub mod options;
pub mod page;
pub mod people;
pub mod scale;
pub mod spelling;
pub mod status;

use crate::config::mirror::MirrorConfig;
use crate::desk::field::FieldKey;
use crate::desk::person::Person;
use crate::desk::policy::Silence;
use crate::desk::schema::Schema;

use fields::Desks;
use line::{Line, Table, What};
use options::Couple;
use people::Staff;

/// One desk as it was found.
pub struct End {
    pub schema: Schema,
    /// Everybody who works or worked there, without our own user; `None` where the desk does not tell.
    pub agents: Option<Vec<Person>>,
}

/// Both desks as they were found.
pub struct Ends {
    pub source: End,
    pub target: End,
    /// How the target is kept from mailing anyone; for people.
    pub silence: &'static str,
}

/// The lines that the mirror file lacks, table by table.
pub fn propose(config: &MirrorConfig, ends: &Ends) -> Vec<Line> {
    let desks = Desks {
        source: &ends.source.schema,
        target: &ends.target.schema,
        mapping: &config.mapping,
        kin: config.source.vendor == config.target.vendor,
    };
    let mut lines: Vec<Line> = silence(config, ends.silence).into_iter().collect();
    if let (Some(here), Some(there)) = (&ends.source.agents, &ends.target.agents) {
        lines.extend(people::lines(&Staff::new(here), &Staff::new(there), &config.mapping));
    }
    let fields = fields::lines(&desks);
    let words = words(&desks, &fields);
    lines.extend(fields);
    lines.extend(words);
    lines
}

/// Nobody but an admin of the target can say that it mails nobody.
fn silence(config: &MirrorConfig, how: &str) -> Option<Line> {
    let what = What::Question {
        key: "silence".to_string(),
        offer: Some("admin-rule".to_string()),
        why: format!("is it done? What keeps the target from mailing people: {how}"),
    };
    (config.policy.silence == Silence::Proven).then_some(Line { table: Table::Policy, what })
}

/// The words of all fields that go somewhere; statuses first.
fn words(desks: &Desks<'_>, fields: &[Line]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (from, to, guessed) in fields::couples(desks, fields) {
        let couple = Couple { from, source: &desks.source.fields[from], to, target: &desks.target.fields[to], kin: desks.kin };
        let known = desks.mapping.tables.get(from);
        let doubt = guessed.then_some("the field itself is a guess");
        lines.extend(options::lines(&couple, known, doubt));
        if *from == FieldKey::Priority {
            lines.extend(options::counted(&couple, known));
        }
    }
    lines
}
