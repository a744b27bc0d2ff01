//! The functions of the language, by name: one table; every row a name, a signature and what it builds.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use brickwork_ops::TableEntry;

use super::builtins::{BUILTINS, Builtin};
use super::call::{Call, Passed};
use super::convert::to_term;
use super::fault::{Fault, Outcome};
use super::value::{Generator, Value};
use super::{arrange, create, random, reduce};

/// A function: what it is called, what it takes, and what it does.
#[derive(Debug)]
pub struct Row {
    /// NumPy's name, or one of them.
    pub name: &'static str,
    /// The parameters as Python writes them.
    pub signature: &'static str,
    /// Whether arrays have it as a method, with themselves as the first argument.
    pub is_method: bool,
    /// Builds the result.
    pub call: fn(&Call) -> Outcome<Value>,
}

/// A row of a function.
pub const fn function(name: &'static str, signature: &'static str, call: fn(&Call) -> Outcome<Value>) -> Row {
    Row { name, signature, is_method: false, call }
}

/// A row of a function that is a method of arrays too.
pub const fn method(name: &'static str, signature: &'static str, call: fn(&Call) -> Outcome<Value>) -> Row {
    Row { name, signature, is_method: true, call }
}

/// Something to call.
#[derive(Debug, Clone, Copy)]
pub enum Function {
    /// A function of the table.
    Row(&'static Row),
    /// A function of elements.
    Elementwise(&'static TableEntry),
    /// One of Python's own functions.
    Builtin(&'static Builtin),
}

/// The functions of `np`.
static NUMPY: LazyLock<HashMap<&'static str, Function>> = LazyLock::new(|| {
    let rows = [create::ROWS, reduce::ROWS, arrange::ROWS];
    let elementwise = brickwork_ops::table().iter().map(|entry| (entry.name, Function::Elementwise(entry)));
    // Rows stand last, so that those with more arguments replace the plain elementwise ones.
    elementwise.chain(rows.into_iter().flatten().map(|row| (row.name, Function::Row(row)))).collect()
});

/// The functions of `random`.
static RANDOM: LazyLock<HashMap<&'static str, Function>> =
    LazyLock::new(|| random::ROWS.iter().map(|row| (row.name, Function::Row(row))).collect());

/// A function of `np`.
pub fn numpy(name: &str) -> Option<Function> {
    NUMPY.get(name).copied()
}

/// A function of `random`, and a method of generators.
pub fn random(name: &str) -> Option<Function> {
    RANDOM.get(name).copied()
}

/// One of Python's own functions.
pub fn builtin(name: &str) -> Option<Function> {
    BUILTINS.iter().find(|builtin| builtin.name == name).map(Function::Builtin)
}

/// The names of all functions of `np`.
pub fn numpy_names() -> impl Iterator<Item = &'static str> {
    NUMPY.keys().copied()
}

/// The names of all functions of `random`.
pub fn random_names() -> impl Iterator<Item = &'static str> {
    RANDOM.keys().copied()
}

/// The names of Python's own functions.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|builtin| builtin.name)
}

impl Function {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Function::Row(row) => row.name,
            Function::Elementwise(entry) => entry.name,
            Function::Builtin(builtin) => builtin.name,
        }
    }

    /// Whether arrays have it as a method.
    pub fn is_method(&self) -> bool {
        match self {
            Function::Row(row) => row.is_method,
            Function::Elementwise(entry) => ["conj", "conjugate"].contains(&entry.name),
            Function::Builtin(_) => false,
        }
    }

    /// Calls it.
    ///
    /// # Errors
    /// If the arguments are not what it takes, or the operation refuses them.
    pub fn call(&self, passed: Vec<Passed>, generator: &Rc<Generator>) -> Outcome<Value> {
        match self {
            Function::Row(row) => {
                let call = Call::bind(row.name, row.signature, passed, generator.clone())?;
                (row.call)(&call)
            }
            Function::Elementwise(entry) => {
                let signature = match entry.arity {
                    1 => "x",
                    2 => "x1, x2",
                    _ => "x1, x2, x3",
                };
                let call = Call::bind(entry.name, signature, passed, generator.clone())?;
                let names = if entry.arity == 1 { ["x", "", ""] } else { ["x1", "x2", "x3"] };
                let terms =
                    names[..entry.arity].iter().map(|name| call.term(name)).collect::<Outcome<Vec<_>>>()?;
                Ok(Value::Array(entry.call(&terms)?))
            }
            Function::Builtin(builtin) => {
                if let Some(result) = (builtin.call)(&passed)? {
                    return Ok(result);
                }
                match numpy(builtin.name) {
                    Some(function) => function.call(passed, generator),
                    None => {
                        let given = passed.first().map_or("nothing".into(), |passed| passed.value.describe());
                        Err(Fault::new(format!("{} is not defined for {given}", builtin.name))
                            .help(builtin.help))
                    }
                }
            }
        }
    }
}

/// Calls a function of elements by its name in NumPy, for operators.
///
/// # Errors
/// As the function.
pub fn elementwise(name: &str, operands: &[&Value]) -> Outcome<Value> {
    let Some(Function::Elementwise(entry)) = numpy(name) else {
        return Err(Fault::new(format!("there is no function {name}")));
    };
    let terms = operands.iter().map(|operand| to_term(operand)).collect::<Outcome<Vec<_>>>()?;
    Ok(Value::Array(entry.call(&terms)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_signatures_readable() {
        for rows in [create::ROWS, reduce::ROWS, arrange::ROWS, random::ROWS] {
            for row in rows {
                assert!(!row.signature.contains(",,") && !row.signature.ends_with(','), "{}", row.name);
                assert_eq!(rows.iter().filter(|other| other.name == row.name).count(), 1, "{}", row.name);
            }
        }
    }

    #[test]
    fn rows_replace_plain_elementwise_functions() {
        assert!(matches!(numpy("round"), Some(Function::Row(_))));
        assert!(matches!(numpy("sqrt"), Some(Function::Elementwise(_))));
        assert!(numpy("nosuch").is_none());
    }
}
