//! Writing HDF5 files through the HDF5 library.

use std::fs;
use std::path::Path;

use brickwork_core::{AxisRange, Block, ChunkGrid, DType, Meta, Region, Sink};
use hdf5::types::{TypeDescriptor, VarLenUnicode};
use parking_lot::Mutex;
use serde_json::Value;

use super::elements::{file_type, write_block};
use crate::bytes::checked_nbytes;
use crate::chunk_choice::store_chunk;
use crate::error::{Problem, Result};
use crate::handles::FileStamp;
use crate::open::SinkOptions;
use crate::part::Part;
use crate::uri::{Format, Location};
use crate::write_checks::{check_write, not_created};

/// The library does one thing at a time; whoever writes waits here rather than inside it.
static LIBRARY: Mutex<()> = Mutex::new(());

/// The most bytes the library is handed at once from a block that is not dense.
const WRITE_AT_ONCE: usize = 16 << 20;
/// The format counts the bytes of a chunk in 32 bits.
const MAX_CHUNK: usize = u32::MAX as usize;

/// How the elements of a dataset are laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hdf5Layout {
    /// Elements of a chunk along every axis; `None` for one run of bytes.
    pub chunk: Option<Vec<usize>>,
    /// Whether bytes are sorted by their place in the element, which helps compression.
    pub shuffle: bool,
    /// The level of deflate, 0 to 9.
    pub gzip: Option<u8>,
}

/// Writes an array to a dataset of an HDF5 file, new or existing.
///
/// The file is written beside its target and renamed when it is whole; an existing one is copied first. Truth values
/// and complex numbers are written as h5py writes them.
#[derive(Debug)]
pub struct Hdf5Sink {
    location: Location,
    options: SinkOptions,
    codec: Codec,
    writing: Mutex<Option<Writing>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Codec {
    shuffle: bool,
    gzip: Option<u8>,
}

/// A file between `create` and `commit`.
#[derive(Debug)]
struct Writing {
    file: hdf5::File,
    dataset: hdf5::Dataset,
    part: Part,
    meta: Meta,
    /// The file that was copied, which nobody else may have changed meanwhile.
    copied: Option<FileStamp>,
}

impl Codec {
    fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let mut codec = Codec::default();
        for part in text.unwrap_or("none").split('+') {
            let level =
                part.strip_prefix("gzip:").and_then(|level| level.parse().ok()).filter(|level| *level <= 9);
            match (part, level) {
                ("none", _) => {}
                ("shuffle", _) => codec.shuffle = true,
                ("gzip", _) => codec.gzip = Some(4),
                (_, Some(level)) => codec.gzip = Some(level),
                _ => {
                    let reason = format!(
                        "codec {part:?} is not known; use none, gzip:0 … gzip:9, shuffle or shuffle+gzip:4"
                    );
                    return Err(Problem::Misuse { reason });
                }
            }
        }
        Ok(codec)
    }
}

impl Hdf5Sink {
    /// A sink for the dataset that the URI names after `#`.
    ///
    /// # Errors
    /// If the URI cannot be read or names no dataset, or the codec is not known.
    pub fn new(uri: &str, options: &SinkOptions) -> brickwork_core::Result<Self> {
        let location = Location::parse(uri)?;
        let misuse = |reason: String| Problem::Misuse { reason }.at(uri);
        if location.format != Format::Hdf5 {
            return Err(misuse(format!("is {}, not hdf5; end the name in .h5", location.format)).into());
        }
        if location.inner.is_empty() {
            return Err(misuse("names no dataset; write for example out.h5#/x".into()).into());
        }
        let codec = Codec::parse(options.codec.as_deref()).map_err(|problem| problem.at(uri))?;
        Ok(Hdf5Sink { location, options: options.clone(), codec, writing: Mutex::new(None) })
    }

