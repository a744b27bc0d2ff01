//! From a URL to a store and a path in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::SpawnedReqwestConnector;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use parking_lot::Mutex;
use url::Url;

use super::memory;
use super::problem::{Scheme, unusable};
use super::requests::Remote;
use super::runtime::handle;
use crate::error::{IoError, Problem, Result};

/// Until a server takes a connection, and between two pieces of an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A request is tried again after pauses of 0.1 s, 0.2 s, … while the server is busy or does not answer.
const MAX_RETRIES: usize = 6;

/// Stores by scheme and bucket (or server).
static STORES: Mutex<Option<HashMap<String, Arc<dyn ObjectStore>>>> = Mutex::new(None);

/// How often the stores of URLs were exchanged.
static GENERATIONS: Mutex<Option<HashMap<String, u64>>> = Mutex::new(None);

/// A number that changes when a URL leads to another store: what was opened before is opened again.
pub(crate) fn generation(url: &str) -> u64 {
    GENERATIONS.lock().as_ref().and_then(|known| known.get(store_part(url)).copied()).unwrap_or(0)
}

/// What a URL has before its path.
fn store_part(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?']).map_or(url.len(), |at| start + at);
    &url[..end]
}

/// Uses a store of the caller's for all URIs below a URL such as `s3://bucket`, instead of one that is made from the
/// environment: with credentials that come from elsewhere, or a wrapper that counts, limits or caches.
///
/// # Errors
/// If the URL is none, or has a path.
///
/// # Examples
/// ```
/// # use std::sync::Arc;
/// let store = Arc::new(object_store::memory::InMemory::new());
/// brickwork_io::cloud::register("s3://measurements", store)?;
/// # Ok::<(), brickwork_core::Error>(())
/// ```
pub fn register(url: &str, store: Arc<dyn ObjectStore>) -> brickwork_core::Result<()> {
    let parsed = bucket_url(url)?;
    STORES.lock().get_or_insert_default().insert(key(&parsed), store);
    *GENERATIONS.lock().get_or_insert_default().entry(store_part(url).to_owned()).or_insert(0) += 1;
    Ok(())
}

/// Uses these settings for all URIs below a URL such as `s3://bucket`, instead of those of the environment. They have
/// the names of the environment variables: `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`, `GOOGLE_SERVICE_ACCOUNT`, ….
///
/// # Errors
/// If the URL is none, has a path, or the settings make no store.
///
/// # Examples
/// ```
/// brickwork_io::cloud::configure("s3://public-data", [("AWS_SKIP_SIGNATURE", "true"), ("AWS_REGION", "eu-west-1")])?;
/// # Ok::<(), brickwork_core::Error>(())
/// ```
pub fn configure<K: Into<String>, V: Into<String>>(
    url: &str,
    settings: impl IntoIterator<Item = (K, V)>,
) -> brickwork_core::Result<()> {
    let parsed = bucket_url(url)?;
    let settings: Vec<(String, String)> =
        settings.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    let store = make(&parsed, &settings, &retries(MAX_RETRIES)).map_err(|problem| problem.at(url))?;
    register(url, store)
}

/// The names directly below an address, sorted: of objects, and of what has objects below it.
///
/// # Errors
/// If the store cannot be listed. Web servers cannot.
pub fn names(url: &str) -> brickwork_core::Result<Vec<String>> {
    Ok(open(url).and_then(|remote| remote.names("")).map_err(|problem| problem.at(url))?)
}

fn bucket_url(url: &str) -> Result<Url, IoError> {
    let parsed = parse(url).map_err(|problem| problem.at(url))?;
    if !matches!(parsed.path(), "" | "/") {
        let reason = "names a path; give the store alone, for example s3://bucket";
        return Err(Problem::Uri { reason: reason.into() }.at(url));
    }
    Ok(parsed)
}

/// The store that a URL names, and the place in it. Touches nothing.
pub(super) fn open(url: &str) -> Result<Remote, Problem> {
    let parsed = parse(url)?;
    let path = Path::from_url_path(parsed.path()).map_err(|error| Problem::Uri {
        reason: format!("the path makes no sense in an object store: {error}"),
    })?;
    let key = key(&parsed);
    let known = STORES.lock().get_or_insert_default().get(&key).cloned();
    let store = match known {
        Some(store) => store,
        None => {
            let environment: Vec<(String, String)> = std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect();
            let store = make(&parsed, &environment, &retries(MAX_RETRIES))?;
            STORES.lock().get_or_insert_default().entry(key).or_insert(store).clone()
        }
    };
    Ok(Remote { store, root: path, scheme: Scheme::of(parsed.scheme()) })
}

