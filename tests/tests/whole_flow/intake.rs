//! Requests by e-mail, from their bytes to their outcome.

use whole_flow::corpus::{corpus, huge, reader};

#[test]
fn every_message_of_the_corpus_is_read_for_what_it_is() {
    for example in corpus() {
        example.agrees(&reader().read(Some(example.sender), &example.bytes));
    }
    let huge = huge();
    assert!(huge.len() > 29_000_000);
    assert_eq!(reader().read(None, &huge).kind.code(), "too-large");
}

#[test]
fn a_message_that_is_cut_off_anywhere_is_still_read() {
    for example in corpus() {
        // A long message is cut at some hundred places, and everywhere near its headers.
        let step = (example.bytes.len() / 200).max(1);
        let cuts = (0..example.bytes.len().min(600)).chain((0..example.bytes.len()).step_by(step));
        for cut in cuts {
            let kind = reader().read(Some(example.sender), &example.bytes[..cut]).kind;
            assert_ne!(kind.code(), "not-readable", "{} cut at {cut}", example.name);
        }
    }
}
