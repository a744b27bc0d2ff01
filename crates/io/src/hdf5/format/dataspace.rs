//! Dataspace messages: shapes.
use super::cursor::Cursor;
use super::error::{Outcome, corrupt};

const WHAT: &str = "dataspace message";
/// The most axes the format allows.
const MAX_RANK: usize = 32;

/// A shape and how far it may grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dataspace {
    /// Elements along each axis; none for a scalar. A null dataspace has one axis of length 0.
    pub shape: Vec<usize>,
    /// Largest length of each axis; `None` if unlimited.
    pub max_shape: Vec<Option<usize>>,
    /// Whether it is a null dataspace, which has a type but no elements.
    pub is_null: bool,
}

impl Dataspace {
    /// Parses the message.
    pub fn parse(mut cursor: Cursor<'_>) -> Outcome<Self> {
        let version = cursor.u8()?;
        let rank = usize::from(cursor.u8()?);
        let flags = cursor.u8()?;
        let class = match version {
            1 => {
                cursor.skip(5)?;
                u8::from(rank > 0)
            }
            2 => cursor.u8()?,
            _ => return Err(corrupt(WHAT, format!("version is {version}, not 1 or 2"))),
        };
        if rank > MAX_RANK {
            return Err(corrupt(WHAT, format!("{rank} axes; at most {MAX_RANK} are possible")));
        }
        if class == 2 {
            return Ok(Self { shape: vec![0], max_shape: vec![Some(0)], is_null: true });
        }
        let shape = (0..rank).map(|_| Ok(cursor.length()? as usize)).collect::<Outcome<Vec<_>>>()?;
        let max_shape = if flags & 1 != 0 {
            (0..rank)
                .map(|_| Ok(cursor.optional_length()?.map(|n| n as usize)))
                .collect::<Outcome<Vec<_>>>()?
        } else {
            shape.iter().copied().map(Some).collect()
        };
        let space = Self { shape, max_shape, is_null: false };
        space.num_elements()?;
        Ok(space)
    }

    /// The product of the lengths.
    pub fn num_elements(&self) -> Outcome<usize> {
        // Zeros first, so that an empty array may have long axes.
        if self.shape.contains(&0) {
            return Ok(0);
        }
        self.shape
            .iter()
            .try_fold(1_usize, |product, &n| product.checked_mul(n))
            .ok_or_else(|| corrupt(WHAT, format!("shape {:?} has too many elements", self.shape)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Outcome<Dataspace> {
        Dataspace::parse(Cursor::new(WHAT, bytes, 8, 2))
    }

    #[test]
    fn both_versions_scalar_null_and_unlimited() {
        let simple = parse(&[1, 2, 1, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0xff, 0xff, 9, 0]).unwrap();
        assert_eq!(
            (simple.shape.as_slice(), simple.max_shape.as_slice()),
            (&[3, 4][..], &[None, Some(9)][..])
        );
        assert_eq!(parse(&[2, 0, 0, 0]).unwrap().shape, [0_usize; 0]);
        assert_eq!(parse(&[2, 0, 0, 0]).unwrap().num_elements().unwrap(), 1);
        assert!(parse(&[2, 0, 0, 2]).unwrap().is_null);
        assert_eq!(parse(&[2, 1, 0, 1, 5, 0]).unwrap().max_shape, [Some(5)]);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        assert!(parse(&[2, 33, 0, 1]).is_err());
        assert!(parse(&[3, 1, 0, 1]).is_err());
        let huge = [vec![2, 5, 0, 1], [0xff; 10].to_vec()].concat();
        assert!(parse(&huge).unwrap_err().to_string().contains("too many elements"));
    }
}
