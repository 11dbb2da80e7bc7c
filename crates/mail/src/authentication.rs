//! Authentication of a sender, as our own mail servers verified it (RFC 8601).
//!
//! Weak evidence: it authenticates a domain, not a person. Only results under our servers' own
//! authserv-id count; these servers remove the results that others wrote under it (RFC 8601, 5).

use crate::Headers;

/// The DMARC result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authentication {
    /// There is no result.
    #[default]
    None,
    /// DMARC passed.
    Passed,
    /// DMARC failed: the sender is forged.
    Failed,
}

impl Authentication {
    /// A short code.
    pub fn code(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Passed => "dmarc-pass",
            Self::Failed => "dmarc-fail",
        }
    }

    /// The result under this authserv-id; the topmost header was added last and wins.
    pub fn of(headers: &Headers<'_>, authserv_id: Option<&str>) -> Self {
        let Some(ours) = authserv_id else { return Self::None };
        let results = headers.0.headers_raw();
        let results =
            results.filter(|(name, _)| name.eq_ignore_ascii_case("Authentication-Results"));
        results.map(|(_, value)| value).find_map(|value| dmarc(value, ours)).unwrap_or_default()
    }
}

/// The DMARC result in a header; `None` if the header is not ours or has none.
fn dmarc(value: &str, ours: &str) -> Option<Authentication> {
    let value = without_comments(value)?;
    let mut results = value.split(';');
    let name = results.next()?.split_whitespace().next()?;
    if !name.eq_ignore_ascii_case(ours) {
        return None;
    }
    results.find_map(|result| {
        let (method, rest) = result.split_once('=')?;
        let method = method.split('/').next()?.trim();
        if !method.eq_ignore_ascii_case("dmarc") {
            return None;
        }
        match rest.split_whitespace().next()?.to_ascii_lowercase().as_str() {
            "pass" => Some(Authentication::Passed),
            "fail" => Some(Authentication::Failed),
            _ => None,
        }
    })
}

/// Removes comments, which nest and may stand anywhere outside quotes; `None` if one does not end.
fn without_comments(value: &str) -> Option<String> {
    let (mut kept, mut depth, mut quoted, mut escaped) = (String::new(), 0_u32, false, false);
    for character in value.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.checked_sub(1)?,
            // Quoted separators do not separate.
            ';' | '=' if quoted => {}
            _ if depth == 0 => kept.push(character),
            _ => {}
        }
    }
    (depth == 0 && !quoted).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_results_of_our_own_servers_count() {
        for (value, expected) in [
            ("mx.agency.example; dmarc=pass header.from=a.example", Some(Authentication::Passed)),
            (
                "mx.agency.example 1; spf=pass; dmarc=fail (p=reject) x=y",
                Some(Authentication::Failed),
            ),
            ("MX.agency.example;\r\n\tdkim=fail; DMARC/1 = fail", Some(Authentication::Failed)),
            ("mx.evil.example; dmarc=pass", None),
            ("mx.agency.example.evil; dmarc=pass", None),
            ("mx.agency.example (; dmarc=pass); spf=fail", None),
            ("mx.agency.example; dkim=pass reason=\"; dmarc=pass\"", None),
            ("mx.agency.example; dmarc=temperror", None),
            ("mx.agency.example; none", None),
            ("(mx.agency.example; dmarc=pass", None),
            ("", None),
        ] {
            assert_eq!(dmarc(value, "mx.agency.example"), expected, "{value}");
        }
    }
}
