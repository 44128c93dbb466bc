//! `tidegate mirror check` and `tidegate mirror accept`, and the gate that they open for `tidegate backfill` and `tidegate adopt`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use serde::Serialize;

use crate::clock::Clock;
use crate::config::file::{self, MirrorFile};
use crate::config::mirror::MirrorConfig;
use crate::config::secret::resolve_secrets;
use crate::config::settings::Settings;
use crate::connectors::http::{AddressGuard, Http, Unlimited};
use crate::gateway::connect::connected;
use crate::ledger::Ledger;
use crate::ledger::finding::Acceptance;
use crate::ledger::mirror::MirrorRow;
use crate::setup::findings::estimate::Pace;
use crate::setup::findings::finding::{Finding, Report, Severity};
use crate::setup::findings::gate::{Accepted, accepted, digest, open as held_back};
use crate::setup::findings::proof::{Bench, Progress, prove};

use super::mirror::{probe, tell};
use super::{bar, open, operator};

/// Tickets that are looked at where nobody's data is at stake.
const FEW: usize = 10;

/// What to check.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The mirror file
    pub file: PathBuf,
    /// Read only so many tickets, the newest and some spread over the rest, for a quick look
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Which finding.
#[derive(Debug, clap::Args)]
pub struct AcceptArgs {
    /// The mirror's name
    pub mirror: String,
    /// The finding's name
    pub finding: String,
    /// Why it is accepted; kept with who and when
    #[arg(long, value_name = "TEXT")]
    pub why: Option<String>,
}

/// A report with what was accepted of it, as JSON tells it.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    report: &'a Report,
    /// Names of findings that somebody accepted.
    accepted: &'a [String],
    /// Names of findings that hold the copy back.
    open: Vec<&'a str>,
}

/// Checks a mirror file. Exit status 0 if nothing holds the copy back, 2 for a file that cannot be read.
pub async fn check(settings: &Settings, args: CheckArgs) -> anyhow::Result<u8> {
    let file = match file::load(&args.file) {
        Ok(file) => file,
        Err(mistakes) => return Ok(tell(&mistakes, "Nothing was checked.")),
    };
    if let Err(mistakes) = resolve_secrets(&file.config, &file.places) {
        return Ok(tell(&mistakes, "Nothing was checked."));
    }
    let opened = open::ledger(settings).await?;
    let done = check_with(&opened.ledger, &file, &args).await;
    opened.close().await;
    done
}

async fn check_with(ledger: &Ledger, file: &MirrorFile, args: &CheckArgs) -> anyhow::Result<u8> {
    let bar = bar::of_tickets();
    let report = prove_and_keep(ledger, &Clock::system(), file, args.sample, |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.read);
    })
    .await?;
    bar.finish_and_clear();
    let acceptances = ledger.acceptances(&report.mirror).await?;
    let accepted = accepted(&report, &acceptances);
    let open: Vec<&str> = held_back(&report, &acceptances).iter().map(|finding| finding.name.as_str()).collect();
    let code = u8::from(!open.is_empty());
    if args.json {
        println!("{}", serde_json::to_string_pretty(&Told { report: &report, accepted: &accepted, open })?);
        return Ok(code);
    }
    report.lines(&accepted).iter().for_each(|line| println!("{line}"));
    println!("\n{}", verdict(&report, &open));
    Ok(code)
}

fn verdict(report: &Report, open: &[&str]) -> String {
    let mirror = &report.mirror;
    match open {
        [] => format!("Nothing holds the copy of {mirror} back."),
        open => format!(
            "The copy of {mirror} waits for: {}.\nMend what you can and check again; take the rest as it is with: tidegate mirror accept {mirror} FINDING",
            open.join(", ")
        ),
    }
}

/// Checks a mirror file against its desks and keeps the report. Nothing is written at the desks. Errors: the desks cannot be
/// connected as the file says; the ledger.
pub async fn prove_and_keep(
    ledger: &Ledger,
    clock: &Clock,
    file: &MirrorFile,
    sample: Option<usize>,
    progress: impl Fn(Progress),
) -> anyhow::Result<Report> {
    let desks = connected(&probe(&file.config, clock)?, ledger, clock)?;
    let own = Http::new(Arc::new(Unlimited), AddressGuard { allow_private: true })?;
    let [here, there] = &desks.budgets;
    let meter = || (here.made(), Pace { source: here.allowed(), target: there.allowed() });
    let bench = Bench {
        config: &file.config,
        places: &file.places,
        source: desks.course.source.as_ref(),
        target: desks.course.target.as_ref(),
        own: &own,
        meter: &meter,
        clock: clock.clone(),
    };
    let report = prove(&bench, sample, progress).await;
    ledger.note_proof(&report.mirror, &report.digest, &serde_json::to_value(&report)?, clock.now()).await?;
    Ok(report)
}

