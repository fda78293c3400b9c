/**
 * One WebSocket client of the sync protocol.
 *
 * Messages are answered one after another, each with its Transition before the next is looked at,
 * so the chain of versions has no gap. Only actions run beside it. After every mutation, failed
 * ones too, a Transition follows: clients settle their promises when it arrives.
 */
import { Outage } from "./failure.ts";
import { ANYBODY, type Caller } from "./frame.ts";
import { actingAs, adminOf, noProvider } from "./identity.ts";
import { badMessage, understood } from "./incoming.ts";
import {
  errorData,
  response,
  type ClientMessage,
  type Invocation,
  type Json,
  type Token,
  type Version,
} from "./messages.ts";
import { Subscriptions } from "./subscriptions.ts";
import { base64OfInteger, integerOf, type EncodedObject } from "./values.ts";
import type { Outcome } from "./outcome.ts";
import type { Backend, Call } from "./backend.ts";

/**
 * How a session speaks: one message at a time, or a last one. Codes are those of WebSocket closes.
 */
export interface Wire {
  send(message: Json): void;
  close(code: number, reason: string): void;
  /** Tells the backend's log of trouble that is not the client's. */
  report(error: unknown): void;
}

type Message<Type extends ClientMessage["type"]> = Extract<ClientMessage, { type: Type }>;

const INTERNAL_ERROR = 1011;

export class Session {
  readonly #backend: Backend;
  readonly #adminKey: string;
  readonly #wire: Wire;
  readonly #subscriptions = new Subscriptions();
  readonly #forget: () => void;
  #id: string | null = null;
  #caller: Caller = ANYBODY;
  #version: Version = { querySet: 0, identity: 0, ts: 0n };
  #chain: Promise<void> = Promise.resolve();
  #refreshQueued = false;
  #ended = false;

