//! Memory of blocks: aligned, counted, and used again.
//!
//! Touching fresh pages costs more than the arithmetic done on them, so buffers go back to a pool when dropped.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::fmt;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytemuck::Pod;
use parking_lot::Mutex;

mod huge_pages;

/// Alignment of buffers of a pool, in bytes: a cache line.
const ALIGN: usize = 64;

/// Alignment of every buffer: that of the largest number that bytes are seen as.
const LEAST_ALIGN: usize = 8;

/// Alignment that allocators give anyway. Asked for more, they would write the zeros themselves, and touch every page
/// before huge ones are asked for.
const NATURAL_ALIGN: usize = 16;

/// Memory from the allocator, or of an owner of its own. If `layout` has size 0, there is none, and `pointer` dangles.
struct RawBuffer {
    /// The first byte that is used, `skipped` bytes after where the memory begins.
    pointer: NonNull<u8>,
    skipped: usize,
    /// Bytes from there on that may be used.
    capacity: usize,
    /// Of all the memory.
    layout: Layout,
    /// Frees memory that did not come from the allocator.
    owner: Option<Box<dyn Send + Sync>>,
}

// SAFETY: a RawBuffer owns its memory alone; moving it to another thread moves that ownership.
unsafe impl Send for RawBuffer {}
// SAFETY: shared access only reads; writing needs `&mut`.
unsafe impl Sync for RawBuffer {}

impl RawBuffer {
    fn new(capacity: usize) -> Self {
        let most_skipped = ALIGN - 1;
        let size = capacity.checked_add(most_skipped);
        let layout = size.and_then(|size| Layout::from_size_align(size, NATURAL_ALIGN).ok());
        let layout = layout.expect("block sizes stay below isize::MAX");
        // SAFETY: the layout has a size of at least 1.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        huge_pages::ask(start, layout.size());
        let skipped = start.addr().get().next_multiple_of(ALIGN) - start.addr().get();
        // SAFETY: fewer bytes are skipped than there are more than asked for.
        let pointer = unsafe { start.add(skipped) };
        RawBuffer { pointer, skipped, capacity, layout, owner: None }
    }

    /// All the memory of a layout, from `pointer` on.
    fn whole(pointer: NonNull<u8>, layout: Layout, owner: Option<Box<dyn Send + Sync>>) -> Self {
        RawBuffer { pointer, skipped: 0, capacity: layout.size(), layout, owner }
    }

    /// The memory of a vector, which is not copied.
    fn from_vec<T: Pod>(values: Vec<T>) -> Self {
        let mut values = ManuallyDrop::new(values);
        let layout = Layout::array::<T>(values.capacity()).expect("the vector has this layout already");
        let pointer = NonNull::new(values.as_mut_ptr().cast()).expect("a vector's pointer is never null");
        RawBuffer::whole(pointer, layout, None)
    }

    /// The memory as a vector of `len` elements, not copied; itself if a vector of `T` would not have come by it.
    fn into_vec<T: Pod>(self, len: usize) -> Result<Vec<T>, Self> {
        let (size, align) = (size_of::<T>(), align_of::<T>());
        if size == 0
            || self.owner.is_some()
            || self.skipped != 0
            || self.layout.align() != align
            || !self.layout.size().is_multiple_of(size)
        {
            return Err(self);
        }
        let capacity = self.layout.size() / size;
        assert!(len <= capacity, "a buffer is not longer than its memory");
        let memory = ManuallyDrop::new(self);
        // SAFETY: the memory came from the global allocator (it has no owner) with the layout of `capacity` elements
        // of `T` (or there is none, and the pointer dangles, aligned); its bytes are initialised up to the buffer's
        // length, and any bytes make a `T: Pod`. It is not freed here, so the vector owns it alone.
        Ok(unsafe { Vec::from_raw_parts(memory.pointer.as_ptr().cast(), len, capacity) })
    }
}

impl Drop for RawBuffer {
    fn drop(&mut self) {
        if self.layout.size() > 0 && self.owner.is_none() {
            // SAFETY: what lies `skipped` bytes before the pointer came from the global allocator with this layout, by
            // `alloc_zeroed` or as a vector's memory, and is freed once, here.
            unsafe { dealloc(self.pointer.sub(self.skipped).as_ptr(), self.layout) };
        }
    }
}

