//! The operation behind all random arrays.

use super::exponential::Exponential;
use super::integers::Integers;
use super::normal::Normal;
use super::philox::{self, Key, stream_key};
use super::runs::Runs;
use super::uniform::Uniform;
use crate::prelude::*;

/// How random numbers are distributed.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Distribution {
    /// All numbers of [low, high) equally likely; `float64` or `float32`.
    Uniform {
        /// The lowest.
        low: f64,
        /// Not below `low`.
        high: f64,
    },
    /// The normal distribution; `float64` or `float32`.
    Normal {
        /// Mean.
        loc: f64,
        /// Standard deviation, not negative.
        scale: f64,
    },
    /// The exponential distribution; `float64` or `float32`.
    Exponential {
        /// Mean, not negative.
        scale: f64,
    },
    /// All whole numbers from `low` up to, and without, `high` equally likely; any integer dtype that holds them, or
    /// bool.
    Integers {
        /// The lowest.
        low: i128,
        /// One past the highest.
        high: i128,
    },
}

/// The array of call number `ordinal` under a seed.
pub(super) fn draw(
    distribution: Distribution,
    dtype: DType,
    seed: u64,
    ordinal: u64,
    shape: &[usize],
    chunks: &ChunkSpec,
) -> Result<Array> {
    let kind = DrawKind::new(distribution, dtype)?;
    crate::view::checked_size("random", shape)?;
    let chunks = chunks.resolve(shape, dtype)?;
    Array::apply(Draw { kind, dtype, seed, ordinal, chunks }, &[])
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Draw {
    kind: DrawKind,
    dtype: DType,
    seed: u64,
    ordinal: u64,
    chunks: ChunkGrid,
}

/// A checked distribution, in numbers of 64 bits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum DrawKind {
    /// Uniform over [0, 1).
    Unit,
    Uniform {
        low: f64,
        high: f64,
    },
    Normal {
        loc: f64,
        scale: f64,
    },
    Exponential {
        scale: f64,
    },
    /// A range of 0 stands for 2^64; `low` for the same bits in a `u64`.
    Integers {
        low: i64,
        range: u64,
    },
}

impl DrawKind {
    fn new(distribution: Distribution, dtype: DType) -> Result<Self> {
        let op = distribution.name();
        let is_integers = matches!(distribution, Distribution::Integers { .. });
        if is_integers && !dtype.is_integer_or_bool() || !is_integers && !dtype.is_float() {
            let help = if is_integers { "use an integer dtype or bool" } else { "use float64 or float32" };
            return Err(Error::DTypeUnsupported { op: op.into(), dtype, help: help.into() });
        }
        let not_negative = |scale: f64| {
            // NumPy refuses -0.0 as well.
            if scale.is_sign_negative() && !scale.is_nan() {
                return Err(Error::argument(op, format!("scale {scale} is negative; use 0 or more")));
            }
            Ok(scale)
        };
        match distribution {
            Distribution::Uniform { low, high } => {
                if high < low {
                    return Err(Error::argument(op, format!("high {high} is below low {low}; swap them")));
                }
                let narrow = |bound: f64| if dtype == DType::F32 { f64::from(bound as f32) } else { bound };
                let span = narrow(narrow(high) - narrow(low));
                if !span.is_finite() {
                    let reason =
                        format!("the range from {low} to {high} is not finite in {dtype}; use closer bounds");
                    return Err(Error::argument(op, reason));
                }
                Ok(if (low, high) == (0.0, 1.0) { DrawKind::Unit } else { DrawKind::Uniform { low, high } })
            }
            Distribution::Normal { loc, scale } => Ok(DrawKind::Normal { loc, scale: not_negative(scale)? }),
            Distribution::Exponential { scale } => Ok(DrawKind::Exponential { scale: not_negative(scale)? }),
            Distribution::Integers { low, high } => {
                if low >= high {
                    let reason = format!("low {low} is not below high {high}; high itself is never drawn");
                    return Err(Error::argument(op, reason));
                }
                let fits = |value: i128| match dtype {
                    DType::Bool => (0..=1).contains(&value),
                    _ => Weak::Int(value).to_scalar(dtype).is_some(),
                };
                if !fits(low) || !fits(high - 1) {
                    let reason =
                        format!("numbers from {low} to {} do not fit {dtype}; use a wider dtype", high - 1);
                    return Err(Error::argument(op, reason));
                }
                Ok(DrawKind::Integers { low: low as i64, range: (high - low) as u64 })
            }
        }
    }
}

