/** Certificates for the chain, made with openssl: a root, and `a` and `b` with SPIFFE and DNS names. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const SPIFFE_PREFIX = "spiffe://mesh.test/ns/default/sa/";

/** Writes `ca.crt`, and `NAME.crt`, `NAME.key` and `NAME.pem` (both in one, as HAProxy wants it). */
export function makeCertificates(folder: string, names: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  makeKey(folder, "ca");
  const root = "req -x509 -new -key ca.key -days 30 -subj /CN=bench-root -out ca.crt";
  openssl(folder, `${root} -addext keyUsage=critical,keyCertSign,cRLSign`);
  for (const name of names) {
    makeKey(folder, name);
    openssl(folder, `req -new -key ${name}.key -subj /CN=${name} -out ${name}.csr`);
    writeFileSync(
      join(folder, `${name}.ext`),
      `subjectAltName=URI:${SPIFFE_PREFIX}${name},DNS:${name}\n` +
        "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth,serverAuth\n",
    );
    openssl(
      folder,
      `x509 -req -in ${name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30` +
        ` -extfile ${name}.ext -out ${name}.crt`,
    );
    const parts = [`${name}.crt`, `${name}.key`].map((file) => readFileSync(join(folder, file)));
    writeFileSync(join(folder, `${name}.pem`), Buffer.concat(parts), { mode: 0o600 });
  }
}

function makeKey(folder: string, name: string): void {
  openssl(folder, `ecparam -name prime256v1 -genkey -noout -out ${name}.key`);
}

function openssl(folder: string, line: string): void {
  execFileSync("openssl", line.split(" "), { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
}
