//! Bounces: which notice a delivery report is about.

use domain::ProgrammeId;
use workers::notices::{Bounce, NotABounce};

fn programme() -> ProgrammeId {
    "cec-pac".parse().unwrap()
}

/// A report as Postfix writes it.
fn report(to: &str, action: &str, status: &str, returned: &str) -> Vec<u8> {
    let text = format!(
        "From: MAILER-DAEMON@relay.example (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=\"b/relay\"

--b/relay
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--b/relay
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example
X-Postfix-Queue-ID: 4Bq

Final-Recipient: rfc822; gone@home.example
Action: {action}
Status: {status}
Remote-MTA: dns; mx.home.example
Diagnostic-Code: smtp; 550 5.1.1 <gone@home.example>: no such user

--b/relay
Content-Description: Undelivered Message
{returned}
--b/relay--
"
    );
    text.replace('\n', "\r\n").into_bytes()
}

const VERP: &str = "notices+sending-ends.40@agency.example";
const PLAIN: &str = "notices@agency.example";
const HEADERS: &str = "Content-Type: text/rfc822-headers

From: notices@agency.example
Subject: sending ends
Message-ID: <93689e0d-332e-8000-8000-000000000028.sending-ends.cec-pac@agency.example>
";
const WHOLE: &str = "Content-Type: message/rfc822

From: notices@agency.example
Message-ID: <93689e0d-332e-8000-8000-000000000028.sending-ends.cec-pac@agency.example>

The text.
";
const NOTHING: &str = "Content-Type: text/rfc822-headers

From: somebody@else.example
Message-ID: <1@else.example>
";

#[test]
fn a_notice_is_identified_by_the_return_path_or_by_the_returned_letter() {
    let bounce = |cause: &str| {
        let notice = "sending-ends".parse().unwrap();
        Ok(Bounce { notice, number: 40, cause: cause.to_owned() })
    };
    for (to, action, status, returned, expected) in [
        (VERP, "failed", "5.1.1", NOTHING, bounce("5.1.1")),
        (PLAIN, "failed", "5.2.2", HEADERS, bounce("5.2.2")),
        (PLAIN, "failed", "5.2.2", WHOLE, bounce("5.2.2")),
        ("Notices+Sending-Ends.40@agency.example", "Failed", "5.1.1 (x)", WHOLE, bounce("5.1.1")),
        (VERP, "failed", "who knows", NOTHING, bounce("5.0.0")),
        (VERP, "delayed", "4.4.1", WHOLE, Err(NotABounce::NotFailed)),
        (VERP, "delivered", "2.0.0", WHOLE, Err(NotABounce::NotFailed)),
        (PLAIN, "failed", "5.1.1", NOTHING, Err(NotABounce::NotOurs)),
    ] {
        let read = Bounce::parse(&report(to, action, status, returned), &programme());
        assert_eq!(read, expected, "{to} {action} {status}");
    }
}

#[test]
fn other_programmes_and_other_messages_are_rejected() {
    let other: ProgrammeId = "trial".parse().unwrap();
    let theirs = report(PLAIN, "failed", "5.1.1", WHOLE);
    assert_eq!(Bounce::parse(&theirs, &other), Err(NotABounce::NotOurs));
    let away = "From: anna@home.example\r\nTo: notices+sending-ends.40@agency.example\r\n\
                Auto-Submitted: auto-replied\r\nSubject: Away\r\n\r\nI am away.\r\n";
    assert_eq!(Bounce::parse(away.as_bytes(), &programme()), Err(NotABounce::NoReport));
    for garbage in [&b""[..], b"\0\xff\xfe", b"--b/relay\r\n\r\n"] {
        assert!(Bounce::parse(garbage, &programme()).is_err());
    }
}
