use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;

use super::args::{
    BaselineAccept, BaselineArgs, BaselineCommand, BaselinePrune, BaselineReject, BaselineRename,
    BaselineSuites, SelectArgs,
};
use super::suites::load_cases;
use crate::baseline::{BaselineFile, review};
use crate::exit;
use crate::plan::Case;
use crate::runner::{
    BaselineSettings, Entry, Store, candidates_of, find_run, full_slug, identity, print, tell,
};
use crate::text::quote;

/// `prony baseline`: what is accepted, and what a person makes of what runs propose.
pub fn baseline(args: &BaselineArgs) -> i32 {
    let store = Store::new(&args.baselines);
    let done = match &args.command {
        BaselineCommand::List(suites) => list(&store, suites),
        BaselineCommand::Review(suites) => review_all(&store, suites),
        BaselineCommand::Accept(accept) => accept_some(&store, accept),
        BaselineCommand::Reject(reject) => reject_some(&store, reject),
        BaselineCommand::Rename(rename) => rename_one(&store, rename),
        BaselineCommand::Prune(prune) => prune_orphans(&store, prune),
    };
    done.unwrap_or_else(|e| fail(exit::INTERNAL, &e.to_string()))
}

type Done = io::Result<i32>;

/// The cases of the suites, or the exit code after their problems were printed.
fn cases(suites: &BaselineSuites) -> Result<Vec<Case>, i32> {
    let select = SelectArgs {
        paths: suites.paths.clone(),
        ..SelectArgs::default()
    };
    load_cases(&select).map(|(_, cases)| cases)
}

fn list(store: &Store, suites: &BaselineSuites) -> Done {
    let cases = match cases(suites) {
        Ok(cases) => cases,
        Err(code) => return Ok(code),
    };
    let entries = store.entries()?;
    if entries.is_empty() {
        return Ok(print(format!(
            "nothing is accepted in {}; a run with a `baseline:` in its suites proposes something\n",
            store.root().display()
        )));
    }
    let mut out = String::new();
    for entry in &entries {
        out.push_str(&line(entry, &cases));
        out.push('\n');
    }
    for (orphan, case) in renamed(&entries, &cases) {
        out.push_str(&format!("{}\n", rename_hint(store, orphan, case)));
    }
    Ok(print(out))
}

fn line(entry: &Entry, cases: &[Case]) -> String {
    let mut state = Vec::new();
    match &entry.accepted {
        Some(Ok(_)) => state.push("accepted".to_owned()),
        Some(Err(problem)) => state.push(problem.clone()),
        None => {}
    }
    match &entry.pending {
        Some(Ok(file)) => {
            let why = file.proposal.as_ref().map_or("", |p| p.why.name());
            state.push(format!("waits for a decision ({why})"));
        }
        Some(Err(problem)) => state.push(problem.clone()),
        None => {}
    }
    if is_orphan(entry, cases) {
        state.push("no suite has such a case".to_owned());
    }
    let variant = entry.file().and_then(|f| f.variant.clone());
    let on = variant.map_or(String::new(), |v| format!(" on {v}"));
    let date = entry.file().and_then(|f| f.context.get("date").cloned());
    let of = date.map_or(String::new(), |d| format!(", {d}"));
    format!("{}{on}: {}{of}", entry.name(), state.join(", "))
}

/// Whether no case belongs to the file.
fn is_orphan(entry: &Entry, cases: &[Case]) -> bool {
    entry.file().is_some_and(|file| {
        let named = |c: &Case| c.suite == file.suite && c.name == file.case;
        !cases.iter().any(named)
    })
}

/// Accepted files of cases that are there no more, each with a case that asks the same under the same
/// load and has no file: it may have been renamed.
fn renamed<'a>(entries: &'a [Entry], cases: &'a [Case]) -> Vec<(&'a BaselineFile, &'a Case)> {
    let taken: BTreeSet<String> = entries
        .iter()
        .filter_map(|e| Some(e.file()?.full_name()))
        .collect();
    let free = || cases.iter().filter(|c| !taken.contains(&c.full_name()));
    entries
        .iter()
        .filter(|entry| is_orphan(entry, cases))
        .filter_map(|entry| {
            let file = entry.accepted.as_ref()?.as_ref().ok()?;
            let mut alike = free().filter(|case| alike(file, case));
            let first = alike.next()?;
            alike.next().is_none().then_some((file, first))
        })
        .collect()
}

fn alike(file: &BaselineFile, case: &Case) -> bool {
    let settings = BaselineSettings::default();
    !file.phases.is_empty()
        && file.phases.iter().all(|phase| {
            let Some(plan) = case.phases.iter().find(|p| p.name == phase.name) else {
                return false;
            };
            let now = identity(case, plan, &settings, false, None);
            ["load", "workload"]
                .iter()
                .all(|key| now.get(*key) == phase.identity.get(*key))
        })
}

