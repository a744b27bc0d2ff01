//! Files written by the HDF5 library, read back; see `tests/fixtures/hdf5/README.md`.
use std::sync::Arc;

use super::{Dataset, File, Layout, Result};

mod datasets;
mod hostile;
mod objects;

macro_rules! fixtures {
    ($($name:literal),* $(,)?) => {
        /// Name and bytes of every fixture.
        const FIXTURES: &[(&str, &[u8])] = &[
            $(($name, include_bytes!(concat!("../../../../tests/fixtures/hdf5/", $name, ".h5")))),*
        ];
    };
}

fixtures![
    "absent",
    "absent_latest",
    "attributes",
    "attributes_latest",
    "big_endian",
    "btree_v2",
    "chunked",
    "contiguous",
    "edges_unfiltered",
    "extensible_array",
    "filter_mask",
    "fixed_array",
    "fixed_array_v110",
    "fletcher32",
    "groups_new",
    "groups_old",
    "implicit",
    "lzf",
    "plugins",
    "refused",
    "single_chunk",
    "small",
    "types",
    "types_latest",
    "user_block",
    "user_block_latest",
];

/// The bytes of a fixture.
fn bytes(name: &str) -> Vec<u8> {
    FIXTURES.iter().find(|(known, _)| *known == name).expect("a known fixture").1.to_vec()
}

/// Opens a fixture.
fn open(name: &str) -> File {
    File::from_reader(Arc::new(bytes(name)), name).unwrap()
}

/// All elements of a dataset in this machine's byte order, chunk by chunk and element by element.
fn read_all(dataset: &Dataset) -> Result<Vec<u8>> {
    let size = dataset.element.size;
    let mut out = vec![0; dataset.shape.iter().product::<usize>() * size];
    let Layout::Chunked { chunk } = &dataset.layout else {
        dataset.read_bytes(0, &mut out)?;
        return Ok(out);
    };
    dataset.fill_with_default(&mut out);
    let index = dataset.chunk_index()?;
    let counts: Vec<usize> = dataset.shape.iter().zip(chunk).map(|(&n, &chunk)| n.div_ceil(chunk)).collect();
    let (mut encoded, mut scratch) = (Vec::new(), Vec::new());
    let mut elements = vec![0; dataset.chunk_nbytes().expect("chunked")];
    for number in 0..counts.iter().product() {
        let chunk_at = place(number, &counts);
        let Some(location) = index.get(&chunk_at) else { continue };
        dataset.read_encoded_chunk(location, &mut encoded)?;
        dataset.decode_chunk(location, &encoded, &mut elements, &mut scratch)?;
        assert!(scratch.len() <= dataset.decode_scratch_nbytes());
        let mut again = vec![1; elements.len()];
        dataset.read_chunk(location, &mut again, &mut encoded, &mut scratch)?;
        assert!(again == elements);
        for (within, element) in elements.chunks_exact(size).enumerate() {
            let at: Vec<usize> = place(within, chunk)
                .iter()
                .zip(chunk_at.iter().zip(chunk))
                .map(|(within, (at, n))| at * n + within)
                .collect();
            if at.iter().zip(&dataset.shape).all(|(at, n)| at < n) {
                let to = at.iter().zip(&dataset.shape).fold(0, |to, (at, n)| to * n + at);
                out[to * size..][..size].copy_from_slice(element);
            }
        }
    }
    Ok(out)
}

/// Coordinates of the element with this number, last axis fastest.
fn place(number: usize, counts: &[usize]) -> Vec<usize> {
    let mut rest = number;
    let mut at = vec![0; counts.len()];
    for (at, &count) in at.iter_mut().zip(counts).rev() {
        *at = rest % count;
        rest /= count;
    }
    at
}
