//! The gate of a switch: what has to hold before the other desk may lead. Each part says what was found and what would open it.
//!
//! Everything here speaks of what is in the ledger, at one moment, with traffic going on. What has to be waited for (the marked sequence)
//! and what has to be tried (the way back, the verdicts) is asked elsewhere and becomes a [`Gate`] like the others.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::clock::delta;
use crate::connectors::contract::Connector;
use crate::desk::Side;
use crate::desk::policy::Silence;
use crate::desk::survey::Told;
use crate::ledger::account::Account;
use crate::ledger::feed::Witness;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::status::{Feed, Status};
use crate::ledger::switch::Behind;
use crate::ledger::verdict::Standing;
use crate::ledger::webhook::Verdict;
use crate::ledger::{self, Ledger};

use super::parity::ForGate;

/// The word that passes by every gate that can be passed by.
pub const EVERY: &str = "all";
/// So many polls may be late before a desk counts as unheard.
const POLLS: i32 = 5;

/// One part of the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// The word to waive it by.
    pub name: &'static str,
    pub holds: bool,
    /// What was found, a sentence.
    pub found: String,
    /// The same without what may be words of a ticket, where there are any in it.
    #[serde(skip)]
    pub in_short: Option<String>,
    /// What would open it; empty where it is open.
    pub opens: String,
    /// Whoever asked for the switch passes it by.
    pub waived: bool,
    /// No reason passes it by: the switch could not be carried out.
    pub fixed: bool,
}

impl Gate {
    /// One that is open.
    pub fn open(name: &'static str, found: impl Into<String>) -> Self {
        let (found, opens) = (found.into(), String::new());
        Self { name, holds: true, found, in_short: None, opens, waived: false, fixed: false }
    }

    /// One that is shut.
    pub fn shut(name: &'static str, found: impl Into<String>, opens: impl Into<String>) -> Self {
        Self { holds: false, opens: opens.into(), ..Self::open(name, found) }
    }

    /// One that is shut, and whom nobody passes by.
    pub fn fixed(name: &'static str, found: impl Into<String>, opens: impl Into<String>) -> Self {
        Self { fixed: true, ..Self::shut(name, found, opens) }
    }

    /// The same for somebody who passes these by.
    pub fn waived_by(self, waived: &[String]) -> Self {
        let named = waived.iter().any(|name| name == EVERY || name == self.name);
        Self { waived: named && !self.holds && !self.fixed, ..self }
    }

    /// Whether the switch may go on.
    pub fn lets_through(&self) -> bool {
        self.holds || self.waived
    }

    /// What is kept of it.
    pub fn kept(&self) -> Kept {
        let found = self.in_short.as_ref().unwrap_or(&self.found).clone();
        Kept { name: self.name.to_string(), found, holds: self.holds, waived: self.waived }
    }
}

/// What is kept of a gate with the switch that looked at it: it outlives what is known of the tickets, and holds no words of theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub name: String,
    pub found: String,
    pub holds: bool,
    /// It was shut, and passed by.
    pub waived: bool,
}

/// How one desk is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ear {
    pub side: Side,
    /// The mirror file wants a webhook.
    pub webhook: bool,
    /// How often it is polled.
    pub every: Duration,
}

/// What the ledger says at one moment.
pub struct Facts {
    mirror: MirrorRow,
    /// Of all of the mirror: what bears on every window.
    status: Status,
    /// Of the windows that are to be switched.
    account: Account,
    /// The full copy is under way.
    copying: bool,
    /// A gateway is at work.
    served: bool,
    ears: [Ear; 2],
    witnesses: [Witness; 2],
    now: DateTime<Utc>,
}

impl Facts {
    /// Of a mirror and of the windows that are asked about (`None`: of all of it); whether a gateway is at work, and how it hears the desks.
    pub async fn read(
        ledger: &Ledger,
        (mirror, windows): (&str, Option<&[i64]>),
        (served, ears): (bool, [Ear; 2]),
        now: DateTime<Utc>,
    ) -> ledger::Result<Facts> {
        let mirror = ledger.mirror(mirror).await?;
        let id = mirror.id;
        Ok(Facts {
            mirror,
            status: ledger.status(id, now).await?,
            account: ledger.account(id, windows, now).await?,
            copying: ledger.backfill(id, false, now).await?.is_some(),
            served,
            ears,
            witnesses: [ledger.witness(id, Side::Source).await?, ledger.witness(id, Side::Target).await?],
            now,
        })
    }
}

/// The parts that the ledger alone answers. `longest`: older work shuts the gate.
pub fn gates(facts: &Facts, longest: Duration) -> Vec<Gate> {
    vec![mirror(facts), gateway(facts), polls(facts), webhooks(facts), lag(facts, longest), parked(facts), conflicts(facts)]
}

/// Those of them without which nobody would know what people do in the desks.
pub fn hears(facts: &Facts) -> Vec<Gate> {
    vec![mirror(facts), gateway(facts), polls(facts)]
}

