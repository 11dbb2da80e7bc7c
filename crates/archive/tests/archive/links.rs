//! What a link opens, for whom, and until when.

use std::fs;

use archive::Opened;
use domain::{Event, ExtractAccess, Requester};
use tokio::net::TcpListener;

use crate::world::{ANNA, ANNA_IS, World, origin};

async fn outcomes(world: &World) -> Vec<ExtractAccess> {
    let events = world.events().await.into_iter().filter_map(|event| {
        let Event::LogExtractAccessed(event) = event else { return None };
        Some(event.outcome)
    });
    events.collect()
}

#[tokio::test]
async fn a_link_opens_one_holder_s_extract_to_the_holder_alone_and_each_look_is_an_event() {
    let world = World::new().await;
    let request = world.verified(Requester::Holder).await;
    let ready = world.prepare(request).await.unwrap();
    let looked = world.office.look_at(&ready.secret).await.unwrap();
    assert!(matches!(looked, Opened::Ready { asks_holder: true }), "{looked:?}");
    let wrong = world.office.hand_out(&ready.secret, "VRDBRN80A01H501W").await.unwrap();
    assert!(matches!(wrong, Opened::NotTheHolder), "{wrong:?}");
    let right = world.office.hand_out(&ready.secret, "rssnna85t50a562x ").await.unwrap();
    assert!(matches!(right, Opened::Extract(_)), "{right:?}");
    use ExtractAccess::{Delivered, Looked, NotTheHolder};
    assert_eq!(outcomes(&world).await, [Looked, NotTheHolder, Delivered]);
    let mut other = ready.secret.clone();
    other.replace_range(0..1, if ready.secret.starts_with('A') { "B" } else { "A" });
    for unknown in [other.as_str(), "", "x"] {
        let opened = world.office.hand_out(unknown, ANNA_IS).await.unwrap();
        assert!(matches!(opened, Opened::Unknown), "{opened:?}");
    }
    assert_eq!(outcomes(&world).await.len(), 3, "a link that never was is nobody's");
}

#[tokio::test]
async fn who_says_wrongly_whose_mailbox_it_is_too_often_is_locked_out() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    for _ in 0..5 {
        world.office.hand_out(&ready.secret, "X").await.unwrap();
    }
    let right = world.office.hand_out(&ready.secret, ANNA_IS).await.unwrap();
    assert!(matches!(right, Opened::NotTheHolder), "{right:?}");
}

#[tokio::test]
async fn a_link_ends_at_its_instant_and_its_extract_is_deleted() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Authority).await).await.unwrap();
    world.at("2016-06-01T09:59:59Z");
    let last = world.office.hand_out(&ready.secret, "").await.unwrap();
    assert!(matches!(last, Opened::Extract(_)), "an authority has no codice fiscale to say");
    world.at("2016-06-01T10:00:00Z");
    let late = world.office.hand_out(&ready.secret, "").await.unwrap();
    assert!(matches!(late, Opened::Late), "{late:?}");
    assert_eq!(world.office.remains(&[]).await.unwrap().extracts, 1);
    assert_eq!(world.office.expire(&origin()).await.unwrap().len(), 1);
    assert_eq!(world.office.remains(&[]).await.unwrap().extracts, 0);
    let late = world.office.look_at(&ready.secret).await.unwrap();
    assert!(matches!(late, Opened::Late), "{late:?}");
    assert_eq!(outcomes(&world).await.last(), Some(&ExtractAccess::Expired));
}

#[tokio::test]
async fn a_new_link_takes_the_place_of_the_one_before() {
    let world = World::new().await;
    let request = world.verified(Requester::Holder).await;
    let (old, new) = (world.prepare(request).await.unwrap(), world.prepare(request).await.unwrap());
    let opened = world.office.hand_out(&old.secret, ANNA_IS).await.unwrap();
    assert!(matches!(opened, Opened::Unknown), "{opened:?}");
    let opened = world.office.hand_out(&new.secret, ANNA_IS).await.unwrap();
    assert!(matches!(opened, Opened::Extract(_)), "{opened:?}");
}

#[tokio::test]
async fn an_extract_that_was_changed_or_lost_is_not_handed_out() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    let file = world.folder.path().join(format!("extracts/{}.zip", ready.prepared.request));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode =
            |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    }
    for damage in [fs::write(&file, b"other").is_ok(), fs::remove_file(&file).is_ok()] {
        assert!(damage);
        let opened = world.office.hand_out(&ready.secret, ANNA_IS).await.unwrap();
        assert!(matches!(opened, Opened::Missing), "{opened:?}");
    }
    assert_eq!(outcomes(&world).await, [ExtractAccess::Missing, ExtractAccess::Missing]);
}

