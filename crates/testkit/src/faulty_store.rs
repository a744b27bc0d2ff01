//! An object store that misbehaves: slow, refusing, cutting answers off.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What a request meets: its number, counted from 0, and whether it writes.
pub type Fault = dyn Fn(usize, bool) -> Meets + Send + Sync;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meets {
    /// Nothing: it is answered.
    Nothing,
    /// The connection is reset before an answer comes.
    Reset,
    /// The connection breaks in the middle of the answer.
    CutOff,
    /// An answer that is shorter than it says.
    Short,
    /// The server refuses for good.
    Refusal,
}

/// A store around another one.
pub struct FaultyStore {
    inner: Arc<dyn ObjectStore>,
    latency: Duration,
    fault: Box<Fault>,
    requests: AtomicUsize,
    under_way: AtomicUsize,
    /// The most requests that were under way at once.
    most: AtomicUsize,
}

impl FaultyStore {
    /// Around a store; every request takes at least `latency` and meets what `fault` says.
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        latency: Duration,
        fault: impl Fn(usize, bool) -> Meets + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(FaultyStore {
            inner,
            latency,
            fault: Box::new(fault),
            requests: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        })
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// The most requests that were under way at once.
    pub fn most_under_way(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    async fn begin(&self, writes: bool) -> Result<(Meets, UnderWay<'_>)> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        let under_way = UnderWay(self);
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        match (self.fault)(number, writes) {
            Meets::Reset => Err(broken(std::io::ErrorKind::ConnectionReset)),
            Meets::Refusal => {
                Err(object_store::Error::PermissionDenied { path: "x".into(), source: "no".into() })
            }
            other => Ok((other, under_way)),
        }
    }
}

/// Counts a request until it has ended.
struct UnderWay<'a>(&'a FaultyStore);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

fn broken(kind: std::io::ErrorKind) -> object_store::Error {
    object_store::Error::Generic { store: "faulty", source: Box::new(std::io::Error::from(kind)) }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({:?})", self.inner)
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "faulty {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let (meets, _under_way) = self.begin(true).await?;
        let result = self.inner.put_opts(location, payload, options).await;
        match meets {
            // It was written, but the writer does not learn of it.
            Meets::CutOff | Meets::Short => Err(broken(std::io::ErrorKind::UnexpectedEof)),
            _ => result,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (meets, _under_way) = self.begin(false).await?;
        let result = self.inner.get_opts(location, options).await?;
        if meets == Meets::Nothing {
            return Ok(result);
        }
        let (meta, range, attributes) =
            (result.meta.clone(), result.range.clone(), result.attributes.clone());
        let extensions = result.extensions.clone();
        let bytes = result.bytes().await?;
        let mut pieces: Vec<Result<Bytes>> = vec![Ok(bytes.slice(..bytes.len() / 2))];
        if meets == Meets::CutOff {
            pieces.push(Err(broken(std::io::ErrorKind::UnexpectedEof)));
        }
        let payload = GetResultPayload::Stream(futures_util::stream::iter(pieces).boxed());
        Ok(GetResult { payload, meta, range, attributes, extensions })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let (_, _under_way) = self.begin(false).await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
