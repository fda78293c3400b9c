/**
 * A child process: the official npm client answers what is asked, a JSON line each.
 *
 * `client.mjs URL FOLDER`, where FOLDER has the packages convex and ws; a line in is
 * `{"kind", "path", "args"}`, a line out `{"value"}` or `{"error"}`.
 */
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [url, folder] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { ConvexClient } = require("convex/browser");
const { makeFunctionReference } = require("convex/server");

const client = new ConvexClient(url, { webSocketConstructor: require("ws"), logger: false });
const plain = (_, value) => (typeof value === "bigint" ? Number(value) : value);

for await (const line of createInterface({ input: process.stdin })) {
  const { kind, path, args } = JSON.parse(line);
  let told;
  try {
    told = { value: await client[kind](makeFunctionReference(path), args) };
  } catch (error) {
    told = { error: String(error) };
  }
  console.log(JSON.stringify(told, plain));
}
