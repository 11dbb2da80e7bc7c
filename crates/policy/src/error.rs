use std::net::SocketAddr;

/// Why the answers stay as they are, or don't come; one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// The registry can't be read.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The registry does not answer.
    #[error("the registry did not answer within {seconds} s; look at its server and the network")]
    Slow {
        /// How long it was waited for.
        seconds: u64,
    },
    /// Nobody can ask.
    #[error(
        "mail servers can't be answered on {address}; name another address with --policy-listen"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
