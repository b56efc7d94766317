use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::LocalSet;

use crate::sim::config::SimConfig;
use crate::sim::face::Face;

use super::connection;
use super::world::World;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// The embedded engine as a server on a thread of its own. It stops when dropped.
#[derive(Debug)]
pub struct SimServer {
    addr: SocketAddr,
    commands: Option<tokio::sync::mpsc::UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Command {
    BeginRun(u64),
}

impl SimServer {
    /// Starts an engine; `listen` may have port 0. May be called from anywhere, async or not.
    ///
    /// # Errors
    /// A configuration out of range, an address that cannot be listened on, no thread to be had.
    pub fn start(
        config: SimConfig,
        session_seed: u64,
        listen: SocketAddr,
    ) -> io::Result<SimServer> {
        config.check().map_err(io::Error::other)?;
        let (ready, started) = mpsc::channel();
        let (commands, inbox) = tokio::sync::mpsc::unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("prony-sim".to_owned())
            .spawn(move || run(config, session_seed, listen, &ready, inbox))?;
        match started.recv() {
            Ok(Ok(addr)) => Ok(SimServer {
                addr,
                commands: Some(commands),
                thread: Some(thread),
            }),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::Error::other(
                "the engine's thread ended before it was ready",
            )),
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The API's base URL, `http://ADDR/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// From now on the speed is that of run `run` of this session.
    pub fn begin_run(&self, run: u64) {
        if let Some(commands) = &self.commands {
            // A thread that is gone has no speed.
            let _ = commands.send(Command::BeginRun(run));
        }
    }

    /// Closes all connections and ends the thread.
    pub fn stop(mut self) {
        self.end();
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }

    fn end(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // It panicked or not: it is gone.
            let _ = thread.join();
        }
    }
}

impl Drop for SimServer {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(
    config: SimConfig,
    session_seed: u64,
    listen: SocketAddr,
    ready: &mpsc::Sender<io::Result<SocketAddr>>,
    commands: tokio::sync::mpsc::UnboundedReceiver<Command>,
) {
    let started = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Between two looks at timers and sockets a `LocalSet` runs 61 tasks; at the default of 61
        // such rounds a busy server would notice that a token is due tens of milliseconds late.
        .event_interval(1)
        .build();
    let runtime = match started {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let bound = bind(listen)
            .and_then(|listener| Ok((listener.local_addr()?, listener)))
            .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on {listen}: {e}")));
        match bound {
            Ok((addr, listener)) => {
                let epoch = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |since| since.as_secs());
                let world = Rc::new(World::new(Face::new(config, session_seed, epoch)));
                if ready.send(Ok(addr)).is_ok() {
                    serve(listener, world, commands).await;
                }
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        }
    });
}

fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = match listen {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

async fn serve(
    listener: TcpListener,
    world: Rc<World>,
    mut commands: tokio::sync::mpsc::UnboundedReceiver<Command>,
) {
    let accept = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::task::spawn_local(connection::serve(stream, world.clone()));
                }
                // Out of descriptors, or a client that was gone at once: let others end first.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    };
    let obey = async {
        while let Some(Command::BeginRun(run)) = commands.recv().await {
            world.begin_run(run);
        }
    };
    tokio::select! {
        () = obey => {}
        () = accept => {}
        _ = world.pump() => {}
    }
}
