//! The whole check of one mirror file: asks both desks, walks the source's tickets, and puts the report together. Reads only.

use futures_util::{StreamExt, stream};

use crate::change::ListPage;
use crate::clock::Clock;
use crate::config::mirror::MirrorConfig;
use crate::config::mistake::{Mistake, Places, Weight};
use crate::config::values::check_values;
use crate::connectors::contract::{Connector, Read};
use crate::connectors::fault::Fault;
use crate::connectors::http::{Http, Priority, at_priority};
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::desk::policy::{Policy, Silence};
use crate::desk::schema::Schema;
use crate::desk::survey::{Rules, Survey, Unseen};
use crate::desk::ticket::{Presence, Ticket};
use crate::mirror::KeySpace;

use super::estimate::{Pace, Size, estimate};
use super::finding::{Finding, Report, Severity, sorted};
use super::patience::patiently;
use super::pattern::Pattern;
use super::people::Crowd;
use super::tally::{Found, Tally};
use super::view::View;
use super::{field, gate, ready, rules, thread, trap};

/// Tickets that are read at once.
const AT_ONCE: usize = 4;

/// What a check works with.
pub struct Bench<'a> {
    pub config: &'a MirrorConfig,
    /// Where things stand in the file.
    pub places: &'a Places,
    pub source: &'a dyn Connector,
    pub target: &'a dyn Connector,
    /// For the gateway's own addresses.
    pub own: &'a Http,
    /// Calls to the source so far, and what the desks allow us.
    pub meter: &'a (dyn Fn() -> (u64, Pace) + Send + Sync),
    pub clock: Clock,
}

/// How far the walk is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    pub read: u64,
    pub total: u64,
}

/// What both desks told of themselves.
struct Asked {
    source: Schema,
    target: Schema,
    surveys: [Survey; 2],
    rules: Rules,
    /// Asked for where something is written into the source.
    source_rules: Option<Rules>,
}

/// Checks. What a desk refuses is a finding of the report, never an error. `sample`: read only so many tickets, the newest and some
/// spread over the rest.
pub async fn prove(bench: &Bench<'_>, sample: Option<usize>, progress: impl Fn(Progress)) -> Report {
    at_priority(Priority::Check, work(bench, sample, &progress)).await
}

async fn work(bench: &Bench<'_>, sample: Option<usize>, progress: &impl Fn(Progress)) -> Report {
    let config = bench.config;
    let mut report = Report {
        mirror: config.name.clone(),
        digest: gate::digest(config),
        checked_at: bench.clock.now(),
        listed: 0,
        read: 0,
        outside: 0,
        findings: desks(bench).await,
        not_carried: Vec::new(),
        estimate: None,
    };
    if report.findings.iter().all(|finding| finding.severity != Severity::Stop)
        && let Err(finding) = look(bench, sample, progress, &mut report).await
    {
        report.findings.push(finding);
    }
    report.findings = sorted(report.findings);
    report
}

/// Credentials, clocks, webhook addresses.
async fn desks(bench: &Bench<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (side, desk) in [(Side::Source, bench.source), (Side::Target, bench.target)] {
        match patiently(|| desk.identify()).await {
            Ok(identity) => findings.extend(ready::clock(side, &identity, bench.clock.now())),
            Err(fault) => findings.push(ready::refused(side, &fault)),
        }
        findings.extend(ready::webhook(bench.config, side, bench.own).await);
    }
    findings
}

