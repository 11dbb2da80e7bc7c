/// What the clock of a mail directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The computer's that keeps it; the directory refuses any other.
    Production,
    /// The computer's, or an instant at which it stands still
    /// ([`Directory::set_clock`](super::Directory),
    /// [`PostgresDirectory::set_clock`](super::PostgresDirectory)).
    Rehearsal,
}
