//! `list`, `check`, `report` and `sim`.

use std::io::{Read, Write};

use serde_json::Value;

use crate::fresh::page_is_whole;
use crate::server::Server;
use crate::support::{Place, easy, junit, sim_suite, suite};

#[test]
fn listing_and_checking_touch_no_network() {
    let server = Server::start(|conn, _| conn.answer());
    let place = Place::with_suite(&suite(&server.url(), &(easy("steady") + &easy("burst"))));
    let ended = place.prony(["list"]).exits(0);
    let first = |line: &str| line.split_whitespace().next().unwrap_or("").to_owned();
    let names: Vec<_> = ended.stdout.lines().map(first).collect();
    assert_eq!(names, ["chat::steady", "chat::burst"]);
    place
        .prony(["check"])
        .exits(0)
        .out_has("chat::steady (latency)")
        .out_has("asserts ttft.p50 < 100s");
    assert_eq!(server.connections(), 0);
    place.assert_no_results();
}

#[test]
fn the_examples_of_the_project_are_sound() {
    let suites = concat!(env!("CARGO_MANIFEST_DIR"), "/suites");
    let place = Place::new();
    place.prony(["check", suites]).exits(0);
    place.assert_no_results();
}

#[test]
fn reports_are_rendered_again_from_the_folder_alone() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    place.prony(["run"]).exits(0);
    let run = place.run();
    // The suite is gone.
    std::fs::remove_dir_all(place.path().join("suites")).expect("removed");

    let ended = place
        .prony(["report", "--format", "json", "-o", "-"])
        .exits(0);
    let json: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(json["run"], run.summary()["run"]);
    assert_eq!(json["cases"], run.summary()["cases"]);
    let ended = place
        .prony(["report", &run.id(), "--format", "markdown", "-o", "-"])
        .exits(0);
    assert!(ended.stdout.contains("The only case passed"), "{ended}");
    assert!(ended.stdout.contains(&run.id()), "{ended}");
    let path = run.path.display().to_string();
    let ended = place
        .prony(["report", &path, "--format", "junit", "-o", "-"])
        .exits(0);
    assert_eq!(ended.stdout, run.text("junit.xml"));
    assert_eq!(junit(&ended.stdout).len(), 1);
    let before = run.text("report.html");
    place
        .prony(["report", "-o", "page.html"])
        .exits(0)
        .out_has("page.html");
    assert_eq!(place.read("page.html"), before);
    page_is_whole(&before, "pass");

    place
        .prony(["report", "--format", "pfd"])
        .exits(2)
        .err_has("there is no format `pfd`; there are ");
    place
        .prony(["report", "20200101T000000Z-nope"])
        .exits(2)
        .err_has("no results folder 20200101T000000Z-nope");
}

#[test]
fn several_runs_stand_side_by_side() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    place.prony(["run", "--virtual", "--seed", "1"]).exits(0);
    place.prony(["run", "--virtual", "--seed", "2"]).exits(0);
    let mut ids: Vec<String> = place.runs().iter().map(crate::support::Run::id).collect();
    ids.sort();
    let ended = place
        .prony([
            "report", &ids[0], &ids[1], "latest", "--format", "json", "-o", "-",
        ])
        .exits(0);
    let json: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let letters: Vec<_> = json["runs"].as_array().expect("runs").iter().collect();
    assert_eq!(letters.len(), 3);
    assert_eq!(letters[0]["id"], ids[0]);
    assert_eq!(
        json["cases"][0]["verdicts"],
        serde_json::json!(["pass", "pass", "pass"])
    );
    place
        .prony(["report", &ids[0], &ids[1], "--format", "csv"])
        .exits(0)
        .out_has(&format!("{}/runs.csv", ids[0]));
    place
        .prony(["report", &ids[0], &ids[1], "--format", "junit"])
        .exits(2)
        .err_has("`junit` shows one run; several stand side by side in ");
    let on_paper = place.prony(["report", &ids[0], &ids[1], "--format", "pdf"]);
    if cfg!(feature = "pdf") {
        on_paper.exits(0).out_has(&format!("{}/runs.pdf", ids[0]));
    } else {
        on_paper.exits(2).err_has("--features pdf");
    }
    place
        .prony(["report", &ids[0], "nope", "--format", "markdown"])
        .exits(2)
        .err_has("no results folder nope");
}

