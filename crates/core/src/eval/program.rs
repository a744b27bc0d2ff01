//! Running a program of elementwise instructions: tile by tile, so that all tiles alive stay in the first-level cache.

use std::sync::Arc;

use smallvec::SmallVec;

use super::demand::Demand;
use super::patch::view_through;
use super::superinstructions::{Input, Kernel, Step, fused};
use super::tiles::{Loads, Others, Registers, Source, Sources};
use crate::block::{Block, BlockMut};
use crate::buffer::BufferPool;
use crate::dtype::DType;
use crate::error::Result;
use crate::operation::{Kind, Tile, TileMut};
use crate::plan::Graph;
use crate::region::Region;
use crate::strided::{Shape, Strides};

/// Rows shorter than this run together in one tile.
const SHORT_ROW: usize = 128;

/// What all live tiles of a program together should fit in, in bytes.
const TILE_BYTES: usize = 32 << 10;

/// So many operands count among them. More than that come past once, and need not stay.
const MOST_STREAMS: usize = 2;

/// Elements of a tile where nothing passes from one instruction to another, and operands are read where they lie (short
/// rows are gathered, which takes as long in such a tile as in a smaller one).
const STREAMED_TILE: usize = 8192;

/// Instructions of up to so many inputs find room for their tiles without asking for memory.
const FEW_INPUTS: usize = 9;

/// Where an instruction finds an operand.
#[derive(Debug, Clone, Copy)]
enum From {
    Operand(usize),
    Register(usize, DType),
}

impl From {
    #[inline(always)]
    fn tile<'a>(self, sources: &[Source<'a>], loads: &'a Loads, others: Others<'a>, len: usize) -> Tile<'a> {
        match self {
            From::Operand(k) => loads.tile(sources, k, len),
            From::Register(register, dtype) => others.tile(register, len, dtype),
        }
    }
}

struct Instruction<'a> {
    kernel: Kernel<'a>,
    inputs: SmallVec<[From; 4]>,
    /// `None` writes the output of the program.
    register: Option<usize>,
    dtype: DType,
}

/// Elementwise instructions over one region: every part of it can be computed on its own.
pub(super) struct Program<'a> {
    operands: Vec<Block>,
    instructions: Vec<Instruction<'a>>,
    registers: usize,
    dtype: DType,
    scratch: Option<Box<Scratch>>,
}

impl<'a> Program<'a> {
    /// The program of some instances, the last of which is its output.
    pub fn new(
        graph: &'a Graph,
        demand: &Demand,
        members: &[usize],
        lookup: &dyn Fn(usize) -> Block,
        pool: &Arc<BufferPool>,
    ) -> Self {
        let mut operands: Vec<Block> = Vec::new();
        let mut steps: Vec<Step<'a>> = Vec::with_capacity(members.len());
        for &number in members {
            let instance = &demand.instances[number];
            let node = &graph.nodes[instance.slot.node];
            let Kind::Elementwise(kernel) = node.op.kind() else { unreachable!("programs are elementwise") };
            let inputs = instance.references.iter().enumerate().map(|(k, reference)| {
                match members[..steps.len()].iter().position(|&member| member == reference.instance) {
                    Some(step) => (Input::Step(step), steps[step].dtype),
                    None => {
                        let region = &demand.instances[reference.instance].region;
                        let block = lookup(reference.instance);
                        let view = view_through(&block, region, &node.maps[k], &instance.region);
                        operands.push(in_rows(view, pool));
                        (Input::Operand(operands.len() - 1), block.dtype())
                    }
                }
            });
            let inputs = inputs.collect();
            steps.push(Step { kernel: Kernel::Node(kernel), inputs, dtype: graph.meta(instance.slot).dtype });
        }
        let dtype = steps.last().expect("a program has an instruction").dtype;
        let (instructions, registers) = with_registers(fused(steps));
        Program { operands, instructions, registers, dtype, scratch: None }
    }

    /// Type of the values.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// All values of a region of this shape.
    pub fn run(&mut self, shape: &[usize], pool: &Arc<BufferPool>, forced_tile: Option<usize>) -> Block {
        let mut out = BlockMut::take(self.dtype, shape, Some(pool));
        self.fill(&mut out, forced_tile);
        out.freeze()
    }

    /// The values at some rising positions of the region.
    pub fn part(&mut self, positions: &Region, pool: &Arc<BufferPool>, forced_tile: Option<usize>) -> Block {
        let whole = self.narrow(positions);
        let block = self.run(&positions.lens(), pool, forced_tile);
        self.operands = whole;
        block
    }

