//! Identifiers in texts, and structures; the corpus of whole e-mails is in the whole-flow tests.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const CODE: &str = "RSSMRA85T10A562S";

fn read(message: &str) -> Reading {
    Reader::default().read(Some("a@b.example"), message.as_bytes())
}

fn named(text: &str) -> Identifiers {
    match read(&format!("From: a@b.example\r\nSubject: x\r\n\r\n{text}\r\n")).kind {
        Kind::Request(named) => named,
        Kind::NoIdentifier => Identifiers::default(),
        Kind::Automatic(_) | Kind::Receipt | Kind::Unreadable(_) => panic!("no request"),
    }
}

#[test]
fn a_codice_fiscale_is_found_as_people_write_it() {
    for text in [
        CODE,
        "codice fiscale:rssmra85t10a562s.",
        "(RSSMRA85T10A562S)",
        "c.f. RSS MRA 85T10 A562S, nato a",
        "RSS-MRA-85T10-A562S",
        "RSSMRA 85T10A562S",
        "R S S M R A 8 5 T 1 0 A 5 6 2 S",
        "C.F.\u{a0}RSSMRA85T10A562S",
    ] {
        let codes = named(text).codes;
        assert_eq!(codes.iter().map(CodiceFiscale::as_str).collect::<Vec<_>>(), [CODE], "{text}");
    }
    for text in [
        "RSSMRA85T10A562T",
        "XRSSMRA85T10A562S",
        "RSSMRA85T10A562S9",
        "RSSMRA\n85T10A562S",
        "RSSMRA85T10A562Sè",
        "RSSMRA, 85T10A562S",
    ] {
        assert!(named(text).codes.is_empty(), "{text}");
    }
}

#[test]
fn addresses_are_found_as_people_write_them() {
    for (text, expected) in [
        (
            "scrivo da Mario.Rossi@PostaCertificata.example.",
            &["mario.rossi@postacertificata.example"][..],
        ),
        (
            "<a@b.example>, mailto:c@d.example; 'e@f.example'",
            &["a@b.example", "c@d.example", "e@f.example"],
        ),
        ("a@b.example a@B.example", &["a@b.example"]),
        ("a@b a@.b.example @b.example a@ a@b..example", &[]),
        ("città@b.example", &[]),
    ] {
        assert_eq!(named(text).addresses, expected, "{text}");
    }
    let many: Vec<_> = (0..1_000).map(|n| format!("a{n}@b.example")).collect();
    assert_eq!(named(&many.join(" ")).addresses.len(), 32);
}

#[test]
fn structures_beyond_the_bounds_are_unreadable() {
    let nested = |depth: usize| {
        let levels = (0..depth).map(|level| {
            format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
        });
        format!("From: a@b.example\r\n{}\r\n{CODE}", levels.collect::<Vec<_>>().concat())
    };
    assert_eq!(read(&nested(5)).kind.code(), "request");
    assert_eq!(read(&nested(100)).kind.code(), "nested-too-deep");
    let inside = "Content-Type: message/rfc822\r\n\r\n".repeat(100_000);
    assert_eq!(read(&format!("From: a@b\r\n{inside}\r\nx")).kind.code(), "nested-too-deep");
    let many = "--b\r\n\r\nx\r\n".repeat(500);
    let many = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{many}");
    assert_eq!(read(&many).kind.code(), "too-many-parts");
    assert_eq!(read("no mail at all").kind.code(), "no-mail");
    assert_eq!(read("").kind.code(), "no-mail");
}

#[test]
fn automatic_messages_are_recognised_by_their_headers() {
    for (header, code) in [
        ("Auto-Submitted: auto-replied", "auto-reply"),
        ("auto-submitted: AUTO-GENERATED (rejected)", "auto-reply"),
        ("Auto-Submitted: no", "request"),
        ("Precedence: bulk", "bulk"),
        ("Precedence: first-class", "request"),
        ("Precedence: auto_reply", "auto-reply"),
        ("List-Id: <a.b.example>", "bulk"),
        ("X-Auto-Response-Suppress: OOF, AutoReply", "wants-no-answer"),
        ("X-Auto-Response-Suppress: DR", "request"),
        ("X-Autoreply: yes", "auto-reply"),
        ("Return-Path: <>", "bounce"),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b", "bounce"),
        ("X-Ricevuta: accettazione", "receipt"),
        ("X-Ricevuta: avvenuta-consegna", "receipt"),
        ("X-Tramonto-Letter: confirm", "loop"),
    ] {
        let message = format!("From: a@b.example\r\n{header}\r\n\r\n{CODE}\r\n");
        assert_eq!(read(&message).kind.code(), code, "{header}");
    }
    let hops = "Received: from a by b\r\n".repeat(60);
    assert_eq!(read(&format!("{hops}From: a@b\r\n\r\n{CODE}")).kind.code(), "too-many-hops");
    for sender in ["", "MAILER-DAEMON@b.example", "owner-list@b.example", "noreply@b.example"] {
        let message = format!("From: a@b.example\r\n\r\n{CODE}\r\n");
        let kind = Reader::default().read(Some(sender), message.as_bytes()).kind;
        assert!(matches!(kind, Kind::Automatic(_)), "{sender}: {}", kind.code());
    }
}

