//! Crashes after every single append, publication, effect and acknowledgement in turn: after a
//! restart the log ends with the same content for every mailbox, and no effect happens twice.

#[path = "../../../crates/workers/tests/workers/fuse.rs"]
mod fuse;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bus::InProcess;
use domain::{Capability, Event, Outcome, Plan};
use engine::Home;
use engine::embedded::{Engine, Ports};
use engine::parts::WorkerSettings;
use engine::store::Store;
use engine::{EngineSettings, RunMode};
use eventstore::{Clock, DatabaseStore, EventStore, Filter};
use platform::{Answer, Directory, Error, Layer, Platform, SetRights};
use rehearsal::VirtualClock;
use rehearsal::prove;
use roaring::RoaringBitmap;
use tokio_util::sync::CancellationToken;
use whole_flow::World;

use fuse::{Fuse, StoppingLog, StoppingQueue};

/// The number of real changes by idempotency key.
type Effects = Arc<Mutex<BTreeMap<(Capability, u32), u32>>>;

/// A directory whose changes burn the fuse down.
struct Stopping {
    directory: Arc<Directory>,
    fuse: Arc<Fuse>,
    effects: Effects,
}

#[async_trait]
impl Layer for Stopping {
    type Inner = Directory;

    fn inner(&self) -> &Directory {
        &self.directory
    }

    async fn change(&self, call: &SetRights) -> Result<Answer, Error> {
        let answer = self.directory.set(call).await?;
        for number in answer.applied.iter() {
            for capability in call.capabilities.iter() {
                let key = (capability, number);
                *self.effects.lock().unwrap().entry(key).or_default() += 1;
            }
        }
        self.fuse.step().await;
        Ok(answer)
    }
}