fn mirror(facts: &Facts) -> Gate {
    let name = &facts.mirror.name;
    if let Some(why) = &facts.mirror.paused_why {
        return Gate::fixed("mirror", format!("the mirror is paused: {why}"), format!("tidegate mirror resume {name}"));
    }
    if let Some(blind) = facts.status.blind.first() {
        let opens = "give the credential the right to see its tickets back; the gateway notices by itself";
        return Gate::fixed("mirror", blind.why.clone(), opens);
    }
    if facts.copying {
        return Gate::fixed("mirror", "the full copy is under way", format!("wait until it is done: tidegate status {name}"));
    }
    Gate::open("mirror", format!("{} tickets are mirrored", facts.account.copied))
}

fn gateway(facts: &Facts) -> Gate {
    match facts.served {
        true => Gate::open("gateway", "a gateway is at work"),
        false => Gate::fixed("gateway", "no gateway is at work: nothing would be carried", "start tidegate serve"),
    }
}

fn feed(status: &Status, side: Side) -> &Feed {
    match side {
        Side::Source => &status.source,
        Side::Target => &status.target,
    }
}

fn polls(facts: &Facts) -> Gate {
    let trouble = |ear: &Ear| {
        let (desk, feed) = (desk_name(ear.side), feed(&facts.status, ear.side));
        let late = delta(ear.every) * POLLS + delta(Duration::from_secs(30));
        match (&feed.poll_fault, feed.polled_at) {
            (Some(fault), _) => Some(format!("the poll of the {desk} desk fails: {fault}")),
            (None, None) => Some(format!("the {desk} desk was never polled")),
            (None, Some(at)) if facts.now - at > late => {
                Some(format!("the {desk} desk was polled last at {}", at.format("%F %T UTC")))
            }
            _ => None,
        }
    };
    let troubles: Vec<String> = facts.ears.iter().filter_map(trouble).collect();
    match troubles.is_empty() {
        true => Gate::open("polls", "both desks are polled"),
        false => Gate::shut("polls", troubles.join("; "), "mend what the poll complains of; it goes on by itself"),
    }
}

fn webhooks(facts: &Facts) -> Gate {
    let (mut found, mut troubles) = (Vec::new(), Vec::new());
    for (ear, witness) in facts.ears.iter().zip(&facts.witnesses) {
        match deaf(ear, witness, feed(&facts.status, ear.side)) {
            Ok(how) => found.push(how),
            Err(why) => troubles.push(why),
        }
    }
    let (mirror, tell) = (&facts.mirror.name, "tidegate webhook");
    match troubles.is_empty() {
        true => Gate::open("webhooks", found.join("; ")),
        false => Gate::shut(
            "webhooks",
            troubles.join("; "),
            format!("{tell} {mirror} test, or {tell} {mirror} remove to be told by poll alone"),
        ),
    }
}

/// How a desk's webhook is heard, or why it is not.
fn deaf(ear: &Ear, witness: &Witness, feed: &Feed) -> Result<String, String> {
    let desk = desk_name(ear.side);
    if !ear.webhook || witness.removed_at.is_some() {
        return Ok(format!("the {desk} desk is polled by choice"));
    }
    if feed.webhook_silent {
        return Err(format!("the webhook of the {desk} desk is silent: the poll sees changes that it does not tell"));
    }
    let over = |at| witness.last_delivery_at > Some(at);
    if let (Some(at), Some(verdict), why) = (witness.tested_at, &witness.verdict, &witness.verdict_why)
        && Verdict::is_alarm(verdict)
        && !over(at)
    {
        return Err(format!("the webhook of the {desk} desk failed its last test: {}", why.as_deref().unwrap_or(verdict)));
    }
    match witness.last_delivery_at {
        None if witness.verdict.as_deref() == Some(Verdict::Proven.as_str()) => {
            Ok(format!("the {desk} desk's webhook passed its test"))
        }
        Some(at) => Ok(format!("the {desk} desk's webhook told something at {}", at.format("%F %T UTC"))),
        None => Err(format!("the webhook of the {desk} desk has never told anything")),
    }
}

fn lag(facts: &Facts, longest: Duration) -> Gate {
    let (waiting, oldest, limit) = (facts.account.waiting, facts.account.oldest_seconds, longest.as_secs_f64());
    if oldest <= limit {
        let found = format!("{waiting} tickets wait, the oldest for {oldest:.1} s");
        return Gate::open("lag", found);
    }
    Gate::shut(
        "lag",
        format!("the oldest of {waiting} waiting tickets has waited {oldest:.0} s, and the limit is {limit:.0} s"),
        format!("tidegate status {} tells what holds them up; --lag allows more", facts.mirror.name),
    )
}

fn parked(facts: &Facts) -> Gate {
    let Some(example) = &facts.account.parked_example else { return Gate::open("parked", "nothing waits for a person") };
    let count = format!("{} things wait for a person's decision", facts.account.parked);
    let opens = format!("tidegate parked list {}, then release or discard each", facts.mirror.name);
    Gate { in_short: Some(count.clone()), ..Gate::shut("parked", format!("{count}, one of them: {example}"), opens) }
}

