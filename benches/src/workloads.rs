//! The workloads, by name.

use brickwork::assemble::stack;
use brickwork::create::ones_with;
use brickwork::io::SinkOptions;
use brickwork::prelude::*;
use brickwork::user::Boundary;
use brickwork::{Block, Threads, explain, open_many, random, store_with};

use crate::Setting;
use crate::measure::Measured;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// All of them.
pub const NAMES: &[&str] = &[
    "W1",
    "W1-full",
    "W1-full-c25",
    "W1-full-whole",
    "W2",
    "W3-30k",
    "W3",
    "W4",
    "W4-c16",
    "W5-sum",
    "W5-mean",
    "W5-sum-chunked",
    "W5-sum-znone",
    "W5-sum-zstd",
    "W5-sum-blosc",
    "W6-mean",
    "W6-mean-gzip",
    "W6-mean-znone",
    "W6-mean-zstd",
    "W6-mean-blosc",
    "W6-anomaly",
    "W6-anomaly-gzip",
    "W6-anomaly-zstd",
    "W7-zarr",
    "W7-hdf5",
    "W8",
    "W9-sincos",
    "W9-sum",
    "W9-std",
    "W9-fma",
    "W10",
    "W11-matmul",
    "W11-gram",
    "W12-ones",
    "W12-ones-10k",
    "W12-tasks",
    "W13-mean3x3",
    "W13-gauss",
    "W13-cumsum",
    "W13-topk",
];

/// Runs a workload; the result, or a part of what was stored.
pub fn run(name: &str, setting: &Setting, measured: &mut Measured) -> Result<Block> {
    let mut threads = Threads::new(setting.threads);
    if let Some(memory) = setting.memory {
        threads = threads.memory(memory);
    }
    let run = Run { setting, threads, measured };
    let (family, variant) = name.split_once('-').unwrap_or((name, ""));
    match family {
        "W1" => run.normal_mean(variant),
        "W2" => run.transpose_sum(10_000),
        "W3" => run.transpose_sum(if variant == "30k" { 30_000 } else { 100_000 }),
        "W4" => run.normal_vector(if variant == "c16" { 16 } else { 4 }),
        "W5" => run.file_sum(variant),
        "W6" => run.weather(variant),
        "W7" => run.subsample(variant),
        "W8" => run.lennard_jones(),
        "W9" => run.in_memory(variant),
        "W10" => run.rechunk(),
        "W11" => run.matmul(variant),
        "W12" if variant == "tasks" => run.tasks(),
        "W12" => run.ones(if variant == "ones-10k" { 10_000 } else { 100_000 }),
        "W13" => run.neighbours(variant),
        _ => Err(format!("there is no workload {name}; --list names them").into()),
    }
}

struct Run<'a> {
    setting: &'a Setting,
    threads: Threads,
    measured: &'a mut Measured,
}

