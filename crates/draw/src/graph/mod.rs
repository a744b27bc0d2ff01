//! Pictures of expressions and plans.
//!
//! A [`Diagram`] holds boxes and arrows; `layout` gives them places, `render` writes SVG and `dot` text for Graphviz.
//! Data flow from the bottom to the top: sources stand at the foot, results at the head, as in Dask's pictures. What
//! the boxes are is said by one file each: `expression`, `stages`, `tasks`, `chunks`.

mod chunks;
mod diagram;
mod dot;
mod expression;
mod file;
mod fold;
mod layout;
mod names;
mod order;
mod place;
mod render;
mod stages;
mod tasks;
#[cfg(test)]
mod tests;

use brickwork_core::Value;
use brickwork_core::plan::{Graph, Plan};

use crate::error::{DrawError, Result};
pub use diagram::{BoxKind, Diagram, DiagramBox};
pub use file::{PictureFormat, write_diagram};
use names::count;

/// What a picture of a computation shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GraphView {
    /// Every operation once.
    Expression,
    /// The stages of the plan.
    Stages,
    /// The tasks of the plan.
    Tasks,
    /// The blocked algorithm over the arrays' own chunks.
    Chunks,
}

/// A diagram, and what was drawn instead of what was asked for.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The diagram.
    pub diagram: Diagram,
    /// What it shows.
    pub view: GraphView,
    /// Why it shows the stages, if something else was asked for or would be drawn of less.
    pub note: Option<String>,
}

/// Boxes of a picture of chunks that nobody asked for by name, in all and side by side.
const FEW_BOXES: (usize, usize) = (100, 24);

/// Boxes of any picture.
const MOST_BOXES: usize = 600;

/// Draws what a plan computes. Without a wish, the chunks where there are few, else the stages; what would have too
/// many boxes is drawn as stages, with a note that says so.
///
/// # Errors
/// If even the stages are too many for a picture.
pub fn draw_plan(values: &[&Value], plan: &Plan, view: Option<GraphView>) -> Result<Drawn> {
    let drawn = |diagram, view| Ok(Drawn { diagram, view, note: None });
    let graph = Graph::lower(values);
    let note = match view {
        Some(GraphView::Expression) => {
            let diagram = Diagram::of_expression(&graph);
            if diagram.boxes().len() <= MOST_BOXES {
                return drawn(diagram, GraphView::Expression);
            }
            let boxes = count(diagram.boxes().len());
            format!(
                "drawn as stages: the expression has {boxes} operations that differ, and a picture holds {MOST_BOXES}"
            )
        }
        Some(GraphView::Tasks) => match Diagram::of_tasks(plan, MOST_BOXES)? {
            Some(diagram) => return drawn(diagram, GraphView::Tasks),
            None => {
                let tasks = count(plan.num_tasks());
                format!("drawn as stages: the plan has {tasks} tasks, and a picture holds {MOST_BOXES}")
            }
        },
        Some(GraphView::Chunks) => match Diagram::of_chunks(&graph, MOST_BOXES)? {
            Some(diagram) => return drawn(diagram, GraphView::Chunks),
            None => format!("drawn as stages: the chunks are more than a picture holds ({MOST_BOXES})"),
        },
        Some(GraphView::Stages) => String::new(),
        None => {
            match Diagram::of_chunks(&graph, FEW_BOXES.0)?.filter(|it| it.widest_group() <= FEW_BOXES.1) {
                Some(diagram) => return drawn(diagram, GraphView::Chunks),
                None => format!(
                    "drawn as stages: a picture of the chunks would have more than {} boxes, or {} side by side",
                    FEW_BOXES.0, FEW_BOXES.1
                ),
            }
        }
    };
    let diagram = Diagram::of_stages(plan);
    if diagram.boxes().len() > MOST_BOXES {
        return Err(DrawError::TooLarge {
            what: "the stages",
            boxes: diagram.boxes().len(),
            most: MOST_BOXES,
        });
    }
    Ok(Drawn { diagram, view: GraphView::Stages, note: Some(note).filter(|note| !note.is_empty()) })
}
