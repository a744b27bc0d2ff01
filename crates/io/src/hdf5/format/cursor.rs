//! Little-endian fields read one after the other out of bytes already in memory.
use super::error::{Outcome, corrupt};

/// A position in a structure's bytes; reading past the end is an error.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'a> {
    what: &'static str,
    bytes: &'a [u8],
    pos: usize,
    offset_size: usize,
    length_size: usize,
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte. `what` names the structure in errors; the sizes are those of file addresses
    /// and of lengths, 2, 4 or 8 bytes, as the superblock has them.
    pub fn new(what: &'static str, bytes: &'a [u8], offset_size: usize, length_size: usize) -> Self {
        Self { what, bytes, pos: 0, offset_size, length_size }
    }

    /// The number of bytes of a file address.
    pub fn offset_size(&self) -> usize {
        self.offset_size
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.pos
    }

    /// Bytes not yet read.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.pos
    }

    /// The next `nbytes` bytes.
    pub fn take(&mut self, nbytes: usize) -> Outcome<&'a [u8]> {
        if nbytes > self.remaining() {
            let (pos, len) = (self.pos, self.bytes.len());
            return Err(corrupt(self.what, format!("{nbytes} bytes needed at {pos}, it has {len}")));
        }
        let taken = &self.bytes[self.pos..self.pos + nbytes];
        self.pos += nbytes;
        Ok(taken)
    }

    /// Goes on by `nbytes`.
    pub fn skip(&mut self, nbytes: usize) -> Outcome<()> {
        self.take(nbytes).map(drop)
    }

    /// Goes on to the next multiple of eight bytes from the start; the end counts as one.
    pub fn align8(&mut self) {
        self.pos = self.pos.next_multiple_of(8).min(self.bytes.len());
    }

    /// An unsigned integer of `nbytes` (at most 8) bytes.
    pub fn uint(&mut self, nbytes: usize) -> Outcome<u64> {
        if nbytes > 8 {
            return Err(corrupt(self.what, format!("an integer of {nbytes} bytes")));
        }
        let mut value = [0; 8];
        value[..nbytes].copy_from_slice(self.take(nbytes)?);
        Ok(u64::from_le_bytes(value))
    }

    pub fn u8(&mut self) -> Outcome<u8> {
        Ok(self.take(1)?[0])
    }

    pub fn u16(&mut self) -> Outcome<u16> {
        Ok(self.uint(2)? as u16)
    }

    pub fn u32(&mut self) -> Outcome<u32> {
        Ok(self.uint(4)? as u32)
    }

    /// A length or count, in the file's size of lengths.
    pub fn length(&mut self) -> Outcome<u64> {
        self.uint(self.length_size)
    }

    /// A length that may be "undefined" or "unlimited", which is all bits set.
    pub fn optional_length(&mut self) -> Outcome<Option<u64>> {
        let nbytes = self.length_size;
        Ok(Some(self.length()?).filter(|&value| value != all_ones(nbytes)))
    }

    /// A file address, not yet counted from the base address; `None` if undefined.
    pub fn address(&mut self) -> Outcome<Option<u64>> {
        let nbytes = self.offset_size;
        Ok(Some(self.uint(nbytes)?).filter(|&value| value != all_ones(nbytes)))
    }

    /// A file address that must be there.
    pub fn defined_address(&mut self) -> Outcome<u64> {
        let what = self.what;
        self.address()?.ok_or_else(|| corrupt(what, "an address that has to be there is undefined"))
    }

    /// Checks the next bytes against a signature.
    pub fn signature(&mut self, expected: &[u8; 4]) -> Outcome<()> {
        let found = self.take(4)?;
        if found != expected {
            let expected = String::from_utf8_lossy(expected);
            return Err(corrupt(self.what, format!("signature is {found:?}, not '{expected}'")));
        }
        Ok(())
    }

    /// Checks the next byte against the only version there is.
    pub fn version(&mut self, expected: u8) -> Outcome<()> {
        let found = self.u8()?;
        if found != expected {
            return Err(corrupt(self.what, format!("version is {found}, not {expected}")));
        }
        Ok(())
    }

    /// Text up to a NUL byte, which is read too, or up to the end.
    pub fn text_to_nul(&mut self) -> String {
        let rest = &self.bytes[self.pos..];
        let len = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
        self.pos += (len + 1).min(rest.len());
        String::from_utf8_lossy(&rest[..len]).into_owned()
    }
}

/// The value whose lowest `nbytes` bytes have all bits set.
fn all_ones(nbytes: usize) -> u64 {
    if nbytes >= 8 { u64::MAX } else { (1 << (8 * nbytes)) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_little_endian_and_bounded() {
        let bytes = [1, 2, 0, 0xff, 0xff, b'a', 0, 9];
        let mut cursor = Cursor::new("test", &bytes, 2, 2);
        assert_eq!(cursor.u8().unwrap(), 1);
        assert_eq!(cursor.address().unwrap(), Some(2));
        assert_eq!(cursor.address().unwrap(), None);
        assert_eq!(cursor.text_to_nul(), "a");
        assert_eq!(cursor.remaining(), 1);
        let error = cursor.u32().unwrap_err().to_string();
        assert_eq!(error, "corrupt test: 4 bytes needed at 7, it has 8");
        assert!(cursor.uint(9).is_err());
    }
}
