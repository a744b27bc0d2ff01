//! The header of an `.npy` file: a Python dictionary of dtype, order and shape.

use brickwork_core::DType;
use serde::{Deserialize, Serialize};

use crate::bytes::{checked_nbytes, time_unit};
use crate::error::Problem;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longer headers are of structured dtypes, which are refused anyway.
pub(super) const MAX_HEADER: usize = 1 << 20;
/// NumPy allows no more axes.
const MAX_AXES: usize = 64;
/// The data start at a multiple of this many bytes.
const ALIGN: usize = 64;
const WHAT: &str = ".npy header";

/// What the header says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    pub dtype: DType,
    pub big_endian: bool,
    /// Whether the first axis is the fastest.
    pub fortran: bool,
    pub shape: Vec<usize>,
    /// Offset of the first element.
    pub data_offset: usize,
}

impl Header {
    /// How many bytes of the file have to be read for [`Header::parse`]; the first 12 suffice to tell.
    pub fn length(start: &[u8]) -> Result<usize, Problem> {
        let Some(rest) = start.strip_prefix(MAGIC) else {
            return Err(Problem::corrupt(
                WHAT,
                "the file does not begin with \\x93NUMPY; it is not an .npy file",
            ));
        };
        let too_short = || Problem::Truncated { what: WHAT.into(), needed: 12, present: start.len() as u64 };
        let &[major, _minor, a, b, ref more @ ..] = rest else { return Err(too_short()) };
        let (prefix, length) = match major {
            1 => (10, usize::from(u16::from_le_bytes([a, b]))),
            2 | 3 => {
                let &[c, d, ..] = more else { return Err(too_short()) };
                (12, u32::from_le_bytes([a, b, c, d]) as usize)
            }
            _ => {
                return Err(Problem::unreadable(
                    format!(".npy format version {major}"),
                    "versions 1, 2 and 3 can; save it again with numpy.save",
                ));
            }
        };
        if length > MAX_HEADER {
            return Err(Problem::corrupt(
                WHAT,
                format!("it claims {length} bytes; at most {MAX_HEADER} make sense"),
            ));
        }
        Ok(prefix + length)
    }

    /// Reads the whole header: as many bytes as [`Header::length`] said.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let prefix = if bytes.get(6) == Some(&1) { 10 } else { 12 };
        let corrupt = |reason: String| Problem::corrupt(WHAT, reason);
        let text = bytes.get(prefix..).and_then(|text| std::str::from_utf8(text).ok());
        let mut literal = Literal { rest: text.ok_or_else(|| corrupt("it is not text".into()))? };
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        literal.expect('{').map_err(corrupt)?;
        while !literal.accept('}') {
            let key = literal.string().map_err(corrupt)?;
            literal.expect(':').map_err(corrupt)?;
            match key {
                "descr" if literal.peek() == Some('[') => {
                    return Err(refused("a structured dtype"));
                }
                "descr" => descr = Some(literal.string().map_err(corrupt)?),
                "fortran_order" => fortran = Some(literal.bool().map_err(corrupt)?),
                "shape" => shape = Some(literal.tuple().map_err(corrupt)?),
                other => return Err(corrupt(format!("it has an entry {other:?}, which no version has"))),
            }
            if !literal.accept(',') {
                literal.expect('}').map_err(corrupt)?;
                break;
            }
        }
        let (Some(descr), Some(fortran), Some(shape)) = (descr, fortran, shape) else {
            return Err(corrupt("'descr', 'fortran_order' or 'shape' is missing".into()));
        };
        let (dtype, big_endian) = parse_descr(descr)?;
        if checked_nbytes(&shape, dtype.itemsize()).is_none() {
            return Err(corrupt(format!("shape {shape:?} has more bytes than a machine can count")));
        }
        Ok(Header { dtype, big_endian, fortran, shape, data_offset: bytes.len() })
    }

    /// Bytes of all elements.
    pub fn data_nbytes(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype.itemsize()
    }
}

