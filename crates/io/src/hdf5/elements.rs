//! Elements in the HDF5 library's types: as h5py would write them.

use brickwork_core::{AxisRange, Block, Bool8, Complex, DType, Region, Weak};
use hdf5::types::{CompoundField, CompoundType, FloatSize, IntSize, OwnedDynValue, TypeDescriptor};
use hdf5::{Dataset, H5Type, Hyperslab, Selection, SliceOrIndex};

use super::shared_file::{LIBRARY, library_failed};
use crate::error::Problem;

/// The most bytes the library is handed at once from a block that is not dense.
const WRITE_AT_ONCE: usize = 16 << 20;

/// A complex number; in the file a compound of `r` and `i`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Parts<F> {
    pub re: F,
    pub im: F,
}

// SAFETY: `repr(C)` puts the parts one after the other without padding, as the descriptor says.
unsafe impl<F: H5Type> H5Type for Parts<F> {
    fn type_descriptor() -> TypeDescriptor {
        complex(F::type_descriptor())
    }
}

fn complex(part: TypeDescriptor) -> TypeDescriptor {
    let size = part.size();
    TypeDescriptor::Compound(CompoundType {
        fields: vec![CompoundField::new("r", part.clone(), 0, 0), CompoundField::new("i", part, size, 1)],
        size: 2 * size,
    })
}

/// The type that elements of a dtype have in a file.
///
/// # Errors
/// If the dtype cannot be written.
pub(super) fn file_type(dtype: DType) -> Result<TypeDescriptor, Problem> {
    Ok(match dtype {
        DType::Bool => TypeDescriptor::Boolean,
        DType::I8 => TypeDescriptor::Integer(IntSize::U1),
        DType::I16 => TypeDescriptor::Integer(IntSize::U2),
        DType::I32 => TypeDescriptor::Integer(IntSize::U4),
        DType::I64 => TypeDescriptor::Integer(IntSize::U8),
        DType::U8 => TypeDescriptor::Unsigned(IntSize::U1),
        DType::U16 => TypeDescriptor::Unsigned(IntSize::U2),
        DType::U32 => TypeDescriptor::Unsigned(IntSize::U4),
        DType::U64 => TypeDescriptor::Unsigned(IntSize::U8),
        DType::F32 => TypeDescriptor::Float(FloatSize::U4),
        DType::F64 => TypeDescriptor::Float(FloatSize::U8),
        DType::C64 => complex(TypeDescriptor::Float(FloatSize::U4)),
        DType::C128 => complex(TypeDescriptor::Float(FloatSize::U8)),
        other => {
            let help = "bool and numbers can; view dates as int64".into();
            return Err(Problem::Unsupported {
                what: format!("dtype {other}"),
                done: "written to HDF5",
                help,
            });
        }
    })
}

/// A fill value of a dtype, as the library takes it.
///
/// # Errors
/// If the dtype cannot hold it.
pub(super) fn fill_value(value: Weak, dtype: DType) -> Result<OwnedDynValue, Problem> {
    let wrong = || {
        let reason = format!("fill value {value} is none of dtype {dtype}; choose one that it can hold");
        Problem::Misuse { reason }
    };
    let scalar = value.to_scalar(dtype).ok_or_else(wrong)?;
    macro_rules! first_of {
        ($($t:ty),*) => {
            $(if let Some(value) = scalar.get::<$t>() { return Ok(OwnedDynValue::new(value)); })*
        };
    }
    first_of!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);
    if let Some(value) = scalar.get::<Bool8>() {
        return Ok(OwnedDynValue::new(value.get()));
    }
    if let Some(value) = scalar.get::<Complex<f32>>() {
        return Ok(OwnedDynValue::new(Parts { re: value.re, im: value.im }));
    }
    if let Some(value) = scalar.get::<Complex<f64>>() {
        return Ok(OwnedDynValue::new(Parts { re: value.re, im: value.im }));
    }
    Err(wrong())
}

/// A region of rising steps, as the library names it.
pub(super) fn selection(region: &Region) -> Selection {
    let axes = region.axes().iter();
    let slices: Vec<SliceOrIndex> = axes
        .map(|axis| SliceOrIndex::SliceCount {
            start: axis.start,
            step: axis.step.unsigned_abs(),
            count: axis.len,
            block: 1,
        })
        .collect();
    Selection::from(Hyperslab::from(slices))
}

/// Writes a block to a region through the library, in slabs of whole rows: so little is copied where the block is not
/// dense or its elements are converted. `place` is the region in words of the user.
pub(super) fn write_slabs(
    dataset: &hdf5::Dataset,
    region: &Region,
    place: &Region,
    block: &Block,
) -> Result<(), Problem> {
    if region.is_empty() {
        return Ok(());
    }
    let is_converted = block.dtype() == DType::Bool || block.dtype().is_complex();
    let rows = match region.axes().first() {
        Some(first) if !block.is_dense() || is_converted => {
            (WRITE_AT_ONCE / (block.nbytes() / first.len).max(1)).clamp(1, first.len)
        }
        Some(first) => first.len,
        None => 1,
    };
    for start in (0..region.axes().first().map_or(1, |first| first.len)).step_by(rows) {
        let mut positions = Region::full(block.shape());
        if region.ndim() > 0 {
            let first = positions.axis_mut(0);
            *first = AxisRange::new(start, rows.min(first.len - start));
        }
        let slab = block.slice(&positions).to_dense(None);
        let _library = LIBRARY.lock();
        write_block(dataset, &region.compose(&positions), &slab)
            .map_err(|error| library_failed(&format!("write region {place}"), &error))?;
    }
    Ok(())
}

/// Writes a dense block to a region of rising steps of a dataset of the same dtype.
fn write_block(dataset: &Dataset, region: &Region, block: &Block) -> hdf5::Result<()> {
    macro_rules! write {
        ($view:expr) => {
            if region.ndim() == 0 {
                dataset.write($view)
            } else {
                dataset.write_slice($view, selection(region))
            }
        };
    }
    macro_rules! view {
        ($t:ty) => {
            block.view::<$t>()
        };
    }
    match block.dtype() {
        DType::Bool => write!(&view!(Bool8).map(|value| value.get())),
        DType::I8 => write!(view!(i8)),
        DType::I16 => write!(view!(i16)),
        DType::I32 => write!(view!(i32)),
        DType::I64 => write!(view!(i64)),
        DType::U8 => write!(view!(u8)),
        DType::U16 => write!(view!(u16)),
        DType::U32 => write!(view!(u32)),
        DType::U64 => write!(view!(u64)),
        DType::F32 => write!(view!(f32)),
        DType::F64 => write!(view!(f64)),
        DType::C64 => write!(&view!(Complex<f32>).map(|value| Parts { re: value.re, im: value.im })),
        DType::C128 => write!(&view!(Complex<f64>).map(|value| Parts { re: value.re, im: value.im })),
        other => Err(format!("dtype {other} cannot be written").into()),
    }
}