fn rename_hint(store: &Store, old: &BaselineFile, new: &Case) -> String {
    format!(
        "{} is there no more, and {} asks the same: {}",
        old.full_name(),
        new.full_name(),
        command(store, &["rename", &old.full_name(), &new.full_name()])
    )
}

/// A command of this program, as a person would give it.
fn command(store: &Store, words: &[&str]) -> String {
    let mut all = vec!["prony".to_owned(), "baseline".to_owned()];
    all.extend(words.iter().map(|&w| w.to_owned()));
    if store.root() != BaselineSettings::default().folder {
        all.extend(["--baselines".to_owned(), store.root().display().to_string()]);
    }
    all.iter().map(|w| quote(w)).collect::<Vec<_>>().join(" ")
}

fn review_all(store: &Store, suites: &BaselineSuites) -> Done {
    let cases = match cases(suites) {
        Ok(cases) => cases,
        Err(code) => return Ok(code),
    };
    let entries = store.entries()?;
    let waiting: Vec<&Entry> = entries.iter().filter(|e| e.pending.is_some()).collect();
    let moved = renamed(&entries, &cases);
    if waiting.is_empty() && moved.is_empty() {
        return Ok(print("no proposal waits for a decision\n"));
    }
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Ok(print(without_terminal(store, &waiting, &moved)));
    }
    decide(store, &waiting, &moved)
}

/// What a person sees of a proposal.
fn shown(entry: &Entry) -> String {
    match &entry.pending {
        Some(Ok(file)) => {
            let accepted = entry.accepted.as_ref().and_then(|a| a.as_ref().ok());
            review(accepted, file)
        }
        Some(Err(problem)) => format!("{problem}\n"),
        None => String::new(),
    }
}

fn without_terminal(store: &Store, waiting: &[&Entry], moved: &[(&BaselineFile, &Case)]) -> String {
    let mut out = String::new();
    for entry in waiting {
        out.push_str(&shown(entry));
        let name = entry.name();
        out.push_str(&format!(
            "  {}\n  {}\n\n",
            command(store, &["accept", &name]),
            command(store, &["reject", &name])
        ));
    }
    if waiting.len() > 1 {
        out.push_str(&format!("{}\n", command(store, &["accept", "--all"])));
    }
    for (old, new) in moved {
        out.push_str(&format!("{}\n", rename_hint(store, old, new)));
    }
    out
}

fn decide(store: &Store, waiting: &[&Entry], moved: &[(&BaselineFile, &Case)]) -> Done {
    for (i, entry) in waiting.iter().enumerate() {
        print(format!("({} of {}) {}", i + 1, waiting.len(), shown(entry)));
        match ask("[a]ccept, [r]eject, [s]kip, [q]uit", "arsq")? {
            'a' => match &entry.pending {
                Some(Ok(file)) => store.accept(&entry.path, file.clone())?,
                _ => tell("it cannot be read, and so not be accepted"),
            },
            'r' => drop(store.reject(&entry.path)?),
            'q' => return Ok(exit::OK),
            _ => {}
        }
    }
    for (old, new) in moved {
        let question = format!(
            "{} is there no more, and {} asks the same: [t]ake its baseline along, [s]kip, [q]uit",
            old.full_name(),
            new.full_name()
        );
        match ask(&question, "tsq")? {
            't' => {
                let slug = full_slug(&old.suite, &old.case);
                let from = store.path(&old.suite, &slug, old.variant.as_deref());
                store.rename(&from, &new.suite, &new.name)?;
            }
            'q' => return Ok(exit::OK),
            _ => {}
        }
    }
    Ok(exit::OK)
}

/// The first letter of the answer, one of `keys`; the end of the input is `q`.
fn ask(question: &str, keys: &str) -> io::Result<char> {
    loop {
        print(format!("{question}: "));
        io::stdout().flush()?;
        let mut answer = String::new();
        if io::stdin().lock().read_line(&mut answer)? == 0 {
            return Ok('q');
        }
        let key = answer.trim().chars().next().map(|c| c.to_ascii_lowercase());
        if let Some(key) = key.filter(|k| keys.contains(*k)) {
            return Ok(key);
        }
    }
}

