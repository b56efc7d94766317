use crate::stage::*;

#[test]
fn hooks_run_in_their_places() {
    let note = |what: &str| format!("echo {what} >> order");
    let rest = format!(
        "before: {}\nafter: {}",
        note("suite-before"),
        note("suite-after")
    );
    let scenarios = format!(
        "- name: one\n  repeats: 2\n  restart: repeat\n  before: [{{ command: {} }}, {{ post: /reset_prefix_cache }}]\n  between: {}\n  after: [{{ get: /health }}, {{ command: {} }}]\n- name: two\n  before: {}",
        note("before"),
        note("between"),
        note("after"),
        note("two"),
    );
    let target = script("echo start >> order\nexec \"$PRONY\" sim --listen 127.0.0.1:$PORT");
    let stage = Stage::new(&suite(&target, &rest, &scenarios));
    let ran = stage.run();
    assert_eq!(ran.code, 0, "{}", ran.all());
    let order = std::fs::read_to_string(stage.path("order")).expect("notes");
    assert_eq!(
        order.lines().collect::<Vec<_>>(),
        [
            "suite-before",
            "before",
            "start",
            "between",
            "start",
            "after",
            "two",
            "start",
            "suite-after"
        ]
    );
    let log = ran.of_case(&ran.cases()[0], "hooks.log");
    assert!(log.contains("POST /reset_prefix_cache: done"), "{log}");
    assert!(log.contains("GET /health: done"), "{log}");
}

#[test]
fn a_hook_that_fails_makes_the_case_an_error_and_after_still_runs() {
    let scenario = "- name: one\n  before: echo no cache here; exit 4\n  after: echo done > after";
    let stage = Stage::new(&suite("url: sim://", "", scenario));
    let ran = stage.run();
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert_eq!(ran.case()["verdict"], "error");
    assert!(
        ran.reason().contains("`before` the case"),
        "{}",
        ran.reason()
    );
    assert!(ran.reason().contains("exit status 4"), "{}", ran.reason());
    assert!(ran.out.contains("no cache here"), "{}", ran.out);
    assert!(stage.path("after").exists());
}

#[test]
fn an_after_that_fails_is_an_error_of_a_case_that_passed() {
    let scenario =
        "- name: one\n  after: [{ post: /no/such/path }, { command: \"echo two > two\" }]";
    let stage = Stage::new(&suite("url: sim://", "", scenario));
    let ran = stage.run();
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(ran.reason().contains("status 404"), "{}", ran.reason());
    assert!(stage.path("two").exists());
    assert_eq!(ran.case()["phases"][0]["requests"]["ok"], 4);
}

#[test]
fn a_hook_has_a_timeout() {
    let scenario =
        "- name: one\n  before: { command: \"echo $$ > pid; exec sleep 600\", timeout: 500ms }";
    let stage = Stage::new(&suite("url: sim://", "", scenario));
    let ran = stage.run();
    assert_eq!(ran.code, 3);
    assert!(
        ran.reason().contains("longer than 500ms"),
        "{}",
        ran.reason()
    );
    gone(stage.pid("pid"));
}

#[test]
fn hooks_of_a_suite_that_fail_fail_all_its_cases_or_the_run() {
    let scenarios = "- name: one\n- name: two";
    let rest = "before: echo broken; exit 1\nafter: echo ran >> after";
    let stage = Stage::new(&suite("url: sim://", rest, scenarios));
    let ran = stage.run();
    assert_eq!(ran.code, 3, "{}", ran.all());
    for case in ran.cases() {
        assert_eq!(case["verdict"], "error");
        assert!(
            case["reason"]
                .as_str()
                .expect("a reason")
                .contains("`before` of the suite")
        );
    }
    let after = std::fs::read_to_string(stage.path("after")).expect("it ran");
    assert_eq!(after, "ran\n");

    let ran = Stage::new(&suite("url: sim://", "after: exit 9", scenarios)).run();
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(
        ran.err.contains("`after` of the suite launched"),
        "{}",
        ran.err
    );
    assert!(ran.cases().iter().all(|case| case["verdict"] == "pass"));
}

#[test]
fn an_interrupt_ends_a_hook_and_after_still_runs() {
    let scenario =
        "- name: one\n  before: \"echo $$ > pid; exec sleep 600\"\n  after: echo done > after";
    let stage = Stage::new(&suite("url: sim://", "", scenario));
    let child = stage.start();
    let pid = stage.pid("pid");
    signal(child.id(), "INT");
    let ran = stage.finish(child);
    assert_eq!(ran.code, 130, "{}", ran.all());
    assert!(!alive(pid));
    assert!(stage.path("after").exists());
}
