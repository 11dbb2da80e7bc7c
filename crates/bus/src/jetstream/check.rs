//! Declares streams and consumers: creates missing ones, and checks existing ones.
//!
//! A stream or consumer that guarantees less than required is an error that names the setting; one
//! that guarantees more is left alone, so that an operator can give a stream more replicas or a
//! larger size.

use std::fmt::Debug;
use std::time::Duration;

use async_nats::jetstream::consumer;
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::api::Fault;
use super::connection::Connection;
use crate::Error;

/// The part of a stream's or consumer's description that is checked.
#[derive(Deserialize)]
struct Described<T> {
    config: T,
}

impl Connection {
    /// Creates a stream, or checks the existing one.
    pub(super) async fn declare_stream(&self, asked: &Config) -> Result<(), Error> {
        let info = format!("STREAM.INFO.{}", asked.name);
        let create = format!("STREAM.CREATE.{}", asked.name);
        let existing = self.existing(&info, &create, &json!(asked)).await;
        if let Some(found) = existing.map_err(|fault| self.failed(fault))? {
            return weaker_stream(asked, &found).map_or(Ok(()), Err);
        }
        tracing::info!(stream = asked.name, "stream created");
        Ok(())
    }

    /// Creates a consumer, or checks the existing one. [`Fault::Missing`] if its stream is missing.
    pub(super) async fn declare_consumer(
        &self,
        stream: &str,
        asked: &consumer::Config,
    ) -> Result<(), Fault> {
        let name = asked.name.as_deref().unwrap_or_default();
        let info = format!("CONSUMER.INFO.{stream}.{name}");
        let create = format!("CONSUMER.CREATE.{stream}.{name}.{}", asked.filter_subject);
        let payload = json!({ "stream_name": stream, "config": asked, "action": "create" });
        let existing = self.existing(&info, &create, &payload).await?;
        let weaker = existing.and_then(|found| weaker_consumer(stream, asked, &found));
        weaker.map_or(Ok(()), |error| Err(Fault::Failed(error)))
    }

    /// The settings of what exists; `None` where it was missing and was created.
    async fn existing<T: DeserializeOwned>(
        &self,
        info: &str,
        create: &str,
        payload: &Value,
    ) -> Result<Option<T>, Fault> {
        let nothing = json!({});
        let found = || self.ask::<Described<T>>(info, &nothing);
        match found().await {
            Ok(found) => return Ok(Some(found.config)),
            Err(Fault::Missing) => {}
            Err(fault) => return Err(fault),
        }
        match self.ask::<Value>(create, payload).await {
            Ok(_) => Ok(None),
            // Another process may have created it first, with other settings.
            Err(fault) => found().await.map(|found| Some(found.config)).or(Err(fault)),
        }
    }
}

/// The first setting by which a stream guarantees less than required.
fn weaker_stream(asked: &Config, found: &Config) -> Option<Error> {
    let edit = format!("nats stream edit {}", asked.name);
    let remove = format!(
        "its content is not needed: remove it with `nats stream rm {}`; it is recreated",
        asked.name
    );
    let weaker = |setting, found: String, asked_for: String, mend: String| {
        let what = format!("the stream {}", asked.name);
        Some(Error::Weaker { what, setting, found, asked: asked_for, mend })
    };
    let mend = |flags: String| format!("correct it with `{edit} {flags}`");

    if found.retention != asked.retention {
        return weaker("retention", shown(found.retention), shown(asked.retention), remove);
    }
    if found.storage != asked.storage {
        return weaker("storage", shown(found.storage), shown(asked.storage), remove);
    }
    if found.sealed {
        return weaker("sealed", "true".into(), "false".into(), remove);
    }
    if found.no_ack {
        return weaker("no_ack", "true".into(), "false".into(), mend("--ack".into()));
    }
    if found.num_replicas < asked.num_replicas {
        let mend = mend(format!("--replicas {}", asked.num_replicas));
        let (found, asked) = (found.num_replicas.to_string(), asked.num_replicas.to_string());
        return weaker("replicas", found, asked, mend);
    }
    if let Some(missing) = asked.subjects.iter().find(|asked| !found.subjects.contains(asked)) {
        let subjects: Vec<_> = found.subjects.iter().chain([missing]).cloned().collect();
        let mend = mend(format!("--subjects '{}'", subjects.join(",")));
        return weaker("subjects", found.subjects.join(", "), missing.clone(), mend);
    }
    if asked.discard == DiscardPolicy::New && found.discard != asked.discard {
        return weaker("discard", "old".into(), "new".into(), mend("--discard new".into()));
    }
    if found.duplicate_window < asked.duplicate_window {
        let mend = mend(format!("--dupe-window {}s", asked.duplicate_window.as_secs()));
        let (found, asked) = (shown(found.duplicate_window), shown(asked.duplicate_window));
        return weaker("duplicate window", found, asked, mend);
    }
    for (setting, denied, must) in [
        ("deny_delete", found.deny_delete, asked.deny_delete),
        ("deny_purge", found.deny_purge, asked.deny_purge),
    ] {
        if must && !denied {
            let flag = format!("--{}", setting.replace('_', "-"));
            return weaker(setting, "false".into(), "true".into(), mend(flag));
        }
    }
    if shorter(found.max_age, asked.max_age) {
        let flag = mend(format!("--max-age {}s", asked.max_age.as_secs()));
        let (found, asked) = (shown(found.max_age), forever(asked.max_age));
        return weaker("maximum age", found, asked, flag);
    }
    let limits = [
        ("maximum messages", found.max_messages, asked.max_messages, "--max-msgs"),
        ("maximum bytes", found.max_bytes, asked.max_bytes, "--max-bytes"),
        (
            "maximum messages of a subject",
            found.max_messages_per_subject,
            asked.max_messages_per_subject,
            "--max-msgs-per-subject",
        ),
        (
            "maximum size of a message",
            i64::from(found.max_message_size),
            i64::from(asked.max_message_size),
            "--max-msg-size",
        ),
    ];
    let tighter = limits
        .into_iter()
        .find(|(_, found, asked, _)| *found > 0 && (*asked <= 0 || found < asked));
    tighter.and_then(|(setting, found, asked, flag)| {
        let asked_for = if asked > 0 { asked.to_string() } else { "no limit".to_owned() };
        weaker(setting, found.to_string(), asked_for, mend(format!("{flag}={asked}")))
    })
}

