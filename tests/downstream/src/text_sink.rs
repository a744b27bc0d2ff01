//! A sink: a folder with a text file for every chunk, and an index that is written last.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use brickwork_core::Sink;
use brickwork_ops::prelude::*;

/// Writes `float64` arrays as a folder of text files, one a chunk; `index` lists them, and is written last.
#[derive(Debug)]
pub struct TextSink {
    folder: PathBuf,
    files: Mutex<Vec<String>>,
}

impl TextSink {
    /// A sink that makes this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        TextSink { folder: folder.into(), files: Mutex::default() }
    }

    /// Reads what was written: starts, lengths and values of every chunk. `None` without an index.
    ///
    /// # Errors
    /// If a file of the index cannot be read.
    pub fn read(folder: &std::path::Path) -> std::io::Result<Option<Vec<(Region, Vec<f64>)>>> {
        let Ok(index) = fs::read_to_string(folder.join("index")) else { return Ok(None) };
        let chunks = index.lines().map(|name| {
            let text = fs::read_to_string(folder.join(name))?;
            let values = text.lines().filter_map(|line| line.parse().ok()).collect();
            let ranges = name.split('_').filter_map(|axis| {
                let (start, len) = axis.split_once('+')?;
                Some(AxisRange::new(start.parse().ok()?, len.parse().ok()?))
            });
            Ok((Region::from_iter(ranges), values))
        });
        chunks.collect::<std::io::Result<_>>().map(Some)
    }

    fn failed(&self, error: std::io::Error) -> Error {
        Error::io(Sink::uri(self), "cannot be written", error)
    }
}

impl Sink for TextSink {
    fn uri(&self) -> String {
        format!("text:{}", self.folder.display())
    }

    fn create(&self, meta: &Meta) -> Result<ChunkGrid> {
        let grid = self.grid(meta)?;
        fs::create_dir_all(&self.folder).map_err(|error| self.failed(error))?;
        Ok(grid)
    }

    fn grid(&self, meta: &Meta) -> Result<ChunkGrid> {
        if meta.dtype != DType::F64 {
            let help = "text files hold float64; cast first".into();
            return Err(Error::DTypeUnsupported { op: "text sink".into(), dtype: meta.dtype, help });
        }
        Ok(meta.chunks.clone())
    }

    fn write(&self, region: &Region, block: &Block) -> Result<()> {
        let axes: Vec<String> =
            region.axes().iter().map(|axis| format!("{}+{}", axis.start, axis.len)).collect();
        let name = axes.join("_");
        let lines: Vec<String> = block.to_vec::<f64>().iter().map(f64::to_string).collect();
        fs::write(self.folder.join(&name), lines.join("\n")).map_err(|error| self.failed(error))?;
        if let Ok(mut files) = self.files.lock() {
            files.push(name);
        }
        Ok(())
    }

    fn commit(&self) -> Result<()> {
        let files = self.files.lock().map(|files| files.join("\n")).unwrap_or_default();
        fs::write(self.folder.join("index"), files).map_err(|error| self.failed(error))
    }

    fn abort(&self) {
        // What cannot be removed has no index, and so is no array.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
