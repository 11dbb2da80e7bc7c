//! Holds and amendments, as seen by the platform.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use chrono::NaiveDate;
use domain::{Capabilities, Capability, Command, Event, HoldPlaced, HoldReleased, Phase, Plan};
use eventstore::mailbox_stream;
use platform::{Cause, Ends, Error, Layer, Platform};
use uuid::Uuid;

use crate::on_platform::engine::{Engine, mailboxes};
use crate::on_platform::home::{Home, set};

const RECEIVE_ONLY: &str = "2015-03-17T23:00:00Z";

fn plan_with(phase: &str, from: &str) -> Plan {
    let mut plan = Plan::cec_pac().unwrap();
    for moved in plan.phases.iter_mut().filter(|of_plan| of_plan.id.as_str() == phase) {
        moved.from = from.parse().unwrap();
    }
    plan
}

async fn engine(home: &Arc<Home>) -> Engine {
    Engine::new(Arc::clone(home), Plan::cec_pac().unwrap()).await
}

async fn all_may(home: &Home, capability: Capability) -> bool {
    *home.may(capability, mailboxes()).await == *set(mailboxes())
}

async fn none_may(home: &Home, capability: Capability) -> bool {
    home.may(capability, mailboxes()).await.is_empty()
}

pub(crate) async fn a_hold_on_a_closed_mailbox_restores_its_capabilities_until_released(
    home: Arc<Home>,
) {
    let mut engine = engine(&home).await;
    engine.at("2015-09-10T00:00:00Z").await;
    engine.at("2015-09-17T22:00:00Z").await;
    assert!(none_may(&home, Capability::Access).await);
    let hold = Uuid::from_u128(1);
    let capabilities = [Capability::Access, Capability::Modify].into_iter().collect();
    let placed = HoldPlaced { hold, number: 33, capabilities, until: None };
    let stream = mailbox_stream(engine.journal.programme(), 33).unwrap();
    engine.append(stream.clone(), Event::HoldPlaced(placed)).await;
    engine.at("2015-10-01T00:00:00Z").await;
    for (capability, who) in [
        (Capability::Send, set([])),
        (Capability::Modify, set([33])),
        (Capability::Receive, set([])),
        (Capability::Access, set([33])),
    ] {
        assert_eq!(home.may(capability, mailboxes()).await, who, "{capability}");
    }
    let released = HoldReleased { hold, number: 33 };
    engine.append(stream, Event::HoldReleased(released)).await;
    engine.at("2015-10-02T00:00:00Z").await;
    assert!(none_may(&home, Capability::Access).await && none_may(&home, Capability::Modify).await);
}

pub(crate) async fn a_phase_postponed_before_arming_ends_nothing_early(home: Arc<Home>) {
    let mut engine = engine(&home).await;
    engine.at("2015-01-10T00:00:00Z").await;
    engine.decide(Command::Amend(plan_with("receive-only", "2015-04-18"))).await;
    let snapshot = engine.journal.state().await.unwrap();
    assert_eq!(snapshot.programme.revision(), 2, "nothing was told, so it is in force at once");
    drop(snapshot);
    for instant in ["2015-03-10T00:00:00Z", RECEIVE_ONLY, "2015-04-10T00:00:00Z"] {
        engine.at(instant).await;
        assert!(all_may(&home, Capability::Send).await, "{instant}");
    }
    engine.set_clock("2015-04-17T22:00:00Z").await;
    assert!(none_may(&home, Capability::Send).await, "armed for the new date");
}

pub(crate) async fn an_armed_end_is_disarmed_before_the_amendment_that_moves_it_applies(
    home: Arc<Home>,
) {
    let mut engine = engine(&home).await;
    engine.at("2015-03-10T00:00:00Z").await;
    let postponed = plan_with("receive-only", "2015-04-18");
    engine.decide(Command::Amend(postponed.clone())).await;
    {
        let snapshot = engine.journal.state().await.unwrap();
        let programme = &snapshot.programme;
        assert_eq!(programme.revision(), 1, "proposed");
        assert_eq!(programme.proposed().unwrap().1.plan, postponed);
    }
    engine.settle().await;
    let snapshot = engine.journal.state().await.unwrap();
    let programme = &snapshot.programme;
    assert_eq!((programme.revision(), programme.proposed()), (2, None), "and adopted");
    drop(snapshot);
    let ends = engine.platform.ends(&set(mailboxes()), Capabilities::OF_PLATFORM).await.unwrap();
    assert_eq!(ends, Ends::new(), "no old instant is left");
    let kinds: Vec<_> = engine.events().await.iter().map(|event| event.kind().0).collect();
    let place = |kind: &str| kinds.iter().position(|of_log| *of_log == kind).unwrap();
    let last_armed = kinds.iter().rposition(|kind| *kind == "rights-armed").unwrap();
    assert!(place("amendment-proposed") < last_armed && last_armed < place("plan-amended"));
    engine.set_clock(RECEIVE_ONLY).await;
    assert!(all_may(&home, Capability::Send).await, "with nothing of ours running");
    engine.at("2015-04-10T00:00:00Z").await;
    engine.set_clock("2015-04-17T21:59:59Z").await;
    assert!(all_may(&home, Capability::Send).await);
    engine.set_clock("2015-04-17T22:00:00Z").await;
    assert!(none_may(&home, Capability::Send).await && none_may(&home, Capability::Modify).await);
}

