//! The conversation, whatever bytes come and wherever they are cut.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Gate, Pace, Rules, Session, Step, Verdict};

const INTAKE: &str = "requests@agency.example";

fn intake() -> watch::Receiver<String> {
    watch::Sender::new(INTAKE.to_owned()).subscribe()
}

fn rules() -> Rules {
    let pace = Pace { burst: 1_000_000, period: Duration::from_millis(1) };
    Rules::new("mx.example".into(), intake(), 10_000, Gate::new(pace, pace), 1 << 20)
}

/// All that was answered, and all messages that came, for bytes that come in these pieces.
fn told<'p>(
    rules: &Rules,
    verdict: Verdict,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (String, Vec<(String, Vec<u8>)>) {
    let (mut session, mut answers, mut came) = (Session::default(), Vec::new(), Vec::new());
    let now = Instant::now();
    'pieces: for mut piece in pieces {
        loop {
            match session.take(&mut piece, rules, now, &mut answers) {
                Step::More => break,
                Step::Message(incoming) => {
                    came.push((incoming.sender.clone(), incoming.bytes().to_vec()));
                    session.answer(verdict, &mut answers);
                }
                Step::End => break 'pieces,
            }
        }
    }
    (String::from_utf8(answers).unwrap(), came)
}

fn codes(answers: &str) -> Vec<&str> {
    answers.lines().filter(|line| line.as_bytes()[3] == b' ').map(|line| &line[..3]).collect()
}

fn whole(body: &str) -> String {
    format!(
        "LHLO mx\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<{INTAKE}>\r\nDATA\r\n{body}\r\n.\r\nQUIT\r\n"
    )
}

#[test]
fn a_message_is_taken_as_it_was_before_its_dots_were_doubled() {
    let (answers, came) =
        told(&rules(), Verdict::Kept, [whole("a\r\n..b\r\n.\tc\r\n\r\n..").as_bytes()]);
    assert_eq!(codes(&answers), ["250", "250", "250", "354", "250", "221"]);
    assert_eq!(came, [("a@b.example".into(), b"a\r\n.b\r\n\tc\r\n\r\n.\r\n".to_vec())]);
    assert!(answers.contains("SIZE 10000") && answers.contains("PIPELINING"), "{answers}");
}

#[test]
fn each_recipient_that_was_taken_is_answered_once_and_nobody_else() {
    let say = format!(
        "LHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<other@agency.example>\r\nRCPT TO:<{INTAKE}>\r\n\
         RCPT TO:<REQUESTS@agency.EXAMPLE>\r\nDATA\r\nx: y\r\n.\r\nNOOP\r\n"
    );
    for (verdict, code) in [(Verdict::Kept, "250"), (Verdict::Later, "451")] {
        let (answers, came) = told(&rules(), verdict, [say.as_bytes()]);
        let expected = ["250", "250", "550", "250", "250", "354", code, code, "250"];
        assert_eq!(codes(&answers), expected, "{answers}");
        assert_eq!(came.len(), 1);
    }
}

#[test]
fn a_message_takes_its_part_of_the_room_until_it_is_on_the_disk_whoever_still_waits() {
    let rules = rules();
    let message = |shares: &mut Vec<super::Share>| {
        let (mut session, mut answers) = (Session::default(), Vec::new());
        let text = whole("x: y");
        if let Step::Message(incoming) =
            session.take(&mut text.as_bytes(), &rules, Instant::now(), &mut answers)
        {
            shares.push(incoming.apart().2);
            session.answer(Verdict::Later, &mut answers);
        }
        String::from_utf8(answers).unwrap()
    };
    let mut shares = Vec::new();
    for _ in 0..16 {
        message(&mut shares);
    }
    assert_eq!(shares.len(), 16);
    assert!(message(&mut shares).contains("451 4.3.1"), "there is room for sixteen");
    shares.pop();
    message(&mut shares);
    assert_eq!(shares.len(), 16);
}

#[test]
fn nothing_is_smuggled_in_by_a_line_that_ends_otherwise() {
    let inner = format!("MAIL FROM:<evil@b.example>\r\nRCPT TO:<{INTAKE}>\r\nDATA\r\nsmuggled");
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\n\n.\r\r\n", "\r.\r\n"] {
        let (answers, came) =
            told(&rules(), Verdict::Kept, [whole(&format!("a{end}{inner}")).as_bytes()]);
        assert!(came.len() <= 1, "{end:?}: {answers}");
        let taken = came.iter().any(|(sender, _)| sender != "a@b.example");
        assert!(!taken, "{end:?}: {answers}");
        if end.contains('\n') && end.replace("\r\n", "").contains('\n') {
            assert_eq!(codes(&answers), ["250", "250", "250", "354", "550"], "{end:?}");
        }
    }
}

