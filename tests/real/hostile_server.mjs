// A server that tries to break out of whatever shows what it says: as the name of its model, in the text
// of its answers, as their finish reason, and in its errors (every second request).
//   node hostile_server.mjs PORT_FILE
import { createServer } from "node:http";
import { writeFileSync } from "node:fs";

const words = `</script><img src=x onerror="alert(1)"><svg onload=alert(2)>`;
let asked = 0;
const server = createServer((request, response) => {
  const json = (status, value) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(value));
  };
  if (request.url.endsWith("/models")) return json(200, { object: "list", data: [{ id: words, object: "model" }] });
  if (request.method !== "POST") return json(404, { error: { message: words } });
  request.resume();
  request.on("end", () => {
    asked += 1;
    if (asked % 2 === 0) return json(500, { error: { message: words, type: words } });
    response.writeHead(200, { "content-type": "text/event-stream" });
    const event = (choice) => response.write(`data: ${JSON.stringify({ id: words, model: words, choices: [{ index: 0, ...choice }] })}\n\n`);
    event({ delta: { role: "assistant", content: words }, finish_reason: null });
    event({ delta: { content: words }, finish_reason: words });
    response.end("data: [DONE]\n\n");
  });
});
server.listen(0, "127.0.0.1", () => writeFileSync(process.argv[2], String(server.address().port)));