/// A platform that can be disconnected.
struct Away {
    inner: Arc<dyn Platform>,
    away: AtomicBool,
}

#[async_trait]
impl Layer for Away {
    type Inner = Arc<dyn Platform>;

    fn inner(&self) -> &Arc<dyn Platform> {
        &self.inner
    }

    async fn around<T: Send>(
        &self,
        _name: &'static str,
        _capabilities: Capabilities,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        if !self.away.load(Ordering::SeqCst) {
            return call.await;
        }
        Err(Error::Unavailable {
            cause: Cause::UNAVAILABLE,
            problem: "the platform is unavailable".to_owned(),
            source: None,
        })
    }
}

pub(crate) async fn an_amendment_waits_for_an_unavailable_platform_and_is_dropped_at_the_date(
    home: Arc<Home>,
) {
    let away = Arc::new(Away { inner: home.once_more().await, away: AtomicBool::new(false) });
    let platform: Arc<dyn Platform> = Arc::<Away>::clone(&away);
    let mut engine = Engine::on(Arc::clone(&home), Plan::cec_pac().unwrap(), platform).await;
    engine.at("2015-03-10T00:00:00Z").await;
    away.away.store(true, Ordering::SeqCst);
    engine.decide(Command::Amend(plan_with("receive-only", "2015-04-18"))).await;
    engine.settle().await;
    engine.at("2015-03-17T22:00:00Z").await;
    let snapshot = engine.journal.state().await.unwrap();
    assert_eq!(snapshot.programme.revision(), 1, "what was told can still happen");
    drop(snapshot);
    engine.set_clock(RECEIVE_ONLY).await;
    engine.start_due_phases().await;
    away.away.store(false, Ordering::SeqCst);
    engine.settle().await;
    let snapshot = engine.journal.state().await.unwrap();
    let programme = &snapshot.programme;
    assert_eq!((programme.revision(), programme.proposed()), (1, None));
    drop(snapshot);
    let events = engine.events().await;
    let dropped = events.iter().find_map(|event| {
        let Event::AmendmentDropped(dropped) = event else { return None };
        Some(dropped.because.clone())
    });
    assert!(dropped.unwrap().contains("has started and cannot move"));
    assert!(none_may(&home, Capability::Send).await, "the plan in force was carried out");
}

pub(crate) async fn failed_disarming_is_retried(home: Arc<Home>) {
    let away = Arc::new(Away { inner: home.once_more().await, away: AtomicBool::new(false) });
    let platform: Arc<dyn Platform> = Arc::<Away>::clone(&away);
    let mut engine = Engine::on(Arc::clone(&home), Plan::cec_pac().unwrap(), platform).await;
    engine.at("2015-03-10T00:00:00Z").await;
    away.away.store(true, Ordering::SeqCst);
    engine.decide(Command::Amend(plan_with("receive-only", "2015-04-18"))).await;
    engine.settle().await;
    away.away.store(false, Ordering::SeqCst);
    let wake = engine.sweep.tick().await.unwrap().next_wake.unwrap();
    engine.at(&wake.to_rfc3339()).await;
    let snapshot = engine.journal.state().await.unwrap();
    assert_eq!(snapshot.programme.revision(), 2, "at {wake}");
}

pub(crate) async fn an_end_that_took_effect_although_it_was_moved_is_reverted(home: Arc<Home>) {
    let mut engine = engine(&home).await;
    engine.at("2015-03-10T00:00:00Z").await;
    // The amendment is recorded as applied without disarming anything before the date.
    let amended =
        domain::PlanAdopted { revision: 2, plan: plan_with("receive-only", "2015-06-18") };
    let stream = eventstore::programme_stream(engine.journal.programme()).unwrap();
    engine.append(stream, Event::PlanAmended(amended)).await;
    engine.set_clock("2015-03-18T01:00:00Z").await;
    assert!(none_may(&home, Capability::Send).await);
    engine.settle().await;
    assert!(all_may(&home, Capability::Send).await);
}

pub(crate) async fn an_amendment_restores_the_rights_that_it_allows_again(home: Arc<Home>) {
    let mut engine = engine(&home).await;
    engine.at("2015-03-10T00:00:00Z").await;
    engine.at(RECEIVE_ONLY).await;
    assert!(none_may(&home, Capability::Send).await);
    let mut plan = Plan::cec_pac().unwrap();
    let place = plan.phases.iter().position(|phase| phase.id.as_str() == "receive-only").unwrap();
    let restores = Phase {
        id: "sending-again".parse().unwrap(),
        title: "Sending again".to_owned(),
        from: NaiveDate::from_ymd_opt(2015, 4, 1).unwrap(),
        allows: plan.phases[place].allows.with(Capability::Send),
        restores: true,
        sources: Vec::new(),
    };
    plan.phases.insert(place + 1, restores);
    engine.decide(Command::Amend(plan)).await;
    engine.at("2015-03-31T21:59:59Z").await;
    assert!(none_may(&home, Capability::Send).await);
    engine.at("2015-03-31T22:00:00Z").await;
    assert!(all_may(&home, Capability::Send).await);
    assert!(none_may(&home, Capability::Modify).await, "nothing else");
    engine.at("2015-07-10T00:00:00Z").await;
    engine.set_clock("2015-07-17T22:00:00Z").await;
    assert!(none_may(&home, Capability::Send).await, "and it ends with the next phase");
}
