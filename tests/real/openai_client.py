"""The official `openai` client against an OpenAI-compatible server: BASE_URL.

Chat and completions, streamed and not, models, and what the client makes of errors.
"""

import sys

import openai

base = sys.argv[1]
client = openai.OpenAI(base_url=base, api_key="none", max_retries=0, timeout=30)
problems = []


def check(holds, text):
    print(("ok    " if holds else "WRONG ") + text)
    if not holds:
        problems.append(text)


models = client.models.list().data
model = models[0].id
check(len(models) >= 1 and models[0].object == "model", f"models.list: {model}")

messages = [
    {"role": "system", "content": "You are terse."},
    {"role": "user", "content": "Say seven words."},
]
whole = client.chat.completions.create(model=model, messages=messages, max_tokens=7, seed=1)
choice = whole.choices[0]
check(choice.message.role == "assistant" and bool(choice.message.content), "chat: a message")
check(choice.finish_reason == "length", f"chat: finish_reason {choice.finish_reason}")
check(whole.usage.completion_tokens == 7, f"chat: usage {whole.usage}")
check(
    whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens,
    "chat: the total is the sum",
)

text, finish, usage, roles = "", [], [], []
stream = client.chat.completions.create(
    model=model, messages=messages, max_tokens=7, stream=True, stream_options={"include_usage": True}
)
pieces = 0
for chunk in stream:
    for choice in chunk.choices:
        roles.append(choice.delta.role)
        finish.append(choice.finish_reason)
        if choice.delta.content:
            text += choice.delta.content
            pieces += 1
    if chunk.usage:
        usage.append(chunk.usage)
check(pieces == 7, f"chat stream: {pieces} pieces of text")
check("assistant" in roles, "chat stream: the role is said")
check([f for f in finish if f] == ["length"], f"chat stream: finish_reason {finish[-1]}")
check(len(usage) == 1 and usage[0].completion_tokens == 7, f"chat stream: usage {usage}")

whole = client.completions.create(model=model, prompt="one two three", max_tokens=5)
check(bool(whole.choices[0].text), "completions: a text")
check(whole.usage.prompt_tokens == 3 and whole.usage.completion_tokens == 5, f"completions: usage {whole.usage}")

pieces, finish = 0, []
for chunk in client.completions.create(model=model, prompt="one two three", max_tokens=5, stream=True):
    for choice in chunk.choices:
        pieces += bool(choice.text)
        finish.append(choice.finish_reason)
check(pieces == 5, f"completions stream: {pieces} pieces of text")
check([f for f in finish if f] == ["length"], "completions stream: finish_reason")

# A prompt that was answered before is found again, and `usage` says so where the client looks for it.
long = " ".join(["brake"] * 200)
for expected in (0, 192):
    seen = client.completions.create(model=model, prompt=long, max_tokens=1).usage
    cached = seen.prompt_tokens_details.cached_tokens if seen.prompt_tokens_details else None
    check(cached == expected, f"completions: {cached} cached tokens")

try:
    client.chat.completions.create(model="no-such-model", messages=messages)
    check(False, "an unknown model is an error")
except openai.NotFoundError as error:
    check("no-such-model" in str(error), f"an unknown model: {error}")
try:
    client.chat.completions.create(model=model, messages=[])
    check(False, "no messages are an error")
except openai.BadRequestError as error:
    check(error.status_code == 400, f"no messages: {error}")

with client.chat.completions.create(model=model, messages=messages, max_tokens=2000, stream=True) as stream:
    next(iter(stream))
print("left a stream in its middle")

print(f"{'FAILED' if problems else 'passed'}: {len(problems)} of the checks with the openai client do not hold")
sys.exit(bool(problems))
