/**
 * Opens whoever signs: the issuer that is configured or, when another one signed until now, both of them. Then the former
 * one goes on until every proxy trusts the roots of the new one.
 */
import { existsSync } from "node:fs";
import type { Clock } from "../../core/clock.ts";
import { hasCode, messageOf } from "../../core/errors.ts";
import type { Logger } from "../../core/logger.ts";
import type { Prng } from "../../core/prng.ts";
import type { Certificate } from "../../identity/certificate.ts";
import { issuerFailed } from "../../identity/issuers/certificate-issuer.ts";
import { ExternalAuthority } from "../../identity/issuers/external-authority.ts";
import { SwitchableAuthority } from "../../identity/issuers/switchable-authority.ts";
import { formatCertificatesPem } from "../../identity/pem.ts";
import { rootIdOf } from "../../identity/root-id.ts";
import { readOptionalFile, removeFile, replaceFile } from "../../identity/state-files.ts";
import { TrustAuthority } from "../../identity/trust-authority.ts";
import { parseTrustBundlePem } from "../../identity/trust-bundle.ts";
import type { StateDirectory } from "../state-directory.ts";
import { createIssuer } from "./create-issuer.ts";
import type { IssuerConfig } from "./issuer-config.ts";
import {
  type IssuerInForce,
  isSameIssuer,
  readIssuerRecord,
  writeIssuerRecord,
} from "./issuer-record.ts";

export interface OpenAuthorityOptions {
  readonly directory: StateDirectory;
  readonly trustDomain: string;
  /** Undefined for the built-in authority. */
  readonly issuer: IssuerConfig | undefined;
  /** Change at once, although proxies that run do not trust the new roots. */
  readonly givesUpFormerIssuer: boolean;
  readonly passphrase: string | undefined;
  /** Of a root that is made. */
  readonly rootLifetimeMs: number;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Logger;
}

/** Rejects with `issuer-failed`, and with what opening the built-in authority throws. */
export async function openAuthority(options: OpenAuthorityOptions): Promise<SwitchableAuthority> {
  const { directory, issuer = null, clock } = options;
  const former = formerIssuer(options);
  const formerRootsPath = directory.formerRootsPath;
  if (former !== undefined && !isSameIssuer(former, issuer)) return await openBoth(options, former);
  if (former === undefined) keepRootsOfUnknown(options);
  const current = await open(options, issuer, directory.issuerRootsPath);
  writeIssuerRecord(directory.issuerRecordPath, issuer);
  return new SwitchableAuthority({ current, next: undefined, formerRootsPath, clock });
}

async function openBoth(
  options: OpenAuthorityOptions,
  former: IssuerInForce,
): Promise<SwitchableAuthority> {
  const { directory, issuer = null, clock, log, givesUpFormerIssuer } = options;
  const { formerRootsPath, issuerRootsPath, nextIssuerRootsPath, issuerRecordPath } = directory;
  if (issuer === null) keepRootsWithoutKey(options);
  // What the one that signs is known by, before the other one writes there.
  const known = former === null ? [] : rootsIn(options, issuerRootsPath);
  const [formerRoot] = known;
  const authority = await open(options, issuer, nextIssuerRootsPath);
  const onActivate = (): void => {
    if (authority instanceof ExternalAuthority) authority.keepRootsAt(issuerRootsPath);
    else removeFile(issuerRootsPath);
    writeIssuerRecord(issuerRecordPath, issuer);
  };
  // Another address, another role: who trusts the one trusts the other.
  const isSameRoot = formerRoot !== undefined && rootIdOf(formerRoot) === rootIdOf(authority.root);
  if (isSameRoot || givesUpFormerIssuer) {
    const given = former === null ? rootsIn(options, directory.caCertificatePath) : known;
    addFormerRoots(options, given);
    onActivate();
    if (!isSameRoot) log.warn("the former issuer is given up: proxies that run must be restarted");
    return new SwitchableAuthority({ current: authority, next: undefined, formerRootsPath, clock });
  }
  try {
    const current = await open(options, former, issuerRootsPath);
    const next = { authority, onActivate };
    return new SwitchableAuthority({ current, next, formerRootsPath, clock });
  } catch (error) {
    if (authority instanceof ExternalAuthority) await authority.stop();
    if (!hasCode(error, "issuer-failed")) throw error;
    throw issuerFailed(
      `the issuer that has signed until now is needed until every proxy trusts the new one, and fails: ${messageOf(error)}; bring it back, or start with --give-up-former-issuer and restart the proxies`,
      false,
      error,
    );
  }
}

