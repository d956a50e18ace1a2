/**
 * Generates `src/gen/` (JavaScript with declarations) from the `.proto` files that the npm package
 * `@grpc/grpc-js-xds` ships. Only the files that the roots below reach are generated, and every
 * option but the few that change encoding is dropped: validation and annotation options would make
 * each sidecar carry a second copy of Envoy's documentation in memory.
 */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  FieldOptionsSchema,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
  MessageOptionsSchema,
} from "@bufbuild/protobuf/wkt";

const ROOT_DIRECTORY = join(import.meta.dirname, "..");
const BIN = join(ROOT_DIRECTORY, "node_modules", ".bin");
const PROTO_SOURCES = join(ROOT_DIRECTORY, "node_modules", "@grpc", "grpc-js-xds", "deps");
const OWN_PROTOS = join(ROOT_DIRECTORY, "proto");
const OUTPUT = join(ROOT_DIRECTORY, "src", "gen");

/** What the product names itself; everything else is here because one of these imports it. */
const ROOTS = [
  "envoy/admin/v3/clusters.proto",
  "envoy/config/accesslog/v3/accesslog.proto",
  "envoy/config/bootstrap/v3/bootstrap.proto",
  "envoy/config/cluster/v3/cluster.proto",
  "envoy/config/endpoint/v3/endpoint.proto",
  "envoy/config/listener/v3/listener.proto",
  "envoy/config/rbac/v3/rbac.proto",
  "envoy/config/route/v3/route.proto",
  "envoy/config/trace/v3/http_tracer.proto",
  "envoy/config/trace/v3/opentelemetry.proto",
  "envoy/config/trace/v3/zipkin.proto",
  "envoy/data/accesslog/v3/accesslog.proto",
  "envoy/extensions/access_loggers/file/v3/file.proto",
  "envoy/extensions/access_loggers/open_telemetry/v3/logs_service.proto",
  "envoy/extensions/access_loggers/stream/v3/stream.proto",
  "envoy/extensions/clusters/aggregate/v3/cluster.proto",
  "envoy/extensions/filters/http/adaptive_concurrency/v3/adaptive_concurrency.proto",
  "envoy/extensions/filters/http/admission_control/v3/admission_control.proto",
  "envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit.proto",
  "envoy/extensions/filters/http/cors/v3/cors.proto",
  "envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto",
  "envoy/extensions/filters/http/fault/v3/fault.proto",
  "envoy/extensions/filters/http/grpc_web/v3/grpc_web.proto",
  "envoy/extensions/filters/http/jwt_authn/v3/config.proto",
  "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto",
  "envoy/extensions/filters/http/oauth2/v3/oauth.proto",
  "envoy/extensions/filters/http/ratelimit/v3/rate_limit.proto",
  "envoy/extensions/filters/http/rbac/v3/rbac.proto",
  "envoy/extensions/filters/http/router/v3/router.proto",
  "envoy/extensions/filters/http/stateful_session/v3/stateful_session.proto",
  "envoy/extensions/filters/listener/http_inspector/v3/http_inspector.proto",
  "envoy/extensions/filters/listener/proxy_protocol/v3/proxy_protocol.proto",
  "envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector.proto",
  "envoy/extensions/filters/network/connection_limit/v3/connection_limit.proto",
  "envoy/extensions/filters/network/ext_authz/v3/ext_authz.proto",
  "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
  "envoy/extensions/filters/network/local_ratelimit/v3/local_rate_limit.proto",
  "envoy/extensions/filters/network/rbac/v3/rbac.proto",
  "envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto",
  "envoy/extensions/http/original_ip_detection/xff/v3/xff.proto",
  "envoy/extensions/http/stateful_session/cookie/v3/cookie.proto",
  "envoy/extensions/http/stateful_session/header/v3/header.proto",
  "envoy/extensions/filters/udp/dns_filter/v3/dns_filter.proto",
  "envoy/extensions/load_balancing_policies/common/v3/common.proto",
  "envoy/extensions/load_balancing_policies/least_request/v3/least_request.proto",
  "envoy/extensions/load_balancing_policies/maglev/v3/maglev.proto",
  "envoy/extensions/load_balancing_policies/random/v3/random.proto",
  "envoy/extensions/load_balancing_policies/random_subsetting/v3/random_subsetting.proto",
  "envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash.proto",
  "envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.proto",
  "envoy/extensions/load_balancing_policies/subset/v3/subset.proto",
  "envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality.proto",
  "envoy/extensions/matching/common_inputs/ssl/v3/ssl_inputs.proto",
  "envoy/extensions/network/dns_resolver/cares/v3/cares_dns_resolver.proto",
  "envoy/extensions/path/match/uri_template/v3/uri_template_match.proto",
  "envoy/extensions/rbac/audit_loggers/stream/v3/stream.proto",
  "envoy/extensions/resource_monitors/downstream_connections/v3/downstream_connections.proto",
  "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto",
  "envoy/extensions/retry/priority/previous_priorities/v3/previous_priorities_config.proto",
  "envoy/extensions/stat_sinks/open_telemetry/v3/open_telemetry.proto",
  "envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol.proto",
  "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto",
  "envoy/extensions/transport_sockets/tls/v3/tls.proto",
  "envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.proto",
  "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
  "envoy/service/auth/v3/external_auth.proto",
  "envoy/service/discovery/v3/ads.proto",
  "envoy/service/health/v3/hds.proto",
  "envoy/service/ratelimit/v3/rls.proto",
  "envoy/service/secret/v3/sds.proto",
  "google/rpc/status.proto",
  "xds/type/v3/typed_struct.proto",
  "istio/v1/auth/ca.proto",
  "opentelemetry/proto/collector/logs/v1/logs_service.proto",
  "opentelemetry/proto/collector/metrics/v1/metrics_service.proto",
  "opentelemetry/proto/collector/trace/v1/trace_service.proto",
  "spiffe/workload/workload.proto",
  "spire/api/server/svid/v1/svid.proto",
  "tulle/ca/v1/certificate_service.proto",
  "tulle/ca/v1/jwt_svid_service.proto",
  "tulle/telemetry/v1/taps.proto",
  "tulle/telemetry/v1/wanted_traces.proto",
];

