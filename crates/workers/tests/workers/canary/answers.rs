use std::time::Duration;

use domain::Protocol;
use workers::canary::{ProbeEndpoints, ProbeSettings};

use crate::canary::server::Mood;
use crate::canary::world::{CANARY, PASSWORD, World, causes, found, lines};

/// One second after sending has ended.
const AFTER: &str = "2015-03-17T23:00:01Z";

#[tokio::test]
async fn a_reply_counts_only_if_it_is_about_the_capability() {
    let (allowed, refused, unknown) = ("allowed", "refused", "unknown");
    // Receive, send, access, modify.
    for (mood, expected, why) in [
        (Mood::Willing, [allowed; 4], [""; 4]),
        (Mood::Ended, [refused; 4], [""; 4]),
        (
            Mood::Busy,
            [unknown; 4],
            ["rcpt-451-4.3.5", "send-451-4.3.5", "login-unavailable", "login-unavailable"],
        ),
        (
            Mood::WrongPassword,
            [allowed, unknown, unknown, unknown],
            ["", "auth-535-5.7.8", "login-authenticationfailed", "login-authenticationfailed"],
        ),
        (
            Mood::Blocking,
            [unknown; 4],
            ["rcpt-554-5.7.1", "send-554-5.7.0", "login-limit", "login-limit"],
        ),
        (
            Mood::Garbage,
            [unknown; 4],
            ["greeting-unclear", "greeting-unclear", "greeting", "greeting"],
        ),
        (Mood::EndlessLine, [unknown; 4], ["line-too-long"; 4]),
        (Mood::EndlessLines, [unknown; 4], ["too-many-lines"; 4]),
        (Mood::HangingUp, [unknown; 4], ["connection-lost"; 4]),
        (Mood::Silent, [unknown; 4], ["timeout"; 4]),
    ] {
        let world = World::at(AFTER).await;
        let server = world.server(mood.clone()).await;
        let timeout = if mood == Mood::Silent { 1 } else { 60 };
        let mut prober = world.patient(&server, Duration::from_secs(timeout));
        assert_eq!(prober.tick().await.unwrap().progress, 1, "{mood:?}");
        let log = world.log().await;
        assert_eq!(log.len(), 1, "{mood:?}");
        let one = &log[0];
        assert_eq!(found(&one.findings), expected, "{mood:?}: {one:#?}");
        assert_eq!(causes(&one.findings), why, "{mood:?}: {one:#?}");
        let size: usize =
            one.transcripts.iter().flat_map(|transcript| &transcript.lines).map(String::len).sum();
        assert!(size < 16_384, "{mood:?} made a transcript of {size} bytes");
    }
}

#[tokio::test]
async fn nobody_listens() {
    let world = World::at(AFTER).await;
    let server = world.server(Mood::Willing).await;
    let mut prober = world.prober(&server);
    drop(server);
    prober.tick().await.unwrap();
    let log = world.log().await;
    assert_eq!(causes(&log[0].findings), ["connect"; 4]);
}

#[tokio::test]
async fn a_transcript_is_exact_except_for_password_and_addresses() {
    let world = World::at(AFTER).await;
    let server = world.server(Mood::Echoing).await;
    world.prober(&server).tick().await.unwrap();
    let log = world.log().await;
    assert_eq!(
        lines(&log[0], Protocol::Submission),
        [
            "< 220 hello",
            "> EHLO [127.0.0.1]",
            "< 250-here",
            "< 250 AUTH PLAIN",
            "> AUTH PLAIN (hidden)",
            "< 235 2.7.0 Authentication successful",
            "> MAIL FROM:<canary>",
            "< 250 2.0.0 Ok",
            "> RCPT TO:<canary>",
            "< 250 2.1.5 RCPT TO:<canary> for (address)",
            "> RSET",
            "< 250 2.0.0 Ok",
            "> QUIT",
            "< 221 bye",
        ]
    );
    let imap = lines(&log[0], Protocol::Imap).join("\n");
    assert!(imap.contains("a1 OK LOGIN \"canary\" \"(hidden)\""), "{imap}");
    let told = serde_json::to_string(&log).unwrap();
    for secret in [PASSWORD, CANARY, "anna", "@"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
}

#[test]
fn wrong_settings_are_refused_with_the_correct_form() {
    let told = |smtp: Option<&str>, imap: Option<&str>, password: Option<&str>| {
        let url = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let (smtp, imap) = (url(smtp), url(imap));
        let endpoints = ProbeEndpoints::new(ProbeSettings {
            smtp: smtp.as_ref(),
            imap: imap.as_ref(),
            password: password.map(|text| text.to_owned().into()),
            ..ProbeSettings::default()
        });
        endpoints
            .map(|endpoints| endpoints.is_some())
            .map_err(|problem| problem.chars().take(60).collect())
    };
    let said = |problem: &str| Err(problem.to_owned());
    assert_eq!(told(None, None, None), Ok(false));
    assert_eq!(told(Some("smtp://mx.example"), None, None), Ok(true), "nobody logs in there");
    assert_eq!(told(None, Some("imaps://mail.example"), Some(PASSWORD)), Ok(true));
    for (problem, told) in [
        (
            "canaries have no password; name the file that holds it with ",
            told(None, Some("imap://mail.example"), None),
        ),
        (
            "canary password must have at least 8 characters of printable",
            told(None, Some("imap://a"), Some("short")),
        ),
        (
            "canary password must have at least 8 characters of printable",
            told(None, Some("imap://a"), Some("perché no?")),
        ),
        (
            "--canary-imap: expected imap://HOST[:PORT] or imaps://HOST",
            told(None, Some("smtp://a"), Some(PASSWORD)),
        ),
        (
            "--canary-imap has a user; canaries are named in the plan and",
            told(None, Some("imap://me@a"), Some(PASSWORD)),
        ),
        (
            "--canary-smtp: expected smtp://HOST[:PORT] or smtps://HOST",
            told(Some("smtp://a?tls=no"), None, None),
        ),
    ] {
        assert_eq!(told, said(problem));
    }
}
