use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::request::{RequestRecord, TokenSource};

/// Appends records to `requests.jsonl` on a thread of its own, off the measuring core, and keeps
/// them for the metrics.
///
/// What has come is written and handed to the operating system every 20 ms, so that a killed run keeps
/// what it had but for that; a thread that woke for every record would take a part of the measuring
/// core's time to be woken. A disk that is full loses lines, never the measurement: the error is
/// reported with the records.
#[derive(Debug)]
pub struct Recorder {
    sender: Sender<RequestRecord>,
    thread: JoinHandle<Recorded>,
}

/// Counts the tokens of a text; `None`: it cannot.
pub type Count = Box<dyn Fn(&str) -> Option<u64> + Send>;

/// What a [`Recorder`] took.
#[derive(Debug)]
pub struct Recorded {
    /// Every record, in the order in which the requests ended.
    pub records: Vec<RequestRecord>,
    /// The first error of writing.
    pub error: Option<io::Error>,
}

impl Recorder {
    /// Opens `path` for appending.
    ///
    /// # Errors
    /// When the file cannot be opened, or no thread can be started.
    pub fn append(path: &Path) -> io::Result<Self> {
        Self::counting(path, None)
    }

    /// The same; `count` counts the tokens of answers that nobody else has counted.
    ///
    /// # Errors
    /// As [`Recorder::append`].
    pub fn counting(path: &Path, count: Option<Count>) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || write_all(&receiver, file, count.as_ref()))?;
        Ok(Recorder { sender, thread })
    }

    /// A handle that takes records; it never blocks.
    pub fn sink(&self) -> impl FnMut(RequestRecord) + 'static {
        let sender = self.sender.clone();
        // The thread ends only after every sender is gone, so nothing can be lost here.
        move |record| drop(sender.send(record))
    }

    /// Waits until everything is written. All sinks must be gone.
    pub fn finish(self) -> Recorded {
        drop(self.sender);
        self.thread.thread().unpark();
        self.thread.join().unwrap_or_else(|_| Recorded {
            records: Vec::new(),
            error: Some(io::Error::other("the recorder panicked")),
        })
    }
}

/// How often what has come is written.
const BEAT: Duration = Duration::from_millis(20);

fn write_all(receiver: &Receiver<RequestRecord>, file: File, count: Option<&Count>) -> Recorded {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let mut recorded = Recorded {
        records: Vec::new(),
        error: None,
    };
    loop {
        let mut record = match receiver.try_recv() {
            Ok(record) => record,
            Err(TryRecvError::Empty) => {
                note(&mut recorded.error, out.flush());
                std::thread::park_timeout(BEAT);
                continue;
            }
            Err(TryRecvError::Disconnected) => break,
        };
        if let (Some(text), Some(count)) = (record.uncounted.take(), count)
            && let Some(tokens) = count(&text)
        {
            record.output_tokens = Some(tokens);
            record.provenance.output = Some(TokenSource::Client);
        }
        if recorded.error.is_none() {
            let line = serde_json::to_writer(&mut out, &record)
                .map_err(io::Error::from)
                .and_then(|()| out.write_all(b"\n"));
            note(&mut recorded.error, line);
        }
        recorded.records.push(record);
    }
    note(&mut recorded.error, out.flush());
    recorded
}

fn note(first: &mut Option<io::Error>, result: io::Result<()>) {
    if let (None, Err(e)) = (&first, result) {
        *first = Some(e);
    }
}
