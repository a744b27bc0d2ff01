//! Subsample a month and store it without holding it: into a part of an existing HDF5 dataset, into a new HDF5 file, into
//! a Zarr array that is replaced; and several results in one run. Look at what `open` finds afterwards.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use brickwork::assemble::stack;
use brickwork::io::SinkOptions;
use brickwork::prelude::*;
use brickwork::{Threads, create, random, store_many, store_region, store_with};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name).display().to_string();
    let mut rng = random::default_rng(Some(1));
    let days =
        (0..4).map(|_| rng.normal(280.0, 5.0, &[200, 300], [100, 100])).collect::<Result<Vec<_>, _>>()?;
    let month = stack(&days, 0)?;
    let half = month.slice(s![.., ..;2, ..;2])?;

    // Into a new HDF5 file, and into a part of a dataset that is there.
    store(&half, &at("half.hdf5#/output"))?;
    store(&create::zeros(&[10, 100, 150], DType::F64)?, &at("year.hdf5#/t2m"))?;
    store_region(&half, &at("year.hdf5#/t2m"), s![3..7, .., ..])?;
    let year = open(&at("year.hdf5#/t2m"))?;
    assert_eq!(
        year.slice(s![3..7, .., ..])?.sum(())?.compute()?.item::<f64>(),
        half.sum(())?.compute()?.item::<f64>()
    );
    assert_eq!(year.slice(s![..3, .., ..])?.max(())?.compute()?.item::<f64>(), 0.0);

    // Into a Zarr array, twice: the second time it is replaced.
    let overwrite = SinkOptions { overwrite: true, ..SinkOptions::default() };
    for _ in 0..2 {
        store_with(&half, &at("half.zarr"), &overwrite, &Threads::default())?;
    }
    println!("{:?}", open(&at("half.zarr"))?);

    // Two results of one array into one file: the array is computed once.
    store_many(&[
        (&month.mean(0)?, &at("statistics.hdf5#/mean")),
        (&month.std(0)?, &at("statistics.hdf5#/std")),
    ])?;
    println!("{:?}", open(&at("statistics.hdf5#/std"))?);
    Ok(())
}
