//! A small web server in this process that can misbehave.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What a request gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// What it asks for.
    Served,
    /// The whole file, whatever range it asks for.
    Whole,
    /// This many bytes of what it asks for; then the connection is closed.
    Cut(usize),
    /// A status and nothing else.
    Status(u16),
}

/// What a request gets, by its number and path.
pub type Answers = dyn Fn(usize, &str) -> Answer + Send + Sync;

/// Serves files from memory on this machine alone, by range if asked, as long as the process lives.
#[derive(Clone)]
pub struct WebServer {
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    files: Mutex<HashMap<String, Vec<u8>>>,
    answers: Box<Answers>,
    requests: AtomicUsize,
}

impl std::fmt::Debug for WebServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WebServer({})", self.address)
    }
}

impl WebServer {
    /// A server that answers everything as it should.
    pub fn start() -> Self {
        WebServer::with_answers(|_, _| Answer::Served)
    }

    /// A server that answers in another way.
    ///
    /// # Panics
    /// If the machine refuses a port.
    pub fn with_answers(answers: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (files, requests) = (Mutex::default(), AtomicUsize::new(0));
        let shared = Arc::new(Shared { files, answers: Box::new(answers), requests });
        let server = WebServer { shared: shared.clone(), address };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                std::thread::spawn(move || shared.serve(&stream));
            }
        });
        server
    }

    /// The address of a file.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// Puts a file there.
    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        self.shared.files.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("/{path}"), bytes);
    }

    /// Puts all files of a directory there, below a path.
    ///
    /// # Panics
    /// If the directory cannot be read.
    pub fn put_directory(&self, path: &str, directory: &std::path::Path) {
        for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
            let below = format!("{path}/{}", entry.file_name().to_string_lossy());
            match entry.path().is_dir() {
                true => self.put_directory(&below, &entry.path()),
                false => self.put(&below, std::fs::read(entry.path()).expect("a file")),
            }
        }
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Answers one request; a connection has no second one.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut lines = BufReader::new(stream).lines();
        let request = lines.next()?.ok()?;
        let mut words = request.split(' ');
        let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut range = None;
        for line in lines.map_while(Result::ok).take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':')?;
            if name.eq_ignore_ascii_case("range") {
                let (first, last) = value.trim().strip_prefix("bytes=")?.split_once('-')?;
                range = Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()?));
            }
        }
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        let place = path.split('?').next()?;
        let file = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(place).cloned();
        let answer = (self.answers)(number, &path);
        let status = match (answer, &file) {
            (Answer::Status(status), _) => status,
            (_, None) => 404,
            _ if !matches!(method.as_str(), "GET" | "HEAD") => 405,
            _ => 200,
        };
        let Some(file) = file.filter(|_| status == 200) else {
            return send(stream, &format!("HTTP/1.1 {status} No\r\nContent-Length: 0"), &[]);
        };
        let hash = file.iter().fold(7_u64, |hash, &byte| hash.wrapping_mul(31) ^ u64::from(byte));
        let tag = format!("ETag: \"{hash:x}\"\r\nAccept-Ranges: bytes");
        let len = file.len();
        let (head, body) = match range.filter(|_| answer != Answer::Whole) {
            Some((first, last)) => {
                let body = file.get(first..=last.min(len.checked_sub(1)?))?;
                let range = format!("Content-Range: bytes {first}-{}/{len}", first + body.len() - 1);
                (format!("HTTP/1.1 206 Part\r\n{range}\r\nContent-Length: {}", body.len()), body)
            }
            None => (format!("HTTP/1.1 200 OK\r\nContent-Length: {len}"), file.as_slice()),
        };
        let body = match (method.as_str(), answer) {
            ("HEAD", _) => &[],
            (_, Answer::Cut(count)) => &body[..count.min(body.len())],
            _ => body,
        };
        send(stream, &format!("{head}\r\n{tag}"), body)
    }
}

fn send(mut stream: &TcpStream, head: &str, body: &[u8]) -> Option<()> {
    stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    stream.flush().ok()
}
