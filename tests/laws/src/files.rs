//! Source files and documents.

use crate::workspace::{files, read, root, short, sources};

#[test]
fn source_files_are_small_finished_and_at_home_on_any_machine() {
    // Put together here, so that this file does not hold what it looks for.
    let refused = [["/work", "/"].concat(), ["/root", "/"].concat(), ["todo", "!("].concat()];
    let ignored = ["#[ig", "nore"].concat();
    for file in files(&root(), &[".rs", ".toml", ".md", "justfile", "run", ".py", ".sh"]) {
        let text = read(&file);
        let name = short(&file);
        for word in refused.iter().chain([&ignored]) {
            let starts = |at: usize| {
                !text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
            };
            let found = text.match_indices(word.as_str()).any(|(at, _)| starts(at));
            assert!(!found, "{name} holds {word:?}");
        }
        let in_source = name.contains("/src/");
        assert!(!in_source || text.lines().count() <= 500, "{name} is two ideas: split it");
    }
}

#[test]
fn every_lint_that_is_switched_off_says_why() {
    for (path, source) in sources() {
        for opening in ["#[allow(", "#![allow(", "#[expect(", "#![expect("] {
            for (at, _) in source.code.match_indices(opening) {
                let attribute = source.code[at..].split(")]").next().unwrap();
                assert!(attribute.contains("reason = "), "{}: {attribute}", short(&path));
            }
        }
    }
}

/// An example is a test in a file of its own: `tests/run` runs none in documentation.
#[test]
fn documentation_comments_hold_no_code_to_run() {
    for (path, _) in sources() {
        let text = read(&path);
        let comments = text
            .lines()
            .map(str::trim_start)
            .filter_map(|line| line.strip_prefix("///").or_else(|| line.strip_prefix("//!")));
        let fences = comments.filter_map(|comment| comment.trim_start().strip_prefix("```"));
        for language in fences.step_by(2) {
            assert_eq!(language, "text", "{}: a block of code runs as a test", short(&path));
        }
    }
}

#[test]
fn links_in_the_documents_point_to_files_that_exist() {
    for file in files(&root(), &[".md"]) {
        let text = read(&file);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let path = target.split('#').next().unwrap();
            let found = file.parent().unwrap().join(path).exists();
            assert!(found, "{} points to {target}, which does not exist", short(&file));
        }
    }
}
