use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use url::{Host, Url};

use super::Secrets;
use super::inner::is_public;

/// The URL of a provider's API: `https://` and what precedes `/rights` in its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

/// The settings of a provider's API.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its URL.
    pub endpoint: Endpoint,
    /// The secrets that sign requests.
    pub secrets: Secrets,
    /// Does the provider end rights by itself at an armed instant? Stated by the operator, since it
    /// cannot be detected.
    pub arms: bool,
    /// May it be on a private or loopback address, and without TLS?
    pub private: bool,
    /// Maximum mailboxes per request.
    pub batch: usize,
    /// Concurrent requests of a call.
    pub requests: usize,
    /// The only trusted certificate authority (PEM); by default those of the system.
    pub root_certificate: Option<PathBuf>,
    /// Timeouts.
    pub waits: Waits,
}

/// Timeouts.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    /// To connect, including the TLS handshake.
    pub connect: Duration,
    /// For a request, from its start to the last byte of the response.
    pub request: Duration,
    /// How long a call waits for a provider that is down, or asked for a pause, before it fails.
    pub recovery: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            request: Duration::from_secs(30),
            recovery: Duration::from_secs(20),
        }
    }
}

impl Settings {
    /// Defaults: 1,000 mailboxes per request, 4 concurrent requests, not armed, public addresses
    /// only.
    pub fn new(endpoint: Endpoint, secrets: Secrets) -> Self {
        Self {
            endpoint,
            secrets,
            arms: false,
            private: false,
            batch: 1_000,
            requests: 4,
            root_certificate: None,
            waits: Waits::default(),
        }
    }

    /// Checks the settings before any request is made.
    pub(super) fn check(&self) -> Result<(), String> {
        let url = &self.endpoint.0;
        if self.private {
            return Ok(());
        }
        if url.scheme() != "https" {
            return Err(format!(
                "the platform {} has no TLS; write https://, or allow a private address without \
                 TLS with --platform-private",
                self.endpoint
            ));
        }
        let inside = match url.host() {
            Some(Host::Ipv4(address)) => !is_public(address.into()),
            Some(Host::Ipv6(address)) => !is_public(address.into()),
            Some(Host::Domain(_)) | None => false,
        };
        if inside {
            return Err(format!(
                "the platform {} is at an address of a private network; allow that with \
                 --platform-private, or name another",
                self.endpoint
            ));
        }
        Ok(())
    }
}

impl Endpoint {
    /// The URL of an operation.
    pub(super) fn at(&self, path: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The text is not repeated: it may contain a password.
        let url = Url::parse(text)
            .map_err(|problem| format!("not a URL ({problem}); write https://HOST/PATH"))?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err("a provider's API is written as https://HOST/PATH".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("leave user and password out of the URL; requests are signed".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("leave query and fragment (? and #) out of the URL".to_owned());
        }
        Ok(Self(url))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Settings {
        let secrets = Secrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        Settings::new(url.parse().unwrap(), secrets)
    }

    #[test]
    fn an_endpoint_has_its_operations_below_it() {
        for (url, expected) in [
            ("https://mail.example", "https://mail.example/rights/query"),
            ("https://mail.example/", "https://mail.example/rights/query"),
            ("https://mail.example/v1/tramonto", "https://mail.example/v1/tramonto/rights/query"),
            ("https://mail.example/v1/", "https://mail.example/v1/rights/query"),
        ] {
            let endpoint: Endpoint = url.parse().unwrap();
            assert_eq!(endpoint.at(&["rights", "query"]).as_str(), expected);
        }
    }

    #[test]
    fn what_is_no_endpoint_is_told_without_what_may_be_secret() {
        for (text, expected) in [
            ("mail.example", "not a URL"),
            ("ftp://mail.example", "https://HOST/PATH"),
            ("https://anna:secret@mail.example", "leave user and password out"),
            ("https://mail.example/?key=secret", "leave query and fragment"),
        ] {
            let error = text.parse::<Endpoint>().unwrap_err();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn an_inner_address_and_a_connection_without_tls_must_be_allowed() {
        for url in [
            "http://mail.example",
            "https://127.0.0.1:8443",
            "https://[::1]",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://169.254.169.254/latest",
            "https://[::ffff:10.0.0.1]/",
        ] {
            let mut settings = settings(url);
            assert!(settings.check().unwrap_err().contains("--platform-private"), "{url}");
            settings.private = true;
            assert_eq!(settings.check(), Ok(()), "{url}");
        }
        assert_eq!(settings("https://mail.example").check(), Ok(()));
        assert_eq!(settings("https://1.1.1.1").check(), Ok(()));
    }
}
