use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::PhaseId;

use super::values::{DoorUrl, Seconds};

/// Where mailboxes of our own are probed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of canaries")]
pub struct CanaryArgs {
    /// Where mail from outside comes in, as `smtp://HOST[:PORT][?tls=required]` or `smtps://HOST`.
    #[arg(long, value_name = "URL", env = "TRAMONTO_CANARY_SMTP")]
    pub canary_smtp: Option<DoorUrl>,
    /// Where who is logged in sends, as `smtp://HOST[:PORT]` or `smtps://HOST`; by STARTTLS but on this machine.
    #[arg(long, value_name = "URL", env = "TRAMONTO_CANARY_SUBMISSION")]
    pub canary_submission: Option<DoorUrl>,
    /// Where mail is read, as `imap://HOST[:PORT]` or `imaps://HOST`; by STARTTLS but on this machine.
    #[arg(long, value_name = "URL", env = "TRAMONTO_CANARY_IMAP")]
    pub canary_imap: Option<DoorUrl>,
    /// A file with the password of the plan's canaries.
    #[arg(long, value_name = "FILE", env = "TRAMONTO_CANARY_PASSWORD_FILE")]
    pub canary_password_file: Option<PathBuf>,
    /// The certificate authority of these servers (PEM), besides the system's own.
    #[arg(long, value_name = "FILE", env = "TRAMONTO_CANARY_ROOT_CERTIFICATE")]
    pub canary_root_certificate: Option<PathBuf>,
    /// How long the probe of a canary may take, in seconds.
    #[arg(long, value_name = "SECONDS", env = "TRAMONTO_CANARY_PATIENCE", default_value = "5")]
    pub canary_patience: Seconds,
}

/// What is done with canaries.
#[derive(Debug, Subcommand)]
pub enum CanaryCommand {
    /// Probes every canary of the plan now and shows what was answered; nothing is recorded.
    Probe(Box<ProbeArgs>),
    /// Shows what was found beside each boundary, and which probes were missed.
    Show(ShowCanaryArgs),
}

/// A probe that was asked for.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Example:
  tramonto canary probe --canary-smtp smtp://mx.example --canary-submission smtps://mail.example \\
    --canary-imap imaps://mail.example --canary-password-file canary.password --transcript

Exit codes: 0 as the plan says, 4 something was answered otherwise.")]
pub struct ProbeArgs {
    /// Where they are probed.
    #[command(flatten)]
    pub doors: CanaryArgs,
    /// Shows the conversations too.
    #[arg(long)]
    pub transcript: bool,
}

/// Which evidence is shown.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tramonto canary show
  tramonto canary show receive-only --transcript
  tramonto canary show --json | jq '.[] | select(.state == \"missed\")'")]
pub struct ShowCanaryArgs {
    /// Only beside the instant of this phase.
    #[arg(value_name = "PHASE")]
    pub phase: Option<PhaseId>,
    /// Shows the conversations too.
    #[arg(long)]
    pub transcript: bool,
}
