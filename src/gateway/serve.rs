//! The running gateway: one writer, one engine, and for each mirror a poller and a registrar at either end, and a lister.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::config::mirror::Webhook;
use crate::connectors::contract::SourceDesk;
use crate::cutover::late::LateTurn;
use crate::cutover::retention::Keeper;
use crate::cutover::voice::Speaker;
use crate::desk::Side;
use crate::intake::backfill::Lister;
use crate::intake::poll::Poller;
use crate::intake::receive::Ears;
use crate::intake::selftest::{self, SelfTest};
use crate::intake::sweep::Sweeper;
use crate::intake::writer::{Writer, writer};
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::mirror::{MirrorId, Phase};
use crate::replay::canary::Watcher;
use crate::replay::course::Steps;
use crate::replay::engine::{Courses, Engine};
use crate::replay::house::{House, Settings, Turns};
use crate::replay::leaks::LeakWatch;
use crate::task::{self, Next, Stop, Stopper, stopper};
use crate::web::router::{Site, router};

use super::budget::SharedBudget;
use super::connect::{Connected, connected_within};
use super::run::Runner;
use super::witness::{Registrar, webhook_url};

/// What a gateway is made of.
pub struct Parts {
    pub ledger: Ledger,
    pub clock: Clock,
    pub settings: Settings,
    pub steps: Arc<dyn Steps>,
    pub largest_delivery: usize,
    /// How long the sources' own retries of a webhook may take, before a change counts as missed.
    pub webhook_retry: Duration,
}

/// A running gateway. Dropping it ends every task where it stands, as a kill would; [`Gateway::stop`] lets them finish.
pub struct Gateway {
    site: Site,
    stopper: Stopper,
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
}

struct Shared {
    ledger: Ledger,
    clock: Clock,
    courses: Courses,
    ears: Ears,
    wake: Arc<Notify>,
    webhook_retry: Duration,
    call_limit: Duration,
    /// Serve this mirror and no other, and without its webhook: nobody listens here.
    only: Option<MirrorId>,
    served: Mutex<BTreeMap<MirrorId, Served>>,
}

struct Served {
    applied_at: DateTime<Utc>,
    recovered_at: Option<DateTime<Utc>>,
    budgets: [Arc<SharedBudget>; 2],
    /// Ends the mirror's tasks when dropped.
    _tasks: JoinSet<()>,
}

impl Gateway {
    /// Starts everything but the listener.
    pub fn start(parts: Parts) -> Self {
        let wake = Arc::new(Notify::new());
        let courses: Courses = Arc::new(RwLock::new(BTreeMap::new()));
        let ears: Ears = Arc::new(RwLock::new(BTreeMap::new()));
        let (writer, desk) = writer(parts.ledger.clone(), wake.clone());
        let house = House {
            ledger: parts.ledger.clone(),
            clock: parts.clock.clone(),
            settings: parts.settings,
            steps: parts.steps,
            turns: Turns::default(),
            stopping: AtomicBool::new(false),
        };
        let engine = Engine::new(Arc::new(house), courses.clone(), wake.clone());
        let shared = Arc::new(Shared {
            ledger: parts.ledger.clone(),
            clock: parts.clock.clone(),
            courses,
            ears: ears.clone(),
            wake,
            webhook_retry: parts.webhook_retry,
            call_limit: parts.settings.call_limit,
            only: parts.settings.only,
            served: Mutex::new(BTreeMap::new()),
        });
        let (stopper, stop) = stopper();
        let mut tasks = JoinSet::new();
        tasks.spawn(desk.run());
        tasks.spawn(run_engine(engine, shared.clone(), stop.clone()));
        tasks.spawn(look_after(shared.clone(), stop));
        let site = Site { ledger: parts.ledger, clock: parts.clock, ears, writer, largest_delivery: parts.largest_delivery };
        Self { site, stopper, tasks, shared }
    }

    /// Where handlers hand deliveries in; for tests.
    pub fn writer(&self) -> &Writer {
        &self.site.writer
    }

    /// Listens at `address` until stopped. Returns the address that it got (port 0 takes a free one).
    pub async fn listen(&mut self, address: SocketAddr) -> std::io::Result<SocketAddr> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let bound = listener.local_addr()?;
        let mut server = axum_server::from_tcp(listener)?.first_request_timeout(Duration::from_secs(10));
        // Half a request head, or none at all, must not hold a connection for ever.
        server.http_builder().http1().header_read_timeout(Duration::from_secs(10));
        let routes = router(self.site.clone());
        self.tasks.spawn(async move {
            if let Err(error) = server.serve(routes.into_make_service()).await {
                warn!(%error, "the listener ended");
            }
        });
        Ok(bound)
    }

    /// Takes in mirrors that were applied, changed or removed, now instead of within a second.
    pub async fn refresh(&self) {
        self.shared.refresh().await;
    }

    /// Writes the counted calls into the ledger.
    pub async fn flush(&self) {
        self.shared.flush().await;
    }

    /// Lets every write that is under way finish, then stops.
    pub async fn stop(mut self) {
        self.stopper.stop();
        self.shared.served.lock().await.clear();
        let drained = async {
            // The writer's desk and the listener only end when everything else is gone: the engine and the mirrors are waited for.
            self.tasks.join_next().await;
            self.tasks.join_next().await;
        };
        tokio::select! {
            () = drained => {}
            () = task::delay(Duration::from_secs(30)) => warn!("some work did not finish; its leases run out by themselves"),
        }
        self.shared.flush().await;
    }
}

