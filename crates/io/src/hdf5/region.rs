//! Writing into a part of a dataset of an HDF5 file.

use std::sync::Arc;

use brickwork_core::{Block, ChunkGrid, Kind, Meta, Region, Sink};
use hdf5::Dataset;
use parking_lot::Mutex;

use super::elements::{file_type, write_slabs};
use super::open::open_to_write;
use super::shared_file::{Joined, LIBRARY, SharedFile};
use crate::error::{Problem, Result};
use crate::options::SinkOptions;
use crate::uri::Location;
use crate::write_checks::{check_region, check_write, not_created, refuse_layout_options, region_grid};

/// Writes an array into a part of an existing dataset; the elements outside it stay.
///
/// The library writes to a copy of the file, which takes the file's place when all is written: a run that fails or is
/// killed leaves the file as it was. The dataset keeps its layout, filters and byte order.
#[derive(Debug)]
pub struct Hdf5RegionSink {
    file: Arc<SharedFile>,
    location: Location,
    region: Region,
    /// What is there, as a reader sees it.
    found: Meta,
    writing: Mutex<Option<Arc<Writing>>>,
}

#[derive(Debug)]
struct Writing {
    joined: Joined,
    dataset: Dataset,
    meta: Meta,
}

impl Hdf5RegionSink {
    /// A sink for a region of rising steps, of a file that others may write too.
    ///
    /// # Errors
    /// If there is no dataset that can be read and written, or options are given that only a new one takes.
    pub(crate) fn within(
        file: Arc<SharedFile>,
        location: Location,
        region: &Region,
        options: &SinkOptions,
    ) -> brickwork_core::Result<Self> {
        let fail = |problem: Problem| problem.at(&location.uri);
        refuse_layout_options(options).map_err(fail)?;
        let source = open_to_write(&location)?;
        let mut found = source.infer(&[])?.swap_remove(0);
        file_type(found.dtype).map_err(fail)?;
        // The grid of what is decoded together: for a dataset that is one run of bytes there is none.
        let grid = match source.kind() {
            Kind::Source(source) => source.granule_grid(),
            _ => None,
        };
        found.chunks = grid.unwrap_or_else(|| ChunkGrid::regular(&found.shape, &vec![1; found.ndim()]));
        Ok(Hdf5RegionSink { file, region: region.clone(), found, writing: Mutex::new(None), location })
    }

    fn try_create(&self, meta: &Meta) -> Result<()> {
        let prepare = |file: &hdf5::File| {
            file.dataset(&self.location.inner)
                .map_err(|error| super::shared_file::library_failed("open the dataset", &error))
        };
        let joined = self.file.join(true, false, prepare);
        let (joined, dataset) = joined.map_err(|problem| problem.at(&self.location.uri))?;
        *self.writing.lock() = Some(Arc::new(Writing { joined, dataset, meta: meta.clone() }));
        Ok(())
    }

    fn try_write(&self, place: &Region, block: &Block) -> Result<()> {
        let fail = |problem: Problem| problem.at(&self.location.uri);
        let Some(writing) = self.writing.lock().clone() else { return Err(fail(not_created())) };
        check_write(&writing.meta, place, block).map_err(fail)?;
        let region = self.region.compose(place);
        write_slabs(&writing.dataset, &region, &region, block).map_err(fail)
    }

    fn leave(&self) -> Option<Joined> {
        let writing = self.writing.lock().take()?;
        let joined = writing.joined;
        let _library = LIBRARY.lock();
        drop(writing);
        Some(joined)
    }
}

impl Sink for Hdf5RegionSink {
    fn uri(&self) -> String {
        self.location.uri.clone()
    }

    fn directory(&self) -> Option<std::path::PathBuf> {
        self.location.directory()
    }

    fn create(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        let grid = self.grid(meta)?;
        self.try_create(meta)?;
        Ok(grid)
    }

    fn grid(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        check_region(&self.found.shape, self.found.dtype, &self.region, meta)
            .map_err(|problem| problem.at(&self.location.uri))?;
        Ok(region_grid(&self.found.chunks, &self.region))
    }

    fn write(&self, region: &Region, block: &Block) -> brickwork_core::Result<()> {
        Ok(self.try_write(region, block)?)
    }

    fn commit(&self) -> brickwork_core::Result<()> {
        let joined = self.leave().ok_or_else(|| not_created().at(&self.location.uri))?;
        Ok(self.file.leave(joined, None)?)
    }

    fn abort(&self) {
        if let Some(joined) = self.leave() {
            self.file.give_up(joined);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hdf5::{Hdf5Layout, create_dataset};
    use crate::test_support::{read_all, sample, store};
    use brickwork_core::{AxisRange, BlockMut, DType};

    #[test]
    fn regions_are_written_and_the_rest_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.h5");
        let uri = format!("{}#/g/x", path.display());
        let layouts =
            [Hdf5Layout::default(), Hdf5Layout { chunk: Some(vec![5, 4]), shuffle: true, gzip: Some(1) }];
        for dtype in [DType::I32, DType::Bool, DType::C64] {
            let before = sample(dtype, &[23, 17]);
            for layout in &layouts {
                for region in [
                    Region::new(vec![AxisRange::new(0, 10), AxisRange::new(8, 9)]),
                    Region::new(vec![AxisRange::stepped(1, 7, 3), AxisRange::stepped(0, 9, 2)]),
                    Region::new(vec![AxisRange::new(3, 0), AxisRange::new(0, 17)]),
                ] {
                    create_dataset(&path, "g/x", &before, layout).unwrap();
                    let block = sample(dtype, &region.shape());
                    let sink = crate::create(
                        &uri,
                        &SinkOptions { region: Some(region.clone()), ..Default::default() },
                    );
                    store(&*sink.unwrap(), &block, &[1, 1]);
                    let mut expected = BlockMut::zeroed(dtype, before.shape());
                    expected.view_mut().assign(&before);
                    expected.slice_mut(&region).assign(&block);
                    assert_eq!(
                        read_all(&uri).as_bytes(),
                        expected.freeze().as_bytes(),
                        "{dtype} {region} {layout:?}"
                    );
                }
            }
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