/// A run of bytes, aligned for every dtype, always initialised (from a pool: with whatever was there before).
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

    /// Zeros in the memory of a vector of `len` elements, so that [`Buffer::into_vec`] can hand it over.
    pub fn zeroed_vec<T: Pod>(len: usize) -> Self {
        let layout = Layout::array::<T>(len).expect("block sizes stay below isize::MAX");
        if layout.size() == 0 {
            return Buffer::from_vec(Vec::<T>::new());
        }
        // SAFETY: the layout has a size of at least 1.
        let pointer = unsafe { alloc_zeroed(layout) };
        let Some(pointer) = NonNull::new(pointer) else { handle_alloc_error(layout) };
        huge_pages::ask(pointer, layout.size());
        let raw = RawBuffer::whole(pointer, layout, None);
        if !pointer.addr().get().is_multiple_of(LEAST_ALIGN) {
            return Buffer::zeroed(layout.size());
        }
        Buffer { raw: Some(raw), len: layout.size(), pool: None }
    }

    /// The values of a vector. Its memory is taken over without a copy, unless it is aligned for no larger type.
    pub fn from_vec<T: Pod>(values: Vec<T>) -> Self {
        let len = size_of_val(values.as_slice());
        // That of an empty vector is nowhere, and may be aligned for no larger type either.
        if !values.as_ptr().cast::<u8>().addr().is_multiple_of(LEAST_ALIGN) {
            let mut copy = Buffer::zeroed(len);
            copy.bytes_mut().copy_from_slice(bytemuck::cast_slice(&values));
            return copy;
        }
        Buffer { raw: Some(RawBuffer::from_vec(values)), len, pool: None }
    }

    /// Memory that did not come from the allocator: a part of a file, say, that several processes have mapped. The owner
    /// frees it when it is dropped.
    ///
    /// # Safety
    /// From `pointer` on `len` bytes are initialised, aligned to 8, and stay where they are until `owner` is dropped.
    /// While the buffer is there nobody else in this process uses them, and nobody elsewhere writes to bytes that are
    /// read here.
    pub unsafe fn foreign(pointer: NonNull<u8>, len: usize, owner: Box<dyn Send + Sync>) -> Self {
        let layout = Layout::from_size_align(len, LEAST_ALIGN).expect("block sizes stay below isize::MAX");
        debug_assert!(pointer.addr().get().is_multiple_of(LEAST_ALIGN), "foreign memory is aligned");
        Buffer { raw: Some(RawBuffer::whole(pointer, layout, Some(owner))), len, pool: None }
    }

    /// The memory as a vector, without a copy; the buffer back if its memory is no vector's of this type.
    ///
    /// # Errors
    /// The buffer, if it belongs to a pool, is aligned otherwise, or is not made of whole elements.
    pub fn into_vec<T: Pod>(mut self) -> Result<Vec<T>, Buffer> {
        if self.len == 0 {
            return Ok(Vec::new());
        }
        if self.pool.is_some() || size_of::<T>() == 0 || !self.len.is_multiple_of(size_of::<T>()) {
            return Err(self);
        }
        let raw = self.raw.take().expect("the memory is taken in drop alone");
        raw.into_vec(self.len / size_of::<T>()).map_err(|raw| Buffer {
            raw: Some(raw),
            len: self.len,
            pool: None,
        })
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
        // SAFETY: the memory is initialised for `len` bytes (or `len` is 0), and writing needs `&mut self`.
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
    free: Mutex<Free>,
    in_use: AtomicUsize,
    peak: AtomicUsize,
    limit: usize,
}

/// Buffers that nobody uses, by class, and their bytes.
#[derive(Default)]
struct Free {
    by_class: Vec<Vec<Returned>>,
    nbytes: usize,
}

/// A buffer that nobody uses, and the thread that used it last.
struct Returned {
    raw: RawBuffer,
    thread: usize,
}

/// So many of the buffers of a class that came back last are looked at for one that this thread has used.
const LOOKED_AT: usize = 8;

