//! A plan as data: what another process needs to run tasks of it.
//!
//! Operations are sent as themselves, so they must be data too; a closure is refused by its operation when it is
//! called. Values in memory (sources and values of earlier plans) are lent: small ones lie in the message, large ones
//! where both processes can see them. Sinks stay where they are: their writers are sent, if they have any.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::graph::{Graph, GraphNode, Slot};
use super::stage::{Plan, PlanOptions, Stage, Target, TargetKind};
use crate::block::Block;
use crate::chunks::ChunkGrid;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::eval::{Held, HeldMap, Walks};
use crate::expr::Meta;
use crate::operation::{Kind, Operation};
use crate::region::{AxisRange, Region};
use crate::region_map::AxisMap;
use crate::source::{Granule, Pending, Sink, SinkWriter, Source};
use crate::spill::SpillLayout;

/// Where the elements of a block lie, dense in C order, for a process that has not got it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum LentPlace {
    /// In the message.
    Inline(Vec<u8>),
    /// In memory that both processes see, from this byte on.
    Shared(usize),
}

/// A block that is lent to other processes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LentBlock {
    /// Type of the elements.
    pub dtype: DType,
    /// Elements along every axis of what lies there: 1 where the block repeats.
    pub shape: Vec<usize>,
    /// Where it lies.
    pub place: LentPlace,
    /// Elements along every axis of the block.
    whole: Vec<usize>,
}

/// Finds a place for a block; what is given is to be copied there in C order.
pub type Lend<'a> = dyn FnMut(&Block) -> Result<LentPlace> + 'a;

/// Opens what has been lent.
pub type Borrow<'a> = dyn Fn(&LentBlock) -> Result<Block> + 'a;

/// A plan as data. [`Plan::to_data`] makes it, [`PlanData::into_plan`] turns it back.
#[derive(Debug, Serialize, Deserialize)]
pub struct PlanData {
    nodes: Vec<NodeData>,
    outputs: Vec<Slot>,
    stages: Vec<Stage>,
    targets: Vec<TargetData>,
    walks: Walks,
    given: Vec<(Slot, Region, LentBlock)>,
    memory: usize,
    threads: usize,
    cache_bytes: usize,
    peak_bytes: usize,
    spill_bytes: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct NodeData {
    op: OperationData,
    inputs: Vec<Slot>,
    input_metas: Vec<Meta>,
    metas: Vec<Meta>,
    maps: Vec<Vec<AxisMap>>,
    /// In halves: not every format has numbers that long.
    hash: (u64, u64),
}

#[derive(Debug, Serialize, Deserialize)]
enum OperationData {
    Sent(Arc<dyn Operation>),
    Memory { uri: String, block: LentBlock },
}

#[derive(Debug, Serialize, Deserialize)]
struct TargetData {
    slot: Slot,
    region: Region,
    kind: KindData,
    nbytes: usize,
    stage: usize,
    readers: Vec<usize>,
    spill: Option<SpillLayout>,
}

#[derive(Debug, Serialize, Deserialize)]
enum KindData {
    Held,
    Collect(usize),
    Store { number: usize, uri: String, writer: Option<Box<dyn SinkWriter>> },
}

/// What can write to the targets of a plan, by target; `None` where whoever made the plan must write.
pub type Writers = Vec<Option<Box<dyn SinkWriter>>>;

impl Plan {
    /// The plan as data. Sinks must have been created, for their writers to know where.
    ///
    /// # Errors
    /// If there is no place for what is to be lent.
    pub fn to_data(&self, lend: &mut Lend<'_>) -> Result<PlanData> {
        let nodes: Result<Vec<NodeData>> =
            self.graph.nodes.iter().map(|node| node_data(node, lend)).collect();
        let given = self.given.iter().map(|(slot, held)| {
            let (region, block) = held.memory().ok_or_else(|| Error::Bug {
                what: "a value of an earlier plan that is not in memory".into(),
            })?;
            Ok((*slot, region.clone(), lent(block, lend)?))
        });
        Ok(PlanData {
            nodes: nodes?,
            given: given.collect::<Result<_>>()?,
            outputs: self.graph.outputs.clone(),
            stages: self.stages.clone(),
            targets: self.targets.iter().map(target_data).collect(),
            walks: self.walks.clone(),
            memory: self.options.memory,
            threads: self.options.threads,
            cache_bytes: self.cache_bytes,
            peak_bytes: self.peak_bytes,
            spill_bytes: self.spill_bytes,
        })
    }

