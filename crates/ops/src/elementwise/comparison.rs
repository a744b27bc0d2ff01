//! Comparisons, which give bools.

use super::function::{Function, Loop, binary_methods, build_in, check_arity, find_loop};
use super::kernel::{binary_loop, fast_binary, operand, target, with_loop, with_number_bits};
use crate::array::broadcast_meta;
use crate::prelude::*;

/// Order, by NumPy's rules: comparisons with NaN are false, complex numbers compare by their real parts first.
trait Order: Element {
    fn is_less(self, other: Self) -> bool;
    fn is_less_equal(self, other: Self) -> bool;
}

macro_rules! orders {
    ($($t:ty),*) => {
        $(impl Order for $t {
            #[inline(always)]
            fn is_less(self, other: Self) -> bool { self < other }
            #[inline(always)]
            fn is_less_equal(self, other: Self) -> bool { self <= other }
        })*
    };
}
orders!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

macro_rules! orders_of_complex {
    ($($t:ty),*) => {
        $(impl Order for Complex<$t> {
            #[inline(always)]
            fn is_less(self, other: Self) -> bool {
                let whole = (self.im == self.im) & (other.im == other.im);
                ((self.re < other.re) & whole) | ((self.re == other.re) & (self.im < other.im))
            }
            #[inline(always)]
            fn is_less_equal(self, other: Self) -> bool {
                let whole = (self.im == self.im) & (other.im == other.im);
                ((self.re < other.re) & whole) | ((self.re == other.re) & (self.im <= other.im))
            }
        })*
    };
}
orders_of_complex!(f32, f64);

fn to_bool(dtype: DType) -> Result<Loop, &'static str> {
    Ok(Loop { input: dtype, output: DType::Bool })
}

/// `int64` with `uint64` compare as the numbers they are, not as the `float64` they promote to.
fn infer(name: &str, inputs: &[Meta]) -> Result<Vec<Meta>> {
    check_arity(name, 2, inputs)?;
    let (left, right) = (inputs[0].dtype, inputs[1].dtype);
    find_loop(name, to_bool, left)?;
    if left != right && !is_mixed(left, right) {
        let help = format!("the node is for {left}; cast the inputs first");
        return Err(Error::DTypeUnsupported { op: name.into(), dtype: right, help });
    }
    Ok(vec![broadcast_meta(name, inputs, DType::Bool)?])
}

fn is_mixed(left: DType, right: DType) -> bool {
    matches!((left, right), (DType::I64, DType::U64) | (DType::U64, DType::I64))
}

