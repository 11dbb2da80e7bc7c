//! `FILE.rejects.csv`: each rejected row with its line, column and reason. Personal data.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::Error;
use super::decide::Rejected;

/// The writer of a file of rejects, which appears completely or not at all.
pub(super) struct Rejects {
    /// Its final path; `None` if the caller wants no file.
    path: Option<PathBuf>,
    draft: Option<csv::Writer<BufWriter<File>>>,
}

impl Rejects {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, draft: None }
    }

    pub(super) fn add(&mut self, rejected: &Rejected) -> Result<(), Error> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut write = || -> Result<(), csv::Error> {
            if self.draft.is_none() {
                let mut draft = csv::Writer::from_writer(BufWriter::new(private(path)?));
                draft.write_record(["line", "column", "reason", "row"])?;
                self.draft = Some(draft);
            }
            let Some(draft) = &mut self.draft else { return Ok(()) };
            let Rejected { line, raw, invalid } = rejected;
            draft.write_record([&line.to_string(), invalid.column, &invalid.reason, raw])
        };
        write().map_err(|error| failed(path, error.into()))
    }

    /// Renames the file to its final path; without rejects, an earlier one is removed. Returns its
    /// path if there is one.
    pub(super) fn finish(self) -> Result<Option<PathBuf>, Error> {
        let Some(path) = self.path else { return Ok(None) };
        let put = match self.draft {
            Some(draft) => draft
                .into_inner()
                .map_err(csv::IntoInnerError::into_error)
                .and_then(|mut draft| draft.flush().and_then(|()| draft.get_ref().sync_all()))
                .and_then(|()| fs::rename(draft_of(&path), &path))
                .map(|()| Some(path.clone())),
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(None),
            },
        };
        put.map_err(|error| failed(&path, error))
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Rejects { path: path.to_owned(), source }
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(draft_of(path))
}