fn conflicts(facts: &Facts) -> Gate {
    match facts.account.undecided {
        0 => Gate::open("conflicts", "no field waits for a decision"),
        count => Gate::shut(
            "conflicts",
            format!("{count} fields that both desks changed are undecided"),
            format!("tidegate conflicts list {}, then tidegate conflicts resolve", facts.mirror.name),
        ),
    }
}

/// What keeps the desk that is to follow from mailing people about what is written into it. `means`: its own, in words.
pub fn silence(follows: Side, said: Silence, means: &str) -> Gate {
    let (name, desk) = ("silence", desk_name(follows));
    let setting = if follows == Side::Source { "source-silence" } else { "silence" };
    match said {
        Silence::AdminRule => {
            Gate::open(name, format!("an admin has said that the {desk} desk mails nobody about what we write"))
        }
        Silence::MailAllowed => Gate::open(name, format!("the {desk} desk may mail people about what we write")),
        Silence::Proven => Gate::shut(
            name,
            format!("then we write into the {desk} desk, and nobody has said why it mails nobody about that"),
            format!(
                "see to what keeps it silent: {means}; then write {setting} = \"admin-rule\" under [policy] (\"mail-allowed\" if people may be \
                 mailed) and apply the mirror file"
            ),
        ),
    }
}

/// A desk's mails that are no tickets.
pub async fn held_mail(side: Side, desk: &dyn Connector) -> Gate {
    let held = desk.held_mail().await;
    let (name, desk) = ("held-mail", desk_name(side));
    let opens =
        format!("go through the suspended or spam queue of the {desk} desk: recover or delete what is there; it is not mirrored");
    match held {
        Ok(Told::Known(0)) => Gate::open(name, format!("the {desk} desk holds no mail back")),
        Ok(Told::Known(count)) => {
            Gate::shut(name, format!("the {desk} desk holds {count} mails back that are no tickets"), opens)
        }
        Ok(Told::CannotTell(why)) => Gate::shut(name, why, opens),
        Err(fault) => Gate::shut(name, format!("the {desk} desk cannot be asked for mails that it holds back: {fault}"), opens),
    }
}

/// The findings of the mirror file's check. `open`: what holds back, in words.
pub fn findings(open: Result<(), String>) -> Gate {
    match open {
        Ok(()) => Gate::open("findings", "every finding of the mirror file's check is mended or accepted"),
        Err(why) => Gate::shut("findings", why, "tidegate mirror check FILE, and tidegate mirror accept MIRROR FINDING"),
    }
}

/// The marked sequence. `within`: how long it was waited for.
pub fn applied(behind: &Behind, within: Duration) -> Gate {
    match behind.tickets {
        0 => Gate::open("applied", "everything known when the sequence was marked is applied"),
        count => {
            let count = format!("{count} tickets were not applied within {} s", within.as_secs());
            let found = format!("{count}: {}", behind.examples.join("; "));
            let opens = "mend what holds them up, or let it wait longer with --within";
            Gate { in_short: Some(count), ..Gate::shut("applied", found, opens) }
        }
    }
}

/// How all tickets compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Verdicts {
    pub equal: u64,
    pub explained: u64,
    /// Newer than what was compared.
    pub moving: u64,
    pub different: u64,
    /// Different, and somebody accepted it as it is.
    pub accepted: u64,
    /// Never compared, or not since they changed.
    pub unchecked: u64,
    /// Those of the different ones that no pair stands for.
    pub strays: u64,
}

impl From<ForGate> for Verdicts {
    /// A ticket that became stale while the others were judged is moving; one without a pair is a difference.
    fn from(all: ForGate) -> Self {
        let Standing { equal, explained, moving, different, accepted, unread, stale, never, .. } = all.pairs;
        let moving = moving + stale + all.strays_unsure;
        let (different, accepted) = (different + all.strays, accepted + all.strays_accepted);
        Self { equal, explained, moving, different, accepted, unchecked: unread + never, strays: all.strays }
    }
}

/// The verdicts. Those that are moving changed after the mark, and a gate waits for no silence.
pub fn parity(mirror: &str, verdicts: Result<Verdicts, String>) -> Gate {
    let opens = format!("tidegate check {mirror} tells which they are; what has to stay so: --accept TICKET --reason TEXT");
    match verdicts {
        Err(why) => Gate::shut("parity", format!("the tickets could not be compared: {why}"), opens),
        Ok(it) if it.different + it.unchecked > 0 => {
            let strays = match it.strays {
                0 => String::new(),
                strays => format!(
                    "; {strays} of them are of one desk alone or twice there, and count for every window that they may be in"
                ),
            };
            let found = format!("{} tickets differ and {} were not compared as they are now{strays}", it.different, it.unchecked);
            Gate::shut("parity", found, opens)
        }
        Ok(it) => {
            let moving = if it.moving > 0 { format!(", {} moving just now", it.moving) } else { String::new() };
            let accepted = if it.accepted > 0 { format!(", {} different and accepted so", it.accepted) } else { String::new() };
            Gate::open("parity", format!("{} tickets equal, {} explained{accepted}{moving}", it.equal, it.explained))
        }
    }
}

/// A desk as people call it.
pub fn desk_name(side: Side) -> &'static str {
    match side {
        Side::Source => "old",
        Side::Target => "new",
    }
}
