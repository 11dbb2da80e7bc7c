//! Prepares exports, and their links.

use std::io::Write;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{LogCommand, LogExportPrepared, LogRequest, LogStanding, Requester};
use eventstore::Origin;
use uuid::Uuid;

use super::{Archive, unwritable};
use crate::link::Link;
use crate::{Error, Export, LogArchive, Period, Subject};

/// The holder whose export is prepared.
#[derive(Clone)]
pub struct Holder {
    /// The mailbox's address.
    pub address: String,
    /// The codice fiscale that the link's page asks for.
    pub codice_fiscale: String,
}

/// The terms of an export.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How long its link is valid.
    pub lasting: TimeDelta,
    /// Is the link sent by letter? A link shown to an operator is never replaced by a letter's.
    pub by_letter: bool,
}

/// A prepared export.
#[derive(Debug)]
pub struct Ready {
    /// The recorded event.
    pub prepared: LogExportPrepared,
    /// The secret of its link: shown once and not stored.
    pub secret: String,
}

impl Archive {
    /// Prepares the export of a verified request from a log archive, with a link on these terms. A
    /// previous export of the request and its link are replaced.
    pub async fn prepare(
        &self,
        request: Uuid,
        holder: &Holder,
        archive: &dyn LogArchive,
        terms: Terms,
        origin: &Origin,
    ) -> Result<Ready, Error> {
        let (open, zone) = self
            .read_state(|state| {
                let open = state.log_requests.open.get(&request).cloned();
                (open, state.plan().map(|plan| plan.zone))
            })
            .await?;
        let (Some(open), Some(zone)) = (open, zone) else {
            return Err(Error::Refused(format!(
                "no request {request} is open; see `tramonto log-request list`"
            )));
        };
        if open.standing == LogStanding::Requested {
            let unverified = "requester has not been verified; run `tramonto log-request verify ID \
                 --reason TEXT` first";
            return Err(Error::Refused(unverified.to_owned()));
        }
        let period = Period::days(open.from, open.through, zone);
        let mut entries = archive.messages(&holder.address, period).await?;
        let erased_addresses = self.erased_addresses().await?;
        entries.retain(|entry| {
            let mut parties = entry.sender.iter().chain(&entry.recipients);
            !parties.any(|party| erased_addresses.has(party))
        });
        let subject = Subject {
            programme: self.journal.programme().clone(),
            request,
            number: open.number,
            address: holder.address.clone(),
            from: open.from,
            through: open.through,
            zone,
        };
        let now = self.journal.now();
        let export = Export::pack(&subject, &entries, &self.keys, now)?;
        let expires_at = now.checked_add_signed(terms.lasting).unwrap_or(DateTime::<Utc>::MAX_UTC);
        self.keep(request, &export.bytes)?;
        let secret = self.link(request, &open, holder, (expires_at, !terms.by_letter)).await?;
        let prepared = LogExportPrepared {
            request,
            number: open.number,
            files: export.files,
            rows: export.rows,
            first: export.first,
            last: export.last,
            sha256: export.sha256,
            expires_at,
        };
        self.decide(LogCommand::Prepare(prepared.clone()), origin).await?;
        Ok(Ready { prepared, secret })
    }

    /// Makes a new link of a prepared export, for a letter, and revokes the previous one. `None` if
    /// no export is ready, or its link was shown to an operator.
    pub async fn relink(&self, request: Uuid, holder: &Holder) -> Result<Option<String>, Error> {
        let open = self.read_state(|state| state.log_requests.open.get(&request).cloned()).await?;
        let Some(open) = open else { return Ok(None) };
        let LogStanding::Prepared { expires_at, .. } = open.standing else { return Ok(None) };
        if self.index.is_shown(request).await? {
            return Ok(None);
        }
        self.link(request, &open, holder, (expires_at, false)).await.map(Some)
    }

    async fn link(
        &self,
        request: Uuid,
        open: &LogRequest,
        holder: &Holder,
        (expires_at, shown): (DateTime<Utc>, bool),
    ) -> Result<String, Error> {
        let secret = keyring::link_secret()?;
        let asked = open.by == Requester::Holder;
        let link = Link {
            hash: self.hashes.link(&secret),
            request,
            number: open.number,
            holder: asked.then(|| self.hashes.holder(request, &holder.codice_fiscale)),
            wrong: 0,
            expires_at,
            shown,
        };
        self.index.put_link(&link).await?;
        Ok(secret)
    }

    /// Writes an export atomically.
    fn keep(&self, request: Uuid, bytes: &[u8]) -> Result<(), Error> {
        let file = self.file(request);
        let failed = |source| unwritable(&file, source);
        make_private(&self.folder).map_err(failed)?;
        let mut part = tempfile::NamedTempFile::new_in(&self.folder).map_err(failed)?;
        part.write_all(bytes).and_then(|()| part.as_file().sync_all()).map_err(failed)?;
        part.persist(&file).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
