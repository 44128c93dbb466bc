//! From a mirror in the ledger to its two desks.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::clock::Clock;
use crate::config::mirror::{Auth, Connection, MirrorConfig};
use crate::config::mistake::Places;
use crate::config::secret::{ConnectionSecrets, MirrorSecrets, resolve_secrets};
use crate::connectors::contract::Connector;
use crate::connectors::http::{AddressGuard, CALL_LIMIT, Http};
use crate::connectors::{Credential, Given, connect};
use crate::cutover::parity::Bench;
use crate::desk::Side;
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::replay::course::Course;
use crate::replay::pages::Pages;
use crate::replay::proposal::Words;

use super::budget::SharedBudget;

/// A mirror with its desks connected.
pub struct Connected {
    pub config: MirrorConfig,
    pub secrets: MirrorSecrets,
    pub course: Arc<Course>,
    pub budgets: [Arc<SharedBudget>; 2],
}

impl Connected {
    /// Writes the calls counted since the last time into the ledger.
    pub async fn flush(&self) {
        for budget in &self.budgets {
            budget.flush().await;
        }
    }
}

/// What a check needs of a mirror with its desks connected.
pub fn bench<'a>(course: &'a Course, ledger: &'a Ledger, clock: &Clock) -> Bench<'a> {
    Bench {
        ledger,
        source: course.source.as_ref(),
        target: course.target.as_ref(),
        mapping: &course.mapping,
        policy: &course.policy,
        scope: &course.scope,
        keys: &course.keys,
        mirror: course.id,
        clock: clock.clone(),
    }
}

/// Why a mirror cannot be connected; sentences for an admin.
#[derive(Debug, thiserror::Error)]
#[error("mirror `{mirror}` cannot be served: {}", .why.join("; "))]
pub struct NotConnected {
    pub mirror: String,
    pub why: Vec<String>,
}

/// Connects a mirror. Calls no desk.
pub fn connected(row: &MirrorRow, ledger: &Ledger, clock: &Clock) -> Result<Connected, NotConnected> {
    connected_within(row, ledger, clock, CALL_LIMIT)
}

/// The same with a limit of one's own for each call.
pub fn connected_within(
    row: &MirrorRow,
    ledger: &Ledger,
    clock: &Clock,
    call_limit: Duration,
) -> Result<Connected, NotConnected> {
    let refuse = |why: Vec<String>| NotConnected { mirror: row.name.clone(), why };
    let config = MirrorConfig::stored(&row.name, row.config.clone()).map_err(|why| refuse(vec![why]))?;
    let secrets = resolve_secrets(&config, &Places::default())
        .map_err(|mistakes| refuse(mistakes.iter().map(|mistake| mistake.what.clone()).collect()))?;
    let (source, source_budget) =
        desk(row, &config, Side::Source, &secrets.source, (ledger, clock, call_limit)).map_err(|why| refuse(vec![why]))?;
    let (target, target_budget) =
        desk(row, &config, Side::Target, &secrets.target, (ledger, clock, call_limit)).map_err(|why| refuse(vec![why]))?;
    let course = Course {
        id: row.id,
        name: row.name.clone(),
        keys: row.keys.clone(),
        source,
        target,
        mapping: config.mapping.clone(),
        mapping_version: row.mapping_version.clone(),
        policy: config.policy.clone(),
        scope: config.scope.clone(),
        pages: pages(row, &config),
        windows: config.windows.clone(),
        recovered_at: row.recovered_at,
        words: Words::default(),
    };
    Ok(Connected { config, secrets, course: Arc::new(course), budgets: [source_budget, target_budget] })
}

fn pages(row: &MirrorRow, config: &MirrorConfig) -> Pages {
    let hook = [&config.target, &config.source].into_iter().find_map(|end| end.webhook.as_ref());
    Pages {
        old: config.source.url.clone(),
        new: config.target.url.clone(),
        numbers: hook.map(|hook| format!("{}/t/{}", hook.public_url, row.name)),
    }
}

type DeskAndBudget = (Arc<dyn Connector>, Arc<SharedBudget>);

fn desk(
    row: &MirrorRow,
    config: &MirrorConfig,
    side: Side,
    secrets: &ConnectionSecrets,
    (ledger, clock, call_limit): (&Ledger, &Clock, Duration),
) -> Result<DeskAndBudget, String> {
    let connection = config.connection(side);
    let budget = Arc::new(SharedBudget::new(
        ledger.clone(),
        clock.clone(),
        row.id,
        &connection.url,
        connection.budget.share,
        connection.budget.calls_per_minute,
    ));
    let guard = AddressGuard { allow_private: connection.allow_private_addresses };
    let http = Http::with_limit(budget.clone(), guard, call_limit).map_err(|fault| fault.to_string())?;
    let given = given(row, config, connection, secrets)?;
    let desk = connect(given, http).map_err(|fault| format!("the {} desk: {fault}", side.as_str()))?;
    Ok((desk, budget))
}

fn given(row: &MirrorRow, config: &MirrorConfig, connection: &Connection, secrets: &ConnectionSecrets) -> Result<Given, String> {
    let url = Url::parse(&connection.url).map_err(|error| format!("`{}` is no address: {error}", connection.url))?;
    let secret = secrets.credential.clone();
    let credential = match &connection.auth {
        Auth::Oauth { client_id, .. } => Credential::Oauth { client_id: client_id.clone(), client_secret: secret },
        Auth::ApiToken { email, .. } => Credential::ApiToken { email: email.clone(), token: secret },
        Auth::Token { .. } => Credential::Token { token: secret },
    };
    let names = connection.names.clone();
    Ok(Given {
        vendor: connection.vendor.clone(),
        url,
        credential,
        user: connection.user.clone(),
        key_field: names.key_field,
        message_key_field: names.message_key_field,
        number_field: names.number_field,
        tags_field: names.tags_field,
        mirrored_tag: config.policy.tags.mirrored.clone(),
        silent_tag: config.policy.tags.silent.clone(),
        mirror: row.keys.0.clone(),
    })
}
