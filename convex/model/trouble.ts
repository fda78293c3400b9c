import { ConvexError } from "convex/values";

/** Troubles that end a whole call. What concerns one operation is a returned value instead. */
export type TroubleCode = "unauthorized" | "forbidden" | "protocol" | "invalid";

/** A ConvexError, because production hides the message of any other. */
export function trouble(code: TroubleCode, message: string) {
  return new ConvexError({ code, message });
}
