//! The index of an HDF5 file as a reference file: its datasets as a Zarr hierarchy whose chunks are bytes of the file.

use std::collections::{BTreeMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brickwork_core::DType;
use serde_json::{Map, Value, json};

use super::describe::{describe_object, with_survey_there};
use super::format::{
    Dataset, Endian, Hdf5Error, Layout, Object, ObjectKind, Problem as FormatProblem, StoredFilter, Survey,
};
use super::open::dtype_of;
use crate::error::Problem;
use crate::uri::{Format, Location};
use crate::whole_file::WholeFile;

/// A reference file for more chunks would be longer than is read, and take gigabytes to make.
const MOST_CHUNKS: usize = 4_000_000;

/// What [`write_references`] has written, and what it could not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct References {
    /// Datasets that are readable through the reference file.
    pub datasets: usize,
    /// Their chunks that are stored.
    pub chunks: usize,
    /// Paths of what was left out, and why.
    pub left_out: Vec<(String, String)>,
}

/// Writes where the chunks of an HDF5 file lie to a reference file, as kerchunk does: a JSON through which the datasets
/// are read as Zarr, by [`crate::open`] and by programs that know no HDF5, from where the file is. `uri` is a file, or a
/// group or dataset in it; the name of the JSON should end in `.json`.
///
/// References lead to the file as it is now: when it changes they are wrong, and should be written again. Datasets of
/// which Zarr cannot say how they are stored (texts, the lzf filter, chunks that skip a filter) are left out, and so is
/// what is in other files.
///
/// # Errors
/// If the file cannot be read, or the reference file not be written.
pub fn write_references(uri: &str, json: WholeFile) -> brickwork_core::Result<References> {
    let location = Location::parse(uri)?;
    if location.format != Format::Hdf5 {
        let reason = format!("is {}, and only HDF5 files are indexed", location.format);
        return Err(Problem::Misuse { reason }.at(uri).into());
    }
    let mut collected = Collected { file: location.absolute_path(), ..Collected::default() };
    with_survey_there(&location, |survey, object| collected.take(survey, &object, "", &mut HashSet::new()))?;
    json.write(json!({"version": 1, "refs": collected.refs}).to_string().as_bytes())?;
    Ok(collected.references)
}

#[derive(Default)]
struct Collected {
    file: String,
    refs: BTreeMap<String, Value>,
    references: References,
    /// Lengths of axes without a name: those of the same length are taken for one dimension.
    unnamed: Vec<usize>,
}

impl Collected {
    /// Takes in an object and what is below it.
    fn take(
        &mut self,
        survey: &mut Survey<'_>,
        object: &Object,
        name: &str,
        seen: &mut HashSet<u64>,
    ) -> Result<(), Hdf5Error> {
        match object.kind {
            ObjectKind::Group if Survey::identity(object).is_some_and(|address| seen.insert(address)) => {
                let description = describe_object(survey, object, "")?;
                self.put(name, ".zgroup", &json!({"zarr_format": 2}));
                self.put(name, ".zattrs", &Value::Object(description.attributes));
                for (member_name, member) in survey.members(object)? {
                    let path = if name.is_empty() { member_name } else { format!("{name}/{member_name}") };
                    self.take(survey, &member, &path, seen)?;
                }
            }
            ObjectKind::Dataset if survey.is_bare_dimension(object)? => {}
            ObjectKind::Dataset => {
                if let Err(reason) = self.dataset(survey, object, name)? {
                    self.references.left_out.push((object.path.clone(), reason));
                }
            }
            ObjectKind::ExternalLink => {
                self.references.left_out.push((object.path.clone(), object.kind.name().to_owned()));
            }
            // Groups that were met before, and links that lead nowhere.
            _ => {}
        }
        Ok(())
    }

    fn put(&mut self, name: &str, file: &str, json: &Value) {
        self.refs.insert(key(name, file), json.to_string().into());
    }

    /// Takes in a dataset, or says why it is left out.
    fn dataset(
        &mut self,
        survey: &mut Survey<'_>,
        object: &Object,
        name: &str,
    ) -> Result<Result<(), String>, Hdf5Error> {
        let dataset = match survey.dataset(object) {
            Ok(dataset) => dataset,
            Err(error) if matches!(error.problem, FormatProblem::Io(_)) => return Err(error),
            Err(error) => return Ok(Err(error.problem.to_string())),
        };
        let Ok(dtype) = dtype_of(dataset.element) else {
            return Ok(Err(format!("elements of type {}", dataset.element)));
        };
        let filters = survey.summary(object)?.filters;
        let (compressor, before) = match numcodecs(&filters, dtype) {
            Ok(codecs) => codecs,
            Err(reason) => return Ok(Err(reason)),
        };
        let places = match self.places(&dataset, name)? {
            Ok(places) => places,
            Err(reason) => return Ok(Err(reason)),
        };
        let description = describe_object(survey, object, "")?;
        let chunk = match &dataset.layout {
            Layout::Chunked { chunk } => chunk.clone(),
            _ => dataset.shape.iter().map(|&len| len.max(1)).collect(),
        };
        // Zarr's fill value stands for missing values where many read it: zero, the default, does not. Complex numbers
        // have no default.
        let is_zero = dataset.fill.as_ref().is_none_or(|fill| fill.iter().all(|&byte| byte == 0));
        let fill = description.fill_value.clone().filter(|_| !is_zero || dtype.is_complex());
        let array = json!({
            "zarr_format": 2,
            "shape": dataset.shape,
            "chunks": chunk,
            "dtype": descr(dtype, dataset.element.endian),
            "compressor": compressor,
            "filters": before,
            "fill_value": fill,
            "order": "C",
        });
        let mut attributes = description.attributes;
        let names = description.dimension_names.unwrap_or_default();
        attributes.insert("_ARRAY_DIMENSIONS".into(), self.dimensions(&dataset.shape, &names).into());
        self.put(name, ".zarray", &array);
        self.put(name, ".zattrs", &Value::Object(attributes));
        self.references.datasets += 1;
        self.references.chunks += places.len();
        self.refs.extend(places);
        Ok(Ok(()))
    }

