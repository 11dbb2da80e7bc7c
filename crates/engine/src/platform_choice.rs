//! The mail platform that the engine works on: its own directory, or a provider's API.
//!
//! Purpose: the one place that knows the kinds of platform, and the one link through which every
//! part calls it. Deliberately absent: the adapters, which are in `platform`. A provider has its
//! own mailboxes, so nothing is provisioned there.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::{PlatformCapabilities, State};
use platform::webhook::{self, Addresses, Endpoint};
use platform::{Cause, Limits, Measured, Pace, Paced, Platform, Webhook};
use registry::Registry;
use roaring::RoaringBitmap;

use crate::provisioning::{PendingMailboxes, RetryPending};
use crate::store::Store;
use crate::{Error, RealClock};

/// The platform as settings write it: `directory`, or a URL.
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
            return Err("expected `directory`, or a provider's API as https://HOST/PATH".to_owned());
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

/// The platform that the engine works on, with the settings of its adapter.
#[derive(Debug, Clone, Default)]
pub enum PlatformChoice {
    /// The mail directory beside the log, which the engine provisions.
    #[default]
    Directory,
    /// A provider's API.
    Webhook(Box<webhook::Settings>),
}

/// The platform as the parts call it: measured, rate limited, and patient with mailboxes that are
/// registered but not provisioned yet.
pub struct PlatformLink {
    /// The platform.
    pub platform: Arc<dyn Platform>,
    /// What it can do.
    pub reach: PlatformCapabilities,
    /// Mailboxes that it has not been given yet; `None` where it is not given any.
    pub pending: Option<PendingMailboxes>,
    /// The rate limits, of vouchers too.
    pub(crate) pace: Pace,
}

impl PlatformLink {
    /// The default time ahead at which ends are armed.
    pub(crate) const ARM_AHEAD: TimeDelta = TimeDelta::days(14);

    /// A link to a platform that arms ends that long ahead, if it can.
    pub fn new(
        platform: Arc<dyn Platform>,
        pending: Option<PendingMailboxes>,
        arm_ahead: Option<TimeDelta>,
    ) -> Self {
        let arm_ahead = arm_ahead.filter(|_| platform.arms());
        let reach = PlatformCapabilities { controls: platform.controls(), arm_ahead };
        let (measured, pace) = (Measured::new(platform), Pace::default());
        let platform: Arc<dyn Platform> = match pending.clone() {
            Some(pending) => {
                Arc::new(Paced::new(RetryPending { platform: measured, pending }, pace.clone()))
            }
            None => Arc::new(Paced::new(measured, pace.clone())),
        };
        Self { platform, reach, pending, pace }
    }
}

/// Applies the rate limits that the log sets.
pub(crate) fn apply_rate_limits(pace: &Pace, state: &State) {
    for (effect, limits) in &state.programme.paces {
        let (calls_per_second, concurrent_calls) =
            (limits.calls_per_second, limits.concurrent_calls);
        pace.set(*effect, Limits { calls_per_second, concurrent_calls });
    }
}

/// Opens the platform of a store, and what a mail directory has not been given yet.
pub(crate) async fn open_platform(
    store: &Store,
    choice: &PlatformChoice,
) -> Result<(Arc<dyn Platform>, Option<PendingMailboxes>), Error> {
    match choice {
        PlatformChoice::Directory => {
            let directory = Arc::clone(store.directory().await?);
            let pending = PendingMailboxes::new(Arc::clone(store.log()), Arc::clone(&directory));
            Ok((directory, Some(pending)))
        }
        PlatformChoice::Webhook(settings) => {
            let addresses = Arc::new(RegistryAddresses(Arc::clone(store.registry().await?)));
            // The real clock in a rehearsal too: the provider compares a request's instant with
            // its own.
            let (programme, clock) = (store.programme().clone(), Arc::new(RealClock));
            let provider = Webhook::new(programme, *settings.clone(), addresses, clock)?;
            Ok((Arc::new(provider), None))
        }
    }
}

/// The addresses of a registry.
struct RegistryAddresses(Arc<Registry>);

#[async_trait]
impl Addresses for RegistryAddresses {
    async fn addresses(
        &self,
        mailboxes: &RoaringBitmap,
    ) -> Result<Vec<(u32, String)>, platform::Error> {
        let found =
            self.0.addresses_of(mailboxes).await.map_err(|error| platform::Error::Unavailable {
                cause: Cause::new("registry-unavailable"),
                problem: "cannot read addresses from the registry; check that it is available"
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
