//! Comparing what was computed with what was expected, and with what was promised.

use brickwork_core::plan::nodes;
use brickwork_core::{Block, Complex, DType, Element, Lazy, Operation, with_element};
use brickwork_ops::Array;
use brickwork_sched::Compute;
use ndarray::ArrayD;

use crate::configurations::{Configuration, configurations};

/// Asserts that an array has these values bit for bit (NaN equals NaN) under every configuration, and keeps what it
/// promises: dtype, shape, chunks that cover the shape.
#[track_caller]
pub fn assert_array_eq<T: Element>(array: &Array, expected: &ArrayD<T>) {
    assert_array_eq_in(array, &Block::from_ndarray(expected.view()), &configurations());
}

/// [`assert_array_eq`] for values of any dtype and configurations of the caller's choice.
#[track_caller]
pub fn assert_array_eq_in(array: &Array, expected: &Block, configurations: &[Configuration]) {
    for configuration in configurations {
        let context = format!("{array:?} by {}", configuration.name());
        let found = match array.compute_with(configuration.scheduler()) {
            Ok(found) => found,
            Err(error) => panic!("{context}: {}", chain(&error)),
        };
        assert_promises(array, &found, &context);
        assert_block_eq(&found, expected, &context);
    }
}

/// Asserts that an array gives the same bits under every configuration, and returns them.
#[track_caller]
pub fn assert_same_everywhere(array: &Array, configurations: &[Configuration]) -> Block {
    let first = match array.compute_with(configurations[0].scheduler()) {
        Ok(first) => first,
        Err(error) => panic!("{array:?} by {}: {}", configurations[0].name(), chain(&error)),
    };
    assert_array_eq_in(array, &first, configurations);
    first
}

/// Asserts that an array has these values within a relative tolerance, and the same bits under every configuration.
#[track_caller]
pub fn assert_array_close(
    array: &Array,
    expected: &ArrayD<f64>,
    tolerance: f64,
    configurations: &[Configuration],
) {
    let found = assert_same_everywhere(array, configurations);
    assert_block_close(&found, expected, tolerance, &format!("{array:?}"));
}

/// Asserts that a block has these values within a relative tolerance.
#[track_caller]
pub fn assert_block_close(found: &Block, expected: &ArrayD<f64>, tolerance: f64, context: &str) {
    assert_eq!(found.shape(), expected.shape(), "{context}: the shape");
    let values: Vec<Complex<f64>> = with_element!(found.dtype(), T => {
        found.to_vec::<T>().into_iter().map(|value| brickwork_core::Scalar::new(value).to_complex()).collect()
    }, else panic!("{context}: {} is not compared by value", found.dtype()));
    for (number, (found, &expected)) in values.iter().zip(expected).enumerate() {
        let is_close = found.re == expected
            || (found.re.is_nan() && expected.is_nan())
            || (found.re - expected).abs() <= tolerance * expected.abs().max(f64::MIN_POSITIVE);
        assert!(is_close, "{context}: element {number} is {}, not {expected}", found.re);
    }
}

/// Asserts that two blocks have the same dtype, shape and bits. Every NaN equals every other.
#[track_caller]
pub fn assert_block_eq(found: &Block, expected: &Block, context: &str) {
    assert_eq!(found.dtype(), expected.dtype(), "{context}: the dtype");
    assert_eq!(found.shape(), expected.shape(), "{context}: the shape");
    let item = found.dtype().itemsize();
    let (found_bytes, expected_bytes) = (dense(found), dense(expected));
    let pairs = found_bytes.chunks_exact(item.max(1)).zip(expected_bytes.chunks_exact(item.max(1)));
    for (number, (a, b)) in pairs.enumerate() {
        if !same_bits(found.dtype(), a, b) {
            let index = index_of(number, found.shape());
            let (a, b) = (found.scalar_at(&index), expected.scalar_at(&index));
            panic!("{context}: element {index:?} is {a:?}, not {b:?}");
        }
    }
}

