//! Where the mail relay is and how to connect to it. No form of it shows a password.

use lettre::transport::smtp::client::{Certificate, TlsParameters};
use secrecy::SecretString;
use url::{Host, Url};

/// A mail relay: host, port, TLS policy and credentials.
#[derive(Clone)]
pub struct Relay {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    /// The name in our EHLO.
    pub(crate) hello: String,
    pub(crate) credentials: Option<(String, SecretString)>,
    roots: Vec<Certificate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    /// From the first byte.
    Implicit,
    /// By STARTTLS, or not at all.
    Required,
    /// By STARTTLS where the relay offers it. A password is never sent without it, except to this
    /// machine.
    Opportunistic,
}

impl Relay {
    /// Parses `smtp://[USER@]HOST[:PORT][?tls=required]` or `smtps://…`. `hello` is the name in our
    /// EHLO, `root` a certificate authority in PEM besides the system's own.
    pub fn new(
        url: &Url,
        password: Option<SecretString>,
        root: Option<&[u8]>,
        hello: &str,
    ) -> Result<Self, String> {
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err("relay URL has no host; write smtp://HOST:PORT".to_owned()),
        };
        let required = match url.query() {
            None => false,
            Some("tls=required") => true,
            Some(_) => {
                return Err("relay URL: the only supported parameter is ?tls=required".to_owned());
            }
        };
        let (tls, usual) = match (url.scheme(), required) {
            ("smtps", _) => (Tls::Implicit, 465),
            ("smtp", true) => (Tls::Required, 25),
            ("smtp", false) => (Tls::Opportunistic, 25),
            _ => {
                return Err(
                    "relay URL must be smtp://HOST[:PORT] or smtps://HOST[:PORT]".to_owned()
                );
            }
        };
        let user = Some(url.username()).filter(|user| !user.is_empty());
        let password = password.or_else(|| url.password().map(SecretString::from));
        let credentials = match (user, password) {
            (Some(user), Some(password)) => Some((user.replace("%40", "@"), password)),
            (Some(_), None) => {
                return Err("relay user has no password; name the file that holds it".to_owned());
            }
            (None, Some(_)) => {
                return Err("relay password has no user; write smtp://USER@HOST".to_owned());
            }
            (None, None) => None,
        };
        let roots = root.map(Certificate::from_pem).transpose().map_err(|_form| {
            "relay certificate authority is not a certificate in PEM".to_owned()
        })?;
        let (roots, hello) = (roots.into_iter().collect(), hello.to_owned());
        Ok(Self { host, port: url.port().unwrap_or(usual), tls, hello, credentials, roots })
    }

    pub(crate) fn tls_parameters(&self) -> Result<TlsParameters, String> {
        let mut builder = TlsParameters::builder(self.host.clone());
        for root in &self.roots {
            builder = builder.add_root_certificate(root.clone());
        }
        builder.build().map_err(|_hidden| "tls-not-available".to_owned())
    }

    pub(crate) fn is_loopback(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_url_is_refused_with_its_correct_form() {
        let relay = |text: &str, password: Option<&str>| {
            let password = password.map(|password| SecretString::from(password.to_owned()));
            Relay::new(&text.parse().unwrap(), password, None, "agency.example").err()
        };
        for sound in
            ["smtp://relay.example", "smtps://relay.example:465", "smtp://relay?tls=required"]
        {
            assert_eq!(relay(sound, None), None, "{sound}");
        }
        for (text, password, problem) in [
            ("smtp://anna@relay", None, "has no password"),
            ("smtp://relay", Some("secret"), "has no user"),
            ("smtp://relay?tls=never", None, "only supported parameter is ?tls=required"),
            ("http://relay", None, "smtp://HOST[:PORT]"),
        ] {
            let error = relay(text, password).unwrap();
            assert!(error.contains(problem) && !error.contains("secret"), "{text}: {error}");
        }
    }
}