    /// Computes the values at some rising positions of the region in runs along the last axis, of up to `run` elements:
    /// `visit` is given the number of the line, that of the run on it, and the values.
    pub fn in_runs(
        &mut self,
        positions: &Region,
        run: usize,
        forced_tile: Option<usize>,
        visit: &mut dyn FnMut(usize, usize, Tile<'_>) -> Result<()>,
    ) -> Result<()> {
        let whole = self.narrow(positions);
        let mut scratch = self.scratch(forced_tile);
        let done = self.visit_runs(&mut scratch, &positions.lens(), run, visit);
        self.scratch = Some(scratch);
        self.operands = whole;
        done
    }

    /// Takes a part of every operand instead of the whole, which is returned.
    fn narrow(&mut self, positions: &Region) -> Vec<Block> {
        let parts = self.operands.iter().map(|operand| operand.slice(positions)).collect();
        std::mem::replace(&mut self.operands, parts)
    }
}

/// Gives every step's result a register, and takes it back after its last use; never one that the step reads.
fn with_registers(steps: Vec<Step<'_>>) -> (Vec<Instruction<'_>>, usize) {
    let mut last_use: SmallVec<[Option<usize>; 8]> = SmallVec::from_elem(None, steps.len());
    for (number, step) in steps.iter().enumerate() {
        for before in step.steps() {
            last_use[before] = Some(number);
        }
    }
    let mut register_of: SmallVec<[Option<usize>; 8]> = SmallVec::from_elem(None, steps.len());
    let dtypes: SmallVec<[DType; 8]> = steps.iter().map(|step| step.dtype).collect();
    let (mut free, mut count) = (Vec::new(), 0);
    let mut instructions = Vec::with_capacity(steps.len());
    for (number, step) in steps.into_iter().enumerate() {
        let register = last_use[number].map(|_| {
            free.pop().unwrap_or_else(|| {
                count += 1;
                count - 1
            })
        });
        register_of[number] = register;
        let inputs = step.inputs.iter().map(|(input, _)| match *input {
            Input::Operand(k) => From::Operand(k),
            Input::Step(before) => {
                From::Register(register_of[before].expect("what is read has a register"), dtypes[before])
            }
        });
        let inputs = inputs.collect();
        let mut ended: SmallVec<[usize; 4]> =
            step.steps().filter(|&before| last_use[before] == Some(number)).collect();
        ended.sort_unstable();
        ended.dedup();
        free.extend(ended.into_iter().filter_map(|before| register_of[before]));
        instructions.push(Instruction { kernel: step.kernel, inputs, register, dtype: step.dtype });
    }
    (instructions, count)
}

/// An operand that is the same in every row but lies apart within one, brought together: once, and not for every row.
fn in_rows(operand: Block, pool: &Arc<BufferPool>) -> Block {
    let (shape, strides) = (operand.shape(), operand.strides());
    let Some((last, outer)) = strides.split_last() else { return operand };
    let is_repeated = outer.iter().zip(shape).any(|(&stride, &len)| stride == 0 && len > 1);
    if matches!(last, 0 | 1) || !is_repeated {
        return operand;
    }
    let once: Shape =
        shape.iter().zip(strides).map(|(&len, &stride)| if stride == 0 { 1 } else { len }).collect();
    let dense = operand.restrided(once.clone(), Strides::from_slice(strides), 0).to_dense(Some(pool));
    let repeated = dense.strides().iter().zip(&once).zip(shape);
    let strides: Strides =
        repeated.map(|((&stride, &once), &len)| if once == 1 && len > 1 { 0 } else { stride }).collect();
    dense.restrided(Shape::from_slice(shape), strides, 0)
}

/// One axis of the program's region after merging what lies together in every operand.
pub(super) struct Axis {
    pub len: usize,
    pub strides: Strides,
}

/// What a program computes with, kept from one of its parts to the next.
struct Scratch {
    registers: Registers,
    loads: Loads,
    /// Elements of a tile.
    tile: usize,
    /// A run of results, where they go to no block.
    result: Option<Registers>,
}

impl Program<'_> {
    fn fill(&mut self, out: &mut BlockMut, forced_tile: Option<usize>) {
        let axes = self.axes(out.shape(), 0);
        let item = out.dtype().itemsize();
        let size = out.size();
        let inner = axes.last().map_or(1, |axis| axis.len);
        let mut scratch = self.scratch(forced_tile);
        let sources: Sources<'_> = self.operands.iter().map(Source::new).collect();
        let Scratch { registers, loads, tile, .. } = &mut *scratch;
        let bytes = out.bytes_mut();
        let none = Strides::from_elem(0, self.operands.len());
        let strides = axes.last().map_or(&none, |axis| &axis.strides);
        if inner >= SHORT_ROW || inner == size {
            for (row, line) in bytes.chunks_exact_mut(inner * item).enumerate() {
                loads.start_row(&sources, &axes, row);
                for (number, line) in line.chunks_mut(*tile * item).enumerate() {
                    let len = line.len() / item;
                    loads.load(&sources, strides, number * *tile, len);
                    self.tile(&sources, loads, registers, len, line);
                }
            }
        } else {
            let rows = (*tile / inner).max(1);
            for (number, lines) in bytes.chunks_mut(rows * inner * item).enumerate() {
                let len = lines.len() / item;
                loads.load_rows(&sources, &axes, number * rows, len / inner);
                self.tile(&sources, loads, registers, len, lines);
            }
        }
        self.scratch = Some(scratch);
    }

