//! Attributes: small named values of a group or dataset.
use std::collections::HashMap;

use super::btree_v2::{for_each_record, record};
use super::cursor::Cursor;
use super::dataspace::Dataspace;
use super::datatype::{self, Datatype, ElementKind, ElementType};
use super::error::{Outcome, corrupt, unsupported};
use super::fractal_heap::FractalHeap;
use super::global_heap::{GlobalHeap, text_of};
use super::object_header::{Message, ObjectHeader, kind, read_shared};
use super::source::{Budget, Source};

const WHAT: &str = "attribute";

/// An attribute's elements, widened to the largest type of their kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AttributeData {
    /// Signed integers.
    Int(Vec<i64>),
    /// Unsigned integers.
    UInt(Vec<u64>),
    /// Floats.
    Float(Vec<f64>),
    /// Bools.
    Bool(Vec<bool>),
    /// Complex numbers, real and imaginary part.
    Complex(Vec<[f64; 2]>),
    /// Texts.
    Text(Vec<String>),
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct AttributeValue {
    /// The lengths of its axes; none for a single value.
    pub shape: Vec<usize>,
    /// The type as stored; `None` for texts.
    pub element: Option<ElementType>,
    /// The elements, last axis fastest.
    pub data: AttributeData,
}

/// What attributes refer to, each piece of which is read once for all attributes of an object.
#[derive(Debug)]
struct Elsewhere<'a> {
    texts: GlobalHeap<'a>,
    /// Messages of named objects, by their type and what refers to them.
    shared: HashMap<(u16, Vec<u8>), Vec<u8>>,
    budget: Budget,
}

impl<'a> Elsewhere<'a> {
    fn new(source: &'a Source) -> Self {
        Elsewhere { texts: GlobalHeap::new(source), shared: HashMap::new(), budget: source.budget() }
    }

    /// The body of an attribute's message.
    fn body(&mut self, source: &Source, message: &Message) -> Outcome<Vec<u8>> {
        self.resolve(source, message.stored(), message.kind, message.is_shared())
    }

    /// The bytes of a message, or of the one it refers to.
    fn resolve(&mut self, source: &Source, bytes: &[u8], kind: u16, is_shared: bool) -> Outcome<Vec<u8>> {
        if !is_shared {
            return Ok(bytes.to_vec());
        }
        let key = (kind, bytes.to_vec());
        if let Some(known) = self.shared.get(&key) {
            return Ok(known.clone());
        }
        let message = read_shared(source, kind, bytes, &mut self.budget)?;
        self.shared.insert(key, message.clone());
        Ok(message)
    }
}

/// All attributes of an object that can be read; others are left out.
pub(super) fn list(source: &Source, header: &ObjectHeader) -> Outcome<Vec<(String, AttributeValue)>> {
    let mut found = Vec::new();
    for_each(source, header, &mut |stored, elsewhere| {
        found.extend(stored.value(source, elsewhere).map(|value| (stored.name.clone(), value)).ok());
    })?;
    Ok(found)
}

/// The objects that an attribute refers to, a list of references for each of its elements; `None` if there is no such
/// attribute. Where a list is empty, so is the result's.
pub(super) fn references(
    source: &Source,
    header: &ObjectHeader,
    name: &str,
) -> Outcome<Option<Vec<Vec<u64>>>> {
    let mut found = None;
    for_each(source, header, &mut |stored, elsewhere| {
        if stored.name == name && found.is_none() {
            found = Some(stored.references(source, elsewhere));
        }
    })?;
    found.transpose()
}

