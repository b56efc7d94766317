//! Further measuring threads for a run over sockets, each with a clock that reads the same, connections and
//! a poller of its own.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

use super::live::NotMeasured;
use crate::driver::RealDriver;
use crate::endpoint::{HttpCarrier, HttpSettings};
use crate::load::{Member, Seat, assist};
use crate::record::RequestRecord;
use crate::suite::TransportKind;
use crate::telemetry::host::current_thread;

/// What a further measuring thread reaches the target with.
#[derive(Clone, Debug)]
pub(super) struct Equipment {
    /// When the first thread's time began.
    pub epoch: Instant,
    /// How the target is reached.
    pub settings: HttpSettings,
    /// What carries requests there.
    pub transport: TransportKind,
}

impl Equipment {
    /// Whether the target is on this machine, as far as its address tells.
    pub fn beside(&self) -> bool {
        match self.settings.base_url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            None => false,
        }
    }
}

/// Takes records on a measuring thread of its own.
pub(super) type Sink = Box<dyn FnMut(RequestRecord) + Send>;

/// Measuring threads that wait for a run, or are at it.
#[derive(Default)]
pub(super) struct Threads {
    threads: Vec<JoinHandle<()>>,
    /// Their numbers, as [`crate::telemetry::host::HostSampler`] wants them.
    pub ids: Vec<u32>,
}

impl Threads {
    /// Starts one for each of `sinks`.
    ///
    /// # Errors
    /// When one cannot be started.
    pub fn start(
        equipment: &Equipment,
        sinks: Vec<Sink>,
    ) -> Result<(Threads, Vec<Member>), NotMeasured> {
        let (told, ids) = channel();
        let mut all = Threads {
            threads: Vec::new(),
            ids: Vec::new(),
        };
        let mut members = Vec::new();
        for sink in sinks {
            let (member, thread) = start_one(equipment.clone(), sink, told.clone())
                .map_err(|e| NotMeasured(format!("cannot start a measuring thread: {e}; `client: {{ threads: 1 }}` needs none")))?;
            members.push(member);
            all.threads.push(thread);
        }
        drop(told);
        all.ids = ids.iter().flatten().collect();
        Ok((all, members))
    }

    /// Waits for their end, after the run's.
    pub fn join(self) {
        for thread in self.threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

fn start_one(
    equipment: Equipment,
    sink: Sink,
    told: Sender<Option<u32>>,
) -> std::io::Result<(Member, JoinHandle<()>)> {
    let (to_thread, seats) = channel::<Seat>();
    let thread = std::thread::Builder::new()
        .name("measuring".to_owned())
        .spawn(move || {
            // Who started it waits for this.
            let _ = told.send(current_thread());
            drop(told);
            if let Ok(seat) = seats.recv() {
                measure(equipment, sink, seat);
            }
        })?;
    // A thread that is gone never takes its seat, which says so itself when it is dropped.
    let member = Box::new(move |seat| drop(to_thread.send(seat)));
    Ok((member, thread))
}

/// Does the part of a run that `seat` stands for. A seat that is dropped says itself that nobody did.
fn measure(equipment: Equipment, sink: Sink, seat: Seat) {
    let Equipment {
        epoch,
        settings,
        transport,
    } = equipment;
    let ended = RealDriver::run_from(epoch, |driver| async move {
        let carrier = HttpCarrier::new(settings, driver.clone(), Some(transport));
        if let Ok(carrier) = carrier {
            assist(driver, carrier, sink, seat).await;
        }
    });
    drop(ended);
}