impl Distribution {
    fn name(&self) -> &'static str {
        match self {
            Distribution::Uniform { .. } => "uniform",
            Distribution::Normal { .. } => "normal",
            Distribution::Exponential { .. } => "exponential",
            Distribution::Integers { .. } => "integers",
        }
    }
}

#[typetag::serde(name = "brickwork_ops::Draw")]
impl Operation for Draw {
    fn name(&self) -> String {
        let text = match self.kind {
            DrawKind::Unit => "random()".into(),
            DrawKind::Uniform { low, high } => format!("uniform({low}, {high})"),
            DrawKind::Normal { loc, scale } => format!("normal({loc}, {scale})"),
            DrawKind::Exponential { scale } => format!("exponential({scale})"),
            DrawKind::Integers { low, range } => {
                format!("integers({low}, {})", i128::from(low) + i128::from(range))
            }
        };
        format!("{text} of seed {}, call {}", self.seed, self.ordinal)
    }

    fn infer(&self, _inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::new(&self.chunks.shape(), self.dtype, self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Generator(self)
    }

    fn cost(&self) -> f64 {
        match self.kind {
            DrawKind::Unit | DrawKind::Uniform { .. } => 20.0,
            DrawKind::Normal { .. } | DrawKind::Exponential { .. } => 40.0,
            DrawKind::Integers { .. } => 30.0,
        }
    }
}

impl Generator for Draw {
    fn fill(&self, meta: &Meta, region: &Region, out: ViewMut<'_>) -> Result<()> {
        self.fill_runs(&Runs::new(&meta.shape, region), out)
    }

