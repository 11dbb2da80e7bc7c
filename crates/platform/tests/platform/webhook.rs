//! A provider that fails in every way: no mailbox fails permanently for it, nothing is done twice,
//! and no personal data is sent.

use std::sync::Arc;
use std::time::Duration;

use domain::Capability;
use platform::webhook::{Secrets, Settings};
use platform::{Cause, EffectKey, Error, Platform, Right, SetRights, Webhook};
use serde_json::{Value, json};

use crate::contract::home::{self, set};
use crate::raw::{self, Act, Message, Scripted};
use crate::receiver::{Addressed, Real, Receiver, SECRET};

fn address(number: u32) -> String {
    format!("maria.rossi{number}@pec.example")
}

fn close(numbers: impl IntoIterator<Item = u32>) -> SetRights {
    SetRights { decided_at: 7, ..home::close(numbers) }
}

/// Short timeouts, and no wait for recovery.
fn settings(url: &str) -> Settings {
    let mut settings = Settings::new(url.parse().unwrap(), Secrets::parse(SECRET).unwrap());
    settings.private = true;
    settings.requests = 1;
    settings.waits.recovery = Duration::ZERO;
    settings
}

fn webhook(settings: Settings) -> Result<Webhook, Error> {
    let programme = "cec-pac".parse().unwrap();
    Webhook::new(programme, settings, Arc::new(Addressed(address)), Arc::new(Real))
}

async fn scripted(acts: impl IntoIterator<Item = Act>) -> (Scripted, Webhook) {
    let provider = Scripted::new(acts).await;
    let mut settings = settings(&format!("http://{}/tramonto", provider.address));
    settings.batch = 2;
    let platform = webhook(settings).unwrap();
    (provider, platform)
}

fn say(status: &str, headers: &str, body: &str) -> Act {
    Act::Say(Message::answer(status, headers, body))
}

