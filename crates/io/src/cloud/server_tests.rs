//! Against real servers in this process: S3, and a web server that misbehaves.

use brickwork_core::{AxisRange, Block, ChunkSpec, DType, Region};
use brickwork_testkit::{Answer, S3Server, WebServer};
use object_store::path::Path as ObjectPath;
use url::Url;

use super::problem::{Scheme, explain};
use super::stores::{configure, make, register, retries};
use crate::options::SinkOptions;
use crate::test_support::{read, read_all, sample, store};

fn part() -> Region {
    Region::new(vec![AxisRange::stepped(1, 3, 2), AxisRange::new(3, 8)])
}

/// Opens a URI, and reads all of it and a part.
fn check(uri: &str, expected: &Block) {
    assert_eq!(read_all(uri).to_dense(None).as_bytes(), expected.as_bytes(), "{uri}");
    let read = read(&*crate::open(uri).unwrap(), &part()).unwrap();
    assert_eq!(read.to_dense(None).as_bytes(), expected.slice(&part()).to_dense(None).as_bytes(), "{uri}");
}

#[cfg(feature = "zarr")]
#[test]
fn zarr_is_written_to_and_read_from_s3() {
    let server = S3Server::start(&["measurements"]);
    configure("s3://measurements", server.settings()).unwrap();
    let block = sample(DType::F32, &[9, 12]);
    let uri = "s3://measurements/2014/cube.zarr#/t2m";
    for codec in ["zstd", "none"] {
        let chunks = Some(ChunkSpec::from([4, 5]));
        let options =
            SinkOptions { chunks, codec: Some(codec.into()), overwrite: true, ..SinkOptions::default() };
        store(&*crate::create(uri, &options).unwrap(), &block, &[1, 2]);
        check(uri, &block);
    }
    let array = server.directory().join("measurements/2014/cube.zarr/t2m");
    assert!(array.join("zarr.json").is_file() && array.join("c/2/2").is_file());
    assert_eq!(crate::describe("s3://measurements/2014/cube.zarr").unwrap().children, ["t2m"]);
    let described = crate::describe(uri).unwrap();
    assert_eq!((described.shape, described.stored_bytes), (Some(vec![9, 12]), Some(9 * 4 * 5 * 4)));
    let error = crate::open("s3://measurements/2014/other.zarr").unwrap_err().to_string();
    assert!(error.contains("there is no such object; check the bucket and the path"), "{error}");
}

#[cfg(feature = "zarr")]
#[test]
fn wrong_credentials_and_wrong_buckets_are_told_apart() {
    let server = S3Server::start(&["private"]);
    let mut settings = server.settings();
    settings.retain(|(name, _)| name != "AWS_SECRET_ACCESS_KEY");
    settings.push(("AWS_SECRET_ACCESS_KEY".into(), "wrong".into()));
    configure("s3://private", settings).unwrap();
    let error = crate::open("s3://private/x.zarr").unwrap_err().to_string();
    assert!(error.contains("access is refused (403); check AWS_ACCESS_KEY_ID"), "{error}");
    configure("s3://nowhere", server.settings()).unwrap();
    let error = crate::open("s3://nowhere/x.zarr").unwrap_err().to_string();
    assert!(error.contains("there is no such object; check the bucket and the path"), "{error}");
}

#[cfg(feature = "npy")]
#[test]
fn npy_files_are_read_by_ranges() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.npy");
    let block = sample(DType::I32, &[7, 11]);
    store(&*crate::create(path.to_str().unwrap(), &SinkOptions::default()).unwrap(), &block, &[7, 1]);
    let bytes = std::fs::read(&path).unwrap();
    // The same elements in Fortran order.
    let start = bytes.len() - 7 * 11 * 4;
    let mut fortran = bytes[..start].to_vec();
    let order = fortran.windows(5).position(|window| window == b"False").unwrap();
    fortran.splice(order..order + 5, *b"True ");
    for column in 0..11 {
        for row in 0..7 {
            let at = start + (row * 11 + column) * 4;
            fortran.extend(&bytes[at..at + 4]);
        }
    }
    let server = WebServer::start();
    server.put("data/x.npy", bytes);
    server.put("data/fortran.npy", fortran);
    check(&server.url("data/x.npy"), &block);
    check(&server.url("data/x.npy?token=a.b"), &block);
    check(&server.url("data/fortran.npy"), &block);
    let error = crate::open(&server.url("data/y.npy")).unwrap_err().to_string();
    assert!(error.contains("there is no such object; check the server and the path"), "{error}");
}

