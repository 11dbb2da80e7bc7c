//! Names all subjects, streams and consumers, and defines their guarantees.
//!
//! Subjects begin with `tramonto.<programme>.`, names of streams with `tramonto_<programme>_`.
//!
//! | subject | carries | stream |
//! |---|---|---|
//! | `event.<category>.<kind>` | the mirror of the log | `event` |
//! | `work.<effects>` | work orders, by their exact set of effects | `work` |
//! | `dead.work`, `dead.command` | dead letters, with their reason | `dead` |
//! | `command.<kind>` | commands from outside, request and reply | none |
//! | `wake` | "the queue has changed", without content | none |

use std::time::Duration;

use async_nats::jetstream::consumer::{self, AckPolicy, DeliverPolicy};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use domain::{Capabilities, ProgrammeId};

/// A message sent twice within this time is stored once: longer than any of our own retries take.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);
/// Long enough for an operator to inspect the dead letters.
const DEAD_LETTERS_AGE: Duration = Duration::from_hours(24 * 90);
/// The newest are enough for a diagnosis.
const DEAD_LETTERS: i64 = 100_000;

/// The names of one programme's bus.
#[derive(Debug, Clone)]
pub(super) struct Topology {
    programme: ProgrammeId,
    replicas: usize,
}

impl Topology {
    pub(super) fn new(programme: ProgrammeId, replicas: usize) -> Self {
        Self { programme, replicas: replicas.max(1) }
    }

    pub(super) fn programme(&self) -> &ProgrammeId {
        &self.programme
    }

    fn subject(&self, rest: &str) -> String {
        format!("tramonto.{}.{rest}", self.programme)
    }

    fn stream(&self, what: &str) -> String {
        format!("tramonto_{}_{what}", self.programme)
    }

    pub(super) fn event_stream(&self) -> String {
        self.stream("event")
    }

    /// The subject of an event of the log.
    pub(super) fn event_subject(&self, category: &str, kind: &str) -> String {
        self.subject(&format!("event.{}.{}", plain(category), plain(kind)))
    }

    pub(super) fn work_stream(&self) -> String {
        self.stream("work")
    }

    pub(super) fn dead_stream(&self) -> String {
        self.stream("dead")
    }

    /// The subject of orders with exactly these effects.
    pub(super) fn work_subject(&self, effects: Capabilities) -> String {
        self.subject(&format!("work.{}", token(effects)))
    }

    pub(super) fn work_subjects(&self) -> String {
        self.subject("work.*")
    }

    /// The effects of orders on this subject; `None` if it is not a subject of work.
    pub(super) fn effects_on(&self, subject: &str) -> Option<Capabilities> {
        effects_of(subject.strip_prefix(&self.subject("work."))?)
    }

    pub(super) fn dead_work_subject(&self) -> String {
        self.subject("dead.work")
    }

    pub(super) fn dead_command_subject(&self) -> String {
        self.subject("dead.command")
    }

    /// The subject of a kind of command; `*` for all of them.
    pub(super) fn command_subject(&self, kind: &str) -> String {
        self.subject(&format!(
            "command.{}",
            if kind == "*" { kind.to_owned() } else { plain(kind) }
        ))
    }

    pub(super) fn wake_subject(&self) -> String {
        self.subject("wake")
    }

    /// The complete mirror of the log: nothing expires, and no message can be deleted by hand.
    pub(super) fn event(&self) -> Config {
        Config {
            name: self.event_stream(),
            subjects: vec![self.subject("event.*.*")],
            deny_delete: true,
            deny_purge: true,
            ..self.kept()
        }
    }

    /// Each order goes to one worker and is deleted once it is done. A full stream rejects orders
    /// instead of discarding the oldest: that is the back-pressure.
    pub(super) fn work(&self, capacity: u32) -> Config {
        Config {
            name: self.work_stream(),
            subjects: vec![self.work_subjects()],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_messages: i64::from(capacity.max(1)),
            ..self.kept()
        }
    }

