//! The end of the logs, and of single holders in them.

use std::fs;

use archive::{LogArchive, Opened, Period};
use domain::{Event, Requester};

use crate::world::{ANNA, ANNA_IS, BRUNO, ENDED, LAST, World, erase_anna, origin};

/// Which files hold one of these texts, byte by byte.
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
async fn after_the_end_nothing_is_left_of_the_logs_but_the_record() {
    let world = World::new().await;
    assert!(!holding(&world, &OF_ANNA).is_empty());
    let early = world.office.destroy(&[], &origin()).await.unwrap_err().to_string();
    assert_eq!(early, "logs can be asked for through 2018-03-17; keep them");
    world.at(LAST);
    let request = world.verified(Requester::Holder).await;
    world.at(ENDED);
    assert!(world.request(0, Requester::Holder).await.is_err());
    let ready = world.prepare(request).await.unwrap();
    let open = world.office.destroy(&[], &origin()).await.unwrap_err().to_string();
    assert!(open.starts_with("1 request that was received in time is open"), "{open}");
    let served = world.office.hand_out(&ready.secret, ANNA_IS).await.unwrap();
    assert!(matches!(served, Opened::Extract(_)), "{served:?}");
    world.at("2018-04-16T23:00:00Z");
    world.office.expire(&origin()).await.unwrap();
    let destroyed = world.office.destroy(&[], &origin()).await.unwrap();
    assert_eq!((destroyed.messages, destroyed.digest.len()), (2, 64));
    let remains = world.office.remains().await.unwrap();
    assert!(remains.are_gone() && remains.held == archive::Held::default(), "{remains:?}");
    assert_eq!(holding(&world, &[OF_ANNA.as_slice(), &OF_BRUNO].concat()), [""; 0]);
    let events = world.events().await;
    let Some(Event::LogsDestroyed(recorded)) = events.last() else { panic!("{events:?}") };
    assert_eq!(*recorded, destroyed);
    let opened = world.office.hand_out(&ready.secret, ANNA_IS).await.unwrap();
    assert!(matches!(opened, Opened::Unknown), "{opened:?}");
}

#[tokio::test]
async fn whoever_is_under_a_hold_keeps_their_log_until_a_later_destruction() {
    let world = World::new().await;
    world.hold(0).await;
    world.at(ENDED);
    let before = world.office.index().messages(ANNA, Period::ALL).await.unwrap();
    let held = [(0, ANNA.to_owned())];
    let destroyed = world.office.destroy(&held, &origin()).await.unwrap();
    assert!(destroyed.kept.contains(0) && destroyed.messages == 2);
    assert_eq!(world.office.index().messages(ANNA, Period::ALL).await.unwrap(), before);
    assert_eq!(world.office.index().messages(BRUNO, Period::ALL).await.unwrap(), []);
    assert_eq!(holding(&world, &OF_BRUNO), [""; 0]);
    let rest = world.office.destroy(&[], &origin()).await.unwrap();
    assert_eq!(rest.messages, 1);
    assert_eq!(holding(&world, &OF_ANNA), [""; 0]);
}

#[tokio::test]
async fn a_holder_who_is_erased_leaves_no_trace_and_others_keep_theirs() {
    let world = World::new().await;
    let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
    let index = world.office.index();
    assert!(index.traces("ANNA.ROSSI").await.unwrap() > 0);
    let of_bruno = index.messages(BRUNO, Period::ALL).await.unwrap();
    let extracts = world.folder.path().join("extracts");
    let extract = extracts.join(format!("{}.zip", ready.prepared.request));
    assert!(extract.is_file());
    assert_eq!(erase_anna(index, &extracts).await.unwrap(), 1);
    assert!(!extract.exists());
    assert_eq!(index.traces("anna.rossi").await.unwrap(), 0);
    assert_eq!(holding(&world, &OF_ANNA), [""; 0]);
    assert_eq!(index.messages(BRUNO, Period::ALL).await.unwrap(), of_bruno);
    assert_eq!(index.messages(ANNA, Period::ALL).await.unwrap(), []);
}
