import { dataCalls } from "./dataCalls";
import { modelCalls } from "./modelCalls";
import { createSender, search, type ApiOptions } from "./request";
import { twinCalls } from "./twinCalls";
import type { AnnualForecast, FeedbackEvent, MapFeed, Page, Recommendation, TokenAnswer } from "./types";

export type Api = ReturnType<typeof createApi>;

/** The typed client of the public API. Every method rejects with a `Problem`. */
export function createApi(options: ApiOptions) {
  const sender = createSender(options);
  const { request } = sender;

  return {
    ...dataCalls(sender),
    ...twinCalls(sender),
    ...modelCalls(sender),

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
      query: { account_manager?: string; state?: string; cursor?: string; limit: number },
      signal?: AbortSignal,
    ): Promise<Page<Recommendation>> {
      return request(`recommendations${search(query)}`, { signal });
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
  };
}
