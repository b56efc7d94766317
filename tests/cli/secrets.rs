//! What must not be seen is nowhere: not on disk, not in the output.

use crate::server::{FINISH, MODELS, Server, delta};
use crate::support::{Ended, Place, easy, suite};

const KEY: &str = "sk-5/Zq\"x7+ü&!";

fn with_key(server: &Server, scenarios: &str) -> String {
    suite(&server.url(), scenarios).replace(
        "api: chat",
        "api: chat, headers: { Authorization: \"Bearer ${KEY}\" }",
    )
}

/// Asserts that no form of the key is in any file of the results or in the output.
fn nowhere(place: &Place, ended: &Ended) {
    nowhere_is(KEY, place, ended);
}

fn nowhere_is(key: &str, place: &Place, ended: &Ended) {
    let json = serde_json::Value::from(key).to_string();
    let mut forms = vec![
        key.to_owned(),
        json.trim_matches('"').to_owned(),
        key.replace('"', "&quot;"),
        key.replace('"', "&#34;"),
        key.replace('"', "&quot;").replace('&', "&amp;"),
    ];
    // The head of it is enough to recognise it by, however the rest is escaped.
    forms.push(key[..7].to_owned());
    let mut texts = vec![
        ("stdout".to_owned(), ended.stdout.clone()),
        ("stderr".to_owned(), ended.stderr.clone()),
    ];
    for run in place.runs() {
        for file in run.files() {
            let text = String::from_utf8_lossy(&std::fs::read(&file).expect("a file")).into_owned();
            texts.push((file.display().to_string(), text));
        }
    }
    for (name, text) in texts {
        for form in &forms {
            let at = text.find(form.as_str());
            assert!(at.is_none(), "{form} in {name}: {}", near(&text, at));
        }
    }
}

fn near(text: &str, at: Option<usize>) -> String {
    let at = at.unwrap_or(0);
    let before: String = text[..at].chars().rev().take(60).collect();
    let before: String = before.chars().rev().collect();
    before + &text[at..].chars().take(60).collect::<String>()
}

/// The value of the request's authorization.
fn echoed(request: &str) -> String {
    let line = request
        .lines()
        .find(|l| l.to_lowercase().starts_with("authorization:"));
    line.unwrap_or("none").to_owned()
}

#[test]
fn a_key_reaches_the_server_and_no_file() {
    let server = Server::start(|conn, _| conn.answer());
    let place = Place::with_suite(&with_key(&server, &easy("steady")));
    let ended = place.prony_with(["run"], &[("KEY", KEY)]).exits(0);
    let seen = server.seen();
    assert!(seen.len() >= 8);
    assert!(seen.iter().all(|r| echoed(r).contains("sk-5")), "{seen:?}");
    nowhere(&place, &ended);
    assert!(place.run().text("suite.yaml").contains("Bearer ${KEY}"));
}

#[test]
fn a_server_that_repeats_the_key_spreads_it_no_further() {
    let server = Server::start(|conn, number| {
        let key = echoed(&conn.request);
        let words = serde_json::json!({"error": {"message": format!("wrong key: {key}")}});
        match number % 4 {
            0 => conn.respond("401 Unauthorized", "application/json", &words.to_string()),
            1 => {
                conn.stream_head();
                conn.event(&delta(&key));
                conn.event(&words.to_string());
            }
            2 => conn.respond("200 OK", "text/html", &format!("<p>{key}</p>")),
            _ => {
                conn.stream_head();
                conn.event(&delta("Hi"));
                let mut finish: serde_json::Value = serde_json::from_str(FINISH).expect("JSON");
                finish["choices"][0]["finish_reason"] = key.into();
                conn.event(&finish.to_string());
                conn.event("[DONE]");
            }
        }
    });
    let place = Place::with_suite(&with_key(&server, &easy("steady")));
    let ended = place.prony_with(["run"], &[("KEY", KEY)]).exits(101);
    let ended = ended.out_has("${KEY}");
    nowhere(&place, &ended);
}

#[test]
fn nor_does_one_that_repeats_it_before_it_is_ready() {
    let server = Server::with_models(
        "403 Forbidden",
        serde_json::json!({"error": {"message": format!("no such key: {KEY}")}}).to_string(),
        |conn, _| conn.answer(),
    );
    let place = Place::with_suite(&with_key(&server, &easy("steady")));
    let ended = place.prony_with(["run"], &[("KEY", KEY)]).exits(3);
    nowhere(&place, &ended);
    let server = Server::with_models(
        "200 OK",
        MODELS.replace("tiny", "model-of-sk-5/Zq\\\"x7+ü&!"),
        |conn, _| conn.answer(),
    );
    let place = Place::with_suite(&with_key(&server, &easy("steady")));
    let ended = place.prony_with(["run"], &[("KEY", KEY)]);
    nowhere(&place, &ended);
}

#[test]
fn the_command_line_and_labels_are_cleaned_too() {
    let server = Server::start(|conn, _| conn.answer());
    let place = Place::with_suite(&with_key(&server, &easy("steady")));
    let label = format!("key={KEY}");
    let ended = place
        .prony_with(["run", "--label", &label], &[("KEY", KEY)])
        .exits(0);
    nowhere(&place, &ended);
}

/// A page of metrics that wants a password and repeats what it was asked; what it was sent.
fn guarded_page(answers: usize) -> (std::net::SocketAddr, std::thread::JoinHandle<Vec<String>>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let seen = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for _ in 0..answers {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 4096];
            let n = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..n]).into_owned();
            // The first answer has counters, whose replica has the key for a name.
            let page = format!("vllm:num_requests_waiting{{engine=\"{KEY_IN_URL}\"}} 1\n");
            let (status, body) = match seen.is_empty() {
                true => ("200 OK", page),
                false => ("403 Forbidden", format!("not with {request}")),
            };
            seen.push(request);
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
        seen
    });
    (address, seen)
}

