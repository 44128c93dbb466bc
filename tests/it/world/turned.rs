//! The gateway of a world: a listener that runs by itself, and tasks that only run when the world turns them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use tidegate::clock::Clock;
use tidegate::connectors::contract::SourceDesk;
use tidegate::cutover::voice::Speaker;
use tidegate::desk::Side;
use tidegate::gateway::connect::{Connected, connected};
use tidegate::gateway::run::Runner;
use tidegate::gateway::witness::Registrar;
use tidegate::intake::backfill::Lister;
use tidegate::intake::poll::Poller;
use tidegate::intake::receive::Ears;
use tidegate::intake::sweep::Sweeper;
use tidegate::intake::writer::writer;
use tidegate::ledger::Ledger;
use tidegate::ledger::mirror::MirrorRow;
use tidegate::replay::canary::Watcher;
use tidegate::replay::course::{Course, Steps};
use tidegate::replay::engine::{Courses, Engine};
use tidegate::replay::house::{House, Settings, Turns};
use tidegate::replay::leaks::LeakWatch;
use tidegate::task::Next;
use tidegate::web::router::{Site, router};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::stand::no_courses;

/// A mirror in it: its desks, and the tasks that turn.
type Served = (Arc<Course>, [Arc<Poller>; 2], Lister, Sweeper);

/// A process. Dropping it ends it where it stands, as a kill would.
pub struct Process {
    pub url: String,
    pub engine: Engine,
    pub house: Arc<House>,
    ledger: Ledger,
    clock: Clock,
    settings: Settings,
    address: SocketAddr,
    courses: Courses,
    ears: Ears,
    wake: Arc<Notify>,
    served: Option<Served>,
    runner: Option<Runner>,
    tasks: JoinSet<()>,
}

impl Process {
    /// Starts one at a free port.
    pub async fn start(ledger: &Ledger, clock: &Clock, steps: Arc<dyn Steps>) -> Self {
        Self::listening(ledger, clock, steps, ([127, 0, 0, 1], 0).into()).await
    }

    /// The next one on the same ledger and port; this one is ended first.
    pub async fn successor(&mut self, steps: Arc<dyn Steps>) -> Self {
        self.tasks.shutdown().await;
        Self::listening(&self.ledger, &self.clock, steps, self.address).await
    }

    /// Another process beside this one, without a listener that anybody knows.
    pub async fn beside(&self, mirror: &MirrorRow, steps: Arc<dyn Steps>) -> Self {
        let mut other = Self::start(&self.ledger, &self.clock, steps).await;
        other.connect(mirror);
        other
    }

    async fn listening(ledger: &Ledger, clock: &Clock, steps: Arc<dyn Steps>, address: SocketAddr) -> Self {
        let (wake, courses) = (Arc::new(Notify::new()), no_courses());
        let ears: Ears = Arc::new(RwLock::new(BTreeMap::new()));
        let (writer, desk) = writer(ledger.clone(), wake.clone());
        let settings = Settings { workers: 4, ..Settings::default() };
        let house = Arc::new(House {
            ledger: ledger.clone(),
            clock: clock.clone(),
            settings,
            steps,
            turns: Turns::default(),
            stopping: Default::default(),
        });
        let engine = Engine::new(house.clone(), courses.clone(), wake.clone());
        let site = Site { ledger: ledger.clone(), clock: clock.clone(), ears: ears.clone(), writer, largest_delivery: 1 << 20 };
        let listener = tokio::net::TcpListener::bind(address).await.expect("the port is free");
        let address = listener.local_addr().expect("it is bound");
        let mut tasks = JoinSet::new();
        tasks.spawn(desk.run());
        tasks.spawn(async move { axum::serve(listener, router(site)).await.expect("it serves") });
        let (ledger, clock) = (ledger.clone(), clock.clone());
        Self {
            url: format!("http://{address}"),
            engine,
            house,
            ledger,
            clock,
            settings,
            address,
            courses,
            ears,
            wake,
            served: None,
            runner: None,
            tasks,
        }
    }