/** Fields that Envoy has got since the files were shipped, by the line before which they go. */
const NEWER_FIELDS = [
  {
    file: "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto",
    before: 'import "envoy/extensions/common/ratelimit/v3/ratelimit.proto";',
    lines: 'import "envoy/config/route/v3/route_components.proto";',
  },
  {
    file: "envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit.proto",
    before: "  bool rate_limited_as_resource_exhausted = 15;",
    lines: `  repeated config.route.v3.RateLimit rate_limits = 17;
  google.protobuf.UInt32Value max_dynamic_descriptors = 18;
  bool enable_retry_after_header = 19;`,
  },
  {
    file: "envoy/config/route/v3/route_components.proto",
    before: "    string header_name = 4",
    lines: "    google.protobuf.BoolValue use_hash_policy = 5;",
  },
  {
    file: "envoy/config/route/v3/route_components.proto",
    before: "    message QueryParameterValueMatch {",
    lines: `    message QueryParameters {
      string query_parameter_name = 1;
      string descriptor_key = 2;
      bool skip_if_absent = 3;
    }`,
  },
  {
    file: "envoy/config/route/v3/route_components.proto",
    before: "      QueryParameterValueMatch query_parameter_value_match = 11;",
    lines: "      QueryParameters query_parameters = 12;",
  },
];