const KEY_IN_URL: &str = "sk-5abcdef";

#[test]
fn the_address_of_metrics_may_hold_a_secret() {
    for (written, shown) in [
        (
            "http://reader:${KEY}@ADDRESS/metrics",
            "http://***:${KEY}@ADDRESS/metrics",
        ),
        (
            "http://ADDRESS/${KEY}/metrics?key=${KEY}",
            "http://ADDRESS/${KEY}/metrics?key=${KEY}",
        ),
        (
            "http://reader:sk-5abcdef@ADDRESS/metrics",
            "http://***:***@ADDRESS/metrics",
        ),
    ] {
        let (address, page) = guarded_page(2);
        let place = |url: &str| url.replace("ADDRESS", &address.to_string());
        let server = Server::start(|conn, _| conn.answer());
        let scrape = format!(
            "api: chat, scrape: {{ interval: 1m, url: \"{}\" }}",
            place(written)
        );
        let text = suite(&server.url(), &easy("steady"))
            .replace("suite: chat", "suite: chat\nsecrets: [KEY]")
            .replace("api: chat", &scrape);
        let suites = Place::with_suite(&text);
        let ended = suites.prony_with(["run"], &[("KEY", KEY_IN_URL)]).exits(0);
        let seen = page.join().expect("looks");
        if written.contains('@') {
            // Basic authentication of `reader:sk-5abcdef`.
            let sent = seen[0].to_lowercase();
            assert!(
                sent.contains("authorization: basic cmvhzgvyonnrltvhymnkzwy="),
                "{sent}"
            );
        } else {
            assert!(
                seen[0].starts_with("GET /sk-5abcdef/metrics?key=sk-5abcdef "),
                "{seen:?}"
            );
        }
        nowhere_is(KEY_IN_URL, &suites, &ended);
        let run = suites.run();
        assert!(
            run.text("suite.yaml").contains(&place(shown)),
            "{}",
            run.text("suite.yaml")
        );
        suites
            .prony_with(["report", "--format", "html", "-o", "-"], &[])
            .exits(0);
        let listed = suites
            .prony_with(["check"], &[("KEY", KEY_IN_URL)])
            .exits(0);
        nowhere_is(KEY_IN_URL, &suites, &listed);
    }
}

#[test]
fn a_key_that_is_not_set_is_named() {
    let server = Server::start(|conn, _| conn.answer());
    let place = Place::with_suite(&with_key(&server, &easy("steady")));
    place
        .prony(["run"])
        .exits(3)
        .out_has("header `Authorization` needs the environment variable KEY, which is not set");
    assert_eq!(place.run().case("chat::steady")["verdict"], "error");
    assert_eq!(server.connections(), 0);
    // Whether it is set matters only when the case runs.
    place.prony(["check"]).exits(0);
    place.prony(["list"]).exits(0);
}

#[test]
fn a_secret_that_is_a_word_of_the_format_spoils_nothing() {
    for word in ["pass", "chat", "ms", "latency", "1", "run", "main"] {
        let server = Server::start(|conn, number| {
            if number == 0 {
                let words = format!("no such user: KEY={}", echoed_user(&conn.request));
                conn.respond("404 Not Found", "text/plain", &words);
            } else {
                conn.answer();
            }
        });
        let text = suite(&server.url(), &easy("steady"))
            .replace("suite: chat", "suite: chat\nsecrets: [KEY]")
            .replace("api: chat", "api: chat, body: { user: \"x-${KEY}\" }")
            .replace("sla:", "allow_errors: 50%\n    sla:");
        let place = Place::with_suite(&text);
        let ended = place.prony_with(["run"], &[("KEY", word)]).exits(0);
        assert!(ended.stderr.is_empty(), "{word}: {ended}");
        let run = place.run();
        let case = run.case("chat::steady");
        assert_eq!(case["verdict"], "pass", "{word}");
        assert_eq!(run.slugs().len(), 1, "{word}");
        let example = case["phases"][0]["errors"][0]["example"]
            .as_str()
            .expect("an example");
        assert!(example.ends_with("KEY=x-${KEY}"), "{word}: {example}");
        assert!(run.text("suite.yaml").contains("x-${KEY}"), "{word}");
        place
            .prony(["report", "--format", "json", "-o", "-"])
            .exits(0);
    }
}

/// The `user` of the request's body.
fn echoed_user(request: &str) -> String {
    let (_, body) = request.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    body["user"].as_str().unwrap_or("nobody").to_owned()
}

#[test]
fn a_key_that_is_written_into_the_suite_goes_no_further_either() {
    let server = Server::start(|conn, number| match number {
        0..6 => conn.answer(),
        _ => conn.wait_for_close(),
    });
    let endless = easy("steady").replace("requests: 8", "duration: 10m\n    drain: 100ms");
    let scenarios = [endless, easy("next")].map(|scenario| {
        scenario.replace(
            "sla:",
            "headers: { X-Key: \"Bearer sk-5/Zqx7-literal\" }\n    sla:",
        )
    });
    let place = Place::with_suite(&suite(&server.url(), &scenarios.concat()));
    let running = place.start(["run"]);
    place.wait_for_records("steady", 5);
    nowhere(&place, &Ended::default());
    running.signal(libc::SIGINT);
    let ended = running.ended().exits(130);
    assert!(server.seen()[0].contains("sk-5/Zqx7-literal"));
    nowhere(&place, &ended);
}
