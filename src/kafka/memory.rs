//! How much of what was fetched lies in memory, and who may fetch more.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use tokio::sync::Notify;

/// However small a share is, a partition may hold so much.
const LEAST_BYTES: usize = 32 << 10;

/// What all partitions together may hold: each has an equal share.
pub(super) struct Memory {
    limit: usize,
    accounts: AtomicUsize,
}

impl Memory {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, accounts: AtomicUsize::new(0) })
    }

    /// An account for one more partition. The others' shares become smaller.
    pub(super) fn open(self: &Arc<Self>) -> Arc<Account> {
        self.accounts.fetch_add(1, Ordering::Relaxed);
        let (held, freed) = (AtomicUsize::new(0), Notify::new());
        Arc::new(Account { memory: Arc::clone(self), held, freed })
    }
}

/// What one partition holds. It is closed when nobody reads the partition and nothing is held.
pub(super) struct Account {
    memory: Arc<Memory>,
    held: AtomicUsize,
    freed: Notify,
}

impl Account {
    /// Bytes that the partition may hold now.
    pub(super) fn share(&self) -> usize {
        let accounts = self.memory.accounts.load(Ordering::Relaxed).max(1);
        (self.memory.limit / accounts).max(LEAST_BYTES)
    }

    /// Bytes that one fetch may bring: with half of the share in work, the other half is fetched.
    pub(super) fn fetch_bytes(&self) -> usize {
        self.share() / 2
    }

    /// Whether one more fetch keeps within the share. A partition that holds nothing may always
    /// fetch, and what is held is given back by committing it, so nothing waits for good.
    pub(super) fn has_room(&self) -> bool {
        self.held.load(Ordering::Relaxed) <= self.share() - self.fetch_bytes()
    }

    /// Waits for that.
    pub(super) async fn room(&self) {
        loop {
            // Before the look, so that nothing is given back unnoticed between it and the waiting.
            let freed = self.freed.notified();
            if self.has_room() {
                return;
            }
            freed.await;
        }
    }

    /// The same bytes, which count as `size` until the last slice of them is dropped: they may be
    /// part of something larger, which lives as long.
    pub(super) fn hold(self: &Arc<Self>, bytes: Bytes, size: usize) -> Bytes {
        self.held.fetch_add(size, Ordering::Relaxed);
        Bytes::from_owner(Held { bytes, size, account: Arc::clone(self) })
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.memory.accounts.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Held {
    bytes: Bytes,
    size: usize,
    account: Arc<Account>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.account.held.fetch_sub(self.size, Ordering::Relaxed);
        // One fetcher waits at most, and finds out if it waits in a moment.
        self.account.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const MIB: usize = 1 << 20;

    #[tokio::test]
    async fn room_comes_back_with_the_last_slice_of_what_is_held() {
        let account = Memory::new(2 * MIB).open();
        let bytes = account.hold(Bytes::from_static(b"0123456789"), MIB + 1);
        let slice = bytes.slice(3..5);
        drop(bytes);
        assert!(!account.has_room());
        let room = account.room();
        tokio::pin!(room);
        assert!(room.as_mut().now_or_never().is_none());
        assert_eq!(&slice[..], b"34");
        drop(slice);
        room.await;
        assert!(account.has_room());
    }

    #[test]
    fn accounts_have_equal_shares_until_they_are_closed() {
        let memory = Memory::new(2 * MIB);
        let one = memory.open();
        let two = memory.open();
        assert_eq!((one.share(), two.fetch_bytes()), (MIB, MIB / 2));
        // What is left behind by a reader still counts.
        let bytes = two.hold(Bytes::from_static(b"x"), 1);
        drop(two);
        assert_eq!(one.share(), MIB);
        drop(bytes);
        assert_eq!(one.share(), 2 * MIB);
        let many: Vec<_> = (0..1000).map(|_| memory.open()).collect();
        assert_eq!(many[0].share(), LEAST_BYTES);
    }
}
