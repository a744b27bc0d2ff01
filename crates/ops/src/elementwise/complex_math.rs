//! Functions of complex numbers, with the branch cuts of C99 (and so of NumPy).
//!
//! The inverse functions follow Kahan, "Branch cuts for complex elementary functions" (1987). All work in `f64`;
//! `complex64` is rounded afterwards.

use crate::prelude::Complex;

type C = Complex<f64>;

pub(super) fn sqrt(z: C) -> C {
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
    let scale = if x.abs().max(y.abs()) > 1e307 { 0.25 } else { 1.0 };
    let (x, y) = (x * scale, y * scale);
    let half = ((x.abs() + x.hypot(y)) * 0.5).sqrt();
    let root = if x >= 0.0 {
        C::new(half, y / (2.0 * half))
    } else {
        C::new(y.abs() / (2.0 * half), half.copysign(y))
    };
    if scale < 1.0 { root * 2.0 } else { root }
}

pub(super) fn expm1(z: C) -> C {
    let half = (z.im * 0.5).sin();
    C::new(z.re.exp_m1() * z.im.cos() - 2.0 * half * half, z.re.exp() * z.im.sin())
}

pub(super) fn log1p(z: C) -> C {
    let x = z.re + 1.0;
    C::new(x.hypot(z.im).ln(), z.im.atan2(x))
}

pub(super) fn ln(z: C) -> C {
    C::new(z.re.hypot(z.im).ln(), z.im.atan2(z.re))
}

pub(super) fn exp(z: C) -> C {
    if z.im == 0.0 {
        return C::new(z.re.exp(), z.im);
    }
    if z.re == f64::NEG_INFINITY && !z.im.is_finite() {
        return C::new(0.0, 0.0);
    }
    if z.re == f64::INFINITY && !z.im.is_finite() {
        return C::new(f64::INFINITY, f64::NAN);
    }
    let (length, (sin, cos)) = (z.re.exp(), z.im.sin_cos());
    C::new(length * cos, length * sin)
}

pub(super) fn sinh(z: C) -> C {
    if z.im == 0.0 {
        return C::new(z.re.sinh(), z.im);
    }
    C::new(z.re.sinh() * z.im.cos(), z.re.cosh() * z.im.sin())
}

pub(super) fn cosh(z: C) -> C {
    if z.im == 0.0 {
        return C::new(
            z.re.cosh(),
            if z.re == 0.0 { z.re * z.im } else { z.im.copysign(z.im * z.re.signum()) },
        );
    }
    C::new(z.re.cosh() * z.im.cos(), z.re.sinh() * z.im.sin())
}

pub(super) fn tanh(z: C) -> C {
    if z.re.abs() > 20.0 && z.im.is_finite() {
        // The hyperbolic functions would overflow; their ratio is one.
        let rest = 4.0 * z.im.sin() * z.im.cos() * (-2.0 * z.re.abs()).exp();
        return C::new(1f64.copysign(z.re), rest);
    }
    let tangent = z.im.tan();
    let slope = 1.0 + tangent * tangent;
    let sinh = z.re.sinh();
    let cosh = (1.0 + sinh * sinh).sqrt();
    if tangent.is_infinite() {
        return C::new(cosh / sinh, 1.0 / tangent);
    }
    let scale = 1.0 + slope * sinh * sinh;
    C::new(slope * cosh * sinh / scale, tangent / scale)
}

/// `i z`.
fn turned(z: C) -> C {
    C::new(-z.im, z.re)
}

/// `-i z`.
fn turned_back(z: C) -> C {
    C::new(z.im, -z.re)
}

pub(super) fn sin(z: C) -> C {
    turned_back(sinh(turned(z)))
}

pub(super) fn cos(z: C) -> C {
    cosh(turned(z))
}

pub(super) fn tan(z: C) -> C {
    turned_back(tanh(turned(z)))
}

/// `1 - z` and `1 + z`, with the sign of a zero imaginary part kept.
fn one_minus(z: C) -> C {
    C::new(1.0 - z.re, -z.im)
}

fn one_plus(z: C) -> C {
    C::new(1.0 + z.re, z.im)
}

pub(super) fn asin(z: C) -> C {
    let (a, b) = (sqrt(one_minus(z)), sqrt(one_plus(z)));
    C::new(z.re.atan2(a.re * b.re - a.im * b.im), (a.re * b.im - a.im * b.re).asinh())
}

pub(super) fn acos(z: C) -> C {
    let (a, b) = (sqrt(one_minus(z)), sqrt(one_plus(z)));
    C::new(2.0 * a.re.atan2(b.re), (b.re * a.im - b.im * a.re).asinh())
}

pub(super) fn asinh(z: C) -> C {
    turned_back(asin(turned(z)))
}

pub(super) fn acosh(z: C) -> C {
    let (a, b) = (sqrt(C::new(z.re - 1.0, z.im)), sqrt(one_plus(z)));
    C::new((a.re * b.re + a.im * b.im).asinh(), 2.0 * a.im.atan2(b.re))
}

pub(super) fn atanh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x.abs() > 1e150 || y.abs() > 1e150 {
        // 1 / z, the first term of the series, whose imaginary part is lost beside a quarter turn.
        let real = (C::new(1.0, 0.0) / C::new(x * 1e-150, y * 1e-150)).re * 1e-150;
        return C::new(real, std::f64::consts::FRAC_PI_2.copysign(y));
    }
    let real = 0.25 * (4.0 * x / ((1.0 - x) * (1.0 - x) + y * y)).ln_1p();
    C::new(real, 0.5 * (2.0 * y).atan2((1.0 - x) * (1.0 + x) - y * y))
}

pub(super) fn atan(z: C) -> C {
    turned_back(atanh(turned(z)))
}