    /// Dead letters, for operators to inspect.
    pub(super) fn dead(&self) -> Config {
        Config {
            name: self.dead_stream(),
            subjects: vec![self.subject("dead.*")],
            max_age: DEAD_LETTERS_AGE,
            max_messages: DEAD_LETTERS,
            ..self.kept()
        }
    }

    /// The settings common to all streams.
    fn kept(&self) -> Config {
        Config {
            storage: StorageType::File,
            num_replicas: self.replicas,
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::Old,
            max_messages: -1,
            max_bytes: -1,
            max_messages_per_subject: -1,
            max_message_size: -1,
            max_consumers: -1,
            duplicate_window: DUPLICATE_WINDOW,
            ..Config::default()
        }
    }

    /// The consumer of orders of exactly these effects. Filters are disjoint, which a work queue
    /// requires, and a worker polls the consumers whose effects are all among its own.
    ///
    /// The server's own delivery limit is unused: an order beyond it would stay in the stream
    /// permanently, with an advisory that may get lost.
    ///
    /// Its name contains the incarnation of its stream. A recreated stream counts from 1 again, and
    /// an answer to an order of the previous incarnation must not be taken for one to an order with
    /// the same number.
    pub(super) fn work_consumer(
        &self,
        effects: Capabilities,
        stream_created: &str,
        ack_wait: Duration,
    ) -> consumer::Config {
        let digits = stream_created.chars().filter(char::is_ascii_alphanumeric);
        let name = format!("{}_{}", token(effects), digits.collect::<String>());
        consumer::Config {
            durable_name: Some(name.clone()),
            name: Some(name),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait,
            max_deliver: -1,
            max_ack_pending: -1,
            filter_subject: self.work_subject(effects),
            ..consumer::Config::default()
        }
    }
}

/// A set of effects as one token of a subject, e.g. `send_modify`.
fn token(effects: Capabilities) -> String {
    if effects.is_empty() {
        return "nothing".to_owned();
    }
    let names: Vec<_> = effects.iter().map(domain::Capability::name).collect();
    names.join("_")
}

/// A name as one token: characters with a meaning in subjects are replaced.
fn plain(name: &str) -> String {
    let allowed = |each: char| each.is_ascii_alphanumeric() || matches!(each, '-' | '_');
    name.chars().map(|each| if allowed(each) { each } else { '_' }).collect()
}

fn effects_of(token: &str) -> Option<Capabilities> {
    if token == "nothing" {
        return Some(Capabilities::NONE);
    }
    token.split('_').map(|name| name.parse::<domain::Capability>().ok()).collect()
}

#[cfg(test)]
mod tests {
    use domain::Capability;

    use super::*;

    #[test]
    fn a_category_can_not_add_tokens_to_a_subject() {
        let topology = Topology::new("cec-pac".parse().unwrap(), 1);
        assert_eq!(topology.event_subject("a.b>", "*"), "tramonto.cec-pac.event.a_b_._");
        let subject = topology.event_subject("outcome", "sending-disabled");
        assert_eq!(subject, "tramonto.cec-pac.event.outcome.sending-disabled");
    }

    #[test]
    fn a_set_of_effects_has_one_subject_and_comes_back_from_it() {
        let topology = Topology::new("cec-pac".parse().unwrap(), 1);
        let some = [
            (Capabilities::NONE, "tramonto.cec-pac.work.nothing"),
            (Capability::RequestLogs.into(), "tramonto.cec-pac.work.request-logs"),
            (
                Capabilities::from(Capability::Modify).with(Capability::Send),
                "tramonto.cec-pac.work.send_modify",
            ),
        ];
        for (effects, subject) in some {
            assert_eq!(topology.work_subject(effects), subject);
            assert_eq!(topology.effects_on(subject), Some(effects));
        }
        for other in ["tramonto.cec-pac.work.sing", "tramonto.other.work.send", "work.send"] {
            assert_eq!(topology.effects_on(other), None, "{other}");
        }
    }
}