#[test]
fn pictures_stand_as_files_and_can_be_drawn_again() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    place.prony(["run", "--virtual"]).exits(0);
    let run = place.run();
    let slug = run.slugs().remove(0);
    let picture = format!("{slug}/main/ttft_distribution.svg");
    let written = run.text(&format!("plots/{picture}"));
    assert!(written.starts_with("<svg "), "{written}");
    place
        .prony(["report", "--format", "plots", "-o", "pictures"])
        .exits(0)
        .out_has("pictures (");
    assert_eq!(place.read(&format!("pictures/{picture}")), written);
    place
        .prony(["report", "--format", "plots", "-o", "-"])
        .exits(2)
        .err_has("`-o` takes the folder");
    let on_paper = place.prony(["report", "--format", "pdf", "-o", "report.pdf"]);
    if cfg!(feature = "pdf") {
        on_paper.exits(0).out_has("report.pdf");
    } else {
        on_paper.exits(2).err_has("--features pdf");
    }
}

#[test]
fn copies_of_reports_go_where_they_are_wanted() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    place.file("out/x", "");
    place
        .prony([
            "run",
            "--junit",
            "out/junit.xml",
            "--html",
            "out/page.html",
            "--results",
            "elsewhere/deep",
        ])
        .exits(0);
    assert_eq!(junit(&place.read("out/junit.xml")).len(), 1);
    page_is_whole(&place.read("out/page.html"), "pass");
    place.assert_no_results();
    assert!(
        place
            .path()
            .join("elsewhere/deep/latest/summary.json")
            .is_file()
    );
}

#[test]
fn a_folder_of_a_newer_version_is_refused() {
    let place = Place::with_suite(&sim_suite(&easy("steady")));
    place.prony(["run"]).exits(0);
    let run = place.run();
    let mut summary = run.summary();
    summary["schema"] = 99.into();
    std::fs::write(run.path.join("summary.json"), summary.to_string()).expect("written");
    place.prony(["report"]).exits(2).err_has(
        "summary.json: written by a newer prony (schema 99, this one reads up to 1); update prony",
    );
    std::fs::write(run.path.join("summary.json"), "{\"schema\": 1").expect("written");
    place
        .prony(["report"])
        .exits(2)
        .err_has("summary.json: not JSON");
}

#[test]
fn the_engine_serves_until_it_is_interrupted() {
    for (signal, code) in [(libc::SIGINT, 0), (libc::SIGTERM, 0)] {
        let place = Place::new();
        let mut sim = place.start(["sim", "--listen", "127.0.0.1:0"]);
        let line = sim.read_line();
        let address = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("http://"))
            .and_then(|rest| rest.split('/').next())
            .unwrap_or_else(|| panic!("no address in {line}"))
            .to_owned();
        let mut stream = std::net::TcpStream::connect(&address).expect("it listens");
        stream
            .write_all(b"GET /v1/models HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n")
            .expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        sim.signal(signal);
        sim.ended().exits(code);
        assert!(
            std::net::TcpStream::connect(&address).is_err(),
            "it still listens"
        );
        place.assert_no_results();
    }
}

#[test]
fn an_engine_of_ones_own_can_be_measured() {
    let place = Place::new();
    let mut sim = place.start(["sim", "--listen", "127.0.0.1:0"]);
    let line = sim.read_line();
    let url = line
        .split_whitespace()
        .find(|word| word.starts_with("http://"))
        .expect("an address");
    place.file("suites/a.yaml", sim_suite(&easy("steady")));
    place.prony(["run", "--target", url]).exits(0);
    let case = place.run().case("chat::steady");
    let target = case["phases"][0]["target"].as_str().expect("a target");
    assert_eq!(target.trim_end_matches('/'), url.trim_end_matches('/'));
}

#[test]
fn the_engine_says_what_is_wrong_with_its_settings() {
    let place = Place::new();
    place.file("engine.yaml", "scheduler: { max_num_sequences: 4 }\n");
    place
        .prony(["sim", "--config", "engine.yaml"])
        .exits(2)
        .err_has("max_num_sequences");
    place
        .prony(["sim", "--preset", "h1000"])
        .exits(2)
        .err_has("h1000");
    place.prony(["sim", "--list-presets"]).exits(0);
}