    /// Operations that hold something of this process, so that no other can run them: closures.
    pub fn bound_operations(&self) -> impl Iterator<Item = &dyn Operation> {
        self.graph.nodes.iter().filter(|node| node.op.identity().is_some() && memory_of(node).is_none()).map(
            |node| {
                let op: &dyn Operation = node.op.as_ref();
                op
            },
        )
    }

    /// Bytes of values in memory that [`Plan::to_data`] will ask a place for, each rounded up to a multiple of `unit`.
    pub fn lent_bytes(&self, unit: usize) -> usize {
        let sources = self.graph.nodes.iter().filter_map(memory_of);
        let given = self.given.values().filter_map(|held| held.memory().map(|(_, block)| block.clone()));
        let rounded = |block: Block| unrepeated(&block).nbytes().next_multiple_of(unit);
        sources.chain(given).map(rounded).sum()
    }
}

impl PlanData {
    /// The plan, and what writes to its targets. Its sinks only know their names.
    ///
    /// # Errors
    /// If something lent cannot be opened, or parts do not fit each other.
    pub fn into_plan(self, borrow: &Borrow<'_>) -> Result<(Plan, Writers)> {
        let opened = |block: &LentBlock| block.open(borrow);
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for node in self.nodes {
            let op: Arc<dyn Operation> = match node.op {
                OperationData::Sent(op) => op,
                OperationData::Memory { uri, block } => {
                    Arc::new(Borrowed { uri, meta: node.metas[0].clone(), block: Some(opened(&block)?) })
                }
            };
            let hash = u128::from(node.hash.0) << 64 | u128::from(node.hash.1);
            let NodeData { inputs, input_metas, metas, maps, .. } = node;
            nodes.push(GraphNode { op, inputs, input_metas, metas, maps, hash });
        }
        let mut given = HeldMap::default();
        for (slot, region, block) in &self.given {
            given.insert(*slot, Held::in_memory(region.clone(), opened(block)?));
        }
        let (mut targets, mut writers) = (Vec::with_capacity(self.targets.len()), Vec::new());
        for target in self.targets {
            let (kind, writer) = match target.kind {
                KindData::Held => (TargetKind::Held, None),
                KindData::Collect(number) => (TargetKind::Collect(number), None),
                KindData::Store { number, uri, writer } => {
                    (TargetKind::Store(number, Arc::new(Elsewhere { uri })), writer)
                }
            };
            let TargetData { slot, region, nbytes, stage, readers, spill, .. } = target;
            targets.push(Target { slot, region, kind, nbytes, stage, readers, spill: spill.map(Arc::new) });
            writers.push(writer);
        }
        let options = PlanOptions { memory: self.memory, threads: self.threads, ..PlanOptions::default() };
        let plan = Plan {
            graph: Graph { nodes, outputs: self.outputs },
            stages: self.stages,
            targets,
            walks: self.walks,
            given,
            options,
            cache_bytes: self.cache_bytes,
            peak_bytes: self.peak_bytes,
            spill_bytes: self.spill_bytes,
            late: None,
        };
        Ok((plan, writers))
    }
}

impl LentBlock {
    fn open(&self, borrow: &Borrow<'_>) -> Result<Block> {
        let block = borrow(self)?;
        if block.shape() != self.shape || block.dtype() != self.dtype {
            return Err(Error::Bug { what: format!("{block:?} was opened for a block of {:?}", self.shape) });
        }
        let strides: Vec<isize> = { block.strides().iter().zip(&self.shape).zip(&self.whole) }
            .map(|((&stride, len), whole)| if len == whole { stride } else { 0 })
            .collect();
        Ok(block.restrided(self.whole.clone(), strides, 0))
    }
}

fn node_data(node: &GraphNode, lend: &mut Lend<'_>) -> Result<NodeData> {
    let op = match (memory_of(node), node.op.kind()) {
        (Some(block), Kind::Source(source)) => {
            OperationData::Memory { uri: source.uri(), block: lent(&block, lend)? }
        }
        _ => OperationData::Sent(node.op.clone()),
    };
    Ok(NodeData {
        op,
        inputs: node.inputs.clone(),
        input_metas: node.input_metas.clone(),
        metas: node.metas.clone(),
        maps: node.maps.clone(),
        hash: ((node.hash >> 64) as u64, node.hash as u64),
    })
}

/// The values of a source that has them in memory.
fn memory_of(node: &GraphNode) -> Option<Block> {
    match node.op.kind() {
        Kind::Source(source) => source.borrow(&Region::full(&node.metas[0].shape)),
        _ => None,
    }
}

fn target_data(target: &Target) -> TargetData {
    let kind = match &target.kind {
        TargetKind::Held => KindData::Held,
        TargetKind::Collect(number) => KindData::Collect(*number),
        TargetKind::Store(number, sink) => {
            KindData::Store { number: *number, uri: sink.uri(), writer: sink.writer() }
        }
    };
    TargetData {
        slot: target.slot,
        region: target.region.clone(),
        kind,
        nbytes: target.nbytes,
        stage: target.stage,
        readers: target.readers.clone(),
        spill: target.spill.as_deref().cloned(),
    }
}

fn lent(block: &Block, lend: &mut Lend<'_>) -> Result<LentBlock> {
    let once = unrepeated(block);
    let place = lend(&once)?;
    Ok(LentBlock { dtype: block.dtype(), shape: once.shape().to_vec(), place, whole: block.shape().to_vec() })
}

/// One of every element that a block repeats along an axis.
fn unrepeated(block: &Block) -> Block {
    let axes = block.shape().iter().zip(block.strides());
    let once = axes.map(|(&len, &stride)| AxisRange::new(0, if stride == 0 { len.min(1) } else { len }));
    block.slice(&Region::from_iter(once))
}

/// A source whose values another process has lent.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Borrowed {
    uri: String,
    meta: Meta,
    #[serde(skip)]
    block: Option<Block>,
}

