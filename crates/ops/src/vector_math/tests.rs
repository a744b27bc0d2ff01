//! Against the standard library, exact values and other instruction sets.

use brickwork_core::simd::vectorized;

use super::*;

type Function = fn(f64) -> f64;
type BinaryFunction = fn(f64, f64) -> f64;

/// Name, ours, the standard library's, and where arguments are taken from.
const FUNCTIONS: [(&str, Function, Function, f64, f64); 17] = [
    ("exp", exp, f64::exp, -708.0, 709.7),
    ("exp2", exp2, f64::exp2, -1022.0, 1023.9),
    ("log", log, f64::ln, 0.0, 1e300),
    ("log2", log2, f64::log2, 0.0, 1e300),
    ("expm1", expm1, f64::exp_m1, -700.0, 709.7),
    ("log1p", log1p, f64::ln_1p, -1.0, 1e300),
    ("log10", log10, f64::log10, 0.0, 1e300),
    ("sinh", sinh, f64::sinh, -710.0, 710.0),
    ("cosh", cosh, f64::cosh, -710.0, 710.0),
    ("tanh", tanh, f64::tanh, -25.0, 25.0),
    ("arcsin", arcsin, f64::asin, -1.0, 1.0),
    ("arccos", arccos, f64::acos, -1.0, 1.0),
    ("arctan", arctan, f64::atan, -1e20, 1e20),
    ("cbrt", cbrt, f64::cbrt, -1e300, 1e300),
    ("sin", sin, f64::sin, -MOST_RADIANS, MOST_RADIANS),
    ("cos", cos, f64::cos, -MOST_RADIANS, MOST_RADIANS),
    ("tan", tan, f64::tan, -MOST_RADIANS, MOST_RADIANS),
];

/// Those whose likes in the standard library are far from exact near 0 or 1: only the table tells how good they are.
const INVERSE_HYPERBOLIC: [(&str, Function, f64, f64); 3] =
    [("arcsinh", arcsinh, -1e300, 1e300), ("arccosh", arccosh, 1.0, 1e300), ("arctanh", arctanh, -1.0, 1.0)];

const BINARY_FUNCTIONS: [(&str, BinaryFunction, BinaryFunction); 3] =
    [("power", power, f64::powf), ("arctan2", arctan2, f64::atan2), ("hypot", hypot, f64::hypot)];

/// The distance from what the standard library says, which is within half a unit or a little more.
fn ulps(got: f64, expected: f64) -> f64 {
    if got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan()) {
        return 0.0;
    }
    let magnitude = expected.abs();
    (got - expected).abs() / (f64::from_bits(magnitude.to_bits() + 1) - magnitude)
}

/// Half of them spread over the range, half over its orders of magnitude.
fn arguments(low: f64, high: f64) -> Vec<f64> {
    let mut state = 1u64;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 * 2f64.powi(-53)
    };
    let mut arguments = Vec::new();
    for _ in 0..50_000 {
        arguments.push(low + (high - low) * unit());
        let sign = if unit() < 0.5 { -1.0 } else { 1.0 };
        let x = sign * 10f64.powf(unit() * 300.0 - 150.0);
        arguments.push(if (low..high).contains(&x) { x } else { x.abs().clamp(1e-150, 1.0) });
    }
    arguments
}

fn function(name: &str) -> Function {
    let all = FUNCTIONS.iter().map(|function| (function.0, function.1));
    let inverse = INVERSE_HYPERBOLIC.iter().map(|function| (function.0, function.1));
    all.chain(inverse).find(|function| function.0 == name).unwrap().1
}

#[test]
fn results_are_near_those_of_the_standard_library() {
    for (name, ours, std, low, high) in FUNCTIONS {
        let near_one = (0..20_000).map(|i| 0.9 + f64::from(i) * if high == 1.0 { 5e-6 } else { 1e-5 });
        for x in arguments(low, high).into_iter().chain(near_one) {
            // The library's own hyperbolic functions are 1 to 2 units away from what they should be.
            let most = if name.ends_with('h') { 4.0 } else { 2.5 };
            let error = ulps(ours(x), std(x));
            assert!(error <= most, "{name}({x:e}) is {error} units from {}", std(x));
        }
    }
}

