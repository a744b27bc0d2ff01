//! What an HDF5 dataset is made with, before anything is written to it.

use std::collections::BTreeMap;

use brickwork_core::{Complex, Meta, Origin};
use serde_json::{Map, Value, json};

use super::attributes::write_attributes;
use super::elements::{file_type, fill_value};
use super::format;
use super::new_dataset::{Hdf5Layout, NewDataset};
use super::shared_file::library_failed;
use super::write::Hdf5Sink;
use crate::error::{Problem, Result};
use crate::fill::attributes_for_netcdf;
use crate::journal::Purpose;
use crate::kept::Kept;

/// Attributes and names of a new dataset.
#[derive(Debug)]
pub(super) struct Trimmings {
    pub attributes: Map<String, Value>,
    pub dtypes: BTreeMap<String, String>,
    pub dimension_names: Option<Vec<String>>,
}

impl Hdf5Sink {
    /// What the dataset has beside its elements.
    pub(super) fn trimmings(&self, meta: &Meta) -> Result<Trimmings, Problem> {
        let kept = self.kept(meta);
        let (attributes, dtypes) = match &self.options.attributes {
            Some(attributes) => (attributes.clone(), self.options.attribute_dtypes.clone()),
            None => (kept.attributes, kept.attribute_dtypes),
        };
        let attributes = attributes_for_netcdf(attributes, meta.dtype);
        let dimension_names = self.options.dimension_names.clone().or(kept.dimension_names);
        if let Some(names) = dimension_names.as_ref().filter(|names| names.len() != meta.ndim()) {
            let reason = format!("{} names for {} axes; give every axis a name", names.len(), meta.ndim());
            return Err(Problem::Misuse { reason });
        }
        Ok(Trimmings { attributes, dtypes, dimension_names })
    }

    /// What is compared when a run is resumed.
    pub(super) fn purpose(
        &self,
        meta: &Meta,
        layout: &Hdf5Layout,
        trimmings: &Trimmings,
        origin: &Origin,
    ) -> Purpose {
        let array = [
            ("shape", json!(meta.shape)),
            ("dtype", json!(meta.dtype.to_string())),
            ("chunks", json!(layout.chunk)),
            ("codec", json!([json!(layout.shuffle), json!(layout.gzip)])),
            ("fill value", json!(self.options.fill_value.map(|fill| fill.to_string()))),
            ("attributes", json!(trimmings.attributes)),
            ("attribute dtypes", json!(trimmings.dtypes)),
            ("dimension names", json!(trimmings.dimension_names)),
        ];
        let array = array.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        Purpose::new(&self.location.inner, origin, array)
    }

    /// Makes the dataset, with nothing in it.
    pub(super) fn prepare(
        &self,
        file: &hdf5::File,
        meta: &Meta,
        layout: &Hdf5Layout,
        trimmings: &Trimmings,
    ) -> Result<hdf5::Dataset, Problem> {
        let file_type = file_type(meta.dtype)?;
        let fill = match self.options.fill_value {
            // Zero is what there is without.
            Some(fill) if fill.to_complex() != Complex::new(0.0, 0.0) => Some(fill_value(fill, meta.dtype)?),
            _ => None,
        };
        self.stay_inside()?;
        self.make_room(file)?;
        let new = NewDataset {
            name: &self.location.inner,
            shape: &meta.shape,
            file_type: &file_type,
            fill,
            at_once: !self.options.in_place,
        };
        let dataset = new.make(file, layout).map_err(|error| library_failed("create the dataset", &error))?;
        write_attributes(&dataset, &trimmings.attributes, &trimmings.dtypes, Some(meta.dtype))
            .map_err(|(name, error)| library_failed(&format!("write attribute {name:?}"), &error))?;
        Ok(dataset)
    }

    /// What is kept of the dataset that is to be replaced.
    fn kept(&self, meta: &Meta) -> Kept {
        if !self.options.overwrite || !self.location.path.is_file() {
            return Kept::default();
        }
        let Kept { attributes, attribute_dtypes, dimension_names } = Kept::of(&self.location.uri);
        let dimension_names = dimension_names.filter(|names| names.len() == meta.ndim());
        Kept { attributes, attribute_dtypes, dimension_names }
    }

    /// Fails if the group of the dataset is behind a link into another file: the library would write there, and at once.
    fn stay_inside(&self) -> Result<(), Problem> {
        let Some((group, _)) = self.location.inner.rsplit_once('/') else { return Ok(()) };
        let found = format::File::open(self.file.target()).and_then(|file| file.kind(&format!("/{group}")));
        match found.map_err(|error| error.problem) {
            Err(format::Problem::Elsewhere { .. }) => Err(Problem::OnlyReadThere),
            // What else is wrong is told by the library, and no file at all is right.
            _ => Ok(()),
        }
    }

    /// Removes a dataset of the same name, if that is allowed.
    fn make_room(&self, file: &hdf5::File) -> Result<(), Problem> {
        let inner = &self.location.inner;
        let ends = inner.match_indices('/').map(|(end, _)| end).chain([inner.len()]);
        let misuse = |reason: String| Err(Problem::Misuse { reason });
        for end in ends {
            let path = &inner[..end];
            if !file.link_exists(path) {
                return Ok(());
            }
            let dataset = file.dataset(path).ok();
            if end < inner.len() && dataset.is_some() {
                return misuse(format!("{path:?} in it is a dataset, not a group; choose another name"));
            }
            if end == inner.len() {
                let Some(dataset) = dataset else {
                    return misuse(
                        "is a group in the file, which is not overwritten; choose another name".into(),
                    );
                };
                if !self.options.overwrite {
                    return Err(Problem::exists(self.options.resume));
                }
                // Its place would be given to the new one while others still read it.
                if self.options.in_place {
                    return misuse(
                        "is in the file already, and nothing is replaced in place; leave --in-place (in_place) out, or \
                         choose another name"
                            .into(),
                    );
                }
                if dataset.attr("REFERENCE_LIST").is_ok() {
                    return misuse(
                        "is a dimension of other datasets in the file, and they would lose it; write into it instead \
                         (--region on the command line), or choose another name"
                            .into(),
                    );
                }
                file.unlink(path).map_err(|error| library_failed("remove the old dataset", &error))?;
            }
        }
        Ok(())
    }
}
