//! Datatype messages, as far as they map onto elements of arrays, and texts.
use std::fmt;

use super::cursor::Cursor;
use super::error::{Outcome, corrupt};

const WHAT: &str = "datatype message";
/// Compounds and enumerations of plain types nest no deeper.
const MAX_DEPTH: usize = 2;

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementKind {
    /// A signed integer of 1, 2, 4 or 8 bytes.
    Int,
    /// An unsigned integer of 1, 2, 4 or 8 bytes.
    UInt,
    /// An IEEE float of 2, 4 or 8 bytes.
    Float,
    /// One byte, 0 or 1; stored as an enumeration of `FALSE` and `TRUE`.
    Bool,
    /// Two floats, real and imaginary part; stored as a compound of `r` and `i`.
    Complex,
}

/// The order of an element's bytes in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endian {
    /// Lowest byte first.
    Little,
    /// Highest byte first.
    Big,
}

/// The type of one element of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ElementType {
    /// What it is.
    pub kind: ElementKind,
    /// Its bytes; for a complex number those of both parts.
    pub size: usize,
    /// The order of its bytes in the file.
    pub endian: Endian,
}

impl ElementType {
    /// Puts elements as stored into this machine's byte order, in place; bools become 0 or 1.
    ///
    /// `bytes` holds whole elements.
    pub fn to_native(self, bytes: &mut [u8]) {
        if self.kind == ElementKind::Bool {
            bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
        }
        if (self.endian == Endian::Big) == cfg!(target_endian = "big") {
            return;
        }
        let unit = if self.kind == ElementKind::Complex { self.size / 2 } else { self.size };
        match unit {
            2 => swap::<2>(bytes),
            4 => swap::<4>(bytes),
            8 => swap::<8>(bytes),
            _ => {}
        }
    }
}

impl fmt::Display for ElementType {
    /// In NumPy's way: `<f4`, `>i2`, `|b1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match (self.size, self.endian) {
            (1, _) => '|',
            (_, Endian::Little) => '<',
            (_, Endian::Big) => '>',
        };
        let kind = match self.kind {
            ElementKind::Int => 'i',
            ElementKind::UInt => 'u',
            ElementKind::Float => 'f',
            ElementKind::Bool => 'b',
            ElementKind::Complex => 'c',
        };
        write!(f, "{order}{kind}{}", self.size)
    }
}

fn swap<const N: usize>(bytes: &mut [u8]) {
    for element in bytes.as_chunks_mut::<N>().0 {
        element.reverse();
    }
}

/// A datatype, as far as this reader tells them apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Datatype {
    Element(ElementType),
    /// A text of a fixed number of bytes, padded with NULs, or with spaces.
    FixedText {
        nbytes: usize,
        space_padded: bool,
    },
    /// A text in the global heap.
    VariableText,
    /// An integer whose bits do not fill 1, 2, 4 or 8 bytes, by its name.
    OddInteger(String),
    /// Anything else, by its name.
    Other(String),
}

/// Parses a datatype message.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Outcome<Datatype> {
    parse_nested(cursor, MAX_DEPTH)
}

/// Whether a datatype message is of lists of references to objects, as dimension scales are attached by.
pub(super) fn is_list_of_references(cursor: &mut Cursor<'_>) -> Outcome<bool> {
    const SEQUENCE: (u8, u8) = (9, 0);
    const OBJECT_REFERENCE: (u8, u8) = (7, 0);
    let mut kind = || {
        let class = cursor.u8()? & 0x0f;
        let bits = cursor.uint(3)? as u8;
        cursor.skip(4)?;
        Ok::<_, super::error::Problem>((class, bits & 0x0f))
    };
    Ok(kind()? == SEQUENCE && kind()? == OBJECT_REFERENCE)
}