#[typetag::serde(name = "brickwork_core::Borrowed")]
impl Operation for Borrowed {
    fn name(&self) -> String {
        "in memory".into()
    }

    fn infer(&self, _inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![self.meta.clone()])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Source(self)
    }
}

impl Borrowed {
    fn gone(&self) -> Error {
        Error::invalid_data(&self.uri, "the values are in the memory of another process, or gone")
    }
}

impl Source for Borrowed {
    fn uri(&self) -> String {
        self.uri.clone()
    }

    fn borrow(&self, region: &Region) -> Option<Block> {
        self.block.as_ref().map(|block| block.slice(region))
    }

    fn plan_read(&self, _region: &Region) -> Result<Vec<Granule>> {
        Err(self.gone())
    }

    fn start(&self, _granule: &Granule) -> Result<Box<dyn Pending + '_>> {
        Err(self.gone())
    }
}

/// A sink of another process.
#[derive(Debug)]
struct Elsewhere {
    uri: String,
}

impl Elsewhere {
    fn is_elsewhere<T>(&self) -> Result<T> {
        Err(Error::Bug { what: format!("{} is written from a process that has not got it", self.uri) })
    }
}

impl Sink for Elsewhere {
    fn uri(&self) -> String {
        self.uri.clone()
    }

    fn create(&self, _meta: &Meta) -> Result<ChunkGrid> {
        self.is_elsewhere()
    }

    fn grid(&self, _meta: &Meta) -> Result<ChunkGrid> {
        self.is_elsewhere()
    }

    fn write(&self, _region: &Region, _block: &Block) -> Result<()> {
        self.is_elsewhere()
    }

    fn commit(&self) -> Result<()> {
        self.is_elsewhere()
    }

    fn abort(&self) {}
}
