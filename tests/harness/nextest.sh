#!/usr/bin/env bash
# Runs suites through the real cargo-nextest, in a crate that has prony as a dependency, and holds what
# nextest says against what prony says:  tests/harness/nextest.sh [FOLDER FOR THE CRATE]
set -euo pipefail
repo=$(cd "$(dirname "$0")/../.." && pwd)
crate=${1:-$(mktemp -d)/perf}
mkdir -p "$crate/tests" "$crate/suites" "$crate/.config"
# The same versions and profile as prony's own build: what is built already is not built again.
cp "$repo/Cargo.lock" "$crate/Cargo.lock"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$repo/target} CARGO_TERM_COLOR=never
unset NEXTEST_RUN_ID NEXTEST NEXTEST_PROFILE GITHUB_ACTIONS

fail() { echo "nextest.sh: $*" >&2; exit 1; }

cat >"$crate/Cargo.toml" <<TOML
[package]
name = "perf"
version = "0.0.0"
edition = "2024"

[dev-dependencies]
prony = { path = "$repo" }

[[test]]
name = "suites"
harness = false

[[test]]
name = "in_code"
harness = false

[[test]]
name = "names"
harness = false

[profile.dev]
debug = "line-tables-only"

[workspace]
TOML
mkdir -p "$crate/src"
: >"$crate/src/lib.rs"
cat >"$crate/tests/suites.rs" <<'RUST'
fn main() -> std::process::ExitCode {
    prony::harness("suites")
}
RUST
cat >"$crate/tests/in_code.rs" <<'RUST'
use prony::Harness;
use prony::builder::{Scenario, Suite};

fn main() -> std::process::ExitCode {
    let quick = |name: &str, sla: &str| {
        Scenario::latency(name).concurrency(1).requests(10).warmup("0s").input_tokens(8).output_tokens(4).sla(sla)
    };
    let suite = Suite::new("in-code")
        .target("sim://")
        .scenario(quick("holds", "ttft.p50 < 30s"))
        .scenario(quick("misses", "ttft.p50 > 30s"));
    Harness::of([suite]).run()
}
RUST
# A test target that only has a name, with everything in it that a filterset gives a meaning to.
cat >"$crate/tests/names.rs" <<'RUST'
fn main() {
    let listing = std::env::args().any(|a| a == "--list");
    let ignored = std::env::args().any(|a| a == "--ignored");
    if listing && !ignored {
        println!(r"odd::case[k=(a),b=\d,c=x/y z]: test");
    }
}
RUST
# The target accepts connections, counts them and says nothing.
port_file=$crate/port connections=$crate/connections
: >"$connections"
rm -f "$port_file"
python3 - "$port_file" "$connections" <<'PY' &
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[1] + ".tmp", "w") as f:
    f.write(str(listener.getsockname()[1]))
os.rename(sys.argv[1] + ".tmp", sys.argv[1])
while True:
    connection, _ = listener.accept()
    with open(sys.argv[2], "a") as f:
        f.write("x\n")
    connection.close()
PY
counter=$!
trap 'kill $counter 2>/dev/null || true' EXIT
for _ in $(seq 100); do [ -s "$port_file" ] && break; sleep 0.1; done
port=$(cat "$port_file")

cat >"$crate/suites/verdicts.yaml" <<YAML
target: { url: "sim://" }
defaults:
  kind: latency
  load: { concurrency: 1 }
  requests: 10
  warmup: 0s
  prompts: { type: synthetic, input_tokens: 8, output_tokens: 4 }
scenarios:
  - { name: passes, sla: [ttft.p50 < 30s] }
  - { name: fails, sla: [ttft.p50 > 30s] }
  - { name: undecided, undecided: warn, sla: [ttft.p99 < 30s] }
  - name: errs
    target: { url: "http://127.0.0.1:$port/v1", model: m, ready: { timeout: 1s } }
    sla: [ttft.p50 < 30s]
