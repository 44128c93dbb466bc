//! A switch of who leads, from the gate to the last ticket.
//!
//! ```text
//!  gate ─► look ─► mark ─► drain ─► verdicts ─► gate again ─► turn ─► late ─► done
//!  └──────────── nothing has changed: undone ────────────┘    └─ finished ─┘
//! ```
//! Before the turn a run only reads, but for the proof of the way back, which removes what it makes: whatever ends it, nothing is to be
//! undone but its own rows, and one that is taken up again goes through all of it anew, because the gate speaks of now. The turn is one
//! commit: the authority of every ticket that is at rest, of the mirror or of the windows that the run is about, the mirror's phase, and the
//! run. After it a run is only ever finished. Tickets that were in the middle of something are turned when it is done (`late`), so that what the one
//! desk said before the switch is carried.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::clock::{Clock, Monotonic, delta};
use crate::connectors::contract::Connector;
use crate::desk::Side;
use crate::desk::policy::Silence;
use crate::ledger::authority::Turned;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::switch::{Behind, Kind, Run, Wish};
use crate::ledger::{self, Ledger};

use super::gate::{self, Ear, Facts, Gate, Kept, Verdicts};
use super::way_back::WayBack;

/// Tickets that a rehearsal turns and takes back to learn how long all will take.
const TRIED: i64 = 1000;
/// More than the clocks of a desk and of the gateway differ.
const CLOCKS: Duration = Duration::from_secs(10);

/// A step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Begun,
    Gate,
    Look,
    Mark,
    Drain,
    Verdicts,
    Turn,
    Late,
}

impl Step {
    /// In the order in which a run passes them.
    pub const ALL: [Step; 8] =
        [Step::Begun, Step::Gate, Step::Look, Step::Mark, Step::Drain, Step::Verdicts, Step::Turn, Step::Late];

    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Begun => "begun",
            Step::Gate => "gate",
            Step::Look => "look",
            Step::Mark => "mark",
            Step::Drain => "drain",
            Step::Verdicts => "verdicts",
            Step::Turn => "turn",
            Step::Late => "late",
        }
    }

    /// What was done, for people who watch.
    pub fn words(self) -> &'static str {
        match self {
            Step::Begun => "begun",
            Step::Gate => "the gate was looked at, and the way back tried",
            Step::Look => "both desks were asked for their last changes",
            Step::Mark => "the sequence is marked",
            Step::Drain => "what was marked is waited for no longer",
            Step::Verdicts => "the verdicts are in",
            Step::Turn => "the other desk leads",
            Step::Late => "tickets in the middle of something were waited for",
        }
    }
}

/// The gates as one of these steps left them; none where it is not among them.
pub fn gates_at(steps: &[(String, Json)], step: Step) -> Vec<Kept> {
    let detail = steps.iter().find(|(name, _)| name == step.as_str()).map(|(_, detail)| detail["gates"].clone());
    detail.and_then(|gates| serde_json::from_value(gates).ok()).unwrap_or_default()
}

/// What a switch has done by others.
#[async_trait(?Send)]
pub trait Hands {
    /// Whether a gateway is at work.
    async fn served(&self) -> ledger::Result<bool>;
    /// Has all changes that a desk tells of now taken in. Errors: a sentence.
    async fn look(&self, side: Side) -> Result<(), String>;
    /// Has those of these windows (`None`: of all) judged that changed since they were judged last, and tells how they compare. Errors: a
    /// sentence.
    async fn verdicts(&self, windows: Option<&[i64]>) -> Result<Verdicts, String>;
    /// Whether the findings of the mirror file's check let it through. Errors: a sentence.
    async fn findings(&self) -> Result<(), String>;
    /// Waits a little before the ledger is asked again.
    async fn rest(&self);
    /// A step is done.
    async fn reached(&self, step: Step);
}

/// How long a switch may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Older work than this shuts the gate.
    pub lag: Duration,
    /// How long the marked sequence is waited for.
    pub within: Duration,
    /// How long tickets in the middle of something are waited for after the turn.
    pub late: Duration,
}

