//! A corpus of e-mails for an intake, valid and invalid ones, each with its expected reading.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::CodiceFiscale;
use intake::{Kind, Reader, Reading};

/// The codice fiscale that most of them name.
pub const CODE: &str = "RSSMRA85T10A562S";
/// A second one, named in one of them.
pub const OTHER: &str = "BNCLRA90A41H501F";
/// The mailbox that some of them name.
pub const MAILBOX: &str = "mario.rossi@postacertificata.example";
/// The authentication service id of our own mail servers.
pub const AUTHSERV_ID: &str = "mx.agency.example";

/// A message, and its expected reading.
pub struct Example {
    /// What it is an example of.
    pub name: &'static str,
    /// The envelope sender.
    pub sender: &'static str,
    /// The message, with CR LF line ends.
    pub bytes: Vec<u8>,
    /// The expected kind: the reader's code.
    pub kind: &'static str,
    /// The expected codici fiscali.
    pub codes: &'static [&'static str],
    /// The expected addresses.
    pub addresses: &'static [&'static str],
    /// Is it in a certified-mail envelope?
    pub certified: bool,
    /// Our mail servers' DMARC result.
    pub authentication: &'static str,
}

const CITIZEN: &str = "citizen@mail.example";

fn example(name: &'static str, kind: &'static str, message: impl AsRef<[u8]>) -> Example {
    let codes: &[_] = if kind == "request" { &[CODE] } else { &[] };
    Example {
        name,
        sender: CITIZEN,
        bytes: message.as_ref().to_vec(),
        kind,
        codes,
        addresses: &[],
        certified: false,
        authentication: "none",
    }
}

/// The usual headers, additional ones, and the rest.
fn mail(name: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let id = name.replace(' ', "-");
    let mut message = format!(
        "From: A Citizen <{CITIZEN}>\r\nTo: richiestapec@agency.example\r\n\
         Date: Wed, 18 Mar 2015 09:00:00 +0100\r\nSubject: {name}\r\nMessage-ID: \
         <{id}@mail.example>\r\n\
         MIME-Version: 1.0\r\n{headers}\r\n"
    )
    .into_bytes();
    message.extend_from_slice(body.as_ref());
    message.extend_from_slice(b"\r\n");
    message
}

fn plain(name: &'static str, kind: &'static str, headers: &str, text: &str) -> Example {
    example(name, kind, mail(name, headers, text))
}

/// Base64 in lines of 76 characters (RFC 2045).
fn base64(bytes: impl AsRef<[u8]>) -> String {
    let text = STANDARD.encode(bytes);
    let lines: Vec<_> = text.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
    lines.join("\r\n")
}

