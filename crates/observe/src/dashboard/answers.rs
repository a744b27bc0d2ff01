//! What is answered to which request.

use std::net::SocketAddr;

use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue,
};
use hyper::{Method, Request, Response, StatusCode};

use super::body::Content;
use super::host::is_own;
use super::shown::Shown;
use crate::recorder::Recorder;
use crate::report::report;
use crate::trace::trace;

/// Tasks of each worker in a report.
const MOST_TASKS: usize = 1500;

/// Nothing but what comes from here, and nothing written into the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const SVG: &str = "image/svg+xml";
const JSON: &str = "application/json";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// What a request asks for, if it is a stream of states.
pub(super) fn is_stream<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET && request.uri().path() == "/events"
}

/// The run that a request is about, if it says so: `?run=3`.
pub(super) fn run_of<B>(request: &Request<B>) -> Option<usize> {
    let mut pairs = request.uri().query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == "run")?.1.parse().ok()
}

/// Why a request is refused, if it is.
pub(super) fn refusal<B>(request: &Request<B>, local: SocketAddr) -> Option<Response<Content>> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let is_single = hosts.next().is_none();
    if !host.is_some_and(|host| is_single && is_own(host, local)) {
        let text =
            "this page is served under the names of its own machine alone: localhost, or its address\n";
        return Some(plain(StatusCode::FORBIDDEN, text));
    }
    // A request in absolute form names its host in its own way.
    if request.uri().authority().is_some_and(|authority| !is_own(authority.as_str(), local)) {
        return Some(plain(StatusCode::FORBIDDEN, "the address of the request names another host\n"));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer =
            plain(StatusCode::METHOD_NOT_ALLOWED, "there is nothing to do here but to look: GET\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(answer);
    }
    None
}

/// The answer to a request that is not refused and asks for no stream.
pub(super) fn answer(path: &str, shown: &Shown, run: Option<usize>) -> Response<Content> {
    let recorder = &shown.run(run);
    match path {
        "/" | "/index.html" => found(HTML, include_str!("../page/index.html")),
        "/style.css" => found(STYLE, include_str!("../page/style.css")),
        "/view.js" => found(SCRIPT, include_str!("../page/view.js")),
        "/live.js" => found(SCRIPT, include_str!("../page/live.js")),
        "/icon.svg" => found(SVG, include_str!("../page/icon.svg")),
        "/state" => found(JSON, shown.state(recorder)),
        "/report.html" => download(found(HTML, report(&recorder.recording_with(MOST_TASKS)))),
        "/trace.json" => download(found(JSON, trace(&recorder.recording()).to_string())),
        other => match other.strip_prefix("/plans/").and_then(|name| name.strip_suffix(".svg")) {
            Some(number) => picture(number, recorder),
            None => plain(StatusCode::NOT_FOUND, "there is no such page\n"),
        },
    }
}

fn picture(number: &str, recorder: &Recorder) -> Response<Content> {
    let pictures = recorder.pictures();
    match number.parse::<usize>().ok().and_then(|number| pictures.into_iter().nth(number)) {
        Some(picture) if !picture.is_empty() => found(SVG, picture),
        _ => plain(StatusCode::NOT_FOUND, "there is no picture of that plan\n"),
    }
}

/// The answer that goes on: states, as they come.
pub(super) fn stream(pieces: tokio::sync::mpsc::Receiver<Bytes>) -> Response<Content> {
    finished(StatusCode::OK, "text/event-stream", Content::Stream(pieces))
}

/// The answer to who comes when there are too many already.
pub(super) fn too_many() -> Response<Content> {
    plain(StatusCode::SERVICE_UNAVAILABLE, "too many look at this already\n")
}

fn found(kind: &'static str, text: impl Into<Bytes>) -> Response<Content> {
    finished(StatusCode::OK, kind, Content::whole(text))
}

fn plain(status: StatusCode, text: &'static str) -> Response<Content> {
    finished(status, TEXT, Content::whole(text))
}

fn download(mut answer: Response<Content>) -> Response<Content> {
    answer.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    answer
}

fn finished(status: StatusCode, kind: &'static str, content: Content) -> Response<Content> {
    let mut answer = Response::new(content);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    answer
}
