//! Where the time of a thread goes: reading, decoding, computing, encoding, writing, waiting.
//!
//! Code says what it does with [`doing`]; who wants to know starts a [`Meter`] in the thread and brings the clock. In a
//! thread without a meter, saying so costs a look at a thread-local flag. Activities nest, and each moment counts for
//! the innermost one alone, so that the times of a task add up to how long it took.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(usize)]
#[non_exhaustive]
pub enum Activity {
    /// Whatever is none of the others: kernels, generators, copies, bookkeeping.
    Compute,
    /// Reading encoded bytes from a store or a spill file; with a store behind a network, waiting for it.
    Read,
    /// Turning encoded bytes into elements.
    Decode,
    /// Turning elements into encoded bytes.
    Encode,
    /// Writing encoded bytes to a store or a spill file.
    Write,
    /// Waiting for another worker.
    Wait,
}

impl Activity {
    /// How many there are.
    pub const COUNT: usize = 6;

    /// All of them.
    pub const ALL: [Activity; Activity::COUNT] = [
        Activity::Compute,
        Activity::Read,
        Activity::Decode,
        Activity::Encode,
        Activity::Write,
        Activity::Wait,
    ];

    /// Its word: `reading`, `computing`.
    pub fn name(self) -> &'static str {
        match self {
            Activity::Compute => "computing",
            Activity::Read => "reading",
            Activity::Decode => "decoding",
            Activity::Encode => "encoding",
            Activity::Write => "writing",
            Activity::Wait => "waiting",
        }
    }
}

/// Time by activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Times([u64; Activity::COUNT]);

impl Times {
    /// The time of one activity.
    pub fn get(&self, activity: Activity) -> Duration {
        Duration::from_nanos(self.0[activity as usize])
    }

    /// Adds to the time of one activity.
    pub fn add(&mut self, activity: Activity, time: Duration) {
        self.0[activity as usize] += u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    }

    /// The time of all activities.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.iter().sum())
    }
}

impl AddAssign for Times {
    fn add_assign(&mut self, other: Times) {
        for (time, more) in self.0.iter_mut().zip(other.0) {
            *time += more;
        }
    }
}

/// An activity other than computing, from when to when by the meter's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// What was done.
    pub activity: Activity,
    /// When it began.
    pub start: Duration,
    /// When it ended.
    pub end: Duration,
}

/// What a meter has measured.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Measured {
    /// Time by activity, each moment once.
    pub times: Times,
    /// When what was done, if that was asked for: the first of them, up to a bound.
    pub spans: Vec<Span>,
}

/// Nanoseconds since some moment that never changes.
pub type Clock = fn() -> u64;

/// Spans kept for one meter; later ones are counted in the times alone.
const MOST_SPANS: usize = 64;

/// Spans of one activity that lie closer together than this, in nanoseconds, are one.
const BETWEEN_SPANS: u64 = 20_000;

struct State {
    clock: Cell<Option<Clock>>,
    current: Cell<Activity>,
    since: Cell<u64>,
    times: Cell<[u64; Activity::COUNT]>,
    keeps_spans: Cell<bool>,
    spans: RefCell<Vec<(Activity, u64, u64)>>,
}

thread_local! {
    static STATE: State = const {
        State {
            clock: Cell::new(None),
            current: Cell::new(Activity::Compute),
            since: Cell::new(0),
            times: Cell::new([0; Activity::COUNT]),
            keeps_spans: Cell::new(false),
            spans: RefCell::new(Vec::new()),
        }
    };
}

impl State {
    /// Charges the time since the last change to the activity until now, and begins another one.
    fn change(&self, clock: Clock, to: Activity) -> Activity {
        let now = clock();
        let from = self.current.replace(to);
        let since = self.since.replace(now);
        let mut times = self.times.get();
        times[from as usize] += now.saturating_sub(since);
        self.times.set(times);
        if self.keeps_spans.get() && from != Activity::Compute {
            self.keep(from, since, now);
        }
        from
    }

    fn keep(&self, activity: Activity, start: u64, end: u64) {
        let mut spans = self.spans.borrow_mut();
        if let Some((last, _, until)) = spans.last_mut()
            && *last == activity
            && start.saturating_sub(*until) < BETWEEN_SPANS
        {
            *until = end;
        } else if spans.len() < MOST_SPANS {
            spans.push((activity, start, end));
        }
    }
}

/// Says what this thread does from now on, until what is given is dropped.
///
/// ```
/// use brickwork_core::eval::{Activity, doing};
///
/// fn decode(encoded: &[u8]) -> Vec<u8> {
///     let _decoding = doing(Activity::Decode);
///     encoded.iter().map(|byte| byte ^ 1).collect()
/// }
/// # decode(&[1]);
/// ```
pub fn doing(activity: Activity) -> Doing {
    let before = STATE.with(|state| state.clock.get().map(|clock| state.change(clock, activity)));
    Doing { before, thread: PhantomData }
}

/// Ends an activity when it is dropped: see [`doing`].
#[derive(Debug)]
#[must_use = "an activity lasts as long as this is kept"]
pub struct Doing {
    before: Option<Activity>,
    /// It belongs to its thread.
    thread: PhantomData<*const ()>,
}

impl Drop for Doing {
    fn drop(&mut self) {
        let Some(before) = self.before else { return };
        STATE.with(|state| {
            if let Some(clock) = state.clock.get() {
                state.change(clock, before);
            }
        });
    }
}

