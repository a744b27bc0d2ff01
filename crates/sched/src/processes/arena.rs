//! Where the values of a plan lie while several processes run it: in memory that all of them see, and in one spill file.
//!
//! Both are files without a name, so nothing is left however a run ends. Every held or collected value has a window of
//! its own in one of them; where, follows from the plan, so that nobody need tell.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use brickwork_core::plan::{LentBlock, LentPlace, Plan, TargetKind};
use brickwork_core::{Block, BlockMut, DType, Error, Result, SpillFile, format_bytes};
use parking_lot::Mutex;

use super::mapping::mapped;
use crate::spill::SpillDirectory;
use crate::values::Room;

/// Blocks up to so many bytes are lent in messages.
const INLINE_BYTES: usize = 4096;

/// Where one value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Window {
    /// It is written to a sink.
    None,
    Memory {
        offset: usize,
        nbytes: usize,
    },
    File {
        offset: usize,
        nbytes: usize,
    },
}

/// The values of a plan that several processes run.
#[derive(Debug)]
pub(super) struct Arena {
    memory: File,
    spill: Option<Arc<dyn SpillFile>>,
    windows: Vec<Window>,
    /// Of whom made it: where the next block is lent.
    next: Mutex<usize>,
}

/// Where all values of a plan lie, and the bytes that they take in memory and in a spill file.
fn windows(plan: &Plan) -> (Vec<Window>, usize, usize) {
    let page = rustix::param::page_size();
    let (mut memory, mut file) = (0usize, 0usize);
    let place = |end: &mut usize, nbytes: usize| {
        let offset = *end;
        *end += nbytes.next_multiple_of(page);
        offset
    };
    let windows = plan.targets.iter().map(|target| match (&target.spill, &target.kind) {
        (Some(layout), _) => {
            let nbytes = layout.file_len();
            Window::File { offset: place(&mut file, nbytes), nbytes }
        }
        (None, TargetKind::Store(..)) => Window::None,
        (None, _) => {
            let nbytes = target.region.size() * plan.graph.meta(target.slot).dtype.itemsize();
            Window::Memory { offset: place(&mut memory, nbytes), nbytes }
        }
    });
    (windows.collect(), memory, file)
}

fn failed(what: &str, error: io::Error) -> Error {
    Error::io("shared memory", format!("{what}: {error}"), error)
}

impl Arena {
    /// Room for the values of a plan. It takes no memory before something is written.
    pub fn create(plan: &Plan) -> Result<Arena> {
        let (windows, memory_bytes, spill_bytes) = windows(plan);
        let lent = plan.lent_bytes(rustix::param::page_size());
        let memory = nameless_memory().map_err(|error| failed("cannot be made", error))?;
        let nbytes = (memory_bytes + lent) as u64;
        memory.set_len(nbytes).map_err(|error| failed("cannot be made", error))?;
        let spill = match (spill_bytes, &plan.options.spill) {
            (0, _) => None,
            (_, Some(place)) => {
                let file = place.create(spill_bytes)?;
                if file.file().is_none() {
                    let reason = format!(
                        "the spill files of {} are no local files, so worker processes cannot read them; spill to a \
                         directory, or run with threads",
                        place.name()
                    );
                    return Err(Error::Workers { reason });
                }
                Some(file)
            }
            (_, None) => return Err(Error::Bug { what: "a spill file without a place for it".into() }),
        };
        Ok(Arena { memory, spill, windows, next: Mutex::new(memory_bytes) })
    }

    /// The memory of an arena that another process has made.
    pub fn memory_of(files: Vec<OwnedFd>) -> Result<(File, Option<File>)> {
        let mut files = files.into_iter().map(File::from);
        let memory = files.next();
        let memory = memory.ok_or_else(|| Error::Bug { what: "a plan that came without memory".into() })?;
        Ok((memory, files.next()))
    }

    /// The values of a plan in an arena that another process has made.
    pub fn open(plan: &Plan, memory: File, spill: Option<File>, directory: &str) -> Arena {
        let (windows, _, spill_bytes) = windows(plan);
        let spill = spill.map(|file| SpillDirectory::new(directory).opened(file, spill_bytes));
        Arena { memory, spill, windows, next: Mutex::new(usize::MAX) }
    }

