//! Functions of complex numbers, with the branch cuts of C99 (and so of NumPy).
//!
//! The inverse functions follow Kahan, "Branch cuts for complex elementary functions" (1987). All work in `f64`;
//! `complex64` is rounded afterwards. The larger part of a result is right to some units in the last place, the smaller
//! one to as much of the larger.

use std::convert::identity;

use crate::prelude::Complex;
use crate::vector_math::{self, MOST_RADIANS};

type C = Complex<f64>;

/// A function, as a formula for numbers that are not special and as what is right for all.
pub(super) trait ComplexFunction {
    /// Whether the formula does not hold for a number, or for its real functions.
    fn is_beyond(z: C) -> bool;

    /// Without branches, if the real functions have none.
    fn formula<R: RealFunctions>(z: C) -> C;

    /// For any number.
    fn of(z: C) -> C {
        Self::formula::<Library>(z)
    }
}

/// Complex numbers that are computed with as `complex128`.
pub(super) trait Rounded: bytemuck::Pod {
    fn widened(self) -> C;
    fn rounded(z: C) -> Self;
}

impl Rounded for C {
    #[inline(always)]
    fn widened(self) -> C {
        self
    }

    #[inline(always)]
    fn rounded(z: C) -> Self {
        z
    }
}

impl Rounded for Complex<f32> {
    #[inline(always)]
    fn widened(self) -> C {
        C::new(f64::from(self.re), f64::from(self.im))
    }

    #[inline(always)]
    fn rounded(z: C) -> Self {
        Complex::new(z.re as f32, z.im as f32)
    }
}

/// What formulas are made of: real functions that vectorise, or those of the standard library.
macro_rules! real_functions {
    ($($name:ident($($x:ident),+) = $vector:ident, $library:ident;)*) => {
        pub(super) trait RealFunctions {
            $(fn $name($($x: f64),+) -> f64;)*

            /// The natural logarithm of a length, from it and its square less one.
            fn log_of_length(length: f64, square_less_one: f64) -> f64;
        }

        /// Right for angles of up to [`MOST_RADIANS`], and for any number where it is no angle.
        pub(super) struct Vectors;

        impl RealFunctions for Vectors {
            $(#[inline(always)]
            fn $name($($x: f64),+) -> f64 {
                vector_math::$vector($($x),+)
            })*

            #[inline(always)]
            fn log_of_length(length: f64, square_less_one: f64) -> f64 {
                vector_math::log_of_length(length, square_less_one)
            }
        }

        /// Right for any number.
        pub(super) struct Library;

        impl RealFunctions for Library {
            $(fn $name($($x: f64),+) -> f64 {
                f64::$library($($x),+)
            })*

            fn log_of_length(length: f64, square_less_one: f64) -> f64 {
                match square_less_one.abs() < 0.5 {
                    true => 0.5 * square_less_one.ln_1p(),
                    false => length.ln(),
                }
            }
        }
    };
}

real_functions! {
    exp(x) = exp, exp;
    expm1(x) = expm1, exp_m1;
    log1p(x) = log1p, ln_1p;
    sin(x) = sin, sin;
    cos(x) = cos, cos;
    tan(x) = tan, tan;
    sinh(x) = sinh, sinh;
    cosh(x) = cosh, cosh;
    arcsinh(x) = arcsinh, asinh;
    arctan2(y, x) = arctan2, atan2;
    hypot(x, y) = hypot, hypot;
}

/// Up to this magnitude exponentials are finite, and multiples of zero are zero.
const MOST_EXPONENT: f64 = 700.0;

/// Whether the exponential of the real part is infinite, or the imaginary part no angle that vectors know.
#[inline(always)]
fn is_beyond_exp(z: C) -> bool {
    !((z.re.abs() <= MOST_EXPONENT) & (z.im.abs() <= MOST_RADIANS))
}

/// `i z`.
#[inline(always)]
fn turned(z: C) -> C {
    C::new(-z.im, z.re)
}

/// `-i z`.
#[inline(always)]
fn turned_back(z: C) -> C {
    C::new(z.im, -z.re)
}

