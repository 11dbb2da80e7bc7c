//! How a mail directory stores capabilities, in either database: one column for each.

use domain::{Capabilities, Capability};

use super::{Cause, Error};

/// The column with the instant at which a capability ends; `None` if the directory has none.
pub(super) const fn column(capability: Capability) -> Option<&'static str> {
    match capability {
        Capability::Send => Some("send_until"),
        Capability::Modify => Some("read_only_from"),
        Capability::Receive => Some("receive_until"),
        Capability::Access => Some("login_until"),
        Capability::Activate | Capability::RequestLogs | Capability::RequestVoucher => None,
    }
}

/// Refuses capabilities that a mail platform does not enforce.
pub(super) fn controlled(capabilities: Capabilities) -> Result<(), Error> {
    let others = capabilities.without(Capabilities::OF_PLATFORM);
    if others.is_empty() {
        return Ok(());
    }
    Err(Error::Refused {
        cause: Cause::NOT_CONTROLLED,
        problem: format!(
            "a mail platform does not enforce {others}, only {}",
            Capabilities::OF_PLATFORM
        ),
    })
}

/// A text for each column of these capabilities.
pub(super) fn each(
    capabilities: Capabilities,
    between: &str,
    text: impl Fn(&'static str) -> String,
) -> String {
    capabilities.iter().filter_map(column).map(text).collect::<Vec<_>>().join(between)
}