fn results(outcomes: impl IntoIterator<Item = (u32, &'static str)>) -> Act {
    let result = |(number, outcome)| json!({ "number": number, "outcome": outcome });
    let results: Vec<Value> = outcomes.into_iter().map(result).collect();
    say("200 OK", "", &json!({ "results": results }).to_string())
}

/// The error with all its sources, as in a log.
fn told(error: &Error) -> String {
    let told = format!("{error} {error:?}");
    assert!(!told.contains("rossi") && !told.contains("MfKQ"), "{told}");
    told
}

#[tokio::test]
async fn a_failed_request_fails_no_mailbox_permanently_and_has_a_next_step() {
    let elsewhere = Scripted::new([results([(1, "applied")])]).await;
    let location = format!("location: http://{}/rights\r\n", elsewhere.address);
    let whole = Message::answer("200 OK", "", &json!({ "results": [] }).to_string());
    let half = Message { body: whole.body[..5].to_vec(), ..whole.clone() };
    let strange = r#"{"results": [{"number": "maria.rossi1@pec.example"}]}"#;
    let table = [
        (
            "500",
            say("500 Oh", "", "maria.rossi1@pec.example"),
            "platform-unavailable",
            "contact its provider",
        ),
        ("503", say("503 No", "retry-after: 1\r\n", ""), "platform-unavailable", "status 503"),
        ("429", say("429 Slow", "retry-after: 60\r\n", ""), "rate-limited", "paused"),
        ("401", say("401 No", "", ""), "signature-refused", "compare the secret"),
        ("403", say("403 No", "", ""), "signature-refused", "both clocks"),
        ("404", say("404 No", "", ""), "platform-gone", "the URL of --platform"),
        ("413", say("413 No", "", ""), "platform-unavailable", "lower --platform-batch"),
        ("301", say("301 Moved", &location, ""), "platform-gone", "never followed"),
        ("307", say("307 Moved", &location, ""), "platform-gone", "never followed"),
        ("204", say("204 Done", "", ""), "platform-unavailable", "status 204"),
        (
            "garbage",
            say("200 OK", "", "<html>maria.rossi1</html>"),
            "unclear-answer",
            "openapi.json",
        ),
        ("other JSON", say("200 OK", "", strange), "unclear-answer", "at line 1"),
        ("half an answer", Act::Say(half), "platform-unavailable", "closed the connection"),
        ("reset", Act::Reset, "platform-unavailable", "closed the connection"),
        ("endless", Act::Endless, "unclear-answer", "after 16777216 bytes"),
    ];
    for (name, act, cause, advice) in table {
        let (provider, platform) = scripted([act]).await;
        let error = platform.set(&close([1, 2])).await.unwrap_err();
        let told = told(&error);
        assert!(error.may_retry() && told.contains(advice), "{name}: {told}");
        assert_eq!(error.cause().as_str(), cause, "{name}");
        assert_eq!(
            provider.requests().len(),
            1,
            "{name}: the caller decides when it is tried again"
        );
    }
    assert!(elsewhere.requests().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn the_wait_for_a_silent_or_slow_provider_is_bounded() {
    let whole = Message::answer("200 OK", "", &" ".repeat(10_000));
    for act in [Act::Silence, Act::Trickle(whole)] {
        let provider = Scripted::new([act]).await;
        let mut settings = settings(&format!("http://{}", provider.address));
        settings.waits.request = Duration::from_millis(300);
        let platform = webhook(settings).unwrap();
        let error = platform.set(&close([1])).await.unwrap_err();
        assert!(error.may_retry() && told(&error).contains("did not answer in time"), "{error}");
        let error = platform.read(&set([1]), Capability::Send.into()).await.unwrap_err();
        assert!(error.may_retry() && told(&error).contains("did not answer in time"), "{error}");
    }
}

#[tokio::test]
async fn a_request_that_is_wrong_is_refused_for_good() {
    for status in ["400 Bad", "422 Worse"] {
        let (_provider, platform) = scripted([say(status, "", "maria.rossi1@pec.example")]).await;
        let error = platform.set(&close([1])).await.unwrap_err();
        assert!(!error.may_retry() && told(&error).contains("rejects the request as invalid"));
    }
}

#[tokio::test]
async fn a_missing_mailbox_is_not_done_and_a_lost_batch_uses_up_no_attempt() {
    let acts = [
        results([(1, "applied")]),
        say("500 Oh", "", ""),
        results([(5, "already-so"), (6, "refused"), (1, "applied")]),
    ];
    let (provider, platform) = scripted(acts).await;
    let call = close(1..=6);
    let answer = platform.set(&call).await.unwrap();
    assert!(answer.is_partition_of(&call.mailboxes), "{answer:?}");
    assert_eq!((&answer.applied, &answer.already_so), (&set([1]), &set([5])));
    let failed: Vec<_> = answer
        .failed
        .iter()
        .map(|failure| (failure.cause.as_str(), failure.transient, failure.mailboxes.clone()))
        .collect();
    assert!(failed.contains(&("no-answer", true, set([2]))), "{failed:?}");
    assert!(failed.contains(&(Cause::UNAVAILABLE.as_str(), true, set([3, 4]))), "{failed:?}");
    assert!(failed.contains(&("provider-failure", false, set([6]))), "{failed:?}");
    assert_eq!(provider.requests().len(), 3);
}

#[tokio::test]
async fn the_breaker_opens_for_a_failing_or_busy_provider() {
    let (provider, platform) = scripted([say("429 Slow", "retry-after: 60\r\n", "")]).await;
    platform.set(&close([1])).await.unwrap_err();
    let error = platform.set(&close([1])).await.unwrap_err();
    assert!(error.may_retry() && told(&error).contains("not called for a while"), "{error}");
    assert_eq!(provider.requests().len(), 1);

    let (provider, platform) = scripted([say("500 Oh", "", "")]).await;
    for _ in 0..20 {
        let error = platform.set(&close([1])).await.unwrap_err();
        assert_eq!((error.may_retry(), error.cause()), (true, &Cause::UNAVAILABLE));
    }
    assert_eq!(provider.requests().len(), 5, "five failures in a row are enough");
}

#[tokio::test]
async fn a_waiting_call_is_made_as_soon_as_the_provider_is_back() {
    let mut acts = vec![say("500 Oh", "", ""); 6];
    acts.push(results([(1, "applied")]));
    let provider = Scripted::new(acts).await;
    let mut settings = settings(&format!("http://{}", provider.address));
    settings.waits.recovery = Duration::from_mins(1);
    let platform = webhook(settings).unwrap();
    for _ in 0..6 {
        platform.set(&close([1])).await.unwrap_err();
    }
    // The breaker is open: the call waits for its turn as the next probe, and closes it.
    assert_eq!(platform.set(&close([1])).await.unwrap().applied, set([1]));
}

#[tokio::test]
async fn the_same_decision_has_the_same_names_and_is_signed_anew() {
    let (provider, platform) = scripted([results([(1, "applied"), (2, "applied")])]).await;
    let later = SetRights { decided_at: 8, ..close([1, 2]) };
    for call in [close([1, 2]), close([1, 2]), later] {
        platform.set(&call).await.unwrap();
    }
    let [first, again, later] = &provider.requests()[..] else { panic!("three requests") };
    let names = |request: &Message| {
        ["idempotency-key", "webhook-id"].map(|name| request.header(name).unwrap())
    };
    assert_eq!(
        (first.path(), names(first), &first.body),
        (again.path(), names(again), &again.body)
    );
    assert_eq!(first.path(), "/tramonto/rights");
    assert!(names(first).iter().zip(names(later)).all(|(one, other)| *one != other));
    for request in [first, again, later] {
        let signature = request.header("webhook-signature").unwrap();
        assert!(signature.starts_with("v1,"), "{signature}");
        assert!(
            request.header("webhook-timestamp").unwrap().parse::<i64>().unwrap() > 1_700_000_000
        );
    }
}

#[tokio::test]
async fn a_receiver_takes_no_signature_but_by_its_own_secret_whichever_of_several_that_is() {
    let receiver = Receiver::start().await;
    receiver.provision(&[(1, address(1))]).await;
    let other = "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcg==";
    let with = |secrets: &str| {
        let mut settings = receiver.settings();
        settings.secrets = Secrets::parse(secrets).unwrap();
        webhook(settings).unwrap()
    };
    let error = with(other).set(&close([1])).await.unwrap_err();
    assert!(error.may_retry() && told(&error).contains("compare the secret"), "{error}");
    assert_eq!(receiver.count("SELECT sum(changes) FROM mailbox").await, 0);
    let both = with(&format!("{other}\n{SECRET}"));
    assert_eq!(both.set(&close([1])).await.unwrap().applied, set([1]));
}

#[tokio::test]
async fn an_inner_address_is_refused_when_it_is_connected_to_unless_it_is_allowed() {
    let provider = Scripted::new([results([(1, "applied")])]).await;
    let port = provider.address.port();
    for url in [format!("http://127.0.0.1:{port}"), format!("https://127.0.0.1:{port}")] {
        let mut settings = settings(&url);
        settings.private = false;
        let error = webhook(settings).map(drop).unwrap_err();
        assert!(told(&error).contains("--platform-private"), "{error}");
    }
    // A name can resolve to any address, and to another one later.
    let mut inside = settings(&format!("https://localhost:{port}"));
    inside.private = false;
    let platform = webhook(inside).unwrap();
    let error = platform.set(&close([1])).await.unwrap_err();
    assert!(error.may_retry() && told(&error).contains("private network"), "{error}");
    assert!(provider.requests().is_empty());
    let allowed = webhook(settings(&format!("http://localhost:{port}"))).unwrap();
    assert_eq!(allowed.set(&close([1])).await.unwrap().applied, set([1]));
}

/// A self-signed certificate for this machine, and its key.
fn certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let params = rcgen::CertificateParams::new(names).unwrap();
    let certificate = params.self_signed(&key).unwrap().pem();
    (certificate.clone(), format!("{certificate}{}", key.serialize_pem()))
}

#[tokio::test]
async fn a_certificate_is_trusted_only_by_who_was_told_of_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, both) = certificate();
    let (trusted, served) = (folder.path().join("ca.pem"), folder.path().join("server.pem"));
    std::fs::write(&trusted, authority).unwrap();
    std::fs::write(&served, both).unwrap();
    let receiver = Receiver::start_with(folder, Some(&served)).await;
    receiver.provision(&[(1, address(1))]).await;
    let mut settings = receiver.settings();
    assert!(settings.endpoint.to_string().starts_with("https://"));
    let error = webhook(settings.clone()).unwrap().set(&close([1])).await.unwrap_err();
    assert!(error.may_retry() && told(&error).contains("unreachable or not trusted"), "{error}");
    settings.root_certificate = Some(trusted);
    assert_eq!(
        webhook(settings.clone()).unwrap().set(&close([1])).await.unwrap().applied,
        set([1])
    );
    settings.root_certificate = Some("no-such-file.pem".into());
    let error = webhook(settings).map(drop).unwrap_err();
    assert!(told(&error).contains("no-such-file.pem"), "{error}");
}