/** Undefined when it is not known: nobody, or a version that did not write it down. */
function formerIssuer(options: OpenAuthorityOptions): IssuerInForce | undefined {
  const { directory, issuer } = options;
  const recorded = readIssuerRecord(directory.issuerRecordPath);
  if (recorded !== undefined) return recorded;
  if (existsSync(directory.issuerRootsPath)) return issuer;
  return existsSync(directory.caKeyPath) ? null : undefined;
}

/** An issuer that nobody knows any more: what it signed is accepted all the same. */
function keepRootsOfUnknown(options: OpenAuthorityOptions): void {
  const { directory, issuer } = options;
  if (issuer !== undefined || !existsSync(directory.issuerRootsPath)) return;
  addFormerRoots(options, rootsIn(options, directory.issuerRootsPath));
  removeFile(directory.issuerRootsPath);
  options.log.warn("who signed until now is not known: proxies that run must be restarted");
}

/** Roots that the built-in authority left, whose key is gone: a new authority is made beside them. */
function keepRootsWithoutKey(options: OpenAuthorityOptions): void {
  const { caKeyPath, caCertificatePath } = options.directory;
  if (existsSync(caKeyPath) || !existsSync(caCertificatePath)) return;
  addFormerRoots(options, rootsIn(options, caCertificatePath));
  removeFile(caCertificatePath);
}

function addFormerRoots(options: OpenAuthorityOptions, roots: readonly Certificate[]): void {
  const { formerRootsPath } = options.directory;
  const all = [...rootsIn(options, formerRootsPath), ...roots];
  if (all.length === 0) return;
  replaceFile(formerRootsPath, formatCertificatesPem(all.map(({ der }) => der)), 0o644);
}

function rootsIn({ trustDomain }: OpenAuthorityOptions, path: string): readonly Certificate[] {
  return parseTrustBundlePem(trustDomain, readOptionalFile(path) ?? "").roots;
}

async function open(
  options: OpenAuthorityOptions,
  issuer: IssuerInForce,
  rootsPath: string,
): Promise<ExternalAuthority | TrustAuthority> {
  if (issuer === null) return openBuiltIn(options);
  const { directory, trustDomain, clock, prng } = options;
  const log = options.log.child("issuer");
  return await ExternalAuthority.open({
    trustDomain,
    issuer: createIssuer(issuer, { trustDomain, clock, prng, log }),
    rootsPath,
    ownRootsPath: directory.caCertificatePath,
    ownKeyPaths: [directory.caKeyPath, directory.caNextKeyPath],
    ...{ clock, prng, log },
  });
}

/** One that has expired is replaced: nobody trusts it any more, so there is nothing to lose by it. */
function openBuiltIn(options: OpenAuthorityOptions): TrustAuthority {
  const { directory, trustDomain, passphrase, rootLifetimeMs, clock, log } = options;
  const authority = TrustAuthority.open({
    trustDomain,
    keyPath: directory.caKeyPath,
    certificatePath: directory.caCertificatePath,
    nextKeyPath: directory.caNextKeyPath,
    passphrase,
    rootLifetimeMs,
    clock,
  });
  if (authority.isNew) log.info("certificate authority created", { trustDomain });
  const { notAfterMs } = authority.root;
  if (authority.replaceExpired()) {
    log.warn("the root had expired: a new one is in force, and proxies join anew", {
      expired: new Date(notAfterMs).toISOString(),
      root: rootIdOf(authority.root),
    });
  }
  return authority;
}
