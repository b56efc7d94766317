use std::future::Future;
use std::time::Duration;

/// Nanoseconds since the driver's epoch (monotonic).
pub type Nanos = u64;

/// Time and concurrency as the load engine sees them.
///
/// The load engine is written against this trait only; it names no clock and no runtime. Futures
/// need not be `Send`: a driver runs everything it spawns on the thread it was made on, so that
/// one thread can serve as one measuring core (real time) or as the whole world (virtual time).
pub trait Driver: Clone + 'static {
    /// The current time.
    fn now(&self) -> Nanos;

    /// Completes at the absolute time `t`, or at once when `t` is past.
    fn at(&self, t: Nanos) -> impl Future<Output = ()> + 'static;

    /// The same for someone who must not be late: a driver that would wake it late now and then may
    /// spend processor time on being in time. For what is due by a schedule, and nothing else.
    fn at_exactly(&self, t: Nanos) -> impl Future<Output = ()> + 'static {
        self.at(t)
    }

    /// Completes a moment before `t`, so that what takes a moment can be done ahead and the rest be left
    /// to [`Driver::at_exactly`]. Where nothing takes time, at `t`.
    fn nearly(&self, t: Nanos) -> impl Future<Output = ()> + 'static {
        self.at(t)
    }

    /// Runs `future` beside the others until it ends.
    fn spawn(&self, future: impl Future<Output = ()> + 'static);

    /// Says that until `until` what arrives from the network may lie for `d` before it is looked at,
    /// because the time at which it came is noted elsewhere. A driver that sleeps for that long instead
    /// of waking for each arrival finds many at once, which costs far less. Sleepers wake as ever.
    fn may_lie(&self, _d: Nanos, _until: Nanos) {}

    /// Completes after `d` from now.
    fn after(&self, d: Duration) -> impl Future<Output = ()> + 'static {
        self.at(self
            .now()
            .saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
}
