//! Deliveries of Tidegate's scrip (`deploy/request-tracker`): how they are signed and what they hint at. Pure.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::change::Hint;
use crate::connectors::contract::Steps;
use crate::connectors::delivery::{Encoding, Scheme, TimeFormat};
use crate::desk::id::TicketId;

use super::wire::{HookJson, HookTransaction, TransactionJson};

/// `X-RT-Signature: sha256=<hex>` over `<X-RT-Timestamp>.<body>`, the time in Unix seconds.
///
/// The scrip also sends `X-RT-Delivery`, which the signature does not cover: it is no delivery id, the body's digest is.
pub static SCHEME: Scheme = Scheme {
    signature: "x-rt-signature",
    encoding: Encoding::Hex("sha256="),
    time: "x-rt-timestamp",
    time_format: TimeFormat::UnixSeconds,
    separator: ".",
    public_secrets: &[],
    busy_status: 503,
};

/// As `deploy/request-tracker/README.md` has it.
pub static STEPS: Steps = Steps {
    register: &[
        "On RT's own machine, in the directory deploy/request-tracker:",
        "  TIDEGATE_HOOK_URL={url} TIDEGATE_HOOK_SECRET={secret} \\",
        "      rt-setup-database-5 --action insert --skip-create --datafile \"$PWD/initialdata.pl\"",
        "  (TIDEGATE_RT_USER=NAME before it, if Tidegate's user is not called tidegate.)",
        "Or on RT's pages: Admin, Global, Scrips, Create: `Tidegate: webhook`, condition On Transaction, action User Defined,",
        "  template Blank, stage Batch; the text of webhook.pl, with url and secret filled in. README.md beside it says all of it.",
    ],
    rotate: &[
        "On RT's own machine, in the directory deploy/request-tracker:",
        "  TIDEGATE_HOOK_URL={url} TIDEGATE_HOOK_SECRET={secret} \\",
        "      rt-setup-database-5 --action insert --skip-create --datafile \"$PWD/initialdata.pl\"",
        "Or on RT's pages: Admin, Global, Scrips, `Tidegate: webhook`, and put the secret between the quotes after `secret =>`.",
        "RT uses it within seconds; until then it signs with the former one, which is accepted too.",
    ],
    remove: &[
        "On RT's pages: Admin, Global, Scrips, `Tidegate: webhook`, and take the tick from Enabled.",
        "Until then RT goes on sending, and is answered 404.",
    ],
};

/// Transactions that only record a mail that RT sent.
const MAIL_RECORDS: [&str; 2] = ["EmailRecord", "CommentEmailRecord"];

/// What a delivery hints at: one hint for each ticket and transaction, none for what `us` (our user's Name) did, which is
/// the echo of our own writes, nor for records of mail. Errors: a sentence on why the body cannot be read.
pub fn hints(body: &[u8], us: &str) -> Result<Vec<Hint>, String> {
    let hook: HookJson = serde_json::from_slice(body)
        .map_err(|error| format!("the body is not what Tidegate's scrip sends ({error}); is the scrip an old version?"))?;
    let mut hints = Vec::new();
    for transaction in &hook.transactions {
        if is_echo(&transaction.kind, &transaction.creator, us) {
            continue;
        }
        let at = time(&transaction.created).ok_or_else(|| format!("`{}` is no time", transaction.created))?;
        let also = [Some(hook.ticket.id.0.as_str()), merged_into(transaction)];
        hints.extend(of_transaction(&transaction.id.0, &transaction.ticket_id.0, also, &transaction.kind, at));
    }
    Ok(hints)
}

/// The hints of a transaction of the feed; the same evidence as from a delivery. A merge hints at both tickets.
pub fn feed_hints(transaction: &TransactionJson, us: &str) -> Vec<Hint> {
    if !transaction.is_shown() || is_echo(&transaction.kind, &transaction.creator.id.0, us) {
        return Vec::new();
    }
    let Some(at) = time(&transaction.created) else { return Vec::new() };
    let merged = (transaction.field.0 == "MergedInto").then(|| ticket_of_uri(&transaction.new_value.0)).flatten();
    of_transaction(&transaction.id.0, &transaction.object_id.0, [merged, None], &transaction.kind, at)
}

/// Our own doing, or a record of mail: nothing to look at.
fn is_echo(kind: &str, creator: &str, us: &str) -> bool {
    MAIL_RECORDS.contains(&kind) || creator == us
}

/// One hint for the transaction's own ticket, with the evidence that every witness gives; one more for each other ticket
/// that it touches.
fn of_transaction(id: &str, ticket: &str, also: [Option<&str>; 2], kind: &str, at: DateTime<Utc>) -> Vec<Hint> {
    let others: BTreeSet<&str> = also.into_iter().flatten().filter(|other| *other != ticket).collect();
    let hint = |ticket: &str, evidence: String| Hint {
        ticket: TicketId::new(ticket),
        what: kind.to_string(),
        evidence,
        least_stamp: Some(id.to_string()),
        feed_stamp: Some(format!("txn:{id}")),
        at,
    };
    let mut hints = vec![hint(ticket, format!("txn:{id}"))];
    hints.extend(others.into_iter().map(|other| hint(other, format!("txn:{id}:{other}"))));
    hints
}

fn merged_into(transaction: &HookTransaction) -> Option<&str> {
    let field = transaction.field.as_ref()?;
    if field.0 != "MergedInto" {
        return None;
    }
    ticket_of_uri(&transaction.new_value.as_ref()?.0)
}

/// The number at the end of `fsck.com-rt://<organisation>/ticket/<number>`.
fn ticket_of_uri(uri: &str) -> Option<&str> {
    let (_, number) = uri.rsplit_once("/ticket/")?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(number).filter(|number| !number.is_empty())
}

/// A time as RT writes it.
pub fn time(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}

/// Whether a transaction only records a mail.
pub fn is_mail_record(kind: &str) -> bool {
    MAIL_RECORDS.contains(&kind)
}
