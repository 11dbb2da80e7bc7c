use domain::MailboxSet;
use roaring::RoaringBitmap;

/// Splits a set into batches of this size, ascending.
pub(super) fn batches(mailboxes: &MailboxSet, size: usize) -> Vec<RoaringBitmap> {
    let mut batches = Vec::new();
    let mut rest = mailboxes.iter();
    loop {
        let batch: RoaringBitmap = rest.by_ref().take(size.max(1)).collect();
        if batch.is_empty() {
            return batches;
        }
        batches.push(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mailbox_is_in_one_batch_and_no_batch_is_too_big() {
        let all: MailboxSet = (0..10).chain([70_000, u32::MAX]).collect();
        for size in [1, 5, 12, 13] {
            let batches = batches(&all, size);
            assert!(batches.iter().all(|batch| batch.len() <= u64::try_from(size).unwrap()));
            let together: Vec<u32> = batches.iter().flatten().collect();
            assert_eq!(together, all.iter().collect::<Vec<_>>(), "{size}");
        }
        assert!(batches(&MailboxSet::new(), 5).is_empty());
    }
}