/// A switch, or its rehearsal.
pub struct Switch<'a> {
    pub ledger: &'a Ledger,
    pub clock: &'a Clock,
    pub mirror: &'a MirrorRow,
    pub source: &'a dyn Connector,
    pub target: &'a dyn Connector,
    pub ears: [Ear; 2],
    /// What the mirror file says of mail, of the source and of the target.
    pub silence: [Silence; 2],
    pub limits: Limits,
    pub hands: &'a dyn Hands,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Rehearsed, or the other desk leads.
    Done,
    Refused,
    /// This run is under way and has to end first.
    InTheWay(Box<Run>),
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub outcome: Outcome,
    /// The windows that it is about, by id and by name; `None`: every ticket of the mirror.
    pub windows: Option<Vec<i64>>,
    pub names: Vec<String>,
    pub gates: Vec<Gate>,
    /// Seconds that each step took.
    pub seconds: Vec<(Step, f64)>,
    pub turned: Turned,
    /// Of a rehearsal: seconds that the turn would take.
    pub turn_would_take: Option<f64>,
}

impl Report {
    fn new(outcome: Outcome, run: &Run) -> Self {
        let (windows, names) = (run.windows.clone(), run.names.clone());
        let (gates, seconds) = (Vec::new(), Vec::new());
        Self { outcome, windows, names, gates, seconds, turned: Turned::default(), turn_would_take: None }
    }

    /// Seconds from the beginning to the end; of a rehearsal, those that the switch would take.
    pub fn total(&self) -> f64 {
        self.seconds.iter().map(|(_, seconds)| seconds).sum::<f64>() + self.turn_would_take.unwrap_or_default()
    }

    fn lets_through(&self) -> bool {
        self.gates.iter().all(Gate::lets_through)
    }

    /// A gate that was looked at before is looked at anew.
    fn put(&mut self, gates: impl IntoIterator<Item = Gate>) {
        for gate in gates {
            match self.gates.iter_mut().find(|known| known.name == gate.name) {
                Some(known) => *known = gate,
                None => self.gates.push(gate),
            }
        }
    }
}

