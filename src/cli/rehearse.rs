//! `tidegate backfill MIRROR --sample N` and `--tickets`: copies a few tickets and shows them in both desks.

use anyhow::bail;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::connectors::contract::Read;
use crate::connectors::http::{Priority, at_priority};
use crate::cutover::aside;
use crate::desk::id::TicketId;
use crate::gateway::connect::{Connected, connected};
use crate::intake::sample::{Look, choose, named};
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::sample::{Chosen, Sampled};
use crate::mirror::Phase;
use crate::replay::dry::foresee;

use super::backfill::Args;
use super::open::Opened;
use super::takeback;
use super::through::{Ended, Stand, see_through, until_done};

/// Copies the sample, or has it copied, and shows it. Exit status 0 when all of it was copied.
pub async fn run(opened: &Opened, settings: &Settings, row: &MirrorRow, args: &Args) -> anyhow::Result<u8> {
    let (ledger, clock) = (&opened.ledger, Clock::system());
    let desks = connected(row, ledger, &clock)?;
    if args.dry_run {
        return foretell(ledger, settings, &desks, args).await;
    }
    refuse_copied(row)?;
    let sample = ledger.sample(row.id).await?;
    let wanted = args.sample.map_or(0, usize::from);
    if args.tickets.is_empty() && sample.len() >= wanted {
        println!("The sample was chosen before; `tidegate takeback {} --sample` makes room for another.", row.name);
    } else {
        let chosen = wish(&desks, args, &clock).await?;
        if chosen.is_empty() {
            bail!("the old desk has no ticket that {} would carry", row.name);
        }
        if !ledger.order_sample(row.id, &chosen, clock.now()).await? {
            refuse_copied(&ledger.mirror(&row.name).await?)?;
        }
    }
    if args.detach {
        println!("The sample of {} is ordered; `tidegate backfill {} --sample 1` shows it.", row.name, row.name);
        return Ok(0);
    }
    if see_through(opened, settings, (row, "copy"), watch(ledger, row)).await? != Ended::Done {
        println!("Stopped. The same command goes on where this was.");
        return Ok(1);
    }
    at_priority(Priority::Backfill, show(ledger, row, &desks)).await
}

/// Prints the plan of writes. Exit status 1 where a ticket would be parked.
async fn foretell(ledger: &Ledger, settings: &Settings, desks: &Connected, args: &Args) -> anyhow::Result<u8> {
    let house = takeback::house(ledger, settings, desks.course.id);
    let mut parked = 0;
    for one in wish(desks, args, &house.clock).await? {
        let foreseen = foresee(&house, &desks.course, &one.hint.ticket).await?;
        let there = foreseen.target.as_ref().map_or_else(|| "not copied yet".to_string(), |target| format!("new {target}"));
        println!("\nold {}, {there}: {}", foreseen.source, one.why);
        foreseen.lines.iter().for_each(|line| println!("  {line}"));
        parked += u8::from(foreseen.parked);
    }
    println!("\nNothing was written.");
    Ok(parked.min(1))
}

fn refuse_copied(row: &MirrorRow) -> anyhow::Result<()> {
    if matches!(row.phase, Phase::Copying | Phase::Mirroring) {
        bail!(
            "{} is {}: everything is copied, and there is nothing to rehearse. `tidegate takeback {} --yes {}` takes it back first",
            row.name,
            row.phase.as_str(),
            row.name,
            row.name
        );
    }
    Ok(())
}

/// The tickets that were named, or the most telling ones.
pub async fn wish(desks: &Connected, args: &Args, clock: &Clock) -> anyhow::Result<Vec<Chosen>> {
    let (source, scope) = (desks.course.source.as_ref(), &desks.course.scope);
    if !args.tickets.is_empty() {
        let ids: Vec<TicketId> = args.tickets.iter().map(|number| TicketId::new(number.trim())).collect();
        return match named(source, scope, &ids).await? {
            Ok(chosen) => Ok(chosen),
            Err(wrong) => bail!("{}. Nothing was copied", wrong.join("; ")),
        };
    }
    let most = args.sample.map_or(0, usize::from);
    let Look { chosen, listed, read, whole } = choose(source, scope, most, clock.now()).await?;
    let of = if whole { "all".to_string() } else { "the first and the newest".to_string() };
    println!("{} tickets were chosen; {read} were read of {of} {listed}.", chosen.len());
    Ok(chosen)
}

/// Returns when nothing of the sample waits any more, or only for a person.
async fn watch(ledger: &Ledger, row: &MirrorRow) -> anyhow::Result<()> {
    until_done(&row.name, async || {
        if !ledger.sample(row.id).await?.iter().any(|one| one.waits) {
            return Ok(Stand::Done);
        }
        let paused = ledger.mirror(&row.name).await?.paused_why;
        Ok(paused.map_or(Stand::Going, Stand::Paused))
    })
    .await
}

async fn show(ledger: &Ledger, row: &MirrorRow, desks: &Connected) -> anyhow::Result<u8> {
    let sample = ledger.sample(row.id).await?;
    let all = sample.len();
    let mut missing = 0;
    for (number, one) in sample.iter().enumerate() {
        let there = one.target_ticket.as_ref().map_or_else(|| "none".to_string(), |ticket| format!("new {ticket}"));
        println!("\n{} of {all}: old {}, {there}: {}", number + 1, one.source_ticket, one.why);
        let lines = both(ledger, row, desks, one).await?;
        missing += usize::from(lines.is_none());
        let why = || vec![format!("  not copied: {}", one.parked.as_deref().or(one.fault.as_deref()).unwrap_or(&one.state))];
        lines.unwrap_or_else(why).iter().for_each(|line| println!("{line}"));
    }
    desks.flush().await;
    let name = &row.name;
    println!(
        "\n{} of {all} tickets were copied. All others wait: what changes in them is carried when the copy is ordered.",
        all - missing
    );
    println!("Next: tidegate takeback {name} --sample (to try again), or tidegate backfill {name} (to copy the rest)");
    Ok(u8::from(missing > 0))
}

/// The ticket in both desks; `None` while it is not in both.
async fn both(ledger: &Ledger, row: &MirrorRow, desks: &Connected, one: &Sampled) -> anyhow::Result<Option<Vec<String>>> {
    let Some(target) = &one.target_ticket else { return Ok(None) };
    let (old, new) = (desks.course.source.read(&one.source_ticket, None).await?, desks.course.target.read(target, None).await?);
    let (Read::Found(old) | Read::Torn(old), Read::Found(new) | Read::Torn(new)) = (old, new) else { return Ok(None) };
    let Some(pair) = ledger.pair_of_source(row.id, &one.source_ticket).await? else { return Ok(None) };
    let sources: Vec<&str> = old.messages.iter().map(|message| message.id.as_str()).collect();
    let linked = ledger.message_records(row.id, pair, [&sources, &[]]).await?;
    let mut lines = aside::lines(&old, &new, &desks.course.mapping, &linked);
    lines.extend(one.parked.iter().map(|why| format!("  parked: {why}")));
    Ok(Some(lines))
}
