//! The image: the build context, the order of the build, and the result.

use std::path::Path;
use std::process::Command;

use toml::Table;

use super::command_line::assert_taken;
use super::files::{assert_pinned, read, root, told};
use super::{PORT, SERVICES, command};

/// One instruction, without comments and line breaks.
#[derive(Debug, Clone, PartialEq)]
struct Instruction {
    word: String,
    rest: String,
}

/// The instructions of each stage.
fn stages() -> Vec<Vec<Instruction>> {
    let text = read("deploy/Dockerfile");
    let kept: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let joined = kept.join("\n").replace("\\\n", " ");
    let mut stages: Vec<Vec<Instruction>> = Vec::new();
    for line in joined.lines().filter(|line| !line.trim().is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap();
        let instruction = Instruction { word: word.to_owned(), rest: rest.trim().to_owned() };
        if word == "FROM" {
            stages.push(Vec::new());
        }
        stages.last_mut().expect("FROM comes first").push(instruction);
    }
    stages
}

fn of<'a>(stage: &'a [Instruction], word: &str) -> Vec<&'a str> {
    let fitting = stage.iter().filter(|instruction| instruction.word == word);
    fitting.map(|instruction| instruction.rest.as_str()).collect()
}

/// Is this file in the build context? The last matching pattern decides.
fn is_sent(path: &str) -> bool {
    let mut sent = true;
    for line in read(".dockerignore").lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (pattern, back) = line.strip_prefix('!').map_or((line, false), |kept| (kept, true));
        let fits = if pattern == "*" {
            true
        } else if let Some(ending) = pattern.strip_prefix("**/*") {
            path.ends_with(ending)
        } else if let Some(name) = pattern.strip_prefix("**/") {
            path.split('/').any(|part| part == name)
        } else {
            assert!(!pattern.contains('*'), "{pattern}: teach this test to read it");
            Path::new(path).starts_with(pattern)
        };
        if fits {
            sent = back;
        }
    }
    sent
}

fn members() -> Vec<String> {
    let manifest: Table = read("Cargo.toml").parse().unwrap();
    let members = manifest["workspace"]["members"].as_array().unwrap();
    members.iter().map(|member| member.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_builder_gets_every_file_that_is_copied_or_compiled_in() {
    let copied: Vec<String> = stages()[0]
        .iter()
        .filter(|instruction| instruction.word == "COPY")
        .flat_map(|instruction| {
            let mut paths: Vec<_> = instruction.rest.split(' ').map(str::to_owned).collect();
            paths.pop();
            paths
        })
        .collect();
    for path in &copied {
        assert!(root().join(path).exists(), "{path} is copied and is not there");
        assert!(is_sent(path), "{path} is copied and .dockerignore leaves it out");
    }
    let mut named = 0;
    for crate_folder in members().iter().filter(|member| member.starts_with("crates/")) {
        for file in sources(&root().join(crate_folder).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            for (at, mark) in text.match_indices("include_str!(\"") {
                let path = text[at + mark.len()..].split('"').next().unwrap();
                let path = file.parent().unwrap().join(path).canonicalize().unwrap();
                let path = path.strip_prefix(root().canonicalize().unwrap()).unwrap();
                let is_copied = copied.iter().any(|copied| path.starts_with(copied));
                let path = path.to_str().unwrap();
                assert!(is_copied && is_sent(path), "{path} is compiled in and is not copied");
                named += 1;
            }
        }
    }
    assert!(named > 0, "no file that is compiled in was found");
    for kept_out in ["target/release/tramonto", ".git/config", "crates/domain/log.db", "tests/run"]
    {
        assert!(!is_sent(kept_out), "{kept_out} need not go to the builder");
    }
}

fn sources(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let within = folders.iter().flat_map(|folder| sources(folder));
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|is| is == "rs"))
        .chain(within)
        .collect()
}

#[test]
fn the_dependencies_are_built_before_the_sources_come_from_a_workspace_that_cargo_takes() {
    let build = &stages()[0];
    let is_build = |instruction: &&Instruction| instruction.rest.starts_with("cargo build");
    let first = build.iter().position(|instruction| is_build(&instruction)).unwrap();
    let builds: Vec<_> = build.iter().filter(is_build).collect();
    assert_eq!(builds.len(), 2, "one for the dependencies, one for the sources");
    assert_eq!(builds[0], builds[1], "another command would build the dependencies once more");
    assert!(builds[0].rest.contains("--profile dist --locked"), "{builds:?}");

    // The steps before the first build are executed here, in an empty folder.
    let folder = tempfile::tempdir().unwrap();
    for instruction in &build[..first] {
        match instruction.word.as_str() {
            "COPY" => copy_files(folder.path(), &instruction.rest),
            "RUN" => {
                let mut shell = Command::new("sh");
                let shell = shell.args(["-ec", &instruction.rest]).current_dir(folder.path());
                let (ok, said) = told(&shell.output().unwrap());
                assert!(ok, "{instruction:?}: {said}");
            }
            _ => {}
        }
    }
    for member in members() {
        let source = folder.path().join(&member).join("src/lib.rs");
        assert_eq!(std::fs::read_to_string(source).unwrap(), "", "{member}");
    }
    let mut metadata = Command::new(env!("CARGO"));
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
    let metadata = metadata.current_dir(folder.path()).output().unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    assert_eq!(metadata["packages"].as_array().unwrap().len(), members().len());
}

/// `COPY` of files into a folder, `./` or one that ends with a slash.
fn copy_files(folder: &Path, rest: &str) {
    let mut paths: Vec<_> = rest.split(' ').collect();
    let target = folder.join(paths.pop().unwrap());
    std::fs::create_dir_all(&target).unwrap();
    for path in paths {
        let name = Path::new(path).file_name().unwrap();
        assert!(root().join(path).is_file(), "{path}: only manifests come before the first build");
        std::fs::copy(root().join(path), target.join(name)).unwrap();
    }
}

#[test]
fn the_image_runs_one_program_as_nobody_in_particular_and_needs_no_shell() {
    let stages = stages();
    for stage in &stages {
        assert_pinned(of(stage, "FROM")[0].split(' ').next().unwrap());
    }
    let image = stages.last().unwrap();
    assert!(
        of(image, "RUN").is_empty() && of(image, "ADD").is_empty(),
        "it is put together by copying"
    );
    let user = of(image, "USER")[0];
    let is_number = |part: &str| part.parse::<u32>().is_ok_and(|id| id >= 1_000);
    assert!(user.split(':').all(is_number), "{user}: runAsNonRoot can't tell who that is");
    assert_eq!(of(image, "STOPSIGNAL"), ["SIGTERM"]);
    assert_eq!(of(image, "EXPOSE"), [PORT.to_string()]);
    assert_eq!(of(image, "ENTRYPOINT"), ["[\"/usr/local/bin/tramonto\"]"]);
    let program =
        of(image, "COPY").into_iter().find(|copy| copy.ends_with("/usr/local/bin/tramonto"));
    assert!(program.unwrap().starts_with("--from=build"));
    let variables = of(image, "ENV").into_iter().map(|line| line.split_once('=').unwrap());
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for service in SERVICES {
        assert_taken(&command(service), &variables);
    }
    let version: Table = read("Cargo.toml").parse().unwrap();
    let version = version["workspace"]["package"]["version"].as_str().unwrap();
    let label = format!("org.opencontainers.image.version=\"{version}\"");
    assert!(
        of(image, "LABEL")[0].contains(&label),
        "the label tells another version than {version}"
    );
}
