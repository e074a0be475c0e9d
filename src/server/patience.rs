//! How long a connection is waited for: for its first byte, for the rest of a request's head, between requests, and for what is sent to be taken.
//! A peer that sends a byte now and then gets no more time than one that sends none. Requests that are being answered
//! and idle HTTP/2 connections are let be.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What an HTTP/2 connection begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is seen of a connection from outside.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Bytes received.
    received: AtomicU64,
    /// Bytes received when the last request had been answered.
    answered_at: AtomicU64,
    /// Requests begun and ended.
    begun: AtomicU64,
    ended: AtomicU64,
    /// All bytes so far are those of HTTP/2's preface.
    preface: AtomicBool,
    /// What is sent is not taken.
    stalled: AtomicBool,
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        let activity = Self::default();
        activity.preface.store(true, Ordering::Relaxed);
        Arc::new(activity)
    }

    /// A request was read; it ends with what is given back.
    pub(super) fn begin(self: &Arc<Self>) -> Answering {
        self.begun.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    fn receive(&self, bytes: &[u8]) {
        let before = self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let expected = usize::try_from(before).ok().and_then(|n| PREFACE.get(n..)).unwrap_or_default();
        if bytes.iter().zip(expected).any(|(a, b)| a != b) {
            self.preface.store(false, Ordering::Relaxed);
        }
    }

    fn phase(&self) -> Phase {
        let received = self.received.load(Ordering::Relaxed);
        let (ended, begun) = (self.ended.load(Ordering::Relaxed), self.begun.load(Ordering::Relaxed));
        if begun > ended || (self.preface.load(Ordering::Relaxed) && received >= PREFACE.len() as u64) {
            Phase::LetBe
        } else if received == 0 {
            Phase::Silent
        } else if begun > 0 && received == self.answered_at.load(Ordering::Relaxed) {
            Phase::Idle(ended)
        } else {
            Phase::Head(ended)
        }
    }
}

/// A request that is being answered.
pub(super) struct Answering(Arc<Activity>);

impl Drop for Answering {
    fn drop(&mut self) {
        let received = self.0.received.load(Ordering::Relaxed);
        self.0.answered_at.store(received, Ordering::Relaxed);
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a connection is doing. The numbers tell one wait from the next of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Silent,
    Head(u64),
    Idle(u64),
    LetBe,
}

/// How long each may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) handshake: Duration,
    pub(super) head: Duration,
    pub(super) idle: Duration,
    pub(super) write: Duration,
}

impl Limits {
    /// How often to look.
    pub(super) fn interval(self) -> Duration {
        let shortest = self.handshake.min(self.head).min(self.idle).min(self.write);
        (shortest / 4).clamp(Duration::from_millis(1), Duration::from_secs(1))
    }
}

/// Watches one connection.
#[derive(Debug)]
pub(super) struct Patience {
    limits: Limits,
    phase: Phase,
    since: Instant,
    stalled_since: Option<Instant>,
}

impl Patience {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self { limits, phase: Phase::Silent, since: now, stalled_since: None }
    }

    /// True if the peer has had its time.
    pub(super) fn is_over(&mut self, activity: &Activity, now: Instant) -> bool {
        let phase = activity.phase();
        if phase != self.phase {
            self.phase = phase;
            self.since = now;
        }
        if !activity.stalled.load(Ordering::Relaxed) {
            self.stalled_since = None;
        } else if now.saturating_duration_since(*self.stalled_since.get_or_insert(now)) >= self.limits.write {
            return true;
        }
        let limit = match phase {
            Phase::LetBe => return false,
            Phase::Silent => self.limits.handshake,
            Phase::Head(_) => self.limits.head,
            Phase::Idle(_) => self.limits.idle,
        };
        now.saturating_duration_since(self.since) >= limit
    }
}

/// Watches whether the peer of a quiet connection is still there.
#[derive(Debug)]
pub(super) struct Pulse {
    quiet: Duration,
    answer: Duration,
    received: u64,
    since: Instant,
    asked: Option<Instant>,
}

/// What to do about a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It lives, or has time to say so.
    Wait,
    /// It has been quiet: ask it.
    Ask,
    /// It was asked and said nothing.
    Gone,
}

impl Pulse {
    /// A peer is asked after it was `quiet` for so long, and then has as long as `answer` to send anything.
    pub(super) fn new(quiet: Duration, answer: Duration, now: Instant) -> Self {
        Self { quiet, answer, received: 0, since: now, asked: None }
    }

    /// Looks at what has come.
    pub(super) fn look(&mut self, activity: &Activity, now: Instant) -> Sign {
        let received = activity.received.load(Ordering::Relaxed);
        if received != self.received {
            (self.received, self.since, self.asked) = (received, now, None);
        }
        match self.asked {
            Some(asked) if now.saturating_duration_since(asked) >= self.answer => Sign::Gone,
            None if now.saturating_duration_since(self.since) >= self.quiet => {
                self.asked = Some(now);
                Sign::Ask
            }
            _ => Sign::Wait,
        }
    }
}

