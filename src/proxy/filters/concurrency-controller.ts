/**
 * How many requests an app gets at a time, found out from its latency alone, and which requests that are (Envoy's
 * gradient controller, with classes). The latency with little to do is the measure: above it by more than the
 * tolerance, requests wait in the app, and more of them at a time bring nothing. Pure: time and chance are passed in.
 *
 *   base latency   of requests that came while few were under way; looked at anew under constant load by giving the
 *                  app less than it needs for a moment
 *   limit          grows by a little while latency is near the base, else becomes what the app had under way, times
 *                  base latency / latency: of what is there at a time, the part that does not wait (Little's law)
 *   classes        lower ones leave room for what usually comes from higher ones, or get nothing
 */
import type { Prng } from "../../core/prng.ts";
import type { GradientSettings } from "../../decision/filters/admission-concurrency-rule.ts";
import { PRIORITY_NAMES } from "../../decision/filters/admission-rule.ts";
import { LatencySamples } from "./concurrency-samples.ts";

/** Latencies of an interval that are kept, the last ones: more change a quantile little. */
const SAMPLES_MAX = 256;
/** An interval with fewer goes on: one slow request is no trend. */
const SAMPLES_MIN = 10;
/** Few samples may be slow by chance: so much more, divided by the root of their number, is no trend either. */
const CHANCE = 0.45;
/** In one interval the limit at most doubles, as in Envoy. */
const GRADIENT_MAX = 2;
/**
 * The most that is under way at a time by chance, where so many are on average: so many standard deviations more, and so
 * many requests in any case. Above it is a queue that came since.
 */
const PEAK_DEVIATIONS = 3;
const PEAK_MIN = 6;
/** Times the most requests under way: a limit that nobody reaches says nothing, and does not grow. */
const UNUSED_GROWTH_MAX = 2;
/**
 * Of the requests that an app needs at a time, the share at which none of them wait, also where the base latency is taken
 * for a third too long.
 */
const CALM_SHARE = 0.75;
/** Room for higher classes, in standard deviations of a number of requests that come by chance. */
const RESERVE_DEVIATIONS = 1.5;
/** A look at the base latency that takes longer than so many of it ends, if need be without a result. */
const CALIBRATION_LATENCIES_MAX = 50;
/** A base latency that has changed by more is looked at again soon. */
const BASE_CHANGE_MAX = 0.1;
const SOON_SHARE = 0.1;
/** One that was never looked at is looked at when the first requests are shed. */
const AT_ONCE_SHARE = 0;

const HIGHEST = 0;

export class ConcurrencyController {
  readonly #settings: GradientSettings;
  readonly #prng: Prng;
  readonly #samples = new LatencySamples(SAMPLES_MAX);
  readonly #calmSamples: LatencySamples;
  #limit: number;
  /** Milliseconds; 0 while it is not known. */
  #baseMs = 0;
  /** The base latency is made of as many samples as it takes. */
  #hasLooked = false;
  #inFlight = 0;
  #peakInFlight = 0;
  /** Since the limit was last looked at, and when that was. */
  #answers = 0;
  #adaptedAtMs = 0;
  /** Answers in a millisecond, lately. */
  #rate = 0;
  /** By class: what has come in this interval, and how many at a time that usually is at base latency. */
  readonly #arrivals = PRIORITY_NAMES.map(() => 0);
  readonly #demand = PRIORITY_NAMES.map(() => 0);
  #intervalFromMs = Number.NaN;
  #calibrateAtMs = 0;
  /** While it lasts: when it ends in any case, and how many requests the app gets at a time. */
  #calibrationEndMs = 0;
  #calibrationLimit = 0;
  /** Requests were shed since the last look at the base latency, or the last chance for one. */
  #hasShed = false;

  constructor(settings: GradientSettings, prng: Prng) {
    this.#settings = settings;
    this.#prng = prng;
    this.#limit = settings.concurrencyMax;
    this.#calmSamples = new LatencySamples(Math.min(settings.calibrationSamples, SAMPLES_MAX));
  }

