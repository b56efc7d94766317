use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use url::Url;

use super::launch::{Exit, ProcessGroup, last_lines, program};
use super::live::secret_headers;
use crate::endpoint::HttpSettings;
use crate::load::Signal;
use crate::suite::{CommandLine, Hook, HookAction, HookMethod, HookTarget, HookUrl};
use crate::text::Redactor;

/// How long a hook's program may take to end once it is told to.
const GRACE: Duration = Duration::from_secs(2);
/// How often a program that runs is looked at.
const POLL: Duration = Duration::from_millis(50);
/// Most bytes of output that are looked at.
const MOST_OUTPUT: u64 = 16 << 20;

/// Where hooks run and where their output goes.
pub struct HookScope<'a> {
    /// What the hooks are of, such as `before` of a case.
    pub what: &'a str,
    /// Their output is appended to this file.
    pub log: &'a Path,
    /// Keeps secrets out of it.
    pub redactor: &'a Redactor,
    /// Level 1 ends them; absent: they run to their end whatever the user wants.
    pub interrupt: Option<&'a Signal>,
    /// The target, where it is up.
    pub target: Option<&'a HookTarget>,
}

/// Why a hook failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookFailure {
    /// In one line.
    pub reason: String,
    /// The last lines of what it said.
    pub output: Vec<String>,
}

impl HookScope<'_> {
    /// Does `hook` and waits until it is done.
    ///
    /// # Errors
    /// When it fails, takes too long, or the user does not want to wait any longer.
    pub fn run(&self, hook: &Hook) -> Result<(), HookFailure> {
        let shown = self.redactor.apply(&hook.action.shown()).into_owned();
        let ended = match &hook.action {
            HookAction::Command { command, env, cwd } => {
                self.run_program(command, env, cwd.as_deref(), hook.timeout)
            }
            HookAction::Http {
                method,
                url,
                headers,
                body,
            } => secret_headers(headers)
                .map_err(|e| e.0)
                .and_then(|headers| self.request(url, headers))
                .and_then(|(settings, url)| {
                    let interrupt = self.interrupt.cloned();
                    let call = Call {
                        settings,
                        url,
                        method: *method,
                        body: body.as_ref().map(ToString::to_string),
                        timeout: hook.timeout,
                        interrupt,
                    };
                    call.send_apart()
                })
                .unwrap_or_else(|e| Ended {
                    output: String::new(),
                    problem: Some(e),
                }),
        };
        let output = self.redactor.apply(&ended.output).into_owned();
        self.write_down(&shown, &output, ended.problem.as_deref());
        match ended.problem {
            None => Ok(()),
            Some(problem) => Err(HookFailure {
                reason: format!("the hook {} `{shown}` failed: {problem}", self.what),
                output: last_lines(&output),
            }),
        }
    }

    fn run_program(
        &self,
        command: &CommandLine,
        env: &[(String, String)],
        cwd: Option<&Path>,
        timeout: Duration,
    ) -> Ended {
        let failed = |problem: String| Ended {
            output: String::new(),
            problem: Some(problem),
        };
        // A file rather than a pipe: what the program leaves running may go on writing to it.
        let mut output = match scratch(self.log) {
            Ok(file) => file,
            Err(e) => return failed(format!("there is no room for its output: {e}")),
        };
        let mut program = program(command, env, cwd, None);
        if let Some(target) = self.target {
            program.env("PRONY_TARGET_URL", target.url.as_str());
        }
        let piped = output.try_clone().and_then(|out| {
            program.stderr(out.try_clone()?).stdout(out);
            ProcessGroup::spawn(program, GRACE)
        });
        let group = match piped {
            Ok(group) => group,
            Err(e) => return failed(format!("it cannot be started: {e}")),
        };
        let problem = match self.wait(&group, timeout) {
            Ok(exit) if exit.success() => {
                group.release();
                None
            }
            Ok(exit) => Some(match exit.hint() {
                Some(hint) => format!("{exit} ({hint})"),
                None => exit.to_string(),
            }),
            Err(problem) => Some(problem),
        };
        if problem.is_some() {
            group.stop();
        }
        Ended {
            output: read_all(&mut output),
            problem,
        }
    }

    fn wait(&self, group: &ProcessGroup, timeout: Duration) -> Result<Exit, String> {
        let began = Instant::now();
        loop {
            let left = timeout.saturating_sub(began.elapsed());
            if let Some(exit) = group.wait(left.min(POLL)) {
                return Ok(exit);
            }
            if left.is_zero() {
                return Err(format!(
                    "it took longer than {timeout:?}; raise its `timeout`"
                ));
            }
            if self.interrupt.is_some_and(|i| i.level() > 0) {
                return Err("interrupted".to_owned());
            }
        }
    }

    /// Settings and whole address of a request.
    fn request(
        &self,
        url: &HookUrl,
        mut headers: Vec<(String, String)>,
    ) -> Result<(HttpSettings, Url), String> {
        match (url, self.target) {
            (HookUrl::Absolute(url), _) => Ok((
                HttpSettings {
                    headers,
                    ..HttpSettings::new(url.clone())
                },
                url.clone(),
            )),
            (HookUrl::Path(path), Some(target)) => {
                let of_target = secret_headers(&target.headers).map_err(|e| e.0)?;
                let own: Vec<String> = headers.iter().map(|(n, _)| n.to_lowercase()).collect();
                let of_target = of_target.into_iter();
                headers.extend(of_target.filter(|(n, _)| !own.contains(&n.to_lowercase())));
                let settings = HttpSettings {
                    headers,
                    ca: super::live::authority(target.ca.as_deref()).map_err(|e| e.0)?,
                    insecure_tls: target.insecure_tls,
                    ..HttpSettings::new(target.url.clone())
                };
                let url = settings.beside(path);
                Ok((settings, url))
            }
            (HookUrl::Path(_), None) => Err("the target is not up".to_owned()),
        }
    }

    fn write_down(&self, shown: &str, output: &str, problem: Option<&str>) {
        let file = OpenOptions::new().create(true).append(true).open(self.log);
        if let Ok(mut file) = file {
            let end = if output.is_empty() || output.ends_with('\n') {
                ""
            } else {
                "\n"
            };
            let what = self.what;
            let became = problem.unwrap_or("done");
            // A disk that is full shows in prony's own files.
            let _ = write!(
                file,
                "--- prony, {}: hook {what}: {shown}: {became}\n{output}{end}",
                crate::runner::now()
            );
        }
    }
}