    /// Chunked if it was asked for, needed by the codec, or the array's own way; else one run of bytes.
    fn layout(&self, meta: &Meta) -> brickwork_core::Result<Hdf5Layout> {
        let asked = self.options.chunks.as_ref();
        let filtered = self.codec != Codec::default();
        let has_chunks = meta.ndim() > 0 && meta.size() > 0;
        let chunked = has_chunks && (asked.is_some() || filtered || meta.chunks.num_chunks() > 1);
        let chunk = if chunked { Some(store_chunk(asked, meta)?) } else { None };
        let filtered = chunk.is_some();
        Ok(Hdf5Layout {
            chunk,
            shuffle: filtered && self.codec.shuffle,
            gzip: self.codec.gzip.filter(|_| filtered),
        })
    }

    fn try_create(&self, meta: &Meta, layout: &Hdf5Layout) -> Result<()> {
        let (uri, target) = (&self.location.uri, self.location.path.as_path());
        let fail = |problem: Problem| problem.at(uri);
        check_layout(meta, layout).map_err(fail)?;
        let file_type = file_type(meta.dtype).map_err(fail)?;
        if target.is_dir() {
            return Err(fail(Problem::IsDirectory { expected: "an HDF5 file" }));
        }
        let copied = FileStamp::at(target).ok();
        // An existing file is not replaced but extended: its other datasets stay.
        let part = Part::new(uri, target, copied.is_some())?;
        if copied.is_some() {
            fs::copy(target, part.path()).map_err(|error| fail(Problem::os("copy the file", error)))?;
        }
        let _library = LIBRARY.lock();
        let file = match copied {
            Some(_) => hdf5::File::open_rw(part.path()),
            None => hdf5::File::create_excl(part.path()),
        };
        let file = file.map_err(|error| fail(library_failed("open the file to write", &error)))?;
        self.make_room(&file).map_err(fail)?;
        let dataset = make_dataset(&file, &self.location.inner, &meta.shape, &file_type, layout)
            .map_err(|error| fail(library_failed("create the dataset", &error)))?;
        for (name, value) in &self.options.attributes {
            write_attribute(&dataset, name, value)
                .map_err(|error| fail(library_failed(&format!("write attribute {name:?}"), &error)))?;
        }
        *self.writing.lock() = Some(Writing { file, dataset, part, meta: meta.clone(), copied });
        Ok(())
    }

    /// Removes a dataset of the same name, if that is allowed.
    fn make_room(&self, file: &hdf5::File) -> Result<(), Problem> {
        let inner = &self.location.inner;
        let ends = inner.match_indices('/').map(|(end, _)| end).chain([inner.len()]);
        for end in ends {
            let path = &inner[..end];
            if !file.link_exists(path) {
                return Ok(());
            }
            let is_dataset = file.dataset(path).is_ok();
            if end < inner.len() && is_dataset {
                let reason = format!("{path:?} in it is a dataset, not a group; choose another name");
                return Err(Problem::Misuse { reason });
            }
            if end == inner.len() {
                if !self.options.overwrite {
                    return Err(Problem::Exists);
                }
                if !is_dataset {
                    let reason =
                        "is a group in the file, which is not overwritten; choose another name".into();
                    return Err(Problem::Misuse { reason });
                }
                file.unlink(path).map_err(|error| library_failed("remove the old dataset", &error))?;
            }
        }
        Ok(())
    }

