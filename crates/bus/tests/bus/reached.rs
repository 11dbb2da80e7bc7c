use std::time::{Duration, Instant};

use bus::{Connection, Error, Login, NatsOptions};
use secrecy::SecretString;

use crate::given::{options, queue};
use crate::server::{Server, free_port};

const PASSWORD: &str = "sunset-7";

async fn guarded() -> Server {
    Server::start(&["--user", "tramonto", "--pass", PASSWORD]).await
}

fn with_user(server: &Server, user: &str) -> String {
    server.url().replace("nats://", &format!("nats://{user}@"))
}

#[tokio::test]
async fn a_password_is_accepted_however_it_is_given() {
    let server = guarded().await;
    let programme = options(&server).programme;
    let in_url = with_user(&server, &format!("tramonto:{PASSWORD}"));
    let in_url = NatsOptions::new(&in_url, programme.clone());
    let mut apart = NatsOptions::new(&with_user(&server, "other"), programme);
    let (user, password) = ("tramonto".to_owned(), SecretString::from(PASSWORD));
    apart.login = Login::User { user, password };
    for options in [in_url, apart] {
        queue(&Connection::open(&options).await.unwrap()).await;
        assert!(!format!("{options:?}").contains(PASSWORD));
    }
}

#[tokio::test]
async fn a_refused_login_is_an_error_without_secrets() {
    let server = guarded().await;
    let wrong = format!("not-{PASSWORD}");
    let in_url = with_user(&server, &format!("tramonto:{wrong}"));
    let mut broken = options(&server);
    broken.urls = vec![SecretString::from(format!("nats://tramonto:{wrong}@[::"))];
    let mut token = options(&server);
    token.login = Login::Token(SecretString::from(wrong.clone()));
    let mut missing = options(&server);
    missing.login = Login::CredentialsFile("/nowhere/at.creds".into());
    let mut nobody = options(&server);
    nobody.login = Login::User { user: String::new(), password: SecretString::from(wrong.clone()) };
    let in_url = NatsOptions::new(&in_url, options(&server).programme);
    for options in [in_url, broken, token, missing, nobody] {
        let error = Connection::open(&options).await.err().unwrap();
        assert!(matches!(error, Error::Refused { .. }) && !error.may_retry(), "{error}");
        assert!(!error.to_string().contains(&wrong), "{error}");
        assert!(!format!("{error:?}").contains(&wrong), "{error:?}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_reported_within_a_bound() {
    let url = format!("nats://127.0.0.1:{}", free_port());
    let mut options = NatsOptions::new(&url, "cec-pac".parse().unwrap());
    options.connect_within = Duration::from_secs(1);
    let begun = Instant::now();
    let error = Connection::open(&options).await.err().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert!(matches!(error, Error::Unavailable { .. }) && error.may_retry(), "{error}");
    let told = error.to_string();
    assert!(told.contains("127.0.0.1") && told.contains("start nats-server"), "{told}");
}

#[tokio::test]
async fn a_server_without_jetstream_is_reported_as_such() {
    let server = Server::start(&["--jetstream=false"]).await;
    let connection = Connection::open(&options(&server)).await.unwrap();
    let opened = bus::JetStreamMirror::open(&connection).await;
    let told = opened.err().unwrap().to_string();
    assert!(told.contains("JetStream does not answer; enable it"), "{told}");
}