YAML
cat >"$crate/suites/broken.yaml" <<'YAML'
target: { url: "sim://" }
scenarios:
  - { name: a, kind: latency, load: { rate: 20 }, sla: [ttft.p50 < 1s] }
YAML
sed "s/binary(=suites)/binary(=suites) | binary(=in_code)/" "$repo/.config/nextest.toml" >"$crate/.config/nextest.toml"
cat >>"$crate/.config/nextest.toml" <<'TOML'

# Without the group and without a slot for each: only prony's own locks keep cases apart.
[profile.side-by-side]
fail-fast = false
[[profile.side-by-side.overrides]]
filter = 'all()'
test-group = '@global'
threads-required = 1
TOML

cd "$crate"
rm -rf results
suites='binary(=suites) | binary(=in_code)'

echo "--- listing touches nothing"
listed=$(cargo nextest list -E "$suites" --message-format oneline)
for name in 'perf::suites suites/broken.yaml::loads' 'perf::suites verdicts::passes' 'perf::suites verdicts::errs' 'perf::in_code in-code::holds'; do
  grep -qxF "$name" <<<"$listed" || fail "not listed: $name in: $listed"
done
[ "$(wc -l <<<"$listed")" = 7 ] || fail "not 7 cases: $listed"
[ ! -e results ] || fail "listing made a results folder"
[ ! -s "$connections" ] || fail "listing touched the network"

echo "--- every case in a process of its own, one results folder"
code=0
cargo nextest run --profile ci -E "$suites" >"$crate/out" 2>&1 || code=$?
cat "$crate/out"
[ "$code" = 100 ] || fail "nextest ended with $code, not with 100"
[ -s "$connections" ] || fail "the case with a target of its own did not reach it"
python3 "$repo/tests/harness/agree.py" results target/nextest/ci/junit.xml

echo "--- the printed command runs that case again"
command=$(grep -oF "cargo nextest run -E 'test(=verdicts::fails)'" results/latest/junit.xml | head -n 1)
[ -n "$command" ] || fail "no command in the report"
code=0
bash -c "$command" >"$crate/again" 2>&1 || code=$?
grep -q "1 test run: 0 passed, 1 failed" "$crate/again" || { cat "$crate/again"; fail "the printed command did not run that one case"; }

echo "--- names that a filterset gives a meaning to"
escaped='odd::case[k=(a\)\,b=\\d\,c=x/y z]'
[ "$(cargo nextest list -E "test(=$escaped)" --message-format oneline)" = 'perf::names odd::case[k=(a),b=\d,c=x/y z]' ] || fail "the escaped name is not found"

echo "--- side by side, kept apart by locks"
# In real time: what is computed in virtual time waits for nobody.
PRONY_VIRTUAL=0 cargo nextest run --profile side-by-side -j 4 -E "$suites" --success-output final >"$crate/side" 2>&1 || true
grep -q "is being measured by somebody else" "$crate/side" || { cat "$crate/side"; fail "nobody waited"; }
python3 "$repo/tests/harness/agree.py" results

echo "--- a filter without a match is no failure"
rm -rf results
cargo test --quiet --test suites -- nothing-is-called-that || fail "exit code $?"
[ ! -e results ] || fail "nothing ran, and there is a results folder"
echo "--- the example crate"
rm -rf "$crate/example"
cp -r "$repo/examples/harness" "$crate/example"
sed -i "s|path = \"../..\"|path = \"$repo\"|" "$crate/example/Cargo.toml"
printf '[profile.dev]\ndebug = "line-tables-only"\n' >>"$crate/example/Cargo.toml"
cp "$repo/Cargo.lock" "$crate/example/Cargo.lock"
cd "$crate/example"
cargo test --quiet || fail "the example crate: exit code $?"
[ -s results/latest/junit.xml ] || fail "the example crate leaves no results"
echo "nextest.sh: ok"
