import { Problem, problemOf } from "./problem";
import type {
  AnnualForecast,
  FeedbackEvent,
  MapFeed,
  Page,
  Quality,
  Recommendation,
  TokenAnswer,
} from "./types";

type Query = Record<string, string | number | undefined>;

export interface ApiOptions {
  /** Bearer token of the signed-in user, read for each request. */
  token: () => string | null;
  /** Told when the server no longer takes the token. */
  onUnauthorised: () => void;
  fetch?: typeof fetch;
  base?: string;
}

export type Api = ReturnType<typeof createApi>;

/** The typed client of the public API. Every method rejects with a `Problem`. */
export function createApi(options: ApiOptions) {
  const base = options.base ?? "api/v1";
  const send = options.fetch ?? fetch.bind(globalThis);

  async function request<T>(path: string, init: RequestInit & { anonymous?: boolean } = {}): Promise<T> {
    const headers = new Headers(init.headers);
    const token = init.anonymous ? null : options.token();
    headers.set("Accept", "application/json");
    if (token) headers.set("Authorization", `Bearer ${token}`);
    const response = await answerOf(send(`${base}/${path}`, { ...init, headers }), init.signal);
    if (response.ok) return (await bodyOf(response)) as T;
    const problem = await problemOf(response);
    if (response.status === 401 && !init.anonymous) options.onUnauthorised();
    throw problem;
  }

  return {
    exchangeCode(code: string): Promise<TokenAnswer> {
      const body = new URLSearchParams({ grant_type: "one_time_code", code });
      return request("oauth/token", { method: "POST", body, anonymous: true });
    },

    mapRegions(query: { measure: string; year?: number; level: string }, signal?: AbortSignal): Promise<MapFeed> {
      return request(`map/regions${search(query)}`, { signal });
    },

    annualForecasts(query: { region: string; year?: number }, signal?: AbortSignal): Promise<Page<AnnualForecast>> {
      return request(`forecasts/annual${search(query)}`, { signal });
    },

    recommendations(
      query: { state?: string; cursor?: string; limit: number },
      signal?: AbortSignal,
    ): Promise<Page<Recommendation>> {
      return request(`recommendations${search({ account_manager: "me", ...query })}`, { signal });
    },

    giveFeedback(
      id: string,
      answer: { event: FeedbackEvent; reason?: string },
      idempotencyKey: string,
    ): Promise<Partial<Recommendation> | null> {
      return request(`recommendations/${encodeURIComponent(id)}/feedback`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey },
        body: JSON.stringify(answer),
      });
    },

    quality(signal?: AbortSignal): Promise<Quality> {
      return request("quality", { signal });
    },
  };
}

/** A query string without the parameters that have no value. */
export function search(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

/** `crypto.randomUUID` exists only on secure origins; a console on a plain LAN address needs keys too. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function answerOf(pending: Promise<Response>, signal?: AbortSignal | null): Promise<Response> {
  try {
    return await pending;
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem({ title: "", status: 0, detail: error instanceof Error ? error.message : undefined });
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  const body = await response.text();
  if (body === "") return null;
  try {
    return JSON.parse(body);
  } catch {
    throw new Problem({ title: "", status: response.status, detail: "The answer is not JSON." });
  }
}
