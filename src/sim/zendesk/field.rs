//! The account's ticket fields, and the couple that Zendesk makes of them: the value of a drop-down, a multi-select or a
//! check box *is* a tag of the ticket. Setting the field sets the tag; taking the tag away clears the field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::answer::Refusal;
use super::call::truth;
use super::stock::Stock;
use super::ticket::Ticket;

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Textarea,
    /// With the tag that a ticked box sets.
    Checkbox(&'static str),
    Date,
    Integer,
    Decimal,
    /// Two capitals, a dash, four digits.
    Regexp,
    /// Name and tag of each option.
    Tagger(&'static [(&'static str, &'static str)]),
    Multiselect(&'static [(&'static str, &'static str)]),
    /// A user by id.
    Lookup,
    /// A card's number, of which the last four digits are kept.
    CreditCard,
}

/// One of the account's own fields.
#[derive(Debug)]
pub struct Field {
    pub id: u64,
    pub title: &'static str,
    pub kind: Kind,
}

/// The account's own fields: one of every kind, and some more.
pub const FIELDS: [Field; 18] = [
    Field { id: 360_010_001, title: "Order number", kind: Kind::Text },
    Field { id: 360_010_002, title: "Root cause", kind: Kind::Textarea },
    Field { id: 360_010_003, title: "VIP", kind: Kind::Checkbox("vip_customer") },
    Field { id: 360_010_004, title: "Renewal date", kind: Kind::Date },
    Field { id: 360_010_005, title: "Seats", kind: Kind::Integer },
    Field { id: 360_010_006, title: "Refund amount", kind: Kind::Decimal },
    Field { id: 360_010_007, title: "Serial", kind: Kind::Regexp },
    Field {
        id: 360_010_008,
        title: "Product",
        kind: Kind::Tagger(&[
            ("Mast", "product_mast"),
            ("Sail", "product_sail"),
            ("Rudder", "product_rudder"),
            ("Hull::Wood", "product_hull_wood"),
            ("Hull::Steel", "product_hull_steel"),
        ]),
    },
    Field {
        id: 360_010_009,
        title: "Topics",
        kind: Kind::Multiselect(&[("Shipping", "topic_shipping"), ("Invoice", "topic_invoice"), ("Bug", "topic_bug")]),
    },
    Field { id: 360_010_010, title: "Account manager", kind: Kind::Lookup },
    Field { id: 360_010_011, title: "Card", kind: Kind::CreditCard },
    Field { id: 360_010_012, title: "City", kind: Kind::Text },
    Field { id: 360_010_013, title: "Host", kind: Kind::Text },
    Field { id: 360_010_014, title: "Network", kind: Kind::Text },
    Field { id: 360_010_015, title: "Callback", kind: Kind::Text },
    Field { id: 360_010_016, title: "Terms", kind: Kind::Textarea },
    Field { id: 360_010_017, title: "Wiki", kind: Kind::Textarea },
    Field {
        id: 360_010_018,
        title: "Channels",
        kind: Kind::Multiselect(&[("Mail", "channel_mail"), ("Phone", "channel_phone")]),
    },
];

/// Ids of the fields that every account has, by type.
pub const SYSTEM: [(u64, &str, &str); 8] = [
    (360_000_001, "subject", "Subject"),
    (360_000_002, "description", "Description"),
    (360_000_003, "status", "Status"),
    (360_000_004, "tickettype", "Type"),
    (360_000_005, "priority", "Priority"),
    (360_000_006, "group", "Group"),
    (360_000_007, "assignee", "Assignee"),
    (360_000_008, "custom_status", "Ticket status"),
];

/// A field by id.
pub fn by_id(id: u64) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.id == id)
}

/// A field by title, whatever the case.
pub fn by_title(title: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.title.eq_ignore_ascii_case(title.trim()))
}

impl Kind {
    /// Zendesk's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Textarea => "textarea",
            Kind::Checkbox(_) => "checkbox",
            Kind::Date => "date",
            Kind::Integer => "integer",
            Kind::Decimal => "decimal",
            Kind::Regexp => "regexp",
            Kind::Tagger(_) => "tagger",
            Kind::Multiselect(_) => "multiselect",
            Kind::Lookup => "lookup",
            Kind::CreditCard => "partialcreditcard",
        }
    }

    /// The options of a choice.
    pub fn options(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Kind::Tagger(options) | Kind::Multiselect(options) => options,
            _ => &[],
        }
    }
}

impl Field {
    /// The tags that a value of this field stands for.
    pub fn tags_of(&self, value: Option<&Value>) -> BTreeSet<String> {
        match (self.kind, value) {
            (Kind::Checkbox(tag), Some(Value::Bool(true))) => BTreeSet::from([tag.to_string()]),
            (Kind::Tagger(_), Some(Value::String(tag))) => BTreeSet::from([tag.clone()]),
            (Kind::Multiselect(_), Some(Value::Array(tags))) => {
                tags.iter().filter_map(|tag| tag.as_str().map(str::to_string)).collect()
            }
            _ => BTreeSet::new(),
        }
    }

