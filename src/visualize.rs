//! Pictures of how arrays are computed.

use std::path::Path;
use std::sync::Arc;

use brickwork_core::plan::{ImaginedStore, PlanOptions, Request, plan};
use brickwork_core::{Error, Lazy, Value};
use brickwork_draw::{Drawn, GraphView, PictureFormat, Result, draw_plan, write_diagram};
use brickwork_ops::Array;
use brickwork_sched::{Scheduler, Threads};

/// What a picture shows, and for whom the plan is made that it shows.
#[derive(Debug, Clone)]
pub struct VisualizeOptions {
    /// What is drawn; by default the chunks where there are few, else the stages.
    pub view: Option<GraphView>,
    /// What the plan may use; by default what a computation may use.
    pub plan: PlanOptions,
}

impl Default for VisualizeOptions {
    fn default() -> Self {
        VisualizeOptions { view: None, plan: Threads::default().options() }
    }
}

/// Draws how an array is computed into a file; its ending is `.svg`, `.png` or `.dot`. Computes nothing. Says what was
/// drawn: where there are too many chunks for a picture, the stages of the plan.
///
/// ```
/// use brickwork::prelude::*;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("brickwork-visualize-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let file = folder.join("mean.svg");
/// let x = brickwork::random::default_rng(Some(1)).normal(0.0, 0.1, &[800_000_000], 200_000_000)?;
/// brickwork::visualize(&x.mean(())?, &file)?;
/// assert!(std::fs::read_to_string(&file)?.contains("aggregate"));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the ending names no format, the array cannot be planned, or the file cannot be written.
pub fn visualize(array: &Array, path: impl AsRef<Path>) -> Result<Drawn> {
    visualize_with(&[array], path, &VisualizeOptions::default())
}

/// [`visualize`] for several arrays that are computed together, with options.
///
/// # Errors
/// As [`visualize`].
pub fn visualize_with(
    arrays: &[&Array],
    path: impl AsRef<Path>,
    options: &VisualizeOptions,
) -> Result<Drawn> {
    let path = path.as_ref();
    let format = PictureFormat::of(path)?;
    let values: Vec<&Value> = arrays.iter().map(|array| array.value()).collect();
    let collect: Vec<Request> = values.iter().map(|&value| Request::Collect(value.clone())).collect();
    let plan = match plan(&collect, &options.plan) {
        // What no memory holds can still be stored.
        Err(Error::MemoryTooSmall { .. }) => {
            let sink = Arc::new(ImaginedStore);
            let store = |value: &&Value| Request::Store((*value).clone(), sink.clone());
            plan(&values.iter().map(store).collect::<Vec<_>>(), &options.plan)?
        }
        other => other?,
    };
    let drawn = draw_plan(&values, &plan, options.view)?;
    write_diagram(&drawn.diagram, path, format)?;
    Ok(drawn)
}
