//! Python reads and writes the sets of the log through the bindings of the C implementation,
//! without any code of ours.
//!
//! Needs `pyroaring` (1.2.0) in the Python that `TRAMONTO_PYTHON` names, or in `python3`; without
//! it the test fails.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use domain::MailboxSet;

fn python(lines: &str) -> String {
    let python = std::env::var("TRAMONTO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/read_mailbox_sets.py");
    let mut reader = Command::new(&python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("can't run {python}: {error}"));
    let mut input = reader.stdin.take().expect("its input is ours");
    let lines = lines.to_owned();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = reader.wait_with_output().expect("its answer can be read");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{python} can't read the sets; `tests/run` installs what it needs (pip install \
         pyroaring==1.2.0)\n\
         {complaint}"
    );
    writer.join().expect("the writer ends").expect("it takes every line");
    String::from_utf8(output.stdout).expect("its answer is text")
}

#[test]
fn another_languages_implementation_reads_the_same_members_and_writes_what_we_read() {
    let scattered = |number: &u32| number.wrapping_mul(2_654_435_761) % 5 < 2;
    let sets: Vec<(&str, MailboxSet)> = vec![
        ("nobody", MailboxSet::new()),
        ("a few", [0, 17, u32::MAX].into_iter().collect()),
        ("the most that are plain numbers", (100..148).collect()),
        ("the fewest that are a bitmap", (100..149).collect()),
        ("an array container", (0..4_000).map(|number| number * 3).collect()),
        ("a bitmap container", (0..60_000).filter(scattered).collect()),
        ("one run", (0..65_536).collect()),
        ("runs, arrays and bitmaps over 5 containers", {
            let dense = (65_536..130_000).filter(scattered);
            let sparse = (130_000..300_000).step_by(1_000);
            (0..65_536).chain(dense).chain(sparse).chain(u32::MAX - 70_000..=u32::MAX).collect()
        }),
        ("the whole population", (0..2_121_783).collect()),
        ("those of it who activated", (0..2_121_783).filter(scattered).collect()),
    ];
    let mut lines = String::new();
    for (_, set) in &sets {
        lines.push_str(&serde_json::to_string(set).expect("a set can be written"));
        lines.push('\n');
    }

    let answer = python(&lines);

    assert_eq!(answer.lines().count(), sets.len(), "one line for each set");
    for ((what, set), line) in sets.iter().zip(answer.lines()) {
        let fields: Vec<&str> = line.split(' ').collect();
        let [len, first, last, sum, again] = fields[..] else { panic!("{what}: {line}") };
        assert_eq!(len, set.len().to_string(), "{what}: members");
        assert_eq!(first, set.min().unwrap_or(0).to_string(), "{what}: the first");
        assert_eq!(last, set.max().unwrap_or(0).to_string(), "{what}: the last");
        assert_eq!(sum, set.iter().map(u64::from).sum::<u64>().to_string(), "{what}: their sum");
        let read: MailboxSet = serde_json::from_value(again.into())
            .unwrap_or_else(|error| panic!("{what}: what Python wrote can't be read: {error}"));
        assert_eq!(&read, set, "{what}: as Python wrote it");
    }
}