    fn fill_turned(&self, meta: &Meta, region: &Region, axes: &[usize], out: ViewMut<'_>) -> Result<bool> {
        // Neighbours share a counter, which would be worked out again for each.
        let share = region.axes().last().is_some_and(|range| range.step == 1 && range.len > 1);
        if share {
            return Ok(false);
        }
        self.fill_runs(&Runs::along(&meta.shape, region, axes.iter().copied()), out).map(|()| true)
    }
}

impl Draw {
    fn fill_runs(&self, runs: &Runs, out: ViewMut<'_>) -> Result<()> {
        let key = stream_key(self.seed, self.ordinal);
        match (self.kind, self.dtype) {
            (DrawKind::Unit, DType::F64) => runs.fill::<f64, _>(&Uniform::UNIT, key, out),
            (DrawKind::Unit, DType::F32) => runs.fill::<f32, _>(&Uniform::UNIT, key, out),
            (DrawKind::Uniform { low, high }, DType::F64) => {
                runs.fill::<f64, _>(&Uniform::new(low, high), key, out)
            }
            (DrawKind::Uniform { low, high }, DType::F32) => {
                runs.fill::<f32, _>(&Uniform::new(low, high), key, out)
            }
            (DrawKind::Normal { loc, scale }, DType::F64) => {
                runs.fill::<f64, _>(&Normal::new(loc, scale), key, out)
            }
            (DrawKind::Normal { loc, scale }, DType::F32) => {
                runs.fill::<f32, _>(&Normal::new(loc, scale), key, out)
            }
            (DrawKind::Exponential { scale }, DType::F64) => {
                runs.fill::<f64, _>(&Exponential::new(scale), key, out)
            }
            (DrawKind::Exponential { scale }, DType::F32) => {
                runs.fill::<f32, _>(&Exponential::new(scale), key, out)
            }
            (DrawKind::Integers { low, range }, dtype) => {
                let integers = Integers::new(low, range);
                macro_rules! narrow {
                    ($t:ty, $from:expr) => {
                        runs.fill::<$t, _>(&Narrowed { integers, from: $from }, key, out)
                    };
                }
                match dtype {
                    DType::Bool => narrow!(Bool8, |value| Bool8::from(value != 0)),
                    DType::I8 => narrow!(i8, |value| value as i8),
                    DType::I16 => narrow!(i16, |value| value as i16),
                    DType::I32 => narrow!(i32, |value| value as i32),
                    DType::I64 => runs.fill::<i64, _>(&integers, key, out),
                    DType::U8 => narrow!(u8, |value| value as u8),
                    DType::U16 => narrow!(u16, |value| value as u16),
                    DType::U32 => narrow!(u32, |value| value as u32),
                    DType::U64 => narrow!(u64, |value| value as u64),
                    dtype => Err(Error::Bug { what: format!("random integers of dtype {dtype}") }),
                }
            }
            (_, dtype) => Err(Error::Bug { what: format!("random numbers of dtype {dtype}") }),
        }
    }
}

/// Whole numbers, each in another type.
struct Narrowed<T> {
    integers: Integers,
    from: fn(i64) -> T,
}

impl<T> Narrowed<T> {
    /// Draws in blocks on the stack; `fill` is told the place of a block and its numbers.
    fn in_blocks(&self, out: &mut [T], mut fill: impl FnMut(u64, &mut [i64])) {
        let mut numbers = [0; 256];
        let mut done = 0;
        for out in out.chunks_mut(numbers.len()) {
            let numbers = &mut numbers[..out.len()];
            fill(done, numbers);
            for (out, &number) in out.iter_mut().zip(numbers.iter()) {
                *out = (self.from)(number);
            }
            done += out.len() as u64;
        }
    }
}

impl<T> philox::Distribution<T> for Narrowed<T> {
    fn fill_run(&self, key: Key, first: u64, out: &mut [T]) {
        self.in_blocks(out, |done, numbers| self.integers.fill_run(key, first.wrapping_add(done), numbers));
    }

    fn fill_strided(&self, key: Key, first: u64, step: i64, out: &mut [T]) {
        self.in_blocks(out, |done, numbers| {
            let first = first.wrapping_add(done.wrapping_mul(step as u64));
            self.integers.fill_strided(key, first, step, numbers);
        });
    }

    fn fill_listed(&self, key: Key, elements: &[u64], out: &mut [T]) {
        self.in_blocks(out, |done, numbers| {
            self.integers.fill_listed(key, &elements[done as usize..][..numbers.len()], numbers);
        });
    }
}

#[cfg(test)]
mod tests {
    use brickwork_core::Lazy;
    use brickwork_core::eval::evaluate;

    use super::super::{Rng, default_rng};
    use super::*;

    #[test]
    fn what_is_read_the_other_way_round_is_the_same() {
        let draw = default_rng(Some(4)).normal(0.0, 1.0, &[6, 50, 40], 10).unwrap();
        let thinned = |x: &Array| x.slice(crate::s![.., 3.., 1..;3]).unwrap();
        let whole = crate::memory::from_block(evaluate(draw.value()).unwrap(), &ChunkSpec::auto()).unwrap();
        for axes in [[0, 2, 1], [2, 0, 1], [2, 1, 0], [1, 0, 2]] {
            let turned = |x: &Array| thinned(x).transpose(Some(&axes[..])).unwrap() + 1.0;
            let values = |x: &Array| evaluate(turned(x).value()).unwrap().to_vec::<f64>();
            assert_eq!(values(&draw), values(&whole), "{axes:?}");
        }
    }

