//! A real S3 server in this process, over a temporary directory.

use std::net::SocketAddr;

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// What clients have to know.
const KEY: &str = "a-key";
const SECRET: &str = "a-secret";

/// Serves S3 on this machine alone until it is dropped.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    directory: tempfile::TempDir,
    _runtime: Runtime,
}

impl S3Server {
    /// A server with empty buckets.
    ///
    /// # Panics
    /// If the machine refuses a directory, a thread or a port.
    pub fn start(buckets: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        for bucket in buckets {
            std::fs::create_dir(directory.path().join(bucket)).expect("a directory for a bucket");
        }
        let files = s3s_fs::FileSystem::new(directory.path()).expect("files below a directory");
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(serve(listener, service));
        S3Server { address, directory, _runtime: runtime }
    }

    /// The environment variables with which clients find it and may use it.
    pub fn settings(&self) -> Vec<(String, String)> {
        let settings = [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ];
        settings.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    /// The directory in which buckets are directories and objects files.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    while let Ok((socket, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new();
            // Clients come and go.
            let _ = connection.serve_connection(TokioIo::new(socket), service).await;
        });
    }
}
