//! The command that ends sessions: its input, and its failures.

use std::time::Duration;

use workers::{OpenSessions, SessionCommand, SessionsError};

fn command(text: &str) -> SessionCommand {
    text.parse().unwrap()
}

fn addresses(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("maria.rossi{number}@postacertificata.example")).collect()
}

#[tokio::test]
async fn a_command_reads_one_address_a_line_and_no_shell_is_involved() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("$HOME;told");
    let addresses = addresses(10_000);
    command(&format!("/usr/bin/tee {}", file.display())).end(&addresses).await.unwrap();
    let told = std::fs::read_to_string(file).unwrap();
    assert_eq!(told.lines().collect::<Vec<_>>(), addresses);
}

#[tokio::test]
async fn a_failed_command_names_its_failure_and_no_address() {
    let addresses = addresses(10_000);
    let endless = command("/bin/sleep 3600").within(Duration::from_millis(50));
    for (command, told) in [
        (command("/nowhere/end-sessions"), "cannot start /nowhere/end-sessions"),
        (command("/bin/false"), "exited with exit status: 1"),
        (endless, "did not exit within"),
    ] {
        let error: SessionsError = command.end(&addresses).await.unwrap_err();
        let error = error.to_string();
        assert!(error.contains(told) && !error.contains('@'), "{command}: {error}");
    }
    // A command may stop reading early and succeed.
    command("/bin/true").end(&addresses).await.unwrap();
}

#[test]
fn a_command_needs_an_absolute_path() {
    for text in ["", "end-sessions", "./end-sessions -c x"] {
        let problem = text.parse::<SessionCommand>().unwrap_err();
        assert!(problem.contains("absolute path"), "{text}: {problem}");
    }
    assert_eq!(command("/bin/end  -c   x").to_string(), "/bin/end -c x");
}
