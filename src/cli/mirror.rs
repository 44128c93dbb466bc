//! `tidegate mirror …`

use std::path::PathBuf;

use anyhow::bail;
use clap::Subcommand;

use crate::clock::Clock;
use crate::config::file::{self, MirrorFile};
use crate::config::mirror::MirrorConfig;
use crate::config::mistake::{Mistake, refuses};
use crate::config::secret::resolve_secrets;
use crate::config::settings::Settings;
use crate::config::values::check_values;
use crate::desk::Side;
use crate::desk::mapping::Mapping;
use crate::desk::policy::Silence;
use crate::gateway::connect::{Connected, connected};
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::mirror::Phase;
use crate::replay::remap::{order, survey};

use super::{findings, open, propose};

const UNAPPLIED: &str = "Nothing was applied.";

/// What to do with mirrors.
#[derive(Debug, Subcommand)]
pub enum MirrorVerb {
    /// Read both desks and write into the mirror file what becomes what, each guess with its reason
    Propose {
        /// The mirror file, that names the mirror and both desks
        file: PathBuf,
    },
    /// Check a mirror file against both desks and take it into service
    Apply {
        /// The mirror file
        file: PathBuf,
        /// Do not ask the desks for their fields and values
        #[arg(long)]
        offline: bool,
        /// Rewrite the tickets that a changed mapping affects; without it they stay until they change
        #[arg(long)]
        reapply: bool,
    },
    /// Say what would be lost or changed, and whom the new desk would mail; writes nothing at the desks
    Check(findings::CheckArgs),
    /// Accept a finding of the last check as it is, so that the copy may begin
    Accept(findings::AcceptArgs),
    /// List mirrors
    List,
    /// Show a mirror as it is applied, without secrets
    Show {
        /// The mirror's name
        mirror: String,
    },
    /// Stop writing; changes are still received
    Pause {
        /// The mirror's name
        mirror: String,
        /// The reason that `status` shows
        #[arg(long, default_value = "paused by the operator")]
        why: String,
    },
    /// Go on writing
    Resume {
        /// The mirror's name
        mirror: String,
    },
    /// Unregister the webhook and forget the mirror; nothing at the desks is deleted
    Remove {
        /// The mirror's name
        mirror: String,
        /// The mirror's name again: the links between both desks' tickets are forgotten too
        #[arg(long)]
        yes: String,
    },
}

/// Runs it.
pub async fn run(settings: &Settings, verb: MirrorVerb) -> anyhow::Result<u8> {
    match verb {
        MirrorVerb::Propose { file } => return propose::run(settings, &file).await,
        MirrorVerb::Apply { file, offline, reapply } => return apply(settings, file, Apply { offline, reapply }).await,
        MirrorVerb::Check(args) => return findings::check(settings, args).await,
        _ => {}
    }
    let opened = open::ledger(settings).await?;
    let done = act(&opened.ledger, verb).await;
    opened.close().await;
    done.map(|()| 0)
}

async fn act(ledger: &Ledger, verb: MirrorVerb) -> anyhow::Result<()> {
    match verb {
        MirrorVerb::Propose { .. } | MirrorVerb::Apply { .. } | MirrorVerb::Check(_) => {
            unreachable!("handled before the ledger is opened")
        }
        MirrorVerb::Accept(args) => findings::accept(ledger, &Clock::system(), args).await,
        MirrorVerb::List => list(ledger).await,
        MirrorVerb::Show { mirror } => {
            let row = ledger.mirror(&mirror).await?;
            println!("{}", serde_json::to_string_pretty(&row.config)?);
            Ok(())
        }
        MirrorVerb::Pause { mirror, why } => {
            ledger.pause_mirror(ledger.mirror(&mirror).await?.id, &why).await?;
            println!("{mirror} is paused: changes are received and wait.");
            Ok(())
        }
        MirrorVerb::Resume { mirror } => {
            if ledger.mirror(&mirror).await?.phase == Phase::Retired {
                bail!("{mirror} is retired: nothing is carried any more");
            }
            ledger.resume_mirror(ledger.mirror(&mirror).await?.id).await?;
            println!("{mirror} goes on.");
            Ok(())
        }
        MirrorVerb::Remove { mirror, yes } => remove(ledger, &mirror, &yes).await,
    }
}

async fn list(ledger: &Ledger) -> anyhow::Result<()> {
    let mirrors = ledger.mirrors().await?;
    if mirrors.is_empty() {
        println!("There is no mirror. Write a file like those in deploy/examples and run: tidegate mirror apply FILE");
    }
    for row in mirrors {
        let config = MirrorConfig::stored(&row.name, row.config.clone()).map_err(anyhow::Error::msg)?;
        let state = row.paused_why.as_deref().map_or_else(|| row.phase.as_str().to_string(), |why| format!("paused ({why})"));
        println!("{:20} {} -> {}  {state}", row.name, config.source.url, config.target.url);
    }
    Ok(())
}

async fn remove(ledger: &Ledger, name: &str, yes: &str) -> anyhow::Result<()> {
    let row = ledger.mirror_or_its_map(name).await?;
    if yes != name {
        bail!("to remove the mirror, name it again: --yes {name}");
    }
    for side in [Side::Source, Side::Target] {
        if let Some(registration) = ledger.witness(row.id, side).await?.registration {
            unregister(&row, ledger, side, &registration).await;
        }
    }
    ledger.remove_mirror(row.id).await?;
    println!("{name} is removed. Tickets that it made are still at the target; their keys name the mirror.");
    Ok(())
}

