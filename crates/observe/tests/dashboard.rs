//! The dashboard over HTTP, as a browser and as somebody with bad intentions would ask.
#![cfg(feature = "dashboard")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use brickwork_core::Error;
use brickwork_observe::{Client, Dashboard, DashboardError, Recorder, Status};
use brickwork_ops::{Array, random};
use brickwork_sched::{CancelToken, Compute, Event, Observer, Scheduler, Synchronous, Threads};
use ndarray::{ArrayD, ArrayViewD};
use serde_json::Value;

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

fn address_of(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").trim_end_matches('/').parse().expect("an address")
}

fn connect(url: &str) -> TcpStream {
    let connection = TcpStream::connect(address_of(url)).expect("somebody listens");
    connection.set_read_timeout(Some(PATIENCE)).expect("a limit");
    connection
}

/// Sends a head, and reads all that comes.
fn ask(url: &str, head: &str) -> Answer {
    let mut connection = connect(url);
    connection.write_all(head.replace('\n', "\r\n").as_bytes()).expect("sent");
    let mut text = String::new();
    connection.read_to_string(&mut text).expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status").parse().expect("a number");
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

fn get(url: &str, path: &str) -> Answer {
    ask(url, &format!("GET {path} HTTP/1.1\nHost: {}\nConnection: close\n\n", address_of(url)))
}

/// States as they come.
struct States(BufReader<TcpStream>);

impl States {
    /// Those of the page at an address, of the run that it names.
    fn of(url: &str) -> States {
        let (url, query) =
            url.split_once('?').map_or((url, String::new()), |(url, query)| (url, format!("?{query}")));
        let mut connection = connect(url);
        let head = format!("GET /events{query} HTTP/1.1\r\nHost: {}\r\n\r\n", address_of(url));
        connection.write_all(head.as_bytes()).expect("sent");
        States(BufReader::new(connection))
    }

    /// The next state; `None` at the end.
    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).expect("a line within the limit") == 0 {
                return None;
            }
            if let Some(state) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(state).expect("a state is JSON"));
            }
        }
    }

    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let state = self.next().expect("the state comes before the end");
            if wanted(&state) {
                return state;
            }
        }
    }
}

fn numbers(len: usize, chunk: usize) -> Array {
    random::default_rng(Some(1)).random(&[len], [chunk]).expect("an array")
}

/// Lets a run go on only when it is told to: task by task.
struct Gate {
    open: std::sync::Mutex<usize>,
    changed: std::sync::Condvar,
}

impl Gate {
    fn new() -> Arc<Gate> {
        Arc::new(Gate { open: std::sync::Mutex::new(0), changed: std::sync::Condvar::new() })
    }

    fn let_through(&self, tasks: usize) {
        let mut open = self.open.lock().unwrap();
        *open = open.saturating_add(tasks);
        self.changed.notify_all();
    }
}

impl Observer for Gate {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::TaskStarted { .. }) {
            let mut open = self.open.lock().unwrap();
            while *open == 0 {
                let (guard, waited) = self.changed.wait_timeout(open, PATIENCE).unwrap();
                assert!(!waited.timed_out(), "nobody opens the gate");
                open = guard;
            }
            *open -= 1;
        }
    }
}

