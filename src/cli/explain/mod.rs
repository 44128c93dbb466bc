//! `tidegate explain MIRROR TICKET`
//!
//! `account` puts what the ledger recorded into one order and finds what belongs together; `absence` says what is not there and
//! why; `dispute` says which value stands where both desks had changed it; `lines` writes it for people. The desks are not asked.

mod absence;
mod account;
mod dispute;
mod lines;
mod message;

use crate::config::mirror::MirrorConfig;
use crate::config::settings::Settings;
use crate::desk::Side;
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::pair::Pair;

use self::account::{Account, Papers};
use super::open;

/// Options of `explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// The ticket's number: the old, the new or a former one
    pub ticket: String,
    /// Show the webhook requests themselves, as they came
    #[arg(long)]
    pub raw: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Explains one ticket. Exit status 1 where the mirror knows none of this number.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = explain(&opened.ledger, &args).await;
    opened.close().await;
    done
}

async fn explain(ledger: &Ledger, args: &Args) -> anyhow::Result<u8> {
    let row = ledger.mirror(&args.mirror).await?;
    let config = MirrorConfig::stored(&row.name, row.config.clone()).map_err(anyhow::Error::msg)?;
    let mut accounts = Vec::new();
    for pair in ledger.pairs_of_number(row.id, &args.ticket).await? {
        accounts.push(account(ledger, (&row, &config), &pair, args.raw).await?);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&accounts)?);
    } else {
        accounts.iter().flat_map(lines::of).for_each(|line| println!("{line}"));
    }
    if accounts.is_empty() {
        eprintln!("Mirror `{}` knows no ticket {}, neither old nor new.", row.name, args.ticket);
    }
    Ok(u8::from(accounts.is_empty()))
}

async fn account(ledger: &Ledger, (row, config): (&MirrorRow, &MirrorConfig), pair: &Pair, raw: bool) -> anyhow::Result<Account> {
    let history = ledger.history(pair.id, raw).await?;
    let record = ledger.pair_record(pair).await?;
    let survivor = match &pair.source_ticket {
        Some(source) => ledger.root_of(row.id, Side::Source, source).await?.map(|(_, ticket)| ticket),
        None => None,
    };
    let papers = Papers { row, config, pair, history: &history, record: &record, survivor: survivor.as_ref() };
    Ok(Account::of(&papers))
}