    /// The files that another process needs to open it.
    pub fn files(&self) -> Vec<BorrowedFd<'_>> {
        let spill = self.spill.as_ref().and_then(|spill| spill.file());
        std::iter::once(self.memory.as_fd()).chain(spill.map(File::as_fd)).collect()
    }

    /// Copies a block to where other processes see it.
    pub fn lend(&self, block: &Block) -> Result<LentPlace> {
        let nbytes = block.nbytes();
        if nbytes <= INLINE_BYTES {
            let dense = block.to_dense(None);
            return Ok(LentPlace::Inline(dense.as_bytes().unwrap_or_default().to_vec()));
        }
        let offset = {
            let mut next = self.next.lock();
            let offset = *next;
            *next += nbytes.next_multiple_of(rustix::param::page_size());
            offset
        };
        let mut there = self.block(offset, block.dtype(), block.shape())?;
        there.view_mut().assign(block);
        Ok(LentPlace::Shared(offset))
    }

    fn block(&self, offset: usize, dtype: DType, shape: &[usize]) -> Result<BlockMut> {
        block_at(&self.memory, offset, dtype, shape)
    }

    /// Gives back what nobody reads after the run: all but what is collected for the user, who may keep it for long.
    pub fn retire(&self, plan: &Plan) {
        for (number, target) in plan.targets.iter().enumerate() {
            if !matches!(target.kind, TargetKind::Collect(_)) {
                self.release(number);
            }
        }
        let (_, results, _) = windows(plan);
        let end = *self.next.lock();
        if end > results {
            punch(&self.memory, results, end - results);
        }
    }
}

/// The block that another process has lent.
pub(super) fn borrowed(memory: &File, lent: &LentBlock) -> Result<Block> {
    match &lent.place {
        LentPlace::Inline(bytes) => {
            let mut block = BlockMut::zeroed(lent.dtype, &lent.shape);
            if block.bytes_mut().len() != bytes.len() {
                return Err(Error::Bug { what: "a block that came with too many or too few bytes".into() });
            }
            block.bytes_mut().copy_from_slice(bytes);
            Ok(block.freeze())
        }
        LentPlace::Shared(offset) => Ok(block_at(memory, *offset, lent.dtype, &lent.shape)?.freeze()),
    }
}

fn block_at(memory: &File, offset: usize, dtype: DType, shape: &[usize]) -> Result<BlockMut> {
    let nbytes = shape.iter().product::<usize>() * dtype.itemsize();
    if nbytes == 0 {
        return Ok(BlockMut::zeroed(dtype, shape));
    }
    let buffer = mapped(memory, offset, nbytes)
        .map_err(|error| failed(&format!("{} of it cannot be mapped", format_bytes(nbytes)), error))?;
    Ok(BlockMut::over(buffer, dtype, shape))
}

impl Room for Arena {
    fn memory(&self, target: usize, _kind: &TargetKind, dtype: DType, shape: &[usize]) -> Result<BlockMut> {
        match self.windows[target] {
            Window::Memory { offset, .. } => self.block(offset, dtype, shape),
            _ => Err(Error::Bug { what: format!("target {target} is not in memory") }),
        }
    }

    fn file(&self, target: usize, _plan: &Plan) -> Result<Arc<dyn SpillFile>> {
        match (self.windows[target], &self.spill) {
            (Window::File { offset, .. }, Some(whole)) => Ok(Arc::new(Part { whole: whole.clone(), offset })),
            _ => Err(Error::Bug { what: format!("target {target} is not in a spill file") }),
        }
    }

    fn release(&self, target: usize) {
        // Who opened it leaves that to who made it, and knows when nobody reads any more.
        if *self.next.lock() == usize::MAX {
            return;
        }
        let spill = self.spill.as_ref().and_then(|spill| spill.file());
        match (self.windows[target], spill) {
            (Window::Memory { offset, nbytes }, _) => punch(&self.memory, offset, nbytes),
            (Window::File { offset, nbytes }, Some(file)) => punch(file, offset, nbytes),
            _ => {}
        }
    }
}

/// Gives the memory or the disk space behind a part of a file back. Not every file system can; then it goes with the
/// file.
fn punch(file: &File, offset: usize, nbytes: usize) {
    #[cfg(target_os = "linux")]
    if nbytes > 0 {
        use rustix::fs::{FallocateFlags, fallocate};
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(file, flags, offset as u64, nbytes as u64);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, offset, nbytes);
}

/// A file without a name, in memory where the system has that.
fn nameless_memory() -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{MemfdFlags, memfd_create};
        Ok(memfd_create("brickwork", MemfdFlags::CLOEXEC)?.into())
    }
    #[cfg(not(target_os = "linux"))]
    crate::spill::nameless(&std::env::temp_dir())
}

/// One value's part of the spill file.
#[derive(Debug)]
struct Part {
    whole: Arc<dyn SpillFile>,
    offset: usize,
}

impl SpillFile for Part {
    fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.whole.write(self.offset + offset, bytes)
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        self.whole.read(self.offset + offset, into)
    }

    fn name(&self) -> String {
        self.whole.name()
    }

    fn speed(&self) -> Option<f64> {
        self.whole.speed()
    }
}
