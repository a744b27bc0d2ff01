//! Every function of elements against NumPy's values, for every dtype; broadcasting, operators, messages.

use std::collections::HashMap;

use brickwork_core::eval::evaluate;
use brickwork_core::{BlockMut, Lazy};

use super::*;
use crate::memory::from_block;
use crate::prelude::*;

fn from_hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn array_of_bytes(dtype: DType, bytes: &[u8], shape: &[usize]) -> Array {
    let mut block = BlockMut::zeroed(dtype, shape);
    block.bytes_mut().copy_from_slice(bytes);
    from_block(block.freeze(), &ChunkSpec::auto()).unwrap()
}

fn bytes_of(array: &Array) -> Vec<u8> {
    evaluate(array.value()).unwrap().to_dense(None).as_bytes().unwrap().to_vec()
}

fn values<T: Element>(array: &Array) -> Vec<T> {
    evaluate(array.value()).unwrap().to_vec()
}

fn error(result: Result<Array>) -> String {
    result.unwrap_err().to_string()
}

/// How far a function may be from NumPy's value, in the last places of the result's dtype; 0 for the same bits.
fn tolerance(function: &str, dtype: DType) -> f64 {
    match function {
        // NumPy loses digits here in complex64, by working in float32, and in the logarithm of what is near one.
        "log1p" | "sinc" if dtype == DType::C64 => 1000.0,
        "log1p" if dtype == DType::C128 => 1000.0,
        // The magnitude of a complex number.
        "absolute" => 1.0,
        "exp" | "exp2" | "expm1" | "log" | "log2" | "log10" | "log1p" | "cbrt" | "sin" | "cos" | "tan"
        | "arcsin" | "arccos" | "arctan" | "sinh" | "cosh" | "tanh" | "arcsinh" | "arccosh" | "arctanh"
        | "sinc" | "angle" | "power" | "float_power" | "logaddexp" | "logaddexp2" | "arctan2" | "hypot" => {
            4.0
        }
        _ => 0.0,
    }
}

/// The parts of an element as numbers.
fn parts(dtype: DType, bytes: &[u8]) -> Vec<f64> {
    bytes
        .chunks_exact(dtype.real().itemsize())
        .map(|part| match dtype.real() {
            DType::F32 => f32::from_le_bytes(part.try_into().unwrap()).into(),
            _ => f64::from_le_bytes(part.try_into().unwrap()),
        })
        .collect()
}

fn is_close(function: &str, dtype: DType, found: &[u8], expected: &[u8]) -> bool {
    if found == expected {
        return true;
    }
    if dtype.is_integer_or_bool() {
        return false;
    }
    let (found, expected) = (parts(dtype, found), parts(dtype, expected));
    let epsilon = if dtype.real() == DType::F32 { f64::from(f32::EPSILON) } else { f64::EPSILON };
    // Complex numbers are as good as their larger part.
    let near_zero: f64 = if function == "sinc" { 0.1 } else { 0.0 };
    let largest = expected.iter().fold(near_zero, |largest, part| largest.max(part.abs()));
    let factor = if dtype.is_complex() {
        tolerance(function, dtype).max(1.0) * 4.0
    } else {
        tolerance(function, dtype)
    };
    found.iter().zip(&expected).all(|(found, expected)| {
        (found.is_nan() && expected.is_nan())
            || (found == expected && found.is_sign_negative() == expected.is_sign_negative())
            || (found - expected).abs() <= factor * epsilon * largest
    })
}