    fn try_write(&self, region: &Region, block: &Block) -> Result<()> {
        let uri = &self.location.uri;
        let fail = |problem: Problem| problem.at(uri);
        let (dataset, fits) = match &*self.writing.lock() {
            Some(writing) => (writing.dataset.clone(), check_write(&writing.meta, region, block)),
            None => return Err(fail(not_created())),
        };
        fits.map_err(fail)?;
        if region.is_empty() {
            return Ok(());
        }
        let is_converted = block.dtype() == DType::Bool || block.dtype().is_complex();
        // Slabs of whole rows, so that little is copied where the block is not dense or its elements are converted.
        let rows = match region.axes().first() {
            Some(first) if !block.is_dense() || is_converted => {
                (WRITE_AT_ONCE / (block.nbytes() / first.len).max(1)).clamp(1, first.len)
            }
            Some(first) => first.len,
            None => 1,
        };
        for start in (0..region.axes().first().map_or(1, |first| first.len)).step_by(rows) {
            let mut positions = Region::full(block.shape());
            if region.ndim() > 0 {
                let first = positions.axis_mut(0);
                *first = AxisRange::new(start, rows.min(first.len - start));
            }
            let slab = block.slice(&positions).to_dense(None);
            let _library = LIBRARY.lock();
            write_block(&dataset, &region.compose(&positions), &slab)
                .map_err(|error| fail(library_failed(&format!("write region {region}"), &error)))?;
        }
        let _library = LIBRARY.lock();
        drop(dataset);
        Ok(())
    }

    fn try_commit(&self) -> Result<()> {
        let uri = &self.location.uri;
        let fail = |problem: Problem| problem.at(uri);
        let Some(Writing { file, dataset, part, copied, .. }) = self.writing.lock().take() else {
            return Err(fail(not_created()));
        };
        {
            let _library = LIBRARY.lock();
            drop(dataset);
            let closed = file.flush().and_then(|()| file.close());
            closed.map_err(|error| fail(library_failed("finish the file", &error)))?;
        }
        if FileStamp::at(&self.location.path).ok() != copied {
            let change = "another program wrote it while the dataset was added".into();
            return Err(fail(Problem::Changed { change }));
        }
        let synced = fs::File::open(part.path()).and_then(|file| file.sync_data());
        synced.map_err(|error| fail(Problem::os("write", error)))?;
        part.publish()
    }
}

impl Sink for Hdf5Sink {
    fn uri(&self) -> String {
        self.location.uri.clone()
    }

    fn create(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        self.try_create(meta, &self.layout(meta)?)?;
        self.grid(meta)
    }

    fn grid(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        let chunk = self.layout(meta)?.chunk.unwrap_or_else(|| vec![1; meta.ndim()]);
        Ok(ChunkGrid::regular(&meta.shape, &chunk))
    }

    fn write(&self, region: &Region, block: &Block) -> brickwork_core::Result<()> {
        Ok(self.try_write(region, block)?)
    }

    fn commit(&self) -> brickwork_core::Result<()> {
        Ok(self.try_commit()?)
    }

    fn abort(&self) {
        let writing = self.writing.lock().take();
        let _library = LIBRARY.lock();
        drop(writing);
    }
}

/// Writes a block as a dataset of an HDF5 file, which is made if there is none; an existing dataset is replaced.
///
/// # Errors
/// If the file cannot be written, or the layout does not fit the block.
pub fn create_dataset(
    path: &Path,
    name: &str,
    block: &Block,
    layout: &Hdf5Layout,
) -> brickwork_core::Result<()> {
    let shown = path.display().to_string();
    let options = SinkOptions { overwrite: true, ..SinkOptions::default() };
    let sink = Hdf5Sink::new(&format!("hdf5:{shown}#{name}"), &options)?;
    let meta = Meta::whole(block.shape(), block.dtype());
    sink.try_create(&meta, layout)?;
    match sink.write(&Region::full(block.shape()), block) {
        Ok(()) => sink.commit(),
        Err(error) => {
            sink.abort();
            Err(error)
        }
    }
}

