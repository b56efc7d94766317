use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::live::{LiveTarget, NotMeasured};
use super::progress::WaitingLine;
use crate::driver::Driver;
use crate::endpoint::{Transport, perform, token_ids, tokenize_chat, tokenize_text};
use crate::record::Recorded;
use crate::result::Warning;
use crate::suite::{
    Api, Diagnostic, Length, PromptSource, Suite, Target, Timeouts, TokenizerChoice,
};
use crate::workload::{
    LocalTokenizer, NotLearned, Pieces, PlannedRequest, Prompt, TokenModel, Tokenize, stream,
};

/// What is known of how targets count tokens, each found out once in a case.
#[derive(Debug, Default)]
pub struct TokenModels {
    known: BTreeMap<(String, String), Arc<TokenModel>>,
    warnings: Vec<Warning>,
}

/// How a question to a target may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Tokens of the prompts from which a chat template's are told.
const SAMPLE: u32 = 12;

impl TokenModels {
    /// How `live` counts the tokens of prompts that prony makes up.
    ///
    /// # Errors
    /// When the tokenizer that the suite asks for cannot be used.
    pub async fn of<D: Driver, T: Transport>(
        &mut self,
        live: &LiveTarget<T>,
        target: &Target,
        source: &PromptSource,
        driver: &D,
    ) -> Result<Arc<TokenModel>, NotMeasured> {
        let PromptSource::Synthetic { input_tokens, .. } = source else {
            return Ok(Arc::new(TokenModel::assumed()));
        };
        let key = (live.shown.clone(), live.model.clone());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let found = Arc::new(self.find_out(live, target, driver).await?);
        if let Length::Fixed(asked) = input_tokens
            && *asked < found.least()
        {
            self.warnings.push(Warning {
                text: format!(
                    "prompts have {} tokens where {asked} were asked for: the template's and a word",
                    found.least()
                ),
                remedy: "ask for that many at least".to_owned(),
            });
        }
        self.known.insert(key, found.clone());
        Ok(found)
    }

    /// What a reader of the numbers should know.
    pub fn warnings(&self) -> Vec<Warning> {
        self.warnings.clone()
    }

    async fn find_out<D: Driver, T: Transport>(
        &mut self,
        live: &LiveTarget<T>,
        target: &Target,
        driver: &D,
    ) -> Result<TokenModel, NotMeasured> {
        let local = match &target.tokenizer {
            TokenizerChoice::None => return Ok(TokenModel::assumed()),
            TokenizerChoice::Auto | TokenizerChoice::Server => None,
            TokenizerChoice::File { path, .. } => Some(from_path(path).map_err(NotMeasured)?),
            TokenizerChoice::Tiktoken(name) => tiktoken(name),
        };
        let server = OfServer { live };
        let pieces = match &local {
            Some(local) => Pieces::learn(local.as_ref()).await,
            None => Pieces::learn(&server).await,
        };
        let pieces = match pieces {
            Ok(pieces) => pieces,
            Err(NotLearned::Unasked(_)) if target.tokenizer == TokenizerChoice::Auto => {
                return Ok(TokenModel::assumed());
            }
            Err(NotLearned::Unasked(why)) => {
                return Err(NotMeasured(format!(
                    "the tokenizer cannot be used: {why}; write `tokenizer: none`, or name another"
                )));
            }
            Err(why @ NotLearned::NotClosed(_)) => {
                self.warnings.push(Warning {
                    text: format!(
                        "prompts are about as long as asked, not exactly: of the tokenizer, {why}"
                    ),
                    remedy: "nothing to do where that is good enough; else use prompts from a file"
                        .to_owned(),
                });
                return Ok(TokenModel::assumed());
            }
        };
        let template = Template {
            live,
            pieces: &pieces,
            driver,
        };
        let around = match (target.api, &local) {
            (Api::Chat, _) => match template.by_messages(&server).await {
                Some(around) => Some(around),
                None => template.by_usage().await,
            },
            (Api::Completions, None) => template.by_text(&server).await,
            (Api::Completions, Some(local)) => match template.by_usage().await {
                Some(around) => Some(around),
                None => {
                    let (before, after) = local.special_tokens();
                    Some((before + after, Some(before)))
                }
            },
        };
        let exact = around.is_some();
        if !exact {
            self.warnings.push(Warning {
                text: "how many tokens the chat template adds is not known: the server counts no prompt tokens".to_owned(),
                remedy: "`input_tokens` is the length of what is sent, without the template".to_owned(),
            });
        }
        let (overhead, head) = around.unwrap_or((0, None));
        Ok(TokenModel {
            pieces,
            overhead,
            head,
            exact,
        })
    }
}

/// The target's own `/tokenize`.
struct OfServer<'a, T> {
    live: &'a LiveTarget<T>,
}

impl<T> OfServer<'_, T> {
    async fn post(&self, body: &serde_json::Value) -> Result<Vec<u32>, String> {
        let (status, answer) = self.live.ask("/tokenize", body).await?;
        if !(200..300).contains(&status) {
            return Err(format!(
                "{} has no `/tokenize` (status {status})",
                self.live.shown
            ));
        }
        token_ids(&answer).ok_or_else(|| {
            format!(
                "{} answers `/tokenize` in a form that is not known",
                self.live.shown
            )
        })
    }
}

