/// Why the intake did not do what was asked; one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Mail servers can't connect.
    #[error("mail servers can't hand messages over at {place}; name another place with --listen")]
    Listen {
        /// Where.
        place: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
