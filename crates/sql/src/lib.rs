//! Tables beside the log: one way to open them, to speak to them, and to say what went wrong, in a `SQLite`
//! file or in a `PostgreSQL` schema.
//!
//! Invariants: a file or schema that is not ours is never written to, and read only where it is named for
//! that; every failure becomes one sentence that says what to do; where it is kept is shown without user and
//! password. Deliberately absent: the log itself, which has a writer of its own, and what is in anybody's
//! tables.

mod foreign;
mod place;
mod postgres;
mod sqlite;
mod statement;
mod tables;
mod traces;

pub use foreign::{Column, Foreign, TableName};
pub use place::{Fault, Place, Why};
pub use postgres::{ANSWER, Schema, Server, bounded};
pub use sqlite::{Database, Format, Keeping};
pub use sqlx::postgres::PgConnectOptions;
pub use statement::{Given, Reader, Shape, Statement, Writer, json};
pub use tables::{Tables, Writing};
pub use traces::traces;
