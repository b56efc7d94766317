use std::sync::atomic::Ordering;

use super::prepare::Ready;
use super::state::{CUT, Run};
use crate::driver::{Driver, Nanos};
use crate::endpoint::{Transport, WireRequest, perform_until};
use crate::metrics::{ASKED_INPUT_TOKENS, ASKED_OUTPUT_TOKENS, ESTIMATED_INPUT_TOKENS};
use crate::record::{ErrorKind, Part, RequestError, RequestRecord, TokenSource};

impl<D: Driver, T: Transport> Run<D, T> {
    /// [`Run::prepare`], and notes how long the request that could go out at `free` (in the driver's
    /// time; at once where absent) waits for that.
    pub fn prepare_for(&self, id: u64, free: Option<Nanos>) -> Ready {
        let began = self.driver.now();
        let ready = self.prepare(id);
        let late = self
            .driver
            .now()
            .saturating_sub(free.map_or(began, |free| free.max(began)));
        self.preparation.borrow_mut().add(late);
        ready
    }

    /// Request `id`, ready to be sent.
    pub fn prepare(&self, id: u64) -> Ready {
        let ahead = self.common.ahead.as_ref();
        let ready = ahead.and_then(|ahead| ahead.take(id));
        ready.unwrap_or_else(|| self.common.maker.make(id))
    }

    /// Sends one request, when it is due, and records what came of it. `due` is absent in a closed loop;
    /// `wait` is how long it waited for `max_concurrency`.
    pub async fn send(&self, ready: Ready, part: Part, due: Option<Nanos>, wait: Option<Nanos>) {
        self.common.progress.sent.fetch_add(1, Ordering::Relaxed);
        let mut record = self.blank(&ready, part, due);
        record.wait_us = wait.map(|w| w / 1000);
        let protocol = &*self.common.maker.protocol;
        let mut request = WireRequest::new(protocol.path(), ready.body);
        request.not_before = due.map_or(0, |due| self.epoch.saturating_add(due));
        let seen = perform_until(
            &self.driver,
            &self.transport,
            protocol,
            request,
            self.plan.timeouts,
            self.over.reached(CUT),
        )
        .await;
        seen.fill(&mut record, self.epoch);
        if record.input_tokens.is_none()
            && let Some(planned) = ready.input_tokens
        {
            record.input_tokens = Some(u64::from(planned));
            record.provenance.input = Some(if ready.counted {
                TokenSource::Client
            } else {
                TokenSource::Estimate
            });
        }
        self.ended(record);
    }

    /// Records a request that was due and never sent.
    pub fn never_sent(&self, ready: &Ready, part: Part, due: Nanos) {
        let mut record = self.blank(ready, part, Some(due));
        let waited = self.now().saturating_sub(due);
        record.wait_us = Some(waited / 1000);
        record.error = Some(RequestError::new(
            ErrorKind::Cut,
            "never sent: the run ended while it waited for a slot",
        ));
        self.ended(record);
    }

    fn blank(&self, ready: &Ready, part: Part, due: Option<Nanos>) -> RequestRecord {
        let mut labels = ready.labels.clone();
        let mut asked = |label: &str, tokens: Option<u32>| {
            if let Some(tokens) = tokens {
                labels.insert(label.to_owned(), tokens.to_string());
            }
        };
        asked(ASKED_OUTPUT_TOKENS, ready.output_tokens);
        let input = match ready.counted {
            true => ASKED_INPUT_TOKENS,
            false => ESTIMATED_INPUT_TOKENS,
        };
        asked(input, ready.input_tokens);
        RequestRecord {
            id: ready.id,
            case: self.plan.case.clone(),
            phase: self.plan.phase.clone(),
            run: self.plan.run,
            session: self.plan.session,
            part,
            due_us: due.map(|d| d / 1000),
            labels,
            ..RequestRecord::default()
        }
    }
}
