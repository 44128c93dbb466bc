//! Whether both desks are ready: credentials, clocks, what the mirror file names, addresses at which mail comes in.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;

use crate::config::mirror::MirrorConfig;
use crate::connectors::contract::Identity;
use crate::connectors::fault::Fault;
use crate::connectors::http::{Call, Http, Limits};
use crate::desk::Side;
use crate::desk::capability::Capabilities;
use crate::desk::policy::{Policy, Silence};
use crate::desk::survey::{Survey, Told};

use super::finding::{Finding, Severity};
use super::tally::{said, sentence};

/// Deliveries carry the desk's time, and feeds are asked by it.
const CLOCK_LIMIT: TimeDelta = TimeDelta::seconds(30);
const REACH: Call = Call { kind: "reach the gateway", class: "own" };

/// A finding that is about no ticket.
pub fn plain(name: String, severity: Severity, what: &str, cure: &str) -> Finding {
    let (what, cure) = (sentence(what.trim_end_matches('.')), cure.to_string());
    Finding { name, severity, what, cure, count: 0, values: Vec::new(), tickets: Vec::new() }
}

/// A desk that does not let us in, or does not answer.
pub fn refused(side: Side, fault: &Fault) -> Finding {
    let side = side.as_str();
    let (name, cure) = match fault {
        Fault::Unauthorised { .. } => {
            ("credential", "give the credential of the mirror file the rights that it needs, then check again")
        }
        _ => ("desk", "see that the address of the mirror file is right and the desk answers, then check again"),
    };
    plain(format!("{side}-{name}"), Severity::Stop, &format!("the {side} desk: {fault}"), cure)
}

/// Something is written into the source, and nobody has said why that mails no one.
pub fn source_silence(policy: &Policy, can: &Capabilities) -> Option<Finding> {
    let setting = policy.back()?;
    let what = format!(
        "`{setting}` writes into the source what people do in the target, and nothing proves yet that the source mails nobody about it"
    );
    let cure = format!(
        "see to what keeps it silent: {}; then write source-silence = \"admin-rule\" under [policy], or \"mail-allowed\" if people may be \
         mailed",
        can.silence
    );
    (policy.source_silence == Silence::Proven).then(|| plain("source-silence".to_string(), Severity::Stop, &what, &cure))
}

/// The two clocks, ours and the desk's.
pub fn clock(side: Side, identity: &Identity, now: DateTime<Utc>) -> Option<Finding> {
    let apart = identity.desk_time? - now;
    let side = side.as_str();
    let cure = "set the clock of the gateway's machine by NTP, and have the desk's admin do the same";
    (apart.abs() > CLOCK_LIMIT).then(|| {
        let way = if apart > TimeDelta::zero() { "ahead of" } else { "behind" };
        let what = format!("the {side} desk's clock is {} s {way} this machine's", apart.num_seconds().abs());
        plain(format!("{side}-clock"), Severity::Risk, &what, cure)
    })
}

/// What has to be there for us and is not, or cannot be seen.
pub fn needs(side: Side, survey: &Survey) -> Vec<Finding> {
    let side = side.as_str();
    let told = survey.needs.iter().filter_map(|need| {
        let name = format!("{side}-{}", need.name);
        match &need.met {
            Told::Known(true) => None,
            Told::Known(false) => {
                Some(plain(name, Severity::Stop, &format!("the {side} desk does not have {}", need.what), &need.cure))
            }
            Told::CannotTell(why) => {
                let what = format!("whether the {side} desk has {} cannot be told: {why}", need.what);
                Some(plain(name, Severity::CannotTell, &what, &need.cure))
            }
        }
    });
    told.collect()
}

/// Mail that both desks would make tickets of.
pub fn addresses(source: &Survey, target: &Survey) -> Option<Finding> {
    let name = || "support-addresses".to_string();
    let cure = "let mail for an address go to one desk only: until the switch the old one, and forward nothing to the new one";
    match (&source.addresses, &target.addresses) {
        (Told::Known(here), Told::Known(there)) => {
            let both: Vec<String> = here.intersection(there).cloned().collect::<BTreeSet<_>>().into_iter().collect();
            let what =
                format!("both desks make tickets of mail to {}: each customer's mail would become two tickets", said(&both));
            let finding = Finding { count: both.len() as u64, values: both, ..plain(name(), Severity::Risk, &what, cure) };
            (!finding.values.is_empty()).then_some(finding)
        }
        (Told::CannotTell(why), _) | (_, Told::CannotTell(why)) => {
            let what = format!("whether mail to one address becomes a ticket in both desks cannot be told: {why}");
            Some(plain(name(), Severity::CannotTell, &what, cure))
        }
    }
}

/// What stays behind and cannot be counted.
pub fn uncounted(source: &Survey) -> Option<Finding> {
    let unknown = source.stock.iter().filter(|stock| stock.count.known().is_none());
    let values: Vec<String> = unknown.map(|stock| stock.what.clone()).collect();
    let what = format!("not carried, and how many there are cannot be told: {}", said(&values));
    let cure = "look in the old desk what of it your team needs in the new one";
    (!values.is_empty()).then(|| Finding { values, ..plain("not-counted".to_string(), Severity::CannotTell, &what, cure) })
}

/// Whether somebody answers where a desk's webhooks go, seen from here.
pub async fn webhook(config: &MirrorConfig, side: Side, http: &Http) -> Option<Finding> {
    let webhook = config.connection(side).webhook.as_ref()?;
    let address = format!("{}/hooks/{}/{}", webhook.public_url, config.name, side.as_str());
    let unreached = match Url::parse(&address).map_err(|error| Fault::refused(error.to_string())) {
        Ok(url) => reach(http, url).await.err(),
        Err(fault) => Some(fault),
    }?;
    let what = format!("nobody answers at {address}, where the {} desk's webhooks go ({unreached})", side.as_str());
    let cure = "start `tidegate serve` behind that address and check again; or accept it: changes then come by poll only";
    Some(plain(format!("{}-webhook-url", side.as_str()), Severity::CannotTell, &what, cure))
}

/// Any answer will do: a gateway answers 404 or 405 to what is no delivery.
async fn reach(http: &Http, url: Url) -> Result<(), Fault> {
    let request = http.request(Method::GET, url)?;
    let no_limits = |_: &HeaderMap| Limits::default();
    match http.send(REACH, request, no_limits, &[]).await {
        Err(fault @ Fault::Unreachable { .. }) => Err(fault),
        _ => Ok(()),
    }
}
