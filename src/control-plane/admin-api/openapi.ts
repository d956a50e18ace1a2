/** The OpenAPI 3.1 document of the admin API, made from the route table and the request schemas. */
import { z } from "zod";
import { API_ROUTES, type ApiRoute } from "./api-routes.ts";
import { REQUEST_SCHEMAS } from "./request-schemas.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

const ERROR_SCHEMA: JsonObject = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message"],
      properties: {
        code: { type: "string" },
        message: { type: "string" },
        details: { type: "object" },
        hint: { type: "string" },
      },
    },
  },
};

export function openApiDocument(version: string): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const route of API_ROUTES) {
    const item = paths[route.path] ?? {};
    item[route.method.toLowerCase()] = operation(route);
    paths[route.path] = item;
  }
  const schemas: Record<string, unknown> = { ApiErrorBody: ERROR_SCHEMA };
  for (const [name, schema] of Object.entries(REQUEST_SCHEMAS)) {
    schemas[name] = z.toJSONSchema(schema, { io: "input" });
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Tulle admin API",
      version,
      description:
        "The API of a Tulle control plane. Field by field, responses are the types of src/control-plane/*-types.ts.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    paths,
    components: { schemas },
  };
}

function operation(route: ApiRoute): JsonObject {
  const mediaType = route.mediaType ?? "application/json";
  const schema = mediaType === "application/json" ? { type: "object" } : { type: "string" };
  const responses: Record<string, JsonObject> = {
    "200": { description: route.response, content: { [mediaType]: { schema } } },
  };
  for (const status of route.errors) {
    responses[String(status)] = {
      description: "An ApiErrorBody.",
      content: {
        "application/json": { schema: { $ref: "#/components/schemas/ApiErrorBody" } },
      },
    };
  }
  return {
    summary: route.summary,
    parameters: route.parameters.map((parameter) => ({
      name: parameter.name,
      in: parameter.in,
      required: parameter.in === "path",
      description: parameter.description,
      schema: { type: parameter.type },
    })),
    ...(route.request === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: {
              "application/json": { schema: { $ref: `#/components/schemas/${route.request}` } },
            },
          },
        }),
    responses,
  };
}
