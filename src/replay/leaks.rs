//! The leak check: the target is asked whether it mailed or notified anybody because of us, and so is the source where replies go back. After each batch of writes, and again
//! an hour, a day and four days later, because some rules wait. One leak pauses the mirror.
//!
//! A mail that followed a person's act is no leak. Silence of a desk that does not tell of its mails is not called silence.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tracing::{error, info, warn};

use crate::clock::{Clock, delta};
use crate::connectors::fault::Fault;
use crate::connectors::http::{Priority, at_priority};
use crate::desk::Side;
use crate::desk::notice::{After, Notice, Notices};
use crate::desk::policy::Silence;
use crate::ledger::Ledger;
use crate::ledger::leak::{Findings, Full, Look, Verdict, WrittenTicket};
use crate::task::Next;

use super::course::Course;
use super::fate::{Fate, Result};

/// A batch ends after so many writes, or when its first one is so old, or with the full copy.
const FULL: Full = Full { writes: 2000, age: Duration::from_secs(600) };
/// The target is asked about so many tickets of a batch, first about those that got a public message.
pub const ASKED_AT_MOST: i64 = 300;
/// What a person orders is about the writes of so long.
pub const LOOKING_BACK: TimeDelta = TimeDelta::hours(96);
/// So far the clocks of a desk and of the gateway may be apart.
const CLOCKS: TimeDelta = TimeDelta::minutes(2);
/// A look that nobody has worked on for so long is another's.
const LEASE: Duration = Duration::from_secs(900);
/// So often a look says that it goes on.
const SIGN_OF_LIFE: usize = 25;
const CALM: Duration = Duration::from_secs(30);
/// After a desk that could not be asked.
const LATER: Duration = Duration::from_secs(120);

/// Asks one mirror's target.
pub struct LeakWatch {
    pub ledger: Ledger,
    pub clock: Clock,
    pub course: Arc<Course>,
}

impl LeakWatch {
    /// One activation: ends a full batch, and makes one look that is due.
    pub async fn activate(&self) -> Next {
        match self.step().await {
            Ok(true) => Next::Again,
            Ok(false) => Next::After(CALM),
            Err(fate) => {
                warn!(mirror = self.course.name, %fate, "whether a desk told anybody could not be asked; it is asked again");
                Next::After(LATER)
            }
        }
    }

    /// Whether there was something to do.
    async fn step(&self) -> Result<bool> {
        self.ledger.cut_batch(self.course.id, FULL, self.clock.now()).await?;
        let Some(look) = self.ledger.take_look(self.course.id, LEASE, self.clock.now()).await? else { return Ok(false) };
        self.see_through(&look).await?;
        Ok(true)
    }

    /// Asks at once about everything that was written lately. `None`: nothing was.
    pub async fn look_now(&self) -> Result<Option<Findings>> {
        let now = self.clock.now();
        let Some(look) = self.ledger.order_look(self.course.id, now - LOOKING_BACK, now).await? else { return Ok(None) };
        self.see_through(&look).await.map(Some)
    }

    /// A look that could not be ended is due again later.
    async fn see_through(&self, look: &Look) -> Result<Findings> {
        match at_priority(Priority::Check, self.look(look)).await {
            Ok(findings) => {
                self.ledger.end_look(look, &findings, self.clock.now()).await?;
                self.tell(&findings);
                Ok(findings)
            }
            Err(fate) => {
                self.ledger.put_look_off(look, self.clock.now() + delta(LATER)).await?;
                Err(fate)
            }
        }
    }

    fn tell(&self, findings: &Findings) {
        let (mirror, why) = (self.course.name.as_str(), findings.why.as_deref().unwrap_or_default());
        match findings.verdict {
            Verdict::Silent => info!(mirror, tickets = findings.asked, "nobody was told because of us"),
            Verdict::CannotTell => warn!(mirror, why, "it cannot be told whether anybody was told because of us"),
            Verdict::Leaked => error!(mirror, why, "people were told because of us"),
        }
    }