/// The header of an array in C order and this machine's byte order.
pub(super) fn encode(dtype: DType, shape: &[usize]) -> Vec<u8> {
    let lens: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let tuple = match lens.as_slice() {
        [one] => format!("({one},)"),
        _ => format!("({})", lens.join(", ")),
    };
    let mut text = format!("{{'descr': '{}', 'fortran_order': False, 'shape': {tuple}, }}", descr(dtype));
    // Version 1 counts the header's bytes in 16 bits.
    let (version, prefix) = if text.len() + ALIGN + 10 <= usize::from(u16::MAX) { (1, 10) } else { (2, 12) };
    let total = (prefix + text.len() + 1).next_multiple_of(ALIGN);
    text.push_str(&" ".repeat(total - prefix - text.len() - 1));
    text.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend([version, 0]);
    match version {
        1 => bytes.extend((text.len() as u16).to_le_bytes()),
        _ => bytes.extend((text.len() as u32).to_le_bytes()),
    }
    bytes.extend(text.as_bytes());
    bytes
}

fn descr(dtype: DType) -> String {
    let order = if cfg!(target_endian = "big") { '>' } else { '<' };
    match dtype {
        DType::Bool => "|b1".into(),
        DType::I8 => "|i1".into(),
        DType::U8 => "|u1".into(),
        DType::Bytes(n) => format!("|S{n}"),
        DType::DateTime(unit) => format!("{order}M8[{unit}]"),
        DType::TimeDelta(unit) => format!("{order}m8[{unit}]"),
        other => {
            let kind = match other {
                DType::I16 | DType::I32 | DType::I64 => 'i',
                DType::U16 | DType::U32 | DType::U64 => 'u',
                DType::C64 | DType::C128 => 'c',
                _ => 'f',
            };
            format!("{order}{kind}{}", other.itemsize())
        }
    }
}

pub(super) fn parse_descr(descr: &str) -> Result<(DType, bool), Problem> {
    let (big_endian, code) = match descr.strip_prefix(['<', '|']) {
        Some(code) => (false, code),
        None => match descr.strip_prefix('>') {
            Some(code) => (true, code),
            None => (cfg!(target_endian = "big"), descr.trim_start_matches('=')),
        },
    };
    if let Some(unit) = code.strip_prefix("M8[").and_then(time_unit) {
        return Ok((DType::DateTime(unit), big_endian));
    }
    if let Some(unit) = code.strip_prefix("m8[").and_then(time_unit) {
        return Ok((DType::TimeDelta(unit), big_endian));
    }
    if let Some(n) = code.strip_prefix('S').and_then(|n| n.parse::<u32>().ok()).filter(|&n| n > 0) {
        return Ok((DType::Bytes(n), big_endian));
    }
    // The letters of a header are NumPy's kinds and sizes, never names such as "int".
    let is_size = |size: &str| !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
    let is_code = code == "?" || code.get(1..).is_some_and(is_size);
    match DType::parse(code).filter(|_| is_code) {
        Some(dtype) => Ok((dtype, big_endian)),
        None => Err(refused(&named(descr, code))),
    }
}

/// A dtype as a person would call it.
fn named(descr: &str, code: &str) -> String {
    let name = match code {
        "f2" => "float16",
        "f16" | "f12" => "longdouble",
        "c32" | "c24" => "clongdouble",
        "O" => "object",
        _ if code.starts_with('U') => "a text dtype",
        _ if code.starts_with('V') => "a void dtype",
        _ => return format!("dtype {descr:?}"),
    };
    format!("{name} (dtype {descr:?})")
}

fn refused(what: &str) -> Problem {
    let help =
        "bool, integers, float32, float64, complex64 and complex128 can; convert it with numpy's astype";
    Problem::unreadable(what, help)
}

/// The rest of a Python literal.
struct Literal<'a> {
    rest: &'a str,
}

impl<'a> Literal<'a> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.accept(wanted) {
            return Ok(());
        }
        Err(match self.peek() {
            Some(found) => format!("it has {found:?} where {wanted:?} belongs"),
            None => format!("it ends where {wanted:?} belongs"),
        })
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = if self.accept('"') { '"' } else { '\'' };
        if quote == '\'' {
            self.expect('\'')?;
        }
        let Some((text, rest)) = self.rest.split_once(quote) else {
            return Err("a text in it has no end".into());
        };
        self.rest = rest;
        Ok(text)
    }

    fn bool(&mut self) -> Result<bool, String> {
        self.peek();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err("'fortran_order' is neither True nor False".into())
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        let mut lens = Vec::new();
        self.expect('(')?;
        while !self.accept(')') {
            self.peek();
            let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let len = self.rest[..end]
                .parse()
                .map_err(|_| "the shape holds something else than lengths".to_owned())?;
            lens.push(len);
            if lens.len() > MAX_AXES {
                return Err(format!("the shape has more than {MAX_AXES} axes"));
            }
            // Python 2 wrote long integers with an L.
            self.rest = self.rest[end..].trim_start_matches('L');
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(lens)
    }
}