fn check_layout(meta: &Meta, layout: &Hdf5Layout) -> Result<(), Problem> {
    let misuse = |reason: String| Err(Problem::Misuse { reason });
    if checked_nbytes(&meta.shape, meta.dtype.itemsize()).is_none() {
        return misuse(format!("shape {:?} has more bytes than a machine can count", meta.shape));
    }
    let Some(chunk) = &layout.chunk else {
        if layout.shuffle || layout.gzip.is_some() {
            return misuse("only chunked datasets can be compressed; give chunks".into());
        }
        return Ok(());
    };
    if chunk.len() != meta.ndim()
        || chunk.contains(&0)
        || chunk.iter().zip(&meta.shape).any(|(chunk, len)| chunk > len)
    {
        return misuse(format!("chunks of shape {chunk:?} do not fit an array of shape {:?}", meta.shape));
    }
    match checked_nbytes(chunk, meta.dtype.itemsize()) {
        Some(nbytes) if nbytes <= MAX_CHUNK => Ok(()),
        _ => misuse(format!(
            "chunks of shape {chunk:?} have more than the 4 GiB that HDF5 allows; choose shorter ones"
        )),
    }
}

fn library_failed(action: &str, error: &hdf5::Error) -> Problem {
    Problem::Misuse { reason: format!("cannot {action}: {error}") }
}

/// Makes an empty dataset, and the groups above it.
fn make_dataset(
    file: &hdf5::File,
    name: &str,
    shape: &[usize],
    file_type: &TypeDescriptor,
    layout: &Hdf5Layout,
) -> hdf5::Result<hdf5::Dataset> {
    let mut builder = file.new_dataset_builder();
    builder = match &layout.chunk {
        Some(chunk) => builder.chunk(chunk.as_slice()),
        None => builder.no_chunk(),
    };
    if layout.shuffle {
        builder = builder.shuffle();
    }
    if let Some(level) = layout.gzip {
        builder = builder.deflate(level);
    }
    builder.empty_as(file_type).shape(shape).create(name)
}

