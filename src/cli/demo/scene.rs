//! The demo's stage: desks, Postgres, gateway, and what happens on it.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::{Clock, Monotonic};
use crate::config::file;
use crate::config::mistake::refuses;
use crate::config::settings::Settings;
use crate::config::values::check_values;
use crate::desk::Side;
use crate::embedded::{Embedded, Options as PgOptions};
use crate::gateway::connect::connected;
use crate::gateway::serve::{Gateway, Parts};
use crate::ledger::mirror::MirrorRow;
use crate::ledger::{Ledger, Role};
use crate::replay::house;
use crate::sim::faults::Rates;
use crate::sim::judge::{self, Case, Lost};
use crate::sim::server::{self, Options, Running};
use crate::sim::story::Story;
use crate::sim::story::live;
use crate::sim::story::vocabulary::Vocabulary;
use crate::task;

use super::Args;
use super::agreement::{mirror_file, rules};
use super::killer::Killer;
use super::report::{Summary, Trouble, summary};
use crate::cli::backfill::watch;
use crate::cli::findings;

/// The longest that settling may take after the traffic stopped.
const SETTLE_LIMIT: Duration = Duration::from_secs(300);

/// Everything on the stage.
pub struct Scene {
    args: Args,
    directory: PathBuf,
    postgres: Option<Embedded>,
    source: Running,
    target: Running,
    clock: Clock,
    story: Story,
    killer: Arc<Killer>,
    gateway: Option<Gateway>,
    address: SocketAddr,
    pub ledger: Ledger,
    pub mirror: MirrorRow,
    rates: Rates,
}