const work = mkdtempSync(join(tmpdir(), "tulle-proto-"));
/** On the file system of the output, so that the last step is a rename and nobody sees half of it. */
const staging = join(ROOT_DIRECTORY, ".cache", `gen-${process.pid}`);
try {
  for (const part of ["envoy-api", "googleapis", "protoc-gen-validate", "xds"]) {
    cpSync(join(PROTO_SOURCES, part), work, { recursive: true });
  }
  cpSync(OWN_PROTOS, work, { recursive: true });
  addMissingValidationField(join(work, "validate", "validate.proto"));
  addNewerFields(work);
  writeFileSync(join(work, "buf.yaml"), "version: v2\n");

  const image = join(work, "image.binpb");
  const paths = ROOTS.flatMap((root) => ["--path", root]);
  buf(["build", "--as-file-descriptor-set", "--exclude-source-info", "-o", image, ...paths]);
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(image));
  const files = reachable(set.file.map(withoutOptions), ROOTS);
  writeFileSync(
    image,
    toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: files })),
  );
  const plugin = {
    local: [join(BIN, "protoc-gen-es")],
    out: staging,
    opt: ["target=js+dts", "import_extension=js", "json_types=false"],
    include_imports: true,
  };
  mkdirSync(staging, { recursive: true });
  buf(["generate", image, "--template", JSON.stringify({ version: "v2", plugins: [plugin] })]);
  rmSync(OUTPUT, { recursive: true, force: true });
  renameSync(staging, OUTPUT);
  process.stderr.write(`generated ${files.length} protobuf modules\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
  rmSync(staging, { recursive: true, force: true });
}

function buf(args: readonly string[]): void {
  execFileSync(join(BIN, "buf"), args, { cwd: work, stdio: ["ignore", "inherit", "inherit"] });
}

/** The shipped `validate.proto` is older than Envoy's files, which use this field of its rules. */
function addMissingValidationField(file: string): void {
  const text = readFileSync(file, "utf8");
  const patched = text.replace(/message (\w+Rules) \{/g, (all, name: string) =>
    ["FieldRules", "MessageRules", "AnyRules"].includes(name)
      ? all
      : `${all}\n  optional bool ignore_empty = 999;`,
  );
  writeFileSync(file, patched);
}

function addNewerFields(folder: string): void {
  for (const { file, before, lines } of NEWER_FIELDS) {
    const path = join(folder, file);
    const text = readFileSync(path, "utf8");
    if (text.split(before).length !== 2) throw new Error(`${file} has no line: ${before}`);
    writeFileSync(
      path,
      text.replace(before, () => `${lines}\n${before}`),
    );
  }
}

function withoutOptions(file: FileDescriptorProto): FileDescriptorProto {
  delete file.options;
  for (const message of file.messageType) withoutMessageOptions(message);
  for (const item of file.enumType) {
    delete item.options;
    for (const value of item.value) delete value.options;
  }
  for (const service of file.service) {
    delete service.options;
    for (const method of service.method) delete method.options;
  }
  return file;
}

function withoutMessageOptions(message: DescriptorProto): void {
  const isMapEntry = message.options?.mapEntry === true;
  delete message.options;
  if (isMapEntry) message.options = create(MessageOptionsSchema, { mapEntry: true });
  for (const field of message.field) {
    const packed = field.options?.packed;
    delete field.options;
    if (packed !== undefined) field.options = create(FieldOptionsSchema, { packed });
  }
  for (const oneof of message.oneofDecl) delete oneof.options;
  for (const item of message.enumType) {
    delete item.options;
    for (const value of item.value) delete value.options;
  }
  for (const nested of message.nestedType) withoutMessageOptions(nested);
}

/** The roots and what they import, with imports that only served options left out. */
function reachable(
  files: readonly FileDescriptorProto[],
  roots: readonly string[],
): FileDescriptorProto[] {
  const byName = new Map(files.map((file) => [file.name, file]));
  const definedIn = new Map<string, string>();
  for (const file of files) {
    for (const name of definedNames(file)) definedIn.set(name, file.name);
  }
  const wanted = new Set<string>();
  const visit = (name: string): void => {
    const file = byName.get(name);
    if (wanted.has(name) || !file) return;
    wanted.add(name);
    const used = new Set(usedTypes(file).map((type) => definedIn.get(type) ?? name));
    file.dependency = file.dependency.filter((dependency) => used.has(dependency));
    file.publicDependency = [];
    file.weakDependency = [];
    for (const dependency of file.dependency) visit(dependency);
  };
  for (const root of roots) {
    if (!byName.has(root)) throw new Error(`no such proto file: ${root}`);
    visit(root);
  }
  return files.filter((file) => wanted.has(file.name));
}

function definedNames(file: FileDescriptorProto): string[] {
  const names: string[] = [];
  const walk = (prefix: string, message: DescriptorProto): void => {
    const name = `${prefix}.${message.name}`;
    names.push(name, ...message.enumType.map((item) => `${name}.${item.name}`));
    for (const nested of message.nestedType) walk(name, nested);
  };
  const prefix = file.package === "" ? "" : `.${file.package}`;
  for (const message of file.messageType) walk(prefix, message);
  names.push(...file.enumType.map((item) => `${prefix}.${item.name}`));
  return names;
}

function usedTypes(file: FileDescriptorProto): string[] {
  const walk = (message: DescriptorProto): string[] => [
    ...message.field.map((field) => field.typeName),
    ...message.nestedType.flatMap(walk),
  ];
  const methods = file.service.flatMap((service) => service.method);
  return [
    ...file.messageType.flatMap(walk),
    ...file.extension.map((extension) => extension.typeName),
    ...methods.flatMap((method) => [method.inputType, method.outputType]),
  ];
}
