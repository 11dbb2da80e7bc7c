use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::PhaseId;
use mail::ReturnPath;

use super::values::{self, Reason, ServerUrl, Target};

/// The mail relay for notices and letters.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Notices")]
pub struct NoticeArgs {
    /// Mail relay; no notice is sent without it
    ///
    /// Written as `smtp://[USER@]HOST[:PORT][?tls=required]` or `smtps://[USER@]HOST`.
    #[arg(
        long,
        value_name = "URL",
        env = "TRAMONTO_SMTP_URL",
        hide_env_values = true,
        value_parser = values::relay,
        requires = "notices_from"
    )]
    pub smtp_url: Option<ServerUrl>,
    /// File with the password of the relay user that the URL names
    #[arg(long, value_name = "FILE", env = "TRAMONTO_SMTP_PASSWORD_FILE")]
    pub smtp_password_file: Option<PathBuf>,
    /// Certificate authority of the relay (PEM), besides the system's
    #[arg(long, value_name = "FILE", env = "TRAMONTO_SMTP_ROOT_CERTIFICATE")]
    pub smtp_root_certificate: Option<PathBuf>,
    /// Concurrent connections to the relay
    #[arg(long, value_name = "N", env = "TRAMONTO_SMTP_CONNECTIONS", default_value_t = 2,
        value_parser = clap::value_parser!(u8).range(1..=64))]
    pub smtp_connections: u8,
    /// Maximum messages per second over all connections; unlimited if omitted
    #[arg(long, value_name = "N", env = "TRAMONTO_SMTP_PER_SECOND",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub smtp_per_second: Option<u32>,
    /// Sender address of notices; bounces go to NAME+…@DOMAIN
    #[arg(long, value_name = "NAME@DOMAIN", env = "TRAMONTO_NOTICES_FROM", requires = "smtp_url")]
    pub notices_from: Option<ReturnPath>,
}

/// What is done with notices.
#[derive(Debug, Subcommand)]
pub enum NoticeCommand {
    /// List the plan's notices: sent, pending, failed and in doubt
    #[command(after_help = "Examples:
  tramonto notice list
  tramonto notice list --json")]
    List,
    /// Show the text and the progress of a notice
    #[command(after_help = "Example:
  tramonto notice show sending-ends")]
    Show {
        /// Notice, as the plan names it
        notice: PhaseId,
    },
    /// Record the bounce of a notice from a delivery status notification (RFC 3464)
    ///
    /// Any other message changes nothing and ends with exit code 0, so that no mail server retries
    /// it.
    #[command(after_help = "Examples:
  tramonto notice bounce < message.eml
  tramonto notice bounce message.eml --json

As an alias of a mail server:
  notices: \"|tramonto notice bounce --store /var/lib/tramonto\"")]
    Bounce {
        /// File of the message; standard input if omitted
        file: Option<PathBuf>,
    },
    /// Send a notice again where it failed or is in doubt
    ///
    /// Holders in doubt may get it twice: the same message with the same Message-ID.
    #[command(after_help = "Examples:
  tramonto notice retry sending-ends --in-doubt --reason 'the relay accepted none of them'
  tramonto notice retry sending-ends --failed 550-5.7.1 --reason 'the relay accepts us now'")]
    Retry {
        /// Notice, as the plan names it
        notice: PhaseId,
        /// Holders for whom it is unknown whether the relay accepted the notice
        #[arg(long, required_unless_present = "failed", conflicts_with = "failed")]
        in_doubt: bool,
        /// Cause of the failures to retry, as `notice list` shows it
        #[arg(long, value_name = "CAUSE")]
        failed: Option<String>,
        /// Single mailbox among them: an address, an id or a number
        #[arg(long, value_name = "MAILBOX")]
        mailbox: Option<Target>,
        /// Reason for the record; it must not name a person
        #[arg(long, value_name = "TEXT")]
        reason: Reason,
    },
}
