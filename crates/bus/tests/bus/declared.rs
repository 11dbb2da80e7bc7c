use std::time::Duration;

use async_nats::jetstream::consumer::{FromConsumer, PullConsumer, pull};
use async_nats::jetstream::stream::{Config, StorageType};
use async_nats::jetstream::{self, Context};
use bus::{Error, InHandTimes, JetStreamMirror, JetStreamQueue};
use domain::Capabilities;
use futures::TryStreamExt;

use crate::given::{SETTINGS, connected, next, order, publish, queue};
use crate::server::Server;

async fn context(server: &Server) -> Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

async fn declared(context: &Context, what: &str) -> Config {
    let name = format!("tramonto_cec-pac_{what}");
    context.get_stream(name).await.unwrap().cached_info().config.clone()
}

#[tokio::test]
async fn a_weaker_stream_is_an_error_with_the_setting_and_its_remedy() {
    let server = Server::start(&[]).await;
    let (context, connection) = (context(&server).await, connected(&server).await);
    queue(&connection).await;
    let open = async || {
        let opened = JetStreamQueue::open(&connection, SETTINGS, InHandTimes::default()).await;
        opened.err().map(|error| error.to_string())
    };
    let good = declared(&context, "work").await;
    let weaker = Config { max_messages: 2, ..good.clone() };
    context.update_stream(weaker).await.unwrap();
    assert_eq!(
        open().await.as_deref(),
        Some(
            "the stream tramonto_cec-pac_work has maximum messages 2, expected 8; correct it with \
             `nats stream edit tramonto_cec-pac_work --max-msgs=8`"
        )
    );
    let stronger = Config { max_messages: 1_000, ..good.clone() };
    context.update_stream(stronger).await.unwrap();
    assert_eq!(open().await, None, "more room is as good");
    context.delete_stream(&good.name).await.unwrap();
    let weaker = Config { storage: StorageType::Memory, ..good };
    context.create_stream(weaker).await.unwrap();
    let told = open().await.unwrap();
    assert!(told.contains("storage memory, expected file"), "{told}");
    assert!(told.contains("`nats stream rm tramonto_cec-pac_work`"), "{told}");
}

#[tokio::test]
async fn no_message_can_be_deleted_from_the_mirror() {
    let server = Server::start(&[]).await;
    let (context, connection) = (context(&server).await, connected(&server).await);
    drop(JetStreamMirror::open(&connection).await.unwrap());
    let config = declared(&context, "event").await;
    assert!(config.deny_delete && config.deny_purge);
    context.delete_stream(&config.name).await.unwrap();
    let weaker = Config { deny_purge: false, ..config };
    context.create_stream(weaker).await.unwrap();
    let error = JetStreamMirror::open(&connection).await.err().unwrap();
    assert!(error.to_string().contains("deny_purge false"), "{error}");
    assert!(!error.may_retry());
}

#[tokio::test]
async fn a_weaker_consumer_is_an_error() {
    let server = Server::start(&[]).await;
    let (context, connection) = (context(&server).await, connected(&server).await);
    let queue = queue(&connection).await;
    publish(&queue, &order(1)).await;
    next(&queue).await.nak(Duration::ZERO).await.unwrap();
    let stream = context.get_stream("tramonto_cec-pac_work").await.unwrap();
    let names: Vec<_> = stream.consumer_names().try_collect().await.unwrap();
    let [name] = &names[..] else { panic!("{names:?}") };
    let found: PullConsumer = stream.get_consumer(name).await.unwrap();
    let weaker = pull::Config::try_from_consumer_config(found.cached_info().config.clone());
    let weaker = pull::Config { ack_wait: Duration::from_secs(1), ..weaker.unwrap() };
    stream.update_consumer(weaker).await.unwrap();
    let queue = crate::given::queue(&connection).await;
    let error = queue.pull(Capabilities::OF_PLATFORM).await.err().unwrap();
    assert!(matches!(error, Error::Weaker { .. }) && !error.may_retry(), "{error}");
    let told = error.to_string();
    assert!(told.contains("acknowledgement wait 1s, expected 30s"), "{told}");
    let mend = format!("`nats consumer rm tramonto_cec-pac_work {name}`");
    assert!(told.contains(&mend), "{told}");
}
