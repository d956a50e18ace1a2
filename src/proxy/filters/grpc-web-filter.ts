/** Calls of gRPC-Web, as browsers make them, on their way to services that speak gRPC. */
import { grpcWebCall } from "../grpc-web.ts";
import { type FilterCall, type FilterVerdict, GO_ON, type HttpFilter } from "./http-filter.ts";

export class GrpcWebFilter implements HttpFilter {
  onRequest(call: FilterCall): FilterVerdict {
    call.intercept((next) => {
      const web = grpcWebCall(call.request.head, next);
      if (web === undefined) return next;
      call.outcome.isGrpc = true;
      call.transformRequest(web);
      return web;
    });
    return GO_ON;
  }
}