    #[test]
    fn turned_values_are_those_of_the_same_elements() {
        let shape = [7, 5, 130];
        let region = Region::new(vec![
            AxisRange::new(1, 6),
            AxisRange::stepped(0, 3, 2),
            AxisRange::stepped(1, 40, 3),
        ]);
        let rng = |seed| default_rng(Some(seed));
        let draws = [
            rng(1).random(&shape, ChunkSpec::auto()),
            rng(2).normal(0.0, 1.0, &shape, ChunkSpec::auto()),
            rng(3).exponential(1.0, &shape, ChunkSpec::auto()),
        ];
        for draw in draws {
            let draw = draw.unwrap();
            let Kind::Generator(generator) = draw.value().node.op().kind() else {
                panic!("a draw is a generator")
            };
            let meta = draw.value().meta();
            let mut plain = BlockMut::zeroed(DType::F64, &region.shape());
            generator.fill(meta, &region, plain.view_mut()).unwrap();
            let plain = plain.freeze();
            for axes in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let mut turned = BlockMut::zeroed(DType::F64, &axes.map(|axis| region.shape()[axis]));
                assert!(generator.fill_turned(meta, &region, &axes, turned.view_mut()).unwrap());
                let turned = turned.freeze();
                for index in 0..region.size() {
                    let at = [index / 120, index / 40 % 3, index % 40];
                    assert_eq!(
                        turned.scalar_at(&axes.map(|axis| at[axis])),
                        plain.scalar_at(&at),
                        "{axes:?}"
                    );
                }
            }
            let rows = Region::new(vec![AxisRange::new(0, 2), AxisRange::new(0, 2), AxisRange::new(0, 40)]);
            let mut turned = BlockMut::zeroed(DType::F64, &[2, 40, 2]);
            assert!(!generator.fill_turned(meta, &rows, &[0, 2, 1], turned.view_mut()).unwrap());
        }
    }

    fn fill<T: Element>(kind: DrawKind, shape: &[usize], region: &Region) -> Vec<T> {
        let chunks = ChunkGrid::single(shape);
        let draw = Draw { kind, dtype: T::DTYPE, seed: 1, ordinal: 2, chunks };
        let meta = draw.infer(&[]).unwrap().remove(0);
        let mut out = BlockMut::zeroed(T::DTYPE, &region.shape());
        draw.fill(&meta, region, out.view_mut()).unwrap();
        out.freeze().to_vec()
    }

    fn check<T: Element + Default>(kind: DrawKind, one: &dyn philox::Distribution<T>) {
        let shape = [7, 6, 50];
        let key = stream_key(1, 2);
        let regions = [
            Region::full(&shape),
            Region::new(vec![AxisRange::new(2, 3), AxisRange::stepped(1, 2, 3), AxisRange::new(7, 31)]),
            Region::new(vec![
                AxisRange::stepped(0, 3, 3),
                AxisRange::new(0, 6),
                AxisRange::stepped(3, 12, 4),
            ]),
            Region::new(vec![AxisRange::new(0, 7), AxisRange::at(3), AxisRange::at(49)]),
            Region::new(vec![AxisRange::new(0, 7), AxisRange::new(0, 0), AxisRange::new(0, 50)]),
        ];
        for region in regions {
            let mut expected = Vec::new();
            for i in 0..region.axes()[0].len {
                for j in 0..region.axes()[1].len {
                    for k in 0..region.axes()[2].len {
                        let at = |axis: usize, n: usize| region.axes()[axis].get(n);
                        let mut value = [T::default()];
                        let flat = (at(0, i) * 6 + at(1, j)) * 50 + at(2, k);
                        one.fill_run(key, flat as u64, &mut value);
                        expected.push(value[0]);
                    }
                }
            }
            assert_eq!(fill::<T>(kind, &shape, &region), expected, "{region}");
        }
    }

