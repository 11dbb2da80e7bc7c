//! Which mail platform the engine has do its work: its own directory, or a provider's API.
//!
//! Purpose: one place that knows the kinds there are. Deliberately absent: how each works, which is in
//! `platform`. A provider has its mailboxes already, so nothing is provisioned there.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use domain::ProgrammeId;
use platform::webhook::{self, Addresses, Endpoint};
use platform::{self, Cause, Webhook};
use registry::Registry;
use roaring::RoaringBitmap;

use crate::{Error, RealClock};

/// Where the platform is, as it is written: `directory`, or a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PlatformPlace {
    /// The mail directory beside the log.
    #[default]
    Directory,
    /// A provider's API.
    Webhook(Endpoint),
}

impl FromStr for PlatformPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "directory" {
            return Ok(Self::Directory);
        }
        if !text.contains("://") {
            return Err("write directory, or a provider's API as https://HOST/PATH".to_owned());
        }
        text.parse().map(Self::Webhook)
    }
}

impl fmt::Display for PlatformPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory => f.write_str("directory"),
            Self::Webhook(endpoint) => endpoint.fmt(f),
        }
    }
}

/// The platform that the engine works on.
#[derive(Debug, Clone, Default)]
pub enum PlatformChoice {
    /// The mail directory beside the log, which is given its mailboxes.
    #[default]
    Directory,
    /// A provider's API.
    Webhook(Box<webhook::Settings>),
}

/// A provider's API for a programme's mailboxes, whose addresses are in this registry.
pub fn webhook(
    settings: &webhook::Settings,
    programme: &ProgrammeId,
    registry: Arc<Registry>,
) -> Result<Webhook, Error> {
    let addresses = Arc::new(Addressed(registry));
    // In a rehearsal too: the provider compares the instant of a request with its own clock.
    let clock = Arc::new(RealClock);
    Ok(Webhook::new(programme.clone(), settings.clone(), addresses, clock)?)
}

/// The addresses of a registry, as a platform looks them up.
struct Addressed(Arc<Registry>);

#[async_trait]
impl Addresses for Addressed {
    async fn addresses(
        &self,
        mailboxes: &RoaringBitmap,
    ) -> Result<Vec<(u32, String)>, platform::Error> {
        let found =
            self.0.addresses_of(mailboxes).await.map_err(|error| platform::Error::Unavailable {
                cause: Cause::new("registry-unavailable"),
                problem:
                    "the addresses of mailboxes can't be looked up in the registry; look at it"
                        .to_owned(),
                source: Some(Box::new(error)),
            })?;
        Ok(found.into_iter().map(|(number, address, _)| (number, address)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_a_directory_or_a_url_and_is_shown_as_it_is_written() {
        for text in ["directory", "https://mail.example/tramonto"] {
            let place: PlatformPlace = text.parse().unwrap();
            assert_eq!(place.to_string(), text);
        }
        for text in ["", "folder", "mail.example", "https://anna:secret@mail.example"] {
            let error = text.parse::<PlatformPlace>().unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