impl Run<'_> {
    fn compute(self, array: &Array) -> Result<Block> {
        self.measured.built();
        if std::env::var_os("EXPLAIN").is_some() {
            eprintln!("{}", explain(&[array], &self.threads)?.explain());
        }
        Ok(array.compute_with(&self.threads)?)
    }

    fn path(&self, name: &str) -> String {
        self.setting.data.join(name).display().to_string()
    }

    /// Numbers of [0, 1) in memory.
    fn uniform(&self, seed: u64, shape: &[usize], dtype: DType) -> Result<Array> {
        let made = random::default_rng(Some(seed)).random(shape, ChunkSpec::auto())?.astype(dtype)?;
        Ok(made.persist_with(&self.threads)?)
    }

    fn normal_mean(self, variant: &str) -> Result<Block> {
        let n = 20_000;
        let chunk = match variant {
            _ if variant.ends_with("c25") => 25,
            _ if variant.ends_with("whole") => n,
            _ => 1000,
        };
        let x = random::default_rng(None).normal(10.0, 0.1, &[n, n], [chunk, chunk])?;
        let mean = x.mean(0)?;
        let mean = if variant.starts_with("full") { mean } else { mean.slice(s![..;100])? };
        self.compute(&mean)
    }

    fn transpose_sum(self, n: usize) -> Result<Block> {
        let x = random::default_rng(None).random(&[n, n], [1000, 1000])?;
        let half = n as isize / 2;
        let sum = (&x + x.t()).slice(s![..;2, half..])?.mean(1)?;
        self.compute(&sum)
    }

    fn normal_vector(self, chunks: usize) -> Result<Block> {
        let n = 800_000_000;
        let mean = random::default_rng(None).normal(0.0, 0.1, &[n], [n / chunks])?.mean(())?;
        self.compute(&mean)
    }

    fn file_sum(self, variant: &str) -> Result<Block> {
        let file = match variant {
            "sum" | "mean" => "random.hdf5#/x",
            "sum-chunked" => "random-chunked.hdf5#/x",
            "sum-znone" => "random-none.zarr",
            "sum-zstd" => "random-zstd.zarr",
            "sum-blosc" => "random-blosc.zarr",
            _ => return Err(format!("W5 has no variant {variant}").into()),
        };
        let x = open(&self.path(file))?;
        let result = if variant == "mean" { x.mean(())? } else { x.sum(())? };
        self.compute(&result)
    }

    fn days(&self, folder: &str) -> Result<Array> {
        Ok(stack(&open_many(&self.path(&format!("{folder}/*.hdf5#/t2m")))?, 0)?)
    }

    fn weather(self, variant: &str) -> Result<Block> {
        let (what, codec) = variant.split_once('-').unwrap_or((variant, "big"));
        let month = match codec {
            "big" | "gzip" => self.days(&format!("weather-{codec}"))?,
            _ => open(&self.path(&format!("weather-{}.zarr", codec.trim_start_matches('z'))))?,
        };
        let mean = month.mean(0)?;
        let result = if what == "anomaly" { month.slice(s![0])? - mean } else { mean };
        self.compute(&result)
    }

    fn subsample(self, format: &str) -> Result<Block> {
        let half = self.days("weather-big")?.slice(s![.., ..;2, ..;2])?;
        let folder = tempfile::tempdir_in(&self.setting.data)?;
        let name = if format == "zarr" { "out.zarr" } else { "out.hdf5#/x" };
        let target = folder.path().join(name).display().to_string();
        let chunks = Some(ChunkSpec::from(&[1, 250, 250][..]));
        let codec = if format == "zarr" { Some("zstd:3".into()) } else { Some("none".into()) };
        let options = SinkOptions { chunks, codec, ..SinkOptions::default() };
        self.measured.built();
        store_with(&half, &target, &options, &self.threads)?;
        Ok(open(&target)?.slice(s![0])?.compute_with(&self.threads)?)
    }

    fn rechunk(self) -> Result<Block> {
        let x = open(&self.path("rechunk.zarr"))?;
        let folder = tempfile::tempdir_in(&self.setting.data)?;
        let target = folder.path().join("out.zarr").display().to_string();
        let chunks = Some(ChunkSpec::from(&[100, 20_000][..]));
        let options = SinkOptions { chunks, codec: Some("none".into()), ..SinkOptions::default() };
        self.measured.built();
        store_with(&x, &target, &options, &self.threads)?;
        Ok(open(&target)?.slice(s![0])?.compute_with(&self.threads)?)
    }

    fn lennard_jones(self) -> Result<Block> {
        // The particles that other systems are given, where the data has them.
        let cluster = match self.setting.data.join("cluster.npy").exists() {
            true => open(&self.path("cluster.npy"))?,
            false => random::default_rng(Some(1981)).normal(0.0, 500.0, &[7000, 3], ChunkSpec::auto())? - 0.5,
        };
        let cluster = cluster.persist_with(&self.threads)?;
        self.measured.ready();
        let diff = cluster.slice(s![.., NewAxis, ..])? - cluster.slice(s![NewAxis, .., ..])?;
        let r2 = (&diff * &diff).sum(-1)?;
        let s6 = (1.0_f64 / r2).power(3)?;
        let energy = ((&s6 * &s6 - &s6) * 4.0).nansum(())? / 2.0;
        self.compute(&energy)
    }

    fn in_memory(self, variant: &str) -> Result<Block> {
        let n = 100_000_000;
        let count = match variant {
            "sincos" => 2,
            "fma" => 3,
            _ => 1,
        };
        let arrays =
            (0..count).map(|seed| self.uniform(seed, &[n], DType::F64)).collect::<Result<Vec<_>>>()?;
        self.measured.ready();
        let result = match (variant, arrays.as_slice()) {
            ("sum", [x]) => x.sum(())?,
            ("std", [x]) => x.std(())?,
            ("sincos", [x, y]) => (x.sin()?.power(2)? + y.cos()?.power(2)?).sum(())?,
            ("fma", [a, b, c]) => (a * b + c).mean(())?,
            _ => return Err(format!("W9 has no variant {variant}").into()),
        };
        self.compute(&result)
    }

    fn matmul(self, variant: &str) -> Result<Block> {
        let x = self.uniform(0, &[4000, 4000], DType::F64)?;
        if variant == "gram" {
            self.measured.ready();
            let product = x.t().matmul(&x)?;
            return self.compute(&product);
        }
        let y = self.uniform(1, &[4000, 4000], DType::F64)?;
        self.measured.ready();
        let product = x.matmul(&y)?;
        self.compute(&product)
    }

    fn ones(self, n: usize) -> Result<Block> {
        let sum = ones_with(&[n], DType::F64, [1])?.sum(())?;
        self.compute(&sum)
    }

    /// A hundred thousand tasks of one element each, which nobody but a test would ask for.
    fn tasks(mut self) -> Result<Block> {
        let array = ones_with(&[100_000], DType::F64, [1])?.cos()?;
        self.threads = self.threads.forced(|options| options.forced_cell = Some(1));
        self.compute(&array)
    }

    fn neighbours(self, variant: &str) -> Result<Block> {
        if let "cumsum" | "topk" = variant {
            let x = self.uniform(0, &[100_000_000], DType::F64)?;
            self.measured.ready();
            let result = if variant == "topk" { x.topk(10, 0)? } else { x.cumsum(Some(0), None)? };
            return self.compute(&result);
        }
        let x = self.uniform(0, &[8000, 8000], DType::F32)?;
        self.measured.ready();
        let weights = match variant {
            "mean3x3" => vec![1.0 / 3.0; 3],
            "gauss" => gaussian(1.0, 4),
            _ => return Err(format!("W13 has no variant {variant}").into()),
        };
        let smooth =
            x.correlate1d(&weights, 0, Boundary::Nearest)?.correlate1d(&weights, 1, Boundary::Nearest)?;
        self.compute(&smooth)
    }
}

/// Weights of a Gaussian up to `reach` elements away, which add up to one.
fn gaussian(sigma: f64, reach: i32) -> Vec<f64> {
    let weights: Vec<f64> = (-reach..=reach).map(|i| (-0.5 * (f64::from(i) / sigma).powi(2)).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}
