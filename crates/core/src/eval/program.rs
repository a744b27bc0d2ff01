//! Running a program of elementwise instructions: tile by tile, so that all tiles alive stay in the first-level cache.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};
use smallvec::SmallVec;

use super::demand::Demand;
use super::patch::view_through;
use super::superinstructions::{Input, Kernel, Step, fused};
use crate::block::{Block, BlockMut};
use crate::buffer::BufferPool;
use crate::dtype::DType;
use crate::operation::{Kind, Tile, TileMut};
use crate::plan::Graph;
use crate::region::Region;
use crate::strided::{Shape, Strides};

/// Rows shorter than this run together in one tile.
const SHORT_ROW: usize = 128;

/// What all live tiles of a program together should fit in, in bytes.
const TILE_BYTES: usize = 32 << 10;

/// Where an instruction finds an operand.
#[derive(Debug, Clone, Copy)]
enum From {
    Operand(usize),
    Register(usize, DType),
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

    /// All values of a region of this shape.
    pub fn run(&mut self, shape: &[usize], pool: &Arc<BufferPool>, forced_tile: Option<usize>) -> Block {
        let mut out = BlockMut::take(self.dtype, shape, Some(pool));
        self.fill(&mut out, forced_tile);
        out.freeze()
    }

    /// The values at some rising positions of the region.
    pub fn part(&mut self, positions: &Region, pool: &Arc<BufferPool>, forced_tile: Option<usize>) -> Block {
        let parts = self.operands.iter().map(|operand| operand.slice(positions)).collect();
        let whole = std::mem::replace(&mut self.operands, parts);
        let block = self.run(&positions.lens(), pool, forced_tile);
        self.operands = whole;
        block
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
struct Axis {
    len: usize,
    strides: Strides,
}

impl Program<'_> {
    fn fill(&mut self, out: &mut BlockMut, forced_tile: Option<usize>) {
        let axes = self.axes(out.shape());
        let item = out.dtype().itemsize();
        let tile = self.tile_len(forced_tile);
        let size = out.size();
        let inner = axes.last().map_or(1, |axis| axis.len);
        let mut scratch = self.scratch.take().unwrap_or_else(|| Box::new(Scratch::new(self, tile)));
        let bytes = out.bytes_mut();
        let none = Strides::from_elem(0, self.operands.len());
        let strides = axes.last().map_or(&none, |axis| &axis.strides);
        if inner >= SHORT_ROW || inner == size {
            for (row, line) in bytes.chunks_exact_mut(inner * item).enumerate() {
                scratch.start_row(self, &axes, row);
                let mut along = 0;
                while along < inner {
                    let len = tile.min(inner - along);
                    scratch.load(self, strides, along, len);
                    self.tile(&mut scratch, len, &mut line[along * item..(along + len) * item]);
                    along += len;
                }
            }
        } else {
            let rows = (tile / inner).max(1);
            let total = size / inner;
            let mut row = 0;
            while row < total {
                let count = rows.min(total - row);
                scratch.load_rows(self, &axes, row, count);
                let (start, len) = (row * inner, count * inner);
                self.tile(&mut scratch, len, &mut bytes[start * item..(start + len) * item]);
                row += count;
            }
        }
        self.scratch = Some(scratch);
    }

    /// Elements of a tile.
    fn tile_len(&self, forced: Option<usize>) -> usize {
        let widest =
            self.instructions.iter().map(|instruction| instruction.dtype.itemsize()).max().unwrap_or(8);
        let live = (self.registers + self.operands.len().min(4) + 1) * widest.max(4);
        forced.unwrap_or((TILE_BYTES / live).clamp(256, 2048) / 64 * 64).max(1)
    }

    fn axes(&self, shape: &[usize]) -> Vec<Axis> {
        let mut axes: Vec<Axis> = Vec::with_capacity(shape.len());
        for (axis, &len) in shape.iter().enumerate() {
            if len == 1 {
                continue;
            }
            let strides: Strides = self.operands.iter().map(|operand| operand.strides()[axis]).collect();
            if let Some(last) = axes.last_mut()
                && last.strides.iter().zip(&strides).all(|(outer, inner)| *outer == inner * len as isize)
            {
                *last = Axis { len: last.len * len, strides };
                continue;
            }
            axes.push(Axis { len, strides });
        }
        axes
    }

    fn tile(&self, scratch: &mut Scratch, len: usize, out: &mut [u8]) {
        let Scratch { registers, gathered, loaded, lines, .. } = scratch;
        let mut operands: SmallVec<[Tile<'_>; 12]> = SmallVec::with_capacity(self.operands.len());
        for ((block, gathered), loaded) in self.operands.iter().zip(gathered.iter()).zip(loaded.iter()) {
            operands.push(operand(block, gathered, *loaded, len));
        }
        for instruction in &self.instructions {
            let item = instruction.dtype.itemsize();
            // No instruction reads the register that it writes.
            let at = instruction.register.map_or(registers.len(), |register| register * *lines);
            let (low, rest) = registers.split_at_mut(at);
            let (target, high) = rest.split_at_mut(if rest.is_empty() { 0 } else { *lines });
            let target = match instruction.register {
                Some(_) => &mut bytemuck::cast_slice_mut(target)[..len * item],
                None => &mut *out,
            };
            let mut target = TileMut::from_bytes(target, instruction.dtype);
            let tile = |from: From| match from {
                From::Operand(k) => operands[k],
                From::Register(register, dtype) => {
                    let start = register * *lines;
                    let words = if start < at { &low[start..] } else { &high[start - at - *lines..] };
                    let bytes: &[u8] = bytemuck::cast_slice(words);
                    Tile::from_bytes(&bytes[..len * dtype.itemsize()], dtype, false)
                }
            };
            let kernel = instruction.kernel.get();
            match *instruction.inputs.as_slice() {
                [a] => kernel.apply(&[tile(a)], &mut target),
                [a, b] => kernel.apply(&[tile(a), tile(b)], &mut target),
                [a, b, c] => kernel.apply(&[tile(a), tile(b), tile(c)], &mut target),
                [a, b, c, d] => kernel.apply(&[tile(a), tile(b), tile(c), tile(d)], &mut target),
                [a, b, c, d, e] => kernel.apply(&[tile(a), tile(b), tile(c), tile(d), tile(e)], &mut target),
                ref inputs => {
                    let tiles: Vec<Tile<'_>> = inputs.iter().copied().map(tile).collect();
                    kernel.apply(&tiles, &mut target);
                }
            }
        }
    }
}

/// An operand of the current tile.
#[inline(always)]
fn operand<'a>(block: &'a Block, gathered: &'a [Line], loaded: Loaded, len: usize) -> Tile<'a> {
    let (dtype, item) = (block.dtype(), block.dtype().itemsize());
    match loaded {
        Loaded::InPlace(first) => {
            Tile::from_bytes(&block.buffer_bytes()[first * item..][..len * item], dtype, false)
        }
        Loaded::Scalar(first) => Tile::from_bytes(&block.buffer_bytes()[first * item..][..item], dtype, true),
        Loaded::Gathered => Tile::from_bytes(&bytemuck::cast_slice(gathered)[..len * item], dtype, false),
    }
}

/// Where the operands of the current tile are.
#[derive(Debug, Clone, Copy)]
enum Loaded {
    /// In the operand's block, one after the other from this element.
    InPlace(usize),
    /// One element for all.
    Scalar(usize),
    /// Gathered into the operand's own scratch.
    Gathered,
}

/// A line of a cache: vectors that lie across two of them cost twice as much.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// Lines between registers: what lies a multiple of 4 KiB apart gets in each other's way in the processor.
const APART: usize = 5;

struct Scratch {
    /// Tiles between instructions, one after the other.
    registers: Vec<Line>,
    /// From one of them to the next.
    lines: usize,
    gathered: SmallVec<[Vec<Line>; 4]>,
    loaded: SmallVec<[Loaded; 4]>,
    /// By operand: the element of its block at which the current row begins.
    row_starts: Strides,
    capacity: usize,
}

impl Scratch {
    fn new(program: &Program<'_>, tile: usize) -> Self {
        let capacity = tile.max(SHORT_ROW);
        let widest = program.instructions.iter().map(|i| i.dtype.itemsize()).max().unwrap_or(8);
        let lines = (capacity * widest).div_ceil(size_of::<Line>()) + APART;
        Scratch {
            registers: vec![Line::zeroed(); program.registers * lines],
            lines,
            gathered: program.operands.iter().map(|_| Vec::new()).collect(),
            loaded: SmallVec::from_elem(Loaded::Gathered, program.operands.len()),
            row_starts: Strides::from_elem(0, program.operands.len()),
            capacity,
        }
    }

    /// Goes to a row.
    fn start_row(&mut self, program: &Program<'_>, axes: &[Axis], row: usize) {
        for ((k, start), operand) in self.row_starts.iter_mut().enumerate().zip(&program.operands) {
            *start = operand.offset() as isize;
            let mut left = row;
            for axis in axes[..axes.len().saturating_sub(1)].iter().rev() {
                *start += (left % axis.len) as isize * axis.strides[k];
                left /= axis.len;
            }
        }
    }

    /// Makes `len` elements of the current row ready, from the element `along`.
    fn load(&mut self, program: &Program<'_>, strides: &[isize], along: usize, len: usize) {
        for (k, &stride) in strides.iter().enumerate() {
            let start = self.row_starts[k] + along as isize * stride;
            self.loaded[k] = match stride {
                0 => Loaded::Scalar(start as usize),
                1 => Loaded::InPlace(start as usize),
                _ => {
                    self.gather(&program.operands[k], k, start, stride, len);
                    Loaded::Gathered
                }
            };
        }
    }

    /// Makes several whole rows ready.
    fn load_rows(&mut self, program: &Program<'_>, axes: &[Axis], row: usize, count: usize) {
        let inner = axes.last().map_or(1, |axis| axis.len);
        for (k, operand) in program.operands.iter().enumerate() {
            if axes.iter().all(|axis| axis.strides[k] == 0) {
                self.loaded[k] = Loaded::Scalar(operand.offset());
                continue;
            }
            self.gather_rows(operand, k, axes, row, count, inner);
            self.loaded[k] = Loaded::Gathered;
        }
    }

    fn gather_rows(
        &mut self,
        operand: &Block,
        k: usize,
        axes: &[Axis],
        row: usize,
        count: usize,
        inner: usize,
    ) {
        let (last, outer) =
            axes.split_last().map_or((0, &axes[..0]), |(last, outer)| (last.strides[k], outer));
        // Where the first row begins, and how to go on from row to row.
        let mut at = operand.offset() as isize;
        let mut index = Shape::from_elem(0, outer.len());
        let mut left = row;
        for (axis, index) in outer.iter().zip(&mut index).rev() {
            *index = left % axis.len;
            left /= axis.len;
            at += *index as isize * axis.strides[k];
        }
        let target = self.room(operand, k, count * inner);
        let item = operand.dtype().itemsize();
        let source = operand.buffer_bytes();
        macro_rules! gather_as {
            ($t:ty) => {{
                let source: &[$t] = bytemuck::cast_slice(&source[..source.len() / item * item]);
                let target: &mut [$t] = bytemuck::cast_slice_mut(target);
                for row in target.chunks_exact_mut(inner).take(count) {
                    let mut from = at;
                    for value in row {
                        *value = source[from as usize];
                        from += last;
                    }
                    for (axis, index) in outer.iter().zip(&mut index).rev() {
                        *index += 1;
                        at += axis.strides[k];
                        if *index < axis.len {
                            break;
                        }
                        at -= axis.strides[k] * axis.len as isize;
                        *index = 0;
                    }
                }
            }};
        }
        match item {
            1 => gather_as!(u8),
            2 => gather_as!(u16),
            4 => gather_as!(u32),
            8 => gather_as!(u64),
            16 => gather_as!([u64; 2]),
            _ => unreachable!("only numbers are computed with"),
        }
    }

    /// Scratch for `len` gathered elements of an operand.
    fn room(&mut self, operand: &Block, k: usize, len: usize) -> &mut [u8] {
        let item = operand.dtype().itemsize();
        let lines = (self.capacity.max(len) * item).div_ceil(size_of::<Line>()) + APART;
        if self.gathered[k].len() < lines {
            self.gathered[k].resize(lines, Line::zeroed());
        }
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.gathered[k]);
        &mut bytes[..len * item]
    }

    fn gather(&mut self, operand: &Block, k: usize, start: isize, stride: isize, len: usize) {
        let item = operand.dtype().itemsize();
        let target = self.room(operand, k, len);
        let source = operand.buffer_bytes();
        macro_rules! gather_as {
            ($t:ty) => {{
                let source: &[$t] = bytemuck::cast_slice(&source[..source.len() / item * item]);
                let target: &mut [$t] = bytemuck::cast_slice_mut(target);
                if stride == 1 {
                    target.copy_from_slice(&source[start as usize..start as usize + len]);
                } else {
                    for (i, value) in target.iter_mut().enumerate() {
                        *value = source[(start + i as isize * stride) as usize];
                    }
                }
            }};
        }
        match item {
            1 => gather_as!(u8),
            2 => gather_as!(u16),
            4 => gather_as!(u32),
            8 => gather_as!(u64),
            16 => gather_as!([u64; 2]),
            _ => {
                for i in 0..len {
                    let at = (start + i as isize * stride) as usize * item;
                    target[i * item..(i + 1) * item].copy_from_slice(&source[at..at + item]);
                }
            }
        }
    }
}