/// A stream whose received bytes are counted.
pub(super) struct Observed<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Observed<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Observed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Some(bytes) = buffer.filled().get(before..).filter(|b| !b.is_empty()) {
            self.activity.receive(bytes);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Observed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.activity.stalled.store(result.is_pending(), Ordering::Relaxed);
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.activity.stalled.store(result.is_pending(), Ordering::Relaxed);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        handshake: Duration::from_mins(1),
        head: Duration::from_secs(15),
        idle: Duration::from_mins(2),
        write: Duration::from_secs(30),
    };

    type Event<'e> = &'e dyn Fn(&Arc<Activity>);

    /// What happens to a connection, and whether it is over at that second.
    fn play(script: &[(u64, Event<'_>, bool)]) {
        let start = Instant::now();
        let activity = Activity::new();
        let mut patience = Patience::new(LIMITS, start);
        for (i, (second, happen, over)) in script.iter().enumerate() {
            happen(&activity);
            let now = start + Duration::from_secs(*second);
            assert_eq!(patience.is_over(&activity, now), *over, "step {i} at {second} s: {activity:?}");
        }
    }

    fn nothing(_: &Arc<Activity>) {}

    #[test]
    fn a_peer_gets_its_time_and_no_more() {
        // Says nothing at all.
        play(&[(0, &nothing, false), (59, &nothing, false), (60, &nothing, true)]);
        // Sends its head a byte at a time.
        let byte = |a: &Arc<Activity>| a.receive(b"G");
        play(&[(50, &byte, false), (57, &byte, false), (64, &byte, false), (65, &byte, true)]);
        // Asks, is answered, idles, asks again, and dawdles.
        let ask = |a: &Arc<Activity>| {
            a.receive(b"GET / HTTP/1.1\r\n\r\n");
            drop(a.begin());
        };
        play(&[(1, &ask, false), (120, &nothing, false), (121, &nothing, true)]);
        play(&[(1, &ask, false), (100, &ask, false), (219, &nothing, false), (220, &nothing, true)]);
        play(&[(1, &ask, false), (100, &byte, false), (114, &byte, false), (115, &byte, true)]);
        // Half of HTTP/2's preface is a head that does not come.
        play(&[(0, &|a| a.receive(b"PRI * HT"), false), (14, &nothing, false), (15, &nothing, true)]);
        // All of it is a connection that may idle.
        play(&[(0, &|a| a.receive(PREFACE), false), (9999, &nothing, false)]);
        // And something that only begins like it is not.
        play(&[(0, &|a| a.receive(b"PRI * HTTP/1.1\r\nHost: a\r\nX: y"), false), (15, &nothing, true)]);
    }

    #[test]
    fn a_peer_that_takes_nothing_is_given_up() {
        let stall = |on: bool| move |a: &Arc<Activity>| a.stalled.store(on, Ordering::Relaxed);
        let preface = |a: &Arc<Activity>| a.receive(PREFACE);
        let (stuck, moving) = (stall(true), stall(false));
        play(&[(0, &preface, false), (1, &stuck, false), (30, &nothing, false), (31, &nothing, true)]);
        play(&[
            (0, &preface, false),
            (1, &stuck, false),
            (30, &moving, false),
            (31, &stuck, false),
            (60, &nothing, false),
        ]);
    }

    #[test]
    fn a_quiet_peer_is_asked_and_given_up_if_it_says_nothing() {
        let start = Instant::now();
        let at = |s: u64| start + Duration::from_secs(s);
        let activity = Activity::new();
        let mut pulse = Pulse::new(Duration::from_secs(120), Duration::from_secs(15), start);
        let mut look = |second: u64, hears: bool| {
            if hears {
                activity.receive(b"x");
            }
            pulse.look(&activity, at(second))
        };
        assert_eq!(look(100, true), Sign::Wait);
        assert_eq!(look(219, false), Sign::Wait);
        assert_eq!(look(220, false), Sign::Ask);
        assert_eq!(look(221, false), Sign::Wait);
        // It answers.
        assert_eq!(look(230, true), Sign::Wait);
        assert_eq!(look(349, false), Sign::Wait);
        assert_eq!(look(350, false), Sign::Ask);
        assert_eq!(look(364, false), Sign::Wait);
        assert_eq!(look(365, false), Sign::Gone);
    }

    #[test]
    fn a_request_that_is_being_answered_is_let_be() {
        let start = Instant::now();
        let activity = Activity::new();
        let mut patience = Patience::new(LIMITS, start);
        activity.receive(b"GET / HTTP/1.1\r\n\r\n");
        let answering = activity.begin();
        assert!(!patience.is_over(&activity, start));
        assert!(!patience.is_over(&activity, start + Duration::from_secs(9999)));
        drop(answering);
        assert!(!patience.is_over(&activity, start + Duration::from_secs(10_000)));
        assert!(patience.is_over(&activity, start + Duration::from_secs(10_120)));
    }
}
