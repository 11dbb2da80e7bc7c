//! Sessions, for any bytes cut anywhere.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Rate, RateLimiter, Rules, Session, Step, Verdict};

const INTAKE: &str = "requests@agency.example";

fn intake() -> watch::Receiver<String> {
    watch::Sender::new(INTAKE.to_owned()).subscribe()
}

fn rules() -> Rules {
    let rate = Rate { burst: 1_000_000, period: Duration::from_millis(1) };
    Rules::new("mx.example".into(), intake(), 10_000, RateLimiter::new(rate, rate), 1 << 20)
}

/// All replies and messages of a session that gets these chunks.
fn session<'p>(
    rules: &Rules,
    verdict: Verdict,
    chunks: impl IntoIterator<Item = &'p [u8]>,
) -> (String, Vec<(String, Vec<u8>)>) {
    let (mut session, mut replies, mut received) = (Session::default(), Vec::new(), Vec::new());
    let now = Instant::now();
    'chunks: for mut chunk in chunks {
        loop {
            match session.feed(&mut chunk, rules, now, &mut replies) {
                Step::More => break,
                Step::Message(incoming) => {
                    received.push((incoming.sender.clone(), incoming.bytes().to_vec()));
                    session.reply(verdict, &mut replies);
                }
                Step::End => break 'chunks,
            }
        }
    }
    (String::from_utf8(replies).unwrap(), received)
}

fn codes(replies: &str) -> Vec<&str> {
    replies.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect()
}

fn whole(body: &str) -> String {
    format!(
        "LHLO mx\r\nMAIL FROM:<a@b.example>\r\nRCPT \
         TO:<{INTAKE}>\r\nDATA\r\n{body}\r\n.\r\nQUIT\r\n"
    )
}

#[test]
fn dot_stuffing_is_removed() {
    let (replies, received) =
        session(&rules(), Verdict::Stored, [whole("a\r\n..b\r\n.\tc\r\n\r\n..").as_bytes()]);
    assert_eq!(codes(&replies), ["250", "250", "250", "354", "250", "221"]);
    assert_eq!(received, [("a@b.example".into(), b"a\r\n.b\r\n\tc\r\n\r\n.\r\n".to_vec())]);
    assert!(replies.contains("SIZE 10000") && replies.contains("PIPELINING"), "{replies}");
}

#[test]
fn each_accepted_recipient_gets_one_reply() {
    let say = format!(
        "LHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<other@agency.example>\r\nRCPT TO:<{INTAKE}>\r\n\
         RCPT TO:<REQUESTS@agency.EXAMPLE>\r\nDATA\r\nx: y\r\n.\r\nNOOP\r\n"
    );
    for (verdict, code) in [(Verdict::Stored, "250"), (Verdict::Retry, "451")] {
        let (replies, received) = session(&rules(), verdict, [say.as_bytes()]);
        let expected = ["250", "250", "550", "250", "250", "354", code, code, "250"];
        assert_eq!(codes(&replies), expected, "{replies}");
        assert_eq!(received.len(), 1);
    }
}

#[test]
fn a_message_holds_its_memory_share_until_it_is_stored() {
    let rules = rules();
    let message = |shares: &mut Vec<super::MemoryShare>| {
        let (mut session, mut replies) = (Session::default(), Vec::new());
        let text = whole("x: y");
        if let Step::Message(incoming) =
            session.feed(&mut text.as_bytes(), &rules, Instant::now(), &mut replies)
        {
            shares.push(incoming.into_parts().2);
            session.reply(Verdict::Retry, &mut replies);
        }
        String::from_utf8(replies).unwrap()
    };
    let mut shares = Vec::new();
    for _ in 0..16 {
        message(&mut shares);
    }
    assert_eq!(shares.len(), 16);
    assert!(message(&mut shares).contains("451 4.3.1"), "the budget is sixteen shares");
    shares.pop();
    message(&mut shares);
    assert_eq!(shares.len(), 16);
}

#[test]
fn no_message_is_smuggled_in_by_other_line_ends() {
    let inner = format!("MAIL FROM:<evil@b.example>\r\nRCPT TO:<{INTAKE}>\r\nDATA\r\nsmuggled");
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\n\n.\r\r\n", "\r.\r\n"] {
        let (replies, received) =
            session(&rules(), Verdict::Stored, [whole(&format!("a{end}{inner}")).as_bytes()]);
        assert!(received.len() <= 1, "{end:?}: {replies}");
        let taken = received.iter().any(|(sender, _)| sender != "a@b.example");
        assert!(!taken, "{end:?}: {replies}");
        if end.contains('\n') && end.replace("\r\n", "").contains('\n') {
            assert_eq!(codes(&replies), ["250", "250", "250", "354", "550"], "{end:?}");
        }
    }
}

#[test]
fn commands_out_of_order_too_long_or_too_large_are_refused() {
    let long = format!("NOOP {}\r\nNOOP\r\n", "x".repeat(3_000));
    let endless = "x".repeat(3_000);
    let large = whole(&"0123456789\r\n".repeat(1_000));
    let from = "LHLO mx\r\nMAIL FROM:<a@b.example>";
    for (say, expected) in [
        ("MAIL FROM:<a@b.example>\r\n".to_owned(), &["503"][..]),
        ("EHLO mx\r\n".to_owned(), &["500"]),
        (format!("{from}\r\nDATA\r\n"), &["250", "250", "503"]),
        (format!("{from}\r\nMAIL FROM:<>\r\n"), &["250", "250", "503"]),
        (format!("LHLO mx\r\nRCPT TO:<{INTAKE}>\r\n"), &["250", "503"]),
        (format!("{from} SIZE=10001\r\n"), &["250", "552"]),
        (large, &["250", "250", "250", "354", "552", "221"]),
        (long, &["500"]),
        (endless, &["500"]),
        ("NOOP\n".to_owned(), &["500"]),
        ("FOO\r\n".repeat(30), &["500"; 20]),
    ] {
        let (replies, received) = session(&rules(), Verdict::Stored, [say.as_bytes()]);
        let codes: Vec<_> = codes(&replies)
            .into_iter()
            .map(|code| if code == "421" { "500" } else { code })
            .collect();
        assert_eq!(codes, expected, "{say:.60}");
        assert!(received.is_empty());
    }
}

