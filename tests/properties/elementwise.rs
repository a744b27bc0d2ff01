//! Functions of elements: broadcasting, dtypes, NaN.

use brickwork::{Array, Complex, DType, Scalar, clip, greater, where_};
use brickwork_core::{Block, Bool8, with_element};
use brickwork_testkit::{check_operation, iota, naive, noise, quarters, strategies};
use ndarray::ArrayD;
use proptest::prelude::*;

use crate::CASES;

type Binary = (&'static str, fn(f64, f64) -> f64);
type Unary = (&'static str, fn(f64) -> f64);

/// Functions whose values IEEE 754 fixes to the last bit.
const EXACT: [Binary; 8] = [
    ("add", |a, b| a + b),
    ("subtract", |a, b| a - b),
    ("multiply", |a, b| a * b),
    ("divide", |a, b| a / b),
    ("maximum", |a, b| if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }),
    ("fmin", f64::min),
    ("copysign", f64::copysign),
    ("nextafter", |a, b| {
        if a.is_nan() || b.is_nan() {
            f64::NAN
        } else if a < b {
            a.next_up()
        } else if a > b {
            a.next_down()
        } else {
            b
        }
    }),
];

/// A comparison of two numbers.
type Comparison = fn(f64, f64) -> bool;

const COMPARISONS: [(&str, Comparison); 8] = [
    ("equal", |a, b| a == b),
    ("not_equal", |a, b| a != b),
    ("less", |a, b| a < b),
    ("less_equal", |a, b| a <= b),
    ("greater", |a, b| a > b),
    ("greater_equal", |a, b| a >= b),
    ("logical_and", |a, b| a != 0.0 && b != 0.0),
    ("logical_xor", |a, b| (a != 0.0) != (b != 0.0)),
];

const UNARY: [Unary; 8] = [
    ("negative", |a| -a),
    ("absolute", f64::abs),
    ("floor", f64::floor),
    ("ceil", f64::ceil),
    ("trunc", f64::trunc),
    ("rint", f64::round_ties_even),
    ("sqrt", f64::sqrt),
    ("square", |a| a * a),
];

fn call(name: &str, operands: &[Array]) -> brickwork::Result<Array> {
    let entry = brickwork::table().iter().find(|entry| entry.name == name).expect("NumPy's name");
    let terms: Vec<brickwork::Term> = operands.iter().map(Into::into).collect();
    entry.call(&terms)
}

/// Quarters, with some NaN, infinities and zeros of either sign.
fn special(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let mut values = quarters(shape, seed);
    let specials = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0];
    for (number, value) in values.iter_mut().enumerate() {
        if number % 3 == 0 {
            *value = specials[(number / 3 + seed as usize % 5) % 5];
        }
    }
    values
}

fn bools(x: &ArrayD<bool>) -> ArrayD<Bool8> {
    naive::map(x, Bool8::from)
}