    /// Where the chunks of a dataset are, by their keys.
    fn places(&self, dataset: &Dataset, name: &str) -> Result<Result<Map<String, Value>, String>, Hdf5Error> {
        let mut places = Map::new();
        let first = || key(name, &chunk_key(&vec![0; dataset.shape.len()]));
        match &dataset.layout {
            _ if dataset.shape.contains(&0) => {}
            Layout::Compact(bytes) => {
                places.insert(first(), format!("base64:{}", STANDARD.encode(bytes)).into());
            }
            Layout::Contiguous { address: None, .. } => {}
            Layout::Contiguous { address: Some(address), nbytes } => {
                places.insert(first(), json!([self.file, address, nbytes]));
            }
            Layout::Chunked { .. } => {
                let index = dataset.chunk_index()?;
                if index.num_chunks() > MOST_CHUNKS {
                    return Ok(Err(format!("it has {} chunks", index.num_chunks())));
                }
                for (at, location) in index.stored() {
                    if location.filter_mask != 0 && !dataset.filters.is_empty() {
                        return Ok(Err(format!("chunk {at:?} skips a filter")));
                    }
                    let place = json!([self.file, location.address, location.nbytes]);
                    places.insert(key(name, &chunk_key(&at)), place);
                }
            }
        }
        Ok(Ok(places))
    }

    /// Names of axes, which xarray wants of every array.
    fn dimensions(&mut self, shape: &[usize], names: &[String]) -> Vec<String> {
        let named = |axis: usize| names.get(axis).filter(|name| !name.is_empty()).cloned();
        let dimension = |(axis, len): (usize, &usize)| {
            named(axis).unwrap_or_else(|| {
                let known = self.unnamed.iter().position(|known| known == len).unwrap_or_else(|| {
                    self.unnamed.push(*len);
                    self.unnamed.len() - 1
                });
                format!("phony_dim_{known}")
            })
        };
        shape.iter().enumerate().map(dimension).collect()
    }
}

fn key(name: &str, file: &str) -> String {
    if name.is_empty() { file.to_owned() } else { format!("{name}/{file}") }
}

fn chunk_key(at: &[usize]) -> String {
    if at.is_empty() {
        return "0".to_owned();
    }
    at.iter().map(usize::to_string).collect::<Vec<_>>().join(".")
}

/// NumPy's name of a dtype in a byte order.
fn descr(dtype: DType, endian: Endian) -> String {
    let name = dtype.name();
    let kind = match name.as_str() {
        "bool" => 'b',
        name if name.starts_with("uint") => 'u',
        name if name.starts_with("complex") => 'c',
        name => name.chars().next().unwrap_or('V'),
    };
    let order = match (dtype.itemsize(), endian) {
        (1, _) => '|',
        (_, Endian::Little) => '<',
        (_, Endian::Big) => '>',
    };
    format!("{order}{kind}{}", dtype.itemsize())
}

/// Blosc's names of its compressors, by the number that the filter knows them by.
const BLOSC: [&str; 6] = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"];

/// Zarr's names of the filters: of the last one if it compresses, and of those before it.
fn numcodecs(filters: &[StoredFilter], dtype: DType) -> Result<(Value, Value), String> {
    let value = |filter: &StoredFilter, at: usize| filter.values.get(at).copied();
    let mut codecs: Vec<Value> = Vec::new();
    for filter in filters {
        codecs.push(match filter.id {
            1 => json!({"id": "zlib", "level": value(filter, 0).unwrap_or(4)}),
            2 => {
                let size = value(filter, 0).filter(|&size| size > 0);
                json!({"id": "shuffle", "elementsize": size.unwrap_or(dtype.itemsize() as u32)})
            }
            3 => json!({"id": "fletcher32"}),
            32_015 => json!({"id": "zstd", "level": value(filter, 0).unwrap_or(3)}),
            // Containers tell how they are to be read; the settings are there for who would write.
            32_001 => json!({
                "id": "blosc",
                "cname": value(filter, 6).and_then(|at| BLOSC.get(at as usize)).unwrap_or(&BLOSC[0]),
                "clevel": value(filter, 4).unwrap_or(5).min(9),
                "shuffle": value(filter, 5).unwrap_or(1).min(2),
                "blocksize": 0,
            }),
            _ => return Err(format!("Zarr has no filter {}", filter.numbered())),
        });
    }
    let compresses = |codec: &mut Value| ["zlib", "zstd", "blosc"].iter().any(|id| codec["id"] == *id);
    let last = codecs.pop_if(compresses);
    if codecs.iter().any(|codec| codec["id"] == "blosc") {
        return Err("what blosc has compressed goes through another filter, which Zarr does not have".into());
    }
    let before = if codecs.is_empty() { Value::Null } else { codecs.into() };
    Ok((last.unwrap_or_default(), before))
}
