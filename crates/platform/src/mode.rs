/// The clock of a mail directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The computer's clock; the directory refuses any other.
    Production,
    /// The computer's clock, or a fixed instant ([`Directory::set_clock`](super::Directory)).
    Rehearsal,
}