/// The mirrors are known before the first lane is claimed.
async fn run_engine(engine: Engine, shared: Arc<Shared>, stop: Stop) {
    shared.refresh().await;
    engine.run(stop).await;
}

/// The mirrors come and go, and what is known of them is destroyed when its time has come.
async fn look_after(shared: Arc<Shared>, stop: Stop) {
    let following = task::run(stop.clone(), || async {
        shared.refresh().await;
        shared.flush().await;
        Next::After(Duration::from_secs(1))
    });
    let keeper = Keeper { ledger: shared.ledger.clone(), clock: shared.clock.clone() };
    let keeping = async {
        if shared.only.is_none() {
            task::run(stop.clone(), || keeper.activate()).await;
        }
    };
    tokio::join!(following, keeping);
}

impl Shared {
    async fn flush(&self) {
        for served in self.served.lock().await.values() {
            for budget in &served.budgets {
                budget.flush().await;
            }
        }
    }

    /// A ledger that went back in time is recovered before anything is made of what it says.
    async fn recognise(&self) {
        match self.ledger.recognise(self.clock.now()).await {
            Ok(false) => {}
            Ok(true) => warn!(
                "the ledger went back in time: it was restored, or a stand-by took over. Polls begin again an hour before what they had \
                 seen, and what the source had until now is looked up in the target before it is made"
            ),
            Err(error) => warn!(%error, "it is not known whether the ledger went back in time"),
        }
    }

    async fn refresh(&self) {
        self.recognise().await;
        let rows: Vec<MirrorRow> = match self.ledger.mirrors().await {
            Ok(rows) => rows.into_iter().filter(|row| self.serves(row)).collect(),
            Err(error) => {
                warn!(%error, "the mirrors cannot be read; those that are served go on");
                return;
            }
        };
        let mut served = self.served.lock().await;
        served.retain(|id, _| rows.iter().any(|row| row.id == *id) || self.forget(*id));
        for row in rows {
            let same = |served: &Served| (served.applied_at, served.recovered_at) == (row.applied_at, row.recovered_at);
            let changed = !served.get(&row.id).is_some_and(same);
            if changed && let Some(new) = self.serve(&row) {
                served.insert(row.id, new);
            }
        }
    }

    fn serves(&self, row: &MirrorRow) -> bool {
        row.phase != Phase::Retired && row.purged_at.is_none() && self.only.is_none_or(|only| only == row.id)
    }

    fn forget(&self, id: MirrorId) -> bool {
        let course = self.courses.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(course) = course {
            let mut ears = self.ears.write().unwrap_or_else(PoisonError::into_inner);
            ears.retain(|(name, _), _| *name != course.name);
        }
        false
    }

    fn serve(&self, row: &MirrorRow) -> Option<Served> {
        let connected = match connected_within(row, &self.ledger, &self.clock, self.call_limit) {
            Ok(connected) => connected,
            Err(error) => {
                warn!(%error, "a mirror is not served");
                return None;
            }
        };
        info!(mirror = row.name, "the mirror is served");
        self.courses.write().unwrap_or_else(PoisonError::into_inner).insert(row.id, connected.course.clone());
        let mut tasks = JoinSet::new();
        let pollers = [Side::Source, Side::Target].map(|side| Arc::new(self.poller(&connected, side)));
        for poller in &pollers {
            let lister = (poller.side == Side::Source).then(|| self.lister(&connected));
            tasks.spawn(follow(poller.clone(), lister, self.registrar(&connected, poller.side)));
        }
        tasks.spawn(run(self.runner(&connected, pollers)));
        tasks.spawn(watch(self.watcher(&connected), self.sweeper(&connected), self.leak_watch(&connected)));
        tasks.spawn(after_a_switch(self.late_turn(&connected), self.speaker(&connected)));
        for test in [Side::Source, Side::Target].into_iter().filter_map(|side| self.self_test(&connected, side)) {
            tasks.spawn(repeat(test));
        }
        Some(Served { applied_at: row.applied_at, recovered_at: row.recovered_at, budgets: connected.budgets, _tasks: tasks })
    }

    fn watcher(&self, connected: &Connected) -> Watcher {
        Watcher {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            course: connected.course.clone(),
            wake: self.wake.clone(),
        }
    }

    fn leak_watch(&self, connected: &Connected) -> LeakWatch {
        LeakWatch { ledger: self.ledger.clone(), clock: self.clock.clone(), course: connected.course.clone() }
    }

