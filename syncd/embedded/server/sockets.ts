/** WebSockets of the sync protocol: upgrade, heartbeat, frames. */
import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import { Session } from "./session.ts";
import { messageOf } from "./failure.ts";
import { addressOf, type Api } from "./http.ts";

/** Python's client gives up after 30 s without a message, npm's after 60 s. */
const PING_MS = 10_000;
const SILENCE_MS = 120_000;
/** A frame above 16 MiB ends Python's client; a message of many frames does not. */
const FRAME_BYTES = 4 << 20;
/** A client that does not read is dropped rather than buffered for. */
const BACKLOG_BYTES = 256 << 20;
const MESSAGE_BYTES = 32 << 20;

/** `/api/sync` of Python and Rust, `/api/<version>/sync` of npm. */
const PATH = /^\/api\/(?:[^/]+\/)?sync$/;

/** Serves the sync protocol on an HTTP server; answers what ends all of its sockets. */
export function serveSockets(server: Server, api: Api): () => void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_BYTES });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!PATH.test(addressOf(request)?.pathname ?? "")) return void socket.destroy();
    sockets.handleUpgrade(request, socket, head, (client) => serve(client, api));
  });
  return () => sockets.clients.forEach((client) => client.terminate());
}

function serve(client: WebSocket, api: Api): void {
  const session = new Session(api.backend, api.adminKey, {
    send: (message) => send(client, message),
    close: (code, reason) => client.close(code, reason),
    report: (error) => api.log(`a session failed: ${messageOf(error)}`),
  });
  let heard = Date.now();
  const heartbeat = setInterval(() => {
    if (Date.now() - heard > SILENCE_MS) return client.terminate();
    client.ping();
    send(client, '{"type":"Ping"}');
  }, PING_MS);
  client.on("pong", () => (heard = Date.now()));
  client.on("message", (data) => {
    heard = Date.now();
    receive(client, session, data);
  });
  client.on("error", () => client.terminate());
  client.on("close", () => {
    clearInterval(heartbeat);
    session.end();
  });
}

function receive(client: WebSocket, session: Session, data: RawData): void {
  let message: unknown;
  try {
    message = JSON.parse((data as Buffer).toString());
  } catch {
    return client.close(1007, "BadJson");
  }
  session.receive(message);
}

function send(client: WebSocket, message: string): void {
  if (client.readyState !== client.OPEN) return;
  if (client.bufferedAmount > BACKLOG_BYTES) return client.terminate();
  if (message.length * 3 <= FRAME_BYTES) return client.send(message);
  const bytes = Buffer.from(message);
  for (let at = 0; at < bytes.length; at += FRAME_BYTES) {
    const end = at + FRAME_BYTES;
    client.send(bytes.subarray(at, end), { binary: false, fin: end >= bytes.length });
  }
}
