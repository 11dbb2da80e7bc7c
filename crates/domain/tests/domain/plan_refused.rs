//! Every bad plan of `tests/data/bad-plans` is refused with exactly the text of its `.txt` file.
//!
//! With `TRAMONTO_WRITE_EXPECTED` set, a text that differs is rewritten; the test fails that
//! once, so that somebody reads the difference.

use std::fs;
use std::path::Path;

use domain::Plan;
use proptest::prelude::*;

#[test]
fn every_bad_plan_is_refused_with_the_line_and_what_would_be_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bad-plans");
    let mut plans: Vec<_> = fs::read_dir(&folder)
        .expect("the folder of bad plans can be listed")
        .map(|entry| entry.expect("its entries can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    plans.sort();
    assert!(plans.len() > 20, "the corpus is in {}", folder.display());

    let rewrite = std::env::var_os("TRAMONTO_WRITE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for path in plans {
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("a bad plan can be read");
        let found = match Plan::parse(&name, &text) {
            Ok(_) => "taken as a good plan\n".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        let beside = path.with_extension("txt");
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if rewrite {
            fs::write(&beside, &found).expect("the expected text can be written");
        }
        if found != expected {
            wrong.push(format!("{name}\n  found:\n{found}  expected:\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_is_no_plan_is_refused_in_a_few_lines() {
    let registry = "1,RSSMRA85T10A562S,Rossi,Mario\n".repeat(20_000);
    for size in [registry.len(), 2_000_000] {
        let text = registry.repeat(size.div_ceil(registry.len()));
        let error = Plan::parse("registry.csv", &text).expect_err("a registry is no plan");
        assert!((1..=10).contains(&error.problems.len()), "{} problems", error.problems.len());
    }
}

proptest! {
    /// Whatever is done to the shipped plan, the answer is a plan or problems on lines that it has.
    #[test]
    fn a_damaged_plan_is_refused_on_its_lines_or_taken_but_never_a_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..60_usize, "[ \
            -~\\n]{0,12}"), 1..4),
    ) {
        let mut text = Plan::CEC_PAC.to_owned();
        for (start, length, put) in cuts {
            let start = text.floor_char_boundary(start.index(text.len()));
            let end = text.floor_char_boundary(text.len().min(start + length));
            text.replace_range(start..end, &put);
        }
        if let Err(error) = Plan::parse("damaged.toml", &text) {
            prop_assert!(!error.problems.is_empty());
            let lines = text.split('\n').count();
            for problem in &error.problems {
                prop_assert!((1..=lines).contains(&problem.line), "{}", error);
                prop_assert!(!problem.message.contains(char::is_control), "{}", error);
            }
        }
    }
}
