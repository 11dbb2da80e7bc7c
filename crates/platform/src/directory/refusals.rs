//! The mail servers' refusal texts.

use domain::Refusals;
use sql::Param;

use super::Directory;
use super::tables::{Access, Tables};
use crate::Error;

/// The columns of `refusal` that a plan controls, in the order of [`values`].
pub(super) const COLUMNS: &str = "send_status, send, receive_status, receive, login";

/// Their values.
pub(super) fn values(refusals: &Refusals) -> [String; 5] {
    let Refusals { send, receive, access } = refusals;
    [
        send.status.to_string(),
        send.wording.line(),
        receive.status.to_string(),
        receive.wording.line(),
        access.line(),
    ]
}

impl Directory {
    /// Sets the texts with which mail servers refuse after a right has ended. Returns whether they
    /// changed.
    pub async fn set_refusals(&self, refusals: &Refusals) -> Result<bool, Error> {
        let update = format!(
            "UPDATE refusal SET ({COLUMNS}) = ($1, $2, $3, $4, $5)
             WHERE ({COLUMNS}) IS DISTINCT FROM ($1, $2, $3, $4, $5)"
        );
        let params = values(refusals).map(Param::Text).into();
        let work = async |tables: &mut Tables<'_>| tables.run(update, params).await;
        Ok(self.transact(Access::Write, work).await? > 0)
    }
}
