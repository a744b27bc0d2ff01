//! Results as text, by NumPy's rules: of a long array only what is shown is computed.

use brickwork_core::plan::Request;
use brickwork_core::{AxisRange, Block, BlockMut, Bool8, Complex, DType, Element, Lazy, Region};
use brickwork_ops::{Array, Index};

use crate::numpy_format::{Values, format_array, shown_indices};
use crate::report::{CommandResult, Failure};

/// More places than this are not shown: an array of very many axes would fill the screen forever.
const MOST_SHOWN: usize = 1_000_000;

/// The parts of an array that are to be shown.
#[derive(Debug)]
pub struct Shown {
    /// The parts, and where each goes in the block of all places shown.
    parts: Vec<(Array, Region)>,
    /// The shape of the whole array; unknown for selections.
    shape: Option<Vec<usize>>,
    /// The places shown along every axis.
    shown: Vec<usize>,
}

/// Whether only the ends of an array are printed.
pub fn is_summarised(array: &Array) -> bool {
    !array.is_known() || shown_indices(array.shape()).iter().map(Vec::len).ne(array.shape().iter().copied())
}

impl Shown {
    /// What is to be computed to show an array; everything if `whole`.
    ///
    /// # Errors
    /// If that would be too much to look at, or the dtype cannot be shown.
    pub fn new(array: &Array, whole: bool) -> CommandResult<Shown> {
        if !array.dtype().is_numeric() {
            let dtype = array.dtype();
            return Err(Failure::usage(format!(
                "arrays of dtype {dtype} are not printed\nhelp: store them with -o"
            )));
        }
        let shape = array.shape();
        let full = || vec![(array.clone(), Region::full(shape))];
        if !array.is_known() {
            // Which elements are shown only the number of elements tells.
            return Ok(Shown { parts: full(), shape: None, shown: shape.to_vec() });
        }
        let indices = shown_indices(shape);
        let shown: Vec<usize> = indices.iter().map(Vec::len).collect();
        if whole || array.size() == 0 || shown == shape {
            return Ok(Shown { parts: full(), shape: Some(shape.to_vec()), shown: shape.to_vec() });
        }
        let count = shown.iter().fold(1usize, |count, &len| count.saturating_mul(len));
        if count > MOST_SHOWN {
            let reason = format!("{count} numbers of an array of {} axes would be shown", shape.len());
            return Err(Failure::usage(format!("{reason}\nhelp: slice it, or store it with -o")));
        }
        // Along every axis one run of places, or one at each end; the parts are all combinations.
        let mut parts: Vec<(Vec<Index>, Vec<AxisRange>)> = vec![(Vec::new(), Vec::new())];
        for (places, &length) in indices.iter().zip(shape) {
            let edge = places.len() / 2;
            let runs = if places.len() == length {
                vec![(0, length, 0)]
            } else {
                vec![(0, edge, 0), (length - edge, length, edge)]
            };
            parts = parts
                .into_iter()
                .flat_map(|(items, ranges)| {
                    runs.iter().map(move |&(start, stop, to)| {
                        let item =
                            Index::Range { start: Some(start as isize), stop: Some(stop as isize), step: 1 };
                        let range = AxisRange::new(to, stop - start);
                        ([items.as_slice(), &[item]].concat(), [ranges.as_slice(), &[range]].concat())
                    })
                })
                .collect();
        }
        let parts = parts
            .into_iter()
            .map(|(items, ranges)| Ok((array.slice(items)?, Region::new(ranges))))
            .collect::<Result<_, brickwork_core::Error>>()?;
        Ok(Shown { parts, shape: Some(shape.to_vec()), shown })
    }

    /// What to compute, in the order in which [`Shown::text`] takes it.
    pub fn requests(&self) -> impl Iterator<Item = Request> {
        self.parts.iter().map(|(part, _)| Request::Collect(part.value().clone()))
    }

    /// How many blocks [`Shown::text`] takes.
    pub fn num_parts(&self) -> usize {
        self.parts.len()
    }

    /// The text, from the computed parts.
    ///
    /// # Errors
    /// If the parts are not those that were asked for.
    pub fn text(&self, blocks: &[Block]) -> CommandResult<String> {
        let Some(shape) = &self.shape else {
            let block = &blocks[0];
            return text(block.shape(), &edges(block));
        };
        if let [block] = blocks {
            return text(shape, block);
        }
        let mut all = BlockMut::zeroed(blocks[0].dtype(), &self.shown);
        for (block, (_, place)) in blocks.iter().zip(&self.parts) {
            all.slice_mut(place).assign(block);
        }
        text(shape, &all.freeze())
    }
}