#[test]
fn what_is_out_of_order_too_long_or_too_large_is_refused() {
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
        let (answers, came) = told(&rules(), Verdict::Kept, [say.as_bytes()]);
        let codes: Vec<_> = codes(&answers)
            .into_iter()
            .map(|code| if code == "421" { "500" } else { code })
            .collect();
        assert_eq!(codes, expected, "{say:.60}");
        assert!(came.is_empty());
    }
}

#[test]
fn the_address_is_the_one_in_force_when_it_is_named() {
    let mut rules = rules();
    let moved = watch::Sender::new(INTAKE.to_owned());
    rules.intake = moved.subscribe();
    let say = format!(
        "LHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<{INTAKE}>\r\nRCPT TO:<New@agency.example>\r\n"
    );
    let answered = |rules: &Rules| {
        let (answers, _) = told(rules, Verdict::Kept, [say.as_bytes()]);
        codes(&answers).join(" ")
    };
    assert_eq!(answered(&rules), "250 250 250 550");
    moved.send_replace("new@agency.example".to_owned());
    assert_eq!(answered(&rules), "250 250 550 250");
}

#[test]
fn a_mail_bomb_comes_later_and_so_does_what_there_is_no_room_for() {
    let pace = |burst| Pace { burst, period: Duration::from_hours(1) };
    let mut rules = rules();
    rules.gate = Gate::new(pace(2), pace(100));
    let one = format!("MAIL FROM:<a@b.example>\r\nRCPT TO:<{INTAKE}>\r\nRSET\r\n");
    let (answers, _) =
        told(&rules, Verdict::Kept, [format!("LHLO mx\r\n{}", one.repeat(3)).as_bytes()]);
    assert_eq!(
        codes(&answers),
        ["250", "250", "250", "250", "250", "250", "250", "250", "451", "250"]
    );

    let rules = Rules::new("mx".into(), intake(), 1 << 20, Gate::new(pace(9), pace(9)), 100_000);
    let (answers, came) = told(&rules, Verdict::Kept, [whole(&"x".repeat(200_000)).as_bytes()]);
    assert_eq!(codes(&answers), ["250", "250", "250", "354", "451", "221"]);
    assert!(came.is_empty());
    let (answers, came) = told(&rules, Verdict::Kept, [whole("small: one").as_bytes()]);
    assert_eq!((codes(&answers)[4], came.len()), ("250", 1), "the room is given back");
}

/// Pieces of conversations, right and wrong ones.
fn utterance() -> impl Strategy<Value = Vec<u8>> {
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

/// The bytes cut at these places.
fn cut<'b>(bytes: &'b [u8], places: &[usize]) -> Vec<&'b [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|window| &bytes[window[0]..window[1]]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_comes_and_however_it_is_cut_the_same_is_answered(
        said in vec(utterance(), 0..40),
        places in vec(any::<usize>(), 0..20),
    ) {
        let bytes = said.concat();
        let rules = rules();
        let at_once = told(&rules, Verdict::Kept, [&bytes[..]]);
        prop_assert_eq!(&told(&rules, Verdict::Kept, cut(&bytes, &places)), &at_once);
        prop_assert_eq!(&told(&rules, Verdict::Kept, bytes.chunks(1)), &at_once);
        for (_, message) in &at_once.1 {
            // No line feed is without its return, and none of it is the end that was not seen.
            let feeds = message.split(|byte| *byte == b'\n').count() - 1;
            let ends = message.windows(2).filter(|pair| pair == b"\r\n").count();
            prop_assert_eq!(feeds, ends);
        }
    }

    #[test]
    fn a_message_comes_through_byte_for_byte(lines in vec("[ -~]{0,30}|\\.{1,3}", 0..20)) {
        let message = lines.iter().flat_map(|line| [line.as_str(), "\r\n"]).collect::<String>();
        let dot = |line: &str| if line.starts_with('.') { "." } else { "" };
        let stuffed = lines.iter().flat_map(|line| [dot(line), line.as_str(), "\r\n"]);
        let stuffed: String = stuffed.collect();
        let say = format!(
            "LHLO mx\r\nMAIL FROM:<>\r\nRCPT TO:<{INTAKE}>\r\nDATA\r\n{stuffed}.\r\n"
        );
        let (_, came) = told(&rules(), Verdict::Kept, [say.as_bytes()]);
        prop_assert_eq!(came, vec![(String::new(), message.into_bytes())]);
    }
}
