//! built-in < prony.yaml < profile < suite < suite defaults < scenario < `--set` < flag.

use prony::suite::{LoadOptions, Scenario};

use crate::{file, load_with, options};

/// The layers above the built-in values, the lowest first.
const LAYERS: [&str; 6] = [
    "prony.yaml",
    "profile",
    "suite defaults",
    "scenario",
    "--set",
    "flag",
];

/// The one scenario of a suite in which the layers `present` each set the seed to their own number.
fn seeded(present: &[bool; 6]) -> Scenario {
    let seed = |layer: usize| {
        if present[layer] {
            format!("seed: {}", layer + 1)
        } else {
            "repeats: 1".to_owned()
        }
    };
    let project = format!(
        "defaults: {{ {} }}\nprofiles: {{ ci: {{ {} }} }}\n",
        seed(0),
        seed(1)
    );
    let suite = format!(
        "target: {{ url: \"sim://\" }}\n\
         defaults: {{ {}, prompts: {{ type: synthetic, input_tokens: 9, output_tokens: 9 }} }}\n\
         scenarios:\n  - {{ name: one, kind: latency, load: {{ concurrency: 1 }}, measure_only: true, {} }}\n",
        seed(2),
        seed(3)
    );
    let options = LoadOptions {
        project: Some(file("prony.yaml", &project)),
        profile: Some("ci".into()),
        set: vec![if present[4] { "seed=5" } else { "repeats=1" }.into()],
        seed: present[5].then_some(6),
        ..options()
    };
    let suite = load_with(&suite, &options).unwrap_or_else(|e| panic!("{e}"));
    suite.scenarios.into_iter().next().expect("a scenario")
}

#[test]
fn of_every_two_neighbours_the_upper_one_wins() {
    assert_eq!(seeded(&[false; 6]).seed, 0, "built in");
    for lower in 0..LAYERS.len() {
        let mut present = [false; 6];
        present[lower] = true;
        assert_eq!(
            seeded(&present).seed,
            lower as u64 + 1,
            "{} over what is built in",
            LAYERS[lower]
        );
        if let Some(upper) = LAYERS.get(lower + 1) {
            present[lower + 1] = true;
            assert_eq!(
                seeded(&present).seed,
                lower as u64 + 2,
                "{upper} over {}",
                LAYERS[lower]
            );
        }
    }
}

#[test]
fn whichever_layers_speak_the_highest_is_heard() {
    for set in 0_u32..64 {
        let present: [bool; 6] = std::array::from_fn(|layer| set & (1 << layer) != 0);
        let highest = present
            .iter()
            .rposition(|&p| p)
            .map_or(0, |layer| layer + 1);
        assert_eq!(seeded(&present).seed, highest as u64, "{present:?}");
    }
}

#[test]
fn targets_have_one_layer_more_the_top_of_the_suite() {
    // Each layer brings a target of its own name, the lowest first.
    let layers = |present: &[bool; 7]| {
        let target = |layer: usize, name: &str| {
            if present[layer] {
                format!("target: {name}")
            } else {
                "repeats: 1".to_owned()
            }
        };
        let project = format!(
            "targets:\n{}defaults: {{ {} }}\nprofiles: {{ ci: {{ {} }} }}\n",
            [
                "project", "profile", "top", "defaults", "scenario", "set", "flag"
            ]
            .map(|n| format!("  {n}: {{ url: \"http://{n}/v1\" }}\n"))
            .concat(),
            target(0, "project"),
            target(1, "profile"),
        );
        let top = if present[2] { "target: top\n" } else { "" };
        let suite = format!(
            "{top}defaults: {{ {}, prompts: {{ type: synthetic, input_tokens: 9, output_tokens: 9 }} }}\n\
             scenarios:\n  - {{ name: one, kind: latency, load: {{ concurrency: 1 }}, measure_only: true, {} }}\n",
            target(3, "defaults"),
            target(4, "scenario"),
        );
        let options = LoadOptions {
            project: Some(file("prony.yaml", &project)),
            profile: Some("ci".into()),
            set: if present[5] {
                vec!["target=set".into()]
            } else {
                vec![]
            },
            target: present[6].then(|| "flag".into()),
            ..options()
        };
        load_with(&suite, &options).map(|s| s.scenarios[0].target.url.shown())
    };
    let names = [
        "project", "profile", "top", "defaults", "scenario", "set", "flag",
    ];
    for set in 1_u32..128 {
        let present: [bool; 7] = std::array::from_fn(|layer| set & (1 << layer) != 0);
        if present[5] && present[6] {
            // A `--set` that a flag makes void is an error, not a surprise.
            assert!(layers(&present).is_err_and(|e| e.contains("--set:1:1")));
            continue;
        }
        let highest = present.iter().rposition(|&p| p).expect("one");
        assert_eq!(
            layers(&present),
            Ok(format!("http://{}/v1", names[highest])),
            "{present:?}"
        );
    }
    let none = layers(&[false; 7]).expect_err("there is no target");
    assert!(
        none.contains("there is no target for the scenario `one`"),
        "{none}"
    );
}