#[test]
fn special_numbers_are_as_in_the_standard_library() {
    let all = [
        0.0,
        -0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        -1.0,
        5e-324,
        1e-310,
        f64::MIN_POSITIVE,
        f64::MAX,
        709.782_712_893_384,
        709.79,
        -708.4,
        -745.13,
        -745.14,
        1024.0,
        -1074.0,
        -1075.5,
    ];
    for (name, ours, std, ..) in &FUNCTIONS[..14] {
        for x in all {
            let (got, expected) = (ours(x), std(x));
            let close = ulps(got, expected) <= 2.0 && (got == 0.0) == (expected == 0.0);
            assert!(close, "{name}({x:e}) is {got:e}, not {expected:e}");
        }
    }
    assert!(sin(-0.0).is_sign_negative() && sin(0.0).is_sign_positive());
    for power in -1074..1024 {
        // `powi` takes the reciprocal of what overflows.
        let number = if power < -1022 { f64::from_bits(1 << (power + 1074)) } else { 2f64.powi(power) };
        assert_eq!(log2(number), f64::from(power));
        assert_eq!(exp2(f64::from(power)), number);
    }
}

/// Multiples of a quarter turn, where what is left after taking half turns away is next to nothing.
#[test]
fn sines_keep_their_digits_next_to_zero() {
    let quarters = (0..100_000).chain((100_000..630_000).step_by(997));
    for x in quarters.map(|k| f64::from(k) * std::f64::consts::FRAC_PI_2) {
        assert!(ulps(sin(x), x.sin()) <= 2.0, "sin({x})");
        assert!(ulps(cos(x), x.cos()) <= 2.0, "cos({x})");
    }
}

fn is_same(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits() || (one.is_nan() && other.is_nan())
}

#[test]
fn every_instruction_set_gives_the_same_bits() {
    let all = FUNCTIONS.into_iter().map(|(name, ours, _, low, high)| (name, ours, low, high));
    for (name, ours, low, high) in all.chain(INVERSE_HYPERBOLIC) {
        let x = arguments(low, high);
        let mut wide = vec![0.0; x.len()];
        macro_rules! filled {
            ($function:ident) => {
                vectorized(
                    #[inline(always)]
                    || wide.iter_mut().zip(&x).for_each(|(out, &x)| *out = $function(x)),
                )
            };
        }
        match name {
            "exp" => filled!(exp),
            "exp2" => filled!(exp2),
            "log" => filled!(log),
            "log2" => filled!(log2),
            "expm1" => filled!(expm1),
            "log1p" => filled!(log1p),
            "log10" => filled!(log10),
            "sinh" => filled!(sinh),
            "cosh" => filled!(cosh),
            "tanh" => filled!(tanh),
            "arcsin" => filled!(arcsin),
            "arccos" => filled!(arccos),
            "arctan" => filled!(arctan),
            "arcsinh" => filled!(arcsinh),
            "arccosh" => filled!(arccosh),
            "arctanh" => filled!(arctanh),
            "cbrt" => filled!(cbrt),
            "sin" => filled!(sin),
            "cos" => filled!(cos),
            _ => filled!(tan),
        }
        assert!(x.iter().zip(&wide).all(|(&x, out)| is_same(ours(x), *out)), "{name}");
    }
}

#[test]
fn results_are_within_two_units_in_the_last_place() {
    for line in include_str!("exact_values.txt").lines() {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let numbers: Vec<f64> =
            words.map(|word| f64::from_bits(u64::from_str_radix(word, 16).unwrap())).collect();
        let found = match numbers[..] {
            [x, _] => function(name)(x),
            [x, y, _] => BINARY_FUNCTIONS.iter().find(|function| function.0 == name).unwrap().1(x, y),
            _ => panic!("{line}"),
        };
        let (arguments, expected) = numbers.split_at(numbers.len() - 1);
        let error = ulps(found, expected[0]);
        assert!(error <= 2.0, "{name} of {arguments:?} is {found:e}, not {:e}", expected[0]);
    }
}

/// C and NumPy define them alike, and so does the standard library.
#[test]
fn two_special_numbers_give_what_the_standard_library_does() {
    let sizes = [
        0.0,
        5e-324,
        1e-310,
        0.3,
        0.5,
        1.0,
        1.5,
        2.0,
        3.0,
        4.0,
        1e10,
        4_503_599_627_370_497.0,
        9_007_199_254_740_991.0,
    ];
    let large = [9_007_199_254_740_992.0, 1e300, f64::MAX, f64::INFINITY, f64::NAN];
    let all: Vec<f64> = sizes.into_iter().chain(large).flat_map(|x| [x, -x]).collect();
    for (name, ours, std) in BINARY_FUNCTIONS {
        for (x, y) in all.iter().flat_map(|&x| all.iter().map(move |&y| (x, y))) {
            let (found, expected) = (ours(x, y), std(x, y));
            let is_right = ulps(found, expected) <= 2.0
                && (found.is_nan() || found.is_sign_negative() == expected.is_sign_negative());
            assert!(is_right, "{name}({x:e}, {y:e}) is {found:e}, not {expected:e}");
            let short = power_of_short(x as f32 as f64, y as f32 as f64) as f32;
            let expected = (x as f32).powf(y as f32);
            let is_right =
                short.to_bits().abs_diff(expected.to_bits()) <= 1 || (short.is_nan() && expected.is_nan());
            assert!(is_right, "power({x:e}, {y:e}) as f32 is {short:e}, not {expected:e}");
        }
    }
}

