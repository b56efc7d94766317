"""Holds the lengths of prompts from `prompts_jsonl` against Python's transformers.

    prompts_jsonl tokenizer.json | count.py tokenizer.json [LEAST_OF_EACH]
"""

import collections
import json
import sys

from transformers import PreTrainedTokenizerFast

tokenizer = PreTrainedTokenizerFast(tokenizer_file=sys.argv[1])
least = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
prompts, wrong = collections.Counter(), []
for line in sys.stdin:
    prompt = json.loads(line)
    prompts[prompt["of"]] += 1
    counted = len(tokenizer(prompt["text"], add_special_tokens=False)["input_ids"])
    if counted != prompt["tokens"]:
        wrong.append(f"{prompt['of']}: {prompt['tokens']} planned, {counted} counted: {prompt['text'][:60]}…")
print(f"{sys.argv[1]}: {sum(prompts.values())} prompts counted, {len(wrong)} of another length; {dict(prompts)}")
print("\n".join(wrong[:5]))
sys.exit(bool(wrong) or len(prompts) < 8 or min(prompts.values()) < least)
