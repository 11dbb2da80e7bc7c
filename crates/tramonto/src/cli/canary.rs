use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::PhaseId;

use super::values::{self, Seconds, ServerUrl};

/// The mail servers that canaries probe.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Canaries")]
pub struct CanaryArgs {
    /// SMTP server for mail from outside
    ///
    /// Written as `smtp://HOST[:PORT][?tls=required]` or `smtps://HOST`.
    #[arg(long, value_name = "URL", env = "TRAMONTO_CANARY_SMTP",
        value_parser = values::probed)]
    pub canary_smtp: Option<ServerUrl>,
    /// Submission server, for mail of logged-in users
    ///
    /// Written as `smtp://HOST[:PORT]` or `smtps://HOST`. STARTTLS is used except on loopback.
    #[arg(long, value_name = "URL", env = "TRAMONTO_CANARY_SUBMISSION",
        value_parser = values::probed)]
    pub canary_submission: Option<ServerUrl>,
    /// IMAP server
    ///
    /// Written as `imap://HOST[:PORT]` or `imaps://HOST`. STARTTLS is used except on loopback.
    #[arg(long, value_name = "URL", env = "TRAMONTO_CANARY_IMAP",
        value_parser = values::probed)]
    pub canary_imap: Option<ServerUrl>,
    /// File with the password of the plan's canaries
    #[arg(long, value_name = "FILE", env = "TRAMONTO_CANARY_PASSWORD_FILE")]
    pub canary_password_file: Option<PathBuf>,
    /// Certificate authority of these servers (PEM), besides the system's
    #[arg(long, value_name = "FILE", env = "TRAMONTO_CANARY_ROOT_CERTIFICATE")]
    pub canary_root_certificate: Option<PathBuf>,
    /// Timeout of a probe, in seconds
    #[arg(long, value_name = "SECONDS", env = "TRAMONTO_CANARY_TIMEOUT", default_value = "5")]
    pub canary_timeout: Seconds,
}

/// What is done with canaries.
#[derive(Debug, Subcommand)]
pub enum CanaryCommand {
    /// Probe every canary of the plan now, without recording the result
    Probe(Box<ProbeArgs>),
    /// Show the probes around each boundary, and which were missed
    #[command(after_help = "Examples:
  tramonto canary show
  tramonto canary show receive-only --transcript
  tramonto canary show --json | jq '.[] | select(.state == \"missed\")'")]
    Show {
        /// Phase whose boundary is shown; all if omitted
        phase: Option<PhaseId>,
        /// Protocol transcripts, besides the results
        #[arg(long)]
        transcript: bool,
    },
}

/// A probe on demand.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto canary probe --canary-smtp smtp://mx.example --canary-submission smtps://mail.example \\
    --canary-imap imaps://mail.example --canary-password-file canary.password --transcript")]
pub struct ProbeArgs {
    /// Protocol transcripts, besides the results
    #[arg(long)]
    pub transcript: bool,
    /// The servers to probe.
    #[command(flatten)]
    pub endpoints: CanaryArgs,
}
