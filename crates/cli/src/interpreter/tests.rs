//! Tests of the interpreter on small arrays: values against NumPy's, and messages.

use std::collections::HashMap;

use brickwork_core::eval::evaluate;
use brickwork_core::{Block, DType, Lazy};
use brickwork_ops::Array;

use super::*;
use crate::language::parse;

fn interpreter() -> Interpreter {
    let x = Array::from_vec((0..12).map(f64::from).collect(), &[3, 4]).unwrap();
    let i = Array::from_vec((0..12).collect::<Vec<i64>>(), &[3, 4]).unwrap();
    let v = Array::from_vec(vec![3i64, 1, 2], &[3]).unwrap();
    let variables =
        [("x", x), ("i", i), ("v", v)].map(|(name, array)| (name.to_owned(), Value::Array(array)));
    Interpreter::new(HashMap::from(variables), Some(1))
}

fn run(source: &str) -> Outcome<Value> {
    interpreter().run(&parse(source).unwrap_or_else(|error| panic!("{}", error.render(source))))
}

fn value(source: &str) -> Value {
    run(source).unwrap_or_else(|fault| panic!("{source}: {fault:?}"))
}

fn block(source: &str) -> Block {
    let array = to_array(&value(source)).unwrap();
    evaluate(array.value()).unwrap_or_else(|error| panic!("{source}: {error}"))
}

/// A shape and values as floats.
fn check(source: &str, shape: &[usize], expected: &[f64]) {
    let array = to_array(&value(source)).unwrap();
    let block = evaluate(array.astype(DType::F64).unwrap().value())
        .unwrap_or_else(|error| panic!("{source}: {error}"));
    assert_eq!((block.shape(), block.to_vec::<f64>().as_slice()), (shape, expected), "{source}");
}

fn fault(source: &str) -> (String, String) {
    let fault = run(source).err().unwrap_or_else(|| panic!("{source} has a value"));
    let span = fault.span.map(|span| source[span.start..span.end].to_owned()).unwrap_or_default();
    (span, format!("{} | {}", fault.message, fault.help.unwrap_or_default()))
}

/// The place of a fault, and words of its message and help.
fn refuse(source: &str, place: &str, words: &str) {
    let (span, message) = fault(source);
    assert_eq!(span, place, "{source}: {message}");
    for word in words.split(" … ") {
        assert!(message.contains(word), "{source}: {message:?} lacks {word:?}");
    }
}

#[test]
fn plain_numbers_are_pythons() {
    let check = |source: &str, expected: &str| assert_eq!(value(source).to_string(), expected, "{source}");
    check("7 // 2, -7 // 2, 7 % -3, 7 / 2, 2 ** 10, 2 ** -1", "(3, -4, -2, 3.5, 1024, 0.5)");
    check("1 + 2.5, True + True, 1j * 1j, 3 & 6, 1 << 4, ~5", "(3.5, 2, (-1+0j), 2, 16, -6)");
    check("1 < 2 <= 2, 1 == 1.0, not 3, 2 in [1, 2], None is None", "(True, True, False, True, True)");
    check("'a' if 1 else 'b', 0 or 5, 0 and 5", "('a', 5, 0)");
    check("x.shape, x.ndim, x.size, x.dtype, len(x), x.T.shape", "((3, 4), 2, 12, float64, 3, (4, 3))");
    check("x.shape == (3, 4), x.shape[0] * 2, x.dtype == 'float64'", "(True, 6, True)");
    check(
        "min(3, 1, 2), max([1, 5]), abs(-3), sum([1, 2]), round(2.5), int(2.9), float(1)",
        "(1, 5, 3, 3, 2, 2, 1.0)",
    );
    check(
        "[1, 2] + [3], (1,) * 2, list(range(3)), [5, 6, 7][::-1], {'a': 1}['a']",
        "([1, 2, 3], (1, 1), [0, 1, 2], [7, 6, 5], 1)",
    );
    check("import numpy as m\nm.pi > 3, np.newaxis", "(True, None)");
}

#[test]
fn operators_promote_as_numpy() {
    check("x + 1", &[3, 4], &(1..13).map(f64::from).collect::<Vec<_>>());
    check("v - v[::-1]", &[3], &[1.0, 0.0, -1.0]);
    check("v // 2, v % 2, v ** 2", &[3, 3], &[1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 9.0, 1.0, 4.0]);
    check("(v > 1) & ~(v > 2)", &[3], &[0.0, 0.0, 1.0]);
    check("2 < v", &[3], &[1.0, 0.0, 0.0]);
    check("x @ x.T", &[3, 3], &[14.0, 38.0, 62.0, 38.0, 126.0, 214.0, 62.0, 214.0, 366.0]);
    assert_eq!(block("v.astype('float32') * 2.5").dtype(), DType::F32);
    assert_eq!(block("v.astype(np.int8) + 1").dtype(), DType::I8);
    assert_eq!(block("v / 2").dtype(), DType::F64);
    assert_eq!(block("np.float64(2) * v.astype('float32')").dtype(), DType::F64);
}

