// What VS Code's YAML language server makes of docs/suite.schema.json: it flags a typing error at its
// line, completes keys and values, and has nothing against good suites.
//
//   node tests/tools/yaml_ls.mjs PATH/TO/node_modules/yaml-language-server SUITE…
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const [server, ...suites] = process.argv.slice(2);
const binary = join(server ?? "", "bin/yaml-language-server");
if (!server || !existsSync(binary)) {
  console.error("usage: node yaml_ls.mjs PATH/TO/node_modules/yaml-language-server SUITE…");
  process.exit(2);
}
const schema = pathToFileURL(join(root, "docs/suite.schema.json")).href;
const modeline = `# yaml-language-server: $schema=${schema}\n`;

// --- JSON-RPC over stdio ---------------------------------------------------------------------------
const child = spawn(process.execPath, [binary, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
const waiting = new Map();
const diagnostics = new Map();
let next = 1;
let buffer = Buffer.alloc(0);

function send(message) {
  const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
  child.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
  child.stdin.write(body);
}

function request(method, params) {
  const id = next++;
  send({ id, method, params });
  return new Promise((done, failed) => waiting.set(id, { done, failed }));
}

function take(message) {
  if (message.id !== undefined && message.method === undefined) {
    const { done, failed } = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) failed(new Error(message.error.message));
    else done(message.result);
  } else if (message.id !== undefined) {
    // The server asks for its settings, or wants something registered.
    const items = message.params?.items ?? [];
    const asked = message.method === "workspace/configuration";
    send({ id: message.id, result: asked ? items.map((i) => settings[i.section] ?? null) : null });
  } else if (message.method === "textDocument/publishDiagnostics") {
    const { uri } = message.params;
    diagnostics.get(uri)?.(message.params.diagnostics);
  }
}

child.stdout.on("data", (piece) => {
  buffer = Buffer.concat([buffer, piece]);
  for (;;) {
    const head = buffer.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, head).toString())[1]);
    if (buffer.length < head + 4 + length) return;
    const body = buffer.subarray(head + 4, head + 4 + length).toString();
    buffer = buffer.subarray(head + 4 + length);
    take(JSON.parse(body));
  }
});

const settings = {
  yaml: { validate: true, completion: true, hover: true, schemaStore: { enable: false } },
  http: {},
  "[yaml]": {},
  editor: {},
  files: {},
};

let documents = 0;

/** Opens `text` below the line that names the schema; what the server has to say of it. */
function open(text) {
  const uri = `file:///project/suite-${documents++}.yaml`;
  const heard = new Promise((done) => diagnostics.set(uri, done));
  send({
    method: "textDocument/didOpen",
    params: { textDocument: { uri, languageId: "yaml", version: 1, text: modeline + text } },
  });
  return { uri, heard };
}

/** The labels offered where `|` stands in `text`. */
async function offered(text) {
  const at = text.indexOf("|");
  const { uri } = open(text.slice(0, at) + text.slice(at + 1));
  const before = text.slice(0, at).split("\n");
  const position = { line: before.length, character: before.at(-1).length };
  const answer = await request("textDocument/completion", { textDocument: { uri }, position });
  return (answer.items ?? answer).map((item) => item.label);
}

let checked = 0;
function check(what, holds, otherwise) {
  checked += 1;
  if (holds) console.log(`ok: ${what}`);
  else {
    console.error(`FAILED: ${what}\n  ${JSON.stringify(otherwise, null, 1)}`);
    process.exitCode = 1;
  }
}

const HEAD = `suite: chat
target: { url: "sim://" }
scenarios:
  - name: steady
    kind: latency
    load: { rate: 20/s }
    prompts: { type: synthetic, input_tokens: 200, output_tokens: 50 }
`;

/** The server's remarks on `text`, as [line counted from 1 in \`text\`, message]. */
async function remarks(text) {
  const found = await open(text).heard;
  return found.map((d) => [d.range.start.line, d.message]);
}

async function main() {
  await request("initialize", {
    processId: process.pid,
    rootUri: null,
    capabilities: { textDocument: { completion: { completionItem: { snippetSupport: true } } }, workspace: { configuration: true } },
  });
  send({ method: "initialized", params: {} });
  send({ method: "workspace/didChangeConfiguration", params: { settings } });

  const good = await remarks(`${HEAD}    sla: [ttft.p99 < 500ms]\n`);
  check("a good suite has no remarks", good.length === 0, good);

  for (const [what, line, lineNumber] of [
    ["an unknown key", "    slaa: [ttft.p99 < 500ms]\n", 8],
    ["a rate without unit", "    sla: [ttft.p99 < 1s]\n  - { name: b, load: { rate: 20 } }\n", 9],
    ["a kind that there is not", "    sla: [ttft.p99 < 1s]\n  - name: b\n    kind: latencey\n", 10],
    ["a key of another place", "    sla: [ttft.p99 < 1s]\n    concurrency: 8\n", 9],
  ]) {
    const found = await remarks(HEAD + line);
    check(`${what} is flagged in line ${lineNumber}`, found.some(([at]) => at === lineNumber), found);
  }

  for (const [what, text, wanted] of [
    ["keys of a scenario", `${HEAD}    |`, ["sla", "measure_only", "duration", "warmup", "repeats"]],
    ["keys of a target", "target:\n  |", ["url", "api", "model", "auth"]],
    ["keys of a load", "scenarios:\n  - name: a\n    load:\n      |", ["concurrency", "rate", "stages"]],
    ["kinds", "scenarios:\n  - name: a\n    kind: |", ["latency", "throughput"]],
    ["types of prompts", "defaults:\n  prompts:\n    type: |", ["synthetic", "file"]],
  ]) {
    const labels = await offered(text);
    check(`${what} are offered`, wanted.every((w) => labels.includes(w)), { wanted, labels });
  }

  const { uri, heard } = open(HEAD);
  await heard;
  const hover = await request("textDocument/hover", { textDocument: { uri }, position: { line: 6, character: 5 } });
  check("a key is described", JSON.stringify(hover ?? "").includes("How requests are sent"), hover);

  const folder = join(root, "suites");
  const named = suites.length > 0 ? suites : readdirSync(folder).filter((f) => f.endsWith(".yaml")).map((f) => join(folder, f));
  for (const file of named) {
    const found = await remarks(readFileSync(file, "utf8"));
    check(`${file} has no remarks`, found.length === 0, found);
  }
  console.log(`${checked} checks`);
}

const late = setTimeout(() => {
  console.error("FAILED: no answer within 60 s");
  process.exit(1);
}, 60_000);
try {
  await main();
} catch (error) {
  console.error(`FAILED: ${error.stack}`);
  process.exitCode = 1;
}
clearTimeout(late);
child.kill();
