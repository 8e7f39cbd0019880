// The same app by TypeScript's SDK, with its calls noted as noting.py does. MODULES: the folder with node_modules.
import { createRequire } from "node:module";
import { createServer } from "node:http";

const require = createRequire(`${process.env.MODULES}/`);
const { Inngest } = require("inngest");
const { serve } = require("inngest/node");

const LONGEST = 2_000; // ms that `GET /notes` waits at most
const silent = { info() {}, warn() {}, error() {}, debug() {} };
const client = new Inngest({ id: "bench", isDev: true, logger: silent });
const steps = client.createFunction(
  { id: "steps", retries: 0, triggers: [{ event: "bench/steps" }] },
  async ({ event, step }) => {
    const count = event.data.count;
    for (let index = 0; index < count; index++) await step.run(`step-${index}`, async () => index);
    return count;
  },
);
const handle = serve({ client, functions: [steps], servePath: "/api/inngest" });

let calls = [];
let ended = 0;
let changed = () => {};
const now = () => Number(process.hrtime.bigint()) / 1e9; // seconds of the monotonic clock

async function tell(wanted, response) {
  const until = now() + LONGEST / 1000;
  while (ended < wanted && now() < until) {
    await new Promise((resolve) => {
      changed = resolve;
      setTimeout(resolve, until * 1000 - now() * 1000).unref();
    });
  }
  const told = JSON.stringify({ calls, ended });
  [calls, ended] = [[], 0];
  response.setHeader("content-type", "application/json");
  response.end(told);
}

function note(request, response) {
  const came = now();
  let complete = false;
  for (const name of ["write", "end"]) {
    const original = response[name].bind(response);
    response[name] = (chunk, ...rest) => {
      complete ||= chunk !== undefined && String(chunk).includes('"RunComplete"');
      return original(chunk, ...rest);
    };
  }
  response.on("finish", () => {
    calls.push([request.headers["x-run-id"] ?? "", came, now()]);
    ended += complete || response.statusCode === 200;
    changed();
  });
  handle(request, response);
}

const server = createServer((request, response) => {
  const { pathname, search } = new URL(request.url, "http://app");
  if (pathname === "/notes") tell(Number(search.slice(1)), response);
  else if (request.method === "POST") note(request, response);
  else handle(request, response);
});
server.listen(0, "127.0.0.1", () =>
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}`, pid: process.pid })),
);
