//! `tidegate takeback MIRROR`

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::desk::id::TicketId;
use crate::desk::person::Removal;
use crate::gateway::connect::connected;
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::mirror::{MirrorId, Phase};
use crate::replay::course::{Course, GoOn};
use crate::replay::house::{self, House, Turns};
use crate::replay::takeback::{Ended, TakeBack, Taken, Unmade};

use super::cutover::before_switch;
use super::open;
use super::serve::told_to_stop;

/// So many of those who stay are named.
const NAMED: usize = 10;

/// Options of `takeback`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// Only the sample that `backfill --sample` or `--tickets` copied
    #[arg(long, conflicts_with = "yes")]
    pub sample: bool,
    /// The mirror's name again: every ticket that it made is removed
    #[arg(long, value_name = "MIRROR", required_unless_present = "sample")]
    pub yes: Option<String>,
}

/// Takes the copy back. Exit status 0 when everything is removed that may be.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = take_back(&opened.ledger, settings, &args).await;
    opened.close().await;
    done
}

async fn take_back(ledger: &Ledger, settings: &Settings, args: &Args) -> anyhow::Result<u8> {
    let row = ledger.mirror(&args.mirror).await?;
    before_switch(&row)?;
    may_begin(ledger, &row, args).await?;
    let clock = Clock::system();
    let connected = connected(&row, ledger, &clock)?;
    let house = house(ledger, settings, row.id);
    ledger.begin_takeback(row.id, args.sample, clock.now()).await?;
    println!("{} is paused while its {} is taken back.", row.name, if args.sample { "sample" } else { "copy" });
    let work = TakeBack { house: &house, course: &connected.course, worker: Uuid::new_v4() };
    let done = match until_stopped(&house, everything(&work, args.sample)).await {
        Ok(tally) => finish(ledger, &row, &connected.course, tally, args.sample).await,
        Err(error) => Err(error),
    };
    connected.flush().await;
    done
}

/// Works through tickets. Told to stop, it finishes what is under way: that is only heard between two tickets.
pub async fn until_stopped<T>(house: &House, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let stop = async {
        told_to_stop().await?;
        house.stopping.store(true, Ordering::Relaxed);
        std::future::pending().await
    };
    tokio::select! {
        done = work => done,
        failed = stop => failed,
    }
}

/// What a verb needs that works on tickets itself.
pub fn house(ledger: &Ledger, settings: &Settings, mirror: MirrorId) -> House {
    let workers = usize::from(settings.workers);
    House {
        ledger: ledger.clone(),
        clock: Clock::system(),
        settings: house::Settings { workers, only: Some(mirror), ..house::Settings::default() },
        steps: Arc::new(GoOn),
        turns: Turns::default(),
        stopping: AtomicBool::new(false),
    }
}

async fn may_begin(ledger: &Ledger, row: &MirrorRow, args: &Args) -> anyhow::Result<()> {
    let name = &row.name;
    if !args.sample && args.yes.as_ref() != Some(name) {
        bail!("to take the whole copy back, name the mirror again: --yes {name}");
    }
    if args.sample && row.phase != Phase::Rehearsing {
        bail!("{name} is not being rehearsed; `tidegate takeback {name} --yes {name}` takes back all that it copied");
    }
    if args.sample && ledger.sample(row.id).await?.is_empty() {
        bail!("{name} has no sample; `tidegate backfill {name} --sample 20` copies one");
    }
    Ok(())
}

/// What a run came to.
#[derive(Default)]
struct Tally {
    removed: usize,
    gone: usize,
    kept: usize,
    failed: usize,
    people: Vec<Unmade>,
    stopped: bool,
}

async fn everything(work: &TakeBack<'_>, sample_only: bool) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    work.quiet().await?;
    for pair in work.house.ledger.pairs_to_take(work.course.id, sample_only).await? {
        if work.stopped() {
            return Ok(Tally { stopped: true, ..tally });
        }
        match work.pair(pair).await {
            Ok(taken) => tell(&taken, &mut tally),
            Err(fate) => {
                tally.failed += 1;
                println!("a ticket is left for the next run: {fate}");
            }
        }
    }
    if tally.failed > 0 {
        return Ok(tally);
    }
    for person in work.house.ledger.people_made(work.course.id).await? {
        if work.stopped() {
            return Ok(Tally { stopped: true, ..tally });
        }
        let unmade = work.person(&person).await?;
        if let Err(why) = &unmade.outcome {
            tally.failed += 1;
            println!("customer {} ({}) is left for the next run: {why}", person.target, person.name);
        }
        tally.people.push(unmade);
    }
    Ok(tally)
}

fn tell(taken: &Taken, tally: &mut Tally) {
    let number = |ticket: &Option<TicketId>| ticket.as_ref().map_or_else(|| "(none)".to_string(), TicketId::to_string);
    let (old, new) = (number(&taken.source), number(&taken.target));
    match &taken.ended {
        // A process ended before it could be made.
        Ended::Gone if taken.target.is_none() => {}
        Ended::Removed => {
            tally.removed += 1;
            println!("old {old}: new {new} is removed");
        }
        Ended::RemovedUnder(who) => {
            tally.removed += 1;
            println!("old {old}: new {new} is removed, but {who}, at the same moment. Look at it among the deleted tickets");
        }
        Ended::Gone => {
            tally.gone += 1;
            println!("old {old}: new {new} was removed before");
        }
        Ended::Kept(why) => {
            tally.kept += 1;
            println!("old {old}: new {new} stays: {why}");
        }
        Ended::Failed(why) => {
            tally.failed += 1;
            println!("old {old}: new {new} is left for the next run: {why}");
        }
    }
}

/// Who stays, by reason.
fn staying(people: &[Unmade]) -> BTreeMap<&str, Vec<&str>> {
    let mut staying: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in people {
        if let Ok(Removal::Stays(why)) = &one.outcome {
            staying.entry(why).or_default().push(one.person.target.as_str());
        }
    }
    staying
}

async fn finish(ledger: &Ledger, row: &MirrorRow, course: &Course, tally: Tally, sample: bool) -> anyhow::Result<u8> {
    let name = &row.name;
    let again = if sample { format!("{name} --sample") } else { format!("{name} --yes {name}") };
    if tally.stopped || tally.failed > 0 {
        let why = if tally.stopped { "Stopped".to_string() } else { format!("{} could not be taken back", tally.failed) };
        println!("{why}; the mirror stays paused. `tidegate takeback {again}` goes on.");
        return Ok(1);
    }
    let gone = tally.people.iter().filter(|one| one.outcome == Ok(Removal::Removed)).count();
    println!("{} tickets removed, {} removed before, {} stay; {gone} customers removed.", tally.removed, tally.gone, tally.kept);
    for (why, who) in staying(&tally.people) {
        let more = if who.len() > NAMED { format!(" and {} more", who.len() - NAMED) } else { String::new() };
        let named: Vec<&str> = who.iter().take(NAMED).copied().collect();
        println!("{} customers stay ({why}): {}{more}", who.len(), named.join(", "));
    }
    println!("What cannot be undone: {}.", course.target.capabilities().residue);
    let paused = ledger.end_takeback(row.id).await?;
    println!("Nothing is carried until a copy is ordered: tidegate backfill {name} --sample 20, or tidegate backfill {name}");
    if paused {
        println!("{name} was paused before and still is: tidegate mirror resume {name}");
    }
    Ok(0)
}