/// Accepts a finding of the mirror's last check.
pub async fn accept(ledger: &Ledger, clock: &Clock, args: AcceptArgs) -> anyhow::Result<()> {
    let mirror = &args.mirror;
    let Some(report) = last(ledger, mirror, None).await? else {
        bail!("mirror `{mirror}` was never checked: run tidegate mirror check FILE first");
    };
    let Some(finding) = report.findings.iter().find(|finding| finding.name == args.finding) else {
        let names: Vec<&str> = report.findings.iter().map(|finding| finding.name.as_str()).collect();
        bail!("the last check of {mirror} found no `{}`; it found: {}", args.finding, names.join(", "));
    };
    take(ledger, clock, &report, finding, args.why).await?;
    let acceptances = ledger.acceptances(mirror).await?;
    let open: Vec<&str> = held_back(&report, &acceptances).iter().map(|finding| finding.name.as_str()).collect();
    println!("{mirror}: `{}` is accepted.", finding.name);
    match open.as_slice() {
        [] => println!("Nothing holds the copy back any more: tidegate backfill {mirror}"),
        open => println!("The copy still waits for: {}.", open.join(", ")),
    }
    Ok(())
}

/// Records that whoever runs this program accepts the finding as it is. Errors: it has to be mended.
pub async fn take(ledger: &Ledger, clock: &Clock, report: &Report, finding: &Finding, why: Option<String>) -> anyhow::Result<()> {
    if finding.severity == Severity::Stop {
        bail!("`{}` cannot be accepted, the mirror would not work: {} {}", finding.name, finding.what, finding.cure);
    }
    let detail = serde_json::to_value(Accepted::of(finding))?;
    let acceptance = Acceptance { finding: finding.name.clone(), detail, who: operator::name(), why, at: clock.now() };
    Ok(ledger.accept_finding(&report.mirror, &acceptance).await?)
}

/// Checks a mirror file and accepts everything that it finds, for desks that are nobody's. Errors: something that has to be mended.
pub async fn admit(ledger: &Ledger, clock: &Clock, file: &MirrorFile, why: &str) -> anyhow::Result<()> {
    let report = prove_and_keep(ledger, clock, file, Some(FEW), |_| {}).await?;
    for finding in report.findings.iter().filter(|finding| finding.severity.holds()) {
        take(ledger, clock, &report, finding, Some(why.to_string())).await?;
    }
    Ok(())
}

/// Whether a mirror may be copied, or another tool's copy adopted: its file as it is applied was checked, and everything found is mended
/// or accepted. The error says what to do.
pub async fn gate(ledger: &Ledger, row: &MirrorRow) -> anyhow::Result<()> {
    let config = MirrorConfig::stored(&row.name, row.config.clone()).map_err(anyhow::Error::msg)?;
    let Some(report) = last(ledger, &row.name, Some(&digest(&config))).await? else {
        bail!(
            "the file of mirror `{}` was not checked as it is applied now: run tidegate mirror check FILE, which says what would be lost \
             or changed and whom the new desk would mail",
            row.name
        );
    };
    let acceptances = ledger.acceptances(&row.name).await?;
    let open = held_back(&report, &acceptances);
    if open.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = open.iter().map(|finding| format!("  {}: {}", finding.name, finding.what)).collect();
    bail!(
        "{} of the check of {} hold the copy back:\n{}\nMend them and check again, or accept each with: tidegate mirror accept {} FINDING",
        crate::setup::findings::finding::many(open.len() as u64, "finding"),
        row.name,
        lines.join("\n"),
        row.name
    )
}

async fn last(ledger: &Ledger, mirror: &str, digest: Option<&str>) -> anyhow::Result<Option<Report>> {
    let report = ledger.proof(mirror, digest).await?;
    // A report of another version of this program counts as none.
    Ok(report.and_then(|report| serde_json::from_value(report).ok()))
}