#[test]
fn the_page_and_its_parts_are_served_with_strict_rules() {
    let dashboard = Dashboard::start("0", Recorder::new()).unwrap();
    let url = dashboard.url();
    assert!(!dashboard.is_public());
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/view.js", "text/javascript; charset=utf-8"),
        ("/live.js", "text/javascript; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
        ("/state", "application/json"),
        ("/report.html", "text/html; charset=utf-8"),
        ("/trace.json", "application/json"),
    ] {
        let answer = get(&url, path);
        assert_eq!((answer.status, answer.header("content-type")), (200, kind), "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    let state: Value = serde_json::from_str(&get(&url, "/state").body).unwrap();
    assert_eq!(state["status"], "waiting");
    for missing in ["/nothing", "/plans/0.svg", "/plans/x.svg", "/../Cargo.toml", "/plans/"] {
        assert_eq!(get(&url, missing).status, 404, "{missing}");
    }
}

#[test]
fn foreign_hosts_and_other_methods_are_refused() {
    let dashboard = Dashboard::start("127.0.0.1:0", Recorder::new()).unwrap();
    let url = dashboard.url();
    let with_host =
        |lines: &str| ask(&url, &format!("GET /state HTTP/1.1\n{lines}Connection: close\n\n")).status;
    for own in ["localhost", "localhost:1234", "127.0.0.1", "[::1]:80"] {
        assert_eq!(with_host(&format!("Host: {own}\n")), 200, "{own}");
    }
    for foreign in ["evil.example", "evil.example:8787", "localhost.evil.example", "10.0.0.1", ""] {
        assert_eq!(with_host(&format!("Host: {foreign}\n")), 403, "{foreign:?}");
    }
    assert_eq!(with_host("Host: localhost\nHost: evil.example\n"), 403);
    assert_eq!(with_host(""), 403);
    let absolute = "GET http://evil.example/state HTTP/1.1\nHost: localhost\nConnection: close\n\n";
    assert_eq!(ask(&url, absolute).status, 403);
    let events = "GET /events HTTP/1.1\nHost: evil.example\nConnection: close\n\n";
    assert_eq!(ask(&url, events).status, 403);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = ask(&url, &format!("{method} /state HTTP/1.1\nHost: localhost\nConnection: close\n\n"));
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{method}");
    }
    let head = ask(&url, "HEAD / HTTP/1.1\nHost: localhost\nConnection: close\n\n");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn states_come_as_the_run_goes_on_and_after_a_reload() {
    let gate = Gate::new();
    let scheduler = Threads::new(2).observer(gate.clone()).forced(|options| options.forced_cell = Some(1000));
    let client = Client::start(scheduler, "127.0.0.1:0").unwrap();
    let url = client.url();
    let mut states = States::of(&url);
    assert_eq!(states.next().unwrap()["status"], "waiting");
    let x = numbers(40_000, 1000);
    std::thread::scope(|scope| {
        let run = scope.spawn(|| x.sum(()).unwrap().compute_with(&client).unwrap().item::<f64>());
        gate.let_through(5);
        let state = states.until(|state| state["tasks_done"].as_u64() >= Some(4));
        assert_eq!(state["status"], "running");
        let tasks = state["tasks_planned"].as_u64().unwrap();
        assert!(tasks >= 40, "{tasks}");
        assert_eq!(state["stages"][0]["tasks"], tasks);
        let by_worker = state["workers"].as_array().unwrap().iter().map(|worker| &worker["tasks_done"]);
        assert_eq!(by_worker.filter_map(Value::as_u64).sum::<u64>(), state["tasks_done"].as_u64().unwrap());
        let picture = get(&url, "/plans/0.svg");
        assert!(picture.body.starts_with("<svg") && picture.body.contains("data-stage=\"0\""));

        // Who comes later, or again, sees the same.
        let mut again = States::of(&url);
        assert!(again.next().unwrap()["tasks_done"].as_u64() >= Some(4));
        drop(again);

        gate.let_through(usize::MAX);
        let last = states.until(|state| state["status"] == "done");
        assert_eq!(last["tasks_done"], last["tasks_planned"]);
        assert_eq!(last["totals"]["elements_generated"], 40_000);
        assert_eq!(last["fraction"], 1.0);
        let sum = run.join().unwrap();
        assert!((sum / 40_000.0 - 0.5).abs() < 0.02);
    });
    assert_eq!(client.recording().status, Status::Done);
    client.shutdown();
    assert!(TcpStream::connect(address_of(&url)).is_err(), "nobody listens any more");
}

#[test]
fn all_runs_that_go_on_at_the_same_time_are_shown() {
    let gate = Gate::new();
    let scheduler = Threads::new(1).observer(gate.clone()).forced(|options| options.forced_cell = Some(1000));
    let client = Client::start(scheduler, "127.0.0.1:0").unwrap();
    let url = client.url();
    let state = |path: &str| -> Value { serde_json::from_str(&get(&url, path).body).unwrap() };
    let planned = |number: usize| state(&format!("/state?run={number}"))["tasks_planned"].as_u64().unwrap();
    let wait_for = |number: usize| while planned(number) == 0 || state("/state")["run"] != number {};
    std::thread::scope(|scope| {
        let client = &client;
        let first = scope.spawn(move || numbers(20_000, 1000).sum(()).unwrap().compute_with(client).unwrap());
        wait_for(1);
        let mut follows = States::of(&url);
        assert_eq!(follows.next().unwrap()["run"], 1);
        let second =
            scope.spawn(move || numbers(60_000, 1000).sum(()).unwrap().compute_with(client).unwrap());
        wait_for(2);
        let mut chosen = States::of(&format!("{url}?run=1"));
        assert!(planned(1) >= 15 && planned(2) > 2 * planned(1), "{} and {} tasks", planned(1), planned(2));
        let listed = state("/state");
        let listed = listed["runs"].as_array().unwrap().iter();
        let listed: Vec<_> =
            listed.map(|run| (run["run"].as_u64().unwrap(), run["status"].clone())).collect();
        assert_eq!(listed, [(2, "running".into()), (1, "running".into())], "the newest first");
        // Who looks at one run stays with it while it goes on.
        assert_eq!(follows.next().unwrap()["run"], 1);
        assert!(get(&url, "/plans/0.svg?run=1").body.starts_with("<svg"));
        assert!(get(&url, "/report.html?run=1").body.contains("\"run\":1"));
        gate.let_through(usize::MAX);
        first.join().unwrap();
        second.join().unwrap();
        let last = chosen.until(|state| state["status"] == "done");
        assert_eq!((&last["run"], &last["totals"]["elements_generated"]), (&1.into(), &20_000.into()));
        follows.until(|state| state["runs"].as_array().unwrap().iter().all(|run| run["status"] == "done"));
    });
    assert_eq!(state("/state?run=2")["totals"]["elements_generated"], 60_000);
    assert_eq!(client.runs().all().len(), 2);
    // One that is not there is none that could be shown.
    assert_eq!(state("/state?run=77")["status"], "done");
}

#[test]
fn who_looks_hears_the_end_when_the_page_is_shut_down() {
    let client = Client::start(Synchronous::new(), "127.0.0.1:0").unwrap();
    let mut states = States::of(&client.url());
    states.next().unwrap();
    numbers(1000, 100).mean(()).unwrap().compute_with(&client).unwrap();
    let url = client.url();
    client.shutdown();
    let last = std::iter::from_fn(|| states.next()).last().expect("a state before the end");
    assert_eq!(last["status"], "done");
    assert!(TcpStream::connect(address_of(&url)).is_err());
}

#[test]
fn a_million_tasks_make_a_small_state() {
    /// Stops the run after so many tasks, so that the test is short.
    struct Stop(CancelToken, std::sync::atomic::AtomicUsize);
    impl Observer for Stop {
        fn event(&self, event: &Event<'_>) {
            if matches!(event, Event::TaskFinished { .. })
                && self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 20_000
            {
                self.0.cancel();
            }
        }
    }
    let cancel = CancelToken::new();
    let stop = Arc::new(Stop(cancel.clone(), Default::default()));
    let scheduler =
        Threads::new(2).cancelled_by(cancel).observer(stop).forced(|options| options.forced_cell = Some(16));
    let client = Client::start(scheduler, "127.0.0.1:0").unwrap();
    let x = numbers(16_000_000, 16);
    let result = (&x + 1.0).compute_with(&client);
    assert!(matches!(result, Err(Error::Cancelled)), "it was stopped");
    let answer = get(&client.url(), "/state");
    assert!(answer.body.len() < 200_000, "{} bytes", answer.body.len());
    let state: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(state["tasks_planned"], 1_000_000);
    assert_eq!(state["status"], "cancelled");
    assert!(state["tasks_done"].as_u64() >= Some(20_000));
    assert!(state["task_stride"].as_u64() > Some(1));
}

#[test]
fn a_failure_is_shown() {
    let client = Client::start(Threads::new(1), "127.0.0.1:0").unwrap();
    let x = numbers(1000, 100);
    let bad = x.map_blocks(|_: ArrayViewD<'_, f64>, _| -> ArrayD<f64> { panic!("a fault on purpose") });
    let error = bad.unwrap().compute_with(&client).unwrap_err();
    let state: Value = serde_json::from_str(&get(&client.url(), "/state").body).unwrap();
    assert_eq!(state["status"], "failed");
    let told = state["error"].as_str().unwrap();
    assert!(told.contains("a fault on purpose"), "{told} for {error}");
    assert_eq!(state["failures"][0]["stage"], 0);
}

#[test]
fn wrong_addresses_are_refused_with_a_way_out() {
    let error = Dashboard::start("nowhere", Recorder::new()).unwrap_err();
    assert!(matches!(error, DashboardError::Address { .. }));
    let first = Dashboard::start("127.0.0.1:0", Recorder::new()).unwrap();
    let taken = address_of(&first.url()).to_string();
    let error = Dashboard::start(&taken, Recorder::new()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on {taken}")), "{error}");
}

#[test]
fn a_client_is_the_scheduler_that_it_was_given() {
    let client = Client::start(Threads::new(3).memory(123_456_789), "127.0.0.1:0").unwrap();
    assert_eq!((client.options().threads, client.options().memory), (3, 123_456_789));
    assert_eq!(client.scheduler().options().threads, 3);
}