#[test]
fn the_recipient_in_force_is_accepted() {
    let mut rules = rules();
    let moved = watch::Sender::new(INTAKE.to_owned());
    rules.intake = moved.subscribe();
    let say = format!(
        "LHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<{INTAKE}>\r\nRCPT TO:<New@agency.example>\r\n"
    );
    let answered = |rules: &Rules| {
        let (replies, _) = session(rules, Verdict::Stored, [say.as_bytes()]);
        codes(&replies).join(" ")
    };
    assert_eq!(answered(&rules), "250 250 250 550");
    moved.send_replace("new@agency.example".to_owned());
    assert_eq!(answered(&rules), "250 250 550 250");
}

#[test]
fn rate_limits_and_the_memory_budget_defer_messages() {
    let rate = |burst| Rate { burst, period: Duration::from_hours(1) };
    let mut rules = rules();
    rules.limiter = RateLimiter::new(rate(2), rate(100));
    let one = format!("MAIL FROM:<a@b.example>\r\nRCPT TO:<{INTAKE}>\r\nRSET\r\n");
    let (replies, _) =
        session(&rules, Verdict::Stored, [format!("LHLO mx\r\n{}", one.repeat(3)).as_bytes()]);
    assert_eq!(
        codes(&replies),
        ["250", "250", "250", "250", "250", "250", "250", "250", "451", "250"]
    );

    let rules =
        Rules::new("mx".into(), intake(), 1 << 20, RateLimiter::new(rate(9), rate(9)), 100_000);
    let (replies, received) =
        session(&rules, Verdict::Stored, [whole(&"x".repeat(200_000)).as_bytes()]);
    assert_eq!(codes(&replies), ["250", "250", "250", "354", "451", "221"]);
    assert!(received.is_empty());
    let (replies, received) = session(&rules, Verdict::Stored, [whole("small: one").as_bytes()]);
    assert_eq!((codes(&replies)[4], received.len()), ("250", 1), "the budget is released");
}

/// Fragments of sessions, valid and invalid.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let intake = format!("RCPT TO:<{INTAKE}>\r\n").into_bytes();
    let fixed = [
        "LHLO mx\r\n",
        "MAIL FROM:<a@b.example> SIZE=10\r\n",
        "MAIL FROM:<>\r\n",
        "DATA\r\n",
        "x\r\n",
        "\r\n.\r\n",
        ".\r\n",
        "..\r\n",
        "\n",
        "\r",
        ".",
        "RSET\r\n",
        "NOOP\r\n",
        "QUIT\r\n",
        "\0",
        "RCPT TO:<x@y>\r\n",
    ];
    prop_oneof![
        4 => proptest::sample::select(fixed.map(|text| text.as_bytes().to_vec()).to_vec()),
        2 => Just(intake),
        1 => vec(any::<u8>(), 0..40),
    ]
}

/// The bytes cut at these positions.
fn cut<'b>(bytes: &'b [u8], positions: &[usize]) -> Vec<&'b [u8]> {
    let mut positions: Vec<_> =
        positions.iter().map(|position| position % (bytes.len() + 1)).collect();
    positions.extend([0, bytes.len()]);
    positions.sort_unstable();
    positions.windows(2).map(|window| &bytes[window[0]..window[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn replies_do_not_depend_on_how_the_bytes_are_cut(
        said in vec(fragment(), 0..40),
        positions in vec(any::<usize>(), 0..20),
    ) {
        let bytes = said.concat();
        let rules = rules();
        let at_once = session(&rules, Verdict::Stored, [&bytes[..]]);
        prop_assert_eq!(&session(&rules, Verdict::Stored, cut(&bytes, &positions)), &at_once);
        prop_assert_eq!(&session(&rules, Verdict::Stored, bytes.chunks(1)), &at_once);
        for (_, message) in &at_once.1 {
            // Every line feed follows a carriage return.
            let feeds = message.split(|byte| *byte == b'\n').count() - 1;
            let ends = message.windows(2).filter(|pair| pair == b"\r\n").count();
            prop_assert_eq!(feeds, ends);
        }
    }

    #[test]
    fn a_message_arrives_byte_for_byte(lines in vec("[ -~]{0,30}|\\.{1,3}", 0..20)) {
        let message = lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect::<String>();
        let dot = |line: &str| if line.starts_with('.') { "." } else { "" };
        let stuffed = lines.iter().flat_map(|line| [dot(line), line.as_str(), "\r\n"]);
        let stuffed: String = stuffed.collect();
        let say = format!(
            "LHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<{INTAKE}>\r\nDATA\r\n{stuffed}.\r\n"
        );
        let (_, received) = session(&rules(), Verdict::Stored, [say.as_bytes()]);
        prop_assert_eq!(received, vec![(String::new(), message.into_bytes())]);
    }
}
