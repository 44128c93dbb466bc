//! `tidegate webhook MIRROR [ACTION]`
//!
//! `show` and `wait` only look; `rotate` changes a secret. What an admin does by hand is told by the desk's connector.

mod rotate;
mod show;
mod wait;

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;

use crate::clock::Clock;
use crate::config::mirror::Webhook;
use crate::config::secret::webhook_secrets;
use crate::config::settings::Settings;
use crate::connectors::contract::SourceDesk;
use crate::desk::Side;
use crate::desk::capability::Webhooks;
use crate::gateway::connect::{Connected, connected};
use crate::gateway::witness::{webhook_name, webhook_url};
use crate::intake::selftest::SelfTest;
use crate::ledger::Ledger;
use crate::ledger::feed::Witness;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::webhook::Verdict;
use crate::secret::Secret;

use super::open;
use super::serve::length;

/// Options of `webhook`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// show, register, rotate (another secret), remove or test
    #[arg(value_enum, default_value_t = Action::Show, hide_possible_values = true)]
    pub action: Action,
    /// The webhook of the new desk, not of the old one
    #[arg(long)]
    pub target: bool,
    /// Wait so long for the first genuine delivery, such as 5m, and say why others are refused
    #[arg(long, value_name = "TIME", value_parser = length)]
    pub wait: Option<Duration>,
    /// Print the secret although the output is no terminal
    #[arg(long)]
    pub show_secret: bool,
    /// Print JSON (`show` only)
    #[arg(long)]
    pub json: bool,
}

/// What to do with a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Action {
    /// Its address and secret, what an admin of the desk does, what was delivered and refused
    Show,
    /// Have the desk send changes to the gateway
    Register,
    /// Change its secret; the former one is taken until the new one has proved a delivery
    Rotate,
    /// Unregister it: changes come by poll
    Remove,
    /// Try it
    Test,
}

/// One webhook of one mirror.
pub struct Hook<'a> {
    pub ledger: &'a Ledger,
    pub clock: Clock,
    pub row: &'a MirrorRow,
    pub side: Side,
    pub settings: &'a Webhook,
    pub desk: Arc<dyn SourceDesk>,
    /// By which it is found again at the desk.
    pub name: String,
    /// Where the desk sends to.
    pub url: String,
    pub show_secret: bool,
}

/// Does it.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = act(&opened.ledger, &args).await;
    opened.close().await;
    done
}

async fn act(ledger: &Ledger, args: &Args) -> anyhow::Result<u8> {
    let clock = Clock::system();
    let row = ledger.mirror(&args.mirror).await?;
    let connected = connected(&row, ledger, &clock)?;
    let hook = hook(ledger, &row, &connected, args)?;
    match args.action {
        Action::Show => {
            show::show(&hook, args.json).await?;
            hook.wait_if(args.wait).await
        }
        Action::Register => hook.register(args.wait).await,
        Action::Rotate => rotate::rotate(&hook, args.wait).await,
        Action::Remove => hook.remove().await,
        Action::Test => hook.test(args.wait).await,
    }
}

fn hook<'a>(ledger: &'a Ledger, row: &'a MirrorRow, connected: &'a Connected, args: &Args) -> anyhow::Result<Hook<'a>> {
    let side = if args.target { Side::Target } else { Side::Source };
    let Some(settings) = &connected.config.connection(side).webhook else {
        bail!(
            "mirror `{}` polls its {} desk only: its file says `webhook = false` there. Write webhook = {{ public-url = \"https://…\" }} and apply it",
            row.name,
            side.as_str()
        );
    };
    let desk: Arc<dyn SourceDesk> = connected.course.desk(side).clone();
    if desk.capabilities().webhooks == Webhooks::None {
        bail!("{} has no webhooks: it is polled", desk.capabilities().name);
    }
    Ok(Hook {
        ledger,
        clock: Clock::system(),
        row,
        side,
        settings,
        desk,
        name: webhook_name(&connected.course, side),
        url: webhook_url(settings, &row.name, side),
        show_secret: args.show_secret,
    })
}

