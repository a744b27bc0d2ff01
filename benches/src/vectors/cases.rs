//! Which kernels are measured, for which dtypes, and why some gain nothing.

use brickwork::prelude::*;
use brickwork::random::default_rng;
use brickwork::user::Boundary;
use brickwork::{Lazy, Result, Term, table};
use brickwork_core::Kind;

/// Bytes of an operand: with the result it stays in a first-level cache.
const BYTES: usize = 8 << 10;
/// Random numbers that are made.
const SIZE: usize = 1024;
/// Rows and columns of what is folded.
const SIDES: [usize; 2] = [8, 1024];

type Make = Box<dyn Fn(&[Array]) -> Result<Array>>;

/// A kernel for some dtype.
pub struct Case {
    pub name: String,
    pub dtype: DType,
    shape: Vec<usize>,
    make: Make,
}

/// Kernels that vectors do little for, by the beginning of the name and the dtype, and why.
const KNOWN: &[(&str, &[DType], &str)] = &[
    ("divide", &[], "divide-bound"),
    ("true_divide", &[], "divide-bound"),
    ("sqrt", &[], "divide-bound"),
    ("reciprocal", &[], "divide-bound"),
    ("floor_divide", &[], "divides one by one"),
    ("remainder", &[], "divides one by one"),
    ("fmod", &[], "divides one by one"),
    ("gcd", &[], "a loop for every element"),
    ("lcm", &[], "a loop for every element"),
    ("power", &INTEGERS, "a loop for every element"),
    ("power", &[DType::Bool], "a loop for every element"),
    ("nextafter", &[], "branches"),
    ("cumsum", &[], "every sum waits for the one before"),
    ("topk", &[], "elements above the bar are sorted in one by one"),
    ("nanargmax", &[DType::C128], "one by one"),
    ("imag", &REALS, "one value for all"),
    ("angle", &REALS, "one value for all"),
    ("is", &REALS, "one value for all"),
    ("conj", &REALS, "copies"),
    ("cast to uint8 from", &[DType::Bool], "copies"),
    ("logical_", &[DType::C128], "bools: the call takes longer than the loop"),
];

const COMPLEX_FUNCTIONS: [&str; 5] = ["sinc", "power", "divide", "reciprocal", "sign"];

const REALS: [DType; 7] =
    [DType::F64, DType::F32, DType::I64, DType::I32, DType::I16, DType::U8, DType::Bool];
const INTEGERS: [DType; 8] =
    [DType::I8, DType::I16, DType::I32, DType::I64, DType::U8, DType::U16, DType::U32, DType::U64];
const DTYPES: [DType; 8] =
    [DType::F64, DType::F32, DType::I64, DType::I32, DType::I16, DType::U8, DType::Bool, DType::C128];

impl Case {
    /// The expression whose last operation is measured; `None` where there is none for the dtype.
    pub fn array(&self) -> Result<Option<Array>> {
        let operands: Vec<Array> =
            (0..3).map(|seed| operand(self.dtype, &self.shape(), seed)).collect::<Result<_>>()?;
        let Ok(array) = (self.make)(&operands) else { return Ok(None) };
        let kind = array.value().node.op().kind();
        let is_kernel = match self.name.contains(" over axis ") {
            true => matches!(kind, Kind::Reduce(_)),
            false => !matches!(kind, Kind::View(_) | Kind::Source(_) | Kind::Assemble(_) | Kind::Staged(_)),
        };
        Ok(is_kernel.then_some(array))
    }

    fn shape(&self) -> Vec<usize> {
        match self.shape[..] {
            [] => vec![BYTES / self.dtype.itemsize()],
            _ => self.shape.clone(),
        }
    }

    /// Why it gains little, where that is known.
    pub fn reason(&self) -> Option<&'static str> {
        let fits = |(name, dtypes, _): &&(&str, &[DType], &str)| {
            self.name.starts_with(name) && (dtypes.is_empty() || dtypes.contains(&self.dtype))
        };
        if self.dtype.is_complex() && COMPLEX_FUNCTIONS.contains(&self.name.as_str()) {
            return Some("complex functions are computed one by one");
        }
        KNOWN.iter().find(fits).map(|(_, _, reason)| *reason)
    }
}

