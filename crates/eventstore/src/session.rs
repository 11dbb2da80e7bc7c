//! What the writer asks of a database.

use sql::{Param, Row, Statement};

use crate::group::{Group, Head};

/// A connection that writes, and its transactions.
///
/// An error leaves a transaction open until [`Session::roll_back`].
pub(crate) trait Session: Send + 'static {
    /// Begins a transaction of appends, once no other is under way; returns the end of the log.
    fn begin(&mut self) -> impl Future<Output = Result<Head, sqlx::Error>> + Send;

    /// Begins a transaction on a lease.
    fn begin_lease(&mut self) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// All rows of a statement.
    fn rows<T: Row>(
        &mut self,
        statement: Statement,
        params: Vec<Param>,
    ) -> impl Future<Output = Result<Vec<T>, sqlx::Error>> + Send;

    /// Writes the pending streams and events of a group, and the head of the log.
    fn write(
        &mut self,
        group: &mut Group<'_>,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Commits; `head` is the new end of the log, if it moved.
    fn commit(&mut self, head: Option<u64>)
    -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Rolls back, after an error if there was one.
    fn roll_back(&mut self, after: Option<&sqlx::Error>) -> impl Future<Output = ()> + Send;

    /// Closes the connection.
    fn close(self) -> impl Future<Output = ()> + Send;
}