/// The error is the finding that ended the look.
async fn look(
    bench: &Bench<'_>,
    sample: Option<usize>,
    progress: &impl Fn(Progress),
    report: &mut Report,
) -> Result<(), Finding> {
    let of = |(side, fault): (Side, Fault)| ready::refused(side, &fault);
    let asked = ask(bench).await?;
    let [here, there] = asked.surveys;
    report.findings.extend(ready::needs(Side::Source, &here));
    report.findings.extend(ready::needs(Side::Target, &there));
    report.findings.extend(ready::addresses(&here, &there));
    report.findings.extend(ready::uncounted(&here));
    let policy = &bench.config.policy;
    report.findings.extend(rules::findings(Side::Target, &asked.rules, policy.silence));
    if let Some(rules) = &asked.source_rules {
        report.findings.extend(rules::findings(Side::Source, rules, policy.source_silence));
        report.findings.extend(ready::source_silence(policy, bench.source.capabilities()));
    }
    report.not_carried = here.stock;
    let mistakes = check_values(bench.config, bench.places, &asked.source, &asked.target);
    let view = View {
        config: bench.config,
        source_can: bench.source.capabilities(),
        target_can: bench.target.capabilities(),
        source_address: bench.source.address(),
        source: asked.source,
        target: asked.target,
        patterns: there.patterns.iter().map(|(key, text)| (key.clone(), Pattern::read(text))).collect(),
        survey: there,
        rules: asked.rules,
        keys: KeySpace(bench.config.name.clone()),
    };
    let mut walk = Walk { tally: Tally::default(), crowd: Crowd::default(), size: Size::default(), outside: 0 };
    walk.all(bench, &view, sample, progress).await.map_err(|fault| of((Side::Source, fault)))?;
    walk.size.people = walk.crowd.len();
    walk.crowd.judge(&view, (bench.source, bench.target), &mut walk.tally).await.map_err(of)?;
    report.findings.extend(walk.tally.findings());
    report.findings.extend(file(&mistakes, &walk.tally));
    report.findings.extend(sampled(&walk.size));
    (report.listed, report.read, report.outside) = (walk.size.listed, walk.size.read, walk.outside);
    report.estimate = Some(estimate(walk.size, view.target_can, (bench.meter)().1));
    Ok(())
}

async fn ask(bench: &Bench<'_>) -> Result<Asked, Finding> {
    let of = |side| move |fault: Fault| ready::refused(side, &fault);
    let (source, target) = (bench.source, bench.target);
    Ok(Asked {
        source: patiently(|| source.schema()).await.map_err(of(Side::Source))?,
        target: patiently(|| target.schema()).await.map_err(of(Side::Target))?,
        surveys: [
            patiently(|| source.survey(Side::Source)).await.map_err(of(Side::Source))?,
            patiently(|| target.survey(Side::Target)).await.map_err(of(Side::Target))?,
        ],
        rules: rules_of(Side::Target, target).await?,
        source_rules: match is_written_to(&bench.config.policy) {
            true => Some(rules_of(Side::Source, source).await?),
            false => None,
        },
    })
}

/// Whether anything is written into the source: while it leads, or after a switch, for which whoever wants one says why it is silent.
fn is_written_to(policy: &Policy) -> bool {
    policy.back().is_some() || policy.source_silence != Silence::Proven
}

async fn rules_of(side: Side, desk: &dyn Connector) -> Result<Rules, Finding> {
    match patiently(|| desk.rules()).await {
        Ok(rules) => Ok(rules),
        Err(fault @ Fault::Unauthorised { .. }) => Ok(hidden(side, &fault)),
        Err(fault) => Err(ready::refused(side, &fault)),
    }
}

/// Rules that the credential may not see.
fn hidden(side: Side, fault: &Fault) -> Rules {
    let what = format!("What the {}'s rules would do to people cannot be told: {fault}", side.as_str());
    let cure = "give the credential the right to see triggers and automations, or look through them yourself".to_string();
    Rules { unseen: vec![Unseen { name: "rules", what, cure }], ..Rules::default() }
}

/// What `mirror apply` would refuse, without what was found on the data and is told there.
fn file(mistakes: &[Mistake], tally: &Tally) -> Option<Finding> {
    let told = |mistake: &&Mistake| tally.fields().any(|field| mistake.what.contains(&format!("\"{field}\"")));
    let wrong: Vec<String> = mistakes
        .iter()
        .filter(|mistake| mistake.weight == Weight::Wrong && !told(mistake))
        .map(|mistake| format!("{} ({})", mistake.what, mistake.right))
        .collect();
    let what = format!("`tidegate mirror apply` would refuse the file: {}", wrong.join("; "));
    let cure = "mend the file: `tidegate mirror apply` tells each mistake with its line";
    let count = wrong.len() as u64;
    (count > 0).then(|| Finding { count, ..ready::plain("mirror-file".to_string(), Severity::Stop, &what, cure) })
}

