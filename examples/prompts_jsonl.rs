//! Made-up prompts for a tokenizer, one a line: `{"of": "normal", "tokens": 512, "text": "…"}`.
//!
//!     cargo run --example prompts_jsonl -- tokenizer.json [HOW_MANY_OF_EACH]
//!
//! `tests/tokens/count.py` holds the counts against Python's transformers.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use prony::suite::{Histogram, Length, Popularity, Prefix, Shape};
use prony::workload::{LocalTokenizer, Pieces, Prompt, RequestSource, Synthetic, TokenModel};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("name a tokenizer.json")?;
    let each: u64 = arguments.next().map_or(Ok(1000), |n| n.parse())?;
    let tokenizer = LocalTokenizer::from_path(Path::new(&file))?;
    // A local tokenizer answers at once, so that there is nothing to wait for.
    let learned = futures_util::FutureExt::now_or_never(Pieces::learn(&tokenizer));
    let pieces = learned
        .ok_or("the tokenizer did not answer")?
        .map_err(|e| e.to_string())?;
    let model = Arc::new(TokenModel {
        pieces,
        exact: true,
        ..TokenModel::assumed()
    });
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for (of, length, prefix) in workloads()? {
        let source = Synthetic::new(
            (1, 0),
            Some("s a l t"),
            length,
            Length::Fixed(1),
            model.clone(),
        )
        .with_prefix(prefix);
        for id in 0..each {
            let request = source.request(id);
            let Prompt::Text(text) = request.prompt else {
                return Err("text expected".into());
            };
            let line =
                serde_json::json!({ "of": of, "tokens": request.input_tokens, "text": text });
            writeln!(out, "{line}")?;
        }
    }
    out.flush()?;
    Ok(())
}

type Workload = (&'static str, Length, Option<Prefix>);

/// Every distribution, and prompts that begin alike.
fn workloads() -> Result<Vec<Workload>, String> {
    let drawn = |shape, min, max| Length::Drawn { shape, min, max };
    let (mean, stddev) = (300.0, 120.0);
    let text = "20 5\n100-400 10\n900 1\n";
    let bins = Histogram::parse(text, 10_000).map_err(|(what, _)| what)?;
    let histogram = Shape::Histogram {
        path: "lengths.csv".into(),
        bins: Arc::new(bins),
    };
    let prefix = Prefix {
        tokens: 200,
        groups: 9,
        ratio: 0.8,
        popularity: Popularity::Zipf(1.1),
    };
    Ok(vec![
        ("fixed", Length::Fixed(500), None),
        ("uniform", Length::uniform(16, 900), None),
        (
            "normal",
            drawn(Shape::Normal { mean, stddev }, 16, 900),
            None,
        ),
        (
            "lognormal",
            drawn(Shape::LogNormal { mean, stddev }, 16, 2000),
            None,
        ),
        (
            "exponential",
            drawn(Shape::Exponential { mean }, 16, 2000),
            None,
        ),
        ("zipf", drawn(Shape::Zipf { s: 1.2 }, 16, 2000), None),
        ("histogram", drawn(histogram, 1, 10_000), None),
        ("prefix", Length::uniform(16, 300), Some(prefix)),
    ])
}
