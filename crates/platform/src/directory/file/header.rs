//! Checks a file by its header, before the database reads it.

use std::path::Path;

use sql::file::{Contents, Header};

use super::super::name::Name;
use super::{out_of_reach, schema};
use crate::{Cause, Error};

/// The header of the file, if this program can use it.
pub(super) fn check(path: &Path) -> Result<Header, Error> {
    let name = Name::file(path);
    let file = std::fs::metadata(path).map_err(|error| out_of_reach(path, error))?;
    if !file.is_file() {
        return Err(name.unusable("is not a file; give the path of a mail directory"));
    }
    if file.permissions().readonly() {
        let problem = "is read-only; make the file and its folder writable";
        return Err(name.unavailable(Cause::UNAVAILABLE, problem));
    }
    let header = match Contents::of(path, &name.0) {
        Ok(Contents::Database(header)) if header.application_id == schema::APPLICATION_ID => header,
        Err(error @ sql::Error::Rejected { .. }) => {
            let (cause, problem) = (Cause::UNAVAILABLE, error.to_string());
            return Err(Error::Unavailable { cause, problem, source: None });
        }
        Ok(_) | Err(_) => {
            let problem = "is not a mail directory; give the path of one, or create one";
            return Err(name.unusable(problem));
        }
    };
    if header.user_version > schema::VERSION {
        return Err(name.unusable("was made by a newer version of this program; use that version"));
    }
    Ok(header)
}
