/** TLS settings: where secrets come from, what is checked, and everything that would check nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import type { FieldError } from "../../decision/field-error.ts";
import { TransportSocketSchema } from "../../gen/envoy/config/core/v3/base_pb.js";
import { SecretSchema } from "../../gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import { messageRegistry } from "./message-registry.ts";
import {
  compileCertificate,
  compileTransportSocket,
  compileValidation,
  type TlsSettings,
} from "./tls-settings.ts";

const registry = messageRegistry;
const TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";

function compile(
  side: "client" | "server",
  socket: JsonObject,
): { readonly tls: TlsSettings | undefined; readonly errors: readonly string[] } {
  const errors: FieldError[] = [];
  const message = fromJson(TransportSocketSchema, { name: "tls", ...socket }, { registry });
  const tls = compileTransportSocket(message, side, "socket", errors);
  const prefix = "socket.typed_config.";
  return {
    tls,
    errors: errors.map(({ path, message }) => `${path.replace(prefix, "")}: ${message}`),
  };
}

function context(side: "client" | "server", common: JsonObject, more: JsonObject = {}): JsonObject {
  const type = `${TLS}.${side === "client" ? "Upstream" : "Downstream"}TlsContext`;
  return { typed_config: { "@type": type, common_tls_context: common, ...more } };
}

function compiled(
  side: "client" | "server",
  common: JsonObject,
  more: JsonObject = {},
): TlsSettings {
  const { tls, errors } = compile(side, context(side, common, more));
  assert.deepEqual(errors, []);
  return tls ?? assert.fail("plain text");
}

function errorsOf(
  side: "client" | "server",
  common: JsonObject,
  more: JsonObject = {},
): readonly string[] {
  return compile(side, context(side, common, more)).errors;
}

const CERTIFICATE = {
  certificate_chain: { filename: "/chain.pem" },
  private_key: { inline_string: "key" },
};
const OWN = { tls_certificate_sds_secret_configs: [{ name: "default", sds_config: { ads: {} } }] };
const CA = { trusted_ca: { inline_bytes: Buffer.from("ca").toString("base64") } };
const NAME = { san_type: "URI", matcher: { prefix: "spiffe://a/" } };

function spiffe(...domains: readonly JsonObject[]): JsonObject {
  const type = `${TLS}.SPIFFECertValidatorConfig`;
  return {
    custom_validator_config: {
      name: "envoy.tls.cert_validator.spiffe",
      typed_config: { "@type": type, trust_domains: [...domains] },
    },
  };
}

test("contained secrets keep where they are read from", () => {
  const tls = compiled(
    "client",
    {
      tls_certificates: [CERTIFICATE],
      validation_context: {
        ...CA,
        match_typed_subject_alt_names: [NAME],
        ...spiffe({ name: "a", trust_bundle: { inline_string: "bundle" } }),
      },
      alpn_protocols: ["http/1.1"],
    },
    { sni: "server" },
  );
  assert.deepEqual(tls.certificate, {
    kind: "contained",
    value: { chain: { kind: "file", path: "/chain.pem" }, key: { kind: "inline", text: "key" } },
  });
  assert.deepEqual(tls.validation, {
    kind: "contained",
    value: {
      trustedCa: { kind: "inline", text: "ca" },
      trustDomains: [{ name: "a", bundle: { kind: "inline", text: "bundle" } }],
    },
  });
  assert.equal(tls.serverName, "server");
  assert.deepEqual(tls.alpnProtocols, ["http/1.1"]);
});

test("named secrets keep their names, and names of peers stand beside them", () => {
  const tls = compiled("client", {
    ...OWN,
    combined_validation_context: {
      default_validation_context: { match_typed_subject_alt_names: [NAME] },
      validation_context_sds_secret_config: { name: "ROOTCA" },
    },
  });
  assert.deepEqual(tls.certificate, { kind: "named", name: "default" });
  assert.deepEqual(tls.validation, { kind: "named", name: "ROOTCA" });
  const [name] = tls.subjectNames;
  assert.equal(name?.kind, "uri");
  assert.equal(name?.expected, "spiffe://a/");
  assert.equal(name?.test("spiffe://a/ns/b/sa/c"), true);
  assert.equal(name?.test("spiffe://b/ns/b/sa/c"), false);
  const plain = compiled("client", { validation_context_sds_secret_config: { name: "ROOTCA" } });
  assert.deepEqual(plain.validation, { kind: "named", name: "ROOTCA" });
});

test("versions are 1.2 to 1.3 unless said otherwise", () => {
  const versions = (params: JsonObject): readonly string[] => {
    const { minVersion, maxVersion } = compiled("client", { tls_params: params });
    return [minVersion, maxVersion];
  };
  const min = "tls_minimum_protocol_version";
  const max = "tls_maximum_protocol_version";
  assert.deepEqual(versions({}), ["TLSv1.2", "TLSv1.3"]);
  assert.deepEqual(versions({ [min]: "TLSv1_3" }), ["TLSv1.3", "TLSv1.3"]);
  assert.deepEqual(versions({ [min]: "TLS_AUTO", [max]: "TLSv1_2" }), ["TLSv1.2", "TLSv1.2"]);
  const old = "TLS 1.0 and 1.1 are not implemented";
  assert.deepEqual(errorsOf("client", { tls_params: { [min]: "TLSv1_0", [max]: "TLSv1_1" } }), [
    `common_tls_context.tls_params.${min}: ${old}`,
    `common_tls_context.tls_params.${max}: ${old}`,
  ]);
  assert.deepEqual(errorsOf("client", { tls_params: { [min]: "TLSv1_3", [max]: "TLSv1_2" } }), [
    "common_tls_context.tls_params: the minimum is above the maximum",
  ]);
});

test("the hybrid key exchange comes first unless said otherwise", () => {
  const at = "common_tls_context.tls_params.ecdh_curves";
  const groups = (...names: string[]): readonly string[] =>
    compiled("client", { tls_params: { ecdh_curves: names } }).groups;
  assert.deepEqual(compiled("server", OWN).groups, ["X25519MLKEM768", "X25519", "P-256"]);
  assert.deepEqual(groups(), ["X25519MLKEM768", "X25519", "P-256"]);
  assert.deepEqual(groups("P-384", "X25519MLKEM768"), ["P-384", "X25519MLKEM768"]);
  const wrong = ["X25519", "x25519", "P-224:P-256", "X25519"];
  const known = "use one of X25519MLKEM768, X25519, P-256, P-384, P-521";
  assert.deepEqual(errorsOf("client", { tls_params: { ecdh_curves: wrong } }), [
    `${at}[1]: x25519 is not implemented; ${known}`,
    `${at}[2]: P-224:P-256 is not implemented; ${known}`,
    `${at}[3]: X25519 stands in two places`,
  ]);
});

test("settings that expect other names do not look the same as JSON", () => {
  const texts = [
    { exact: "spiffe://a/" },
    { prefix: "spiffe://a/" },
    { prefix: "spiffe://a/", ignore_case: true },
    { suffix: "spiffe://a/" },
    { safe_regex: { regex: "spiffe://a/" } },
  ].map((matcher) =>
    JSON.stringify(
      compiled("client", {
        validation_context: {
          ...CA,
          match_typed_subject_alt_names: [{ san_type: "URI", matcher }],
        },
      }),
    ),
  );
  assert.equal(new Set(texts).size, texts.length);
});

test("a server may ask for certificates, and says whom it trusts", () => {
  const common = { ...OWN, validation_context: CA };
  const strict = compiled("server", common, { require_client_certificate: true });
  assert.equal(strict.requiresClientCertificate, true);
  assert.equal(compiled("server", OWN).requiresClientCertificate, false);
  assert.deepEqual(errorsOf("server", OWN, { require_client_certificate: true }), [
    "require_client_certificate: needs a validation context: without one any certificate would do",
  ]);
  assert.deepEqual(errorsOf("server", {}), [
    "common_tls_context: tls_certificates or tls_certificate_sds_secret_configs is required",
  ]);
});

test("plain text is a raw buffer or no socket at all, never a socket without settings", () => {
  const raw = "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";
  assert.deepEqual(compile("client", { typed_config: { "@type": raw } }), {
    tls: undefined,
    errors: [],
  });
  assert.equal(compileTransportSocket(undefined, "client", "socket", []), undefined);
  assert.deepEqual(compile("client", {}).errors, ["socket.typed_config: is required"]);
});

test("each side has its own context", () => {
  const message = (type: string): string =>
    `socket.typed_config: ${TLS}.${type} is not a TLS context for this side`;
  assert.deepEqual(compile("client", context("server", OWN)).errors, [
    message("DownstreamTlsContext"),
  ]);
  assert.deepEqual(compile("server", context("client", OWN)).errors, [
    message("UpstreamTlsContext"),
  ]);
});

test("trust that proves nothing is refused", () => {
  const required =
    "common_tls_context.validation_context: trusted_ca or custom_validator_config is required: names alone prove nothing";
  assert.deepEqual(errorsOf("client", { validation_context: {} }), [required]);
  assert.deepEqual(
    errorsOf("client", { validation_context: { match_typed_subject_alt_names: [NAME] } }),
    [required],
  );
  const at = "common_tls_context.validation_context.custom_validator_config.typed_config";
  const bundle = { trust_bundle: { inline_string: "b" } };
  assert.deepEqual(
    errorsOf("client", {
      validation_context: spiffe(
        { name: "a", ...bundle },
        { name: "a", ...bundle },
        { name: "b" },
        bundle,
      ),
    }),
    [
      `${at}.trust_domains[1].name: a stands in two places`,
      `${at}.trust_domains[2].trust_bundle: one of filename, inline_string, inline_bytes is required`,
      `${at}.trust_domains[3].name: a trust domain is required`,
    ],
  );
});

test("what a combined context or a secret would ignore is refused", () => {
  const combined = {
    default_validation_context: CA,
    validation_context_sds_secret_config: { name: "" },
  };
  const at = "common_tls_context.combined_validation_context";
  assert.deepEqual(errorsOf("client", { combined_validation_context: combined }), [
    `${at}.default_validation_context: only match_typed_subject_alt_names is implemented here`,
    `${at}.validation_context_sds_secret_config.name: a secret's name is required`,
  ]);
  const secret = fromJson(SecretSchema, {
    validation_context: { ...CA, match_typed_subject_alt_names: [NAME] },
  });
  assert.ok(secret.type.case === "validationContext");
  const errors: FieldError[] = [];
  compileValidation(secret.type.value, "validation_context", errors);
  assert.deepEqual(errors, [
    {
      path: "validation_context.match_typed_subject_alt_names",
      message: "is implemented only beside the reference to the secret, not in it",
    },
  ]);
});

test("names of peers are URIs or DNS names", () => {
  const names = (name: JsonObject): readonly string[] =>
    errorsOf("client", { validation_context: { ...CA, match_typed_subject_alt_names: [name] } });
  const at = "common_tls_context.validation_context.match_typed_subject_alt_names[0]";
  assert.deepEqual(names({ san_type: "EMAIL", matcher: { exact: "a" } }), [
    `${at}.san_type: only URI and DNS are implemented`,
  ]);
  assert.deepEqual(names({ san_type: "DNS" }), [`${at}.matcher: is required`]);
  assert.deepEqual(names({ san_type: "DNS", matcher: {} }), [
    `${at}.matcher: one of exact, prefix, suffix, contains, safe_regex is required`,
  ]);
});

test("HTTP/3 is left out of an offer, but never the whole offer", () => {
  const offer = (...protocols: string[]): readonly string[] =>
    errorsOf("server", { ...OWN, alpn_protocols: protocols });
  assert.deepEqual(offer("h3", "h2", "http/1.1"), []);
  assert.deepEqual(offer("h2"), []);
  assert.deepEqual(offer("h3"), [
    "common_tls_context.alpn_protocols: h3 is not implemented; add h2 or http/1.1",
  ]);
});

test("one certificate, with chain and key", () => {
  assert.deepEqual(errorsOf("client", { tls_certificates: [CERTIFICATE, CERTIFICATE] }), [
    "common_tls_context: only one certificate is implemented",
  ]);
  assert.deepEqual(errorsOf("client", { tls_certificates: [CERTIFICATE], ...OWN }), [
    "common_tls_context: only one certificate is implemented",
  ]);
  const secret = fromJson(SecretSchema, { tls_certificate: {} });
  assert.ok(secret.type.case === "tlsCertificate");
  const errors: FieldError[] = [];
  compileCertificate(secret.type.value, "tls_certificate", errors);
  assert.deepEqual(
    errors.map(({ path }) => path),
    ["tls_certificate.certificate_chain", "tls_certificate.private_key"],
  );
});

test("a context without its common part is refused", () => {
  const socket = { typed_config: { "@type": `${TLS}.UpstreamTlsContext` } };
  assert.deepEqual(compile("client", socket).errors, ["common_tls_context: is required"]);
});
