/**
 * Brings the tables and indexes in SQLite to what the functions' schema says.
 *
 * New indexes are filled from the documents, dropped ones go, documents of a table whose validator
 * changed are checked. All of it is one transaction of the caller: documents that do not fit leave
 * everything as it was. A table that left the schema keeps its documents, unreachable, as on the
 * platform.
 */
import type { DatabaseSync } from "node:sqlite";
import { Refusal } from "./failure.ts";
import { FieldIndex, Table } from "./catalog.ts";
import { CreationIndex } from "./creation.ts";
import { makeTableOfId } from "./ids.ts";
import { SearchIndex } from "./search.ts";
import { SYSTEM_TABLES } from "./system.ts";
import { validatorOf, type ValidatorJSON } from "./validate.ts";
import type { EncodedObject } from "./values.ts";

/** What `schema.export()` of npm `convex` says, as far as this backend reads it. */
export interface ExportedSchema {
  tables: {
    tableName: string;
    indexes: { indexDescriptor: string; fields: string[] }[];
    searchIndexes?: { indexDescriptor: string; searchField: string; filterFields: string[] }[];
    documentType: ValidatorJSON;
  }[];
  schemaValidation: boolean;
}

type ExportedTable = ExportedSchema["tables"][number];

const FIRST_TABLE_NUMBER = 10_001;

const CATALOG = `
  CREATE TABLE IF NOT EXISTS tables (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, documentType TEXT);
  CREATE TABLE IF NOT EXISTS indexes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, tableNumber INTEGER NOT NULL, name TEXT NOT NULL,
    fields TEXT NOT NULL, UNIQUE (tableNumber, name));`;

/**
 * Applies the schema; answers its tables by name. Throws a `Refusal` that lists documents that do
 * not fit.
 */
export function migrate(db: DatabaseSync, deployed: ExportedSchema): Map<string, Table> {
  db.exec(CATALOG);
  const schema = { ...deployed, tables: [...SYSTEM_TABLES, ...deployed.tables] };
  const numbers = new Map(
    schema.tables.map((table) => [table.tableName, numberOf(db, table.tableName)]),
  );
  const troubles = schema.tables.flatMap((table) =>
    checkDocuments(db, table, numbers, schema.schemaValidation),
  );
  if (troubles.length > 0)
    throw new Refusal("SchemaMismatch", `Documents do not fit the schema: ${troubles.join("; ")}`);
  return new Map(
    schema.tables.map((table) => [table.tableName, open(db, table, numbers.get(table.tableName)!)]),
  );
}

function numberOf(db: DatabaseSync, name: string): number {
  const known = db.prepare("SELECT number FROM tables WHERE name = ?").get(name);
  if (known !== undefined) return known["number"] as number;
  const row = db
    .prepare("SELECT coalesce(max(number) + 1, ?) AS next FROM tables")
    .get(FIRST_TABLE_NUMBER);
  const number = row!["next"] as number;
  db.prepare("INSERT INTO tables (number, name) VALUES (?, ?)").run(number, name);
  db.exec(`CREATE TABLE documents_${number} (
    rid INTEGER PRIMARY KEY, size INTEGER NOT NULL, json TEXT NOT NULL)`);
  return number;
}

/** The first document of a changed table that does not fit, as text. */
function checkDocuments(
  db: DatabaseSync,
  table: ExportedTable,
  numbers: ReadonlyMap<string, number>,
  validates: boolean,
): string[] {
  const number = numbers.get(table.tableName)!;
  const wanted = JSON.stringify(validates ? table.documentType : { type: "any" });
  const known = db.prepare("SELECT documentType FROM tables WHERE number = ?").get(number);
  if (known!["documentType"] === wanted) return [];
  const validator = validatorOf(
    withSystemFields(JSON.parse(wanted) as ValidatorJSON, table.tableName),
  );
  const tableOf = makeTableOfId(new Map([...numbers].map(([name, each]) => [each, name])));
  for (const { json } of db.prepare(`SELECT json FROM documents_${number}`).iterate()) {
    const document = JSON.parse(json as string) as EncodedObject;
    const trouble = validator(document, tableOf);
    if (trouble !== null) return [`${table.tableName} ${String(document["_id"])}: ${trouble}`];
  }
  db.prepare("UPDATE tables SET documentType = ? WHERE number = ?").run(wanted, number);
  return [];
}

