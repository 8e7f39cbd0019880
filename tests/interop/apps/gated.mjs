// Functions behind flow control, and its kin, in TypeScript's SDK.

const PATIENCE = 20_000; // in which a run of another key has to come, if slots are counted by key
const later = (ms) => new Promise((done) => setTimeout(done, ms));

const told = ({ events }) => events.map((event) => event.data.n);
const napped = async ({ event, events, step }) => {
  if (event.data.nap) await step.sleep("nap", event.data.nap);
  return told({ events });
};

const within = new Map();
const met = async (key) => {
  within.set(key, (within.get(key) ?? 0) + 1);
  let alone = within.get(key) === 1;
  for (const until = Date.now() + PATIENCE; within.size < 2 && Date.now() < until; ) await later(20);
  await later(200);
  alone &&= within.get(key) === 1;
  within.set(key, within.get(key) - 1);
  return alone && within.size === 2;
};

const gated = {
  throttle: [told, { throttle: { limit: 1, period: "1s" } }],
  debounce: [told, { debounce: { period: "1s", key: "event.data.key" } }],
  "rate-limit": [told, { rateLimit: { limit: 1, period: "1h", key: "event.data.key" } }],
  "singleton-skip": [napped, { singleton: { mode: "skip", key: "event.data.key" } }],
  "singleton-cancel": [napped, { singleton: { mode: "cancel", key: "event.data.key" } }],
  priority: [told, { priority: { run: "event.data.priority" }, concurrency: { limit: 1 } }],
  concurrency: [
    async ({ event, events, step }) => [...told({ events }), await step.run("met", () => met(event.data.key))],
    { concurrency: { limit: 1, key: "event.data.key" } },
  ],
  idempotency: [told, { idempotency: "event.data.key" }],
  batch: [told, { batchEvents: { maxSize: 3, timeout: "1s" } }],
  cron: [({ event }) => [event.name, event.data.cron], { triggers: [{ cron: "* * * * *" }] }],
  "on-failure": [
    ({ fails }) => fails("broken"),
    { onFailure: ({ event }) => [event.data.event.data.n, event.data.error.message] },
  ],
  cancel: [napped, { cancelOn: [{ event: "test/stop", if: "event.data.key == async.data.key" }] }],
  "start-timeout": [told, { timeouts: { start: "2s" }, throttle: { limit: 1, period: "1h" } }],
  "finish-timeout": [napped, { timeouts: { finish: "2s" } }],
};

const deferring = (client, { createDefer }) => {
  const deferred = createDefer(client, { id: "deferred", retries: 0 }, told);
  const options = { id: "defers", retries: 0, triggers: [{ event: "test/defers" }] };
  const defers = client.createFunction(options, ({ event, events, defer }) => {
    const made = defer("later", { function: deferred, data: event.data });
    if (event.data.key === "taken back") made.abort();
    return told({ events });
  });
  return [deferred, defers];
};

/** All of them, as functions of a client. */
export const functions = (client, { NonRetriableError }, experimental) => [
  ...deferring(client, experimental),
  ...Object.entries(gated).map(([id, [handler, options]]) =>
    client.createFunction({ id, retries: 0, triggers: [{ event: `test/${id}` }], ...options }, async (context) => {
      const fails = (text) => {
        throw new NonRetriableError(text);
      };
      return handler({ ...context, fails });
    }),
  ),
];