/// Gives every attribute whose message can be taken apart to `visit`.
fn for_each(
    source: &Source,
    header: &ObjectHeader,
    visit: &mut dyn FnMut(&Stored, &mut Elsewhere<'_>),
) -> Outcome<()> {
    let mut elsewhere = Elsewhere::new(source);
    for message in header.messages.iter().filter(|message| message.kind == kind::ATTRIBUTE) {
        let body = elsewhere.body(source, message);
        if let Ok(stored) = body.and_then(|body| Stored::parse(source, &body, &mut elsewhere)) {
            visit(&stored, &mut elsewhere);
        }
    }
    if let Some(body) = header.body(source, kind::ATTRIBUTE_INFO)? {
        for_each_dense(source, &body, &mut elsewhere, visit)?;
    }
    Ok(())
}

fn for_each_dense(
    source: &Source,
    info: &[u8],
    elsewhere: &mut Elsewhere<'_>,
    visit: &mut dyn FnMut(&Stored, &mut Elsewhere<'_>),
) -> Outcome<()> {
    let mut cursor = source.cursor("attribute info message", info);
    cursor.version(0)?;
    let flags = cursor.u8()?;
    cursor.skip(if flags & 1 != 0 { 2 } else { 0 })?;
    let (heap, names) = match (cursor.address()?, cursor.address()?) {
        (Some(heap), Some(names)) => (heap, names),
        (None, None) => return Ok(()),
        _ => {
            return Err(corrupt(
                "attribute info message",
                "it has a heap without names, or names without a heap",
            ));
        }
    };
    let mut heap = FractalHeap::open(source, heap)?;
    for_each_record(source, names, record::ATTRIBUTE_NAME, |bytes| {
        // The heap identifier, the message's flags, its creation order, the hash of the name.
        let (Some(id), Some(flags)) = (bytes.get(..8), bytes.get(8)) else {
            return Err(corrupt("attribute name record", "is too short"));
        };
        if flags & 0b10 == 0
            && let Ok(stored) = heap.object(id).and_then(|body| Stored::parse(source, &body, elsewhere))
        {
            visit(&stored, elsewhere);
        }
        Ok(())
    })
}

/// An attribute's message, taken apart.
#[derive(Debug)]
struct Stored {
    name: String,
    datatype: Vec<u8>,
    space: Dataspace,
    data: Vec<u8>,
}

impl Stored {
    fn parse(source: &Source, body: &[u8], elsewhere: &mut Elsewhere<'_>) -> Outcome<Self> {
        let mut cursor = source.cursor(WHAT, body);
        let version = cursor.u8()?;
        if !(1..=3).contains(&version) {
            return Err(corrupt(WHAT, format!("version is {version}, not 1, 2 or 3")));
        }
        let flags = if version == 1 { 0 } else { body.get(1).copied().unwrap_or(0) };
        cursor.skip(1)?;
        let [name_nbytes, type_nbytes, space_nbytes] =
            [cursor.u16()?, cursor.u16()?, cursor.u16()?].map(usize::from);
        cursor.skip(if version == 3 { 1 } else { 0 })?;
        // Version 1 pads each part to a multiple of eight bytes, its own header having eight.
        let mut part = |nbytes: usize| {
            let bytes = cursor.take(nbytes)?;
            if version == 1 {
                cursor.align8();
            }
            Ok::<_, super::error::Problem>(bytes)
        };
        let name = text_of(part(name_nbytes)?);
        let type_bytes = part(type_nbytes)?;
        let space_bytes = part(space_nbytes)?;
        let datatype = elsewhere.resolve(source, type_bytes, kind::DATATYPE, flags & 1 != 0)?;
        let space_bytes = elsewhere.resolve(source, space_bytes, kind::DATASPACE, flags & 2 != 0)?;
        let space = Dataspace::parse(source.cursor(WHAT, &space_bytes))?;
        let data = cursor.take(cursor.remaining())?.to_vec();
        Ok(Stored { name, datatype, space, data })
    }

    fn value(&self, source: &Source, elsewhere: &mut Elsewhere<'_>) -> Outcome<AttributeValue> {
        let datatype = datatype::parse(&mut source.cursor(WHAT, &self.datatype))?;
        if self.space.is_null {
            return Err(unsupported("an attribute without a value", "give it one"));
        }
        let element = if let Datatype::Element(element) = datatype { Some(element) } else { None };
        let mut cursor = source.cursor(WHAT, &self.data);
        let data = parse_data(&mut cursor, &datatype, self.space.num_elements()?, elsewhere)?;
        Ok(AttributeValue { shape: self.space.shape.clone(), element, data })
    }

    fn references(&self, source: &Source, elsewhere: &mut Elsewhere<'_>) -> Outcome<Vec<Vec<u64>>> {
        if !datatype::is_list_of_references(&mut source.cursor(WHAT, &self.datatype))? {
            return Err(unsupported("an attribute of another type than lists of references", "leave it out"));
        }
        let mut cursor = source.cursor(WHAT, &self.data);
        let lists = (0..self.space.num_elements()?).map(|_| {
            let bytes = elsewhere.texts.bytes(&mut cursor, source.offset_size)?;
            let parts = bytes.chunks_exact(source.offset_size);
            Ok(parts.filter_map(|part| source.cursor(WHAT, part).address().ok().flatten()).collect())
        });
        lists.collect()
    }
}

fn parse_data(
    cursor: &mut Cursor<'_>,
    datatype: &Datatype,
    num_elements: usize,
    elsewhere: &mut Elsewhere<'_>,
) -> Outcome<AttributeData> {
    let element_nbytes = match datatype {
        Datatype::Element(element) => element.size,
        Datatype::FixedText { nbytes, .. } => *nbytes,
        Datatype::VariableText => 8 + cursor.offset_size(),
        Datatype::Other(name) | Datatype::OddInteger(name) => {
            return Err(unsupported(format!("an attribute of type '{name}'"), "use a plain type"));
        }
    };
    let nbytes = num_elements
        .checked_mul(element_nbytes)
        .ok_or_else(|| corrupt(WHAT, format!("{num_elements} elements of {element_nbytes} bytes")))?;
    // Taken before anything is set aside for the elements, so these are bounded by the message.
    let bytes = cursor.take(nbytes)?;
    let parts = bytes.chunks_exact(element_nbytes);
    match *datatype {
        Datatype::Element(element) => Ok(widen(element, bytes)),
        Datatype::FixedText { space_padded, .. } => Ok(AttributeData::Text(
            parts
                .map(text_of)
                .map(|text| if space_padded { text.trim_end_matches(' ').to_owned() } else { text })
                .collect(),
        )),
        _ => {
            let offset_size = cursor.offset_size();
            parts
                .map(|part| elsewhere.texts.text(&mut Cursor::new(WHAT, part, offset_size, 8)))
                .collect::<Outcome<Vec<_>>>()
                .map(AttributeData::Text)
        }
    }
}

fn widen(element: ElementType, bytes: &[u8]) -> AttributeData {
    let mut native = bytes.to_vec();
    element.to_native(&mut native);
    let part_nbytes = if element.kind == ElementKind::Complex { element.size / 2 } else { element.size };
    let parts = native.chunks_exact(part_nbytes);
    match element.kind {
        ElementKind::Int => AttributeData::Int(parts.map(signed).collect()),
        ElementKind::UInt => AttributeData::UInt(parts.map(unsigned).collect()),
        ElementKind::Bool => AttributeData::Bool(native.iter().map(|&byte| byte != 0).collect()),
        ElementKind::Float => AttributeData::Float(parts.map(float).collect()),
        ElementKind::Complex => {
            let floats: Vec<f64> = parts.map(float).collect();
            AttributeData::Complex(floats.as_chunks::<2>().0.to_vec())
        }
    }
}

fn unsigned(native: &[u8]) -> u64 {
    match *native {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_ne_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_ne_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        _ => 0,
    }
}

fn signed(native: &[u8]) -> i64 {
    let unused_bits = 64 - 8 * native.len().clamp(1, 8);
    // Up and down again, which copies the sign.
    (unsigned(native) << unused_bits) as i64 >> unused_bits
}

fn float(native: &[u8]) -> f64 {
    let bits = unsigned(native);
    match native.len() {
        2 => half(bits as u16),
        4 => f64::from(f32::from_bits(bits as u32)),
        _ => f64::from_bits(bits),
    }
}

/// An IEEE half float.
fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let mantissa = f64::from(bits & 0x3ff);
    sign * match exponent {
        0 => mantissa * f64::powi(2.0, -24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + mantissa) * f64::powi(2.0, exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_widened_with_sign() {
        assert_eq!(signed(&(-2_i16).to_ne_bytes()), -2);
        assert_eq!(signed(&i64::MIN.to_ne_bytes()), i64::MIN);
        assert_eq!(unsigned(&u32::MAX.to_ne_bytes()), u64::from(u32::MAX));
        assert_eq!(float(&1.5_f32.to_ne_bytes()), 1.5);
    }

    #[test]
    fn half_floats_keep_their_values() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0x0001, 2.0_f64.powi(-24)),
            (0x7c00, f64::INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
