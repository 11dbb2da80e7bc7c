/// The outcome of a letter. A cause is a short code and holds no address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The relay accepted it.
    Accepted,
    /// The relay refused it for now (4xx).
    Deferred {
        /// The cause.
        cause: String,
    },
    /// The relay refused it permanently (5xx).
    Refused {
        /// The cause.
        cause: String,
    },
    /// The recipient has no usable address.
    Unreachable {
        /// The cause.
        cause: String,
    },
    /// The connection was lost after the letter was sent and before the relay replied.
    InDoubt {
        /// The cause.
        cause: String,
    },
    /// No attempt was made, or the relay was lost before the letter was sent.
    NotTried {
        /// The cause.
        cause: String,
    },
}