    /// Takes a mirror in: the poll's watermark first, then the webhook.
    pub async fn serve(&mut self, mirror: &MirrorRow) {
        let connected = self.connect(mirror);
        let (_, pollers, ..) = self.served.as_ref().expect("it was just connected");
        for poller in pollers {
            poller.start().await.expect("a watermark");
            let side = poller.side;
            let Some(webhook) = connected.config.connection(side).webhook.clone() else { continue };
            let registrar = Registrar {
                ledger: self.ledger.clone(),
                clock: self.clock.clone(),
                course: connected.course.clone(),
                side,
                webhook,
                secrets: connected.secrets.of(side).webhook.clone(),
                known: Arc::default(),
                ears: self.ears.clone(),
                looked: Default::default(),
            };
            registrar.activate().await;
        }
    }

    fn connect(&mut self, mirror: &MirrorRow) -> Connected {
        let connected = connected(mirror, &self.ledger, &self.clock).unwrap_or_else(|error| panic!("{error}"));
        let course = connected.course.clone();
        let poller = |side| Poller {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: course.id,
            name: course.name.clone(),
            side,
            desk: course.desk(side).clone(),
            every: Duration::from_secs(1),
            webhook_retry: connected.config.connection(side).webhook.as_ref().map(|_| Duration::from_secs(30)),
            wake: self.wake.clone(),
            silent: Default::default(),
        };
        let pollers = [Side::Source, Side::Target].map(|side| Arc::new(poller(side)));
        self.runner = Some(Runner {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: course.id,
            name: course.name.clone(),
            plan: connected.config.run.clone(),
            pollers: pollers.clone(),
            budgets: connected.budgets.clone(),
            wake: self.wake.clone(),
        });
        let desk: Arc<dyn SourceDesk> = course.source.clone();
        let lister = Lister {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: course.id,
            name: course.name.clone(),
            source: desk,
            wake: self.wake.clone(),
        };
        let sweeper = Sweeper {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: course.id,
            name: course.name.clone(),
            every: connected.config.source.sweep,
            wake: self.wake.clone(),
        };
        self.courses.write().expect("nobody panicked").insert(course.id, course.clone());
        self.served = Some((course, pollers, lister, sweeper));
        connected
    }

    /// The mirror that is served.
    pub fn course(&self) -> &Arc<Course> {
        &self.served.as_ref().expect("a mirror is served").0
    }

    /// One look at what the credentials can see.
    pub async fn watch(&self) {
        let course = self.course().clone();
        let watcher = Watcher { ledger: self.ledger.clone(), clock: self.clock.clone(), course, wake: self.wake.clone() };
        watcher.activate().await;
    }

    /// The leak check ends its batch, if that is full, and makes every look that is due.
    pub async fn look_for_leaks(&self) {
        let watch = LeakWatch { ledger: self.ledger.clone(), clock: self.clock.clone(), course: self.course().clone() };
        while watch.activate().await == Next::Again {}
    }

    /// What keeps the desks silent is taken off where people work. Another process would go on as this one does: it keeps nothing.
    pub async fn speak(&self) {
        let course = self.course();
        let speaker = Speaker {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: course.id,
            name: course.name.clone(),
            desks: [course.source.clone(), course.target.clone()],
        };
        while speaker.activate().await == Next::Again {}
    }

    /// One activation of polls, listing and sweep, and of the watch over a desk that is out of sight; a failing desk is asked
    /// again a little later.
    pub async fn listen(&self, clock: &Clock) {
        let (_, pollers, lister, sweeper) = self.served.as_ref().expect("a mirror is served");
        for poller in pollers {
            for _ in 0..20 {
                if poller.poll().await.is_ok() {
                    break;
                }
                clock.advance(Duration::from_secs(2));
            }
        }
        while lister.activate().await == Next::Again {}
        sweeper.activate().await;
        if !self.ledger.blind(self.course().id).await.expect("an answer").is_empty() {
            self.watch().await;
        }
    }

    /// A step of the run that is under way, or a look whether one is due.
    pub async fn see_to_runs(&self) -> Next {
        self.runner.as_ref().expect("a mirror is served").activate().await
    }

    /// Within which every ticket is looked at.
    pub fn sweep_bound(&self) -> Duration {
        self.served.as_ref().expect("a mirror is served").3.every
    }

    /// How long a lane rests after its lease ran out.
    pub fn grace(&self) -> Duration {
        self.settings.grace + Duration::from_millis(1)
    }

    /// Longer than any lease and rest.
    pub fn lease_and_grace(&self) -> Duration {
        self.settings.lease + self.grace()
    }
}