#[inline(always)]
fn scaled(z: C, factor: f64) -> C {
    C::new(z.re * factor, z.im * factor)
}

pub(super) struct Exp;

impl ComplexFunction for Exp {
    #[inline(always)]
    fn is_beyond(z: C) -> bool {
        is_beyond_exp(z)
    }

    #[inline(always)]
    fn formula<R: RealFunctions>(z: C) -> C {
        let length = R::exp(z.re);
        C::new(length * R::cos(z.im), length * R::sin(z.im))
    }

    fn of(z: C) -> C {
        if z.im == 0.0 {
            return C::new(z.re.exp(), z.im);
        }
        if z.re == f64::NEG_INFINITY && !z.im.is_finite() {
            return C::new(0.0, 0.0);
        }
        if z.re == f64::INFINITY && !z.im.is_finite() {
            return C::new(f64::INFINITY, f64::NAN);
        }
        Self::formula::<Library>(z)
    }
}

pub(super) struct Expm1;

impl ComplexFunction for Expm1 {
    #[inline(always)]
    fn is_beyond(z: C) -> bool {
        is_beyond_exp(z)
    }

    #[inline(always)]
    fn formula<R: RealFunctions>(z: C) -> C {
        let half = R::sin(z.im * 0.5);
        C::new(R::expm1(z.re) * R::cos(z.im) - 2.0 * half * half, R::exp(z.re) * R::sin(z.im))
    }
}

pub(super) struct Log;

/// Below this, lengths are subnormal.
const LEAST_LENGTH: f64 = 1e-300;

impl ComplexFunction for Log {
    #[inline(always)]
    fn is_beyond(z: C) -> bool {
        (z.re.abs() < LEAST_LENGTH) & (z.im.abs() < LEAST_LENGTH)
    }

    #[inline(always)]
    fn formula<R: RealFunctions>(z: C) -> C {
        let (x, y) = (z.re.abs(), z.im.abs());
        let (large, small) = if x > y { (x, y) } else { (y, x) };
        let square_less_one = (large - 1.0) * (large + 1.0) + small * small;
        C::new(R::log_of_length(R::hypot(x, y), square_less_one), R::arctan2(z.im, z.re))
    }
}

pub(super) struct Log1p;

impl ComplexFunction for Log1p {
    #[inline(always)]
    fn is_beyond(z: C) -> bool {
        Log::is_beyond(one_plus(z))
    }

    #[inline(always)]
    fn formula<R: RealFunctions>(z: C) -> C {
        let one_more = one_plus(z);
        let length = R::hypot(one_more.re, z.im);
        let square_less_one = z.re * (2.0 + z.re) + z.im * z.im;
        C::new(R::log_of_length(length, square_less_one), R::arctan2(z.im, one_more.re))
    }
}

/// A function of a multiple of the number, or a multiple of the function.
macro_rules! scaled_functions {
    ($($name:ident, $z:ident: $inner:ident($argument:expr) * $factor:expr;)*) => {
        $(pub(super) struct $name;

        impl ComplexFunction for $name {
            #[inline(always)]
            fn is_beyond($z: C) -> bool {
                $inner::is_beyond($argument)
            }

            #[inline(always)]
            fn formula<R: RealFunctions>($z: C) -> C {
                scaled($inner::formula::<R>($argument), $factor)
            }

            fn of($z: C) -> C {
                scaled($inner::of($argument), $factor)
            }
        })*
    };
}

scaled_functions! {
    Exp2, z: Exp(scaled(z, std::f64::consts::LN_2)) * 1.0;
    Log2, z: Log(z) * std::f64::consts::LOG2_E;
    Log10, z: Log(z) * std::f64::consts::LOG10_E;
}

pub(super) struct Sqrt;

impl ComplexFunction for Sqrt {
    #[inline(always)]
    fn is_beyond(z: C) -> bool {
        let largest = if z.re.abs() > z.im.abs() { z.re.abs() } else { z.im.abs() };
        !((largest > 0.0) & (largest <= 1e307) & !z.re.is_nan())
    }