/// The shown places of a block that holds everything.
fn edges(block: &Block) -> Block {
    let mut result = block.clone();
    for (axis, places) in shown_indices(block.shape()).iter().enumerate() {
        let length = block.shape()[axis];
        if places.len() == length || block.size() == 0 {
            continue;
        }
        let edge = places.len() / 2;
        let mut shape = result.shape().to_vec();
        shape[axis] = places.len();
        let mut joined = BlockMut::zeroed(block.dtype(), &shape);
        for (from, to) in [(0, 0), (length - edge, edge)] {
            let mut source = Region::full(result.shape());
            *source.axis_mut(axis) = AxisRange::new(from, edge);
            let mut place = Region::full(&shape);
            *place.axis_mut(axis) = AxisRange::new(to, edge);
            joined.slice_mut(&place).assign(&result.slice(&source));
        }
        result = joined.freeze();
    }
    result
}

fn text(shape: &[usize], block: &Block) -> CommandResult<String> {
    fn widened<T: Element, U: From<T>>(block: &Block) -> Vec<U> {
        block.to_vec::<T>().into_iter().map(U::from).collect()
    }
    let signed = |values: Vec<i64>| format_array(shape, Values::Int(&values));
    let unsigned = |values: Vec<u64>| format_array(shape, Values::Uint(&values));
    let text = match block.dtype() {
        DType::Bool => {
            let values: Vec<bool> = block.to_vec::<Bool8>().into_iter().map(Bool8::get).collect();
            format_array(shape, Values::Bool(&values))
        }
        DType::I8 => signed(widened::<i8, i64>(block)),
        DType::I16 => signed(widened::<i16, i64>(block)),
        DType::I32 => signed(widened::<i32, i64>(block)),
        DType::I64 => signed(block.to_vec()),
        DType::U8 => unsigned(widened::<u8, u64>(block)),
        DType::U16 => unsigned(widened::<u16, u64>(block)),
        DType::U32 => unsigned(widened::<u32, u64>(block)),
        DType::U64 => unsigned(block.to_vec()),
        DType::F32 => format_array(shape, Values::Float32(&block.to_vec())),
        DType::F64 => format_array(shape, Values::Float64(&block.to_vec())),
        DType::C64 => format_array(shape, Values::Complex64(&block.to_vec::<Complex<f32>>())),
        DType::C128 => format_array(shape, Values::Complex128(&block.to_vec::<Complex<f64>>())),
        other => return Err(Failure::usage(format!("arrays of dtype {other} are not printed"))),
    };
    text.map_err(|error| Failure::Other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iota(shape: &[usize]) -> Array {
        let size = shape.iter().product::<usize>();
        Array::from_vec((0..size as i64).collect::<Vec<_>>(), shape).unwrap()
    }

    fn evaluated(shown: &Shown) -> Vec<Block> {
        shown.parts.iter().map(|(part, _)| brickwork_core::eval::evaluate(part.value()).unwrap()).collect()
    }

    #[test]
    fn corners_give_the_same_text_as_the_whole() {
        for shape in [&[2000][..], &[40, 50], &[5, 300], &[7, 9, 20], &[3, 4]] {
            let array = iota(shape);
            let shown = Shown::new(&array, false).unwrap();
            let whole = brickwork_core::eval::evaluate(array.value()).unwrap();
            let expected = if shape.iter().product::<usize>() > 1000 {
                text(shape, &edges(&whole)).unwrap()
            } else {
                text(shape, &whole).unwrap()
            };
            assert_eq!(shown.text(&evaluated(&shown)).unwrap(), expected);
        }
        let shown = Shown::new(&iota(&[2000]), false).unwrap();
        assert_eq!(shown.text(&evaluated(&shown)).unwrap(), "[   0    1    2 ... 1997 1998 1999]");
    }

    #[test]
    fn only_what_is_shown_is_asked_for() {
        let huge = brickwork_ops::create::zeros(&[1 << 30, 1 << 20], DType::F32).unwrap();
        let shown = Shown::new(&huge, false).unwrap();
        assert_eq!(shown.num_parts(), 4);
        assert!(shown.parts.iter().all(|(part, _)| part.shape() == [3, 3]));
    }

    #[test]
    fn far_too_many_axes_are_refused() {
        let many = brickwork_ops::create::zeros(&[7; 12], DType::F32).unwrap();
        assert!(matches!(Shown::new(&many, false), Err(Failure::Usage(text)) if text.contains("12 axes")));
    }
}
