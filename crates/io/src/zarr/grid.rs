//! How arrays are cut into stored chunks: equal ones, or chunks of lengths of their own (`rectilinear`).

use brickwork_core::{AxisChunks, ChunkGrid};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::metadata::{WHAT, lengths, name_of};
use crate::error::Problem;

/// Chunks of lengths of their own along one axis; more are not read: a few bytes can ask for any number of them.
const MOST_UNEVEN: usize = 1 << 22;

/// Where the chunks of an array lie in it, and how long they are as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredGrid {
    /// The parts of the array that chunks hold.
    pub chunks: ChunkGrid,
    /// Elements of the last chunk along every axis as it is stored, which may reach beyond the end of the array.
    ends: Vec<usize>,
}

impl StoredGrid {
    /// Equal chunks; the last ones are stored whole.
    pub fn regular(shape: &[usize], chunk: &[usize]) -> Self {
        StoredGrid { chunks: ChunkGrid::regular(shape, chunk), ends: chunk.to_vec() }
    }

    /// Chunks that end where the array does.
    pub fn uneven(chunks: ChunkGrid) -> Self {
        let last = |axis: &AxisChunks| match axis {
            AxisChunks::Regular { chunk, .. } => *chunk,
            AxisChunks::Rectilinear { .. } => axis.chunk_range(axis.num_chunks() - 1).1.max(1),
        };
        StoredGrid { ends: chunks.axes().iter().map(last).collect(), chunks }
    }

    /// Elements of a chunk as it is stored, along every axis.
    pub fn stored_shape(&self, at: &[usize]) -> Vec<usize> {
        let axes = self.chunks.axes().iter().zip(at).zip(&self.ends);
        axes.map(|((axis, &k), &end)| if k + 1 < axis.num_chunks() { axis.chunk_range(k).1 } else { end })
            .collect()
    }

    /// Elements of the longest chunk along every axis, as stored.
    pub fn longest(&self) -> Vec<usize> {
        self.chunks.max_chunk().iter().zip(&self.ends).map(|(&chunk, &end)| chunk.max(end)).collect()
    }

    /// Whether chunks of a shape lie side by side in every chunk of this grid, none of them over its edge.
    pub fn is_divided_by(&self, chunk: &[usize]) -> bool {
        let is_divided = |((axis, end), chunk): ((&AxisChunks, &usize), &usize)| {
            let are_multiples = match axis {
                AxisChunks::Regular { chunk: len, .. } => len.is_multiple_of(*chunk),
                AxisChunks::Rectilinear { .. } => {
                    (0..axis.num_chunks() - 1).all(|k| axis.chunk_range(k).1.is_multiple_of(*chunk))
                }
            };
            *chunk > 0 && end.is_multiple_of(*chunk) && are_multiples
        };
        chunk.len() == self.ends.len() && self.chunks.axes().iter().zip(&self.ends).zip(chunk).all(is_divided)
    }

    /// Whether all chunks are equally long as stored.
    pub fn is_regular(&self) -> bool {
        self.chunks.axes().iter().all(|axis| matches!(axis, AxisChunks::Regular { .. }))
            && self.longest() == self.ends
    }

    /// Whether a machine can count its chunks, and positions up to the end of the last one.
    pub fn is_countable(&self) -> bool {
        let axes = || self.chunks.axes().iter().zip(&self.ends);
        let ends_fit =
            axes().all(|(axis, &end)| axis.chunk_range(axis.num_chunks() - 1).0.checked_add(end).is_some());
        let count = axes().try_fold(1_usize, |count, (axis, _)| count.checked_mul(axis.num_chunks()));
        ends_fit && count.is_some_and(|count| isize::try_from(count).is_ok())
    }

    /// The grid that metadata of version 3 describe.
    pub fn parse(grid: &Value, shape: &[usize]) -> Result<Self, Problem> {
        let configuration = &grid["configuration"];
        match name_of(grid) {
            Some("regular") => {
                StoredGrid::checked(shape, &lengths(&configuration["chunk_shape"], "chunk shape")?)
            }
            // "rectangular" is what zarrs wrote before there was a name for it.
            Some(name @ ("rectilinear" | "rectangular")) => {
                if let Some(kind) = configuration["kind"].as_str().filter(|kind| *kind != "inline") {
                    let what = format!("a rectilinear chunk grid of kind {kind:?}");
                    return Err(Problem::unreadable(what, "kind \"inline\" can"));
                }
                let key = if name == "rectilinear" { "chunk_shapes" } else { "chunk_shape" };
                StoredGrid::of_edges(&configuration[key], shape)
            }
            Some(other) => {
                let help = "regular and rectilinear chunk grids can; rechunk the array with another program";
                Err(Problem::unreadable(format!("chunk grid {other:?}"), help))
            }
            None => Err(Problem::corrupt(WHAT, "there is no chunk grid")),
        }
    }

