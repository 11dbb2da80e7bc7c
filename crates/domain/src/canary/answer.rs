//! What an answer of a mail server says about a right.
//!
//! Invariant: a refusal counts as the end of a right only where it is one: in the plan's words, or with a code
//! that says so of this mailbox. A wrong password, a blocked address of ours, a full disk or a server that is
//! busy are all refusals too, and say nothing about the right: they are *unknown*.

use crate::{EnhancedStatus, Found, Refusals, Wording};

/// Response codes of IMAP (RFC 5530) with which a server refuses one who gave the right password. Not among
/// them: `AUTHENTICATIONFAILED`, which is a wrong one.
const ENDED: [&str; 3] = ["[AUTHORIZATIONFAILED]", "[EXPIRED]", "[CONTACTADMIN]"];

/// May a mailbox receive, by the reply to `RCPT TO` that named it?
pub fn receive_found(reply: &str, refusals: &Refusals) -> Found {
    let reply = Reply::of(reply);
    // RFC 3463: 5.1.x and 5.2.x speak of the address and of the mailbox; 5.7.x also of us, whom it may not like.
    reply.found("rcpt", |reply| {
        reply.says(&refusals.receive.wording)
            || reply.is(&refusals.receive.status)
            || reply.is_about(&["5.1.", "5.2."])
    })
}

/// May a mailbox send, by the reply to `MAIL FROM` or `RCPT TO` after it had logged in?
pub fn send_found(reply: &str, refusals: &Refusals) -> Found {
    let reply = Reply::of(reply);
    let of_the_recipient =
        reply.says(&refusals.receive.wording) && !reply.says(&refusals.send.wording);
    reply.found("send", |reply| {
        let ended = reply.says(&refusals.send.wording) || reply.is(&refusals.send.status);
        ended && !of_the_recipient
    })
}

/// What a login that a submission server refused says about sending: that it ended, where the server says so.
pub fn login_found(reply: &str, refusals: &Refusals) -> Found {
    match Reply::of(reply)
        .found("auth", |reply| reply.says(&refusals.access) || reply.says(&refusals.send.wording))
    {
        Found::Allowed => Found::Unknown("auth-unclear".to_owned()),
        other @ (Found::Refused(_) | Found::Unknown(_)) => other,
    }
}

/// May a mailbox be read, by what followed the tag in the answer to `LOGIN`?
pub fn access_found(answer: &str, refusals: &Refusals) -> Found {
    let mut words = answer.split_ascii_whitespace();
    match words.next().map(str::to_ascii_uppercase).as_deref() {
        Some("OK") => Found::Allowed,
        Some("NO") => {
            let code = words.next().map(str::to_ascii_uppercase).unwrap_or_default();
            if says(answer, &refusals.access) || ENDED.contains(&code.as_str()) {
                return Found::Refused(answer.to_owned());
            }
            Found::Unknown(match code.strip_prefix('[').and_then(|code| code.strip_suffix(']')) {
                Some(code) => format!("login-{}", short(code)),
                None => "login-refused".to_owned(),
            })
        }
        _ => Found::Unknown("login-unclear".to_owned()),
    }
}

/// May a mailbox's content be changed, by what followed the tag in the answer to `SELECT`?
pub fn modify_found(answer: &str) -> Found {
    let upper = answer.to_ascii_uppercase();
    let rest = upper.strip_prefix("OK").map(str::trim_start);
    match rest {
        Some(rest) if rest.starts_with("[READ-WRITE]") => Found::Allowed,
        Some(rest) if rest.starts_with("[READ-ONLY]") => Found::Refused(answer.to_owned()),
        Some(_) => Found::Unknown("select-says-neither".to_owned()),
        None => Found::Unknown("select-refused".to_owned()),
    }
}

/// A reply of an SMTP server, its lines joined.
struct Reply<'a> {
    text: &'a str,
    code: &'a str,
    enhanced: Option<&'a str>,
}

impl<'a> Reply<'a> {
    fn of(text: &'a str) -> Self {
        let mut words = text.split_ascii_whitespace();
        let code = words.next().unwrap_or_default();
        let enhanced = words.next().filter(|word| {
            let parts: Vec<_> = word.split('.').collect();
            parts.len() == 3 && parts.iter().all(|part| part.parse::<u16>().is_ok())
        });
        Self { text, code, enhanced }
    }

    /// Allowed by a 2xx; refused by a 5xx that speaks of the right; otherwise nobody knows.
    fn found(&self, step: &str, ended: impl Fn(&Self) -> bool) -> Found {
        let digits = self.code.len() == 3 && self.code.bytes().all(|byte| byte.is_ascii_digit());
        match self.code.as_bytes().first() {
            Some(b'2') if digits => Found::Allowed,
            Some(b'5') if digits && ended(self) => Found::Refused(self.text.to_owned()),
            _ if digits => Found::Unknown(match self.enhanced {
                Some(enhanced) => format!("{step}-{}-{enhanced}", self.code),
                None => format!("{step}-{}", self.code),
            }),
            _ => Found::Unknown(format!("{step}-unclear")),
        }
    }

