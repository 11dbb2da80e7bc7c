//! The holders of a rehearsal: they request vouchers and message logs inside their windows and a
//! moment outside, lose codes, show a code twice, and open links.
//!
//! They use the commands that operators use. A request that is granted or refused wrongly is
//! reported; the [completeness check](super::prove) finds it in the log as well.

mod logs;
mod vouchers;

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capability, Plan};
use eventstore::Origin;
use keyring::Keyring;
use platform::Chance;
use rand::rngs::SysRng;
use roaring::RoaringBitmap;
use serde::Serialize;

use crate::generate::Draw;
use engine::Error;
use engine::embedded::Engine;

/// A moment before and after a boundary.
const MOMENT: TimeDelta = TimeDelta::seconds(1);
/// The window where the plan sets no end.
const LONG: TimeDelta = TimeDelta::days(3 * 365);

/// The outcome of the holders' requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct HolderOutcome {
    /// Accepted requests for vouchers.
    pub asked: u64,
    /// Vouchers issued and delivered.
    pub granted: u64,
    /// Vouchers redeemed.
    pub redeemed: u64,
    /// Message-log exports delivered.
    pub logs: u64,
    /// Ineligible requests refused, as required.
    pub turned_away: u64,
    /// Violations, one sentence each.
    pub wrong: Vec<String>,
}

/// The holders of a rehearsal.
pub struct Holders {
    /// The share that requests a voucher.
    asking: Chance,
    seed: u64,
    /// What is left to do, once the plan is known.
    schedule: Option<Schedule>,
    /// Codes that have not been shown yet.
    codes: BTreeMap<u32, String>,
    /// Holders with a code.
    had: RoaringBitmap,
    /// The link of the last export.
    link: Option<(String, String)>,
    outcome: HolderOutcome,
}

/// Tasks in the order of their instants.
type Schedule = VecDeque<(DateTime<Utc>, Task)>;

enum Task {
    Vouchers(vouchers::Task),
    Logs(logs::Task),
}

impl Holders {
    /// Holders of whom this share requests a voucher.
    pub fn new(asking: Chance, seed: u64) -> Self {
        let (codes, outcome) = (BTreeMap::new(), HolderOutcome::default());
        let had = RoaringBitmap::new();
        Self { asking, seed, schedule: None, codes, had, link: None, outcome }
    }

    /// The outcome so far.
    pub fn outcome(&self) -> &HolderOutcome {
        &self.outcome
    }

    /// The instant of the next task.
    pub(super) fn next(&self) -> Option<DateTime<Utc>> {
        self.schedule.as_ref()?.front().map(|(at, _)| *at)
    }

    /// The instant of the last task.
    pub(super) fn last(&self) -> Option<DateTime<Utc>> {
        self.schedule.as_ref()?.back().map(|(at, _)| *at)
    }

    /// Draws the tasks.
    pub(super) async fn plan(&mut self, engine: &Engine) -> Result<(), Error> {
        if self.asking == Chance::NEVER || self.schedule.is_some() {
            return Ok(());
        }
        // The keys are made now, so that they are valid at the rehearsed time.
        let folder = engine.store.settings().home()?.keys();
        drop(Keyring::open_or_make(&folder, engine.journal.now(), &mut SysRng)?);
        let mut draw = Draw::new(self.seed);
        let mut tasks = Vec::new();
        let snapshot = engine.journal.state().await?;
        if let Some(plan) = snapshot.plan() {
            let vouchers = vouchers::tasks(plan, &snapshot, self.asking, &mut draw);
            let logs = logs::tasks(plan, &snapshot, &mut draw);
            tasks.extend(vouchers.into_iter().map(|(at, task)| (at, Task::Vouchers(task))));
            tasks.extend(logs.into_iter().map(|(at, task)| (at, Task::Logs(task))));
        }
        tasks.sort_by_key(|(at, _)| *at);
        self.schedule = Some(tasks.into());
        Ok(())
    }

    /// Does one task that is due; false where none is.
    pub(super) async fn act(&mut self, engine: &Engine) -> Result<bool, Error> {
        let now = engine.journal.now();
        let schedule = self.schedule.as_mut();
        let due = schedule.and_then(|schedule| schedule.pop_front_if(|(at, _)| *at <= now));
        match due.map(|(_, task)| task) {
            None => return Ok(false),
            Some(Task::Vouchers(task)) => Box::pin(self.request_vouchers(task, engine)).await,
            Some(Task::Logs(task)) => Box::pin(self.request_logs(task, engine)).await,
        }?;
        Ok(true)
    }

    /// Schedules a task for when the engine has nothing more to do at this instant.
    fn do_next(&mut self, at: DateTime<Utc>, task: Task) {
        if let Some(schedule) = &mut self.schedule {
            schedule.push_front((at, task));
        }
    }

    /// Counts a refusal that had to come; an acceptance is a violation.
    fn must_be_refused<T>(
        &mut self,
        answer: Result<T, impl Into<Error>>,
        accepted: &str,
    ) -> Result<(), Error> {
        match answer.map_err(Into::into) {
            Err(
                Error::Vouchers(::vouchers::Error::Rejected(_))
                | Error::Archive(archive::Error::Rejected(_)),
            ) => self.outcome.turned_away += 1,
            Ok(_) => self.wrong(accepted),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn wrong(&mut self, what: &str) {
        self.outcome.wrong.push(what.to_owned());
    }
}

/// The window in which the phases allow a capability.
fn window(plan: &Plan, capability: Capability) -> Option<Window> {
    let allows = |place: usize| {
        plan.phases.get(place).is_some_and(|phase| phase.allows.contains(capability))
    };
    let opens = (0..plan.phases.len()).find(|place| allows(*place))?;
    let closes = (opens..plan.phases.len()).find(|place| !allows(*place));
    Some(Window { opens: plan.starts_at(opens), closes: closes.map(|place| plan.starts_at(place)) })
}

struct Window {
    opens: DateTime<Utc>,
    closes: Option<DateTime<Utc>>,
}

impl Window {
    /// Instants inside the window, evenly apart, the first at its start.
    fn spread(&self, count: u32) -> impl Iterator<Item = DateTime<Utc>> + use<> {
        let opens = self.opens;
        let closes = self.closes.unwrap_or(opens + LONG);
        let step = (closes - opens) / i32::try_from(count.max(1)).unwrap_or(i32::MAX);
        (0..count).map(move |place| opens + step * i32::try_from(place).unwrap_or(0))
    }
}

fn origin() -> Origin {
    Origin { reason: Some("rehearsal".to_owned()), ..Origin::part("operator:rehearsal") }
}
