use domain::{Capabilities, MailboxSet, PhaseId, ProgrammeId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A hint to a worker: look at these mailboxes.
///
/// It says nothing about what is to be done to them; that follows from the plan and the log at the
/// moment the order is carried out, so a stale or doubled order does no harm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkOrder {
    /// Its own id.
    pub id: Uuid,
    /// The programme whose mailboxes they are.
    pub programme: ProgrammeId,
    /// The phase that was swept; `None` where the sweep was for no phase.
    pub phase: Option<PhaseId>,
    /// The effects that seemed due; workers may take only orders of some effects.
    pub effects: Capabilities,
    /// Which mailboxes to look at.
    pub mailboxes: MailboxSet,
    /// The chain of events that the work belongs to.
    pub correlation_id: Uuid,
    /// The event that had the work ordered.
    pub causation_id: Option<Uuid>,
}
