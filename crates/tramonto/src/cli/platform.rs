use std::path::PathBuf;

use clap::Args;
use platform::webhook::{Secrets, Settings};

use crate::Error;
use crate::log::password;
use engine::platform_choice::{PlatformChoice, PlatformPlace};

/// Where no file has the secret of the platform.
pub(crate) const PLATFORM_SECRET: &str = "TRAMONTO_PLATFORM_SECRET";

/// The mail platform.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of the mail platform")]
pub struct PlatformArgs {
    /// The mail platform: `directory`, the one beside the log, or a provider's API as `https://HOST/PATH`.
    #[arg(long, value_name = "PLACE", env = "TRAMONTO_PLATFORM", default_value = "directory")]
    pub platform: PlatformPlace,
    /// A file with the provider's secret (whsec_…); with several, requests are signed by each.
    #[arg(long, value_name = "FILE", env = "TRAMONTO_PLATFORM_SECRET_FILE")]
    pub platform_secret_file: Option<PathBuf>,
    /// The provider keeps instants that it is told ahead, and is told them.
    #[arg(long, value_name = "BOOL", env = "TRAMONTO_PLATFORM_ARMS", default_value_t = false,
        action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub platform_arms: bool,
    /// The provider may be at a private address, and without TLS.
    #[arg(long, value_name = "BOOL", env = "TRAMONTO_PLATFORM_PRIVATE", default_value_t = false,
        action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    pub platform_private: bool,
    /// How many mailboxes go into one request to the provider.
    #[arg(long, value_name = "N", env = "TRAMONTO_PLATFORM_BATCH", default_value_t = 1_000,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub platform_batch: u16,
    /// The certificate authority of the provider (PEM); the system's own otherwise.
    #[arg(long, value_name = "FILE", env = "TRAMONTO_PLATFORM_ROOT_CERTIFICATE")]
    pub platform_root_certificate: Option<PathBuf>,
}

impl PlatformArgs {
    /// The platform that is meant. The secret is read from its file, or else from the environment.
    pub fn choice(&self) -> Result<PlatformChoice, Error> {
        let PlatformPlace::Webhook(endpoint) = &self.platform else {
            return Ok(PlatformChoice::Directory);
        };
        let secret = password(self.platform_secret_file.as_deref(), PLATFORM_SECRET)?;
        let Some(secret) = secret else {
            return Err(Error::Usage(format!(
                "requests to a provider are signed; name the file of its secret with \
                 --platform-secret-file, or set {PLATFORM_SECRET}"
            )));
        };
        let secrets = Secrets::parse(secrecy::ExposeSecret::expose_secret(&secret));
        let mut settings = Settings::new(endpoint.clone(), secrets.map_err(Error::Usage)?);
        settings.arms = self.platform_arms;
        settings.private = self.platform_private;
        settings.batch = usize::from(self.platform_batch);
        settings.root_certificate.clone_from(&self.platform_root_certificate);
        Ok(PlatformChoice::Webhook(Box::new(settings)))
    }
}
