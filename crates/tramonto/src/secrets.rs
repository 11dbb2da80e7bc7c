//! Secrets of the command line, from files or from environment variables.

use std::fs;
use std::path::Path;

use secrecy::SecretString;

use crate::Error;

/// The password of the platform's table of messages, where no file names one.
pub(crate) const LOG_TABLE_PASSWORD: &str = "TRAMONTO_LOG_TABLE_PASSWORD";

/// A secret from the file that holds it, or else from a variable of the environment.
pub(crate) fn password(file: Option<&Path>, variable: &str) -> Result<Option<SecretString>, Error> {
    let Some(file) = file else {
        return Ok(std::env::var(variable).ok().map(SecretString::from));
    };
    let text = fs::read_to_string(file).map_err(Error::file(
        file,
        "the secret cannot be read; check the path and the file's permissions",
    ))?;
    Ok(Some(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())))
}
