use std::time::Duration;

use chrono::{DateTime, Utc};

/// The maximum pause that a provider can ask for.
const LONGEST: Duration = Duration::from_mins(5);

/// The pause that a provider asks for: seconds, or an HTTP date (RFC 9110, section 10.2.3). `None`
/// if the header is invalid.
pub(super) fn wait(header: &str, now: DateTime<Utc>) -> Option<Duration> {
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number too large to parse is a long pause too.
        let seconds = header.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let until = DateTime::<Utc>::from(httpdate::parse_http_date(header).ok()?);
    Some((until - now).to_std().unwrap_or(Duration::ZERO).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_instants_are_read_and_bounded() {
        let now: DateTime<Utc> = "2015-03-17T23:00:00Z".parse().unwrap();
        let table = [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("86400", Some(300)),
            ("99999999999999999999999", Some(300)),
            ("Tue, 17 Mar 2015 23:00:30 GMT", Some(30)),
            ("Tuesday, 17-Mar-15 23:00:30 GMT", Some(30)),
            ("Tue, 17 Mar 2015 22:00:00 GMT", Some(0)),
            ("Thu, 17 Mar 2016 22:00:00 GMT", Some(300)),
            ("", None),
            ("-7", None),
            ("7.5", None),
            ("soon", None),
        ];
        for (header, seconds) in table {
            assert_eq!(wait(header, now), seconds.map(Duration::from_secs), "{header:?}");
        }
    }
}
