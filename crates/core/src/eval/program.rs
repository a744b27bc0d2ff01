//! Running a program of elementwise instructions: tile by tile, so that all tiles alive stay in the first-level cache.

use std::sync::Arc;

use super::demand::Demand;
use super::patch::view_through;
use crate::block::{Block, BlockMut};
use crate::buffer::BufferPool;
use crate::dtype::DType;
use crate::operation::{Elementwise, Kind, Tile, TileMut};
use crate::plan::Graph;

/// Rows shorter than this run together in one tile.
const SHORT_ROW: usize = 128;

/// What all live tiles of a program together should fit in, in bytes.
const TILE_BYTES: usize = 32 << 10;

/// Where an instruction finds an operand.
#[derive(Debug, Clone, Copy)]
enum From {
    Operand(usize),
    Register(usize),
}

struct Instruction<'a> {
    kernel: &'a dyn Elementwise,
    inputs: Vec<From>,
    /// `None` writes the output of the program.
    register: Option<usize>,
    dtype: DType,
}

/// Runs the program of some instances, the last of which is its output.
pub(crate) fn run_cluster(
    graph: &Graph,
    demand: &Demand,
    members: &[usize],
    lookup: &dyn Fn(usize) -> Block,
    pool: &Arc<BufferPool>,
    forced_tile: Option<usize>,
) -> Block {
    let root = &demand.instances[*members.last().expect("a program has an instruction")];
    let mut operands: Vec<Block> = Vec::new();
    let mut instructions: Vec<Instruction<'_>> = Vec::with_capacity(members.len());
    let mut registers = Registers::new(members, demand);
    for &number in members {
        let instance = &demand.instances[number];
        let node = &graph.nodes[instance.slot.node];
        let Kind::Elementwise(kernel) = node.op.kind() else { unreachable!("programs are elementwise") };
        let inputs = instance
            .references
            .iter()
            .enumerate()
            .map(|(k, reference)| match registers.of(reference.instance) {
                Some(register) => From::Register(register),
                None => {
                    let region = &demand.instances[reference.instance].region;
                    let block = lookup(reference.instance);
                    let view = view_through(&block, region, &node.maps[k], &instance.region);
                    operands.push(in_rows(view, pool));
                    From::Operand(operands.len() - 1)
                }
            })
            .collect();
        let register = registers.assign(number, instance);
        let dtype = graph.meta(instance.slot).dtype;
        instructions.push(Instruction { kernel, inputs, register, dtype });
    }
    let dtype = graph.meta(root.slot).dtype;
    let mut out = BlockMut::take(dtype, &root.region.shape(), Some(pool));
    Program { operands, instructions, registers: registers.count }.run(&mut out, forced_tile);
    out.freeze()
}

/// An operand that is the same in every row but lies apart within one, brought together: once, and not for every row.
fn in_rows(operand: Block, pool: &Arc<BufferPool>) -> Block {
    let (shape, strides) = (operand.shape(), operand.strides());
    let Some((last, outer)) = strides.split_last() else { return operand };
    let is_repeated = outer.iter().zip(shape).any(|(&stride, &len)| stride == 0 && len > 1);
    if matches!(last, 0 | 1) || !is_repeated {
        return operand;
    }
    let once: Vec<usize> =
        shape.iter().zip(strides).map(|(&len, &stride)| if stride == 0 { 1 } else { len }).collect();
    let dense = operand.restrided(once.clone(), strides.to_vec(), 0).to_dense(Some(pool));
    let repeated = dense.strides().iter().zip(&once).zip(shape);
    let strides = repeated.map(|((&stride, &once), &len)| if once == 1 && len > 1 { 0 } else { stride });
    dense.restrided(shape.to_vec(), strides.collect(), 0)
}

/// Gives every instruction's result a register, and takes it back after its last use.
struct Registers {
    of: rustc_hash::FxHashMap<usize, usize>,
    uses: rustc_hash::FxHashMap<usize, usize>,
    free: Vec<usize>,
    count: usize,
}

impl Registers {
    fn new(members: &[usize], demand: &Demand) -> Self {
        let mut uses = rustc_hash::FxHashMap::default();
        for &number in members {
            for reference in &demand.instances[number].references {
                *uses.entry(reference.instance).or_insert(0) += 1;
            }
        }
        Registers { of: Default::default(), uses, free: Vec::new(), count: 0 }
    }

    fn of(&self, number: usize) -> Option<usize> {
        self.of.get(&number).copied()
    }

    /// A register for a result, never one that the instruction reads; `None` if nothing in the program reads it.
    fn assign(&mut self, number: usize, instance: &super::demand::Instance) -> Option<usize> {
        let register = self.uses.contains_key(&number).then(|| {
            self.free.pop().unwrap_or_else(|| {
                self.count += 1;
                self.count - 1
            })
        });
        for reference in &instance.references {
            if let Some(left) = self.uses.get_mut(&reference.instance) {
                *left -= 1;
                if *left == 0
                    && let Some(register) = self.of.remove(&reference.instance)
                {
                    self.free.push(register);
                }
            }
        }
        if let Some(register) = register {
            self.of.insert(number, register);
        }
        register
    }
}

struct Program<'a> {
    operands: Vec<Block>,
    instructions: Vec<Instruction<'a>>,
    registers: usize,
}

/// One axis of the program's region after merging what lies together in every operand.
struct Axis {
    len: usize,
    strides: Vec<isize>,
}

