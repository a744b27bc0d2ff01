//! What every sink refuses.

use brickwork_core::{AxisChunks, AxisRange, Block, ChunkGrid, DType, Meta, Region};

use crate::error::Problem;
use crate::options::SinkOptions;

/// A sink that is used in the wrong order.
pub(crate) fn not_created() -> Problem {
    Problem::Misuse { reason: "is written before it was created, or after it was committed".into() }
}

/// Fails unless a block fits a region of the array.
pub(crate) fn check_write(meta: &Meta, region: &Region, block: &Block) -> Result<(), Problem> {
    let inside = region.ndim() == meta.ndim()
        && region.axes().iter().zip(&meta.shape).all(|(axis, &len)| axis.step == 1 && axis.bounds().1 <= len);
    if inside && region.shape() == block.shape() && block.dtype() == meta.dtype {
        return Ok(());
    }
    let reason = format!(
        "a block of {} {:?} does not fit region {region} of the array of {} {:?}",
        block.dtype(),
        block.shape(),
        meta.dtype,
        meta.shape
    );
    Err(Problem::Misuse { reason })
}

/// What a format lacks, by name, and whether it was asked for.
#[cfg(any(feature = "npy", feature = "hdf5-write"))]
pub(crate) fn refuse_options(format: &str, asked: &[(&str, bool)], help: &str) -> Result<(), Problem> {
    match asked.iter().find(|(_, is_asked)| *is_asked) {
        Some((what, _)) => Err(Problem::Misuse { reason: format!("{format} has no {what}; {help}") }),
        None => Ok(()),
    }
}

/// Fails if a region of an existing array is written with options that only a new array takes.
pub(crate) fn refuse_layout_options(options: &SinkOptions) -> Result<(), Problem> {
    let asked = [
        ("chunks", options.chunks.is_some()),
        ("shards", options.shards.is_some()),
        ("a codec", options.codec.is_some()),
        ("attributes", options.attributes.is_some()),
        ("dimension names", options.dimension_names.is_some()),
        ("a fill value", options.fill_value.is_some()),
        ("overwriting", options.overwrite),
    ];
    if options.resume {
        let reason = "writing into a region is not resumed; run it again without --resume: what it has written so far is \
                      written again";
        return Err(Problem::Misuse { reason: reason.into() });
    }
    match asked.iter().find(|(_, is_asked)| *is_asked) {
        Some((what, _)) => {
            let reason = format!(
                "{what} cannot be chosen for a region: the array keeps its own; leave the option out"
            );
            Err(Problem::Misuse { reason })
        }
        None => Ok(()),
    }
}

/// Fails unless an array fits a region of an existing one, element by element and without a cast.
pub(crate) fn check_region(
    shape: &[usize],
    dtype: DType,
    region: &Region,
    meta: &Meta,
) -> Result<(), Problem> {
    let misuse = |reason: String| Err(Problem::Misuse { reason });
    if region.ndim() != shape.len() {
        return misuse(format!(
            "region {region} has {} axes, and the array has {} (shape {shape:?})",
            region.ndim(),
            shape.len()
        ));
    }
    let inside = region
        .axes()
        .iter()
        .zip(shape)
        .all(|(axis, &len)| axis.len == 0 || (axis.step > 0 && axis.bounds().1 <= len));
    if !inside {
        return misuse(format!("region {region} reaches beyond the array of shape {shape:?}"));
    }
    if region.shape() != meta.shape {
        return misuse(format!(
            "region {region} has shape {:?}, and what is to be written has {:?}; make them equal",
            region.shape(),
            meta.shape
        ));
    }
    if meta.dtype != dtype {
        return misuse(format!(
            "the array has dtype {dtype}, and what is to be written {}; use .astype({dtype})",
            meta.dtype
        ));
    }
    Ok(())
}

/// The cells that have whole chunks to themselves, in positions of a region: every chunk of the array's grid lies in
/// one of them, as far as the region reaches into it.
pub(crate) fn region_grid(grid: &ChunkGrid, region: &Region) -> ChunkGrid {
    let axes = region.axes().iter().zip(grid.axes()).map(|(range, chunks)| region_cells(chunks, range));
    ChunkGrid::new(axes.collect())
}

fn region_cells(chunks: &AxisChunks, range: &AxisRange) -> AxisChunks {
    if range.len == 0 {
        return AxisChunks::regular(0, 1);
    }
    let step = range.step.unsigned_abs();
    if let AxisChunks::Regular { chunk, .. } = chunks {
        if *chunk <= step {
            return AxisChunks::regular(range.len, 1);
        }
        // Every chunk holds equally many, the first one too.
        if chunk.is_multiple_of(step) && range.start % chunk < step {
            return AxisChunks::regular(range.len, chunk / step);
        }
    }
    let mut lengths = Vec::new();
    let mut done = 0;
    while done < range.len {
        let (start, len) = chunks.chunk_range(chunks.chunk_of(range.get(done)));
        let (first, count) = range.positions_between(start, start + len);
        lengths.push(count);
        done = first + count;
    }
    AxisChunks::from_lengths(&lengths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_region_hold_whole_chunks() {
        for (len, chunk) in [(20, 6), (20, 1), (20, 20), (7, 3), (24, 6)] {
            let chunks = AxisChunks::regular(len, chunk);
            for start in 0..len {
                for step in 1..9 {
                    for count in 1..=(len - 1 - start) / step + 1 {
                        let range = AxisRange::stepped(start, count, step as isize);
                        let cells = region_cells(&chunks, &range);
                        assert_eq!(cells.len(), count);
                        let owners: Vec<Vec<usize>> = (0..cells.num_chunks())
                            .map(|k| {
                                let (first, len) = cells.chunk_range(k);
                                let mut of: Vec<usize> =
                                    (first..first + len).map(|i| chunks.chunk_of(range.get(i))).collect();
                                of.dedup();
                                of
                            })
                            .collect();
                        for pair in owners.windows(2) {
                            assert!(pair[0].last() < pair[1].first(), "{range:?} of {chunks}: {owners:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_a_region_is_told() {
        let region = Region::new(vec![AxisRange::new(2, 3)]);
        let text = |shape: &[usize], meta: Meta| {
            check_region(shape, DType::I32, &region, &meta).unwrap_err().to_string()
        };
        let three = Meta::whole(&[3], DType::I32);
        assert!(text(&[4], three.clone()).contains("[2:5] reaches beyond the array of shape [4]"));
        assert!(text(&[4, 4], three.clone()).contains("has 1 axes, and the array has 2"));
        assert!(
            text(&[9], Meta::whole(&[4], DType::I32))
                .contains("has shape [3], and what is to be written has [4]")
        );
        assert!(text(&[9], Meta::whole(&[3], DType::F64)).contains("use .astype(int32)"));
        assert!(check_region(&[9], DType::I32, &region, &three).is_ok());
    }
}
