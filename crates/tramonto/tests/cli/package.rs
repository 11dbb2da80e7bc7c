//! The Debian package: built from the binary under test, installed on this machine, used, purged.
//!
//! Needs root, dpkg and gzip, and what `tests/run` installs: systemd, and `cyclonedx-python-lib` in
//! the Python that `TRAMONTO_PYTHON` names, or in `python3`. It installs below the real `/usr`, so
//! it fails on a machine that has the package or the program already, and changes nothing there.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::scene::Ran;

const PROGRAM: &str = "/usr/bin/tramonto";
const SETTINGS: &str = "/etc/tramonto";
const UNITS: &str = "/usr/lib/systemd/system";
const DOCUMENTS: &str = "/usr/share/doc/tramonto";
const EXAMPLES: &str = "/usr/share/tramonto";

/// Validates a bill of materials against the published schema.
const VALIDATE: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(wrong and repr(wrong))
";

/// Runs what must succeed, and answers with what it printed.
fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let ran = Ran::of(&output);
    assert_eq!(ran.code, Some(0), "{command:?}: {}{}", ran.out, ran.err);
    ran.out
}

fn run(program: &str, arguments: &[&str]) -> String {
    succeed(Command::new(program).args(arguments))
}

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The tarball and the Debian package, without the network.
fn build(folder: &TempDir) -> (String, String) {
    let mut command = Command::new(repository("deploy/package/build"));
    command.args(["--binary", env!("CARGO_BIN_EXE_tramonto"), "--fast", "--out"]);
    let out = succeed(command.arg(folder.path()).env("CARGO_NET_OFFLINE", "true"));
    let (tarball, package) = out.trim().split_once('\n').expect("two packages");
    (tarball.to_owned(), package.to_owned())
}

/// The package while it is installed, and purged however the test ends.
struct Installed {
    package: String,
}

impl Installed {
    fn new(package: String) -> Self {
        let user = run("id", &["-u"]);
        assert_eq!(user.trim(), "0", "this test installs a package: run it as root");
        let known = Command::new("dpkg-query").args(["--show", "tramonto"]).output();
        assert!(
            !known.expect("dpkg-query runs").status.success(),
            "the package tramonto is on this machine; remove it with `dpkg --purge tramonto`"
        );
        for path in [PROGRAM, SETTINGS] {
            let there = fs::symlink_metadata(path).is_ok();
            assert!(!there, "{path} exists and the package would overwrite it; move it away");
        }
        let installed = Self { package };
        installed.install();
        installed
    }

    /// Installs the package, or replaces it by itself.
    fn install(&self) {
        run("dpkg", &["--force-unsafe-io", "--install", &self.package]);
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        // Both are gone already where the test has passed.
        drop(Command::new("dpkg").args(["--purge", "tramonto"]).output());
        drop(fs::remove_dir_all(SETTINGS));
    }
}

/// Everything on this machine that is named after the engine, where packages put their files.
fn named_after_it() -> BTreeSet<String> {
    let folders = ["/etc", "/usr/bin", "/usr/lib/systemd", "/usr/share", "/var/lib/dpkg/info"];
    let out = run("find", &[&folders[..], &["-name", "*tramonto*"]].concat());
    out.lines().map(str::to_owned).collect()
}

/// The paths of the package, without the root folder.
fn packed() -> BTreeSet<String> {
    let out = run("dpkg-query", &["--listfiles", "tramonto"]);
    out.lines().filter(|path| *path != "/.").map(str::to_owned).collect()
}

/// The files of a folder of the repository that end so, by name.
fn names(folder: &str, endings: &[&str]) -> Vec<String> {
    let entries = fs::read_dir(repository(folder)).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
    let mut names: Vec<_> = names.map(|name| name.expect("UTF-8")).collect();
    names.retain(|name| endings.iter().any(|ending| name.ends_with(ending)));
    names.sort();
    assert!(!names.is_empty(), "{folder} has no {endings:?}");
    names
}

