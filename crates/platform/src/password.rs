use std::fmt;
use std::str::FromStr;

/// Longer than the hash of any scheme.
const LONGEST: usize = 1_000;

/// Schemes that store the password itself.
const PLAIN: [&str; 5] = ["PLAIN", "CLEAR", "CLEARTEXT", "PLAIN-MD4", "PLAIN-MD5"];

/// A password hash as Dovecot reads it, prefixed by its scheme in braces, e.g.
/// `{SHA512-CRYPT}$6$…`; `doveadm pw -s SHA512-CRYPT` makes one. Neither its `Debug` form nor an
/// error shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PasswordHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let scheme = text.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let Some((scheme, hash)) = scheme else {
            return Err("a password is kept as a hash with its scheme before it, such as \
                        {SHA512-CRYPT}...; make one with `doveadm pw -s SHA512-CRYPT`"
                .to_owned());
        };
        let plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'.');
        if scheme.is_empty() || !scheme.bytes().all(plain) {
            return Err(
                "the scheme of a password's hash is of letters, digits, dots and hyphens, such \
                        as {SHA512-CRYPT}"
                    .to_owned(),
            );
        }
        let upper = scheme.to_ascii_uppercase();
        if PLAIN.iter().any(|plain| upper.split('.').next() == Some(plain)) {
            return Err(format!(
                "a password is not kept under {{{upper}}}, which tells it to whoever reads the \
                 directory; use {{SHA512-CRYPT}} or another hash with a salt"
            ));
        }
        if hash.is_empty()
            || text.len() > LONGEST
            || !hash.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(format!(
                "a password's hash is printable, and 1 to {LONGEST} characters long with its scheme"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_taken_and_never_shown_and_a_plain_password_is_refused() {
        let hash: PasswordHash = "{SHA512-CRYPT}$6$salt$hash".parse().unwrap();
        assert!(!format!("{hash:?}").contains("salt"));
        for (text, told) in [
            ("secret", "doveadm pw"),
            ("{PLAIN}secret", "not kept"),
            ("{plain.b64}c2VjcmV0", "not kept"),
            ("{}secret", "the scheme"),
            ("{SHA512-CRYPT}", "printable"),
            ("{SHA512-CRYPT}two words", "printable"),
        ] {
            let error = text.parse::<PasswordHash>().unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
