use super::stream::StreamDecoder;
use super::whole::WholeDecoder;
use crate::endpoint::Decoder;

/// A reader for a streamed answer, as the protocols make it; without `scan`, serde reads every event,
/// which gives the same more slowly. For comparing the two.
pub fn stream_decoder(scan: bool) -> Box<dyn Decoder> {
    Box::new(if scan {
        StreamDecoder::default()
    } else {
        StreamDecoder::by_serde_alone()
    })
}

/// The reader for a response of `content_type`, where a stream was asked for or not.
///
/// Only types that cannot be what was asked for are refused: a missing type, or a proxy's
/// `text/plain`, is read as the answer it most likely is.
pub(super) fn decoder_for(stream: bool, content_type: Option<&str>) -> Box<dyn Decoder> {
    let essence = content_type
        .and_then(|value| value.split(';').next())
        .map(|value| value.trim().to_ascii_lowercase());
    match (stream, essence.as_deref()) {
        (_, Some("text/html" | "application/xhtml+xml")) => Box::new(WholeDecoder::unexpected(
            "an HTML page instead of an answer; does the URL end in the API's base path?",
        )),
        (true, Some("application/json")) => Box::new(WholeDecoder::unexpected(
            "a JSON object instead of an event stream, though `stream` was asked for",
        )),
        (false, Some("text/event-stream")) => Box::new(WholeDecoder::unexpected(
            "an event stream instead of a JSON object, though `stream` was not asked for",
        )),
        (true, _) => Box::new(StreamDecoder::default()),
        (false, _) => Box::new(WholeDecoder::default()),
    }
}
