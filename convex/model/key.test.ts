import { expect, test } from "vitest";
import { refuseKey, refusePath } from "./key";

test.each([
  "a",
  "a/b.json",
  "a b/é.json",
  "...",
  ".hidden",
  "a\\b",
  "x".repeat(1024),
  "é".repeat(512),
])("takes the path %j", (path) => {
  expect(refusePath(path)).toBeNull();
});

test.each([
  "",
  "/a",
  "a/",
  "a//b",
  "..",
  "a/../b",
  "./a",
  "a/.",
  "a\0b",
  "e\u0301.json",
  "x".repeat(1025),
  "é".repeat(513),
])("refuses the path %j", (path) => {
  expect(refusePath(path)).toMatchObject({ reason: "bad-path" });
});

test.each([
  { store: "", record: "" },
  { store: "a\0", record: "" },
  { store: "x".repeat(257), record: "" },
  { store: "flows", record: "a\0" },
  { store: "flows", record: "x".repeat(1025) },
])("refuses the key %j", (part) => {
  expect(refuseKey({ path: "a", ...part })).toMatchObject({ reason: "bad-key" });
});
