//! Asking a target whether it is ready, and which models it has.

use std::future::Future;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prony::endpoint::{
    HttpSettings, ProbeError, ReadyCheck, ReadyWhen, ServerInfo, SettingsError, models,
    probe_ready, probe_until,
};

use crate::server::{Conn, Server};

const MODELS: &str = r#"{"object":"list","data":[{"id":"tiny"},{"id":"other"}]}"#;

fn block<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

fn probe(settings: &HttpSettings) -> Result<ServerInfo, ProbeError> {
    block(probe_ready(settings, Duration::from_millis(600)))
}

/// Answers by path: `(path, status, body)`; anything else is a 404 as vLLM says it.
fn site(pages: &'static [(&'static str, &'static str, &'static str)]) -> Server {
    Server::start(move |conn: &mut Conn| {
        while let Some(request) = conn.request() {
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            match pages.iter().find(|(page, ..)| *page == path) {
                Some((_, status, body)) => conn.respond(status, "application/json", body),
                None => conn.respond(
                    "404 Not Found",
                    "application/json",
                    r#"{"detail":"Not Found"}"#,
                ),
            };
        }
    })
}

#[test]
fn a_ready_server_lists_its_models() {
    let server = Server::start(|conn| {
        conn.request();
        conn.write(format!(
            "HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-length: {}\r\n\r\n{MODELS}",
            MODELS.len()
        ));
    });
    let expected = ServerInfo {
        models: vec!["tiny".into(), "other".into()],
        server: Some("uvicorn".into()),
        owner: None,
    };
    assert_eq!(probe(&server.settings()), Ok(expected));
    assert!(server.seen.lock().unwrap()[0].starts_with("GET /v1/models HTTP/1.1\r\n"));
}

#[test]
fn the_models_of_real_servers_are_read() {
    for (capture, model) in [
        (&include_bytes!("../captures/vllm-models.txt")[..], "tiny"),
        (
            include_bytes!("../captures/xllama-models.txt"),
            "gemma-3-270m",
        ),
        (include_bytes!("../captures/router-pd-models.txt"), "tiny"),
    ] {
        let server = Server::start(move |conn| {
            conn.request();
            conn.write(capture);
        });
        assert_eq!(block(models(&server.settings())).unwrap().models, [model]);
    }
}

#[test]
fn nothing_listening_is_refused() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let settings = HttpSettings::new(format!("http://127.0.0.1:{port}/v1").parse().unwrap());
    let error = probe(&settings).unwrap_err();
    assert!(matches!(error, ProbeError::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("is the server started?"));
}

#[test]
fn silence_is_a_timeout() {
    let server = Server::start(Conn::wait_for_close);
    let error = probe(&server.settings()).unwrap_err();
    assert_eq!(error, ProbeError::Timeout(Duration::from_millis(600)));
}

#[test]
fn a_missing_key_is_told_at_once() {
    let server = site(&[(
        "/v1/models",
        "401 Unauthorized",
        r#"{"error":"Unauthorized"}"#,
    )]);
    assert_eq!(
        probe(&server.settings()),
        Err(ProbeError::Unauthorized(401))
    );
    assert_eq!(server.seen.lock().unwrap().len(), 1);
}

#[test]
fn a_server_that_loads_is_waited_for() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let server = Server::start(|conn| {
        while conn.request().is_some() {
            if CALLS.fetch_add(1, Ordering::SeqCst) < 2 {
                let loading = r#"{"error":{"code":503,"message":"Loading model"}}"#;
                conn.respond("503 Service Unavailable", "application/json", loading);
            } else {
                conn.respond("200 OK", "application/json", MODELS);
            }
        }
    });
    let ready = block(probe_ready(&server.settings(), Duration::from_secs(20)));
    assert_eq!(ready.unwrap().models.len(), 2);
}

#[test]
fn a_server_that_loads_for_too_long_is_said_to_load() {
    let server = site(&[(
        "/v1/models",
        "503 Service Unavailable",
        r#"{"error":{"message":"Loading model"}}"#,
    )]);
    let error = probe(&server.settings()).unwrap_err();
    assert_eq!(error, ProbeError::Loading("Loading model".into()));
}

