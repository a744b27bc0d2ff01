//! Fill value messages, old and new.
use super::error::{Outcome, corrupt};
use super::object_header::{ObjectHeader, kind};
use super::source::Source;

const WHAT: &str = "fill value message";

/// The fill value as stored, or `None` where it is the default, zero.
pub(super) fn read(
    source: &Source,
    header: &ObjectHeader,
    element_nbytes: usize,
) -> Outcome<Option<Vec<u8>>> {
    let value = if let Some(body) = header.body(source, kind::FILL_VALUE)? {
        parse(source, &body)?
    } else if let Some(body) = header.body(source, kind::OLD_FILL_VALUE)? {
        let mut cursor = source.cursor(WHAT, &body);
        let nbytes = cursor.u32()? as usize;
        cursor.take(nbytes)?.to_vec()
    } else {
        Vec::new()
    };
    match value.len() {
        0 => Ok(None),
        nbytes if nbytes == element_nbytes => Ok(Some(value)),
        nbytes => Err(corrupt(WHAT, format!("{nbytes} bytes for elements of {element_nbytes} bytes"))),
    }
}

fn parse(source: &Source, body: &[u8]) -> Outcome<Vec<u8>> {
    let mut cursor = source.cursor(WHAT, body);
    let version = cursor.u8()?;
    let is_stored = match version {
        1 | 2 => {
            cursor.skip(2)?;
            cursor.u8()? != 0 || version == 1
        }
        3 => cursor.u8()? & 0x20 != 0,
        _ => return Err(corrupt(WHAT, format!("version is {version}, not 1, 2 or 3"))),
    };
    if !is_stored {
        return Ok(Vec::new());
    }
    let nbytes = cursor.u32()? as usize;
    cursor.take(nbytes).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::memory;
    use super::*;

    #[test]
    fn all_versions_are_read() {
        let source = memory(Vec::new());
        let read = |body: &[u8]| parse(&source, body);
        assert_eq!(read(&[1, 2, 2, 0, 2, 0, 0, 0, 7, 8]).unwrap(), [7, 8]);
        assert_eq!(read(&[2, 2, 2, 1, 2, 0, 0, 0, 7, 8]).unwrap(), [7, 8]);
        assert!(read(&[2, 2, 2, 0]).unwrap().is_empty());
        assert_eq!(read(&[3, 0x2a, 2, 0, 0, 0, 7, 8]).unwrap(), [7, 8]);
        assert!(read(&[3, 0x0a]).unwrap().is_empty());
        assert!(read(&[3, 0x2a, 9, 0, 0, 0, 7, 8]).is_err());
        assert!(read(&[4, 0]).is_err());
    }
}
