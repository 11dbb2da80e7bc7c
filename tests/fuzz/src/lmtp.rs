//! The conversation with a mail server, against a second reading of the RFCs that is as plain as can be.

use std::time::Duration;

use intake::{Gate, Pace, Rules, Session, Step, Verdict};
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) const INTAKE: &str = "requests@agency.example";
/// Small, so that a message that is too large is soon made up.
const LARGEST: usize = 300;
/// What messages under way may take: no more than one takes at a time, so that what is not given back is missed.
const ROOM: usize = 64 * 1024;

/// Whatever comes: it is told and taken the same wherever the bytes are cut; each recipient that was taken is
/// answered once; a message is what its writer wrote, or nothing; and no room is lost.
///
/// The first byte says what becomes of messages, the second how the bytes are cut.
pub fn lmtp(bytes: &[u8]) {
    let [first, second, said @ ..] = bytes else { return };
    let verdict = if first & 1 == 0 { Verdict::Kept } else { Verdict::Later };
    let rules = rules();
    // By lines first: there what stands between DATA and its end is known.
    let lines: Vec<&[u8]> = said.split_inclusive(|byte| *byte == b'\n').collect();
    let by_lines = conversation(&rules, verdict, &lines);
    owed(&by_lines.answers, verdict);
    data(&by_lines, said);
    for pieces in [vec![said], cut(said, *second), said.chunks(1).collect()] {
        let other = conversation(&rules, verdict, &pieces);
        assert_eq!(other.answers, by_lines.answers, "cut elsewhere, it is answered otherwise");
        assert!(other.messages == by_lines.messages, "cut elsewhere, other messages came");
    }
    let last = format!("LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{INTAKE}>\r\nDATA\r\na: b\r\n.\r\n");
    let last = conversation(&rules, Verdict::Kept, &[last.as_bytes()]);
    assert_eq!(last.messages.len(), 1, "room was not given back");
}

fn rules() -> Rules {
    let pace = Pace { burst: u32::MAX, period: Duration::from_nanos(1) };
    let intake = watch::Sender::new(INTAKE.to_owned()).subscribe();
    Rules::new("mx.example".to_owned(), intake, LARGEST, Gate::new(pace, pace), ROOM)
}

/// What was said in a conversation.
#[derive(Default)]
struct Told {
    /// A line each, without its end.
    answers: Vec<String>,
    /// Messages, with the number of answers that were given before.
    messages: Vec<Vec<u8>>,
    /// Where in what was said data begins, with the number of messages before and of answers up to 354.
    data: Vec<(usize, usize, usize)>,
    over: bool,
}

fn conversation(rules: &Rules, verdict: Verdict, pieces: &[&[u8]]) -> Told {
    let (mut session, mut answers, mut told) = (Session::default(), Vec::new(), Told::default());
    let (now, mut at) = (Instant::now(), 0);
    'pieces: for piece in pieces {
        let mut rest = *piece;
        loop {
            let before = answers.len();
            let step = session.take(&mut rest, rules, now, &mut answers);
            match step {
                Step::More => {
                    assert!(rest.is_empty(), "bytes were left for nobody");
                    // In pieces that are lines, this one was DATA.
                    if answers.get(before..).is_some_and(|answer| answer.starts_with(b"354 ")) {
                        let so_far = crate::lines_of(&answers);
                        told.data.push((at + piece.len(), told.messages.len(), so_far));
                    }
                    break;
                }
                Step::Message(incoming) => {
                    assert!(incoming.bytes().len() <= LARGEST, "a message is larger than is taken");
                    told.messages.push(incoming.bytes().to_vec());
                    session.answer(verdict, &mut answers);
                }
                Step::End => {
                    told.over = true;
                    break 'pieces;
                }
            }
        }
        at += piece.len();
    }
    let answers = String::from_utf8(answers).unwrap_or_else(|_| panic!("an answer is no text"));
    assert!(answers.is_empty() || answers.ends_with("\r\n"), "an answer does not end");
    told.answers = answers.split_terminator("\r\n").map(str::to_owned).collect();
    told
}

/// The answers alone say how many are owed: one for each recipient that was taken, and never one for nobody.
fn owed(answers: &[String], verdict: Verdict) {
    let (mut recipients, mut answers) = (0, answers.iter().peekable());
    while let Some(answer) = answers.next() {
        let form = answer.as_bytes();
        let code = form.iter().take(3).all(u8::is_ascii_digit);
        assert!(code && matches!(form.get(3), Some(b' ' | b'-')), "{answer:?} is no answer");
        assert!(answer.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{answer:?} is no text");
        if answer.starts_with("250 2.1.0") || answer.starts_with("250 2.0.0 forgotten") {
            recipients = 0;
        } else if answer.starts_with("250 2.1.5") {
            recipients += 1;
        } else if answer.starts_with("354") {
            assert!(recipients > 0, "data is asked for, for nobody");
            let Some(fate) = answers.peek().map(|fate| (*fate).clone()) else { return };
            let kept = match verdict {
                Verdict::Kept => "250 2.0.0 kept",
                Verdict::Later => "451 4.3.0",
            };
            let fates = [kept, "451 4.3.1", "552 5.3.4", "550 5.6.0"];
            assert!(fates.iter().any(|known| fate.starts_with(known)), "{fate:?} is no fate");
            for _ in 0..recipients {
                assert_eq!(answers.next(), Some(&fate), "{recipients} recipients were taken");
            }
            // A 552 may be the answer to the next MAIL, too.
            let more = answers.peek() == Some(&&fate) && !fate.starts_with("552");
            assert!(!more, "more answers than recipients");
            recipients = 0;
        }
    }
}

/// Each message, by what RFC 5321 (4.5.2) says of dots and of the end.
fn data(told: &Told, said: &[u8]) {
    let mut came = 0;
    for (start, messages, answers) in &told.data {
        let text = [b"\r\n", said.get(*start..).unwrap_or_default()].concat();
        let end = text.windows(5).position(|five| five == b"\r\n.\r\n");
        let fate = told.answers.get(*answers).map(String::as_str).unwrap_or_default();
        let Some(content) = end.and_then(|end| text.get(..end + 2)) else {
            assert_eq!(fate, "", "what has no end was answered");
            continue;
        };
        let feeds = crate::lines_of(content);
        let ends = content.windows(2).filter(|two| *two == b"\r\n").count();
        // The dot that somebody put before each that began a line is taken away; so is the CR LF put before.
        let lines = content.split(|byte| *byte == b'\n');
        let plain: Vec<&[u8]> = lines.map(|line| line.strip_prefix(b".").unwrap_or(line)).collect();
        let plain = plain.join(&b'\n');
        let plain = plain.get(2..).unwrap_or_default();
        if feeds > ends {
            assert!(fate.starts_with("550 5.6.0") && told.over, "{fate:?} for a bare line feed");
        } else if plain.len() > LARGEST {
            assert!(fate.starts_with("552"), "{fate:?} for {} bytes", plain.len());
        } else {
            let message = told.messages.get(*messages);
            assert_eq!(message.map(Vec::as_slice), Some(plain), "it is not what was written");
            came += 1;
        }
    }
    assert_eq!(told.messages.len(), came, "a message came that nobody sent");
}

/// The bytes cut at places that depend on a number.
fn cut(bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let (mut rest, mut pieces, mut state) = (bytes, Vec::new(), u32::from(seed));
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = usize::try_from(state >> 27).unwrap_or(0) + 1;
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
