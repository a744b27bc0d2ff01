//! `matmul` and `dot`.

mod gemm;
mod integers;

use self::gemm::{Matrix, multiply_add, multiply_add_above};
use crate::elementwise::multiply;
use crate::prelude::*;
use crate::reduce::Axes;

/// Products are added over runs of this many elements of the shared axis, so that the bits of a result do not depend
/// on how the work was cut.
const RUN: usize = 512;

/// The most leaves that the shared axis is divided into, and the most elements that the accumulators of all of them
/// take: where the result is large there is work for everyone without cutting that axis.
const MOST_LEAVES: usize = 64;
const LEAF_ELEMENTS: usize = 1 << 21;

/// Sides of the box that is multiplied in one call: about where the library is at its fastest.
const SIDE: usize = 1024;

/// Elements of both operands of that box.
const BOX_ELEMENTS: usize = 1 << 20;

impl Array {
    /// The matrix product.
    ///
    /// - shape: `[n, k]` with `[k, m]` gives `[n, m]`; an array of one axis counts as a row on the left and as a
    ///   column on the right, and that axis is dropped from the result
    /// - dtype: promoted; integers wrap; of bools it is "or" of "and"s
    /// - reads: rows of `self` and columns of `other`, as often as memory asks for
    ///
    /// Agrees with `numpy.matmul` for arrays of up to two axes.
    ///
    /// # Errors
    /// If an array has no axes or more than two, or the shared axes differ in length; [`Error::UnknownLength`] for
    /// boolean selections; [`Error::DTypeUnsupported`] for dates and strings.
    pub fn matmul(&self, other: &Array) -> Result<Array> {
        product("matmul", self, other)
    }

    /// The product of numbers, vectors and matrices: with a 0-d array elementwise, else as [`Array::matmul`].
    ///
    /// Agrees with `numpy.dot` for arrays of up to two axes.
    ///
    /// # Errors
    /// As for [`Array::matmul`].
    pub fn dot(&self, other: &Array) -> Result<Array> {
        if self.ndim() == 0 || other.ndim() == 0 {
            multiply(self, other)
        } else {
            product("dot", self, other)
        }
    }

    /// The products of every element of one vector with every element of another: shape `[n, m]`.
    ///
    /// Agrees with `numpy.outer` for arrays of one axis.
    ///
    /// # Errors
    /// If an array does not have one axis.
    pub fn outer(&self, other: &Array) -> Result<Array> {
        for array in [self, other] {
            if array.ndim() != 1 {
                let reason =
                    format!("takes arrays of one axis, not of shape {:?}; ravel it first", array.shape());
                return Err(Error::argument("outer", reason));
            }
        }
        multiply(self.arranged(vec![Some(0), None])?, other)
    }
}

fn product(op: &str, left: &Array, right: &Array) -> Result<Array> {
    for array in [left, right] {
        if !(1..=2).contains(&array.ndim()) {
            let help = match array.ndim() {
                0 => "multiply instead",
                _ => "reshape it, or multiply its matrices one by one",
            };
            let shape = array.shape();
            return Err(Error::argument(
                op,
                format!("takes arrays of one or two axes, not of shape {shape:?}; {help}"),
            ));
        }
        if let Some(axis) = array.meta().unknown.iter().position(Option::is_some) {
            let help = "compute the array first".into();
            return Err(Error::UnknownLength { op: op.into(), axis, help });
        }
    }
    let unsupported = |dtype, help: String| Error::DTypeUnsupported { op: op.into(), dtype, help };
    let dtype = match left.dtype().promote(right.dtype()) {
        Some(dtype) if dtype.is_numeric() => dtype,
        Some(dtype) => return Err(unsupported(dtype, "cast to numbers first".into())),
        None => {
            return Err(unsupported(left.dtype(), format!("it has no common dtype with {}", right.dtype())));
        }
    };
    let row = if left.ndim() == 1 { left.arranged(vec![None, Some(0)])? } else { left.clone() };
    let column = if right.ndim() == 1 { right.arranged(vec![Some(0), None])? } else { right.clone() };
    let (rows, inner, columns) = (row.shape()[0], row.shape()[1], column.shape()[1]);
    if column.shape()[0] != inner {
        let reason = format!(
            "shapes {:?} and {:?} share no axis: the last of the first has length {inner}, the {} of the second {}; \
             make them equal",
            left.shape(),
            right.shape(),
            if right.ndim() == 1 { "only one" } else { "first" },
            column.shape()[0]
        );
        return Err(Error::argument(op, reason));
    }
    let (row, column) = (row.astype(dtype)?, column.astype(dtype)?);
    let result = if rows == 1 || columns == 1 {
        vector_product(&row, &column)?
    } else {
        let made = MatMul { rows, inner, columns, dtype, spec: leaves(rows, inner, columns) };
        Array::apply(made, &[&row, &column])?
    };
    let kept = [(left.ndim() == 2).then_some(Some(0)), (right.ndim() == 2).then_some(Some(1))];
    result.arranged(kept.into_iter().flatten().collect())
}

