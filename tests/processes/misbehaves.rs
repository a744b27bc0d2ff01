//! An operation that does what operations must not do.

use std::path::PathBuf;
use std::time::Duration;

use brickwork::core::{Elementwise, Kind, Operand, Tile, TileMut};
use brickwork::{Array, Meta, Operation, Result};
use serde::{Deserialize, Serialize};

/// What happens where the value is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum How {
    /// The process is killed.
    Dies,
    /// The process is stopped.
    Stops,
    /// The task goes on for ever.
    Hangs,
    /// Memory is taken that nobody was told of.
    Hoards,
    /// Every value takes a moment.
    Dawdles,
}

/// Gives its input back, but misbehaves where a value is met.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Misbehaves {
    how: How,
    at: f64,
    /// If there is one: a file that is made at the first time; where it is there already, nothing happens.
    once: Option<PathBuf>,
}

/// An array that misbehaves where it is `at`.
pub fn misbehaving(array: &Array, how: How, at: f64, once: Option<PathBuf>) -> Array {
    Array::apply(Misbehaves { how, at, once }, &[array]).expect("any array")
}

/// An array of which every task takes so many milliseconds.
pub fn dawdling(array: &Array, milliseconds: u64) -> Array {
    misbehaving(array, How::Dawdles, milliseconds as f64, None)
}

#[typetag::serde(name = "brickwork_tests::Misbehaves")]
impl Operation for Misbehaves {
    fn name(&self) -> String {
        format!("{:?}", self.how).to_lowercase()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![inputs[0].clone()])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Elementwise(self)
    }
}

impl Elementwise for Misbehaves {
    fn apply(&self, inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
        let out = out.get::<f64>();
        match inputs[0].get::<f64>() {
            Operand::Slice(values) => out.copy_from_slice(values),
            Operand::Scalar(value) => out.fill(value),
        }
        let is_met = self.how == How::Dawdles || out.contains(&self.at);
        let is_new = |path: &PathBuf| std::fs::File::create_new(path).is_ok();
        if is_met && self.once.as_ref().is_none_or(is_new) {
            self.misbehave();
        }
    }
}

impl Misbehaves {
    fn misbehave(&self) {
        let own = std::process::id();
        match self.how {
            How::Dies => crate::watch::signal(own, "-KILL"),
            How::Stops => crate::watch::signal(own, "-STOP"),
            How::Hangs => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            How::Hoards => {
                let hoard = vec![1u8; 600 << 20];
                std::hint::black_box(&hoard);
                std::thread::sleep(Duration::from_secs(5));
            }
            How::Dawdles => std::thread::sleep(Duration::from_millis(self.at as u64)),
        }
    }
}
