//! `tramonto registry generate`: a generated registry file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::json;

use super::act;
use crate::Error;
use crate::cli::{Destination, GenerateArgs, Global};
use crate::output;
use crate::output::text::count;
use rehearsal::generate::{Counts, Options, generate};

pub(super) fn execute(args: &GenerateArgs, global: &Global) -> Result<(), Error> {
    let options = Options { registrations: args.registrations, seed: args.seed };
    match &args.out {
        Destination::Output => {
            let mut out = BufWriter::new(std::io::stdout().lock());
            generate(&options, &mut out).map_err(output::failed)?;
            Ok(())
        }
        Destination::File(path) => {
            let counts = write(&options, path)?;
            print(&counts, path, global)
        }
    }
}

/// Writes under a temporary name, so that a file of the final name is always complete.
fn write(options: &Options, path: &Path) -> Result<Counts, Error> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".part");
    let draft = Path::new(&draft);
    let failed = |source: std::io::Error| {
        Error::file(path, "cannot be written; check its folder and the space on the disk")(source)
    };
    // A rename would replace a device or a pipe.
    if path.exists() && !path.is_file() {
        let problem = std::io::Error::other("not a regular file");
        return Err(Error::file(path, "cannot be replaced; choose another path")(problem));
    }
    let written = File::create(draft).and_then(|file| {
        let mut file = BufWriter::new(file);
        let counts = generate(options, &mut file)?;
        file.flush()?;
        std::fs::rename(draft, path)?;
        Ok(counts)
    });
    if written.is_err() && draft.exists() {
        drop(std::fs::remove_file(draft));
    }
    written.map_err(failed)
}

fn print(counts: &Counts, path: &Path, global: &Global) -> Result<(), Error> {
    let Counts { registrations, activated, used, bytes } = *counts;
    let object = json!({ "file": path, "registrations": registrations, "activated": activated,
        "used": used, "bytes": bytes });
    let words = format!(
        "{}: {} registrations, {} of them activated, {} of those used",
        path.display(),
        count(registrations.into()),
        count(activated.into()),
        count(used.into())
    );
    act::print(&object, words, global)
}
