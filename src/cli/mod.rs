//! The verbs of the program; one file each.

pub mod accept;
pub mod adopt;
pub mod backfill;
mod bar;
pub mod certificate;
pub mod check;
pub mod checked;
pub mod checklist;
pub mod conflicts;
pub mod cutover;
pub mod demo;
pub mod desks;
pub mod explain;
pub mod extend;
pub mod findings;
pub mod leaks;
pub mod map;
pub mod mirror;
pub mod open;
pub mod operator;
pub mod parked;
pub mod propose;
pub mod purge;
pub mod recover;
pub mod rehearse;
pub mod retire;
pub mod run;
pub mod serve;
pub mod sim;
pub mod status;
pub mod takeback;
mod through;
pub mod undo;
pub mod unread;
pub mod webhook;
pub mod window;

use clap::{Parser, Subcommand};

use crate::config::settings::Settings;

/// Self-hosted gateway for zero-downtime helpdesk migration
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, about)]
pub struct Cli {
    #[command(flatten)]
    pub settings: Settings,
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Receive webhooks, poll, and replay changes until stopped
    Serve(serve::Args),
    /// Manage mirrors: one source desk to one target desk
    #[command(subcommand)]
    Mirror(mirror::MirrorVerb),
    /// Make the full copy of a mirror, or go on with one that was stopped
    Backfill(backfill::Args),
    /// Carry what changed since the last run, once, with a report of its own
    Run(run::Args),
    /// Take over a copy that another tool made, and go on from its reference time
    Adopt(adopt::Args),
    /// Remove from the new desk what a copy made there, where nobody else touched it
    Takeback(takeback::Args),
    /// Show where mirrors stand
    Status(status::Args),
    /// Tell why one ticket looks as it does: every field and message back to where it came from
    Explain(explain::Args),
    /// Show and decide what waits for a person
    #[command(subcommand)]
    Parked(parked::ParkedVerb),
    /// Show and decide fields that both desks changed
    #[command(subcommand)]
    Conflicts(conflicts::ConflictsVerb),
    /// Show what the last write of fields to a ticket replaced, and put it back
    Undo(undo::Args),
    /// Show, register, try, re-key or remove a desk's webhook
    Webhook(webhook::Args),
    /// Compare both desks ticket by ticket; exit 0 only at parity
    Check(check::Args),
    /// Show whether the target mailed or notified anybody because of us
    Leaks(leaks::Args),
    /// Let the new desk lead, or the old one again: through a gate, and only with the way back proven
    Cutover(cutover::Args),
    /// Show what people do by hand at the switch, and tick it off
    Checklist(checklist::Args),
    /// End a mirror: nothing is received, asked or written any more
    Retire(retire::Args),
    /// Show which ticket of the old desk became which of the new one
    Map(map::Args),
    /// State in writing what was carried and compared, and sign it
    #[command(subcommand)]
    Certificate(certificate::CertificateVerb),
    /// Give a mirror more days: to start runs in, or to be kept after its retirement
    Extend(extend::Args),
    /// Destroy what is known of a retired mirror now; the numbers of its tickets stay
    Purge(purge::Args),
    /// Say that the ledger was put back in a way that it cannot notice itself
    Recover,
    /// Show what each vendor can and cannot do
    Desks(desks::Args),
    /// Run a simulated desk
    Sim(sim::Args),
    /// Show everything at work on two simulated desks
    Demo(demo::Args),
}

/// Runs the verb. The number is the exit status.
pub async fn run(cli: Cli) -> anyhow::Result<u8> {
    let settings = &cli.settings;
    match cli.verb {
        Verb::Serve(args) => serve::run(settings, args).await,
        Verb::Mirror(verb) => mirror::run(settings, verb).await,
        Verb::Backfill(args) => backfill::run(settings, args).await,
        Verb::Run(args) => run::run(settings, args).await,
        Verb::Adopt(args) => adopt::run(settings, args).await,
        Verb::Takeback(args) => takeback::run(settings, args).await,
        Verb::Status(args) => status::run(settings, args).await,
        Verb::Explain(args) => explain::run(settings, args).await,
        Verb::Parked(verb) => parked::run(settings, verb).await,
        Verb::Conflicts(verb) => conflicts::run(settings, verb).await,
        Verb::Undo(args) => undo::run(settings, args).await,
        Verb::Webhook(args) => webhook::run(settings, args).await,
        Verb::Check(args) => check::run(settings, args).await,
        Verb::Leaks(args) => leaks::run(settings, args).await,
        Verb::Cutover(args) => cutover::run(settings, args).await,
        Verb::Checklist(args) => checklist::run(settings, args).await,
        Verb::Retire(args) => retire::run(settings, args).await,
        Verb::Map(args) => map::run(settings, args).await,
        Verb::Certificate(verb) => certificate::run(settings, verb).await,
        Verb::Extend(args) => extend::run(settings, args).await,
        Verb::Purge(args) => purge::run(settings, args).await,
        Verb::Recover => recover::run(settings).await,
        Verb::Desks(args) => desks::run(&args),
        Verb::Sim(args) => sim::run(args).await,
        Verb::Demo(args) => demo::run(settings, args).await,
    }
}
