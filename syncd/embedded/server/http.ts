/** The HTTP API of a deployment: functions, identification, CORS. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Outage, messageOf } from "./failure.ts";
import { callerOf } from "./identity.ts";
import { LIMITS } from "./limits.ts";
import { download, isTransfer, upload } from "./transfer.ts";
import { formatNamed, restyle, type Format, type Style } from "./wire.ts";
import { base64OfInteger, type Encoded, type EncodedObject } from "./values.ts";
import type { Outcome } from "./outcome.ts";
import type { Backend, RunQuery } from "./backend.ts";
import type { Caller } from "./frame.ts";
import type { Kind } from "./functions.ts";
import type { Storage } from "./storage.ts";

/** What `/instance_version` says. */
export const VERSION = "syncd-embedded";

export interface Api {
  backend: Backend;
  storage: Storage;
  instanceName: string;
  adminKey: string;
  log: (line: string) => void;
}

interface FunctionRequest {
  path: string;
  args: EncodedObject;
  format: unknown;
}

export function serveHttp(api: Api): Server {
  // Two minutes, the platform's bound of an upload.
  return createServer({ requestTimeout: 120_000 }, (request, response) => {
    allowOrigin(request, response);
    serve(api, request, response).catch((error: unknown) => respondTrouble(api, response, error));
  });
}

async function serve(api: Api, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = addressOf(request);
  if (url === null) throw new Outage(400, "BadUrl", "The address of the request is none.");
  const reads = request.method === "GET" || request.method === "HEAD";
  if (isTransfer(url.pathname) && reads) return download(api, request, response, url);
  respond(response, 200, await answer(api, request, url));
}

/** The address a request is for, or null where it is none, as `//`. */
export function addressOf(request: IncomingMessage): URL | null {
  return URL.parse(request.url ?? "/", "http://localhost");
}

/** A body to send: text as plain text, `json` as it is. */
type Body = string | { json: string };

async function answer(api: Api, request: IncomingMessage, url: URL): Promise<Body> {
  const route = `${request.method} ${url.pathname}`;
  if (request.method === "OPTIONS") return "";
  switch (route) {
    case "GET /":
      return "This is a Convex deployment: the embedded backend of syncd, for development.";
    case "GET /version":
    case "GET /instance_version":
      return VERSION;
    case "GET /instance_name":
      return api.instanceName;
    case "POST /api/query_ts":
      return { json: JSON.stringify({ ts: base64OfInteger(api.backend.ts) }) };
    case "GET /api/query":
      return callOne(api, request, "query", fromUrl(url));
    case "POST /api/query_batch":
      return callBatch(api, request);
    case "POST /api/query":
    // There is one snapshot, the present: a client that names an earlier one is answered from it.
    case "POST /api/query_at_ts":
      return callOne(api, request, "query");
    case "POST /api/mutation":
    case "POST /api/action":
      return callOne(api, request, url.pathname.slice("/api/".length) as Kind);
    case "POST /api/storage/upload":
      return { json: await upload(api, request, url) };
    case "POST /api/function":
      requireAdmin(callerOf(request.headers.authorization, api.adminKey));
      return callOne(api, request, null);
  }
  if (route.startsWith("POST /api/run/")) return callByUrl(api, request, url.pathname);
  throw new Outage(404, "NotFound", `There is no ${route} here.`);
}

async function callOne(
  api: Api,
  request: IncomingMessage,
  kind: Kind | null,
  given?: FunctionRequest,
): Promise<Body> {
  const caller = callerOf(request.headers.authorization, api.adminKey);
  const { path, args, format } = given ?? functionRequest(await readJson(request));
  const style = styleOf(request, format);
  const call = { path, args, caller };
  const outcome = await (kind === null ? api.backend.call(call) : api.backend[kind](call));
  return { json: outcomeText(outcome, style) };
}

async function callByUrl(api: Api, request: IncomingMessage, pathname: string): Promise<Body> {
  const names = pathname.slice("/api/run/".length).split("/");
  const path = `${names.slice(0, -1).join("/")}:${names.at(-1)}`;
  const body = functionRequest({ ...(await readJson(request)), path });
  return callOne(api, request, null, { ...body, format: body.format ?? "json" });
}

/** All queries at one snapshot. */
async function callBatch(api: Api, request: IncomingMessage): Promise<Body> {
  const caller = callerOf(request.headers.authorization, api.adminKey);
  const { queries } = await readJson(request);
  if (!Array.isArray(queries)) throw badBody("it has no array `queries`");
  const calls = queries.map((query) => functionRequest(query as EncodedObject));
  const styles = calls.map(({ format }) => styleOf(request, format));
  const results = await api.backend.inOneSnapshot((run) => runAll(calls, caller, run));
  const texts = results.map((outcome, at) => outcomeText(outcome, styles[at]!));
  return { json: `{"results":[${texts.join(",")}]}` };
}

