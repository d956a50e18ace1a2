/** Certificates of servers on the web, as files: for gateways, and for clients that trust them. Made by OpenSSL. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface ServerCertificate {
  readonly certificateFile: string;
  readonly keyFile: string;
  /** For the client's list of roots. */
  readonly pem: string;
}

/** Writes `name.crt` and `name.key` into `folder`, in place of those that are there. */
export function writeServerCertificate(
  folder: string,
  name: string,
  hosts: readonly string[],
): ServerCertificate {
  const certificateFile = join(folder, `${name}.crt`);
  const keyFile = join(folder, `${name}.key`);
  const names = hosts.map((host) => (/^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`));
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...[
        "-days",
        "90",
        "-subj",
        `/CN=${hosts[0]}`,
        "-addext",
        `subjectAltName=${names.join(",")}`,
      ],
      ...["-keyout", keyFile, "-out", certificateFile],
    ],
    { stdio: "ignore" },
  );
  return { certificateFile, keyFile, pem: readFileSync(certificateFile, "utf8") };
}
