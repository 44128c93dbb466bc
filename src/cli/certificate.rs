//! `tidegate certificate …`

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::cutover::certificate::{Key, verify};
use crate::cutover::paper;
use crate::cutover::statement::state;
use crate::ledger::Ledger;

use super::{open, window};

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub enum CertificateVerb {
    /// State what was carried and compared, by whom what was decided, and sign it
    Make(MakeArgs),
    /// Hold a signed statement against its signature
    Verify {
        /// The signed statement
        file: PathBuf,
        /// The public key that it has to be signed with; without it anybody may have signed it
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
}

/// Options of `certificate make`.
#[derive(Debug, clap::Args)]
pub struct MakeArgs {
    /// The mirror's name
    pub mirror: String,
    /// Only the tickets of this window
    #[arg(long, value_name = "WINDOW")]
    pub window: Option<String>,
    /// Write a page to print
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Write the signed statement, for programs and for `certificate verify`
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Runs it.
pub async fn run(settings: &Settings, verb: CertificateVerb) -> anyhow::Result<u8> {
    let args = match verb {
        CertificateVerb::Make(args) => args,
        CertificateVerb::Verify { file, key } => return told(&file, key.as_deref()),
    };
    let opened = open::ledger(settings).await?;
    let done = make(&opened.ledger, &args).await;
    opened.close().await;
    done
}

async fn make(ledger: &Ledger, args: &MakeArgs) -> anyhow::Result<u8> {
    let row = ledger.mirror_or_its_map(&args.mirror).await?;
    let window = window::named(ledger, &row, args.window.as_deref()).await?;
    let now = Clock::system().now();
    let statement = state(ledger, &row, window.as_ref(), now).await?;
    let kept = ledger.signing_key(&Key::fresh(), now).await?;
    let key = Key::from_pkcs8(&kept).context("the key in the ledger that signs statements is no Ed25519 key")?;
    if let Some(path) = &args.json {
        write(path, &key.sign(&statement))?;
    }
    if let Some(path) = &args.html {
        write(path, &paper::page(&statement, &key.public()))?;
    }
    paper::lines(&statement, &key.public()).iter().for_each(|line| println!("{line}"));
    Ok(0)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}

/// Exit status 0 only if it is as it was signed, and by that key.
fn told(file: &Path, key: Option<&str>) -> anyhow::Result<u8> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let (statement, by) = verify(&text, key).with_context(|| file.display().to_string())?;
    match key {
        Some(_) => println!("The statement is as it was signed, with the key that you named."),
        None => println!(
            "The statement is as it was signed with the key {by}; hold it against the key that you know, or give it with --key."
        ),
    }
    paper::lines(&statement, &by).iter().for_each(|line| println!("{line}"));
    Ok(0)
}