/// Runs the store to the end of the plan; a blown fuse is a crash.
async fn run(
    (home, plan, clock): (&Home, &Plan, &Arc<VirtualClock>),
    arm: bool,
    fuse: Arc<Fuse>,
    effects: &Effects,
) -> bool {
    let handed: Arc<dyn Clock> = Arc::<VirtualClock>::clone(clock);
    let store = Store::open_to_rehearse(home, plan, handed).await.unwrap();
    let log = Arc::clone(store.log());
    let queue = InProcess::new(bus::Settings::default());
    let ports = Ports {
        log: StoppingLog::over(log, &fuse),
        queue: Arc::new(StoppingQueue { inner: queue, fuse: Arc::clone(&fuse) }),
        platform: Arc::new(Stopping {
            directory: Arc::clone(store.directory().await.unwrap()),
            fuse: Arc::clone(&fuse),
            effects: Arc::clone(effects),
        }),
    };
    let settings = EngineSettings {
        mode: RunMode::Rehearsal,
        arm_ahead: arm.then(|| chrono::Duration::days(14)),
        workers: WorkerSettings { count: 1, ..WorkerSettings::default() },
        ..EngineSettings::default()
    };
    let mut engine = Engine::with_ports(store, ports, settings).await.unwrap();
    let blown = fuse.blown.clone();
    let work = async {
        // After a crash the clock continues at the instant of the crash.
        engine.until_idle(&CancellationToken::new()).await.unwrap();
        for place in 0..plan.phases.len() {
            for instant in
                [plan.starts_at(place) - chrono::Duration::days(10), plan.starts_at(place)]
            {
                if instant > clock.now() {
                    clock.set(instant);
                    engine.store.set_directory_clock(instant).await.unwrap();
                    engine.until_idle(&CancellationToken::new()).await.unwrap();
                }
            }
        }
    };
    let stopped = tokio::select! {
        () = work => false,
        () = blown.cancelled() => true,
    };
    engine.crash().await;
    stopped
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The content of a log that does not depend on crashes: the events of each mailbox, in order, with
/// their phase and due date. Left out are ids, recording times, attempts, the number of mailboxes
/// per event, and whether an effect was found done: after a crash between effect and record it is
/// *already so*.
async fn told(home: &Home) -> BTreeMap<u32, Vec<String>> {
    let log = DatabaseStore::open_read_only(&home.log()).await.unwrap();
    let events = log.read_all(0, &Filter::default(), usize::MAX).await.unwrap().events;
    let mut told: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    // Events of the whole programme have a number that no mailbox has.
    for recorded in events {
        let event = recorded.fact().unwrap().event;
        let kind = event.kind().0;
        if let Some((_, outcome)) = event.as_removal() {
            let Outcome { phase, revision, due_at, mailboxes, .. } = outcome;
            for number in mailboxes.iter() {
                let line = format!("{kind} {phase:?} {revision} {due_at}");
                told.entry(number).or_default().push(line);
            }
        } else if let Event::RightsArmed(armed) = event {
            for number in armed.mailboxes.iter() {
                let (phase, until, rights) = (&armed.phase, armed.until, armed.capabilities);
                let line = format!("{kind} {phase:?} {rights} {until:?}");
                told.entry(number).or_default().push(line);
            }
        } else if let Event::PhaseStarted(started) = event {
            let (phase, population) = (started.phase, started.population.len());
            let line = format!("{kind} {phase} {} {population}", started.due_at);
            told.entry(u32::MAX).or_default().push(line);
        } else if let Event::PhaseCompleted(completed) = event {
            let (held, given_up) = (completed.held.len(), completed.failed.len());
            let done = completed.done + completed.already_so;
            let line = format!("{kind} {} {done} {held} {given_up}", completed.phase);
            told.entry(u32::MAX).or_default().push(line);
        } else {
            told.entry(u32::MAX).or_default().push(kind.to_owned());
        }
    }
    log.close().await;
    told
}

async fn stopped_everywhere(arm: bool) {
    let mut world = World::with(12).await;
    world.plan.recurring.clear();
    let pristine = world.home();
    let mut stops = 0;
    let undisturbed = {
        let home = Home::new(world.folder.path().join("undisturbed"));
        copy(pristine.folder(), home.folder());
        let clock = Arc::new(VirtualClock::at(rehearsal::begins_at(&world.plan)));
        let subject = (&home, &world.plan, &clock);
        assert!(!run(subject, arm, Fuse::of(u64::MAX), &Effects::default()).await);
        told(&home).await
    };
    for length in 1.. {
        let home = Home::new(world.folder.path().join(format!("stopped-{length}")));
        copy(pristine.folder(), home.folder());
        let effects = Effects::default();
        let begins = rehearsal::begins_at(&world.plan);
        let clock = Arc::new(VirtualClock::at(begins));
        let subject = (&home, &world.plan, &clock);
        let stopped = run(subject, arm, Fuse::of(length), &effects).await;
        if stopped {
            stops += 1;
            run(subject, arm, Fuse::of(u64::MAX), &effects).await;
        }
        let proof = prove(&home).await.unwrap();
        assert_eq!(proof.problems, [""; 0], "stopped after step {length}");
        assert!(proof.effects > 0);
        let twice: RoaringBitmap = effects
            .lock()
            .unwrap()
            .iter()
            .filter(|(_, times)| **times > 1)
            .map(|((_, number), _)| *number)
            .collect();
        assert!(twice.is_empty(), "stopped after step {length}: an effect twice for {twice:?}");
        assert_eq!(told(&home).await, undisturbed, "stopped after step {length}");
        fs::remove_dir_all(home.folder()).unwrap();
        if !stopped {
            break;
        }
    }
    assert!(stops > 20, "there were only {stops} steps to stop after");
}

#[tokio::test]
async fn a_crash_after_any_step_changes_nothing_when_changed_at_the_date() {
    stopped_everywhere(false).await;
}

#[tokio::test]
async fn a_crash_after_any_step_changes_nothing_when_armed() {
    stopped_everywhere(true).await;
}
