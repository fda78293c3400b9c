/** The messages of the sync protocol, as `crates/convex/sync_types` of the platform names them. */
import type { Encoded, EncodedObject } from "./values.ts";

export type ClientMessage =
  | { type: "Connect"; sessionId: string; maxObservedTimestamp?: string | null }
  | ({ type: "Authenticate"; baseVersion: number } & Token)
  | {
      type: "ModifyQuerySet";
      baseVersion: number;
      newVersion: number;
      modifications: Modification[];
    }
  | ({ type: "Mutation"; requestId: number } & Invocation)
  | ({ type: "Action"; requestId: number } & Invocation)
  | { type: "Event" };

export type Token =
  | { tokenType: "None" }
  | { tokenType: "User"; value: string }
  | { tokenType: "Admin"; value: string; impersonating?: EncodedObject; acting_as?: EncodedObject };

/** Which function with which arguments; the arguments are an array of one. */
export interface Invocation {
  udfPath: string;
  args: Encoded[];
}

export type Modification =
  | ({ type: "Add"; queryId: number; journal?: string | null } & Invocation)
  | { type: "Remove"; queryId: number };

/** Where a client's picture of its queries stands; `ts` in nanoseconds. */
export interface Version {
  querySet: number;
  identity: number;
  ts: bigint;
}

/**
 * A server message, or a part of one, as JSON text: results are spliced in without parsing them.
 */
export type Json = string;

/** `journal`: what clients give back where they subscribe again, after their connection was lost. */
export function queryUpdated(
  queryId: number,
  value: Json,
  logLines: string[],
  journal: string | null,
): Json {
  const result = `"value":${value},${logs(logLines)},"journal":${JSON.stringify(journal)}`;
  return `{"type":"QueryUpdated","queryId":${queryId},${result}}`;
}

export function queryFailed(
  queryId: number,
  message: string,
  data: Json | null,
  logLines: string[],
): Json {
  const failure = `"errorMessage":${JSON.stringify(message)}${errorData(data)}`;
  return `{"type":"QueryFailed","queryId":${queryId},${failure},${logs(logLines)},"journal":null}`;
}

/** The type, number and log lines that every answer to a mutation or action starts with. */
export function response(kind: "Mutation" | "Action", requestId: number, logLines: string[]): Json {
  return `{"type":"${kind}Response","requestId":${requestId},${logs(logLines)}`;
}

export function errorData(data: Json | null): Json {
  return data === null ? "" : `,"errorData":${data}`;
}

function logs(lines: string[]): Json {
  return `"logLines":${JSON.stringify(lines)}`;
}
