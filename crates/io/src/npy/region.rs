//! Writing into a part of an `.npy` file.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use brickwork_core::{Block, ChunkGrid, Meta, Region, Sink};
use parking_lot::Mutex;

use super::header::Header;
use crate::bytes::ByteFix;
use crate::error::{Problem, Result};
use crate::options::SinkOptions;
use crate::strided_file::{ReadWrite, transposed, update_region};
use crate::uri::Location;
use crate::write_checks::{check_region, check_write, not_created, refuse_layout_options, region_grid};

/// Elements between those that are written are read and written again; two threads must not do so at once.
static UPDATING: Mutex<()> = Mutex::new(());

/// Writes an array into a part of an existing `.npy` file; the elements outside it stay.
///
/// The file is written in place: a run that fails or is killed leaves the part half written, and the file readable.
/// Files in Fortran order and of the other byte order keep theirs.
#[derive(Debug)]
pub struct NpyRegionSink {
    location: Location,
    region: Region,
    header: Header,
    path: String,
    writing: Mutex<Option<Arc<Writing>>>,
}

#[derive(Debug)]
struct Writing {
    file: File,
    meta: Meta,
}

impl NpyRegionSink {
    /// A sink for a region of rising steps.
    ///
    /// # Errors
    /// If there is no `.npy` file that can be read, or options are given that only a new file takes.
    pub(crate) fn new(
        location: Location,
        region: &Region,
        options: &SinkOptions,
    ) -> brickwork_core::Result<Self> {
        refuse_layout_options(options).map_err(|problem| problem.at(&location.uri))?;
        let source = super::open(&location)?;
        let (header, path) = (source.header, source.path);
        Ok(NpyRegionSink { location, region: region.clone(), header, path, writing: Mutex::new(None) })
    }

    fn try_write(&self, place: &Region, block: &Block) -> Result<()> {
        let uri = &self.location.uri;
        let Some(writing) = self.writing.lock().clone() else { return Err(not_created().at(uri)) };
        check_write(&writing.meta, place, block).map_err(|problem| problem.at(uri))?;
        let region = self.region.compose(place);
        let header = &self.header;
        let mut file = Elements { file: &writing.file, offset: header.data_offset, uri };
        let block = self.in_file_order(block);
        let has_gaps = region.axes().iter().any(|axis| axis.step != 1);
        let _updating = has_gaps.then(|| UPDATING.lock());
        if !header.fortran {
            return update_region(&mut file, &header.shape, &region, &block);
        }
        let shape: Vec<usize> = header.shape.iter().rev().copied().collect();
        let region = Region::from_iter(region.axes().iter().rev().copied());
        update_region(&mut file, &shape, &region, &transposed(&block))
    }

    /// The block with its bytes as they are in the file.
    fn in_file_order(&self, block: &Block) -> Block {
        match ByteFix::of(self.header.dtype, self.header.big_endian) {
            ByteFix::Swap(unit) => {
                let mut swapped = brickwork_core::BlockMut::zeroed(block.dtype(), block.shape());
                swapped.view_mut().assign(block);
                ByteFix::Swap(unit).apply(swapped.bytes_mut());
                swapped.freeze()
            }
            ByteFix::None | ByteFix::Bool => block.clone(),
        }
    }
}

/// The elements of a file, by their offset from the first.
struct Elements<'a> {
    file: &'a File,
    offset: usize,
    uri: &'a str,
}

impl ReadWrite for Elements<'_> {
    fn read(&mut self, offset: usize, into: &mut [u8]) -> Result<()> {
        let result = self.file.read_exact_at(into, (self.offset + offset) as u64);
        result.map_err(|error| Problem::os("read", error).at(self.uri))
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<()> {
        let result = self.file.write_all_at(bytes, (self.offset + offset) as u64);
        result.map_err(|error| Problem::os("write", error).at(self.uri))
    }
}

impl Sink for NpyRegionSink {
    fn uri(&self) -> String {
        self.location.uri.clone()
    }

    fn directory(&self) -> Option<std::path::PathBuf> {
        self.location.directory()
    }

