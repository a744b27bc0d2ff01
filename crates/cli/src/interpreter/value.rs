//! What names and expressions stand for.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use brickwork_core::{DType, Weak};
use brickwork_ops::Array;
use brickwork_ops::random::{Rng, default_rng};

use super::fault::{Fault, Outcome};
use super::functions::Function;

/// Lists may hold lists this deep: as many axes as an array of NumPy may have.
const DEEPEST: usize = 64;

/// A value of the language.
#[derive(Debug, Clone)]
pub enum Value {
    /// A lazy array.
    Array(Array),
    /// A number or truth value of no fixed width, as Python's.
    Scalar(Weak),
    /// A string.
    Text(Rc<str>),
    /// `None`, and `np.newaxis`.
    None,
    /// `...`.
    Ellipsis,
    /// `[a, b]`.
    List(Items),
    /// `(a, b)`.
    Tuple(Items),
    /// `{a: b}`: keys and values in turn.
    Dict(Items),
    /// `start:stop:step`.
    Slice(SliceBounds),
    /// An element type.
    DType(DType),
    /// Something that names are looked up in.
    Module(Module),
    /// Something that can be called.
    Function(Function),
    /// A function with its first argument.
    Method(Rc<Value>, Function),
    /// A stream of random numbers.
    Generator(Rc<Generator>),
}

/// The bounds of a slice as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceBounds {
    /// The first element.
    pub start: Option<isize>,
    /// The element to stop before.
    pub stop: Option<isize>,
    /// From one element to the next; not 0.
    pub step: isize,
}

/// The modules that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Module {
    /// `np` and `da`.
    Numpy,
    /// `dask`, which holds `dask.array`.
    Dask,
    /// `random`, `np.random`.
    Random,
}

impl Module {
    /// The module of a dotted name.
    pub fn named(name: &str) -> Option<Module> {
        match name {
            "np" | "numpy" | "da" | "dask.array" => Some(Module::Numpy),
            "dask" => Some(Module::Dask),
            "random" | "numpy.random" | "dask.array.random" => Some(Module::Random),
            _ => None,
        }
    }
}

/// The elements of a list, tuple or dictionary; how deep they are nested is bounded, so that recursion over them is.
#[derive(Debug, Clone)]
pub struct Items {
    values: Rc<[Value]>,
    depth: usize,
}

impl Items {
    /// These values.
    ///
    /// # Errors
    /// If lists are nested too deeply.
    pub fn new(values: Vec<Value>) -> Outcome<Items> {
        let depth = 1 + values.iter().map(Value::depth).max().unwrap_or(0);
        if depth > DEEPEST {
            return Err(Fault::new(format!("lists are nested deeper than {DEEPEST} levels")));
        }
        Ok(Items { values: values.into(), depth })
    }
}

impl Deref for Items {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.values
    }
}

/// A stream of random arrays, shared by whoever draws from it.
#[derive(Debug)]
pub struct Generator {
    /// The stream.
    pub rng: RefCell<Rng>,
    /// Whether the user chose the seed.
    pub is_seeded: Cell<bool>,
    /// Whether an array was drawn.
    pub is_used: Cell<bool>,
    /// Generators made from this one.
    pub spawned: Cell<u64>,
}

impl Generator {
    /// A stream from a seed, or from one that is drawn.
    pub fn new(seed: Option<u64>) -> Generator {
        Generator {
            rng: RefCell::new(default_rng(seed)),
            is_seeded: Cell::new(seed.is_some()),
            is_used: Cell::new(false),
            spawned: Cell::new(0),
        }
    }

    /// Starts again from a seed.
    pub fn reseed(&self, seed: u64) {
        *self.rng.borrow_mut() = default_rng(Some(seed));
        self.is_seeded.set(true);
    }

