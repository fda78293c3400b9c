/**
 * What can go wrong, in two classes.
 *
 * A `Refusal` is the platform saying no to a function or its caller (a limit, a validator, an id of
 * another table): it is thrown into the function and, when not caught there, becomes a `status:
 * "error"` answer. An `Outage` is about the request or the backend itself: it never reaches a
 * function and becomes an HTTP status with `{code, message}`, or the close code of a socket.
 */

/**
 * The platform refuses what a function or its caller asked for; `code` is the platform's short
 * code.
 */
export class Refusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = code;
    this.code = code;
  }
}

/**
 * The request could not be served; `status` is the HTTP status the platform gives this class of
 * trouble.
 */
export class Outage extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = code;
    this.status = status;
    this.code = code;
  }
}

/** A feature of the platform that this backend does not have. */
export function notYet(feature: string): Refusal {
  return new Refusal("NotInEmbeddedBackend", `The embedded backend does not do ${feature} yet.`);
}

/** The text of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
