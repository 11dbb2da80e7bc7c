//! Results of actions: the same fields for every front end, and one sentence for people.
//!
//! Invariant: no personal data, except a secret that the action created for its caller.

/// Displays a result as one sentence, which may name its fields.
macro_rules! sentence {
    ($result:ident { $($field:ident),* }, $($sentence:tt)*) => {
        impl std::fmt::Display for $result {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let Self { $($field,)* .. } = self;
                write!(f, $($sentence)*)
            }
        }
    };
}

mod erasure;
mod incidents;
mod keys;
mod logs;
mod mailboxes;
mod messages;
mod notices;
mod plan;
mod programme;
mod registrations;
mod vouchers;

pub use erasure::*;
pub use incidents::*;
pub use keys::*;
pub use logs::*;
pub use mailboxes::*;
pub use messages::*;
pub use notices::*;
pub use plan::*;
pub use programme::*;
pub use registrations::*;
pub use vouchers::*;
