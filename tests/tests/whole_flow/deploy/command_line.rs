//! The command line of the engine itself, parsed in this process: what it accepts may be written in
//! `deploy/`.

use std::collections::BTreeMap;
use std::time::Duration;

use tramonto::cli::Cli;

/// An option as its help shows it.
#[derive(Debug)]
struct Shown {
    flag: String,
    variable: Option<String>,
    default: Option<String>,
}

fn help(command: &str) -> String {
    let words = ["tramonto"].into_iter().chain(command.split(' ')).chain(["--help"]);
    let told = Cli::read(words).unwrap_err().to_string();
    let usage = format!("Usage: tramonto {command} ");
    assert!(told.contains(&usage), "`tramonto {command}` is no command: {told}");
    told
}

fn shown(command: &str) -> Vec<Shown> {
    let help = help(command);
    let mut entries: Vec<String> = Vec::new();
    for line in help.lines() {
        let line = line.trim();
        if line.starts_with("--") || line.starts_with("-h,") {
            entries.push(line.to_owned());
        } else if let (Some(entry), false) = (entries.last_mut(), line.is_empty()) {
            entry.push(' ');
            entry.push_str(line);
        }
    }
    let after = |entry: &str, mark: &str, ends: [char; 2]| {
        let rest = entry.split_once(mark)?.1.trim_start();
        rest.split(ends).next().map(str::to_owned)
    };
    let entry = |entry: String| Shown {
        flag: entry.split(' ').next().unwrap().to_owned(),
        variable: after(&entry, "[env:", ['=', ']']),
        default: after(&entry, "[default:", [']', ']']),
    };
    entries.into_iter().map(entry).collect()
}

/// The default shutdown timeout of a service.
pub(crate) fn stop_within() -> Duration {
    let options = shown("service worker");
    let option = options.iter().find(|option| option.flag == "--stop-within").unwrap();
    Duration::from_secs(option.default.as_ref().unwrap().parse().unwrap())
}

/// The engine accepts this command line with these variables. They are passed as the equivalent
/// flags, since a test has no environment of its own; a variable unknown to the command fails here.
pub(crate) fn assert_taken(arguments: &[String], variables: &BTreeMap<String, String>) {
    let words = arguments.iter().map(String::as_str).take_while(|word| !word.starts_with('-'));
    let command = words.collect::<Vec<_>>().join(" ");
    let options = shown(&command);
    let mut line = vec!["tramonto".to_owned()];
    line.extend(arguments.iter().cloned());
    for (name, value) in variables {
        let stands_for = options.iter().find(|option| option.variable.as_ref() == Some(name));
        let Some(option) = stands_for else {
            panic!("`tramonto {command}` does not know the variable {name}")
        };
        line.push(format!("{}={value}", option.flag));
    }
    if let Err(refused) = Cli::read(&line) {
        panic!("{line:?} is refused: {refused}");
    }
}

/// No variable contains a secret, only the path of a file with one.
pub(crate) fn assert_no_secret<'a>(names: impl IntoIterator<Item = &'a String>) {
    for name in names {
        let secret = ["PASSWORD", "TOKEN", "SECRET", "KEY"].iter().any(|word| name.contains(word));
        assert!(!secret || name.ends_with("_FILE"), "{name} holds a secret; name its file instead");
    }
}

#[test]
fn an_unknown_variable_or_flag_is_detected() {
    let refused = |arguments: &[&str], name: &str, value: &str| {
        let arguments: Vec<_> = arguments.iter().map(|&text| text.to_owned()).collect();
        let variables = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        std::panic::catch_unwind(|| assert_taken(&arguments, &variables)).is_err()
    };
    assert!(!refused(&["service", "worker", "--log-json"], "TRAMONTO_LISTEN", "0.0.0.0:9464"));
    assert!(refused(&["service", "worker", "--log-jsn"], "TRAMONTO_LISTEN", "0.0.0.0:9464"));
    assert!(refused(&["service", "worker", "--log-json"], "TRAMONTO_LISTEN", "everywhere"));
    assert!(refused(&["service", "worker", "--log-json"], "TRAMONTO_LISTENS", "0.0.0.0:9464"));
    assert!(refused(&["store", "migrate"], "TRAMONTO_LISTEN", "0.0.0.0:9464"));
    assert!(refused(&["labourer"], "TRAMONTO_STORE", "here"));
}
