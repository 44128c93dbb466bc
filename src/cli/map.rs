//! `tidegate map MIRROR`

use std::io::{self, BufWriter, ErrorKind, Write};

use crate::config::settings::Settings;
use crate::desk::id::TicketId;
use crate::ledger::Ledger;
use crate::ledger::numbers::{HEAD, Numbers, joined};
use crate::mirror::PairId;

use super::open;

/// Tickets that are held in memory at once.
const PAGE: i64 = 1_000;

/// Options of `map`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// Print CSV: old, new, state, the new tickets before it, and the old ticket that it was merged into
    #[arg(long)]
    pub csv: bool,
}

/// Prints which ticket became which.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = print(&opened.ledger, &args).await;
    opened.close().await;
    done
}

async fn print(ledger: &Ledger, args: &Args) -> anyhow::Result<u8> {
    let row = ledger.mirror_or_its_map(&args.mirror).await?;
    let mut after = PairId(0);
    let mut head = args.csv.then_some(HEAD);
    loop {
        let page = ledger.numbers(row.id, after, PAGE).await?;
        let lines = page.iter().map(if args.csv { Numbers::csv } else { words });
        let text: String = head.take().map(str::to_string).into_iter().chain(lines).map(|line| line + "\n").collect();
        match write(&text) {
            // Whoever reads has read enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(0),
            written => written?,
        }
        let Some(last) = page.last() else { return Ok(0) };
        after = last.pair;
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn number(ticket: &Option<TicketId>) -> &str {
    ticket.as_ref().map_or("none", TicketId::as_str)
}

fn words(numbers: &Numbers) -> String {
    let mut line = format!("old {}, new {} ({})", number(&numbers.old), number(&numbers.new), numbers.state);
    if let Some(into) = &numbers.merged_into {
        line.push_str(&format!(", merged into old {into}"));
    }
    if !numbers.before.is_empty() {
        line.push_str(&format!(", before it new {}, closed", joined(&numbers.before, ", ")));
    }
    line
}
