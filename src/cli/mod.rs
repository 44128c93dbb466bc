//! The verbs of the program; one file each.

pub mod backfill;
pub mod check;
pub mod demo;
pub mod desks;
pub mod leaks;
pub mod mirror;
pub mod open;
pub mod parked;
pub mod recover;
pub mod serve;
pub mod sim;
pub mod status;

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
    /// Show where mirrors stand
    Status(status::Args),
    /// Show and decide what waits for a person
    #[command(subcommand)]
    Parked(parked::ParkedVerb),
    /// Compare both desks ticket by ticket; exit 0 only at parity
    Check(check::Args),
    /// Show whether the target mailed or notified anybody because of us
    Leaks(leaks::Args),
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
        Verb::Status(args) => status::run(settings, args).await,
        Verb::Parked(verb) => parked::run(settings, verb).await,
        Verb::Check(args) => check::run(settings, args).await,
        Verb::Leaks(args) => leaks::run(settings, args).await,
        Verb::Recover => recover::run(settings).await,
        Verb::Desks(args) => desks::run(&args),
        Verb::Sim(args) => sim::run(args).await,
        Verb::Demo(args) => demo::run(settings, args).await,
    }
}
