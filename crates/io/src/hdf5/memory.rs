//! Memory that a thread keeps from chunk to chunk.

use std::cell::Cell;

thread_local! {
    /// Kept from chunk to chunk: fresh memory costs more than decoding into it.
    pub static MEMORY: Cell<Memory> = const { Cell::new(Memory::new()) };
}

/// What a thread needs to decode a chunk.
pub(super) struct Memory {
    pub encoded: Vec<u8>,
    pub whole: Vec<u8>,
    pub scratch: Vec<u8>,
}

impl Memory {
    /// The most bytes that a thread keeps for its next chunk, each.
    const KEPT: usize = 8 << 20;

    const fn new() -> Self {
        Memory { encoded: Vec::new(), whole: Vec::new(), scratch: Vec::new() }
    }

    /// What is kept of it.
    pub fn trimmed(mut self) -> Self {
        for memory in [&mut self.encoded, &mut self.whole, &mut self.scratch] {
            if memory.capacity() > Self::KEPT {
                *memory = Vec::new();
            }
        }
        self
    }
}

impl Default for Memory {
    fn default() -> Self {
        Memory::new()
    }
}
