use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::PhaseId;
use mail::ReturnPath;

use super::values::{Reason, SmtpPlace, Target};

/// Through which relay holders are told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of notices")]
pub struct NoticeArgs {
    /// The mail relay, as `smtp://[USER@]HOST[:PORT][?tls=required]` or `smtps://…`; without it nobody is told.
    #[arg(
        long,
        value_name = "URL",
        env = "TRAMONTO_SMTP_URL",
        hide_env_values = true,
        requires = "notices_from"
    )]
    pub smtp_url: Option<SmtpPlace>,
    /// A file with the relay user's password; the user stands in the URL.
    #[arg(long, value_name = "FILE", env = "TRAMONTO_SMTP_PASSWORD_FILE")]
    pub smtp_password_file: Option<PathBuf>,
    /// The certificate authority of the relay (PEM), besides the system's own.
    #[arg(long, value_name = "FILE", env = "TRAMONTO_SMTP_ROOT_CERTIFICATE")]
    pub smtp_root_certificate: Option<PathBuf>,
    /// Connections to the relay side by side.
    #[arg(long, value_name = "N", env = "TRAMONTO_SMTP_CONNECTIONS", default_value_t = 2,
        value_parser = clap::value_parser!(u8).range(1..=64))]
    pub smtp_connections: u8,
    /// Letters a second over all connections; without it, as fast as the relay takes them.
    #[arg(long, value_name = "N", env = "TRAMONTO_SMTP_PER_SECOND",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub smtp_per_second: Option<u32>,
    /// The address that notices come from; what comes back goes to NAME+…@DOMAIN.
    #[arg(long, value_name = "NAME@DOMAIN", env = "TRAMONTO_NOTICES_FROM", requires = "smtp_url")]
    pub notices_from: Option<ReturnPath>,
}

/// What is done with notices.
#[derive(Debug, Subcommand)]
pub enum NoticesCommand {
    /// Lists the plan's notices: who was told, who is left, what did not work.
    #[command(after_help = "Examples:
  tramonto notices list
  tramonto notices list --json")]
    List,
    /// Shows what a notice says by the plan in force, and how it stands.
    Show(ShowNoticeArgs),
    /// Records that a notice came back, from the report of a mail server (RFC 3464).
    Bounce(BounceArgs),
    /// Has a notice handed over again for those for whom it failed or is in doubt.
    Retry(RetryNoticeArgs),
}

/// Which notice is shown.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto notices show sending-ends")]
pub struct ShowNoticeArgs {
    /// The notice, as the plan names it.
    #[arg(value_name = "NOTICE")]
    pub notice: PhaseId,
}

/// What came back.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto notices bounce < message.eml
  tramonto notices bounce message.eml --json

As a mail server's alias for what comes back:
  notices: \"|tramonto notices bounce --store /var/lib/tramonto\"

A message that is no report of a failed notice changes nothing and ends with code 0, so that no mail server
tries it again.")]
pub struct BounceArgs {
    /// The message; standard input without it.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Who is told again.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto notices retry sending-ends --in-doubt --reason 'the relay says it had taken none'
  tramonto notices retry sending-ends --failed 550-5.7.1 --reason 'the relay knows us now'

Those in doubt may get it twice: the letter is the same, with the same Message-ID.")]
pub struct RetryNoticeArgs {
    /// The notice.
    #[arg(value_name = "NOTICE")]
    pub notice: PhaseId,
    /// Those of whom nobody knows whether the relay took it.
    #[arg(long, required_unless_present = "failed", conflicts_with = "failed")]
    pub in_doubt: bool,
    /// Those for whom it failed with this cause, as `notices list` shows it.
    #[arg(long, value_name = "CAUSE")]
    pub failed: Option<String>,
    /// Only this mailbox of them: an address, an id, or a number.
    #[arg(long, value_name = "ID")]
    pub mailbox: Option<Target>,
    /// Why, for the record. Name no person: the log is kept for ever.
    #[arg(long, value_name = "TEXT")]
    pub reason: Reason,
}
