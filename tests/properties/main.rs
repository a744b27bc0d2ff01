//! Every operation against the naive reference: random shapes (0-d, empty axes, length 1), inputs in memory and read
//! in uneven chunks, under several schedulers, forced grids, patches and tiles, with fusion and without.

mod assemble;
mod elementwise;
mod indices;
mod reductions;
mod staged;
mod together;
mod user;
mod views;

/// Cases of a property: each is computed about a dozen times.
const CASES: u32 = 32;

/// Signed axes, as the operations take them.
fn signed(axes: &[usize]) -> Vec<isize> {
    axes.iter().map(|&axis| axis as isize).collect()
}
