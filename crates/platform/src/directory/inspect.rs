//! Checks for what keeps mail servers from enforcing the directory, each with its remedy.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use domain::Refusals;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use super::super::{Error, said};
use super::file::DirectoryFile;
use super::{Directory, fault, header, open, schema};

impl Directory {
    /// Checks a directory as the mail servers see it, without changing anything; returns a sentence
    /// with a remedy for each finding. `refusals` are those of the plan in force. A file that is
    /// not a mail directory is an error.
    pub async fn inspect(path: &Path, refusals: Option<&Refusals>) -> Result<Vec<String>, Error> {
        let place = DirectoryFile::of(path).await?;
        header::check(path).await?;
        let mut found = beside(path);
        if !header::is_write_ahead(path).await? {
            let place = path.display();
            found.push(format!(
                "{place} is not in write-ahead mode, and a lookup that meets a change ends \
                 Postfix's smtpd; stop the servers and run: sqlite3 {place} 'PRAGMA journal_mode = \
                 wal'"
            ));
        }
        // Without its write-ahead log the file is complete, and a read-write connection would
        // create one.
        let alone = !open::beside(path, "-wal").exists() || !open::beside(path, "-shm").exists();
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(alone);
        let mut connection = options.connect().await.map_err(|error| fault::of(&place, error))?;
        let looked = content(&mut connection, path, refusals, &mut found).await;
        looked.map_err(|error| fault::of(&place, error))?;
        connection.close().await.map_err(|error| fault::of(&place, error))?;
        Ok(found)
    }
}

/// Checks the companion files, and who may read and reach them.
fn beside(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for suffix in ["-wal", "-shm"] {
        let name = open::beside(path, suffix);
        if !name.exists() {
            found.push(format!(
                "{} is missing, and Postfix ends on a file in write-ahead mode without it; start \
                 the engine, and stop whatever takes it away",
                name.display()
            ));
        }
    }
    for file in ["", "-wal", "-shm"].map(|suffix| open::beside(path, suffix)) {
        let mode = mode(&file);
        if mode.is_some_and(|mode| mode & 0o044 == 0) {
            found.push(format!(
                "{} can be read only by its owner; give the mail servers' group permission: chgrp \
                 GROUP, chmod 640",
                file.display()
            ));
        }
    }
    let whole = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folders = whole.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    for folder in folders {
        if mode(folder).is_some_and(|mode| mode & 0o011 == 0) {
            found.push(format!(
                "the folder {} is not accessible to the mail servers; give their group permission: \
                 chgrp GROUP, chmod 750",
                folder.display()
            ));
        }
    }
    found
}

fn mode(path: &Path) -> Option<u32> {
    std::fs::metadata(path).ok().map(|found| found.permissions().mode())
}

async fn content(
    connection: &mut SqliteConnection,
    path: &Path,
    refusals: Option<&Refusals>,
    found: &mut Vec<String>,
) -> Result<(), sqlx::Error> {
    let place = path.display();
    let version: i32 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    if version < schema::VERSION {
        found.push(format!(
            "{place} has version {version} of its tables, and the lookups need {}; start the \
             engine once to migrate it",
            schema::VERSION
        ));
        return Ok(());
    }
    let rehearsal: bool =
        sqlx::query_scalar("SELECT rehearsal FROM directory").fetch_one(&mut *connection).await?;
    if rehearsal {
        found.push(format!(
            "{place} was made for rehearsals and its clock can be set; never put mail servers of \
             production in front of it"
        ));
    }
    let set: bool = sqlx::query_scalar("SELECT rehearsed_at IS NOT NULL FROM clock")
        .fetch_one(&mut *connection)
        .await?;
    if set {
        found.push(format!(
            "the clock of {place} is stopped; start it again: UPDATE clock SET rehearsed_at = \
             NULL"
        ));
    }
    let passwords: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM mailbox WHERE password IS NOT NULL)")
            .fetch_one(&mut *connection)
            .await?;
    let files: Vec<PathBuf> = ["", "-wal"].map(|suffix| open::beside(path, suffix)).into();
    if passwords && files.iter().any(|file| mode(file).is_some_and(|mode| mode & 0o004 != 0)) {
        found.push(format!(
            "{place} holds password hashes and can be read by every user of this machine; give it \
             to the mail servers' group: chgrp GROUP, chmod 640, for -wal and -shm too"
        ));
    }
    if let Some(refusals) = refusals {
        let sql = format!("SELECT {} FROM refusal", said::COLUMNS);
        let says: (String, String, String, String, String) =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *connection).await?;
        if <[String; 5]>::from(says) != said::values(refusals) {
            found.push(format!(
                "{place} has refusals that differ from the plan in force; run the engine to update \
                 them"
            ));
        }
    }
    Ok(())
}
