// Durable endpoints in TypeScript's SDK: each path is one. It prints its URL as soon as it listens.
// MODULES: the folder with node_modules. PORT: where to listen. DIED: a file that says that it has died once.
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { existsSync, writeFileSync } from "node:fs";

const require = createRequire(`${process.env.MODULES}/`);
const { Inngest, NonRetriableError, step } = require("inngest");
const { endpointAdapter, serveEndpoint } = require("inngest/node");

const silent = { info() {}, warn() {}, error() {}, debug() {} };
const client = new Inngest({
  id: "app",
  isDev: !process.env.INNGEST_SIGNING_KEY,
  logger: silent,
  endpointAdapter: endpointAdapter.withOptions(JSON.parse(process.env.OPTIONS ?? "{}")),
});

let flaky = 0;
const handlers = {
  "/steps": async (req) => {
    const first = await step.run("a", () => 1);
    const second = await step.run("b", () => first + 1);
    return Response.json({ sum: first + second, query: new URL(req.url).search }, { status: 201 });
  },
  "/naps": async () => {
    const first = await step.run("a", () => 1);
    await step.sleep("nap", "1m");
    return Response.json({ sum: first + (await step.run("b", () => 2)) });
  },
  "/flaky": async () => {
    const found = await step.run("flaky", () => {
      if (flaky++ === 0) throw new Error("not yet");
      return "ok";
    });
    return new Response(`${found}, as text`);
  },
  "/final": async () => {
    await step.run("stop", () => {
      throw new NonRetriableError("stop");
    });
  },
  "/broken": async () => {
    throw new Error("broken");
  },
  "/together": async () => Response.json(await Promise.all([0, 1, 2].map((n) => step.run(`p${n}`, () => n)))),
  "/waits": async () => {
    const found = await step.waitForEvent("answer", { event: "test/answer", timeout: "1h" });
    return Response.json(found === null ? null : found.data);
  },
  "/dies": async () => {
    const first = await step.run("a", () => 1);
    const second = await step.run("b", () => {
      if (!existsSync(process.env.DIED)) {
        writeFileSync(process.env.DIED, "");
        process.exit(1);
      }
      return 2;
    });
    return Response.json({ sum: first + second });
  },
};

const endpoints = Object.fromEntries(
  Object.entries(handlers).map(([path, handler]) => [path, serveEndpoint(client.endpoint(handler))]),
);
const server = createServer((request, response) => endpoints[request.url.split("?")[0]](request, response));
server.listen(Number(process.env.PORT ?? 0), "127.0.0.1", () =>
  console.log(`http://127.0.0.1:${server.address().port}`),
);
