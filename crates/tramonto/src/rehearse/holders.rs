//! The holders in a rehearsal: they ask for vouchers and for the logs of their messages, on the days on which they
//! may and a moment too early or too late, lose codes, show one twice, and open links.
//!
//! They ask through the offices that operators use. What they were given and should not have been, or should
//! have been and were not, is told as wrong; the [proof](super::prove) finds it in the log as well.

mod logs;
mod vouchers;

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capability, Plan};
use eventstore::{Clock, Origin};
use keyring::Keyring;
use platform::Chance;
use rand::rngs::SysRng;
use serde::Serialize;

use crate::embedded::Engine;
use crate::generate::Draw;
use crate::{Error, Home};

/// A moment before and after a boundary.
const MOMENT: TimeDelta = TimeDelta::seconds(1);
/// How long holders go on asking where the plan sets no end.
const LONG: TimeDelta = TimeDelta::days(3 * 365);

/// What came of what the holders asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Requests for vouchers that were taken.
    pub asked: u64,
    /// Vouchers that were granted and handed over.
    pub granted: u64,
    /// Vouchers that were redeemed.
    pub redeemed: u64,
    /// Extracts of logs that were handed out.
    pub logs: u64,
    /// Whoever asked for what they may not have, or not then, and was told so.
    pub turned_away: u64,
    /// What should not have happened, a sentence each.
    pub wrong: Vec<String>,
}

/// The holders of a rehearsal.
pub struct Holders {
    /// How many of them ask for a voucher.
    asking: Chance,
    seed: u64,
    /// What they are about to do, once their programme is known.
    agenda: Option<Agenda>,
    /// The codes that they keep, until they show them.
    codes: BTreeMap<u32, String>,
    /// The link of the last extract.
    link: Option<(String, String)>,
    told: Told,
}

type Agenda = BTreeMap<DateTime<Utc>, VecDeque<Errand>>;

enum Errand {
    Vouchers(vouchers::Errand),
    Logs(logs::Errand),
}

impl Holders {
    /// Holders of whom so many ask for a voucher.
    pub fn new(asking: Chance, seed: u64) -> Self {
        let (codes, told) = (BTreeMap::new(), Told::default());
        Self { asking, seed, agenda: None, codes, link: None, told }
    }

    /// What came of it so far.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// When they next do something.
    pub(super) fn next(&self) -> Option<DateTime<Utc>> {
        self.agenda.as_ref()?.first_key_value().map(|(at, _)| *at)
    }

    /// When they do something for the last time.
    pub(super) fn last(&self) -> Option<DateTime<Utc>> {
        self.agenda.as_ref()?.last_key_value().map(|(at, _)| *at)
    }

    /// Makes up what they will do.
    pub(super) async fn plan(&mut self, engine: &Engine) -> Result<(), Error> {
        if self.asking == Chance::NEVER || self.agenda.is_some() {
            return Ok(());
        }
        let mut draw = Draw::new(self.seed);
        let mut agenda = Agenda::new();
        let snapshot = engine.journal.state().await?;
        let state = &*snapshot;
        if let Some(plan) = state.plan() {
            for (at, errand) in vouchers::errands(plan, state, self.asking, &mut draw) {
                agenda.entry(at).or_default().push_back(Errand::Vouchers(errand));
            }
            for (at, errand) in logs::errands(plan, state, &mut draw) {
                agenda.entry(at).or_default().push_back(Errand::Logs(errand));
            }
        }
        self.agenda = Some(agenda);
        Ok(())
    }

    /// Does one thing that is due now; says whether there was any.
    pub(super) async fn act(&mut self, engine: &Engine) -> Result<bool, Error> {
        let now = engine.journal.now();
        let due = self.agenda.as_mut().and_then(|agenda| {
            let mut first = agenda.first_entry().filter(|first| *first.key() <= now)?;
            let errand = first.get_mut().pop_front();
            if first.get().is_empty() {
                first.remove();
            }
            errand
        });
        match due {
            None => return Ok(false),
            Some(Errand::Vouchers(errand)) => Box::pin(self.at_the_vouchers(errand, engine)).await,
            Some(Errand::Logs(errand)) => Box::pin(self.at_the_logs(errand, engine)).await,
        }?;
        Ok(true)
    }

    fn wrong(&mut self, what: &str) {
        self.told.wrong.push(what.to_owned());
    }
}

/// From when and until when the phases allow something; where nothing ends it, for a long while.
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
    /// So many instants within it, evenly apart, the first at its beginning.
    fn spread(&self, count: u32) -> impl Iterator<Item = DateTime<Utc>> + use<> {
        let opens = self.opens;
        let closes = self.closes.unwrap_or(opens + LONG);
        let step = (closes - opens) / i32::try_from(count.max(1)).unwrap_or(i32::MAX);
        (0..count).map(move |place| opens + step * i32::try_from(place).unwrap_or(0))
    }
}

fn keys(home: &Home, clock: &dyn Clock) -> Result<Keyring, Error> {
    Ok(Keyring::open_or_make(&home.keys(), clock.now(), &mut SysRng)?)
}

fn origin() -> Origin {
    Origin { reason: Some("rehearsal".to_owned()), ..Origin::part("operator:rehearsal") }
}
