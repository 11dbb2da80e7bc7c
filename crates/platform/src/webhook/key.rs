//! The idempotency key of a request: equal for the same decision about the same mailboxes,
//! whichever process sends it and however often.

use domain::PhaseId;
use ring::digest::{Context, SHA256};
use roaring::RoaringBitmap;

use super::super::SetRights;
use super::wire;

/// The identifiers of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// The idempotency key: readable in its first parts, exact in the last.
    pub(super) idempotency: String,
    /// The id of the message.
    pub(super) message: String,
}

/// The key of a batch of a call.
///
/// The position of the log at which it was decided is part of it: a decision that is made again
/// later, for example after a hold was placed and released, is another request, even if all else is
/// equal. Position 0 does not distinguish decisions, so each request has its own key there.
pub(super) fn of(call: &SetRights, batch: &RoaringBitmap) -> Key {
    let capabilities: Vec<&str> = call.capabilities.iter().map(domain::Capability::name).collect();
    let phase = call.key.phase.as_ref().map_or("-", PhaseId::as_str);
    let why = format!(
        "{}/{}/{phase}/{}/{}",
        call.key.programme,
        call.key.revision,
        capabilities.join("+"),
        call.decided_at
    );
    if call.decided_at == 0 {
        let once = uuid::Uuid::now_v7().simple().to_string();
        return Key { idempotency: format!("{why}/{once}"), message: format!("msg_{once}") };
    }
    let mut digest = Context::new(&SHA256);
    digest.update(why.as_bytes());
    digest.update(wire::until(call.right).unwrap_or_default().as_bytes());
    for number in batch {
        digest.update(&number.to_be_bytes());
    }
    // Half of the digest is more than enough to distinguish batches.
    let digest = digest.finish();
    let half = digest.as_ref().first_chunk().copied().unwrap_or_default();
    let exact = format!("{:032x}", u128::from_be_bytes(half));
    Key { idempotency: format!("{why}/{exact}"), message: format!("msg_{exact}") }
}

/// The key of a request that changes nothing.
pub(super) fn asking() -> String {
    format!("msg_{}", uuid::Uuid::now_v7().simple())
}

#[cfg(test)]
mod tests {
    use domain::{Capabilities, MailboxSet};

    use super::super::super::{EffectKey, Right};
    use super::*;

    fn call() -> SetRights {
        SetRights {
            key: EffectKey {
                programme: "cec-pac".parse().unwrap(),
                revision: 1,
                phase: Some("receive-only".parse().unwrap()),
            },
            mailboxes: MailboxSet::new(),
            capabilities: Capabilities::OF_PLATFORM,
            right: Right::Until("2015-03-17T23:00:00Z".parse().unwrap()),
            decided_at: 7,
        }
    }

    #[test]
    fn the_same_decision_about_the_same_mailboxes_has_the_same_key_and_no_other_has() {
        let batch: RoaringBitmap = [1, 2].into_iter().collect();
        let key = of(&call(), &batch);
        assert!(key.idempotency.starts_with("cec-pac/1/receive-only/"), "{key:?}");
        assert!(key.idempotency.len() < 255 && key.idempotency.is_ascii(), "{key:?}");
        assert_eq!(of(&call(), &batch), key);
        let others = [
            (SetRights { decided_at: 8, ..call() }, batch.clone()),
            (SetRights { right: Right::Allowed, ..call() }, batch.clone()),
            (SetRights { capabilities: domain::Capability::Send.into(), ..call() }, batch.clone()),
            (call(), [1, 3].into_iter().collect()),
            (call(), [1].into_iter().collect()),
        ];
        for (other, batch) in others {
            let other = of(&other, &batch);
            assert_ne!(other.idempotency, key.idempotency);
            assert_ne!(other.message, key.message);
        }
        let first = SetRights { decided_at: 0, ..call() };
        assert_ne!(of(&first, &batch), of(&first, &batch), "nothing tells these two apart");
    }
}
