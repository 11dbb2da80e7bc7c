//! The plan: adopting the first one and amending it.

use domain::{Command, Event, Plan, ProgrammeId, State};
use eventstore::{Decision, programme_stream, voucher_stream};
use views::{Amended, AmendmentPreview, PlanAdopted, PlanAmendment};

use super::{Action, At, Caller, Done};
use crate::store::{Store, StoreSettings, other_programme, programme_of};
use crate::{Error, RealClock, StoreUrl};

/// Adopts a plan in a store whose programme has none in force.
pub struct AdoptPlan {
    /// The plan.
    pub plan: Plan,
}

/// Amends the plan in force. Asking for the plan in force drops an amendment that waits.
pub struct AmendPlan {
    /// The plan as it is to be.
    pub plan: Plan,
}

/// Adopts a plan; a store that does not exist yet, or has no programme, becomes that of the plan.
pub async fn adopt(
    settings: StoreSettings,
    plan: Plan,
    caller: &Caller,
) -> Result<Done<PlanAdopted>, Error> {
    let store = if programme_in(&settings).await?.is_some() {
        Store::open_to_decide(settings).await?
    } else {
        Store::open_to_fill(settings, &plan, &caller.origin()).await?
    };
    let done = store.run(AdoptPlan { plan }, caller).await;
    store.close().await?;
    done
}

async fn programme_in(settings: &StoreSettings) -> Result<Option<ProgrammeId>, Error> {
    if let StoreUrl::Folder(_) = &settings.url
        && !settings.home()?.exists()
    {
        return Ok(None);
    }
    let log = settings.open_log_to_read(std::sync::Arc::new(RealClock)).await?;
    let programme = programme_of(&log).await;
    log.close().await;
    programme
}

/// An amendment that has not been made, and what it would change.
pub struct Amendment {
    /// What it would change.
    pub preview: AmendmentPreview,
    plan: Plan,
    drops_another: bool,
}

impl Store {
    /// Computes what an amendment would change.
    pub async fn amendment(&self, plan: Plan) -> Result<Amendment, Error> {
        let now = self.now().await?;
        let state = self.journal().state().await?;
        let preview = AmendmentPreview::of(&state, &plan, now).ok_or_else(|| {
            Error::NotFound(
                "there is no plan to amend; run `tramonto plan adopt FILE --reason TEXT` \
                 first"
                    .into(),
            )
        })?;
        // Amending to the plan in force drops an amendment that waits.
        let drops_another = state.programme.proposed().is_some();
        Ok(Amendment { preview, plan, drops_another })
    }

    /// Makes an amendment that is allowed; `None` where it changes nothing.
    pub async fn amend(
        &self,
        amendment: Amendment,
        caller: &Caller,
    ) -> Result<Option<Done<PlanAmendment>>, Error> {
        amendment.check()?;
        let Amendment { preview, plan, drops_another } = amendment;
        if preview.same && !drops_another {
            return Ok(None);
        }
        self.run(AmendPlan { plan }, caller).await.map(Some)
    }
}

impl Amendment {
    /// Refuses an amendment that the plan in force does not allow.
    pub fn check(&self) -> Result<(), Error> {
        if self.preview.refused.is_empty() {
            return Ok(());
        }
        let problems = self.preview.refused.join("; ");
        Err(Error::Refused(format!("the amendment is refused: {problems}")))
    }
}

impl Action for AdoptPlan {
    const DONE: &'static str = "plan-adopted";
    type Result = PlanAdopted;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<PlanAdopted>, Error> {
        let plan = self.plan;
        let programme = plan.programme.clone();
        if *store.programme() != programme {
            let place = &store.settings().url;
            return Err(other_programme(place, store.programme(), &programme));
        }
        let stream = programme_stream(&programme)?;
        let adopt = |state: &State, now| Ok(state.decide(Command::Adopt(plan.clone()), now)?);
        let decided = store
            .decide(caller, stream, adopt)
            .await?
            .led_to(|event| matches!(event, Event::PlanAdopted(event) if event.plan == plan))?;
        Ok(decided.with(PlanAdopted { programme }))
    }
}

impl Action for AmendPlan {
    const DONE: &'static str = "plan-amended";
    type Result = PlanAmendment;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<PlanAmendment>, Error> {
        let revision = store.journal().state().await?.programme.revision();
        let programme = store.programme();
        let stream = programme_stream(programme)?;
        // Vouchers that are granted meanwhile may be more than the amended plan allows.
        let on = Decision::on(stream.clone()).depends_on(voucher_stream(programme)?);
        let amend = |state: &State, now| Ok(state.decide(Command::Amend(self.plan.clone()), now)?);
        let decided = store.decide_on(caller, stream, &on, amend).await?;
        let decided = decided.led_to(|event| {
            matches!(event, Event::AmendmentDropped(_))
                || matches!(event, Event::PlanAmended(event) | Event::AmendmentProposed(event)
                    if event.plan == self.plan)
        })?;
        let any = |of: fn(&Event) -> bool| decided.events.iter().any(of);
        let outcome = if any(|event| matches!(event, Event::PlanAmended(_))) {
            Amended::InForce
        } else if any(|event| matches!(event, Event::AmendmentDropped(_))) {
            Amended::Dropped
        } else if decided.events.is_empty() {
            Amended::ProposedBefore
        } else {
            Amended::Proposed
        };
        let revision = revision.saturating_add(1);
        Ok(decided.with(PlanAmendment { revision, outcome }))
    }
}
