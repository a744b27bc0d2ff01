//! What functions of elements have in common: the dtypes they have loops for, how a call is built, how a node is
//! checked.

use crate::array::broadcast_meta;
use crate::prelude::*;

/// The loop for operands of a common dtype: the dtype they are cast to, and that of the result; or what to do instead.
pub(super) type Loops = fn(DType) -> Result<Loop, &'static str>;

/// What a loop reads and writes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Loop {
    pub input: DType,
    pub output: DType,
}

/// A function whose operands are all of one dtype.
pub(super) trait Function: Operation {
    /// NumPy's name.
    const NAME: &'static str;
    /// Which loops it has.
    const LOOPS: Loops;
}

const NO_ARITHMETIC: &str =
    "dates, durations and strings can be read, sliced and written, but not computed with";

/// Builds a call: finds the loop, casts the operands, applies.
pub(super) fn build<F: Function>(op: F, terms: &[Term]) -> Result<Array> {
    let dtype = Term::result_dtype(F::NAME, terms)?;
    let input = find_loop(F::NAME, F::LOOPS, dtype)?.input;
    build_in(op, terms, input)
}

/// Builds a call in a loop that the caller chose.
pub(super) fn build_in<F: Function>(op: F, terms: &[Term], input: DType) -> Result<Array> {
    let arrays = terms.iter().map(|term| term.to_array(F::NAME, input)).collect::<Result<Vec<_>>>()?;
    let arrays: Vec<&Array> = arrays.iter().collect();
    Array::apply(op, &arrays)
}

pub(super) fn find_loop(name: &str, loops: Loops, dtype: DType) -> Result<Loop> {
    let found = if dtype.is_numeric() { loops(dtype) } else { Err(NO_ARITHMETIC) };
    found.map_err(|help| Error::DTypeUnsupported { op: name.into(), dtype, help: help.into() })
}

/// What a call gives; an error if the inputs have not been cast to a loop's dtype.
pub(super) fn infer(name: &str, loops: Loops, arity: usize, inputs: &[Meta]) -> Result<Vec<Meta>> {
    check_arity(name, arity, inputs)?;
    let dtype = inputs[0].dtype;
    let found = find_loop(name, loops, dtype)?;
    for input in inputs {
        if input.dtype != found.input {
            let help = format!("the node is for {}; cast the inputs first", found.input);
            return Err(Error::DTypeUnsupported { op: name.into(), dtype: input.dtype, help });
        }
    }
    Ok(vec![broadcast_meta(name, inputs, found.output)?])
}

pub(super) fn check_arity(name: &str, arity: usize, inputs: &[Meta]) -> Result<()> {
    if inputs.len() != arity {
        let reason = format!("{} inputs were given; it takes {arity}", inputs.len());
        return Err(Error::argument(name, reason));
    }
    Ok(())
}

/// The end of a dispatch that `infer` keeps from being reached.
#[cold]
pub(super) fn no_loop(dtype: DType) -> ! {
    unreachable!("infer admits no {dtype} here")
}

/// A number on its own as an array without axes.
pub(super) fn to_array(term: Term) -> Result<Array> {
    match term {
        Term::Array(array) => Ok(array),
        Term::Weak(value) => {
            let dtype = value.default_dtype();
            Term::Weak(value).to_array("array", dtype)
        }
    }
}

// The rules that say which loops a function has.

fn unchanged(dtype: DType) -> Result<Loop, &'static str> {
    Ok(Loop { input: dtype, output: dtype })
}

const NOT_BOOL: &str = "cast to an integer dtype first";
const NOT_COMPLEX: &str = "complex numbers have no order and no fraction; take real, imag or absolute first";
const INTEGERS_ONLY: &str = "only integers have bits; cast to an integer dtype first";

/// Every numeric dtype.
pub(super) fn numeric(dtype: DType) -> Result<Loop, &'static str> {
    unchanged(dtype)
}

/// Every numeric dtype; bools count as `int8`.
pub(super) fn numbers(dtype: DType) -> Result<Loop, &'static str> {
    unchanged(if dtype == DType::Bool { DType::I8 } else { dtype })
}

/// Every numeric dtype but bool, with one word of help.
pub(super) fn not_bool(dtype: DType) -> Result<Loop, &'static str> {
    if dtype == DType::Bool { Err(NOT_BOOL) } else { unchanged(dtype) }
}

/// Integers and reals; bools count as `int8`.
pub(super) fn real_numbers(dtype: DType) -> Result<Loop, &'static str> {
    if dtype.is_complex() { Err(NOT_COMPLEX) } else { numbers(dtype) }
}

/// Integers, reals and bools.
pub(super) fn reals(dtype: DType) -> Result<Loop, &'static str> {
    if dtype.is_complex() { Err(NOT_COMPLEX) } else { unchanged(dtype) }
}

/// Floats, real or complex. Integers become floats: `float32` up to 16 bits, `float64` above. (NumPy has `float16`
/// for 8 bits, which does not exist here.)
pub(super) fn floats(dtype: DType) -> Result<Loop, &'static str> {
    unchanged(to_float(dtype))
}

/// Real floats; integers become floats as in [`floats`].
pub(super) fn real_floats(dtype: DType) -> Result<Loop, &'static str> {
    if dtype.is_complex() { Err("it is not defined for complex numbers") } else { unchanged(to_float(dtype)) }
}

