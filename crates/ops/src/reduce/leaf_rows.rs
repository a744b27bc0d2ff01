//! The rows of a leaf, with what a mask leaves out replaced.

use brickwork_core::fold::LeafView;

use crate::prelude::*;

/// Rows of input 0; where a mask (input 1) is false they hold a value that does not count.
pub(crate) struct LeafRows<'a, E: Element> {
    values: LeafView<'a, E>,
    mask: Option<LeafView<'a, Bool8>>,
    scratch: Vec<E>,
    neutral: E,
    form: FoldForm,
}

impl<'a, E: Element> LeafRows<'a, E> {
    pub(crate) fn new(leaf: &LeafInput<'a>, masked: bool, neutral: E) -> Self {
        let values = leaf.view::<E>(0);
        let mask = masked.then(|| leaf.view::<Bool8>(1));
        let scratch = if masked { vec![neutral; values.columns] } else { Vec::new() };
        LeafRows { values, mask, scratch, neutral, form: leaf.spec.form() }
    }

    #[inline(always)]
    pub(crate) fn form(&self) -> FoldForm {
        self.form
    }

    /// Number of rows.
    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        self.values.rows
    }

    /// A row, masked.
    #[inline(always)]
    pub(crate) fn row(&mut self, row: usize) -> &[E] {
        let values = self.values.row(row);
        let Some(mask) = &self.mask else { return values };
        let neutral = self.neutral;
        for ((to, value), counts) in self.scratch.iter_mut().zip(values).zip(mask.row(row)) {
            *to = if counts.get() { *value } else { neutral };
        }
        &self.scratch
    }

    /// Four rows from `row` on, if there are as many and no mask.
    #[inline(always)]
    pub(crate) fn four(&self, row: usize) -> Option<[&[E]; 4]> {
        if self.mask.is_some() || row + 4 > self.count() {
            return None;
        }
        Some([
            self.values.row(row),
            self.values.row(row + 1),
            self.values.row(row + 2),
            self.values.row(row + 3),
        ])
    }

    /// A row as it is, and which of its elements count (all of them without a mask).
    #[inline(always)]
    pub(crate) fn row_and_mask(&self, row: usize) -> (&[E], Option<&[Bool8]>) {
        (self.values.row(row), self.mask.as_ref().map(|mask| mask.row(row)))
    }
}

/// The rows of the mask itself.
pub(crate) fn mask_rows<'a>(leaf: &LeafInput<'a>) -> LeafRows<'a, Bool8> {
    LeafRows {
        values: leaf.view::<Bool8>(1),
        mask: None,
        scratch: Vec::new(),
        neutral: Bool8::from(false),
        form: leaf.spec.form(),
    }
}