    #[test]
    fn an_element_is_the_same_in_every_region() {
        check::<f64>(DrawKind::Unit, &Uniform::new(0.0, 1.0));
        check::<f64>(DrawKind::Uniform { low: 2.0, high: 5.0 }, &Uniform::new(2.0, 5.0));
        check::<f32>(DrawKind::Uniform { low: 2.0, high: 5.0 }, &Uniform::new(2.0, 5.0));
        check::<f64>(DrawKind::Normal { loc: 1.0, scale: 3.0 }, &Normal::new(1.0, 3.0));
        check::<f32>(DrawKind::Exponential { scale: 3.0 }, &Exponential::new(3.0));
        let integers = Integers::new(-3, 11);
        check::<i64>(DrawKind::Integers { low: -3, range: 11 }, &integers);
        check::<i8>(
            DrawKind::Integers { low: -3, range: 11 },
            &Narrowed { integers, from: |value| value as i8 },
        );
    }

    #[test]
    fn calls_differ_and_seeds_repeat() {
        let mut rng = default_rng(Some(7));
        let values = |array: Result<Array>| array.unwrap().value().node.hash();
        let (first, second) = (values(rng.random(&[5], 5)), values(rng.random(&[5], 5)));
        assert_ne!(first, second);
        assert_eq!(first, values(default_rng(Some(7)).random(&[5], 5)));
        assert_ne!(first, values(default_rng(Some(8)).random(&[5], 5)));
        assert_ne!(default_rng(None).seed(), default_rng(None).seed());
    }

    #[test]
    fn chunks_do_not_change_the_values() {
        let values = |chunks: [usize; 2]| -> Vec<f64> {
            let x = default_rng(Some(3)).normal(1.0, 2.0, &[30, 40], chunks).unwrap();
            let part = x.slice(crate::s![3..;5, ..;-7]).unwrap();
            assert_eq!(part.shape(), [6, 6]);
            let (whole, part) = (evaluate(x.value()).unwrap(), evaluate(part.value()).unwrap());
            let region = Region::new(vec![AxisRange::stepped(3, 6, 5), AxisRange::stepped(39, 6, -7)]);
            assert_eq!(part.to_vec::<f64>(), whole.slice(&region).to_vec::<f64>());
            whole.to_vec()
        };
        assert_eq!(values([7, 11]), values([30, 40]));
    }

    #[test]
    fn arguments_are_checked_as_numpy_does() {
        let draw = |distribution, dtype| default_rng(Some(0)).draw(distribution, dtype, &[3], 3).is_ok();
        let uniform = |low, high| Distribution::Uniform { low, high };
        let integers = |low, high| Distribution::Integers { low, high };
        assert!(!draw(uniform(2.0, 1.0), DType::F64));
        assert!(!draw(uniform(0.0, f64::INFINITY), DType::F64));
        assert!(!draw(uniform(f64::NAN, 1.0), DType::F64));
        assert!(!draw(uniform(-3e38, 3e38), DType::F32));
        assert!(draw(uniform(-3e38, 3e38), DType::F64));
        assert!(!draw(uniform(0.0, 1.0), DType::I64));
        assert!(!draw(Distribution::Normal { loc: 0.0, scale: -1.0 }, DType::F64));
        assert!(!draw(Distribution::Exponential { scale: -0.0 }, DType::F64));
        assert!(!draw(integers(3, 3), DType::I64));
        assert!(!draw(integers(0, 300), DType::U8));
        assert!(draw(integers(0, 256), DType::U8));
        assert!(draw(integers(0, 1 << 64), DType::U64));
        assert!(!draw(integers(-1, 1 << 64), DType::U64));
        assert!(!draw(integers(0, 3), DType::Bool));
        assert!(default_rng(Some(0)).random(&[usize::MAX, 2], 3).is_err());
        let mut rng: Rng = default_rng(Some(0));
        assert!(rng.integers(5, 2, &[3], 3).is_err());
    }
}
