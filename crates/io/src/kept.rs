//! What an array keeps when it is replaced.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Attributes of an array, their dtypes and the names of its axes.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub attributes: Map<String, Value>,
    pub attribute_dtypes: BTreeMap<String, String>,
    pub dimension_names: Option<Vec<String>>,
}

impl Kept {
    /// Those of the array at a place; nothing if there is none, or it cannot be understood.
    pub fn of(uri: &str) -> Self {
        match crate::describe(uri) {
            Ok(found) if found.shape.is_some() => Kept {
                attributes: found.attributes,
                attribute_dtypes: found.attribute_dtypes,
                dimension_names: found.dimension_names,
            },
            _ => Kept::default(),
        }
    }
}