#[test]
fn health_stands_in_for_a_list_of_models() {
    for place in ["/health", "/v1/health"] {
        let pages: &'static [_] = match place {
            "/health" => &[("/health", "200 OK", "")],
            _ => &[("/v1/health", "200 OK", "")],
        };
        let server = site(pages);
        assert_eq!(
            probe(&server.settings()),
            Ok(ServerInfo::default()),
            "{place}"
        );
    }
    let server = site(&[]);
    let error = probe(&server.settings()).unwrap_err();
    assert_eq!(error, ProbeError::Status(404, "Not Found".into()));
}

#[test]
fn a_page_is_no_list_of_models() {
    let server = site(&[("/v1/models", "200 OK", "<html>hello</html>")]);
    let error = probe(&server.settings()).unwrap_err();
    assert_eq!(error, ProbeError::NotModels("<html>hello</html>".into()));
    assert!(error.to_string().contains("base path"), "{error}");
}

#[test]
fn a_key_stands_in_no_error() {
    let server = site(&[("/v1/models", "401 Unauthorized", "{}")]);
    let mut settings = server.settings();
    settings.headers = vec![("Authorization".into(), "Bearer sk-secret".into())];
    let error = probe(&settings).unwrap_err();
    assert!(
        server.seen.lock().unwrap()[0].contains("sk-secret"),
        "it was sent"
    );
    assert!(!format!("{error} {error:?} {settings:?}").contains("sk-secret"));

    settings.headers = vec![("Authorization".into(), "Bearer sk-secret\n".into())];
    let error = probe(&settings).unwrap_err();
    assert!(matches!(
        &error,
        ProbeError::Settings(SettingsError::Header { .. })
    ));
    assert!(
        !format!("{error} {error:?}").contains("sk-secret"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_no_certificate_is_refused() {
    let mut settings = HttpSettings::new("https://localhost/v1".parse().unwrap());
    settings.ca = Some(b"hello".to_vec());
    let error = probe(&settings).unwrap_err();
    assert!(
        matches!(error, ProbeError::Settings(SettingsError::Ca(_))),
        "{error}"
    );
}

fn probe_when(settings: &HttpSettings, when: ReadyWhen) -> (Result<ServerInfo, ProbeError>, usize) {
    let check = ReadyCheck {
        when,
        timeout: Duration::from_millis(600),
        interval: Duration::from_millis(50),
    };
    let mut waits = 0;
    let result = block(probe_until(settings, &check, &mut |_| waits += 1));
    (result, waits)
}

#[test]
fn a_server_that_lists_models_while_it_loads_them_is_not_ready() {
    let server = site(&[
        ("/v1/models", "200 OK", MODELS),
        (
            "/health",
            "503 Service Unavailable",
            r#"{"error":{"message":"Loading model"}}"#,
        ),
    ]);
    let (result, waits) = probe_when(&server.settings(), ReadyWhen::NotLoading);
    assert_eq!(result, Err(ProbeError::Loading("Loading model".into())));
    assert!(waits > 1);
    let (result, waits) = probe_when(&server.settings(), ReadyWhen::Models);
    assert_eq!((result.unwrap().models.len(), waits), (2, 0));
}

#[test]
fn no_health_page_is_no_reason_to_wait() {
    let server = site(&[("/v1/models", "200 OK", MODELS)]);
    let (result, _) = probe_when(&server.settings(), ReadyWhen::NotLoading);
    assert_eq!(result.unwrap().models.len(), 2);
}

#[test]
fn a_path_is_seen_from_the_root_of_the_server() {
    let server = site(&[
        ("/ready?deep=1", "200 OK", "{}"),
        ("/v1/models", "200 OK", MODELS),
    ]);
    let path = ReadyWhen::Path("/ready?deep=1".into());
    let (result, _) = probe_when(&server.settings(), path);
    assert_eq!(result.unwrap().models.len(), 2);
    let nowhere = ReadyWhen::Path("/nowhere".into());
    let (result, _) = probe_when(&server.settings(), nowhere);
    assert!(matches!(result, Err(ProbeError::Status(404, _))));
}
