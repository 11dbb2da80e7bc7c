//! Codes for many at once: made, written to a new file that is its owner's alone, flushed to the disk, and only
//! then recorded as handed over, batch by batch.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use engine::issuing;
use eventstore::Origin;
use roaring::RoaringBitmap;
use serde_json::json;
use vouchers::{Kept, Minted};

use super::{Desk, unusable};
use crate::cli::{CodesArgs, Global};
use crate::output::text::count;
use crate::{Error, requests};

/// Codes written and recorded as delivered at once. What a crash leaves to be replaced is one batch at most.
const BATCH: usize = 16_384;

/// The file of codes.
struct Codes<'a> {
    path: &'a Path,
    csv: csv::Writer<BufWriter<File>>,
    tokens: bool,
    written: u64,
}

pub(super) async fn issue_all(
    desk: &Desk,
    args: &CodesArgs,
    origin: &Origin,
    global: &Global,
) -> Result<(), Error> {
    let mut codes = Codes::create(args)?;
    let journal = desk.office.journal();
    desk.until_issued(None).await?;
    // Those whose code a letter of the intake brings are left to it; of the others who stopped before left some.
    let issued = {
        let snapshot = journal.state().await?;
        let vouchers = &snapshot.vouchers;
        vouchers.valid() - vouchers.delivered()
    };
    for batch in batches(&(issued - &under_way(global).await?)) {
        let minted = desk.office.mint_missing(&batch).await?;
        if !minted.is_empty() {
            codes.hand_over(desk, minted, origin).await?;
        }
    }
    let stopped = issuing::left_over(&*journal.state().await?, journal.now());
    if let Some(why) = stopped.as_ref().filter(|_| codes.written == 0) {
        return Err(vouchers::Error::Rejected(domain::Rejection(why.clone())).into());
    }
    let lost = (desk.office.undelivered().await?.made - &under_way(global).await?).len();
    codes.told("issued", stopped.as_deref(), lost, global)
}

pub(super) async fn reissue_undelivered(
    desk: &Desk,
    args: &CodesArgs,
    origin: &Origin,
    global: &Global,
) -> Result<(), Error> {
    let mut codes = Codes::create(args)?;
    let lost = desk.office.undelivered().await?.made - &under_way(global).await?;
    for batch in batches(&lost) {
        codes.hand_over(desk, desk.office.reissue_all(&batch, origin).await?, origin).await?;
    }
    codes.told("reissued", None, 0, global)
}

/// Whose codes are in letters that the intake still tries to send: they are not lost.
async fn under_way(global: &Global) -> Result<RoaringBitmap, Error> {
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
    /// A file that was not there: codes are written over nothing, and no older right of others is taken over.
    fn create(args: &'a CodesArgs) -> Result<Self, Error> {
        let path: &PathBuf = args.out.as_ref().ok_or_else(|| {
            Error::Usage("name a new file for the codes with --out FILE".to_owned())
        })?;
        let made = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|source| unusable(path, "made", source))?;
        // Its name too is on the disk before any code counts as handed over.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).and_then(|it| it.sync_all());
        folder.map_err(|source| unusable(path, "made", source))?;
        let mut csv = csv::Writer::from_writer(BufWriter::new(file));
        let mut header = vec!["mailbox", "address", "voucher", "issue", "code"];
        header.extend(args.tokens.then_some("token"));
        csv.write_record(&header).map_err(|error| failed(path, error))?;
        Ok(Self { path, csv, tokens: args.tokens, written: 0 })
    }

    /// Writes codes to the disk, and records then that they were handed over.
    async fn hand_over(
        &mut self,
        desk: &Desk,
        minted: Vec<Minted>,
        origin: &Origin,
    ) -> Result<(), Error> {
        let handed: Vec<Kept> =
            minted.iter().map(|one| Kept { number: one.number, issue: one.issue }).collect();
        let numbers: RoaringBitmap = minted.iter().map(|one| one.number).collect();
        let addresses = desk.office.registry().addresses_of(&numbers).await?;
        let addresses: HashMap<u32, String> =
            addresses.into_iter().map(|(number, address, _)| (number, address)).collect();
        for Minted { number, issue, code } in minted {
            let mut row = vec![
                desk.id(number).to_string(),
                addresses.get(&number).cloned().unwrap_or_default(),
                desk.office.voucher(number).to_string(),
                issue.to_string(),
                code.shown(),
            ];
            if self.tokens {
                row.push(desk.office.token(number, issue).await?);
            }
            self.csv.write_record(&row).map_err(|error| failed(self.path, error))?;
            self.written = self.written.saturating_add(1);
        }
        let flushed = self.csv.flush().and_then(|()| self.csv.get_ref().get_ref().sync_all());
        flushed.map_err(|source| unusable(self.path, "written", source))?;
        desk.office.handed_over(&handed, origin).await?;
        Ok(())
    }

    /// Tells what the file holds, and what it does not.
    fn told(
        self,
        done: &str,
        stopped: Option<&str>,
        lost: u64,
        global: &Global,
    ) -> Result<(), Error> {
        let more = stopped.map(|why| format!("; no more: {why}")).unwrap_or_default();
        let again = if lost == 0 {
            String::new()
        } else {
            format!(
                "; {} codes were made before and not recorded as handed over: replace them with \
                 `tramonto voucher reissue --undelivered --out FILE`",
                count(lost)
            )
        };
        let (written, file) = (count(self.written), self.path.display());
        let words = format!("{written} codes are in {file}{more}{again}");
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
