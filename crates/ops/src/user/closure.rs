//! A user's function inside an operation.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ndarray::ArrayD;

use crate::prelude::*;

/// What a user's function is taken to cost, in additions: it is better held than called twice.
pub(crate) const COST: f64 = 20.0;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A function held by an operation. It is written out as its name and number; what is read back has lost the function,
/// which lives in the process that made it.
#[derive(Serialize, Deserialize)]
#[serde(bound = "")]
pub(crate) struct Closure<F: ?Sized> {
    /// Two operations are the same only if they hold the same function object.
    id: u64,
    /// As Rust names it, for messages.
    name: String,
    #[serde(skip)]
    function: Option<Arc<F>>,
}

impl<F: ?Sized> Closure<F> {
    /// Holds `function`, which does what the user's function, of type `U`, does.
    pub fn new<U>(function: Arc<F>) -> Self {
        let name = std::any::type_name::<U>().to_owned();
        Closure { id: NEXT_ID.fetch_add(1, Ordering::Relaxed), name, function: Some(function) }
    }

    /// What another process reads.
    #[cfg(test)]
    pub fn lost(name: &str) -> Self {
        Closure { id: 1, name: name.into(), function: None }
    }

    pub fn identity(&self) -> Option<u128> {
        Some(u128::from(self.id))
    }

    pub fn name(&self, op: &str) -> String {
        format!("{op}({})", self.name)
    }

    pub fn is_lost(&self) -> bool {
        self.function.is_none()
    }

    /// The function, if this is the process that made it.
    pub fn get(&self, op: &str) -> Result<&F> {
        self.function.as_deref().ok_or_else(|| Error::Function {
            op: op.into(),
            reason: format!(
                "the function {} is a closure of the process that built the expression, and cannot be sent to another; \
                 run with threads, or make it an operation: a struct with `#[typetag::serde] impl Operation`",
                self.name
            ),
        })
    }
}

impl<F: ?Sized> Clone for Closure<F> {
    fn clone(&self) -> Self {
        Closure { id: self.id, name: self.name.clone(), function: self.function.clone() }
    }
}

impl<F: ?Sized> fmt::Debug for Closure<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Closure({}, {})", self.id, self.name)
    }
}

/// Refuses an array whose elements are not what a function takes.
pub(crate) fn require_dtype<T: Element>(op: &str, array: &Array) -> Result<()> {
    if array.dtype() == T::DTYPE {
        return Ok(());
    }
    let help =
        format!("the function takes {}; write .astype(DType::{:?}) first, or change it", T::DTYPE, T::DTYPE);
    Err(Error::DTypeUnsupported { op: op.into(), dtype: array.dtype(), help })
}

/// The values of an ndarray array, taken over.
pub(crate) fn to_block<U: Element>(values: ArrayD<U>) -> Block {
    Block::from_array(values)
}