#[tokio::test]
async fn neither_the_database_nor_the_log_holds_a_link_or_a_name() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    for file in world.files().iter().filter(|file| file.to_string_lossy().contains("archive.db")) {
        let bytes = fs::read(file).unwrap();
        for secret in [ready.secret.as_str(), ANNA_IS] {
            assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()));
        }
    }
    let said = format!("{:?}", world.events().await);
    for private in [ready.secret.as_str(), ANNA, ANNA_IS, "Domanda"] {
        assert!(!said.contains(private), "{private}");
    }
}

#[tokio::test]
async fn the_portal_shows_a_page_hands_the_file_out_by_a_button_and_is_kept_by_nobody() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let pages = archive::portal(world.office.clone());
    let serving = tokio::spawn(async move { axum::serve(listener, pages).await });
    // Nothing here is encrypted, but a client is not made without it.
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
    let post = |said: &str| client.post(&url).body(format!("codice_fiscale={said}")).send();
    assert_eq!(post("SBAGLIATO").await.unwrap().status(), 403);
    let file = post(ANNA_IS).await.unwrap();
    assert_eq!(
        (file.status(), &file.headers()["content-type"]),
        (200.try_into().unwrap(), &"application/zip".parse().unwrap())
    );
    assert_eq!(archive_of(&file.bytes().await.unwrap()), ready.prepared.sha256);
    let mut told = Vec::new();
    for number in 0..70 {
        let wrong = client.get(format!("{base}/logs/{number}")).send().await.unwrap();
        told.push(wrong.status().as_u16());
    }
    assert_eq!((told[0], told[69]), (404, 429));
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200, "a right link always opens");
    assert_eq!(post(&"x".repeat(5_000)).await.unwrap().status(), 413);
    serving.abort();
}

fn archive_of(bytes: &[u8]) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn whoever_has_the_folder_deletes_what_is_over_and_nothing_else() {
    let world = World::new().await;
    let over = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    world.at("2016-05-20T10:00:00Z");
    let open = world.prepare(world.verified(Requester::Authority).await).await.unwrap();
    let folder = world.office.folder();
    let half = folder.join(".tmpwritten");
    fs::write(&half, "half of an extract").unwrap();
    let here =
        |ready: &archive::Ready| folder.join(format!("{}.zip", ready.prepared.request)).is_file();
    let journal = world.office.journal();
    assert_eq!(archive::discard_ended(journal, folder).await.unwrap(), 0);
    // The end is on record, by whom ever.
    world.at("2016-06-01T10:00:00Z");
    world.office.decide(domain::LogCommand::Expire, &origin()).await.unwrap();
    assert_eq!(archive::discard_ended(journal, folder).await.unwrap(), 1);
    assert!(!here(&over) && here(&open));
    assert!(half.is_file(), "what may just be being written stays");
    let before = "2016-06-01T08:59:59Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    fs::File::options().write(true).open(&half).unwrap().set_modified(before.into()).unwrap();
    assert_eq!(archive::discard_ended(journal, folder).await.unwrap(), 1);
    assert!(!half.exists() && here(&open), "what a crash left half written goes");
    assert_eq!(archive::discard_ended(journal, &folder.join("none")).await.unwrap(), 0);
}

#[tokio::test]
async fn a_link_is_made_anew_for_a_letter_only_while_its_extract_lies_ready() {
    let world = World::new().await;
    let request = world.verified(Requester::Holder).await;
    let relink = async || world.office.relink(request, &crate::world::anna()).await.unwrap();
    assert_eq!(relink().await, None);
    world.prepare(request).await.unwrap();
    assert_eq!(relink().await, None, "a letter that waited ends no link that was shown");
    let (who, index, by) = (crate::world::anna(), world.office.index(), origin());
    let terms = archive::Terms { by_letter: true, ..crate::world::SHOWN };
    let ready = world.office.prepare(request, &who, index, terms, &by).await.unwrap();
    let secret = relink().await.unwrap();
    let opened = world.office.hand_out(&ready.secret, ANNA_IS).await.unwrap();
    assert!(matches!(opened, Opened::Unknown), "{opened:?}");
    let opened = world.office.hand_out(&secret, ANNA_IS).await.unwrap();
    assert!(matches!(opened, Opened::Extract(_)), "{opened:?}");
    world.at("2016-06-01T10:00:00Z");
    let late = world.office.look_at(&secret).await.unwrap();
    assert!(matches!(late, Opened::Late), "its time is that of its extract: {late:?}");
    world.office.expire(&origin()).await.unwrap();
    assert_eq!(relink().await, None);
}

#[tokio::test]
async fn guesses_at_the_same_moment_are_no_more_than_others() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    let mut guesses = tokio::task::JoinSet::new();
    for guess in 0..20 {
        let (office, secret) = (std::sync::Arc::clone(&world.office), ready.secret.clone());
        let said = if guess == 19 { ANNA_IS } else { "VRDBRN80A01A562X" };
        guesses.spawn(async move { office.hand_out(&secret, said).await.unwrap() });
    }
    let answers = guesses.join_all().await;
    assert!(answers.iter().all(|answer| matches!(answer, Opened::NotTheHolder)), "{answers:?}");
}
