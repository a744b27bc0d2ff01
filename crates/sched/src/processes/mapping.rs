//! Files seen as memory. The `unsafe` of this crate is here, and in `environment.rs`.

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr::{NonNull, null_mut};

use brickwork_core::Buffer;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A part of a file in the address space of this process.
struct Mapping {
    pointer: NonNull<c_void>,
    len: usize,
}

// SAFETY: the mapping belongs to this value alone; nothing in it depends on the thread.
unsafe impl Send for Mapping {}
// SAFETY: a shared mapping gives nothing but its address away.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the pages were mapped with this address and length, and the buffer over them is gone: it owns this.
        let _ = unsafe { munmap(self.pointer.as_ptr(), self.len) };
    }
}

/// `len` bytes of a file from `offset` on (a multiple of the page size), as memory that other processes see too.
///
/// Whoever maps the same bytes in other processes must write different ones, or wait until nobody writes: the run sees
/// to that by giving every element of a value to one task, which is not given to another before its process is gone,
/// and by letting nobody read before all tasks that write are done.
pub(super) fn mapped(file: &File, offset: usize, len: usize) -> io::Result<Buffer> {
    // SAFETY: no address is asked for, so nothing that is mapped already is touched.
    let pointer = unsafe {
        mmap(null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, offset as u64)?
    };
    let Some(pointer) = NonNull::new(pointer) else { return Err(io::Error::other("mapped at nowhere")) };
    let mapping = Mapping { pointer, len };
    // SAFETY: the pages are there, zeroed or written, aligned to a page, until `mapping` is dropped, and nobody else in
    // this process knows them. The file is a nameless one of ours that is never cut short. That other processes do not
    // write what is read here is what the run sees to, as said above.
    Ok(unsafe { Buffer::foreign(pointer.cast(), len, Box::new(mapping)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_mappings_show_the_same_bytes() {
        let file = tempfile::tempfile().unwrap();
        let page = rustix::param::page_size();
        file.set_len(2 * page as u64).unwrap();
        let mut one = mapped(&file, page, 100).unwrap();
        one.bytes_mut()[99] = 7;
        let other = mapped(&file, 0, 2 * page).unwrap();
        drop(file);
        assert_eq!((other.bytes()[page + 99], other.bytes()[99]), (7, 0));
    }
}
