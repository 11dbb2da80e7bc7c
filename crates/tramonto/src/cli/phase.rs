use clap::Subcommand;
use domain::Capability;

use super::Why;
use super::values::Reason;

/// What an operator does with the work of phases.
#[derive(Debug, Subcommand)]
pub enum PhaseCommand {
    /// Stop dispatching work
    ///
    /// Phases still start on their dates, and rights already armed on the platform still end.
    #[command(after_help = "Example:
  tramonto phase pause --reason 'the mail servers are moved tonight'")]
    Pause(Why),
    /// Dispatch work again after a pause
    ///
    /// A running engine continues within a second.
    #[command(after_help = "Example:
  tramonto phase resume --reason 'the mail servers are back'")]
    Resume(Why),
    /// Limit calls to the platform for one capability
    ///
    /// Takes effect at once, also while the engine runs. An option that is left out removes its
    /// limit.
    #[command(after_help = "Examples:
  tramonto phase limit send --calls-per-second 20 --reason 'the servers are busy by day'
  tramonto phase limit send --concurrent 1 --reason 'one at a time'
  tramonto phase limit send --reason 'no limit any more'")]
    Limit {
        /// Capability to limit: send, modify, receive or access
        #[arg(value_name = "CAPABILITY")]
        effect: Capability,
        /// Maximum calls per second; unlimited if omitted
        #[arg(long, value_name = "N")]
        calls_per_second: Option<u32>,
        /// Maximum concurrent calls; unlimited if omitted
        #[arg(long, value_name = "N")]
        concurrent: Option<u32>,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
}