    async fn look(&self, look: &Look) -> Result<Findings> {
        let (tickets, all) = self.ledger.written_tickets(self.course.id, look, ASKED_AT_MOST).await?;
        let mut hidden = self.course.target.hides_notices().await?;
        if hidden.is_none() && tickets.iter().any(|ticket| ticket.side == Side::Source) {
            hidden = self.course.source.hides_notices().await?;
        }
        let mut found = Found { untold: hidden, ..Found::default() };
        for (place, ticket) in tickets.iter().enumerate() {
            if place % SIGN_OF_LIFE == SIGN_OF_LIFE - 1 {
                self.ledger.keep_look(look, self.clock.now()).await?;
            }
            self.ask(look, ticket, &mut found).await?;
        }
        let asked = i64::try_from(tickets.len()).unwrap_or(i64::MAX);
        Ok(found.findings(all, asked))
    }

    /// Asks about one ticket. Errors: the desk cannot be asked now; that it refuses one ticket is no error.
    async fn ask(&self, look: &Look, written: &WrittenTicket, found: &mut Found) -> Result<()> {
        let WrittenTicket { side, ticket, .. } = written;
        let told = match self.course.desk(*side).notices(ticket, look.written_since - CLOCKS).await {
            Ok(Notices::Told(told)) => told,
            Ok(Notices::Untold(why)) => {
                found.untold.get_or_insert(why);
                return Ok(());
            }
            Err(fault @ (Fault::Refused { .. } | Fault::Unauthorised { .. } | Fault::Unreadable { .. })) => {
                found.untold.get_or_insert_with(|| format!("{} ticket {ticket}: {fault}", side.as_str()));
                return Ok(());
            }
            Err(fault) => return Err(Fate::Fault(fault)),
        };
        let told: Vec<&Notice> = told.iter().filter(|notice| notice.after != After::Person).collect();
        if told.is_empty() {
            return Ok(());
        }
        let pause = told.iter().find(|notice| notice.after == After::Us).map(|leak| self.pause_for(written, leak));
        let policy = &self.course.policy;
        let said = if *side == Side::Source { policy.source_silence } else { policy.silence };
        let allowed = said == Silence::MailAllowed;
        let pause = pause.filter(|_| !allowed);
        self.ledger.note_leaks((self.course.id, look), (*side, ticket, &told), pause.as_deref(), self.clock.now()).await?;
        for notice in told {
            found.add(written, notice);
        }
        Ok(())
    }

    fn pause_for(&self, ticket: &WrittenTicket, leak: &Notice) -> String {
        format!(
            "{}. See to it that the rule leaves alone what Tidegate writes ({}). `tidegate leaks {}` lists everything that was found. Then \
             resume the mirror",
            sentence(ticket, leak),
            self.course.desk(ticket.side).capabilities().silence,
            self.course.name
        )
    }
}

/// What fired, for which ticket, whom it told, and after whose act. No names, no words.
fn sentence(written: &WrittenTicket, notice: &Notice) -> String {
    let at: DateTime<Utc> = notice.at;
    let after = match notice.after {
        After::Us => "after an act of ours",
        After::Person => "after a person's act",
        After::Unsure => "after acts of ours and of people",
    };
    let (side, ticket, at) = (written.side.as_str(), &written.ticket, at.format("%Y-%m-%d %H:%M:%S UTC"));
    format!("{} told {} about {side} ticket {ticket} at {at}, {after}", notice.rule, notice.to)
}

/// What a look has found so far.
#[derive(Debug, Default)]
struct Found {
    /// Why the desk's silence proves nothing, for the first ticket that it is so for.
    untold: Option<String>,
    leaks: i64,
    first_leak: Option<String>,
    unsure: Option<String>,
}

impl Found {
    fn add(&mut self, ticket: &WrittenTicket, notice: &Notice) {
        let told = sentence(ticket, notice);
        if notice.after == After::Us {
            self.leaks += 1;
            self.first_leak.get_or_insert(told);
        } else {
            self.unsure.get_or_insert(told);
        }
    }

    fn findings(self, tickets: i64, asked: i64) -> Findings {
        let more = if self.leaks > 1 { format!(" ({} in all)", self.leaks) } else { String::new() };
        let (verdict, why) = match (self.first_leak, self.unsure.or(self.untold)) {
            (Some(leak), _) => (Verdict::Leaked, Some(format!("{leak}{more}"))),
            (None, Some(why)) => (Verdict::CannotTell, Some(why)),
            (None, None) => (Verdict::Silent, None),
        };
        Findings { verdict, why, tickets, asked }
    }
}
