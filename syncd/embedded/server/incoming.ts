/** What clients of the sync protocol send, checked before anything is made of it. */
import { Outage } from "./failure.ts";
import type { ClientMessage } from "./messages.ts";

type Test = (value: unknown) => boolean;
type Shape = Record<string, Test>;

const isText: Test = (value) => typeof value === "string";
/** Of versions, queries and requests. */
const isNumber: Test = (value) => Number.isInteger(value) && (value as number) >= 0;
const isObject: Test = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);
/** Base64 of eight bytes. */
const isTime: Test = (value) => isText(value) && /^[A-Za-z0-9+/]{11}=$/.test(value as string);
const perhaps =
  (test: Test): Test =>
  (value) =>
    value === undefined || value === null || test(value);

const TOKENS: Record<string, Shape> = {
  None: {},
  User: { value: isText },
  Admin: { value: isText, acting_as: perhaps(isObject), impersonating: perhaps(isObject) },
};

/** A function and its arguments, an array of one. */
const INVOCATION: Shape = {
  udfPath: isText,
  args: (value) => Array.isArray(value) && isObject(value[0]),
};

const CHANGES: Record<string, Shape> = {
  Add: { queryId: isNumber, journal: perhaps(isText), ...INVOCATION },
  Remove: { queryId: isNumber },
};

const MESSAGES: Record<ClientMessage["type"], Shape> = {
  Connect: { sessionId: isText, maxObservedTimestamp: perhaps(isTime) },
  Authenticate: {
    baseVersion: isNumber,
    tokenType: (value) => Object.hasOwn(TOKENS, String(value)),
  },
  ModifyQuerySet: { baseVersion: isNumber, newVersion: isNumber, modifications: Array.isArray },
  Mutation: { requestId: isNumber, ...INVOCATION },
  Action: { requestId: isNumber, ...INVOCATION },
  Event: {},
};

/** The message, if it is one. Throws an `Outage` that says what it lacks. */
export function understood(message: unknown): ClientMessage {
  requireShape("type", message, MESSAGES);
  const known = message as ClientMessage;
  if (known.type === "Authenticate") requireShape("tokenType", known, TOKENS);
  if (known.type === "ModifyQuerySet")
    for (const change of known.modifications) requireShape("type", change, CHANGES);
  return known;
}

/** Other fields than those of the shape are passed over, as the platform does. */
function requireShape(name: string, value: unknown, shapes: Record<string, Shape>): void {
  const fields = (isObject(value) ? value : {}) as Record<string, unknown>;
  const kind = String(fields[name]);
  if (!Object.hasOwn(shapes, kind))
    throw badMessage(`the ${name} ${JSON.stringify(kind)} is not known`);
  for (const [field, test] of Object.entries(shapes[kind]!))
    if (!test(fields[field])) throw badMessage(`${field} of ${kind} is not as it has to be`);
}

export function badMessage(why: string): Outage {
  return new Outage(400, "BadMessage", `The message can't be understood: ${why}.`);
}
