use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::folder::ResultsFolder;
use super::hooks::{HookFailure, HookScope};
use super::launch::{LaunchedServer, LogPlace, TAIL_LINES};
use super::live::{LiveTarget, NotMeasured, Whereabouts, World};
use crate::endpoint::Transport;
use crate::load::Signal;
use crate::plan::{Case, Measure};
use crate::record::{ErrorKind, RunRecords};
use crate::suite::{Hook, HookAction, HookTarget, HookUrl, TargetUrl};
use crate::text::Redactor;

/// How long a target whose requests broke off may take to turn out dead.
const DEATH_SHOWS: Duration = Duration::from_secs(1);

/// The sessions of one case: starts its target, starts it anew when the next run wants another
/// session, and stops it; the hooks of the case in their places.
pub struct Sessions<'a, W: World> {
    case: &'a Case,
    context: &'a Context,
    redactor: Redactor,
    log: PathBuf,
    hooks_log: PathBuf,
    session: u32,
    live: Option<LiveTarget<W::Transport>>,
    server: Option<Arc<LaunchedServer>>,
    /// Nothing has been measured yet.
    fresh: bool,
    /// Hooks have begun, so that `after` has something to come after.
    begun: bool,
    launched: bool,
    stale: u32,
    about: (String, Option<String>),
    notes: Vec<String>,
}

impl<'a, W: World> Sessions<'a, W> {
    /// No session yet.
    pub fn new(case: &'a Case, context: &'a Context, folder: &ResultsFolder) -> Self {
        let dir = folder.path().join("cases").join(&case.slug);
        Sessions {
            case,
            context,
            redactor: context.redactor(case),
            log: dir.join("target.log"),
            hooks_log: dir.join("hooks.log"),
            session: 0,
            live: None,
            server: None,
            fresh: true,
            begun: false,
            launched: false,
            stale: 0,
            about: (String::new(), None),
            notes: Vec::new(),
        }
    }

    /// Brings the target to where the run `measure` wants it: in its session, with the hooks done that stand
    /// before it.
    ///
    /// # Errors
    /// When a hook fails, or the target does not become ready.
    pub async fn ready_for(
        &mut self,
        measure: &Measure,
        driver: &W::Driver,
    ) -> Result<(), NotMeasured> {
        let hooks = &self.case.scenario.hooks;
        let (when, hooks) = if self.fresh {
            ("before", &hooks.before)
        } else {
            ("between", &hooks.between)
        };
        if measure.session != self.session {
            self.close();
            self.session = measure.session;
        }
        self.begun = true;
        self.run_hooks(when, hooks, false)?;
        if self.live.is_none() {
            let live = self.open(measure, driver).await?;
            self.live = Some(live);
        }
        self.run_hooks(when, hooks, true)?;
        self.fresh = false;
        Ok(())
    }

    /// The target of the current session.
    ///
    /// # Errors
    /// Where none has become ready.
    pub fn live(&self) -> Result<&LiveTarget<W::Transport>, NotMeasured> {
        self.live
            .as_ref()
            .ok_or_else(|| NotMeasured("the target is not up".to_owned()))
    }

    async fn open(
        &mut self,
        measure: &Measure,
        driver: &W::Driver,
    ) -> Result<LiveTarget<W::Transport>, NotMeasured> {
        let target = measure.phase.target(self.case);
        let mut at = Whereabouts {
            session: self.session,
            ..Whereabouts::default()
        };
        if let (Some(launch), TargetUrl::Http(url)) = (&target.launch, &target.url) {
            let place = LogPlace {
                path: &self.log,
                secrets: &self.case.secrets,
                session: self.session,
            };
            let restart = self.case.scenario.restart;
            let (server, _) = self
                .context
                .launched
                .open(launch, url, restart, place)
                .map_err(NotMeasured)?;
            self.launched = true;
            at.server = Some(server.clone());
            self.server = Some(server);
        }
        let opened = W::open(self.case, &measure.phase, at, driver, self.context).await;
        match opened {
            Ok(live) => {
                self.about = (live.shown.clone(), Some(live.model.clone()));
                Ok(live)
            }
            Err(why) => Err(self.never_ready(why)),
        }
    }

    /// Why a launched target did not become ready, with what it said last.
    fn never_ready(&mut self, why: NotMeasured) -> NotMeasured {
        let Some(server) = self.server.clone() else {
            return why;
        };
        let exit = server.exit();
        if !self.context.interrupt.raised() {
            self.note_tail(&server);
        }
        let Some(exit) = exit else {
            return why;
        };
        let shown = super::live::shown(&self.case.scenario.target);
        let hint = match exit.hint() {
            Some(hint) => format!("; {hint}"),
            None if exit.success() => {
                "; the command must stay in the foreground for as long as the target serves"
                    .to_owned()
            }
            None => String::new(),
        };
        NotMeasured(format!(
            "{shown} never became ready: its program ended before that ({exit}){hint}"
        ))
    }

    /// Level 1 once the program that serves the current session has ended.
    pub fn ended(&self) -> Signal {
        match &self.server {
            Some(server) => server.ended().clone(),
            None => Signal::new(),
        }
    }