  /** Requests at a time. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** Latency with little to do, in milliseconds; 0 while it is not known. */
  get baseMs(): number {
    return this.#baseMs;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Whether so few are under way that none of them waits in the app. */
  get isCalm(): boolean {
    return this.#inFlight <= (this.#isCalibrating ? this.#calibrationLimit : this.#calmLimit);
  }

  /** False when the request is one too many. If not, `release` follows, once. `nowMs` is monotonic. */
  tryAdmit(priority: number, nowMs: number): boolean {
    this.#turn(nowMs);
    this.#arrivals[priority]! += 1;
    if (this.#inFlight + 1 > this.#limitOf(priority)) {
      this.#hasShed = true;
      return false;
    }
    this.#inFlight += 1;
    if (this.#inFlight > this.#peakInFlight) this.#peakInFlight = this.#inFlight;
    return true;
  }

  release(): void {
    this.#inFlight -= 1;
  }

  /** The app has answered. `wasCalm` is `isCalm` as it was behind the request's admission. */
  onLatency(latencyMs: number, wasCalm: boolean, nowMs: number): void {
    this.#answers += 1;
    // What came before the limit was changed says nothing about the limit.
    if (nowMs - latencyMs >= this.#adaptedAtMs) this.#samples.add(latencyMs);
    if (!wasCalm) return;
    this.#calmSamples.add(latencyMs);
    if (this.#calmSamples.isFull) this.#takeBase(nowMs);
  }

  get #isCalibrating(): boolean {
    return this.#calibrationEndMs > 0;
  }

  get #calmLimit(): number {
    return Math.max(this.#settings.concurrencyMin, CALM_SHARE * this.#rate * this.#baseMs);
  }

  #limitOf(priority: number): number {
    const demandAbove = this.#demandAbove(priority);
    // Whoever can be spared makes room for the look at the base latency.
    const isSpared =
      priority === HIGHEST && this.#demandAbove(PRIORITY_NAMES.length) > this.#demand[0]!;
    const limit = this.#isCalibrating && !isSpared ? this.#calibrationLimit : this.#limit;
    if (demandAbove === 0) return limit;
    return demandAbove >= limit ? 0 : limit - RESERVE_DEVIATIONS * Math.sqrt(demandAbove);
  }

  #demandAbove(priority: number): number {
    let sum = 0;
    for (let i = 0; i < priority; i++) sum += this.#demand[i]!;
    return sum;
  }

  /** Ends the interval when it is over. */
  #turn(nowMs: number): void {
    if (Number.isNaN(this.#intervalFromMs)) {
      this.#intervalFromMs = nowMs;
      this.#adaptedAtMs = nowMs;
      this.#planCalibration(nowMs, AT_ONCE_SHARE);
    }
    const lastedMs = nowMs - this.#intervalFromMs;
    if (lastedMs < this.#settings.updateIntervalMs) return;
    if (!this.#hasLooked) this.#guessBase();
    for (let i = 0; i < this.#arrivals.length; i++) {
      const demand = (this.#arrivals[i]! / lastedMs) * this.#baseMs;
      this.#demand[i] = (this.#demand[i]! + demand) / 2;
      this.#arrivals[i] = 0;
    }
    this.#intervalFromMs = nowMs;
    this.#calibrate(nowMs);
    if (this.#baseMs > 0 && this.#samples.count >= SAMPLES_MIN && !this.#isCalibrating) {
      this.#adapt(nowMs);
    }
  }

  #adapt(nowMs: number): void {
    const { quantile, tolerance, concurrencyMin, concurrencyMax } = this.#settings;
    const rate = this.#answers / (nowMs - this.#adaptedAtMs);
    this.#rate = this.#rate === 0 ? rate : (this.#rate + rate) / 2;
    const latencyMs = Math.max(this.#samples.quantile(quantile), Number.MIN_VALUE);
    const toleratedMs = this.#baseMs * (1 + tolerance + this.#doubt);
    const chanceMs = (this.#baseMs * CHANCE) / Math.sqrt(this.#samples.count);
    const gradient = toleratedMs / latencyMs;
    let next = this.#limit;
    // Half the way, since requests that come with the new limit are answered later than those that are counted here.
    if (gradient >= 1) next = this.#larger(Math.min(GRADIENT_MAX, (1 + gradient) / 2));
    else if (latencyMs > toleratedMs + chanceMs) next = this.#smaller(gradient, latencyMs);
    this.#limit = Math.min(concurrencyMax, Math.max(concurrencyMin, next));
    this.#beginLook(nowMs);
  }

  /** Requests wait in the app. */
  #smaller(gradient: number, latencyMs: number): number {
    const mean = this.#rate * latencyMs;
    const peak = Math.max(this.#peakInFlight, PEAK_MIN);
    const used = Math.min(peak, mean + PEAK_DEVIATIONS * Math.sqrt(mean) + PEAK_MIN, this.#limit);
    return Math.min(this.#limit, used * gradient + headroom(used));
  }

  #larger(gradient: number): number {
    const usable = Math.max(this.#limit, UNUSED_GROWTH_MAX * this.#peakInFlight);
    return Math.min(this.#limit * gradient + headroom(this.#limit), usable);
  }

  /** Latencies from now on are those of the limit that holds now. */
  #beginLook(nowMs: number): void {
    this.#samples.clear();
    this.#answers = 0;
    this.#adaptedAtMs = nowMs;
    this.#peakInFlight = this.#inFlight;
  }

  /** What a first look that is not complete says of the base latency. */
  #guessBase(): void {
    if (this.#calmSamples.count > 0) {
      this.#baseMs = this.#calmSamples.quantile(this.#settings.quantile);
    }
  }

  /** By how much more latency may be above a base that is made of few samples. */
  get #doubt(): number {
    if (this.#hasLooked) return 0;
    const { count } = this.#calmSamples;
    return count === 0 ? 1 : 1 / Math.sqrt(count);
  }

  /** What was measured while little was under way. */
  #takeBase(nowMs: number): void {
    const before = this.#hasLooked ? this.#baseMs : 0;
    this.#hasLooked = true;
    this.#baseMs = this.#calmSamples.quantile(this.#settings.quantile);
    this.#calmSamples.clear();
    // Latencies of a look at the base say nothing about the limit.
    if (this.#isCalibrating) this.#beginLook(nowMs);
    this.#calibrationEndMs = 0;
    const change = before === 0 ? 1 : Math.abs(this.#baseMs - before) / before;
    this.#planCalibration(nowMs, change > BASE_CHANGE_MAX ? SOON_SHARE : 1);
  }

  #planCalibration(nowMs: number, share: number): void {
    const { calibrationIntervalMs, jitter } = this.#settings;
    const chance = 1 + jitter * this.#prng.next();
    this.#calibrateAtMs = nowMs + calibrationIntervalMs * share * chance;
    this.#hasShed = false;
  }

  /**
   * Begins a look at the base latency when it is time, and ends one that takes too long. An app that gets all that comes is
   * left alone.
   */
  #calibrate(nowMs: number): void {
    if (this.#isCalibrating) {
      if (nowMs < this.#calibrationEndMs) return;
      // Fewer samples than were wanted say more than none.
      if (this.#calmSamples.count >= SAMPLES_MIN) {
        this.#takeBase(nowMs);
        return;
      }
      this.#calibrationEndMs = 0;
      this.#calmSamples.clear();
      this.#beginLook(nowMs);
      this.#planCalibration(nowMs, 1);
    } else if (nowMs >= this.#calibrateAtMs && this.#baseMs > 0) {
      if (!this.#hasShed) {
        if (this.#hasLooked) this.#planCalibration(nowMs, 1);
        return;
      }
      if (this.#hasLooked) this.#calmSamples.clear();
      this.#calibrationLimit = this.#calmLimit;
      this.#calibrationEndMs = nowMs + CALIBRATION_LATENCIES_MAX * this.#baseMs;
    }
  }
}

function headroom(limit: number): number {
  return Math.sqrt(limit) / 2;
}
