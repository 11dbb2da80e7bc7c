//! Parses records into validated registrations, in its own thread, in batches.

use std::borrow::Cow;
use std::io::Read;

use domain::{InvalidRegistration, Registration, RegistrationRules};
use encoding_rs::WINDOWS_1252;
use tokio::sync::mpsc;

use super::header::Header;
use super::records::{Fault, LONGEST, Record, Records};
use super::{Encoding, Error};
use crate::store::digest;

/// A row of the file.
pub(super) struct FileRow {
    pub(super) line: u64,
    /// Its text in the file, for the file of rejects.
    pub(super) raw: String,
    pub(super) checked: Result<(Registration, i64), InvalidRegistration>,
}

/// How rows are read.
#[derive(Clone)]
pub(super) struct Reading {
    pub(super) encoding: Encoding,
    pub(super) ignore_extra: bool,
    pub(super) rules: RegistrationRules,
    /// Rows in a batch: one transaction of the registry and at most one event of registrations.
    pub(super) batch: usize,
}

/// The column of a reject that concerns the whole row.
pub(super) const WHOLE_ROW: &str = "-";

impl Reading {
    /// Reads to the end and sends one batch after the other; stops when the receiver is gone.
    pub(super) fn run(
        self,
        text: impl Read,
        batches: &mpsc::Sender<Result<Option<Vec<FileRow>>, Error>>,
    ) {
        if let Err(error) = self.read(text, batches)
            && batches.blocking_send(Err(error)).is_err()
        {
            tracing::debug!("the receiver of rows is gone");
        }
    }

    fn read(
        self,
        text: impl Read,
        batches: &mpsc::Sender<Result<Option<Vec<FileRow>>, Error>>,
    ) -> Result<(), Error> {
        let mut records = Records::new(text);
        let header = read_header(&mut records, self.ignore_extra)?;
        loop {
            let mut batch = Vec::with_capacity(self.batch);
            while batch.len() < self.batch
                && let Some(record) = records.next().map_err(Error::Interrupted)?
            {
                batch.push(self.row(&record, &header));
            }
            let ended = batch.is_empty();
            // A final message distinguishes the end from a panicked thread.
            let message = (!ended).then_some(batch);
            if batches.blocking_send(Ok(message)).is_err() || ended {
                return Ok(());
            }
        }
    }

    fn row(&self, record: &Record, header: &Header) -> FileRow {
        let line = record.line;
        let checked = match record.fault {
            Some(Fault::TooLong) => Err(whole(format!("longer than {LONGEST} bytes"))),
            Some(Fault::Unclosed) => Err(whole("a quote is opened and not closed".into())),
            None => match self.decode(&record.bytes, header) {
                Ok(text) => {
                    let checked = self.check(&text, header);
                    return FileRow { line, raw: text.into_owned(), checked };
                }
                Err(invalid) => Err(invalid),
            },
        };
        FileRow { line, raw: String::from_utf8_lossy(&record.bytes).into_owned(), checked }
    }

    fn decode<'a>(
        &self,
        bytes: &'a [u8],
        header: &Header,
    ) -> Result<Cow<'a, str>, InvalidRegistration> {
        match self.encoding {
            Encoding::Windows1252 => Ok(WINDOWS_1252.decode_without_bom_handling(bytes).0),
            Encoding::Utf8 => std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let place = before.split(|byte| *byte == header.delimiter).count() - 1;
                let column = header.places.iter().position(|at| *at == place);
                let column = column.and_then(|at| Registration::COLUMNS.get(at));
                let reason =
                    "not UTF-8: if the whole file is windows-1252, use --encoding windows-1252";
                InvalidRegistration { column: column.unwrap_or(&WHOLE_ROW), reason: reason.into() }
            }),
        }
    }

    fn check(
        &self,
        text: &str,
        header: &Header,
    ) -> Result<(Registration, i64), InvalidRegistration> {
        let registration = fields_of(text, header, |fields| self.check_fields(fields, header))??;
        let digest = digest(&registration);
        Ok((registration, digest))
    }

    fn check_fields(
        &self,
        fields: &[&str],
        header: &Header,
    ) -> Result<Registration, InvalidRegistration> {
        if fields.len() != header.fields {
            let (found, named) = (fields.len(), header.fields);
            return Err(whole(format!("{found} fields where the header names {named} columns")));
        }
        let ordered = header.places.map(|place| fields.get(place).copied().unwrap_or_default());
        Registration::check(&ordered, &self.rules)
    }
}

/// The header, which must be the first line that is not empty.
pub(super) fn read_header<R: Read>(
    records: &mut Records<R>,
    ignore_extra: bool,
) -> Result<Header, Error> {
    let empty = "it is empty; a registry file starts with a line that names its columns";
    let first = records.next().map_err(Error::Interrupted)?;
    let first = first.ok_or_else(|| Error::Unusable(empty.into()))?;
    if first.fault.is_some() {
        return Err(Error::Unusable("its first line is not the header of a registry file".into()));
    }
    let header = Header::read(&first.bytes, ignore_extra)?;
    records.delimited_by(header.delimiter);
    Ok(header)
}

/// Reads the fields of a record.
pub(super) fn fields_of<T>(
    text: &str,
    header: &Header,
    read: impl FnOnce(&[&str]) -> T,
) -> Result<T, InvalidRegistration> {
    if !text.contains('"') {
        return Ok(read(&text.split(char::from(header.delimiter)).collect::<Vec<_>>()));
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(header.delimiter)
        .buffer_capacity(text.len())
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(true)
            if reader.is_done()
                || !reader.read_record(&mut csv::StringRecord::new()).unwrap_or(true) =>
        {
            Ok(read(&record.iter().collect::<Vec<_>>()))
        }
        Ok(_) | Err(_) => Err(whole("its quotes do not follow RFC 4180".into())),
    }
}

fn whole(reason: String) -> InvalidRegistration {
    InvalidRegistration { column: WHOLE_ROW, reason }
}
