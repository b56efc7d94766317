use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::plan::RunPlan;
use super::prepare::{Ahead, Maker, Ready};
use super::signal::Signal;
use super::state::Progress;
use super::window::WindowState;
use crate::driver::Nanos;
use crate::record::{Part, Window};

/// What all measuring threads of one run share. Nothing here is touched for a token: only when a request
/// begins and when it ends.
pub(super) struct Common {
    pub plan: RunPlan,
    pub maker: Maker,
    /// Makes requests ready on another thread; absent where each is made on the spot.
    pub ahead: Option<Ahead>,
    pub progress: Arc<Progress>,
    /// Level 1 or more: the user wants the run to end.
    pub interrupt: Signal,
    /// Rises to 1 when a request of the window ends and none is left.
    pub drained: Signal,
    /// Rises to 1 when the run's epoch is known.
    pub begun: Signal,
    epoch: OnceLock<Nanos>,
    window: Mutex<WindowState>,
    next_id: AtomicU64,
    /// Of an open loop with a bound on what is in flight.
    pub slots: Mutex<Slots>,
    members: Vec<Member>,
}

/// A measuring thread, as the others see it.
#[derive(Default)]
struct Member {
    /// The run's end, of which each request asks at every token: one of its own for each thread.
    over: Signal,
    /// Whether it is ready to begin.
    ready: Signal,
}

/// Who may be in flight, and who waits for that, in the order in which they were due.
pub(super) struct Slots {
    pub free: u32,
    pub waiting: VecDeque<Job>,
}

/// A request that is due.
pub(super) struct Job {
    pub ready: Ready,
    pub part: Part,
    pub due: Nanos,
}

impl Common {
    /// What `threads` share of the run that `plan` describes. The first requests of a closed loop have
    /// their slots' numbers, so that numbering goes on after them.
    pub fn new(
        plan: RunPlan,
        threads: usize,
        maker: Maker,
        ahead: bool,
        progress: Arc<Progress>,
        interrupt: Signal,
    ) -> Self {
        let schedules = if plan.is_open() { threads as u64 } else { 0 };
        Common {
            ahead: ahead
                .then(|| Ahead::start(maker.clone(), threads))
                .flatten(),
            maker,
            progress,
            interrupt,
            drained: Signal::new(),
            begun: Signal::new(),
            epoch: OnceLock::new(),
            window: Mutex::new(WindowState::new(&plan, schedules)),
            next_id: AtomicU64::new(u64::from(plan.first_slots())),
            slots: Mutex::new(Slots {
                free: plan.load.max_concurrency.unwrap_or(u32::MAX),
                waiting: VecDeque::new(),
            }),
            members: (0..threads).map(|_| Member::default()).collect(),
            plan,
        }
    }

    /// How many measuring threads there are.
    pub fn threads(&self) -> usize {
        self.members.len()
    }

    /// When the run began, in the time of all its drivers; 0 before that is known.
    pub fn epoch(&self) -> Nanos {
        self.epoch.get().copied().unwrap_or_default()
    }

    /// The run begins at `epoch`.
    pub fn begin(&self, epoch: Nanos) {
        // It begins once.
        let _ = self.epoch.set(epoch);
        self.begun.raise(1);
    }

    pub fn over_of(&self, index: usize) -> Signal {
        self.members[index].over.clone()
    }

    pub fn ready_of(&self, index: usize) -> Signal {
        self.members[index].ready.clone()
    }

    /// Raises every thread's `over`.
    pub fn raise_over(&self, level: u8) {
        for member in &self.members {
            member.over.raise(level);
        }
    }

    /// The number of the next request of a load without a schedule.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub fn window(&self) -> MutexGuard<'_, WindowState> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the window at `t` if it has not ended.
    pub fn close(&self, t: Nanos) {
        let drained = self.window().close(t);
        self.raise_over(super::state::CLOSED);
        if drained {
            self.drained.raise(1);
        }
    }

    /// Something that the window waited for has ended.
    pub fn release(&self) {
        let drained = self.window().release();
        if drained {
            self.drained.raise(1);
        }
    }

    /// The measured window, in µs since the run's start.
    pub fn measured(&self) -> Window {
        self.window().measured()
    }
}

impl Slots {
    /// Has `job` wait behind all that were due before.
    pub fn wait(&mut self, job: Job) {
        let at = self.waiting.partition_point(|other| other.due <= job.due);
        self.waiting.insert(at, job);
    }
}
