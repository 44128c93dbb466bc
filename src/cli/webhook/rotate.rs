//! Another secret without a gap: the gateway takes both until a delivery has proved itself with the new one.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};

use crate::config::secret::SecretRef;
use crate::intake::secrets::RETIRED_AFTER;
use crate::secret::Secret;

use super::Hook;
use super::show::{shown, steps, time};
use super::wait;

/// Changes the secret. Exit status 1 if it was to be waited for and did not prove itself.
pub async fn rotate(hook: &Hook<'_>, limit: Option<Duration>) -> anyhow::Result<u8> {
    let works = hook.warn_if_nobody_listens().await?;
    let before = hook.witness().await?.secret_since;
    let secret = if hook.by_api() { at_the_desk(hook).await? } else { in_our_file(hook).await? };
    hook.ledger.ask_for_webhook(hook.row.id, hook.side, hook.clock.now()).await?;
    if works {
        taken(hook, before).await?;
    }
    println!("The new secret: {}", shown(hook, &secret));
    steps(hook, hook.desk.webhook_steps().rotate, Some(&secret));
    let Some(limit) = limit else {
        println!("`tidegate webhook {} show{}` tells when a delivery has proved itself with it.", hook.row.name, hook.flag());
        return Ok(0);
    };
    hook.provoke().await?;
    println!("Waiting up to {} s for a delivery that is signed with it.", limit.as_secs());
    let Some(at) = wait::until(hook, limit, |now| now.newest_at.filter(|_| now.secret_since != before)).await? else {
        eprintln!("None came within {} s; the former secret is still taken.", limit.as_secs());
        return Ok(1);
    };
    if let Some(SecretRef::File(path)) = hook.settings.secret.as_ref().filter(|_| !hook.by_api()) {
        put(path, &[&secret])?;
    }
    let minutes = RETIRED_AFTER.as_secs() / 60;
    println!(
        "The first delivery that is signed with it arrived at {}. The former secret is refused {minutes} minutes later.",
        time(at)
    );
    Ok(0)
}

/// A desk that makes its secret itself: the gateway asks it.
async fn at_the_desk(hook: &Hook<'_>) -> anyhow::Result<Secret> {
    let Some(id) = hook.witness().await?.registration else {
        bail!("it is not registered: tidegate webhook {} register{}", hook.row.name, hook.flag());
    };
    Ok(hook.desk.reset_webhook_secret(&id).await?)
}

/// A desk that is given its secret: the new one stands first in our file, the former one after it.
async fn in_our_file(hook: &Hook<'_>) -> anyhow::Result<Secret> {
    let path = match &hook.settings.secret {
        Some(SecretRef::File(path)) => path,
        Some(place @ SecretRef::Env(_)) => bail!(
            "the secret is in {place}, which this verb cannot change: put a new one there and the present one where `previous-secret` \
             refers to, and start the gateway again; or keep it in a file"
        ),
        None => bail!("the mirror file refers to no secret"),
    };
    let witness = hook.witness().await?;
    let known = SecretRef::File(path.clone()).load_all()?;
    let unfinished = known.len() > 1 && witness.newest_at.is_none() && witness.secret_since.is_some();
    if unfinished {
        bail!(
            "the last rotation is not finished: no delivery has proved itself with the present secret. Give it to the desk \
             (`tidegate webhook {} show{}` says how); a second new one would lock the desk out",
            hook.row.name,
            hook.flag()
        );
    }
    let fresh = Secret::new(format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple()));
    let present = known.first().with_context(|| format!("{} is empty", path.display()))?;
    put(path, &[&fresh, present])?;
    Ok(fresh)
}

/// Writes a file of secrets as one step, readable by whom it was readable before.
fn put(path: &Path, secrets: &[&Secret]) -> anyhow::Result<()> {
    let why = || format!("{} cannot be changed", path.display());
    let before = fs::metadata(path).with_context(why)?;
    let next = path.with_added_extension("new");
    let _ = fs::remove_file(&next);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&next).with_context(why)?;
    for secret in secrets {
        writeln!(file, "{}", secret.expose()).with_context(why)?;
    }
    file.sync_all().with_context(why)?;
    keep_owner(&next, &before).with_context(why)?;
    fs::rename(&next, path).with_context(why)
}

fn keep_owner(next: &Path, before: &fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let made = fs::metadata(next)?;
    if (made.uid(), made.gid()) != (before.uid(), before.gid()) {
        chown(next, Some(before.uid()), Some(before.gid()))?;
    }
    fs::set_permissions(next, fs::Permissions::from_mode(before.permissions().mode()))
}

/// Waits until a gateway takes the new secret too.
async fn taken(hook: &Hook<'_>, before: Option<DateTime<Utc>>) -> anyhow::Result<()> {
    let taken = wait::until(hook, wait::HEARD_WITHIN, |now| now.secret_since.filter(|since| Some(*since) != before)).await?;
    match taken {
        Some(_) => println!("The gateway takes the new secret and the former one."),
        None => {
            println!("No gateway said within {} s that it takes the new secret; look at its log.", wait::HEARD_WITHIN.as_secs())
        }
    }
    Ok(())
}