/// A comparison: its node, its public function. `$wide` compares two `i128`, for `int64` with `uint64`.
macro_rules! comparison {
    (
        $(#[$doc:meta])* $function:ident, $op:ident, $tag:tt,
        |$inputs:ident, $out:ident, $dtype:ident| $kernel:expr, |$a:ident, $b:ident| $wide:expr
    ) => {
        #[derive(Debug, Clone, Copy, Serialize)]
        pub(super) struct $op;

        super::function::deserialize_without_fields!($op);

        impl Function for $op {
            const NAME: &'static str = stringify!($function);
            const LOOPS: super::function::Loops = to_bool;
        }

        #[typetag::serde(name = $tag)]
        impl Operation for $op {
            fn name(&self) -> String {
                stringify!($function).into()
            }

            fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
                infer(stringify!($function), inputs)
            }

            fn kind(&self) -> Kind<'_> {
                Kind::Elementwise(self)
            }
        }

        impl Elementwise for $op {
            fn apply(&self, $inputs: &[Tile<'_>], $out: &mut TileMut<'_>) {
                match ($inputs[0].dtype(), $inputs[1].dtype()) {
                    (DType::I64, DType::U64) => binary_loop(
                        operand::<i64>(&$inputs[0]),
                        operand::<u64>(&$inputs[1]),
                        target::<Bool8>($out),
                        |a, b| { let ($a, $b) = (i128::from(a), i128::from(b)); Bool8::from($wide) },
                    ),
                    (DType::U64, DType::I64) => binary_loop(
                        operand::<u64>(&$inputs[0]),
                        operand::<i64>(&$inputs[1]),
                        target::<Bool8>($out),
                        |a, b| { let ($a, $b) = (i128::from(a), i128::from(b)); Bool8::from($wide) },
                    ),
                    ($dtype, _) => $kernel,
                }
            }
        }

        $(#[$doc])*
        ///
        /// Numbers of any dtypes compare as the numbers they are: `int64` with `uint64` exactly, and a number beside
        /// an array may be out of the reach of its dtype. Other dtypes are promoted first. Complex numbers compare
        /// by their real parts, equal ones by their imaginary parts.
        ///
        /// - shape: the shapes of the operands, broadcast; dtype: bool
        /// - reads: of every operand the elements that are asked for
        ///
        #[doc = concat!("Agrees with `numpy.", stringify!($function), "`.")]
        ///
        /// # Errors
        /// If the shapes do not broadcast.
        pub fn $function(x: impl Into<Term>, y: impl Into<Term>) -> Result<Array> {
            compare($op, x.into(), y.into())
        }
    };
}

/// Less and less-equal of a dtype.
macro_rules! ordered {
    ($inputs:expr, $out:expr, $dtype:expr, |$a:ident, $b:ident| $f:expr) => {
        match $dtype {
            DType::Bool => fast_binary!($inputs, $out, u8 => Bool8, |$a, $b| ($f).into()),
            DType::C64 => fast_binary!($inputs, $out, Complex<f32> => Bool8, |$a, $b| ($f).into()),
            DType::C128 => fast_binary!($inputs, $out, Complex<f64> => Bool8, |$a, $b| ($f).into()),
            dtype => with_loop!(dtype, [I8, I16, I32, I64, U8, U16, U32, U64, F32, F64], T =>
                fast_binary!($inputs, $out, T => Bool8, |$a, $b| ($f).into())),
        }
    };
}

comparison!(
    /// Where two operands are equal.
    equal, Equal, "brickwork_ops::Equal",
    |inputs, out, dtype| with_number_bits!(dtype, T => fast_binary!(inputs, out, T => Bool8, |a, b| (a == b).into())),
    |a, b| a == b);
comparison!(
    /// Where two operands differ. NaN differs from everything.
    not_equal, NotEqual, "brickwork_ops::NotEqual",
    |inputs, out, dtype| with_number_bits!(dtype, T => fast_binary!(inputs, out, T => Bool8, |a, b| (a != b).into())),
    |a, b| a != b);
comparison!(
    /// Where the first operand is less than the second.
    less, Less, "brickwork_ops::Less",
    |inputs, out, dtype| ordered!(inputs, out, dtype, |a, b| a.is_less(b)),
    |a, b| a < b);
comparison!(
    /// Where the first operand is less than the second, or equal.
    less_equal, LessEqual, "brickwork_ops::LessEqual",
    |inputs, out, dtype| ordered!(inputs, out, dtype, |a, b| a.is_less_equal(b)),
    |a, b| a <= b);
comparison!(
    /// Where the first operand is greater than the second.
    greater, Greater, "brickwork_ops::Greater",
    |inputs, out, _dtype| Less.apply(&[inputs[1], inputs[0]], out),
    |a, b| a > b);
comparison!(
    /// Where the first operand is greater than the second, or equal.
    greater_equal, GreaterEqual, "brickwork_ops::GreaterEqual",
    |inputs, out, _dtype| LessEqual.apply(&[inputs[1], inputs[0]], out),
    |a, b| a >= b);
binary_methods!(equal, not_equal, less, less_equal, greater, greater_equal);

fn compare<F: Function>(op: F, x: Term, y: Term) -> Result<Array> {
    match (&x, &y) {
        (Term::Array(left), Term::Array(right)) => {
            let (a, b) = (left.dtype(), right.dtype());
            let wide = |array: &Array| {
                let signed = array.dtype().kind() == DTypeKind::Signed;
                array.astype(if signed { DType::I64 } else { DType::U64 })
            };
            if a.is_integer() && b.is_integer() && a.promote(b) == Some(DType::F64) {
                return Array::apply(op, &[&wide(left)?, &wide(right)?]);
            }
        }
        // An integer that the array's dtype cannot hold is beyond all its values: an infinity is, too.
        (Term::Array(array), Term::Weak(value)) if is_out_of_reach(array, value) => {
            return build_in(op, &[x.clone(), infinity(value)], DType::F64);
        }
        (Term::Weak(value), Term::Array(array)) if is_out_of_reach(array, value) => {
            return build_in(op, &[infinity(value), y.clone()], DType::F64);
        }
        _ => {}
    }
    let terms = [x, y];
    let dtype = Term::result_dtype(F::NAME, &terms)?;
    let input = find_loop(F::NAME, F::LOOPS, dtype)?.input;
    build_in(op, &terms, input)
}

fn is_out_of_reach(array: &Array, value: &Weak) -> bool {
    array.dtype().is_integer() && matches!(value, Weak::Int(_)) && value.to_scalar(array.dtype()).is_none()
}

fn infinity(value: &Weak) -> Term {
    let is_low = matches!(value, Weak::Int(value) if *value < 0);
    Term::Weak(Weak::Float(if is_low { f64::NEG_INFINITY } else { f64::INFINITY }))
}