/// Measures what its thread does, until it is stopped. Within another meter's time it measures on its own account, and
/// the other counts that time as whatever it was doing.
pub struct Meter {
    outer: Option<Outer>,
    clock: Clock,
    start: u64,
    thread: PhantomData<*const ()>,
}

/// What a meter was in the middle of when another began in its thread.
struct Outer {
    clock: Option<Clock>,
    current: Activity,
    times: [u64; Activity::COUNT],
    keeps_spans: bool,
    spans: Vec<(Activity, u64, u64)>,
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meter")
    }
}

impl Meter {
    /// Begins to measure with this clock; says when what was done as well, if that is wanted.
    pub fn start(clock: Clock, keeps_spans: bool) -> Meter {
        STATE.with(|state| {
            if let Some(outer) = state.clock.get() {
                state.change(outer, state.current.get());
            }
            let outer = Outer {
                clock: state.clock.replace(Some(clock)),
                current: state.current.replace(Activity::Compute),
                times: state.times.replace([0; Activity::COUNT]),
                keeps_spans: state.keeps_spans.replace(keeps_spans),
                spans: state.spans.take(),
            };
            let start = clock();
            state.since.set(start);
            Meter { outer: Some(outer), clock, start, thread: PhantomData }
        })
    }

    /// When it was started, by its clock.
    pub fn started(&self) -> Duration {
        Duration::from_nanos(self.start)
    }

    /// Ends measuring.
    pub fn stop(mut self) -> Measured {
        let (times, spans) = self.end();
        let span = |(activity, start, end)| Span {
            activity,
            start: Duration::from_nanos(start),
            end: Duration::from_nanos(end),
        };
        Measured { times: Times(times), spans: spans.into_iter().map(span).collect() }
    }

    fn end(&mut self) -> ([u64; Activity::COUNT], Vec<(Activity, u64, u64)>) {
        let Some(outer) = self.outer.take() else { return Default::default() };
        STATE.with(|state| {
            state.change(self.clock, Activity::Compute);
            state.clock.set(outer.clock);
            state.current.set(outer.current);
            state.keeps_spans.set(outer.keeps_spans);
            // What it measured counts for the outer meter too.
            state.since.set(self.start);
            (state.times.replace(outer.times), state.spans.replace(outer.spans))
        })
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        // Not stopped: a panic goes through the thread.
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        static NOW: Cell<u64> = const { Cell::new(0) };
    }

    fn clock() -> u64 {
        NOW.get()
    }

    fn pass(nanoseconds: u64) {
        NOW.set(NOW.get() + nanoseconds);
    }

    fn nanoseconds(measured: &Measured) -> [u64; Activity::COUNT] {
        Activity::ALL.map(|activity| measured.times.get(activity).as_nanos() as u64)
    }

    #[test]
    fn a_moment_counts_for_the_innermost_activity_alone() {
        let meter = Meter::start(clock, true);
        pass(5);
        {
            let _reading = doing(Activity::Read);
            pass(100);
            {
                let _decoding = doing(Activity::Decode);
                pass(30);
            }
            pass(7);
        }
        pass(2);
        let measured = meter.stop();
        assert_eq!(nanoseconds(&measured), [7, 107, 30, 0, 0, 0]);
        assert_eq!(measured.times.total(), Duration::from_nanos(144));
        let activities: Vec<Activity> = measured.spans.iter().map(|span| span.activity).collect();
        assert_eq!(activities, [Activity::Read, Activity::Decode, Activity::Read]);
    }

    #[test]
    fn without_a_meter_nothing_is_measured() {
        drop(doing(Activity::Read));
        pass(10);
        let meter = Meter::start(clock, false);
        let measured = meter.stop();
        assert_eq!(measured, Measured::default());
        assert!(STATE.with(|state| state.clock.get().is_none()));
    }

    #[test]
    fn a_meter_within_another_is_its_own_and_counts_for_both() {
        let outer = Meter::start(clock, false);
        pass(1);
        let _writing = doing(Activity::Write);
        pass(10);
        let inner = Meter::start(clock, false);
        {
            let _reading = doing(Activity::Read);
            pass(100);
        }
        assert_eq!(nanoseconds(&inner.stop()), [0, 100, 0, 0, 0, 0]);
        pass(1000);
        assert_eq!(nanoseconds(&outer.stop()), [1, 0, 0, 0, 1110, 0]);
    }

    #[test]
    fn spans_are_bounded_and_neighbours_are_one() {
        let meter = Meter::start(clock, true);
        for _ in 0..10 {
            let _reading = doing(Activity::Read);
            pass(50);
        }
        let close = meter.stop().spans;
        assert_eq!(close.len(), 1);
        let meter = Meter::start(clock, true);
        for _ in 0..10 * MOST_SPANS {
            pass(2 * BETWEEN_SPANS);
            let _reading = doing(Activity::Read);
            pass(50);
        }
        let measured = meter.stop();
        assert_eq!(measured.spans.len(), MOST_SPANS);
        assert_eq!(measured.times.get(Activity::Read), Duration::from_nanos(500 * MOST_SPANS as u64));
    }

    #[test]
    fn a_panic_leaves_no_meter_behind() {
        let result = std::panic::catch_unwind(|| {
            let _meter = Meter::start(clock, false);
            let _reading = doing(Activity::Read);
            panic!("on purpose");
        });
        assert!(result.is_err());
        assert!(STATE.with(|state| state.clock.get().is_none()));
        assert_eq!(STATE.with(|state| state.current.get()), Activity::Compute);
    }
}
