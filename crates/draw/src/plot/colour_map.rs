//! Colour maps by the names that matplotlib gives them.

use std::fmt;

use colorous::Gradient;

use crate::error::{DrawError, Result};

/// From small to large: how numbers become colours.
///
/// ```
/// use brickwork_draw::ColourMap;
///
/// let map = ColourMap::named("RdBu_r")?;
/// assert!(map.is_diverging());
/// let [red, _, blue] = map.colour(0.0);
/// assert!(blue > red, "small numbers are blue");
/// # Ok::<(), brickwork_draw::DrawError>(())
/// ```
#[derive(Clone, Copy)]
pub struct ColourMap {
    row: &'static Row,
    is_reversed: bool,
}

/// A map of the table.
struct Row {
    name: &'static str,
    gradient: Gradient,
    /// Whether the middle is a colour of its own, which stands for zero.
    is_diverging: bool,
}

const fn sequential(name: &'static str, gradient: Gradient) -> Row {
    Row { name, gradient, is_diverging: false }
}

const fn diverging(name: &'static str, gradient: Gradient) -> Row {
    Row { name, gradient, is_diverging: true }
}

static TABLE: &[Row] = &[
    sequential("viridis", colorous::VIRIDIS),
    sequential("plasma", colorous::PLASMA),
    sequential("inferno", colorous::INFERNO),
    sequential("magma", colorous::MAGMA),
    sequential("cividis", colorous::CIVIDIS),
    sequential("turbo", colorous::TURBO),
    sequential("cubehelix", colorous::CUBEHELIX),
    sequential("Greys", colorous::GREYS),
    sequential("Purples", colorous::PURPLES),
    sequential("Blues", colorous::BLUES),
    sequential("Greens", colorous::GREENS),
    sequential("Oranges", colorous::ORANGES),
    sequential("Reds", colorous::REDS),
    sequential("YlOrBr", colorous::YELLOW_ORANGE_BROWN),
    sequential("YlOrRd", colorous::YELLOW_ORANGE_RED),
    sequential("OrRd", colorous::ORANGE_RED),
    sequential("PuRd", colorous::PURPLE_RED),
    sequential("RdPu", colorous::RED_PURPLE),
    sequential("BuPu", colorous::BLUE_PURPLE),
    sequential("GnBu", colorous::GREEN_BLUE),
    sequential("PuBu", colorous::PURPLE_BLUE),
    sequential("YlGnBu", colorous::YELLOW_GREEN_BLUE),
    sequential("PuBuGn", colorous::PURPLE_BLUE_GREEN),
    sequential("BuGn", colorous::BLUE_GREEN),
    sequential("YlGn", colorous::YELLOW_GREEN),
    diverging("PiYG", colorous::PINK_GREEN),
    diverging("PRGn", colorous::PURPLE_GREEN),
    diverging("BrBG", colorous::BROWN_GREEN),
    diverging("PuOr", colorous::PURPLE_ORANGE),
    diverging("RdGy", colorous::RED_GREY),
    diverging("RdBu", colorous::RED_BLUE),
    diverging("RdYlBu", colorous::RED_YELLOW_BLUE),
    diverging("RdYlGn", colorous::RED_YELLOW_GREEN),
    diverging("Spectral", colorous::SPECTRAL),
];

/// Other diverging maps of matplotlib, which are not here: whoever asks for one gets a map by this name instead.
const NEAR_BLUE_TO_RED: [&str; 6] = ["coolwarm", "bwr", "seismic", "berlin", "vanimo", "managua"];

impl ColourMap {
    /// The map of a name: `viridis`, `RdBu`; with `_r` behind it, reversed.
    ///
    /// # Errors
    /// [`DrawError::UnknownColourMap`], which lists all names.
    pub fn named(name: &str) -> Result<ColourMap> {
        let (plain, is_reversed) = match name.strip_suffix("_r") {
            Some(plain) => (plain, true),
            None => (name, false),
        };
        let found = TABLE.iter().find(|row| row.name == plain);
        // Capitals are easily got wrong, and no two names differ in them alone.
        let found = found.or_else(|| TABLE.iter().find(|row| row.name.eq_ignore_ascii_case(plain)));
        match found {
            Some(row) => Ok(ColourMap { row, is_reversed }),
            None => {
                let names: Vec<&str> = ColourMap::names().collect();
                let near = if NEAR_BLUE_TO_RED.contains(&plain) { "RdBu_r comes near it; " } else { "" };
                Err(DrawError::UnknownColourMap {
                    name: name.into(),
                    help: format!("{near}the maps are {} (and each with _r, reversed)", names.join(", ")),
                })
            }
        }
    }

    /// All names, without the reversed ones.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TABLE.iter().map(|row| row.name)
    }

    /// The map's name.
    pub fn name(&self) -> String {
        format!("{}{}", self.row.name, if self.is_reversed { "_r" } else { "" })
    }

    /// Whether the middle of the map is a colour of its own, which stands for zero.
    pub fn is_diverging(&self) -> bool {
        self.row.is_diverging
    }

    /// The colour (red, green, blue) of a place between 0, the smallest, and 1, the largest; places beyond get the
    /// colour of the end.
    pub fn colour(&self, place: f64) -> [u8; 3] {
        let place = place.clamp(0.0, 1.0);
        let colour = self.row.gradient.eval_continuous(if self.is_reversed { 1.0 - place } else { place });
        [colour.r, colour.g, colour.b]
    }
}

impl Default for ColourMap {
    /// `viridis`.
    fn default() -> Self {
        ColourMap { row: &TABLE[0], is_reversed: false }
    }
}

impl fmt::Debug for ColourMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ColourMap({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_have_the_ends_that_matplotlib_gives_them() {
        let ends = |name: &str| {
            let map = ColourMap::named(name).unwrap();
            (map.colour(0.0), map.colour(1.0))
        };
        assert_eq!(ends("viridis"), ([68, 1, 84], [253, 231, 37]));
        assert_eq!(ends("magma"), ([0, 0, 4], [252, 253, 191]));
        // Splines between the colours of the scheme: the last digit may differ.
        assert_eq!(ends("RdBu"), ([103, 0, 31], [4, 47, 96]));
        assert_eq!(ends("RdBu_r"), ([4, 47, 96], [103, 0, 31]));
        assert_eq!(ends("greys_r"), ends("Greys_r"));
        assert_eq!(ColourMap::default().name(), "viridis");
    }

    #[test]
    fn places_beyond_the_ends_get_their_colour() {
        let map = ColourMap::named("Blues").unwrap();
        assert_eq!(map.colour(-3.0), map.colour(0.0));
        assert_eq!(map.colour(f64::INFINITY), map.colour(1.0));
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        let error = ColourMap::named("coolwarm").unwrap_err().to_string();
        assert!(
            error.starts_with("there is no colour map coolwarm; RdBu_r comes near it; the maps are"),
            "{error}"
        );
        for name in ["viridis", "RdBu", "Spectral", "_r, reversed"] {
            assert!(error.contains(name), "{error}");
        }
        assert!(ColourMap::named("_r").is_err());
    }
}
