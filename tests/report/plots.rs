//! Pictures as files.

use std::collections::BTreeSet;

use prony::report::{configuration_plots, plots};

use crate::sample;

#[test]
fn pictures_have_lasting_names_by_case_and_phase() {
    let result = sample::run(vec![sample::repeated()]);
    let case = &result.cases[0];
    let series = sample::series(&result);
    let drawn = plots(case, series.cases.first()).expect("drawn");
    let paths: BTreeSet<&str> = drawn.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(paths.len(), drawn.len(), "two of one name");
    for phase in ["cold", "warm"] {
        for name in [
            "ttft_distribution",
            "itl_distribution",
            "latency_percentiles",
            "throughput_over_time",
        ] {
            let path = format!("{}/{phase}/{name}.svg", case.slug);
            assert!(paths.contains(path.as_str()), "{path} is not in {paths:?}");
        }
    }
    let of_the_case = format!("{}/cold_and_warm.svg", case.slug);
    assert!(paths.contains(of_the_case.as_str()), "{paths:?}");
    let rasters = paths.iter().filter(|p| p.ends_with(".png")).count();
    let expected = if cfg!(feature = "plots") {
        drawn.len() / 2
    } else {
        0
    };
    assert_eq!(rasters, expected);
}

#[test]
fn configurations_have_pictures_of_their_own() {
    let result = sample::configured();
    let drawn = configuration_plots(&result.configurations[0]).expect("drawn");
    let folder = format!("configurations/{}", prony::text::slug("chat::capacity"));
    for name in ["pareto_tokens", "pareto_ttft"] {
        let path = format!("{folder}/{name}.svg");
        assert!(drawn.iter().any(|p| p.path == path), "{path}");
    }
}

#[test]
fn a_picture_is_a_document_of_its_own() {
    let result = sample::run(vec![sample::hostile()]);
    let series = sample::series(&result);
    let drawn = plots(&result.cases[0], series.cases.first()).expect("drawn");
    let mut documents = 0;
    for plot in drawn.iter().filter(|p| p.path.ends_with(".svg")) {
        let text = std::str::from_utf8(&plot.bytes).expect("UTF-8");
        let mut reader = quick_xml::Reader::from_str(text);
        loop {
            match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => break,
                Ok(_) => {}
                Err(e) => panic!("{}: {e}", plot.path),
            }
        }
        assert!(
            text.starts_with("<svg ") && text.contains("xmlns="),
            "{}",
            plot.path
        );
        assert!(!text.contains("var(") && !text.contains("<script") && !text.contains("<img"));
        documents += 1;
    }
    assert!(documents > 3);
    // No path leads out of the folder.
    assert!(
        drawn
            .iter()
            .all(|p| !p.path.contains("..") && p.path.starts_with(&result.cases[0].slug))
    );
}

#[test]
fn a_case_that_measured_nothing_has_no_picture() {
    assert_eq!(plots(&sample::error(), None).expect("drawn"), []);
}