    /// A stream of its own that follows from this one's seed.
    pub fn spawn(&self) -> Generator {
        let number = self.spawned.get() + 1;
        self.spawned.set(number);
        self.is_used.set(true);
        let seed = self.rng.borrow().seed();
        // Odd, and far from small numbers, so that spawned seeds are not those a user would write.
        Generator::new(Some(seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
    }
}

impl Value {
    /// An integer.
    pub fn int(value: impl TryInto<i128>) -> Value {
        Value::Scalar(Weak::Int(value.try_into().unwrap_or(i128::MAX)))
    }

    /// A tuple of integers, such as a shape.
    pub fn int_tuple(values: &[usize]) -> Outcome<Value> {
        Ok(Value::Tuple(Items::new(values.iter().map(|&value| Value::int(value as i128)).collect())?))
    }

    /// A string.
    pub fn text(text: impl Into<Rc<str>>) -> Value {
        Value::Text(text.into())
    }

    /// Several values in brackets or not: a list or a tuple.
    pub fn items(&self) -> Option<&Items> {
        match self {
            Value::List(items) | Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// Whether it is an array, or a list with one in it.
    pub fn holds_array(&self) -> bool {
        match self {
            Value::Array(_) => true,
            Value::List(items) | Value::Tuple(items) => items.iter().any(Value::holds_array),
            _ => false,
        }
    }

    fn depth(&self) -> usize {
        match self {
            Value::List(items) | Value::Tuple(items) | Value::Dict(items) => items.depth,
            Value::Method(receiver, _) => receiver.depth() + 1,
            _ => 0,
        }
    }

    /// What it is, for messages: `an array of shape [3]`, `the number 2.5`.
    pub fn describe(&self) -> String {
        match self {
            Value::Array(array) => {
                format!("an array of shape {:?} and dtype {}", array.shape(), array.dtype())
            }
            Value::Scalar(number) => format!("the number {}", scalar_text(*number)),
            Value::Text(text) => format!("the string {text:?}"),
            Value::None => "None".into(),
            Value::Ellipsis => "...".into(),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Tuple(items) => format!("a tuple of {}", items.len()),
            Value::Dict(_) => "a dictionary".into(),
            Value::Slice(_) => "a slice".into(),
            Value::DType(dtype) => format!("the dtype {dtype}"),
            Value::Module(_) => "a module".into(),
            Value::Function(function) => format!("the function {}", function.name()),
            Value::Method(_, function) => format!("the method {}", function.name()),
            Value::Generator(_) => "a random generator".into(),
        }
    }
}

/// A number as Python writes it.
pub fn scalar_text(number: Weak) -> String {
    use crate::numpy_format::{Values, format_array};
    let text = match number {
        Weak::Bool(value) => Ok(if value { "True" } else { "False" }.to_owned()),
        Weak::Int(value) => Ok(value.to_string()),
        Weak::Float(value) => format_array(&[], Values::Float64(&[value])),
        Weak::Complex(value) => format_array(&[], Values::Complex128(&[value])),
    };
    text.unwrap_or_else(|_| number.to_string())
}

impl fmt::Display for Value {
    /// As Python's `repr`; arrays by what is known of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Scalar(number) => f.write_str(&scalar_text(*number)),
            Value::Text(text) => write!(f, "'{text}'"),
            Value::List(items) => {
                let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", texts.join(", "))
            }
            Value::Tuple(items) => {
                let texts: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "({}{})", texts.join(", "), if items.len() == 1 { "," } else { "" })
            }
            Value::Dict(items) => {
                let texts: Vec<String> =
                    items.chunks(2).map(|entry| format!("{}: {}", entry[0], entry[1])).collect();
                write!(f, "{{{}}}", texts.join(", "))
            }
            Value::DType(dtype) => write!(f, "{dtype}"),
            Value::Slice(SliceBounds { start, stop, step }) => {
                let text = |bound: &Option<isize>| bound.map_or("None".into(), |bound| bound.to_string());
                write!(f, "slice({}, {}, {step})", text(start), text(stop))
            }
            Value::Ellipsis => f.write_str("Ellipsis"),
            other => f.write_str(&other.describe()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_as_in_python() {
        let tuple = |values: Vec<Value>| Value::Tuple(Items::new(values).unwrap());
        assert_eq!(tuple(vec![Value::int(3)]).to_string(), "(3,)");
        let list = Value::List(Items::new(vec![Value::text("a"), Value::Scalar(Weak::Float(2.0))]).unwrap());
        assert_eq!(tuple(vec![list, Value::None]).to_string(), "(['a', 2.0], None)");
        assert_eq!(Value::Scalar(Weak::Bool(true)).to_string(), "True");
    }

    #[test]
    fn nesting_is_bounded() {
        let mut value = Value::None;
        for _ in 0..DEEPEST {
            value = Value::List(Items::new(vec![value]).unwrap());
        }
        assert!(Items::new(vec![value]).unwrap_err().message.contains("deeper than 64"));
    }

    #[test]
    fn spawned_generators_follow_from_the_seed() {
        let seeds = || {
            let parent = Generator::new(Some(7));
            [parent.spawn().rng.borrow().seed(), parent.spawn().rng.borrow().seed()]
        };
        assert_eq!(seeds(), seeds());
        assert_ne!(seeds()[0], seeds()[1]);
    }
}