struct Ended {
    output: String,
    problem: Option<String>,
}

/// A file beside `log` that nobody else can open, and that is gone when nobody holds it.
fn scratch(log: &Path) -> io::Result<File> {
    let path = log.with_extension(format!("{:016x}.tmp", super::new_nonce()));
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create_new(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

fn read_all(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.take(MOST_OUTPUT).read_to_end(&mut bytes));
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) => format!("(its output cannot be read: {e})"),
    }
}

/// One request of a hook.
struct Call {
    settings: HttpSettings,
    url: Url,
    method: HookMethod,
    body: Option<String>,
    timeout: Duration,
    interrupt: Option<Signal>,
}

impl Call {
    /// Sends it from a thread of its own: hooks run in and out of runtimes alike.
    fn send_apart(self) -> Result<Ended, String> {
        let thread = std::thread::Builder::new()
            .name("hook".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|e| format!("no runtime could be made: {e}"))?;
                Ok(runtime.block_on(self.send()))
            })
            .map_err(|e| format!("no thread could be started: {e}"))?;
        thread
            .join()
            .unwrap_or_else(|_| Err("prony itself failed while it waited".to_owned()))
    }

    async fn send(self) -> Ended {
        let (timeout, interrupt) = (self.timeout, self.interrupt.clone());
        let exchange = Box::pin(tokio::time::timeout(timeout, self.exchange()));
        let result = match interrupt {
            Some(interrupt) => match select(exchange, interrupt.reached(1)).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => {
                    return Ended {
                        output: String::new(),
                        problem: Some("interrupted".to_owned()),
                    };
                }
            },
            None => exchange.await,
        };
        match result {
            Ok(Ok((status, output))) => Ended {
                output,
                problem: (!(200..300).contains(&status))
                    .then(|| format!("it was answered with status {status}")),
            },
            Ok(Err(problem)) => Ended {
                output: String::new(),
                problem: Some(problem),
            },
            Err(_) => Ended {
                output: String::new(),
                problem: Some(format!("no answer within {timeout:?}; raise its `timeout`")),
            },
        }
    }

    async fn exchange(self) -> Result<(u16, String), String> {
        let client = self.settings.plain_client().map_err(|e| e.to_string())?;
        let mut request = match self.method {
            HookMethod::Get => client.get(self.url),
            HookMethod::Post => client.post(self.url),
        };
        if let Some(body) = self.body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let response = request.send().await.map_err(|e| root_cause(&e))?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|e| root_cause(&e))?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// The innermost cause, which is the one that says something; without the address.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(script: &str, timeout: Duration) -> Hook {
        Hook {
            action: HookAction::Command {
                command: CommandLine::Shell(script.to_owned()),
                env: vec![("KEY".to_owned(), "s3cret".to_owned())],
                cwd: None,
            },
            timeout,
            restarts: false,
        }
    }

    fn run(hook: &Hook, interrupt: Option<&Signal>) -> (Result<(), HookFailure>, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("hooks.log");
        let redactor = Redactor::new(&[("KEY", "s3cret")]);
        let scope = HookScope {
            what: "`before` the case",
            log: &log,
            redactor: &redactor,
            interrupt,
            target: None,
        };
        let result = scope.run(hook);
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 1, "only the log is left");
        (result, std::fs::read_to_string(log).expect("a log"))
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn what_a_program_says_is_kept_without_secrets() {
        let (result, log) = run(&command("echo out $KEY; echo err >&2", LONG), None);
        assert_eq!(result, Ok(()));
        let (first, rest) = log.split_once('\n').expect("a first line");
        assert!(first.ends_with("hook `before` the case: echo out $KEY; echo err >&2: done"));
        assert_eq!(rest, "out ${KEY}\nerr\n");
    }

    #[test]
    fn a_program_that_fails_is_shown_with_its_output() {
        let (result, _) = run(&command("echo no such model; exit 3", LONG), None);
        let failure = result.expect_err("it failed");
        assert!(failure.reason.ends_with("failed: exit status 3"));
        assert_eq!(failure.output, ["no such model"]);
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let hook = command("echo begun; sleep 600", Duration::from_millis(300));
        let failure = run(&hook, None).0.expect_err("it was ended");
        assert!(failure.reason.contains("it took longer than 300ms"));
        let interrupt = Signal::new();
        interrupt.raise(1);
        let failure = run(&command("sleep 600", LONG), Some(&interrupt)).0;
        assert!(
            failure
                .expect_err("it was ended")
                .reason
                .ends_with("interrupted")
        );
    }

    #[test]
    fn what_a_program_leaves_running_is_not_waited_for() {
        let (result, _) = run(&command("sleep 30 & echo begun", LONG), None);
        assert_eq!(result, Ok(()));
    }
}
