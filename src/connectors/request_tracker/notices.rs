//! Whom RT mailed about a ticket: the transactions in which it records its own mails, and whose transaction each answers.
//!
//! Seen on RT 5.0.3: a scrip's mail is recorded as an `EmailRecord` (`CommentEmailRecord`) by `RT_System`, after the transaction
//! that caused it. Its `Data` is the mail's Message-ID, `<rt-<version>-<…>.<ticket>-<scrip>-<n>@<organisation>>`; its headers name
//! the recipients and, in `X-RT-Originator`, the address of whoever caused it. REST2 shows no scrips, so they are told by number.
//! Nothing is recorded where `$RecordOutgoingEmail` is off, and shown only to users with the right `ShowOutgoingEmail`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use crate::connectors::fault::Fault;
use crate::desk::id::{PersonId, TicketId};
use crate::desk::notice::{After, Notice, Notices, Reached};
use crate::desk::person::Role;
use crate::desk::ticket::Actor;

use super::RequestTracker;
use super::api::{PAGE, call};
use super::mime::header;
use super::translate::actor;
use super::webhook::{is_mail_record, time};
use super::wire::{PartJson, TransactionJson, Word};

const RECORDS: &str = "ObjectType = 'RT::Ticket' AND (Type = 'EmailRecord' OR Type = 'CommentEmailRecord')";
const HISTORY_FIELDS: &str = "Type,Data,Creator,Created";
const PART_FIELDS: &str = "TransactionId,ContentType,Headers";
/// A scrip's mail is recorded within the transaction's own commit; what comes later was sent by a job that runs by the clock.
const AT_ONCE: TimeDelta = TimeDelta::seconds(60);

/// A transaction with what RT notes down beside it.
#[derive(Debug, Clone, Deserialize)]
pub struct Entry {
    #[serde(flatten)]
    pub transaction: TransactionJson,
    #[serde(default, rename = "Data")]
    pub data: Word,
}

impl RequestTracker {
    /// An RT that shows no record of any mail may keep none, or may not show them to us.
    pub(super) async fn keeps_no_mails(&self) -> Result<Option<String>, Fault> {
        let per_page = PAGE.to_string();
        let query = [
            ("query", RECORDS),
            ("orderby", "id"),
            ("order", "DESC"),
            ("fields", HISTORY_FIELDS),
            ("per_page", per_page.as_str()),
        ];
        let (page, _) = self.page::<Entry>(call("list mails"), &["transactions"], &query).await?;
        let shown = page.items.iter().any(|entry| is_mail_record(&entry.transaction.kind));
        Ok((!shown).then(|| {
            format!(
                "RT shows no record of any mail that it ever sent, so that it cannot be told whether it sends some: give `{}` the right \
                 ShowOutgoingEmail, see that $RecordOutgoingEmail is on, and answer a ticket of your own by hand",
                self.settings.user
            )
        }))
    }

    /// Two calls for a ticket about which nobody was mailed: its history, and an empty page that proves it whole.
    pub(super) async fn notices_of(&self, ticket: &TicketId, since: DateTime<Utc>) -> Result<Notices, Fault> {
        let path = ["ticket", ticket.as_str(), "history"];
        let history: Vec<Entry> = self.all(call("read history"), &path, &[("fields", HISTORY_FIELDS)]).await?;
        if history.is_empty() {
            return Ok(Notices::Untold(format!("RT does not show ticket {ticket} any more")));
        }
        let new = |entry: &&Entry| {
            is_mail_record(&entry.transaction.kind) && time(&entry.transaction.created).is_some_and(|at| at >= since)
        };
        let records: Vec<&str> = history.iter().filter(new).map(|entry| entry.transaction.id.0.as_str()).collect();
        if records.is_empty() {
            return Ok(Notices::Told(Vec::new()));
        }
        let parts: Vec<PartJson> = self.parts_of(ticket.as_str(), "TransactionId", &records, PART_FIELDS).await?;
        let mails = records.iter().map(|record| ((*record).to_string(), mail(record, &parts))).collect();
        let people = self.kinds_of(&mails).await?;
        let own = self.person_by_id(&PersonId::new(&self.settings.user)).await?.and_then(|person| person.email);
        let known = Known { user: &self.settings.user, own: own.as_deref(), people };
        let mut told = notices(&history, &mails, &known);
        told.retain(|notice| notice.at >= since);
        Ok(Notices::Told(told))
    }

