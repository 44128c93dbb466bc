//! `tidegate check MIRROR`
/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    pub mirror: String,
}
/// Runs it.
pub async fn run(_: &crate::config::settings::Settings, _: Args) -> anyhow::Result<u8> {
    anyhow::bail!("not yet")
}