impl Scene {
    /// Starts desks, Postgres and gateway, tells the past, applies the mirror.
    pub async fn set(settings: &Settings, args: &Args, rates: Rates) -> anyhow::Result<Self> {
        let directory = std::env::temp_dir().join(format!("tidegate-demo-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("secrets"))?;
        let clock = Clock::adjustable();
        let free: SocketAddr = ([127, 0, 0, 1], 0).into();
        let options = || Options { seed: args.seed, clock: clock.clone(), ..Options::default() };
        let source = server::start("zendesk", free, options()).await?;
        let target = server::start("request-tracker", free, options()).await?;
        let mut story = Story::new(args.seed, clock.clone(), Vocabulary::zendesk(), Vocabulary::request_tracker());
        story.history(source.stage.as_ref(), args.tickets);
        let pg = PgOptions { dir: directory.join("postgres"), binaries: settings.pg_bin.clone(), durable: true };
        let postgres = Embedded::start(pg).await?;
        postgres.ensure_database("tidegate").await?;
        let ledger = Ledger::open(postgres.options("tidegate"), 32, Role::Gateway).await?;
        let killer = Arc::new(Killer::new(args.seed, if args.faults == "hell" { 6 } else { 0 }));
        let mut gateway = gateway(&ledger, &clock, &killer);
        let address = gateway.listen(free).await?;
        let mirror = apply(&ledger, &clock, (&source, &target), address, &directory).await?;
        gateway.refresh().await;
        Ok(Self {
            args: args.clone(),
            directory,
            postgres: Some(postgres),
            source,
            target,
            clock,
            story,
            killer,
            gateway: Some(gateway),
            address,
            ledger,
            mirror,
            rates,
        })
    }

    /// The copy, the traffic, and the settling.
    pub async fn play(&mut self) -> anyhow::Result<()> {
        self.source.stage.faults().set(self.rates);
        self.target.stage.faults().set(self.rates);
        self.copy().await?;
        self.traffic().await?;
        tokio::select! {
            settled = self.settle() => settled,
            _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped before everything was settled; nothing was compared"),
        }
    }

    async fn copy(&mut self) -> anyhow::Result<()> {
        findings::gate(&self.ledger, &self.mirror).await?;
        self.ledger.backfill(self.mirror.id, true, self.clock.now()).await?;
        let (ledger, row, clock) = (self.ledger.clone(), self.mirror.clone(), self.clock.clone());
        let copied = async move { watch(&ledger, &row, &clock).await };
        tokio::pin!(copied);
        let killer = self.killer.clone();
        loop {
            tokio::select! {
                done = &mut copied => return done,
                () = killer.strikes() => self.resurrect().await?,
            }
        }
    }

    /// The gateway died: nothing of it is left but the ledger. Another one starts.
    async fn resurrect(&mut self) -> anyhow::Result<()> {
        drop(self.gateway.take());
        let options = self.postgres.as_ref().context("the Postgres is gone")?.options("tidegate");
        let mut next = gateway(&Ledger::open(options, 32, Role::Gateway).await?, &self.clock, &self.killer);
        next.listen(self.address).await.context("the gateway's address is still taken")?;
        next.refresh().await;
        self.gateway = Some(next);
        self.killer.rearm();
        Ok(())
    }

    async fn traffic(&mut self) -> anyhow::Result<()> {
        let until = if self.args.duration.is_some() { "" } else { " Ctrl-C sends them home." };
        self.args.say(&format!("Customers and agents are at work on both sides.{until}"));
        let started = Monotonic::now();
        let bar = line();
        let pace = Duration::from_secs_f64(1.0 / self.args.changes_per_second.max(0.01));
        let rules = rules(&self.mirror.keys.0);
        let mut pairs = judge::pairs(&rules, &self.target.stage.tickets());
        let (mut looked, mut steps) = (Monotonic::now(), 0u32);
        let killer = self.killer.clone();
        // One for all rounds: what comes between two of them is not lost.
        let sent_home = tokio::signal::ctrl_c();
        tokio::pin!(sent_home);
        loop {
            let over = self.args.duration.is_some_and(|length| started.elapsed() >= length);
            // Every planned kill has to happen, or the run has proved less than it says.
            if over && (killer.waiting() == 0 || started.elapsed() > SETTLE_LIMIT) {
                break;
            }
            tokio::select! {
                _ = &mut sent_home, if self.args.duration.is_none() => break,
                () = killer.strikes() => self.resurrect().await?,
                () = task::delay(pace.mul_f64(f64::from(steps + 1)).saturating_sub(started.elapsed())) => {
                    let find = |id: &str| pairs.get(id).cloned();
                    let scene = live::Scene { source: self.source.stage.as_ref(), target: self.target.stage.as_ref(), find_target: &find };
                    self.story.step(&scene);
                    steps += 1;
                }
            }
            if looked.elapsed() > Duration::from_secs(1) {
                looked = Monotonic::now();
                pairs = judge::pairs(&rules, &self.target.stage.tickets());
                self.show(&bar).await?;
            }
        }
        killer.retire();
        bar.finish_and_clear();
        Ok(())
    }

    async fn show(&self, bar: &ProgressBar) -> anyhow::Result<()> {
        let status = self.ledger.status(self.mirror.id, self.clock.now()).await?;
        let figure = |name: &str| status.figures.get(name).copied().unwrap_or(0);
        bar.set_message(format!(
            "{} events, lag p50 {:.2} s p95 {:.2} s, {} writes, {} calls saved, {} waiting, {} parked",
            status.events.values().sum::<i64>(),
            status.lag.p50,
            status.lag.p95,
            figure("writes"),
            figure("calls saved"),
            status.waiting,
            status.parked
        ));
        bar.tick();
        Ok(())
    }

    /// Waits until every late webhook has come, every change has been polled, and every lane is settled.
    async fn settle(&mut self) -> anyhow::Result<()> {
        self.args.say("Nobody works any more. What is under way is finished, then both desks are compared.");
        let ended = self.clock.now();
        self.wait_until_quiet(None).await?;
        // Zendesk withholds its last minute: everybody's clock is put forward instead of waiting for it.
        self.clock.advance(Duration::from_secs(75));
        self.wait_until_quiet(Some(ended)).await?;
        if let Some(gateway) = &self.gateway {
            gateway.flush().await;
        }
        Ok(())
    }

    async fn wait_until_quiet(&mut self, polled_beyond: Option<DateTime<Utc>>) -> anyhow::Result<()> {
        let started = Monotonic::now();
        loop {
            let mark = self.ledger.watermark(self.mirror.id, Side::Source).await?;
            let polled = polled_beyond.is_none_or(|ended| mark.is_some_and(|mark| mark.seen_up_to >= ended));
            let quiet = self.source.stage.deliveries_waiting() == 0 && self.target.stage.deliveries_waiting() == 0;
            if polled && quiet && self.ledger.lanes_waiting(self.mirror.id).await? == 0 {
                return Ok(());
            }
            if started.elapsed() > SETTLE_LIMIT {
                bail!("the mirror did not settle within {} s: {}", SETTLE_LIMIT.as_secs(), self.stuck().await?);
            }
            let killer = self.killer.clone();
            tokio::select! {
                () = killer.strikes() => self.resurrect().await?,
                () = task::delay(Duration::from_millis(200)) => {}
            }
        }
    }

    async fn stuck(&self) -> anyhow::Result<String> {
        let status = self.ledger.status(self.mirror.id, self.clock.now()).await?;
        let faults = self.ledger.faults(self.mirror.id).await?;
        Ok(format!("{} tickets wait; {}", status.waiting, faults.join("; ")))
    }

    /// Compares the desks' own stores with the story's own log.
    pub async fn judge(&mut self) -> anyhow::Result<Summary> {
        let rules = rules(&self.mirror.keys.0);
        let lost = self.lost(&rules).await?;
        let parked = self.ledger.parked(Some(self.mirror.id)).await?;
        let exposed: BTreeSet<String> =
            parked.iter().filter(|one| one.kind == "exposed").filter_map(|one| one.source_ticket.clone()).collect();
        let (source, target, mails) = (self.source.stage.tickets(), self.target.stage.tickets(), self.target.stage.mails());
        let case =
            Case { log: self.story.log(), source: &source, target: &target, mails: &mails, lost: &lost, exposed: &exposed };
        let verdict = judge::judge(&case, &rules);
        let status = self.ledger.status(self.mirror.id, self.clock.now()).await?;
        let faults = [("source", self.source.stage.faults().happened()), ("target", self.target.stage.faults().happened())];
        let trouble = Trouble { kills: self.killer.kills(), faults };
        Ok(summary(&self.args, self.story.log().last, verdict, status, parked, trouble))
    }

    async fn lost(&self, rules: &judge::rules::Rules) -> anyhow::Result<Vec<Lost>> {
        let desks = connected(&self.mirror, &self.ledger, &self.clock)?;
        let mut lost = Vec::new();
        for conflict in self.ledger.conflicts(self.mirror.id).await? {
            let Some(rule) = rules.fields.get(&conflict.field) else { continue };
            let mut value: Vec<String> = conflict.target.words().into_iter().map(str::to_string).collect();
            for person in conflict.target.persons() {
                let found = desks.course.target.person(person).await?;
                value.extend(found.and_then(|person| person.email));
            }
            let ticket = conflict.target_ticket.unwrap_or_default();
            lost.push(Lost { ticket, field: rule.target.clone(), value });
        }
        Ok(lost)
    }

    /// Takes everything down and removes the data.
    pub async fn strike(mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.stop().await;
        }
        self.ledger.close().await;
        if let Some(postgres) = self.postgres.take() {
            let _ = postgres.stop().await;
        }
        self.source.stop().await;
        self.target.stop().await;
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn gateway(ledger: &Ledger, clock: &Clock, killer: &Arc<Killer>) -> Gateway {
    Gateway::start(Parts {
        ledger: ledger.clone(),
        clock: clock.clone(),
        // Killed in the middle of its work, a lane must not rest for minutes: the simulated desks answer at once.
        settings: house::Settings {
            grace: Duration::ZERO,
            lease: Duration::from_secs(10),
            call_limit: Duration::from_secs(3),
            ..house::Settings::default()
        },
        steps: killer.clone(),
        largest_delivery: 1 << 20,
        webhook_retry: Duration::from_secs(5),
    })
}

async fn apply(
    ledger: &Ledger,
    clock: &Clock,
    (source, target): (&Running, &Running),
    gateway: SocketAddr,
    directory: &std::path::Path,
) -> anyhow::Result<MirrorRow> {
    let secrets = directory.join("secrets");
    std::fs::write(secrets.join("zendesk"), "sim-secret")?;
    std::fs::write(secrets.join("rt"), "sim-token")?;
    let text = mirror_file(&source.url, &target.url, &format!("http://{gateway}"), &secrets.display().to_string());
    let told = |mistakes: &[crate::config::mistake::Mistake]| {
        anyhow::Error::msg(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    };
    let file = file::parse("demo.toml", &text).map_err(|mistakes| told(&mistakes))?;
    let config = serde_json::to_value(&file.config)?;
    let row = ledger.apply_mirror("demo", &config, &file.config.mapping.version(), clock.now()).await?;
    let desks = connected(&row, ledger, clock)?;
    let (here, there) = (desks.course.source.schema().await?, desks.course.target.schema().await?);
    let mistakes = check_values(&file.config, &file.places, &here, &there);
    if refuses(&mistakes) {
        return Err(told(&mistakes));
    }
    findings::admit(ledger, clock, &file, "two simulated desks").await?;
    Ok(row)
}

fn line() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(None, target);
    bar.set_style(ProgressStyle::with_template("mirroring {elapsed} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar
}
