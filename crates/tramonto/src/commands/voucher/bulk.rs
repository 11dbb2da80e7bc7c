//! Codes for many holders, batch by batch: generated, written to a new private file, flushed to the
//! disk, and only then recorded as delivered.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use engine::issuing;
use eventstore::Origin;
use roaring::RoaringBitmap;
use serde_json::json;
use vouchers::{CodeId, NewCode};

use super::{OpenVouchers, unusable};
use crate::cli::{CodesArgs, Global};
use crate::output::text::count;
use crate::{Error, requests};

/// Codes written and recorded as delivered at once; a crash loses one batch at most.
const BATCH: usize = 16_384;

/// The file of codes.
struct Codes<'a> {
    path: &'a Path,
    csv: csv::Writer<BufWriter<File>>,
    tokens: bool,
    written: u64,
}

pub(super) async fn issue_all(
    opened: &OpenVouchers,
    args: &CodesArgs,
    origin: &Origin,
    global: &Global,
) -> Result<(), Error> {
    let mut codes = Codes::create(args)?;
    let journal = opened.vouchers.journal();
    opened.until_issued(None).await?;
    // Codes in letters of the intake are excluded. The others include leftovers of earlier runs.
    let issued = {
        let snapshot = journal.state().await?;
        let vouchers = &snapshot.vouchers;
        vouchers.valid() - vouchers.delivered()
    };
    for batch in batches(&(issued - &in_letters(global).await?)) {
        let new = opened.vouchers.generate_missing(&batch).await?;
        if !new.is_empty() {
            codes.write(opened, new, origin).await?;
        }
    }
    let stopped = issuing::left_over(&*journal.state().await?, journal.now());
    if let Some(why) = stopped.as_ref().filter(|_| codes.written == 0) {
        return Err(vouchers::Error::Rejected(domain::Rejection(why.clone())).into());
    }
    let lost = (opened.vouchers.undelivered().await?.with_code - &in_letters(global).await?).len();
    codes.told("issued", stopped.as_deref(), lost, global)
}

pub(super) async fn reissue_undelivered(
    opened: &OpenVouchers,
    args: &CodesArgs,
    origin: &Origin,
    global: &Global,
) -> Result<(), Error> {
    let mut codes = Codes::create(args)?;
    let lost = opened.vouchers.undelivered().await?.with_code - &in_letters(global).await?;
    for batch in batches(&lost) {
        codes.write(opened, opened.vouchers.reissue_all(&batch, origin).await?, origin).await?;
    }
    codes.told("reissued", None, 0, global)
}

/// Holders whose codes are in letters that the intake has yet to send; these codes are not lost.
async fn in_letters(global: &Global) -> Result<RoaringBitmap, Error> {
    let Some(store) = requests::open_to_look(global).await? else {
        return Ok(RoaringBitmap::new());
    };
    let waiting = store.codes_in_delivery().await?;
    store.close().await?;
    Ok(waiting)
}

fn batches(numbers: &RoaringBitmap) -> Vec<RoaringBitmap> {
    let all: Vec<u32> = numbers.iter().collect();
    all.chunks(BATCH).map(|batch| batch.iter().copied().collect()).collect()
}

impl<'a> Codes<'a> {
    /// Creates a new private file: an existing one would keep its content and permissions.
    fn create(args: &'a CodesArgs) -> Result<Self, Error> {
        let path: &PathBuf = args.out.as_ref().ok_or_else(|| {
            Error::Usage("name a new file for the codes with --out FILE".to_owned())
        })?;
        let made = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|source| unusable(path, "created", source))?;
        // The directory entry is on the disk before any code is recorded as delivered.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).and_then(|it| it.sync_all());
        folder.map_err(|source| unusable(path, "created", source))?;
        let mut csv = csv::Writer::from_writer(BufWriter::new(file));
        let mut header = vec!["mailbox", "address", "voucher", "issue", "code"];
        header.extend(args.tokens.then_some("token"));
        csv.write_record(&header).map_err(|error| failed(path, error))?;
        Ok(Self { path, csv, tokens: args.tokens, written: 0 })
    }

    /// Writes codes to the disk, then records their delivery.
    async fn write(
        &mut self,
        opened: &OpenVouchers,
        codes: Vec<NewCode>,
        origin: &Origin,
    ) -> Result<(), Error> {
        let ids: Vec<CodeId> = codes.iter().map(|new| new.id).collect();
        let numbers: RoaringBitmap = ids.iter().map(|id| id.number).collect();
        let addresses = opened.vouchers.registry().addresses_of(&numbers).await?;
        let addresses: HashMap<u32, String> =
            addresses.into_iter().map(|(number, address, _)| (number, address)).collect();
        for NewCode { id, code } in codes {
            let mut row = vec![
                opened.id(id.number).to_string(),
                addresses.get(&id.number).cloned().unwrap_or_default(),
                opened.vouchers.voucher(id.number).to_string(),
                id.issue.to_string(),
                code.shown(),
            ];
            if self.tokens {
                row.push(opened.vouchers.token(id).await?);
            }
            self.csv.write_record(&row).map_err(|error| failed(self.path, error))?;
            self.written = self.written.saturating_add(1);
        }
        let flushed = self.csv.flush().and_then(|()| self.csv.get_ref().get_ref().sync_all());
        flushed.map_err(|source| unusable(self.path, "written", source))?;
        opened.vouchers.record_delivered(&ids, origin).await?;
        Ok(())
    }

    /// Prints how many codes the file holds, and why it holds no more.
    fn told(
        self,
        done: &str,
        stopped: Option<&str>,
        lost: u64,
        global: &Global,
    ) -> Result<(), Error> {
        let more = stopped.map(|why| format!("; stopped: {why}")).unwrap_or_default();
        let again = if lost == 0 {
            String::new()
        } else {
            format!(
                "; the delivery of {} earlier codes is not recorded; replace them with `tramonto \
                 voucher reissue --undelivered --out FILE`",
                count(lost)
            )
        };
        let (written, file) = (count(self.written), self.path.display());
        let words = format!("{written} codes written to {file}{more}{again}");
        let told = json!({
            "done": done, "vouchers": self.written, "file": self.path,
            "stopped": stopped, "undelivered": lost,
        });
        super::answer(global, &told, &words)
    }
}

fn failed(path: &Path, error: csv::Error) -> Error {
    let source = std::io::Error::other(error);
    unusable(path, "written", source)
}
