//! Whether values of one kind of field can stand in another, and what it costs.

use crate::desk::schema::FieldKind;

/// How a value travels from one kind into another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// As it is, and back again.
    Whole,
    /// With something lost, or only some values.
    Partly,
    /// Word by word, through a table that lets every word through.
    ByTable,
}

/// How values of `from` fit into `to`; `None`: they do not. What fits here is what [`crate::config::values`] takes.
pub fn fit(from: FieldKind, to: FieldKind) -> Option<Fit> {
    use FieldKind::{
        Checkbox, Choice, Date, DateTime, Decimal, Integer, LongText, MultiChoice, People, Person, Reference, Text, Words,
    };
    match (from, to) {
        // An id means nothing in another desk.
        (Reference, _) | (_, Reference) => None,
        (from, to) if from == to => Some(Fit::Whole),
        (Person | People, _) | (_, Person | People) => None,
        (Text, LongText) | (Integer, Decimal) => Some(Fit::Whole),
        (MultiChoice, Words) | (Words, MultiChoice) => Some(Fit::Partly),
        (MultiChoice | Words, _) => None,
        (_, Text | LongText | Words) | (_, Choice | MultiChoice) | (Date, DateTime) => Some(Fit::Partly),
        (Text, Integer | Decimal | Date | DateTime) | (Choice, Checkbox) => Some(Fit::ByTable),
        _ => None,
    }
}
