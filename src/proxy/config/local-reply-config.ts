/**
 * What a listener adds to the answers that the proxy gives itself: Envoy's LocalReplyConfig, by response flag. The
 * flag and the name of the request's route can be values: `%RESPONSE_FLAGS%`, `%ROUTE_NAME%`.
 */
import type { FieldError } from "../../decision/field-error.ts";
import {
  applyMutations,
  compileMutations,
  type HeaderMutations,
} from "../../decision/header-mutation.ts";
import type { AccessLogFilter } from "../../gen/envoy/config/accesslog/v3/accesslog_pb.js";
import type { HeaderValueOption } from "../../gen/envoy/config/core/v3/base_pb.js";
import type {
  LocalReplyConfig,
  ResponseMapper,
} from "../../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HeaderBlock } from "../../http/header-block.ts";
import { HeaderField, HeaderName } from "../../http/header-field.ts";
import { RESPONSE_FLAGS } from "../../telemetry/response-flag.ts";

const FLAGS_COMMAND = "%RESPONSE_FLAGS%";
const ROUTE_COMMAND = "%ROUTE_NAME%";

interface Mapper {
  /** Indexes of response flags; "any" for every one, but not for answers without one. */
  readonly flags: ReadonlySet<number> | "any";
  readonly headersToAdd: readonly HeaderValueOption[];
}

/** What one flag's answers get. */
interface FlagHeaders {
  readonly mutations: HeaderMutations;
  /** Get the name of the route. */
  readonly routeNames: readonly HeaderName[];
}

const NOTHING: FlagHeaders = { mutations: [], routeNames: [] };

export class LocalReplyHeaders {
  readonly #mappers: readonly Mapper[];
  /** Made for the first answer with a flag: most flags never occur in most listeners. */
  readonly #byFlag = new Map<number, FlagHeaders>();

  constructor(mappers: readonly Mapper[]) {
    this.#mappers = mappers;
  }

  /** `routeName` is empty before a route was chosen: then headers with its name are left out, as in Envoy. */
  addTo(headers: HeaderBlock, flag: number, routeName: string): void {
    if (this.#mappers.length === 0) return;
    const { mutations, routeNames } = this.#of(flag);
    applyMutations(mutations, headers);
    if (routeName === "") return;
    for (const name of routeNames) headers.add(new HeaderField(name, routeName));
  }

  #of(flag: number): FlagHeaders {
    const known = this.#byFlag.get(flag);
    if (known !== undefined) return known;
    // The first mapper whose filter fits is the only one that acts, as in Envoy.
    const mapper = this.#mappers.find(({ flags }) =>
      flags === "any" ? flag > 0 : flags.has(flag),
    );
    const made = mapper === undefined ? NOTHING : flagHeaders(mapper.headersToAdd, flag, []);
    this.#byFlag.set(flag, made);
    return made;
  }
}

export function compileLocalReplies(
  config: LocalReplyConfig | undefined,
  path: string,
  errors: FieldError[],
): LocalReplyHeaders {
  const mappers = (config?.mappers ?? []).map((mapper, index) =>
    compileMapper(mapper, `${path}.mappers[${index}]`, errors),
  );
  return new LocalReplyHeaders(mappers);
}

function compileMapper(
  { filter, headersToAdd }: ResponseMapper,
  path: string,
  errors: FieldError[],
): Mapper {
  const headerErrors: FieldError[] = [];
  flagHeaders(headersToAdd, 0, headerErrors);
  for (const error of headerErrors) {
    const field = error.path.replace("response_headers_to_add", "headers_to_add");
    errors.push({ ...error, path: `${path}.${field}` });
  }
  return { flags: flagsOf(filter, `${path}.filter`, errors), headersToAdd };
}

function flagHeaders(
  headersToAdd: readonly HeaderValueOption[],
  flag: number,
  errors: FieldError[],
): FlagHeaders {
  const isRouteName = ({ header }: HeaderValueOption): boolean => header?.value === ROUTE_COMMAND;
  const responseHeadersToAdd = headersToAdd.map((option) =>
    isRouteName(option)
      ? withValue(option, "")
      : withValue(option, option.header?.value.replaceAll(FLAGS_COMMAND, RESPONSE_FLAGS[flag]!)),
  );
  const { responseMutations: mutations } = compileMutations(
    {
      requestHeadersToAdd: [],
      requestHeadersToRemove: [],
      responseHeadersToRemove: [],
      responseHeadersToAdd,
    },
    "",
    errors,
  );
  const names = headersToAdd.filter(isRouteName).map(({ header }) => header!.key);
  return { mutations, routeNames: names.map((name) => new HeaderName(name)) };
}

/** One without a value adds nothing, but its name is checked. */
function withValue(option: HeaderValueOption, value: string | undefined): HeaderValueOption {
  if (option.header === undefined || value === undefined) return option;
  return { ...option, header: { ...option.header, value } };
}

function flagsOf(
  filter: AccessLogFilter | undefined,
  path: string,
  errors: FieldError[],
): ReadonlySet<number> | "any" {
  const specifier = filter?.filterSpecifier;
  if (specifier?.case !== "responseFlagFilter") {
    errors.push({ path, message: "a response_flag_filter is required" });
    return new Set();
  }
  const { flags } = specifier.value;
  if (flags.length === 0) return "any";
  const indexes = flags.map((name, index) => {
    const flag = (RESPONSE_FLAGS as readonly string[]).indexOf(name);
    if (flag <= 0) {
      const message = `"${name}" is not implemented; use ${RESPONSE_FLAGS.slice(1).join(", ")}`;
      errors.push({ path: `${path}.response_flag_filter.flags[${index}]`, message });
    }
    return flag;
  });
  return new Set(indexes);
}