impl Hook<'_> {
    /// What the ledger knows of it.
    pub async fn witness(&self) -> anyhow::Result<Witness> {
        Ok(self.ledger.witness(self.row.id, self.side).await?)
    }

    /// Whether the gateway registers it itself.
    pub fn by_api(&self) -> bool {
        self.desk.capabilities().webhooks == Webhooks::ByApi
    }

    /// The secret that the desk signs with, or should. Errors: it is not registered, or its place cannot be read.
    pub async fn secret(&self, witness: &Witness) -> anyhow::Result<Secret> {
        if !self.by_api() {
            let known = webhook_secrets(self.settings)?;
            return known.into_iter().next().ok_or_else(|| anyhow::anyhow!("the mirror file refers to no secret"));
        }
        match &witness.registration {
            Some(id) => Ok(self.desk.webhook_secret(id).await?),
            None => bail!("it is not registered: tidegate webhook {} register", self.row.name),
        }
    }

    async fn register(&self, wait: Option<Duration>) -> anyhow::Result<u8> {
        let begun = self.witness().await?;
        if self.by_api() {
            let registration = self.desk.register_webhook(&self.name, &self.url).await?;
            self.ledger.ask_for_webhook(self.row.id, self.side, self.clock.now()).await?;
            self.ledger.note_registration(self.row.id, self.side, &registration.id, self.clock.now()).await?;
            println!("{} is registered as {}; the desk sends to {}", self.name, registration.id, self.url);
        } else {
            self.ledger.ask_for_webhook(self.row.id, self.side, self.clock.now()).await?;
            println!("An admin of the {} desk has it send to {}:", self.side.as_str(), self.url);
            show::steps(self, self.desk.webhook_steps().register, Some(&self.secret(&begun).await?));
        }
        let works = self.warn_if_nobody_listens().await?;
        let Some(limit) = wait else { return Ok(0) };
        if works {
            wait::until(self, wait::HEARD_WITHIN, |now| now.heard_at.filter(|_| now.heard_at != begun.heard_at)).await?;
        }
        self.provoke().await?;
        wait::first_delivery(self, &begun, limit).await
    }

    async fn remove(&self) -> anyhow::Result<u8> {
        let registration = self.witness().await?.registration;
        // Noted first: a running gateway would register it again.
        self.ledger.take_webhook_away(self.row.id, self.side, self.clock.now()).await?;
        if let Some(id) = registration.filter(|_| self.by_api()) {
            if let Err(fault) = self.desk.remove_webhook(&id).await {
                eprintln!("The desk still has it, and is answered 404: {fault}");
                show::steps(self, self.desk.webhook_steps().remove, None);
                return Ok(1);
            }
            println!("The webhook {id} is unregistered. Changes of the {} desk come by poll.", self.side.as_str());
        } else {
            println!("The gateway takes no more deliveries of the {} desk; its changes come by poll.", self.side.as_str());
            show::steps(self, self.desk.webhook_steps().remove, None);
        }
        println!("It comes back with: tidegate webhook {} register{}", self.row.name, self.flag());
        Ok(0)
    }

    async fn test(&self, wait: Option<Duration>) -> anyhow::Result<u8> {
        self.warn_if_nobody_listens().await?;
        let begun = self.witness().await?;
        if begun.removed_at.is_some() {
            bail!("it was taken away: tidegate webhook {} register{}", self.row.name, self.flag());
        }
        show::clocks(self).await;
        let test = SelfTest {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: self.row.id,
            name: self.row.name.clone(),
            side: self.side,
            desk: self.desk.clone(),
            url: self.url.clone(),
        };
        let found = test.run().await?;
        println!("{}: {}", found.verdict.as_str(), found.why);
        match (found.verdict, wait) {
            (Verdict::Proven, _) => Ok(0),
            (_, Some(limit)) => wait::first_delivery(self, &begun, limit).await,
            (_, None) => Ok(1),
        }
    }

    async fn wait_if(&self, wait: Option<Duration>) -> anyhow::Result<u8> {
        match wait {
            Some(limit) => wait::first_delivery(self, &self.witness().await?, limit).await,
            None => Ok(0),
        }
    }

    /// Has the desk send something now, where it can be asked to.
    pub async fn provoke(&self) -> anyhow::Result<()> {
        let Some(id) = self.witness().await?.registration else { return Ok(()) };
        match self.desk.test_webhook(&id, &self.url).await {
            Ok(true) => println!("The desk was asked to send a test."),
            Ok(false) => {}
            Err(fault) => println!("The desk could not be asked to send a test ({fault}); any change of a ticket there will do."),
        }
        Ok(())
    }

    /// Deliveries are taken by a running gateway, not by this verb.
    pub async fn warn_if_nobody_listens(&self) -> anyhow::Result<bool> {
        let works = self.ledger.gateway_works().await?;
        if !works {
            eprintln!("No `tidegate serve` works on this ledger: nobody listens at {} yet.", self.url);
        }
        Ok(works)
    }

    /// What the next command needs to mean the same webhook.
    pub fn flag(&self) -> &'static str {
        if self.side == Side::Target { " --target" } else { "" }
    }
}
