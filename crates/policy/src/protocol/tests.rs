use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A request of Postfix 3.7.
const REAL: &str = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n\
    client_address=192.0.2.7\nclient_name=unknown\nhelo_name=mail.example\nqueue_id=\n\
    sender=someone@mail.example\nrecipient=anna@box.example\nrecipient_count=0\n\
    instance=123.4\nsasl_method=plain\nsasl_username=anna@box.example\nsasl_sender=\nsize=0\n\
    policy_context=submission\nserver_port=587\n\n";

fn all(mut bytes: &[u8]) -> (Vec<Request>, Option<Garbage>) {
    let mut parser = Parser::default();
    let mut found = Vec::new();
    loop {
        match parser.take(&mut bytes) {
            Ok(Some(request)) => found.push(request),
            Ok(None) => return (found, None),
            Err(garbage) => return (found, Some(garbage)),
        }
    }
}

fn real() -> Request {
    Request {
        sender: b"someone@mail.example".to_vec(),
        recipient: b"anna@box.example".to_vec(),
        sasl_username: b"anna@box.example".to_vec(),
        policy_context: b"submission".to_vec(),
    }
}

#[test]
fn a_request_of_postfix_is_read() {
    assert_eq!(all(REAL.as_bytes()), (vec![real()], None));
    let by_hand = REAL.replace('\n', "\r\n");
    assert_eq!(all(by_hand.as_bytes()), (vec![real()], None));
}

#[test]
fn what_is_no_request_is_told() {
    let long = format!("request=smtpd_access_policy\nhelo_name={}\n\n", "x".repeat(LONGEST_LINE));
    let endless = format!("x={}\n", "y".repeat(1_000)).repeat(66);
    for (text, expected) in [
        ("\n", Garbage::OtherKind),
        ("sender=a@b.example\n\n", Garbage::OtherKind),
        ("request=junk\n\n", Garbage::OtherKind),
        ("GET / HTTP/1.1\r\n", Garbage::NoAttribute),
        (&long, Garbage::LongLine),
        (&"x".repeat(LONGEST_LINE + 1), Garbage::LongLine),
        (&endless, Garbage::LongRequest),
    ] {
        assert_eq!(all(text.as_bytes()), (Vec::new(), Some(expected)));
    }
    assert_eq!(all(b"request=smtpd_access_policy\n"), (Vec::new(), None), "its end may still come");
}

#[test]
fn the_first_of_several_values_counts_and_none_is_shown() {
    let text = "request=smtpd_access_policy\nsender=a@b.example\nsender=c@d.example\n\n";
    let (found, _) = all(text.as_bytes());
    assert_eq!(found[0].sender, b"a@b.example");
    assert!(!format!("{:?}", found[0]).contains('@'));
}

proptest! {
    /// Any bytes, in any chunks: no panic, and the same result as in one chunk.
    #[test]
    fn pieces_make_no_difference(
        bytes in prop_oneof![
            vec(any::<u8>(), 0..2_000),
            vec(prop_oneof![Just(b'\n'), Just(b'='), Just(b'a'), Just(0)], 0..200),
            (0..REAL.len() * 3).prop_map(|length| REAL.repeat(3).into_bytes()[..length].to_vec()),
        ],
        cuts in vec(1_usize..40, 1..50),
    ) {
        let whole = all(&bytes);
        let mut parser = Parser::default();
        let mut found = Vec::new();
        let mut garbage = None;
        let mut rest = &bytes[..];
        let mut cuts = cuts.iter().cycle();
        'pieces: while !rest.is_empty() {
            let (mut piece, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
            rest = after;
            loop {
                match parser.take(&mut piece) {
                    Ok(Some(request)) => found.push(request),
                    Ok(None) => break,
                    Err(told) => {
                        garbage = Some(told);
                        break 'pieces;
                    }
                }
            }
        }
        prop_assert_eq!((found, garbage), whole);
    }
}
