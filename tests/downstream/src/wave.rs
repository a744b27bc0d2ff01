//! A source: an instrument that delivers whole records, whatever part of one is wanted.

use brickwork_core::{Granule, Pending};
use brickwork_ops::create::from_source;
use brickwork_ops::prelude::*;

/// An instrument's recording of a wave: `records` records of `length` samples. The sample `s` of record `r` is
/// `r + s / length`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wave {
    /// How many records.
    pub records: usize,
    /// Samples of a record.
    pub length: usize,
    /// A record that cannot be read.
    pub broken: Option<usize>,
}

/// The lazy array over a recording, of shape (records, length).
///
/// # Errors
/// Never: a recording has any size.
pub fn wave(wave: Wave) -> Result<Array> {
    from_source(wave)
}

#[typetag::serde(name = "brickwork_downstream::Wave")]
impl Operation for Wave {
    fn name(&self) -> String {
        "read wave".into()
    }

    fn infer(&self, _inputs: &[Meta]) -> Result<Vec<Meta>> {
        let shape = [self.records, self.length];
        Ok(vec![Meta::new(&shape, DType::F64, ChunkGrid::regular(&shape, &[1, self.length]))])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Source(self)
    }
}

impl Source for Wave {
    fn uri(&self) -> String {
        format!("wave://{}x{}", self.records, self.length)
    }

    fn plan_read(&self, region: &Region) -> Result<Vec<Granule>> {
        let nbytes = self.length * 8;
        let records = if region.is_empty() { 0 } else { region.axes()[0].len };
        Ok((0..records)
            .map(|i| {
                let record = region.axes()[0].get(i);
                let whole = vec![AxisRange::at(record), AxisRange::new(0, self.length)];
                Granule {
                    key: Some(record as u64),
                    region: Region::new(whole),
                    encoded_bytes: nbytes,
                    decoded_bytes: nbytes,
                    scratch_bytes: 0,
                }
            })
            .collect())
    }

    fn start(&self, granule: &Granule) -> Result<Box<dyn Pending + '_>> {
        Ok(Box::new(Record { wave: self, number: granule.region.axes()[0].start }))
    }

    fn granule_grid(&self) -> Option<ChunkGrid> {
        Some(ChunkGrid::regular(&[self.records, self.length], &[1, self.length]))
    }
}

struct Record<'a> {
    wave: &'a Wave,
    number: usize,
}

impl Pending for Record<'_> {
    fn finish(self: Box<Self>, mut into: ViewMut<'_>) -> Result<()> {
        if self.wave.broken == Some(self.number) {
            return Err(Error::invalid_data(self.wave.uri(), format!("record {} is broken", self.number)));
        }
        let length = self.wave.length;
        let samples = (0..length).map(|sample| self.number as f64 + sample as f64 / length as f64).collect();
        into.assign(&Block::from_vec(samples, &[1, length]));
        Ok(())
    }
}
