//! Reading and writing in tests, as a scheduler would, with plain loops.

use brickwork_core::{
    AxisRange, Block, BlockMut, ChunkGrid, DType, Kind, Meta, Operation, Region, Result, Sink,
};

/// Values that differ from element to element.
pub(crate) fn sample(dtype: DType, shape: &[usize]) -> Block {
    let mut block = BlockMut::zeroed(dtype, shape);
    let item = dtype.itemsize();
    for (i, element) in block.bytes_mut().chunks_mut(item).enumerate() {
        match dtype {
            DType::Bool => element[0] = u8::from(i % 3 == 0),
            _ => element.iter_mut().enumerate().for_each(|(k, byte)| *byte = (i * 7 + k * 3 + 1) as u8 % 100),
        }
    }
    block.freeze()
}

/// Writes a block through a sink, in blocks of `cells` cells of its grid along every axis.
pub(crate) fn store(sink: &dyn Sink, block: &Block, cells: &[usize]) {
    let meta = Meta::new(block.shape(), block.dtype(), ChunkGrid::single(block.shape()));
    store_meta(sink, &meta, block, cells);
}

/// [`store`] of an array with chunks of its own.
pub(crate) fn store_meta(sink: &dyn Sink, meta: &Meta, block: &Block, cells: &[usize]) {
    let grid = sink.grid(meta).unwrap();
    assert_eq!(sink.create(meta).unwrap(), grid);
    let steps: Vec<usize> =
        grid.max_chunk().iter().zip(cells).map(|(&chunk, cells)| chunk.max(1) * cells).collect();
    let work = ChunkGrid::regular(block.shape(), &steps);
    for region in regions(&work) {
        if !region.is_empty() {
            sink.write(&region, &block.slice(&region)).unwrap();
        }
    }
    sink.commit().unwrap();
}

/// Every chunk of a grid.
pub(crate) fn regions(grid: &ChunkGrid) -> Vec<Region> {
    let mut all: Vec<Vec<AxisRange>> = vec![Vec::new()];
    for axis in grid.axes() {
        let ranges = (0..axis.num_chunks())
            .map(|k| axis.chunk_range(k))
            .map(|(start, len)| AxisRange::new(start, len));
        let ranges: Vec<AxisRange> = ranges.collect();
        all = all
            .into_iter()
            .flat_map(|outer| ranges.iter().map(move |&range| [outer.as_slice(), &[range]].concat()))
            .collect();
    }
    all.into_iter().map(Region::new).collect()
}

/// The meta of a source operation.
pub(crate) fn meta(operation: &dyn Operation) -> Meta {
    operation.infer(&[]).unwrap().swap_remove(0)
}

/// All of the array at a URI.
pub(crate) fn read_all(uri: &str) -> Block {
    let operation = crate::open(uri).unwrap();
    read(&*operation, &Region::full(&meta(&*operation).shape)).unwrap()
}

/// A region of rising steps, put together from granules.
pub(crate) fn read(operation: &dyn Operation, region: &Region) -> Result<Block> {
    let Kind::Source(source) = operation.kind() else { panic!("not a source") };
    let dtype = meta(operation).dtype;
    let mut out = BlockMut::zeroed(dtype, &region.shape());
    let mut covered = 0;
    for granule in source.plan_read(region)? {
        assert_eq!(granule.decoded_bytes, granule.region.size() * dtype.itemsize());
        if granule.region.is_empty() {
            continue;
        }
        let mut decoded = BlockMut::zeroed(dtype, &granule.region.shape());
        decoded.bytes_mut().fill(0xcc);
        source.start(&granule)?.finish(decoded.view_mut())?;
        let decoded = decoded.freeze();
        let (mut place, mut from) = (Vec::new(), Vec::new());
        for (asked, given) in region.axes().iter().zip(granule.region.axes()) {
            let hits: Vec<usize> =
                (0..asked.len).filter(|&i| given.position(asked.get(i)).is_some()).collect();
            let first = given.position(asked.get(hits[0])).unwrap();
            let step = hits.get(1).map_or(1, |&i| given.position(asked.get(i)).unwrap() - first);
            place.push(AxisRange::new(hits[0], hits.len()));
            from.push(AxisRange::stepped(first, hits.len(), step as isize));
        }
        let (place, from) = (Region::new(place), Region::new(from));
        covered += place.size();
        out.slice_mut(&place).assign(&decoded.slice(&from));
    }
    assert_eq!(covered, region.size(), "the granules hold every element once");
    Ok(out.freeze())
}