    fn late_turn(&self, connected: &Connected) -> LateTurn {
        LateTurn {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: connected.course.id,
            name: connected.course.name.clone(),
        }
    }

    fn speaker(&self, connected: &Connected) -> Speaker {
        let course = &connected.course;
        Speaker {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: course.id,
            name: course.name.clone(),
            desks: [course.source.clone(), course.target.clone()],
        }
    }

    fn sweeper(&self, connected: &Connected) -> Sweeper {
        Sweeper {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: connected.course.id,
            name: connected.course.name.clone(),
            every: connected.config.source.sweep,
            wake: self.wake.clone(),
        }
    }

    fn poller(&self, connected: &Connected, side: Side) -> Poller {
        let desk: Arc<dyn SourceDesk> = connected.course.desk(side).clone();
        let connection = connected.config.connection(side);
        Poller {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: connected.course.id,
            name: connected.course.name.clone(),
            side,
            desk,
            every: connection.poll.every,
            webhook_retry: self.webhook(connected, side).map(|_| self.webhook_retry),
            silent: AtomicBool::new(false),
            wake: self.wake.clone(),
        }
    }

    fn lister(&self, connected: &Connected) -> Lister {
        let source: Arc<dyn SourceDesk> = connected.course.source.clone();
        Lister {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: connected.course.id,
            name: connected.course.name.clone(),
            source,
            wake: self.wake.clone(),
        }
    }

    fn runner(&self, connected: &Connected, pollers: [Arc<Poller>; 2]) -> Runner {
        Runner {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: connected.course.id,
            name: connected.course.name.clone(),
            plan: connected.config.run.clone(),
            pollers,
            budgets: connected.budgets.clone(),
            wake: self.wake.clone(),
        }
    }

    fn webhook<'a>(&self, connected: &'a Connected, side: Side) -> Option<&'a Webhook> {
        connected.config.connection(side).webhook.as_ref().filter(|_| self.only.is_none())
    }

    fn registrar(&self, connected: &Connected, side: Side) -> Option<Registrar> {
        let webhook = self.webhook(connected, side)?.clone();
        Some(Registrar {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            course: connected.course.clone(),
            side,
            webhook,
            secrets: connected.secrets.of(side).webhook.clone(),
            known: Arc::default(),
            ears: self.ears.clone(),
            looked: Default::default(),
        })
    }

    fn self_test(&self, connected: &Connected, side: Side) -> Option<SelfTest> {
        let webhook = self.webhook(connected, side)?;
        let desk: Arc<dyn SourceDesk> = connected.course.desk(side).clone();
        Some(SelfTest {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: connected.course.id,
            name: connected.course.name.clone(),
            side,
            desk,
            url: webhook_url(webhook, &connected.course.name, side),
        })
    }
}

/// The webhook is proved again and again.
async fn repeat(test: SelfTest) {
    let (_never, mut stop) = stopper();
    task::pause(selftest::SOON, &mut stop).await;
    task::run(stop, || test.activate()).await;
}

/// What changed is carried in runs, where the mirror file says so.
async fn run(runner: Runner) {
    let (_never, stop) = stopper();
    task::run(stop, || runner.activate()).await;
}

/// The last tickets are turned, and people are heard in the desks that were written to.
async fn after_a_switch(late: LateTurn, speaker: Speaker) {
    let (_never, stop) = stopper();
    tokio::join!(task::run(stop.clone(), || late.activate()), task::run(stop, || speaker.activate()));
}

/// The slow tasks: what the credentials can see, what no witness tells, and whom the target told because of us.
async fn watch(watcher: Watcher, sweeper: Sweeper, leaks: LeakWatch) {
    let (_never, stop) = stopper();
    tokio::join!(
        task::run(stop.clone(), || watcher.activate()),
        task::run(stop.clone(), || sweeper.activate()),
        task::run(stop, || leaks.activate())
    );
}

/// The witnesses start before the listing does: first the poll's watermark, then the webhook, then everything side by side.
async fn follow(poller: Arc<Poller>, lister: Option<Lister>, registrar: Option<Registrar>) {
    let (_never, stop) = stopper();
    let mut listen = stop.clone();
    while let Err(error) = poller.start().await {
        warn!(%error, "the poll cannot start yet");
        task::pause(Duration::from_secs(2), &mut listen).await;
    }
    let first = match &registrar {
        Some(registrar) => registrar.activate().await,
        None => Next::Again,
    };
    let registering = async {
        let Some(registrar) = &registrar else { return };
        if let Next::After(wait) = first {
            task::delay(wait).await;
        }
        task::run(stop.clone(), || registrar.activate()).await;
    };
    let listing = async {
        let Some(lister) = &lister else { return };
        task::run(stop.clone(), || lister.activate()).await;
    };
    tokio::join!(task::run(stop.clone(), || poller.activate()), listing, registering);
}
