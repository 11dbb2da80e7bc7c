//! What mail servers say, as a mail directory keeps it in whichever database.

use domain::Refusals;

/// The columns of `refusal` that a plan has a say in, in the order of [`values`].
pub(super) const COLUMNS: &str = "send_status, send, receive_status, receive, login";

/// What stands in them.
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