#[test]
fn signs_of_zeros_stay() {
    for (name, ours, std, ..) in FUNCTIONS {
        for x in [0.0, -0.0] {
            assert_eq!(ours(x).to_bits(), std(x).to_bits(), "{name}({x:?})");
        }
    }
}

#[test]
fn what_is_exact_comes_out_exact() {
    for base in 2..=10u64 {
        for exponent in 0..20 {
            let Some(expected) = base.checked_pow(exponent).filter(|&power| power < 1 << 53) else { break };
            assert_eq!(power(base as f64, f64::from(exponent)), expected as f64, "{base}^{exponent}");
        }
    }
    for exponent in 0..=22 {
        assert_eq!(log10(10f64.powi(exponent)), f64::from(exponent));
        assert_eq!(power(10.0, f64::from(exponent)), 10f64.powi(exponent));
    }
    for exponent in -1074..1024 {
        assert_eq!(power(2.0, f64::from(exponent)), exp2(f64::from(exponent)));
    }
    for root in 1..2000 {
        let root = f64::from(root);
        assert_eq!((cbrt(root * root * root), hypot(3.0 * root, 4.0 * root)), (root, 5.0 * root));
    }
}

#[test]
fn functions_of_two_numbers_give_the_same_bits_on_every_instruction_set() {
    let x = arguments(-100.0, 100.0);
    let y: Vec<f64> = arguments(-20.0, 20.0).into_iter().rev().collect();
    let mut wide = vec![0.0; x.len()];
    macro_rules! check {
        ($($function:ident),*) => {$(
            vectorized(
                #[inline(always)]
                || wide.iter_mut().zip(&x).zip(&y).for_each(|((out, &x), &y)| *out = $function(x, y)),
            );
            for ((&x, &y), out) in x.iter().zip(&y).zip(&wide) {
                let narrow = $function(x, y);
                assert!(is_same(narrow, *out), "{}({x:e}, {y:e})", stringify!($function));
            }
        )*};
    }
    check!(power, power_of_short, arctan2, hypot, logaddexp, logaddexp2);
}

#[test]
fn inverse_hyperbolic_functions_of_special_numbers() {
    const INFINITY: f64 = f64::INFINITY;
    for x in [0.0, -0.0, 5e-324, -1e-310] {
        assert_eq!((arcsinh(x).to_bits(), arctanh(x).to_bits()), (x.to_bits(), x.to_bits()));
    }
    assert_eq!((arcsinh(INFINITY), arcsinh(-INFINITY)), (INFINITY, -INFINITY));
    assert_eq!((arctanh(1.0), arctanh(-1.0)), (INFINITY, -INFINITY));
    assert_eq!((arccosh(1.0).to_bits(), arccosh(INFINITY)), (0, INFINITY));
    for x in [0.999, 0.0, -1.0, -INFINITY, f64::NAN] {
        assert!(arccosh(x).is_nan(), "arccosh({x})");
    }
    for x in [1.0001, -2.0, INFINITY, -INFINITY, f64::NAN] {
        assert!(arctanh(x).is_nan() && (!x.is_nan() || arcsinh(x).is_nan()), "arctanh({x})");
    }
}

#[test]
fn logarithms_of_sums() {
    const INFINITY: f64 = f64::INFINITY;
    let all =
        [0.0, -0.0, 1.0, -1.0, 5e-324, 700.0, -700.0, 1e300, f64::MAX, INFINITY, f64::NAN, 0.3, 36.7, -37.1];
    for (x, y) in all.iter().flat_map(|&x| all.iter().flat_map(move |&y| [(x, y), (-x, y)])) {
        let by_parts = |exp: Function, scale: f64| match x == y {
            true => x + 1f64.ln_1p() * scale,
            false => x.max(y) + exp(-(x - y).abs()).ln_1p() * scale,
        };
        let is_nan = x.is_nan() || y.is_nan();
        for (found, expected) in [
            (logaddexp(x, y), by_parts(f64::exp, 1.0)),
            (logaddexp2(x, y), by_parts(f64::exp2, std::f64::consts::LOG2_E)),
        ] {
            let is_right = if is_nan { found.is_nan() } else { ulps(found, expected) <= 2.0 };
            assert!(is_right, "{x:e} and {y:e}: {found:e}, not {expected:e}");
        }
    }
    assert_eq!((logaddexp(-INFINITY, -INFINITY), logaddexp2(-INFINITY, 1.0)), (-INFINITY, 1.0));
    assert_eq!((sine_over(0.0), sine_over(-0.0)), (1.0, 1.0));
}
