//! Where the programme stands.

use views::Status;

use crate::Error;
use crate::store::Store;

impl Store {
    /// Where the programme stands: its phases, its population and what needs attention.
    pub async fn status(&self) -> Result<Status, Error> {
        let now = self.now().await?;
        let projections = self.projections(now).await?;
        let head = self.log().head().await?;
        let status = Status::of(&*self.journal().state().await?, now, head, projections);
        status.ok_or_else(no_plan)
    }
}

/// No plan is adopted yet.
pub(crate) fn no_plan() -> Error {
    Error::NotFound("no plan is adopted; run `tramonto plan adopt FILE --reason TEXT`".to_owned())
}
