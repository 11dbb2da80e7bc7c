//! A server that is killed and started again, a network that is cut: calls end in time, nothing
//! that was acknowledged is lost, and the store goes on by itself.

use std::time::{Duration, Instant};

use eventstore::ExpectedVersion::Any;
use eventstore::{Appended, DatabaseStore, EventStore, Filter};

use crate::database::TestDatabase;
use crate::fixture::{TestClock, log, places, to};
use crate::server::{Network, OwnServer, Ways};
use crate::wait;

/// No call may take longer, whatever happens to the server.
const BOUND: Duration = Duration::from_secs(30);

/// Tries until the store answers; what is refused meanwhile must say that it may be tried again.
async fn insist(store: &DatabaseStore, id: u128) -> Appended {
    let mut answer = None;
    let answers = async || {
        let append = store.append(to("order-1", Any, &[id]));
        match tokio::time::timeout(BOUND, append).await.expect("a call without end") {
            Ok(appended) => answer = Some(appended),
            Err(error) => assert!(error.may_retry(), "{error}"),
        }
        answer.is_some()
    };
    assert!(wait::until_async(Duration::from_mins(1), answers).await, "it never answers");
    answer.unwrap()
}

/// Is an append of another process told again?
async fn is_told(store: &DatabaseStore, other: &DatabaseStore, id: u128) {
    let mut appended = store.appended();
    let position = insist(other, id).await.last_position().unwrap();
    let told = tokio::time::timeout(BOUND, appended.wait_for(|head| *head >= position));
    assert!(told.await.is_ok(), "not told of appends any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_killed_and_started_again_is_used_again_and_has_what_was_acknowledged() {
    let mut server = OwnServer::start(&[]).await;
    let database = TestDatabase::on(server.options()).await;
    DatabaseStore::migrate(database.options(), false).await.unwrap();
    let store = database.store(TestClock::new()).await;
    let other = database.store(TestClock::new()).await;
    for round in 0..3_u128 {
        insist(&store, round * 10 + 1).await;
        server.kill();
        let since = Instant::now();
        let lost = store.append(to("order-1", Any, &[round * 10 + 2])).await.unwrap_err();
        assert!(lost.may_retry(), "{lost}");
        assert!(store.head().await.unwrap_err().may_retry());
        assert!(since.elapsed() < BOUND);
        server.start_again().await;
        insist(&store, round * 10 + 2).await;
        assert!(store.read_all(0, &Filter::default(), 100).await.is_ok());
        is_told(&store, &other, round * 10 + 3).await;
    }
    let ids: Vec<u128> = log(&store).await.iter().map(|it| it.event.id.as_u128()).collect();
    assert_eq!(ids, [1, 2, 3, 11, 12, 13, 21, 22, 23]);
    store.close().await;
    other.close().await;
    drop(database);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_says_nothing_ends_calls_in_time_and_is_used_again_once_it_works() {
    let database = TestDatabase::migrated().await;
    let network = Network::to(database.options().get_port()).await;
    let far = database.options().port(network.port());
    let store = DatabaseStore::connect(far, TestClock::new()).await.unwrap();
    let near = database.store(TestClock::new()).await;
    insist(&store, 1).await;
    for (cut, id) in [(Ways::Neither, 2), (Ways::There, 3)] {
        network.set(cut);
        let since = Instant::now();
        let (append, head) = tokio::join!(store.append(to("order-1", Any, &[id])), store.head());
        for error in [append.map(|_| ()).unwrap_err(), head.map(|_| ()).unwrap_err()] {
            assert!(error.may_retry(), "{error}");
        }
        assert!(since.elapsed() < BOUND, "{cut:?}: {:?}", since.elapsed());
        let others = near.append(to("order-2", Any, &[id * 100])).await;
        others.expect("others go on, at the latest when the server ends the lost session");
        network.set(Ways::Both);
        let first = insist(&store, id).await;
        assert_eq!(
            insist(&store, id).await,
            first,
            "sent again with the same id, it is there once"
        );
        is_told(&store, &near, id * 1_000).await;
    }
    let ids: Vec<u128> = log(&near).await.iter().map(|it| it.event.id.as_u128()).collect();
    assert!(ids.iter().all(|id| ids.iter().filter(|other| *other == id).count() == 1), "{ids:?}");
    assert_eq!(ids.len(), 7);
    store.close().await;
    near.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_whose_answer_is_lost_is_answered_as_the_first_time_when_sent_again() {
    let database = TestDatabase::migrated().await;
    let network = Network::to(database.options().get_port()).await;
    let far = database.options().port(network.port());
    let store = DatabaseStore::connect(far, TestClock::new()).await.unwrap();
    let near = database.store(TestClock::new()).await;
    insist(&store, 1).await;
    // The notice of the commit reaches the near store; then the answers to the far one are held
    // back.
    let mut appended = near.appended();
    let append = store.append(to("order-1", Any, &[2]));
    let cut = async {
        appended.wait_for(|head| *head >= 2).await.unwrap();
        network.set(Ways::There);
    };
    // Whether or not the answer came through before the cut, sending it again says the same.
    let (_first, ()) = tokio::join!(append, cut);
    network.set(Ways::Both);
    assert_eq!(places(&insist(&store, 2).await), [(2, 1)]);
    assert_eq!(log(&near).await.len(), 2);
    store.close().await;
    near.close().await;
}