    /// Equal chunks, if they fit the array.
    pub fn checked(shape: &[usize], chunk: &[usize]) -> Result<Self, Problem> {
        if shape.len() != chunk.len() || chunk.contains(&0) {
            let reason = format!("chunks of shape {chunk:?} in an array of shape {shape:?}");
            return Err(Problem::corrupt(WHAT, reason));
        }
        Ok(StoredGrid::regular(shape, chunk))
    }

    fn of_edges(edges: &Value, shape: &[usize]) -> Result<Self, Problem> {
        let edges = edges.as_array().map(Vec::as_slice).unwrap_or_default();
        if edges.len() != shape.len() {
            let reason = format!("chunks along {} axes in an array of shape {shape:?}", edges.len());
            return Err(Problem::corrupt(WHAT, reason));
        }
        let axes: Vec<(AxisChunks, usize)> = edges
            .iter()
            .zip(shape)
            .enumerate()
            .map(|(axis, (edges, &len))| {
                axis_of(edges, len).map_err(|reason| format!("{reason} on axis {axis}"))
            })
            .collect::<Result<_, String>>()
            .map_err(|reason| Problem::corrupt(WHAT, reason))?;
        let (axes, ends): (Vec<_>, Vec<_>) = axes.into_iter().unzip();
        Ok(StoredGrid { chunks: ChunkGrid::new(axes), ends })
    }

    /// As metadata have it: equal chunks where they are, so that every reader knows them.
    pub fn to_json(&self) -> Value {
        if self.is_regular() {
            return json!({"name": "regular", "configuration": {"chunk_shape": self.ends}});
        }
        let axes = self.chunks.axes().iter().zip(&self.ends);
        let edges: Vec<Value> = axes
            .map(|(chunks, end)| match chunks {
                AxisChunks::Regular { .. } => json!(end),
                AxisChunks::Rectilinear { .. } => {
                    let mut runs: Vec<[usize; 2]> = Vec::new();
                    for k in 0..chunks.num_chunks() {
                        let len = if k + 1 < chunks.num_chunks() { chunks.chunk_range(k).1 } else { *end };
                        match runs.last_mut() {
                            Some(run) if run[0] == len => run[1] += 1,
                            _ => runs.push([len, 1]),
                        }
                    }
                    runs.iter()
                        .map(|&[len, count]| if count == 1 { json!(len) } else { json!([len, count]) })
                        .collect()
                }
            })
            .collect();
        json!({"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": edges}})
    }
}