fn parse(url: &str) -> Result<Url, Problem> {
    let uri = |reason: String| Problem::Uri { reason };
    let parsed = Url::parse(url).map_err(|error| uri(format!("is no URL: {error}")))?;
    if parsed.host_str().is_none_or(str::is_empty) {
        let example = match Scheme::of(parsed.scheme()) {
            Scheme::Http => "https://server/path",
            Scheme::Azure => "az://container/path",
            Scheme::Google => "gs://bucket/path",
            Scheme::Memory => "memory://name/path",
            Scheme::S3 => "s3://bucket/path",
        };
        return Err(uri(format!(
            "there is no {} in it; write {example}",
            Scheme::of(parsed.scheme()).authority()
        )));
    }
    Ok(parsed)
}

/// What tells stores apart. The query of a web address may hold a signature and belongs to every request.
fn key(url: &Url) -> String {
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}{query}", &url[..url::Position::BeforePath])
}

pub(super) fn retries(max_retries: usize) -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(5),
        base: 2.,
    };
    RetryConfig { backoff, max_retries, retry_timeout: Duration::from_secs(120) }
}

/// Makes a store of a URL and settings, which have the names of environment variables.
pub(super) fn make(
    url: &Url,
    settings: &[(String, String)],
    retries: &RetryConfig,
) -> Result<Arc<dyn ObjectStore>, Problem> {
    let scheme = Scheme::of(url.scheme());
    if scheme == Scheme::Memory {
        return Ok(memory::store(url.host_str().unwrap_or_default()));
    }
    let connector = SpawnedReqwestConnector::new(handle()?);
    let client = ClientOptions::new()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(READ_TIMEOUT)
        .with_timeout_disabled();
    // What the environment holds beside settings of stores is none of ours.
    macro_rules! built {
        ($builder:expr, $prefix:literal) => {{
            let mut builder = $builder
                .with_client_options(client)
                .with_retry(retries.clone())
                .with_http_connector(connector);
            for (name, value) in settings {
                let name = name.to_ascii_lowercase();
                if name.starts_with($prefix)
                    && let Ok(key) = name.parse()
                {
                    builder = builder.with_config(key, value);
                }
            }
            let store = builder.with_url(&url[..url::Position::AfterPath]).build();
            store.map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
        }};
    }
    let store = match scheme {
        Scheme::S3 => built!(AmazonS3Builder::new(), "aws_"),
        Scheme::Google => built!(GoogleCloudStorageBuilder::new(), "google_"),
        Scheme::Azure => built!(MicrosoftAzureBuilder::new(), "azure_"),
        Scheme::Http | Scheme::Memory => {
            let mut server = url.clone();
            server.set_path("");
            server.set_fragment(None);
            let store = HttpBuilder::new()
                .with_url(server)
                .with_client_options(client.with_allow_http(url.scheme() == "http"))
                .with_retry(retries.clone())
                .with_http_connector(connector)
                .build();
            store.map(|store| Arc::new(store) as Arc<dyn ObjectStore>)
        }
    };
    store.map_err(|error| unusable(scheme, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_stores_and_paths_in_them() {
        let remote = open("memory://a/b/c%20d.zarr").unwrap();
        assert_eq!(remote.root.as_ref(), "b/c d.zarr");
        // Dots never lead out of a store.
        assert_eq!(open("memory://a/b/../../../c").unwrap().root.as_ref(), "c");
        assert!(Arc::ptr_eq(&open("memory://a/x").unwrap().store, &remote.store));
        assert!(!Arc::ptr_eq(&open("memory://b/x").unwrap().store, &remote.store));
        let text = |url: &str| open(url).unwrap_err().to_string();
        assert!(text("s3:///x.zarr").contains("there is no bucket in it; write s3://bucket/path"));
        assert!(text("https:///").contains("is no URL"));
    }

    #[test]
    fn settings_have_the_names_of_environment_variables() {
        let settings = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let url = Url::parse("s3://bucket/x").unwrap();
        let pairs = settings(&[
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ALLOW_HTTP", "true"),
            ("HOME", "/"),
        ]);
        let store = make(&url, &pairs, &retries(0)).unwrap();
        assert!(store.to_string().contains("bucket"));
        assert!(register("s3://bucket/x", store).unwrap_err().to_string().contains("give the store alone"));
        let url = Url::parse("az://container/x").unwrap();
        let error = make(&url, &[], &retries(0)).unwrap_err().to_string();
        assert!(error.contains("AZURE_STORAGE_ACCOUNT_NAME"), "{error}");
    }
}