/// Tells threads apart.
fn this_thread() -> usize {
    thread_local!(static OWN: u8 = const { 0 });
    // Where its own variable is.
    OWN.with(|own| std::ptr::from_ref(own).addr())
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
            free: Mutex::default(),
            in_use: AtomicUsize::new(0),
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
        let raw = self.reused(size, class).unwrap_or_else(|| RawBuffer::new(size));
        let in_use = self.in_use.fetch_add(size, Ordering::Relaxed) + size;
        // Threads share this line of memory: it is written only if there is something new.
        if self.peak.load(Ordering::Relaxed) < in_use {
            self.peak.fetch_max(in_use, Ordering::Relaxed);
        }
        Buffer { raw: Some(raw), len, pool: Some(self.clone()) }
    }

    /// A free buffer, if possible one that this thread has given back: it may still be in the caches of its core. If there
    /// is none, and no room for one beside those of other sizes, these go back to the system.
    fn reused(&self, size: usize, class: usize) -> Option<RawBuffer> {
        let thread = this_thread();
        let mut free = self.free.lock();
        if let Some(returned) = free.by_class.get_mut(class).filter(|returned| !returned.is_empty()) {
            let last = returned.iter().rev().take(LOOKED_AT);
            let back =
                last.enumerate().find(|(_, returned)| returned.thread == thread).map_or(0, |(back, _)| back);
            let Returned { raw, .. } = returned.remove(returned.len() - 1 - back);
            free.nbytes -= size;
            return Some(raw);
        }
        if self.in_use() + free.nbytes + size > self.limit {
            let others = std::mem::take(&mut *free);
            drop(free);
            drop(others);
        }
        None
    }

    fn give_back(&self, raw: RawBuffer) {
        let size = raw.capacity;
        let in_use = self.in_use.fetch_sub(size, Ordering::Relaxed) - size;
        let (_, class) = size_class(size);
        let thread = this_thread();
        let mut free = self.free.lock();
        let nbytes = free.nbytes + size;
        if nbytes > KEEP_AT_MOST || in_use + nbytes > self.limit {
            drop(free);
            return;
        }
        free.nbytes = nbytes;
        if free.by_class.len() <= class {
            free.by_class.resize_with(class + 1, Vec::new);
        }
        free.by_class[class].push(Returned { raw, thread });
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
    fn threads_get_back_their_own() {
        let pool = BufferPool::new(1 << 20);
        let buffers = [pool.take(1000), pool.take(1000)];
        let [own, other] = [0, 1].map(|k: usize| buffers[k].bytes().as_ptr());
        let [first, second] = buffers;
        drop(first);
        std::thread::scope(|scope| scope.spawn(move || drop(second)).join().unwrap());
        let again = pool.take(1000);
        assert_eq!(again.bytes().as_ptr(), own);
        assert_eq!(pool.take(1000).bytes().as_ptr(), other, "rather than fresh memory");
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
    fn a_vector_comes_and_goes_without_a_copy() {
        let values = vec![1.5f64, 2.5, 3.5];
        let address = values.as_ptr();
        let buffer = Buffer::from_vec(values);
        assert_eq!((buffer.bytes().as_ptr().cast(), buffer.len()), (address, 24));
        let values = buffer.into_vec::<f64>().unwrap();
        assert_eq!((values.as_ptr(), values.as_slice()), (address, &[1.5, 2.5, 3.5][..]));
        assert!(Buffer::from_vec(Vec::<f64>::new()).into_vec::<f64>().unwrap().is_empty());
        assert_eq!(Buffer::from_vec(Vec::<i16>::new()).bytes(), []);
    }

    #[test]
    fn foreign_memory_is_freed_by_its_owner() {
        struct Owner(Vec<u64>, Arc<AtomicUsize>);
        impl Drop for Owner {
            fn drop(&mut self) {
                self.1.store(self.0.len(), Ordering::Relaxed);
            }
        }
        let freed = Arc::new(AtomicUsize::new(0));
        let mut owner = Box::new(Owner(vec![7; 3], freed.clone()));
        let pointer = NonNull::new(owner.0.as_mut_ptr().cast::<u8>()).unwrap();
        // SAFETY: the vector is the owner's alone, is not touched while the buffer is there, and lives as long.
        let mut buffer = unsafe { Buffer::foreign(pointer, 24, owner) };
        buffer.bytes_mut()[23] = 9;
        assert_eq!((buffer.bytes()[0], buffer.bytes()[23]), (7, 9));
        let buffer = buffer.into_vec::<u64>().unwrap_err();
        assert_eq!(freed.load(Ordering::Relaxed), 0);
        drop(buffer);
        assert_eq!(freed.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn memory_of_another_kind_is_no_vector() {
        assert!(BufferPool::new(1 << 20).take(64).into_vec::<f64>().is_err());
        assert!(Buffer::zeroed(64).into_vec::<f64>().is_err());
        let buffer = Buffer::from_vec(vec![1u32, 2, 3]);
        let buffer = buffer.into_vec::<f64>().unwrap_err();
        assert_eq!(buffer.into_vec::<f32>().unwrap().len(), 3);
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