/// Floats, real or complex; every integer becomes `float64`.
pub(super) fn wide_floats(dtype: DType) -> Result<Loop, &'static str> {
    unchanged(if dtype.is_integer_or_bool() { DType::F64 } else { dtype })
}

/// Integers and bools.
pub(super) fn bits(dtype: DType) -> Result<Loop, &'static str> {
    if dtype.is_integer_or_bool() { unchanged(dtype) } else { Err(INTEGERS_ONLY) }
}

/// Integers; bools count as `int8`.
pub(super) fn integers_and_bools(dtype: DType) -> Result<Loop, &'static str> {
    if dtype.is_integer_or_bool() { numbers(dtype) } else { Err(INTEGERS_ONLY) }
}

/// Integers only.
pub(super) fn integers(dtype: DType) -> Result<Loop, &'static str> {
    if dtype.is_integer() { unchanged(dtype) } else { Err(INTEGERS_ONLY) }
}

/// The float dtype that integers become.
pub(crate) fn to_float(dtype: DType) -> DType {
    match dtype {
        DType::Bool | DType::I8 | DType::U8 | DType::I16 | DType::U16 => DType::F32,
        _ if dtype.is_integer() => DType::F64,
        _ => dtype,
    }
}

/// What every struct without fields is read as: one reader for all, where a derived one each would be a tenth of the
/// crate's machine code.
#[derive(Debug, Deserialize)]
pub(super) struct NoFields;

macro_rules! deserialize_without_fields {
    ($name:ident) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let _: $crate::elementwise::function::NoFields =
                    serde::Deserialize::deserialize(deserializer)?;
                Ok($name)
            }
        }
    };
}

/// A node of a function: the struct with its traits.
///
/// `Name, tag, NumPy's name, number of inputs, cost in additions, rule for the loops, kernel`
macro_rules! function {
    ($name:ident, $tag:tt, $numpy:tt, $arity:tt, $cost:expr, $loops:expr, |$inputs:ident, $out:ident| $kernel:expr) => {
        #[derive(Debug, Clone, Copy, serde::Serialize)]
        pub(super) struct $name;

        $crate::elementwise::function::deserialize_without_fields!($name);

        impl $crate::elementwise::function::Function for $name {
            const NAME: &'static str = $numpy;
            const LOOPS: $crate::elementwise::function::Loops = $loops;
        }

        #[typetag::serde(name = $tag)]
        impl Operation for $name {
            fn name(&self) -> String {
                $numpy.into()
            }

            fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
                $crate::elementwise::function::infer($numpy, $loops, $arity, inputs)
            }

            fn kind(&self) -> Kind<'_> {
                Kind::Elementwise(self)
            }

            fn cost(&self) -> f64 {
                $cost
            }
        }

        impl Elementwise for $name {
            fn apply(&self, $inputs: &[Tile<'_>], $out: &mut TileMut<'_>) {
                $kernel
            }

            fn after(
                &self,
                before: &dyn Elementwise,
                at: &[usize],
                dtypes: &[DType],
            ) -> Option<Box<dyn Elementwise>> {
                $crate::elementwise::joint::joint(self, before, at, dtypes)
            }
        }
    };
}

/// A public function of two operands and the method of the same name.
macro_rules! public_binary {
    ($(#[$doc:meta])* $function:ident, $op:ident, $dtype:literal) => {
        $(#[$doc])*
        ///
        /// - shape: the shapes of the operands, broadcast; chunks: along every axis those of the first operand that
        ///   is not broadcast there
        #[doc = concat!("- dtype: ", $dtype)]
        /// - reads: of every operand the elements that are asked for
        ///
        #[doc = concat!("Agrees with `numpy.", stringify!($function), "`.")]
        ///
        /// # Errors
        /// If the shapes do not broadcast, the operands' common dtype is not one the function is defined for, or a
        /// number does not fit it.
        pub fn $function(x: impl Into<Term>, y: impl Into<Term>) -> Result<Array> {
            $crate::elementwise::function::build($op, &[x.into(), y.into()])
        }
    };
}

/// The method on arrays that stands for a free function of two operands.
macro_rules! binary_methods {
    ($($function:ident),* $(,)?) => {
        impl Array {
            $(
                #[doc = concat!("[`", stringify!($function), "`] of this array and another operand.")]
                ///
                /// # Errors
                #[doc = concat!("Those of [`", stringify!($function), "`].")]
                pub fn $function(&self, other: impl Into<Term>) -> Result<Array> {
                    $function(self, other)
                }
            )*
        }
    };
}

/// Methods on arrays for functions of one operand.
macro_rules! unary_methods {
    ($($(#[$doc:meta])* $function:ident, $op:ident, $dtype:literal;)*) => {
        impl Array {
            $(
                $(#[$doc])*
                ///
                /// - shape and chunks: as `self`
                #[doc = concat!("- dtype: ", $dtype)]
                /// - reads: the elements that are asked for
                ///
                #[doc = concat!("Agrees with `numpy.", stringify!($function), "`.")]
                ///
                /// # Errors
                /// If the function is not defined for the dtype.
                pub fn $function(&self) -> Result<Array> {
                    $crate::elementwise::function::build($op, &[self.into()])
                }
            )*
        }
    };
}

pub(super) use {binary_methods, deserialize_without_fields, function, public_binary, unary_methods};
