/** The registered functions of a bundle: by name, with their kind, visibility and validators. */
import { Outage, Refusal } from "./failure.ts";
import { validatorOf, type Validator, type ValidatorJSON } from "./validate.ts";
import type { CronSpec } from "./crons.ts";
import type { ExportedSchema } from "./migrate.ts";

export type Kind = "query" | "mutation" | "action";

/**
 * What `query`, `mutation` and `action` of npm `convex` make. The texts are JSON of encoded values.
 */
interface Registered {
  isQuery?: boolean;
  isMutation?: boolean;
  isAction?: boolean;
  isPublic?: boolean;
  exportArgs(): string;
  exportReturns(): string | null;
  invokeQuery(args: string): Promise<string>;
  invokeMutation(args: string): Promise<string>;
  invokeAction(requestId: string, args: string): Promise<string>;
}

/** One callable function. */
export interface Fn {
  /** `module:function` */
  path: string;
  kind: Kind;
  isPublic: boolean;
  args: Validator;
  /** Null when the function declares none. */
  returns: Validator | null;
  /** Takes JSON text of the array of arguments, answers JSON text of the value. */
  invoke(requestId: string, args: string): Promise<string>;
}

/** What the bundle of functions exports. */
export interface Bundle {
  modules: { [path: string]: { [name: string]: unknown } };
  schema: { export(): string };
}

export class Functions {
  readonly schema: ExportedSchema;
  /** What the module `crons` exports, by name. */
  readonly crons: { [name: string]: CronSpec };
  readonly #byPath: ReadonlyMap<string, Fn>;

  constructor(bundle: Bundle) {
    this.schema = JSON.parse(bundle.schema.export()) as ExportedSchema;
    const all = Object.entries(bundle.modules).flatMap(([module, exports]) =>
      Object.entries(exports).flatMap(([name, value]) => describe(`${module}:${name}`, value)),
    );
    this.crons = cronsOf(bundle.modules["crons"]?.["default"]);
    this.#byPath = new Map(all.map((fn) => [fn.path, fn]));
  }

  /**
   * The function of a path that a caller may call, of the kind it asks for, when it asks for one.
   */
  find(path: string, kind: Kind | null, mayCallInternal: boolean): Fn {
    const canonical = canonicalPath(path);
    if (canonical === null) throw new Outage(400, "BadConvexFunctionIdentifier", notAPath(path));
    const fn = this.#byPath.get(canonical);
    if (fn === undefined || !(fn.isPublic || mayCallInternal))
      throw new Refusal("FunctionNotFound", `Could not find public function for '${canonical}'.`);
    if (kind !== null && fn.kind !== kind) {
      const named = canonical.replace(":", ".js:");
      throw new Refusal(
        "WrongFunctionType",
        `Trying to execute ${named} as ${capital(kind)}, but it is defined as ${capital(fn.kind)}.`,
      );
    }
    return fn;
  }
}

function cronsOf(exported: unknown): { [name: string]: CronSpec } {
  const crons = exported as { isCrons?: boolean; export(): string } | undefined;
  if (crons?.isCrons !== true) return {};
  return JSON.parse(crons.export()) as { [name: string]: CronSpec };
}

function describe(path: string, value: unknown): Fn[] {
  if (typeof value !== "function") return [];
  const made = value as unknown as Registered;
  const kind = made.isQuery
    ? "query"
    : made.isMutation
      ? "mutation"
      : made.isAction
        ? "action"
        : null;
  if (kind === null) return [];
  const returns = JSON.parse(made.exportReturns() ?? "null") as ValidatorJSON | null;
  const invokers = {
    query: (_: string, args: string) => made.invokeQuery(args),
    mutation: (_: string, args: string) => made.invokeMutation(args),
    action: (requestId: string, args: string) => made.invokeAction(requestId, args),
  };
  return [
    {
      path,
      kind,
      isPublic: made.isPublic === true,
      args: validatorOf(JSON.parse(made.exportArgs()) as ValidatorJSON),
      returns: returns && validatorOf(returns),
      invoke: invokers[kind],
    },
  ];
}

/**
 * `dir/module:function` of any spelling clients use: `module.js:function`, or `module` for its
 * default. Null for what is no path.
 */
export function canonicalPath(path: string): string | null {
  const [module, name, ...rest] = path.split(":");
  const canonical = `${(module ?? "").replace(/\.js$/, "")}:${name ?? "default"}`;
  const isPath = /^[A-Za-z0-9_.]+(\/[A-Za-z0-9_.]+)*:[A-Za-z0-9_]+$/.test(canonical);
  return isPath && rest.length === 0 ? canonical : null;
}

export function notAPath(path: string): string {
  return `${JSON.stringify(path)} is not a path to a function.`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
