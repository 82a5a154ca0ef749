/**
 * Scale: from values to pixels, where the ticks stand, and how numbers are written.
 *
 *    value  0 ------ 25 ------ 50 ------ 75 ------ 100      linear: equal steps are equally far apart
 *    pixel 64       208       352       496        640
 *
 *    value  1 ------ 10 ----- 100 ----- 1000 ---- 10000     log10: equal factors are equally far apart
 *
 * The static picture and the live one use the same ticks wherever a number is written in a special way
 * (bytes, hex, powers of two). Nothing here asks the host for its language: numbers look the same on every
 * computer.
 */

import { hex } from "../hw/address.js";
import type { Axis, NumberFormat } from "./figure.js";

/** Values to pixels along one axis. */
export interface Scale {
  /** The pixel at which `value` lies. */
  at(value: number): number;
  readonly domain: readonly [number, number];
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
}

/**
 * 1234567 as "1,234,567"; fractions keep at most `decimals` digits after the point, and no trailing zeros.
 */
export function formatNumber(value: number, decimals = 3): string {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && (Math.abs(value) >= 1e15 || Math.abs(value) < 0.5 * 10 ** -decimals)) {
    return value
      .toExponential(2)
      .replace(/\.?0+e/, "e")
      .replace("e+", "e");
  }
  const fixed = decimals > 0 ? value.toFixed(decimals).replace(/\.?0+$/, "") : value.toFixed(0);
  const [whole, fraction] = fixed.split(".");
  const grouped = whole!.replace(/\B(?=(\d{3})+$)/g, ",");
  const text = fraction === undefined ? grouped : `${grouped}.${fraction}`;
  return text === "-0" ? "0" : text;
}

/** 65536 as "64 KiB", 4096 as "4 KiB", 100 as "100 B". */
export function formatBytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let unit = 0;
  let scaled = value;
  while (Math.abs(Math.round(scaled * 100) / 100) >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit++;
  }
  return `${formatNumber(scaled, 2)} ${units[unit]}`;
}

/** 1500 as "1.5 µs", 2000000 as "2 ms". */
export function formatNs(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${formatNumber(value / 1e9, 3)} s`;
  if (size >= 1e6) return `${formatNumber(value / 1e6, 3)} ms`;
  if (size >= 1e3) return `${formatNumber(value / 1e3, 3)} µs`;
  return `${formatNumber(value, 3)} ns`;
}

/** The function that writes numbers in `format`. */
export function formatter(format: NumberFormat = "number"): (value: number) => string {
  if (format === "bytes") return formatBytes;
  if (format === "ns") return formatNs;
  if (format === "hex") return (value) => hex(Math.round(value));
  return (value) => formatNumber(value);
}

/**
 * 1, 2 or 5 times a power of ten (of two for bytes and hex): the smallest such step that makes at most
 * `most` intervals.
 */
function niceStep(span: number, most: number, binary: boolean): number {
  const rough = span / most;
  if (binary) return 2 ** Math.max(0, Math.ceil(Math.log2(rough)));
  const power = 10 ** Math.floor(Math.log10(rough));
  for (const factor of [1, 2, 2.5, 5]) if (factor * power >= rough * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

function linearTicks(low: number, high: number, most: number, binary: boolean): number[] {
  const step = niceStep(high - low, most, binary);
  const first = Math.ceil(low / step - 1e-9) + 0; // never -0
  const last = Math.floor(high / step + 1e-9);
  const ticks: number[] = [];
  for (let i = first; i <= last; i++) ticks.push(step >= 1 ? i * step : Number((i * step).toPrecision(12)));
  return ticks;
}

function logTicks(low: number, high: number, most: number, base: number): number[] {
  const first = Math.ceil(Math.log(low) / Math.log(base) - 1e-9);
  const last = Math.floor(Math.log(high) / Math.log(base) + 1e-9);
  const stride = Math.max(1, Math.ceil((last - first + 1) / (most + 1)));
  const ticks: number[] = [];
  for (let i = first; i <= last; i += stride) ticks.push(base ** i);
  return ticks;
}

/**
 * The values at the two ends of a linear axis that shows `values`: from 0 where the data come near it, up to
 * a whole tick.
 */
function linearDomain(values: readonly number[], most: number, binary: boolean): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > 0 && low < high * 0.75) low = 0;
  if (low === high) [low, high] = low === 0 ? [0, 1] : low > 0 ? [0, high] : [low, 0];
  const step = niceStep(high - low, most, binary);
  return [Math.floor(low / step + 1e-9) * step, Math.ceil(high / step - 1e-9) * step];
}

function logDomain(values: readonly number[], base: number): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const first = Math.floor(Math.log(low) / Math.log(base) + 1e-9);
  const last = Math.ceil(Math.log(high) / Math.log(base) - 1e-9);
  return [base ** first, base ** (last > first ? last : first + 1)];
}

/**
 * The scale of `axis` for data `values`, with pixel `from` at the first value of its domain and `to` at the
 * last, and at most `most` intervals between ticks.
 */
export function makeScale(
  axis: Axis,
  values: readonly number[],
  from: number,
  to: number,
  most: number,
): Scale {
  const format = formatter(axis.format);
  if (axis.scale === "log10" || axis.scale === "log2") {
    const base = axis.scale === "log2" ? 2 : 10;
    const domain = axis.range ?? logDomain(values, base);
    const [low, high] = [Math.log(domain[0]), Math.log(domain[1])];
    const at = (value: number) => from + ((Math.log(value) - low) / (high - low)) * (to - from);
    return { at, domain, format, ticks: logTicks(domain[0], domain[1], most, base) };
  }
  const binary = axis.format === "bytes" || axis.format === "hex";
  const domain = axis.range ?? linearDomain(values, most, binary);
  const [low, high] = domain;
  const at = (value: number) => from + ((value - low) / (high - low)) * (to - from);
  return { at, domain, format, ticks: linearTicks(low, high, most, binary) };
}