/// Takes our webhook away from a desk; what cannot be done is told.
pub async fn unregister(row: &MirrorRow, ledger: &Ledger, side: Side, registration: &str) {
    let outcome = match connected(row, ledger, &Clock::system()) {
        Ok(connected) => connected.course.desk(side).remove_webhook(registration).await.map_err(|fault| fault.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = outcome {
        let side = side.as_str();
        println!("The webhook {registration} could not be unregistered ({why}): remove it in the {side} desk.");
    }
}

/// How a mirror file is applied.
#[derive(Debug, Clone, Copy, Default)]
pub struct Apply {
    /// The desks are not asked.
    pub offline: bool,
    /// What a changed mapping affects is rewritten.
    pub reapply: bool,
}

async fn apply(settings: &Settings, path: PathBuf, how: Apply) -> anyhow::Result<u8> {
    let file = match file::load(&path) {
        Ok(file) => file,
        Err(mistakes) => return Ok(tell(&mistakes, UNAPPLIED)),
    };
    if let Err(mistakes) = resolve_secrets(&file.config, &file.places) {
        return Ok(tell(&mistakes, UNAPPLIED));
    }
    let opened = open::ledger(settings).await?;
    let done = apply_to(&opened.ledger, &file, how).await;
    opened.close().await;
    done
}

/// Checks against both desks and stores. Nothing is stored when something is wrong.
pub async fn apply_to(ledger: &Ledger, file: &MirrorFile, how: Apply) -> anyhow::Result<u8> {
    let clock = Clock::system();
    if !how.offline {
        let connected = connected(&probe(&file.config, &clock)?, ledger, &clock)?;
        let mistakes = ask_desks(file, &connected).await?;
        if refuses(&mistakes) {
            return Ok(tell(&mistakes, UNAPPLIED));
        }
        tell(&mistakes, UNAPPLIED);
    }
    let config = serde_json::to_value(&file.config)?;
    let row = ledger.apply_mirror(&file.config.name, &config, &file.config.mapping.version(), clock.now()).await?;
    println!("{} is applied: {} -> {}", row.name, file.config.source.url, file.config.target.url);
    if row.phase == crate::mirror::Phase::Applied {
        println!("Next: tidegate serve, tidegate mirror check FILE, and tidegate backfill {}", row.name);
    }
    remap(ledger, &row, &file.config.mapping, how.reapply, &clock).await
}

/// Tells which tickets the mapping affects that it finds, and orders their rewrite if that is wanted.
async fn remap(ledger: &Ledger, row: &MirrorRow, new: &Mapping, reapply: bool, clock: &Clock) -> anyhow::Result<u8> {
    let Some(old) = ledger.agreed_mapping(row.id).await?.filter(|old| old != new) else { return Ok(0) };
    let survey = survey(ledger, row.id, &old, new).await?;
    if survey.is_empty() {
        ledger.agree_mapping(row.id, new).await?;
        return Ok(0);
    }
    survey.lines().iter().for_each(|line| println!("{line}"));
    if reapply {
        let ordered = order(ledger, row.id, (&old, new), clock.now()).await?;
        println!("{ordered} tickets are rewritten by `tidegate serve`; what agents changed in them since stays theirs.");
    } else {
        println!("They stay as they are until they change in the source. To rewrite them: apply the file again with --reapply.");
    }
    Ok(0)
}

/// The mirror of a file, before there is one in the ledger: to connect its desks.
pub fn probe(config: &MirrorConfig, clock: &Clock) -> anyhow::Result<MirrorRow> {
    Ok(MirrorRow {
        recovered_at: None,
        leads: Side::Source,
        purged_at: None,
        id: crate::mirror::MirrorId(uuid::Uuid::nil()),
        name: config.name.clone(),
        keys: crate::mirror::KeySpace(config.name.clone()),
        config: serde_json::to_value(config)?,
        mapping_version: config.mapping.version(),
        phase: Phase::Applied,
        paused_why: None,
        reference_time: None,
        applied_at: clock.now(),
    })
}

async fn ask_desks(file: &MirrorFile, connected: &Connected) -> anyhow::Result<Vec<Mistake>> {
    let course = &connected.course;
    for (side, desk) in [(Side::Source, &course.source), (Side::Target, &course.target)] {
        let identity = desk.identify().await.map_err(|fault| anyhow::anyhow!("the {} desk: {fault}", side.as_str()))?;
        println!("{} desk: {} as {}", side.as_str(), desk.capabilities().name, identity.name);
    }
    if file.config.policy.silence == Silence::Proven {
        anyhow::bail!(
            "nothing proves yet that the target mails nobody about what Tidegate writes. What keeps it silent: {}. When its admin has \
             done that, write silence = \"admin-rule\" under [policy]; write \"mail-allowed\" if people may be mailed",
            course.target.capabilities().silence
        );
    }
    let policy = &file.config.policy;
    if let (Some(setting), Silence::Proven) = (policy.back(), policy.source_silence) {
        anyhow::bail!(
            "`{setting}` writes what people do in the target into the source, and nothing proves yet that the source mails nobody about \
             it. What keeps it silent: {}. When its admin has done that, write source-silence = \"admin-rule\" under [policy]; write \
             \"mail-allowed\" if people may be mailed; or leave out `{setting}`",
            course.source.capabilities().silence
        );
    }
    let source = course.source.schema().await?;
    let target = course.target.schema().await?;
    Ok(check_values(&file.config, &file.places, &source, &target))
}

/// Tells mistakes; `end`: what was not done for them. The number is the exit status.
pub fn tell(mistakes: &[Mistake], end: &str) -> u8 {
    for mistake in mistakes {
        eprintln!("{mistake}");
    }
    if refuses(mistakes) {
        eprintln!("\n{end}");
        return 2;
    }
    0
}
