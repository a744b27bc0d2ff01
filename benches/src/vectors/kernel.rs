//! The kernel of the last operation of an expression, called as tasks call it, and nothing else.

use std::sync::Arc;

use brickwork::{Array, Lazy, Result};
use brickwork_core::eval::evaluate;
use brickwork_core::fold::{Acc, LeafInput};
use brickwork_core::{
    AxisMap, Block, BlockMut, BufferPool, Error, Kind, Meta, Operation, Region, Tile, TileMut, Value, demand,
    with_element,
};

const CALLS: usize = 16;

/// A kernel and what it is called with.
pub struct Kernel {
    operation: Arc<dyn Operation>,
    value: Value,
    inputs: Vec<Block>,
    metas: Vec<Meta>,
    out: BlockMut,
    acc: Option<Acc>,
    maps: Vec<Vec<AxisMap>>,
    /// Of a reduction: where each lies, and what it holds of the inputs.
    leaves: Vec<(Region, Vec<Block>)>,
    pool: Arc<BufferPool>,
    /// How many elements a call works on.
    pub elements: usize,
}

impl Kernel {
    /// Equal for arrays with the same kernel.
    pub fn identity(array: &Array) -> String {
        let node = &array.value().node;
        let inputs: Vec<String> = node
            .inputs()
            .iter()
            .map(|input| format!("{} {:?}", input.meta().dtype, input.meta().shape))
            .collect();
        format!("{:?} of {}", node.op(), inputs.join(", "))
    }

    /// The last operation of an array, with inputs that are computed beforehand.
    pub fn of(array: &Array) -> Result<Self> {
        let value = array.value().clone();
        let operation = value.node.op().clone();
        let inputs: Vec<Block> = value
            .node
            .inputs()
            .iter()
            .map(|input| evaluate(input).map(|block| block.to_dense(None)))
            .collect::<Result<_>>()?;
        let metas: Vec<Meta> = value.node.inputs().iter().map(|input| input.meta().clone()).collect();
        let meta = value.meta();
        let mut elements = inputs.iter().map(Block::size).chain([meta.size()]).max().unwrap_or(1);
        if let Kind::Elementwise(_) = operation.kind() {
            elements *= CALLS;
        }
        let (mut acc, mut maps, mut leaves) = (None, Vec::new(), Vec::new());
        if let Kind::Reduce(reduce) = operation.kind() {
            let (spec, domain) = (reduce.spec(), reduce.domain(&metas));
            let kept = spec.kept_axes(domain.len()).iter().map(|&axis| domain[axis]).product();
            acc = Some(Acc::zeroed(&reduce.accumulators(&metas), kept));
            maps = (0..inputs.len()).map(|k| reduce.input_maps(&metas, k)).collect();
            for part in spec.leaves_in(&Region::full(&domain)) {
                let parts = inputs.iter().zip(&maps);
                let parts =
                    parts.map(|(input, maps)| input.slice(&demand(maps, &part.region, input.shape())));
                leaves.push((part.region.clone(), parts.collect()));
            }
        }
        let out = BlockMut::zeroed(meta.dtype, &meta.shape);
        let pool = BufferPool::new(1 << 24);
        Ok(Kernel {
            operation: operation.clone(),
            value,
            inputs,
            metas,
            out,
            acc,
            maps,
            leaves,
            pool,
            elements,
        })
    }

    /// One call; of elementwise kernels several, which take next to no time each.
    pub fn run(&mut self) -> Result<()> {
        let meta = self.value.meta();
        let whole = Region::full(&meta.shape);
        match self.operation.kind() {
            Kind::Elementwise(operation) => {
                let tiles: Vec<Tile<'_>> = self.inputs.iter().map(tile).collect::<Result<_>>()?;
                with_element!(meta.dtype, T => {
                    for _ in 0..CALLS {
                        operation.apply(&tiles, &mut TileMut::slice(self.out.as_slice_mut::<T>()));
                    }
                    Ok(())
                }, else Err(unmeasured(&self.operation)))
            }
            Kind::Generator(generator) => generator.fill(meta, &whole, self.out.view_mut()),
            Kind::Map(map) => map.apply(&self.inputs, &self.metas, &whole, 0, &mut self.out),
            Kind::Scan(scan) => {
                scan.advance(None, &self.inputs[0], 0, &whole, &mut self.out)?;
                Ok(())
            }
            Kind::Reduce(reduce) => {
                let (acc, spec) =
                    (self.acc.as_mut().ok_or_else(|| unmeasured(&self.operation))?, reduce.spec());
                reduce.start(acc);
                for (at, blocks) in &self.leaves {
                    let leaf = LeafInput {
                        blocks,
                        maps: &self.maps,
                        at,
                        spec,
                        pool: &self.pool,
                        rows: None,
                        starts: None,
                    };
                    reduce.fold(acc, &leaf)?;
                }
                Ok(())
            }
            _ => Err(unmeasured(&self.operation)),
        }
    }
}

fn tile(block: &Block) -> Result<Tile<'_>> {
    with_element!(block.dtype(), T => {
        Ok(Tile::slice(block.as_slice::<T>().ok_or_else(|| Error::Bug { what: "inputs are dense".into() })?))
    }, else Err(Error::Bug { what: format!("{} is not measured", block.dtype()) }))
}

fn unmeasured(operation: &Arc<dyn Operation>) -> Error {
    Error::Bug { what: format!("{} is of a kind that is not measured", operation.name()) }
}