/// What an array promised must hold for what came of it.
#[track_caller]
fn assert_promises(array: &Array, found: &Block, context: &str) {
    for node in nodes(std::slice::from_ref(array.value())) {
        let tag = operation_tag(node.op().as_ref());
        assert!(tag.is_some(), "{context}: {:?} is sent to another process as it is", node.op());
    }
    assert_eq!(found.dtype(), array.dtype(), "{context}: the dtype it promised");
    assert_eq!(array.chunks().shape(), array.shape(), "{context}: its chunks cover its shape");
    assert_eq!(found.shape().len(), array.ndim(), "{context}: the number of axes it promised");
    for (axis, (&len, &promised)) in found.shape().iter().zip(array.shape()).enumerate() {
        let is_known = array.value().meta().unknown.get(axis).is_none_or(Option::is_none);
        assert!(
            len == promised || (!is_known && len < promised),
            "{context}: axis {axis} has length {len}, and {promised} was promised"
        );
    }
}

/// The name under which an operation is sent to other processes, if it is data: it comes back as it was.
pub fn operation_tag(operation: &dyn Operation) -> Option<String> {
    let written = |operation: &dyn Operation| {
        let mut bytes = Vec::new();
        ciborium::into_writer(operation, &mut bytes).ok()?;
        Some(bytes)
    };
    let bytes = written(operation)?;
    let back: Box<dyn Operation> = ciborium::from_reader(bytes.as_slice()).ok()?;
    let value: ciborium::Value = ciborium::from_reader(bytes.as_slice()).ok()?;
    let tag = value.as_map()?.iter().find(|(key, _)| key.as_text() == Some("type"))?.1.as_text()?.to_owned();
    (written(back.as_ref())? == bytes).then_some(tag)
}

fn same_bits(dtype: DType, a: &[u8], b: &[u8]) -> bool {
    let both_nan = |a: &[u8], b: &[u8]| match a.len() {
        4 => f32_of(a).is_nan() && f32_of(b).is_nan(),
        _ => f64_of(a).is_nan() && f64_of(b).is_nan(),
    };
    let real = dtype.real().itemsize();
    let parts = || a.chunks_exact(real).zip(b.chunks_exact(real));
    a == b || ((dtype.is_float() || dtype.is_complex()) && parts().all(|(a, b)| a == b || both_nan(a, b)))
}

fn f32_of(bytes: &[u8]) -> f32 {
    bytes.try_into().map_or(0.0, f32::from_ne_bytes)
}

fn f64_of(bytes: &[u8]) -> f64 {
    bytes.try_into().map_or(0.0, f64::from_ne_bytes)
}

fn dense(block: &Block) -> Vec<u8> {
    block.to_dense(None).as_bytes().expect("just made dense").to_vec()
}

pub(crate) fn index_of(mut number: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        index[axis] = number % shape[axis].max(1);
        number /= shape[axis].max(1);
    }
    index
}

/// An error with everything that caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differ(a: Block, b: Block) -> bool {
        let compare = || assert_block_eq(&a, &b, "test");
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(compare)).is_err()
    }

    #[test]
    fn bits_count_but_nan_is_nan() {
        let block = |values: &[f64]| Block::from_vec(values.to_vec(), &[values.len()]);
        assert!(!differ(block(&[f64::NAN, 1.0]), block(&[-f64::NAN, 1.0])));
        assert!(differ(block(&[0.0]), block(&[-0.0])));
        assert!(differ(block(&[1.0]), block(&[1.0, 2.0])));
        let complex = |re: f32, im: f32| Block::from_vec(vec![Complex::new(re, im)], &[1]);
        assert!(!differ(complex(f32::NAN, 2.0), complex(-f32::NAN, 2.0)));
        assert!(differ(complex(f32::NAN, 2.0), complex(f32::NAN, 3.0)));
    }

    #[test]
    fn an_integer_is_never_taken_for_nan() {
        let bits = |values: [u64; 1]| Block::from_vec(values.to_vec(), &[1]);
        assert!(differ(bits([f64::NAN.to_bits()]), bits([(-f64::NAN).to_bits()])));
    }
}