fn parse_nested(cursor: &mut Cursor<'_>, depth: usize) -> Outcome<Datatype> {
    let class_and_version = cursor.u8()?;
    let (class, version) = (class_and_version & 0x0f, class_and_version >> 4);
    let bits = cursor.uint(3)? as u32;
    let size = cursor.u32()? as usize;
    if !(1..=5).contains(&version) {
        return Err(corrupt(WHAT, format!("version is {version}")));
    }
    if size == 0 {
        return Err(corrupt(WHAT, "elements of 0 bytes"));
    }
    let other = |name: &str| Ok(Datatype::Other(name.to_owned()));
    match class {
        0 => parse_integer(cursor, bits, size),
        1 => parse_float(cursor, bits, size),
        2 => other("time"),
        3 => Ok(Datatype::FixedText { nbytes: size, space_padded: bits & 0x0f == 2 }),
        4 => other("bit field"),
        5 => other("opaque"),
        6 if depth > 0 => parse_compound(cursor, version, bits, size, depth - 1),
        6 => other("nested compound"),
        7 => other("reference"),
        8 if depth > 0 => parse_enumeration(cursor, version, bits, depth - 1),
        8 => other("nested enumeration"),
        9 if bits & 0x0f == 1 => Ok(Datatype::VariableText),
        9 => other("variable-length sequence"),
        10 => other("array"),
        11 => other("native complex"),
        _ => Ok(Datatype::Other(format!("of unknown class {class}"))),
    }
}

fn parse_integer(cursor: &mut Cursor<'_>, bits: u32, size: usize) -> Outcome<Datatype> {
    let (bit_offset, precision) = (cursor.u16()?, usize::from(cursor.u16()?));
    if ![1, 2, 4, 8].contains(&size) || bit_offset != 0 || precision != 8 * size {
        return Ok(Datatype::OddInteger(format!("integer of {precision} bits in {size} bytes")));
    }
    let endian = if bits & 1 != 0 && size > 1 { Endian::Big } else { Endian::Little };
    let kind = if bits & 0b1000 != 0 { ElementKind::Int } else { ElementKind::UInt };
    Ok(Datatype::Element(ElementType { kind, size, endian }))
}

fn parse_float(cursor: &mut Cursor<'_>, bits: u32, size: usize) -> Outcome<Datatype> {
    let (bit_offset, precision) = (cursor.u16()?, cursor.u16()?);
    let (exponent_at, exponent_bits) = (cursor.u8()?, cursor.u8()?);
    let (mantissa_at, mantissa_bits) = (cursor.u8()?, cursor.u8()?);
    let bias = cursor.u32()?;
    let sign_at = (bits >> 8) & 0xff;
    let ieee = match size {
        2 => (10, 5, 0, 10, 15, 15),
        4 => (23, 8, 0, 23, 127, 31),
        8 => (52, 11, 0, 52, 1023, 63),
        _ => return Ok(Datatype::Other(format!("float of {size} bytes"))),
    };
    let found = (exponent_at, exponent_bits, mantissa_at, mantissa_bits, bias, sign_at);
    // A leading mantissa bit that is implied is 2 in bits 4 and 5.
    let implied = (bits >> 4) & 0b11 == 2;
    if found != ieee || bit_offset != 0 || usize::from(precision) != 8 * size || !implied {
        let name =
            format!("float of {exponent_bits} exponent and {mantissa_bits} mantissa bits in {size} bytes");
        return Ok(Datatype::Other(name));
    }
    let endian = match (bits & 1 != 0, bits & 0x40 != 0) {
        (false, false) => Endian::Little,
        (true, false) => Endian::Big,
        _ => return Ok(Datatype::Other("VAX float".to_owned())),
    };
    Ok(Datatype::Element(ElementType { kind: ElementKind::Float, size, endian }))
}

/// A compound of two equal floats `r` and `i` is a complex number.
fn parse_compound(
    cursor: &mut Cursor<'_>,
    version: u8,
    bits: u32,
    size: usize,
    depth: usize,
) -> Outcome<Datatype> {
    let other = || Ok(Datatype::Other("compound".to_owned()));
    if bits & 0xffff != 2 {
        return other();
    }
    let mut parts = [None; 2];
    for (part, name) in parts.iter_mut().zip(["r", "i"]) {
        if read_name(cursor, version)? != name {
            return other();
        }
        let offset = if version >= 3 { cursor.uint(bytes_for(size))? } else { u64::from(cursor.u32()?) };
        if version == 1 {
            // An array's rank and lengths: 0 for a plain member.
            if cursor.u8()? != 0 {
                return other();
            }
            cursor.skip(27)?;
        }
        match parse_nested(cursor, depth)? {
            Datatype::Element(element) => *part = Some((offset, element)),
            _ => return other(),
        }
    }
    match parts {
        [Some((0, r)), Some((offset, i))]
            if r == i && r.kind == ElementKind::Float && offset == r.size as u64 && size == 2 * r.size =>
        {
            Ok(Datatype::Element(ElementType { kind: ElementKind::Complex, size, endian: r.endian }))
        }
        _ => other(),
    }
}

