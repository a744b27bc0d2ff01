//! The server: one thread, one runtime.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::answers::{answer, is_stream, refusal, run_of, stream, too_many};
use super::body::Content;
use super::shown::Shown;

/// Between two states while a run goes on.
const INTERVAL: Duration = Duration::from_millis(250);

/// After which a sign of life is sent where nothing changes.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long those who look are given to hear of the end.
const FAREWELL: Duration = Duration::from_millis(600);

/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(10);

/// Connections at once.
const MOST_CONNECTIONS: usize = 64;

/// Those among them that are sent states.
const MOST_STREAMS: usize = 16;

/// What connections share.
struct Shared {
    shown: Shown,
    /// Says when states are to be sent, or a sign of life alone.
    news: watch::Sender<News>,
    connections: AtomicUsize,
    streams: AtomicUsize,
}

#[derive(Debug, Clone, Copy)]
enum News {
    State,
    None,
}

/// Serves until it is told to stop.
pub(super) fn serve(listener: std::net::TcpListener, shown: Shown, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    // Without a runtime there is no page; the run itself goes on.
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async move {
        let Ok(listener) = TcpListener::from_std(listener) else { return };
        let news = watch::Sender::new(News::None);
        let (connections, streams) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = Arc::new(Shared { shown, news, connections, streams });
        tokio::spawn(tell(shared.clone()));
        tokio::spawn(accept(listener, shared.clone()));
        // Stopped is also who has been forgotten.
        let _ = stopped.await;
        farewell(&shared).await;
    });
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((connection, _)) => drop(tokio::spawn(talk(connection, shared.clone()))),
            // Out of files, as a rule: others must end first.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Has states sent again and again while somebody looks.
async fn tell(shared: Arc<Shared>) {
    // The run that had begun last when all that was told was over: that will not change any more.
    let mut told = None;
    let mut quiet = Duration::ZERO;
    loop {
        sleep(INTERVAL).await;
        if shared.news.receiver_count() == 0 {
            told = None;
            continue;
        }
        let (is_over, last) = shared.shown.rest();
        if is_over && told == Some(last) {
            quiet += INTERVAL;
            if quiet >= HEARTBEAT {
                quiet = Duration::ZERO;
                shared.news.send_replace(News::None);
            }
            continue;
        }
        (told, quiet) = (is_over.then_some(last), Duration::ZERO);
        shared.news.send_replace(News::State);
    }
}

fn event(state: &str) -> Bytes {
    // JSON has no newline in it, so that it is one line of the event.
    format!("event: state\ndata: {state}\n\n").into()
}

/// Sends the last state, and waits a little until it has arrived.
async fn farewell(shared: &Shared) {
    if shared.news.receiver_count() > 0 {
        shared.news.send_replace(News::State);
        sleep(FAREWELL).await;
    }
}

async fn talk(connection: TcpStream, shared: Arc<Shared>) {
    let Ok(local) = connection.local_addr() else { return };
    if shared.connections.fetch_add(1, Ordering::Relaxed) < MOST_CONNECTIONS {
        let service = service_fn(|request| respond(request, local, shared.clone()));
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD).half_close(false);
        // Who breaks off has seen enough.
        let _ = http.serve_connection(TokioIo::new(connection), service).await;
    }
    shared.connections.fetch_sub(1, Ordering::Relaxed);
}

async fn respond(
    request: Request<Incoming>,
    local: SocketAddr,
    shared: Arc<Shared>,
) -> Result<Response<Content>, Infallible> {
    if let Some(refusal) = refusal(&request, local) {
        return Ok(refusal);
    }
    if !is_stream(&request) {
        return Ok(answer(request.uri().path(), &shared.shown, run_of(&request)));
    }
    if shared.streams.load(Ordering::Relaxed) >= MOST_STREAMS {
        return Ok(too_many());
    }
    shared.streams.fetch_add(1, Ordering::Relaxed);
    let (pieces, received) = mpsc::channel(1);
    let run = run_of(&request);
    tokio::spawn(async move {
        follow(&shared, &pieces, run).await;
        shared.streams.fetch_sub(1, Ordering::Relaxed);
    });
    Ok(stream(received))
}

/// Sends states to one who looks, the newest each time: who is slow misses some. They are those of the run that was
/// asked for; if none was, of one run until it is over, and then of the newest.
async fn follow(shared: &Shared, pieces: &mpsc::Sender<Bytes>, run: Option<usize>) {
    let mut news = shared.news.subscribe();
    news.mark_unchanged();
    let mut followed = run;
    let mut piece = News::State;
    loop {
        let bytes = match piece {
            News::None => Bytes::from_static(b": still here\n\n"),
            News::State => {
                let recorder = shared.shown.run(followed);
                followed = run.or_else(|| (!recorder.is_over()).then(|| recorder.summary().0));
                event(&shared.shown.state(&recorder))
            }
        };
        if pieces.send(bytes).await.is_err() {
            return;
        }
        // A browser that has gone is noticed at the next piece at the latest.
        piece = match timeout(2 * HEARTBEAT, news.changed()).await {
            Ok(Err(_)) => return,
            Ok(Ok(())) => *news.borrow_and_update(),
            Err(_) => News::None,
        };
    }
}
