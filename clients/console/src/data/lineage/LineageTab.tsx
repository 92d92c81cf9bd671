import { useCallback, useEffect, useState, type FormEvent } from "react";

import { asProblem, type Problem } from "../../api/problem";
import type { Kind, Lineage } from "../../api/dataTypes";
import { useWords } from "../../i18n/language";
import { Heading } from "../../shared/Heading";
import { useReady } from "../../shared/ready";
import { Empty, Loading, ProblemCard, ProblemLine } from "../../shared/States";
import { useRemote } from "../../shared/useRemote";
import { dataAddress, replaceAddress, useRoute } from "../../shell/route";
import { useSession } from "../../signin/SessionProvider";
import { useNames } from "../names";
import { LineageGraph } from "./LineageGraph";
import { recordId } from "./steps";

/** Where a record came from and what was made from it. */
export function LineageTab() {
  const { t } = useWords();
  const { api } = useSession();
  const id = useRoute().query.get("id") ?? "";
  const load = useCallback(
    async (signal: AbortSignal): Promise<Lineage | null> => (id ? await api.lineage(id, signal) : null),
    [api, id],
  );
  const { data, problem, isLoading, reload } = useRemote(load);
  useReady(!isLoading);
  return (
    <div data-testid="lineage-page">
      <Heading title={t("lineage.title")} lead={t("lineage.lead")}>
        {id && (
          <button type="button" className="button" onClick={reload} disabled={isLoading} data-testid="lineage-reload">
            ↻ {t("state.refresh")}
          </button>
        )}
      </Heading>
      <div className="look-ups">
        <ById id={id} />
        <ByKey />
      </div>
      {problem && <ProblemCard problem={problem} onRetry={reload} />}
      {isLoading && id && !data && <Loading />}
      {!id && <Empty title={t("lineage.empty")}>{t("lineage.empty.detail")}</Empty>}
      {id && data && <LineageGraph key={id} lineage={data} />}
    </div>
  );
}

function open(id: string): void {
  replaceAddress(dataAddress("lineage", { id }));
}

function ById({ id }: { id: string }) {
  const { t } = useWords();
  const [typed, setTyped] = useState(id);
  useEffect(() => setTyped(id), [id]);
  function submit(event: FormEvent) {
    event.preventDefault();
    if (typed.trim()) open(typed.trim());
  }
  return (
    <form className="look-up" onSubmit={submit}>
      <label htmlFor="lineage-id">{t("lineage.id")}</label>
      <div className="entry">
        <input id="lineage-id" value={typed} spellCheck={false} autoComplete="off" onChange={(event) => setTyped(event.target.value)} data-testid="lineage-id" />
        <button type="submit" className="button primary" disabled={typed.trim() === ""} data-testid="lineage-open">
          {t("lineage.open")}
        </button>
      </div>
      <p className="fine muted">{t("lineage.id.hint")}</p>
    </form>
  );
}

/** From the book: a kind and the parts of its business key. */
function ByKey() {
  const { t } = useWords();
  const { api } = useSession();
  const names = useNames();
  const loadKinds = useCallback((signal: AbortSignal) => api.kinds(signal), [api]);
  const { data } = useRemote(loadKinds);
  const [chosen, setChosen] = useState("");
  const [parts, setParts] = useState<Record<string, string>>({});
  const [problem, setProblem] = useState<Problem | null>(null);
  const kinds = data?.items ?? [];
  const kind: Kind | undefined = kinds.find((each) => each.name === chosen) ?? kinds[0];
  const key = kind?.key_fields.map((name) => parts[name]?.trim() ?? "") ?? [];

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!kind) return;
    setProblem(null);
    try {
      open(recordId(await api.record(kind.name, key.join("~"))));
    } catch (error) {
      setProblem(asProblem(error));
    }
  }
  return (
    <form className="look-up" onSubmit={submit} data-testid="record-look-up">
      <label htmlFor="lineage-kind">{t("lineage.byKey")}</label>
      <div className="entry">
        <select id="lineage-kind" value={kind?.name ?? ""} onChange={(event) => setChosen(event.target.value)} data-testid="look-up-kind">
          {kinds.map((each) => (
            <option key={each.name} value={each.name}>
              {names.kind(each.name)}
            </option>
          ))}
        </select>
        {kind?.key_fields.map((name) => (
          <input
            key={name}
            value={parts[name] ?? ""}
            placeholder={names.field(name)}
            aria-label={names.field(name)}
            spellCheck={false}
            onChange={(event) => setParts((before) => ({ ...before, [name]: event.target.value }))}
            data-testid="look-up-key"
            data-field={name}
          />
        ))}
        <button type="submit" className="button" disabled={key.length === 0 || key.some((part) => part === "")} data-testid="look-up-open">
          {t("lineage.find")}
        </button>
      </div>
      {problem && <ProblemLine problem={problem} />}
    </form>
  );
}
