//! The plan in force.

use chrono::{DateTime, Utc};
use domain::Plan;
use serde::Serialize;

use crate::store::{Store, StoreSettings};
use crate::{Error, StoreUrl};

/// The plan in force.
#[derive(Debug, Serialize)]
pub struct PlanInForce {
    /// Its revision; 0 for the plan that ships, before one is adopted.
    pub revision: u32,
    /// A revision that is proposed and waits for the platform.
    pub proposed: Option<u32>,
    /// The plan.
    pub plan: Plan,
    /// The instants at which its phases start.
    pub starts_at: Vec<DateTime<Utc>>,
}

/// The plan in force; the plan that ships, where no store exists or none is adopted.
pub async fn plan_in_force(settings: StoreSettings) -> Result<PlanInForce, Error> {
    if let StoreUrl::Folder(_) = &settings.url
        && !settings.home()?.exists()
    {
        return Ok(PlanInForce::of(Plan::cec_pac()?, 0, None));
    }
    let store = Store::open_to_read(settings).await?;
    let in_force = store.plan().await;
    store.close().await?;
    in_force
}

impl PlanInForce {
    fn of(plan: Plan, revision: u32, proposed: Option<u32>) -> Self {
        let starts_at = (0..plan.phases.len()).map(|index| plan.starts_at(index)).collect();
        Self { revision, proposed, plan, starts_at }
    }
}

impl Store {
    async fn plan(&self) -> Result<PlanInForce, Error> {
        let snapshot = self.journal().state().await?;
        let programme = &snapshot.programme;
        let proposed = programme.proposed().map(|(_, proposed)| proposed.revision);
        let plan = programme.plan().cloned().map_or_else(Plan::cec_pac, Ok)?;
        Ok(PlanInForce::of(plan, programme.revision(), proposed))
    }
}