impl Program<'_> {
    fn run(&self, out: &mut BlockMut, forced_tile: Option<usize>) {
        let axes = self.axes(out.shape());
        let item = out.dtype().itemsize();
        let widest =
            self.instructions.iter().map(|instruction| instruction.dtype.itemsize()).max().unwrap_or(8);
        let live = (self.registers + self.operands.len().min(4) + 1) * widest.max(4);
        let tile = forced_tile.unwrap_or((TILE_BYTES / live).clamp(256, 2048) / 64 * 64).max(1);
        let size = out.size();
        let inner = axes.last().map_or(1, |axis| axis.len);
        let mut scratch = Scratch::new(self, tile);
        let bytes = out.bytes_mut();
        if inner >= SHORT_ROW || inner == size {
            let mut start = 0;
            while start < size {
                let along = start % inner;
                let len = tile.min(inner - along);
                scratch.load_row(self, &axes, start / inner, along, len);
                self.tile(&mut scratch, len, &mut bytes[start * item..(start + len) * item]);
                start += len;
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
    }

    fn axes(&self, shape: &[usize]) -> Vec<Axis> {
        let mut axes: Vec<Axis> = Vec::with_capacity(shape.len());
        for (axis, &len) in shape.iter().enumerate() {
            if len == 1 {
                continue;
            }
            let strides: Vec<isize> = self.operands.iter().map(|operand| operand.strides()[axis]).collect();
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
        for instruction in &self.instructions {
            let item = instruction.dtype.itemsize();
            let mut target = instruction.register.map(|register| {
                std::mem::replace(&mut scratch.registers[register], (Vec::new(), DType::Bool))
            });
            {
                let operand = |from: &From| match *from {
                    From::Operand(k) => scratch.operand(&self.operands[k], k, len),
                    From::Register(register) => {
                        let (words, dtype) = &scratch.registers[register];
                        let bytes: &[u8] = bytemuck::cast_slice(words);
                        Tile::from_bytes(&bytes[..len * dtype.itemsize()], *dtype, false)
                    }
                };
                let mut written = match &mut target {
                    Some((words, dtype)) => {
                        *dtype = instruction.dtype;
                        let bytes: &mut [u8] = bytemuck::cast_slice_mut(words.as_mut_slice());
                        TileMut::from_bytes(&mut bytes[..len * item], instruction.dtype)
                    }
                    None => TileMut::from_bytes(out, instruction.dtype),
                };
                match instruction.inputs.as_slice() {
                    [a] => instruction.kernel.apply(&[operand(a)], &mut written),
                    [a, b] => instruction.kernel.apply(&[operand(a), operand(b)], &mut written),
                    [a, b, c] => {
                        instruction.kernel.apply(&[operand(a), operand(b), operand(c)], &mut written);
                    }
                    inputs => {
                        let tiles: Vec<Tile<'_>> = inputs.iter().map(operand).collect();
                        instruction.kernel.apply(&tiles, &mut written);
                    }
                }
            }
            if let (Some(register), Some(target)) = (instruction.register, target) {
                scratch.registers[register] = target;
            }
        }
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

struct Scratch {
    registers: Vec<(Vec<u64>, DType)>,
    gathered: Vec<Vec<u64>>,
    loaded: Vec<Loaded>,
    capacity: usize,
}

impl Scratch {
    fn new(program: &Program<'_>, tile: usize) -> Self {
        let capacity = tile.max(SHORT_ROW);
        let widest = program.instructions.iter().map(|i| i.dtype.itemsize()).max().unwrap_or(8);
        let words = (capacity * widest).div_ceil(8);
        Scratch {
            registers: vec![(vec![0; words], DType::Bool); program.registers],
            gathered: vec![Vec::new(); program.operands.len()],
            loaded: vec![Loaded::Gathered; program.operands.len()],
            capacity,
        }
    }

    fn operand<'a>(&'a self, block: &'a Block, k: usize, len: usize) -> Tile<'a> {
        let (dtype, item) = (block.dtype(), block.dtype().itemsize());
        match self.loaded[k] {
            Loaded::InPlace(start) => {
                Tile::from_bytes(&block.buffer_bytes()[start * item..(start + len) * item], dtype, false)
            }
            Loaded::Scalar(at) => {
                Tile::from_bytes(&block.buffer_bytes()[at * item..(at + 1) * item], dtype, true)
            }
            Loaded::Gathered => {
                let bytes: &[u8] = bytemuck::cast_slice(&self.gathered[k]);
                Tile::from_bytes(&bytes[..len * item], dtype, false)
            }
        }
    }

    /// Element of operand `k` at the start of a row.
    fn row_start(&self, program: &Program<'_>, axes: &[Axis], mut row: usize, k: usize) -> isize {
        let mut at = program.operands[k].offset() as isize;
        for axis in axes[..axes.len().saturating_sub(1)].iter().rev() {
            at += (row % axis.len) as isize * axis.strides[k];
            row /= axis.len;
        }
        at
    }

    /// Makes `len` elements of one row ready, from the element `along`.
    fn load_row(&mut self, program: &Program<'_>, axes: &[Axis], row: usize, along: usize, len: usize) {
        for (k, operand) in program.operands.iter().enumerate() {
            let stride = axes.last().map_or(0, |axis| axis.strides[k]);
            let start = self.row_start(program, axes, row, k) + along as isize * stride;
            self.loaded[k] = match stride {
                0 => Loaded::Scalar(start as usize),
                1 => Loaded::InPlace(start as usize),
                _ => {
                    self.gather(operand, k, start, stride, len);
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
        let mut index = vec![0usize; outer.len()];
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
        let words = (self.capacity.max(len) * item).div_ceil(8);
        if self.gathered[k].len() < words {
            self.gathered[k].resize(words, 0);
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
