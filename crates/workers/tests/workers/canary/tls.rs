//! No password is sent in clear where TLS is required, whatever the server does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use domain::{Plan, ProbeAnswer, Transcript};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use workers::canary::{Canary, ProbeEndpoints, ProbeSettings};

use crate::canary::world::{CANARY, PASSWORD, utc};

/// A submission server that answers to `STARTTLS` like this, and goes on in TLS where that is a
/// 220.
struct Submission {
    address: SocketAddr,
    authority: String,
    _task: JoinSet<()>,
}

impl Submission {
    async fn start(answer: &'static str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let authority = made.cert.pem();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut clear = BufReader::new(stream);
                clear.write_all(b"220 hello\r\n").await.unwrap();
                if !converse(&mut clear, answer).await || !answer.starts_with("220") {
                    continue;
                }
                if let Ok(secured) = acceptor.accept(clear.into_inner()).await {
                    converse(&mut BufReader::new(secured), "503 twice").await;
                }
            }
        });
        Self { address, authority, _task: task }
    }

    /// The findings of a probe that trusts this server's authority, or the system's only.
    async fn probed(&self, trusting: bool) -> (ProbeAnswer, Transcript) {
        let url = format!("smtp://{}?tls=required", self.address).parse().unwrap();
        let settings = ProbeSettings {
            submission: Some(&url),
            password: Some(PASSWORD.to_owned().into()),
            root: trusting.then_some(self.authority.as_bytes()),
            timeout: Duration::from_mins(1),
            ..ProbeSettings::default()
        };
        let endpoints = ProbeEndpoints::new(settings).unwrap().unwrap();
        let canary = Canary { address: CANARY.to_owned(), recipient: CANARY.to_owned() };
        let refusals = Plan::cec_pac().unwrap().refusals;
        let now = || utc("2015-03-17T23:00:01Z");
        let mut seen = endpoints.probe(&canary, &refusals, &now).await;
        (seen.found.remove(0).2, seen.transcripts.remove(0))
    }
}

/// Serves until `STARTTLS` (true), or until the client is gone.
async fn converse<S>(stream: &mut BufReader<S>, starttls: &str) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        let answer = match line.trim_end() {
            "STARTTLS" => starttls,
            auth if auth.starts_with("AUTH") => "235 2.7.0 welcome",
            _ => "250 2.0.0 Ok",
        };
        if stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_err() {
            return false;
        }
        if line.starts_with("STARTTLS") {
            return true;
        }
        line.clear();
    }
    false
}

#[tokio::test]
async fn the_password_is_sent_over_tls_only() {
    let unknown = |cause: &str| ProbeAnswer::Unknown(cause.to_owned());
    for (answer, trusting, expected) in [
        ("220 2.0.0 go on", true, ProbeAnswer::Allowed),
        ("220 2.0.0 go on", false, unknown("tls")),
        ("502 5.5.1 what is that", true, unknown("starttls-502")),
        // Bytes received in clear would count as encrypted.
        ("220 2.0.0 go on\r\n235 2.7.0 welcome", true, unknown("spoke-before-tls")),
    ] {
        let server = Submission::start(answer).await;
        let (found, transcript) = server.probed(trusting).await;
        assert_eq!(found, expected, "{answer}, trusting: {trusting}: {transcript:#?}");
        let said = |text: &str| transcript.lines.iter().position(|line| line.starts_with(text));
        match said("> AUTH PLAIN (hidden)") {
            Some(login) => assert!(said("* TLS").is_some_and(|tls| tls < login), "{transcript:#?}"),
            None => assert_ne!(found, ProbeAnswer::Allowed),
        }
    }
}
