//! What holds of a deployment once every due phase is complete.

use std::sync::Arc;

use domain::ProgrammeId;
use engine::RealClock;
use eventstore::Clock;
use projections::Table;
use rehearsal::prove_shared;

use super::log::PAST_PHASES;
use super::{World, options};

impl World {
    /// Checks all invariants once every due phase is complete.
    pub(crate) async fn check(&self) {
        self.until_complete().await;
        assert_eq!(self.completed().await, PAST_PHASES, "a phase completed twice, or early");
        let proof = prove_shared(&options(self.postgres.port)).await.unwrap();
        assert_eq!(proof.problems, [""; 0], "{}", self.told());
        assert!(proof.effects > 0);
        // No effect of the future phases: everyone can still log in.
        let shut_out = "SELECT count(*) FROM directory.rights WHERE NOT can_login";
        assert_eq!(self.ask(shut_out).await, 0, "access ended early");
        self.check_copies().await;
    }

    /// Checks the projections and the mirror.
    pub(crate) async fn check_copies(&self) {
        self.derived_is_what_a_rebuild_derives().await;
        self.mirror_is_the_log().await;
    }

    /// Compares the stream on the bus with the log, message by message.
    async fn mirror_is_the_log(&self) {
        let log = "SELECT id::text FROM tramonto.event ORDER BY position";
        let mut database = self.connect().await;
        let client = self.client.clone().connect(self.bus()).await.unwrap();
        let bus = async_nats::jetstream::new(client);
        let is_the_log = async || {
            let log: Vec<String> = sqlx::query_scalar(log).fetch_all(&mut database).await.unwrap();
            let mirror = mirrored(&bus).await;
            // The relay may still be publishing; what it has published must be correct already.
            assert!(log.starts_with(&mirror), "the mirror is no prefix of the log{}", self.told());
            mirror == log
        };
        self.until("the rest of the mirror", is_the_log).await;
    }

    /// Compares the projectors' table with one rebuilt from the log, in a file.
    async fn derived_is_what_a_rebuild_derives(&self) {
        let (options, log) = (options(self.postgres.port), self.log().await);
        let programme: ProgrammeId = "cec-pac".parse().unwrap();
        let kept = Table::connect(options, programme.clone(), Arc::clone(&log), "test".to_owned())
            .await
            .unwrap();
        let caught_up = async || kept.status(RealClock.now()).await.unwrap().lag_events == 0;
        self.until("the table", caught_up).await;
        let path = self.folder.path().join("derived-again.db");
        let anew = Table::open(&path, programme, log).await.unwrap();
        while anew.tick(RealClock.now()).await.unwrap().progress > 0 {}
        assert_eq!(kept.digest().await.unwrap(), anew.digest().await.unwrap(), "{}", self.told());
    }
}

/// The ids of the events in the mirror's stream, in order.
async fn mirrored(bus: &async_nats::jetstream::Context) -> Vec<String> {
    let Ok(mut stream) = bus.get_stream("tramonto_cec-pac_event").await else { return Vec::new() };
    let state = stream.info().await.unwrap().state.clone();
    let mut ids = Vec::new();
    for sequence in state.first_sequence.max(1)..=state.last_sequence {
        let message = stream.get_raw_message(sequence).await.unwrap();
        ids.push(message.headers.get("ce-id").unwrap().to_string());
    }
    ids
}
