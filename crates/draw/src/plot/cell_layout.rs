//! How large the cells of a heat map are drawn, and how many elements share one.

use super::axes::Size;

/// The frame of a picture whose size is left open, in pixels.
const OPEN: (f64, f64) = (900.0, 720.0);
/// The part of a picture of given size that the frame takes, roughly.
const SHARE: f64 = 0.8;
/// A frame is at most so many times longer one way than the other: beyond that, cells are no longer square.
const MOST_ASPECT: f64 = 6.0;
/// The most pixels of a cell along an axis.
const MOST_CELL: f64 = 160.0;

/// Elements along both axes that share a cell, so that about as many cells are drawn as the frame has pixels, or fewer.
pub(super) fn factors(shape: [usize; 2], size: Size) -> [usize; 2] {
    let (width, height) = fitted(shape, estimated_room(size));
    let factor = |length: usize, pixels: f64| {
        let elements = length as f64 / pixels.max(1.0);
        // An open size may grow a little, a given one may not.
        let is_open = size == (None, None);
        (if is_open { elements.round() } else { elements.ceil() }).max(1.0) as usize
    };
    let (down, across) = (factor(shape[0], height), factor(shape[1], width));
    if is_stretched(shape) { [down, across] } else { [down.max(across); 2] }
}

/// The frame of an open size, before any text is measured.
pub(super) fn open_size(shape: [usize; 2], factors: [usize; 2], asked: Size) -> (f64, f64) {
    let room = estimated_room(asked);
    size(shape, factors, (asked.0.map(|_| room.0), asked.1.map(|_| room.1)))
}

/// The frame's size in whole pixels, in the room that is given, or as the cells suggest.
pub(super) fn size(shape: [usize; 2], factors: [usize; 2], room: (Option<f64>, Option<f64>)) -> (f64, f64) {
    let is_open = room.0.is_none() && room.1.is_none();
    let room = match room {
        (None, None) => OPEN,
        // One side alone decides, unless the other would become excessive.
        (Some(width), None) => (width, width * 1.5),
        (None, Some(height)) => (height * 2.5, height),
        (Some(width), Some(height)) => (width, height),
    };
    let (width, height) = fitted(shape, room);
    if !is_open {
        return (width.floor().max(1.0), height.floor().max(1.0));
    }
    // Every cell the same number of pixels: nothing is drawn wider than its neighbour.
    let snapped = |pixels: f64, length: usize, factor: usize| {
        let cells = length as f64 / factor as f64;
        ((pixels / cells).round().max(1.0) * cells).round().max(1.0)
    };
    if is_stretched(shape) {
        return (snapped(width, shape[1], factors[1]), snapped(height, shape[0], factors[0]));
    }
    let cells = [shape[0] as f64 / factors[0] as f64, shape[1] as f64 / factors[1] as f64];
    let pixels = (width / cells[1]).round().max(1.0);
    ((cells[1] * pixels).round().max(1.0), (cells[0] * pixels).round().max(1.0))
}

fn estimated_room(size: Size) -> (f64, f64) {
    let part = |pixels: usize| pixels as f64 * SHARE;
    match size {
        (None, None) => OPEN,
        (Some(width), None) => (part(width), part(width) * 1.5),
        (None, Some(height)) => (part(height) * 2.5, part(height)),
        (Some(width), Some(height)) => (part(width), part(height)),
    }
}

/// The largest frame in some room, of the shape's aspect as far as that is bearable.
fn fitted(shape: [usize; 2], room: (f64, f64)) -> (f64, f64) {
    let aspect = aspect(shape).clamp(1.0 / MOST_ASPECT, MOST_ASPECT);
    let width = room.0.min(room.1 * aspect).min(shape[1] as f64 * MOST_CELL);
    let height = (width / aspect).min(shape[0] as f64 * MOST_CELL);
    if is_stretched(shape) { (width, height) } else { (height * aspect, height) }
}

/// Width over height.
fn aspect(shape: [usize; 2]) -> f64 {
    shape[1] as f64 / shape[0] as f64
}

fn is_stretched(shape: [usize; 2]) -> bool {
    !(1.0 / MOST_ASPECT..=MOST_ASPECT).contains(&aspect(shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_square_unless_an_axis_is_very_long() {
        let (width, height) = size([100, 200], [1, 1], (None, None));
        assert_eq!(width, 2.0 * height);
        let (width, height) = size([1, 1000], [1, 1], (None, None));
        assert!((5.0..9.0).contains(&(width / height)), "{width} × {height}");
        let (width, height) = size([1000, 1], [1, 1], (None, None));
        assert!((5.0..9.0).contains(&(height / width)), "{width} × {height}");
        assert_eq!(size([1, 1], [1, 1], (None, None)), (MOST_CELL, MOST_CELL));
    }

    #[test]
    fn an_open_size_gives_every_cell_the_same_number_of_pixels() {
        for shape in [[1440, 2880], [333, 500], [7, 5], [901, 700]] {
            let factors = factors(shape, (None, None));
            let (width, _) = size(shape, factors, (None, None));
            let pixels = width / (shape[1] as f64 / factors[1] as f64);
            assert!((pixels - pixels.round()).abs() < 0.01, "{shape:?}: {pixels}");
        }
    }

    #[test]
    fn no_more_cells_than_pixels() {
        assert_eq!(factors([100, 100], (None, None)), [1, 1]);
        for shape in [[100_000, 100_000], [1, usize::MAX >> 11], [3_000_000, 20], [1441, 2879]] {
            for asked in [(None, None), (Some(300), None), (Some(2000), Some(1000))] {
                let [down, across] = factors(shape, asked);
                let cells = shape[0].div_ceil(down) * shape[1].div_ceil(across);
                assert!(cells <= 2_000_000, "{shape:?}: {cells}");
            }
        }
        assert_eq!(factors([1440, 2880], (None, None)), [3, 3]);
    }
}