fn sampled(size: &Size) -> Option<Finding> {
    let what = format!("only {} of {} tickets were looked at: what the others hold is not known", size.read, size.listed);
    let cure = "check again without --sample";
    (size.read < size.listed).then(|| ready::plain("sample-only".to_string(), Severity::CannotTell, &what, cure))
}

/// What the walk has seen.
struct Walk {
    tally: Tally,
    crowd: Crowd,
    size: Size,
    outside: u64,
}

impl Walk {
    async fn all(
        &mut self,
        bench: &Bench<'_>,
        view: &View<'_>,
        sample: Option<usize>,
        progress: &impl Fn(Progress),
    ) -> Result<(), Fault> {
        let listed = list(bench.source).await?;
        self.size.listed = listed.len() as u64;
        let chosen = choose(listed, sample);
        let total = chosen.len() as u64;
        let before = (bench.meter)().0;
        let read = |id: TicketId| async move { (patiently(|| bench.source.read(&id, None)).await, id) };
        let mut reads = stream::iter(chosen).map(read).buffer_unordered(AT_ONCE);
        while let Some((read, id)) = reads.next().await {
            self.size.read += 1;
            match read {
                Ok(Read::Found(ticket) | Read::Torn(ticket)) => self.one(view, &ticket),
                Ok(Read::Missing) => self.tally.note(Found::new(&trap::NOT_SHOWN, "", &id)),
                Err(fault @ (Fault::Unreachable { .. } | Fault::Throttled { .. })) => return Err(fault),
                Err(fault) => self.tally.note(Found::new(&trap::UNREADABLE, "", &id).value(&fault.to_string())),
            }
            progress(Progress { read: self.size.read, total });
        }
        self.size.calls = (bench.meter)().0.saturating_sub(before);
        Ok(())
    }

    fn one(&mut self, view: &View<'_>, ticket: &Ticket) {
        if ticket.presence == Presence::Deleted {
            return;
        }
        if view.config.scope.includes(ticket).is_err() {
            self.outside += 1;
            return;
        }
        field::look(view, ticket, &mut self.tally);
        thread::look(view, ticket, &mut self.tally);
        self.crowd.meet(view, ticket);
        self.size.messages += ticket.messages.len() as u64;
        for file in ticket.messages.iter().flat_map(|message| &message.attachments) {
            self.size.files += 1;
            self.size.bytes += file.size.unwrap_or(0);
        }
    }
}

/// Every ticket that the source lists, the newest change first.
async fn list(source: &dyn Connector) -> Result<Vec<TicketId>, Fault> {
    let mut hints = Vec::new();
    let mut cursor = None;
    loop {
        let page: ListPage = patiently(|| source.list(cursor.as_ref())).await?;
        hints.extend(page.hints);
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    hints.sort_by_key(|hint| std::cmp::Reverse(hint.at));
    let mut seen = std::collections::BTreeSet::new();
    Ok(hints.into_iter().map(|hint| hint.ticket).filter(|ticket| seen.insert(ticket.clone())).collect())
}

/// All, or the newest half of the sample and the other half spread over the rest.
fn choose(listed: Vec<TicketId>, sample: Option<usize>) -> Vec<TicketId> {
    let Some(size) = sample.filter(|size| *size < listed.len()) else { return listed };
    let newest = size.div_ceil(2);
    let (rest, spread) = (listed.len() - newest, size - newest);
    let place = |number: usize| newest + number * rest / spread.max(1);
    let places: Vec<usize> = (0..newest).chain((0..spread).map(place)).collect();
    places.into_iter().map(|place| listed[place].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_the_newest_and_some_of_the_rest_each_once() {
        let all: Vec<TicketId> = (0..10).map(TicketId::new).collect();
        let some = |size| choose(all.clone(), Some(size)).iter().map(TicketId::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(some(4), "0 1 2 6");
        assert_eq!(some(1), "0");
        assert_eq!(choose(all.clone(), Some(10)), all);
        assert_eq!(choose(all.clone(), None), all);
    }
}
