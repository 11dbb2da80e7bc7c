//! LMTP sessions, against a second and minimal reading of the RFCs.

use std::time::Duration;

use intake::{Rate, RateLimiter, Rules, Session, Step, Verdict};
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) const INTAKE: &str = "requests@agency.example";
/// Small, so that the fuzzer soon exceeds it.
const LARGEST: usize = 300;
/// The memory budget: one message's share, so that a share that is not released is noticed.
const MEMORY: usize = 64 * 1024;

/// Replies and messages do not depend on how the bytes are cut; each accepted recipient gets one
/// reply; a message arrives unchanged or not at all; and all memory is released.
///
/// The first byte chooses the verdict on messages, the second how the bytes are cut.
pub fn lmtp(bytes: &[u8]) {
    let [first, second, said @ ..] = bytes else { return };
    let verdict = if first & 1 == 0 { Verdict::Stored } else { Verdict::Retry };
    let rules = rules();
    // By lines first, which shows where DATA begins.
    let lines: Vec<&[u8]> = said.split_inclusive(|byte| *byte == b'\n').collect();
    let by_lines = run(&rules, verdict, &lines);
    reply_counts(&by_lines.replies, verdict);
    data(&by_lines, said);
    for chunks in [vec![said], cut(said, *second), said.chunks(1).collect()] {
        let other = run(&rules, verdict, &chunks);
        assert_eq!(other.replies, by_lines.replies, "replies depend on the cut");
        assert!(other.messages == by_lines.messages, "messages depend on the cut");
    }
    let last = format!("LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{INTAKE}>\r\nDATA\r\na: b\r\n.\r\n");
    let last = run(&rules, Verdict::Stored, &[last.as_bytes()]);
    assert_eq!(last.messages.len(), 1, "memory was not released");
}

fn rules() -> Rules {
    let rate = Rate { burst: u32::MAX, period: Duration::from_nanos(1) };
    let intake = watch::Sender::new(INTAKE.to_owned()).subscribe();
    Rules::new("mx.example".to_owned(), intake, LARGEST, RateLimiter::new(rate, rate), MEMORY)
}

/// The transcript of a session.
#[derive(Default)]
struct Transcript {
    /// Lines of replies, without their ends.
    replies: Vec<String>,
    /// Received messages.
    messages: Vec<Vec<u8>>,
    /// Where data begins in the input, with the number of messages before it and of replies up to
    /// 354.
    data: Vec<(usize, usize, usize)>,
    over: bool,
}

fn run(rules: &Rules, verdict: Verdict, chunks: &[&[u8]]) -> Transcript {
    let (mut session, mut replies, mut transcript) =
        (Session::default(), Vec::new(), Transcript::default());
    let (now, mut at) = (Instant::now(), 0);
    'chunks: for chunk in chunks {
        let mut rest = *chunk;
        loop {
            let before = replies.len();
            let step = session.feed(&mut rest, rules, now, &mut replies);
            match step {
                Step::More => {
                    assert!(rest.is_empty(), "bytes were left over");
                    // Where the chunks are lines, this one was DATA.
                    if replies.get(before..).is_some_and(|answer| answer.starts_with(b"354 ")) {
                        let so_far = crate::lines_of(&replies);
                        transcript.data.push((at + chunk.len(), transcript.messages.len(), so_far));
                    }
                    break;
                }
                Step::Message(incoming) => {
                    assert!(incoming.bytes().len() <= LARGEST, "a message exceeds the limit");
                    transcript.messages.push(incoming.bytes().to_vec());
                    session.reply(verdict, &mut replies);
                }
                Step::End => {
                    transcript.over = true;
                    break 'chunks;
                }
            }
        }
        at += chunk.len();
    }
    let replies = String::from_utf8(replies).unwrap_or_else(|_| panic!("a reply is not text"));
    assert!(replies.is_empty() || replies.ends_with("\r\n"), "a reply is incomplete");
    transcript.replies = replies.split_terminator("\r\n").map(str::to_owned).collect();
    transcript
}

/// Checks the number of replies to messages: one per accepted recipient.
fn reply_counts(replies: &[String], verdict: Verdict) {
    let (mut recipients, mut replies) = (0, replies.iter().peekable());
    while let Some(answer) = replies.next() {
        let form = answer.as_bytes();
        let code = form.iter().take(3).all(u8::is_ascii_digit);
        assert!(code && matches!(form.get(3), Some(b' ' | b'-')), "{answer:?} is not a reply");
        assert!(answer.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{answer:?} is not text");
        if answer.starts_with("250 2.1.0") || answer.starts_with("250 2.0.0 reset") {
            recipients = 0;
        } else if answer.starts_with("250 2.1.5") {
            recipients += 1;
        } else if answer.starts_with("354") {
            assert!(recipients > 0, "354 without a recipient");
            let Some(reply) = replies.peek().map(|reply| (*reply).clone()) else { return };
            let kept = match verdict {
                Verdict::Stored => "250 2.0.0 stored",
                Verdict::Retry => "451 4.3.0",
            };
            let expected = [kept, "451 4.3.1", "552 5.3.4", "550 5.6.0"];
            assert!(
                expected.iter().any(|known| reply.starts_with(known)),
                "{reply:?} is not a reply to a message"
            );
            for _ in 0..recipients {
                assert_eq!(replies.next(), Some(&reply), "for {recipients} recipients");
            }
            // A 552 may also reply to the next MAIL.
            let more = replies.peek() == Some(&&reply) && !reply.starts_with("552");
            assert!(!more, "more replies than recipients");
            recipients = 0;
        }
    }
}

/// Checks each message by RFC 5321 (4.5.2): dots and the end.
fn data(transcript: &Transcript, said: &[u8]) {
    let mut received = 0;
    for (start, messages, replies) in &transcript.data {
        let text = [b"\r\n", said.get(*start..).unwrap_or_default()].concat();
        let end = text.windows(5).position(|five| five == b"\r\n.\r\n");
        let reply = transcript.replies.get(*replies).map(String::as_str).unwrap_or_default();
        let Some(content) = end.and_then(|end| text.get(..end + 2)) else {
            assert_eq!(reply, "", "an incomplete message was replied to");
            continue;
        };
        let feeds = crate::lines_of(content);
        let ends = content.windows(2).filter(|two| *two == b"\r\n").count();
        // The dot that somebody put before each that began a line is taken away; so is the CR LF
        // put before.
        let lines = content.split(|byte| *byte == b'\n');
        let plain: Vec<&[u8]> = lines.map(|line| line.strip_prefix(b".").unwrap_or(line)).collect();
        let plain = plain.join(&b'\n');
        let plain = plain.get(2..).unwrap_or_default();
        if feeds > ends {
            assert!(
                reply.starts_with("550 5.6.0") && transcript.over,
                "{reply:?} for a bare line feed"
            );
        } else if plain.len() > LARGEST {
            assert!(reply.starts_with("552"), "{reply:?} for {} bytes", plain.len());
        } else {
            let message = transcript.messages.get(*messages);
            assert_eq!(message.map(Vec::as_slice), Some(plain), "it is not what was written");
            received += 1;
        }
    }
    assert_eq!(transcript.messages.len(), received, "a message received that nobody sent");
}

/// The bytes cut at places that depend on a number.
fn cut(bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let (mut rest, mut chunks, mut state) = (bytes, Vec::new(), u32::from(seed));
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = usize::try_from(state >> 27).unwrap_or(0) + 1;
        let (chunk, after) = rest.split_at(length.min(rest.len()));
        chunks.push(chunk);
        rest = after;
    }
    chunks
}