/// Numbers and truth values keep their kind; texts are texts, and so is the JSON of everything else.
fn write_attribute(dataset: &hdf5::Dataset, name: &str, value: &Value) -> hdf5::Result<()> {
    if let Some(value) = value.as_bool() {
        return dataset.new_attr::<bool>().create(name)?.write_scalar(&value);
    }
    if let Some(value) = value.as_i64() {
        return dataset.new_attr::<i64>().create(name)?.write_scalar(&value);
    }
    if let Some(value) = value.as_f64() {
        return dataset.new_attr::<f64>().create(name)?.write_scalar(&value);
    }
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let text: VarLenUnicode = text.replace('\0', "").parse().map_err(|error| format!("{error}"))?;
    dataset.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{read, read_all, sample, store, store_meta};

    fn options(codec: &str) -> SinkOptions {
        SinkOptions { codec: Some(codec.into()), overwrite: true, ..SinkOptions::default() }
    }

    fn file(directory: &tempfile::TempDir, name: &str) -> String {
        directory.path().join(name).to_str().unwrap().to_owned()
    }

    #[test]
    fn every_dtype_shape_and_codec_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        for (k, dtype) in DType::NUMERIC.into_iter().enumerate() {
            for shape in [vec![], vec![0, 3], vec![11], vec![5, 4, 3]] {
                let block = sample(dtype, &shape);
                let chunk: Vec<usize> = shape.iter().map(|len: &usize| (*len).clamp(1, 3)).collect();
                let codec = ["none", "gzip:1", "shuffle+gzip:4", "shuffle"][k % 4];
                let uri = format!("{}#/g/h/x{}", file(&directory, "x.h5"), shape.len());
                let meta = Meta::new(&shape, dtype, ChunkGrid::regular(&shape, &chunk));
                store_meta(
                    &Hdf5Sink::new(&uri, &options(codec)).unwrap(),
                    &meta,
                    &block,
                    &vec![2; shape.len()],
                );
                let found = read_all(&uri);
                assert_eq!(found.as_bytes(), block.as_bytes(), "{dtype} {shape:?} {codec}");
                assert_eq!((found.dtype(), found.shape()), (dtype, shape.as_slice()));
            }
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let mut children = crate::describe(&format!("{}#g/h", file(&directory, "x.h5"))).unwrap().children;
        children.sort();
        assert_eq!(children, ["x0", "x1", "x2", "x3"]);
    }

    #[test]
    fn contiguous_datasets_are_written_in_any_regions() {
        let directory = tempfile::tempdir().unwrap();
        let uri = format!("{}#/x", file(&directory, "x.h5"));
        let block = sample(DType::F32, &[9, 7]);
        let sink = Hdf5Sink::new(&uri, &SinkOptions::default()).unwrap();
        store(&sink, &block, &[2, 3]);
        assert_eq!(crate::describe(&uri).unwrap().chunks, None);
        let source = crate::open(&uri).unwrap();
        let region = Region::new(vec![AxisRange::stepped(1, 4, 2), AxisRange::new(2, 4)]);
        assert_eq!(read(&*source, &region).unwrap().to_vec::<f32>(), block.slice(&region).to_vec::<f32>());
    }

    #[test]
    fn what_is_in_a_file_is_kept_and_not_overwritten_unasked() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, "x.h5");
        let block = sample(DType::I32, &[6]);
        let layout = Hdf5Layout { chunk: Some(vec![4]), shuffle: true, gzip: Some(1) };
        create_dataset(Path::new(&path), "a", &block, &layout).unwrap();
        create_dataset(Path::new(&path), "b/c", &block, &Hdf5Layout::default()).unwrap();
        assert_eq!(read_all(&format!("{path}#/a")).to_vec::<i32>(), block.to_vec::<i32>());
        assert_eq!(crate::describe(&format!("{path}#/a")).unwrap().codecs, ["shuffle", "gzip(1)"]);
        let text = |name: &str, overwrite: bool| {
            let options = SinkOptions { overwrite, ..SinkOptions::default() };
            let sink = Hdf5Sink::new(&format!("{path}#{name}"), &options).unwrap();
            sink.create(&Meta::whole(&[6], DType::I32)).unwrap_err().to_string()
        };
        assert!(text("a", false).ends_with("exists already; allow overwriting it, or choose another name"));
        assert!(text("b", true).contains("is a group in the file"));
        assert!(text("a/d", true).contains("\"a\" in it is a dataset, not a group"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let error = crate::open(&path).unwrap_err().to_string();
        assert!(
            error.contains("the root is a group, not an array; name an array in it after '#'"),
            "{error}"
        );
        let error = crate::open(&format!("{path}#/z")).unwrap_err().to_string();
        assert!(error.ends_with("there is no \"z\" in it; it holds \"a\", \"b\""), "{error}");
    }

    #[test]
    fn an_abort_leaves_nothing_and_bad_places_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let sink =
            Hdf5Sink::new(&format!("{}#x", file(&directory, "x.h5")), &SinkOptions::default()).unwrap();
        sink.create(&Meta::whole(&[6], DType::I32)).unwrap();
        sink.abort();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        fs::write(directory.path().join("file"), "").unwrap();
        let sink =
            Hdf5Sink::new(&format!("{}#x", file(&directory, "file/x.h5")), &SinkOptions::default()).unwrap();
        let error = sink.create(&Meta::whole(&[6], DType::I32)).unwrap_err().to_string();
        assert!(error.contains("is a file, not a directory"), "{error}");
        assert!(
            Hdf5Sink::new("x.h5", &SinkOptions::default()).unwrap_err().to_string().contains("out.h5#/x")
        );
        assert!(
            Hdf5Sink::new("x.h5#a", &options("lzma")).unwrap_err().to_string().contains("codec \"lzma\"")
        );
        let dates = Meta::whole(&[6], DType::DateTime(brickwork_core::TimeUnit::Day));
        let sink =
            Hdf5Sink::new(&format!("{}#x", file(&directory, "y.h5")), &SinkOptions::default()).unwrap();
        assert!(
            sink.create(&dates).unwrap_err().to_string().contains("dtype datetime64[D] cannot be written")
        );
    }
}