    #[inline(always)]
    fn formula<R: RealFunctions>(z: C) -> C {
        let half = ((z.re.abs() + R::hypot(z.re, z.im)) * 0.5).sqrt();
        let other = z.im / (2.0 * half);
        let is_right = z.re >= 0.0;
        C::new(if is_right { half } else { other.abs() }, if is_right { other } else { half.copysign(z.im) })
    }

    fn of(z: C) -> C {
        let (x, y) = (z.re, z.im);
        if x == 0.0 && y == 0.0 {
            return C::new(0.0, y);
        }
        if y.is_infinite() {
            return C::new(f64::INFINITY, y);
        }
        if x.is_nan() || y.is_nan() || x.is_infinite() {
            return match x {
                f64::INFINITY => C::new(x, if y.is_nan() { y } else { 0f64.copysign(y) }),
                f64::NEG_INFINITY => C::new(if y.is_nan() { y } else { 0.0 }, x.abs().copysign(y)),
                _ => C::new(f64::NAN, f64::NAN),
            };
        }
        // A quarter of large numbers, so that the length does not overflow.
        match x.abs().max(y.abs()) > 1e307 {
            true => scaled(Self::formula::<Library>(scaled(z, 0.25)), 2.0),
            false => Self::formula::<Library>(z),
        }
    }
}

pub(super) struct Sinh;

impl ComplexFunction for Sinh {
    #[inline(always)]
    fn is_beyond(z: C) -> bool {
        is_beyond_exp(z)
    }

    #[inline(always)]
    fn formula<R: RealFunctions>(z: C) -> C {
        C::new(R::sinh(z.re) * R::cos(z.im), R::cosh(z.re) * R::sin(z.im))
    }

    fn of(z: C) -> C {
        if z.im == 0.0 { C::new(z.re.sinh(), z.im) } else { Self::formula::<Library>(z) }
    }
}

pub(super) struct Cosh;

impl ComplexFunction for Cosh {
    #[inline(always)]
    fn is_beyond(z: C) -> bool {
        is_beyond_exp(z)
    }

    #[inline(always)]
    fn formula<R: RealFunctions>(z: C) -> C {
        C::new(R::cosh(z.re) * R::cos(z.im), R::sinh(z.re) * R::sin(z.im))
    }

    fn of(z: C) -> C {
        if z.im != 0.0 {
            return Self::formula::<Library>(z);
        }
        let zero = if z.re == 0.0 { z.re * z.im } else { z.im.copysign(z.im * z.re.signum()) };
        C::new(z.re.cosh(), zero)
    }
}

pub(super) struct Tanh;

/// Beyond this the hyperbolic functions are alike, and further on infinite.
const MOST_TANH: f64 = 20.0;

impl ComplexFunction for Tanh {
    #[inline(always)]
    fn is_beyond(z: C) -> bool {
        !((z.re.abs() <= MOST_TANH) & (z.im.abs() <= MOST_RADIANS))
    }

    #[inline(always)]
    fn formula<R: RealFunctions>(z: C) -> C {
        let tangent = R::tan(z.im);
        let slope = 1.0 + tangent * tangent;
        let sinh = R::sinh(z.re);
        let cosh = (1.0 + sinh * sinh).sqrt();
        let scale = 1.0 + slope * sinh * sinh;
        C::new(slope * cosh * sinh / scale, tangent / scale)
    }

    fn of(z: C) -> C {
        if z.re.abs() > MOST_TANH && z.im.is_finite() {
            // The ratio of the hyperbolic functions is one.
            let rest = 4.0 * z.im.sin() * z.im.cos() * (-2.0 * z.re.abs()).exp();
            return C::new(1f64.copysign(z.re), rest);
        }
        Self::formula::<Library>(z)
    }
}

/// `1 - z` and `1 + z`, with the sign of a zero imaginary part kept.
#[inline(always)]
fn one_minus(z: C) -> C {
    C::new(1.0 - z.re, -z.im)
}

