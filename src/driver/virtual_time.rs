use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::seam::{Driver, Nanos};

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Time that passes only when nothing else is left to do: one thread, no sleeping, and the same
/// order of events every time.
///
/// Tasks are polled in the order in which they were woken; timers of one instant fire in the order
/// in which they were set. An hour of load takes as long as its computation does.
#[derive(Clone, Default)]
pub struct VirtualDriver {
    world: Rc<World>,
}

/// The future that [`VirtualDriver::block_on`] was called with, among the tasks.
const MAIN: usize = usize::MAX;

#[derive(Default)]
struct World {
    now: Cell<Nanos>,
    tasks: RefCell<Tasks>,
    timers: RefCell<Timers>,
    ready: Arc<ReadyQueue>,
}

#[derive(Default)]
struct Tasks {
    slots: Vec<Option<Task>>,
    free: Vec<usize>,
}

#[derive(Default)]
struct Timers {
    heap: BinaryHeap<Reverse<(Nanos, u64)>>,
    wakers: std::collections::BTreeMap<u64, Waker>,
    next: u64,
}

/// Tasks that were woken and wait to be polled. Shared behind a lock only because a [`Waker`] must
/// be `Send`; there is no second thread.
#[derive(Default)]
struct ReadyQueue(Mutex<VecDeque<usize>>);

impl ReadyQueue {
    fn push(&self, task: usize) {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push_back(task);
    }

    fn pop(&self) -> Option<usize> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .pop_front()
    }
}

struct TaskWaker {
    task: usize,
    ready: Arc<ReadyQueue>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.task);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ready.push(self.task);
    }
}

impl VirtualDriver {
    /// A world at time 0 without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `future`, and everything it spawns, until `future` has ended. What was spawned and has
    /// not ended by then stays, and goes on with the next call.
    ///
    /// # Panics
    /// When `future` waits for something that can never happen: no task can run and no timer is set.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut main = std::pin::pin!(future);
        let waker = self.waker(MAIN);
        self.world.ready.push(MAIN);
        loop {
            while let Some(task) = self.world.ready.pop() {
                if task != MAIN {
                    self.poll(task);
                } else if let Poll::Ready(value) =
                    main.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return value;
                }
            }
            assert!(
                self.advance(),
                "virtual time stands still: every task waits and no timer is set"
            );
        }
    }

    fn waker(&self, task: usize) -> Waker {
        Waker::from(Arc::new(TaskWaker {
            task,
            ready: self.world.ready.clone(),
        }))
    }

    fn poll(&self, id: usize) {
        let Some(mut task) = self
            .world
            .tasks
            .borrow_mut()
            .slots
            .get_mut(id)
            .and_then(Option::take)
        else {
            return;
        };
        let waker = self.waker(id);
        let ended = task
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready();
        let mut tasks = self.world.tasks.borrow_mut();
        if ended {
            tasks.free.push(id);
            drop(tasks);
            // Dropped outside the borrow: a future's destructor may spawn.
            drop(task);
        } else {
            tasks.slots[id] = Some(task);
        }
    }

    /// Moves time to the next timer and wakes it; `false` when there is none.
    fn advance(&self) -> bool {
        loop {
            let (at, waker) = {
                let mut timers = self.world.timers.borrow_mut();
                let Some(Reverse((at, id))) = timers.heap.pop() else {
                    return false;
                };
                (at, timers.wakers.remove(&id))
            };
            // A timer without a waker was dropped before its time: it must not move the clock.
            if let Some(waker) = waker {
                self.world.now.set(at.max(self.world.now.get()));
                waker.wake();
                return true;
            }
        }
    }
}

impl Driver for VirtualDriver {
    fn now(&self) -> Nanos {
        self.world.now.get()
    }

    fn at(&self, t: Nanos) -> impl Future<Output = ()> + 'static {
        Timer {
            world: self.world.clone(),
            at: t,
            id: None,
        }
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let id = {
            let mut tasks = self.world.tasks.borrow_mut();
            let task: Task = Box::pin(future);
            match tasks.free.pop() {
                Some(id) => {
                    tasks.slots[id] = Some(task);
                    id
                }
                None => {
                    tasks.slots.push(Some(task));
                    tasks.slots.len() - 1
                }
            }
        };
        self.world.ready.push(id);
    }
}

struct Timer {
    world: Rc<World>,
    at: Nanos,
    id: Option<u64>,
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.at <= self.world.now.get() {
            return Poll::Ready(());
        }
        let world = self.world.clone();
        let mut timers = world.timers.borrow_mut();
        let id = match self.id {
            Some(id) => id,
            None => {
                let id = timers.next;
                timers.next += 1;
                timers.heap.push(Reverse((self.at, id)));
                self.id = Some(id);
                id
            }
        };
        timers.wakers.insert(id, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.world.timers.borrow_mut().wakers.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_jumps_from_timer_to_timer_in_order() {
        let driver = VirtualDriver::new();
        let log = Rc::new(RefCell::new(Vec::new()));
        for t in [30, 10, 20, 10] {
            let (driver, log) = (driver.clone(), log.clone());
            driver.clone().spawn(async move {
                driver.at(t).await;
                log.borrow_mut().push((t, driver.now()));
            });
        }
        let end = driver.clone();
        driver.block_on(async move { end.at(25).await });
        assert_eq!(*log.borrow(), [(10, 10), (10, 10), (20, 20)]);
        assert_eq!(driver.now(), 25);
    }

    #[test]
    fn a_dropped_timer_does_not_move_time() {
        let driver = VirtualDriver::new();
        let d = driver.clone();
        driver.block_on(async move {
            let long = Box::pin(d.at(1_000_000));
            let short = Box::pin(d.at(10));
            futures_util::future::select(long, short).await;
        });
        let d = driver.clone();
        driver.block_on(async move { d.at(20).await });
        assert_eq!(driver.now(), 20);
    }

    #[test]
    #[should_panic(expected = "virtual time stands still")]
    fn a_deadlock_is_told() {
        VirtualDriver::new().block_on(std::future::pending::<()>());
    }
}
