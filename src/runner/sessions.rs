use std::path::{Path, PathBuf};
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
use crate::suite::{Hook, HookAction, HookTarget, HookUrl, Target, TargetUrl};
use crate::text::{Redactor, slug};

/// How long a target whose requests broke off may take to turn out dead.
const DEATH_SHOWS: Duration = Duration::from_secs(1);

/// The sessions of one case: starts its targets, starts one anew when the next run wants another
/// session of it, and stops them; the hooks of the case in their places.
pub struct Sessions<'a, W: World> {
    case: &'a Case,
    context: &'a Context,
    redactor: Redactor,
    folder: PathBuf,
    hooks_log: PathBuf,
    /// One for each target that was wanted so far, in that order.
    slots: Vec<Slot<W::Transport>>,
    /// The one that the run at hand goes to.
    current: usize,
    /// Nothing has been measured yet.
    fresh: bool,
    /// Hooks have begun, so that `after` has something to come after.
    begun: bool,
    notes: Vec<String>,
}

/// One of the case's targets and the session it is in.
struct Slot<T> {
    /// Absent: the case's own target.
    name: Option<String>,
    target: Arc<Target>,
    log: PathBuf,
    session: u32,
    live: Option<LiveTarget<T>>,
    server: Option<Arc<LaunchedServer>>,
    /// No run has gone there yet.
    fresh: bool,
    launched: bool,
    stale: u32,
    about: (String, Option<String>),
}

impl<T: Transport> Slot<T> {
    fn new(measure: &Measure, case: &Case, folder: &Path) -> Self {
        let name = measure.phase.target_name().map(str::to_owned);
        let log = match &name {
            Some(name) => format!("target-{}.log", slug(name)),
            None => "target.log".to_owned(),
        };
        Slot {
            name,
            target: Arc::new(measure.phase.target(case).clone()),
            log: folder.join(log),
            session: measure.session,
            live: None,
            server: None,
            fresh: true,
            launched: false,
            stale: 0,
            about: (String::new(), None),
        }
    }

    /// Kept connections that the target had closed, over all sessions.
    fn stale_connections(&self) -> u32 {
        let now = self.live.as_ref();
        self.stale + now.map_or(0, LiveTarget::stale_connections)
    }

    fn close(&mut self, context: &Context) {
        self.stale = self.stale_connections();
        self.live = None;
        if let Some(server) = self.server.take() {
            context.launched.close(&server);
        }
    }

    /// The target for hooks: where it is up, or where it is not prony that starts it.
    fn hook_target(&self) -> Option<HookTarget> {
        let target = &self.target;
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
}

impl<'a, W: World> Sessions<'a, W> {
    /// No session yet.
    pub fn new(case: &'a Case, context: &'a Context, folder: &ResultsFolder) -> Self {
        let dir = folder.path().join("cases").join(&case.slug);
        Sessions {
            case,
            context,
            redactor: context.redactor(case),
            hooks_log: dir.join("hooks.log"),
            folder: dir,
            slots: Vec::new(),
            current: 0,
            fresh: true,
            begun: false,
            notes: Vec::new(),
        }
    }

    /// Brings the target of the run `measure` to where that wants it: in its session, with the hooks
    /// done that stand before it. Other targets of the case are left as they are.
    ///
    /// # Errors
    /// When a hook fails, or the target does not become ready.
    pub async fn ready_for(
        &mut self,
        measure: &Measure,
        driver: &W::Driver,
    ) -> Result<(), NotMeasured> {
        let hooks = &self.case.scenario.hooks;
        let now = |fresh| {
            if fresh {
                ("before", &hooks.before)
            } else {
                ("between", &hooks.between)
            }
        };
        let name = measure.phase.target_name();
        let known = self.slots.iter().position(|s| s.name.as_deref() == name);
        self.current = known.unwrap_or_else(|| {
            let slot = Slot::new(measure, self.case, &self.folder);
            self.slots.push(slot);
            self.slots.len() - 1
        });
        let slot = &mut self.slots[self.current];
        if measure.session != slot.session {
            slot.close(self.context);
            slot.session = measure.session;
        }
        let (is_up, fresh) = (slot.live.is_some(), slot.fresh);
        self.begun = true;
        let (when, of_case) = now(self.fresh);
        self.run_hooks(when, of_case, false)?;
        if !is_up {
            let live = self.open(measure, driver).await?;
            self.slots[self.current].live = Some(live);
        }
        let (when, of_target) = now(fresh);
        self.run_hooks(when, of_target, true)?;
        let slot = &mut self.slots[self.current];
        (self.fresh, slot.fresh) = (false, false);
        for hook in &measure.phase.before {
            let interrupt = self.context.interrupt.signal.clone();
            self.run_hook("before the run", hook, self.current, Some(&interrupt))?;
        }
        Ok(())
    }

