//! Destruction of the logs, and erasure of holders.

use std::fs;

use archive::{Access, ErasedExports, LogArchive, Period};
use domain::{Event, Requester};

use crate::world::{
    ANNA, ANNA_AT_HOME, ANNA_IS, BRUNO, ENDED, LAST, World, bruno, erase_anna, origin,
};

/// The files that contain one of these texts.
pub(crate) fn holding(world: &World, texts: &[&str]) -> Vec<String> {
    let holds = |bytes: &[u8]| {
        texts.iter().any(|text| bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    };
    let files = world.files().into_iter().filter(|file| holds(&fs::read(file).unwrap()));
    files.map(|file| file.display().to_string()).collect()
}

pub(crate) const OF_ANNA: [&str; 3] = [ANNA, "uno.lettera", "Domanda di Anna"];
pub(crate) const OF_BRUNO: [&str; 2] = [BRUNO, "due.lettera"];

#[tokio::test]
async fn destruction_leaves_nothing_but_its_record() {
    let world = World::new().await;
    assert!(!holding(&world, &OF_ANNA).is_empty());
    let early = world.archive.destroy(&[], &origin()).await.unwrap_err().to_string();
    assert_eq!(early, "logs must be kept: requests are accepted through 2018-03-17");
    world.at(LAST);
    let request = world.verified(Requester::Holder).await;
    world.at(ENDED);
    assert!(world.request(0, Requester::Holder).await.is_err());
    let ready = world.prepare(request).await.unwrap();
    let open = world.archive.destroy(&[], &origin()).await.unwrap_err().to_string();
    assert!(open.starts_with("1 log request is open; serve or refuse it"), "{open}");
    let served = world.archive.serve(&ready.secret, ANNA_IS).await.unwrap();
    assert!(matches!(served, Access::Export(_)), "{served:?}");
    world.at("2018-04-16T23:00:00Z");
    world.archive.expire(&origin()).await.unwrap();
    let destroyed = world.archive.destroy(&[], &origin()).await.unwrap();
    assert_eq!((destroyed.messages, destroyed.digest.len()), (2, 64));
    let remaining = world.archive.remaining(&[]).await.unwrap();
    assert!(remaining.is_empty() && remaining.held == archive::Held::default(), "{remaining:?}");
    assert_eq!(holding(&world, &[OF_ANNA.as_slice(), &OF_BRUNO].concat()), [""; 0]);
    let events = world.events().await;
    let Some(Event::LogsDestroyed(recorded)) = events.last() else { panic!("{events:?}") };
    assert_eq!(*recorded, destroyed);
    let opened = world.archive.serve(&ready.secret, ANNA_IS).await.unwrap();
    assert!(matches!(opened, Access::Unknown), "{opened:?}");
}

#[tokio::test]
async fn a_hold_keeps_messages_until_a_later_destruction() {
    let world = World::new().await;
    world.hold(0).await;
    world.at(ENDED);
    let before = world.archive.index().messages(ANNA, Period::ALL).await.unwrap();
    let held = [(0, ANNA.to_owned())];
    let destroyed = world.archive.destroy(&held, &origin()).await.unwrap();
    assert!(destroyed.kept.contains(0) && destroyed.messages == 2);
    assert_eq!(world.archive.index().messages(ANNA, Period::ALL).await.unwrap(), before);
    assert_eq!(world.archive.index().messages(BRUNO, Period::ALL).await.unwrap(), []);
    assert_eq!(holding(&world, &OF_BRUNO), [""; 0]);
    let kept = world.archive.remaining(&held).await.unwrap();
    assert!(kept.is_empty() && kept.kept == 1, "{kept:?}");
    let released = world.archive.remaining(&[]).await.unwrap();
    assert!(!released.is_empty(), "a second destruction is due: {released:?}");
    let rest = world.archive.destroy(&[], &origin()).await.unwrap();
    assert!(world.archive.remaining(&[]).await.unwrap().is_empty());
    assert_eq!(rest.messages, 1);
    assert_eq!(holding(&world, &OF_ANNA), [""; 0]);
}

#[tokio::test]
async fn an_erased_holder_leaves_no_residue_and_others_keep_their_entries() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    let index = world.archive.index();
    assert!(index.residue(&["ANNA.ROSSI".to_owned()]).await.unwrap() > 0);
    let of_bruno = index.messages(BRUNO, Period::ALL).await.unwrap();
    let exports = world.folder.path().join("exports");
    let export = exports.join(format!("{}.zip", ready.prepared.request));
    assert!(export.is_file());
    assert_eq!(erase_anna(index, &exports).await.unwrap().exports, 1);
    assert!(!export.exists());
    assert_eq!(index.residue(&["anna.rossi".to_owned()]).await.unwrap(), 0);
    assert_eq!(holding(&world, &OF_ANNA), [""; 0]);
    assert_eq!(index.messages(BRUNO, Period::ALL).await.unwrap(), of_bruno);
    assert_eq!(index.messages(ANNA, Period::ALL).await.unwrap(), []);
}

