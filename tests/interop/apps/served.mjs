// An app in TypeScript's SDK: serves the programs of the scenarios. It prints its URL as soon as it listens.
// MODULES: the folder with node_modules. CHECKPOINTING: "0" turns it off.
// PROGRAMS: a module beside this one whose functions are served instead.
import { createRequire } from "node:module";
import { createServer } from "node:http";

const require = createRequire(`${process.env.MODULES}/`);
const sdk = require("inngest");
const { Inngest, NonRetriableError, RetryAfterError, openai } = sdk;
const { serve } = require("inngest/node");

class Flaky extends Error {
  constructor(message) {
    super(message);
    this.name = "Flaky";
  }
}

const silent = { info() {}, warn() {}, error() {}, debug() {} };
const client = new Inngest({
  id: "app",
  isDev: !process.env.INNGEST_SIGNING_KEY,
  logger: silent,
  ...(process.env.CHECKPOINTING === "0" ? { checkpointing: false } : {}),
});

const functions = [];
const program = (id, retries, handler) => {
  const made = client.createFunction({ id, retries, triggers: [{ event: "test/started" }] }, handler);
  functions.push(made);
  return made;
};
const bad = () => {
  throw new Flaky("no");
};
const chain = async (step, name) => [await step.run(`${name}1`, () => 1), await step.run(`${name}2`, () => 1)];

const steps = program("steps", 0, async ({ step }) => {
  const first = await step.run("a", () => 1);
  const second = await step.run("b", (number, more) => number + more, first, 1);
  return { sum: first + second, text: "é\u2028😀" };
});
program("values", 0, async ({ event, step }) => step.run("same", () => event.data));
program("loop", 0, async ({ step }) => {
  const found = [];
  for (let number = 0; number < 3; number++) found.push(await step.run("s", () => number + 10));
  return found;
});
program("retried", 2, async ({ step, attempt }) => {
  const found = await step.run("flaky", () => {
    if (attempt < 2) throw new Flaky("not yet");
    return `attempt ${attempt}`;
  });
  await step.run("after", () => 1);
  return found;
});
program("exhausted", 1, async ({ step }) => {
  try {
    await step.run("bad", bad);
  } catch {
    await step.run("after", () => 1);
    return "caught";
  }
  return "not caught";
});
program("uncaught", 1, async ({ step }) => {
  await step.run("a", () => 1);
  return step.run("bad", bad);
});
const final = program("final", 3, async () => {
  throw new NonRetriableError("stop");
});
program("final-step", 3, async ({ step }) => {
  await step.run("stop", () => {
    throw new NonRetriableError("stop");
  });
  return "not stopped";
});
program("body-retried", 1, async ({ step, attempt }) => {
  const found = await step.run("a", () => 1);
  if (attempt === 0) throw new Flaky("not yet");
  return found;
});
program("paused", 1, async ({ attempt }) => {
  if (attempt === 0) throw new RetryAfterError("later", 90_000);
  return "ok";
});
program("naps", 0, async ({ step }) => {
  await step.sleep("nap", "1h");
  return step.run("after", () => 1);
});
program("naps-until", 0, async ({ step }) => {
  await step.sleepUntil("nap", new Date(Date.now() + 86_400_000));
  return step.run("after", () => 1);
});
program("waits", 0, async ({ step }) => {
  const found = await step.waitForEvent("answer", { event: "test/answer", timeout: "7d", if: "async.data.x == 42" });
  return found === null ? null : found.data.x;
});
program("calls", 0, async ({ step }) => step.invoke("child", { function: steps, data: { a: 1 } }));
program("calls-failing", 0, async ({ step }) => {
  try {
    await step.invoke("child", { function: final, timeout: "1d" });
  } catch {
    return "caught";
  }
  return "not caught";
});
program("together", 0, async ({ step }) => {
  const found = await Promise.all([0, 1, 2].map((number) => step.run(`p${number}`, () => number)));
  return [...found, await step.run("z", () => 3)];
});
program("mixed", 0, async ({ step }) =>
  Promise.all([
    step.sleep("nap", "1m").then(() => "napped"),
    step.waitForEvent("answer", { event: "test/answer", timeout: "1d" }).then((e) => (e ? "answered" : "nothing")),
    step.run("p", () => 1).then((one) => `ran ${one}`),
  ]),
);
program("chains", 0, async ({ step }) => {
  const found = await Promise.all([chain(step, "a"), chain(step, "b")]);
  return [...found, await step.run("z", () => 1)];
});
program("failing-together", 1, async ({ step }) =>
  Promise.all([step.run("bad", bad).then(() => "not caught", () => "caught"), step.run("p", () => 1)]),
);
program("sends", 0, async ({ step }) => {
  const sent = await step.sendEvent("send", [0, 1].map((n) => ({ name: "test/sent", data: { n } })));
  return sent.ids.length;
});
program("large", 0, async ({ step }) => {
  const found = [];
  for (const letter of "abc") found.push(await step.run(`large ${letter}`, () => letter.repeat(1_700_000)));
  return found.map((one) => one.length);
});
program("asks", 0, async ({ event, step }) => {
  const baseUrl = event.data.url ?? "http://model.example/v1";
  const model = openai({ model: "m", apiKey: "secret", baseUrl });
  return (await step.ai.infer("ask", { model, body: { messages: [] } })).answer;
});
program("signals", 0, async ({ step }) => {
  const found = await step.waitForSignal("signal", { signal: "go", timeout: "1d" });
  return found === null ? null : found.data;
});
program("fetches", 0, async ({ event, step }) => {
  const found = await step.fetch(event.data.url ?? "http://fetched.example/x", { method: "POST", body: "b" });
  return found.status;
});

if (process.env.PROGRAMS) {
  const others = await import(`./${process.env.PROGRAMS}.mjs`);
  functions.splice(0, functions.length, ...others.functions(client, sdk, require("inngest/experimental")));
}
const server = createServer(serve({ client, functions, servePath: "/api/inngest" }));
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/api/inngest`));
