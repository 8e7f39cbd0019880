// The canonical form of each line of JSON, as JSON texts, by the library that the SDK for TypeScript signs with.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const canonicalize = createRequire(`${process.env.MODULES}/`)("canonicalize");
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(canonicalize(JSON.parse(line))));
}
