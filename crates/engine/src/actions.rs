//! Every action of the product.
//!
//! An action is a value with its input; [`Store::run`] carries it out for a caller and answers with
//! its result. Front ends parse, authenticate, run an action and render the result; nothing but an
//! action appends an operator's decision to the log. Invariant: an action with an idempotency key
//! takes effect once. The ids of its events follow from the key: a repeated call finds them and
//! returns the first result, and a key of another action is refused. A [`Convergent`] action needs
//! no key, and is given none.

mod decide;
pub mod directory;
pub mod drift;
pub mod erasure;
pub mod holds;
pub mod incidents;
pub mod keys;
pub mod log_requests;
pub mod mail_logs;
pub mod mailboxes;
pub mod messages;
pub mod migrate;
pub mod notices;
pub mod plan;
pub mod programme;
pub mod projections;
pub mod registrations;
pub mod voucher_codes;
pub mod vouchers;

use eventstore::Origin;
use serde::Serialize;
use uuid::Uuid;

pub use decide::Decided;

use crate::store::Store;
use crate::{Error, Reason};

/// The namespace of ids that follow from idempotency keys (UUID version 5).
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1b_2a0e_5c64_5d6a_9a27_3d1f_0c8e_b4d2);

/// An action of the product.
pub trait Action {
    /// What its answer says was done, e.g. `hold-placed`.
    const DONE: &'static str;
    /// What it answers.
    type Result;

    /// What the answer with this result says was done: [`Self::DONE`] unless the result differs.
    fn done(_result: &Self::Result) -> &'static str {
        Self::DONE
    }

    /// Carries it out. Use [`Store::run`], which names the answer.
    fn run(
        self,
        store: &Store,
        caller: &Caller,
    ) -> impl Future<Output = Result<At<Self::Result>, Error>> + Send;
}

/// An action that brings about a state, or observes one: repeated, it does what is left to do, or
/// is refused because nothing is. It knows no idempotency key.
pub trait Convergent {
    /// What its answer says was done.
    const DONE: &'static str;
    /// What it answers.
    type Result;

    /// Carries it out.
    fn run(
        self,
        store: &Store,
        by: &Origin,
    ) -> impl Future<Output = Result<At<Self::Result>, Error>> + Send;
}

impl<A: Convergent + Send> Action for A {
    const DONE: &'static str = A::DONE;
    type Result = A::Result;

    async fn run(self, store: &Store, caller: &Caller) -> Result<At<Self::Result>, Error> {
        Convergent::run(self, store, &caller.origin()).await
    }
}

/// A result and the position up to which the log holds what led to it.
#[derive(Debug)]
pub struct At<T> {
    /// The outcome.
    pub result: T,
    /// The end of what was recorded.
    pub position: u64,
}

impl<T> At<T> {
    /// The same at another result.
    fn map<U>(self, with: impl FnOnce(T) -> U) -> At<U> {
        At { result: with(self.result), position: self.position }
    }
}

/// The answer to an action.
#[derive(Debug, Serialize)]
pub struct Done<T> {
    /// What was done.
    pub done: &'static str,
    /// The outcome.
    #[serde(flatten)]
    pub result: T,
    /// The log holds it up to this position.
    #[serde(skip)]
    pub position: u64,
}

/// Who acts, why, and under which idempotency key.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who: `operator:anna`, `bus:/municipality`.
    pub actor: String,
    /// Why; optional for some actions.
    pub reason: Option<Reason>,
    /// Makes a repeated call the same call.
    pub key: Option<IdempotencyKey>,
    /// The chain of events that this belongs to; `None` starts a new one.
    pub correlation_id: Option<Uuid>,
}

impl Caller {
    /// A caller without an idempotency key.
    pub fn new(actor: impl Into<String>, reason: Option<Reason>) -> Self {
        Self { actor: actor.into(), reason, key: None, correlation_id: None }
    }

    /// The origin of the events that this caller's decisions lead to.
    pub fn origin(&self) -> Origin {
        Origin {
            reason: self.reason.as_ref().map(|reason| reason.as_str().to_owned()),
            correlation_id: self.correlation_id,
            ..Origin::part(&self.actor)
        }
    }

    /// An id that follows from the key, or a new one where there is none.
    fn id(&self, what: &str, store: &Store) -> Uuid {
        self.key.as_ref().map_or_else(|| store.journal().new_id(), |key| key.id(what))
    }
}

/// What makes a repeated call the same call: who sent it, and the id that the sender gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    source: String,
    id: String,
}

impl IdempotencyKey {
    /// The key of a command with this id from this source.
    pub fn new(source: impl Into<String>, id: impl Into<String>) -> Self {
        Self { source: source.into(), id: id.into() }
    }

    /// The id of one thing that the command makes; the same each time.
    fn id(&self, what: &str) -> Uuid {
        Uuid::new_v5(&NAMESPACE, format!("{}\n{}\n{what}", self.source, self.id).as_bytes())
    }
}

impl Store {
    /// Carries out an action.
    pub async fn run<A: Action>(
        &self,
        action: A,
        caller: &Caller,
    ) -> Result<Done<A::Result>, Error> {
        let At { result, position } = action.run(self, caller).await?;
        Ok(Done { done: A::done(&result), result, position })
    }
}
