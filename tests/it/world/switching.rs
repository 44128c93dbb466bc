//! Switching in a world: a switch whose hands are the world's own tasks.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use async_trait::async_trait;
use tidegate::cutover::gate::{Ear, Gate, Verdicts};
use tidegate::cutover::late::LateTurn;
use tidegate::cutover::parity::{Options, check_stale};
use tidegate::cutover::switch::{Hands, Limits, Outcome, Report, Step, Switch};
use tidegate::desk::Side;
use tidegate::desk::policy::Silence;
use tidegate::gateway::connect::bench;
use tidegate::ledger;
use tidegate::ledger::switch::{Kind, Wish};
use tidegate::mirror::Phase;
use tokio::sync::Notify;

use super::stand::World;

type Deed<'a> = (Step, Box<dyn Fn() + 'a>);

/// Hands that work in a world, and what they make of it.
pub struct Hand<'a> {
    world: &'a World,
    pub served: Cell<bool>,
    /// What the mirror file says of mail, of the source and of the target.
    pub silence: Cell<[Silence; 2]>,
    pub findings: RefCell<Result<(), String>>,
    /// Both desks can be asked for their last changes.
    pub hears: Cell<bool>,
    /// The engine works while the switch waits.
    pub works: Cell<bool>,
    /// The gateway turns late tickets while the switch waits.
    pub turns: Cell<bool>,
    /// Somebody does something right after this step.
    deed: RefCell<Option<Deed<'a>>>,
    /// The engine works no longer right after this step.
    idle: Cell<Option<Step>>,
    /// The process ends right after this step.
    end: Cell<Option<Step>>,
    pub ended: Notify,
}

impl<'a> Hand<'a> {
    /// Hands with nothing in the way.
    pub fn of(world: &'a World) -> Self {
        Self {
            world,
            served: Cell::new(true),
            silence: Cell::new([Silence::AdminRule; 2]),
            findings: RefCell::new(Ok(())),
            hears: Cell::new(true),
            works: Cell::new(true),
            turns: Cell::new(false),
            deed: RefCell::default(),
            idle: Cell::default(),
            end: Cell::default(),
            ended: Notify::new(),
        }
    }

    /// Does what is to be done at this step; returns whether there was anything.
    fn done_at(&self, step: Step) -> bool {
        let deed = self.deed.borrow();
        let due = deed.as_ref().filter(|(at, _)| *at == step);
        due.inspect(|(_, deed)| deed()).is_some()
    }

    /// Somebody does this right after the step.
    pub fn after(self, step: Step, deed: impl Fn() + 'a) -> Self {
        *self.deed.borrow_mut() = Some((step, Box::new(deed)));
        self
    }

    /// Nothing is carried any more right after the step.
    pub fn idle_after(self, step: Step) -> Self {
        self.idle.set(Some(step));
        self
    }

    /// The process ends right after the step.
    pub fn ends_after(self, step: Step) -> Self {
        self.end.set(Some(step));
        self
    }
}

#[async_trait(?Send)]
impl Hands for Hand<'_> {
    async fn served(&self) -> ledger::Result<bool> {
        Ok(self.served.get())
    }

    async fn look(&self, _: Side) -> Result<(), String> {
        if !self.hears.get() {
            return Err("503 it says".to_string());
        }
        self.world.arrive().await;
        Ok(())
    }

    async fn verdicts(&self, windows: Option<&[i64]>) -> Result<Verdicts, String> {
        let course = self.world.process.course();
        let bench = bench(course, &self.world.ledger, &self.world.clock);
        let windows = windows.map(<[i64]>::to_vec);
        let options = Options { rounds: 1, pause: Duration::ZERO, windows, ..Options::default() };
        check_stale(&bench, &options, |_| {}).await.map(Verdicts::from).map_err(|error| error.to_string())
    }

    async fn findings(&self) -> Result<(), String> {
        self.findings.borrow().clone()
    }

    async fn rest(&self) {
        self.world.clock.advance(Duration::from_secs(1));
        if self.works.get() {
            self.world.arrive().await;
            self.world.process.engine.run_until_idle().await;
        }
        if self.turns.get() {
            self.world.gateway_turns().await;
        }
    }

    async fn reached(&self, step: Step) {
        if self.done_at(step) {
            self.world.arrive().await;
        }
        if self.idle.get() == Some(step) {
            self.works.set(false);
        }
        if self.end.get() == Some(step) {
            self.ended.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// A wish of somebody who passes these gates by.
pub fn wish(kind: Kind, waived: &[&str]) -> Wish {
    let to = if kind == Kind::Back { Side::Source } else { Side::Target };
    let waived: Vec<String> = waived.iter().map(|name| (*name).to_string()).collect();
    let reason = (!waived.is_empty()).then(|| "a test".to_string());
    Wish { kind, to, window: None, who: "olga".to_string(), waived, reason }
}

/// What a report says of a switch that was refused by this gate alone.
pub fn only_shut<'r>(report: &'r Report, name: &str) -> &'r Gate {
    match shut(report).as_slice() {
        [only] if only.name == name && report.outcome == Outcome::Refused => only,
        others => panic!("not by {name} alone: {:?}, {others:?}", report.outcome),
    }
}