#[cfg(test)]
mod tests {
    use brickwork_core::TimeUnit;

    use super::*;

    fn header(version: u8, text: &str) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((text.len() as u16).to_le_bytes()),
            _ => bytes.extend((text.len() as u32).to_le_bytes()),
        }
        bytes.extend(text.as_bytes());
        bytes
    }

    fn parse(version: u8, text: &str) -> Result<Header, Problem> {
        let bytes = header(version, text);
        assert_eq!(Header::length(&bytes).unwrap(), bytes.len());
        Header::parse(&bytes)
    }

    #[test]
    fn what_is_written_is_read() {
        let stored =
            [DType::DateTime(TimeUnit::Nanosecond), DType::TimeDelta(TimeUnit::Day), DType::Bytes(7)];
        for dtype in DType::NUMERIC.into_iter().chain(stored) {
            for shape in [vec![], vec![5], vec![0, 3], vec![1; 40]] {
                let bytes = encode(dtype, &shape);
                assert_eq!(bytes.len() % ALIGN, 0);
                assert_eq!(Header::length(&bytes).unwrap(), bytes.len());
                let header = Header::parse(&bytes).unwrap();
                assert_eq!((header.dtype, &header.shape, header.fortran), (dtype, &shape, false));
            }
        }
    }

    #[test]
    fn all_versions_and_ways_of_writing_are_read() {
        for version in [1, 2, 3] {
            let found =
                parse(version, "{'shape': (3L, 4), 'fortran_order': True, 'descr': '>i2'}\n").unwrap();
            assert_eq!((found.dtype, found.big_endian, found.fortran), (DType::I16, true, true));
            assert_eq!(found.shape, [3, 4]);
        }
        let found = parse(1, "{\"descr\": \"|b1\", 'fortran_order': False, 'shape': (2,), }").unwrap();
        assert_eq!(found.shape, [2]);
    }

    #[test]
    fn dtypes_that_are_not_read_are_named() {
        let text = |descr: &str| {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': ()}}");
            parse(1, &text).unwrap_err().to_string()
        };
        assert!(text("'<f2'").starts_with("float16 (dtype \"<f2\") cannot be read; bool, integers"));
        assert!(text("'|O'").starts_with("object"));
        assert!(text("'<U3'").starts_with("a text dtype"));
        assert!(text("[('a', '<i4')]").starts_with("a structured dtype"));
        assert!(text("'<M8[10s]'").starts_with("dtype \"<M8[10s]\""));
        assert!(text("'<int'").starts_with("dtype \"<int\""));
    }

    #[test]
    fn hostile_headers_are_errors() {
        for text in [
            "",
            "{",
            "{'descr'",
            "{'descr': '<f8'}",
            "{'descr': '<f8', 'fortran_order': 1, 'shape': ()}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (18446744073709551615, 2)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 9223372036854775807, 9223372036854775807)}",
            "{'descr': '', 'fortran_order': False, 'shape': ()}",
            "{'descr': '<é', 'fortran_order': False, 'shape': ()}",
            "{'x': 1}",
        ] {
            assert!(parse(1, text).is_err(), "{text}");
        }
        assert!(Header::length(b"\x93NUMPY").unwrap_err().to_string().starts_with("truncated"));
        assert!(Header::length(b"PK\x03\x04").unwrap_err().to_string().contains("not an .npy file"));
        assert!(
            Header::length(b"\x93NUMPY\x04\x00\x00\x00\x00\x00")
                .unwrap_err()
                .to_string()
                .contains("version 4")
        );
        let long = [MAGIC.as_slice(), &[2, 0, 255, 255, 255, 255]].concat();
        assert!(Header::length(&long).unwrap_err().to_string().contains("claims 4294967295 bytes"));
    }
}