fn accept_some(store: &Store, args: &BaselineAccept) -> Done {
    match &args.from {
        Some(from) => accept_from(store, args, from),
        None => {
            let entries = store.entries()?;
            let waiting = entries.iter().filter(|e| e.pending.is_some());
            let chosen: Vec<&Entry> = waiting
                .filter(|e| is_chosen(&e.name(), &args.cases, args.all))
                .collect();
            if let Some(code) = nothing(chosen.len(), &args.cases) {
                return Ok(code);
            }
            for entry in chosen {
                match &entry.pending {
                    Some(Ok(file)) => {
                        store.accept(&entry.path, file.clone())?;
                        print(format!("accepted {}\n", entry.name()));
                    }
                    Some(Err(problem)) => return Ok(fail(exit::USAGE, problem)),
                    None => {}
                }
            }
            Ok(exit::OK)
        }
    }
}

fn accept_from(store: &Store, args: &BaselineAccept, from: &Path) -> Done {
    let place = find_run(from, &args.results).unwrap_or_else(|| from.to_owned());
    let found = match candidates_of(&place) {
        Ok(found) => found,
        Err(e) => return Ok(fail(exit::USAGE, &e.to_string())),
    };
    for problem in &found.problems {
        tell(format_args!("warning: {problem}"));
    }
    let chosen: Vec<_> = found
        .files
        .into_iter()
        .filter(|(_, file)| is_chosen(&file.full_name(), &args.cases, args.all))
        .collect();
    if let Some(code) = nothing(chosen.len(), &args.cases) {
        return Ok(code);
    }
    for (_, file) in chosen {
        let slug = full_slug(&file.suite, &file.case);
        let path = store.path(&file.suite, &slug, file.variant.as_deref());
        let name = file.full_name();
        store.accept(&path, file)?;
        print(format!("accepted {name}\n"));
    }
    Ok(exit::OK)
}

fn is_chosen(name: &str, cases: &[String], all: bool) -> bool {
    all || cases.iter().any(|c| name == c || name.contains(c.as_str()))
}

/// The exit code where nothing was chosen.
fn nothing(chosen: usize, cases: &[String]) -> Option<i32> {
    (chosen == 0).then(|| {
        let text = if cases.is_empty() {
            "no proposal waits for a decision".to_owned()
        } else {
            format!(
                "no proposal waits for a decision of {}; `prony baseline list` names them",
                cases.join(", ")
            )
        };
        fail(exit::NOTHING_SELECTED, &text)
    })
}

fn reject_some(store: &Store, args: &BaselineReject) -> Done {
    let entries = store.entries()?;
    let waiting = entries.iter().filter(|e| e.pending.is_some());
    let chosen: Vec<&Entry> = waiting
        .filter(|e| is_chosen(&e.name(), &args.cases, args.all))
        .collect();
    if let Some(code) = nothing(chosen.len(), &args.cases) {
        return Ok(code);
    }
    for entry in chosen {
        store.reject(&entry.path)?;
        print(format!("rejected {}\n", entry.name()));
    }
    Ok(exit::OK)
}

fn rename_one(store: &Store, args: &BaselineRename) -> Done {
    let Some((suite, case)) = args.new.split_once("::") else {
        let text = format!("`{}` is no full name; write suite::case", args.new);
        return Ok(fail(exit::USAGE, &text));
    };
    let entries = store.entries()?;
    let of_old = |e: &&Entry| e.file().is_some_and(|f| f.full_name() == args.old);
    let old: Vec<&Entry> = entries.iter().filter(of_old).collect();
    if old.is_empty() {
        let text = format!(
            "nothing is accepted of {}; `prony baseline list` names what is",
            args.old
        );
        return Ok(fail(exit::USAGE, &text));
    }
    for entry in old.into_iter().filter(|e| e.accepted.is_some()) {
        match store.rename(&entry.path, suite, case) {
            Ok(to) => print(format!("{} → {}\n", entry.path.display(), to.display())),
            Err(e) => return Ok(fail(exit::USAGE, &e.to_string())),
        };
    }
    Ok(exit::OK)
}

fn prune_orphans(store: &Store, args: &BaselinePrune) -> Done {
    let cases = match cases(&args.suites) {
        Ok(cases) => cases,
        Err(code) => return Ok(code),
    };
    let entries = store.entries()?;
    let orphans: Vec<&Entry> = entries.iter().filter(|e| is_orphan(e, &cases)).collect();
    if orphans.is_empty() {
        return Ok(print("every accepted file belongs to a case\n"));
    }
    for entry in orphans {
        if args.dry_run {
            print(format!(
                "would remove {} ({})\n",
                entry.path.display(),
                entry.name()
            ));
        } else {
            store.remove(&entry.path)?;
            print(format!(
                "removed {} ({})\n",
                entry.path.display(),
                entry.name()
            ));
        }
    }
    Ok(exit::OK)
}

fn fail(code: i32, what: &str) -> i32 {
    tell(format_args!("error: {what}"));
    code
}