#[test]
fn complex_functions_keep_their_digits_near_singular_points() {
    type Case = (&'static str, [f64; 2], [f64; 2]);
    // By mpmath, to more digits than these.
    let cases: [Case; 12] = [
        ("log", [1.000000868082505, 1.1656346816045877e-07], [8.680821350001516e-07, 1.1656336697383865e-07]),
        ("log", [0.6, 0.8], [2.2204460492503132e-17, 0.9272952180016123]),
        ("log", [-1.0000000001, 1e-12], [1.000000082690376e-10, 3.141592653588793]),
        ("log", [0.75, -0.6], [-0.040333951533727416, -0.6747409422235526]),
        ("log", [1e-200, -3e-200], [-459.36572605231214, -1.2490457723982544]),
        ("log1p", [1e-20, -3e-20], [1e-20, -3e-20]),
        ("log1p", [-2.0000000001, 1e-12], [1.000000082690376e-10, 3.141592653588793]),
        ("log1p", [-0.5, 0.25], [-0.5815754049028404, 0.4636476090008061]),
        ("log1p", [-5e-07, 0.001], [1.2500000004342698e-13, 0.0010000001666666167]),
        ("arctanh", [-0.9999999, 0.0001], [-4.951743501893189, 0.7849231635656072]),
        ("arctanh", [0.9999999, 1e-09], [8.4055963922722, 0.004999833595964148]),
        ("arctan", [1e-06, -1.0000001], [0.8352327396719211, -7.251841311545989]),
    ];
    for (name, [re, im], expected) in cases {
        // As many as a vector loop takes.
        let x = Array::from_vec(vec![Complex::new(re, im); 16], &[16]).unwrap();
        let entry = table().iter().find(|entry| entry.name == name).unwrap();
        let largest = expected[0].abs().max(expected[1].abs());
        for value in values::<Complex<f64>>(&entry.call(&[x.into()]).unwrap()) {
            let near = |found: f64, part: f64| (found - part).abs() <= 4.0 * f64::EPSILON * largest;
            assert!(
                near(value.re, expected[0]) && near(value.im, expected[1]),
                "{name} of {re}, {im}: {value}"
            );
        }
    }
}

#[test]
fn functions_agree_with_numpy_for_every_dtype() {
    let mut operands: HashMap<(&str, DType), Vec<u8>> = HashMap::new();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for line in include_str!("numpy_values.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let (function, dtype) = (words[0], DType::parse(words[1]).unwrap());
        if matches!(function, "left" | "right") {
            operands.insert((function, dtype), from_hex(words[2]));
            continue;
        }
        let entry = table().iter().find(|entry| entry.name == function);
        let is_refused = words[2] == "refused";
        let expected = if is_refused { Vec::new() } else { from_hex(words[3]) };
        let count = if is_refused { 1 } else { expected.len() / DType::parse(words[2]).unwrap().itemsize() };
        // Eight times over, so that vector loops are run.
        let inputs: Vec<Term> = ["left", "right"][..entry.map_or(1, |entry| entry.arity)]
            .iter()
            .map(|side| {
                let bytes = operands[&(*side, dtype)][..count * dtype.itemsize()].repeat(8);
                array_of_bytes(dtype, &bytes, &[8, count]).into()
            })
            .collect();
        let result = match entry {
            Some(entry) => entry.call(&inputs),
            None => {
                assert_eq!(function, "astype", "every function is in the table");
                let Term::Array(array) = &inputs[0] else { unreachable!() };
                array.astype(DType::parse(words[2]).unwrap())
            }
        };
        checked += 1;
        if is_refused {
            assert!(result.is_err(), "{function} is not for {dtype}");
            continue;
        }
        let result = result.unwrap_or_else(|error| panic!("{function} of {dtype}: {error}"));
        if result.dtype().name() != words[2] {
            wrong.push(format!("{function} of {dtype} is {}, not {}", result.dtype(), words[2]));
            continue;
        }
        let out = result.dtype();
        let found = bytes_of(&result);
        for (at, found) in found.chunks_exact(out.itemsize()).enumerate() {
            let expected = &expected[at % count * out.itemsize()..][..out.itemsize()];
            if !is_close(function, out, found, expected) {
                let show = |bytes: &[u8]| {
                    if out.is_integer_or_bool() {
                        format!("{bytes:?}")
                    } else {
                        format!("{:?}", parts(out, bytes))
                    }
                };
                wrong.push(format!(
                    "{function} of {dtype} to {out}, element {at}: {} instead of {}",
                    show(found),
                    show(expected)
                ));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {checked}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 1200);
}

/// One operand as a single value for all, on either side, gives the same as that value repeated.
#[test]
fn a_single_value_counts_as_many() {
    for entry in table().iter().filter(|entry| entry.arity == 2) {
        for dtype in DType::NUMERIC {
            let ones = Array::from_vec(vec![3u8; 40], &[40]).unwrap().astype(dtype).unwrap();
            let counted: Vec<u8> = (0..40).map(|i| i % 7).collect();
            let many = Array::from_vec(counted, &[40]).unwrap().astype(dtype).unwrap();
            let one = Array::from_vec(vec![3u8], &[]).unwrap().astype(dtype).unwrap();
            let Ok(expected) = entry.call(&[(&many).into(), (&ones).into()]) else { continue };
            let found = entry.call(&[(&many).into(), (&one).into()]).unwrap();
            assert_eq!(bytes_of(&found), bytes_of(&expected), "{} of {dtype}", entry.name);
            let expected = entry.call(&[(&ones).into(), (&many).into()]).unwrap();
            let found = entry.call(&[(&one).into(), (&many).into()]).unwrap();
            assert_eq!(bytes_of(&found), bytes_of(&expected), "{} of {dtype}", entry.name);
            let both = entry.call(&[(&one).into(), (&one).into()]).unwrap();
            assert_eq!(both.shape(), &[] as &[usize]);
            assert_eq!(bytes_of(&both).len(), both.dtype().itemsize());
        }
    }
}

#[test]
fn shapes_broadcast_also_empty_ones() {
    let row = Array::from_vec(vec![1i64, 2, 3], &[3]).unwrap();
    let column = Array::from_vec(vec![10i64, 20], &[2, 1]).unwrap();
    assert_eq!(values::<i64>(&(&row + &column)), [11, 12, 13, 21, 22, 23]);
    let empty = Array::from_vec(Vec::<f64>::new(), &[0, 3]).unwrap();
    let sum = &empty + &row;
    assert_eq!((sum.shape(), sum.dtype()), (&[0usize, 3][..], DType::F64));
    assert!(values::<f64>(&sum).is_empty());
    assert_eq!(
        error(row.try_add(Array::from_vec(vec![0i64; 4], &[4]).unwrap())),
        "add: shapes [3] and [4] do not broadcast: axis -1 has lengths 3 and 4; make them equal, or one of them 1"
    );
}

#[test]
fn numbers_take_the_width_of_the_array() {
    let bytes = Array::from_vec(vec![250u8, 3], &[2]).unwrap();
    assert_eq!(values::<u8>(&(&bytes + 10)), [4, 13]);
    assert_eq!(values::<f64>(&(0.5 * &bytes)), [125.0, 1.5]);
    assert_eq!(values::<u8>(&(255 - &bytes)), [5, 252]);
    assert_eq!((&bytes / 300).dtype(), DType::F64);
    assert_eq!(error(bytes.try_add(300)), "add: the number 300 does not fit uint8; cast the array first");
    let floats = Array::from_vec(vec![1f32], &[1]).unwrap();
    assert_eq!((&floats * 2.0).dtype(), DType::F32);
    assert_eq!((&floats * Complex::new(0.0, 1.0)).dtype(), DType::C64);
}

#[test]
fn operators_are_the_functions() {
    let x = Array::from_vec(vec![7i32, -7], &[2]).unwrap();
    assert_eq!(values::<i32>(&(&x % 3)), [1, 2]);
    assert_eq!(values::<i32>(&-&x), [-7, 7]);
    assert_eq!(values::<i32>(&!&x), [-8, 6]);
    assert_eq!(values::<i32>(&((&x & 3) | 8)), [11, 9]);
    assert_eq!(values::<i32>(&(&x ^ 1)), [6, -8]);
    assert_eq!(values::<i32>(&(x.clone() << 2)), [28, -28]);
    assert_eq!(values::<i32>(&(&x >> 40)), [0, -1]);
    assert_eq!(values::<f64>(&(&x / 2)), [3.5, -3.5]);
    assert_eq!(values::<i32>(&(1 + x.clone() - &x)), [1, 1]);
}

#[test]
#[should_panic(expected = "subtract: not defined for dtype bool; use bitwise_xor")]
fn operators_panic_with_the_message_of_the_error() {
    let truths = Array::from_vec(vec![Bool8::from(true)], &[1]).unwrap();
    let _ = &truths - &truths;
}

#[test]
fn comparisons_see_numbers_and_not_dtypes() {
    let signed = Array::from_vec(vec![-1i64, i64::MAX, 5], &[3]).unwrap();
    let unsigned = Array::from_vec(vec![u64::MAX, i64::MAX as u64 + 1, 5], &[3]).unwrap();
    let truths = |array: Result<Array>| -> Vec<bool> {
        values::<Bool8>(&array.unwrap()).iter().map(|b| b.get()).collect()
    };
    assert_eq!(truths(signed.equal(&unsigned)), [false, false, true]);
    assert_eq!(truths(signed.less(&unsigned)), [true, true, false]);
    assert_eq!(truths(unsigned.greater(&signed)), [true, true, false]);
    assert_eq!(truths(signed.astype(DType::I8).unwrap().less_equal(&unsigned)), [true, true, true]);
    let small = Array::from_vec(vec![-128i8, 127], &[2]).unwrap();
    assert_eq!(truths(small.less(300)), [true, true]);
    assert_eq!(truths(small.equal(300)), [false, false]);
    assert_eq!(truths(greater(-300, &small)), [false, false]);
    assert_eq!(truths(unsigned.greater(-1)), [true, true, true]);
    assert_eq!(truths(unsigned.less(1i128 << 64)), [true, true, true]);
}

#[test]
fn integer_powers_refuse_negative_exponents() {
    let x = Array::from_vec(vec![2i64, 3, -2], &[3]).unwrap();
    assert_eq!(values::<i64>(&x.power(2).unwrap()), [4, 9, 4]);
    assert_eq!(values::<i64>(&x.power(63).unwrap()), [i64::MIN, 3i64.wrapping_pow(63), i64::MIN]);
    let message =
        "power: integers to negative integer powers are not allowed; cast the base to float64 first";
    assert_eq!(error(x.power(-1)), message);
    let lazy = power(&x, &x).unwrap();
    let late = evaluate(lazy.value()).unwrap_err();
    let chain =
        format!("{late}: {}", std::error::Error::source(&late).map(ToString::to_string).unwrap_or_default());
    assert!(chain.contains("integers to negative integer powers are not allowed"), "{chain}");
    assert_eq!(values::<f64>(&x.astype(DType::F64).unwrap().power(-1).unwrap())[2], -0.5);
    assert_eq!(values::<f64>(&power(2.0, &x).unwrap()), [4.0, 8.0, 0.25]);
}

#[test]
fn clip_bounds_with_numbers_and_arrays() {
    let x = Array::from_vec(vec![-5i8, 3, 100], &[3]).unwrap();
    assert_eq!(values::<i8>(&x.clip(0, 300).unwrap()), [0, 3, 100]);
    assert_eq!(values::<i8>(&clip(&x, None, Some(50.into())).unwrap()), [-5, 3, 50]);
    assert_eq!(values::<i8>(&x.clip(10, 5).unwrap()), [5, 5, 5]);
    let low = Array::from_vec(vec![0.5f64, 4.5, f64::NAN], &[3]).unwrap();
    let clipped = values::<f64>(&x.clip(&low, 50).unwrap());
    assert_eq!(clipped[..2], [0.5, 4.5]);
    assert!(clipped[2].is_nan());
    assert_eq!(
        error(clip(&x, Some(300.into()), None)),
        "clip: the number 300 does not fit int8; cast the array first"
    );
}

#[test]
fn rounding_to_decimals_goes_to_even() {
    let x = Array::from_vec(vec![1.25, 2.5, -0.5, 1234.5678, 0.15], &[5]).unwrap();
    assert_eq!(values::<f64>(&x.round(1).unwrap()), [1.2, 2.5, -0.5, 1234.6, 0.2]);
    assert_eq!(values::<f64>(&x.round(-2).unwrap()), [0.0, 0.0, 0.0, 1200.0, 0.0]);
    let bytes = Array::from_vec(vec![15i8, 25, -15, 127], &[4]).unwrap();
    assert_eq!(values::<i8>(&bytes.round(-1).unwrap()), [20, 20, -20, -126]);
    assert_eq!(values::<i8>(&bytes.round(3).unwrap()), [15, 25, -15, 127]);
    let complex = Array::from_vec(vec![Complex::new(1.26f32, -2.74)], &[1]).unwrap();
    assert_eq!(values::<Complex<f32>>(&complex.round(1).unwrap()), [Complex::new(1.3, -2.7)]);
}

#[test]
fn where_chooses_among_all_forms_of_operands() {
    let condition = Array::from_vec(vec![1i32, 0, -3], &[3]).unwrap();
    let x = Array::from_vec(vec![1f32, 2.0, 3.0], &[3]).unwrap();
    assert_eq!(values::<f32>(&where_(&condition, &x, 0).unwrap()), [1.0, 0.0, 3.0]);
    assert_eq!(values::<f32>(&where_(&condition, 9.5, &x).unwrap()), [9.5, 2.0, 9.5]);
    assert_eq!(values::<f32>(&where_(&condition, &x, &(&x * 2.0)).unwrap()), [1.0, 4.0, 3.0]);
    assert_eq!(values::<i64>(&where_(&condition, 1, 0).unwrap()), [1, 0, 1]);
    assert_eq!(values::<f32>(&where_(false, 1, &x).unwrap()), [1.0, 2.0, 3.0]);
    let complex = x.astype(DType::C128).unwrap();
    assert_eq!(where_(&condition, &complex, &x).unwrap().dtype(), DType::C128);
    assert_eq!(values::<Complex<f64>>(&where_(&condition, &complex, &x).unwrap())[1].re, 2.0);
}

#[test]
fn what_is_not_finite_is_replaced() {
    let x = Array::from_vec(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1.5], &[4]).unwrap();
    assert_eq!(values::<f32>(&x.nan_to_num().unwrap()), [0.0, f32::MAX, f32::MIN, 1.5]);
    assert_eq!(values::<f32>(&x.nan_to_num_with(7.0, Some(8.0), Some(9.0)).unwrap()), [7.0, 8.0, 9.0, 1.5]);
}

#[test]
fn closeness_counts_equal_infinities_and_asked_for_nans() {
    let x = Array::from_vec(vec![1.0, f64::INFINITY, f64::NAN, 1.0], &[4]).unwrap();
    let y = Array::from_vec(vec![1.0 + 1e-9, f64::INFINITY, f64::NAN, 1.1], &[4]).unwrap();
    let near = |equal_nan| -> Vec<bool> {
        values::<Bool8>(&isclose(&x, &y, 1e-5, 1e-8, equal_nan).unwrap()).iter().map(|b| b.get()).collect()
    };
    assert_eq!(near(false), [true, true, false, false]);
    assert_eq!(near(true), [true, true, true, false]);
}

#[test]
fn divmod_gives_both_results() {
    let x = Array::from_vec(vec![7i64, -7, 5], &[3]).unwrap();
    let (quotient, rest) = divmod(&x, Array::from_vec(vec![2i64, 2, 0], &[3]).unwrap()).unwrap();
    assert_eq!(values::<i64>(&quotient), [3, -4, 0]);
    assert_eq!(values::<i64>(&rest), [1, 1, 0]);
}

#[test]
fn storage_dtypes_are_refused_with_a_reason() {
    let dates = array_of_bytes(DType::DateTime(brickwork_core::TimeUnit::Day), &[0; 16], &[2]);
    assert_eq!(
        error(dates.astype(DType::F64)),
        "astype: not defined for dtype datetime64[D]; only numbers and bools are cast (here datetime64[D] to float64)"
    );
    assert_eq!(
        error(dates.sin()),
        "sin: not defined for dtype datetime64[D]; dates, durations and strings can be read, sliced and written, \
         but not computed with"
    );
    for entry in table().iter().filter(|entry| !matches!(entry.name, "where")) {
        assert!(entry.call(&vec![Term::from(&dates); entry.arity]).is_err(), "{}", entry.name);
    }
    assert_eq!(where_(true, &dates, &dates).unwrap().dtype(), dates.dtype());
    assert_eq!(dates.astype(dates.dtype()).unwrap().dtype(), dates.dtype());
}

#[test]
fn the_table_names_every_function_once_and_checks_operands() {
    let mut names: Vec<&str> = table().iter().map(|entry| entry.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    let add = table().iter().find(|entry| entry.name == "add").unwrap();
    assert_eq!(error(add.call(&[1.into()])), "add: 1 operands were given; it takes 2");
    assert_eq!(values::<i64>(&add.call(&[1.into(), 2.into()]).unwrap()), [3]);
}

#[test]
fn nodes_made_with_inputs_that_were_not_cast_are_refused() {
    let x = Array::from_vec(vec![1i32], &[1]).unwrap();
    let y = Array::from_vec(vec![1.0], &[1]).unwrap();
    let found = Array::apply(arithmetic::Add, &[&x, &y]);
    assert_eq!(
        error(found),
        "add: not defined for dtype float64; the node is for int32; cast the inputs first"
    );
    assert_eq!(error(Array::apply(arithmetic::Add, &[&x])), "add: 1 inputs were given; it takes 2");
}
