//! Probing the programme's own mailboxes now.

use domain::{CanaryRules, Entitled, Finding};
use views::CanaryFindings;
use workers::canary::{Canary, ProbeEndpoints, ProbeResult, expected};

use crate::Error;
use crate::store::Store;

impl Store {
    /// Probes every canary of the plan now, and records nothing.
    pub async fn probe_canaries(
        &self,
        endpoints: &ProbeEndpoints,
    ) -> Result<Vec<CanaryFindings>, Error> {
        let rules = self.canary_rules().await?;
        let mut probed = Vec::with_capacity(rules.addresses.len());
        for address in &rules.addresses {
            let entry = self.registry().await?.find_address(address).await?;
            let entry = entry.ok_or_else(|| {
                Error::NotFound(
                    "a canary of the plan is not in the registry; import it like any other mailbox"
                        .to_owned(),
                )
            })?;
            probed.push(self.probe(endpoints, &Canary::of(&rules, address), entry.number).await?);
        }
        Ok(probed)
    }

    async fn canary_rules(&self) -> Result<Box<CanaryRules>, Error> {
        let snapshot = self.journal().state().await?;
        let rules = snapshot.plan().and_then(|plan| plan.canaries.clone());
        rules.ok_or_else(|| {
            Error::NotFound(
                "the plan has no canaries; add a section [canaries] and amend it".to_owned(),
            )
        })
    }

    async fn probe(
        &self,
        endpoints: &ProbeEndpoints,
        canary: &Canary,
        number: u32,
    ) -> Result<CanaryFindings, Error> {
        let journal = self.journal();
        let (entitled, refusals) = {
            let snapshot = journal.state().await?;
            let refusals = snapshot.plan().map(|plan| plan.refusals.clone());
            (Entitled::of(&snapshot), refusals.unwrap_or_default())
        };
        let began_at = journal.now();
        let ProbeResult { found, transcripts } =
            endpoints.probe(canary, &refusals, &|| journal.now()).await;
        let finding = |(capability, _, found)| {
            let expected = expected(entitled.as_ref(), number, capability, began_at);
            Finding { capability, expected, found }
        };
        Ok(CanaryFindings {
            number,
            findings: found.into_iter().map(finding).collect(),
            transcripts,
        })
    }
}