/// With one row or one column there is nothing to use twice: products, and their sums.
fn vector_product(row: &Array, column: &Array) -> Result<Array> {
    let (products, axis) = if column.shape()[1] == 1 {
        (multiply(row, column.arranged(vec![Some(1), Some(0)])?)?, 1)
    } else {
        (multiply(row.arranged(vec![Some(1), Some(0)])?, column)?, 0)
    };
    let axes = Axes::from(axis).keepdims();
    match products.dtype() {
        DType::Bool => products.any(axes),
        dtype => products.sum(axes.dtype(dtype)),
    }
}

/// Leaves of a power of two of runs. Of whole leaves, because the order of adding inside a run is the library's.
fn leaves(rows: usize, inner: usize, columns: usize) -> FoldSpec {
    let most = (LEAF_ELEMENTS / rows.saturating_mul(columns).max(1)).clamp(1, MOST_LEAVES);
    let mut leaf = RUN;
    while inner.div_ceil(leaf) > most {
        leaf *= 2;
    }
    FoldSpec::with_leaf(&[rows, inner, columns], &[1], FoldForm::Columns, leaf).resumed_at(RUN)
}

/// The product of two matrices, as a fold over the shared axis of the index space (row, inner, column).
#[derive(Debug, Clone, Serialize, Deserialize)]
struct MatMul {
    rows: usize,
    inner: usize,
    columns: usize,
    dtype: DType,
    spec: FoldSpec,
}

#[typetag::serde(name = "brickwork_ops::MatMul")]
impl Operation for MatMul {
    fn name(&self) -> String {
        "matmul".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let fits = matches!(inputs, [left, right]
            if left.shape == [self.rows, self.inner] && right.shape == [self.inner, self.columns]
                && left.dtype == self.dtype && right.dtype == self.dtype)
            && self.dtype.is_numeric()
            && self.spec == leaves(self.rows, self.inner, self.columns);
        if !fits {
            let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
            let reason = format!("was built for other arrays than those of shapes {shapes:?}; build it anew");
            return Err(Error::argument("matmul", reason));
        }
        let chunks = vec![inputs[0].chunks.axes()[0].clone(), inputs[1].chunks.axes()[1].clone()];
        Ok(vec![Meta::new(&[self.rows, self.columns], self.dtype, ChunkGrid::new(chunks))])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Reduce(self)
    }

    fn cost(&self) -> f64 {
        self.inner as f64
    }
}

impl Reduce for MatMul {
    fn spec(&self) -> &FoldSpec {
        &self.spec
    }

    fn domain(&self, _inputs: &[Meta]) -> Vec<usize> {
        vec![self.rows, self.inner, self.columns]
    }

    fn input_maps(&self, _inputs: &[Meta], k: usize) -> Vec<AxisMap> {
        vec![AxisMap::along(k), AxisMap::along(k + 1)]
    }

    fn best_box(&self) -> Option<Vec<usize>> {
        let (rows, columns) = (self.rows.min(SIDE), self.columns.min(SIDE));
        let inner = (BOX_ELEMENTS / (rows + columns).max(1)).clamp(RUN, 16 * RUN);
        Some(vec![rows, inner / RUN * RUN, columns])
    }

