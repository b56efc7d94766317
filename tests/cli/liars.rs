//! Servers that lie, break off or never end: their cases fail, with the kind of failure in the
//! summary, and the run comes to its end.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::server::{Conn, FINISH, Server, delta};
use crate::support::{Place, junit, suite};

/// Runs a case against a server that always does `script`, and asserts what comes of it.
#[track_caller]
fn lies(kind: &str, script: impl Fn(&mut Conn) + Send + Sync + 'static) {
    lies_within("{ first_token: 20s, total: 20s }", kind, script);
}

/// The same with timeouts that end it.
#[track_caller]
fn lies_within(timeouts: &str, kind: &str, script: impl Fn(&mut Conn) + Send + Sync + 'static) {
    let server = Server::start(move |conn, _| script(conn));
    let scenario = format!(
        "  - name: steady
    kind: latency
    load: {{ concurrency: 4 }}
    requests: 4
    timeouts: {timeouts}
    sla:
      - ttft.p50 < 100s
      - error_rate <= 50%
"
    );
    let place = Place::with_suite(&suite(&server.url(), &scenario));
    let ended = place.prony(["run"]);
    assert_eq!(ended.code, Some(101), "{kind}: {ended}");
    let run = place.run();
    let case = run.case("chat::steady");
    assert_eq!(case["verdict"], "fail", "{kind}");
    let phase = &case["phases"][0];
    assert_eq!(phase["requests"]["due"], 4, "{kind}");
    assert_eq!(phase["requests"]["ok"], 0, "{kind}");
    assert_eq!(phase["requests"]["failed"], 4, "{kind}");
    assert_eq!(
        phase["errors"].as_array().map(Vec::len),
        Some(1),
        "{phase:#}"
    );
    assert_eq!(phase["errors"][0]["kind"], kind, "{phase:#}");
    assert_eq!(phase["errors"][0]["count"], 4, "{kind}");
    let verdicts: Vec<_> = case["assertions"]
        .as_array()
        .expect("assertions")
        .iter()
        .map(|a| a["verdict"].as_str().unwrap_or("").to_owned())
        .collect();
    assert_eq!(verdicts, ["fail", "fail"], "{kind}");
    assert_eq!(
        junit(&run.text("junit.xml"))[0].children[0],
        "failure",
        "{kind}"
    );
    for record in run.records("chat::steady") {
        assert!(!record.ok(), "{kind}: {record:?}");
    }
}

#[test]
fn an_error_in_a_200() {
    lies("error_in_stream", |conn| {
        conn.stream_head();
        conn.event(&delta("Hi"));
        conn.event(r#"{"error":{"message":"out of memory","code":500}}"#);
        conn.event("[DONE]");
    });
}

#[test]
fn an_empty_stream() {
    lies("no_token", Conn::stream_head);
    lies("no_token", |conn| {
        conn.stream_head();
        conn.event("[DONE]");
    });
}

#[test]
fn nothing_but_a_role() {
    lies("no_token", |conn| {
        conn.stream_head();
        conn.event(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#);
        conn.event(FINISH);
        conn.event("[DONE]");
    });
}

#[test]
fn no_finish_reason() {
    lies("no_finish", |conn| {
        conn.stream_head();
        conn.event(&delta("Hi"));
        conn.event("[DONE]");
    });
}

#[test]
fn json_that_is_cut() {
    lies("malformed", |conn| {
        conn.stream_head();
        conn.event(&delta("Hi"));
        conn.event(r#"{"choices":[{"delta":{"con"#);
        conn.event(FINISH);
    });
    lies("truncated", |conn| {
        conn.stream_head();
        conn.event(&delta("Hi"));
        conn.write(r#"data: {"choices":[{"delta":{"con"#);
    });
}

#[test]
fn html_with_a_200() {
    lies("malformed", |conn| {
        conn.respond("200 OK", "text/html", "<html><body>Welcome!</body></html>");
    });
}

#[test]
fn a_reset_in_mid_stream() {
    lies("transport", |conn| {
        conn.write("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
        let event = format!("data: {}\n\n", delta("Hi"));
        conn.write(format!("{:x}\r\n{event}\r\n", event.len()));
        conn.reset();
    });
}

#[test]
fn an_endless_line() {
    lies("too_large", |conn| {
        conn.stream_head();
        conn.write("data: ");
        let piece = vec![b'a'; 256 << 10];
        while conn.write(&piece) {}
    });
}

#[test]
fn silence_after_the_first_chunk() {
    lies_within("{ first_token: 2s, total: 2s }", "total_timeout", |conn| {
        conn.stream_head();
        conn.event(&delta("Hi"));
        conn.wait_for_close();
    });
}

#[test]
fn silence_from_the_start() {
    lies_within(
        "{ first_token: 500ms, total: 20s }",
        "first_token_timeout",
        Conn::wait_for_close,
    );
}

/// The memory of a run does not grow with what a server sends.
#[test]
#[cfg(target_os = "linux")]
fn an_endless_stream_does_not_fill_the_memory() {
    let sent = Arc::new(Mutex::new(0_u64));
    let count = sent.clone();
    let server = Server::start(move |conn, _| {
        conn.stream_head();
        let comment = format!(": {}\n\n", "x".repeat(1 << 20));
        while conn.write(&comment) {
            *count.lock().expect("a lock") += 1;
        }
    });
    let scenario = "  - name: steady
    kind: latency
    load: { concurrency: 2 }
    requests: 6
    timeouts: { first_token: 2s, total: 3s }
    sla:
      - ttft.p50 < 100s
";
    let place = Place::with_suite(&suite(&server.url(), scenario));
    let mut command = place.command(["run"]);
    // More than prony takes, less than six endless answers.
    limit(&mut command, libc::RLIMIT_DATA, 512 << 20);
    let began = Instant::now();
    let ended = crate::support::Ended::of(assert_cmd::Command::from_std(command)).exits(101);
    let case = place.run().case("chat::steady");
    assert_eq!(
        case["verdict"],
        "fail",
        "after {:?}: {ended}",
        began.elapsed()
    );
    let kind = case["phases"][0]["errors"][0]["kind"].as_str();
    assert!(
        matches!(kind, Some("too_large" | "first_token_timeout")),
        "{kind:?}"
    );
}

/// Sets a limit of the process that `command` starts.
#[cfg(target_os = "linux")]
pub fn limit(command: &mut std::process::Command, what: libc::__rlimit_resource_t, bytes: u64) {
    use std::os::unix::process::CommandExt;
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    // SAFETY: between fork and exec only calls that are safe in a signal handler are made.
    unsafe {
        command.pre_exec(move || {
            // A file that grows beyond its limit is an error to handle, not a signal to die from.
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            match libc::setrlimit(what, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
}