/// The gates that are shut.
pub fn shut(report: &Report) -> Vec<&Gate> {
    report.gates.iter().filter(|gate| !gate.lets_through()).collect()
}

impl World {
    /// Copies everything; then both desks are at work on this old ticket.
    pub async fn copy_and_work(&mut self, ticket: &str) {
        self.copy().await;
        let there = self.mirrored(ticket).id;
        self.source.reply(ticket, "Hello?");
        self.target.note(&there, "Seen.");
        self.settle().await;
    }

    /// Runs a switch to its end.
    pub async fn switch(&self, wish: &Wish, hand: &Hand<'_>) -> Report {
        let course = self.process.course();
        let mirror = self.ledger.mirror("demo").await.expect("it is there");
        let connected = tidegate::gateway::connect::connected(&mirror, &self.ledger, &self.clock).expect("it was applied");
        let switch = Switch {
            ledger: &self.ledger,
            clock: &self.clock,
            mirror: &mirror,
            source: course.source.as_ref(),
            target: course.target.as_ref(),
            ears: [Side::Source, Side::Target].map(|side| Ear {
                side,
                webhook: connected.config.connection(side).webhook.is_some(),
                every: Duration::from_secs(3600),
            }),
            silence: hand.silence.get(),
            limits: Limits { lag: Duration::from_secs(60), within: Duration::from_secs(90), late: Duration::from_secs(60) },
            hands: hand,
        };
        switch.run(wish).await.expect("the ledger is there")
    }

    /// The same with a process that ends on the way.
    pub async fn interrupted_switch(&self, wish: &Wish, step: Step) {
        let hand = Hand::of(self).ends_after(step);
        tokio::select! {
            report = self.switch(wish, &hand) => panic!("it was to end after {step:?}: {report:?}"),
            () = hand.ended.notified() => {}
        }
    }

    /// Switches, and fails if it is refused.
    pub async fn switched(&self, kind: Kind) -> Report {
        let report = self.switch(&wish(kind, &[]), &Hand::of(self)).await;
        assert_eq!(report.outcome, Outcome::Done, "{:?}", shut(&report));
        report
    }

    /// The gateway turns the late tickets of a switch that have come to rest.
    pub async fn gateway_turns(&self) {
        let (ledger, clock) = (self.ledger.clone(), self.clock.clone());
        LateTurn { ledger, clock, mirror: self.mirror.id, name: "demo".to_string() }.activate().await;
    }

    /// A wish for one window.
    pub async fn wish_for(&self, kind: Kind, window: &str) -> Wish {
        let parts = self.ledger.parts(self.mirror.id).await.expect("an answer");
        let part = parts.into_iter().find(|part| part.name == window).expect("the mirror has it");
        let to = if kind == Kind::Rehearsal { part.leads.other() } else { wish(kind, &[]).to };
        Wish { window: Some(part.id), to, ..wish(kind, &[]) }
    }

    /// Switches one window, and fails if it is refused.
    pub async fn switched_window(&self, kind: Kind, window: &str) -> Report {
        let report = self.switch(&self.wish_for(kind, window).await, &Hand::of(self)).await;
        assert_eq!(report.outcome, Outcome::Done, "{window}: {:?}", shut(&report));
        report
    }

    /// Which desk leads a ticket of the old desk.
    pub async fn leads_ticket(&self, ticket: &str) -> Side {
        let mut pairs = self.ledger.pairs_of_number(self.mirror.id, ticket).await.expect("an answer");
        // The new desk may have another ticket of this number.
        pairs.retain(|pair| pair.source_ticket.as_ref().is_some_and(|here| here.as_str() == ticket));
        pairs[0].authority
    }

    /// Which desk leads the tickets that both have: `source`, `target`, or both words while it is half.
    pub async fn leads(&self) -> Vec<String> {
        let sql = "select distinct authority from pair where target_ticket is not null and source_ticket is not null order by 1";
        sqlx::query_scalar(sql).fetch_all(&self.pool).await.expect("an answer")
    }

    /// Where the mirror stands.
    pub async fn phase(&self) -> Phase {
        self.ledger.mirror("demo").await.expect("it is there").phase
    }

    /// Tells the ledger something that no desk says.
    pub async fn sql(&self, statement: &str) {
        sqlx::query(sqlx::AssertSqlSafe(statement.to_string()))
            .execute(&self.pool)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}
