//! What the mail servers answered to the programme's own mailboxes.

use domain::{Event, PhaseId, Transcript};
use views::CanaryStanding;

use crate::Error;
use crate::store::Store;

impl Store {
    /// The probes beside each boundary, of one phase or of all; with the conversations where they
    /// are asked for.
    pub async fn canaries(
        &self,
        phase: Option<&PhaseId>,
        with_transcripts: bool,
    ) -> Result<Vec<CanaryStanding>, Error> {
        let now = self.now().await?;
        let numbers = self.canary_numbers().await?;
        let mut standings = {
            let snapshot = self.journal().state().await?;
            let state = &*snapshot;
            if let (Some(phase), Some(plan)) = (phase, state.plan())
                && plan.phase(phase).is_none()
            {
                return Err(Error::NotFound(format!(
                    "the plan has no phase {phase}; see `tramonto plan show`"
                )));
            }
            views::canaries(state, &numbers, now)
        };
        standings.retain(|one| phase.is_none_or(|phase| one.phase == *phase));
        if with_transcripts {
            for made in standings.iter_mut().filter_map(|one| one.probe.as_mut()) {
                made.event.transcripts = self.transcripts(made.position).await?;
            }
        }
        Ok(standings)
    }

    /// The numbers of the plan's canaries, as far as the registry has them.
    async fn canary_numbers(&self) -> Result<Vec<u32>, Error> {
        let addresses = {
            let snapshot = self.journal().state().await?;
            let rules = snapshot.plan().and_then(|plan| plan.canaries.as_ref());
            rules.map(|rules| rules.addresses.clone()).unwrap_or_default()
        };
        let mut numbers = Vec::with_capacity(addresses.len());
        for address in &addresses {
            let found = self.registry().await?.find_address(address).await?;
            numbers.extend(found.map(|entry| entry.number));
        }
        Ok(numbers)
    }

    /// The conversations of the probe at a position of the log.
    async fn transcripts(&self, position: u64) -> Result<Vec<Transcript>, Error> {
        let Some(recorded) = self.event_at(position).await? else { return Ok(Vec::new()) };
        let Event::CanaryProbed(probed) = recorded.fact()?.event else { return Ok(Vec::new()) };
        Ok(probed.transcripts)
    }
}
