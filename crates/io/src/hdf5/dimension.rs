//! Datasets that stand for a dimension of netCDF and hold nothing.

use super::describe::with_survey;
use super::format::AttributeData;
use crate::error::Result;
use crate::uri::Location;

/// By this name netCDF knows dimensions that have no coordinates.
pub(super) const NO_COORDINATES: &str = "This is a netCDF dimension but not a netCDF variable.";

/// Whether what is at a place is a dimension without coordinates.
pub(crate) fn is_dimension_only(location: &Location) -> Result<bool> {
    with_survey(location, |survey, object| {
        let attributes = survey.attributes(&object)?;
        Ok(attributes.iter().any(|(name, value)| {
            let starts = |texts: &[String]| texts.iter().any(|text| text.starts_with(NO_COORDINATES));
            name == "NAME" && matches!(&value.data, AttributeData::Text(texts) if starts(texts))
        }))
    })
}
