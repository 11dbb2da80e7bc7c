//! The file of codes: new, readable by its owner alone, and flushed to the disk before a code
//! counts as delivered.

use std::fs::File;
use std::io::{BufWriter, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use engine::actions::Done;
use engine::actions::voucher_codes::{CodeSink, CodesDelivered, IssuedCode};
use serde_json::json;

use super::super::act::print;
use super::unusable;
use crate::Error;
use crate::cli::{CodesArgs, Global};
use crate::output::progress::Reported;
use crate::output::text::count;

/// The file of codes.
pub(super) struct CodeFile<'a> {
    path: &'a Path,
    csv: csv::Writer<BufWriter<File>>,
    /// Whether codes came, which may be in the file.
    begun: bool,
    taken: u64,
    coming: u64,
    bar: Reported,
}

impl<'a> CodeFile<'a> {
    /// A new file: codes overwrite nothing, and inherit no file permissions.
    pub(super) fn create(args: &'a CodesArgs, quiet: bool) -> Result<Self, Error> {
        let path: &PathBuf = args.out.as_ref().ok_or_else(|| {
            Error::Invalid("name a new file for the codes with --out FILE".to_owned())
        })?;
        let made = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|source| {
            if source.kind() != ErrorKind::AlreadyExists {
                return unusable(path, "created", source);
            }
            let advice = "it exists; name another file".to_owned();
            Error::File { path: path.clone(), advice, source }
        })?;
        // Its name is on the disk too before any code counts as delivered.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).and_then(|it| it.sync_all());
        folder.map_err(|source| unusable(path, "created", source))?;
        let mut csv = csv::Writer::from_writer(BufWriter::new(file));
        let mut header = vec!["mailbox", "address", "voucher", "issue", "code"];
        header.extend(args.tokens.then_some("token"));
        csv.write_record(&header).map_err(|error| failed(path, error))?;
        let bar = Reported::new("issue", "codes", quiet);
        Ok(Self { path, csv, begun: false, taken: 0, coming: 0, bar })
    }

    /// Reports what the file holds, and what it does not. No file is left without codes.
    pub(super) fn report(
        self,
        done: Result<Done<CodesDelivered>, Error>,
        global: &Global,
    ) -> Result<(), Error> {
        drop(self.bar);
        if !self.begun {
            drop(self.csv);
            std::fs::remove_file(self.path)
                .map_err(|source| unusable(self.path, "removed", source))?;
        }
        let done = done?;
        let CodesDelivered { vouchers, stopped, undelivered } = &done.result;
        let more = stopped.as_ref().map(|why| format!("; stopped: {why}")).unwrap_or_default();
        let again = if *undelivered == 0 {
            String::new()
        } else {
            format!(
                "; the delivery of {} earlier codes is not recorded; replace them with `tramonto \
                 voucher reissue --undelivered --out FILE --reason TEXT`",
                count(*undelivered)
            )
        };
        let (written, file) = (count(*vouchers), self.path.display());
        let words = if self.begun {
            format!("{written} codes written to {file}{more}{again}")
        } else {
            format!("0 codes; no file written{more}{again}")
        };
        let told = json!({ "done": done.done, "vouchers": vouchers,
            "file": self.begun.then_some(self.path),
            "stopped": stopped, "undelivered": undelivered });
        print(&told, words, global)
    }
}

impl CodeSink for CodeFile<'_> {
    fn begin(&mut self, codes: u64) {
        self.coming = codes;
        self.bar.report(0, codes);
    }

    fn take(&mut self, codes: Vec<IssuedCode>) -> Result<(), Error> {
        self.begun |= !codes.is_empty();
        let taken = u64::try_from(codes.len()).unwrap_or(u64::MAX);
        for IssuedCode { mailbox, address, voucher, issue, code, token, .. } in codes {
            let address = address.unwrap_or_default();
            let mut row =
                vec![mailbox.to_string(), address, voucher.to_string(), issue.to_string()];
            row.push(code.shown());
            row.extend(token);
            self.csv.write_record(&row).map_err(|error| failed(self.path, error))?;
        }
        let flushed = self.csv.flush().and_then(|()| self.csv.get_ref().get_ref().sync_all());
        flushed.map_err(|source| unusable(self.path, "written", source))?;
        self.taken += taken;
        self.bar.report(self.taken, self.coming);
        Ok(())
    }
}

fn failed(path: &Path, error: csv::Error) -> Error {
    let source = std::io::Error::other(error);
    unusable(path, "written", source)
}
