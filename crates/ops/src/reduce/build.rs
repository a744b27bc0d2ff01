//! From an array and options to the node of a reduction: the same way for all of them.
use std::sync::Arc;

use super::options::Axes;
use crate::array::{Selection, resolve_axes};
use crate::prelude::*;

/// What every reduction holds: which axes it folds, in which leaves, and whether a mask is its last input.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fold {
    pub(crate) spec: FoldSpec,
    /// Lengths of the folded axes.
    lens: Vec<usize>,
    /// Input 1 says which elements count.
    pub(crate) masked: bool,
    /// The mask is a boolean selection: positions count selected elements alone.
    pub(crate) ranked: bool,
    /// Elements of a leaf of rows, where the order of folding does not matter and longer leaves are better.
    rows: Option<usize>,
}

impl Fold {
    fn new(shape: &[usize], axes: &[usize], masked: bool, ranked: bool) -> Self {
        let lens = axes.iter().map(|&axis| shape[axis]).collect();
        Fold { spec: FoldSpec::new(shape, axes), lens, masked, ranked, rows: None }
    }

    /// The same with leaves of this many elements where rows are folded.
    pub(crate) fn with_rows_of(mut self, rows: usize) -> Self {
        self.rows = Some(rows);
        if self.spec.form() == FoldForm::Rows {
            self.spec = self.spec.with_leaves_of(rows);
        }
        self
    }

    /// The fold over other lengths.
    fn over(&self, shape: &[usize]) -> Self {
        let fold = Fold::new(shape, self.spec.axes(), self.masked, self.ranked);
        match self.rows {
            Some(rows) => fold.with_rows_of(rows),
            None => fold,
        }
    }

    /// The same for inputs whose lengths have become known.
    pub(crate) fn refitted(&self, inputs: &[Meta]) -> Self {
        self.over(&inputs[0].shape)
    }

    /// Elements that are folded into one, selected or not.
    pub(crate) fn elements(&self) -> usize {
        self.lens.iter().product()
    }

    /// The kept axes in `dtype`. Checks what a description read from elsewhere may have wrong.
    pub(crate) fn infer(&self, op: &str, inputs: &[Meta], dtype: DType) -> Result<Meta> {
        let count = 1 + usize::from(self.masked);
        if inputs.len() != count {
            return Err(Error::argument(op, format!("takes {count} inputs, not {}", inputs.len())));
        }
        let (input, axes) = (&inputs[0], self.spec.axes());
        let rising = axes.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising
            || axes.last().is_some_and(|&axis| axis >= input.ndim())
            || self.lens != axes.iter().map(|&axis| input.shape[axis]).collect::<Vec<_>>()
            || self.spec != self.over(&input.shape).spec
        {
            let reason =
                format!("was built for other axes than those of shape {:?}; build it anew", input.shape);
            return Err(Error::argument(op, reason));
        }
        if let Some(mask) = inputs.get(1) {
            check_mask(op, mask, &input.shape)?;
        }
        let kept = self.spec.kept_axes(input.ndim());
        let chunks = ChunkGrid::new(kept.iter().map(|&axis| input.chunks.axes()[axis].clone()).collect());
        Ok(Meta::new(&chunks.shape(), dtype, chunks))
    }

    /// Position of element `i` of a leaf's part in C order of the folded axes.
    pub(crate) fn position(&self, at: &Region, mut i: usize) -> usize {
        let mut position = 0;
        let mut weight = 1;
        for (&axis, &len) in self.spec.axes().iter().zip(&self.lens).rev() {
            let range = at.axes()[axis];
            position += weight * range.get(i % range.len);
            i /= range.len;
            weight *= len;
        }
        position
    }
}

fn check_mask(op: &str, mask: &Meta, shape: &[usize]) -> Result<()> {
    if mask.dtype != DType::Bool {
        let help = "the mask that says which elements count must be bool".into();
        return Err(Error::DTypeUnsupported { op: op.into(), dtype: mask.dtype, help });
    }
    let fits = mask.ndim() <= shape.len()
        && mask.shape.iter().rev().zip(shape.iter().rev()).all(|(&mask, &len)| mask == len || mask == 1);
    if !fits {
        let reason = format!(
            "a mask of shape {:?} does not broadcast to {shape:?}; every axis of the mask must be as long or 1",
            mask.shape
        );
        return Err(Error::argument(op, reason));
    }
    Ok(())
}

/// Refuses dtypes that a reduction cannot compute with.
pub(crate) fn check_numeric(op: &str, dtype: DType) -> Result<()> {
    if dtype.is_numeric() {
        return Ok(());
    }
    let help = "dates, durations and strings are stored, not computed with".into();
    Err(Error::DTypeUnsupported { op: op.into(), dtype, help })
}