async function runAll(calls: FunctionRequest[], caller: Caller, run: RunQuery) {
  const results: Outcome[] = [];
  for (const { path, args } of calls) results.push(await run({ path, args, caller }));
  return results;
}

function outcomeText(outcome: Outcome, style: Style): string {
  const logs =
    outcome.logLines.length === 0 ? "" : `,"logLines":${JSON.stringify(outcome.logLines)}`;
  if (outcome.ok) return `{"status":"success","value":${restyle(outcome.value, style)}${logs}}`;
  const data = outcome.data === null ? "" : `,"errorData":${restyle(outcome.data, style)}`;
  return `{"status":"error","errorMessage":${JSON.stringify(outcome.message)}${data}${logs}}`;
}

/** The style of an answer; throws an `Outage` for a format that is none, so ask before you act. */
function styleOf(request: IncomingMessage, format: unknown): Style {
  const style = clientStyle(request);
  return { ...style, format: formatNamed(format, style.format) };
}

/** The style a client is used to, by its `Convex-Client: <name>-<version>` header. */
function clientStyle(request: IncomingMessage): Style {
  const client = request.headers["convex-client"];
  if (client === undefined) return { format: "clean", floats: false };
  const name = /^(.+?)-\d/.exec(String(client))?.[1];
  if (name === undefined)
    throw new Outage(400, "InvalidClientVersion", "Convex-Client is not <name>-<version>.");
  const format: Format = ["npm", "npm-cli", "python", "rust"].includes(name) ? "encoded" : "clean";
  return { format, floats: name === "python" };
}

function fromUrl(url: URL): FunctionRequest {
  const args = parseJson(url.searchParams.get("args") ?? "{}");
  return functionRequest({
    path: url.searchParams.get("path"),
    args,
    format: url.searchParams.get("format"),
  });
}

function functionRequest(body: EncodedObject): FunctionRequest {
  const { path, args = {}, format } = body;
  if (typeof path !== "string") throw badBody("it has no string `path`");
  const first: Encoded | undefined = Array.isArray(args) ? args[0] : args;
  if (first === null || typeof first !== "object" || Array.isArray(first))
    throw badBody("`args` is neither an object nor an array of one");
  return { path, args: first, format };
}

async function readJson(request: IncomingMessage): Promise<EncodedObject> {
  if (!/^application\/(.+\+)?json\b/.test(request.headers["content-type"] ?? ""))
    throw badBody("its Content-Type is not application/json");
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > LIMITS.httpBody) throw badBody(`it is larger than ${LIMITS.httpBody} bytes`);
    chunks.push(chunk as Buffer);
  }
  const body = parseJson(Buffer.concat(chunks).toString());
  if (body === null || typeof body !== "object" || Array.isArray(body))
    throw badBody("it is not an object");
  return body;
}

function parseJson(text: string): Encoded {
  try {
    return JSON.parse(text) as Encoded;
  } catch (error) {
    throw badBody(messageOf(error));
  }
}

function badBody(why: string): Outage {
  return new Outage(400, "BadJsonBody", `The request can't be read: ${why}.`);
}

function requireAdmin(caller: Caller): void {
  if (!caller.isAdmin) throw new Outage(403, "Forbidden", "This needs the admin key.");
}

function allowOrigin(request: IncomingMessage, response: ServerResponse): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  response.setHeader("Access-Control-Allow-Origin", origin);
  response.setHeader("Access-Control-Allow-Credentials", "true");
  response.setHeader("Access-Control-Allow-Methods", "GET,POST,OPTIONS,PATCH,DELETE,PUT");
  const headers =
    request.headers["access-control-request-headers"] ?? "content-type,authorization,convex-client";
  response.setHeader("Access-Control-Allow-Headers", headers);
  response.setHeader("Access-Control-Max-Age", "86400");
  response.setHeader("Vary", "Origin");
}

function respond(response: ServerResponse, status: number, body: Body): void {
  const [type, text] =
    typeof body === "string" ? ["text/plain", body] : ["application/json", body.json];
  const bytes = Buffer.from(text);
  response.writeHead(status, { "Content-Type": type, "Content-Length": bytes.length }).end(bytes);
}

/**
 * A body that was refused may still be arriving: the connection is closed rather than read to its
 * end.
 */
function respondTrouble(api: Api, response: ServerResponse, error: unknown): void {
  const outage =
    error instanceof Outage
      ? error
      : new Outage(500, "InternalServerError", "The backend itself failed.");
  if (outage.status >= 500) api.log(`${outage.code}: ${messageOf(error)}`);
  // Half of an answer is on its way: only its end can tell that it is not whole.
  if (response.headersSent) return void response.destroy();
  response.setHeader("Connection", "close");
  respond(response, outage.status, {
    json: JSON.stringify({ code: outage.code, message: outage.message }),
  });
}
