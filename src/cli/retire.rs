//! `tidegate retire MIRROR`

use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use crate::clock::{Clock, delta};
use crate::config::duration;
use crate::config::mirror::MirrorConfig;
use crate::config::settings::Settings;
use crate::cutover::gate::{self, Facts, Gate, Kept, desk_name};
use crate::cutover::switch::Step;
use crate::cutover::voice::voices;
use crate::desk::Side;
use crate::gateway::connect::connected;
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::switch::{Kind, Wish};
use crate::ledger::voice::Voice;
use crate::mirror::Phase;

use super::cutover::ears;
use super::mirror::unregister;
use super::serve::length;
use super::{open, operator};

/// Options of `retire`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// How long nobody may have written in the old desk
    #[arg(long, value_name = "TIME", value_parser = length, default_value = "7d")]
    pub after: Duration,
    /// End it all the same; wants --reason
    #[arg(long, requires = "reason")]
    pub force: bool,
    /// Why it is ended all the same; kept with your name
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Ends a mirror. Exit status 1 when something speaks against it.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = retire(&opened.ledger, &args).await;
    opened.close().await;
    done
}

async fn retire(ledger: &Ledger, args: &Args) -> anyhow::Result<u8> {
    let (row, clock) = (ledger.mirror(&args.mirror).await?, Clock::system());
    let config = MirrorConfig::stored(&row.name, row.config.clone()).map_err(anyhow::Error::msg)?;
    if row.phase != Phase::Retired {
        refuse_phase(ledger, &row).await?;
        let mut against = deaf(ledger, &row, &clock).await?;
        against.extend(self::against(ledger, &row, args.after, &clock).await?);
        against.extend(mute(ledger, &row, &config).await?.iter().filter(|voice| voice.side == Side::Target).map(still_mute));
        if !against.is_empty() && !args.force {
            against.iter().for_each(|gate| println!("{}: {}", gate.found, gate.opens));
            println!("\nRefused: nothing was changed. To end {} all the same: --force --reason TEXT", row.name);
            return Ok(1);
        }
        against.iter().for_each(|gate| println!("passed by: {}", gate.found));
        end(ledger, &row, (args, &against), &clock).await?;
    }
    for side in [Side::Source, Side::Target] {
        if let Some(registration) = ledger.witness(row.id, side).await?.registration {
            unregister(&row, ledger, side, &registration).await;
            ledger.take_webhook_away(row.id, side, clock.now()).await?;
        }
    }
    println!(
        "{} is retired: nothing is received, asked or written any more. What it knows of old and new numbers stays.",
        row.name
    );
    let left = mute(ledger, &row, &config).await?;
    left.iter().for_each(|voice| println!("{}", by_hand(&config, voice)));
    Ok(0)
}

/// The desks that may still be silent about people's replies in some tickets.
async fn mute(ledger: &Ledger, row: &MirrorRow, config: &MirrorConfig) -> anyhow::Result<Vec<Voice>> {
    let mut voices = voices(ledger, row.id, config).await?;
    voices.retain(|voice| voice.mute > 0);
    Ok(voices)
}

fn still_mute(voice: &Voice) -> Gate {
    let found = format!(
        "in {} tickets of the new desk people's replies may reach nobody yet, and only a mirror that is served mends that",
        voice.mute
    );
    Gate::shut("silence", found, "wait for it")
}

/// Nobody takes it off any more.
fn by_hand(config: &MirrorConfig, voice: &Voice) -> String {
    let (desk, mute, tag) = (desk_name(voice.side), voice.mute, &config.policy.tags.silent);
    format!(
        "{mute} tickets of the {desk} desk may keep the tag `{tag}`: rules that leave it alone mail nobody about them. If people go on \
         working there, take it off (a view of the tickets that have it, select all, edit)."
    )
}

async fn refuse_phase(ledger: &Ledger, row: &MirrorRow) -> anyhow::Result<()> {
    let name = &row.name;
    if !matches!(row.phase, Phase::Switched | Phase::PartlySwitched) {
        bail!(
            "{name} is {}: only a mirror whose new desk leads is retired (tidegate mirror remove forgets one)",
            row.phase.as_str()
        );
    }
    if let Some(run) = ledger.open_switch(row.id).await?.filter(|run| run.turned_at.is_some()) {
        bail!("a switch of {name} is not finished: run tidegate cutover {name} {} first", run.options());
    }
    Ok(())
}

/// Why nobody would know of somebody who writes in the old desk: its silence would prove nothing.
async fn deaf(ledger: &Ledger, row: &MirrorRow, clock: &Clock) -> anyhow::Result<Vec<Gate>> {
    let desks = connected(row, ledger, clock)?;
    let heard = (ledger.gateway_works().await?, ears(&desks));
    let facts = Facts::read(ledger, (&row.name, None), heard, clock.now()).await?;
    let mut gates = gate::hears(&facts);
    gates.push(gate::held_mail(Side::Source, desks.course.source.as_ref()).await);
    gates.retain(|gate| !gate.holds);
    Ok(gates)
}

/// What speaks against it.
async fn against(ledger: &Ledger, row: &MirrorRow, after: Duration, clock: &Clock) -> anyhow::Result<Vec<Gate>> {
    let (name, mut against) = (&row.name, Vec::new());
    let now = clock.now();
    if let Some(last) = ledger.last_word(row.id, Side::Source).await?.filter(|last| now - last.at < delta(after)) {
        let found = format!("somebody wrote in old ticket {}, carried at {}", last.ticket, last.at.format("%F %T UTC"));
        let opens = format!("{} without a word from the old desk are wanted (--after)", duration::write(after));
        against.push(Gate::shut("quiet", found, opens));
    }
    let behind: Vec<String> =
        ledger.parts(row.id).await?.into_iter().filter(|part| part.leads == Side::Source).map(|part| part.name).collect();
    if !behind.is_empty() {
        let found =
            format!("the old desk still leads window {}, and what people change there would reach nobody", behind.join(", "));
        against.push(Gate::shut("windows", found, format!("tidegate cutover {name} --go")));
    }
    let status = ledger.status(row.id, now).await?;
    if status.waiting > 0 {
        let found = format!("{} tickets have changes that are not carried yet", status.waiting);
        against.push(Gate::shut("lag", found, "wait for them"));
    }
    if status.parked > 0 {
        let found = format!("{} things wait for a person's decision", status.parked);
        against.push(Gate::shut("parked", found, format!("tidegate parked list {name}")));
    }
    Ok(against)
}

/// Ends it; what spoke against it is kept with who did so and why.
async fn end(ledger: &Ledger, row: &MirrorRow, (args, against): (&Args, &[Gate]), clock: &Clock) -> anyhow::Result<()> {
    let waived = if args.force { vec![gate::EVERY.to_string()] } else { Vec::new() };
    let gates: Vec<Kept> = against.iter().map(|gate| Kept { waived: true, ..gate.kept() }).collect();
    let wish =
        Wish { kind: Kind::Retire, to: Side::Target, window: None, who: operator::name(), waived, reason: args.reason.clone() };
    let run = match ledger.begin_switch(row.id, &wish, clock.now()).await? {
        Ok(run) => run,
        Err(other) => bail!("`tidegate cutover {} {}` is under way", row.name, other.options()),
    };
    ledger.note_step(&run, Step::Verdicts.as_str(), &json!({ "gates": gates }), clock.now()).await?;
    Ok(ledger.retire(row.id, &run, clock.now()).await?)
}
