//! Operations are killed at each await point in turn: the next process completes them and records
//! them once. The killed one's index is closed, as the end of its process would.

use archive::{Access, Held, Index, LogArchive, Period};
use domain::{Event, LogsDestroyed, Requester};

use crate::ending::{OF_ANNA, OF_BRUNO, holding};
use crate::stopped::ended_after;
use crate::world::{ANNA, ANNA_IS, BRUNO, ENDED, SHOWN, World, anna, erase_anna, origin};

/// More await points than any operation here has.
const MOST: usize = 2_000;

fn destructions(events: &[Event]) -> Vec<&LogsDestroyed> {
    let destroyed = events.iter().filter_map(|event| {
        let Event::LogsDestroyed(event) = event else { return None };
        Some(event)
    });
    destroyed.collect()
}

#[tokio::test]
async fn an_interrupted_destruction_is_completed_and_recorded_once() {
    for waits in 0..MOST {
        let world = World::new().await;
        world.prepare(world.verified(Requester::Holder).await).await.unwrap();
        world.at(ENDED);
        world.archive.expire(&origin()).await.unwrap();
        // An export that is not deleted yet.
        let left = world.folder.path().join("exports/left.zip");
        std::fs::write(&left, ANNA).unwrap();
        let first = world.another().await;
        let ended = ended_after(waits, first.destroy(&[], &origin())).await;
        first.close().await.unwrap();
        let archive = world.another().await;
        let remaining = archive.remaining(&[]).await.unwrap();
        assert!(
            !remaining.is_empty() || remaining.held == Held::default() && !left.exists(),
            "reported as destroyed after {waits} waits, but it is not: {remaining:?}"
        );
        let destroyed = archive.destroy(&[], &origin()).await.unwrap();
        assert_eq!((destroyed.messages, destroyed.extracts), (2, 1), "after {waits} waits");
        assert!(archive.remaining(&[]).await.unwrap().is_empty());
        assert_eq!(holding(&world, &[OF_ANNA.as_slice(), &OF_BRUNO].concat()), [""; 0]);
        assert_eq!(destructions(&world.events().await), [&destroyed], "after {waits} waits");
        if let Some(done) = ended {
            assert_eq!(done.unwrap(), destroyed, "a repetition changes nothing");
            assert!(waits > 3, "it was killed {waits} times only");
            return;
        }
    }
    panic!("it never completed");
}

#[tokio::test]
async fn an_interrupted_preparation_is_repeated_and_one_link_is_valid() {
    let mut killed = 0;
    for waits in 0..MOST {
        let world = World::new().await;
        let request = world.verified(Requester::Holder).await;
        // The killed preparation is the first of its request, or replaces another.
        let before =
            if waits % 2 == 0 { None } else { Some(world.prepare(request).await.unwrap()) };
        let first = world.another().await;
        let (who, by) = (anna(), origin());
        let preparing = first.prepare(request, &who, first.index(), SHOWN, &by);
        let ended = ended_after(waits / 2, preparing).await;
        first.close().await.unwrap();
        let archive = world.another().await;
        archive.expire(&origin()).await.unwrap();
        if let Some(before) = &before {
            let opened = archive.serve(&before.secret, ANNA_IS).await.unwrap();
            let right = matches!(opened, Access::Export(_) | Access::Missing | Access::Unknown);
            assert!(right, "after {waits} waits: {opened:?}");
        }
        let ready = archive.prepare(request, &anna(), archive.index(), SHOWN, &origin()).await;
        let ready = ready.unwrap();
        let opened = archive.serve(&ready.secret, ANNA_IS).await.unwrap();
        assert!(matches!(opened, Access::Export(_)), "after {waits} waits: {opened:?}");
        for old in before.iter().chain(ended.iter().flatten()) {
            let opened = archive.serve(&old.secret, ANNA_IS).await.unwrap();
            assert!(matches!(opened, Access::Unknown), "after {waits} waits: {opened:?}");
        }
        archive.expire(&origin()).await.unwrap();
        let exports = std::fs::read_dir(world.folder.path().join("exports")).unwrap();
        assert_eq!((exports.count(), archive.index().held().await.unwrap().links), (1, 1));
        match ended {
            Some(_) if waits % 2 == 1 => {
                assert!(killed > 3, "it was killed {killed} times only");
                return;
            }
            Some(_) => {}
            None => killed += 1,
        }
    }
    panic!("it never completed");
}

#[tokio::test]
async fn repeating_an_interrupted_erasure_completes_it() {
    for waits in 0..MOST {
        let world = World::new().await;
        let ready = world.prepare(world.verified(Requester::Holder).await).await.unwrap();
        let exports = world.folder.path().join("exports");
        let export = exports.join(format!("{}.zip", ready.prepared.request));
        // The temporary file of an interrupted preparation.
        std::fs::write(exports.join(".tmp1f2a"), ANNA).unwrap();
        let of_bruno = world.archive.index().messages(BRUNO, Period::ALL).await.unwrap();
        let open = async || Index::open(&world.folder.path().join("archive.db")).await.unwrap();
        let first = open().await;
        let ended = ended_after(waits, erase_anna(&first, &exports)).await;
        first.close().await.unwrap();
        let index = open().await;
        erase_anna(&index, &exports).await.unwrap();
        assert!(!export.exists(), "the export is there after {waits} waits");
        assert_eq!(holding(&world, &OF_ANNA), [""; 0], "after {waits} waits");
        assert_eq!(index.messages(BRUNO, Period::ALL).await.unwrap(), of_bruno);
        if ended.is_some() {
            assert!(waits > 3, "it was killed {waits} times only");
            return;
        }
    }
    panic!("it never completed");
}