/// The first setting by which a consumer guarantees less than required.
fn weaker_consumer(
    stream: &str,
    asked: &consumer::Config,
    found: &consumer::Config,
) -> Option<Error> {
    let name = asked.name.clone().unwrap_or_default();
    let weaker = |setting, found: String, asked: String| {
        let mend = format!(
            "remove it with `nats consumer rm {stream} {name}`; it is recreated and no order is \
             lost"
        );
        let what = format!("the consumer {name} of the stream {stream}");
        Some(Error::Weaker { what, setting, found, asked, mend })
    };
    if found.ack_policy != asked.ack_policy {
        return weaker("acknowledgement", shown(found.ack_policy), shown(asked.ack_policy));
    }
    if found.filter_subject != asked.filter_subject {
        let (found, asked) = (found.filter_subject.clone(), asked.filter_subject.clone());
        return weaker("filter", found, asked);
    }
    if found.max_deliver > 0 && (asked.max_deliver <= 0 || found.max_deliver < asked.max_deliver) {
        return weaker("maximum deliveries", found.max_deliver.to_string(), "no limit".into());
    }
    if found.ack_wait < asked.ack_wait {
        return weaker("acknowledgement wait", shown(found.ack_wait), shown(asked.ack_wait));
    }
    None
}

fn shown(setting: impl Debug) -> String {
    format!("{setting:?}").to_lowercase()
}

fn forever(age: Duration) -> String {
    if age.is_zero() { "no limit".to_owned() } else { shown(age) }
}

fn shorter(found: Duration, asked: Duration) -> bool {
    !found.is_zero() && (asked.is_zero() || found < asked)
}

#[cfg(test)]
mod tests {
    use async_nats::jetstream::consumer::AckPolicy;
    use async_nats::jetstream::stream::{RetentionPolicy, StorageType};

    use super::super::topology::Topology;
    use super::*;

    fn asked() -> Config {
        Topology::new("cec-pac".parse().unwrap(), 3).work(64)
    }

    fn verdict(change: impl FnOnce(&mut Config)) -> Option<String> {
        let mut found = asked();
        change(&mut found);
        weaker_stream(&asked(), &found).map(|error| error.to_string())
    }

    #[test]
    fn a_weaker_stream_is_told_by_its_setting_and_how_to_mend_it() {
        type Change = fn(&mut Config);
        let weaker: [(Change, &str); 9] = [
            (|found| found.retention = RetentionPolicy::Limits, "retention limits"),
            (|found| found.storage = StorageType::Memory, "storage memory"),
            (|found| found.num_replicas = 1, "replicas 1, expected 3"),
            (|found| found.subjects.clear(), "--subjects 'tramonto.cec-pac.work.*'"),
            (|found| found.discard = DiscardPolicy::Old, "--discard new"),
            (|found| found.duplicate_window = Duration::from_secs(1), "--dupe-window 120s"),
            (|found| found.max_age = Duration::from_hours(1), "maximum age 3600s"),
            (|found| found.max_messages = 8, "--max-msgs=64"),
            (|found| found.max_bytes = 1_000, "no limit"),
        ];
        for (change, says) in weaker {
            let told = verdict(change).expect(says);
            assert!(told.contains(says), "{told:?} does not say {says:?}");
            assert!(told.starts_with("the stream tramonto_cec-pac_work has "), "{told}");
        }
    }

    #[test]
    fn a_stronger_stream_is_left_alone() {
        assert_eq!(verdict(|_| ()), None);
        assert_eq!(verdict(|found| found.num_replicas = 5), None);
        assert_eq!(verdict(|found| found.max_messages = 1_000), None);
        assert_eq!(verdict(|found| found.duplicate_window = Duration::from_hours(1)), None);
        assert_eq!(verdict(|found| found.deny_delete = true), None);
        assert_eq!(verdict(|found| found.subjects.push("more".into())), None);
    }

    #[test]
    fn a_weaker_consumer_is_told_too() {
        let topology = Topology::new("cec-pac".parse().unwrap(), 1);
        let send = domain::Capability::Send.into();
        let asked = topology.work_consumer(send, "2026-01-01T00:00:00.5Z", Duration::from_secs(30));
        let verdict = |change: &dyn Fn(&mut consumer::Config)| {
            let mut found = asked.clone();
            change(&mut found);
            weaker_consumer("work", &asked, &found).map(|error| error.to_string())
        };
        assert_eq!(verdict(&|_| ()), None);
        assert_eq!(verdict(&|found| found.ack_wait = Duration::from_mins(1)), None);
        let told = verdict(&|found| found.max_deliver = 3).unwrap();
        assert!(told.contains("maximum deliveries 3"), "{told}");
        assert!(told.contains("nats consumer rm work send_20260101T0000005Z"), "{told}");
        assert!(verdict(&|found| found.ack_policy = AckPolicy::None).is_some());
        assert!(verdict(&|found| found.ack_wait = Duration::from_secs(1)).is_some());
    }
}
