//! Answers of mail servers as evidence about a right.
//!
//! Invariant: a refusal proves the end of a right only if it carries the plan's wording, or a code
//! that says so of this mailbox. A wrong password, a block of our address, a full disk and a busy
//! server are refusals too, but prove nothing: they are *unknown*.

use crate::{EnhancedStatus, ProbeAnswer, Refusals, Wording};

/// IMAP response codes (RFC 5530) that refuse a login in spite of a correct password.
/// `AUTHENTICATIONFAILED` means a wrong password and is not listed.
const ENDED: [&str; 3] = ["[AUTHORIZATIONFAILED]", "[EXPIRED]", "[CONTACTADMIN]"];

/// May a mailbox receive? Reads the reply to `RCPT TO` with its address.
pub fn receive_answer(reply: &str, refusals: &Refusals) -> ProbeAnswer {
    let reply = Reply::of(reply);
    // RFC 3463: 5.1.x and 5.2.x concern address and mailbox; 5.7.x may also concern the sender.
    reply.found("rcpt", |reply| {
        reply.says(&refusals.receive.wording)
            || reply.is(&refusals.receive.status)
            || reply.is_about(&["5.1.", "5.2."])
    })
}

/// May a mailbox send? Reads the reply to `MAIL FROM` or `RCPT TO` after a login.
pub fn send_answer(reply: &str, refusals: &Refusals) -> ProbeAnswer {
    let reply = Reply::of(reply);
    let of_the_recipient =
        reply.says(&refusals.receive.wording) && !reply.says(&refusals.send.wording);
    reply.found("send", |reply| {
        let ended = reply.says(&refusals.send.wording) || reply.is(&refusals.send.status);
        ended && !of_the_recipient
    })
}

/// May a mailbox send? Reads the reply of a submission server that refused the login.
pub fn login_answer(reply: &str, refusals: &Refusals) -> ProbeAnswer {
    match Reply::of(reply)
        .found("auth", |reply| reply.says(&refusals.access) || reply.says(&refusals.send.wording))
    {
        ProbeAnswer::Allowed => ProbeAnswer::Unknown("auth-unclear".to_owned()),
        other @ (ProbeAnswer::Refused(_) | ProbeAnswer::Unknown(_)) => other,
    }
}

/// May a holder log in? Reads the answer to `LOGIN`, without its tag.
pub fn access_answer(answer: &str, refusals: &Refusals) -> ProbeAnswer {
    let mut words = answer.split_ascii_whitespace();
    match words.next().map(str::to_ascii_uppercase).as_deref() {
        Some("OK") => ProbeAnswer::Allowed,
        Some("NO") => {
            let code = words.next().map(str::to_ascii_uppercase).unwrap_or_default();
            if says(answer, &refusals.access) || ENDED.contains(&code.as_str()) {
                return ProbeAnswer::Refused(answer.to_owned());
            }
            ProbeAnswer::Unknown(
                match code.strip_prefix('[').and_then(|code| code.strip_suffix(']')) {
                    Some(code) => format!("login-{}", short(code)),
                    None => "login-refused".to_owned(),
                },
            )
        }
        _ => ProbeAnswer::Unknown("login-unclear".to_owned()),
    }
}

/// May a mailbox's content be changed? Reads the answer to `SELECT`, without its tag.
pub fn modify_answer(answer: &str) -> ProbeAnswer {
    let upper = answer.to_ascii_uppercase();
    let rest = upper.strip_prefix("OK").map(str::trim_start);
    match rest {
        Some(rest) if rest.starts_with("[READ-WRITE]") => ProbeAnswer::Allowed,
        Some(rest) if rest.starts_with("[READ-ONLY]") => ProbeAnswer::Refused(answer.to_owned()),
        Some(_) => ProbeAnswer::Unknown("select-says-neither".to_owned()),
        None => ProbeAnswer::Unknown("select-refused".to_owned()),
    }
}

/// A reply of an SMTP server with its lines joined.
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

    /// A 2xx allows, a 5xx about the right refuses, anything else is unknown.
    fn found(&self, step: &str, ended: impl Fn(&Self) -> bool) -> ProbeAnswer {
        let digits = self.code.len() == 3 && self.code.bytes().all(|byte| byte.is_ascii_digit());
        match self.code.as_bytes().first() {
            Some(b'2') if digits => ProbeAnswer::Allowed,
            Some(b'5') if digits && ended(self) => ProbeAnswer::Refused(self.text.to_owned()),
            _ if digits => ProbeAnswer::Unknown(match self.enhanced {
                Some(enhanced) => format!("{step}-{}-{enhanced}", self.code),
                None => format!("{step}-{}", self.code),
            }),
            _ => ProbeAnswer::Unknown(format!("{step}-unclear")),
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

/// Does the text contain the plan's wording in at least one language?
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

    fn kind(found: &ProbeAnswer) -> &str {
        match found {
            ProbeAnswer::Allowed => "allowed",
            ProbeAnswer::Refused(_) => "refused",
            ProbeAnswer::Unknown(cause) => cause,
        }
    }

    #[test]
    fn a_reply_to_rcpt_concerns_the_mailbox_and_not_the_sender() {
        let ended = "550 5.2.1 <canary>: Recipient address rejected: la CEC-PAC e' in chiusura: \
                     questa casella non riceve piu' messaggi / CEC-PAC is closing: this mailbox no \
                     longer receives messages";
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
            assert_eq!(kind(&receive_answer(reply, &refusals())), expected, "{reply}");
        }
    }

    #[test]
    fn a_refused_recipient_does_not_prove_the_end_of_sending() {
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
            assert_eq!(kind(&send_answer(reply, &refusals())), expected, "{reply}");
        }
    }

    #[test]
    fn a_refused_login_proves_the_end_of_sending_only_with_the_plans_wording() {
        for (reply, expected) in [
            ("535 5.7.8 Error: authentication failed", "auth-535-5.7.8"),
            ("535 5.7.8 CEC-PAC has ended: this mailbox is closed", "refused"),
            ("454 4.7.0 later", "auth-454-4.7.0"),
            ("334 ", "auth-334"),
        ] {
            assert_eq!(kind(&login_answer(reply, &refusals())), expected, "{reply}");
        }
    }

    #[test]
    fn a_wrong_password_does_not_prove_closed_access() {
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
            assert_eq!(kind(&access_answer(answer, &refusals())), expected, "{answer}");
        }
    }

    #[test]
    fn select_shows_whether_content_can_be_changed() {
        for (answer, expected) in [
            ("OK [READ-WRITE] Select completed", "allowed"),
            ("OK [read-only] Select completed", "refused"),
            ("OK done", "select-says-neither"),
            ("NO [NOPERM] not yours", "select-refused"),
            ("", "select-refused"),
        ] {
            assert_eq!(kind(&modify_answer(answer)), expected, "{answer}");
        }
    }
}