/// An enumeration of FALSE = 0 and TRUE = 1 in one byte is a bool; any other is the integers it is made of.
fn parse_enumeration(cursor: &mut Cursor<'_>, version: u8, bits: u32, depth: usize) -> Outcome<Datatype> {
    let base = parse_nested(cursor, depth)?;
    let Datatype::Element(element) = base else { return Ok(Datatype::Other("enumeration".to_owned())) };
    let is_bool = element.size == 1
        && bits & 0xffff == 2
        && read_name(cursor, version)? == "FALSE"
        && read_name(cursor, version)? == "TRUE"
        && cursor.take(2)? == [0, 1];
    if is_bool {
        return Ok(Datatype::Element(ElementType {
            kind: ElementKind::Bool,
            size: 1,
            endian: Endian::Little,
        }));
    }
    Ok(Datatype::Element(element))
}

/// A member's name; up to version 2 it is padded to a multiple of eight bytes.
fn read_name(cursor: &mut Cursor<'_>, version: u8) -> Outcome<String> {
    let start = cursor.position();
    let name = cursor.text_to_nul();
    if version < 3 {
        let nbytes = (cursor.position() - start).next_multiple_of(8);
        cursor.skip(nbytes - (cursor.position() - start))?;
    }
    Ok(name)
}

/// Bytes of the smallest field that can hold offsets within `size` bytes.
fn bytes_for(size: usize) -> usize {
    (size.max(1).ilog2() / 8 + 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_bytes(bytes: &[u8]) -> Outcome<Datatype> {
        parse(&mut Cursor::new(WHAT, bytes, 8, 8))
    }

    const F64: [u8; 20] = [0x11, 0x20, 63, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 0xff, 3, 0, 0];

    #[test]
    fn plain_types_in_both_byte_orders() {
        let of = |bytes: &[u8]| match parse_bytes(bytes).unwrap() {
            Datatype::Element(element) => element.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(of(&[0x10, 0x08, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0]), "<i4");
        assert_eq!(of(&[0x10, 0x01, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0]), ">u2");
        assert_eq!(of(&[0x10, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0]), "|u1");
        assert_eq!(of(&F64), "<f8");
        let mut big = F64;
        big[1] |= 1;
        assert_eq!(of(&big), ">f8");
        big[1] |= 0x40;
        assert!(of(&big).contains("VAX"));
    }

    #[test]
    fn unusual_types_are_named() {
        let name = |bytes: &[u8]| match parse_bytes(bytes).unwrap() {
            Datatype::Other(name) | Datatype::OddInteger(name) => name,
            other => format!("{other:?}"),
        };
        assert_eq!(name(&[0x10, 0x08, 0, 0, 2, 0, 0, 0, 0, 0, 12, 0]), "integer of 12 bits in 2 bytes");
        assert_eq!(name(&[0x15, 0, 0, 0, 2, 0, 0, 0]), "opaque");
        assert_eq!(name(&[0x19, 0, 0, 0, 16, 0, 0, 0]), "variable-length sequence");
        let bfloat = [0x11, 0x20, 15, 0, 2, 0, 0, 0, 0, 0, 16, 0, 7, 8, 0, 7, 127, 0, 0, 0];
        assert_eq!(name(&bfloat), "float of 8 exponent and 7 mantissa bits in 2 bytes");
        assert!(parse_bytes(&[0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(parse_bytes(&[0x10, 0]).is_err());
    }

    #[test]
    fn swapping_goes_by_the_parts_of_a_complex_number() {
        let mut bytes: Vec<u8> = (0..16).collect();
        ElementType { kind: ElementKind::Complex, size: 8, endian: Endian::Big }.to_native(&mut bytes);
        assert_eq!(bytes, [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12]);
        let mut bools = [0, 1, 2, 255];
        ElementType { kind: ElementKind::Bool, size: 1, endian: Endian::Little }.to_native(&mut bools);
        assert_eq!(bools, [0, 1, 1, 1]);
    }
}
