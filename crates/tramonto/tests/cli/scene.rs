//! A folder for one test, and the real binary.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::process;

/// A folder in which a test runs commands.
pub(crate) struct Scene {
    folder: TempDir,
}

/// The result of a command.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Scene {
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    /// A store with 500 generated registrations under the plan of CEC-PAC.
    pub(crate) fn of_500() -> Self {
        let scene = Self::empty();
        scene.populate(500);
        scene
    }

    /// A store under the plan of CEC-PAC whose last phase starts on another date.
    pub(crate) fn ending(end: &str, registrations: u32) -> Self {
        let scene = Self::empty();
        let plan = include_str!("../../../../deploy/plans/cec-pac.toml");
        scene.write("plan.toml", &plan.replace("2018-03-18", end));
        scene.ok(&["plan", "adopt", "plan.toml", "--reason", "a trial"]);
        scene.populate(registrations);
        scene
    }

    /// Imports generated registrations, from `registry.csv`.
    pub(crate) fn populate(&self, registrations: u32) {
        let many = registrations.to_string();
        self.ok(&["registry", "generate", "--registrations", &many, "--out", "registry.csv"]);
        self.ok(&["registry", "import", "registry.csv"]);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file can be written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("a file can be read")
    }

    /// The binary, without the tester's environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = process::tramonto();
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&self.command(arguments).output().expect("the binary runs"))
    }

    /// Runs a command that must succeed, and returns its output.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// The same for JSON output.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let out = self.ok(&[arguments, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {out}"))
    }

    /// Runs a command that must fail with code 1 and one sentence, and returns the sentence.
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(1), "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.starts_with("tramonto: "), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{arguments:?}: {}", ran.err);
        for trace in ["panicked", "backtrace", "RUST_BACKTRACE"] {
            assert!(!ran.err.contains(trace), "{arguments:?}: {}", ran.err);
        }
        ran.err
    }

    /// The events of the log, from `event list --json`.
    pub(crate) fn events(&self, arguments: &[&str]) -> Vec<Value> {
        let out = self.ok(&[&["event", "list", "--json"], arguments].concat());
        out.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect()
    }

    /// Every read model includes the last event of the log.
    pub(crate) fn read_models_are_saved(&self) {
        let statuses = self.json(&["store", "status"]);
        let statuses = statuses.as_array().expect("each read model");
        assert_eq!(statuses.len(), 2);
        for status in statuses {
            assert_eq!(status["lag_events"], 0, "{status}");
        }
    }

    /// The fields of a row of the generated registry, counted from 1.
    pub(crate) fn row(&self, line: usize) -> Vec<String> {
        let text = self.read("registry.csv");
        let row = text.lines().nth(line).expect("a row");
        row.split(',').map(str::to_owned).collect()
    }

    /// The address of the first activated mailbox and its index, which is its number.
    pub(crate) fn activated(&self) -> (String, u64) {
        (1..=500_u64)
            .map(|place| (self.row(usize::try_from(place).expect("small")), place - 1))
            .find(|(row, _)| !row[6].is_empty())
            .map(|(row, number)| (row[4].clone(), number))
            .expect("some are activated")
    }
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
