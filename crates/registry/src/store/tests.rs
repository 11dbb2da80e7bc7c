mod postgres;

use domain::RegistrationRules;

use super::*;

fn programme(name: &str) -> ProgrammeId {
    name.parse().unwrap()
}

fn rules() -> RegistrationRules {
    let plan = domain::Plan::cec_pac().unwrap();
    RegistrationRules::new(&plan, "2014-12-17T12:00:00Z".parse().unwrap())
}

fn row(number: u32, code: &str, activated_on: &str) -> Numbered {
    let (id, address) = (format!("R{number}"), format!("Mario.Rossi{number}@posta.example"));
    let fields = [&id, code, "Rossi", "Mario", &address, "2011-02-03", activated_on, "", ""];
    let registration = Registration::check(&fields, &rules()).unwrap();
    let digest = digest(&registration);
    Numbered { number, registration, digest }
}

/// Two registrations.
async fn fill(registry: &Registry) {
    let import = ImportState {
        number: 1,
        source: "a file".into(),
        started_at: "2014-12-17T12:00:00Z".parse().unwrap(),
        first_new: 0,
        finished: true,
    };
    let rows = [row(0, "RSSMRA85T10A562S", "2011-03-01"), row(1, "RSSMRA85T10H501O", "")];
    let mut importing = registry.importing().await.unwrap();
    importing.write(Write { import: &import, rows: &rows, freed: &[], events: &[] }).await.unwrap();
    importing.index().await.unwrap();
}

async fn filled(path: &Path) -> Registry {
    let registry = Registry::open(path, &programme("cec-pac")).await.unwrap();
    fill(&registry).await;
    registry
}

#[tokio::test]
async fn a_registration_is_found_by_address_by_id_and_by_number() {
    let folder = tempfile::tempdir().unwrap();
    let registry = filled(&folder.path().join("registry.db")).await;
    finds(&registry).await;
}

async fn finds(registry: &Registry) {
    let expected = row(1, "RSSMRA85T10H501O", "").registration;
    let found = [
        registry.find(1).await.unwrap().unwrap(),
        registry.find_address(" mario.ROSSI1@posta.example").await.unwrap().unwrap(),
        registry.find_registration("R1").await.unwrap().unwrap(),
    ];
    for entry in found {
        assert_eq!((entry.number, &entry.registration), (1, &expected));
    }
    assert!(registry.find(2).await.unwrap().is_none());
    assert!(registry.find_address("nobody@posta.example").await.unwrap().is_none());
    assert!(registry.find_registration("r1").await.unwrap().is_none());
}

#[tokio::test]
async fn addresses_come_in_the_order_of_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let registry = filled(&folder.path().join("registry.db")).await;
    lists(&registry).await;
}

async fn lists(registry: &Registry) {
    let first = (0, "mario.rossi0@posta.example".to_owned(), true);
    let second = (1, "mario.rossi1@posta.example".to_owned(), false);
    let both = vec![first.clone(), second.clone()];
    assert_eq!(registry.addresses(0..=u32::MAX).await.unwrap(), both);
    assert_eq!(registry.addresses(1..=1).await.unwrap(), vec![second.clone()]);
    let set: RoaringBitmap = [1, 7].into_iter().collect();
    assert_eq!(registry.addresses_of(&set).await.unwrap(), vec![second]);
    assert_eq!(registry.addresses_of(&RoaringBitmap::new()).await.unwrap(), Vec::new());
    let counts = registry.counts().await.unwrap();
    assert_eq!(counts, Counts { registered: 2, activated: 1, used: 0 });
    assert_eq!(registry.next_number().await.unwrap(), 2);
}

#[tokio::test]
async fn it_is_there_again_when_it_is_opened_again_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    filled(&path).await.close().await.unwrap();
    let registry = Registry::open(&path, &programme("cec-pac")).await.unwrap();
    assert_eq!(registry.counts().await.unwrap().registered, 2);
    #[cfg(unix)]
    {
        let mode = std::fs::metadata(&path).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&mode.permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn no_two_registrations_share_a_holder_even_if_an_import_went_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let registry = filled(&folder.path().join("registry.db")).await;
    keeps_apart(&registry).await;
}

async fn keeps_apart(registry: &Registry) {
    let import = registry.last_import().await.unwrap().unwrap();
    let rows = [row(2, "RSSMRA85T10A562S", "")];
    let mut importing = registry.importing().await.unwrap();
    let written = importing.write(Write { import: &import, rows: &rows, freed: &[], events: &[] });
    let error = written.await.unwrap_err();
    assert!(matches!(error, Error::Store(sql::Error::Conflict { .. })), "{error}");
    assert!(!error.may_retry());
    assert_eq!(registry.next_number().await.unwrap(), 2);
}

