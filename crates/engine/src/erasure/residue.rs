//! The residue scan: search terms in every file and database of a store, the proof of an erasure.
//!
//! Compressed files are unpacked, and the index of mail logs and the e-mails are also searched as
//! their readers see them, whatever their encoding.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use archive::{Index, SearchTerms};

use super::MessageLogs;
use crate::store::StoreSettings;
use crate::{Error, StoreUrl};

/// The schemas of a shared store.
const SCHEMAS: [&str; 7] =
    ["tramonto", "registry", "directory", "projection", "vouchers", "intake", "archive"];

/// How often one of the terms occurs in each place of a store and of its mail logs.
pub async fn residue(
    settings: &StoreSettings,
    logs: &MessageLogs,
    terms: &[String],
) -> Result<Vec<(String, u64)>, Error> {
    let (mut found, folder) = match &settings.url {
        StoreUrl::Folder(folder) => {
            settings.home()?.expect_store()?;
            (in_files(folder.clone(), terms).await?, Some(folder))
        }
        StoreUrl::Postgres(_) => {
            (sql::residue(settings.connect_options()?, &SCHEMAS, terms).await?, None)
        }
    };
    if let Some(home) = logs.folder() {
        if folder.is_none_or(|folder| folder != home.folder()) {
            found.extend(in_files(home.folder().to_owned(), terms).await?);
        }
        if home.archive().exists() {
            let index = Index::open_read_only(&home.archive()).await?;
            let rows = index.residue(terms).await?;
            index.close().await?;
            found.push(("decompressed message log".to_owned(), rows));
        }
    }
    if let Some(messages) = settings.open_messages_to_read().await? {
        let mut containing = 0;
        for term in terms {
            containing += messages.residue(term).await?;
        }
        messages.close().await?;
        found.push(("decoded e-mails".to_owned(), containing));
    }
    Ok(found)
}

async fn in_files(folder: PathBuf, terms: &[String]) -> Result<Vec<(String, u64)>, Error> {
    let terms = SearchTerms::new(terms)?;
    let scan = move || {
        let mut found = BTreeMap::new();
        scan_folder(&folder, &folder, &terms, &mut found)?;
        Ok(found.into_iter().collect())
    };
    let scanned = tokio::task::spawn_blocking(scan).await;
    scanned.map_err(|_stopped| Error::Unavailable("the scan was stopped".to_owned()))?
}

fn scan_folder(
    root: &Path,
    folder: &Path,
    terms: &SearchTerms,
    found: &mut BTreeMap<String, u64>,
) -> Result<(), Error> {
    let failed = |path: &Path, source| {
        Error::file(
            path,
            "cannot be read; check its file permissions, and delete it if it is a damaged ZIP \
                 file",
        )(source)
    };
    for entry in fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let entry = entry.map_err(|source| failed(folder, source))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|source| failed(&path, source))?;
        if kind.is_dir() {
            scan_folder(root, &path, terms, found)?;
        } else if kind.is_file() {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let named = terms.count(name.as_bytes());
            let inside = terms.count_in_file(&path).map_err(|source| failed(&path, source))?;
            // The name of a file that contains a term is not shown.
            let name = if named > 0 { "a file named so".to_owned() } else { name };
            *found.entry(name).or_default() += named + inside;
        }
    }
    Ok(())
}
