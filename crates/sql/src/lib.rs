//! Databases, for every crate that keeps something in one: opening, migrating, time limits,
//! statements and errors, in a `SQLite` file or a `PostgreSQL` schema.
//!
//! Invariants: a file or schema that is not ours is never written to; every wait for a server has a
//! bound; every error names its store, without a password, and says what to do. Deliberately
//! absent: what any table holds.

mod connections;
mod database;
mod error;
mod failure;
pub mod file;
mod foreign;
mod residue;
mod schema;
mod server;
mod statement;
mod store_name;
mod store_url;
mod tables;

pub use connections::{Connections, Lent, close, connect, session, within};
pub use database::{Database, Durability, Format};
pub use error::{Damage, Error};
pub use failure::{Failure, ends_the_session};
pub use foreign::{Column, ForeignTable, TableName};
pub use residue::residue;
pub use schema::{Migration, Schema};
pub use server::{ANSWER, Server};
pub use sqlx::postgres::PgConnectOptions;
pub use statement::{Param, Reader, Row, Statement, Writer, json};
pub use store_name::StoreName;
pub use store_url::{PostgresUrl, StoreUrl, without_secrets};
pub use tables::{Exclusive, Tables, Transaction};