#[test]
fn a_delivery_report_names_the_message_that_failed() {
    let report = |action: &str, kind: &str, returned: &str| {
        let report = format!(
            "From: MAILER-DAEMON@b.example\r\nContent-Type: multipart/report; \
             report-type=delivery-status; \
             boundary=\"b\"\r\n\r\n--b\r\n\r\nwords\r\n--b\r\nContent-Type: \
             message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; b.example\r\n\r\nFinal-Recipient: rfc822; \
             x@b.example\r\n{action}\r\n\
             --b\r\nContent-Type: {kind}\r\n\r\n{returned}\r\n--b--\r\n"
        );
        Reader::default().read(Some(""), report.as_bytes()).undelivered
    };
    let ours = Some("17@agency.example".to_owned());
    let letter = "Message-ID: <17@agency.example>\r\nSubject: x\r\n\r\ntext";
    for (action, kind, returned, expected) in [
        ("Action: failed", "message/rfc822", letter, &ours),
        ("ACTION:  Failed (for good)", "text/rfc822-headers", letter, &ours),
        ("Action: failed", "message/global-headers", letter, &ours),
        ("Action: delayed", "message/rfc822", letter, &None),
        ("Action: delivered", "message/rfc822", letter, &None),
        ("Status: 5.1.1", "message/rfc822", letter, &None),
        ("Action: failed", "text/plain", letter, &None),
        ("Action: failed", "message/rfc822", "Subject: x\r\n\r\ntext", &None),
        ("Action: failed", "message/rfc822", "", &None),
    ] {
        assert_eq!(&report(action, kind, returned), expected, "{action}, {kind}, {returned}");
    }
    // Quoted by a person, it is not a report.
    let quoted = format!("From: a@b.example\r\n\r\nAction: failed\r\n{letter}\r\n");
    assert_eq!(read(&quoted).undelivered, None);
}

/// Regressions: an erasure would have missed each of these messages.
#[test]
fn every_identifier_is_found_by_the_residue_scan() {
    // Declared as an attachment, but inside an envelope it is the message.
    let envelope = "X-Trasporto: posta-certificata\r\nContent-Type: multipart/mixed; \
                    boundary=b\r\n\r\n--b\r\n\
         Content-Type: application/octet-stream; name=postacert.eml\r\nContent-Transfer-Encoding: \
         base64\r\n\r\n\
         RnJvbTogYUBiLmV4YW1wbGUNCg0KUlNTTVJBODVUMTBBNTYyUw==\r\n--b--\r\n";
    // More codes than are collected come first.
    let mut crowd = "X-Other: x\r\n\r\n".to_owned();
    for other in (0..40).flat_map(|day| ('A'..='Z').map(move |check| (day, check))) {
        let other = format!("RSSMRA{:02}T10A562{}\r\n", other.0, other.1);
        if !other.starts_with(CODE) {
            crowd.push_str(&other);
        }
    }
    crowd.push_str("RSS MRA 85T10 A562S\r\n");
    // A byte of an old character set becomes three of UTF-8, which exhausts the bound on text.
    let old = [
        b"Content-Type: text/plain; charset=windows-1252\r\n\r\n".to_vec(),
        [0x80].repeat(3_000),
        b"\r\nRSS MRA 85T10 A562S\r\n".to_vec(),
    ];
    // In an attachment, after more parts than are read of a request.
    let hidden = "UlNTTVJBODVUMTBBNTYyUw==";
    let attached = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b\r\nContent-Type: \
         application/octet-stream\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{hidden}\r\n--b--\r\n",
        "--b\r\n\r\nnothing\r\n".repeat(1_000)
    );
    let messages = [envelope.as_bytes(), crowd.as_bytes(), &old.concat(), attached.as_bytes()];
    for message in messages {
        let term = [CODE.to_lowercase()];
        assert!(Reader::default().contains_any(message, &term), "{}", message.escape_ascii());
    }
    // A message beyond the bounds may contain anything.
    let depth = 2_000;
    let mut endless = String::new();
    for level in 0..depth {
        write!(endless, "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
            .unwrap();
    }
    assert!(Reader::default().contains_any(endless.as_bytes(), &["nobody".to_owned()]));
    assert!(!Reader::default().contains_any(attached.as_bytes(), &["nobody".to_owned()]));
    let reading = read(envelope).kind;
    assert!(matches!(reading, Kind::Request(named) if named.codes[0].as_str() == CODE));
}

/// Fragments of e-mails, in any order.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let fragments = [
        "From: a@b.example\r\n",
        "Subject: =?utf-8?B?w6g=?= =?bad\r\n",
        "\r\n",
        "\n",
        "--b\r\n",
        "--b--\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n",
        "Content-Type: multipart/alternative; boundary=\"b\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: text/html; charset=utf-16\r\n",
        "Content-Type: text/plain; charset=\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "X-Trasporto: posta-certificata\r\n",
        "Content-Disposition: attachment; filename*0=\"posta\"; filename*1=cert.eml\r\n",
        "=C3=A8=\r\n=zz",
        "UlNTTVJBODVUMTBBNTYyUw==\r\n",
        "<html><p>RSSMRA85T10A562S</p><!--",
        "Content-Type: name=postacert.eml\r\n",
        "Authentication-Results: mx; dmarc=pass (\r\n",
        "@",
        "è@è",
        "\0",
        ": \r\n",
        " folded\r\n",
    ];
    prop_oneof![
        6 => proptest::sample::select(fragments.map(|text| text.as_bytes().to_vec()).to_vec()),
        1 => vec(any::<u8>(), 0..30),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_defeat_the_reader(fragments in vec(fragment(), 0..40)) {
        let reader = Reader { authserv_id: Some("mx".to_owned()), ..Reader::default() };
        let kind = reader.read(None, &fragments.concat()).kind;
        prop_assert_ne!(kind.code(), "not-readable");
    }
}
