//! Fresh memory in pages of 2 MiB, where the system has them: touching it costs less than half.

use std::ptr::NonNull;

/// Memory of less than this is left alone: it comes from pages that are touched already, and goes back to them.
#[cfg(target_os = "linux")]
const LEAST: usize = 4 << 20;

#[cfg(target_os = "linux")]
const PAGE: usize = 2 << 20;

/// Asks for huge pages for fresh memory. Only a wish: nothing changes but how fast it is touched.
#[cfg(target_os = "linux")]
pub(super) fn ask(pointer: NonNull<u8>, size: usize) {
    if size < LEAST {
        return;
    }
    let start = pointer.addr().get().next_multiple_of(PAGE);
    let end = (pointer.addr().get() + size) / PAGE * PAGE;
    if end > start {
        let from = pointer.as_ptr().map_addr(|_| start);
        // SAFETY: the range lies inside memory that the caller owns, and the advice changes none of its contents.
        unsafe { libc::madvise(from.cast(), end - start, libc::MADV_HUGEPAGE) };
    }
}

/// Elsewhere the system decides alone.
#[cfg(not(target_os = "linux"))]
pub(super) fn ask(_pointer: NonNull<u8>, _size: usize) {}
