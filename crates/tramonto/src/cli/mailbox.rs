use chrono::{DateTime, NaiveDate, Utc};
use clap::Subcommand;
use domain::Capability;
use uuid::Uuid;

use super::values::{self, AsOf, Reason, Target};

/// What is done with one mailbox.
#[derive(Debug, Subcommand)]
pub enum MailboxCommand {
    /// Show the capabilities, history and next phases of a mailbox
    #[command(after_help = "Examples:
  tramonto mailbox show someone@postacertificata.example
  tramonto mailbox show 35b6c2a0-1f7a-8000-8000-0000000004d2 --as-of 2015-03-18
  tramonto mailbox show 17 --as-of 2015-03-18 --known-at 2015-03-20T09:00:00Z")]
    Show {
        /// Mailbox: an address, an id or a number
        mailbox: Target,
        /// Date or instant to show the mailbox as of; now by default
        ///
        /// A date means the end of that day in the plan's time zone.
        #[arg(long, value_name = "DATE|INSTANT")]
        as_of: Option<AsOf>,
        /// Instant up to which recorded events count; now by default
        #[arg(long, value_name = "INSTANT", value_parser = values::instant)]
        known_at: Option<DateTime<Utc>>,
    },
    /// Record the holder's withdrawal from the mailbox
    ///
    /// Later phases skip the mailbox.
    #[command(after_help = "Example:
  tramonto mailbox withdraw someone@postacertificata.example --reason 'recesso, letter 1234'")]
    Withdraw {
        /// Mailbox: an address, an id or a number
        mailbox: Target,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
}

/// What is done with holds.
#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// Place a hold: the mailbox keeps capabilities beyond the plan's dates
    #[command(after_help = "Examples:
  tramonto hold place someone@postacertificata.example --capability access \\
    --reason 'court order 77/2015'
  tramonto hold place 17 --capability receive,access --until 2015-12-31 --reason 'order 12'")]
    Place {
        /// Mailbox: an address, an id or a number
        mailbox: Target,
        /// Capabilities to keep: send, modify, receive, access; separated by commas
        #[arg(long, value_name = "CAPABILITY", required = true, value_delimiter = ',',
            num_args = 1..)]
        capability: Vec<Capability>,
        /// Last day of the hold, in the plan's time zone; until released by default
        #[arg(long, value_name = "DATE", value_parser = values::date)]
        until: Option<NaiveDate>,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
    /// Release a hold: the plan applies to the mailbox again
    #[command(after_help = "Example:
  tramonto hold release someone@postacertificata.example 019b0c5e-7d1e-7c9a-9b1f-0c7d7a0e4f11 \\
    --reason 'order lifted'")]
    Release {
        /// Mailbox: an address, an id or a number
        mailbox: Target,
        /// Hold id, as `mailbox show` lists it; the only one in force if omitted
        hold: Option<Uuid>,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
}