fn assert_files_are_in_their_places(tarball: &str) {
    let folders = [
        ("deploy/systemd", UNITS, &[".service", ".target"][..]),
        ("deploy/systemd", SETTINGS, &[".env"]),
        ("deploy/plans", "/usr/share/tramonto/plans", &[".toml"]),
        ("deploy/postgres", "/usr/share/tramonto/postgres", &[".conf", ".sql"]),
        ("deploy/mail/postfix", "/usr/share/tramonto/mail/postfix", &[".cf"]),
        ("docs/reference", "/usr/share/doc/tramonto/docs/reference", &[".md"]),
        ("deploy/mail", "/usr/share/doc/tramonto/deploy/mail", &[".md"]),
    ];
    for (folder, target, endings) in folders {
        for name in names(folder, endings) {
            let source = repository(folder).join(&name);
            assert_eq!(read(format!("{target}/{name}")), read(source), "{target}/{name}");
        }
    }
    let conffiles = run("dpkg-query", &["--show", "--showformat", "${Conffiles}", "tramonto"]);
    let conffiles = conffiles.lines().filter_map(|line| line.split_whitespace().next());
    let settings = names("deploy/systemd", &[".env"]);
    let settings = settings.iter().map(|name| format!("{SETTINGS}/{name}"));
    assert_eq!(conffiles.map(str::to_owned).collect::<Vec<_>>(), settings.collect::<Vec<_>>());

    let packed = packed();
    for path in &packed {
        let found = fs::metadata(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o022), (0, 0, 0), "{path}");
    }
    let secrets = fs::metadata(format!("{SETTINGS}/secrets")).expect("a folder for secrets");
    assert_eq!(secrets.permissions().mode() & 0o777, 0o700);
    assert_eq!(run("dpkg", &["--verify", "tramonto"]), "");

    let listed = run("tar", &["--list", "--gzip", "--file", tarball]);
    let listed = listed.lines().filter_map(|path| path.trim_end_matches('/').split_once('/'));
    let listed: BTreeSet<String> = listed.map(|(_, path)| format!("/{path}")).collect();
    assert_eq!(listed, packed, "tarball and package have the same files");
}

fn assert_pages_and_completions_are_there() {
    let pages = tempfile::tempdir().expect("a folder");
    succeed(Command::new(PROGRAM).arg("man").arg(pages.path()));
    for entry in fs::read_dir(pages.path()).expect("pages") {
        let name = entry.expect("a page").file_name().into_string().expect("UTF-8");
        let installed = format!("/usr/share/man/man1/{name}.gz");
        let text = run("gzip", &["--decompress", "--stdout", &installed]);
        assert_eq!(text, read(pages.path().join(&name)), "{name}");
    }
    let load = ". /usr/share/bash-completion/completions/tramonto && complete -p tramonto";
    assert!(run("bash", &["-c", load]).contains("-F _tramonto tramonto"));
    for (path, sign) in [
        ("/usr/share/zsh/vendor-completions/_tramonto", "#compdef tramonto"),
        ("/usr/share/fish/vendor_completions.d/tramonto.fish", "complete -c tramonto"),
    ] {
        assert!(read(path).contains(sign), "{path}");
    }
}

/// The installed units, a template by each service that has settings of its own.
fn units() -> Vec<String> {
    let mut units = names("deploy/systemd", &[".service", ".target"]);
    units.retain(|name| !name.contains('@'));
    let own: Vec<_> = names("deploy/systemd", &[".env"])
        .iter()
        .filter_map(|name| name.strip_suffix(".env"))
        .filter(|name| *name != "tramonto" && !units.contains(&format!("tramonto-{name}.service")))
        .map(|name| format!("tramonto@{name}.service"))
        .collect();
    assert!(own.len() >= 6, "{own:?}");
    units.extend(own);
    units
}

/// Every unit is accepted, and its program, its documents and whatever it needs are found.
fn assert_units_are_accepted() {
    let analyze = succeed(Command::new(repository("tests/servers/install")).arg("systemd"));
    let mut verify = Command::new(analyze.trim());
    let verify = verify.args(["verify", "--man=no", "--recursive-errors=yes"]).args(units());
    let ran = Ran::of(&verify.output().expect("systemd-analyze runs"));
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (Some(0), "", ""));
}

/// The libraries whose source files the binary names where they may panic, as `NAME-VERSION`.
fn linked() -> BTreeSet<String> {
    let pattern = r"/registry/src/[^/]+/[A-Za-z0-9_.+-]+-[0-9][A-Za-z0-9_.+-]*/";
    let mut grep = Command::new("grep");
    let out = succeed(grep.args(["-aoE", pattern, PROGRAM]).env("LC_ALL", "C"));
    let names = out.lines().filter_map(|line| line.trim_end_matches('/').rsplit('/').next());
    names.map(str::to_owned).collect()
}

