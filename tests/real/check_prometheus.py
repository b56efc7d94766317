"""What a Prometheus server made of the engine's /metrics: PROMETHEUS_URL ENGINE_BASE_URL.

Waits for a scrape, sends load, waits for another, and holds the values that Prometheus stored against
what was sent.
"""

import json
import sys
import threading
import time
import urllib.parse
import urllib.request

prometheus, engine = sys.argv[1:3]
problems = []


def check(holds, text):
    print(("ok    " if holds else "WRONG ") + text)
    if not holds:
        problems.append(text)


def query(expression):
    """The values of an instant query, by their labels."""
    url = f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        found = json.load(answer)
    assert found["status"] == "success", found
    return [(r["metric"], float(r["value"][1])) for r in found["data"]["result"]]


def value(expression):
    found = query(expression)
    return found[0][1] if len(found) == 1 else None


def until(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    check(False, f"{what} within {seconds} s")
    return False


def ask(prompt, tokens):
    body = json.dumps({"prompt": prompt, "max_tokens": tokens, "stream": False}).encode()
    request = urllib.request.Request(f"{engine}/completions", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["usage"]


until("a scrape", lambda: value("up") == 1)
check(value("up") == 1, "the engine is up")
before = value("sum(vllm:generation_tokens_total)") or 0

# Long answers, so that a scrape sees them running; four of one prompt, so that the cache has hits.
usages = []
threads = [threading.Thread(target=lambda: usages.append(ask("brake " * 100, 300))) for _ in range(4)]
for thread in threads:
    thread.start()
check(
    until("four requests running", lambda: value("sum(vllm:num_requests_running)") == 4),
    "vllm:num_requests_running is seen at 4",
)
for thread in threads:
    thread.join()
usages += [ask("brake " * 100, 1) for _ in range(2)]
tokens = sum(u["completion_tokens"] for u in usages)
until(
    "all tokens counted",
    lambda: value("sum(vllm:generation_tokens_total)") == before + tokens,
)
check(value("sum(vllm:num_requests_running)") == 0, "vllm:num_requests_running is 0 again")
check(value("sum(vllm:num_requests_waiting)") == 0, "vllm:num_requests_waiting")
usage = value("sum(vllm:kv_cache_usage_perc)")
check(usage is not None and 0 <= usage <= 1, f"vllm:kv_cache_usage_perc: {usage}")
for name in (
    "time_to_first_token_seconds",
    "inter_token_latency_seconds",
    "e2e_request_latency_seconds",
):
    count = value(f"sum(vllm:{name}_count)")
    inf = value(f'sum(vllm:{name}_bucket{{le="+Inf"}})')
    total = value(f"sum(vllm:{name}_sum)")
    check(count is not None and count > 0 and count == inf, f"vllm:{name}: count {count}, +Inf bucket {inf}")
    p50 = value(f"histogram_quantile(0.5, sum by (le) (vllm:{name}_bucket))")
    check(p50 is not None and 0 < p50 < 60 and total > 0, f"vllm:{name}: histogram_quantile(0.5) is {p50}")
check(
    value("sum(vllm:time_to_first_token_seconds_count)") >= len(usages),
    "every request has a time to first token",
)
queries = value("sum(vllm:prefix_cache_queries_total)")
hits = value("sum(vllm:prefix_cache_hits_total)")
check(queries is not None and queries >= 600, f"vllm:prefix_cache_queries_total: {queries}")
check(hits is not None and 0 < hits < queries, f"vllm:prefix_cache_hits_total: {hits}")
for name, kind in (
    ("vllm:num_requests_running", "gauge"),
    ("vllm:time_to_first_token_seconds", "histogram"),
    ("vllm:generation_tokens", "counter"),
    ("vllm:generation_tokens_total", "counter"),
):
    with urllib.request.urlopen(f"{prometheus}/api/v1/targets/metadata?metric={name}", timeout=10) as answer:
        types = {entry["type"] for entry in json.load(answer)["data"]}
    if types:
        check(types == {kind}, f"{name} is a {kind}: {types}")

print(f"{'FAILED' if problems else 'passed'}: {len(problems)} of the checks with Prometheus do not hold")
sys.exit(bool(problems))