#[cfg(feature = "zarr")]
#[test]
fn zarr_on_a_web_server_is_read_and_its_groups_are_those_that_the_metadata_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.zarr");
    let block = sample(DType::I64, &[7, 11]);
    let uri = format!("{}#/t", path.display());
    store(&*crate::create(&uri, &SinkOptions::default()).unwrap(), &block, &[1, 1]);
    let group = path.join("zarr.json");
    let mut metadata: serde_json::Value = serde_json::from_slice(&std::fs::read(&group).unwrap()).unwrap();
    metadata["consolidated_metadata"] = serde_json::json!({"metadata": {"t": {}}});
    std::fs::write(&group, metadata.to_string()).unwrap();
    let server = WebServer::start();
    server.put_directory("x.zarr", &path);
    check(&server.url("x.zarr#/t"), &block);
    assert_eq!(crate::describe(&server.url("x.zarr")).unwrap().children, ["t"]);
    let error = crate::open(&server.url("x.zarr#/u")).unwrap_err().to_string();
    assert!(error.contains("there is no \"u\" in it; it holds \"t\""), "{error}");
}

#[cfg(feature = "npy")]
#[test]
fn broken_answers_are_completed_and_hopeless_ones_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.npy");
    let block = sample(DType::I32, &[7, 11]);
    store(&*crate::create(path.to_str().unwrap(), &SinkOptions::default()).unwrap(), &block, &[7, 1]);
    let bytes = std::fs::read(&path).unwrap();
    // Every third answer breaks off, every seventh says that the server is busy.
    let server = WebServer::with_answers(|number, _| match number {
        _ if number % 7 == 5 => Answer::Status(503),
        _ if number % 3 == 1 => Answer::Cut(40),
        _ => Answer::Served,
    });
    server.put("x.npy", bytes.clone());
    check(&server.url("x.npy"), &block);
    for (answer, expected) in [
        (Answer::Status(403), "access is refused (403)"),
        (Answer::Status(401), "(401)"),
        (Answer::Status(404), "there is no such object"),
        (Answer::Status(410), "the server answered with status 410"),
        (Answer::Whole, "no range requests"),
    ] {
        let server = WebServer::with_answers(move |_, _| answer);
        server.put("x.npy", bytes.clone());
        let error = crate::open(&server.url("x.npy")).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[cfg(feature = "npy")]
#[test]
fn a_file_that_changes_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.npy");
    let block = sample(DType::I32, &[7, 11]);
    store(&*crate::create(path.to_str().unwrap(), &SinkOptions::default()).unwrap(), &block, &[7, 1]);
    let mut bytes = std::fs::read(&path).unwrap();
    let server = WebServer::start();
    server.put("x.npy", bytes.clone());
    let source = crate::open(&server.url("x.npy")).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    server.put("x.npy", bytes);
    let error = read(&*source, &Region::full(&[7, 11])).unwrap_err().to_string();
    assert!(
        error.contains("has changed since it was opened (it was written again); open it again"),
        "{error}"
    );
}

#[test]
fn servers_that_do_not_answer_are_named_as_such() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let open = |url: &str| {
        let url = Url::parse(url).unwrap();
        let store = make(&url, &[], &retries(0)).unwrap();
        let remote = super::Remote { store, root: ObjectPath::from("x"), scheme: Scheme::Http };
        remote.stamp("").unwrap_err().to_string()
    };
    let error = open(&format!("http://127.0.0.1:{port}"));
    assert!(error.contains("the server refuses connections"), "{error}");
    let error = open("http://name.invalid");
    assert!(error.contains("the name of the server cannot be resolved"), "{error}");
    let error = object_store::Error::Generic { store: "S3", source: "odd".into() };
    assert_eq!(explain("read x", Scheme::S3, error).to_string(), "cannot read x: odd");
}

#[cfg(all(feature = "hdf5", feature = "hdf5-write"))]
#[test]
fn hdf5_is_read_by_ranges_with_few_requests() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.h5");
    let block = sample(DType::F64, &[7, 11]);
    let uri = |name: &str| format!("{}#/{name}", path.display());
    let chunked = SinkOptions {
        chunks: Some(ChunkSpec::from([3, 4])),
        codec: Some("shuffle+gzip:4".into()),
        ..SinkOptions::default()
    };
    let outputs = [(uri("plain"), SinkOptions::default()), (uri("group/chunked"), chunked)];
    for (uri, options) in &outputs {
        store(&*crate::create(uri, options).unwrap(), &block, &[1, 1]);
    }
    let server = WebServer::start();
    server.put("x.h5", std::fs::read(&path).unwrap());
    for name in ["plain", "group/chunked"] {
        check(&server.url(&format!("x.h5#/{name}")), &block);
    }
    let before = server.requests();
    let source = crate::open(&server.url("x.h5#/plain")).unwrap();
    read(&*source, &part()).unwrap();
    // One to look at the file; what it takes to find the dataset is at hand.
    assert!(server.requests() - before <= 2, "{} requests", server.requests() - before);
    assert_eq!(crate::describe(&server.url("x.h5")).unwrap().children, ["group/", "plain"]);
    let url = server.url("");
    register(url.trim_end_matches('/'), std::sync::Arc::new(object_store::memory::InMemory::new())).unwrap();
    let error = crate::open(&server.url("x.h5#/plain")).unwrap_err().to_string();
    assert!(error.contains("there is no such object"), "{error}");
}