    fn says(&self, wording: &Wording) -> bool {
        says(self.text, wording)
    }

    fn is(&self, status: &EnhancedStatus) -> bool {
        self.enhanced == Some(status.as_str())
    }

    fn is_about(&self, subjects: &[&str]) -> bool {
        self.enhanced
            .is_some_and(|enhanced| subjects.iter().any(|subject| enhanced.starts_with(subject)))
    }
}

/// Does it hold the plan's words, in one of their languages at least?
fn says(text: &str, wording: &Wording) -> bool {
    wording.0.iter().any(|sentence| text.contains(&sentence.text))
}

fn short(code: &str) -> String {
    code.chars().take(40).collect::<String>().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plan;

    fn refusals() -> Refusals {
        Plan::cec_pac().expect("the shipped plan").refusals
    }

    fn kind(found: &Found) -> &str {
        match found {
            Found::Allowed => "allowed",
            Found::Refused(_) => "refused",
            Found::Unknown(cause) => cause,
        }
    }

    #[test]
    fn a_reply_to_rcpt_is_read_for_the_mailbox_and_not_for_us() {
        let ended = "550 5.2.1 <canary>: Recipient address rejected: la CEC-PAC e' in chiusura: questa \
                     casella non riceve piu' messaggi / CEC-PAC is closing: this mailbox no longer \
                     receives messages";
        for (reply, expected) in [
            ("250 2.1.5 Ok", "allowed"),
            ("250", "allowed"),
            (ended, "refused"),
            ("550 5.1.1 no such user", "refused"),
            ("550 mailbox unavailable", "rcpt-550"),
            ("554 5.7.1 your address is on a list", "rcpt-554-5.7.1"),
            ("554 5.7.1 CEC-PAC is closing: this mailbox no longer receives messages", "refused"),
            ("451 4.3.5 try later", "rcpt-451-4.3.5"),
            ("354 go on", "rcpt-354"),
            ("2500 Ok", "rcpt-unclear"),
            ("", "rcpt-unclear"),
            ("garbage", "rcpt-unclear"),
        ] {
            assert_eq!(kind(&receive_found(reply, &refusals())), expected, "{reply}");
        }
    }

    #[test]
    fn a_refused_recipient_is_no_right_to_send_that_ended() {
        for (reply, expected) in [
            ("250 2.1.5 Ok", "allowed"),
            ("550 5.7.1 CEC-PAC is closing: this mailbox can no longer send", "refused"),
            ("550 5.7.1 not today", "refused"),
            (
                "550 5.2.1 CEC-PAC is closing: this mailbox no longer receives messages",
                "send-550-5.2.1",
            ),
            (
                "550 5.7.1 CEC-PAC is closing: this mailbox no longer receives messages",
                "send-550-5.7.1",
            ),
            ("550 5.1.1 no such user", "send-550-5.1.1"),
            ("452 4.2.2 full", "send-452-4.2.2"),
        ] {
            assert_eq!(kind(&send_found(reply, &refusals())), expected, "{reply}");
        }
    }

    #[test]
    fn a_login_that_was_refused_ends_the_right_to_send_only_in_the_words_of_the_plan() {
        for (reply, expected) in [
            ("535 5.7.8 Error: authentication failed", "auth-535-5.7.8"),
            ("535 5.7.8 CEC-PAC has ended: this mailbox is closed", "refused"),
            ("454 4.7.0 later", "auth-454-4.7.0"),
            ("334 ", "auth-334"),
        ] {
            assert_eq!(kind(&login_found(reply, &refusals())), expected, "{reply}");
        }
    }

    #[test]
    fn a_wrong_password_is_no_closed_access() {
        let closed = "NO [AUTHENTICATIONFAILED] CEC-PAC has ended: this mailbox is closed";
        for (answer, expected) in [
            ("OK [CAPABILITY IMAP4rev1] Logged in", "allowed"),
            ("NO [AUTHENTICATIONFAILED] Authentication failed.", "login-authenticationfailed"),
            (closed, "refused"),
            ("NO [CONTACTADMIN] gone", "refused"),
            ("no [expired] gone", "refused"),
            ("NO [UNAVAILABLE] later", "login-unavailable"),
            ("NO", "login-refused"),
            ("NO gone", "login-refused"),
            ("BAD what", "login-unclear"),
            ("", "login-unclear"),
        ] {
            assert_eq!(kind(&access_found(answer, &refusals())), expected, "{answer}");
        }
    }

    #[test]
    fn select_says_whether_the_content_can_be_changed() {
        for (answer, expected) in [
            ("OK [READ-WRITE] Select completed", "allowed"),
            ("OK [read-only] Select completed", "refused"),
            ("OK done", "select-says-neither"),
            ("NO [NOPERM] not yours", "select-refused"),
            ("", "select-refused"),
        ] {
            assert_eq!(kind(&modify_found(answer)), expected, "{answer}");
        }
    }
}
