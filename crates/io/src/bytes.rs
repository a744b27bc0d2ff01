//! Small things that every format needs: byte order, targets that are not dense, sizes that must not overflow.

#[cfg(any(feature = "npy", feature = "zarr"))]
use brickwork_core::TimeUnit;
#[cfg(any(feature = "zarr", feature = "hdf5-write"))]
use brickwork_core::{Block, Region};
use brickwork_core::{BlockMut, DType, ViewMut};

use crate::error::Result;

/// What has to be done to bytes as stored, to make elements of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByteFix {
    /// Nothing.
    None,
    /// Whatever is not 0 becomes 1.
    Bool,
    /// The bytes of every unit of this many are turned round.
    Swap(usize),
}

impl ByteFix {
    /// What elements of `dtype`, stored big-endian or little-endian, need on this machine.
    pub fn of(dtype: DType, big_endian: bool) -> Self {
        let unit = match dtype {
            DType::Bool => return ByteFix::Bool,
            DType::Bytes(_) => 1,
            complex if complex.is_complex() => dtype.itemsize() / 2,
            _ => dtype.itemsize(),
        };
        if unit == 1 || big_endian == cfg!(target_endian = "big") {
            ByteFix::None
        } else {
            ByteFix::Swap(unit)
        }
    }

    /// Does it to whole elements.
    pub fn apply(self, bytes: &mut [u8]) {
        fn swap<const N: usize>(bytes: &mut [u8]) {
            for unit in bytes.as_chunks_mut::<N>().0 {
                unit.reverse();
            }
        }
        match self {
            ByteFix::None => {}
            ByteFix::Bool => bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0)),
            ByteFix::Swap(2) => swap::<2>(bytes),
            ByteFix::Swap(4) => swap::<4>(bytes),
            ByteFix::Swap(_) => swap::<8>(bytes),
        }
    }
}

/// Lets `fill` write the elements in C order: in place if the target is dense, else into memory that is copied.
pub(crate) fn fill_dense(mut into: ViewMut<'_>, fill: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<()> {
    if let Some(bytes) = into.as_bytes_mut() {
        return fill(bytes);
    }
    let mut dense = BlockMut::zeroed(into.dtype(), into.shape());
    fill(dense.bytes_mut())?;
    into.assign(&dense.freeze());
    Ok(())
}

/// A whole chunk, dense; one that reaches beyond the array is filled up with zeros.
#[cfg(any(feature = "zarr", feature = "hdf5-write"))]
pub(crate) fn padded(part: &Block, chunk: &[usize]) -> Block {
    if part.shape() == chunk {
        return part.to_dense(None);
    }
    let mut whole = BlockMut::zeroed(part.dtype(), chunk);
    whole.slice_mut(&Region::full(part.shape())).assign(part);
    whole.freeze()
}

/// What a region without elements is read by: a granule that costs nothing.
#[cfg(feature = "hdf5")]
pub(crate) fn empty_granule(region: &brickwork_core::Region) -> brickwork_core::Granule {
    brickwork_core::Granule {
        key: None,
        region: region.clone(),
        encoded_bytes: 0,
        decoded_bytes: 0,
        scratch_bytes: 0,
    }
}

/// Bytes of an array, if a machine can count them.
pub(crate) fn checked_nbytes(shape: &[usize], item: usize) -> Option<usize> {
    // Axes of length 0 are left out: the product of the others is used too.
    let nbytes = shape
        .iter()
        .filter(|&&len| len > 0)
        .try_fold(item.max(1), |product, &len| product.checked_mul(len))?;
    isize::try_from(nbytes).ok()?;
    Some(if shape.contains(&0) { 0 } else { nbytes })
}

/// The unit of NumPy's name of a dtype of dates, from what follows its `[`.
#[cfg(any(feature = "npy", feature = "zarr"))]
pub(crate) fn time_unit(text: &str) -> Option<TimeUnit> {
    Some(match text.strip_suffix(']')? {
        "D" => TimeUnit::Day,
        "h" => TimeUnit::Hour,
        "m" => TimeUnit::Minute,
        "s" => TimeUnit::Second,
        "ms" => TimeUnit::Millisecond,
        "us" => TimeUnit::Microsecond,
        "ns" => TimeUnit::Nanosecond,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use brickwork_core::{AxisRange, Region};

    #[test]
    fn complex_numbers_are_swapped_by_their_parts() {
        let mut bytes = *b"abcdefgh";
        ByteFix::of(DType::C64, cfg!(target_endian = "little")).apply(&mut bytes);
        assert_eq!(&bytes, b"dcbahgfe");
        assert_eq!(ByteFix::of(DType::F64, cfg!(target_endian = "big")), ByteFix::None);
        let mut bools = [0, 1, 7];
        ByteFix::of(DType::Bool, false).apply(&mut bools);
        assert_eq!(bools, [0, 1, 1]);
    }

    #[test]
    fn targets_that_are_not_dense_are_filled() {
        let mut block = BlockMut::zeroed(DType::U8, &[2, 4]);
        let middle = Region::new(vec![AxisRange::new(0, 2), AxisRange::new(1, 2)]);
        fill_dense(block.slice_mut(&middle), |bytes| {
            bytes.copy_from_slice(&[1, 2, 3, 4]);
            Ok(())
        })
        .unwrap();
        assert_eq!(block.freeze().to_vec::<u8>(), [0, 1, 2, 0, 0, 3, 4, 0]);
    }

    #[test]
    fn sizes_that_no_machine_has_are_none() {
        assert_eq!(checked_nbytes(&[usize::MAX, 2], 8), None);
        assert_eq!(checked_nbytes(&[0, usize::MAX, 2], 8), None);
        assert_eq!(checked_nbytes(&[3, 0], 8), Some(0));
        assert_eq!(checked_nbytes(&[], 8), Some(8));
    }
}