/// Numbers from 1 to 9 with a fraction, where the dtype has one.
fn operand(dtype: DType, shape: &[usize], seed: u64) -> Result<Array> {
    let made = default_rng(Some(seed)).uniform(1.0, 9.0, shape, ChunkSpec::auto())?;
    match dtype {
        DType::Bool => brickwork::greater(made, 5.0)?.persist(),
        dtype => made.astype(dtype)?.persist(),
    }
}

/// Every kernel that runs with vectors.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: &str, dtypes: &[DType], shape: &[usize], make: Make| {
        // One maker serves all dtypes.
        let make = std::rc::Rc::new(make);
        for &dtype in dtypes {
            let make = make.clone();
            let make: Make = Box::new(move |operands| make(operands));
            cases.push(Case { name: name.to_owned(), dtype, shape: shape.to_vec(), make });
        }
    };
    for entry in table() {
        let make = move |operands: &[Array]| {
            let terms: Vec<Term> = operands[..entry.arity].iter().map(Term::from).collect();
            entry.call(&terms)
        };
        add(entry.name, &DTYPES, &[], Box::new(make));
    }
    for dtype in DTYPES {
        add(&format!("cast to {dtype} from"), &DTYPES, &[], Box::new(move |x| x[0].astype(dtype)));
    }
    folds(&mut add);
    others(&mut add);
    cases
}

type Add<'a> = dyn FnMut(&str, &[DType], &[usize], Make) + 'a;
type Fold = (&'static str, fn(&Array, isize) -> Result<Array>);

fn folds(add: &mut Add<'_>) {
    let all: [Fold; 18] = [
        ("sum", |x, axis| x.sum(axis)),
        ("prod", |x, axis| x.prod(axis)),
        ("mean", |x, axis| x.mean(axis)),
        ("var", |x, axis| x.var(axis)),
        ("min", |x, axis| x.min(axis)),
        ("max", |x, axis| x.max(axis)),
        ("any", |x, axis| x.any(axis)),
        ("all", |x, axis| x.all(axis)),
        ("count_nonzero", |x, axis| x.count_nonzero(axis)),
        ("argmin", |x, axis| x.argmin(axis)),
        ("argmax", |x, axis| x.argmax(axis)),
        ("nansum", |x, axis| x.nansum(axis)),
        ("nanmean", |x, axis| x.nanmean(axis)),
        ("nanvar", |x, axis| x.nanvar(axis)),
        ("nanmin", |x, axis| x.nanmin(axis)),
        ("nanmax", |x, axis| x.nanmax(axis)),
        ("nanargmax", |x, axis| x.nanargmax(axis)),
        ("ptp", |x, axis| x.ptp(axis)),
    ];
    for (name, make) in all {
        for axis in [1, 0] {
            add(&format!("{name} over axis {axis}"), &DTYPES, &SIDES, Box::new(move |x| make(&x[0], axis)));
        }
    }
}

fn others(add: &mut Add<'_>) {
    let floats = [DType::F64, DType::F32];
    let numbers = [DType::F64, DType::F32, DType::I64, DType::I32];
    for axis in [1, 0] {
        let name = |name: &str| format!("{name} along axis {axis}");
        add(&name("cumsum"), &numbers, &SIDES, Box::new(move |x| x[0].cumsum(Some(axis), None)));
        add(&name("topk"), &floats, &SIDES, Box::new(move |x| x[0].topk(10, axis)));
        for weights in [3, 9] {
            let make = move |x: &[Array]| x[0].correlate1d(&vec![0.1; weights], axis, Boundary::Nearest);
            add(&name(&format!("correlate1d, {weights} weights,")), &floats, &SIDES, Box::new(make));
        }
    }
    let auto = ChunkSpec::auto;
    add("random", &[DType::F64], &[], Box::new(move |_| default_rng(Some(1)).random(&[SIZE], auto())));
    add(
        "normal",
        &[DType::F64],
        &[],
        Box::new(move |_| default_rng(Some(1)).normal(0.0, 1.0, &[SIZE], auto())),
    );
    add(
        "exponential",
        &[DType::F64],
        &[],
        Box::new(move |_| default_rng(Some(1)).exponential(1.0, &[SIZE], auto())),
    );
    add(
        "integers",
        &[DType::I64],
        &[],
        Box::new(move |_| default_rng(Some(1)).integers(0, 100, &[SIZE], auto())),
    );
    let product = |x: &[Array]| x[0].t().matmul(&x[1]);
    add(
        "matmul",
        &[DType::I64, DType::I32, DType::I16, DType::U8, DType::Bool],
        &[64, 64],
        Box::new(product),
    );
}
