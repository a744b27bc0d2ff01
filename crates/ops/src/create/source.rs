//! Arrays over a source of one's own.

use crate::prelude::*;

/// The array over a source, or a generator, of one's own.
///
/// A source is an [`Operation`] without inputs: its `infer` says shape, dtype and chunks, its `kind` is
/// [`Kind::Source`] (regions are read, see [`Source`]) or [`Kind::Generator`] (values follow from their positions, see
/// [`Generator`]). It is plain data that serialises as its description (a path, a URI), because it is opened again
/// where it is read. What it cannot serialise, it leaves out (`#[serde(skip)]`), and tells two of them apart by
/// [`Operation::identity`].
///
/// Equal to [`Array::apply`] with no inputs.
///
/// # Errors
/// Whatever the operation's `infer` finds wrong.
///
/// ```
/// use brickwork_core::{DType, ViewMut};
/// use brickwork_ops::{create::from_source, prelude::*};
/// use serde::{Deserialize, Serialize};
///
/// /// The squares of the first `len` numbers.
/// #[derive(Debug, Serialize, Deserialize)]
/// struct Squares { len: usize }
///
/// #[typetag::serde(name = "my_crate::Squares")]
/// impl Operation for Squares {
///     fn name(&self) -> String { "squares".into() }
///     fn infer(&self, _: &[Meta]) -> Result<Vec<Meta>> { Ok(vec![Meta::whole(&[self.len], DType::I64)]) }
///     fn kind(&self) -> Kind<'_> { Kind::Generator(self) }
/// }
///
/// impl Generator for Squares {
///     fn fill(&self, _: &Meta, region: &Region, mut out: ViewMut<'_>) -> Result<()> {
///         for (i, value) in out.as_slice_mut::<i64>().into_iter().flatten().enumerate() {
///             *value = (region.axes()[0].get(i) as i64).pow(2);
///         }
///         Ok(())
///     }
/// }
///
/// assert_eq!(from_source(Squares { len: 10 })?.shape(), [10]);
/// # Ok::<(), brickwork_core::Error>(())
/// ```
pub fn from_source(source: impl Operation) -> Result<Array> {
    if !matches!(source.kind(), Kind::Source(_) | Kind::Generator(_)) {
        let reason = format!("{} reads inputs; a source or a generator reads none", source.name());
        return Err(Error::argument("from_source", reason));
    }
    Array::apply(source, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct NotASource;

    #[typetag::serde(name = "brickwork_ops::tests::NotASource")]
    impl Operation for NotASource {
        fn name(&self) -> String {
            "not a source".into()
        }

        fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
            Ok(vec![inputs[0].clone()])
        }

        fn kind(&self) -> Kind<'_> {
            Kind::View(self)
        }
    }

    impl View for NotASource {
        fn maps(&self, input: &Meta, _out: &Meta) -> Vec<AxisMap> {
            (0..input.ndim()).map(AxisMap::along).collect()
        }
    }

    #[test]
    fn operations_with_inputs_are_no_sources() {
        let message = from_source(NotASource).unwrap_err().to_string();
        assert!(message.contains("a source or a generator reads none"), "{message}");
    }
}
