// Requests over HTTP. What the server refuses comes as an ApiError with its problem; what never reached
// the server does too, so that every caller has one kind of failure to show.

import { learnServerTime } from "../ui/clock";
import type { Problem } from "./types";

export type QueryValue = string | number | boolean | null | undefined;
export type QueryParams = Readonly<Record<string, QueryValue>>;

/** A request that did not do what it was to do. */
export class ApiError extends Error {
  readonly problem: Problem;
  /** Seconds after which the server would like to be asked again, where it says so. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, retryAfter?: number) {
    super(problem.detail || problem.title);
    this.name = "ApiError";
    this.problem = problem;
    this.retryAfter = retryAfter;
  }
}

/** A problem of this page's own making, in the server's form. */
export function localProblem(code: string, title: string, detail: string, status = 0): Problem {
  return { type: `urn:heartline:problem:${code}`, code, title, detail, status, request_id: "" };
}

/** Whatever was thrown, as a problem that can be shown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem;
  const detail = error instanceof Error ? error.message : String(error);
  return localProblem("page_error", "The page could not do this", detail);
}

/** Joins a path and its parameters; those without a value are left out. */
export function withQuery(path: string, query?: QueryParams): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") params.append(name, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "title" in body;
}

export type RequestOptions = { headers?: Readonly<Record<string, string>>; signal?: AbortSignal };

/** `fetch`, which also learns from the answer what time it is at the server. */
async function timed(path: string, init: RequestInit): Promise<Response> {
  const asked = Date.now();
  const response = await fetch(path, init);
  const date = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isNaN(date)) learnServerTime(date, asked, Date.now());
  return response;
}

/** Learns what time it is at the server, and nothing else. */
export async function learnTimeOf(path: string, signal: AbortSignal): Promise<void> {
  await timed(path, { method: "HEAD", cache: "no-store", credentials: "same-origin", signal });
}

async function request<T>(method: string, path: string, body: unknown, options: RequestOptions = {}): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json", ...options.headers };
  if (body !== undefined) headers["content-type"] = "application/json";
  let response: Response;
  try {
    response = await timed(path, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
      signal: options.signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    const detail = "The server could not be reached. Is it running, and is the network up?";
    throw new ApiError(localProblem("unreachable", "No answer", detail));
  }
  const text = await response.text();
  let parsed: unknown;
  try {
    parsed = text === "" ? undefined : JSON.parse(text);
  } catch {
    const detail = `${method} ${path} was answered with ${response.status} and something that is not JSON.`;
    throw new ApiError(localProblem("not_json", "The answer cannot be read", detail, response.status));
  }
  if (!response.ok) {
    const after = Number(response.headers.get("retry-after"));
    const problem = isProblem(parsed)
      ? parsed
      : localProblem("http_error", response.statusText || "The server refused", `It answered ${response.status}.`, response.status);
    throw new ApiError(problem, Number.isFinite(after) && after > 0 ? after : undefined);
  }
  return parsed as T;
}

export const api = {
  get: <T>(path: string, query?: QueryParams, options?: RequestOptions) =>
    request<T>("GET", withQuery(path, query), undefined, options),
  post: <T>(path: string, body: unknown = {}, headers?: Readonly<Record<string, string>>, signal?: AbortSignal) =>
    request<T>("POST", path, body, { ...(headers && { headers }), ...(signal && { signal }) }),
  patch: <T>(path: string, body: unknown, headers?: Readonly<Record<string, string>>) =>
    request<T>("PATCH", path, body, headers && { headers }),
  delete: <T = void>(path: string) => request<T>("DELETE", path, undefined),
};

/** The path of one execution, or of something of it. */
export function executionPath(id: string, of = ""): string {
  return `/v1/executions/${encodeURIComponent(id)}${of && `/${of}`}`;
}