#[tokio::test]
async fn an_unusable_file_is_a_clear_error_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("text"), "not a database, but long enough to be looked at ".repeat(9))
        .unwrap();
    std::fs::write(at("short"), b"SQLite format 3\0").unwrap();
    let mut other = vec![0; 4_096];
    other[..16].copy_from_slice(b"SQLite format 3\0");
    other[31] = 9;
    std::fs::write(at("other"), &other).unwrap();
    other[68..72].copy_from_slice(b"TRMR");
    other[63] = 99;
    std::fs::write(at("newer"), &other).unwrap();
    filled(&at("theirs")).await.close().await.unwrap();
    for (path, says) in [
        (at("text"), "not a SQLite database"),
        (at("short"), "ends inside its header"),
        (at("other"), "another program's"),
        (at("newer"), "version 99"),
        (folder.path().to_owned(), "is a directory"),
        (at("missing/registry.db"), "check its folder"),
    ] {
        let before = std::fs::read(&path).ok();
        let error = Registry::open(&path, &programme("cec-pac")).await.unwrap_err();
        assert!(error.to_string().contains(says), "{}: {error}", path.display());
        assert_eq!(std::fs::read(&path).ok(), before, "{}", path.display());
    }
    let error = Registry::open(&at("theirs"), &programme("other")).await.unwrap_err();
    assert!(error.to_string().contains("of the programme cec-pac, not of other"), "{error}");
}

#[tokio::test]
async fn a_truncated_file_is_reported_as_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    filled(&path).await.close().await.unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..8_192]).unwrap();
    let opened = Registry::open(&path, &programme("cec-pac")).await;
    let error = match opened {
        Err(error) => error,
        Ok(registry) => registry.find(0).await.unwrap_err(),
    };
    assert!(matches!(error, Error::Store(sql::Error::Corrupt(_))), "{error}");
}

#[tokio::test]
async fn an_erased_holder_leaves_no_residue_and_the_number_is_not_reused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let registry = filled(&path).await;
    let holds = |needle: &str| {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let bytes = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap());
        let bytes: Vec<u8> = bytes.collect();
        bytes.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
    };
    assert!(holds("RSSMRA85T10H501O"), "it is looked for in the right place");
    erases(&registry).await;
    for needle in ["RSSMRA85T10H501O", "mario.rossi1@posta.example"] {
        assert!(!holds(needle), "{needle}");
    }
    assert!(holds("RSSMRA85T10A562S"), "the other one is still there");
}

async fn erases(registry: &Registry) {
    let last: RoaringBitmap = [1, 9].into();
    assert_eq!(registry.erase(&last).await.unwrap(), 1);
    assert_eq!(registry.erase(&last).await.unwrap(), 0, "done again, nothing is left to do");
    assert!(registry.find(1).await.unwrap().is_none());
    assert!(registry.find_address("mario.rossi1@posta.example").await.unwrap().is_none());
    assert!(registry.find(0).await.unwrap().is_some());
    assert_eq!(registry.next_number().await.unwrap(), 2, "it was the last number");
    assert_eq!(registry.erased().await.unwrap(), [trace("R1")]);
}

#[tokio::test]
async fn a_registry_of_the_previous_version_is_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    filled(&path).await.close().await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let before = "DROP TABLE erased; PRAGMA user_version = 1; PRAGMA wal_checkpoint(TRUNCATE)";
    sqlx::raw_sql(before).execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    let looked = Registry::open_read_only(&path, &programme("cec-pac")).await.unwrap_err();
    assert!(looked.to_string().contains("older than this program"), "{looked}");
    let registry = Registry::open(&path, &programme("cec-pac")).await.unwrap();
    erases(&registry).await;
    registry.close().await.unwrap();
    Registry::open_read_only(&path, &programme("cec-pac")).await.unwrap();
}

#[test]
fn the_digest_differs_where_any_field_does() {
    let base = row(0, "RSSMRA85T10A562S", "2011-03-01").registration;
    let fields = |column: usize, field: &str| {
        let mut fields = [
            "R0",
            "RSSMRA85T10A562S",
            "Rossi",
            "Mario",
            "mario.rossi0@posta.example",
            "2011-02-03",
            "2011-03-01",
            "",
            "",
        ];
        fields[column] = field;
        digest(&Registration::check(&fields, &rules()).unwrap())
    };
    let changes = [
        (0, "R1"),
        (1, "RSSMRA85T10H501O"),
        (2, "Rosso"),
        (3, "Maria"),
        (4, "m@posta.example"),
        (5, "2011-02-04"),
        (6, ""),
        (7, "2012-01-01"),
        (8, "m@posta.example"),
    ];
    let digests: std::collections::BTreeSet<i64> =
        changes.into_iter().map(|(column, field)| fields(column, field)).collect();
    assert_eq!(digests.len(), changes.len());
    assert!(!digests.contains(&digest(&base)));
}