  constructor(backend: Backend, adminKey: string, wire: Wire) {
    this.#backend = backend;
    this.#adminKey = adminKey;
    this.#wire = wire;
    this.#forget = backend.onCommit((written) => {
      if (this.#subscriptions.touch(written)) this.#queueRefresh();
    });
  }

  /** Takes a message, of any shape; its answer comes in its turn. */
  receive(message: unknown): void {
    this.#inTurn(() => this.#handle(understood(message)));
  }

  /** The client is gone or turned away: nothing more is done for it. */
  end(): void {
    this.#ended = true;
    this.#forget();
  }

  #dismiss(code: number, reason: string): void {
    this.end();
    this.#wire.close(code, reason);
  }

  #inTurn(work: () => void | Promise<void>): void {
    this.#chain = this.#chain
      .then(() => (this.#ended ? undefined : work()))
      .catch((error: unknown) => this.#fail(error));
  }

  /**
   * A function's error is an answer; what arrives here is the client's or the backend's own
   * trouble.
   */
  #fail(error: unknown): void {
    if (error instanceof Outage && error.status < 500) {
      this.#wire.send(
        JSON.stringify({ type: "FatalError", error: `${error.code}: ${error.message}` }),
      );
      this.#dismiss(1000, error.code);
    } else {
      this.#wire.report(error);
      this.#dismiss(INTERNAL_ERROR, "InternalServerError");
    }
  }

  #handle(message: ClientMessage): void | Promise<void> {
    switch (message.type) {
      case "Connect":
        return this.#connect(message);
      case "Authenticate":
        return this.#authenticate(message);
      case "ModifyQuerySet":
        return this.#modifyQuerySet(message);
      case "Mutation":
        return this.#mutate(message);
      case "Action":
        return void this.#act(message);
      case "Event":
        return;
    }
  }

  #connect({ sessionId, maxObservedTimestamp }: Message<"Connect">): void {
    this.#id = sessionId;
    if (maxObservedTimestamp && !this.#backend.observe(integerOf(maxObservedTimestamp)))
      this.#dismiss(INTERNAL_ERROR, "ClientAheadOfServer");
  }

  #authenticate(message: Message<"Authenticate">): void | Promise<void> {
    this.#requireVersion(message.baseVersion, this.#version.identity);
    try {
      this.#caller = this.#callerOf(message);
    } catch (error) {
      if (!(error instanceof Outage)) throw error;
      const { baseVersion } = message;
      const refusal = {
        type: "AuthError",
        error: error.message,
        baseVersion,
        authUpdateAttempted: true,
      };
      this.#wire.send(JSON.stringify(refusal));
      return this.#dismiss(1000, error.code);
    }
    this.#subscriptions.runAs(this.#caller);
    return this.#transition([], { identity: this.#version.identity + 1 });
  }

  #callerOf(token: Token): Caller {
    if (token.tokenType === "None") return ANYBODY;
    if (token.tokenType === "User") throw noProvider();
    const admin = adminOf(token.value, this.#adminKey);
    const user = token.acting_as ?? token.impersonating;
    return user === undefined || user === null ? admin : actingAs(user);
  }

  #modifyQuerySet({
    baseVersion,
    newVersion,
    modifications,
  }: Message<"ModifyQuerySet">): Promise<void> {
    this.#requireVersion(baseVersion, this.#version.querySet);
    if (newVersion <= baseVersion) throw badMessage("newVersion is not above baseVersion");
    const removed: Json[] = [];
    for (const change of modifications) {
      const { queryId } = change;
      if (change.type === "Add") this.#subscriptions.add(queryId, change, change.journal ?? null);
      else if (this.#subscriptions.remove(queryId))
        removed.push(`{"type":"QueryRemoved","queryId":${queryId}}`);
    }
    return this.#transition(removed, { querySet: newVersion });
  }

  #requireVersion(said: number, known: number): void {
    if (said !== known)
      throw new Outage(
        400,
        "BaseVersionMismatch",
        `Base version ${said} passed, but it is ${known}.`,
      );
  }

  async #mutate(message: Message<"Mutation">): Promise<void> {
    const name = this.#id === null ? null : { session: this.#id, request: message.requestId };
    const outcome = await this.#backend.mutation(this.#call(message), name);
    const ts = outcome.ok ? `"${base64OfInteger(outcome.ts)}"` : "null";
    this.#wire.send(
      `${response("Mutation", message.requestId, outcome.logLines)},"ts":${ts},${result(outcome)}}`,
    );
    await this.#transition([]);
  }

  async #act(message: Message<"Action">): Promise<void> {
    try {
      const outcome = await this.#backend.action(this.#call(message));
      const head = response("Action", message.requestId, outcome.logLines);
      const answer = `${head},${result(outcome)}}`;
      this.#inTurn(() => {
        this.#wire.send(answer);
        return this.#transition([]);
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  #call({ udfPath, args }: Invocation): Call {
    return { path: udfPath, args: args[0] as EncodedObject, caller: this.#caller };
  }

  /** Commits that come while a refresh waits for its turn share it. */
  #queueRefresh(): void {
    if (this.#refreshQueued) return;
    this.#refreshQueued = true;
    this.#inTurn(async () => {
      this.#refreshQueued = false;
      const { ts, modifications } = await this.#subscriptions.refresh(this.#backend);
      if (modifications.length > 0) this.#sendTransition(modifications, { ...this.#version, ts });
    });
  }

  /** Sends a Transition with what is new, even when nothing is. */
  async #transition(first: Json[], change: Partial<Version> = {}): Promise<void> {
    const { ts, modifications } = await this.#subscriptions.refresh(this.#backend);
    this.#sendTransition([...first, ...modifications], { ...this.#version, ...change, ts });
  }

  #sendTransition(modifications: Json[], end: Version): void {
    const start = this.#version;
    this.#version = end;
    this.#wire.send(
      `{"type":"Transition","startVersion":${versionText(start)},` +
        `"endVersion":${versionText(end)},"modifications":[${modifications.join(",")}]}`,
    );
  }
}

function result(outcome: Outcome): Json {
  return outcome.ok
    ? `"success":true,"result":${outcome.value}`
    : `"success":false,"result":${JSON.stringify(outcome.message)}${errorData(outcome.data)}`;
}

function versionText({ querySet, identity, ts }: Version): Json {
  return `{"querySet":${querySet},"identity":${identity},"ts":"${base64OfInteger(ts)}"}`;
}
