//! What is at a place, told without reading any element.

use crate::uri::Format;

/// What is at a place: an array, or a group of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The place as it was asked for.
    pub uri: String,
    /// How it is stored.
    pub format: Format,
    /// Elements along every axis; `None` for a group.
    pub shape: Option<Vec<usize>>,
    /// NumPy's name of the dtype, or the format's own where Brickwork cannot read it; `None` for a group.
    pub dtype: Option<String>,
    /// Elements of a storage chunk along every axis; `None` for a group and for what is not chunked.
    pub chunks: Option<Vec<usize>>,
    /// What is done to the elements when they are stored, in that order.
    pub codecs: Vec<String>,
    /// Bytes of all elements; `None` for a group.
    pub nbytes: Option<usize>,
    /// Bytes the elements take where they are stored, if that can be told.
    pub stored_bytes: Option<u64>,
    /// Names and values, the values as text.
    pub attributes: Vec<(String, String)>,
    /// What a group holds: names, those of groups with a `/` at the end.
    pub children: Vec<String>,
}

impl Description {
    /// A group of `children`.
    #[cfg(any(feature = "zarr", feature = "hdf5"))]
    pub(crate) fn group(
        uri: &str,
        format: Format,
        attributes: Vec<(String, String)>,
        children: Vec<String>,
    ) -> Self {
        Description {
            uri: uri.to_owned(),
            format,
            shape: None,
            dtype: None,
            chunks: None,
            codecs: Vec::new(),
            nbytes: None,
            stored_bytes: None,
            attributes,
            children,
        }
    }
}