impl<T> Tokenize for OfServer<'_, T> {
    async fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
        self.post(&tokenize_text(&self.live.model, text, false))
            .await
    }
}

/// Tokens that stand around what is sent, and how many of them before it.
type Around = (u32, Option<u32>);

struct Template<'a, D, T> {
    live: &'a LiveTarget<T>,
    pieces: &'a Pieces,
    driver: &'a D,
}

impl<D: Driver, T: Transport> Template<'_, D, T> {
    /// A text, and how many tokens it has; each `index` begins with another word.
    fn sample(&self, index: u64) -> (String, u32) {
        let mut text = String::new();
        let tokens = SAMPLE.max(self.pieces.least() + 8);
        let mut rng = stream(0, "sample of a template", index);
        let tokens = self.pieces.write(tokens, index, &mut rng, &mut text);
        (text, tokens)
    }

    /// From `/tokenize` with messages.
    async fn by_messages(&self, server: &OfServer<'_, T>) -> Option<Around> {
        let mut asked = Vec::new();
        for index in 0..2 {
            let (text, tokens) = self.sample(index);
            let ids = server.post(&tokenize_chat(&self.live.model, &text)).await;
            asked.push((ids.ok()?, tokens));
        }
        agreed(&asked)
    }

    /// From `/tokenize` of plain text, with special tokens.
    async fn by_text(&self, server: &OfServer<'_, T>) -> Option<Around> {
        let mut asked = Vec::new();
        for index in 0..2 {
            let (text, tokens) = self.sample(index);
            let ids = server
                .post(&tokenize_text(&self.live.model, &text, true))
                .await;
            asked.push((ids.ok()?, tokens));
        }
        agreed(&asked)
    }

    /// From what the server counts of two small requests.
    async fn by_usage(&self) -> Option<Around> {
        let mut overheads = Vec::new();
        for index in 0..2 {
            let (text, tokens) = self.sample(index);
            let body = self.live.protocol.encode(&PlannedRequest {
                prompt: Prompt::Text(text),
                input_tokens: Some(tokens),
                counted: true,
                output_tokens: Some(1),
                labels: BTreeMap::new(),
            });
            let timeouts = Timeouts {
                connect: PATIENCE,
                first_token: PATIENCE,
                total: PATIENCE,
            };
            let (protocol, transport) = (self.live.protocol.as_ref(), &self.live.transport);
            let seen = perform(self.driver, transport, protocol, body, timeouts).await;
            overheads.push(u32::try_from(seen.usage.input?).ok()?.checked_sub(tokens)?);
        }
        (overheads[0] == overheads[1]).then_some((overheads[0], None))
    }
}

/// What stands around two texts of known length that begin differently.
fn agreed(asked: &[(Vec<u32>, u32)]) -> Option<Around> {
    let [(a, of_a), (b, of_b)] = asked else {
        return None;
    };
    let around = |ids: &[u32], own: u32| u32::try_from(ids.len()).ok()?.checked_sub(own);
    let overhead = around(a, *of_a).filter(|n| around(b, *of_b) == Some(*n))?;
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count() as u32;
    Some((overhead, Some(head).filter(|head| *head <= overhead)))
}

/// Tokenizers that were read, by their file: reading one takes a while.
static READ: Mutex<BTreeMap<PathBuf, Arc<LocalTokenizer>>> = Mutex::new(BTreeMap::new());

fn from_path(path: &std::path::Path) -> Result<Arc<LocalTokenizer>, String> {
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = read.get(path) {
        return Ok(known.clone());
    }
    let tokenizer = Arc::new(LocalTokenizer::from_path(path)?);
    read.insert(path.to_owned(), tokenizer.clone());
    Ok(tokenizer)
}

fn tiktoken(name: &str) -> Option<Arc<LocalTokenizer>> {
    LocalTokenizer::tiktoken(name).map(Arc::new)
}

/// Counts the tokens of the answers of a run that is over, where their texts were kept for that, with the
/// target's tokenizer. Takes the whole machine: for when no load is on.
pub fn count_answers(target: &Target, recorded: &mut Recorded) {
    if !recorded.has_uncounted() {
        return;
    }
    let Some(tokenizer) = local_tokenizer(target) else {
        return;
    };
    let _line = WaitingLine::start("counting the tokens of answers");
    recorded.count(&|text| tokenizer.ends(text).ok());
}

/// The tokenizer of `target` that runs in this process, where it has one.
pub fn local_tokenizer(target: &Target) -> Option<Arc<LocalTokenizer>> {
    match &target.tokenizer {
        TokenizerChoice::File { path, .. } => from_path(path).ok(),
        TokenizerChoice::Tiktoken(name) => tiktoken(name),
        TokenizerChoice::Auto | TokenizerChoice::Server | TokenizerChoice::None => None,
    }
}

/// Reads every tokenizer that `suites` name, so that what is wrong with one is known before anything
/// is sent: a diagnostic for each that cannot be used.
pub fn check_tokenizers(suites: &[Suite]) -> Vec<Diagnostic> {
    let mut problems: Vec<Diagnostic> = Vec::new();
    for scenario in suites.iter().flat_map(|s| &s.scenarios) {
        if let TokenizerChoice::File { path, location } = &scenario.target.tokenizer
            && let Err(why) = from_path(path)
        {
            let problem = Diagnostic::new(why)
                .at(location.clone())
                .help("`file` counts from the suite's own folder");
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    problems
}