/// `deploy/webhook/openapi.json`, and its schemas as one document of JSON Schema.
fn document() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/webhook/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn schema(name: &str) -> jsonschema::Validator {
    let mut document = document();
    let components = document["components"].take();
    let reference = format!("#/components/schemas/{name}");
    jsonschema::draft202012::new(&json!({ "$ref": reference, "components": components })).unwrap()
}

fn fits(name: &str, body: &[u8]) {
    let body: Value = serde_json::from_slice(body).unwrap();
    let problems: Vec<String> =
        schema(name).iter_errors(&body).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{name}: {problems:?} in {body}");
}

/// Forwards a request to the receiver and its response back, and stores both.
async fn passed_on(receiver: &Receiver, request: &Message) -> Message {
    let place = receiver.settings().endpoint.to_string();
    let place = place.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut stream = tokio::net::TcpStream::connect(place).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &request.bytes()).await.unwrap();
    raw::read(&mut stream).await.unwrap()
}

#[tokio::test]
async fn messages_conform_to_the_document() {
    let receiver = Receiver::start().await;
    let rows: Vec<_> = (0..5).map(|number| (number, address(number))).collect();
    receiver.provision(&rows).await;
    // The requests are intercepted, and repeated by hand.
    let (provider, platform) = scripted([say("503 No", "", "")]).await;
    let until = |text: &str| Right::Until(text.parse().unwrap());
    let calls = [
        close([1, 2]),
        SetRights { right: Right::Allowed, decided_at: 9, ..close([2, 7]) },
        SetRights { right: until("2999-03-17T23:00:00.1234567Z"), decided_at: 10, ..close([3]) },
        SetRights { key: EffectKey { phase: None, ..close([]).key }, ..close([u32::MAX]) },
    ];
    for call in &calls {
        platform.set(call).await.unwrap_err();
    }
    let (provider_of_reads, reading) = scripted([say("503 No", "", "")]).await;
    reading.read(&set([1, 3]), domain::Capabilities::OF_PLATFORM).await.unwrap_err();
    reading.known(0, 10).await.unwrap_err();
    let requests = [provider.requests(), provider_of_reads.requests()].concat();
    assert_eq!(requests.len(), 6);
    let mut outcomes = std::collections::BTreeSet::new();
    for request in requests {
        let path = request.path().trim_start_matches("/tramonto").to_owned();
        let operation = document()["paths"][&path]["post"].clone();
        let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
        let answer =
            &operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        let name =
            |reference: &Value| reference.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        fits(&name(body), &request.body);
        for parameter in operation["parameters"].as_array().unwrap() {
            let parameter = match parameter["$ref"].as_str() {
                Some(found) => document().pointer(found.trim_start_matches('#')).unwrap().clone(),
                None => parameter.clone(),
            };
            let value = request.header(parameter["name"].as_str().unwrap()).expect("a header");
            let rule = jsonschema::draft202012::new(&parameter["schema"]).unwrap();
            assert!(rule.is_valid(&json!(value)), "{}: {value}", parameter["name"]);
        }
        let head = request.head.replacen("/tramonto/", "/", 1);
        let said = passed_on(&receiver, &Message { head, ..request }).await;
        assert!(said.head.starts_with("HTTP/1.1 200"), "{path}: {}", said.head);
        fits(&name(answer), &said.body);
        let said: Value = serde_json::from_slice(&said.body).unwrap();
        for result in said["results"].as_array().into_iter().flatten() {
            outcomes.insert(result["outcome"].as_str().unwrap().to_owned());
        }
    }
    assert!(outcomes.contains("applied") && outcomes.contains("unknown-mailbox"), "{outcomes:?}");
    assert!(!schema("SetRequest").is_valid(&json!({ "programme": "cec-pac" })));
}

#[test]
fn the_document_is_valid_openapi_without_dangling_references() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(members) => members.iter().for_each(|member| references(member, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        let schema = schema(name);
        assert!(!schema.is_valid(&json!(true)) || name == "Instant", "{name} takes anything");
    }
    let mut operations = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let operation = &item["post"];
        assert!(operations.insert(operation["operationId"].as_str().unwrap()), "{path}");
        for status in ["200", "400", "401", "422", "429", "503"] {
            assert!(operation["responses"][status].is_object(), "{path} {status}");
        }
    }
}
