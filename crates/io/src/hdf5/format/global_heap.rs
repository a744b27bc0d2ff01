//! The global heap: collections of texts, and lists, that attributes refer to.
use std::collections::HashMap;

use super::cursor::Cursor;
use super::error::{Outcome, corrupt};
use super::source::{Budget, Source};

const WHAT: &str = "global heap";

#[derive(Debug)]
struct Collection {
    objects: HashMap<u16, Vec<u8>>,
    /// Whether objects and free space fill it. Where they do not, the HDF5 library may walk through it for ever.
    #[cfg_attr(not(feature = "hdf5-write"), allow(dead_code, reason = "asked for the library alone"))]
    is_full: bool,
}

/// Objects of the global heap; each collection is read once.
#[derive(Debug)]
pub(super) struct GlobalHeap<'a> {
    source: &'a Source,
    collections: HashMap<u64, Collection>,
    budget: Budget,
}

impl<'a> GlobalHeap<'a> {
    /// Reads nothing yet.
    pub fn new(source: &'a Source) -> Self {
        Self { source, collections: HashMap::new(), budget: source.budget() }
    }

    /// The text a variable-length element refers to.
    pub fn text(&mut self, cursor: &mut Cursor<'_>) -> Outcome<String> {
        self.bytes(cursor, 1).map(text_of)
    }

    /// The bytes a variable-length element refers to: the number of its items, each of `item_nbytes`, a collection's
    /// address, and a number in it.
    pub fn bytes(&mut self, cursor: &mut Cursor<'_>, item_nbytes: usize) -> Outcome<&[u8]> {
        let nbytes = (cursor.u32()? as usize).saturating_mul(item_nbytes);
        let address = cursor.address()?;
        let number = cursor.u32()?;
        let (Some(address), false) = (address.filter(|&address| address != 0), nbytes == 0) else {
            return Ok(&[]);
        };
        self.budget.spend(WHAT, nbytes as u64)?;
        let bytes = self.object(address, number)?.get(..nbytes);
        bytes.ok_or_else(|| corrupt(WHAT, format!("object {number} at {address} has no {nbytes} bytes")))
    }

    /// All bytes of an object, by its collection's address and its number there.
    pub fn object(&mut self, address: u64, number: u32) -> Outcome<&[u8]> {
        let collection = self.collection(address)?;
        let object = u16::try_from(number).ok().and_then(|number| collection.objects.get(&number));
        let object = object.map(Vec::as_slice);
        object.ok_or_else(|| corrupt(WHAT, format!("there is no object {number} at {address}")))
    }

    /// [`Self::object`], if its collection is one that the HDF5 library can read.
    #[cfg(feature = "hdf5-write")]
    pub fn object_for_library(&mut self, address: u64, number: u32) -> Outcome<&[u8]> {
        if !self.collection(address)?.is_full {
            return Err(corrupt(WHAT, format!("what the collection at {address} holds does not fill it")));
        }
        self.object(address, number)
    }

    fn collection(&mut self, address: u64) -> Outcome<&Collection> {
        if !self.collections.contains_key(&address) {
            let collection = read_collection(self.source, address, &mut self.budget)?;
            self.collections.insert(address, collection);
        }
        Ok(&self.collections[&address])
    }
}

/// Text up to its first NUL byte.
pub(super) fn text_of(bytes: &[u8]) -> String {
    let len = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..len]).into_owned()
}

fn read_collection(source: &Source, address: u64, budget: &mut Budget) -> Outcome<Collection> {
    let header_nbytes = 8 + source.length_size;
    let header = source.read(WHAT, address, header_nbytes as u64)?;
    let mut cursor = source.cursor(WHAT, &header);
    cursor.signature(b"GCOL")?;
    cursor.version(1)?;
    cursor.skip(3)?;
    let nbytes = cursor.length()?;
    let bytes = budget.read(source, WHAT, address, nbytes)?;
    let mut cursor = source.cursor(WHAT, &bytes);
    cursor.skip(header_nbytes)?;
    let mut objects = HashMap::new();
    let mut is_full = true;
    while cursor.remaining() >= 8 + source.length_size {
        let left = cursor.remaining();
        let number = cursor.u16()?;
        cursor.skip(6)?;
        // Number 0 is the free space at the end, and its own head belongs to it.
        if number == 0 {
            is_full = cursor.length()? == left as u64;
            break;
        }
        let nbytes = cursor.length()?;
        let object = cursor.take(usize::try_from(nbytes).unwrap_or(usize::MAX))?;
        objects.insert(number, object.to_vec());
        cursor.align8();
    }
    Ok(Collection { objects, is_full })
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::memory;
    use super::*;

    #[test]
    fn texts_are_found_by_number() {
        let mut bytes = vec![0; 8];
        bytes.extend(b"GCOL\x01\0\0\0");
        bytes.extend(64_u64.to_le_bytes());
        for (number, text) in [(1_u16, b"one\0\0\0\0\0"), (2, b"second!!")] {
            bytes.extend(number.to_le_bytes());
            bytes.extend([1, 0, 0, 0, 0, 0]);
            bytes.extend((if number == 1 { 3_u64 } else { 8 }).to_le_bytes());
            bytes.extend(text);
        }
        let source = memory(bytes);
        let mut heap = GlobalHeap::new(&source);
        let mut text = |nbytes: u32, address: u64, number: u32| {
            let mut element = nbytes.to_le_bytes().to_vec();
            element.extend(address.to_le_bytes());
            element.extend(number.to_le_bytes());
            heap.text(&mut source.cursor("element", &element))
        };
        assert_eq!(text(3, 8, 1).unwrap(), "one");
        assert_eq!(text(6, 8, 2).unwrap(), "second");
        assert_eq!(text(0, 0, 0).unwrap(), "");
        assert!(text(9, 8, 2).is_err());
        assert!(text(1, 8, 3).is_err());
    }
}
