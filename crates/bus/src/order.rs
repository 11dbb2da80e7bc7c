use domain::{Capabilities, MailboxSet, PhaseId, ProgrammeId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A hint to a worker: check these mailboxes.
///
/// It does not say what is to be done; that follows from the plan and the log when the order is
/// carried out, so a stale or duplicate order does no harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrder {
    /// Its own id.
    pub id: Uuid,
    /// The programme whose mailboxes they are.
    pub programme: ProgrammeId,
    /// The phase that was swept; `None` if the sweep was for no phase.
    pub phase: Option<PhaseId>,
    /// The effects that seemed due; workers may take orders of some effects only.
    pub effects: Capabilities,
    /// The mailboxes to check.
    pub mailboxes: MailboxSet,
    /// The correlation id of the work.
    pub correlation_id: Uuid,
    /// The event that caused the order.
    pub causation_id: Option<Uuid>,
}
