use std::path::PathBuf;

use clap::{Args, Subcommand};
use platform::webhook::{Secrets, Settings};
use platform::{Identifier, Renamed};

use crate::Error;
use crate::secrets::password;
use engine::platform_choice::{PlatformChoice, PlatformPlace};

/// Environment variable with the platform's secret, if no file has it.
pub(crate) const PLATFORM_SECRET: &str = "TRAMONTO_PLATFORM_SECRET";

/// The mail platform.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Mail platform")]
pub struct PlatformArgs {
    /// Mail platform: `directory`, or a provider's API as `https://HOST/PATH`
    ///
    /// `directory` is the mail directory beside the log.
    #[arg(long, value_name = "URL", env = "TRAMONTO_PLATFORM", default_value = "directory")]
    pub platform: PlatformPlace,
    /// File with the provider's secret (whsec_…)
    ///
    /// If it holds several secrets, each of them signs every request.
    #[arg(long, value_name = "FILE", env = "TRAMONTO_PLATFORM_SECRET_FILE")]
    pub platform_secret_file: Option<PathBuf>,
    /// Whether the provider accepts instants in advance and acts on them itself
    #[arg(long, value_name = "BOOL", env = "TRAMONTO_PLATFORM_ARMS", default_value_t = false,
        action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub platform_arms: bool,
    /// Whether the provider may have a private address and no TLS
    #[arg(long, value_name = "BOOL", env = "TRAMONTO_PLATFORM_PRIVATE", default_value_t = false,
        action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub platform_private: bool,
    /// Maximum mailboxes per request to the provider
    #[arg(long, value_name = "N", env = "TRAMONTO_PLATFORM_BATCH", default_value_t = 1_000,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub platform_batch: u16,
    /// Certificate authority of the provider (PEM); the system's by default
    #[arg(long, value_name = "FILE", env = "TRAMONTO_PLATFORM_ROOT_CERTIFICATE")]
    pub platform_root_certificate: Option<PathBuf>,
}

/// What is done with the mail platform.
#[derive(Debug, Clone, Subcommand)]
pub enum PlatformCommand {
    /// Show the mail servers' lookups and check that the servers enforce the rights
    #[command(after_help = "Examples:
  tramonto platform check
  doveconf -n > dovecot.txt && postconf -n > postfix.txt
  tramonto platform check --dovecot dovecot.txt --postfix postfix.txt")]
    Check(PlatformCheckArgs),
    /// Create a view of the rights with other names of table and columns
    ///
    /// For mail servers whose queries cannot change. An existing view of this name is replaced.
    #[command(after_help = "Example:
  tramonto platform create-view accounts --column address=username --column can_login=active")]
    CreateView {
        /// Name of the view
        name: Identifier,
        /// The names of its columns.
        #[command(flatten)]
        columns: ColumnArgs,
    },
    /// Rebuild a lost mail directory from the log and the registry
    ///
    /// Stop the engine first. An existing directory is never overwritten: move the file away first.
    #[command(after_help = "Example:
  tramonto platform rebuild")]
    Rebuild,
}

/// What is checked.
#[derive(Debug, Clone, Args)]
pub struct PlatformCheckArgs {
    /// Dovecot settings to check, as `doveconf -n` prints them
    #[arg(long, value_name = "FILE")]
    pub dovecot: Option<PathBuf>,
    /// Postfix settings to check, as `postconf -n` prints them
    #[arg(long, value_name = "FILE")]
    pub postfix: Option<PathBuf>,
    /// View that the lookups use, as `platform create-view` made it
    #[arg(long, value_name = "NAME")]
    pub view: Option<Identifier>,
    /// The names of its columns.
    #[command(flatten)]
    pub columns: ColumnArgs,
}

/// Columns with other names.
#[derive(Debug, Clone, Args)]
pub struct ColumnArgs {
    /// Column and its other name, e.g. `address=username`; repeatable
    #[arg(long = "column", value_name = "OURS=THEIRS")]
    pub columns: Vec<Renamed>,
}

impl PlatformArgs {
    /// The chosen platform; reads the secret from its file, or else from the environment.
    pub fn choice(&self) -> Result<PlatformChoice, Error> {
        let PlatformPlace::Webhook(endpoint) = &self.platform else {
            return Ok(PlatformChoice::Directory);
        };
        let secret = password(self.platform_secret_file.as_deref(), PLATFORM_SECRET)?;
        let Some(secret) = secret else {
            return Err(Error::Invalid(format!(
                "the platform has no secret to sign requests with; name its file with \
                 --platform-secret-file, or set {PLATFORM_SECRET}"
            )));
        };
        let secrets = Secrets::parse(secrecy::ExposeSecret::expose_secret(&secret));
        let mut settings = Settings::new(endpoint.clone(), secrets.map_err(Error::Invalid)?);
        settings.arms = self.platform_arms;
        settings.private = self.platform_private;
        settings.batch = usize::from(self.platform_batch);
        settings.root_certificate.clone_from(&self.platform_root_certificate);
        Ok(PlatformChoice::Webhook(Box::new(settings)))
    }
}
