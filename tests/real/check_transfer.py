"""Holds vLLM's account of where prompts came from against what was sent: RESULTS_FOLDER."""

import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
case = json.loads((folder / "summary.json").read_text())["cases"][0]
failures = [] if case["verdict"] == "pass" else [f"verdict {case['verdict']}"]


def check(what, holds):
    print(("ok      " if holds else "FAILED  ") + what)
    if not holds:
        failures.append(what)


for phase in case["phases"]:
    name = phase["name"]
    told = {key: value["value"] for key, value in phase["metrics"].items() if "value" in value}
    prompts = told["server_prompt_tokens"]
    computed, handed = told["prompt_tokens_computed"], told["prompt_tokens_transferred"]
    check(f"{name}: {computed:.0f} computed and {handed:.0f} transferred are the {prompts:.0f} of all prompts", abs(computed + handed - prompts) <= 0.02 * prompts)
    check(f"{name}: transferred, or computed, but for a token each", (handed if name == "decode" else computed) > 0.98 * prompts)
    # vLLM's answers call what was handed over cached: that is no hit, and no ratio is made of it.
    check(f"{name}: cached_token_ratio is {told.get('cached_token_ratio')}", ("cached_token_ratio" in told) == (name == "whole"))
sys.exit(bool(failures))
