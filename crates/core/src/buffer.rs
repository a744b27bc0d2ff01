//! Memory of blocks: aligned, counted, and used again.
//!
//! Touching fresh pages costs more than the arithmetic done on them, so buffers go back to a pool when dropped.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Alignment of every buffer, in bytes: a cache line.
const ALIGN: usize = 64;

/// Memory from the allocator: `capacity` initialised bytes.
struct RawBuffer {
    pointer: NonNull<u8>,
    capacity: usize,
}

// SAFETY: a RawBuffer owns its memory alone; moving it to another thread moves that ownership.
unsafe impl Send for RawBuffer {}
// SAFETY: shared access only reads; writing needs `&mut`.
unsafe impl Sync for RawBuffer {}

impl RawBuffer {
    fn layout(capacity: usize) -> Layout {
        Layout::from_size_align(capacity.max(1), ALIGN).expect("block sizes stay below isize::MAX")
    }

    fn new(capacity: usize) -> Self {
        let layout = Self::layout(capacity);
        // SAFETY: the layout has a size of at least 1.
        let pointer = unsafe { alloc_zeroed(layout) };
        let Some(pointer) = NonNull::new(pointer) else { handle_alloc_error(layout) };
        RawBuffer { pointer, capacity }
    }
}

impl Drop for RawBuffer {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `alloc_zeroed` with this layout and is freed once, here.
        unsafe { dealloc(self.pointer.as_ptr(), Self::layout(self.capacity)) };
    }
}

/// A run of bytes, 64-byte aligned, always initialised (from a pool: with whatever was there before).
pub struct Buffer {
    raw: Option<RawBuffer>,
    len: usize,
    pool: Option<Arc<BufferPool>>,
}

impl Buffer {
    /// Zeros, owned by nobody's pool.
    pub fn zeroed(len: usize) -> Self {
        Buffer { raw: Some(RawBuffer::new(len)), len, pool: None }
    }

    fn raw(&self) -> &RawBuffer {
        self.raw.as_ref().expect("the memory is taken in drop alone")
    }

    /// Bytes asked for.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        let raw = self.raw();
        // SAFETY: the memory is initialised, `len <= capacity`, and writing needs `&mut self`.
        unsafe { std::slice::from_raw_parts(raw.pointer.as_ptr(), self.len) }
    }

    /// The bytes, to change.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let pointer = self.raw().pointer;
        // SAFETY: as in `bytes`, and `&mut self` makes it the only access.
        unsafe { std::slice::from_raw_parts_mut(pointer.as_ptr(), self.len) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let (Some(pool), Some(raw)) = (self.pool.take(), self.raw.take()) {
            pool.give_back(raw);
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}

/// Buffers by size, kept for the next who asks, and a count of the bytes that are out.
pub struct BufferPool {
    free: Mutex<Vec<Vec<RawBuffer>>>,
    in_use: AtomicUsize,
    kept: AtomicUsize,
    peak: AtomicUsize,
    limit: usize,
}

/// Free buffers never take more than this, whatever the limit.
const KEEP_AT_MOST: usize = 256 << 20;

/// Sizes are rounded up to eighths of a power of two, so that little is wasted and buffers fit again.
fn size_class(len: usize) -> (usize, usize) {
    let len = len.max(256);
    let power = usize::BITS - 1 - len.leading_zeros();
    let eighth = (1usize << power) / 8;
    let eighths = (len - (1 << power)).div_ceil(eighth);
    let size = (1 << power) + eighths * eighth;
    (size, power as usize * 8 + eighths)
}

/// What a buffer of `len` bytes takes from the budget: its size rounded up to the pool's classes.
pub fn rounded_size(len: usize) -> usize {
    if len == 0 { 0 } else { size_class(len).0 }
}

impl BufferPool {
    /// A pool that keeps free buffers while they and those that are out take at most `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(BufferPool {
            free: Mutex::new(Vec::new()),
            in_use: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            limit,
        })
    }

    /// A buffer of `len` bytes with undefined (but initialised) contents.
    pub fn take(self: &Arc<Self>, len: usize) -> Buffer {
        if len == 0 {
            return Buffer::zeroed(0);
        }
        let (size, class) = size_class(len);
        let reused = self.free.lock().get_mut(class).and_then(Vec::pop);
        let raw = match reused {
            Some(raw) => {
                self.kept.fetch_sub(size, Ordering::Relaxed);
                raw
            }
            None => {
                if self.in_use() + self.kept.load(Ordering::Relaxed) + size > self.limit {
                    self.give_up();
                }
                RawBuffer::new(size)
            }
        };
        let in_use = self.in_use.fetch_add(size, Ordering::Relaxed) + size;
        self.peak.fetch_max(in_use, Ordering::Relaxed);
        Buffer { raw: Some(raw), len, pool: Some(self.clone()) }
    }

    fn give_back(&self, raw: RawBuffer) {
        let size = raw.capacity;
        self.in_use.fetch_sub(size, Ordering::Relaxed);
        let kept = self.kept.load(Ordering::Relaxed) + size;
        if kept > KEEP_AT_MOST || self.in_use() + kept > self.limit {
            return;
        }
        self.kept.fetch_add(size, Ordering::Relaxed);
        let (_, class) = size_class(size);
        let mut free = self.free.lock();
        if free.len() <= class {
            free.resize_with(class + 1, Vec::new);
        }
        free[class].push(raw);
    }

    /// Gives all free buffers back to the system.
    fn give_up(&self) {
        let free = std::mem::take(&mut *self.free.lock());
        let size: usize = free.iter().flatten().map(|raw| raw.capacity).sum();
        self.kept.fetch_sub(size, Ordering::Relaxed);
    }

    /// Bytes of buffers that are out.
    pub fn in_use(&self) -> usize {
        self.in_use.load(Ordering::Relaxed)
    }

    /// The most bytes that were out at once.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for BufferPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BufferPool({} bytes in use, peak {})", self.in_use(), self.peak())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_returned_buffer_is_used_again() {
        let pool = BufferPool::new(1 << 20);
        let mut buffer = pool.take(1000);
        buffer.bytes_mut()[0] = 7;
        let address = buffer.bytes().as_ptr();
        drop(buffer);
        let again = pool.take(1010);
        assert_eq!(again.bytes().as_ptr(), address);
        assert_eq!(again.len(), 1010);
    }

    #[test]
    fn the_pool_counts_rounded_sizes() {
        let pool = BufferPool::new(0);
        let one = pool.take(5000);
        assert_eq!(pool.in_use(), rounded_size(5000));
        assert!(rounded_size(5000) >= 5000 && rounded_size(5000) < 5700);
        drop(one);
        assert_eq!(pool.in_use(), 0);
        assert_eq!(pool.peak(), rounded_size(5000));
    }

    #[test]
    fn classes_are_stable_under_rounding() {
        for len in (1..100_000).step_by(77) {
            let (size, class) = size_class(len);
            assert!(size >= len);
            assert_eq!(size_class(size), (size, class));
        }
    }
}
