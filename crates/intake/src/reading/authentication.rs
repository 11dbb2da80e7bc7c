//! What our own mail servers found out about a sender (RFC 8601).
//!
//! Weak evidence: it says that a domain stands behind a message, and nothing of the person. Only results under
//! the name of our own servers are read, which take away what others wrote under it (RFC 8601, 5).

use mail_parser::Message;

/// What became of the usual checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Evidence {
    /// Nothing is known.
    #[default]
    None,
    /// The domain of the sender stands behind the message (DMARC passed).
    Stood,
    /// It says that the message is not its own (DMARC failed).
    Forged,
}

impl Evidence {
    /// A short code.
    pub fn code(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Stood => "dmarc-pass",
            Self::Forged => "dmarc-fail",
        }
    }
}

/// The results under this name, the topmost first, which is the last that was added.
pub(super) fn read(message: &Message<'_>, authserv_id: Option<&str>) -> Evidence {
    let Some(ours) = authserv_id else { return Evidence::None };
    let results = message.headers_raw();
    let results = results.filter(|(name, _)| name.eq_ignore_ascii_case("Authentication-Results"));
    results.map(|(_, value)| value).find_map(|value| dmarc(value, ours)).unwrap_or_default()
}

/// What a header says of DMARC; `None` where it is not ours or does not speak of it.
fn dmarc(value: &str, ours: &str) -> Option<Evidence> {
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
            "pass" => Some(Evidence::Stood),
            "fail" => Some(Evidence::Forged),
            _ => None,
        }
    })
}

/// Comments may stand anywhere and in each other, and what is quoted is none; `None` where they do not end.
fn without_comments(value: &str) -> Option<String> {
    let (mut kept, mut depth, mut quoted, mut escaped) = (String::new(), 0_u32, false, false);
    for character in value.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.checked_sub(1)?,
            // A separator inside quotes separates nothing.
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
    fn only_what_our_own_servers_wrote_is_believed() {
        for (value, expected) in [
            ("mx.agency.example; dmarc=pass header.from=a.example", Some(Evidence::Stood)),
            ("mx.agency.example 1; spf=pass; dmarc=fail (p=reject) x=y", Some(Evidence::Forged)),
            ("MX.agency.example;\r\n\tdkim=fail; DMARC/1 = fail", Some(Evidence::Forged)),
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
