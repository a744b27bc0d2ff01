//! What a task may ask of its surroundings.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::ahead::ReadAhead;
use super::meter::{Activity, doing};
use crate::block::Block;
use crate::buffer::{BufferPool, rounded_size};
use crate::error::Result;

/// Names a granule: hash of the source node, key within the source.
pub type GranuleKey = (u128, u64);

/// What a task may ask of its surroundings. Schedulers implement it.
pub trait Context: Sync {
    /// Where memory comes from.
    fn pool(&self) -> &Arc<BufferPool>;

    /// Whether the run is to stop.
    fn is_cancelled(&self) -> bool;

    /// A decoded granule: from the cache, or by `load`. While one task loads a granule, others wait for it.
    fn granule(&self, key: GranuleKey, load: &mut dyn FnMut() -> Result<Block>) -> Result<Block>;

    /// What is counted.
    fn counters(&self) -> &Counters;

    /// Where granules are kept that are asked for before they are needed; `None` if nothing is read ahead.
    fn ahead(&self) -> Option<&ReadAhead> {
        None
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What has been done so far. Every figure of a plan's prediction has its counter here.
        #[derive(Debug, Default)]
        pub struct Counters { $($(#[$doc])* pub $name: AtomicU64),* }

        /// The counters at one moment.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct Counts { $($(#[$doc])* pub $name: u64),* }

        impl Counters {
            /// The figures now.
            pub fn get(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed)),* }
            }

            /// Adds what was counted elsewhere between two moments.
            pub fn advance(&self, before: &Counts, after: &Counts) {
                $(self.$name.fetch_add(after.$name.saturating_sub(before.$name), Ordering::Relaxed);)*
            }
        }

        impl Counts {
            /// What has come since an earlier moment.
            #[must_use]
            pub fn since(&self, earlier: &Counts) -> Counts {
                Counts { $($name: self.$name.saturating_sub(earlier.$name)),* }
            }
        }

        impl std::ops::AddAssign for Counts {
            fn add_assign(&mut self, other: Counts) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counters! {
    /// Granules decoded.
    granules_read,
    /// Encoded bytes read from stores.
    bytes_read,
    /// Bytes of the elements read from stores, after decoding.
    bytes_decoded,
    /// Elements read from stores, after decoding.
    elements_read,
    /// Elements made by generators.
    elements_generated,
    /// Operations evaluated over a region (one per node and patch, however many tiles).
    kernels,
    /// Elements computed by operations.
    elements_computed,
    /// Bytes handed to sinks.
    bytes_written,
    /// Bytes of all outputs of stages: handed to sinks, to spill files, to results and held values.
    bytes_delivered,
    /// Bytes of values written to spill files.
    bytes_spilled,
    /// Bytes of values read from spill files, decompressed.
    bytes_unspilled,
    /// Bytes that were written to spill files for [`bytes_spilled`](Self::bytes_spilled): fewer if they were
    /// compressed.
    bytes_spilled_stored,
}

impl Counters {
    /// Adds to one of the figures.
    pub fn add(counter: &AtomicU64, amount: usize) {
        counter.fetch_add(amount as u64, Ordering::Relaxed);
    }
}

/// Decoded granules, the most recently used, up to a number of bytes.
#[derive(Debug)]
pub struct GranuleCache {
    state: Mutex<CacheState>,
    arrived: Condvar,
    capacity: AtomicUsize,
}

#[derive(Debug, Default)]
struct CacheState {
    entries: FxHashMap<GranuleKey, Entry>,
    /// Keys by last use, with the use number they were entered under; stale ones are skipped.
    order: VecDeque<(GranuleKey, u64)>,
    uses: u64,
    nbytes: usize,
}

#[derive(Debug)]
enum Entry {
    Loading,
    Loaded { block: Block, used: u64, nbytes: usize },
}

impl GranuleCache {
    /// A cache of this many bytes.
    pub fn new(capacity: usize) -> Self {
        GranuleCache {
            state: Mutex::default(),
            arrived: Condvar::new(),
            capacity: AtomicUsize::new(capacity),
        }
    }

    /// Allows it this many bytes from now on.
    pub fn set_capacity(&self, capacity: usize) {
        // Tasks of one stage say the same again and again.
        if self.capacity.swap(capacity, Ordering::Relaxed) != capacity {
            self.state.lock().shrink(capacity);
        }
    }

    /// The granule, loaded by one of those who ask for it at the same time.
    pub fn get(&self, key: GranuleKey, load: &mut dyn FnMut() -> Result<Block>) -> Result<Block> {
        let mut state = self.state.lock();
        loop {
            match state.entries.get(&key) {
                Some(Entry::Loaded { block, .. }) => {
                    let block = block.clone();
                    state.touch(key);
                    return Ok(block);
                }
                Some(Entry::Loading) => {
                    let _waiting = doing(Activity::Wait);
                    self.arrived.wait(&mut state);
                }
                None => break,
            }
        }
        state.entries.insert(key, Entry::Loading);
        drop(state);
        let unfinished = Unfinished { cache: self, key };
        let block = load()?;
        std::mem::forget(unfinished);
        let mut state = self.state.lock();
        let nbytes = rounded_size(block.nbytes());
        let capacity = self.capacity.load(Ordering::Relaxed);
        if nbytes <= capacity {
            state.nbytes += nbytes;
            state.entries.insert(key, Entry::Loaded { block: block.clone(), used: 0, nbytes });
            state.touch(key);
            state.shrink(capacity);
        } else {
            state.entries.remove(&key);
        }
        self.arrived.notify_all();
        Ok(block)
    }
}

/// Takes the mark of a load back if the load fails or panics, so that nobody waits for it for ever.
struct Unfinished<'a> {
    cache: &'a GranuleCache,
    key: GranuleKey,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        self.cache.state.lock().entries.remove(&self.key);
        self.cache.arrived.notify_all();
    }
}

impl CacheState {
    fn touch(&mut self, key: GranuleKey) {
        self.uses += 1;
        if let Some(Entry::Loaded { used, .. }) = self.entries.get_mut(&key) {
            *used = self.uses;
            self.order.push_back((key, self.uses));
        }
        // Stale keys must not pile up when few granules are used often.
        if self.order.len() > 64 + 4 * self.entries.len() {
            let entries = &self.entries;
            self.order.retain(
                |(key, at)| matches!(entries.get(key), Some(Entry::Loaded { used, .. }) if used == at),
            );
        }
    }