    fn create(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        let grid = self.grid(meta)?;
        let fail = |error| Problem::os("open the file to write", error).at(&self.location.uri);
        let file = OpenOptions::new().read(true).write(true).open(&self.path).map_err(fail)?;
        *self.writing.lock() = Some(Arc::new(Writing { file, meta: meta.clone() }));
        Ok(grid)
    }

    fn grid(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        let Header { shape, dtype, .. } = &self.header;
        check_region(shape, *dtype, &self.region, meta).map_err(|problem| problem.at(&self.location.uri))?;
        Ok(region_grid(&ChunkGrid::regular(shape, &vec![1; shape.len()]), &self.region))
    }

    fn write(&self, region: &Region, block: &Block) -> brickwork_core::Result<()> {
        Ok(self.try_write(region, block)?)
    }

    fn commit(&self) -> brickwork_core::Result<()> {
        let uri = &self.location.uri;
        let writing = self.writing.lock().take().ok_or_else(|| not_created().at(uri))?;
        Ok(writing.file.sync_data().map_err(|error| Problem::os("write", error).at(uri))?)
    }

    fn abort(&self) {
        *self.writing.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{read_all, sample, store};
    use brickwork_core::{AxisRange, BlockMut, DType};

    fn region_sink(uri: &str, region: &Region) -> NpyRegionSink {
        NpyRegionSink::new(Location::parse(uri).unwrap(), region, &SinkOptions::default()).unwrap()
    }

    #[test]
    fn regions_of_every_order_are_written_and_the_rest_stays() {
        let directory = tempfile::tempdir().unwrap();
        let uri = directory.path().join("x.npy").to_str().unwrap().to_owned();
        let (rows, columns) = (13, 9);
        for (fortran, order) in [("False", '<'), ("False", '>'), ("True", '<'), ("True", '>')] {
            let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
            let text = format!(
                "{{'descr': '{order}i4', 'fortran_order': {fortran}, 'shape': ({rows}, {columns}), }}"
            );
            bytes.extend(format!("{text:<117}\n").bytes());
            bytes.extend((0..rows * columns).flat_map(|i: i32| match order {
                '<' => i.to_le_bytes(),
                _ => i.to_be_bytes(),
            }));
            for region in [
                Region::new(vec![AxisRange::new(2, 5), AxisRange::new(0, 9)]),
                Region::new(vec![AxisRange::stepped(1, 4, 3), AxisRange::stepped(0, 5, 2)]),
                Region::new(vec![AxisRange::at(12), AxisRange::stepped(2, 2, 5)]),
                Region::new(vec![AxisRange::new(3, 0), AxisRange::new(0, 9)]),
            ] {
                std::fs::write(&uri, &bytes).unwrap();
                let before = read_all(&uri);
                let block = sample(DType::I32, &region.shape());
                store(&region_sink(&uri, &region), &block, &[2, 3]);
                let mut expected = BlockMut::zeroed(DType::I32, before.shape());
                expected.view_mut().assign(&before);
                expected.slice_mut(&region).assign(&block);
                assert_eq!(
                    read_all(&uri).to_vec::<i32>(),
                    expected.freeze().to_vec::<i32>(),
                    "{region} {fortran} {order}"
                );
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_told_before_anything_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let uri = directory.path().join("x.npy").to_str().unwrap().to_owned();
        let region = Region::new(vec![AxisRange::new(0, 2)]);
        let location = Location::parse(&uri).unwrap();
        let error = NpyRegionSink::new(location.clone(), &region, &SinkOptions::default()).unwrap_err();
        assert!(error.to_string().contains("no such file"), "{error}");
        store(
            &super::super::NpySink::of(location.clone(), &SinkOptions::default()).unwrap(),
            &sample(DType::U8, &[4]),
            &[1],
        );
        let overwrite = SinkOptions { overwrite: true, ..SinkOptions::default() };
        let error = NpyRegionSink::new(location, &region, &overwrite).unwrap_err().to_string();
        assert!(error.contains("overwriting cannot be chosen for a region"), "{error}");
        let error = region_sink(&uri, &region).grid(&Meta::whole(&[3], DType::U8)).unwrap_err().to_string();
        assert!(error.contains("region [0:2] has shape [2]"), "{error}");
    }
}