    /// The target of the current session.
    ///
    /// # Errors
    /// Where none has become ready.
    pub fn live(&self) -> Result<&LiveTarget<W::Transport>, NotMeasured> {
        let slot = self.slots.get(self.current);
        slot.and_then(|slot| slot.live.as_ref())
            .ok_or_else(|| NotMeasured("the target is not up".to_owned()))
    }

    async fn open(
        &mut self,
        measure: &Measure,
        driver: &W::Driver,
    ) -> Result<LiveTarget<W::Transport>, NotMeasured> {
        let slot = &mut self.slots[self.current];
        let target = slot.target.clone();
        let mut at = Whereabouts {
            session: slot.session,
            ..Whereabouts::default()
        };
        if let (Some(launch), TargetUrl::Http(url)) = (&target.launch, &target.url) {
            let place = LogPlace {
                path: &slot.log,
                secrets: &self.case.secrets,
                session: slot.session,
            };
            let restart = self.case.scenario.restart;
            let (server, _) = self
                .context
                .launched
                .open(launch, url, restart, place)
                .map_err(NotMeasured)?;
            slot.launched = true;
            at.server = Some(server.clone());
            slot.server = Some(server);
        }
        let opened = W::open(self.case, &measure.phase, at, driver, self.context).await;
        match opened {
            Ok(live) => {
                let about = (live.shown.clone(), Some(live.model.clone()));
                self.slots[self.current].about = about;
                Ok(live)
            }
            Err(why) => Err(self.never_ready(why)),
        }
    }

    /// Why a launched target did not become ready, with what it said last.
    fn never_ready(&mut self, why: NotMeasured) -> NotMeasured {
        let slot = &self.slots[self.current];
        let shown = super::live::shown(&slot.target);
        let Some(server) = slot.server.clone() else {
            return why;
        };
        let exit = server.exit();
        if !self.context.interrupt.raised() {
            self.note_tail(&server);
        }
        let Some(exit) = exit else {
            return why;
        };
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
        let slot = self.slots.get(self.current);
        match slot.and_then(|slot| slot.server.as_ref()) {
            Some(server) => server.ended().clone(),
            None => Signal::new(),
        }
    }

    /// Whether the target has ended although nobody asked it to, and how, in one line. `last` is what
    /// was measured last.
    pub fn died(&mut self, last: Option<&RunRecords>) -> Option<String> {
        let server = self.slots.get(self.current)?.server.clone()?;
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

    /// Ends the case's last sessions: `after`, then its targets are stopped unless other cases go on
    /// with them. What `after` says to a path goes to each target.
    ///
    /// # Errors
    /// When a hook of `after` fails; all of them are tried.
    pub fn finish(&mut self) -> Result<(), NotMeasured> {
        let mut result = Ok(());
        if self.begun {
            self.begun = false;
            for hook in &self.case.scenario.hooks.after {
                // Without a target there is nobody that such a hook could talk to.
                let slots: Vec<usize> = if hook.action.needs_target() {
                    let all = 0..self.slots.len();
                    all.filter(|&i| self.slots[i].live.is_some()).collect()
                } else {
                    vec![self.current]
                };
                for slot in slots {
                    if let Err(failure) = self.run_hook("after", hook, slot, None) {
                        result = result.and(Err(failure));
                    }
                }
            }
        }
        for slot in &mut self.slots {
            slot.close(self.context);
        }
        result
    }

    /// Lines for people: where logs are, what they say.
    pub fn notes(&mut self) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        for slot in &self.slots {
            if slot.launched && slot.log.exists() {
                let whose = match &slot.name {
                    Some(name) => format!("the log of the target `{name}`"),
                    None => "the target's log".to_owned(),
                };
                notes.push(format!("{whose}: {}", slot.log.display()));
            }
        }
        if self.hooks_log.exists() {
            notes.push(format!("what hooks said: {}", self.hooks_log.display()));
        }
        notes
    }

    /// Of the target of that name (absent: the case's own): its address for people, its model, and how
    /// many kept connections it had closed, over all sessions.
    pub fn about(&self, name: Option<&str>) -> (String, Option<String>, u32) {
        let slot = self.slots.iter().find(|s| s.name.as_deref() == name);
        slot.map_or((String::new(), None, 0), |slot| {
            let (shown, model) = slot.about.clone();
            (shown, model, slot.stale_connections())
        })
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
                self.run_hook(when, hook, self.current, Some(&interrupt))?;
            }
        }
        Ok(())
    }

    fn run_hook(
        &mut self,
        when: &str,
        hook: &Hook,
        slot: usize,
        interrupt: Option<&Signal>,
    ) -> Result<(), NotMeasured> {
        let slot = self.slots.get(slot);
        if let Some(done) = slot.and_then(|slot| slot.ask_in_process(when, hook)) {
            return done;
        }
        let target = match slot {
            Some(slot) => slot.hook_target(),
            None => None,
        };
        let what = match when {
            "between" => "`between` the runs".to_owned(),
            "before the run" => "before a run of the phase".to_owned(),
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
}
