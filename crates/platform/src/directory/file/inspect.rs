//! Checks for what keeps mail servers from enforcing the directory, each with its remedy.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use domain::Refusals;
use sql::Writer;
use sql::file::beside;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};

use super::super::Directory;
use super::super::name::{Name, Problem};
use super::super::tables::Tables;
use super::{FileIdentity, header, schema};
use crate::Error;

impl Directory {
    /// Checks a directory as the mail servers see it, without changing anything; returns a sentence
    /// with a remedy for each finding. `refusals` are those of the plan in force. A file that is
    /// not a mail directory is an error.
    pub async fn inspect(path: &Path, refusals: Option<&Refusals>) -> Result<Vec<String>, Error> {
        let name = Name::file(path);
        FileIdentity::of(path).await?;
        let header = header::check(path)?;
        let mut found = companions(path);
        if !header.write_ahead {
            let place = path.display();
            found.push(format!(
                "{place} is not in write-ahead mode, and a lookup that meets a change ends \
                 Postfix's smtpd; stop the servers and run: sqlite3 {place} 'PRAGMA journal_mode = \
                 wal'"
            ));
        }
        // Without its write-ahead log the file is complete, and a read-write connection would
        // create one.
        let alone = !beside(path, "-wal").exists() || !beside(path, "-shm").exists();
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(alone);
        let content = async {
            let mut connection = options.connect().await?;
            let mut tables = Tables(Writer::Sqlite(&mut connection));
            found.extend(content(&mut tables, &name, path, refusals).await?);
            connection.close().await?;
            Ok(())
        };
        content.await.map_err(|problem: Problem| problem.at(&name))?;
        Ok(found)
    }
}

/// Checks the companion files, and who may read and reach them.
fn companions(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for suffix in ["-wal", "-shm"] {
        let name = beside(path, suffix);
        if !name.exists() {
            found.push(format!(
                "{} is missing, and Postfix exits on a file in write-ahead mode without it; start \
                 the engine, and stop whatever removes the file",
                name.display()
            ));
        }
    }
    for file in ["", "-wal", "-shm"].map(|suffix| beside(path, suffix)) {
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
    tables: &mut Tables<'_>,
    name: &Name,
    path: &Path,
    refusals: Option<&Refusals>,
) -> Result<Vec<String>, Problem> {
    let (version,): (i64,) = tables.row("PRAGMA user_version", Vec::new()).await?;
    if version < i64::from(schema::VERSION) {
        return Ok(vec![format!(
            "{name} has version {version} of its tables, and the lookups need {}; start the \
             engine once to migrate it",
            schema::VERSION
        )]);
    }
    let mut found = tables.inspect(name, refusals).await?;
    let passwords = "SELECT EXISTS (SELECT 1 FROM mailbox WHERE password IS NOT NULL)";
    let (passwords,): (bool,) = tables.row(passwords, Vec::new()).await?;
    let files: Vec<PathBuf> = ["", "-wal"].map(|suffix| beside(path, suffix)).into();
    if passwords && files.iter().any(|file| mode(file).is_some_and(|mode| mode & 0o004 != 0)) {
        found.push(format!(
            "{name} holds password hashes and can be read by every user of this machine; give it \
             to the mail servers' group: chgrp GROUP, chmod 640, for -wal and -shm too"
        ));
    }
    Ok(found)
}
