/**
 * Reads an Envoy v3 bootstrap file, JSON or YAML. Fields that this proxy does not implement are
 * refused by path, all of them at once.
 */
import { readFile } from "node:fs/promises";
import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { MeshError, messageOf } from "../core/errors.ts";
import type { FieldError } from "../decision/field-error.ts";
import { type Bootstrap, BootstrapSchema } from "../gen/envoy/config/bootstrap/v3/bootstrap_pb.js";
import { jsonErrors } from "./config/json-errors.ts";
import { messageRegistry } from "./config/message-registry.ts";
import { unsupportedFields } from "./config/unsupported-fields.ts";

export interface BootstrapInvalid {
  readonly code: "bootstrap-invalid";
  readonly file: string;
  readonly errors: readonly FieldError[];
}

/** Throws MeshError<BootstrapInvalid>. */
export async function readBootstrap(file: string): Promise<Bootstrap> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw invalid(file, [{ path: "", message: `cannot read the file: ${messageOf(error)}` }]);
  }
  const bootstrap = await parseBootstrap(text, file);
  const errors = unsupportedFields(BootstrapSchema, bootstrap, messageRegistry);
  if (errors.length > 0) throw invalid(file, errors);
  return bootstrap;
}

async function parseBootstrap(text: string, file: string): Promise<Bootstrap> {
  try {
    const json = await parseText(text);
    const errors = jsonErrors(BootstrapSchema, json, messageRegistry);
    if (errors.length > 0) throw invalid(file, errors);
    return fromJson(BootstrapSchema, json, { registry: messageRegistry });
  } catch (error) {
    if (error instanceof MeshError) throw error;
    throw invalid(file, [{ path: "", message: messageOf(error) }]);
  }
}

/** JSON needs no library; YAML's is loaded only for files that are not JSON. */
async function parseText(text: string): Promise<JsonValue> {
  if (text.trimStart().startsWith("{")) return JSON.parse(text) as JsonValue;
  const { parse } = await import("yaml");
  return parse(text) as JsonValue;
}

export function invalid(file: string, errors: readonly FieldError[]): MeshError<BootstrapInvalid> {
  const lines = errors.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  const detail: BootstrapInvalid = { code: "bootstrap-invalid", file, errors };
  return new MeshError(detail, `${file}: ${lines.join("\n  ")}`);
}
