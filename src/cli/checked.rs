//! What `status` says of checks: how far one is, and how the verdicts stand.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use crate::config::mirror::MirrorConfig;
use crate::cutover::parity::rules_of;
use crate::ledger::Ledger;
use crate::ledger::check_run::LastCheck;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::verdict::{Measure, Standing};

/// A check that was not heard of for so long was stopped.
const HEARD: TimeDelta = TimeDelta::minutes(5);

/// What checks have told so far.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    pub last: Option<LastCheck>,
    /// How the verdicts stand, or why that cannot be said of this mirror.
    pub standing: Result<Standing, String>,
}

impl Checked {
    /// Asks the ledger, not the desks.
    pub async fn of(ledger: &Ledger, mirror: &MirrorRow) -> anyhow::Result<Checked> {
        let standing = match MirrorConfig::stored(&mirror.name, mirror.config.clone()) {
            Ok(config) => {
                let rules = rules_of(&config.mapping, &config.policy, &config.scope);
                let measure = Measure { mirror: mirror.id, windows: None, rules: &rules, bytes: false, run: None };
                Ok(ledger.standing(&measure).await?)
            }
            Err(why) => Err(why),
        };
        Ok(Checked { last: ledger.last_check(mirror.id).await?, standing })
    }

    /// For people; nothing before the first check, unless something is wrong.
    pub fn lines(&self, mirror: &str, now: DateTime<Utc>) -> Vec<String> {
        let standing = match &self.standing {
            Ok(standing) => standing,
            Err(why) => return vec![format!("  check: {why}")],
        };
        let Some(last) = &self.last else { return Vec::new() };
        let read = format!("{} of {} tickets", last.done, last.total);
        let first = match (last.finished_at, last.ends_at) {
            (Some(at), _) => format!("  check: the last one ended {at}"),
            (None, _) if now - last.told_at > HEARD => {
                format!("  check: stopped after {read}; tidegate check {mirror} goes on with it")
            }
            (None, Some(ends)) => format!("  check: {read} are read, done at about {ends}"),
            (None, None) => format!("  check: {read} are read"),
        };
        let Standing { equal, explained, moving, different, accepted, unread, stale, never, .. } = standing;
        let counts = format!(
            "  verdicts as of now: {equal} equal, {explained} explained, {moving} moving, {different} different, {accepted} different and accepted, \
             {unread} unread, {stale} stale, {never} never compared"
        );
        vec![first, counts]
    }
}