    fn visit_runs(
        &self,
        scratch: &mut Scratch,
        shape: &[usize],
        run: usize,
        visit: &mut dyn FnMut(usize, usize, Tile<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some(&inner) = shape.last() else { return Ok(()) };
        let Scratch { registers, loads, tile, result } = scratch;
        let (axes, item) = (self.axes(shape, 1), self.dtype.itemsize());
        let (run, sources) =
            (run.clamp(1, inner), self.operands.iter().map(Source::new).collect::<Sources<'_>>());
        if result.as_ref().is_none_or(|result| result.nbytes() < run * item) {
            *result = None;
        }
        let result = result.get_or_insert_with(|| Registers::new(1, run, item));
        let strides = &axes[axes.len() - 1].strides;
        // Tiles of a run are about equally long.
        let tile = run.div_ceil(run.div_ceil(*tile)).next_multiple_of(64).min(*tile);
        for line in 0..shape[..shape.len() - 1].iter().product() {
            loads.start_row(&sources, &axes, line);
            for (number, start) in (0..inner).step_by(run).enumerate() {
                let len = run.min(inner - start);
                let values = &mut result.writing(0).0[..len * item];
                for (k, values) in values.chunks_mut(tile * item).enumerate() {
                    let len = values.len() / item;
                    loads.load(&sources, strides, start + k * tile, len);
                    self.tile(&sources, loads, registers, len, values);
                }
                visit(line, number, Tile::from_bytes(values, self.dtype, false))?;
            }
        }
        Ok(())
    }

    fn scratch(&mut self, forced_tile: Option<usize>) -> Box<Scratch> {
        self.scratch.take().unwrap_or_else(|| {
            let tile = self.tile_len(forced_tile);
            let capacity = tile.max(SHORT_ROW);
            let registers = Registers::new(self.registers, capacity, self.widest());
            Box::new(Scratch {
                registers,
                loads: Loads::new(self.operands.len(), capacity),
                tile,
                result: None,
            })
        })
    }

    /// Bytes of the widest element.
    fn widest(&self) -> usize {
        self.instructions.iter().map(|instruction| instruction.dtype.itemsize()).max().unwrap_or(8)
    }

    /// Elements of a tile.
    fn tile_len(&self, forced: Option<usize>) -> usize {
        let is_in_place = |operand: &Block| matches!(operand.strides().last(), None | Some(0 | 1));
        if forced.is_none() && self.registers == 0 && self.operands.iter().all(is_in_place) {
            return STREAMED_TILE;
        }
        // One number for a whole row takes no room.
        let is_stream = |operand: &&Block| operand.strides().last().is_some_and(|&stride| stride != 0);
        let streams = self.operands.iter().filter(is_stream).count();
        let live = (self.registers + 1 + streams.min(MOST_STREAMS)) * self.widest().max(4);
        forced.unwrap_or((TILE_BYTES / live).clamp(256, 2048) / 64 * 64).max(1)
    }

    /// The axes that are left after merging; the last `kept` of them stay what they are.
    fn axes(&self, shape: &[usize], kept: usize) -> Vec<Axis> {
        let mut axes: Vec<Axis> = Vec::with_capacity(shape.len());
        for (axis, &len) in shape.iter().enumerate() {
            let may_merge = axis + kept < shape.len();
            if len == 1 && may_merge {
                continue;
            }
            let strides: Strides = self.operands.iter().map(|operand| operand.strides()[axis]).collect();
            if let Some(last) = axes.last_mut()
                && may_merge
                && last.strides.iter().zip(&strides).all(|(outer, inner)| *outer == inner * len as isize)
            {
                *last = Axis { len: last.len * len, strides };
                continue;
            }
            axes.push(Axis { len, strides });
        }
        axes
    }

    #[inline]
    fn tile(
        &self,
        sources: &[Source<'_>],
        loads: &Loads,
        registers: &mut Registers,
        len: usize,
        out: &mut [u8],
    ) {
        for instruction in &self.instructions {
            // No instruction reads the register that it writes.
            let (target, others) = match instruction.register {
                Some(register) => {
                    let (target, others) = registers.writing(register);
                    (&mut target[..len * instruction.dtype.itemsize()], others)
                }
                None => (&mut *out, registers.reading()),
            };
            let mut target = TileMut::from_bytes(target, instruction.dtype);
            let tile = |from: &From| from.tile(sources, loads, others, len);
            let (kernel, inputs) = (instruction.kernel.get(), &instruction.inputs);
            let mut few = [Tile::from_bytes(&[], DType::Bool, false); FEW_INPUTS];
            match few.get_mut(..inputs.len()) {
                Some(tiles) => {
                    for (place, input) in tiles.iter_mut().zip(inputs) {
                        *place = tile(input);
                    }
                    kernel.apply(tiles, &mut target);
                }
                None => kernel.apply(&inputs.iter().map(tile).collect::<Vec<_>>(), &mut target),
            }
        }
    }
}
