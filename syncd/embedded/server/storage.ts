/**
 * File storage: bytes in `<data>/storage/<uuid>`, what is known of them in the table `_storage`.
 *
 * A file is durable under its name before its document is committed, and goes after the commit that
 * removes its document. What a crash leaves without a document is removed at the next start.
 */
import { createHmac, createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { Outage, Refusal } from "./failure.ts";
import { storageOutage } from "./store.ts";
import { FILES } from "./system.ts";
import type { Backend } from "./backend.ts";
import type { Store } from "./store.ts";
import type { Transaction } from "./transaction.ts";

const TOKEN_LIFE_MS = 3600 * 1000;

/** A stored file as functions see it; `sha256` is base64. */
export interface FileDocument {
  _id: string;
  sha256: string;
  size: number;
  contentType?: string;
}

/** What an upload says of itself; `sha256` is what it must have, base64. */
export interface Arriving {
  contentType: string | undefined;
  sha256: string | undefined;
}

export class Storage {
  /** Where clients reach this backend; known once it listens. */
  origin = "";
  readonly #folder: string;
  readonly #store: Store;
  readonly #key: string;

  constructor(folder: string, store: Store, key: string) {
    this.#folder = folder;
    this.#store = store;
    this.#key = key;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const known = store.files.all();
    for (const name of readdirSync(folder)) if (!known.has(name)) rmSync(join(folder, name));
  }

  /** An address that takes uploads for an hour, from whoever knows it. */
  uploadUrl(): string {
    const expiry = String(Date.now() + TOKEN_LIFE_MS);
    return `${this.origin}/api/storage/upload?token=${expiry}.${this.#sign(expiry)}`;
  }

  /** Throws an `Outage` where a token is not ours, or too old. */
  requireToken(token: string | null): void {
    const [expiry = "", signature = ""] = (token ?? "").split(".");
    const [given, right] = [Buffer.from(signature), Buffer.from(this.#sign(expiry))];
    if (given.length !== right.length || !timingSafeEqual(given, right))
      throw new Outage(401, "StorageTokenInvalid", "The upload URL is not of this backend.");
    if (Number(expiry) < Date.now())
      throw new Outage(401, "StorageTokenExpired", "The upload URL is more than an hour old.");
  }

  /** Keeps what `body` yields, durably; answers its id. Holds no more than a piece in memory. */
  async keep(backend: Backend, body: AsyncIterable<Buffer>, told: Arriving): Promise<string> {
    const uuid = randomUUID();
    const [arriving, path] = [join(this.#folder, `arriving-${uuid}`), join(this.#folder, uuid)];
    try {
      const { sha256, size } = await write(arriving, body);
      if (told.sha256 !== undefined && told.sha256 !== sha256)
        throw new Outage(400, "Sha256Mismatch", `The body's SHA-256 is ${sha256}, in base64.`);
      await rename(arriving, path);
      await syncFolder(this.#folder);
      const { contentType } = told;
      const document = { sha256, size, ...(contentType === undefined ? {} : { contentType }) };
      return await backend.transaction((tx) => {
        const id = tx.insert(FILES, document);
        this.#store.files.put(id, uuid);
        return id;
      });
    } catch (error) {
      await Promise.all([arriving, path].map((each) => rm(each, { force: true })));
      throw isDiskTrouble(error) ? storageOutage(error) : error;
    }
  }

  /** The file's public address, or null where there is none. */
  url(tx: Transaction, id: string): string | null {
    if (this.document(tx, id) === null) return null;
    return `${this.origin}/api/storage/${this.#store.files.uuidOf(id)}`;
  }

  document(tx: Transaction, id: string): FileDocument | null {
    const json = tx.get(id, FILES);
    return json === null ? null : (JSON.parse(json) as FileDocument);
  }

  /** Removes a file with the transaction; throws where there is none. */
  remove(tx: Transaction, id: string): void {
    const uuid = this.#store.files.uuidOf(id);
    if (this.document(tx, id) === null || uuid === null)
      throw new Refusal("StorageIdNotFound", `storage id ${id} not found`);
    tx.remove(id, FILES);
    this.#store.files.remove(id);
    tx.afterCommit.push(() => this.#discard(uuid));
  }

  /** An open file of that public name, with its document; null where there is none. */
  async read(backend: Backend, uuid: string): Promise<[FileHandle, FileDocument] | null> {
    const found = await backend.lookUp((tx) => {
      const id = this.#store.files.idOf(uuid);
      return id === null ? null : this.document(tx, id);
    });
    if (found === null) return null;
    try {
      return [await open(join(this.#folder, uuid)), found];
    } catch (error) {
      // RACE: removed since it was looked up.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
      throw error;
    }
  }

  /** A reader that has it open reads on. */
  #discard(uuid: string): void {
    try {
      rmSync(join(this.#folder, uuid), { force: true });
    } catch {
      // No document names it any more: the next start removes it.
    }
  }

  #sign(expiry: string): string {
    return createHmac("sha256", this.#key).update(`upload until ${expiry}`).digest("hex");
  }
}

/** Writes all of `body` to a new file and makes that durable. */
async function write(path: string, body: AsyncIterable<Buffer>) {
  const file = await open(path, "wx", 0o600);
  try {
    const hash = createHash("sha256");
    let size = 0;
    for await (const part of body) {
      hash.update(part);
      size += part.length;
      await file.writeFile(part);
    }
    await file.sync();
    return { sha256: hash.digest("base64"), size };
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function isDiskTrouble(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "EIO", "EFBIG"].includes((error as NodeJS.ErrnoException).code ?? "");
}
