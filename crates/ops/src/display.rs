//! An array as people see it: a table of what is known before anything runs.

use std::fmt;

use brickwork_core::{Lazy, format_bytes, format_count};

use crate::prelude::*;

/// The table: a row is what it tells of, then the array, then a chunk of it.
///
/// ```
/// let x = brickwork_ops::create::ones_with(&[10000, 10000], brickwork_core::DType::F64, [1000, 1000])?;
/// assert_eq!(
///     x.to_string(),
///     "       array          chunk
/// bytes  800 MB         8.00 MB
/// shape  10000 × 10000  1000 × 1000
/// count  1              100 (a plan has no task per chunk)
/// dtype  float64
/// from   constant 1.0"
/// );
/// # Ok::<(), brickwork_core::Error>(())
/// ```
impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.table();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (first, second) = (width(0), width(1));
        for (number, [head, array, chunk]) in rows.iter().enumerate() {
            let line = format!("{head:first$}  {array:second$}  {chunk}");
            write!(f, "{}{}", if number > 0 { "\n" } else { "" }, line.trim_end())?;
        }
        Ok(())
    }
}

impl Array {
    /// What [`Display`](fmt::Display) prints, cell by cell: a row is what it tells of, then the array, then a chunk.
    /// The first row is the head. Nothing is computed for it.
    pub fn table(&self) -> Vec<[String; 3]> {
        let meta = self.meta();
        let unknown: Vec<bool> =
            (0..meta.ndim()).map(|axis| meta.unknown.get(axis).is_some_and(Option::is_some)).collect();
        let chunk = meta.chunks.max_chunk();
        let bytes = |lens: &[usize]| {
            let size = lens.iter().fold(meta.dtype.itemsize(), |size, &len| size.saturating_mul(len));
            format!("{}{}", if self.is_known() { "" } else { "at most " }, format_bytes(size))
        };
        let shape = |lens: &[usize]| {
            let lens = lens.iter().zip(&unknown);
            let lens: Vec<String> =
                lens.map(|(len, &unknown)| if unknown { "?".into() } else { len.to_string() }).collect();
            if lens.is_empty() { "()".into() } else { lens.join(" × ") }
        };
        let chunks = match (self.is_known(), meta.chunks.num_chunks()) {
            (false, _) => "?".into(),
            (true, 1) => "1".into(),
            (true, many) => format!("{} (a plan has no task per chunk)", format_count(many)),
        };
        let name = self.value().node.op().name();
        let row = |head: &str, array: String, chunk: String| [head.to_owned(), array, chunk];
        vec![
            row("", "array".into(), "chunk".into()),
            row("bytes", bytes(&meta.shape), bytes(&chunk)),
            row("shape", shape(&meta.shape), shape(&chunk)),
            row("count", "1".into(), chunks),
            row("dtype", meta.dtype.to_string(), String::new()),
            row("from", name, String::new()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create::{arange, ones_with};

    #[test]
    fn an_array_prints_as_a_table() {
        let x = ones_with(&[100_000, 100_000], DType::F64, [100, 100]).unwrap();
        let text = "       array            chunk
bytes  80.0 GB          80.0 kB
shape  100000 × 100000  100 × 100
count  1                1 000 000 (a plan has no task per chunk)
dtype  float64
from   constant 1.0";
        assert_eq!(x.to_string(), text);
        let total = x.sum(()).unwrap();
        let text = "       array    chunk
bytes  8 B      8 B
shape  ()       ()
count  1        1
dtype  float64
from   sum";
        assert_eq!(total.to_string(), text);
    }

    #[test]
    fn unknown_lengths_are_question_marks() {
        let x = ones_with(&[8, 3], DType::F32, [4, 3]).unwrap();
        let mask = x.slice(crate::s![.., 0]).unwrap();
        let mask = crate::greater(&mask, 0.5).unwrap();
        let text = x.select(&mask).unwrap().to_string();
        assert!(text.contains("shape  ? × 3") && text.contains("count  1             ?"), "{text}");
        assert!(text.contains("bytes  at most 96 B"), "{text}");
    }

    #[test]
    fn printing_takes_no_time_per_chunk() {
        let x = arange(0, 1_000_000_000_000_i64, 1).unwrap().rechunk(1).unwrap();
        assert!(x.to_string().contains("1 000 000 000 000 (a plan"), "{x}");
    }
}