    fn is_symmetric(&self) -> bool {
        // Products of complex numbers are added in an order that is another one when the factors are swapped.
        self.rows == self.columns && !self.dtype.is_complex()
    }

    fn accumulators(&self, _inputs: &[Meta]) -> Vec<AccSpec> {
        vec![AccSpec::one(self.dtype)]
    }

    fn start(&self, acc: &mut Acc) {
        with_element!(self.dtype, T => acc.part_mut::<T>(0).fill(bytemuck::Zeroable::zeroed()),
            else unreachable!("infer refuses other dtypes"));
    }

    fn fold(&self, acc: &mut Acc, leaf: &LeafInput<'_>) -> Result<()> {
        let [left, right] = leaf.blocks else {
            return Err(Error::Bug { what: format!("matmul got {} blocks", leaf.blocks.len()) });
        };
        match self.dtype {
            DType::F32 => fold_runs::<f32>(acc, left, right),
            DType::F64 => fold_runs::<f64>(acc, left, right),
            DType::C64 => fold_runs::<Complex<f32>>(acc, left, right),
            DType::C128 => fold_runs::<Complex<f64>>(acc, left, right),
            dtype => integers::multiply_add(dtype, acc, left, right, leaf.pool),
        }
        Ok(())
    }

    fn merge(&self, left: &mut Acc, right: &Acc) {
        match self.dtype {
            DType::F32 => add::<f32>(left, right),
            DType::F64 => add::<f64>(left, right),
            DType::C64 => add::<Complex<f32>>(left, right),
            DType::C128 => add::<Complex<f64>>(left, right),
            dtype => integers::add(dtype, left, right),
        }
    }

    fn finish(&self, acc: &Acc, _inputs: &[Meta], _output: usize, out: &mut BlockMut) -> Result<()> {
        with_element!(self.dtype, T => out.as_slice_mut::<T>().copy_from_slice(acc.part::<T>(0)),
            else unreachable!("infer refuses other dtypes"));
        Ok(())
    }
}

fn fold_runs<T: gemm::Number>(acc: &mut Acc, left: &Block, right: &Block) {
    let is_mirrored = !T::DTYPE.is_complex() && are_transposed(left, right);
    let (left, right) = (Matrix::<T>::of(left), Matrix::<T>::of(right));
    let (inner, out) = (left.columns(), acc.part_mut::<T>(0));
    for start in (0..inner).step_by(RUN) {
        let len = RUN.min(inner - start);
        let (left, right) = (left.columns_from(start, len), right.rows_from(start, len));
        match is_mirrored {
            true => multiply_add_above(out, &left, &right),
            false => multiply_add(out, &left, &right),
        }
    }
    if is_mirrored {
        mirror(out, left.rows());
    }
}

/// Whether two matrices are the same elements of memory, one transposed: a box on the diagonal of `x.T @ x`, whose
/// product is its own transpose.
fn are_transposed(left: &Block, right: &Block) -> bool {
    let turned = left.transposed();
    (turned.shape(), turned.strides(), turned.offset()) == (right.shape(), right.strides(), right.offset())
        && std::ptr::eq(left.buffer_bytes(), right.buffer_bytes())
}

/// Copies what is above the diagonal of a square matrix to below it, by blocks that stay in cache.
fn mirror<T: Copy>(matrix: &mut [T], side: usize) {
    const BLOCK: usize = 16;
    for rows in (0..side).step_by(BLOCK) {
        for columns in (rows..side).step_by(BLOCK) {
            for row in rows..(rows + BLOCK).min(side) {
                for column in columns.max(row + 1)..(columns + BLOCK).min(side) {
                    matrix[column * side + row] = matrix[row * side + column];
                }
            }
        }
    }
}

fn add<T: Element + std::ops::AddAssign>(left: &mut Acc, right: &Acc) {
    for (left, right) in left.part_mut::<T>(0).iter_mut().zip(right.part::<T>(0)) {
        *left += *right;
    }
}

#[cfg(test)]
mod tests;
