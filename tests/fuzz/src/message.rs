//! An e-mail received by the intake.

use intake::{Kind, Reader};
use mail::Headers;

use crate::lmtp::INTAKE;

/// The authentication service id of our own mail servers, in the seeds too.
pub(crate) const AUTHSERV_ID: &str = "mx.agency.example";
/// More people than a request names.
const MOST: usize = 32;

/// Any bytes are parsed, with the same result each time; names are normalized as for a lookup, and
/// their number is bounded; and a search for all traces of a named person finds the message.
///
/// The first byte determines the envelope sender.
pub fn message(bytes: &[u8]) {
    let [first, bytes @ ..] = bytes else { return };
    let sender = [None, Some(""), Some("citizen@mail.example"), Some(INTAKE)];
    let sender = sender.get(usize::from(first & 3)).copied().flatten();
    let reader = Reader { authserv_id: Some(AUTHSERV_ID.to_owned()), ..Reader::default() };
    let reading = reader.read(sender, bytes);
    assert!(reading == reader.read(sender, bytes), "read again, it is something else");
    // With libFuzzer a panic is never caught; here it would be.
    assert_ne!(reading.kind.code(), "not-readable", "the library gave up");
    named(&reader, bytes, &reading.kind);
    let as_personal = reader.read_as_personal(bytes).kind;
    let automatic = matches!(as_personal, Kind::Automatic(_) | Kind::Receipt);
    assert!(!automatic, "a person's message is {}", as_personal.code());
    named(&reader, bytes, &as_personal);
    let path = Headers::parse(bytes).and_then(|headers| headers.return_path().map(str::len));
    assert!(path.is_none_or(|length| length < bytes.len()));
}

fn named(reader: &Reader, bytes: &[u8], kind: &Kind) {
    let Kind::Request(named) = kind else { return };
    assert!(named.codes.len() <= MOST && named.addresses.len() <= MOST);
    for address in &named.addresses {
        assert!(address.is_ascii() && address.len() <= 254 && address.contains('@'), "{address:?}");
        assert_eq!(*address, address.to_ascii_lowercase());
    }
    let codes = named.codes.iter().map(|code| code.as_str().to_lowercase());
    for term in codes.chain(named.addresses.iter().cloned()) {
        let found = reader.contains_any(bytes, std::slice::from_ref(&term));
        assert!(found, "{term:?} is named and would not be erased");
    }
}
