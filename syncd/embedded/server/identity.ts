/** Who is calling: an `Authorization` header, or the token of an `Authenticate` message. */
import { timingSafeEqual } from "node:crypto";
import { Outage } from "./failure.ts";
import { ADMIN, ANYBODY, type Caller } from "./frame.ts";
import type { EncodedObject } from "./values.ts";

/**
 * The caller that an `Authorization` header speaks for. Throws an `Outage` when it proves nothing.
 */
export function callerOf(header: string | undefined, adminKey: string): Caller {
  if (header === undefined) return ANYBODY;
  const [scheme, credential = ""] = header.split(/ (.*)/s);
  if (header.length < 7 || credential === "")
    throw new Outage(
      400,
      "InvalidHeaderFailure",
      "The Authorization header has no scheme and credential.",
    );
  if (scheme === "Convex") return adminOf(credential, adminKey);
  throw noProvider();
}

/**
 * The admin that a key speaks for; `<key>:<base64 of JSON>` acts as the user with these attributes.
 */
export function adminOf(credential: string, adminKey: string): Caller {
  const [key = "", attributes] = credential.split(":");
  if (!isSame(key, adminKey))
    throw new Outage(403, "BadDeployKey", "The admin key is not of this backend.");
  if (attributes === undefined) return ADMIN;
  try {
    return actingAs(JSON.parse(Buffer.from(attributes, "base64").toString()) as EncodedObject);
  } catch {
    throw new Outage(
      400,
      "InvalidHeaderFailure",
      "The attributes of the user to act as are not base64 of JSON.",
    );
  }
}

export function actingAs(attributes: EncodedObject): Caller {
  const { issuer = "", subject = "" } = attributes;
  return {
    isAdmin: true,
    identity: { tokenIdentifier: `${String(issuer)}|${String(subject)}`, ...attributes },
  };
}

/** What any user's token meets: the functions of this backend have no auth provider. */
export function noProvider(): Outage {
  return new Outage(401, "NoAuthProvider", "No auth provider found matching the given token.");
}

function isSame(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
