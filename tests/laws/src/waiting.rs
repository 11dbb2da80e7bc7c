//! No test waits for a fixed time: it waits for what is to happen.
//!
//! A pause between two looks at something else's state stands in a file named `wait.rs`, whose
//! functions take the condition and fail when it does not come.

use std::collections::BTreeMap;
use std::path::Path;

use crate::workspace::{owner, short, sources};

#[test]
fn no_test_sleeps() {
    let mut found = BTreeMap::<_, Vec<String>>::new();
    for (path, source) in sources() {
        if !is_test(&path) || path.ends_with("wait.rs") || in_virtual_time(&source.code) {
            continue;
        }
        for (line, code) in source.code.lines().enumerate() {
            if code.contains("sleep(") {
                found.entry(owner(&path)).or_default().push(format!(
                    "{}:{}",
                    short(&path),
                    line + 1
                ));
            }
        }
    }
    assert!(found.is_empty(), "tests that sleep: {found:#?}");
}

/// Do all tests of this file run with a clock that stands still until all of them wait?
fn in_virtual_time(code: &str) -> bool {
    let tests = code.matches("#[tokio::test").count();
    tests > 0 && code.matches("#[tokio::test(start_paused = true)]").count() == tests
}

/// Does this file hold tests alone?
fn is_test(path: &Path) -> bool {
    let path = short(path);
    path.starts_with("tests/") || path.split('/').any(|part| part == "tests" || part == "tests.rs")
}
