//! What a task will hand over, told without running it.

use super::stage::{Plan, StageOutput, part_of};
use crate::eval::Fold;
use crate::region::{AxisRange, Region};

impl Plan {
    /// The targets that a task delivers to, and the region of each, in coordinates of its value. Of a reduction that is
    /// cut between cells, the region that the task has a part in.
    pub fn deliveries(&self, stage: usize, number: usize) -> Vec<(usize, Region)> {
        let cell = self.stages[stage].cell(number);
        let mut found = Vec::new();
        for output in &self.stages[stage].outputs {
            match output {
                StageOutput::Written { targets, image, .. } => {
                    let part = part_of(image, &cell);
                    found.extend(targets.iter().map(|&target| (target, part.clone())));
                }
                StageOutput::Folded { node, targets } => {
                    let kept = Fold::new(&self.graph, *node).kept_region(&cell);
                    for &(_, target) in targets {
                        let meta = self.graph.meta(self.targets[target].slot);
                        let rest = meta.shape[kept.ndim()..].iter().map(|&len| AxisRange::new(0, len));
                        found.push((target, Region::from_iter(kept.axes().iter().copied().chain(rest))));
                    }
                }
            }
        }
        let opposite = found
            .iter()
            .filter_map(|(target, region)| Some((*target, self.mirrored(*target, region)?)))
            .collect::<Vec<_>>();
        found.extend(opposite);
        found
    }
}