    /// The value as stored, where these are the tags of the options: `None` is empty. Errors: 422 for values that the field does not take.
    pub fn read(&self, value: &Value, options: &[String]) -> Result<Option<Value>, Refusal> {
        if value.is_null() || value.as_str().is_some_and(str::is_empty) {
            return Ok(None);
        }
        let read = match self.kind {
            Kind::Text | Kind::Textarea => plain(value).map(Value::String),
            Kind::Checkbox(_) => return Ok(truth(Some(value)).then_some(Value::Bool(true))),
            Kind::Date => {
                plain(value).map(|text| text.chars().take(10).collect::<String>()).filter(|text| is_date(text)).map(Value::String)
            }
            Kind::Integer => plain(value).filter(|text| text.parse::<i64>().is_ok()).map(Value::String),
            Kind::Decimal => plain(value).filter(|text| text.parse::<f64>().is_ok()).map(Value::String),
            Kind::Regexp => plain(value).filter(|text| is_serial(text)).map(Value::String),
            Kind::Tagger(_) => plain(value).and_then(|tag| option_tag(options, &tag)).map(Value::String),
            Kind::Multiselect(_) => return read_many(self, options, value),
            Kind::CreditCard => plain(value).and_then(|text| last_four(&text)).map(Value::String),
            Kind::Lookup => plain(value).filter(|text| text.parse::<u64>().is_ok()).map(Value::String),
        };
        read.map(Some).ok_or_else(|| self.invalid(value))
    }

    fn invalid(&self, value: &Value) -> Refusal {
        let what = format!("{}: '{}' is not a valid value", self.title, plain(value).unwrap_or_default());
        Refusal::invalid("base", &what, "InvalidValue")
    }
}

fn read_many(field: &Field, options: &[String], value: &Value) -> Result<Option<Value>, Refusal> {
    let words: Vec<String> = match value {
        Value::Array(list) => list.iter().filter_map(plain).collect(),
        other => plain(other).into_iter().collect(),
    };
    let mut tags = BTreeSet::new();
    for word in words {
        tags.insert(option_tag(options, &word).ok_or_else(|| field.invalid(&Value::String(word)))?);
    }
    Ok((!tags.is_empty()).then(|| json!(tags)))
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn option_tag(options: &[String], word: &str) -> Option<String> {
    options.iter().find(|tag| tag.eq_ignore_ascii_case(word)).cloned()
}

fn is_date(text: &str) -> bool {
    chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// A number of 12 to 19 digits, masked; one that was masked before, as forms send it (9 to 15 `X`, four digits), stays.
fn last_four(text: &str) -> Option<String> {
    let number: String = text.chars().filter(|letter| !matches!(letter, ' ' | '-')).collect();
    let (hidden, shown) = number.split_at_checked(number.len().checked_sub(4)?)?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let masked = (9..=15).contains(&hidden.len()) && hidden.bytes().all(|byte| byte == b'X');
    let whole = (8..=15).contains(&hidden.len()) && digits(hidden);
    ((masked || whole) && digits(shown)).then(|| format!("{}{shown}", "X".repeat(hidden.len())))
}

fn is_serial(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 7
        && bytes[..2].iter().all(u8::is_ascii_uppercase)
        && bytes[2] == b'-'
        && bytes[3..].iter().all(u8::is_ascii_digit)
}

/// Replaces the tags of a ticket, and sets or clears the fields whose options came or went with them.
pub fn set_tags(ticket: &mut Ticket, tags: BTreeSet<String>, stock: &Stock) {
    let gained: BTreeSet<String> = tags.difference(&ticket.tags).cloned().collect();
    ticket.tags = tags;
    for field in &FIELDS {
        match field.kind {
            Kind::Checkbox(tag) if ticket.tags.contains(tag) => {
                ticket.custom.insert(field.id, Value::Bool(true));
            }
            Kind::Checkbox(_) => {
                ticket.custom.remove(&field.id);
            }
            Kind::Tagger(_) => choose_one(ticket, field.id, &stock.options(field), &gained),
            Kind::Multiselect(_) => {
                let chosen: BTreeSet<String> = stock.options(field).into_iter().filter(|tag| ticket.tags.contains(tag)).collect();
                put(&mut ticket.custom, field.id, (!chosen.is_empty()).then(|| json!(chosen)));
            }
            _ => {}
        }
    }
}

/// Of several options of a drop-down among the tags the newly set one wins, and the others leave the tags.
fn choose_one(ticket: &mut Ticket, id: u64, options: &[String], gained: &BTreeSet<String>) {
    let present: Vec<&String> = options.iter().filter(|tag| ticket.tags.contains(*tag)).collect();
    let chosen = present.iter().find(|tag| gained.contains(**tag)).or(present.first()).copied();
    for other in present.iter().filter(|tag| Some(**tag) != chosen) {
        ticket.tags.remove(*other);
    }
    put(&mut ticket.custom, id, chosen.map(|tag| Value::String(tag.clone())));
}

/// Sets a field, and with it its tags.
pub fn set_field(ticket: &mut Ticket, field: &'static Field, value: Option<Value>) {
    for tag in field.tags_of(ticket.custom.get(&field.id)) {
        ticket.tags.remove(&tag);
    }
    ticket.tags.extend(field.tags_of(value.as_ref()));
    put(&mut ticket.custom, field.id, value);
}

fn put(custom: &mut BTreeMap<u64, Value>, id: u64, value: Option<Value>) {
    match value {
        Some(value) => custom.insert(id, value),
        None => custom.remove(&id),
    };
}

/// A tag as Zendesk keeps it: lower case, white space as underscores. Several words make one tag.
pub fn tidy_tag(tag: &str) -> String {
    tag.trim().to_lowercase().split_whitespace().collect::<Vec<_>>().join("_")
}

/// Tags of a JSON list, or of a string with spaces or commas between them, as Zendesk keeps them.
pub fn tags_of(value: &Value) -> BTreeSet<String> {
    let tags: Vec<String> = match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(tidy_tag).collect(),
        Value::String(text) => text.split([' ', ',']).map(tidy_tag).collect(),
        _ => Vec::new(),
    };
    tags.into_iter().filter(|tag| !tag.is_empty()).collect()
}
