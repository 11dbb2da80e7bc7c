//! Why a server is not trusted: told apart from one that can't be reached, because to wait does not help.

/// What to do about a server whose certificate is not trusted, as a sentence that follows its name; `None`
/// where the failure is another. The library hands the refusal on as a failure to read.
pub fn distrust(error: &sqlx::Error) -> Option<String> {
    let sqlx::Error::Io(failed) = error else { return None };
    let said = failed.to_string();
    (failed.kind() == std::io::ErrorKind::InvalidData && said.contains("certificate")).then(|| {
        format!(
            "it is not trusted ({said}); name the authority that made its certificate with \
             --store-root-certificate, and the host as the certificate has it"
        )
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn only_a_refused_certificate_is_distrust() {
        let refused = Error::new(ErrorKind::InvalidData, "invalid peer certificate: UnknownIssuer");
        let told = distrust(&refused.into()).unwrap();
        assert!(told.contains("UnknownIssuer"), "{told}");
        let cut_off = Error::new(ErrorKind::ConnectionReset, "certificate");
        assert_eq!(distrust(&cut_off.into()), None);
        assert_eq!(distrust(&sqlx::Error::PoolClosed), None);
    }
}
