import { createContext, use, useCallback, useMemo, type ReactNode } from "react";

import type { Api } from "../api/api";
import type { AnnualForecast } from "../api/types";
import { useWords } from "../i18n/language";
import { amount, percent, shortly, unitName } from "../shared/format";
import { useRemote } from "../shared/useRemote";
import { useSession } from "../signin/SessionProvider";

type Answers = Map<string, Promise<AnnualForecast[]>>;

const AnswersContext = createContext<Answers | null>(null);

/** Remembers the forecasts looked at while one feed is shown: the pointer comes back to a region many times. */
export function ForecastCache({ of, children }: { of: unknown; children: ReactNode }) {
  const answers = useMemo<Answers>(() => new Map(), [of]);
  return <AnswersContext value={answers}>{children}</AnswersContext>;
}

/** The annual forecasts of a region, that of all products first. */
export function useForecasts(region: string, year: number | undefined) {
  const { api } = useSession();
  const answers = use(AnswersContext);
  const load = useCallback(
    (signal: AbortSignal) => remembered(answers, api, { region, year }, signal),
    [answers, api, region, year],
  );
  return useRemote(load);
}

/** Method, model, interval and inputs: where a figure comes from. */
export function ForecastFacts({ forecast }: { forecast: AnnualForecast }) {
  const { t, known, language } = useWords();
  const inputs = Object.entries(forecast.inputs ?? {}).filter(([, value]) => !isNothing(value));
  const { interval, correlation } = forecast;
  return (
    <>
      <dl className="facts" data-testid="forecast-facts">
        <Fact name={t("detail.method")} value={<code>{forecast.method}</code>} />
        <Fact name={t("detail.model")} value={<code>{forecast.model_version}</code>} />
        {interval && (
          <Fact
            name={t("detail.interval", { level: percent(share(interval.level), language) })}
            value={<Range of={forecast} />}
          />
        )}
        {forecast.flags && forecast.flags.length > 0 && (
          <Fact name={t("flags")} value={forecast.flags.map((flag) => known(`flag.${flag}`, flag)).join(" · ")} />
        )}
        {correlation !== null && correlation !== undefined && (
          <Fact name={t("detail.correlation")} value={`r = ${amount(correlation, language)}`} />
        )}
      </dl>
      {inputs.length > 0 && (
        <>
          <h3>{t("detail.inputs")}</h3>
          <dl className="facts" data-testid="forecast-inputs">
            {inputs.map(([name, value]) => (
              <Fact key={name} name={known(`input.${name}`, name)} value={shortly(value, language)} />
            ))}
          </dl>
        </>
      )}
    </>
  );
}

/** An interval, and how often it held on years the model had not seen. */
function Range({ of: { interval, unit } }: { of: AnnualForecast }) {
  const { t, language } = useWords();
  if (!interval) return null;
  const measured = interval.measured_coverage;
  return (
    <>
      {amount(interval.low, language)} – {amount(interval.high, language)} {unitName(unit, language)}
      {typeof measured === "number" && (
        <span className="fine muted"> {t("detail.coverage", { share: percent(measured, language) })}</span>
      )}
    </>
  );
}

export function Reliability({ forecast }: { forecast: AnnualForecast }) {
  const { t, known } = useWords();
  const why = forecast.reliable_reason;
  return (
    <p className={`reliability ${forecast.reliable ? "good" : "warn"}`} data-testid="forecast-reliability">
      <b>{t(forecast.reliable ? "detail.reliable" : "detail.unreliable")}</b>
      {why && <span>{known(`reason.${why}`, why)}</span>}
    </p>
  );
}

function Fact({ name, value }: { name: string; value: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

async function remembered(
  answers: Answers | null,
  api: Api,
  query: { region: string; year?: number },
  signal: AbortSignal,
): Promise<AnnualForecast[]> {
  const key = `${query.region}@${query.year ?? ""}`;
  const known = answers?.get(key);
  if (known) return known;
  const page = await api.annualForecasts(query, signal);
  const forecasts = [...page.items].sort((a, b) => Number(Boolean(a.sku)) - Number(Boolean(b.sku)));
  answers?.set(key, Promise.resolve(forecasts));
  return forecasts;
}

function isNothing(value: unknown): boolean {
  return value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
}

/** Levels come as 0.8 or as 80. */
function share(level: number): number {
  return level > 1 ? level / 100 : level;
}
