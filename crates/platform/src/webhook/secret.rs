//! Signatures of *Standard Webhooks* (<https://github.com/standard-webhooks/standard-webhooks>,
//! specification 1.0.0): HMAC-SHA256 over `id.timestamp.body`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::hmac;

/// The specification requires keys of 24 to 64 bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// Several secrets are for the time in which the provider rotates them.
const MOST: usize = 8;

/// The secrets that sign requests. No form of it shows them.
#[derive(Clone)]
pub struct Secrets(Vec<hmac::Key>);

impl Secrets {
    /// Parses secrets, each `whsec_` and base64, separated by white space. A request is signed with
    /// each of them, so that the provider can rotate them at any time.
    pub fn parse(text: &str) -> Result<Self, String> {
        let keys: Vec<_> = text.split_whitespace().map(key).collect::<Result<_, _>>()?;
        if keys.is_empty() || keys.len() > MOST {
            return Err(format!(
                "the webhook's secret file holds {} secrets; give one, or up to {MOST} during a \
                 rotation, each on its own line as whsec_ and base64",
                keys.len()
            ));
        }
        Ok(Self(keys))
    }

    /// The value of the header `webhook-signature`: one signature per secret.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let sign = |key| {
            let mut signing = hmac::Context::with_key(key);
            signing.update(format!("{id}.{timestamp}.").as_bytes());
            signing.update(body);
            format!("v1,{}", STANDARD.encode(signing.sign()))
        };
        self.0.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}

/// An error never contains the secret.
fn key(text: &str) -> Result<hmac::Key, String> {
    let encoded = text
        .strip_prefix("whsec_")
        .ok_or("a webhook secret does not begin with whsec_; write it as the provider gave it")?;
    let bytes = STANDARD
        .decode(encoded)
        .or_else(|_padded| STANDARD_NO_PAD.decode(encoded))
        .map_err(|_secret| "a webhook secret is not base64 after whsec_; copy it again")?;
    if !LENGTHS.contains(&bytes.len()) {
        return Err(format!(
            "a webhook secret has {} bytes; use one of {} to {} bytes",
            bytes.len(),
            LENGTHS.start(),
            LENGTHS.end()
        ));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({}, not shown)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Secret, id, timestamp, body and signature, as published by the libraries of Standard
    /// Webhooks.
    const PUBLISHED: [&str; 5] = [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "1614265330",
        r#"{"test": 2432232314}"#,
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    ];

    #[test]
    fn a_signature_is_what_the_standard_publishes() {
        let [secret, id, timestamp, body, signature] = PUBLISHED;
        let timestamp = timestamp.parse().unwrap();
        let one = Secrets::parse(secret).unwrap();
        assert_eq!(one.sign(id, timestamp, body.as_bytes()), signature);
        let other = format!("whsec_{}", STANDARD.encode([7; 32]));
        let both = Secrets::parse(&format!("{other}\n{secret}\n")).unwrap();
        let both = both.sign(id, timestamp, body.as_bytes());
        let (first, second) = both.split_once(' ').unwrap();
        assert!(first.starts_with("v1,") && first != signature);
        assert_eq!(second, signature);
    }

    #[test]
    fn what_is_no_secret_is_told_without_showing_it() {
        let table = [
            ("", "holds 0 secrets"),
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "does not begin with whsec_"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaL!!!", "not base64"),
            ("whsec_MfKQ9r8G", "has 6 bytes"),
        ];
        for (text, expected) in table {
            let error = Secrets::parse(text).unwrap_err();
            assert!(error.contains(expected) && !error.contains("MfKQ"), "{error}");
        }
        let shown = format!("{:?}", Secrets::parse(PUBLISHED[0]).unwrap());
        assert_eq!(shown, "Secrets(1, not shown)");
    }
}
