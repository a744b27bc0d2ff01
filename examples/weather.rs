//! A month of weather in HDF5 files, one a day: the mean over the month, the first day's anomaly, and a picture at a
//! quarter of the resolution. Look at the three PNG files.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use brickwork::assemble::stack;
use brickwork::plot::plot;
use brickwork::prelude::*;
use brickwork::{DType, create, open_many, random};

/// Temperatures in kelvin: colder towards the poles, a wave that travels, noise.
fn day(number: usize, rows: usize, columns: usize) -> brickwork::Result<Array> {
    let radians = |count: usize, turns: f64| -> brickwork::Result<Array> {
        Ok(create::linspace(-0.5, 0.5, count)? * (turns * std::f64::consts::TAU))
    };
    let latitude = radians(rows, 0.5)?.reshape(&[-1, 1])?;
    let wave = (radians(columns, 3.0)? + number as f64 * 0.4).sin()?;
    let noise = random::default_rng(Some(number as u64)).normal(0.0, 0.5, &[rows, columns], [100, 100])?;
    (latitude.cos()? * (wave * 6.0 + 45.0) + noise + 250.0).astype(DType::F32)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (days, rows, columns) = (31, 180, 360);
    for number in 0..days {
        let file = folder.path().join(format!("2014-01-{:02}.hdf5#/t2m", number + 1));
        store(&day(number, rows, columns)?, &file.display().to_string())?;
    }

    let days = open_many(&folder.path().join("*.hdf5#/t2m").display().to_string())?;
    println!("{} days of {:?}", days.len(), days[0].shape());
    let month = stack(&days, 0)?;
    let mean = month.mean(0)?;
    let anomaly = &days[0] - &mean;
    let quarter = days[0].slice(s![..;4, ..;4])?;

    let pictures = std::env::temp_dir().join("brickwork-weather");
    std::fs::create_dir_all(&pictures)?;
    plot(&mean)
        .cmap("RdBu_r")
        .title("mean of January 2014")
        .label("t2m (K)")
        .overwrite(true)
        .save(pictures.join("mean.png"))?;
    plot(&anomaly)
        .cmap("RdBu_r")
        .title("1 January less the mean")
        .label("t2m (K)")
        .overwrite(true)
        .save(pictures.join("anomaly.png"))?;
    plot(&quarter)
        .title("1 January, every fourth point")
        .label("t2m (K)")
        .overwrite(true)
        .save(pictures.join("quarter.png"))?;
    println!("look at mean.png, anomaly.png and quarter.png in {}", pictures.display());
    Ok(())
}