/// A certified-mail provider's envelope around a message: signed, with the provider's own text, the
/// message, and the certification data (DM 2 November 2005, annex).
fn envelope(name: &str, kind: &str, inner: &[u8], encoding: &str) -> Vec<u8> {
    let attached = match encoding {
        "base64" => base64(inner).into_bytes(),
        _ => inner.to_vec(),
    };
    // A boundary of its own, since envelopes are nested.
    let b = name.replace(' ', "-");
    let mut body = format!(
        "This is an S/MIME signed message\r\n\r\n--{b}s\r\nContent-Type: multipart/mixed; \
         boundary=\"{b}p\"\r\n\r\n\
         --{b}p\r\nContent-Type: multipart/alternative; boundary=\"{b}a\"\r\n\r\n--{b}a\r\n\
         Content-Type: text/plain; charset=iso-8859-1\r\n\r\nMessaggio di posta certificata. Il \
         giorno 18/03/2015 \
         il messaggio e' stato inviato da \
         \"provider.words@pec.example\"\r\n--{b}a\r\nContent-Type: text/html\r\n\r\n\
         <p>Messaggio di posta certificata</p>\r\n--{b}a--\r\n\r\n--{b}p\r\nContent-Type: \
         message/rfc822; \
         name=\"postacert.eml\"\r\nContent-Disposition: inline; filename=\"postacert.eml\"\r\n\
         Content-Transfer-Encoding: {encoding}\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(&attached);
    body.extend_from_slice(
        format!(
            "\r\n--{b}p\r\nContent-Type: application/xml; \
             name=\"daticert.xml\"\r\nContent-Transfer-Encoding: base64\
             \r\n\r\n{}\r\n--{b}p--\r\n\r\n--{b}s\r\nContent-Type: application/pkcs7-signature; \
             name=\"smime.p7s\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--{b}s--\r\n",
            base64("<postacert tipo=\"posta-certificata\"/>"),
            base64([0x30; 200]),
        )
        .as_bytes(),
    );
    let headers = format!(
        "{kind}\r\nX-Riferimento-Message-ID: <original@mail.example>\r\nContent-Type: \
         multipart/signed; \
         protocol=\"application/x-pkcs7-signature\"; micalg=sha256; boundary=\"{b}s\"\r\n"
    );
    mail(name, &headers, body)
}

/// All of them, except for the one that is too large for any mail server.
pub fn corpus() -> Vec<Example> {
    let mut all = people();
    all.extend(certified());
    all.extend(machines());
    all.extend(broken());
    all
}

fn people() -> Vec<Example> {
    let html = format!(
        "<html><head><style>p {{ color: red }}</style></head><body><p>Buongiorno,<br>chiedo il \
         voucher. CF: <b>{CODE}</b> &egrave; il mio</p></body></html>"
    );
    let latin =
        [b"Gi\xe0 titolare di CEC-PAC, perch\xe9 no: ".as_slice(), CODE.as_bytes()].concat();
    let windows =
        [b"\x93Richiesta\x94 \x96 c.f.\xa0".as_slice(), CODE.as_bytes(), b" \x80"].concat();
    let forwarded =
        mail("Fwd original", "Content-Type: text/plain\r\n", format!("Il mio codice e' {CODE}"));
    let forwarded = [
        b"--f\r\nContent-Type: text/plain\r\n\r\nInoltro.\r\n--f\r\nContent-Type: \
          message/rfc822\r\n\r\n"
            .as_slice(),
        &forwarded,
        b"\r\n--f--\r\n",
    ]
    .concat();
    let mixed = "Content-Type: multipart/mixed; boundary=f\r\n";
    let utf8 = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ";
    let mut found = vec![
        plain("plain", "request", "", &format!("Chiedo il voucher. Codice fiscale {CODE}.")),
        plain("on the card", "request", "", "C.F. RSS MRA 85T10 A562S"),
        plain("html only", "request", "Content-Type: text/html; charset=utf-8\r\n", &html),
        example(
            "latin",
            "request",
            mail(
                "latin",
                "Content-Type: text/plain; charset=ISO-8859-1\r\n\
            Content-Transfer-Encoding: 8bit\r\n",
                latin,
            ),
        ),
        example(
            "windows",
            "request",
            mail(
                "windows",
                "Content-Type: text/plain; charset=windows-1252\r\n\
            Content-Transfer-Encoding: 8bit\r\n",
                windows,
            ),
        ),
        plain(
            "base64",
            "request",
            &format!("{utf8}base64\r\n"),
            &base64(format!("È il mio: {CODE}")),
        ),
        plain(
            "quoted",
            "request",
            &format!("{utf8}quoted-printable\r\n"),
            "=C3=88 il mio: RSSMRA85T1=\r\n0A562S",
        ),
        example("forwarded", "request", mail("forwarded", mixed, forwarded)),
        plain(
            "english",
            "request",
            "",
            &format!("I would like my voucher please, my code is {CODE}"),
        ),
        plain("without a code", "no-identifier", "", "Buongiorno, vorrei il voucher. Grazie."),
        plain("a wrong code", "no-identifier", "", "Codice fiscale RSSMRA85T10A562T"),
        Example {
            codes: &[CODE, OTHER],
            ..plain("two people", "request", "", &format!("{CODE} e mia moglie {OTHER}"))
        },
    ];
    let mut named = plain("by address", "request", "", &format!("La mia casella: {MAILBOX}"));
    (named.codes, named.addresses) = (&[], &[MAILBOX]);
    found.push(named);
    let mut subject = plain("x", "request", "", "come da oggetto");
    subject.bytes = mail(&format!("Voucher {CODE}"), "", "come da oggetto");
    subject.name = "in the subject";
    found.push(subject);
    for (name, results, authentication) in [
        (
            "dmarc passed",
            format!("{AUTHSERV_ID}; dmarc=pass header.from=mail.example"),
            "dmarc-pass",
        ),
        (
            "forged",
            format!("{AUTHSERV_ID}; spf=fail; dmarc=fail (p=reject) header.from=mail.example"),
            "dmarc-fail",
        ),
        ("results of a stranger", "mx.evil.example; dmarc=pass".to_owned(), "none"),
    ] {
        let headers = format!("Authentication-Results: {results}\r\n");
        found.push(Example { authentication, ..plain(name, "request", &headers, CODE) });
    }
    found
}

fn certified() -> Vec<Example> {
    let inner = mail("inner", "Content-Type: text/plain\r\n", format!("Chiedo il voucher: {CODE}"));
    let away = mail("inner", "Auto-Submitted: auto-replied\r\n", "Sono in ferie.");
    let twice = envelope("twice", "X-Trasporto: posta-certificata", &inner, "7bit");
    let certified = "X-Trasporto: posta-certificata";
    let of = |name, kind, message| Example { certified: true, ..example(name, kind, message) };
    let mut twice = of("twice", "request", envelope("passed on", certified, &twice, "7bit"));
    twice.addresses = &["provider.words@pec.example"];
    vec![
        of("envelope", "request", envelope("envelope", certified, &inner, "7bit")),
        of(
            "encoded envelope",
            "request",
            envelope("encoded envelope", certified, &inner, "base64"),
        ),
        of(
            "absence notice in an envelope",
            "auto-reply",
            envelope("away", certified, &away, "7bit"),
        ),
        twice,
        Example {
            addresses: &["provider.words@pec.example"],
            ..example(
                "envelope of uncertified mail",
                "request",
                envelope("anomaly", "X-Trasporto: errore", &inner, "7bit"),
            )
        },
        plain("acceptance", "receipt", "X-Ricevuta: accettazione\r\n", CODE),
        example(
            "delivery",
            "receipt",
            envelope("delivery", "X-Ricevuta: avvenuta-consegna", &inner, "7bit"),
        ),
        plain("no delivery", "receipt", "X-Ricevuta: errore-consegna\r\n", CODE),
    ]
}

fn machines() -> Vec<Example> {
    let report = format!(
        "--r\r\nContent-Type: text/plain\r\n\r\nundeliverable {CODE}\r\n--r\r\nContent-Type: \
         message/delivery-status\
         \r\n\r\nReporting-MTA: dns; mx.example\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n--r--\r\n"
    );
    let report = mail(
        "bounce",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=r\r\n",
        report,
    );
    vec![
        plain("absence notice", "auto-reply", "Auto-Submitted: auto-replied\r\n", CODE),
        plain("older absence notice", "auto-reply", "Precedence: auto_reply\r\n", CODE),
        plain("newsletter", "bulk", "Precedence: bulk\r\nList-Id: <news.mail.example>\r\n", CODE),
        plain("exchange", "wants-no-answer", "X-Auto-Response-Suppress: All\r\n", CODE),
        plain("our own letter", "loop", "X-Tramonto-Letter: received\r\n", CODE),
        Example { sender: "", ..example("bounce", "bounce", report) },
        Example { sender: "", ..plain("null sender", "bounce", "", CODE) },
        Example { sender: "MAILER-DAEMON@mail.example", ..plain("daemon", "bulk", "", CODE) },
    ]
}

fn broken() -> Vec<Example> {
    let levels = (0..100).map(|level| {
        format!("Content-Type: multipart/mixed; boundary=\"b{level}\"\r\n\r\n--b{level}\r\n")
    });
    let nested = levels.chain([CODE.to_owned()]).collect::<Vec<_>>().concat();
    let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(100);
    let encoded = "Content-Type: message/rfc822\r\n\r\n".repeat(5_000);
    let tnef = format!(
        "--t\r\nContent-Type: text/plain\r\n\r\n\r\n--t\r\nContent-Type: application/ms-tnef; \
         name=winmail.dat\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--t--\r\n",
        base64([0x78, 0x9f, 0x3e, 0x22, 0, 0, 1, 6])
    );
    let mixed = |boundary| format!("Content-Type: multipart/mixed; boundary={boundary}\r\n");
    let parts = "--m\r\nContent-Type: text/plain\r\n\r\nx\r\n".repeat(1_000);
    vec![
        example("nested", "nested-too-deep", mail("nested", &nested, "")),
        example("messages in messages", "nested-too-deep", mail("messages", &messages, CODE)),
        plain(
            "nested in base64",
            "nested-too-deep",
            "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n",
            &base64(encoded),
        ),
        plain("winmail.dat", "winmail-dat", &mixed("t"), &tnef),
        plain("many parts", "too-many-parts", &mixed("m"), &parts),
        plain(
            "bad base64",
            "broken",
            "Content-Transfer-Encoding: base64\r\n",
            "UlNTTVJB*****ODVUMT!!",
        ),
        plain("no parts", "broken", &mixed("none"), "nothing of that name"),
        plain(
            "cut off",
            "request",
            &mixed("cut"),
            &format!("--cut\r\nContent-Type: text/plain\r\n\r\n{CODE}"),
        ),
        plain(
            "strange charset",
            "request",
            "Content-Type: text/plain; charset=x-martian\r\n",
            CODE,
        ),
        example(
            "an envelope without a letter",
            "broken",
            mail("empty", "X-Trasporto: posta-certificata\r\n", ""),
        )
        .certified(),
    ]
}

impl Example {
    fn certified(self) -> Self {
        Self { certified: true, ..self }
    }

    /// Asserts that the reading is the expected one.
    pub fn agrees(&self, reading: &Reading) {
        let Self { name, kind, codes, addresses, certified, authentication, .. } = self;
        assert_eq!(reading.kind.code(), *kind, "{name}");
        if let Kind::Request(identifiers) = &reading.kind {
            let found: Vec<_> = identifiers.codes.iter().map(CodiceFiscale::as_str).collect();
            assert_eq!(found, *codes, "{name}");
            assert_eq!(identifiers.addresses, *addresses, "{name}");
        }
        assert_eq!(
            (reading.certified, reading.authentication.code()),
            (*certified, *authentication),
            "{name}"
        );
    }
}

/// The reader of an intake whose mail servers add authentication results.
pub fn reader() -> Reader {
    Reader { authserv_id: Some(AUTHSERV_ID.to_owned()), ..Reader::default() }
}

/// A message of 30 MB.
pub fn huge() -> Vec<u8> {
    mail("huge", "", format!("{CODE}\r\n").repeat(30_000_000 / 18))
}