function open(db: DatabaseSync, table: ExportedTable, number: number): Table {
  const wanted = new Map(table.indexes.map((index) => [index.indexDescriptor, index.fields]));
  const searched = table.searchIndexes ?? [];
  dropIndexes(db, number, [
    ...[...wanted].map(([name, fields]) => [name, JSON.stringify(fields)] as const),
    ...searched.map((index) => [index.indexDescriptor, searchedText(index)] as const),
  ]);
  const indexes = [
    new CreationIndex(db, number),
    ...[...wanted].map(([name, fields]) => openIndex(db, number, name, fields)),
  ];
  const searchIndexes = searched.map((index) => openSearchIndex(db, number, index));
  return new Table(
    db,
    number,
    table.tableName,
    validatorOf(withSystemFields(table.documentType, table.tableName)),
    indexes,
    searchIndexes,
  );
}

/** `wanted`: names, and the text in the catalog that tells their fields. */
function dropIndexes(
  db: DatabaseSync,
  table: number,
  wanted: readonly (readonly [string, string])[],
): void {
  const texts = new Map(wanted);
  for (const found of db.prepare("SELECT * FROM indexes WHERE tableNumber = ?").all(table)) {
    const text = found["fields"] as string;
    if (texts.get(found["name"] as string) === text) continue;
    db.exec(`DROP TABLE ${text.startsWith("[") ? "index" : "search"}_${String(found["number"])}`);
    db.prepare("DELETE FROM indexes WHERE number = ?").run(found["number"]!);
  }
}

function openIndex(db: DatabaseSync, table: number, name: string, fields: string[]): FieldIndex {
  const { number, isNew } = catalogued(db, table, name, JSON.stringify(fields));
  if (!isNew) return new FieldIndex(db, number, table, name, fields);
  db.exec(
    `CREATE TABLE index_${number} (key BLOB PRIMARY KEY, rid INTEGER NOT NULL) WITHOUT ROWID`,
  );
  const index = new FieldIndex(db, number, table, name, fields);
  for (const { rid, json } of db.prepare(`SELECT rid, json FROM documents_${table}`).iterate())
    index.insert(index.keyOf(JSON.parse(json as string) as EncodedObject), rid as number);
  return index;
}

function openSearchIndex(db: DatabaseSync, table: number, told: ExportedSearch): SearchIndex {
  const name = told.indexDescriptor;
  const { number, isNew } = catalogued(db, table, name, searchedText(told));
  if (!isNew) return new SearchIndex(db, number, table, name, told);
  db.exec(
    `CREATE TABLE search_${number} (word TEXT NOT NULL, rid INTEGER NOT NULL,
     times INTEGER NOT NULL, PRIMARY KEY (word, rid)) WITHOUT ROWID`,
  );
  const index = new SearchIndex(db, number, table, name, told);
  for (const { rid, json } of db.prepare(`SELECT rid, json FROM documents_${table}`).iterate())
    index.insert(JSON.parse(json as string) as EncodedObject, rid as number);
  return index;
}

type ExportedSearch = { indexDescriptor: string; searchField: string; filterFields: string[] };

/** What the catalog keeps of a search index. Other filters need no other table. */
function searchedText({ searchField }: ExportedSearch): string {
  return JSON.stringify({ searchField });
}

/** The number of an index in the catalog, and whether it was put there by this. */
function catalogued(db: DatabaseSync, table: number, name: string, fields: string) {
  const known = db
    .prepare("SELECT number FROM indexes WHERE tableNumber = ? AND name = ?")
    .get(table, name);
  if (known !== undefined) return { number: known["number"] as number, isNew: false };
  const added = db
    .prepare("INSERT INTO indexes (tableNumber, name, fields) VALUES (?, ?, ?)")
    .run(table, name, fields);
  return { number: Number(added.lastInsertRowid), isNew: true };
}

/**
 * The validator of whole documents: a table's validator speaks of the application's fields only.
 */
function withSystemFields(validator: ValidatorJSON, table: string): ValidatorJSON {
  if (validator.type === "union")
    return {
      ...validator,
      value: validator.value.map((member) => withSystemFields(member, table)),
    };
  if (validator.type !== "object") return validator;
  const system = {
    _id: { fieldType: { type: "id", tableName: table }, optional: false },
    _creationTime: { fieldType: { type: "number" }, optional: false },
  } as const;
  return { ...validator, value: { ...validator.value, ...system } };
}