    fn shrink(&mut self, capacity: usize) {
        while self.nbytes > capacity {
            let Some((key, at)) = self.order.pop_front() else { return };
            if let Some(Entry::Loaded { used, nbytes, .. }) = self.entries.get(&key)
                && *used == at
            {
                self.nbytes -= nbytes;
                self.entries.remove(&key);
            }
        }
    }
}

/// Surroundings of a task that runs alone in the caller's thread.
#[derive(Debug)]
pub struct LocalContext {
    pool: Arc<BufferPool>,
    cache: GranuleCache,
    counters: Counters,
    cancelled: AtomicBool,
}

impl LocalContext {
    /// With a cache of this many bytes.
    pub fn new(cache_bytes: usize) -> Self {
        LocalContext {
            pool: BufferPool::new(256 << 20),
            cache: GranuleCache::new(cache_bytes),
            counters: Counters::default(),
            cancelled: AtomicBool::new(false),
        }
    }

    /// Asks whatever runs in these surroundings to stop.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

impl Context for LocalContext {
    fn pool(&self) -> &Arc<BufferPool> {
        &self.pool
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn granule(&self, key: GranuleKey, load: &mut dyn FnMut() -> Result<Block>) -> Result<Block> {
        self.cache.get(key, load)
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn block(n: usize) -> Block {
        Block::from_vec(vec![1u8; n], &[n])
    }

    #[test]
    fn the_least_recently_used_granule_goes_first() {
        let cache = GranuleCache::new(2 * rounded_size(1000));
        let loads = std::cell::Cell::new(0);
        let get = |key: u64| {
            cache
                .get((0, key), &mut || {
                    loads.set(loads.get() + 1);
                    Ok(block(1000))
                })
                .unwrap()
        };
        get(1);
        get(2);
        get(1);
        get(3); // 2 goes
        get(1);
        assert_eq!(loads.get(), 3);
        get(2);
        assert_eq!(loads.get(), 4);
    }

    #[test]
    fn a_failed_load_is_tried_again() {
        let cache = GranuleCache::new(1 << 20);
        assert!(cache.get((0, 1), &mut || Err(Error::Cancelled)).is_err());
        assert!(cache.get((0, 1), &mut || Ok(block(10))).is_ok());
    }
}
