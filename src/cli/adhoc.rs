use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::args::{AdHocArgs, Cli, RunArgs};
use super::suites::print_problems;
use crate::exit;
use crate::plan::{Case, expand};
use crate::runner::{load_options, write_atomically};
use crate::suite::{AdHoc, Composed, Suite, SuiteInput, load};

/// `prony run URL`: the suite that its flags stand for.
pub struct AdHocRun {
    composed: Composed,
    save: Option<PathBuf>,
}

impl AdHocRun {
    /// What the arguments ask for; `None`: they name suites.
    ///
    /// # Errors
    /// The exit code, after a wrong combination of arguments was explained.
    pub fn of(args: &RunArgs) -> Result<Option<Self>, i32> {
        let urls: Vec<&str> = args
            .select
            .paths
            .iter()
            .filter_map(|path| path.to_str().filter(|text| is_url(text)))
            .collect();
        let Some(url) = urls.first() else {
            let flags = given(&args.ad_hoc);
            return match flags.as_slice() {
                [] => Ok(None),
                [first, ..] => Err(usage(
                    ErrorKind::MissingRequiredArgument,
                    &format!(
                        "'{first}' belongs to a run without a suite file, which needs a URL: \
                         `prony run http://127.0.0.1:8000/v1 {first} …`"
                    ),
                )),
            };
        };
        if args.select.paths.len() > 1 {
            let what = if urls.len() > 1 {
                "one URL at a time can be loaded; for several targets write a suite each"
            } else {
                "a URL and suite files cannot be run together; to run suites against it \
                 write `--target URL`"
            };
            return Err(usage(ErrorKind::ArgumentConflict, what));
        }
        if args.select.target.is_some() {
            let what =
                "'--target' replaces the target of suites; with a URL as PATHS there are none";
            return Err(usage(ErrorKind::ArgumentConflict, what));
        }
        let ad_hoc = ad_hoc(url, &args.ad_hoc, args.select.seed);
        let save = args.ad_hoc.save.clone();
        let file = save.as_ref().map(|file| file.display().to_string());
        let composed = ad_hoc.compose(file.as_deref());
        // The same command may be given again, as a failed case's "run it again" does.
        let in_the_way = |file: &&Path| {
            file.exists() && !std::fs::read(file).is_ok_and(|b| b == composed.text.as_bytes())
        };
        if !args.ad_hoc.force
            && let Some(file) = save.as_deref().filter(in_the_way)
        {
            let what = format!(
                "'--save': {} exists already; name another file, or add '--force'",
                file.display()
            );
            return Err(usage(ErrorKind::ValueValidation, &what));
        }
        Ok(Some(AdHocRun { composed, save }))
    }

    /// The suite and its case. `--save` has written it when this returns.
    ///
    /// # Errors
    /// The exit code, after every problem was printed.
    pub fn load(&self) -> Result<(Vec<Suite>, Vec<Case>), i32> {
        let input = SuiteInput {
            path: self.composed.path.clone(),
            bytes: self.composed.text.clone().into_bytes(),
        };
        let mut suites = load(&[input], &load_options(None, None)).map_err(|problems| {
            let explain = |problem| self.composed.explain(problem);
            print_problems(&problems.into_iter().map(explain).collect::<Vec<_>>());
            exit::USAGE
        })?;
        for suite in &mut suites {
            self.composed.point_into_flags(suite);
        }
        if let Some(file) = &self.save {
            self.write(file)?;
        }
        let cases = expand(&suites);
        Ok((suites, cases))
    }

    fn write(&self, file: &Path) -> Result<(), i32> {
        let folder = file.parent().filter(|f| !f.as_os_str().is_empty());
        let made = folder.map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| write_atomically(file, self.composed.text.as_bytes()))
            .map_err(|e| {
                eprintln!("error: cannot write {}: {e}", file.display());
                exit::USAGE
            })
    }
}

/// Whether an argument in the place of a path is an address.
fn is_url(text: &str) -> bool {
    ["http://", "https://", "sim://"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
}

fn ad_hoc(url: &str, args: &AdHocArgs, seed: Option<u64>) -> AdHoc {
    let args = args.clone();
    AdHoc {
        url: url.to_owned(),
        api: args.api,
        model: args.model,
        concurrency: args.concurrency,
        rate: args.rate,
        arrivals: args.arrivals,
        duration: args.duration,
        requests: args.requests,
        warmup: args.warmup,
        input_tokens: args.input_tokens,
        output_tokens: args.output_tokens,
        seed,
        sla: args.sla,
    }
}

/// The flags of an ad-hoc run that were given.
fn given(args: &AdHocArgs) -> Vec<&'static str> {
    [
        ("--model", args.model.is_some()),
        ("--api", args.api.is_some()),
        ("--concurrency", args.concurrency.is_some()),
        ("--rate", args.rate.is_some()),
        ("--arrivals", args.arrivals.is_some()),
        ("--duration", args.duration.is_some()),
        ("--requests", args.requests.is_some()),
        ("--warmup", args.warmup.is_some()),
        ("--input-tokens", args.input_tokens.is_some()),
        ("--output-tokens", args.output_tokens.is_some()),
        ("--sla", !args.sla.is_empty()),
        ("--save", args.save.is_some()),
    ]
    .into_iter()
    .filter_map(|(flag, given)| given.then_some(flag))
    .collect()
}

/// Explains a wrong combination as clap explains wrong arguments.
fn usage(kind: ErrorKind, what: &str) -> i32 {
    let mut command = Cli::command();
    command.build();
    let error = match command.find_subcommand_mut("run") {
        Some(run) => run.error(kind, what),
        None => command.error(kind, what),
    };
    if error.print().is_err() {
        return exit::INTERNAL;
    }
    exit::USAGE
}
