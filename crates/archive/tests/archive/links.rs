//! Links: what they serve, to whom, until when.

use std::fs;

use archive::Access;
use domain::{Event, ExportAccess, Requester};
use tokio::net::TcpListener;

use crate::world::{ANNA, ANNA_IS, World, origin};

async fn outcomes(world: &World) -> Vec<ExportAccess> {
    let events = world.events().await.into_iter().filter_map(|event| {
        let Event::LogExportAccessed(event) = event else { return None };
        Some(event.outcome)
    });
    events.collect()
}

#[tokio::test]
async fn a_link_serves_the_holder_only_and_each_access_is_an_event() {
    let world = World::new().await;
    let request = world.verified(Requester::Holder).await;
    let ready = world.prepare(request).await.unwrap();
    let looked = world.archive.check_link(&ready.secret).await.unwrap();
    assert!(matches!(looked, Access::Ready { asks_holder: true }), "{looked:?}");
    let wrong = world.archive.serve(&ready.secret, "VRDBRN80A01H501W").await.unwrap();
    assert!(matches!(wrong, Access::NotTheHolder), "{wrong:?}");
    let right = world.archive.serve(&ready.secret, "rssnna85t50a562x ").await.unwrap();
    assert!(matches!(right, Access::Export(_)), "{right:?}");
    use ExportAccess::{Delivered, NotTheHolder, Viewed};
    assert_eq!(outcomes(&world).await, [Viewed, NotTheHolder, Delivered]);
    let mut other = ready.secret.clone();
    other.replace_range(0..1, if ready.secret.starts_with('A') { "B" } else { "A" });
    for unknown in [other.as_str(), "", "x"] {
        let opened = world.archive.serve(unknown, ANNA_IS).await.unwrap();
        assert!(matches!(opened, Access::Unknown), "{opened:?}");
    }
    assert_eq!(outcomes(&world).await.len(), 3, "an unknown link records nothing");
}

#[tokio::test]
async fn too_many_failed_attempts_lock_a_link() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    for _ in 0..5 {
        world.archive.serve(&ready.secret, "X").await.unwrap();
    }
    let right = world.archive.serve(&ready.secret, ANNA_IS).await.unwrap();
    assert!(matches!(right, Access::NotTheHolder), "{right:?}");
}

#[tokio::test]
async fn a_link_expires_at_its_instant_and_its_export_is_deleted() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Authority).await).await.unwrap();
    world.at("2016-06-01T09:59:59Z");
    let last = world.archive.serve(&ready.secret, "").await.unwrap();
    assert!(matches!(last, Access::Export(_)), "an authority needs no codice fiscale");
    world.at("2016-06-01T10:00:00Z");
    let late = world.archive.serve(&ready.secret, "").await.unwrap();
    assert!(matches!(late, Access::Expired), "{late:?}");
    assert_eq!(world.archive.remaining(&[]).await.unwrap().exports, 1);
    assert_eq!(world.archive.expire(&origin()).await.unwrap().len(), 1);
    assert_eq!(world.archive.remaining(&[]).await.unwrap().exports, 0);
    let late = world.archive.check_link(&ready.secret).await.unwrap();
    assert!(matches!(late, Access::Expired), "{late:?}");
    assert_eq!(outcomes(&world).await.last(), Some(&ExportAccess::Expired));
}

#[tokio::test]
async fn a_new_link_replaces_the_previous_one() {
    let world = World::new().await;
    let request = world.verified(Requester::Holder).await;
    let (old, new) = (world.prepare(request).await.unwrap(), world.prepare(request).await.unwrap());
    let opened = world.archive.serve(&old.secret, ANNA_IS).await.unwrap();
    assert!(matches!(opened, Access::Unknown), "{opened:?}");
    let opened = world.archive.serve(&new.secret, ANNA_IS).await.unwrap();
    assert!(matches!(opened, Access::Export(_)), "{opened:?}");
}

#[tokio::test]
async fn a_changed_or_lost_export_is_not_served() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    let file = world.folder.path().join(format!("exports/{}.zip", ready.prepared.request));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode =
            |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    }
    for damage in [fs::write(&file, b"other").is_ok(), fs::remove_file(&file).is_ok()] {
        assert!(damage);
        let opened = world.archive.serve(&ready.secret, ANNA_IS).await.unwrap();
        assert!(matches!(opened, Access::Missing), "{opened:?}");
    }
    assert_eq!(outcomes(&world).await, [ExportAccess::Missing, ExportAccess::Missing]);
}

#[tokio::test]
async fn neither_database_nor_log_contains_a_link_or_a_name() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    for file in world.files().iter().filter(|file| file.to_string_lossy().contains("archive.db")) {
        let bytes = fs::read(file).unwrap();
        for secret in [ready.secret.as_str(), ANNA_IS] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
        }
    }
    let events = format!("{:?}", world.events().await);
    for private in [ready.secret.as_str(), ANNA, ANNA_IS, "Domanda"] {
        assert!(!events.contains(private), "{private}");
    }
}

