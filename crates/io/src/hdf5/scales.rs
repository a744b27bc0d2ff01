//! Names of axes: dimension scales as netCDF reads them, or labels.

use hdf5::types::{
    CompoundField, CompoundType, IntSize, Reference, TypeDescriptor, VarLenArray, VarLenUnicode,
};
use hdf5::{Dataset, File, H5Type, ObjectReference1};

use super::attributes::unicode;
use super::calls::write_fixed_text;
use super::dimension::NO_COORDINATES;
use super::shared_file::{Named, library_failed};
use crate::error::Problem;

/// Who uses a dimension scale: a dataset, and its axis.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
struct User {
    dataset: ObjectReference1,
    axis: i32,
}

// SAFETY: `repr(C)` puts an 8-byte reference at 0 and 4 bytes of the axis at 8, as the descriptor says; the 4 bytes
// behind them belong to no field.
unsafe impl H5Type for User {
    fn type_descriptor() -> TypeDescriptor {
        TypeDescriptor::Compound(CompoundType {
            fields: vec![
                CompoundField::new("dataset", TypeDescriptor::Reference(Reference::Object), 0, 0),
                CompoundField::new("dimension", TypeDescriptor::Integer(IntSize::U4), 8, 1),
            ],
            size: 16,
        })
    }
}

/// Labels the axes of a dataset, as h5py's `dims[…].label` does.
pub(super) fn label(file: &File, named: &Named) -> Result<(), Problem> {
    let write = || {
        let dataset = file.dataset(&named.dataset)?;
        let labels: hdf5::Result<Vec<VarLenUnicode>> = named.names.iter().map(|name| unicode(name)).collect();
        if named.names.is_empty() {
            return Ok(());
        }
        let attribute =
            dataset.new_attr::<VarLenUnicode>().shape(named.names.len()).create("DIMENSION_LABELS")?;
        attribute.write_raw(&labels?)
    };
    write().map_err(|error| library_failed("name the axes", &error))
}

/// Ties the axes of a dataset to dimension scales of their names, which are made where they are missing.
pub(super) fn attach(file: &File, named: &Named) -> Result<(), Problem> {
    let failed = |error: hdf5::Error| library_failed("name the axes", &error);
    let dataset = file.dataset(&named.dataset).map_err(failed)?;
    let (group, own) = named.dataset.rsplit_once('/').unwrap_or(("", &named.dataset));
    if named.names.is_empty() {
        return Ok(());
    }
    // A variable with the name of its only axis holds the coordinates along it.
    if named.names.len() == 1 && named.names[0] == own {
        return make_scale(&dataset, own).map_err(failed);
    }
    let mut references = Vec::with_capacity(named.names.len());
    for ((axis, name), len) in named.names.iter().enumerate().zip(dataset.shape()) {
        let path = scale(file, group, name, len)?;
        let reference: ObjectReference1 = file.reference(&path).map_err(failed)?;
        references.push(VarLenArray::from_slice(&[reference]));
        let me: ObjectReference1 = file.reference(&named.dataset).map_err(failed)?;
        add_user(file, &path, User { dataset: me, axis: axis as i32 }).map_err(failed)?;
    }
    let list = dataset.new_attr::<VarLenArray<ObjectReference1>>().shape(references.len());
    list.create("DIMENSION_LIST").and_then(|list| list.write_raw(&references)).map_err(failed)
}

/// The path of the dimension scale of a name, in the group or one above it.
fn scale(file: &File, group: &str, name: &str, len: usize) -> Result<String, Problem> {
    let failed = |error: hdf5::Error| library_failed("name the axes", &error);
    let own = if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") };
    let mut above = group;
    let mut path = own.clone();
    loop {
        if file.link_exists(&path) {
            let found = file.dataset(&path).map_err(|_| {
                let reason = format!("axis name {name:?} is that of a group in it; rename the axis");
                Problem::Misuse { reason }
            })?;
            if found.shape() == [len] {
                if found.attr("CLASS").is_err() {
                    make_scale(&found, name).map_err(failed)?;
                }
                return Ok(path);
            }
            if path == own {
                let reason = format!(
                    "axis {name:?} has {len} elements, and the dataset of that name in it has shape {:?}; rename the axis",
                    found.shape()
                );
                return Err(Problem::Misuse { reason });
            }
        }
        let Some((outer, _)) = above.rsplit_once('/').or((!above.is_empty()).then_some(("", ""))) else {
            break;
        };
        above = outer;
        path = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
    }
    // As the netCDF library makes them: without elements of its own.
    let made = file.new_dataset::<f32>().no_chunk().shape(len).create(own.as_str()).map_err(failed)?;
    make_scale(&made, &format!("{NO_COORDINATES}{len:10}")).map_err(failed)?;
    Ok(own)
}

fn make_scale(dataset: &Dataset, name: &str) -> hdf5::Result<()> {
    for attribute in ["CLASS", "NAME"] {
        if dataset.attr(attribute).is_ok() {
            dataset.delete_attr(attribute)?;
        }
    }
    write_fixed_text(dataset, "CLASS", "DIMENSION_SCALE")?;
    write_fixed_text(dataset, "NAME", name)
}

/// Adds a dataset to those that use a scale.
fn add_user(file: &File, scale: &str, user: User) -> hdf5::Result<()> {
    let scale = file.dataset(scale)?;
    let mut users: Vec<User> = match scale.attr("REFERENCE_LIST") {
        Ok(list) => list.read_raw()?,
        Err(_) => Vec::new(),
    };
    users.push(user);
    if scale.attr("REFERENCE_LIST").is_ok() {
        scale.delete_attr("REFERENCE_LIST")?;
    }
    scale.new_attr::<User>().shape(users.len()).create("REFERENCE_LIST")?.write_raw(&users)
}
