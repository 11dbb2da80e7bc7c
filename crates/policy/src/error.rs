use std::net::SocketAddr;

/// Why the snapshot is not updated or no answer is given; one sentence with the next step.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// The registry cannot be read.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The registry does not answer.
    #[error("the registry did not answer within {seconds} s; check its server and the network")]
    Slow {
        /// The time limit.
        seconds: u64,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen for mail servers on {address}; choose another address with --policy-listen"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
}