/// Applies the reduction that `make` builds to an array.
///
/// An array of selected elements whose selected axis is folded is folded as it was before the selection, with the
/// selection as mask: no positions are needed, so one pass does.
pub(crate) fn reduce<O: Operation>(
    op: &str,
    array: &Array,
    options: &Axes,
    make: impl Fn(Fold) -> Result<O>,
) -> Result<Array> {
    let mut axes = match options.given() {
        None => (0..array.ndim()).collect(),
        Some(axes) => resolve_axes(op, axes, array.ndim())?,
    };
    axes.sort_unstable();
    let reduced = match array.selection() {
        Some(selection) if axes.contains(&0) => selected(op, array, selection, options, &axes, make)?,
        Some(selection) => {
            let dense = Array::new(selection.dense.clone());
            let before: Vec<usize> =
                axes.iter().map(|&axis| axis + selection.mask.meta().ndim() - 1).collect();
            let mask = selected_mask(op, array, selection, options)?;
            let late = plain(op, array, options.mask(), &axes, &make)?;
            let dense = plain(op, &dense, mask.as_ref(), &before, &make)?;
            let value = brickwork_core::Lazy::value(&late).clone();
            let dense = brickwork_core::Lazy::value(&dense).clone();
            Array::selected(value, Selection { dense, ..selection.clone() })
        }
        None => plain(op, array, options.mask(), &axes, &make)?,
    };
    if !options.keeps_dims() {
        return Ok(reduced);
    }
    let mut kept = 0..reduced.ndim();
    reduced.arranged(
        (0..array.ndim()).map(|axis| if axes.contains(&axis) { None } else { kept.next() }).collect(),
    )
}

/// A reduction of an array as it is; lengths may be unknown until it is planned late.
fn plain<O: Operation>(
    op: &str,
    array: &Array,
    mask: Option<&Array>,
    axes: &[usize],
    make: &impl Fn(Fold) -> Result<O>,
) -> Result<Array> {
    if let Some(mask) = mask {
        check_mask(op, mask.meta(), array.shape())?;
    }
    let made = make(Fold::new(array.shape(), axes, mask.is_some(), false))?;
    let inputs: Vec<&Array> = [Some(array), mask].into_iter().flatten().collect();
    if inputs.iter().all(|input| input.is_known()) {
        return Array::apply(made, &inputs);
    }
    let unknown = &array.meta().unknown;
    let metas: Vec<Meta> =
        inputs.iter().map(|input| Meta { unknown: Vec::new(), ..input.meta().clone() }).collect();
    let is_unknown = |axis: &&usize| unknown.get(**axis).is_some_and(Option::is_some);
    if let Some(&axis) = axes.iter().find(is_unknown)
        && made.refitted(&metas).is_none()
    {
        let help = "compute the array first".into();
        return Err(Error::UnknownLength { op: op.into(), axis, help });
    }
    let mut outputs = made.infer(&metas)?;
    // The lengths that nobody knows yet are those of the kept axes; a folded one is told to the operation later.
    let kept = (0..array.ndim()).filter(|axis| !axes.contains(axis));
    let lengths: Vec<_> = kept.map(|axis| unknown.get(axis).copied().flatten()).collect();
    for output in &mut outputs {
        output.unknown = lengths.clone();
        // Axes that a reduction puts behind the kept ones have lengths of their own.
        output.unknown.resize(output.shape.len(), None);
    }
    let values = inputs.iter().map(|input| brickwork_core::Lazy::value(*input).clone()).collect();
    Ok(Array::new(Value::new(Node::with_metas(Arc::new(made), values, outputs)?)))
}

/// A reduction over the selected axis: the array before the selection, with the selection as mask.
fn selected<O: Operation>(
    op: &str,
    array: &Array,
    selection: &Selection,
    options: &Axes,
    axes: &[usize],
    make: impl Fn(Fold) -> Result<O>,
) -> Result<Array> {
    let dense = Array::new(selection.dense.clone());
    let covered = selection.mask.meta().ndim();
    let mut before: Vec<usize> = (0..covered).collect();
    before.extend(axes.iter().filter(|&&axis| axis > 0).map(|&axis| axis + covered - 1));
    let mut mask = Array::new(selection.mask.clone())
        .arranged((0..dense.ndim()).map(|axis| (axis < covered).then_some(axis)).collect())?;
    if let Some(only) = selected_mask(op, array, selection, options)? {
        mask = crate::elementwise::bitwise_and(&mask, &only)?;
    }
    let made = make(Fold::new(dense.shape(), &before, true, true))?;
    Array::apply(made, &[&dense, &mask])
}

/// The caller's mask for a selected array, as it was before the selection.
fn selected_mask(op: &str, array: &Array, selection: &Selection, options: &Axes) -> Result<Option<Array>> {
    let Some(mask) = options.mask() else { return Ok(None) };
    match mask.selection() {
        Some(other) if other.id == selection.id && mask.ndim() == array.ndim() => {
            Ok(Some(Array::new(other.dense.clone())))
        }
        _ => Err(Error::argument(
            op,
            "the mask of a boolean selection must be selected in the same way; write x[m] and mask[m]",
        )),
    }
}
