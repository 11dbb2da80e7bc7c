//! The command that ends sessions: what it is given, and each way in which it fails.

use std::time::Duration;

use workers::{OpenSessions, SessionCommand, SessionsError};

fn command(text: &str) -> SessionCommand {
    text.parse().unwrap()
}

fn addresses(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("maria.rossi{number}@postacertificata.example")).collect()
}

#[tokio::test]
async fn a_command_gets_every_address_on_a_line_of_its_own_and_no_shell_reads_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("$HOME;told");
    let addresses = addresses(10_000);
    command(&format!("/usr/bin/tee {}", file.display())).end(&addresses).await.unwrap();
    let told = std::fs::read_to_string(file).unwrap();
    assert_eq!(told.lines().collect::<Vec<_>>(), addresses);
}

#[tokio::test]
async fn a_command_that_does_not_end_well_says_how_and_names_nobody() {
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
    // One that needs no more than it has read is content.
    command("/bin/true").end(&addresses).await.unwrap();
}

#[test]
fn a_command_is_written_with_its_whole_path() {
    for text in ["", "end-sessions", "./end-sessions -c x"] {
        let problem = text.parse::<SessionCommand>().unwrap_err();
        assert!(problem.contains("absolute path"), "{text}: {problem}");
    }
    assert_eq!(command("/bin/end  -c   x").to_string(), "/bin/end -c x");
}
