// A function whose outputs middleware encrypts, as `sealed.py` does, in TypeScript's SDK.
import { createHash } from "node:crypto";

const KEY = Buffer.from("key of the tests");

const crossed = (text) => {
  const block = (n) => createHash("sha256").update(Buffer.concat([KEY, Buffer.from([n])])).digest();
  const blocks = Array.from({ length: Math.floor(text.length / 32) + 1 }, (_, n) => block(n));
  const stream = Buffer.concat(blocks);
  return Buffer.from(text.map((one, n) => one ^ stream[n]));
};
const seal = (value) => ({ sealed: crossed(Buffer.from(JSON.stringify(value))).toString("base64") });
const unseal = (value) =>
  value?.sealed === undefined ? value : JSON.parse(crossed(Buffer.from(value.sealed, "base64")).toString());

/** The one, as a function of a client that has not been asked to seal: the function does. */
export const functions = (client, { Middleware }) => {
  class Sealed extends Middleware.BaseMiddleware {
    id = "sealed";
    wrapStepHandler = async ({ next }) => seal(await next());
    wrapStep = async ({ next }) => unseal(await next());
    wrapFunctionHandler = async ({ next }) => seal(await next());
  }
  const options = { id: "planned", retries: 0, triggers: [{ event: "test/started" }], middleware: [Sealed] };
  return [
    client.createFunction(options, async ({ step }) => {
      const plan = await step.run("plan", () => "attack at dawn");
      const order = await step.run("order", () => ({ order: `${plan}, by sea` }));
      return [plan, order.order];
    }),
  ];
};
