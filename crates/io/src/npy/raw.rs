//! Raw binary files: elements one after the other, of a shape and a dtype that the user tells.

use super::header::{Header, parse_descr};
use super::source::{NpySource, check_length};
use crate::bytes::checked_nbytes;
use crate::describe::Description;
use crate::error::{Problem, Result};
use crate::placed_file::open_file;
use crate::uri::{Format, Location};

const EXPECTED: &str = "a raw binary file";
const EXAMPLE: &str = "write for example raw:data.bin#shape=100x200,dtype=float32";

/// The array in a raw file, as what stands after `#` says it lies there.
pub(crate) fn open(location: &Location) -> Result<NpySource> {
    let uri = &location.uri;
    let fail = |problem: Problem| problem.at(uri);
    let path = location.absolute_path();
    let header = parse(&location.inner).map_err(fail)?;
    let (_, stamp) = open_file(&path, EXPECTED).map_err(fail)?;
    check_length(&header, stamp.len).map_err(fail)?;
    NpySource::new(uri, path, stamp, header)
}

/// Tells what is in a raw file.
pub(crate) fn describe(location: &Location) -> Result<Description> {
    let description = open(location)?.describe();
    Ok(Description { format: Format::Raw, ..description })
}

/// Reads `shape=100x200,dtype=float32,order=C,offset=16`, in any order; all but the shape and the dtype may be missing.
fn parse(layout: &str) -> Result<Header, Problem> {
    let misuse = |reason: String| Problem::Misuse { reason: format!("{reason}; {EXAMPLE}") };
    let (mut shape, mut dtype, mut fortran, mut data_offset) = (None, None, false, 0);
    for part in layout.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let Some((name, value)) = part.split_once('=') else {
            return Err(misuse(format!("{part:?} after '#' has no '='")));
        };
        let wrong = |what: &str| misuse(format!("{name}={value} is no {what}"));
        match name {
            "shape" => {
                let lens = value.split('x').map(|len| len.trim().parse().ok());
                let lens: Option<Vec<usize>> = if value == "()" { Some(Vec::new()) } else { lens.collect() };
                shape = Some(lens.ok_or_else(|| wrong("shape: lengths with x between them, or ()"))?);
            }
            "dtype" => {
                dtype = Some(element(value).map_err(|_| wrong("dtype: a name of NumPy, or <f4 and >f4"))?);
            }
            "order" => {
                fortran = match value {
                    "C" => false,
                    "F" => true,
                    _ => return Err(wrong("order: C or F")),
                }
            }
            "offset" => data_offset = value.parse().map_err(|_| wrong("number of bytes"))?,
            _ => return Err(misuse(format!("{name:?} is none of shape, dtype, order and offset"))),
        }
    }
    let (Some(shape), Some((dtype, big_endian))) = (shape, dtype) else {
        return Err(misuse("the shape and the dtype of a raw file must be told after '#'".into()));
    };
    match checked_nbytes(&shape, dtype.itemsize()).and_then(|nbytes| nbytes.checked_add(data_offset)) {
        Some(_) => Ok(Header { dtype, big_endian, fortran, shape, data_offset }),
        None => Err(misuse(format!("shape {shape:?} has more bytes than a machine can count"))),
    }
}

/// A dtype as NumPy writes it (`<f4`, `>i2`, `?`), or by its name, in this machine's byte order.
fn element(text: &str) -> Result<(brickwork_core::DType, bool), Problem> {
    match brickwork_core::DType::parse(text) {
        Some(dtype) => Ok((dtype, cfg!(target_endian = "big"))),
        None => parse_descr(text),
    }
}

#[cfg(test)]
mod tests {
    use crate::test_support::read_all;

    #[test]
    fn elements_are_read_as_they_are_told_to_lie() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data.bin");
        let mut bytes = vec![9; 3];
        bytes.extend((0..6_i16).flat_map(i16::to_be_bytes));
        std::fs::write(&path, bytes).unwrap();
        let uri = |layout: &str| format!("raw:{}#{layout}", path.display());
        let values = |layout: &str| read_all(&uri(layout)).to_vec::<i16>();
        assert_eq!(values("shape=2x3,dtype=>i2,offset=3"), [0, 1, 2, 3, 4, 5]);
        assert_eq!(values("offset=3,dtype=>i2,shape=2x3,order=F"), [0, 2, 4, 1, 3, 5]);
        assert_eq!(values("dtype=>i2,shape=(),offset=5"), [1]);
        assert_eq!(values("dtype=int16,shape=1,offset=5"), [256]);
        let description = crate::describe(&uri("shape=2x3,dtype=>i2,offset=3")).unwrap();
        assert_eq!((description.format.to_string(), description.shape), ("raw".into(), Some(vec![2, 3])));
        let error = |layout: &str| crate::open(&uri(layout)).unwrap_err().to_string();
        assert!(error("").contains("the shape and the dtype of a raw file must be told after '#'"));
        assert!(error("shape=2x3,dtype=>i2,offset=4").contains("needs 16 bytes, and 15 bytes are there"));
        assert!(error("shape=2x-3,dtype=u1").contains("shape=2x-3 is no shape"));
        assert!(error("shape=2,dtype=text").contains("dtype=text is no dtype"));
        assert!(
            error("shape=99999999999x99999999999,dtype=u1").contains("more bytes than a machine can count")
        );
        assert!(error("shape=1,dtype=u1,sort=1").contains("none of shape, dtype, order and offset"));
        let error = crate::create(&uri("shape=1"), &crate::SinkOptions::default()).err().unwrap().to_string();
        assert!(error.contains("a raw binary file is only read"), "{error}");
    }
}
