//! The refusal texts of mail servers, as mail directories store them in either database.

use domain::Refusals;

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