#[test]
fn functions_and_methods_take_numpys_arguments() {
    check("x.mean(axis=0)", &[4], &[4.0, 5.0, 6.0, 7.0]);
    check("np.sum(x, axis=(0, 1), keepdims=True)", &[1, 1], &[66.0]);
    check("da.std(x, 1, ddof=1) ** 2", &[3], &[5.0 / 3.0; 3].map(|v: f64| v.sqrt() * v.sqrt()));
    check("x.sum(where=x > 10)", &[], &[11.0]);
    check("where(v > 1, v, 0)", &[3], &[3.0, 0.0, 2.0]);
    check("np.concatenate([v, v[:1]])", &[4], &[3.0, 1.0, 2.0, 3.0]);
    check("stack([v, v]).sum(axis=0)", &[3], &[6.0, 2.0, 4.0]);
    check("sum([v, v, 1])", &[3], &[7.0, 3.0, 5.0]);
    check("clip(v, 2, None)", &[3], &[3.0, 2.0, 2.0]);
    check("v.clip(min=2)", &[3], &[3.0, 2.0, 2.0]);
    check("x.reshape(2, -1)[1]", &[6], &[6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
    check("reshape(x, (12,))[-1]", &[], &[11.0]);
    check("pad(v, (1, 0), mode='edge')", &[4], &[3.0, 3.0, 1.0, 2.0]);
    check("pad(v, 1, constant_values=9)", &[5], &[9.0, 3.0, 1.0, 2.0, 9.0]);
    check("diff(v)", &[2], &[-2.0, 1.0]);
    check("arange(2, 8, 2)", &[3], &[2.0, 4.0, 6.0]);
    check("linspace(0, 1, num=3)", &[3], &[0.0, 0.5, 1.0]);
    check("eye(2, k=1)", &[2, 2], &[0.0, 1.0, 0.0, 0.0]);
    check("array([[1, 2], [3, 4.5]])", &[2, 2], &[1.0, 2.0, 3.0, 4.5]);
    check("full((2,), 7, dtype='int32')", &[2], &[7.0, 7.0]);
    check("np.average(v, weights=[1, 1, 2])", &[], &[2.0]);
    check("x.topk(2, axis=1)[0]", &[2], &[3.0, 2.0]);
    check("v.cumsum()", &[3], &[3.0, 4.0, 6.0]);
    check("round(v / 2.0)", &[3], &[2.0, 0.0, 1.0]);
    check("divmod(v, 2)[1]", &[3], &[1.0, 1.0, 0.0]);
    check("triu(x)[2]", &[4], &[0.0, 0.0, 10.0, 11.0]);
    check("x.trace()", &[], &[15.0]);
}

#[test]
fn subscripts_follow_numpy() {
    check("x[1, 2]", &[], &[6.0]);
    check("x[::2, -1]", &[2], &[3.0, 11.0]);
    check("x[..., None, 0]", &[3, 1], &[0.0, 4.0, 8.0]);
    check("x[[2, 0], 1:3]", &[2, 2], &[9.0, 10.0, 1.0, 2.0]);
    check("x[[0, 1], [1, 2]]", &[2], &[1.0, 6.0]);
    check("x[v[1:] - 1]", &[2, 4], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    check("x[x > 8]", &[3], &[9.0, 10.0, 11.0]);
    check("x[v > 1, 0]", &[2], &[0.0, 8.0]);
    check("x[:, [True, False, False, True]]", &[3, 2], &[0.0, 3.0, 4.0, 7.0, 8.0, 11.0]);
    check("x[1, [True, False, False, True]]", &[2], &[4.0, 7.0]);
    check("x[[[0, 1], [2, 0]], 0]", &[2, 2], &[0.0, 4.0, 8.0, 0.0]);
}

#[test]
fn elements_are_replaced_in_a_new_array() {
    check("v[v > 1] = 9; v", &[3], &[9.0, 1.0, 9.0]);
    check("y = v; y[0] = 7; stack([v, y])", &[2, 3], &[3.0, 1.0, 2.0, 7.0, 1.0, 2.0]);
    check("v[1:] = [8, 9]; v", &[3], &[3.0, 8.0, 9.0]);
    check("v[::-1] = [1, 2, 3]; v", &[3], &[3.0, 2.0, 1.0]);
    check("z = zeros(7); z[1::2] = [1, 2, 3]; z", &[7], &[0.0, 1.0, 0.0, 2.0, 0.0, 3.0, 0.0]);
    check("z = zeros(7); z[5::-2] = [1, 2, 3]; z", &[7], &[0.0, 3.0, 0.0, 2.0, 0.0, 1.0, 0.0]);
    check(
        "z = zeros((2, 5)); z[1, ::3] = 4; z",
        &[2, 5],
        &[0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 4.0, 0.0],
    );
    check("z = zeros((2, 2)); z[:, 1] = [1, 2]; z", &[2, 2], &[0.0, 1.0, 0.0, 2.0]);
    check("z = ones((2, 2)); z[[True, False]] = [5, 6]; z", &[2, 2], &[5.0, 6.0, 1.0, 1.0]);
    check("v[0] = 2.9; v", &[3], &[2.0, 1.0, 2.0]);
    check("v += 1; v", &[3], &[4.0, 2.0, 3.0]);
    check("v[0] *= 5; v", &[3], &[15.0, 1.0, 2.0]);
    check("a, b = v[:2], 1; a + b", &[2], &[4.0, 2.0]);
    check("a = b = v; b[0] = 0; a", &[3], &[3.0, 1.0, 2.0]);
}

#[test]
fn random_numbers_follow_the_seed() {
    let same =
        |left: &str, right: &str| assert_eq!(block(left).to_vec::<f64>(), block(right).to_vec::<f64>());
    same("random.normal(size=5)", "np.random.normal(size=(5,), chunks=2)");
    same("random.seed(3); random.random(4)", "da.random.default_rng(3).random(4)");
    same(
        "random.RandomState(3).uniform(2, 3, 4)",
        "default = random.default_rng(seed=3); default.uniform(2, 3, size=4)",
    );
    assert_ne!(
        block("random.random(4)").to_vec::<f64>(),
        block("random.random(4); random.random(4)").to_vec::<f64>()
    );
    assert_eq!(block("random.integers(5, size=(2, 3))").shape(), [2, 3]);
    assert_eq!(block("random.rand(2, 3)").shape(), [2, 3]);
    assert_eq!(block("random.normal(size=3, dtype='float32')").dtype(), DType::F32);
    assert!(interpreter().drawn_seed().is_none());
    let mut unseeded = Interpreter::new(HashMap::new(), None);
    unseeded.run(&parse("random.random(3)").unwrap()).unwrap();
    assert!(unseeded.drawn_seed().is_some());
}

#[test]
fn faults_point_at_their_place() {
    refuse("x + y", "y", "unknown name y … bound are i, v, x");
    refuse("meen(x)", "meen", "unknown name meen … did you mean mean?");
    refuse("x.meen()", "meen", "no meen … did you mean mean?");
    refuse("x.sqrt()", "sqrt", "no method sqrt … write sqrt(x)");
    refuse("1 + x.mean(axs=0)", "axs", "mean has no argument axs … did you mean axis?");
    refuse("x.mean(axis=2)", "x.mean(axis=2)", "axis 2 is out of range");
    refuse("x.mean(axis='a')", "'a'", "axis must be an integer or a tuple of integers, not the string");
    refuse("x + v", "x + v", "do not broadcast");
    refuse("x[5]", "x[5]", "index 5 is out of range");
    refuse("x[0, 0, 0]", "x[0, 0, 0]", "3 indexes for an array of 2 axes");
    refuse("x[1.5]", "x[1.5]", "an index must be an integer, not the number 1.5");
    refuse("x[x]", "x[x]", "an index must be of integers, not dtype float64");
    refuse("x[::0]", "::0", "step 0");
    refuse("x > 1 and x < 3", "x > 1 and x < 3", "one truth value … (a) & (b)");
    refuse("1 < x < 3", "1 < x < 3", "(a < b) & (b < c)");
    refuse("1 if x else 2", "x", "where(condition, a, b)");
    refuse("not x", "not x", "~x");
    refuse("sum(x, out=v)", "out", "takes no out");
    refuse("zeros((2, -1))", "(2, -1)", "shape must be");
    refuse("zeros(3, chunks=0)", "zeros(3, chunks=0)", "chunk length 0");
    refuse("zeros(3, chunks='x')", "'x'", "not a number of bytes");
    refuse("concatenate(x)", "x", "list of arrays … concatenate([x, y])");
    refuse("x.reshape(5, 5)", "x.reshape(5, 5)", "reshape");
    refuse("2 ** 200", "2 ** 200", "too large");
    refuse("1 / 0", "1 / 0", "division by zero");
    refuse("random(3)", "random(3)", "random.random(size)");
    refuse("(x + 1)[0] = 2; x", "(x + 1)", "only elements of a variable");
    refuse("x[[0, 1]] = 2; x", "x[[0, 1]]", "integer array");
    refuse("v[:2] = [1, 2, 3]; v", "v[:2]", "shape [3] does not fit the region of shape [2]");
    refuse("v += 0.5; v", "v += 0.5", "dtype float64, the variable int64");
    refuse("v[0] = 1j; v", "v[0]", "complex");
    refuse("a, b = v", "a, b", "2 names for");
    refuse("import os\nx", "import os", "no module os");
}

#[test]
fn long_programs_need_no_stack() {
    let terms = vec!["x"; 20_000].join(" + ");
    let deep = value(&terms);
    assert!(matches!(deep, Value::Array(_)));
    drop(deep);
    let (span, message) = fault(&format!("a = [1]{}", "; a = [a]".repeat(200)));
    assert!(message.contains("nested deeper"), "{span} {message}");
}
