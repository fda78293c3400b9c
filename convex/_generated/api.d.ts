/* eslint-disable */
/**
 * Generated `api` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type * as assets from "../assets.js";
import type * as blobs from "../blobs.js";
import type * as columns from "../columns.js";
import type * as conflicts from "../conflicts.js";
import type * as crons from "../crons.js";
import type * as deployments from "../deployments.js";
import type * as devices from "../devices.js";
import type * as documents from "../documents.js";
import type * as increments from "../increments.js";
import type * as logs from "../logs.js";
import type * as metrics from "../metrics.js";
import type * as model_aggregate from "../model/aggregate.js";
import type * as model_answer from "../model/answer.js";
import type * as model_author from "../model/author.js";
import type * as model_authorized from "../model/authorized.js";
import type * as model_base64 from "../model/base64.js";
import type * as model_blob from "../model/blob.js";
import type * as model_carry from "../model/carry.js";
import type * as model_check from "../model/check.js";
import type * as model_choice from "../model/choice.js";
import type * as model_collect from "../model/collect.js";
import type * as model_conflict from "../model/conflict.js";
import type * as model_content from "../model/content.js";
import type * as model_create from "../model/create.js";
import type * as model_delta from "../model/delta.js";
import type * as model_device from "../model/device.js";
import type * as model_digest from "../model/digest.js";
import type * as model_edit from "../model/edit.js";
import type * as model_editJson from "../model/editJson.js";
import type * as model_editYaml from "../model/editYaml.js";
import type * as model_entry from "../model/entry.js";
import type * as model_expire from "../model/expire.js";
import type * as model_feed from "../model/feed.js";
import type * as model_fetch from "../model/fetch.js";
import type * as model_fields from "../model/fields.js";
import type * as model_flat from "../model/flat.js";
import type * as model_found from "../model/found.js";
import type * as model_increment from "../model/increment.js";
import type * as model_json from "../model/json.js";
import type * as model_key from "../model/key.js";
import type * as model_limits from "../model/limits.js";
import type * as model_log from "../model/log.js";
import type * as model_manifest from "../model/manifest.js";
import type * as model_move from "../model/move.js";
import type * as model_outcome from "../model/outcome.js";
import type * as model_page from "../model/page.js";
import type * as model_presence from "../model/presence.js";
import type * as model_project from "../model/project.js";
import type * as model_push from "../model/push.js";
import type * as model_reap from "../model/reap.js";
import type * as model_reaped from "../model/reaped.js";
import type * as model_receipt from "../model/receipt.js";
import type * as model_record from "../model/record.js";
import type * as model_request from "../model/request.js";
import type * as model_resolved from "../model/resolved.js";
import type * as model_revise from "../model/revise.js";
import type * as model_rollup from "../model/rollup.js";
import type * as model_row from "../model/row.js";
import type * as model_sample from "../model/sample.js";
import type * as model_search from "../model/search.js";
import type * as model_sketch from "../model/sketch.js";
import type * as model_span from "../model/span.js";
import type * as model_spellYaml from "../model/spellYaml.js";
import type * as model_splice from "../model/splice.js";
import type * as model_store from "../model/store.js";
import type * as model_style from "../model/style.js";
import type * as model_trouble from "../model/trouble.js";
import type * as model_update from "../model/update.js";
import type * as model_value from "../model/value.js";
import type * as model_witness from "../model/witness.js";
import type * as model_write from "../model/write.js";
import type * as model_yaml from "../model/yaml.js";
import type * as records from "../records.js";
import type * as requests from "../requests.js";
import type * as rows from "../rows.js";
import type * as sync from "../sync.js";
import type * as tombstones from "../tombstones.js";
import type * as validators from "../validators.js";
import type * as workflows from "../workflows.js";
import type * as writer from "../writer.js";

import type {
  ApiFromModules,
  FilterApi,
  FunctionReference,
} from "convex/server";

declare const fullApi: ApiFromModules<{
  assets: typeof assets;
  blobs: typeof blobs;
  columns: typeof columns;
  conflicts: typeof conflicts;
  crons: typeof crons;
  deployments: typeof deployments;
  devices: typeof devices;
  documents: typeof documents;
  increments: typeof increments;
  logs: typeof logs;
  metrics: typeof metrics;
  "model/aggregate": typeof model_aggregate;
  "model/answer": typeof model_answer;
  "model/author": typeof model_author;
  "model/authorized": typeof model_authorized;
  "model/base64": typeof model_base64;
  "model/blob": typeof model_blob;
  "model/carry": typeof model_carry;
  "model/check": typeof model_check;
  "model/choice": typeof model_choice;
  "model/collect": typeof model_collect;
  "model/conflict": typeof model_conflict;
  "model/content": typeof model_content;
  "model/create": typeof model_create;
  "model/delta": typeof model_delta;
  "model/device": typeof model_device;
  "model/digest": typeof model_digest;
  "model/edit": typeof model_edit;
  "model/editJson": typeof model_editJson;
  "model/editYaml": typeof model_editYaml;
  "model/entry": typeof model_entry;
  "model/expire": typeof model_expire;
  "model/feed": typeof model_feed;
  "model/fetch": typeof model_fetch;
  "model/fields": typeof model_fields;
  "model/flat": typeof model_flat;
  "model/found": typeof model_found;
  "model/increment": typeof model_increment;
  "model/json": typeof model_json;
  "model/key": typeof model_key;
  "model/limits": typeof model_limits;
  "model/log": typeof model_log;
  "model/manifest": typeof model_manifest;
  "model/move": typeof model_move;
  "model/outcome": typeof model_outcome;
  "model/page": typeof model_page;
  "model/presence": typeof model_presence;
  "model/project": typeof model_project;
  "model/push": typeof model_push;
  "model/reap": typeof model_reap;
  "model/reaped": typeof model_reaped;
  "model/receipt": typeof model_receipt;
  "model/record": typeof model_record;
  "model/request": typeof model_request;
  "model/resolved": typeof model_resolved;
  "model/revise": typeof model_revise;
  "model/rollup": typeof model_rollup;
  "model/row": typeof model_row;
  "model/sample": typeof model_sample;
  "model/search": typeof model_search;
  "model/sketch": typeof model_sketch;
  "model/span": typeof model_span;
  "model/spellYaml": typeof model_spellYaml;
  "model/splice": typeof model_splice;
  "model/store": typeof model_store;
  "model/style": typeof model_style;
  "model/trouble": typeof model_trouble;
  "model/update": typeof model_update;
  "model/value": typeof model_value;
  "model/witness": typeof model_witness;
  "model/write": typeof model_write;
  "model/yaml": typeof model_yaml;
  records: typeof records;
  requests: typeof requests;
  rows: typeof rows;
  sync: typeof sync;
  tombstones: typeof tombstones;
  validators: typeof validators;
  workflows: typeof workflows;
  writer: typeof writer;
}>;

/**
 * A utility for referencing Convex functions in your app's public API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = api.myModule.myFunction;
 * ```
 */
export declare const api: FilterApi<
  typeof fullApi,
  FunctionReference<any, "public">
>;

/**
 * A utility for referencing Convex functions in your app's internal API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = internal.myModule.myFunction;
 * ```
 */
export declare const internal: FilterApi<
  typeof fullApi,
  FunctionReference<any, "internal">
>;

export declare const components: {};
