//! `tidegate desks`

use crate::connectors::REGISTER;
use crate::desk::capability::{Capabilities, Seen};

/// Options of `desks`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Prints what each vendor can and cannot do.
pub fn run(args: &Args) -> anyhow::Result<u8> {
    if args.json {
        println!("{}", serde_json::to_string_pretty(&REGISTER)?);
        return Ok(0);
    }
    for can in REGISTER {
        for line in lines(can) {
            println!("{line}");
        }
        println!();
    }
    Ok(0)
}

/// The kinds of change that are seen so.
fn told(can: &Capabilities, seen: Seen) -> String {
    let kinds = can.seen.iter().filter(|(_, by)| *by == seen);
    let kinds: Vec<String> = kinds.map(|(kind, _)| format!("{kind:?}")).collect();
    if kinds.is_empty() { "nothing".to_string() } else { kinds.join(", ") }
}

fn lines(can: &Capabilities) -> Vec<String> {
    let yes = |truth: bool| if truth { "yes" } else { "no" };
    vec![
        format!("{} ({})", can.name, can.vendor),
        format!("  webhooks            {:?}", can.webhooks),
        format!(
            "  changes by poll     {}; deletions {}, merges {}",
            can.feed.what,
            yes(can.feed.sees_deletions),
            yes(can.feed.sees_merges)
        ),
        format!("  told by webhook only {}", told(can, Seen::Webhook)),
        format!("  told by poll only    {}", told(can, Seen::Poll)),
        format!("  found by sweep only  {}", told(can, Seen::Sweep)),
        format!("  keeps times         {:?}", can.back_dates),
        format!("  keeps authors       {:?}", can.sets_author),
        format!("  compare-and-set     {}", yes(can.compare_and_set)),
        format!(
            "  makes private       {}; redacts {}; removes files {}",
            yes(can.makes_private),
            yes(can.redacts),
            yes(can.removes_attachments)
        ),
        format!("  links               {:?}", can.links),
        format!("  merges              {}; deletes {}", yes(can.merges), yes(can.deletes)),
        format!("  closed for good     {}", can.immutable_status.unwrap_or("never")),
        format!(
            "  files               up to {} MiB; empty ones {}",
            can.attachment_limit >> 20,
            if can.refuses_empty_files { "refused" } else { "taken" }
        ),
        format!("  subject             {} characters", can.subject_limit),
        format!("  agents open a ticket at {}", can.agent_page),
        format!("  silence             {}", can.silence),
        format!("  left when taken back {}", can.residue),
        format!("  fields              {}", can.fields.join(", ")),
    ]
}
