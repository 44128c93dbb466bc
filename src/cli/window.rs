//! Windows as an operator names and sees them.

use anyhow::bail;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value as Json;

use crate::cutover::gate::desk_name;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::switch::{Kind, Run};
use crate::ledger::window::{Part, WindowStatus};
use crate::ledger::{self, Ledger};

/// The window that an operator names. Errors: there is none of that name.
pub async fn named(ledger: &Ledger, row: &MirrorRow, name: Option<&str>) -> anyhow::Result<Option<Part>> {
    let Some(name) = name else { return Ok(None) };
    let parts = ledger.parts(row.id).await?;
    if parts.is_empty() {
        bail!("{} has no window `{name}`: its mirror file names none under [[window]]", row.name);
    }
    let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
    match parts.iter().find(|part| part.name == name) {
        Some(part) => Ok(Some(part.clone())),
        None => bail!("{} has no window `{name}`; it has {}", row.name, names.join(", ")),
    }
}

/// Where a window stands, and how the last switch that was about it ended, or its rehearsal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stand {
    #[serde(flatten)]
    status: WindowStatus,
    last_switch: Option<Run>,
    /// Names of the gates that were shut then.
    last_shut: Vec<String>,
}

impl Stand {
    /// Every window of a mirror.
    pub async fn all(ledger: &Ledger, mirror: &MirrorRow, now: DateTime<Utc>) -> ledger::Result<Vec<Stand>> {
        let (windows, mut all) = (ledger.windows(mirror.id, now).await?, Vec::new());
        let runs = if windows.is_empty() { Vec::new() } else { ledger.switches(mirror.id).await? };
        for status in windows {
            let about = |run: &&Run| run.kind != Kind::Retire && run.ended_at.is_some() && run.concerns(Some(status.id));
            let last_switch = runs.iter().find(about).cloned();
            let last_shut = match &last_switch {
                Some(run) => shut(&ledger.steps(run).await?),
                None => Vec::new(),
            };
            all.push(Stand { status, last_switch, last_shut });
        }
        Ok(all)
    }

    /// As people read it.
    pub fn lines(&self) -> Vec<String> {
        let WindowStatus { name, tickets, waiting, oldest_seconds, parked, undecided, astray, moved_in, moved_out, .. } =
            &self.status;
        let since = self.status.turned_at.map(|at| format!(" since {}", at.format("%F %H:%M UTC"))).unwrap_or_default();
        let reference =
            self.status.reference_time.map(|at| format!(", reference {}", at.format("%F %T UTC"))).unwrap_or_default();
        let left = if *astray > 0 { format!("; {astray} are led by the other desk still") } else { String::new() };
        let line = format!(
            "  window {name}: the {} desk leads{since}; {tickets} tickets, {waiting} waiting (oldest {oldest_seconds:.0} s), {parked} parked, \
             {undecided} undecided; {moved_in} came from other windows, {moved_out} went to others{reference}{left}",
            desk_name(self.status.leads)
        );
        std::iter::once(line).chain(self.last_line()).collect()
    }

    fn last_line(&self) -> Option<String> {
        let run = self.last_switch.as_ref()?;
        let at = run.ended_at?.format("%F %H:%M UTC");
        let because = if self.last_shut.is_empty() { String::new() } else { format!("; shut: {}", self.last_shut.join(", ")) };
        Some(format!("    last: --{}, {} {at} by {}{because}", run.kind.verb(), run.outcome.as_deref()?, run.who))
    }
}

/// The gates that were shut after the last of these steps.
fn shut(steps: &[(String, Json)]) -> Vec<String> {
    let gates = steps.last().and_then(|(_, detail)| detail["gates"].as_array());
    let shut = gates.into_iter().flatten().filter(|gate| gate["holds"] != true && gate["waived"] != true);
    shut.filter_map(|gate| gate["name"].as_str()).map(str::to_string).collect()
}
