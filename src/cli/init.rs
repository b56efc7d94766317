use std::io;
use std::path::{Path, PathBuf};

use super::args::InitArgs;
use super::introduce::{About, introduce};
use crate::exit;
use crate::runner::load_options;
use crate::suite::{Api, SuiteInput, TargetUrl, load, render_all};

const FIRST: &str = include_str!("../../templates/init/first.yaml");
const PRONY: &str = include_str!("../../templates/init/prony.yaml");
const WORKFLOW: &str = include_str!("../../templates/init/workflow.yml");
/// What a repository should not hold.
const IGNORED: &str = "results/";
/// The variable that stands in for the target of the first suite.
const VARIABLE: &str = "PRONY_TARGET";

/// `prony init`: a commented first suite and what belongs to it. Asks nothing, overwrites nothing.
pub fn init(args: &InitArgs) -> i32 {
    let about = match args.target.as_deref().map(ask).transpose() {
        Ok(about) => about,
        Err((code, text)) => {
            eprintln!("{text}");
            return code;
        }
    };
    if let Some(about) = &about {
        println!("{}", about.sentence());
    }
    let files = [
        ("suites/first.yaml", first_suite(about.as_ref())),
        ("prony.yaml", with_url(PRONY, about.as_ref())),
        (".github/workflows/prony.yml", WORKFLOW.to_owned()),
    ];
    for (name, text) in &files {
        let path = args.dir.join(name);
        match write_new(&path, text) {
            Ok(true) => println!("wrote    {}", path.display()),
            Ok(false) => println!("exists   {} (left as it is)", path.display()),
            Err(e) => return cannot_write(&path, &e),
        }
    }
    let path = args.dir.join(".gitignore");
    match ignore(&path) {
        Ok(true) => println!("wrote    {} ({IGNORED})", path.display()),
        Ok(false) => println!("exists   {} (has {IGNORED} already)", path.display()),
        Err(e) => return cannot_write(&path, &e),
    }
    println!("\nnext\n{}", next(&args.dir));
    exit::OK
}

fn next(dir: &Path) -> String {
    let mut lines = Vec::new();
    if dir != Path::new(".") {
        lines.push(format!(
            "  cd {}",
            crate::text::quote(&dir.display().to_string())
        ));
    }
    lines.push("  prony check    the plan; sends nothing".to_owned());
    lines.push("  prony run      measure, judge, write results/".to_owned());
    lines.join("\n")
}

/// Asks the server at `url` what it is; an engine of prony's own is known.
fn ask(url: &str) -> Result<About, (i32, String)> {
    // The loader knows what a target's address may be.
    let input = SuiteInput {
        path: "command line".to_owned(),
        bytes: b"suite: x\nscenarios: [{ name: x, kind: latency, load: { concurrency: 1 }, measure_only: true, prompts: { type: synthetic, input_tokens: 1, output_tokens: 1 } }]".to_vec(),
    };
    let loaded = load(&[input], &load_options(None, Some(url.to_owned())));
    let suites = loaded.map_err(|problems| (exit::USAGE, render_all(&problems, false)))?;
    let target = suites.first().and_then(|suite| suite.scenarios.first());
    match target.map(|scenario| &scenario.target.url) {
        Some(TargetUrl::Http(url)) => introduce(url).map_err(|text| {
            let text = format!("error: {url}: {text}\nnothing was written");
            (exit::NOT_MEASURED, text)
        }),
        _ => Ok(About::engine(url)),
    }
}

/// The first suite, with what is known of the target.
fn first_suite(about: Option<&About>) -> String {
    let mut text = with_url(FIRST, about);
    let api = about.map_or(Api::Chat, |a| a.api);
    let (name, other) = match api {
        Api::Chat => ("chat", "completions"),
        Api::Completions => ("completions", "chat"),
    };
    let model = match about.and_then(|a| a.model.as_deref()) {
        Some(model) => format!("  model: {}\n", quoted(&model.replace("${", "$${"))),
        None => "  # model: my-model                 # default: the first that /v1/models lists\n"
            .to_owned(),
    };
    let auth = match about {
        Some(about) if about.key => "  auth: { bearer: \"${API_KEY}\" }   # never shown\n",
        _ => {
            "  # auth: { bearer: \"${API_KEY}\" }  # keys come from variables, and are never shown\n"
        }
    };
    let streams = about.is_none_or(|a| a.stream);
    let stream = if streams {
        ""
    } else {
        "  stream: false                     # it did not answer a streamed request\n"
    };
    let (input, output) = lengths(about.and_then(|a| a.max_model_len));
    let facts = about.map_or_else(String::new, |a| {
        a.facts().iter().map(|f| format!("  # {f}\n")).collect()
    });
    for (placeholder, value) in [
        ("@ABOUT@", facts.as_str()),
        ("@API@", name),
        ("@OTHER_API@", other),
        ("@MODEL@", &model),
        ("@STREAM@", stream),
        ("@AUTH@", auth),
        ("@INPUT@", &input),
        ("@OUTPUT@", &output),
        // Without streaming there is no first token to time.
        ("@FIRST@", if streams { "ttft" } else { "e2e_latency" }),
        (
            "@TPOT@",
            if streams {
                "\n      - tpot.p90 < 200ms"
            } else {
                ""
            },
        ),
    ] {
        text = text.replace(placeholder, value);
    }
    // A bound that says the same twice.
    text.replace("e2e_latency < 2s, e2e_latency < 10s", "e2e_latency < 10s")
}

fn with_url(template: &str, about: Option<&About>) -> String {
    let url = about.map_or("sim://", |a| a.url.as_str());
    template.replace("@URL@", &quoted(&format!("${{{VARIABLE}:-{url}}}")))
}

/// Lengths of prompts and answers that fit into `max_model_len` tokens.
fn lengths(max_model_len: Option<u64>) -> (String, String) {
    match max_model_len {
        Some(most) if most < 640 => ((most / 4).max(1).to_string(), (most / 8).max(1).to_string()),
        _ => (
            "{ mean: 200, stddev: 40 }".to_owned(),
            "{ mean: 50, stddev: 10 }".to_owned(),
        ),
    }
}

/// Text in quotes as JSON writes it, which YAML reads.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes `path` unless something is there.
fn write_new(path: &Path, text: &str) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
    {
        Ok(mut file) => io::Write::write_all(&mut file, text.as_bytes()).map(|()| true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

/// Adds the results to a `.gitignore`, unless they are in it.
fn ignore(path: &PathBuf) -> io::Result<bool> {
    let before = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(e),
    };
    let has = |line: &str| line.trim().trim_matches('/') == IGNORED.trim_matches('/');
    if before.lines().any(has) {
        return Ok(false);
    }
    let gap = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)?;
    io::Write::write_all(&mut file, format!("{gap}{IGNORED}\n").as_bytes())?;
    Ok(true)
}

fn cannot_write(path: &Path, error: &io::Error) -> i32 {
    eprintln!("error: cannot write {}: {error}", path.display());
    exit::USAGE
}
