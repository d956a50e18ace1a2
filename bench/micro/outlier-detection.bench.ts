/** What the result of a request costs where outliers are looked for. */

import { create } from "@bufbuild/protobuf";
import { bench, group } from "mitata";
import { OutlierDetectionSchema } from "../../src/gen/envoy/config/cluster/v3/outlier_detection_pb.js";
import { ResponseHead } from "../../src/http/response-head.ts";
import { compileOutlierDetection } from "../../src/proxy/config/outlier-config.ts";
import {
  type OutlierJudge,
  OutlierMonitor,
  outlierStatusOf,
} from "../../src/proxy/health/outlier-monitor.ts";

const settings = compileOutlierDetection(create(OutlierDetectionSchema), "", [])!;
const judge: OutlierJudge = {
  settings,
  isWatching: true,
  watch: () => {},
  onFailuresInRow: () => {},
  onTrialResult: () => {},
};

group("the result of a request", () => {
  const monitor = new OutlierMonitor(judge);
  const head = new ResponseHead();
  head.status = 200;
  bench("an answer", () => monitor.onStatus(outlierStatusOf(head, false), 0));
  bench("a connection that was there", () => monitor.onConnected(0));
  bench("a bad answer", () => monitor.onStatus(503, 0));
});
