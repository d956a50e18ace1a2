/** The passphrase that seals the certificate authority's key, from its file. */
import { readFileSync } from "node:fs";
import { messageOf } from "../core/errors.ts";
import { controlPlaneError } from "./errors.ts";

const OPTION = "--ca-passphrase-file";

/** The file's text without the line's end. Throws `option-invalid` when it cannot be read or is empty. */
export function readPassphrase(path: string): string {
  let passphrase: string;
  try {
    passphrase = readFileSync(path, "utf8").replace(/\r?\n$/, "");
  } catch (error) {
    throw controlPlaneError(
      { code: "option-invalid", option: OPTION },
      `${OPTION}: ${messageOf(error)}`,
      error,
    );
  }
  if (passphrase !== "") return passphrase;
  throw controlPlaneError(
    { code: "option-invalid", option: OPTION },
    `${OPTION}: ${path} is empty: an empty passphrase seals nothing`,
  );
}