    /// Whether the target has ended although nobody asked it to, and how, in one line. `last` is what
    /// was measured last.
    pub fn died(&mut self, last: Option<&RunRecords>) -> Option<String> {
        let server = self.server.clone()?;
        let suspicious = last.is_some_and(|run| {
            run.records.iter().any(|r| {
                r.error.as_ref().is_some_and(|e| {
                    matches!(
                        e.kind,
                        ErrorKind::Connect | ErrorKind::Transport | ErrorKind::Truncated
                    )
                })
            })
        });
        let exit = if suspicious {
            server.wait(DEATH_SHOWS)
        } else {
            server.exit()
        }?;
        self.note_tail(&server);
        let hint = exit
            .hint()
            .map_or(String::new(), |hint| format!("; {hint}"));
        Some(format!(
            "the target died after it had become ready: its program ended in mid-run ({exit}){hint}"
        ))
    }

    fn note_tail(&mut self, server: &LaunchedServer) {
        let tail = server.last_words();
        self.notes.push(if tail.is_empty() {
            "the target wrote nothing to its log".to_owned()
        } else {
            format!(
                "the last lines of the target's log (at most {TAIL_LINES}):\n{}",
                tail.join("\n")
            )
        });
    }

    /// Ends the case's last session: `after`, then the target is stopped unless other cases go on
    /// with it.
    ///
    /// # Errors
    /// When a hook of `after` fails; all of them are tried.
    pub fn finish(&mut self) -> Result<(), NotMeasured> {
        let mut result = Ok(());
        if self.begun {
            self.begun = false;
            let up = self.live.is_some();
            for hook in &self.case.scenario.hooks.after {
                // Without a target there is nobody that such a hook could talk to.
                if !up && hook.action.needs_target() {
                    continue;
                }
                if let Err(failure) = self.run_hook("after", hook, None) {
                    result = result.and(Err(failure));
                }
            }
        }
        self.close();
        result
    }

    /// Lines for people: where logs are, what they say.
    pub fn notes(&mut self) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        if self.launched && self.log.exists() {
            notes.push(format!("the target's log: {}", self.log.display()));
        }
        if self.hooks_log.exists() {
            notes.push(format!("what hooks said: {}", self.hooks_log.display()));
        }
        notes
    }

    /// The target's address for people, and its model.
    pub fn about(&self) -> (String, Option<String>) {
        self.about.clone()
    }

    /// Kept connections that the target had closed, over all sessions.
    pub fn stale_connections(&self) -> u32 {
        let now = self.live.as_ref();
        self.stale + now.map_or(0, |live| live.transport.stale_connections())
    }

    fn close(&mut self) {
        self.stale = self.stale_connections();
        self.live = None;
        if let Some(server) = self.server.take() {
            self.context.launched.close(&server);
        }
    }

    fn run_hooks(
        &mut self,
        when: &str,
        hooks: &[Hook],
        need_target: bool,
    ) -> Result<(), NotMeasured> {
        for hook in hooks {
            if hook.action.needs_target() == need_target {
                let interrupt = self.context.interrupt.signal.clone();
                self.run_hook(when, hook, Some(&interrupt))?;
            }
        }
        Ok(())
    }

    fn run_hook(
        &mut self,
        when: &str,
        hook: &Hook,
        interrupt: Option<&Signal>,
    ) -> Result<(), NotMeasured> {
        if let Some(done) = self.ask_in_process(when, hook) {
            return done;
        }
        let target = self.hook_target();
        let what = match when {
            "between" => "`between` the runs".to_owned(),
            when => format!("`{when}` the case"),
        };
        let scope = HookScope {
            what: &what,
            log: &self.hooks_log,
            redactor: &self.redactor,
            interrupt,
            target: target.as_ref(),
        };
        scope.run(hook).map_err(|HookFailure { reason, output }| {
            if !output.is_empty() {
                self.notes.push(format!(
                    "the last lines of that hook:\n{}",
                    output.join("\n")
                ));
            }
            NotMeasured(reason)
        })
    }

    /// A hook that talks to an engine in process; `None` where it is another's to do.
    fn ask_in_process(&self, when: &str, hook: &Hook) -> Option<Result<(), NotMeasured>> {
        let engine = self.live.as_ref()?.in_process()?;
        let HookAction::Http {
            method,
            url: HookUrl::Path(path),
            ..
        } = &hook.action
        else {
            return None;
        };
        let (status, _) = engine.ask(method.name(), path);
        Some(if (200..300).contains(&status) {
            Ok(())
        } else {
            Err(NotMeasured(format!(
                "the hook `{when}` `{}` failed: status {status}",
                hook.action.shown()
            )))
        })
    }

    /// The target for hooks: where it is up, or where it is not prony that starts it.
    fn hook_target(&self) -> Option<HookTarget> {
        let target = &self.case.scenario.target;
        let url = match (&self.live, &target.url) {
            (Some(live), _) => live.url()?.clone(),
            (None, TargetUrl::Http(url)) if target.launch.is_none() => url.clone(),
            _ => return None,
        };
        Some(HookTarget {
            url,
            headers: target.headers.clone(),
            ca: target.ca.clone(),
            insecure_tls: target.insecure_tls,
        })
    }
}
