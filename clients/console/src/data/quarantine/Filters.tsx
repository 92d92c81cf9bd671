import { useCallback, useEffect, useState } from "react";

import type { QuarantineFilter } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { useRemote } from "../../shared/useRemote";
import { useSession } from "../../signin/SessionProvider";
import { useNames } from "../names";

export const states = ["open", "mended", "replayed", "dropped"] as const;
const typedMs = 300;

interface Props {
  filter: QuarantineFilter;
  onFilter: (changes: QuarantineFilter) => void;
}

export function Filters({ filter, onFilter }: Props) {
  const { t } = useWords();
  const names = useNames();
  const { api } = useSession();
  const load = useCallback(
    async (signal: AbortSignal) => {
      const [balance, rules] = await Promise.allSettled([api.quality(signal), api.rules(signal)]);
      return { items: itemsOf(balance), rules: itemsOf(rules) };
    },
    [api],
  );
  const { data } = useRemote(load);
  const seen = data?.items ?? [];
  const rules = (data?.rules ?? []).filter((rule) => rule.severity === "quarantine");
  return (
    <search className="filters" data-testid="quarantine-filters">
      <Choice name="kind" label={t("quality.kind")} value={filter.kind} onChange={(kind) => onFilter({ kind })}>
        {distinct(filter.kind, seen.map((item) => item.kind)).map((kind) => [kind, names.kind(kind)])}
      </Choice>
      <Choice name="source" label={t("quality.source")} value={filter.source} onChange={(source) => onFilter({ source })}>
        {distinct(filter.source, seen.map((item) => item.source)).map((source) => [source, source])}
      </Choice>
      <Choice name="rule" label={t("rules.rule")} value={filter.rule} onChange={(rule) => onFilter({ rule })}>
        {distinct(filter.rule, rules.map((rule) => rule.id)).map((rule) => [rule, `${rule} ${short(names.rule(rule, docOf(rules, rule)))}`])}
      </Choice>
      <label className="control">
        <span>{t("quarantine.state")}</span>
        <select value={filter.state} onChange={(event) => onFilter({ state: event.target.value })} data-testid="filter-state">
          {states.map((state) => (
            <option key={state} value={state}>
              {t(`quarantine.${state}`)}
            </option>
          ))}
        </select>
      </label>
      <Search text={filter.search ?? ""} onText={(search) => onFilter({ search })} />
    </search>
  );
}

interface ChoiceProps {
  name: string;
  label: string;
  value: string | undefined;
  onChange: (value: string) => void;
  children: string[][];
}

function Choice({ name, label, value, onChange, children }: ChoiceProps) {
  const { t } = useWords();
  return (
    <label className="control">
      <span>{label}</span>
      <select value={value ?? ""} onChange={(event) => onChange(event.target.value)} data-testid={`filter-${name}`}>
        <option value="">{t("filter.all")}</option>
        {children.map(([id, text]) => (
          <option key={id} value={id}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Asks when somebody stops typing, not at every letter. */
function Search({ text, onText }: { text: string; onText: (text: string) => void }) {
  const { t } = useWords();
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed === text) return;
    const timer = setTimeout(() => onText(typed), typedMs);
    return () => clearTimeout(timer);
  }, [typed, text, onText]);
  return (
    <label className="control grow">
      <span>{t("quarantine.search")}</span>
      <input
        type="search"
        value={typed}
        placeholder={t("quarantine.search.hint")}
        onChange={(event) => setTyped(event.target.value)}
        data-testid="filter-search"
      />
    </label>
  );
}

/** A choice that could not be loaded is left out: the list itself tells what is wrong. */
function itemsOf<T>(answer: PromiseSettledResult<{ items: T[] }>): T[] {
  return answer.status === "fulfilled" ? answer.value.items : [];
}

function distinct(chosen: string | undefined, values: string[]): string[] {
  return [...new Set(chosen ? [chosen, ...values] : values)].sort();
}

function docOf(rules: { id: string; doc: string }[], id: string): string {
  return rules.find((rule) => rule.id === id)?.doc ?? "";
}

function short(text: string): string {
  return text.length > 48 ? `${text.slice(0, 47)}…` : text;
}