/// The chunks along an axis of `len` elements, and the length of the last one as stored: one length for all, or a list of
/// lengths and of pairs of a length and how often it comes. Chunks that lie beyond the end are left out.
fn axis_of(edges: &Value, len: usize) -> Result<(AxisChunks, usize), String> {
    let whole = |value: &Value| value.as_u64().and_then(|len| usize::try_from(len).ok());
    let zero = || "there is a chunk of length 0".to_owned();
    if let Some(chunk) = whole(edges) {
        return if chunk == 0 { Err(zero()) } else { Ok((AxisChunks::regular(len, chunk), chunk)) };
    }
    let wrong = || {
        "the lengths of the chunks are no list of lengths, and of pairs of a length and a count,".to_owned()
    };
    let mut lens: Vec<usize> = Vec::new();
    let (mut covered, mut end) = (0_usize, 1);
    for item in edges.as_array().ok_or_else(wrong)? {
        let (chunk, count) = match item.as_array().map(Vec::as_slice) {
            None => (whole(item).ok_or_else(wrong)?, 1),
            Some([chunk, count]) => (whole(chunk).ok_or_else(wrong)?, whole(count).ok_or_else(wrong)?),
            Some(_) => return Err(wrong()),
        };
        if chunk == 0 {
            return Err(zero());
        }
        // An axis of equal chunks takes no memory, however many there are.
        if lens.is_empty() && count.checked_mul(chunk).is_none_or(|all| all >= len) {
            return Ok((AxisChunks::regular(len, chunk), chunk));
        }
        let count = count.min((len - covered).div_ceil(chunk));
        if lens.len() + count > MOST_UNEVEN {
            return Err(format!("there are more than {MOST_UNEVEN} chunks of lengths of their own"));
        }
        for _ in 0..count {
            lens.push(chunk.min(len - covered));
            covered += lens[lens.len() - 1];
            end = chunk;
        }
    }
    if covered < len {
        return Err(format!("the chunks hold {covered} of {len} elements"));
    }
    Ok((if len == 0 { AxisChunks::regular(0, 1) } else { AxisChunks::from_lengths(&lens) }, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rectilinear(edges: Value, shape: &[usize]) -> Result<StoredGrid, Problem> {
        let configuration = json!({"kind": "inline", "chunk_shapes": edges});
        StoredGrid::parse(&json!({"name": "rectilinear", "configuration": configuration}), shape)
    }

    #[test]
    fn chunks_have_lengths_of_their_own() {
        let grid =
            rectilinear(json!([4, [1, 2, 3], [[4, 2]], [[1, 3], 3], [4, 4, 4]]), &[6, 6, 6, 6, 6]).unwrap();
        let lens: Vec<Vec<usize>> = grid.chunks.axes().iter().map(AxisChunks::chunk_lengths).collect();
        assert_eq!(lens, [vec![4, 2], vec![1, 2, 3], vec![4, 2], vec![1, 1, 1, 3], vec![4, 2]]);
        // The last ones are stored as long as they say, and nothing of the array is in the third chunk of the last axis.
        assert_eq!(grid.stored_shape(&[1, 2, 1, 3, 1]), [4, 3, 4, 3, 4]);
        assert_eq!(grid.stored_shape(&[0, 1, 0, 0, 0]), [4, 2, 4, 1, 4]);
        assert_eq!(grid.longest(), [4, 3, 4, 3, 4]);
        assert!(!grid.is_regular() && grid.is_countable());
        assert_eq!(StoredGrid::parse(&grid.to_json(), &[6, 6, 6, 6, 6]).unwrap(), grid);
        let short = rectilinear(json!([[3, 10]]), &[8]).unwrap();
        assert_eq!(
            (short.chunks.axes()[0].chunk_lengths(), short.stored_shape(&[1])),
            (vec![3, 5], vec![10])
        );
        assert_eq!(StoredGrid::parse(&short.to_json(), &[8]).unwrap(), short);
    }

    #[test]
    fn equal_chunks_are_written_as_every_reader_knows_them() {
        let regular = StoredGrid::regular(&[10, 7], &[4, 9]);
        assert_eq!(regular.to_json()["configuration"]["chunk_shape"], json!([4, 9]));
        assert_eq!(rectilinear(json!([[[4, 3]], 9]), &[10, 7]).unwrap(), regular);
        let given = StoredGrid::uneven(ChunkGrid::new(vec![
            AxisChunks::from_lengths(&[3, 5, 5]),
            AxisChunks::regular(7, 2),
        ]));
        let edges = json!([[3, [5, 2]], 2]);
        assert_eq!(given.to_json()["configuration"]["chunk_shapes"], edges);
        assert_eq!(rectilinear(edges, &[13, 7]).unwrap(), given);
    }

    #[test]
    fn lengths_that_make_no_sense_are_errors() {
        for (edges, shape, named) in [
            (json!([[3, 3]]), vec![7], "the chunks hold 6 of 7 elements on axis 0"),
            (json!([4, [3, 0, 4]]), vec![7, 7], "a chunk of length 0 on axis 1"),
            (json!([0]), vec![7], "a chunk of length 0 on axis 0"),
            (json!([[3, [4]]]), vec![7], "no list of lengths"),
            (json!([[3, -4]]), vec![7], "no list of lengths"),
            (json!(["3"]), vec![7], "no list of lengths"),
            (json!([3]), vec![7, 7], "chunks along 1 axes"),
            (json!([[2, [1, u64::MAX]]]), vec![usize::MAX], "more than 4194304 chunks"),
        ] {
            let error = rectilinear(edges, &shape).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let equal = rectilinear(json!([[[1, u64::MAX]]]), &[1 << 50]).unwrap();
        assert_eq!(equal.chunks.num_chunks(), 1 << 50);
        let kind = json!({"name": "rectilinear", "configuration": {"kind": "file"}});
        assert!(StoredGrid::parse(&kind, &[3]).unwrap_err().to_string().contains("kind \"file\""));
    }
}