#[tokio::test]
async fn an_erased_holder_is_not_named_in_messages_and_exports_of_others() {
    let world = World::new().await;
    world
        .read(&[
            ("smtpd", "55AA41C2: client=mail.casa.example[192.0.2.4]"),
            ("cleanup", "55AA41C2: message-id=<tre@casa.example>"),
            ("qmgr", &format!("55AA41C2: from=<{ANNA_AT_HOME}>, size=1, nrcpt=1 (queue active)")),
            ("lmtp", &format!("55AA41C2: to=<{BRUNO}>, relay=x, dsn=2.0.0, status=sent (250 Ok)")),
            ("qmgr", "55AA41C2: removed"),
            ("smtpd", "66AA41C3: client=mail.comune.example[192.0.2.2]"),
            (
                "cleanup",
                &format!("66AA41C3: message-id=<{}@comune.example>", ANNA_IS.to_lowercase()),
            ),
            (
                "cleanup",
                &format!(
                    "66AA41C3: info: header Subject: Pratica {ANNA_IS} from x[192.0.2.2]; from=<a>"
                ),
            ),
            ("qmgr", "66AA41C3: from=<urp@comune.example>, size=1, nrcpt=1 (queue active)"),
            ("lmtp", &format!("66AA41C3: to=<{BRUNO}>, relay=x, dsn=2.0.0, status=sent (250 Ok)")),
            ("qmgr", "66AA41C3: removed"),
        ])
        .await;
    let theirs = world.verified_of(1, Requester::Holder).await;
    world.prepare_for(theirs, &bruno()).await.unwrap();
    let (index, exports) = (world.archive.index(), world.folder.path().join("exports"));
    let texts = [ANNA, ANNA_IS, ANNA_AT_HOME].map(str::to_owned);
    assert!(index.residue(&texts).await.unwrap() >= 4);
    assert_eq!(world.archive.withdrawn().await.unwrap(), []);
    assert_eq!(
        erase_anna(index, &exports).await.unwrap(),
        ErasedExports { exports: 0, withdrawn: 1 }
    );
    assert_eq!(index.residue(&texts).await.unwrap(), 0);
    assert_eq!(holding(&world, &[ANNA, ANNA_IS, ANNA_AT_HOME]), [""; 0]);
    assert_eq!(world.archive.withdrawn().await.unwrap(), [(theirs, 1)]);
    let entries = index.messages(BRUNO, Period::ALL).await.unwrap();
    assert_eq!(entries.len(), 6, "the messages are Bruno's still: {entries:?}");
    let anew = world.prepare_for(theirs, &bruno()).await.unwrap();
    assert_eq!(anew.prepared.rows, 6);
    assert_eq!(
        erase_anna(index, &exports).await.unwrap(),
        ErasedExports { exports: 0, withdrawn: 0 }
    );
}

#[tokio::test]
async fn logs_indexed_later_do_not_restore_an_erased_holder() {
    let world = World::new().await;
    erase_anna(world.archive.index(), &world.folder.path().join("exports")).await.unwrap();
    let read = world
        .read(&[
            ("smtpd", "77AA41C4: client=mail.casa.example[192.0.2.4]"),
            ("cleanup", "77AA41C4: message-id=<uno.lettera@casa.example>"),
            ("qmgr", &format!("77AA41C4: from=<{ANNA_AT_HOME}>, size=1, nrcpt=1 (queue active)")),
            ("lmtp", &format!("77AA41C4: to=<{BRUNO}>, relay=x, dsn=2.0.0, status=sent (250 Ok)")),
            ("qmgr", "77AA41C4: removed"),
            ("qmgr", "88AA41C5: from=<urp@comune.example>, size=1, nrcpt=1 (queue active)"),
            ("lmtp", &format!("88AA41C5: to=<{ANNA}>, relay=x, dsn=2.0.0, status=sent (250 Ok)")),
        ])
        .await;
    assert_eq!(read, 0, "done, or not done yet");
    assert_eq!(holding(&world, &[ANNA, ANNA_AT_HOME, "uno.lettera"]), [""; 0]);
    assert_eq!(world.archive.index().held().await.unwrap().messages, 1, "Bruno's own");
}
