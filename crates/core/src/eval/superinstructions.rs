//! Joining steps of a program that one kernel can do in a single pass over its tiles.

use smallvec::SmallVec;

use crate::dtype::DType;
use crate::operation::Elementwise;

/// What runs a step.
pub(super) enum Kernel<'a> {
    /// That of a node.
    Node(&'a dyn Elementwise),
    /// One that does the work of several nodes.
    Joint(Box<dyn Elementwise>),
}

impl Kernel<'_> {
    #[inline]
    pub fn get(&self) -> &dyn Elementwise {
        match self {
            Kernel::Node(kernel) => *kernel,
            Kernel::Joint(kernel) => kernel.as_ref(),
        }
    }
}

/// Where a step finds an input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Input {
    Operand(usize),
    Step(usize),
}

/// A step of a program before registers are given out.
pub(super) struct Step<'a> {
    pub kernel: Kernel<'a>,
    /// Where the inputs come from, and their dtypes.
    pub inputs: SmallVec<[(Input, DType); 4]>,
    pub dtype: DType,
}

impl Step<'_> {
    /// The steps that this one reads.
    pub fn steps(&self) -> impl Iterator<Item = usize> {
        self.inputs.iter().filter_map(|(input, _)| match input {
            Input::Step(step) => Some(*step),
            Input::Operand(_) => None,
        })
    }
}

/// The steps with as many as possible joined: a step that only one other reads becomes part of that, if there is a
/// kernel for both.
pub(super) fn fused(steps: Vec<Step<'_>>) -> Vec<Step<'_>> {
    if steps.len() < 2 {
        return steps;
    }
    let mut reads = vec![0; steps.len()];
    steps.iter().flat_map(Step::steps).for_each(|step| reads[step] += 1);
    let mut open: Vec<Option<Step<'_>>> = steps.into_iter().map(Some).collect();
    for number in 0..open.len() {
        while let Some((before, joint)) = joined(&open, &reads, number) {
            open[before] = None;
            open[number] = Some(joint);
        }
    }
    // Steps that are gone take their numbers with them.
    let mut place = vec![0; open.len()];
    let mut steps: Vec<Step<'_>> = Vec::with_capacity(open.len());
    for (number, step) in open.into_iter().enumerate() {
        let Some(mut step) = step else { continue };
        for (input, _) in &mut step.inputs {
            if let Input::Step(step) = input {
                *step = place[*step];
            }
        }
        place[number] = steps.len();
        steps.push(step);
    }
    steps
}

/// A step together with one of those before it.
fn joined<'a>(steps: &[Option<Step<'a>>], reads: &[usize], number: usize) -> Option<(usize, Step<'a>)> {
    let step = steps[number].as_ref()?;
    step.steps().find_map(|before| {
        let is_before = |(input, _): &(Input, DType)| *input == Input::Step(before);
        let at: SmallVec<[usize; 4]> =
            step.inputs.iter().enumerate().filter(|(_, input)| is_before(input)).map(|(k, _)| k).collect();
        if reads[before] != at.len() {
            return None;
        }
        let first = steps[before].as_ref()?;
        let others = step.inputs.iter().filter(|input| !is_before(input));
        let inputs: SmallVec<[(Input, DType); 4]> = first.inputs.iter().chain(others).copied().collect();
        let dtypes: SmallVec<[DType; 4]> = inputs.iter().map(|(_, dtype)| *dtype).collect();
        let kernel = step.kernel.get().after(first.kernel.get(), &at, &dtypes)?;
        Some((before, Step { kernel: Kernel::Joint(kernel), inputs, dtype: step.dtype }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Tile, TileMut};

    #[derive(Debug)]
    struct Single;
    /// Joins what makes its first input.
    #[derive(Debug)]
    struct Joiner;

    impl Elementwise for Single {
        fn apply(&self, _inputs: &[Tile<'_>], _out: &mut TileMut<'_>) {}
    }

    impl Elementwise for Joiner {
        fn apply(&self, _inputs: &[Tile<'_>], _out: &mut TileMut<'_>) {}

        fn after(
            &self,
            _before: &dyn Elementwise,
            at: &[usize],
            _dtypes: &[DType],
        ) -> Option<Box<dyn Elementwise>> {
            at.contains(&0).then(|| Box::new(Single) as Box<dyn Elementwise>)
        }
    }

    fn step<'a>(kernel: &'a dyn Elementwise, inputs: &[Input]) -> Step<'a> {
        let inputs = inputs.iter().map(|&input| (input, DType::F64)).collect();
        Step { kernel: Kernel::Node(kernel), inputs, dtype: DType::F64 }
    }

    fn inputs(steps: Vec<Step<'_>>) -> Vec<Vec<Input>> {
        let of = |step: &Step<'_>| step.inputs.iter().map(|(input, _)| *input).collect();
        fused(steps).iter().map(of).collect()
    }

    #[test]
    fn a_step_that_only_one_other_reads_becomes_part_of_it() {
        use Input::{Operand, Step as Before};
        let joined = inputs(vec![
            step(&Single, &[Operand(0), Operand(1)]),
            step(&Single, &[Operand(2)]),
            step(&Joiner, &[Before(0), Before(1)]),
        ]);
        // The first is gone, and took its number with it.
        assert_eq!(joined, [vec![Operand(2)], vec![Operand(0), Operand(1), Before(0)]]);
        let twice = inputs(vec![step(&Single, &[Operand(0)]), step(&Joiner, &[Before(0), Before(0)])]);
        assert_eq!(twice, [vec![Operand(0)]]);
    }

    #[test]
    fn what_others_read_too_stays() {
        use Input::{Operand, Step as Before};
        let steps = || {
            vec![
                step(&Single, &[Operand(0)]),
                step(&Joiner, &[Before(0), Operand(1)]),
                step(&Single, &[Before(0), Before(1)]),
            ]
        };
        assert_eq!(inputs(steps()).len(), 3);
        let not_at_first =
            inputs(vec![step(&Single, &[Operand(0)]), step(&Joiner, &[Operand(1), Before(0)])]);
        assert_eq!(not_at_first.len(), 2);
    }
}