    async fn kinds_of(&self, mails: &BTreeMap<String, Mail>) -> Result<BTreeMap<String, Role>, Fault> {
        let mut kinds = BTreeMap::new();
        for address in mails.values().flat_map(|mail| &mail.to).collect::<BTreeSet<_>>() {
            let found = self.users_with("EmailAddress", address, "Name,EmailAddress").await?;
            let Some(user) = found.iter().find(|user| user.email_address.eq_ignore_ascii_case(address)) else { continue };
            // The list does not tell who is privileged.
            let person = self.person_by_id(&PersonId::new(&user.name)).await?;
            kinds.extend(person.map(|person| (address.clone(), person.role)));
        }
        Ok(kinds)
    }
}

/// What is needed of a mail's headers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mail {
    /// Addresses, in lower case.
    pub to: BTreeSet<String>,
    /// The address of whoever caused it, in lower case; RT leaves it out where it has none.
    pub originator: Option<String>,
}

/// What is known of the people of a history.
pub struct Known<'a> {
    /// Our own user, and its address.
    pub user: &'a str,
    pub own: Option<&'a str>,
    /// By address, in lower case.
    pub people: BTreeMap<String, Role>,
}

fn mail(record: &str, parts: &[PartJson]) -> Mail {
    let own = parts.iter().find(|part| part.transaction_id.0 == record && part.headers.contains("X-RT-Ticket"));
    own.map(|part| headers(&part.headers)).unwrap_or_default()
}

/// Reads the headers of a mail that RT sent.
pub fn headers(text: &str) -> Mail {
    let of = |name: &str| header(text, name).unwrap_or_default();
    let to = ["to", "cc", "bcc"].map(of).join(",");
    Mail { to: to.split(',').filter_map(address).collect(), originator: address(&of("x-rt-originator")) }
}

/// `"Kim" <kim@example.test>` or the address alone. Not a placeholder such as `undisclosed-recipients:;`.
fn address(text: &str) -> Option<String> {
    let inner = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end().trim_end_matches('>'));
    let inner = inner.trim().to_lowercase();
    inner.contains('@').then_some(inner)
}

/// The mails of a history that have a record among `mails`, oldest first.
pub fn notices(history: &[Entry], mails: &BTreeMap<String, Mail>, known: &Known<'_>) -> Vec<Notice> {
    let mut by_age: Vec<&TransactionJson> = history.iter().map(|entry| &entry.transaction).collect();
    by_age.sort_by_key(|transaction| transaction.number());
    let told = |(place, transaction): (usize, &&TransactionJson)| {
        let mail = mails.get(&transaction.id.0)?;
        let data = history.iter().find(|entry| entry.transaction.id == transaction.id).map(|entry| entry.data.0.as_str());
        Some(Notice {
            id: transaction.id.0.clone(),
            rule: data.and_then(scrip).map_or_else(|| "a scrip".to_string(), |number| format!("scrip {number}")),
            to: reached(mail, known),
            at: time(&transaction.created)?,
            after: after(transaction, &by_age[..place], mail, known),
        })
    };
    by_age.iter().enumerate().filter_map(told).collect()
}

/// Who caused a mail: whom its header names; where that says nothing, whoever's transaction it follows at once.
fn after(record: &TransactionJson, before: &[&TransactionJson], mail: &Mail, known: &Known<'_>) -> After {
    let acts: Vec<&&TransactionJson> = before.iter().filter(|transaction| !is_mail_record(&transaction.kind)).collect();
    let by = |transaction: &TransactionJson| actor(&transaction.creator.id.0, known.user);
    let cause = acts.iter().rev().find(|transaction| by(transaction) != Actor::Rule);
    let at_once = |cause: &TransactionJson| {
        let (then, now) = (time(&cause.created), time(&record.created));
        then.zip(now).is_some_and(|(then, now)| now - then <= AT_ONCE)
    };
    match (cause, mail.originator.as_deref(), known.own) {
        (Some(cause), ..) if !at_once(cause) => After::by_the_clock(acts.iter().map(|transaction| by(transaction))),
        (_, Some(originator), Some(own)) if originator.eq_ignore_ascii_case(own) => After::Us,
        (_, Some(_), _) => After::Person,
        (Some(cause), ..) if by(cause) == Actor::Us => After::Us,
        _ => After::Person,
    }
}

/// The number of the scrip in a Message-ID of RT's.
fn scrip(message: &str) -> Option<&str> {
    let (_, end) = message.split('@').next()?.rsplit_once('.')?;
    let number = end.split('-').nth(1)?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number).filter(|number| !number.is_empty() && *number != "0")
}

fn reached(mail: &Mail, known: &Known<'_>) -> Reached {
    let mut reached = Reached::default();
    for address in &mail.to {
        match known.people.get(address) {
            Some(Role::Customer) => reached.customers += 1,
            Some(Role::Agent) => reached.agents += 1,
            None => reached.others += 1,
        }
    }
    reached
}