impl Switch<'_> {
    /// Runs it, or goes on with the run that was begun. Errors: the ledger is away; the run is taken up again by the next call.
    pub async fn run(&self, wish: &Wish) -> ledger::Result<Report> {
        let begun = self.ledger.begin_switch(self.mirror.id, wish, self.clock.now()).await?;
        let run = match begun {
            Ok(run) => run,
            Err(other) => return Ok(Report::new(Outcome::InTheWay(Box::new(other.clone())), &other)),
        };
        let mut report = Report::new(Outcome::Done, &run);
        self.hands.reached(Step::Begun).await;
        if run.turned_at.is_none() && !self.may_turn(&run, &mut report).await? {
            self.ledger.end_switch(self.mirror.id, &run, "refused", self.clock.now()).await?;
            return Ok(Report { outcome: Outcome::Refused, ..report });
        }
        match run.kind {
            Kind::Go | Kind::Back => self.turn(&run, &mut report).await?,
            Kind::Rehearsal | Kind::Retire => report.turn_would_take = Some(self.try_turn(&run).await?),
        }
        // The gateway turns those that are late, and ends the run then.
        if report.turned.late == 0 {
            self.ledger.end_switch(self.mirror.id, &run, "done", self.clock.now()).await?;
        }
        Ok(report)
    }

    /// The gate, the sequence, the verdicts, and the gate once more.
    async fn may_turn(&self, run: &Run, report: &mut Report) -> ledger::Result<bool> {
        let mut since = Monotonic::now();
        report.put(self.gate(run).await?);
        self.passed(run, Step::Gate, report, &mut since).await?;
        if !report.lets_through() {
            return Ok(false);
        }
        report.put([self.look(run).await]);
        self.passed(run, Step::Look, report, &mut since).await?;
        self.ledger.mark(self.mirror.id, run).await?;
        self.passed(run, Step::Mark, report, &mut since).await?;
        let behind = self.drain(run).await?;
        report.put([gate::applied(&behind, self.limits.within).waived_by(&run.waived)]);
        self.passed(run, Step::Drain, report, &mut since).await?;
        let verdicts = self.hands.verdicts(run.windows.as_deref()).await;
        report.put([gate::parity(&self.mirror.name, verdicts).waived_by(&run.waived)]);
        // What was carried meanwhile may wait for somebody now.
        report.put(self.facts(run).await?);
        self.passed(run, Step::Verdicts, report, &mut since).await?;
        Ok(report.lets_through())
    }

    async fn passed(&self, run: &Run, step: Step, report: &mut Report, since: &mut Monotonic) -> ledger::Result<()> {
        let seconds = since.elapsed().as_secs_f64();
        report.seconds.push((step, seconds));
        let gates: Vec<Kept> = report.gates.iter().map(Gate::kept).collect();
        let detail = json!({ "seconds": seconds, "gates": gates, "turned": report.turned });
        self.ledger.note_step(run, step.as_str(), &detail, self.clock.now()).await?;
        self.hands.reached(step).await;
        *since = Monotonic::now();
        Ok(())
    }

    /// Everything that can be said before anything is waited for.
    async fn gate(&self, run: &Run) -> ledger::Result<Vec<Gate>> {
        let mut gates = self.facts(run).await?;
        let leading = self.desk(run.to.other());
        gates.push(gate::held_mail(run.to.other(), leading).await);
        gates.push(gate::findings(self.hands.findings().await));
        let silence = self.silence(run.to.other()).waived_by(&run.waived);
        let may_write = silence.lets_through();
        gates.push(silence);
        let way_back = WayBack {
            ledger: self.ledger,
            clock: self.clock,
            desk: leading,
            mirror: self.mirror.id,
            keys: &self.mirror.keys,
            side: run.to.other(),
            windows: run.windows.as_deref(),
        };
        if may_write {
            gates.push(way_back.prove().await?);
        }
        Ok(gates.into_iter().map(|gate| gate.waived_by(&run.waived)).collect())
    }

    fn silence(&self, follows: Side) -> Gate {
        let [source, target] = self.silence;
        let said = if follows == Side::Source { source } else { target };
        gate::silence(follows, said, self.desk(follows).capabilities().silence)
    }

    /// What the ledger answers.
    async fn facts(&self, run: &Run) -> ledger::Result<Vec<Gate>> {
        let of = (self.mirror.name.as_str(), run.windows.as_deref());
        let heard = (self.hands.served().await?, self.ears.clone());
        let facts = Facts::read(self.ledger, of, heard, self.clock.now()).await?;
        Ok(gate::gates(&facts, self.limits.lag).into_iter().map(|gate| gate.waived_by(&run.waived)).collect())
    }

    /// Both desks are asked for their changes. Where a poll alone tells what the leading desk does, and the desk withholds its newest
    /// changes, they are waited for.
    async fn look(&self, run: &Run) -> Gate {
        let leads = run.to.other();
        let withheld = self.desk(leads).capabilities().feed.withheld_seconds;
        let by_poll = self.ears.iter().any(|ear| ear.side == leads && !ear.webhook);
        if by_poll && withheld > 0 {
            let until = self.clock.now() + delta(Duration::from_secs(u64::from(withheld)) + CLOCKS);
            while self.clock.now() < until {
                self.hands.rest().await;
            }
        }
        for side in [run.to, leads] {
            if let Err(why) = self.hands.look(side).await {
                let found = format!("the {} desk could not be asked for its last changes: {why}", gate::desk_name(side));
                return Gate::shut("look", found, "try again when it answers").waived_by(&run.waived);
            }
        }
        Gate::open("look", "both desks told their last changes")
    }

    /// Waits until the marked sequence is applied, while traffic goes on.
    async fn drain(&self, run: &Run) -> ledger::Result<Behind> {
        let began = self.clock.now();
        loop {
            let behind = self.ledger.behind(run).await?;
            if behind.tickets == 0 || self.clock.now() - began >= delta(self.limits.within) {
                return Ok(behind);
            }
            self.hands.rest().await;
        }
    }

    /// The one commit, and those that were in the middle of something.
    async fn turn(&self, run: &Run, report: &mut Report) -> ledger::Result<()> {
        let (began, mut since) = (self.clock.now(), Monotonic::now());
        report.turned = self.ledger.turn_switch(self.mirror.id, run, began).await?;
        self.passed(run, Step::Turn, report, &mut since).await?;
        while report.turned.late > 0 && self.clock.now() - began < delta(self.limits.late) {
            self.hands.rest().await;
            let more = self.ledger.turn_switch(self.mirror.id, run, self.clock.now()).await?;
            report.turned.looked_at += more.looked_at;
            report.turned.late = more.late;
        }
        // The gateway turns them too, and so did a command that was killed.
        [report.turned.tickets, report.turned.whole] = self.ledger.turned_by(self.mirror.id, run).await?;
        self.passed(run, Step::Late, report, &mut since).await
    }

    /// Seconds that the turn would take.
    async fn try_turn(&self, run: &Run) -> ledger::Result<f64> {
        let since = Monotonic::now();
        let [tried, all] = self.ledger.try_turn(self.mirror.id, run, TRIED).await?;
        Ok(since.elapsed().as_secs_f64() * all as f64 / tried.max(1) as f64)
    }

    fn desk(&self, side: Side) -> &dyn Connector {
        match side {
            Side::Source => self.source,
            Side::Target => self.target,
        }
    }
}
