//! Accounts for the memory of fetched records, and limits further fetches.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{sync::Notify, time::timeout};

/// The minimum share of a partition.
const MIN_SHARE: usize = 32 << 10;

/// How long fetching waits for memory held by record batches larger than their shares. Their
/// partitions may be paused for a long time, and the others have to continue.
const MAX_WAIT: Duration = Duration::from_millis(100);

/// The memory for fetched records: each partition has an equal share.
pub(in crate::kafka) struct Memory {
    limit: usize,
    accounts: AtomicUsize,
    held: AtomicUsize,
    freed: Notify,
}

impl Memory {
    pub(in crate::kafka) fn new(limit: usize) -> Arc<Self> {
        let (accounts, held) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { limit, accounts, held, freed: Notify::new() })
    }

    /// The size limit of a fetch for several partitions. Waits briefly if all memory is in use. It
    /// may still be 0 then; a broker sends at least one record batch anyway (KIP-74).
    pub(in crate::kafka) async fn left(&self) -> usize {
        // Registered before the check, so that no release is missed between check and wait.
        let freed = self.freed.notified();
        if self.left_now() == 0 {
            // The memory left is computed below, whether or not any was released.
            timeout(MAX_WAIT, freed).await.ok();
        }
        self.left_now()
    }

    fn left_now(&self) -> usize {
        self.limit.saturating_sub(self.held.load(Ordering::Relaxed))
    }

    /// Opens an account for another partition, which reduces the shares of the others.
    pub(in crate::kafka) fn open(self: &Arc<Self>) -> Arc<Account> {
        self.accounts.fetch_add(1, Ordering::Relaxed);
        let (held, freed) = (AtomicUsize::new(0), Notify::new());
        Arc::new(Account { memory: Arc::clone(self), held, freed })
    }
}

/// The memory of one partition. The account closes when it has no reader and holds nothing.
pub(in crate::kafka) struct Account {
    memory: Arc<Memory>,
    held: AtomicUsize,
    freed: Notify,
}

impl Account {
    /// The current share of the partition in bytes.
    pub(in crate::kafka) fn share(&self) -> usize {
        let accounts = self.memory.accounts.load(Ordering::Relaxed).max(1);
        (self.memory.limit / accounts).max(MIN_SHARE)
    }

    /// The size limit of a fetch: one half of the share is fetched while the other is processed.
    pub(in crate::kafka) fn fetch_bytes(&self) -> usize {
        self.share() / 2
    }

    /// Whether another fetch stays within the share. A partition that holds nothing may always
    /// fetch, and commits release memory, so no partition waits forever.
    pub(in crate::kafka) fn has_room(&self) -> bool {
        self.held.load(Ordering::Relaxed) <= self.share() - self.fetch_bytes()
    }

    /// Waits until there is room.
    pub(in crate::kafka) async fn room(&self) {
        loop {
            // Registered before the check, so that no release is missed between check and wait.
            let freed = self.freed.notified();
            if self.has_room() {
                return;
            }
            freed.await;
        }
    }

    /// Wraps the bytes so that they count as `size` until their last slice is dropped: they may be
    /// part of a larger buffer, which lives as long.
    pub(in crate::kafka) fn hold(self: &Arc<Self>, bytes: Bytes, size: usize) -> Bytes {
        self.held.fetch_add(size, Ordering::Relaxed);
        self.memory.held.fetch_add(size, Ordering::Relaxed);
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
        self.account.memory.held.fetch_sub(self.size, Ordering::Relaxed);
        // At most one fetcher waits, for a short time only.
        self.account.freed.notify_one();
        self.account.memory.freed.notify_waiters();
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

    #[tokio::test(start_paused = true)]
    async fn nothing_is_left_while_larger_batches_hold_it_all() {
        let memory = Memory::new(2 * MIB);
        let accounts: Vec<_> = (0..3).map(|_| memory.open()).collect();
        let held: Vec<_> =
            accounts.iter().map(|one| one.hold(Bytes::from_static(b"x"), MIB)).collect();
        assert_eq!(memory.left().await, 0);
        let left = memory.left();
        tokio::pin!(left);
        assert!(left.as_mut().now_or_never().is_none());
        drop(held);
        assert_eq!(left.now_or_never(), Some(2 * MIB));
    }

    #[test]
    fn accounts_have_equal_shares_until_they_are_closed() {
        let memory = Memory::new(2 * MIB);
        let one = memory.open();
        let two = memory.open();
        assert_eq!((one.share(), two.fetch_bytes()), (MIB, MIB / 2));
        // Bytes that a dropped reader still holds count.
        let bytes = two.hold(Bytes::from_static(b"x"), 1);
        drop(two);
        assert_eq!(one.share(), MIB);
        drop(bytes);
        assert_eq!(one.share(), 2 * MIB);
        let many: Vec<_> = (0..1000).map(|_| memory.open()).collect();
        assert_eq!(many[0].share(), MIN_SHARE);
    }
}