#[tokio::test]
async fn the_portal_serves_a_page_then_the_file_and_nothing_is_cached() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let pages = archive::portal(world.archive.clone());
    let serving = tokio::spawn(async move { axum::serve(listener, pages).await });
    // The client requires a TLS provider, though nothing here is encrypted.
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::new();
    let url = format!("{base}/logs/{}", ready.secret);
    let page = client.get(&url).send().await.unwrap();
    assert_eq!(page.status(), 200);
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(page.headers().get(name).unwrap(), value);
    }
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'none'")
    );
    let text = page.text().await.unwrap();
    assert!(text.contains("<form method=\"post\">") && !text.contains(ANNA), "{text}");
    let post = |code: &str| client.post(&url).body(format!("codice_fiscale={code}")).send();
    assert_eq!(post("SBAGLIATO").await.unwrap().status(), 403);
    let file = post(ANNA_IS).await.unwrap();
    assert_eq!(
        (file.status(), &file.headers()["content-type"]),
        (200.try_into().unwrap(), &"application/zip".parse().unwrap())
    );
    assert_eq!(archive_of(&file.bytes().await.unwrap()), ready.prepared.sha256);
    let mut statuses = Vec::new();
    for number in 0..70 {
        let wrong = client.get(format!("{base}/logs/{number}")).send().await.unwrap();
        statuses.push(wrong.status().as_u16());
    }
    assert_eq!((statuses[0], statuses[69]), (404, 429));
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200, "a valid link always opens");
    assert_eq!(post(&"x".repeat(5_000)).await.unwrap().status(), 413);
    serving.abort();
}

fn archive_of(bytes: &[u8]) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn only_expired_exports_are_deleted() {
    let world = World::new().await;
    let over = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    world.at("2016-05-20T10:00:00Z");
    let open = world.prepare(world.verified(Requester::Authority).await).await.unwrap();
    let folder = world.archive.folder();
    let half = folder.join(".tmpwritten");
    fs::write(&half, "half of an export").unwrap();
    let here =
        |ready: &archive::Ready| folder.join(format!("{}.zip", ready.prepared.request)).is_file();
    let journal = world.archive.journal();
    assert_eq!(archive::delete_expired(journal, folder).await.unwrap(), 0);
    // The expiry is recorded, by any process.
    world.at("2016-06-01T10:00:00Z");
    world.archive.decide(domain::LogCommand::Expire, &origin()).await.unwrap();
    assert_eq!(archive::delete_expired(journal, folder).await.unwrap(), 1);
    assert!(!here(&over) && here(&open));
    assert!(half.is_file(), "a file that may still be written stays");
    let before = "2016-06-01T08:59:59Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    fs::File::options().write(true).open(&half).unwrap().set_modified(before.into()).unwrap();
    assert_eq!(archive::delete_expired(journal, folder).await.unwrap(), 1);
    assert!(!half.exists() && here(&open), "what a crash left half written goes");
    assert_eq!(archive::delete_expired(journal, &folder.join("none")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_letter_gets_a_new_link_only_while_the_export_is_ready() {
    let world = World::new().await;
    let request = world.verified(Requester::Holder).await;
    let relink = async || world.archive.relink(request, &crate::world::anna()).await.unwrap();
    assert_eq!(relink().await, None);
    world.prepare(request).await.unwrap();
    assert_eq!(relink().await, None, "a letter that waited ends no link that was shown");
    let (who, index, by) = (crate::world::anna(), world.archive.index(), origin());
    let terms = archive::Terms { by_letter: true, ..crate::world::SHOWN };
    let ready = world.archive.prepare(request, &who, index, terms, &by).await.unwrap();
    let secret = relink().await.unwrap();
    let opened = world.archive.serve(&ready.secret, ANNA_IS).await.unwrap();
    assert!(matches!(opened, Access::Unknown), "{opened:?}");
    let opened = world.archive.serve(&secret, ANNA_IS).await.unwrap();
    assert!(matches!(opened, Access::Export(_)), "{opened:?}");
    world.at("2016-06-01T10:00:00Z");
    let late = world.archive.check_link(&secret).await.unwrap();
    assert!(matches!(late, Access::Expired), "its time is that of its export: {late:?}");
    world.archive.expire(&origin()).await.unwrap();
    assert_eq!(relink().await, None);
}

#[tokio::test]
async fn concurrent_guesses_are_limited_too() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    let mut guesses = tokio::task::JoinSet::new();
    for guess in 0..20 {
        let (archive, secret) = (std::sync::Arc::clone(&world.archive), ready.secret.clone());
        let said = if guess == 19 { ANNA_IS } else { "VRDBRN80A01A562X" };
        guesses.spawn(async move { archive.serve(&secret, said).await.unwrap() });
    }
    let answers = guesses.join_all().await;
    assert!(answers.iter().all(|answer| matches!(answer, Access::NotTheHolder)), "{answers:?}");
}
