/** Uploads to file storage and downloads from it, over HTTP. */
import { pipeline } from "node:stream/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Outage } from "./failure.ts";
import type { Api } from "./http.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MONTH_S = 30 * 24 * 3600;

/** Whether a path is one of file storage. */
export function isTransfer(pathname: string): boolean {
  return pathname.startsWith("/api/storage/");
}

/** Takes an upload; answers JSON text with the file's id. */
export async function upload(api: Api, request: IncomingMessage, url: URL): Promise<string> {
  api.storage.requireToken(url.searchParams.get("token"));
  const { digest, "content-type": contentType } = request.headers;
  const sha256 = digest === undefined ? undefined : sha256Of(String(digest));
  const storageId = await api.storage.keep(api.backend, request, { contentType, sha256 });
  return JSON.stringify({ storageId });
}

function sha256Of(header: string): string {
  const base64 = /^sha-256=([A-Za-z0-9+/]{43}=)$/i.exec(header)?.[1];
  if (base64 === undefined)
    throw new Outage(400, "BadHeader", "Digest is not sha-256= and 32 bytes in base64.");
  return base64;
}

/** Sends a file, or the one range of it that is asked for. */
export async function download(
  api: Api,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const uuid = url.pathname.slice("/api/storage/".length);
  if (!UUID.test(uuid))
    throw new Outage(400, "InvalidStoragePath", `Invalid storage path: "${uuid}".`);
  const found = await api.storage.read(api.backend, uuid);
  if (found === null) throw new Outage(404, "FileNotFound", `File ${uuid} not found`);
  const [file, { sha256, size, contentType }] = found;
  try {
    const range = rangeOf(request.headers.range, size);
    if (range === "unsatisfiable") return void response.writeHead(416).end();
    if (contentType !== undefined) response.setHeader("Content-Type", contentType);
    response.setHeader("Cache-Control", `private, max-age=${MONTH_S}`);
    response.setHeader("Accept-Ranges", "bytes");
    const { start, end } = range ?? { start: 0, end: size };
    response.setHeader("Content-Length", end - start);
    if (range === null) response.setHeader("Digest", `sha-256=${sha256}`);
    else response.setHeader("Content-Range", `bytes ${start}-${end - 1}/${size}`);
    response.writeHead(range === null ? 200 : 206);
    if (request.method === "HEAD" || start === end) return void response.end();
    await pipeline(file.createReadStream({ start, end: end - 1, autoClose: false }), response);
  } finally {
    await file.close();
  }
}

/** The bytes from `start` up to `end`; null for all of them. */
function rangeOf(header: string | undefined, size: number) {
  const one = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (header === undefined || size === 0) return null;
  const [, first = "", last = ""] = one ?? [];
  if (one === null || (first === "" && last === "")) return "unsatisfiable";
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size : Math.min(size, Number(last) + 1);
  return start < end ? { start, end } : "unsatisfiable";
}