#[inline(always)]
fn one_plus(z: C) -> C {
    C::new(1.0 + z.re, z.im)
}

/// Functions of the roots of two numbers.
macro_rules! functions_of_roots {
    ($($name:ident, $R:ident, $z:ident, $a:ident = $first:expr, $b:ident = $second:expr => $value:expr;)*) => {
        $(pub(super) struct $name;

        impl $name {
            #[inline(always)]
            #[allow(unused_variables, reason = "not every function takes the number itself")]
            fn of_roots<$R: RealFunctions>($z: C, $a: C, $b: C) -> C {
                $value
            }
        }

        impl ComplexFunction for $name {
            #[inline(always)]
            fn is_beyond($z: C) -> bool {
                Sqrt::is_beyond($first) | Sqrt::is_beyond($second)
            }

            #[inline(always)]
            fn formula<$R: RealFunctions>($z: C) -> C {
                Self::of_roots::<$R>($z, Sqrt::formula::<$R>($first), Sqrt::formula::<$R>($second))
            }

            fn of($z: C) -> C {
                Self::of_roots::<Library>($z, Sqrt::of($first), Sqrt::of($second))
            }
        })*
    };
}

functions_of_roots! {
    Asin, R, z, a = one_minus(z), b = one_plus(z) =>
        C::new(R::arctan2(z.re, a.re * b.re - a.im * b.im), R::arcsinh(a.re * b.im - a.im * b.re));
    Acos, R, z, a = one_minus(z), b = one_plus(z) =>
        C::new(2.0 * R::arctan2(a.re, b.re), R::arcsinh(b.re * a.im - b.im * a.re));
    Acosh, R, z, a = C::new(z.re - 1.0, z.im), b = one_plus(z) =>
        C::new(R::arcsinh(a.re * b.re + a.im * b.im), 2.0 * R::arctan2(a.im, b.re));
}

pub(super) struct Atanh;

/// Squares of this are finite.
const MOST_SQUARED: f64 = 1e150;

impl ComplexFunction for Atanh {
    #[inline(always)]
    fn is_beyond(z: C) -> bool {
        !((z.re.abs() <= MOST_SQUARED) & (z.im.abs() <= MOST_SQUARED))
    }

    #[inline(always)]
    fn formula<R: RealFunctions>(z: C) -> C {
        let (x, y) = (z.re, z.im);
        // Of the magnitude: near -1 the logarithm would be that of a difference.
        let size = x.abs();
        let real = 0.25 * R::log1p(4.0 * size / ((1.0 - size) * (1.0 - size) + y * y));
        C::new(real.copysign(x), 0.5 * R::arctan2(2.0 * y, (1.0 - x) * (1.0 + x) - y * y))
    }

    fn of(z: C) -> C {
        let (x, y) = (z.re, z.im);
        if x.abs() > MOST_SQUARED || y.abs() > MOST_SQUARED {
            // 1 / z, the first term of the series, whose imaginary part is lost beside a quarter turn.
            let real = (C::new(1.0, 0.0) / C::new(x * 1e-150, y * 1e-150)).re * 1e-150;
            return C::new(real, std::f64::consts::FRAC_PI_2.copysign(y));
        }
        Self::formula::<Library>(z)
    }
}

/// Functions that are hyperbolic ones, or their inverses, of the number turned.
macro_rules! turned_functions {
    ($($name:ident = $back:ident($inner:ident);)*) => {
        $(pub(super) struct $name;

        impl ComplexFunction for $name {
            #[inline(always)]
            fn is_beyond(z: C) -> bool {
                $inner::is_beyond(turned(z))
            }

            #[inline(always)]
            fn formula<R: RealFunctions>(z: C) -> C {
                $back($inner::formula::<R>(turned(z)))
            }

            fn of(z: C) -> C {
                $back($inner::of(turned(z)))
            }
        })*
    };
}

turned_functions! {
    Sin = turned_back(Sinh);
    Cos = identity(Cosh);
    Tan = turned_back(Tanh);
    Asinh = turned_back(Asin);
    Atan = turned_back(Atanh);
}