proptest! {
    #![proptest_config(strategies::config(CASES))]

    #[test]
    fn functions_of_two((left, right) in strategies::broadcasting_shapes(3), choice: u64) {
        let (a, b) = (special(&left, choice), special(&right, choice ^ 1));
        let (name, function) = EXACT[choice as usize % EXACT.len()];
        // The larger of zeros of different sign is unspecified in NumPy; here -0.0 comes first.
        let clean = |x: &ArrayD<f64>| if name == "maximum" || name == "fmin" { x.mapv(|v| v + 0.0) } else { x.clone() };
        let (a, b) = (clean(&a), clean(&b));
        check_operation(&[&a, &b], choice, |x| call(name, x), &naive::zip(&a, &b, function));
        let (name, function) = COMPARISONS[choice as usize % COMPARISONS.len()];
        check_operation(&[&a, &b], choice, |x| call(name, x), &bools(&naive::zip(&a, &b, function)));
    }

    #[test]
    fn functions_of_one(shape in strategies::shape(3), choice: u64) {
        let a = special(&shape, choice);
        let (name, function) = UNARY[choice as usize % UNARY.len()];
        check_operation(&[&a], choice, |x| call(name, x), &naive::map(&a, function));
        let float32 = naive::map(&a, |value| value as f32);
        check_operation(&[&a], choice, |x| x[0].astype(DType::F32), &float32);
    }

    #[test]
    fn a_long_chain_is_one_program((left, right) in strategies::broadcasting_shapes(3), choice: u64) {
        let (a, b) = (special(&left, choice), special(&right, choice ^ 1));
        let expected = naive::zip(&a, &b, |a, b| {
            let sum = a + b;
            let product = sum * 2.0 - a;
            if product > b { (product * product - sum) / 3.0 } else { (sum - product).abs().sqrt() }
        });
        check_operation(&[&a, &b], choice, |x| {
            let sum = &x[0] + &x[1];
            let product = &sum * 2.0 - &x[0];
            let yes = (&product * &product - &sum) / 3.0;
            where_(greater(&product, &x[1])?, yes, (&sum - &product).absolute()?.sqrt()?)
        }, &expected);
    }

    #[test]
    fn clip_keeps_nan((shape, _) in strategies::broadcasting_shapes(3), low in -5.0f64..0.0, high in 0.0f64..5.0, choice: u64) {
        let a = special(&shape, choice);
        let (low, high) = ((low * 4.0).round() / 4.0 - 0.25, (high * 4.0).round() / 4.0 + 0.25);
        let expected = naive::map(&a, |value| if value.is_nan() { value } else { value.max(low).min(high) });
        check_operation(&[&a], choice, |x| clip(&x[0], Some(low.into()), Some(high.into())), &expected);
    }

    #[test]
    fn integers_wrap(shape in strategies::shape(2), choice: u64) {
        let a = naive::map(&noise(&shape, choice), |value| (value * 254.0) as i8);
        let b = naive::map(&noise(&shape, !choice), |value| (value * 254.0) as i8);
        check_operation(&[&a, &b], choice, |x| x[0].try_add(&x[1]), &naive::zip(&a, &b, i8::wrapping_add));
        check_operation(&[&a, &b], choice, |x| x[0].try_mul(&x[1]), &naive::zip(&a, &b, i8::wrapping_mul));
        let floor = naive::zip(&a, &b, |a, b| {
            if b == 0 { return 0 }
            let (quotient, rest) = (i32::from(a) / i32::from(b), i32::from(a) % i32::from(b));
            (quotient - i32::from(rest != 0 && (rest < 0) != (b < 0))) as i8
        });
        check_operation(&[&a, &b], choice, |x| call("floor_divide", x), &floor);
        check_operation(&[&a, &b], choice, |x| call("bitwise_xor", x), &naive::zip(&a, &b, |a, b| a ^ b));
    }

    #[test]
    fn every_dtype_is_cast_to_every_other(from in strategies::dtype(), to in strategies::dtype(), shape in strategies::shape(2), choice: u64) {
        // Small whole numbers are the same in every dtype.
        let values = naive::map(&iota(&shape), |value| value % 100.0);
        let block = |dtype: DType| -> Block {
            with_element!(dtype, T => {
                let of = |value: f64| {
                    let value = if dtype == DType::Bool || from == DType::Bool { f64::from(u8::from(value != 0.0)) } else { value };
                    brickwork::Weak::Float(value).to_scalar(dtype).and_then(|scalar| scalar.get::<T>()).unwrap()
                };
                Block::from_ndarray(naive::map(&values, of).view())
            }, else unreachable!("numeric dtypes only"))
        };
        for arrangement in brickwork_testkit::arrangements(choice) {
            let x = arrangement.block(block(from));
            let expected = block(to);
            let configurations = brickwork_testkit::some_configurations(1, choice);
            brickwork_testkit::assert_array_eq_in(&x.astype(to).unwrap(), &expected, &configurations);
        }
    }
}

#[test]
fn scalars_are_weak() {
    let dtype = |x: &Array| x.dtype();
    let bytes = Array::from_vec(vec![1u8, 2], &[2]).unwrap();
    let halves = Array::from_vec(vec![0.5f32], &[1]).unwrap();
    assert_eq!(dtype(&(&bytes + 1)), DType::U8);
    assert_eq!(dtype(&(&bytes + 1.0)), DType::F64);
    assert_eq!(dtype(&(&halves + 1.0)), DType::F32);
    assert_eq!(dtype(&(&halves + Complex::new(0.0, 1.0))), DType::C64);
    assert_eq!(dtype(&(&bytes + &halves)), DType::F32);
    assert!(bytes.try_add(300).unwrap_err().to_string().contains("300"), "as NumPy refuses it");
    let constant = brickwork::constant::constant(&[], Scalar::new(300i64)).unwrap();
    assert_eq!(dtype(&(&bytes + constant)), DType::I64, "an array of no axes is not weak");
}
