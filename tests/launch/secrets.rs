use crate::stage::*;

#[test]
fn what_a_target_is_told_in_confidence_is_written_nowhere() {
    let said = "echo token $TOKEN and $GIVEN\nprintf half-a- >&2; sleep 0.1; printf key >&2\necho; echo header-key-123\nexit 1";
    let env = "env: { TOKEN: literal-key-456, GIVEN: \"${GIVEN}\",";
    let target = format!(
        "headers: {{ Authorization: \"Bearer header-key-123\" }}\n{}",
        script(said).replace("env: {", env)
    );
    let hook =
        "before: { command: \"echo hook $TOKEN ${GIVEN}\", env: { TOKEN: literal-key-456 } }";
    let stage = Stage::new(&suite(
        &target,
        "secrets: [TOKEN, GIVEN]",
        &format!("- name: one\n  {hook}"),
    ));
    let mut all = String::new();
    for command in ["run", "check", "list"] {
        let mut prony = stage.command(command);
        let output = prony
            .env("GIVEN", "half-a-key")
            .output()
            .expect("prony runs");
        all.push_str(&String::from_utf8_lossy(&output.stdout));
        all.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    all.push_str(&stage.everything_written());
    for secret in ["literal-key-456", "half-a-key", "header-key-123"] {
        assert!(!all.contains(secret), "{secret} in\n{all}");
    }
    for shown in [
        "token ${TOKEN} and ${GIVEN}",
        "hook ${TOKEN} ${GIVEN}",
        "\n${GIVEN}\n",
    ] {
        assert!(all.contains(shown), "no {shown} in\n{all}");
    }
}