fn assert_every_library_is_listed() {
    let path = format!("{DOCUMENTS}/bom.cdx.json");
    let python = std::env::var("TRAMONTO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    run(&python, &["-c", VALIDATE, &path]);

    let bom: Value = serde_json::from_str(&read(&path)).expect("JSON");
    let lock = read(repository("Cargo.lock"));
    let licences =
        run("gzip", &["-cd", &format!("{DOCUMENTS}/THIRD-PARTY-LICENSES.gz")]).replace('\n', ", ");
    let mut listed = BTreeSet::new();
    for component in bom["components"].as_array().expect("components") {
        let text = |key: &str| component[key].as_str().expect("a text");
        if text("purl").starts_with("pkg:cargo/") {
            let hash = component["hashes"][0]["content"].as_str().expect("a hash");
            assert!(lock.contains(hash), "{component}");
            let heading = format!(", {} {}, ", text("name"), text("version"));
            assert!(licences.contains(&heading), "{component} has no licence text");
        }
        listed.insert(format!("{}-{}", text("name"), text("version")));
    }
    let linked = linked();
    assert!(linked.len() > 100, "{linked:?}");
    let missing: Vec<_> = linked.difference(&listed).collect();
    assert!(missing.is_empty(), "not in the bill of materials: {missing:?}");
    let has = |name: &str| listed.iter().any(|library| library.starts_with(name));
    for name in ["sqlite-3.", "ruzstd-0.", "rust-std-1."] {
        assert!(has(name), "{name}: {listed:?}");
    }
    for name in ["proptest-", "libfuzzer-sys-", "serde_derive-"] {
        assert!(!has(name), "{name} is not linked");
    }
}

/// The main job of the README, with the installed program and the installed plan.
fn assert_a_rehearsal_accounts_for_every_mailbox() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = format!("{EXAMPLES}/plans/cec-pac.toml");
    let mut rehearse = Command::new(PROGRAM);
    rehearse.args(["rehearse", "--registrations", "300", "--plan", &plan, "--json"]);
    let out = succeed(rehearse.current_dir(folder.path()).env_remove("TRAMONTO_STORE"));
    let outcome: Value = serde_json::from_str(&out).expect("JSON");
    let proof = &outcome["proof"];
    let activated = proof["activated"].as_u64().expect("a number");
    assert!(activated > 100, "{proof}");
    assert_eq!(proof["in_directory"], activated, "{proof}");
    assert_eq!(proof["effects"], activated * 4, "{proof}");
    assert_eq!(proof["problems"].as_array().map(Vec::len), Some(0), "{proof}");
}

#[test]
fn the_package_installs_does_its_work_and_is_purged_without_a_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let (tarball, package) = build(&folder);
    let before = named_after_it();
    let installed = Installed::new(package);
    assert_files_are_in_their_places(&tarball);
    assert_pages_and_completions_are_there();
    assert_units_are_accepted();
    assert_every_library_is_listed();
    assert_a_rehearsal_accounts_for_every_mailbox();

    // What an operator does survives an upgrade and a removal.
    let settings = format!("{SETTINGS}/tramonto.env");
    let edited = format!("{}# edited\n", read(&settings));
    fs::write(&settings, &edited).expect("edited");
    let made = [format!("{SETTINGS}/my-plan.toml"), format!("{SETTINGS}/secrets/store-password")];
    for path in &made {
        fs::write(path, "an operator's\n").expect("written");
    }
    run("systemctl", &["enable", "tramonto-migrate", "tramonto@worker", "tramonto.target"]);
    let link = "/etc/systemd/system/tramonto.target.wants/tramonto@worker.service";
    assert!(fs::symlink_metadata(link).is_ok(), "{link} is not there");
    installed.install();
    assert_eq!(read(&settings), edited);
    run("dpkg", &["--remove", "tramonto"]);
    assert!(!Path::new(PROGRAM).exists() && !Path::new(DOCUMENTS).exists());
    assert_eq!(read(&settings), edited);

    run("dpkg", &["--purge", "tramonto"]);
    let after = named_after_it();
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), [SETTINGS]);
    let kept = run("find", &[SETTINGS, "-type", "f"]);
    assert_eq!(kept.lines().map(str::to_owned).collect::<BTreeSet<_>>(), made.into());
    drop(installed);
    assert_eq!(named_after_it(), before);
}
