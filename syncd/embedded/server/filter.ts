/** Filter expressions of queries, evaluated over encoded documents. */
import { Refusal } from "./failure.ts";
import { encodeKey, fieldAt } from "./keys.ts";
import {
  base64OfInteger,
  floatOf,
  integerOf,
  specialKey,
  type Encoded,
  type EncodedObject,
} from "./values.ts";

type Operand = Encoded | undefined;
type Numeric = number | bigint;

/** Whether a document passes a filter; anything but `true` is a no. */
export function passes(expression: Encoded, document: EncodedObject): boolean {
  return evaluate(expression, document) === true;
}

function evaluate(expression: Encoded, document: EncodedObject): Operand {
  const [operator, operand] = Object.entries(expression as EncodedObject)[0]!;
  if (operator === "$field") return fieldAt(document, (operand as string).split("."));
  if (operator === "$literal") return literal(operand);
  const operands = (Array.isArray(operand) ? operand : [operand]).map((each) =>
    evaluate(each, document),
  );
  const apply = OPERATORS[operator];
  if (apply === undefined) throw new Refusal("BadFilter", `Unknown filter operator ${operator}.`);
  return apply(operands);
}

function literal(value: Encoded): Operand {
  const undefinedLiteral =
    value !== null &&
    typeof value === "object" &&
    !Array.isArray(value) &&
    specialKey(value) === "$undefined";
  return undefinedLiteral ? undefined : value;
}

const OPERATORS: Record<string, (operands: Operand[]) => Operand> = {
  $eq: comparing((order) => order === 0),
  $neq: comparing((order) => order !== 0),
  $lt: comparing((order) => order < 0),
  $lte: comparing((order) => order <= 0),
  $gt: comparing((order) => order > 0),
  $gte: comparing((order) => order >= 0),
  $and: (operands) => operands.every((operand) => operand === true),
  $or: (operands) => operands.some((operand) => operand === true),
  $not: ([operand]) => operand !== true,
  $add: arithmetic(
    (left, right) => left + right,
    (left, right) => left + right,
  ),
  $sub: arithmetic(
    (left, right) => left - right,
    (left, right) => left - right,
  ),
  $mul: arithmetic(
    (left, right) => left * right,
    (left, right) => left * right,
  ),
  $div: arithmetic(
    (left, right) => left / right,
    (left, right) => left / right,
  ),
  $mod: arithmetic(
    (left, right) => left % right,
    (left, right) => left % right,
  ),
  $neg: ([operand]) => OPERATORS["$mul"]!([operand, typeof operand === "number" ? -1 : MINUS_ONE]),
};

const MINUS_ONE = { $integer: base64OfInteger(-1n) };

function comparing(holds: (order: number) => boolean) {
  return ([left, right]: Operand[]) => holds(Buffer.compare(encodeKey([left]), encodeKey([right])));
}

function arithmetic(
  ofFloats: (left: number, right: number) => number,
  ofIntegers: (left: bigint, right: bigint) => bigint,
) {
  return ([first, second]: Operand[]): Operand => {
    const left = numeric(first);
    const right = numeric(second);
    if (typeof left === "number" && typeof right === "number")
      return encodeFloat(ofFloats(left, right));
    if (typeof left === "bigint" && typeof right === "bigint")
      return { $integer: base64OfInteger(BigInt.asIntN(64, ofIntegers(left, right))) };
    throw new Refusal("BadFilter", "A filter can't mix int64 and float64 in arithmetic.");
  };
}

function numeric(operand: Operand): Numeric {
  if (typeof operand === "number") return operand;
  if (operand !== null && typeof operand === "object" && !Array.isArray(operand)) {
    if (typeof operand["$integer"] === "string") return integerOf(operand["$integer"]);
    if (typeof operand["$float"] === "string") return floatOf(operand["$float"]);
  }
  throw new Refusal("BadFilter", "A filter's arithmetic needs numbers.");
}

function encodeFloat(value: number): Encoded {
  if (Number.isFinite(value) && !Object.is(value, -0)) return value;
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return { $float: bytes.toString("base64") };
}
