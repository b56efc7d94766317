use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::request::RequestRecord;
use super::uncounted::{CountTokens, Uncounted};

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

/// What a [`Recorder`] took.
#[derive(Debug)]
pub struct Recorded {
    /// Every record, in the order in which the requests ended.
    pub records: Vec<RequestRecord>,
    /// The first error of writing.
    pub error: Option<io::Error>,
    path: PathBuf,
    /// Length of the file when the first of these records came.
    from: u64,
    uncounted: Option<Uncounted>,
}

impl Recorder {
    /// Opens `path` for appending.
    ///
    /// # Errors
    /// When the file cannot be opened, or no thread can be started.
    pub fn append(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let recorded = Recorded {
            records: Vec::new(),
            error: None,
            path: path.to_owned(),
            from: file.metadata()?.len(),
            uncounted: None,
        };
        let (sender, receiver) = channel();
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || write_all(&receiver, file, recorded))?;
        Ok(Recorder { sender, thread })
    }

    /// A handle that takes records; it never blocks.
    pub fn sink(&self) -> impl FnMut(RequestRecord) + Send + 'static {
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
            path: PathBuf::new(),
            from: 0,
            uncounted: None,
        })
    }
}

impl Recorded {
    /// Whether there are texts whose tokens nobody has counted.
    pub fn has_uncounted(&self) -> bool {
        self.uncounted.is_some()
    }

    /// Counts with `count` the tokens of every answer whose text was kept to be counted, and writes the
    /// lines of these records anew. Takes a while: for when no load is on. What goes wrong leaves
    /// the records, or the file, as they were, and is an [error](Recorded::error) of writing.
    pub fn count(&mut self, count: CountTokens<'_>) {
        let Some(uncounted) = self.uncounted.take() else {
            return;
        };
        let counted = uncounted.count(&mut self.records, count);
        let written = counted.and_then(|changed| match changed {
            0 => Ok(()),
            _ => self.write_anew(),
        });
        note(&mut self.error, written);
    }

    /// Has `change` write into the records, and their lines anew. For when no load is on; what goes wrong
    /// leaves the file as it was, and is an [error](Recorded::error) of writing.
    pub fn change<R>(&mut self, change: impl FnOnce(&mut [RequestRecord]) -> R) -> R {
        let result = change(&mut self.records);
        if self.error.is_none() {
            let written = self.write_anew();
            note(&mut self.error, written);
        }
        result
    }

    /// Puts a file with the records as they are now in the place of the one with what they were. A
    /// process that is killed meanwhile leaves the old one.
    fn write_anew(&self) -> io::Result<()> {
        let new = self.path.with_extension("jsonl.new");
        let mut out = BufWriter::with_capacity(1 << 16, File::create(&new)?);
        io::copy(&mut File::open(&self.path)?.take(self.from), &mut out)?;
        for record in &self.records {
            write_line(&mut out, record)?;
        }
        out.into_inner().map_err(io::IntoInnerError::into_error)?;
        std::fs::rename(&new, &self.path)
    }
}

/// How often what has come is written.
const BEAT: Duration = Duration::from_millis(20);

fn write_all(receiver: &Receiver<RequestRecord>, file: File, mut recorded: Recorded) -> Recorded {
    let mut out = BufWriter::with_capacity(1 << 16, file);
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
        if let Some(answer) = record.uncounted.take()
            && recorded.error.is_none()
        {
            let (index, folder) = (recorded.records.len(), recorded.path.parent());
            let kept = match &mut recorded.uncounted {
                Some(uncounted) => uncounted.keep(index, &answer),
                none => Uncounted::new(folder.unwrap_or(Path::new("."))).and_then(|mut new| {
                    new.keep(index, &answer)?;
                    *none = Some(new);
                    Ok(())
                }),
            };
            note(&mut recorded.error, kept);
        }
        if recorded.error.is_none() {
            note(&mut recorded.error, write_line(&mut out, &record));
        }
        recorded.records.push(record);
    }
    note(&mut recorded.error, out.flush());
    recorded
}

fn write_line(out: &mut impl Write, record: &RequestRecord) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    out.write_all(b"\n")
}

fn note(first: &mut Option<io::Error>, result: io::Result<()>) {
    if let (None, Err(e)) = (&first, result) {
        *first = Some(e);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::super::{AnswerText, Part, Provenance, TokenSource, read_records};
    use super::*;

    fn answered(id: u64, text: &str) -> RequestRecord {
        RequestRecord {
            id,
            part: Part::Window,
            output_tokens: Some(1),
            provenance: Provenance {
                output: Some(TokenSource::Chunks),
                ..Provenance::default()
            },
            uncounted: Some(Box::new(AnswerText {
                text: text.to_owned(),
                ends: vec![],
            })),
            ..RequestRecord::default()
        }
    }

    #[test]
    fn tokens_are_counted_when_the_run_is_over_and_never_before() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("requests.jsonl");
        std::fs::write(&path, "an earlier run\n").expect("written");
        let (over, counted) = (AtomicBool::new(false), AtomicUsize::new(0));
        let count = |text: &str| {
            assert!(over.load(Ordering::SeqCst), "counted while the load is on");
            counted.fetch_add(1, Ordering::SeqCst);
            Some((0..text.len()).collect())
        };
        let recorder = Recorder::append(&path).expect("opens");
        let mut sink = recorder.sink();
        for id in 0..50 {
            sink(answered(id, &"x".repeat(id as usize)));
        }
        // While the run is on, and where it is killed, lines say that chunks were counted.
        let line = || std::fs::read_to_string(&path).expect("text");
        while line().lines().count() < 51 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(line().contains(r#""output_tokens":1,"provenance":{"output":"chunks"}"#));
        drop(sink);
        let mut recorded = recorder.finish();
        assert_eq!(counted.load(Ordering::SeqCst), 0);
        over.store(true, Ordering::SeqCst);
        recorded.count(&count);
        assert_eq!(counted.load(Ordering::SeqCst), 50);
        assert!(recorded.error.is_none());
        for (i, record) in recorded.records.iter().enumerate() {
            assert_eq!(record.output_tokens, Some(i as u64));
            assert_eq!(record.provenance.output, Some(TokenSource::Client));
        }
        let text = line();
        let (earlier, own) = text.split_once('\n').expect("lines");
        assert_eq!(earlier, "an earlier run");
        std::fs::write(&path, own).expect("written");
        assert_eq!(read_records(&path).expect("reads"), recorded.records);
        let names = std::fs::read_dir(dir.path()).expect("a folder").count();
        assert_eq!(names, 1, "nothing else is left");
    }
}
