use std::error::Error;
use std::io;

use crate::endpoint::untrusted::refused_by_tls;
use crate::record::ErrorKind;

/// The class of an error of reqwest, and its words without the URL (its query may hold a key).
pub(super) fn describe(error: reqwest::Error, sent: bool) -> (ErrorKind, String) {
    let error = error.without_url();
    let class = class(&error, sent);
    let mut words = match class {
        ErrorKind::Connect => "no connection",
        ErrorKind::Truncated => "the response broke off",
        ErrorKind::TooLarge => "the response's head is too large",
        ErrorKind::Malformed => "the response is not valid HTTP",
        _ => "the connection broke",
    }
    .to_owned();
    if let Some(why) = refused_by_tls(&error) {
        return (class, format!("{words}: {why}"));
    }
    // The innermost cause says what happened; the layers above repeat "error sending request".
    let mut cause: &dyn Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    words.push_str(": ");
    words.push_str(&cause.to_string());
    (class, words)
}

fn class(error: &reqwest::Error, sent: bool) -> ErrorKind {
    if error.is_connect() && !sent {
        return ErrorKind::Connect;
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(hyper) = current.downcast_ref::<hyper::Error>() {
            if hyper.is_parse_too_large() {
                return ErrorKind::TooLarge;
            }
            if hyper.is_parse() {
                return ErrorKind::Malformed;
            }
            if hyper.is_incomplete_message() {
                // In the head: the server closed without an answer.
                return if error.is_body() || error.is_decode() {
                    ErrorKind::Truncated
                } else {
                    ErrorKind::Transport
                };
            }
        }
        if let Some(io) = current.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::UnexpectedEof => return ErrorKind::Truncated,
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                    return ErrorKind::Malformed;
                }
                _ => {}
            }
        }
        cause = current.source();
    }
    ErrorKind::Transport
}
